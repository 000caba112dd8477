#include "weights/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "error.h"

namespace sparselab {
namespace {

constexpr uint64_t kSecond = 1000000000u;
constexpr uint64_t kTick = 20000000u;  // ns; file systems record times in steps of up to 10 ms

uint64_t ns_of(const timespec& t) { return static_cast<uint64_t>(t.tv_sec) * kSecond + static_cast<uint64_t>(t.tv_nsec); }

FileStamp stamp_of(const struct stat& s) {
#ifdef __APPLE__
  const timespec &m = s.st_mtimespec, &c = s.st_ctimespec;
#else
  const timespec &m = s.st_mtim, &c = s.st_ctim;
#endif
  return {{static_cast<uint64_t>(s.st_dev), static_cast<uint64_t>(s.st_ino), static_cast<uint64_t>(s.st_size), ns_of(m)},
          ns_of(c)};
}

// Why this cannot be a model file, or "".
std::string wrong_kind(const struct stat& s) {
  if (S_ISREG(s.st_mode)) return "";
  const char* kind = S_ISDIR(s.st_mode)    ? "a folder"
                     : S_ISFIFO(s.st_mode) ? "a named pipe"
                     : S_ISSOCK(s.st_mode) ? "a socket"
                                           : "a device";
  return std::string("it is ") + kind + ", not a regular file";
}

// A file written a moment ago could be written again without a new time, and the change would go unnoticed: wait until a write
// would leave another time.
void wait_for_next_tick(const FileStamp& stamp) {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  const uint64_t now = ns_of(t), last = std::max(stamp.identity.modified_ns, stamp.changed_ns);
  if (now < last || now - last >= kTick) return;
  const timespec rest{0, static_cast<long>(kTick - (now - last))};
  nanosleep(&rest, nullptr);
}

}  // namespace

void throw_changed(const std::string& path) {
  throw Error(Code::bad_file,
              "\"" + path +
                  "\" was changed after it was loaded; load it again (a new version of a file should be written beside it and "
                  "then renamed over it: what was loaded before stays as it was)");
}

Mapping::Mapping(const std::string& path) : path_(path) {
  auto cannot = [&](const char* what, const std::string& why) -> Error {
    return Error(Code::bad_file, std::string("cannot ") + what + " \"" + path + "\": " + why);
  };
  struct stat s;
  // Check the kind first: opening a device can have side effects.
  if (::stat(path.c_str(), &s) != 0) throw cannot("open", std::strerror(errno));
  if (std::string why = wrong_kind(s); !why.empty()) throw cannot("read", why);
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd_ < 0) throw cannot("open", std::strerror(errno));
  std::string why;
  for (int look = 0; look < 2 && why.empty(); look++) {
    if (look == 1) wait_for_next_tick(opened_);
    if (fstat(fd_, &s) != 0)
      why = std::strerror(errno);
    else if (why = wrong_kind(s); !why.empty())
      break;
    else if (s.st_size < 1)
      why = "it is empty; download it again";
    else
      opened_ = stamp_of(s);
  }
  if (why.empty()) {
    void* p = mmap(nullptr, size(), PROT_READ, MAP_SHARED, fd_, 0);
    if (p == MAP_FAILED)
      why = std::strerror(errno);
    else
      data_ = static_cast<const uint8_t*>(p);
  }
  if (why.empty()) {
    try {
      guard_ = std::make_unique<Guard>(data_, size());
      return;
    } catch (const Error& e) {
      why = e.what();
      munmap(const_cast<uint8_t*>(data_), size());
    }
  }
  close(fd_);
  throw cannot("read", why);
}

Mapping::Mapping(std::vector<uint8_t> bytes) : path_("bytes in memory"), bytes_(std::move(bytes)) {
  if (bytes_.empty()) throw Error(Code::bad_file, "cannot read bytes in memory: there are none");
  static std::atomic<uint64_t> opened{0};  // no two are the same file
  data_ = bytes_.data();
  opened_.identity = {~uint64_t{0}, opened++, bytes_.size(), 0};
}

Mapping::~Mapping() {
  if (fd_ < 0) return;
  guard_.reset();
  munmap(const_cast<uint8_t*>(data_), size());
  close(fd_);
}

FileStamp Mapping::check_unchanged() const {
  if (fd_ < 0) return opened_;
  struct stat s;
  if (guard_->damaged() || fstat(fd_, &s) != 0) throw_changed(path_);
  const FileStamp now = stamp_of(s);
  if (now.identity != opened_.identity) throw_changed(path_);
  return now;
}

uint64_t Mapping::read(uint64_t at, uint8_t* out, uint64_t n) const {
  if (fd_ < 0) {
    const uint64_t there = at < size() ? std::min(n, size() - at) : 0;
    std::copy_n(data_ + std::min(at, size()), there, out);
    return there;
  }
  uint64_t done = 0;
  while (done < n) {
    const ssize_t got = pread(fd_, out + done, n - done, static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(Code::bad_file, "cannot read \"" + path_ + "\": " + std::strerror(errno));
    if (got == 0) break;
    done += static_cast<uint64_t>(got);
  }
  return done;
}

}  // namespace sparselab
