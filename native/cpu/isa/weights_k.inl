// The K-quants Q4_K, Q5_K and Q6_K: a block of 256 values, which is a segment, with scales at two levels (quant/q4_k.cpp,
// quant/q6_k.cpp have the layouts).
#pragma once
#include "cpu/isa/stored.inl"
#include "cpu/isa/weights_small.inl"

namespace sparselab::cpu {
namespace {

// The 6 bits of a group's scale and minimum among the 12 bytes (quant/k_scales.h).
struct SixBits {
  float scale, minimum;
};
SL_INLINE SixBits six_bits_at(const uint8_t* packed, size_t group) {
  uint32_t scale, minimum;
  if (group < 4) {
    scale = packed[group] & 63u;
    minimum = packed[group + 4] & 63u;
  } else {
    scale = (packed[group + 4] & 15u) | static_cast<uint32_t>(packed[group - 4] >> 6) << 4;
    minimum = static_cast<uint32_t>(packed[group + 4] >> 4) | static_cast<uint32_t>(packed[group] >> 6) << 4;
  }
  return {static_cast<float>(scale), static_cast<float>(minimum)};
}
// All of them at once: 8 scales, then 8 minima.
SL_INLINE Bytes16 all_six_bits(const uint8_t* packed) {
  uint32_t a, b, c;
  memcpy(&a, packed, 4);
  memcpy(&b, packed + 4, 4);
  memcpy(&c, packed + 8, 4);
  const uint32_t words[4] = {a & 0x3f3f3f3f, (c & 0x0f0f0f0f) | (a >> 6 & 0x03030303) << 4, b & 0x3f3f3f3f,
                             (c >> 4 & 0x0f0f0f0f) | (b >> 6 & 0x03030303) << 4};
  return load_bytes(reinterpret_cast<const uint8_t*>(words));
}

// Q4_K (kLow 16) and Q5_K (kLow 48, after the fifth bits). value = scale * quant - minimum: the products are exact in float32, so
// that a fused multiply-add gives the bits of two steps.
template <size_t kLow>
struct BlocksOfGroups {
  static constexpr size_t kBytes = kLow + 128;
  static constexpr bool kFive = kLow == 48;
  static constexpr size_t offset(size_t j) { return j / 256 * kBytes + (j % 256 ? kLow + j % 256 / 2 : 0); }

  SL_INLINE Vec16 values(const uint8_t* block, size_t j, float scale, float low) {
    const size_t group = j / 32;
    const Bytes16 both = load_bytes(block + kLow + j / 64 * 32 + j % 32);
    const Bytes16 loose = group % 2 ? shift_right(both, 4) : both;
    if constexpr (kPicks && !kFive) return pick(levels<true>(scale, low).scale, loose);
    Bytes16 q = loose & all_bytes(15);
    if constexpr (kFive) {
      const Bytes16 high = load_bytes(block + 16 + j % 32);
      q = q | ((group < 4 ? shift_left(high, 4 - group) : shift_right(high, group - 4)) & all_bytes(16));
    }
    return fma(to_float(q), set(scale), set(low));
  }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 256 * kBytes;
    const SixBits six = six_bits_at(block + 4, j % 256 / 32);
    return values(block, j % 256, half_value(block) * six.scale, -(half_value(block + 2) * six.minimum));
  }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 256 * kBytes;
    const size_t i = j % 256, group = i / 32;
    uint32_t q = block[kLow + i / 64 * 32 + i % 32] >> (group % 2 * 4) & 15u;
    if constexpr (kFive) q |= (block[16 + i % 32] >> group & 1u) << 4;
    const SixBits six = six_bits_at(block + 4, group);
    return half_value(block) * six.scale * static_cast<float>(q) - half_value(block + 2) * six.minimum;
  }
  struct Shared {
    float scale[16], low[16];  // places 0 to 7 and 8 to 15
  };
  SL_INLINE Shared shared_of(const uint8_t* block) {
    const Vec16 six = to_float(all_six_bits(block + 4));
    Shared shared;
    store(shared.scale, six * set(half_value(block)));
    store(shared.low, six * set(-half_value(block + 2)));
    return shared;
  }
  SL_INLINE Vec16 at(const uint8_t* block, const Shared& shared, size_t j) {
    return values(block, j, shared.scale[j / 32], shared.low[8 + j / 32]);
  }
};
template <>
struct Stored<Q4_K> : BlocksOfGroups<16> {};
template <>
struct Stored<Q5_K> : BlocksOfGroups<48> {};

template <>
struct Stored<Q6_K> {
  static constexpr size_t kBytes = 210, kHigh = 128, kScales = 192, kScale = 208;
  static constexpr size_t offset(size_t j) { return j / 256 * kBytes + j % 256 / 2; }

  SL_INLINE Vec16 values(const uint8_t* block, size_t j, float scale) {
    const size_t half = j / 128, r = j % 128, quarter = r / 32;
    const Bytes16 both = load_bytes(block + half * 64 + r % 64), high = load_bytes(block + kHigh + half * 32 + r % 32);
    const Bytes16 low = (quarter < 2 ? both : shift_right(both, 4)) & all_bytes(15);
    const Bytes16 upper = (quarter < 2 ? shift_left(high, 4 - 2 * quarter) : shift_right(high, 2 * quarter - 4)) & all_bytes(48);
    return to_float((low | upper) - all_bytes(32)) * set(scale);
  }
  SL_INLINE float scale_of(const uint8_t* block, size_t j) {
    return half_value(block + kScale) * static_cast<float>(static_cast<int8_t>(block[kScales + j / 16]));
  }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 256 * kBytes;
    return values(block, j % 256, scale_of(block, j % 256));
  }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 256 * kBytes;
    const size_t i = j % 256, half = i / 128, r = i % 128;
    const uint32_t low = block[half * 64 + r % 64] >> (r / 64 * 4) & 15u;
    const uint32_t high = block[kHigh + half * 32 + r % 32] >> (r / 32 * 2) & 3u;
    return scale_of(block, i) * (static_cast<float>(low | high << 4) - 32);
  }
  struct Shared {
    float scale[16];
  };
  SL_INLINE Shared shared_of(const uint8_t* block) {
    Shared shared;
    store(shared.scale, to_float(load_bytes(block + kScales)) * set(half_value(block + kScale)));
    return shared;
  }
  SL_INLINE Vec16 at(const uint8_t* block, const Shared& shared, size_t j) { return values(block, j, shared.scale[j / 16]); }
};

}  // namespace
}  // namespace sparselab::cpu
