// The CPU backend's model: matrices that point into the file, norms as float32, down by neuron.
#pragma once
#include <vector>

#include "executor/backend.h"
#include "weights/matrix.h"

namespace sparselab {

struct Block {
  std::vector<float> attn_norm, ffn_norm;  // (D)
  Matrix q, k, v, o;                       // (H K, D), (G K, D), (G K, D), (D, H K)
  Matrix gate, up;                         // (F, D); gate unused where the FFN has none
  DownMatrix down;                         // (F, D)
};

struct CpuModel {
  SlModel shape;
  Matrix embed, output;     // (V, D); output is embed where tied
  std::vector<float> norm;  // (D)
  std::vector<Block> blocks;
  uint64_t owned_bytes = 0, down_native = 0;

  uint32_t q_width() const { return shape.heads * shape.head_size; }
  uint32_t kv_width() const { return shape.kv_heads * shape.head_size; }
};

// Finds the tensors by name and builds the layout. The tensors were checked before (weights/llama.h); what is missing throws all
// the same.
// Regrouping copies ffn_down: more than `budget` bytes of it (0: no limit) are an Error (out-of-memory) before anything is
// copied.
CpuModel build_model(const SlModel& shape, const SlTensor* tensors, uint64_t count, uint64_t budget = 0);

// Channels of a hook point.
uint64_t point_width(const SlModel& shape, SlPoint point);
const char* point_name(SlPoint point);
// Whether the point stands in every block, and not once in the model.
bool point_in_block(SlPoint point);

}  // namespace sparselab
