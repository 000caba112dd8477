// Arrays that begin at a cache line: a vector register's load then never crosses two, which costs a matrix product a third of its
// speed. New elements stay as the memory is: zeroing hundreds of megabytes of scratch on one thread would hold a stop up, and
// every value is written before it is read.
#pragma once
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
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
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  template <class U>
  bool operator==(const CacheLineAllocator<U>&) const {
    return true;
  }
};

template <class T>
using Scratch = std::vector<T, CacheLineAllocator<T>>;
using Floats = Scratch<float>;

// Gives the array n elements, whose values are lost; it holds never more than that, or than it held before. (A vector that grows
// takes up to twice of it, and holds the old elements meanwhile.)
template <class T>
void make_room(Scratch<T>& array, std::size_t n) {
  if (array.capacity() < n) Scratch<T>().swap(array);
  array.resize(n);
}

}  // namespace sparselab
