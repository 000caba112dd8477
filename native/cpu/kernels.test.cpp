// The kernels against their plain twins, bit for bit, and against float64 to a stated tolerance. Fresh numbers, awkward lengths.
#include "cpu/kernels.h"

#include <cmath>

#include "quant/half.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

// The definition, word for word.
float plain_dot(const float* w, const float* x, size_t n) {
  float lane[16] = {};
  for (size_t j = 0; j < n; j++) lane[j % 16] = std::fma(w[j], x[j], lane[j % 16]);
  for (size_t width = 8; width; width /= 2)
    for (size_t l = 0; l < width; l++) lane[l] += lane[l + width];
  return lane[0];
}

const size_t kLengths[] = {1, 2, 15, 16, 17, 31, 32, 64, 96, 100, 256, 1000};

}  // namespace

TEST("kernels: dot is its definition, and near float64") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (size_t n : kLengths) {
    auto w = random_floats(r, n), x = random_floats(r, n);
    float got = cpu::dot(w.data(), x.data(), n), want = plain_dot(w.data(), x.data(), n);
    double exact = 0, size = 0;
    for (size_t j = 0; j < n; j++) {
      exact += static_cast<double>(w[j]) * x[j];
      size += std::fabs(static_cast<double>(w[j]) * x[j]);
    }
    CHECK_MSG(got == want, text("n %zu seed %llu", n, (unsigned long long)seed));
    CHECK_MSG(std::fabs(got - exact) <= 1e-6 * size,
              text("n %zu: %g against %g, seed %llu", n, got, exact, (unsigned long long)seed));
  }
}

TEST("kernels: every tile gives the bits of one dot") {
  std::mt19937_64 r(fresh_seed());
  for (size_t n : {1, 16, 31, 100, 256})
    for (size_t R : {1, 3, 4, 9})
      for (size_t B : {1, 2, 5}) {
        auto w = random_floats(r, R * n), x = random_floats(r, B * n);
        std::vector<float> out(R * B, NAN);
        cpu::dots(w.data(), R, x.data(), B, n, out.data(), 1, R);
        for (size_t b = 0; b < B; b++)
          for (size_t k = 0; k < R; k++) CHECK(out[b * R + k] == plain_dot(w.data() + k * n, x.data() + b * n, n));
        std::vector<uint32_t> rows;
        for (uint32_t b = 0; b < B; b++)
          if (r() % 3) rows.push_back(b);
        std::vector<float> some(B, NAN);
        cpu::dots_of_rows(w.data(), x.data(), n, rows.data(), rows.size(), some.data());
        for (size_t k = 0; k < rows.size(); k++) CHECK(some[k] == plain_dot(w.data(), x.data() + rows[k] * n, n));
      }
}

TEST("kernels: weights of every type as float32") {
  std::mt19937_64 r(fresh_seed());
  auto values = random_floats(r, 320);
  for (TensorType type : {F32, F16, Q8_0}) {
    auto bytes = encode(type, values);
    std::vector<float> got(320, NAN), want(320);
    cpu::dequantise(type, bytes.data(), 320, got.data());
    for (size_t j = 0; j < 320; j++) {
      uint16_t h;
      if (type == F32) want[j] = values[j];
      if (type == F16) {
        std::memcpy(&h, bytes.data() + 2 * j, 2);
        want[j] = half_to_float(h);
      }
      if (type == Q8_0) {
        std::memcpy(&h, bytes.data() + j / 32 * 34, 2);
        want[j] = half_to_float(h) * static_cast<float>(static_cast<int8_t>(bytes[j / 32 * 34 + 2 + j % 32]));
      }
      CHECK(std::fabs(values[j] - got[j]) <= (type == F32 ? 0 : type == F16 ? 1e-3f : 0.03f));
    }
    CHECK(same_bits(got, want));
  }
}

TEST("kernels: add_to_rows") {
  std::mt19937_64 r(fresh_seed());
  for (size_t n : {1, 17, 64}) {
    const size_t B = 5;
    auto w = random_floats(r, n), a = random_floats(r, B), y = random_floats(r, B * n);
    auto want = y;
    std::vector<uint32_t> rows = {0, 3, 4};
    for (uint32_t b : rows)
      for (size_t j = 0; j < n; j++) want[b * n + j] = std::fma(a[b], w[j], want[b * n + j]);
    cpu::add_to_rows(w.data(), n, a.data(), 1, rows.data(), rows.size(), y.data(), n);
    CHECK(same_bits(y, want));
  }
}

TEST("kernels: attention's scores and weighted sum") {
  std::mt19937_64 r(fresh_seed());
  for (size_t K : {2, 16, 20, 32, 66, 128})
    for (size_t count : {1, 3, 4, 63, 64, 65, 200}) {
      const size_t stride = count + r() % 3;
      auto q = random_floats(r, K), k = random_floats(r, K * stride), p = random_floats(r, count),
           v = random_floats(r, count * (K + 1));
      std::vector<float> got(count, NAN), out(K, NAN);
      cpu::scores(q.data(), k.data(), stride, count, K, 0.25f, got.data());
      for (size_t j = 0; j < count; j++) {
        float sum = 0;
        for (size_t c = 0; c < K; c++) sum = std::fma(q[c], k[c * stride + j], sum);
        CHECK(got[j] == sum * 0.25f);
      }
      cpu::weighted_sum(p.data(), v.data(), K + 1, count, K, out.data());
      for (size_t c = 0; c < K; c++) {
        float sum = 0;
        double exact = 0, size = 0;
        for (size_t j = 0; j < count; j++) {
          sum = std::fma(p[j], v[j * (K + 1) + c], sum);
          exact += static_cast<double>(p[j]) * v[j * (K + 1) + c];
          size += std::fabs(static_cast<double>(p[j]) * v[j * (K + 1) + c]);
        }
        CHECK(out[c] == sum);
        CHECK(std::fabs(out[c] - exact) <= 1e-5 * size);
      }
    }
}
