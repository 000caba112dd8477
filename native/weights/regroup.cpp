#include "weights/regroup.h"

#include <algorithm>
#include <vector>

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

namespace {

// Out of rows by channel: the blocks of each that hold the neurons.
void load_of_channels(const Matrix& down, uint64_t first, uint64_t count, float* out) {
  const TypeTraits& traits = weight_type(down.type).traits;
  const uint64_t from = first / traits.block * traits.block;
  const uint64_t to = std::min(down.cols, (first + count + traits.block - 1) / traits.block * traits.block);
  std::vector<float> values(to - from);
  for (uint64_t d = 0; d < down.rows; d++) {
    cpu::kernels_of(down.type).dequantise(down.row(d) + row_bytes(traits, from), to - from, values.data());
    for (uint64_t i = 0; i < count; i++) out[i * down.rows + d] = values[first - from + i];
  }
}

}  // namespace

void DownMatrix::load(uint64_t first, uint64_t count, float* out) const {
  if (lies_by_channel()) return load_of_channels(by_channel, first, count, out);
  for (uint64_t i = 0; i < count; i++) {
    const uint32_t id = static_cast<uint32_t>(first + i), place = 0;
    alignas(64) float panel[cpu::kDownChannels];
    for (uint64_t from = 0; from < hidden; from += cpu::kDownChannels) {
      const uint64_t n = std::min<uint64_t>(cpu::kDownChannels, hidden - from);
      load_rows(&id, &place, 1, from, n, panel);
      std::copy_n(panel, n, out + i * hidden + from);
    }
  }
}

DownMatrix as_stored(const Matrix& down_t) {
  DownMatrix m;
  m.by_neuron = down_t;
  m.neurons = down_t.rows;
  m.hidden = down_t.cols;
  return m;
}

bool can_regroup(TensorType type) { return weight_type(type).transposed.transpose != nullptr; }

DownMatrix by_channel(const Matrix& down) {
  DownMatrix m;
  m.by_channel = down;
  m.neurons = down.cols;
  m.hidden = down.rows;
  return m;
}

uint64_t regrouped_bytes(const Matrix& down) { return transposed_bytes(weight_type(down.type), down.rows, down.cols); }

DownMatrix regroup(const Matrix& down) {
  const WeightType& type = weight_type(down.type);
  if (!type.transposed.transpose) return by_channel(down);
  const uint64_t D = down.rows, F = down.cols, own_row = type.transposed.own_row(D);
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
