// The elementary functions: within 1.5 ulp (float32) and 2 ulp (float64) of long double, and the same bits on every instruction
// set. SPARSELAB_EXHAUSTIVE=1 goes through every float32 there is (some minutes).
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "cpu/isa.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

// |got - want| in units of the last place of a float32 near want; infinite where one is not finite and they differ.
double ulps32(float got, long double want) {
  const float rounded = static_cast<float>(want);
  if (std::isnan(got) || std::isnan(rounded)) return std::isnan(got) && std::isnan(rounded) ? 0 : kInf;
  if (std::isinf(got) || std::isinf(rounded)) return got == rounded ? 0 : kInf;
  int exponent;
  std::frexp(rounded, &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent - 24, -149));
  return static_cast<double>(std::fabs(got - want) / unit);
}
double ulps64(double got, long double want) {
  const double rounded = static_cast<double>(want);
  if (std::isnan(got) || std::isnan(rounded)) return std::isnan(got) && std::isnan(rounded) ? 0 : kInf;
  if (std::isinf(got) || std::isinf(rounded)) return got == rounded ? 0 : kInf;
  int exponent;
  std::frexp(rounded, &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent - 53, -1074));
  return static_cast<double>(std::fabs(got - want) / unit);
}

struct Function32 {
  const char* name;
  void (*cpu::Kernels::*kernel)(const float*, size_t, float*);
  long double (*exact)(long double);
};
const Function32 kFunctions32[] = {
    {"exp", &cpu::Kernels::exp32, [](long double x) { return std::exp(x); }},
    {"tanh", &cpu::Kernels::tanh32, [](long double x) { return std::tanh(x); }},
    {"erf", &cpu::Kernels::erf32, [](long double x) { return std::erf(x); }},
};
struct Function64 {
  const char* name;
  void (*cpu::Kernels::*kernel)(const double*, size_t, double*);
  long double (*exact)(long double);
};
const Function64 kFunctions64[] = {
    {"exp", &cpu::Kernels::exp64, [](long double x) { return std::exp(x); }},
    {"log", &cpu::Kernels::log64, [](long double x) { return std::log(x); }},
};

bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a != a && b != b); }
bool same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (a != a && b != b); }

}  // namespace

TEST("math: float32 functions within 1.5 ulp over all inputs, same bits everywhere") {
  const bool exhaustive = std::getenv("SPARSELAB_EXHAUSTIVE") != nullptr;
  std::mt19937_64 r(fresh_seed());
  const uint32_t step = exhaustive ? 1 : 9973;
  for (const Function32& f : kFunctions32) {
    double worst = 0;
    float worst_at = 0;
    std::vector<float> x(4096), y(4096), other(4096);
    for (uint64_t bits = exhaustive ? 0 : r() % step; bits < (uint64_t{1} << 32);) {
      for (float& v : x) {
        v = std::bit_cast<float>(static_cast<uint32_t>(bits));
        bits += step;
      }
      (cpu::runnable_kernels().front()->*f.kernel)(x.data(), x.size(), y.data());
      for (const cpu::Kernels* k : cpu::runnable_kernels()) {
        (k->*f.kernel)(x.data(), x.size(), other.data());
        for (size_t i = 0; i < x.size(); i++)
          CHECK_MSG(same(other[i], y[i]), text("%s(%a): %a with %s, not %a", f.name, x[i], other[i], k->isa, y[i]));
      }
      for (size_t i = 0; i < x.size(); i++) {
        const double u = ulps32(y[i], f.exact(x[i]));
        if (!(u <= worst)) worst = u, worst_at = x[i];
      }
    }
    if (exhaustive) std::printf("%s: %.4f ulp at %a\n", f.name, worst, worst_at);
    CHECK_MSG(worst <= 1.5, text("%s is %g ulp off at %a", f.name, worst, worst_at));
  }
}

