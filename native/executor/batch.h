// What a batch may ask for, checked before anything is computed, and the positions that a program's sequences hold. The same for
// every backend.
#pragma once
#include <vector>

#include "executor/plan.h"
#include "executor/shape.h"

namespace sparselab {

// The layer that a batch ends before.
inline uint32_t last_layer(const Shape& shape, const SlBatch& batch) { return batch.to_layer ? batch.to_layer : shape.layers; }

// These throw Error with what was expected. `partial`: the model holds only some neurons.
void check_batch(const Shape& shape, const Plan& plan, bool partial, const SlBatch& batch, const SlSinks& sinks);
void check_ffn(const Shape& shape, const Plan& plan, uint32_t layer, const SlFfnBatch& batch, const SlFfnSinks& sinks);

// Positions that each layer of each sequence holds.
class Held {
 public:
  Held(uint32_t layers, uint32_t sequences, uint32_t length)
      : layers_(layers), sequences_(sequences), length_(length), positions_(uint64_t{layers} * sequences, 0) {}
  // After the batch. Throws Error where its rows do not go on from what is held.
  std::vector<uint32_t> after(const SlBatch& batch) const;
  void take(std::vector<uint32_t> positions) { positions_ = std::move(positions); }
  uint32_t of(uint32_t sequence) const;  // in all layers. Throws Error (invalid-option)
  void set(uint32_t sequence, uint32_t positions);

 private:
  uint32_t layers_, sequences_, length_;
  std::vector<uint32_t> positions_;  // (sequences, L)
};

// Whether `positions` of sequence `from` of another program can be kept in one of `length` positions. Throws Error.
void check_keep(bool same_model, bool same_kv, const Held& source, uint32_t from, uint32_t positions, uint32_t length);

}  // namespace sparselab
