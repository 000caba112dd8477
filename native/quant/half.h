// IEEE half precision to float, exactly, in integer steps that a compiler can turn into vector code.
#pragma once
#include <bit>
#include <cstdint>

namespace sparselab {

inline float half_to_float(uint16_t h) {
  // The exponent is moved by a multiplication, which also brings subnormals to their value; infinity and NaN keep their exponent.
  uint32_t magnitude = static_cast<uint32_t>(h & 0x7fffu) << 13;
  float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  uint32_t special = (h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | special | static_cast<uint32_t>(h & 0x8000u) << 16);
}

}  // namespace sparselab
