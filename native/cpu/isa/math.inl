// Elementary functions of our own, made of additions, multiplications, divisions, fused multiply-adds and integer steps only, so
// that every instruction set gives the same bits. (The C library changes bits between machines: with and without FMA.) float32:
// exp, tanh, erf within 1.5 ulp. float64: exp, log, pow, sin, cos within 2 ulp. Written for Vec16, Vec8d and plain numbers alike.
// Range checks come before conversions; a comparison with NaN is false, so that NaN passes through every one of them.
#pragma once
#include "cpu/isa/vec16.h"

namespace sparselab::cpu {
namespace {

// Plain numbers take part under the same names.
SL_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
SL_INLINE double select(bool m, double yes, double no) { return m ? yes : no; }
SL_INLINE int64_t to_bits(double v) { return bits_as<int64_t>(v); }
SL_INLINE double from_bits(int64_t v) { return bits_as<double>(v); }
SL_INLINE int64_t add(int64_t a, int64_t b) { return bits_as<int64_t>(bits_as<uint64_t>(a) + bits_as<uint64_t>(b)); }
SL_INLINE int64_t sub(int64_t a, int64_t b) { return bits_as<int64_t>(bits_as<uint64_t>(a) - bits_as<uint64_t>(b)); }
SL_INLINE int64_t bit_and(int64_t a, int64_t b) { return a & b; }
template <int k>
SL_INLINE int64_t shift_left(int64_t a) {
  return bits_as<int64_t>(bits_as<uint64_t>(a) << k);
}
template <int k>
SL_INLINE int64_t shift_right(int64_t a) {
  return bits_as<int64_t>(bits_as<uint64_t>(a) >> k);
}
// v in every lane
template <class V>
SL_INLINE V all(double v) {
  if constexpr (sizeof(V) == sizeof(double))
    return v;
  else
    return set(v);
}

constexpr float kInfinity32 = __builtin_inff();
constexpr double kInfinity64 = __builtin_inf();

// ── float32 ─────────────────────────────────────────────────────────────────────────────────────

// e^x. x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r² q(r), q of degree 5.
SL_INLINE Vec16 exp32(const Vec16& given) {
  const Vec16 magic = set(0x1.8p23f), low = set(-104.0f), high = set(89.0f);
  const Vec16 x = select(given < low, low, select(given > high, high, given));
  const Vec16 shifted = fma(x, set(0x1.715476p0f), magic), n = shifted - magic;
  const Vec16 r = fma(n, set(-3.1946184945309415e-05f), fma(n, set(-0x1.62ep-1f), x));
  Vec16 q = set(0x1.a124eep-13f);
  q = fma(q, r, set(0x1.6d432p-10f));
  q = fma(q, r, set(0x1.1110ep-7f));
  q = fma(q, r, set(0x1.5554eap-5f));
  q = fma(q, r, set(0x1.555556p-3f));
  q = fma(q, r, set(0.5f));
  const Vec16 e = fma(r * r, q, r) + set(1.0f);
  // Two powers of two, so that subnormal results are rounded once and large ones become infinite. n is made positive before the
  // shift.
  const Int16 exponent = add(sub(to_bits(shifted), to_bits(magic)), 1024);
  const Int16 half = add(shift_right<1>(exponent), -512), rest = sub(add(exponent, -1024), half);
  const Vec16 first = from_bits(shift_left<23>(add(half, 127))), second = from_bits(shift_left<23>(add(rest, 127)));
  return select(given <= set(kInfinity32), e * first * second, given);  // NaN stays
}

// ── float64 ─────────────────────────────────────────────────────────────────────────────────────

// e^(x + tail), |tail| at most some ulp of x. V: double or Vec8d.
template <class V>
SL_INLINE V exp64(const V& given, const V& tail) {
  const V magic = all<V>(0x1.8p52), low = all<V>(-746.0), high = all<V>(710.0);
  const V x = select(given < low, low, select(given > high, high, given));
  const V shifted = fma(x, all<V>(0x1.71547652b82fep0), magic), n = shifted - magic;
  const V r = fma(n, all<V>(-0x1.a39ef35793c76p-33), fma(n, all<V>(-0x1.62e42feep-1), x)) + tail;
  V q = all<V>(1.0 / 6227020800.0);
  q = fma(q, r, all<V>(1.0 / 479001600.0));
  q = fma(q, r, all<V>(1.0 / 39916800.0));
  q = fma(q, r, all<V>(1.0 / 3628800.0));
  q = fma(q, r, all<V>(1.0 / 362880.0));
  q = fma(q, r, all<V>(1.0 / 40320.0));
  q = fma(q, r, all<V>(1.0 / 5040.0));
  q = fma(q, r, all<V>(1.0 / 720.0));
  q = fma(q, r, all<V>(1.0 / 120.0));
  q = fma(q, r, all<V>(1.0 / 24.0));
  q = fma(q, r, all<V>(1.0 / 6.0));
  q = fma(q, r, all<V>(0.5));
  const V e = fma(r * r, q, r) + all<V>(1.0);
  const auto exponent = add(sub(to_bits(shifted), to_bits(magic)), 4096);
  const auto half = add(shift_right<1>(exponent), -2048), rest = sub(add(exponent, -4096), half);
  const V first = from_bits(shift_left<52>(add(half, 1023))), second = from_bits(shift_left<52>(add(rest, 1023)));
  return select(given <= all<V>(kInfinity64), e * first * second, given);
}
template <class V>
SL_INLINE V exp64(const V& x) {
  return exp64(x, all<V>(0.0));
}

// tanh of float32, computed in float64: 1 - 2 / (e^2x + 1), and its series where that would cancel.
SL_INLINE Vec8d tanh_half(const Vec8d& x) {
  const Vec8d one = set(1.0), magnitude = select(x < set(0.0), set(0.0) - x, x);
  const Vec8d bounded = select(magnitude > set(20.0), set(20.0), magnitude);
  const Vec8d large = one - set(2.0) / (exp64(bounded + bounded) + one);
  const Vec8d small = magnitude * fma(magnitude * magnitude, set(-1.0 / 3.0), one);
  const Vec8d t = select(magnitude < set(0x1p-12), small, large);
  return select(x < set(0.0), set(0.0) - t, t);
}

// erf of float32, computed in float64: x P(x²) below 1, a polynomial around 2.5 up to 4, then 1.
SL_INLINE Vec8d erf_half(const Vec8d& x) {
  const Vec8d magnitude = select(x < set(0.0), set(0.0) - x, x);
  const Vec8d bounded = select(magnitude > set(4.0), set(4.0), magnitude);
  const Vec8d z = bounded * bounded, u = bounded - set(2.5);
  constexpr double near[] = {0x1.20dd750429b19p+0,  -0x1.812746b0271ecp-2,  0x1.ce2f2197bc2efp-4,  -0x1.b82ce15c3b7f8p-6,
                             0x1.565ba0406c001p-8,  -0x1.c0286cad68e02p-11, 0x1.f941bed7e7847p-14, -0x1.f0705a1dde9aap-17,
                             0x1.9ae0986f9de4fp-20, -0x1.c1a515de8637ap-24};
  constexpr double far[] = {0x1.ffcaa8f4c9beap-1,   0x1.1d8316e7cadf4p-9,   -0x1.64e3dc4ffbe16p-8, 0x1.119da1be62fdep-7,
                            -0x1.1a89c05ab00f7p-7,  0x1.90e805ab7863cp-8,   -0x1.6ecce80d8bf59p-9, 0x1.1c6201e186122p-11,
                            0x1.113d181feaf15p-12,  -0x1.06724f84127dfp-12, 0x1.4b3e6e48ea746p-14, 0x1.57ae6eeba2075p-18,
                            -0x1.df151c07e1adbp-17, 0x1.3d047d3b4ed88p-18,  0x1.559a0d1eae7f6p-22, -0x1.6892c52095d11p-21,
                            0x1.07b6c72dcb40fp-23,  0x1.1fbd734ead2c7p-25,  -0x1.7a751c340b769p-27};
  Vec8d p = set(near[9]), q = set(far[18]);
  SL_UNROLL for (int i = 8; i >= 0; i--) p = fma(p, z, set(near[i]));
  SL_UNROLL for (int i = 17; i >= 0; i--) q = fma(q, u, set(far[i]));
  const Vec8d t = select(bounded < set(1.0), bounded * p, q);
  return select(x < set(0.0), set(0.0) - t, t);
}

SL_INLINE Vec16 tanh32(const Vec16& x) {
  Vec8d low, high;
  widen(x, low, high);
  return narrow(tanh_half(low), tanh_half(high));
}
SL_INLINE Vec16 erf32(const Vec16& x) {
  Vec8d low, high;
  widen(x, low, high);
  return narrow(erf_half(low), erf_half(high));
}

// x as 2^k m with sqrt(1/2) <= m < sqrt(2); k as a number. x is positive, finite, and not 0; subnormal numbers are scaled first.
template <class V>
struct Split {
  V k, m;
};
template <class V>
SL_INLINE Split<V> split(const V& given) {
  const V magic = all<V>(0x1.8p52);
  const auto subnormal = given < all<V>(0x1p-1022);
  const V x = select(subnormal, given * all<V>(0x1p54), given);
  const auto bits = to_bits(x);
  // The exponent of x / sqrt(1/2), with 1024 added so that it is positive.
  const auto k = shift_right<52>(add(bits, (int64_t{1024} << 52) - 0x3fe6a09e667f3bcd));
  const V number = (from_bits(add(k, 0x4338000000000000)) - magic) - all<V>(1024.0);
  const V m = from_bits(sub(bits, shift_left<52>(add(k, -1024))));
  return {select(subnormal, number - all<V>(54.0), number), m};
}

// The natural logarithm: log(1 + f) = f - (f²/2 - s (f²/2 + R)), s = f / (2 + f), R = s² (2/3 + s² (2/5 + ...)).
template <class V>
SL_INLINE V log64(const V& x) {
  const V infinity = all<V>(kInfinity64), zero = all<V>(0.0);
  const auto positive = zero < x, finite = x < infinity;
  const Split<V> parts = split(select(positive, select(finite, x, all<V>(1.0)), all<V>(1.0)));
  const V f = parts.m - all<V>(1.0), s = f / (all<V>(2.0) + f), z = s * s, half = all<V>(0.5) * f * f;
  V r = all<V>(2.0 / 23.0);
  SL_UNROLL for (int i = 21; i >= 3; i -= 2) r = fma(r, z, all<V>(2.0 / i));
  r = r * z;
  const V low = parts.k * all<V>(0x1.a39ef35793c76p-33);
  const V value = parts.k * all<V>(0x1.62e42feep-1) - ((half - fma(s, half + r, low)) - f);
  // 0 gives -infinity, a negative number NaN; infinity and NaN give themselves.
  const V outside = select(x < zero, zero / zero, select(x <= zero, zero - infinity, x));
  return select(positive, select(finite, value, x), outside);
}

// x^y for x > 0, finite: e^(y log x), with the logarithm to twice the precision. Other x give NaN.
SL_INLINE double pow64(double x, double y) {
  if (!(x > 0 && x < kInfinity64)) return x == x ? __builtin_nan("") : x;
  const Split<double> parts = split(x);
  const double f = parts.m - 1.0, d = 2.0 + f, d_low = f - (d - 2.0);
  const double s = f / d, s_low = (fma(-s, d, f) - s * d_low) / d;
  const double z = s * s, z_low = fma(s, s, -z) + 2 * s * s_low;
  // c = s³ in two parts, then 2/3 c in two parts
  const double c = z * s, c_low = fma(z, s, -c) + z * s_low + z_low * s;
  const double t = 0x1.5555555555555p-1 * c,
               t_low = fma(0x1.5555555555555p-1, c, -t) + 0x1.5555555555555p-1 * c_low + 0x1.5555555555555p-55 * c;
  double r = 2.0 / 23.0;
  for (int i = 21; i >= 5; i -= 2) r = fma(r, z, 2.0 / i);
  const double rest = r * z * z * s;
  // 2 s + t + rest + k ln 2, largest first
  const double a = 2 * s, sum = a + t, sum_low = (a - sum) + t;
  const double k_high = parts.k * 0x1.62e42feep-1, k_low = parts.k * 0x1.a39ef35793c76p-33;
  const double high = k_high + sum, high_low = parts.k == 0 ? 0.0 : (k_high - high) + sum;
  const double low = high_low + (sum_low + (2 * s_low + (t_low + (rest + k_low))));
  const double l = high + low, l_low = (high - l) + low;
  const double p = y * l, p_low = fma(y, l, -p) + y * l_low;
  if (!(p > -746.0 && p < 710.0)) return exp64(p);
  return exp64(p, p_low);
}

// sin and cos of x, |x| <= 2^32 (beyond: NaN). x = n π/2 + r with π/2 in three parts.
struct SinCos {
  double sin, cos;
};
SL_INLINE SinCos sincos64(double x) {
  if (!(x >= -0x1p32 && x <= 0x1p32)) return {__builtin_nan(""), __builtin_nan("")};
  const double n = fma(x, 0x1.45f306dc9c883p-1, 0x1.8p52) - 0x1.8p52;
  // r + r_low = x - n π/2
  const double a = n * 0x1.921fb54442d18p0, a_low = fma(n, 0x1.921fb54442d18p0, -a);
  const double b = n * 0x1.1a62633145c07p-54, b_low = fma(n, 0x1.1a62633145c07p-54, -b);
  const double t = x - a;
  const double u = t - a_low, u_low = (t - u) - a_low;
  const double v = u - b, v_low = (u - v) - b;
  const double tail = (v_low + u_low) - b_low - n * -0x1.f1976b8p-110;
  const double r = v + tail, r_low = (v - r) + tail;
  const double z = r * r;
  double s = -1.0 / 1307674368000.0;
  s = fma(s, z, 1.0 / 6227020800.0);
  s = fma(s, z, -1.0 / 39916800.0);
  s = fma(s, z, 1.0 / 362880.0);
  s = fma(s, z, -1.0 / 5040.0);
  s = fma(s, z, 1.0 / 120.0);
  s = fma(s, z, -1.0 / 6.0);
  const double half = 0.5 * z;
  const double sine = r + fma(s * z, r, r_low * (1.0 - half));
  double c = 1.0 / 20922789888000.0;
  c = fma(c, z, -1.0 / 87178291200.0);
  c = fma(c, z, 1.0 / 479001600.0);
  c = fma(c, z, -1.0 / 3628800.0);
  c = fma(c, z, 1.0 / 40320.0);
  c = fma(c, z, -1.0 / 720.0);
  c = fma(c, z, 1.0 / 24.0);
  const double one = 1.0 - half;
  const double cosine = one + (((1.0 - one) - half) + fma(z * z, c, -(r * r_low)));
  const int64_t quadrant = bit_and(sub(to_bits(n + 0x1.8p52), to_bits(0x1.8p52)), 3);
  switch (quadrant) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace
}  // namespace sparselab::cpu
