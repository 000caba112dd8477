// Arrays of float32 that begin at a cache line: a vector register's load then never crosses two, which costs a matrix product a
// third of its speed.
#pragma once
#include <cstddef>
#include <new>
#include <vector>

namespace sparselab {

template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};
  CacheLineAllocator() = default;
  template <class U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, kAlignment); }
  template <class U>
  bool operator==(const CacheLineAllocator<U>&) const {
    return true;
  }
};

using Floats = std::vector<float, CacheLineAllocator<float>>;

}  // namespace sparselab
