// Weights as the kernels see them: rows of a type, wherever they lie.
#pragma once
#include <cstdint>
#include <memory>

#include "cpu/aligned.h"
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

// ffn_down. By neuron, row i is what neuron i writes into the D channels of the residual stream: the file's own ffn_down_t, or an
// ffn_down that was transposed at load (regroup.h) into its type's TransposedForm (quant/types.h). By channel, an ffn_down as it
// lies in the file: row d has channel d of all neurons.
struct DownMatrix {
  Matrix by_channel;                // (D, F); without data where down lies by neuron, and then the only one that is set
  Matrix by_neuron;                 // (F, D); where `shared` is set its rows are the neurons' own parts, not rows of the type
  const uint8_t* shared = nullptr;  // (F / group, D): what the neurons of a group share; null: each row is complete
  uint64_t shared_bytes = 0;        // of a row of `shared`
  uint64_t group = 1;               // neurons that share a row
  uint64_t neurons = 0, hidden = 0;
  std::shared_ptr<Scratch<uint8_t>> owned;  // the regrouped bytes; empty where the file's are used

  bool lies_by_channel() const { return by_channel.data != nullptr; }

  // The next two: only where down lies by neuron; from is a multiple of 16.
  // y[c] = fma(a[k], row ids[k] [from + c], y[c]) for k < count in order and the channels from <= c < from + n; y (n). ids has
  // `following` more entries, rows that will be wanted next.
  void add(const uint32_t* ids, const float* a, uint64_t count, uint64_t following, uint64_t from, uint64_t n, float* y) const;
  // Row places[k] of panel (.., cpu::kDownChannels) gets the channels from <= c < from + n of row ids[k] as float32, then zeros.
  void load_rows(const uint32_t* ids, const uint32_t* places, uint64_t count, uint64_t from, uint64_t n, float* panel) const;
  // Neurons first to first + count as float32, (count, D)
  void load(uint64_t first, uint64_t count, float* out) const;
  // Bytes read for one whole neuron (the shared row apart), and for the shared row of one group.
  uint64_t neuron_bytes() const { return by_neuron.stride; }
  uint64_t group_bytes() const { return shared_bytes; }
};

}  // namespace sparselab
