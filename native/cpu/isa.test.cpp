// The kernels of every instruction set that this machine runs, against plain twins of a few lines: equal bit for bit. And the
// twins against float64 to a stated tolerance. Fresh numbers, awkward lengths, results poisoned with NaN beforehand.
#include "cpu/isa.h"

#include <cmath>

#include "testing/encode_quants.h"
#include "testing/kernels.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

// ── Random weights of each type, stored and as float32 ──────────────────────────────────────────
struct Type {
  TensorType type;
  const char* name;
  size_t block, place;
};
#define SPARSELAB_EACH(name, number) {name, #name, weight_type(name).traits.block, place_of(name)},
const Type kTypes[] = {SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH)};
#undef SPARSELAB_EACH

std::vector<size_t> lengths(size_t block) {
  std::vector<size_t> all;
  for (size_t n : {1, 2, 15, 16, 17, 31, 32, 64, 96, 100, 255, 256, 257, 288, 512, 768, 1000, 1536, 1537})
    if (n % block == 0) all.push_back(n);
  return all;
}

}  // namespace

TEST("isa: the sets this machine runs end with plain, which SPARSELAB_ISA may always name") {
  CHECK(std::string(cpu::runnable_kernels().back()->isa) == "plain");
  CHECK(cpu::runnable_names().ends_with("plain"));
}

TEST("isa: dot products of stored rows are their definition, and near float64") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (const Type& type : kTypes)
    for (size_t n : lengths(type.block)) {
      const size_t R = 11;  // kernels read four rows side by side: twice four, and a rest
      const StoredRows w(r, type.type, R, n);
      const auto x = random_floats(r, n);
      const uint32_t ids[] = {4, 0, 3, 10, 2, 9, 9, 1, 7, 5};
      const size_t listed = std::size(ids);
      for (const cpu::Kernels* k : cpu::runnable_kernels()) {
        std::vector<float> y(2 * R, NAN), some(listed, NAN), down(R, NAN), values(n, NAN);
        const cpu::TypeKernels& kernels = k->types[type.place];
        kernels.dot_rows({w.stored.data(), w.stride}, nullptr, R, x.data(), n, y.data(), 2);
        kernels.dot_rows({w.stored.data(), w.stride}, ids, listed, x.data(), n, some.data(), 1);
        kernels.down_rows({w.stored.data(), w.stride}, nullptr, R, x.data(), n, down.data(), 1);
        for (size_t i = 0; i < R; i++) {
          const float* row = w.values.data() + i * n;
          CHECK_MSG(same(y[2 * i], plain_dot(row, x.data(), n)), where(*k, type.name, n, seed));
          CHECK_MSG(same(down[i], plain_down(row, x.data(), n)), where(*k, type.name, n, seed));
          double exact = 0, size = 0;
          for (size_t j = 0; j < n; j++) {
            exact += static_cast<double>(row[j]) * x[j];
            size += std::fabs(static_cast<double>(row[j]) * x[j]);
          }
          CHECK_MSG(std::fabs(y[2 * i] - exact) <= 1e-6 * size, where(*k, type.name, n, seed));
        }
        for (size_t i = 0; i < listed; i++) CHECK_MSG(same(some[i], y[2 * ids[i]]), where(*k, type.name, n, seed));
        kernels.dequantise(w.stored.data() + w.stride, n, values.data());
        for (size_t j = 0; j < n; j++) CHECK_MSG(same(values[j], w.values[n + j]), where(*k, type.name, n, seed));
      }
    }
}

// The definition of a panel.
std::vector<float> plain_panel(const std::vector<float>& rows, size_t R, size_t n) {
  std::vector<float> panel;
  for (size_t from = 0; from < n; from += 256)
    for (size_t r = 0; r < R; r++) {
      for (size_t j = from; j < std::min(n, from + 256); j++) panel.push_back(rows[r * n + j]);
      while (panel.size() % 16) panel.push_back(0);
    }
  return panel;
}
std::vector<float> panel_of(const cpu::Kernels& k, const std::vector<float>& rows, size_t R, size_t n) {
  std::vector<float> panel(cpu::panel_floats(R, n), NAN);
  k.types[place_of(F32)].to_panel({reinterpret_cast<const uint8_t*>(rows.data()), n * 4}, nullptr, R, n, panel.data());
  return panel;
}

