// Weights as the kernels see them: rows of a type, wherever they lie.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "quant/types.h"

namespace sparselab {

// (rows, cols), row-major, in a type's blocks along the row.
struct Matrix {
  TensorType type = F32;
  uint64_t rows = 0, cols = 0;
  const uint8_t* data = nullptr;
  uint64_t stride = 0;  // bytes of a row
  const uint8_t* row(uint64_t r) const { return data + r * stride; }
  uint64_t bytes() const { return rows * stride; }
};

// ffn_down by neuron: row i is what neuron i writes into the D channels of the residual stream. Either the file's own ffn_down_t,
// or an ffn_down whose numbers were regrouped (regroup.h). A regrouped Q8_0 has its quants by neuron, (F, D) int8, and one row of
// D scales for each 32 neurons, as in the file a scale belongs to 32 neurons of one channel: (F / 32, D) half.
struct DownMatrix {
  Matrix by_neuron;                  // F32, F16, BF16 or Q8_0 rows of D; unused where `quants` is set
  const int8_t* quants = nullptr;    // (F, D)
  const uint16_t* scales = nullptr;  // (F / 32, D)
  uint64_t neurons = 0, hidden = 0;
  std::shared_ptr<std::vector<uint8_t>> owned;  // the regrouped bytes; empty where the file's are used

  // y[c] = fma(a[k], row ids[k] [from + c], y[c]) for k < count in order and the channels from <= c < from + n; y (n). from and n
  // are multiples of 32 where the type has blocks.
  void add(const uint32_t* ids, const float* a, uint64_t count, uint64_t from, uint64_t n, float* y) const;
  // Row places[k] of panel (.., cpu::kDownChannels) gets the channels from <= c < from + n of row ids[k] as float32, then zeros.
  void load_rows(const uint32_t* ids, const uint32_t* places, uint64_t count, uint64_t from, uint64_t n, float* panel) const;
  // Row i as float32, (D)
  void load(uint64_t i, float* out) const;
  // Bytes read for one whole neuron (the shared scales apart), and for the scales of one group of 32 neurons.
  uint64_t neuron_bytes() const { return quants ? hidden : by_neuron.stride; }
  uint64_t group_bytes() const { return quants ? 2 * hidden : 0; }
};

}  // namespace sparselab
