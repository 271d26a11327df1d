// Files that credentials are read from.
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

#include "core/credentials.h"

namespace neon_s3 {

// Differs once a file was replaced, written to, or had its permissions changed.
struct FileIdentity {
  dev_t device;
  ino_t inode;
  off_t size;
  mode_t mode;
  uid_t owner;
  struct timespec modified;
  struct timespec changed;
};
bool operator==(const FileIdentity& a, const FileIdentity& b);

enum class FileKind {
  // Owned by the server's user with permissions of 0600 or less, or by root with 0640 or less.
  kPrivate,
  // The same, but anybody may read it.
  kConfig,
  // Any owner and permissions: Kubernetes projects its tokens as root's, readable by a group, and
  // they are good for an hour or so.
  kToken,
};

struct FileText {
  SecretString text;
  FileIdentity identity;
};

// Nothing where there is no such file. kCredentialsFile, with the reason, where it can't be opened,
// is not a regular file (symbolic links are followed), is larger than 1 MiB, or breaks its kind's
// rules. Never waits: not for the writer of a FIFO either.
std::optional<FileText> ReadFile(const std::string& path, FileKind kind);

// Nothing where the file does not exist or can't be examined: ReadFile() says why.
std::optional<FileIdentity> IdentifyFile(const std::string& path);

// kCredentialsFile unless the file, as it was read, keeps the rules of kPrivate.
void RequirePrivate(const std::string& path, const FileIdentity& identity);

[[noreturn]] void RefuseMissingFile(const std::string& path);

}  // namespace neon_s3
