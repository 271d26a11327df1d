// What servers turned out to lack.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "core/endpoint.h"

namespace neon_s3 {

enum class ServerLack {
  kChecksums,    // headers x-amz-checksum-...
  kMultiDelete,  // DeleteObjects
};

class ServerTraits {
 public:
  void Remember(const Endpoint& endpoint, ServerLack lack) {
    constexpr std::size_t kMost = 1000;
    if (lacks_.size() >= kMost) lacks_.clear();
    lacks_.insert({endpoint.url(), lack});
  }
  bool Lacks(const Endpoint& endpoint, ServerLack lack) const {
    return !lacks_.empty() && lacks_.count({endpoint.url(), lack}) > 0;
  }

 private:
  std::set<std::pair<std::string, ServerLack>> lacks_;
};

}  // namespace neon_s3