TEST("isa: a panel holds the rows segment by segment, in every type") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (const Type& type : kTypes)
    for (size_t n : lengths(type.block)) {
      const size_t R = 5;
      const StoredRows w(r, type.type, R, n);
      const std::vector<uint32_t> ids = {4, 0, 3};
      std::vector<float> chosen;
      for (uint32_t id : ids) chosen.insert(chosen.end(), w.values.begin() + id * n, w.values.begin() + (id + 1) * n);
      for (const cpu::Kernels* k : cpu::runnable_kernels()) {
        std::vector<float> all(cpu::panel_floats(R, n), NAN), some(cpu::panel_floats(3, n), NAN);
        k->types[type.place].to_panel({w.stored.data(), w.stride}, nullptr, R, n, all.data());
        k->types[type.place].to_panel({w.stored.data(), w.stride}, ids.data(), 3, n, some.data());
        CHECK_MSG(same_bits(all, plain_panel(w.values, R, n)), where(*k, type.name, n, seed));
        CHECK_MSG(same_bits(some, plain_panel(chosen, 3, n)), where(*k, type.name, n, seed));
      }
    }
}

TEST("isa: every tile of a product gives the bits of one dot") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (size_t n : {1, 16, 31, 256, 300, 768})
    for (size_t R : {1, 4, 5, 11})
      for (size_t B : {1, 2, 3, 4, 5, 13, 14}) {
        const auto w = random_floats(r, R * n), x = random_floats(r, B * n);
        std::vector<uint32_t> rows;
        for (uint32_t b = 0; b < B; b++)
          if (r() % 3) rows.push_back(b);
        for (const cpu::Kernels* k : cpu::runnable_kernels()) {
          std::vector<float> out(R * B, NAN), acc(cpu::product_scratch(R, B), NAN), some(B, NAN);
          const auto ws = panel_of(*k, w, R, n), xs = panel_of(*k, x, B, n);
          CHECK(k->product_of_panels(ws.data(), R, xs.data(), B, n, out.data(), R, acc.data()));
          for (size_t b = 0; b < B; b++)
            for (size_t i = 0; i < R; i++)
              CHECK_MSG(same(out[b * R + i], plain_dot(w.data() + i * n, x.data() + b * n, n)), where(*k, "product", n, seed));
          CHECK(k->down_of_panels(ws.data(), R, xs.data(), B, n, out.data(), R, acc.data()));
          for (size_t b = 0; b < B; b++)
            for (size_t i = 0; i < R; i++)
              CHECK_MSG(same(out[b * R + i], plain_down(w.data() + i * n, x.data() + b * n, n)), where(*k, "down", n, seed));
          // One number that is not finite, in any row of either, is reported.
          auto bad = x;
          bad[r() % bad.size()] = r() % 2 ? INFINITY : NAN;
          const auto bads = panel_of(*k, bad, B, n);
          std::vector<float> unused(R * B);
          CHECK(!k->product_of_panels(ws.data(), R, bads.data(), B, n, unused.data(), R, acc.data()));
          CHECK(!k->down_of_panels(ws.data(), R, bads.data(), B, n, unused.data(), R, acc.data()));
          k->dots_of_rows(w.data(), x.data(), n, rows.data(), rows.size(), some.data());
          for (size_t i = 0; i < rows.size(); i++)
            CHECK_MSG(same(some[i], plain_dot(w.data(), x.data() + rows[i] * n, n)), where(*k, "dots_of_rows", n, seed));
        }
      }
}

