// The scales of Q4_K and Q5_K: for each 32 of a block's 256 values a scale and a minimum of 6 bits, in 12 bytes. Bytes 0 to 3
// have the scales of groups 0 to 3 in their low 6 bits, bytes 4 to 7 the minima. Of groups 4 to 7 bytes 8 to 11 have the low 4
// bits (scale low, minimum high), and the two bits left over in the bytes before have the high ones.
#pragma once
#include <cstdint>

namespace sparselab {

struct ScaleAndMinimum {
  uint32_t scale, minimum;  // 0 to 63
};

inline ScaleAndMinimum six_bits_of(const uint8_t* packed, uint64_t group) {
  if (group < 4) return {packed[group] & 63u, packed[group + 4] & 63u};
  const uint32_t low = packed[group + 4];
  return {(low & 15u) | (packed[group - 4] >> 6) << 4, low >> 4 | (packed[group] >> 6) << 4};
}

}  // namespace sparselab
