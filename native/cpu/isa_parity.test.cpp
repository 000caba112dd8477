// Each weight type on each instruction set as a test of its own, so that `npm run parity -- kernels` can print a table: every
// kernel of the type, with rows of random lengths, gives the bits of plain loops over the values that quant/ decodes.
#include <cmath>

#include "cpu/isa.h"
#include "testing/kernels.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

void check_products(const cpu::Kernels& k, TensorType type, const StoredRows& w, std::mt19937_64& r, const std::string& what) {
  const cpu::TypeKernels& kernels = k.types[place_of(type)];
  const size_t B = 1 + r() % 14;
  const auto x = random_floats(r, B * w.n);
  std::vector<float> values(w.n, NAN), y(w.R, NAN), out(B * w.R, NAN), lanes(cpu::product_scratch(w.R, B), NAN);
  for (size_t i = 0; i < w.R; i++) {
    kernels.dequantise(w.stored.data() + i * w.stride, w.n, values.data());
    CHECK_MSG(same_bits(values, {w.row(i), w.row(i) + w.n}), what);
  }
  kernels.dot_rows(w.rows(), nullptr, w.R, x.data(), w.n, y.data(), 1);
  std::vector<float> down(w.R, NAN), downs(B * w.R, NAN);
  kernels.down_rows(w.rows(), nullptr, w.R, x.data(), w.n, down.data(), 1);
  std::vector<float> panel(cpu::panel_floats(w.R, w.n), NAN), xs(cpu::panel_floats(B, w.n), NAN);
  kernels.to_panel(w.rows(), nullptr, w.R, w.n, panel.data());
  k.types[place_of(F32)].to_panel({reinterpret_cast<const uint8_t*>(x.data()), w.n * sizeof(float)}, nullptr, B, w.n, xs.data());
  k.product_of_panels(panel.data(), w.R, xs.data(), B, w.n, out.data(), w.R, lanes.data());
  k.down_of_panels(panel.data(), w.R, xs.data(), B, w.n, downs.data(), w.R, lanes.data());
  for (size_t i = 0; i < w.R; i++) {
    CHECK_MSG(same(y[i], plain_dot(w.row(i), x.data(), w.n)), what);
    CHECK_MSG(same(down[i], plain_down(w.row(i), x.data(), w.n)), what);
    for (size_t b = 0; b < B; b++) {
      CHECK_MSG(same(out[b * w.R + i], plain_dot(w.row(i), x.data() + b * w.n, w.n)), what);
      CHECK_MSG(same(downs[b * w.R + i], plain_down(w.row(i), x.data() + b * w.n, w.n)), what);
    }
  }
}

// A lane's sum of down from the stored rows, and whole sums from a panel.
void check_down(const cpu::Kernels& k, TensorType type, const StoredRows& w, std::mt19937_64& r, const std::string& what) {
  const cpu::TypeKernels& kernels = k.types[place_of(type)];
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < w.R; i++)
    if (r() % 3) ids.push_back(i);
  const auto a = random_floats(r, ids.size());
  std::vector<float> y(w.n, 0.25f), want(w.n, 0.25f);
  for (size_t i = 0; i < ids.size(); i++)
    for (size_t c = 0; c < w.n; c++) want[c] = std::fma(a[i], w.row(ids[i])[c], want[c]);
  kernels.add_rows(w.rows(), ids.data(), a.data(), ids.size(), 0, 0, w.n, y.data());
  CHECK_MSG(same_bits(y, want), what);

  constexpr size_t C = cpu::kDownChannels;
  const size_t part = std::min(w.n, C);
  std::vector<uint32_t> all(w.R), begin(17, static_cast<uint32_t>(w.R));
  for (uint32_t i = 0; i < w.R; i++) all[i] = i;
  for (uint32_t l = 0; l < 16; l++) begin[l] = static_cast<uint32_t>(w.R * l / 16);
  std::vector<float> panel(w.R * C, NAN), out(C, NAN);
  const auto mid = random_floats(r, w.R);
  kernels.load_rows(w.rows(), all.data(), all.data(), w.R, 0, part, panel.data());
  k.down_tile(panel.data(), begin.data(), mid.data(), 1, out.data());
  for (size_t c = 0; c < part; c++) {
    std::vector<float> lane(16, 0.0f);
    for (uint32_t l = 0; l < 16; l++)
      for (uint32_t i = begin[l]; i < begin[l + 1]; i++) lane[l] = std::fma(mid[i], w.row(i)[c], lane[l]);
    CHECK_MSG(same(out[c], tree(lane.data()) + 0.0f), what);
  }
}

// A matrix (D, F) turned to rows by neuron, where the type's neurons share rows.
void check_transposed(const cpu::Kernels& k, TensorType type, const StoredRows& w, std::mt19937_64& r, const std::string& what) {
  const TransposedForm& form = weight_type(type).transposed;
  if (!form.transpose) return;
  const size_t D = w.R, F = w.n;
  std::vector<uint8_t> own(F * form.own_row(D), 0xff), shared(F / weight_type(type).traits.block * D * form.shared_bytes + 1);
  form.transpose(w.stored.data(), w.stride, D, F, own.data(), shared.data());
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < F; i++)
    if (r() % 3) ids.push_back(i);
  const auto a = random_floats(r, ids.size());
  std::vector<float> y(D, 0.25f), want(D, 0.25f);
  for (size_t i = 0; i < ids.size(); i++)
    for (size_t c = 0; c < D; c++) want[c] = std::fma(a[i], w.row(c)[ids[i]], want[c]);
  const cpu::TypeKernels& kernels = k.types[place_of(type)];
  if (form.shared_bytes)
    kernels.add_transposed(own.data(), shared.data(), D, ids.data(), a.data(), ids.size(), 0, 0, D, y.data());
  else
    kernels.add_rows({own.data(), form.own_row(D)}, ids.data(), a.data(), ids.size(), 0, 0, D, y.data());
  CHECK_MSG(same_bits(y, want), what);
}

void check_all(const cpu::Kernels& k, TensorType type) {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  const uint32_t block = weight_type(type).traits.block;
  const size_t lengths[] = {1, 15, 16, 17, 31, 33, 255, 256, 257, 512, 513, 1000, 1 + r() % 700, 1 + r() % 3000};
  for (size_t length : lengths) {
    const size_t n = (length + block - 1) / block * block;
    const StoredRows w(r, type, 1 + r() % 40, n);
    const std::string what = text("%s on %s, %zu rows of %zu, seed %llu", type_name(type).c_str(), k.isa, w.R, n,
                                  static_cast<unsigned long long>(seed));
    check_products(k, type, w, r, what);
    check_down(k, type, w, r, what);
    check_transposed(k, type, w, r, what);
  }
}

// One test for each pair that this machine runs.
const bool kRegistered = [] {
  for (const cpu::Kernels* k : cpu::runnable_kernels())
    for (TensorType type : kAllTypes)
      add(text("parity: %s on %s is the plain twin, bit for bit", type_name(type).c_str(), k->isa).c_str(),
          [k, type] { check_all(*k, type); });
  return true;
}();

}  // namespace