TEST("isa: rows added up keep their order, and become panels of float32") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (const Type& type : kTypes)
    for (size_t n : lengths(type.block)) {
      const size_t R = 70;
      const StoredRows w(r, type.type, R, n);
      for (size_t count : {0, 1, 3, 4, 7, 9}) {
        std::vector<uint32_t> ids;
        const size_t following = r() % 7;
        for (size_t i = 0; i < count + following; i++) ids.push_back(static_cast<uint32_t>(r() % R));
        const auto a = random_floats(r, count), start = random_floats(r, n);
        std::vector<float> want = start;
        for (size_t i = 0; i < count; i++)
          for (size_t c = 0; c < n; c++) want[c] = std::fma(a[i], w.values[ids[i] * n + c], want[c]);
        for (const cpu::Kernels* k : cpu::runnable_kernels()) {
          const cpu::TypeKernels& kernels = k->types[type.place];
          std::vector<float> y = start;
          kernels.add_rows({w.stored.data(), w.stride}, ids.data(), a.data(), count, following, 0, n, y.data());
          CHECK_MSG(same_bits(y, want), where(*k, type.name, n, seed));
          if (n < 64) continue;
          const size_t from = 32, part = type.block > 1 ? (n - from) / 32 * 32 : n - from;
          std::vector<float> some(start.begin() + from, start.begin() + static_cast<long>(from + part));
          kernels.add_rows({w.stored.data(), w.stride}, ids.data(), a.data(), count, following, from, part, some.data());
          CHECK_MSG(same_bits(some, {want.begin() + from, want.begin() + static_cast<long>(from + part)}),
                    where(*k, type.name, n, seed));
        }
      }
      const uint32_t ids[] = {69, 0, 5, 5}, places[] = {3, 1, 0, 4};
      const size_t from = n > 64 ? 32 : 0, part = std::min<size_t>(n - from, cpu::kDownChannels);
      for (const cpu::Kernels* k : cpu::runnable_kernels()) {
        std::vector<float> panel(5 * cpu::kDownChannels, NAN);
        k->types[type.place].load_rows({w.stored.data(), w.stride}, ids, places, 4, from, part, panel.data());
        for (size_t i = 0; i < 4; i++)
          for (size_t c = 0; c < cpu::kDownChannels; c++)
            CHECK_MSG(same(panel[places[i] * cpu::kDownChannels + c], c < part ? w.values[ids[i] * n + from + c] : 0.0f),
                      where(*k, type.name, n, seed));
        CHECK(std::isnan(panel[2 * cpu::kDownChannels]));
      }
    }
}

TEST("isa: transposed rows add up as ordinary ones, in every type whose neurons share rows") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  const size_t N = 96, D = 87;
  const std::vector<uint32_t> ids = {0, 31, 32, 33, 70, 95, 1}, places = {6, 5, 0, 1, 2, 4, 3};
  const auto a = random_floats(r, ids.size());
  for (const Type& type : kTypes) {
    const TransposedForm& form = weight_type(type.type).transposed;
    for (const cpu::Kernels* k : cpu::runnable_kernels())
      CHECK_MSG((k->types[type.place].add_transposed != nullptr) == (form.shared_bytes > 0) &&
                    (k->types[type.place].load_transposed != nullptr) == (form.shared_bytes > 0),
                where(*k, type.name, D, seed));
    if (!form.shared_bytes) continue;
    const StoredRows w(r, type.type, D, N);  // by channel
    std::vector<uint8_t> own(N * form.own_row(D), 0xff), shared(N / type.block * D * form.shared_bytes, 0xff);
    form.transpose(w.stored.data(), w.stride, D, N, own.data(), shared.data());
    for (size_t from : {size_t{0}, size_t{16}, size_t{48}}) {
      const size_t part = std::min<size_t>(D - from, cpu::kDownChannels);
      std::vector<float> want(D - from, 0.5f);
      for (size_t i = 0; i + 1 < ids.size(); i++)
        for (size_t c = from; c < D; c++) want[c - from] = std::fma(a[i], w.values[c * N + ids[i]], want[c - from]);
      for (const cpu::Kernels* k : cpu::runnable_kernels()) {
        const cpu::TypeKernels& kernels = k->types[type.place];
        std::vector<float> y(D - from, 0.5f), panel(ids.size() * cpu::kDownChannels, NAN);
        kernels.add_transposed(own.data(), shared.data(), D, ids.data(), a.data(), ids.size() - 1, 1, from, D - from, y.data());
        CHECK_MSG(same_bits(y, want), where(*k, type.name, D, seed));
        kernels.load_transposed(own.data(), shared.data(), D, ids.data(), places.data(), ids.size(), from, part, panel.data());
        for (size_t i = 0; i < ids.size(); i++)
          for (size_t c = 0; c < cpu::kDownChannels; c++)
            CHECK_MSG(same(panel[places[i] * cpu::kDownChannels + c], c < part ? w.values[(from + c) * N + ids[i]] : 0.0f),
                      where(*k, type.name, D, seed));
      }
    }
  }
}

