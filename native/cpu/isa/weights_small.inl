// Q4_0, Q4_1, Q5_0 and Q5_1 (quant/small_blocks.h): blocks of 32 with a half scale, perhaps a half minimum, and quants of 4 or 5
// bits; stored.inl says what each function is for.
#pragma once
#include "cpu/isa/stored.inl"

namespace sparselab::cpu {
namespace {

// The values of quants q from 0 to 15: scale * q + minimum, or scale * (q - 8) where `minimum` is none. Every product is exact in
// float32, so that a fused multiply-add gives the bits of two steps. A machine that picks from a register has them as a table.
template <bool minimum>
struct Levels {
  Vec16 scale, low;  // the table in `scale`
};
template <bool minimum>
SL_INLINE Levels<minimum> levels(float scale, float low) {
  if constexpr (!kPicks) return {set(scale), set(low)};
  alignas(64) static constexpr float from_zero[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  alignas(64) static constexpr float centred[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
  if constexpr (minimum) return {fma(load(from_zero), set(scale), set(low)), zero()};
  return {load(centred) * set(scale), zero()};
}

// 32 quants of 4 bits in 16 bytes: byte j has quants j and j + 16.
struct FourBits {
  static constexpr size_t kBytes = 16;
  static constexpr int kMiddle = 8;
  // The low 4 bits of each byte are a quant.
  SL_INLINE Bytes16 loose(const uint8_t* p, size_t j) { return j < 16 ? load_bytes(p) : shift_right(load_bytes(p), 4); }
  SL_INLINE Bytes16 quants(const uint8_t* p, size_t j) { return loose(p, j) & all_bytes(15); }
  SL_INLINE Bytes16 centred(const uint8_t* p, size_t j) { return quants(p, j) - all_bytes(kMiddle); }
  SL_INLINE uint32_t one(const uint8_t* p, size_t j) { return j < 16 ? p[j] & 15u : static_cast<uint32_t>(p[j - 16] >> 4); }
};
// The same after 32 bits, the quants' fifth.
struct FiveBits {
  static constexpr size_t kBytes = 20;
  static constexpr int kMiddle = 16;
  SL_INLINE Bytes16 fifth(const uint8_t* p, size_t j) {
    uint16_t bits;
    memcpy(&bits, p + j / 8, 2);
    return bytes_of_bits(bits);
  }
  SL_INLINE Bytes16 quants(const uint8_t* p, size_t j) { return FourBits::quants(p + 4, j) | (fifth(p, j) & all_bytes(16)); }
  // Without its fifth bit a quant is 16 too small: as int8, with the upper four bits set.
  SL_INLINE Bytes16 centred(const uint8_t* p, size_t j) { return FourBits::quants(p + 4, j) | (~fifth(p, j) & all_bytes(0xf0)); }
  SL_INLINE uint32_t one(const uint8_t* p, size_t j) { return FourBits::one(p + 4, j) | (p[j / 8] >> j % 8 & 1u) << 4; }
};

// Q: FourBits or FiveBits. `minimum`: a block has one.
template <class Q, bool minimum>
struct SmallBlocks {
  using Quants = Q;
  static constexpr bool kMinimum = minimum;
  static constexpr size_t kHead = minimum ? 4 : 2, kBytes = kHead + Q::kBytes;
  static constexpr size_t offset(size_t j) { return j / 32 * kBytes + (j % 32 ? kHead + Q::kBytes * (j % 32) / 32 : 0); }

  // 16 quants from j (0 or 16) on, which lie at p.
  SL_INLINE Vec16 values(const uint8_t* p, size_t j, float scale, float low) {
    if constexpr (kPicks && Q::kBytes == 16) return pick(levels<minimum>(scale, low).scale, Q::loose(p, j));
    return values(p, j, set(scale), set(low));
  }
  SL_INLINE Vec16 values(const uint8_t* p, size_t j, const Vec16& scale, const Vec16& low) {
    if constexpr (minimum) return fma(to_float(Q::quants(p, j)), scale, low);
    return to_float(Q::centred(p, j)) * scale;
  }
  SL_INLINE float value(uint32_t q, float scale, float low) {
    if constexpr (minimum) return scale * static_cast<float>(q) + low;
    return scale * (static_cast<float>(q) - Q::kMiddle);
  }

  SL_INLINE float low_of(const uint8_t* block) { return minimum ? half_value(block + 2) : 0; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * kBytes;
    return values(block + kHead, j % 32, half_value(block), low_of(block));
  }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * kBytes;
    return value(Q::one(block + kHead, j % 32), half_value(block), low_of(block));
  }
  struct Shared {
    float scale[kSegment / 32], low[kSegment / 32];
  };
  SL_INLINE Shared shared_of(const uint8_t* segment) {
    Shared shared;
    eight_halves(segment, kBytes, shared.scale);
    if constexpr (minimum) eight_halves(segment + 2, kBytes, shared.low);
    return shared;
  }
  SL_INLINE Vec16 at(const uint8_t* segment, const Shared& shared, size_t j) {
    return values(segment + j / 32 * kBytes + kHead, j % 32, shared.scale[j / 32], minimum ? shared.low[j / 32] : 0);
  }
};

template <>
struct Stored<Q4_0> : SmallBlocks<FourBits, false> {};
template <>
struct Stored<Q4_1> : SmallBlocks<FourBits, true> {};
template <>
struct Stored<Q5_0> : SmallBlocks<FiveBits, false> {};
template <>
struct Stored<Q5_1> : SmallBlocks<FiveBits, true> {};

}  // namespace
}  // namespace sparselab::cpu
