// Guards mapped files against SIGBUS. Reading a page of a mapping that lies beyond the file's new end (it was truncated), or that
// the disk cannot read, would crash the process. Inside a guarded mapping the handler puts zeros there instead and marks the
// mapping as damaged; check the mark before you trust a result. Faults at other addresses go to the handler that was installed
// before.
#pragma once
#include <cstddef>

namespace sparselab {

class Guard {
 public:
  // [data, data + bytes) is a mapping; unmap it only after the guard is destroyed. Throws Error if there are too many guards.
  Guard(const void* data, size_t bytes);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  // Whether any page was replaced by zeros.
  bool damaged() const;

 private:
  size_t slot_;
};

}  // namespace sparselab
