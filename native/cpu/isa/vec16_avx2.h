// Vec16 in two AVX2 registers. Needs FMA and F16C, which every processor with AVX2 but a handful has.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

namespace sparselab::cpu {
namespace {

constexpr const char* kIsa = "avx2";
constexpr int kRegs = 2, kWidth = 8, kRegsD = 2, kWidthD = 4;
constexpr int kTileRows = 3, kTileCols = 2;  // 12 sums in 16 registers
using Reg = __m256;
using RegMask = __m256;
using RegInt = __m256i;
using RegD = __m256d;
using RegMaskD = __m256d;
using RegIntD = __m256i;

#define SL_REG static inline __attribute__((always_inline))
SL_REG __m256 reg_load(const float* p) { return _mm256_loadu_ps(p); }
SL_REG void reg_store(float* p, __m256 v) { _mm256_storeu_ps(p, v); }
SL_REG __m256 reg_set(float v) { return _mm256_set1_ps(v); }
SL_REG __m256 reg_add(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
SL_REG __m256 reg_sub(__m256 a, __m256 b) { return _mm256_sub_ps(a, b); }
SL_REG __m256 reg_mul(__m256 a, __m256 b) { return _mm256_mul_ps(a, b); }
SL_REG __m256 reg_div(__m256 a, __m256 b) { return _mm256_div_ps(a, b); }
SL_REG __m256 reg_fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
SL_REG __m256 reg_less(__m256 a, __m256 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
SL_REG __m256 reg_less_equal(__m256 a, __m256 b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
SL_REG __m256 reg_select(__m256 m, __m256 yes, __m256 no) { return _mm256_blendv_ps(no, yes, m); }
SL_REG __m256i reg_bits(__m256 v) { return _mm256_castps_si256(v); }
SL_REG __m256 reg_from_bits(__m256i v) { return _mm256_castsi256_ps(v); }
SL_REG __m256i reg_set_int(int32_t v) { return _mm256_set1_epi32(v); }
SL_REG __m256i reg_add_int32(__m256i a, __m256i b) { return _mm256_add_epi32(a, b); }
SL_REG __m256i reg_sub_int32(__m256i a, __m256i b) { return _mm256_sub_epi32(a, b); }
template <int k>
SL_REG __m256i reg_shift_left32(__m256i a) {
  return _mm256_slli_epi32(a, k);
}
template <int k>
SL_REG __m256i reg_shift_right32(__m256i a) {
  return _mm256_srli_epi32(a, k);
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
SL_REG __m256 reg_load_f16(const uint8_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
SL_REG __m256 reg_load_bf16(const uint8_t* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
SL_REG __m256 reg_load_i8(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
SL_REG Bytes16 reg_bytes_of_bits(uint16_t bits) {
  const __m128i spread = _mm_shuffle_epi8(_mm_cvtsi32_si128(bits), _mm_set_epi64x(0x0101010101010101, 0));
  const __m128i own = _mm_set1_epi64x(static_cast<long long>(0x8040201008040201));
  return (Bytes16)_mm_cmpeq_epi8(_mm_and_si128(spread, own), own);
}
SL_REG void reg_float_of_i8(Bytes16 v, __m256* out) {
  out[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32((__m128i)v));
  out[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64((__m128i)v, (__m128i)v)));
}
constexpr bool kPicks = false;
SL_REG void reg_pick(const __m256*, Bytes16, __m256*) {}
SL_REG float reg_tree(const __m256* v) {
  const __m256 y = _mm256_add_ps(v[0], v[1]);
  __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
  z = _mm_add_ps(z, _mm_movehl_ps(z, z));
  return _mm_cvtss_f32(_mm_add_ss(z, _mm_movehdup_ps(z)));
}

// Eight trees side by side: the same additions, and half of the steps. At each level a register holds the partial sums of twice
// as many vectors; the order in which they are taken leaves the sums in order.
SL_REG __m256 reg_eight_trees(const float* p) {
  auto eight = [p](int i) __attribute__((always_inline)) {  // lanes 8 apart
    return _mm256_add_ps(_mm256_loadu_ps(p + 16 * i), _mm256_loadu_ps(p + 16 * i + 8));
  };
  auto four = [&](int i, int k) __attribute__((always_inline)) {
    const __m256 a = eight(i), b = eight(k);
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  };
  auto two = [](__m256 a, __m256 b) __attribute__((always_inline)) {
    const __m256d c = _mm256_castps_pd(a), d = _mm256_castps_pd(b);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(c, d)), _mm256_castpd_ps(_mm256_unpackhi_pd(c, d)));
  };
  const __m256 a = two(four(0, 4), four(1, 5)), b = two(four(2, 6), four(3, 7));
  return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
}
SL_REG void reg_trees(const float* lanes, float* sums) {
  const __m256 low = reg_eight_trees(lanes), high = reg_eight_trees(lanes + 128);
  _mm256_storeu_ps(sums, low);
  _mm256_storeu_ps(sums + 8, high);
}

SL_REG __m256d reg_load(const double* p) { return _mm256_loadu_pd(p); }
SL_REG void reg_store(double* p, __m256d v) { _mm256_storeu_pd(p, v); }
SL_REG __m256d reg_set(double v) { return _mm256_set1_pd(v); }
SL_REG __m256d reg_add(__m256d a, __m256d b) { return _mm256_add_pd(a, b); }
SL_REG __m256d reg_sub(__m256d a, __m256d b) { return _mm256_sub_pd(a, b); }
SL_REG __m256d reg_mul(__m256d a, __m256d b) { return _mm256_mul_pd(a, b); }
SL_REG __m256d reg_div(__m256d a, __m256d b) { return _mm256_div_pd(a, b); }
SL_REG __m256d reg_fma(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
SL_REG __m256d reg_less(__m256d a, __m256d b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
SL_REG __m256d reg_less_equal(__m256d a, __m256d b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
SL_REG __m256d reg_select(__m256d m, __m256d yes, __m256d no) { return _mm256_blendv_pd(no, yes, m); }
SL_REG __m256i reg_bits(__m256d v) { return _mm256_castpd_si256(v); }
SL_REG __m256d reg_from_bits_d(__m256i v) { return _mm256_castsi256_pd(v); }
SL_REG __m256i reg_set_int64(int64_t v) { return _mm256_set1_epi64x(v); }
SL_REG __m256i reg_add_int64(__m256i a, __m256i b) { return _mm256_add_epi64(a, b); }
SL_REG __m256i reg_sub_int64(__m256i a, __m256i b) { return _mm256_sub_epi64(a, b); }
template <int k>
SL_REG __m256i reg_shift_left64(__m256i a) {
  return _mm256_slli_epi64(a, k);
}
template <int k>
SL_REG __m256i reg_shift_right64(__m256i a) {
  return _mm256_srli_epi64(a, k);
}
SL_REG void reg_widen(const __m256* v, __m256d* low, __m256d* high) {
  low[0] = _mm256_cvtps_pd(_mm256_castps256_ps128(v[0]));
  low[1] = _mm256_cvtps_pd(_mm256_extractf128_ps(v[0], 1));
  high[0] = _mm256_cvtps_pd(_mm256_castps256_ps128(v[1]));
  high[1] = _mm256_cvtps_pd(_mm256_extractf128_ps(v[1], 1));
}
SL_REG void reg_narrow(const __m256d* low, const __m256d* high, __m256* v) {
  v[0] = _mm256_set_m128(_mm256_cvtpd_ps(low[1]), _mm256_cvtpd_ps(low[0]));
  v[1] = _mm256_set_m128(_mm256_cvtpd_ps(high[1]), _mm256_cvtpd_ps(high[0]));
}
#undef SL_REG

}  // namespace
}  // namespace sparselab::cpu
