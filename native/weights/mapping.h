// A regular file, opened once, as read-only memory. If another file is renamed over its path, or the path is deleted, this
// stays the file that was opened. Changes of its contents are detected: call check_unchanged() before you trust a result.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weights/guard.h"

namespace sparselab {

// A file and its state. Writing changes the size or the time of modification.
struct FileIdentity {
  uint64_t device, inode, size, modified_ns;
  bool operator==(const FileIdentity&) const = default;
  auto operator<=>(const FileIdentity&) const = default;
};
// The time of change (ctime) is new after a write, but also after a rename, a new link or a deletion.
struct FileStamp {
  FileIdentity identity;
  uint64_t changed_ns;
  bool operator==(const FileStamp&) const = default;
};

class Mapping {
 public:
  // Throws Error (bad-file). Never blocks, as opening a named pipe would.
  explicit Mapping(const std::string& path);
  // The bytes of a file that lie in memory. Throws Error (bad-file) if there are none.
  explicit Mapping(std::vector<uint8_t> bytes);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return opened_.identity.size; }
  const FileStamp& opened() const { return opened_; }
  const std::string& path() const { return path_; }
  bool in_memory() const { return fd_ < 0; }

  // The stamp now. Throws Error (bad-file) if the file is not what was opened: another size or time of modification, or a page
  // that could not be read.
  FileStamp check_unchanged() const;
  // Reads up to n bytes from offset `at` into out (n); returns how many there were. Throws Error (bad-file).
  uint64_t read(uint64_t at, uint8_t* out, uint64_t n) const;

 private:
  std::string path_;
  int fd_ = -1;                 // -1: of bytes in memory
  std::vector<uint8_t> bytes_;  // empty: of a file
  const uint8_t* data_ = nullptr;
  FileStamp opened_{};
  std::unique_ptr<Guard> guard_;
};

// Throws the Error of a file that changed after it was loaded.
[[noreturn]] void throw_changed(const std::string& path);

}  // namespace sparselab
