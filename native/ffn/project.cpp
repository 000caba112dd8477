#include "ffn/project.h"

#include <algorithm>

#include "cpu/isa.h"

namespace sparselab {
namespace {

// One row of the batch: its neurons' stored rows, one after another.
void one_row(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y) {
  const cpu::TypeKernels& kernels = cpu::kernels_of(w.type);
  const uint32_t *needed = need.row(0), all = need.count(0);
  constexpr uint64_t kRows = 16;
  pass.parallel((all + kRows - 1) / kRows, kRows * w.cols, [&](size_t chunk) {
    const uint64_t from = chunk * kRows, count = std::min<uint64_t>(kRows, all - from);
    uint32_t ids[kRows] = {};
    float products[kRows];
    for (uint64_t i = 0; i < count; i++) ids[i] = held.id(needed[from + i]);
    kernels.dot_rows({w.data, w.stride}, ids, count, h, w.cols, products, 1);
    mend_dots(w, ids, 0, count, h, products);
    for (uint64_t i = 0; i < count; i++) y[needed[from + i]] = products[i];
    pass.bytes_read += count * w.stride;
  });
}

// For each neuron of a group the rows of the batch that need it.
struct RowsOfGroup {
  Scratch<uint32_t> rows;  // (kNeuronGroup, B)
  uint32_t count[kNeuronGroup];

  // Returns how many there are in all.
  uint64_t find(const Selection& need, uint64_t group, uint64_t neurons, uint64_t B) {
    make_room(rows, kNeuronGroup * B);
    std::fill_n(count, kNeuronGroup, 0u);
    const uint64_t first = group * kNeuronGroup;
    for (uint32_t b = 0; b < B; b++) {
      if (need.all(b)) {
        for (uint64_t i = 0; i < neurons; i++) rows[i * B + count[i]++] = b;
        continue;
      }
      const uint32_t* list = need.row(b);
      for (uint32_t j = need.group(b, group); j < need.group(b, group + 1); j++) {
        const uint64_t i = list[j] - first;
        rows[i * B + count[i]++] = b;
      }
    }
    uint64_t pairs = 0;
    for (uint64_t i = 0; i < neurons; i++) pairs += count[i];
    return pairs;
  }
};

// Several rows: each needed weight row becomes float32 once and meets the rows that need it.
void many_rows(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y) {
  const uint64_t N = held.count(), B = pass.B(), cols = w.cols, groups = (N + kNeuronGroup - 1) / kNeuronGroup;
  const cpu::TypeKernels& kernels = cpu::kernels_of(w.type);
  pass.parallel(groups, need.pairs() * cols / groups, [&](size_t group) {
    thread_local Floats weights, products;
    thread_local RowsOfGroup which;
    make_room(weights, cols);
    make_room(products, B);
    const uint64_t first = group * kNeuronGroup, neurons = std::min(kNeuronGroup, N - first);
    which.find(need, group, neurons, B);
    uint64_t used = 0;
    for (uint64_t i = 0; i < neurons; i++) {
      const uint64_t count = which.count[i];
      if (count == 0) continue;
      if (pass.stop.asked()) return;
      const uint32_t *rows = which.rows.data() + i * B, id = held.id(first + i);
      kernels.dequantise(w.row(id), cols, weights.data());
      cpu::kernels().dots_of_rows(weights.data(), h, cols, rows, count, products.data());
      for (uint64_t j = 0; j < count; j++) {
        mend_dots(w, &id, 0, 1, h + rows[j] * cols, &products[j]);
        y[rows[j] * N + first + i] = products[j];
      }
      used++;
    }
    pass.bytes_read += used * w.stride;
  });
}

}  // namespace

uint64_t project_thread_bytes(uint64_t B, uint64_t cols) {
  return (cols + B) * sizeof(float) + kNeuronGroup * B * sizeof(uint32_t);
}

void project(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y) {
  if (need.everything())
    pass.multiply({{&w, y, held.ids(), held.count()}}, h, pass.B());
  else if (pass.B() == 1)
    one_row(pass, w, h, held, need, y);
  else if (need.pairs() * 2 > held.count() * pass.B())
    pass.multiply({{&w, y, held.ids(), held.count()}}, h, pass.B());
  else
    many_rows(pass, w, h, held, need, y);
}

}  // namespace sparselab
