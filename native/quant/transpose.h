// Transposing stored blocks, for the records of the weight types.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sparselab {

// Calls each(d, g) for all channels d < D and groups g < G, in squares whose rows and columns both stay in the cache.
template <class Each>
void for_each_block(uint64_t D, uint64_t G, Each each) {
  constexpr uint64_t kSquare = 32;
  for (uint64_t d0 = 0; d0 < D; d0 += kSquare)
    for (uint64_t g0 = 0; g0 < G; g0 += kSquare)
      for (uint64_t d = d0; d < std::min(D, d0 + kSquare); d++)
        for (uint64_t g = g0; g < std::min(G, g0 + kSquare); g++) each(d, g);
}

// The transposition of a type without blocks: values of `bytes` bytes change places.
template <uint64_t bytes>
void transpose_values(const uint8_t* rows, uint64_t stride, uint64_t D, uint64_t F, uint8_t* own, uint8_t*) {
  for_each_block(D, F,
                 [&](uint64_t d, uint64_t i) { std::memcpy(own + (i * D + d) * bytes, rows + d * stride + i * bytes, bytes); });
}

}  // namespace sparselab
