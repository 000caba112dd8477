// A file as read-only memory. The file stays open, so that `unchanged` can tell whether it was cut or rewritten since: reading a
// page beyond a file's new end would end the process.
#pragma once
#include <cstdint>
#include <string>

namespace sparselab {

struct FileIdentity {
  uint64_t device, inode, size, modified_ns;
  bool operator==(const FileIdentity&) const = default;
  auto operator<=>(const FileIdentity&) const = default;
};

class Mapping {
 public:
  explicit Mapping(const std::string& path);  // throws Error (bad-file)
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return identity_.size; }
  const FileIdentity& identity() const { return identity_; }
  const std::string& path() const { return path_; }
  // Throws Error (bad-file) when the file's size or time of change is another than at the start.
  void check_unchanged() const;

 private:
  std::string path_;
  int fd_ = -1;
  const uint8_t* data_ = nullptr;
  FileIdentity identity_{};
};

}  // namespace sparselab
