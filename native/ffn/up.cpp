#include "ffn/up.h"

#include <algorithm>

#include "cpu/isa.h"

namespace sparselab {
namespace {

constexpr uint64_t kNeurons = 40;  // of one chunk

// Finds for each neuron the rows for which value (B, N) is not zero, or that are `all` (B).
void find_active(Pass& pass, const float* value, const std::vector<uint8_t>& all, uint64_t N, Active& active) {
  const uint64_t B = pass.B(), chunks = (N + kNeurons - 1) / kNeurons;
  active.begin.assign(N + 1, 0);
  auto each = [&](size_t chunk, auto fn) {
    const uint64_t k0 = chunk * kNeurons, k1 = std::min(N, k0 + kNeurons);
    for (uint64_t b = 0; b < B; b++)
      for (uint64_t k = k0; k < k1; k++)
        if (all[b] || !(value[b * N + k] == 0)) fn(b, k);  // NaN is active: it must be seen
  };
  pass.parallel(chunks, kNeurons * B, [&](size_t chunk) { each(chunk, [&](uint64_t, uint64_t k) { active.begin[k + 1]++; }); });
  for (uint64_t k = 0; k < N; k++) active.begin[k + 1] += active.begin[k];
  make_room(active.rows, active.begin[N]);
  pass.parallel(chunks, kNeurons * B, [&](size_t chunk) {
    uint64_t next[kNeurons];
    const uint64_t k0 = chunk * kNeurons;
    for (uint64_t k = k0; k < std::min(N, k0 + kNeurons); k++) next[k - k0] = active.begin[k];
    each(chunk, [&](uint64_t b, uint64_t k) { active.rows[next[k - k0]++] = static_cast<uint32_t>(b); });
  });
}

// One row of the batch: its neurons' stored rows, one after another.
void one_row(Pass& pass, const Matrix& w, const float* h, NeuronSet set, const Active& active, float* y) {
  const cpu::TypeKernels& kernels = cpu::kernels_of(w.type);
  std::vector<uint32_t> needed;  // numbers within the set
  for (uint64_t k = 0; k < set.count; k++)
    if (active.begin[k + 1] > active.begin[k]) needed.push_back(static_cast<uint32_t>(k));
  constexpr uint64_t kRows = 16;
  pass.parallel((needed.size() + kRows - 1) / kRows, kRows * w.cols, [&](size_t chunk) {
    const uint64_t from = chunk * kRows, count = std::min<uint64_t>(kRows, needed.size() - from);
    uint32_t ids[kRows] = {};
    float products[kRows];
    for (uint64_t i = 0; i < count; i++) ids[i] = set.id(needed[from + i]);
    kernels.dot_rows({w.data, w.stride}, ids, count, h, w.cols, products, 1);
    mend_dots(w, ids, 0, count, h, products);
    for (uint64_t i = 0; i < count; i++) y[needed[from + i]] = products[i];
  });
  pass.bytes_read += needed.size() * w.stride;
}

// Several rows: each needed weight row becomes float32 once and meets the rows that need it.
void many_rows(Pass& pass, const Matrix& w, const float* h, NeuronSet set, const Active& active, float* y) {
  const uint64_t N = set.count, cols = w.cols;
  const cpu::TypeKernels& kernels = cpu::kernels_of(w.type);
  pass.parallel((N + kNeurons - 1) / kNeurons, kNeurons * cols * active.rows.size() / std::max<uint64_t>(N, 1),
                [&](size_t chunk) {
                  thread_local Floats weights, products;
                  make_room(weights, cols);
                  make_room(products, pass.B());
                  uint64_t used = 0;
                  for (uint64_t k = chunk * kNeurons; k < std::min(N, (chunk + 1) * kNeurons); k++) {
                    const uint64_t count = active.begin[k + 1] - active.begin[k];
                    if (count == 0) continue;
                    if (pass.stop.asked()) return;
                    const uint32_t *rows = active.rows.data() + active.begin[k], id = set.id(k);
                    kernels.dequantise(w.row(id), cols, weights.data());
                    cpu::kernels().dots_of_rows(weights.data(), h, cols, rows, count, products.data());
                    for (uint64_t i = 0; i < count; i++) {
                      mend_dots(w, &id, 0, 1, h + rows[i] * cols, &products[i]);
                      y[rows[i] * N + k] = products[i];
                    }
                    used++;
                  }
                  pass.bytes_read += used * w.stride;
                });
}

}  // namespace

uint64_t up_bytes(uint64_t B, uint64_t N) {
  // Active, and the needed ones of a single row, which a growing list holds up to three times
  return (N + 1) * sizeof(uint64_t) + B * N * sizeof(uint32_t) + 3 * N * sizeof(uint32_t);
}
uint64_t up_thread_bytes(uint64_t B, uint64_t cols) { return (cols + B) * sizeof(float); }

void project_up(Pass& pass, const Matrix& w, const float* h, NeuronSet set, const float* gate, const std::vector<uint8_t>& all,
                Active& active, float* y) {
  if (std::all_of(all.begin(), all.end(), [](uint8_t a) { return a; })) {
    pass.multiply({{&w, y, set.ids, set.count}}, h, pass.B());
    return;
  }
  find_active(pass, gate, all, set.count, active);
  // Where most are needed, the tiles of the whole product are faster; they give the same bits.
  if (active.rows.size() * 2 > set.count * pass.B() && pass.B() > 1) {
    pass.multiply({{&w, y, set.ids, set.count}}, h, pass.B());
    return;
  }
  if (pass.B() == 1)
    one_row(pass, w, h, set, active, y);
  else
    many_rows(pass, w, h, set, active, y);
}

}  // namespace sparselab
