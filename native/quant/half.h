// IEEE half precision to float, exactly, in integer steps that a compiler can turn into vector code, and back.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace sparselab {

inline float half_to_float(uint16_t h) {
  // The exponent is moved by a multiplication, which also brings subnormals to their value; infinity and NaN keep their exponent.
  uint32_t magnitude = static_cast<uint32_t>(h & 0x7fffu) << 13;
  float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  uint32_t special = (h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | special | static_cast<uint32_t>(h & 0x8000u) << 16);
}

// The nearest float16, the even one of two; infinity beyond 65504.
inline uint16_t float_to_half(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
  if (size >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // at least 65520
  if (size < 0x38800000u) {                                               // below 2^-14: whole multiples of 2^-24
    const float steps = std::fabs(x) * 16777216.0f;
    return static_cast<uint16_t>(sign | static_cast<uint32_t>(std::nearbyint(steps)));
  }
  const uint32_t rounded = size + 0xfffu + (size >> 13 & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace sparselab
