// The vector types of the kernels: Vec16 (16 float32) and Vec8d (8 float64). Their width never changes, so every instruction set
// gives the same bits: 1 zmm, 2 ymm, 4 NEON registers, or plain arrays. Which one is taken follows the compiler's flags.
//
// Only files under cpu/isa/ include this, each compiled with flags of its own. Everything here has internal linkage, and nothing
// here uses templates of the standard library: a function that two of those files share by name could be taken from the wrong
// one.
#pragma once
#include <stdint.h>
#include <string.h>

#define SL_INLINE static inline __attribute__((always_inline))

namespace sparselab::cpu {
namespace {
typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef uint16_t Words8 __attribute__((vector_size(16)));
}  // namespace
}  // namespace sparselab::cpu

#if defined(__AVX512F__) && !defined(SPARSELAB_ISA_PLAIN)
#define SL_UNROLL _Pragma("GCC unroll 16")
#include "cpu/isa/vec16_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__) && !defined(SPARSELAB_ISA_PLAIN)
#define SL_UNROLL _Pragma("GCC unroll 16")
#include "cpu/isa/vec16_avx2.h"
#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(SPARSELAB_ISA_PLAIN)
#define SL_UNROLL _Pragma("GCC unroll 16")
#include "cpu/isa/vec16_neon.h"
#else
#define SL_UNROLL  // plain arrays: loops stay loops, which compile in a tenth of the time
#include "cpu/isa/vec16_plain.h"
#endif

