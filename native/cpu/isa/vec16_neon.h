// Vec16 in four NEON registers (aarch64).
#pragma once
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

namespace sparselab::cpu {
namespace {

constexpr const char* kIsa = "neon";
constexpr int kRegs = 4, kWidth = 4, kRegsD = 4, kWidthD = 2;
constexpr int kTileRows = 2, kTileCols = 2;  // 16 sums and 12 operands in 32 registers
using Reg = float32x4_t;
using RegMask = uint32x4_t;
using RegInt = int32x4_t;
using RegD = float64x2_t;
using RegMaskD = uint64x2_t;
using RegIntD = int64x2_t;

#define SL_REG static inline __attribute__((always_inline))
SL_REG float32x4_t reg_load(const float* p) { return vld1q_f32(p); }
SL_REG void reg_store(float* p, float32x4_t v) { vst1q_f32(p, v); }
SL_REG float32x4_t reg_set(float v) { return vdupq_n_f32(v); }
SL_REG float32x4_t reg_add(float32x4_t a, float32x4_t b) { return vaddq_f32(a, b); }
SL_REG float32x4_t reg_sub(float32x4_t a, float32x4_t b) { return vsubq_f32(a, b); }
SL_REG float32x4_t reg_mul(float32x4_t a, float32x4_t b) { return vmulq_f32(a, b); }
SL_REG float32x4_t reg_div(float32x4_t a, float32x4_t b) { return vdivq_f32(a, b); }
SL_REG float32x4_t reg_fma(float32x4_t a, float32x4_t b, float32x4_t c) { return vfmaq_f32(c, a, b); }
SL_REG uint32x4_t reg_less(float32x4_t a, float32x4_t b) { return vcltq_f32(a, b); }
SL_REG uint32x4_t reg_less_equal(float32x4_t a, float32x4_t b) { return vcleq_f32(a, b); }
SL_REG float32x4_t reg_select(uint32x4_t m, float32x4_t yes, float32x4_t no) { return vbslq_f32(m, yes, no); }
SL_REG int32x4_t reg_bits(float32x4_t v) { return vreinterpretq_s32_f32(v); }
SL_REG float32x4_t reg_from_bits(int32x4_t v) { return vreinterpretq_f32_s32(v); }
SL_REG int32x4_t reg_set_int(int32_t v) { return vdupq_n_s32(v); }
SL_REG int32x4_t reg_add_int32(int32x4_t a, int32x4_t b) { return vaddq_s32(a, b); }
SL_REG int32x4_t reg_sub_int32(int32x4_t a, int32x4_t b) { return vsubq_s32(a, b); }
template <int k>
SL_REG int32x4_t reg_shift_left32(int32x4_t a) {
  return vshlq_n_s32(a, k);
}
template <int k>
SL_REG int32x4_t reg_shift_right32(int32x4_t a) {
  return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a), k));
}
SL_REG float reg_half(const uint8_t* p) {
  __fp16 h;
  __builtin_memcpy(&h, p, 2);
  return h;
}
SL_REG void reg_eight_halves(const uint8_t* p, size_t stride, float* out) {
  for (int i = 0; i < 8; i++) out[i] = reg_half(p + i * stride);
}
SL_REG float32x4_t reg_load_f16(const uint8_t* p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
SL_REG float32x4_t reg_load_bf16(const uint8_t* p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}
SL_REG float32x4_t reg_load_i8(const uint8_t* p) {
  int8_t q[8] = {};
  __builtin_memcpy(q, p, 4);
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(q)))));
}
SL_REG Bytes16 reg_bytes_of_bits(uint16_t bits) {
  const uint8x16_t spread = vcombine_u8(vdup_n_u8(static_cast<uint8_t>(bits)), vdup_n_u8(static_cast<uint8_t>(bits >> 8)));
  const uint8x8_t own = vcreate_u8(0x8040201008040201);
  return (Bytes16)vtstq_u8(spread, vcombine_u8(own, own));
}
SL_REG void reg_float_of_i8(Bytes16 v, float32x4_t* out) {
  const int16x8_t low = vmovl_s8(vget_low_s8((int8x16_t)v)), high = vmovl_s8(vget_high_s8((int8x16_t)v));
  out[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
  out[1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(low)));
  out[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
  out[3] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)));
}
constexpr bool kPicks = false;
SL_REG void reg_pick(const float32x4_t*, Bytes16, float32x4_t*) {}
SL_REG float reg_tree(const float32x4_t* v) {
  const float32x4_t a = vaddq_f32(v[0], v[2]), b = vaddq_f32(v[1], v[3]), c = vaddq_f32(a, b);
  const float32x2_t d = vadd_f32(vget_low_f32(c), vget_high_f32(c));
  return vget_lane_f32(d, 0) + vget_lane_f32(d, 1);
}

