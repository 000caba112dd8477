// What a weight type must say of how it is read: 16 stored values from any multiple of 16 on, as float32. The types are in
// weights_whole.inl, weights_small.inl and weights_k.inl.
#pragma once
#include "cpu/isa.h"
#include "cpu/isa/math.inl"

namespace sparselab::cpu {
namespace {

constexpr size_t kSegment = 256;         // elements after which a dot product restarts
constexpr size_t kPrefetchAhead = 1024;  // bytes; measured on four dense streams

SL_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }
SL_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

// A type of the list without a specialisation does not compile. Its functions:
//   offset(j)                  where element j lies, in bytes from the row's start (about, within a block)
//   at(row, j)                 the 16 elements from j on, a multiple of 16
//   one(row, j)                one element
//   shared_of(segment), at(segment, shared, j)   the same for a whole segment of 256, whose common parts are read once
template <TensorType type>
struct Stored;

// Types without blocks share nothing.
template <class Of>
struct Unblocked {
  struct Shared {};
  SL_INLINE Shared shared_of(const uint8_t*) { return {}; }
  SL_INLINE Vec16 at(const uint8_t* segment, const Shared&, size_t j) { return Of::at(segment, j); }
};

}  // namespace
}  // namespace sparselab::cpu