namespace sparselab::cpu {
namespace {

// A number of the same bits as another type.
template <class To, class From>
SL_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// One half float.
SL_INLINE float half_value(const uint8_t* p) { return reg_half(p); }
// Eight half floats that lie `stride` bytes apart.
SL_INLINE void eight_halves(const uint8_t* p, size_t stride, float* out) { reg_eight_halves(p, stride, out); }

struct Vec16 {
  Reg r[kRegs];
};
struct Mask16 {
  RegMask r[kRegs];
};
struct Int16 {  // 16 int32
  RegInt r[kRegs];
};
struct Vec8d {
  RegD r[kRegsD];
};
struct Mask8d {
  RegMaskD r[kRegsD];
};
struct Int8d {  // 8 int64
  RegIntD r[kRegsD];
};

#define SL_MAP(Out, n, expression)                             \
  Out out;                                                     \
  SL_UNROLL for (int i = 0; i < n; i++) out.r[i] = expression; \
  return out

// ── float32 ─────────────────────────────────────────────────────────────────────────────────────
SL_INLINE Vec16 load(const float* p) { SL_MAP(Vec16, kRegs, reg_load(p + i * kWidth)); }
SL_INLINE Vec16 set(float v) { SL_MAP(Vec16, kRegs, reg_set(v)); }
SL_INLINE Vec16 zero() { return set(0.0f); }
SL_INLINE void store(float* p, const Vec16& v) { SL_UNROLL for (int i = 0; i < kRegs; i++) reg_store(p + i * kWidth, v.r[i]); }
SL_INLINE Vec16 operator+(const Vec16& a, const Vec16& b) { SL_MAP(Vec16, kRegs, reg_add(a.r[i], b.r[i])); }
SL_INLINE Vec16 operator-(const Vec16& a, const Vec16& b) { SL_MAP(Vec16, kRegs, reg_sub(a.r[i], b.r[i])); }
SL_INLINE Vec16 operator*(const Vec16& a, const Vec16& b) { SL_MAP(Vec16, kRegs, reg_mul(a.r[i], b.r[i])); }
SL_INLINE Vec16 operator/(const Vec16& a, const Vec16& b) { SL_MAP(Vec16, kRegs, reg_div(a.r[i], b.r[i])); }
// a * b + c, rounded once
SL_INLINE Vec16 fma(const Vec16& a, const Vec16& b, const Vec16& c) { SL_MAP(Vec16, kRegs, reg_fma(a.r[i], b.r[i], c.r[i])); }
// Comparisons are false where a number is NaN.
SL_INLINE Mask16 operator<(const Vec16& a, const Vec16& b) { SL_MAP(Mask16, kRegs, reg_less(a.r[i], b.r[i])); }
SL_INLINE Mask16 operator>(const Vec16& a, const Vec16& b) { return b < a; }
SL_INLINE Mask16 operator<=(const Vec16& a, const Vec16& b) { SL_MAP(Mask16, kRegs, reg_less_equal(a.r[i], b.r[i])); }
// yes where the mask holds, else no
SL_INLINE Vec16 select(const Mask16& m, const Vec16& yes, const Vec16& no) {
  SL_MAP(Vec16, kRegs, reg_select(m.r[i], yes.r[i], no.r[i]));
}
SL_INLINE Int16 to_bits(const Vec16& v) { SL_MAP(Int16, kRegs, reg_bits(v.r[i])); }
SL_INLINE Vec16 from_bits(const Int16& v) { SL_MAP(Vec16, kRegs, reg_from_bits(v.r[i])); }
SL_INLINE Int16 add(const Int16& a, int32_t b) { SL_MAP(Int16, kRegs, reg_add_int32(a.r[i], reg_set_int(b))); }
SL_INLINE Int16 sub(const Int16& a, const Int16& b) { SL_MAP(Int16, kRegs, reg_sub_int32(a.r[i], b.r[i])); }
template <int k>
SL_INLINE Int16 shift_left(const Int16& a) {
  SL_MAP(Int16, kRegs, reg_shift_left32<k>(a.r[i]));
}
template <int k>  // fills with zeros
SL_INLINE Int16 shift_right(const Int16& a) {
  SL_MAP(Int16, kRegs, reg_shift_right32<k>(a.r[i]));
}

// 16 stored numbers as float32, exactly.
SL_INLINE Vec16 load_f16(const uint8_t* p) { SL_MAP(Vec16, kRegs, reg_load_f16(p + i * kWidth * 2)); }
SL_INLINE Vec16 load_bf16(const uint8_t* p) { SL_MAP(Vec16, kRegs, reg_load_bf16(p + i * kWidth * 2)); }
SL_INLINE Vec16 load_i8(const uint8_t* p) { SL_MAP(Vec16, kRegs, reg_load_i8(p + i * kWidth)); }

// ── 16 bytes ────────────────────────────────────────────────────────────────────────────────────
// The quants of small types are put together here and become float32 at the end. The operators & | - are the compiler's.
SL_INLINE Bytes16 load_bytes(const uint8_t* p) {
  Bytes16 bytes;
  memcpy(&bytes, p, sizeof bytes);
  return bytes;
}
SL_INLINE Bytes16 all_bytes(int v) {
  const uint8_t b = static_cast<uint8_t>(v);
  return Bytes16{b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b};
}
// Neighbouring bytes shift together: mask away what comes over.
SL_INLINE Bytes16 shift_right(Bytes16 v, size_t k) { return (Bytes16)((Words8)v >> static_cast<int>(k)); }
SL_INLINE Bytes16 shift_left(Bytes16 v, size_t k) { return (Bytes16)((Words8)v << static_cast<int>(k)); }
// 255 in byte j where bit j is set, else 0
SL_INLINE Bytes16 bytes_of_bits(uint16_t bits) { return reg_bytes_of_bits(bits); }
SL_INLINE Vec16 to_float(Bytes16 v) {  // int8
  Vec16 out;
  reg_float_of_i8(v, out.r);
  return out;
}
// table[j] for the low 4 bits of each byte; only where kPicks
SL_INLINE Vec16 pick(const Vec16& table, Bytes16 index) {
  Vec16 out;
  reg_pick(table.r, index, out.r);
  return out;
}

// The sum of 16 lanes by one fixed tree: lanes 8 apart, then 4, 2, 1.
SL_INLINE float tree(const Vec16& v) { return reg_tree(v.r); }
// The trees of 16 vectors that lie one after another: sums[i] = tree(lanes + 16 * i). `sums` may begin where `lanes` does.
SL_INLINE void trees(const float* lanes, float* sums) { reg_trees(lanes, sums); }

// ── float64 ─────────────────────────────────────────────────────────────────────────────────────
SL_INLINE Vec8d load(const double* p) { SL_MAP(Vec8d, kRegsD, reg_load(p + i * kWidthD)); }
SL_INLINE Vec8d set(double v) { SL_MAP(Vec8d, kRegsD, reg_set(v)); }
SL_INLINE void store(double* p, const Vec8d& v) { SL_UNROLL for (int i = 0; i < kRegsD; i++) reg_store(p + i * kWidthD, v.r[i]); }
SL_INLINE Vec8d operator+(const Vec8d& a, const Vec8d& b) { SL_MAP(Vec8d, kRegsD, reg_add(a.r[i], b.r[i])); }
SL_INLINE Vec8d operator-(const Vec8d& a, const Vec8d& b) { SL_MAP(Vec8d, kRegsD, reg_sub(a.r[i], b.r[i])); }
SL_INLINE Vec8d operator*(const Vec8d& a, const Vec8d& b) { SL_MAP(Vec8d, kRegsD, reg_mul(a.r[i], b.r[i])); }
SL_INLINE Vec8d operator/(const Vec8d& a, const Vec8d& b) { SL_MAP(Vec8d, kRegsD, reg_div(a.r[i], b.r[i])); }
SL_INLINE Vec8d fma(const Vec8d& a, const Vec8d& b, const Vec8d& c) { SL_MAP(Vec8d, kRegsD, reg_fma(a.r[i], b.r[i], c.r[i])); }
SL_INLINE Mask8d operator<(const Vec8d& a, const Vec8d& b) { SL_MAP(Mask8d, kRegsD, reg_less(a.r[i], b.r[i])); }
SL_INLINE Mask8d operator>(const Vec8d& a, const Vec8d& b) { return b < a; }
SL_INLINE Mask8d operator<=(const Vec8d& a, const Vec8d& b) { SL_MAP(Mask8d, kRegsD, reg_less_equal(a.r[i], b.r[i])); }
SL_INLINE Vec8d select(const Mask8d& m, const Vec8d& yes, const Vec8d& no) {
  SL_MAP(Vec8d, kRegsD, reg_select(m.r[i], yes.r[i], no.r[i]));
}
SL_INLINE Int8d to_bits(const Vec8d& v) { SL_MAP(Int8d, kRegsD, reg_bits(v.r[i])); }
SL_INLINE Vec8d from_bits(const Int8d& v) { SL_MAP(Vec8d, kRegsD, reg_from_bits_d(v.r[i])); }
SL_INLINE Int8d add(const Int8d& a, int64_t b) { SL_MAP(Int8d, kRegsD, reg_add_int64(a.r[i], reg_set_int64(b))); }
SL_INLINE Int8d sub(const Int8d& a, const Int8d& b) { SL_MAP(Int8d, kRegsD, reg_sub_int64(a.r[i], b.r[i])); }
template <int k>
SL_INLINE Int8d shift_left(const Int8d& a) {
  SL_MAP(Int8d, kRegsD, reg_shift_left64<k>(a.r[i]));
}
template <int k>
SL_INLINE Int8d shift_right(const Int8d& a) {
  SL_MAP(Int8d, kRegsD, reg_shift_right64<k>(a.r[i]));
}

// The two halves of 16 float32 as float64, and back (rounded to nearest even).
SL_INLINE void widen(const Vec16& v, Vec8d& low, Vec8d& high) { reg_widen(v.r, low.r, high.r); }
SL_INLINE Vec16 narrow(const Vec8d& low, const Vec8d& high) {
  Vec16 out;
  reg_narrow(low.r, high.r, out.r);
  return out;
}

#undef SL_MAP

}  // namespace
}  // namespace sparselab::cpu
