// What pg_stat_activity shows while a backend waits for S3, or for credentials.
#pragma once

namespace neon_s3 {

// Postgres side, before the first wait: gives the event its name, "NeonS3", from version 17 on.
// Before, events of extensions have none of their own.
void NameWaitEvent();

// C++ side: a wait, from its construction to its end; it may be part of another one.
class WaitEvent {
 public:
  WaitEvent();
  ~WaitEvent();
  WaitEvent(const WaitEvent&) = delete;
  WaitEvent& operator=(const WaitEvent&) = delete;

 private:
  const unsigned outer_;
};

}  // namespace neon_s3
