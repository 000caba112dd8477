// A regular file, opened once, as read-only memory. Whatever happens to its path afterwards (another file is renamed over it, it is
// deleted), this stays the file that was opened. What happens to its contents is noticed: check_unchanged() before results are believed.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "weights/guard.h"

namespace sparselab {

// Which file, in which state. Writing changes size or time of modification.
struct FileIdentity {
  uint64_t device, inode, size, modified_ns;
  bool operator==(const FileIdentity&) const = default;
  auto operator<=>(const FileIdentity&) const = default;
};
// The time of change (ctime) is new after a write, but after a rename, a new link or a deletion, too.
struct FileStamp {
  FileIdentity identity;
  uint64_t changed_ns;
  bool operator==(const FileStamp&) const = default;
};

class Mapping {
 public:
  // Throws Error (bad-file); never waits for a writer, as opening a named pipe would.
  explicit Mapping(const std::string& path);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return opened_.identity.size; }
  const FileStamp& opened() const { return opened_; }
  const std::string& path() const { return path_; }

  // The stamp now. Throws Error (bad-file) when the file is not what was opened: another size or time of modification, or a page that
  // could not be read.
  FileStamp check_unchanged() const;
  // Up to n bytes from `at` into `out`, of the opened file; how many there were. Throws Error (bad-file).
  uint64_t read(uint64_t at, uint8_t* out, uint64_t n) const;

 private:
  std::string path_;
  int fd_ = -1;
  const uint8_t* data_ = nullptr;
  FileStamp opened_{};
  std::unique_ptr<Guard> guard_;
};

// The error of a file that is not what was loaded.
[[noreturn]] void throw_changed(const std::string& path);

}  // namespace sparselab
