#include "ffn/project.h"

#include <algorithm>

#include "cpu/isa.h"

namespace sparselab {
namespace {

constexpr uint64_t kFewRows = 4;        // up to this many rows of the batch take the stored weights
constexpr double kShareForTiles = 0.3;  // of pairs of a row and a neuron that are needed: from there on all are computed

// The dot products of row b of h (B, D) with `count` listed neurons, from the stored weights; y (N) is the row's own.
void stored_dots(const Pass& pass, const Matrix& w, const float* h, uint64_t b, const Neurons& held, const uint32_t* list,
                 uint64_t count, float* y) {
  constexpr uint64_t kTogether = 32;
  for (uint64_t from = 0; from < count; from += kTogether) {
    const uint64_t now = std::min(kTogether, count - from);
    uint32_t ids[kTogether] = {};
    float products[kTogether];
    for (uint64_t i = 0; i < now; i++) ids[i] = held.id(list[from + i]);
    if (pass.takes_int8(w)) {
      pass.multiply_int8(w, ids, 0, now, b, 1, products, now, mend_dots);
    } else {
      cpu::kernels_of(w.type).dot_rows({w.data, w.stride}, ids, now, h + b * w.cols, w.cols, products, 1);
      mend_dots(w, ids, 0, now, h + b * w.cols, products);
    }
    for (uint64_t i = 0; i < now; i++) y[list[from + i]] = products[i];
  }
}

// One row of the batch: chunks of its list.
void one_row(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y) {
  constexpr uint64_t kRows = 32;
  const uint64_t all = need.count(0);
  pass.parallel((all + kRows - 1) / kRows, kRows * w.cols, [&](size_t chunk) {
    const uint64_t from = chunk * kRows, count = std::min(kRows, all - from);
    stored_dots(pass, w, h, 0, held, need.row(0) + from, count, y);
    pass.bytes_read += count * w.stride;
  });
}

// A few rows: chunks of neurons, whose weights stay in the cache from one row of the batch to the next.
void few_rows(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y) {
  constexpr uint64_t kGroups = 4, kNeurons = kGroups * kNeuronGroup;
  const uint64_t N = held.count(), B = pass.B(), chunks = (N + kNeurons - 1) / kNeurons;
  pass.parallel(chunks, need.pairs() * w.cols / chunks, [&](size_t chunk) {
    const uint64_t first = chunk * kNeurons, neurons = std::min(kNeurons, N - first);
    uint32_t every[kNeurons];
    for (uint64_t i = 0; i < neurons; i++) every[i] = static_cast<uint32_t>(first + i);
    uint8_t used[kNeurons] = {};
    for (uint64_t b = 0; b < B; b++) {
      const uint32_t* list = every;
      uint64_t count = neurons;
      if (!need.all(b)) {
        const uint64_t from = need.group(b, chunk * kGroups);
        list = need.row(b) + from;
        count = need.group(b, std::min((chunk + 1) * kGroups, need.groups())) - from;
      }
      stored_dots(pass, w, h, b, held, list, count, y + b * N);
      for (uint64_t i = 0; i < count; i++) used[list[i] - first] = 1;
    }
    pass.bytes_read += static_cast<uint64_t>(std::count(used, used + neurons, 1)) * w.stride;
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

// A weight row that few rows of the batch need, with these: it becomes float32 once.
void sparse_group(Pass& pass, const Matrix& w, const float* h, const Neurons& held, uint64_t first, uint64_t neurons,
                  const RowsOfGroup& which, float* y) {
  const uint64_t N = held.count(), B = pass.B(), cols = w.cols;
  const cpu::TypeKernels& kernels = cpu::kernels_of(w.type);
  thread_local Floats weights, products;
  make_room(weights, cols);
  make_room(products, B);
  auto next_used = [&](uint64_t i) {
    while (i < neurons && which.count[i] == 0) i++;
    return i;
  };
  for (uint64_t i = next_used(0); i < neurons;) {
    if (pass.stop.asked()) return;
    const uint32_t *rows = which.rows.data() + i * B, id = held.id(first + i);
    const uint64_t count = which.count[i], next = next_used(i + 1);
    kernels.dequantise(w.row(id), cols, weights.data());
    if (next < neurons)
      for (uint64_t at = 0; at < w.stride; at += 64) __builtin_prefetch(w.row(held.id(first + next)) + at, 0, 2);
    cpu::kernels().dots_of_rows(weights.data(), h, cols, rows, count, products.data());
    for (uint64_t j = 0; j < count; j++) {
      mend_dots(w, &id, 0, 1, h + rows[j] * cols, &products[j]);
      y[rows[j] * N + first + i] = products[j];
    }
    pass.bytes_read += w.stride;
    i = next;
  }
}

// The neurons of a group that some row needs, with all rows of the batch.
void dense_group(Pass& pass, const Matrix& w, const float* h, const Neurons& held, uint64_t first, uint64_t neurons,
                 const RowsOfGroup& which, float* y) {
  const uint64_t N = held.count(), B = pass.B();
  uint32_t needed[kNeuronGroup], ids[kNeuronGroup];
  uint64_t count = 0;
  for (uint64_t i = 0; i < neurons; i++)
    if (which.count[i]) needed[count] = static_cast<uint32_t>(first + i), ids[count++] = held.id(first + i);
  if (count == neurons) {
    pass.multiply_panels(w, held.ids(), first, neurons, h, B, y, N);
  } else {
    thread_local Floats products;  // (B, count)
    make_room(products, kNeuronGroup * B);
    pass.multiply_panels(w, ids, 0, count, h, B, products.data(), count);
    for (uint64_t b = 0; b < B; b++)
      for (uint64_t i = 0; i < count; i++) y[b * N + needed[i]] = products[b * count + i];
  }
  pass.bytes_read += count * w.stride;
}

// Several rows, a group of neurons at a time. Where most rows need most of the group, the tiles of the whole product are faster;
// they give the same bits.
void many_rows(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y) {
  const uint64_t N = held.count(), B = pass.B(), groups = (N + kNeuronGroup - 1) / kNeuronGroup;
  pass.make_panels(h, B, w.cols);
  pass.parallel(groups, need.pairs() * w.cols / groups, [&](size_t group) {
    thread_local RowsOfGroup which;
    const uint64_t first = group * kNeuronGroup, neurons = std::min(kNeuronGroup, N - first);
    const uint64_t pairs = which.find(need, group, neurons, B);
    if (static_cast<double>(pairs) > kShareForTiles * static_cast<double>(neurons * B))
      dense_group(pass, w, h, held, first, neurons, which, y);
    else
      sparse_group(pass, w, h, held, first, neurons, which, y);
  });
}

}  // namespace

uint64_t project_thread_bytes(uint64_t B, uint64_t cols) {
  return (cols + B) * sizeof(float) + kNeuronGroup * B * (sizeof(uint32_t) + sizeof(float));
}

void project(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y) {
  if (need.everything()) return pass.multiply({{&w, y, held.ids(), held.count()}}, h, pass.B());
  if (pass.takes_int8(w)) pass.quantise(w, h, pass.B());
  if (pass.B() == 1)
    one_row(pass, w, h, held, need, y);
  else if (pass.B() <= kFewRows || pass.takes_int8(w))
    few_rows(pass, w, h, held, need, y);
  else
    many_rows(pass, w, h, held, need, y);
}

}  // namespace sparselab
