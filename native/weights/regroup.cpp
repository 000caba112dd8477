#include "weights/regroup.h"

#include <algorithm>

#include "cpu/isa.h"

namespace sparselab {

void DownMatrix::add(const uint32_t* ids, const float* a, uint64_t count, uint64_t following, uint64_t from, uint64_t n,
                     float* y) const {
  const cpu::TypeKernels& kernels = cpu::kernels_of(by_neuron.type);
  if (shared)
    kernels.add_transposed(by_neuron.data, shared, hidden, ids, a, count, following, from, n, y);
  else
    kernels.add_rows({by_neuron.data, by_neuron.stride}, ids, a, count, following, from, n, y);
}

void DownMatrix::load_rows(const uint32_t* ids, const uint32_t* places, uint64_t count, uint64_t from, uint64_t n,
                           float* panel) const {
  const cpu::TypeKernels& kernels = cpu::kernels_of(by_neuron.type);
  if (shared)
    kernels.load_transposed(by_neuron.data, shared, hidden, ids, places, count, from, n, panel);
  else
    kernels.load_rows({by_neuron.data, by_neuron.stride}, ids, places, count, from, n, panel);
}

void DownMatrix::load(uint64_t i, float* out) const {
  const uint32_t id = static_cast<uint32_t>(i);
  const float one = 1;
  std::fill_n(out, hidden, 0.0f);
  add(&id, &one, 1, 0, 0, hidden, out);
}

DownMatrix as_stored(const Matrix& down_t) {
  DownMatrix m;
  m.by_neuron = down_t;
  m.neurons = down_t.rows;
  m.hidden = down_t.cols;
  return m;
}

uint64_t regrouped_bytes(const Matrix& down) {
  const WeightType& type = weight_type(down.type);
  const uint64_t own = down.cols * type.transposed.own_bytes;
  return down.rows * (own + down.cols / type.traits.block * type.transposed.shared_bytes);
}

DownMatrix regroup(const Matrix& down) {
  const WeightType& type = weight_type(down.type);
  const uint64_t D = down.rows, F = down.cols, own_row = D * type.transposed.own_bytes;
  DownMatrix m;
  m.neurons = F;
  m.hidden = D;
  m.owned = std::make_shared<Scratch<uint8_t>>(regrouped_bytes(down));
  uint8_t *own = m.owned->data(), *shared = nullptr;
  if (type.transposed.shared_bytes) {
    shared = own + F * own_row;
    m.shared = shared;
    m.shared_bytes = D * type.transposed.shared_bytes;
    m.group = type.traits.block;
  }
  type.transposed.transpose(down.data, down.stride, D, F, own, shared);
  m.by_neuron = {down.type, F, D, own, own_row};
  return m;
}

}  // namespace sparselab
