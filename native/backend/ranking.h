// The largest of a row of values, in order, without sorting the whole row. One order for all: largest first, the first of equal
// ones first (0 and -0 are equal), NaN before all.
#pragma once
#include <cstdint>
#include <vector>

namespace sparselab {

// Up to so many of the largest `largest` finds without scratch.
constexpr uint64_t kFewLargest = 256;

// The places of the k largest of x (n), k <= n, into `places` (k). O(n log k): for few.
void largest(const float* x, uint64_t n, uint64_t k, uint32_t* places);

// The same in O(n) for any k, and a sort in O(m). Holds the scratch.
class Ranking {
 public:
  // Of the scratch, once `reserve` was called.
  static uint64_t bytes(uint64_t n) { return 2 * n * sizeof(uint64_t); }
  void reserve(uint64_t n);
  void largest(const float* x, uint64_t n, uint64_t k, uint32_t* places);
  // Sorts places (m) of x; equal values keep the order in which they stand.
  void sort(const float* x, uint32_t* places, uint64_t m);

 private:
  void sort_entries();
  std::vector<uint64_t> entries_, other_;  // key << 32 | place
};

}  // namespace sparselab