SL_REG void reg_trees(const float* lanes, float* sums) {
  for (int i = 0; i < 16; i++) {
    float32x4_t v[4];
    for (int k = 0; k < 4; k++) v[k] = reg_load(lanes + 16 * i + 4 * k);
    sums[i] = reg_tree(v);
  }
}

SL_REG float64x2_t reg_load(const double* p) { return vld1q_f64(p); }
SL_REG void reg_store(double* p, float64x2_t v) { vst1q_f64(p, v); }
SL_REG float64x2_t reg_set(double v) { return vdupq_n_f64(v); }
SL_REG float64x2_t reg_add(float64x2_t a, float64x2_t b) { return vaddq_f64(a, b); }
SL_REG float64x2_t reg_sub(float64x2_t a, float64x2_t b) { return vsubq_f64(a, b); }
SL_REG float64x2_t reg_mul(float64x2_t a, float64x2_t b) { return vmulq_f64(a, b); }
SL_REG float64x2_t reg_div(float64x2_t a, float64x2_t b) { return vdivq_f64(a, b); }
SL_REG float64x2_t reg_fma(float64x2_t a, float64x2_t b, float64x2_t c) { return vfmaq_f64(c, a, b); }
SL_REG uint64x2_t reg_less(float64x2_t a, float64x2_t b) { return vcltq_f64(a, b); }
SL_REG uint64x2_t reg_less_equal(float64x2_t a, float64x2_t b) { return vcleq_f64(a, b); }
SL_REG float64x2_t reg_select(uint64x2_t m, float64x2_t yes, float64x2_t no) { return vbslq_f64(m, yes, no); }
SL_REG int64x2_t reg_bits(float64x2_t v) { return vreinterpretq_s64_f64(v); }
SL_REG float64x2_t reg_from_bits_d(int64x2_t v) { return vreinterpretq_f64_s64(v); }
SL_REG int64x2_t reg_set_int64(int64_t v) { return vdupq_n_s64(v); }
SL_REG int64x2_t reg_add_int64(int64x2_t a, int64x2_t b) { return vaddq_s64(a, b); }
SL_REG int64x2_t reg_sub_int64(int64x2_t a, int64x2_t b) { return vsubq_s64(a, b); }
template <int k>
SL_REG int64x2_t reg_shift_left64(int64x2_t a) {
  return vshlq_n_s64(a, k);
}
template <int k>
SL_REG int64x2_t reg_shift_right64(int64x2_t a) {
  return vreinterpretq_s64_u64(vshrq_n_u64(vreinterpretq_u64_s64(a), k));
}
SL_REG void reg_widen(const float32x4_t* v, float64x2_t* low, float64x2_t* high) {
  SL_UNROLL for (int i = 0; i < 2; i++) {
    low[2 * i] = vcvt_f64_f32(vget_low_f32(v[i]));
    low[2 * i + 1] = vcvt_high_f64_f32(v[i]);
    high[2 * i] = vcvt_f64_f32(vget_low_f32(v[i + 2]));
    high[2 * i + 1] = vcvt_high_f64_f32(v[i + 2]);
  }
}
SL_REG void reg_narrow(const float64x2_t* low, const float64x2_t* high, float32x4_t* v) {
  SL_UNROLL for (int i = 0; i < 2; i++) {
    v[i] = vcvt_high_f32_f64(vcvt_f32_f64(low[2 * i]), low[2 * i + 1]);
    v[i + 2] = vcvt_high_f32_f64(vcvt_f32_f64(high[2 * i]), high[2 * i + 1]);
  }
}
#undef SL_REG

}  // namespace
}  // namespace sparselab::cpu
