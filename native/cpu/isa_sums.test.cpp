// Sums in float64, attention and activations on every instruction set that this machine runs, against plain twins: equal bit for
// bit, and near float64.
#include <cmath>

#include "cpu/isa.h"
#include "testing/kernels.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

double tree(double* lane) {
  for (size_t width = 8; width; width /= 2)
    for (size_t l = 0; l < width; l++) lane[l] += lane[l + width];
  return lane[0];
}

}  // namespace

TEST("isa: sums in float64 are their definition, whatever the size of the numbers") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (size_t n : {1, 15, 16, 17, 100, 1536})
    for (float scale : {1e-20f, 1.0f, 1e20f}) {
      const auto x = random_floats(r, n, scale);
      double lane[16] = {};
      for (size_t j = 0; j < n; j++) lane[j % 16] = std::fma(static_cast<double>(x[j]), static_cast<double>(x[j]), lane[j % 16]);
      const double want = tree(lane);
      for (const cpu::Kernels* k : cpu::runnable_kernels())
        CHECK_MSG(k->sum_of_squares(x.data(), n) == want, where(*k, "sum_of_squares", n, seed));
    }
  const cpu::Kernels& plain = *cpu::runnable_kernels().back();
  for (size_t n : {1, 15, 16, 17, 100, 5000}) {
    const auto x = random_floats(r, n, 4);
    std::vector<float> e(n), p = x;
    float most = x[0];
    for (float v : x) most = std::max(most, v);
    for (size_t j = 0; j < n; j++) e[j] = x[j] - most;
    plain.exp32(e.data(), n, e.data());
    double lane[16] = {}, exact = 0;
    for (size_t j = 0; j < n; j++) {
      lane[j % 16] += static_cast<double>(e[j]);
      exact += std::exp(static_cast<double>(x[j]) - most);
    }
    const float scale = static_cast<float>(1.0 / tree(lane));
    for (const cpu::Kernels* k : cpu::runnable_kernels()) {
      p = x;
      k->softmax(p.data(), n);
      for (size_t j = 0; j < n; j++) {
        CHECK_MSG(same(p[j], e[j] * scale), where(*k, "softmax", n, seed));
        CHECK(std::fabs(p[j] - std::exp(static_cast<double>(x[j]) - most) / exact) <= 1e-6);
      }
      double top, plain_top;
      const double got = k->log_total(x.data(), n, &top);
      CHECK_MSG(got == plain.log_total(x.data(), n, &plain_top) && top == plain_top, where(*k, "log_total", n, seed));
      CHECK_MSG(std::fabs(got - std::log(exact)) <= 1e-13 * (1 + std::fabs(got)) && top == most, where(*k, "log_total", n, seed));
    }
  }
}

TEST("isa: attention's sums keep the order of channels and of positions, for any number of heads") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (size_t heads : {1, 2, 3, 4, 6})
    for (size_t count : {1, 16, 33, 100, 150})
      for (size_t K : {8, 16, 64, 72}) {
        const size_t stride = count + 3, kv = 2 * K, out_stride = count + 5;
        const auto q = random_floats(r, heads * K), k = random_floats(r, K * stride), p = random_floats(r, heads * out_stride),
                   v = random_floats(r, count * kv);
        for (const cpu::Kernels* kernels : cpu::runnable_kernels()) {
          std::vector<float> out(heads * out_stride, NAN), z(heads * K, NAN);
          kernels->scores(q.data(), heads, k.data(), stride, count, K, 0.125f, out.data(), out_stride);
          kernels->weighted_sum(p.data(), out_stride, heads, v.data(), kv, count, K, z.data());
          for (size_t h = 0; h < heads; h++) {
            for (size_t j = 0; j < count; j++) {
              float sum = 0;
              for (size_t c = 0; c < K; c++) sum = std::fma(q[h * K + c], k[c * stride + j], sum);
              CHECK_MSG(same(out[h * out_stride + j], sum * 0.125f), where(*kernels, "scores", count, seed));
            }
            for (size_t c = 0; c < K; c++) {
              float sum = 0;
              for (size_t j = 0; j < count; j++) sum = std::fma(p[h * out_stride + j], v[j * kv + c], sum);
              CHECK_MSG(same(z[h * K + c], sum), where(*kernels, "weighted_sum", count, seed));
            }
            CHECK(std::isnan(out[h * out_stride + count]));
          }
        }
      }
}

TEST("isa: activations have the same bits everywhere and are near float64") {
  std::mt19937_64 r(fresh_seed());
  auto x = random_floats(r, 1003, 6);
  x[0] = 0, x[1] = -0.0f, x[2] = 100, x[3] = -100, x[4] = NAN, x[5] = INFINITY;
  const size_t n = x.size();
  struct Activation {
    void (*cpu::Kernels::*kernel)(const float*, size_t, float*);
    double (*exact)(double);
  };
  const Activation all[] = {
      {&cpu::Kernels::silu, [](double g) { return g / (1 + std::exp(-g)); }},
      {&cpu::Kernels::gelu, [](double g) { return 0.5 * g * std::erfc(-g / std::sqrt(2.0)); }},
      {&cpu::Kernels::gelu_tanh,
       [](double g) { return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g))); }},
  };
  for (const Activation& a : all) {
    std::vector<float> first(n, NAN), y(n);
    (cpu::runnable_kernels().front()->*a.kernel)(x.data(), n, first.data());
    for (size_t j = 6; j < n; j++)
      CHECK_MSG(std::fabs(first[j] - a.exact(x[j])) <= 1e-6 * (1 + std::fabs(x[j])), text("%g gives %g", x[j], first[j]));
    CHECK(std::isnan(first[4]));
    for (const cpu::Kernels* k : cpu::runnable_kernels()) {
      y.assign(n, NAN);
      (k->*a.kernel)(x.data(), n, y.data());
      for (size_t j = 0; j < n; j++)
        CHECK_MSG(same(y[j], first[j]) || (std::isnan(y[j]) && std::isnan(first[j])), text("%s: %g", k->isa, x[j]));
    }
  }
}
