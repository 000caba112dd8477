// int8 activations: the quantiser against its definition in float64, the products of every type on every instruction set against
// float64 sums of the same integers, and bit for bit against the plain twin.
#include "cpu/int8.h"

#include <cmath>
#include <limits>

#include "quant/half.h"
#include "testing/kernels.h"

using namespace sparselab;
using namespace sparselab::testing;
using cpu::Int8Form;
using cpu::Int8Rows;

namespace {

uint64_t block_of(Int8Form form) { return form == Int8Form::q8_k ? 256 : 32; }

// Values of many sizes, and whole blocks of zeros.
std::vector<float> activations(std::mt19937_64& r, size_t n) {
  std::vector<float> x = random_floats(r, n);
  for (size_t b = 0; b < n; b += 32) {
    const float size = std::ldexp(1.0f, static_cast<int>(r() % 24) - 12);
    const bool zero = r() % 8 == 0;
    for (size_t j = b; j < std::min(n, b + 32); j++) x[j] = zero ? 0.0f : x[j] * size;
  }
  return x;
}

Int8Rows quantised(Int8Form form, const std::vector<float>& x, size_t n) {
  Int8Rows rows;
  rows.reset(form, x.size() / n, n);
  for (size_t b = 0; b < x.size() / n; b++) rows.make(form, b, x.data() + b * n);
  return rows;
}

// Row i of w times row b of x in float64, and the sum of the terms' magnitudes.
std::pair<double, double> exact_product(const StoredRows& w, TensorType type, const Int8Rows& x, Int8Form form, size_t i,
                                        size_t b) {
  const uint64_t block = block_of(form), blocks = w.n / block;
  double sum = 0, size = 0;
  auto add = [&](double term) {
    sum += term;
    size += std::fabs(term);
  };
  for (uint64_t j = 0; j < w.n; j++) {
    double weight = static_cast<double>(w.row(i)[j]);
    // A block's minimum meets the rounded sum of the block instead.
    if (form == Int8Form::q8_1) {
      uint16_t half;
      std::memcpy(&half, w.stored.data() + i * w.stride + j / 32 * weight_type(type).traits.block_bytes + 2, 2);
      const double minimum = static_cast<double>(half_to_float(half));
      weight -= minimum;
      if (j % 32 == 0) add(minimum * static_cast<double>(x.sum[b * blocks + j / 32]));
    }
    add(weight * static_cast<double>(x.scale[b * blocks + j / block]) * x.q[b * w.n + j]);
  }
  return {sum, size};
}

void check_products(const cpu::Kernels& k, TensorType type) {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  const Int8Form form = cpu::int8_form(type);
  for (const size_t blocks : {1ul, 2ul, 3ul, 1 + r() % 12}) {
    const size_t n = blocks * block_of(form), B = 1 + r() % 40;
    const StoredRows w(r, type, 1 + r() % 20, n);
    const Int8Rows x = quantised(form, activations(r, B * n), n);
    const std::string what = text("%s on %s, %zu rows of %zu with %zu, seed %llu", type_name(type).c_str(), k.isa, w.R, n, B,
                                  static_cast<unsigned long long>(seed));
    std::vector<float> y(B * w.R, NAN), twin(B * w.R, NAN);
    k.types[place_of(type)].int8_rows(w.rows(), nullptr, w.R, x, 0, B, y.data(), w.R);
    cpu::runnable_kernels().back()->types[place_of(type)].int8_rows(w.rows(), nullptr, w.R, x, 0, B, twin.data(), w.R);
    CHECK_MSG(same_bits(y, twin), what);
    for (size_t b = 0; b < B; b++)
      for (size_t i = 0; i < w.R; i++) {
        const auto [sum, size] = exact_product(w, type, x, form, i, b);
        CHECK_MSG(std::fabs(static_cast<double>(y[b * w.R + i]) - sum) <= 2e-6 * size, what);
      }
    // Some rows of w with one row of x give the same bits.
    std::vector<uint32_t> ids;
    for (uint32_t i = 0; i < w.R; i++)
      if (r() % 2) ids.push_back(i);
    std::vector<float> some(ids.size(), NAN);
    k.types[place_of(type)].int8_rows(w.rows(), ids.data(), ids.size(), x, B - 1, 1, some.data(), ids.size());
    for (size_t i = 0; i < ids.size(); i++) CHECK_MSG(same(some[i], y[(B - 1) * w.R + ids[i]]), what);
  }
}

const bool kRegistered = [] {
  for (const cpu::Kernels* k : cpu::runnable_kernels())
    for (TensorType type : kAllTypes) {
      if (cpu::int8_form(type) == Int8Form::none) continue;
      add(text("int8: %s on %s is the plain twin, bit for bit, and near float64", type_name(type).c_str(), k->isa).c_str(),
          [k, type] { check_products(*k, type); });
    }
  return true;
}();

}  // namespace

