#include "weights/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"

namespace sparselab {
namespace {

FileIdentity identify(const struct stat& s) {
#ifdef __APPLE__
  const timespec& m = s.st_mtimespec;
#else
  const timespec& m = s.st_mtim;
#endif
  return {static_cast<uint64_t>(s.st_dev), static_cast<uint64_t>(s.st_ino), static_cast<uint64_t>(s.st_size),
          static_cast<uint64_t>(m.tv_sec) * 1000000000u + static_cast<uint64_t>(m.tv_nsec)};
}

}  // namespace

Mapping::Mapping(const std::string& path) : path_(path) {
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw Error(Code::bad_file, "cannot open \"" + path + "\": " + std::strerror(errno));
  struct stat s;
  std::string why;
  if (fstat(fd_, &s) != 0)
    why = std::strerror(errno);
  else if (!S_ISREG(s.st_mode))
    why = "it is not a regular file";
  else if (s.st_size < 1)
    why = "it is empty; download it again";
  if (why.empty()) {
    identity_ = identify(s);
    void* p = mmap(nullptr, identity_.size, PROT_READ, MAP_SHARED, fd_, 0);
    if (p == MAP_FAILED)
      why = std::strerror(errno);
    else
      data_ = static_cast<const uint8_t*>(p);
  }
  if (!why.empty()) {
    close(fd_);
    throw Error(Code::bad_file, "cannot read \"" + path + "\": " + why);
  }
}

Mapping::~Mapping() {
  munmap(const_cast<uint8_t*>(data_), identity_.size);
  close(fd_);
}

void Mapping::check_unchanged() const {
  struct stat s;
  if (fstat(fd_, &s) != 0 || identify(s) != identity_)
    throw Error(Code::bad_file, "\"" + path_ + "\" was changed after it was loaded; load it again");
}

}  // namespace sparselab
