#include "testing/allocations.h"

#if defined(__linux__)
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<int64_t> held{0}, most{0};

void* counted(void* p) {
  if (!p) throw std::bad_alloc();
  const int64_t now = held += static_cast<int64_t>(malloc_usable_size(p));
  int64_t before = most.load();
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
  return p;
}
void release(void* p) {
  if (p) held -= static_cast<int64_t>(malloc_usable_size(p));
  std::free(p);
}

}  // namespace

// The other forms (arrays) call these. Not so under the address sanitizer, where the nothrow form must be ours as well: its
// memory is given back by the plain operator delete.
void* operator new(std::size_t n) { return counted(std::malloc(n ? n : 1)); }
void* operator new(std::size_t n, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(unit, (n + unit - 1) / unit * unit));
}
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(n);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace sparselab::testing {

int64_t held_bytes() { return held; }
int64_t most_bytes() { return most; }
void forget_most() { most = held.load(); }

}  // namespace sparselab::testing
#endif
