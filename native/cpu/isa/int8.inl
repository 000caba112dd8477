// Products of quantised weights with int8 activations (cpu/int8.h has their definition). A block's weights become integers once
// for all rows of the batch; the compiler makes vector code of the integer sums, which are exact in any order.
#pragma once
#include <cmath>
#include <cstring>

#include "cpu/int8.h"
#include "cpu/isa.h"
#include "quant/half.h"
#include "quant/k_scales.h"

namespace sparselab::cpu {
namespace {

SL_INLINE float half_at(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, sizeof h);
  return half_to_float(h);
}

template <int n>
SL_INLINE int32_t dot_int8(const int8_t* a, const int8_t* b) {
  // Products fit 16 bits: at most 128 · 127.
  int32_t sum = 0;
  for (int i = 0; i < n; i++) sum += static_cast<int16_t>(static_cast<int16_t>(a[i]) * static_cast<int16_t>(b[i]));
  return sum;
}

constexpr uint64_t kEach = 0x0101010101010101u;
// Bit i of a byte as byte i of a word, 0 or 1.
SL_INLINE uint64_t spread(uint8_t bits) { return (((bits * kEach) & 0x8040201008040201u) + kEach * 127) >> 7 & kEach; }

// 32 values: a half scale, perhaps a half minimum, perhaps 32 fifth bits, and quants of 4 bits (byte j has values j and j + 16)
// or of 8.
template <int bits, bool has_minimum>
struct SmallBlock {
  static constexpr bool kMinimum = has_minimum;
  static constexpr int kHead = has_minimum ? 4 : 2, kBytes = kHead + (bits == 8 ? 32 : bits == 5 ? 20 : 16);
  SL_INLINE void unpack(const uint8_t* p, int8_t* q) {
    constexpr uint64_t kZero = has_minimum ? 0 : bits == 5 ? 16 : 8;
    if constexpr (bits == 8) {
      std::memcpy(q, p + kHead, 32);
    } else {
      // Eight quants at a time, each in a byte of a word.
      const uint8_t* low = p + kHead + (bits == 5 ? 4 : 0);
      for (int eight = 0; eight < 2; eight++) {
        uint64_t halves;
        std::memcpy(&halves, low + 8 * eight, sizeof halves);
        for (int half = 0; half < 2; half++) {
          uint64_t quants = halves >> (4 * half) & kEach * 15;
          if constexpr (bits == 5) quants |= spread(p[kHead + 2 * half + eight]) << 4;
          // Without a borrow between bytes: their top bit is set meanwhile.
          quants = ((quants | kEach * 128) - kEach * kZero) ^ kEach * 128;
          std::memcpy(q + 16 * half + 8 * eight, &quants, sizeof quants);
        }
      }
    }
  }
};

// 256 values in groups of kGroup with integer scales, and perhaps integer minima; scale(p) and minimum(p) multiply those.
template <bool fifth>
struct GroupBlock {  // Q4_K, Q5_K
  static constexpr bool kMinimum = true;
  static constexpr int kGroup = 32, kBytes = fifth ? 176 : 144;
  SL_INLINE float scale(const uint8_t* p) { return half_at(p); }
  SL_INLINE float minimum(const uint8_t* p) { return half_at(p + 2); }
  SL_INLINE void unpack(const uint8_t* p, int8_t* q, int32_t* scales, int32_t* minima) {
    for (uint64_t g = 0; g < 8; g++) {
      const auto [s, m] = six_bits_of(p + 4, g);
      scales[g] = static_cast<int32_t>(s);
      minima[g] = static_cast<int32_t>(m);
    }
    const uint8_t *high = p + 16, *low = p + (fifth ? 48 : 16);
    for (int pair = 0; pair < 4; pair++)
      for (int j = 0; j < 32; j++) {
        uint32_t a = low[pair * 32 + j] & 15u, b = low[pair * 32 + j] >> 4;
        if constexpr (fifth) {
          a |= (high[j] >> (2 * pair) & 1u) << 4;
          b |= (high[j] >> (2 * pair + 1) & 1u) << 4;
        }
        q[pair * 64 + j] = static_cast<int8_t>(a);
        q[pair * 64 + 32 + j] = static_cast<int8_t>(b);
      }
  }
};
struct SixBitBlock {  // Q6_K
  static constexpr bool kMinimum = false;
  static constexpr int kGroup = 16, kBytes = 210;
  SL_INLINE float scale(const uint8_t* p) { return half_at(p + 208); }
  SL_INLINE float minimum(const uint8_t*) { return 0; }
  SL_INLINE void unpack(const uint8_t* p, int8_t* q, int32_t* scales, int32_t*) {
    for (int g = 0; g < 16; g++) scales[g] = static_cast<int8_t>(p[192 + g]);
    for (int half = 0; half < 2; half++)
      for (int quarter = 0; quarter < 4; quarter++)
        for (int j = 0; j < 32; j++) {
          const uint8_t low = p[half * 64 + quarter % 2 * 32 + j], high = p[128 + half * 32 + j];
          const uint32_t four = quarter < 2 ? low & 15u : low >> 4;
          q[half * 128 + quarter * 32 + j] = static_cast<int8_t>(static_cast<int>(four | (high >> (2 * quarter) & 3u) << 4) - 32);
        }
  }
};

constexpr size_t kRowsTogether = 16;  // of the batch, for which a block is unpacked once

template <class Block>
void int8_small(Rows w, const uint32_t* ids, size_t count, const Int8Rows& x, size_t b0, size_t B, float* y, size_t y_row) {
  const size_t blocks = x.n / 32;
  for (size_t k = 0; k < count; k++) {
    const uint8_t* row = w.data + (ids ? ids[k] : k) * w.stride;
    for (size_t first = 0; first < B; first += kRowsTogether) {
      const size_t rows = first + kRowsTogether < B ? kRowsTogether : B - first;
      float sum[kRowsTogether] = {};
      for (size_t i = 0; i < blocks; i++) {
        const uint8_t* p = row + i * Block::kBytes;
        int8_t q[32];
        Block::unpack(p, q);
        const float scale = half_at(p);
        for (size_t b = 0; b < rows; b++) {
          const size_t at = (b0 + first + b) * blocks + i;
          sum[b] = std::fma(scale * x.scale[at], static_cast<float>(dot_int8<32>(q, x.q.data() + at * 32)), sum[b]);
          if constexpr (Block::kMinimum) sum[b] = std::fma(half_at(p + 2), x.sum[at], sum[b]);
        }
      }
      for (size_t b = 0; b < rows; b++) y[(first + b) * y_row + k] = sum[b];
    }
  }
}

template <class Block>
void int8_big(Rows w, const uint32_t* ids, size_t count, const Int8Rows& x, size_t b0, size_t B, float* y, size_t y_row) {
  constexpr int kGroups = 256 / Block::kGroup;
  const size_t blocks = x.n / 256;
  for (size_t k = 0; k < count; k++) {
    const uint8_t* row = w.data + (ids ? ids[k] : k) * w.stride;
    for (size_t first = 0; first < B; first += kRowsTogether) {
      const size_t rows = first + kRowsTogether < B ? kRowsTogether : B - first;
      float sum[kRowsTogether] = {};
      for (size_t i = 0; i < blocks; i++) {
        const uint8_t* p = row + i * Block::kBytes;
        int8_t q[256];
        int32_t scales[kGroups], minima[kGroups] = {};
        Block::unpack(p, q, scales, minima);
        const float scale = Block::scale(p), minimum = Block::minimum(p);
        for (size_t b = 0; b < rows; b++) {
          const size_t at = (b0 + first + b) * blocks + i;
          const int8_t* xq = x.q.data() + at * 256;
          int32_t total = 0;
          for (int g = 0; g < kGroups; g++)
            total += scales[g] * dot_int8<Block::kGroup>(q + g * Block::kGroup, xq + g * Block::kGroup);
          sum[b] = std::fma(scale * x.scale[at], static_cast<float>(total), sum[b]);
          if constexpr (Block::kMinimum) {
            int32_t less = 0;
            for (int g = 0; g < kGroups; g++) less += minima[g] * x.q_sum[at * 8 + static_cast<size_t>(g)];
            sum[b] = std::fma(-(minimum * x.scale[at]), static_cast<float>(less), sum[b]);
          }
        }
      }
      for (size_t b = 0; b < rows; b++) y[(first + b) * y_row + k] = sum[b];
    }
  }
}

// Null for types whose products stay float.
template <TensorType type>
constexpr decltype(TypeKernels::int8_rows) int8_rows_of() {
  switch (type) {
    case Q4_0:
      return int8_small<SmallBlock<4, false>>;
    case Q4_1:
      return int8_small<SmallBlock<4, true>>;
    case Q5_0:
      return int8_small<SmallBlock<5, false>>;
    case Q5_1:
      return int8_small<SmallBlock<5, true>>;
    case Q8_0:
      return int8_small<SmallBlock<8, false>>;
    case Q4_K:
      return int8_big<GroupBlock<false>>;
    case Q5_K:
      return int8_big<GroupBlock<true>>;
    case Q6_K:
      return int8_big<SixBitBlock>;
    default:
      return nullptr;
  }
}

}  // namespace
}  // namespace sparselab::cpu