TEST("math: float64 functions within 2 ulp, same bits everywhere") {
  std::mt19937_64 r(fresh_seed());
  for (const Function64& f : kFunctions64) {
    double worst = 0, worst_at = 0;
    std::vector<double> x = {0.0,     -0.0,     1.0,    -1.0,   kNan,   kInf,   -kInf, 5e-324,
                             -5e-324, 2.3e-308, 709.78, 709.79, -745.1, -745.2, 1e308};
    for (int i = 0; i < 20000; i++) x.push_back(std::bit_cast<double>(r()));
    for (int i = 0; i < 60000; i++)
      x.push_back(std::ldexp(static_cast<double>(static_cast<int64_t>(r())), -53 - static_cast<int>(r() % 20)));
    for (int i = 0; i < 40000; i++)
      x.push_back(1 + std::ldexp(static_cast<double>(static_cast<int64_t>(r())), -64 - static_cast<int>(r() % 40)));
    std::vector<double> y(x.size()), other(x.size());
    (cpu::runnable_kernels().front()->*f.kernel)(x.data(), x.size(), y.data());
    for (const cpu::Kernels* k : cpu::runnable_kernels()) {
      (k->*f.kernel)(x.data(), x.size(), other.data());
      for (size_t i = 0; i < x.size(); i++)
        CHECK_MSG(same(other[i], y[i]), text("%s(%a): %a with %s, not %a", f.name, x[i], other[i], k->isa, y[i]));
    }
    for (size_t i = 0; i < x.size(); i++) {
      const double u = ulps64(y[i], f.exact(x[i]));
      if (!(u <= worst)) worst = u, worst_at = x[i];
    }
    CHECK_MSG(worst <= 2, text("%s is %g ulp off at %a", f.name, worst, worst_at));
  }
}

TEST("math: pow, sin and cos within 2 ulp, same bits everywhere") {
  std::mt19937_64 r(fresh_seed());
  const cpu::Kernels& first = *cpu::runnable_kernels().front();
  double worst = 0, at_x = 0, at_y = 0;
  for (int i = 0; i < 100000; i++) {
    double x = std::fabs(std::bit_cast<double>(r())),
           y = std::ldexp(static_cast<double>(static_cast<int64_t>(r())), -63 + static_cast<int>(r() % 8));
    if (i % 2) x = std::exp2(std::ldexp(static_cast<double>(static_cast<int64_t>(r())), -60));
    if (i % 4 == 1)
      x = 10000 * (1 + static_cast<double>(r() % 100)), y = -static_cast<double>(r() % 128) / 128;  // of rotary positions
    if (!(x > 0) || std::isinf(x)) continue;
    const double got = first.pow64(x, y), u = ulps64(got, std::pow(static_cast<long double>(x), static_cast<long double>(y)));
    if (!(u <= worst)) worst = u, at_x = x, at_y = y;
    for (const cpu::Kernels* k : cpu::runnable_kernels()) CHECK(same(k->pow64(x, y), got));
  }
  if (std::getenv("SPARSELAB_EXHAUSTIVE")) std::printf("pow %g\n", worst);
  CHECK_MSG(worst <= 2, text("pow is %g ulp off at %a, %a", worst, at_x, at_y));
  double worst_angle = 0, at = 0;
  for (int i = 0; i < 200000; i++) {
    double x = std::ldexp(static_cast<double>(static_cast<int64_t>(r())), -63 + static_cast<int>(r() % 33));
    if (i % 3 == 0) x = static_cast<double>(r() % (1u << 20));
    if (i % 7 == 0) x = std::round(x / 4) * 1.5707963267948966;  // near multiples of pi / 2, where the result is small
    double s, c;
    first.sincos64(x, &s, &c);
    for (const cpu::Kernels* k : cpu::runnable_kernels()) {
      double ks, kc;
      k->sincos64(x, &ks, &kc);
      CHECK_MSG(same(ks, s) && same(kc, c), text("sin or cos of %a with %s", x, k->isa));
    }
    const double u = std::max(ulps64(s, std::sin(static_cast<long double>(x))), ulps64(c, std::cos(static_cast<long double>(x))));
    if (!(u <= worst_angle)) worst_angle = u, at = x;
  }
  CHECK_MSG(worst_angle <= 2, text("sin or cos is %g ulp off at %a", worst_angle, at));
}
