#include "net/file_reader.h"

#include <cerrno>
#include <string_view>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <unistd.h>

#include "core/encoding.h"
#include "core/error.h"
#include "core/profile_file.h"

namespace neon_s3 {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

FileIdentity IdentityOf(const struct stat& status) {
  return {status.st_dev, status.st_ino,  status.st_size, status.st_mode,
          status.st_uid, status.st_mtim, status.st_ctim};
}

[[noreturn]] void Refuse(const std::string& path, const std::string& problem,
                         const std::string& hint = {}) {
  throw Error(ErrorCode::kCredentialsFile,
              "credentials file \"" + WithoutControls(path) + "\" " + problem, hint);
}

[[noreturn]] void RefuseErrno(const std::string& path, const char* problem, int error) {
  Refuse(path, problem + std::generic_category().message(error));
}

void CheckOwner(const FileIdentity& file, const std::string& path) {
  if (file.owner == geteuid() || file.owner == 0) return;
  Refuse(path, "is owned by user " + std::to_string(file.owner),
         "It must be owned by the server's user or by root.");
}

void CheckNotWritable(const FileIdentity& file, const std::string& path) {
  if ((file.mode & (S_IWGRP | S_IWOTH)) == 0) return;
  Refuse(path, "can be written by group or others", "Only its owner may write it: chmod go-w.");
}

void Check(const struct stat& status, const std::string& path, FileKind kind) {
  if (!S_ISREG(status.st_mode)) Refuse(path, "is not a regular file");
  if (kind == FileKind::kPrivate) RequirePrivate(path, IdentityOf(status));
  if (kind == FileKind::kConfig) {
    CheckOwner(IdentityOf(status), path);
    CheckNotWritable(IdentityOf(status), path);
  }
  if (status.st_size > static_cast<off_t>(kMaxCredentialsFileSize)) {
    Refuse(path, "is larger than 1 MiB");
  }
}

SecretString ReadAll(int fd, std::size_t expected_size, const std::string& path) {
  SecretString text(expected_size + 1, '\0');
  std::size_t used = 0;
  for (;;) {
    const ssize_t count = read(fd, text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) RefuseErrno(path, "could not be read: ", errno);
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
    if (used > kMaxCredentialsFileSize) Refuse(path, "is larger than 1 MiB");
    if (used == text.size()) text.resize(text.size() * 2);
  }
  text.resize(used);
  return text;
}

auto Fields(const FileIdentity& id) {
  return std::make_tuple(id.device, id.inode, id.size, id.modified.tv_sec, id.modified.tv_nsec,
                         id.changed.tv_sec, id.changed.tv_nsec);
}

bool IsMissing(int error) { return error == ENOENT || error == ENOTDIR; }

}  // namespace

bool operator==(const FileIdentity& a, const FileIdentity& b) { return Fields(a) == Fields(b); }

std::optional<FileText> ReadFile(const std::string& path, FileKind kind) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) {
    if (IsMissing(errno)) return std::nullopt;
    RefuseErrno(path, "could not be opened: ", errno);
  }
  // The open file is what is looked at: its name may stand for another one by now.
  struct stat status;
  if (fstat(file.get(), &status) != 0) RefuseErrno(path, "could not be opened: ", errno);
  Check(status, path, kind);
  return FileText{ReadAll(file.get(), static_cast<std::size_t>(status.st_size), path),
                  IdentityOf(status)};
}

std::optional<FileIdentity> IdentifyFile(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return IdentityOf(status);
}

// PostgreSQL's rule for the key files of TLS (check_ssl_key_file_permissions).
void RequirePrivate(const std::string& path, const FileIdentity& identity) {
  CheckOwner(identity, path);
  const bool is_own = identity.owner == geteuid();
  if (is_own && (identity.mode & (S_IRWXG | S_IRWXO)) != 0) {
    Refuse(path, "has group or world access",
           "Its permissions must be u=rw (0600) or less, as the server's user owns it.");
  }
  if (!is_own && (identity.mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0) {
    Refuse(path, "has group write or world access",
           "Its permissions must be u=rw,g=r (0640) or less, as root owns it.");
  }
}

void RefuseMissingFile(const std::string& path) { Refuse(path, "does not exist"); }

}  // namespace neon_s3
