// Guards mapped files against SIGBUS. Reading a page of a mapping that lies beyond the file's new end (it was truncated), or that the
// disk cannot give, would end the process without a word. Inside a guarded mapping the handler puts zeros there instead and marks the
// mapping as damaged; whoever used it looks at the mark before the result is believed. Faults at other addresses go to the handler that
// was there before.
#pragma once
#include <cstddef>

namespace sparselab {

class Guard {
 public:
  // [data, data + bytes) is a mapping; it is unmapped only after the guard is gone. Throws Error when there are too many.
  Guard(const void* data, size_t bytes);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  // Whether a page of it was replaced by zeros.
  bool damaged() const;

 private:
  size_t slot_;
};

}  // namespace sparselab
