// Vec16 without vector instructions: arrays, a loop for each operation. This is the form that says what every other form must
// give; without a fused multiply-add in the machine, fmaf and fma of the C library round once all the same.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace sparselab::cpu {
namespace {

constexpr const char* kIsa = "plain";
constexpr int kRegs = 16, kWidth = 1, kRegsD = 8, kWidthD = 1;
constexpr int kTileRows = 2, kTileCols = 2;  // of the matrix product
using Reg = float;
using RegMask = bool;
using RegInt = uint32_t;
using RegD = double;
using RegMaskD = bool;
using RegIntD = uint64_t;

#define SL_REG static inline __attribute__((always_inline))
SL_REG float reg_load(const float* p) { return *p; }
SL_REG void reg_store(float* p, float v) { *p = v; }
SL_REG float reg_set(float v) { return v; }
SL_REG float reg_add(float a, float b) { return a + b; }
SL_REG float reg_sub(float a, float b) { return a - b; }
SL_REG float reg_mul(float a, float b) { return a * b; }
SL_REG float reg_div(float a, float b) { return a / b; }
SL_REG float reg_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
SL_REG bool reg_less(float a, float b) { return a < b; }
SL_REG bool reg_less_equal(float a, float b) { return a <= b; }
SL_REG float reg_select(bool m, float yes, float no) { return m ? yes : no; }
SL_REG uint32_t reg_bits(float v) {
  uint32_t bits;
  memcpy(&bits, &v, 4);
  return bits;
}
SL_REG float reg_from_bits(uint32_t bits) {
  float v;
  memcpy(&v, &bits, 4);
  return v;
}
SL_REG uint32_t reg_set_int(int32_t v) { return static_cast<uint32_t>(v); }
SL_REG uint32_t reg_add_int32(uint32_t a, uint32_t b) { return a + b; }
SL_REG uint32_t reg_sub_int32(uint32_t a, uint32_t b) { return a - b; }
template <int k>
SL_REG uint32_t reg_shift_left32(uint32_t a) {
  return a << k;
}
template <int k>
SL_REG uint32_t reg_shift_right32(uint32_t a) {
  return a >> k;
}
SL_REG float reg_half(const uint8_t* p) {
  // The exponent is moved by a multiplication, which also brings subnormals to their value; infinity and NaN keep theirs.
  uint16_t h;
  memcpy(&h, p, 2);
  const float scaled = reg_from_bits(static_cast<uint32_t>(h & 0x7fffu) << 13) * 0x1p112f;
  const uint32_t special = (h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return reg_from_bits(reg_bits(scaled) | special | static_cast<uint32_t>(h & 0x8000u) << 16);
}
SL_REG void reg_eight_halves(const uint8_t* p, size_t stride, float* out) {
  for (int i = 0; i < 8; i++) out[i] = reg_half(p + i * stride);
}
SL_REG float reg_load_f16(const uint8_t* p) { return reg_half(p); }
SL_REG float reg_load_bf16(const uint8_t* p) {
  uint16_t h;
  memcpy(&h, p, 2);
  return reg_from_bits(static_cast<uint32_t>(h) << 16);
}
SL_REG float reg_load_i8(const uint8_t* p) { return static_cast<float>(static_cast<int8_t>(*p)); }
SL_REG Bytes16 reg_bytes_of_bits(uint16_t bits) {
  Bytes16 out = {};
  for (int j = 0; j < 16; j++) out[j] = (bits >> j & 1) ? 255 : 0;
  return out;
}
SL_REG void reg_float_of_i8(Bytes16 v, float* out) {
  for (int j = 0; j < 16; j++) out[j] = static_cast<float>(static_cast<int8_t>(v[j]));
}
constexpr bool kPicks = false;
SL_REG void reg_pick(const float*, Bytes16, float*) {}
SL_REG float reg_tree(const float* lane) {
  float s[8];
  for (int l = 0; l < 8; l++) s[l] = lane[l] + lane[l + 8];
  for (int l = 0; l < 4; l++) s[l] = s[l] + s[l + 4];
  return (s[0] + s[2]) + (s[1] + s[3]);
}

SL_REG void reg_trees(const float* lanes, float* sums) {
  for (int i = 0; i < 16; i++) sums[i] = reg_tree(lanes + 16 * i);
}

SL_REG double reg_load(const double* p) { return *p; }
SL_REG void reg_store(double* p, double v) { *p = v; }
SL_REG double reg_set(double v) { return v; }
SL_REG double reg_add(double a, double b) { return a + b; }
SL_REG double reg_sub(double a, double b) { return a - b; }
SL_REG double reg_mul(double a, double b) { return a * b; }
SL_REG double reg_div(double a, double b) { return a / b; }
SL_REG double reg_fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
SL_REG bool reg_less(double a, double b) { return a < b; }
SL_REG bool reg_less_equal(double a, double b) { return a <= b; }
SL_REG double reg_select(bool m, double yes, double no) { return m ? yes : no; }
SL_REG uint64_t reg_bits(double v) {
  uint64_t bits;
  memcpy(&bits, &v, 8);
  return bits;
}
SL_REG double reg_from_bits_d(uint64_t bits) {
  double v;
  memcpy(&v, &bits, 8);
  return v;
}
SL_REG uint64_t reg_set_int64(int64_t v) { return static_cast<uint64_t>(v); }
SL_REG uint64_t reg_add_int64(uint64_t a, uint64_t b) { return a + b; }
SL_REG uint64_t reg_sub_int64(uint64_t a, uint64_t b) { return a - b; }
template <int k>
SL_REG uint64_t reg_shift_left64(uint64_t a) {
  return a << k;
}
template <int k>
SL_REG uint64_t reg_shift_right64(uint64_t a) {
  return a >> k;
}
SL_REG void reg_widen(const float* v, double* low, double* high) {
  for (int i = 0; i < 8; i++) low[i] = v[i], high[i] = v[i + 8];
}
SL_REG void reg_narrow(const double* low, const double* high, float* v) {
  for (int i = 0; i < 8; i++) v[i] = static_cast<float>(low[i]), v[i + 8] = static_cast<float>(high[i]);
}
#undef SL_REG

}  // namespace
}  // namespace sparselab::cpu