TEST("int8: types whose products stay float have no kernel, and the others have one") {
  for (const cpu::Kernels* k : cpu::runnable_kernels())
    for (TensorType type : kAllTypes)
      CHECK((k->types[place_of(type)].int8_rows == nullptr) == (cpu::int8_form(type) == Int8Form::none));
}

TEST("int8: activations become integers as their form says") {
  std::mt19937_64 r(fresh_seed());
  for (const Int8Form form : {Int8Form::q8_0, Int8Form::q8_1, Int8Form::q8_k}) {
    const size_t block = block_of(form), n = 3 * block;
    for (int round = 0; round < 50; round++) {
      const std::vector<float> x = activations(r, n);
      const Int8Rows rows = quantised(form, x, n);
      for (size_t i = 0; i < 3; i++) {
        const float* from = x.data() + i * block;
        float most = 0, first = 0;
        for (size_t j = 0; j < block; j++)
          if (std::fabs(from[j]) > most) most = std::fabs(from[j]), first = from[j];
        int32_t total = 0;
        for (size_t j = 0; j < block; j++) {
          // The nearest integer, the even one of two: written out, so that it is another way than the quantiser's.
          const float scaled = most == 0 ? 0 : form == Int8Form::q8_k ? (-127.0f / first) * from[j] : from[j] * (127.0f / most);
          const float down = std::floor(scaled), rest = scaled - down;
          const float even = std::fmod(down, 2.0f) == 0 ? down : down + 1;
          const auto want = static_cast<int32_t>(rest < 0.5f ? down : rest > 0.5f ? down + 1 : even);
          CHECK(rows.q[i * block + j] == std::min(want, 127));
          total += rows.q[i * block + j];
        }
        const float step = most / 127.0f;
        if (form == Int8Form::q8_k)
          CHECK(same(rows.scale[i], most == 0 ? 0 : 1.0f / (-127.0f / first)));
        else
          CHECK(same(rows.scale[i], half_to_float(float_to_half(step))));
        if (form == Int8Form::q8_1) CHECK(same(rows.sum[i], half_to_float(float_to_half(step * static_cast<float>(total)))));
        if (form == Int8Form::q8_k) {
          int32_t sums = 0;
          for (size_t g = 0; g < 8; g++) sums += rows.q_sum[i * 8 + g];
          CHECK(sums == total);
        }
      }
    }
  }
}

TEST("int8: a value that is not finite spoils its block's products, and tiny ones count as zero") {
  for (const Int8Form form : {Int8Form::q8_0, Int8Form::q8_1, Int8Form::q8_k}) {
    const size_t n = block_of(form);
    for (const float odd : {INFINITY, -INFINITY, NAN}) {
      std::vector<float> x(n, 1.0f);
      x[n / 2] = odd;
      const Int8Rows rows = quantised(form, x, n);
      CHECK(std::isnan(rows.scale[0]));
      if (form == Int8Form::q8_1) CHECK(std::isnan(rows.sum[0]));
    }
    const std::vector<float> tiny(n, std::numeric_limits<float>::denorm_min());
    const Int8Rows rows = quantised(form, tiny, n);
    for (const int8_t q : rows.q) CHECK(q == 0);
    CHECK(std::isfinite(rows.scale[0]));
  }
}