TEST("isa: down adds a lane's neurons in order, joins the lanes by the tree, in tiles and by lists") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  constexpr size_t C = cpu::kDownChannels;
  for (size_t neurons : {0, 1, 15, 16, 100, 333}) {
    // Lanes of any length, empty ones too.
    uint32_t begin[17] = {};
    for (size_t i = 0; i < neurons; i++) begin[r() % (neurons < 16 ? 16 : 13) + 1]++;
    for (size_t l = 0; l < 16; l++) begin[l + 1] += begin[l];
    const auto w = random_floats(r, neurons * C);
    for (size_t rows = 1; rows <= cpu::kDownRows; rows++) {
      const auto a = random_floats(r, neurons * rows);
      std::vector<float> want(rows * C);
      for (size_t b = 0; b < rows; b++)
        for (size_t c = 0; c < C; c++) {
          float lane[16] = {};
          for (size_t l = 0; l < 16; l++)
            for (size_t k = begin[l]; k < begin[l + 1]; k++) lane[l] = std::fma(a[k * rows + b], w[k * C + c], lane[l]);
          want[b * C + c] = tree(lane) + 0.0f;
        }
      for (const cpu::Kernels* k : cpu::runnable_kernels()) {
        std::vector<float> out(rows * C, NAN);
        k->down_tile(w.data(), begin, a.data(), rows, out.data());
        CHECK_MSG(same_bits(out, want), where(*k, "down_tile", neurons, seed));
      }
    }
    const size_t rows = 1 + r() % 4, stride = neurons + 3;
    std::vector<uint32_t> places(rows * stride), some(rows * 17, 0);
    for (size_t b = 0; b < rows; b++) {
      uint32_t count = 0;
      for (size_t l = 0; l < 16; l++) {
        for (uint32_t k = begin[l]; k < begin[l + 1]; k++)
          if (r() % 3) places[b * stride + count++] = k;
        some[b * 17 + l + 1] = count;
      }
    }
    const auto a = random_floats(r, rows * stride);
    std::vector<float> want(rows * C);
    for (size_t b = 0; b < rows; b++)
      for (size_t c = 0; c < C; c++) {
        float lane[16] = {};
        for (size_t l = 0; l < 16; l++)
          for (size_t k = b * stride + some[b * 17 + l]; k < b * stride + some[b * 17 + l + 1]; k++)
            lane[l] = std::fma(a[k], w[places[k] * C + c], lane[l]);
        want[b * C + c] = tree(lane) + 0.0f;
      }
    for (const cpu::Kernels* k : cpu::runnable_kernels()) {
      std::vector<float> out(rows * 2 * C, NAN), partials(rows * 16 * C, NAN);
      k->down_sparse(w.data(), some.data(), places.data(), a.data(), stride, rows, partials.data(), out.data(), 2 * C);
      for (size_t b = 0; b < rows; b++)
        for (size_t c = 0; c < C; c++)
          CHECK_MSG(same(out[b * 2 * C + c], want[b * C + c]), where(*k, "down_sparse", neurons, seed));
    }
  }
}

TEST("isa: sixteen partial sums join by the tree, and -0 becomes +0") {
  std::mt19937_64 r(fresh_seed());
  for (size_t n : {1, 16, 37, 64}) {
    auto p = random_floats(r, 16 * n);
    for (size_t l = 0; l < 16; l++) p[l * n] = -0.0f;
    for (const cpu::Kernels* k : cpu::runnable_kernels()) {
      std::vector<float> y(n, NAN);
      k->join_partials(p.data(), n, y.data());
      for (size_t c = 0; c < n; c++) {
        float lane[16];
        for (size_t l = 0; l < 16; l++) lane[l] = p[l * n + c];
        CHECK(same(y[c], tree(lane) + 0.0f));
      }
      CHECK(same(y[0], 0.0f));
    }
  }
}
