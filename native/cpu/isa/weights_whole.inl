// The types of whole bytes: F32, F16, BF16 and Q8_0.
#pragma once
#include "cpu/isa/stored.inl"

namespace sparselab::cpu {
namespace {

template <>
struct Stored<F32> : Unblocked<Stored<F32>> {
  using Unblocked::at;
  static constexpr size_t offset(size_t j) { return 4 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load(reinterpret_cast<const float*>(row) + j); }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    float v;
    memcpy(&v, row + 4 * j, 4);
    return v;
  }
};
template <>
struct Stored<F16> : Unblocked<Stored<F16>> {
  using Unblocked::at;
  static constexpr size_t offset(size_t j) { return 2 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load_f16(row + 2 * j); }
  SL_INLINE float one(const uint8_t* row, size_t j) { return half_value(row + 2 * j); }
};
template <>
struct Stored<BF16> : Unblocked<Stored<BF16>> {
  using Unblocked::at;
  static constexpr size_t offset(size_t j) { return 2 * j; }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) { return load_bf16(row + 2 * j); }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    uint16_t h;
    memcpy(&h, row + 2 * j, 2);
    return bits_as<float>(static_cast<uint32_t>(h) << 16);
  }
};
// Blocks of 32: a half scale, 32 int8 quants.
template <>
struct Stored<Q8_0> {
  static constexpr size_t offset(size_t j) { return j / 32 * 34 + (j % 32 ? 2 + j % 32 : 0); }
  SL_INLINE Vec16 at(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * 34;
    return set(half_value(block)) * load_i8(block + 2 + j % 32);
  }
  SL_INLINE float one(const uint8_t* row, size_t j) {
    const uint8_t* block = row + j / 32 * 34;
    return half_value(block) * static_cast<float>(static_cast<int8_t>(block[2 + j % 32]));
  }
  struct Shared {
    float scale[kSegment / 32];
  };
  SL_INLINE Shared shared_of(const uint8_t* segment) {
    Shared shared;
    eight_halves(segment, 34, shared.scale);
    return shared;
  }
  SL_INLINE Vec16 at(const uint8_t* segment, const Shared& shared, size_t j) {
    return set(shared.scale[j / 32]) * load_i8(segment + j / 32 * 34 + 2 + j % 32);
  }
};

}  // namespace
}  // namespace sparselab::cpu
