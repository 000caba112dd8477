// Vec16 in one AVX-512 register.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

namespace sparselab::cpu {
namespace {

constexpr const char* kIsa = "avx512";
constexpr int kRegs = 1, kWidth = 16, kRegsD = 1, kWidthD = 8;
constexpr int kTileRows = 5, kTileCols = 5;  // 25 sums and 6 operands in 32 registers
using Reg = __m512;
using RegMask = __mmask16;
using RegInt = __m512i;
using RegD = __m512d;
using RegMaskD = __mmask8;
using RegIntD = __m512i;

#define SL_REG static inline __attribute__((always_inline))
SL_REG __m512 reg_load(const float* p) { return _mm512_loadu_ps(p); }
SL_REG void reg_store(float* p, __m512 v) { _mm512_storeu_ps(p, v); }
SL_REG __m512 reg_set(float v) { return _mm512_set1_ps(v); }
SL_REG __m512 reg_add(__m512 a, __m512 b) { return _mm512_add_ps(a, b); }
SL_REG __m512 reg_sub(__m512 a, __m512 b) { return _mm512_sub_ps(a, b); }
SL_REG __m512 reg_mul(__m512 a, __m512 b) { return _mm512_mul_ps(a, b); }
SL_REG __m512 reg_div(__m512 a, __m512 b) { return _mm512_div_ps(a, b); }
SL_REG __m512 reg_fma(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
SL_REG __mmask16 reg_less(__m512 a, __m512 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
SL_REG __mmask16 reg_less_equal(__m512 a, __m512 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
SL_REG __m512 reg_select(__mmask16 m, __m512 yes, __m512 no) { return _mm512_mask_blend_ps(m, no, yes); }
SL_REG __m512i reg_bits(__m512 v) { return _mm512_castps_si512(v); }
SL_REG __m512 reg_from_bits(__m512i v) { return _mm512_castsi512_ps(v); }
SL_REG __m512i reg_set_int(int32_t v) { return _mm512_set1_epi32(v); }
// int32 and int64 share one register type here: the operations differ by name.
SL_REG __m512i reg_add_int32(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
SL_REG __m512i reg_sub_int32(__m512i a, __m512i b) { return _mm512_sub_epi32(a, b); }
template <int k>
SL_REG __m512i reg_shift_left32(__m512i a) {
  return _mm512_slli_epi32(a, k);
}
template <int k>
SL_REG __m512i reg_shift_right32(__m512i a) {
  return _mm512_srli_epi32(a, k);
}
SL_REG float reg_half(const uint8_t* p) {
  uint16_t h;
  __builtin_memcpy(&h, p, 2);
  return _cvtsh_ss(h);
}
// The vector units are the narrow place of the loops that need this, so it leaves them alone: eight words meet in two general
// registers, are converted at once, and go through memory, from where a later load broadcasts each for free. The empty
// statements keep the compiler from turning either step into shuffles.
SL_REG uint64_t reg_four_words(const uint8_t* p, size_t stride) {
  uint64_t words = 0;
  SL_UNROLL for (int i = 3; i >= 0; i--) {
    uint16_t word;
    __builtin_memcpy(&word, p + i * stride, 2);
    words = words << 16 | word;
    __asm__("" : "+r"(words));
  }
  return words;
}
SL_REG void reg_eight_halves(const uint8_t* p, size_t stride, float* out) {
  const __m128i words = _mm_set_epi64x(static_cast<long long>(reg_four_words(p + 4 * stride, stride)),
                                       static_cast<long long>(reg_four_words(p, stride)));
  _mm256_storeu_ps(out, _mm256_cvtph_ps(words));
  __asm__("" : "+m"(*reinterpret_cast<float (*)[8]>(out)));
}
SL_REG __m512 reg_load_f16(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
SL_REG __m512 reg_load_bf16(const uint8_t* p) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}
SL_REG __m512 reg_load_i8(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
SL_REG Bytes16 reg_bytes_of_bits(uint16_t bits) { return (Bytes16)_mm_movm_epi8(bits); }
SL_REG void reg_float_of_i8(Bytes16 v, __m512* out) { out[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32((__m128i)v)); }
constexpr bool kPicks = true;
SL_REG void reg_pick(const __m512* table, Bytes16 index, __m512* out) {
  out[0] = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32((__m128i)index), table[0]);
}
SL_REG float reg_tree(const __m512* v) {
  const __m256 y = _mm256_add_ps(_mm512_castps512_ps256(v[0]), _mm512_extractf32x8_ps(v[0], 1));
  __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
  z = _mm_add_ps(z, _mm_movehl_ps(z, z));
  return _mm_cvtss_f32(_mm_add_ss(z, _mm_movehdup_ps(z)));
}

// Sixteen trees side by side: the same additions, and a third of the shuffles. At each level a register holds the partial sums of
// twice as many vectors; the order in which they are taken leaves the sums in order.
SL_REG void reg_trees(const float* lanes, float* sums) {
  auto eight = [lanes](int i, int k) __attribute__((always_inline)) {  // vectors i and k, lanes 8 apart
    const __m512 a = _mm512_loadu_ps(lanes + 16 * i), b = _mm512_loadu_ps(lanes + 16 * k);
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  };
  auto four = [&](int i) __attribute__((always_inline)) {  // vectors i, i + 4, i + 8, i + 12
    const __m512 a = eight(i, i + 4), b = eight(i + 8, i + 12);
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
  };
  auto two = [](__m512 a, __m512 b) __attribute__((always_inline)) {
    const __m512d c = _mm512_castps_pd(a), d = _mm512_castps_pd(b);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(c, d)), _mm512_castpd_ps(_mm512_unpackhi_pd(c, d)));
  };
  const __m512 a = two(four(0), four(1)), b = two(four(2), four(3));
  _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd)));
}

SL_REG __m512d reg_load(const double* p) { return _mm512_loadu_pd(p); }
SL_REG void reg_store(double* p, __m512d v) { _mm512_storeu_pd(p, v); }
SL_REG __m512d reg_set(double v) { return _mm512_set1_pd(v); }
SL_REG __m512d reg_add(__m512d a, __m512d b) { return _mm512_add_pd(a, b); }
SL_REG __m512d reg_sub(__m512d a, __m512d b) { return _mm512_sub_pd(a, b); }
SL_REG __m512d reg_mul(__m512d a, __m512d b) { return _mm512_mul_pd(a, b); }
SL_REG __m512d reg_div(__m512d a, __m512d b) { return _mm512_div_pd(a, b); }
SL_REG __m512d reg_fma(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
SL_REG __mmask8 reg_less(__m512d a, __m512d b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
SL_REG __mmask8 reg_less_equal(__m512d a, __m512d b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
SL_REG __m512d reg_select(__mmask8 m, __m512d yes, __m512d no) { return _mm512_mask_blend_pd(m, no, yes); }
SL_REG __m512i reg_bits(__m512d v) { return _mm512_castpd_si512(v); }
SL_REG __m512d reg_from_bits_d(__m512i v) { return _mm512_castsi512_pd(v); }
SL_REG __m512i reg_set_int64(int64_t v) { return _mm512_set1_epi64(v); }
SL_REG __m512i reg_add_int64(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
SL_REG __m512i reg_sub_int64(__m512i a, __m512i b) { return _mm512_sub_epi64(a, b); }
template <int k>
SL_REG __m512i reg_shift_left64(__m512i a) {
  return _mm512_slli_epi64(a, k);
}
template <int k>
SL_REG __m512i reg_shift_right64(__m512i a) {
  return _mm512_srli_epi64(a, k);
}
SL_REG void reg_widen(const __m512* v, __m512d* low, __m512d* high) {
  low[0] = _mm512_cvtps_pd(_mm512_castps512_ps256(v[0]));
  high[0] = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v[0], 1));
}
SL_REG void reg_narrow(const __m512d* low, const __m512d* high, __m512* v) {
  v[0] = _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low[0])), _mm512_cvtpd_ps(high[0]), 1);
}
#undef SL_REG

}  // namespace
}  // namespace sparselab::cpu
