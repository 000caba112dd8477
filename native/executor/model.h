// The CPU backend's model: matrices that point into the file, norms as float32, down by neuron.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "executor/shape.h"
#include "ffn/neurons.h"
#include "weights/matrix.h"

namespace sparselab {

struct LayerWeights {
  std::vector<float> attn_norm, ffn_norm;  // (D)
  // Empty where the model has none.
  std::vector<float> attn_norm_bias, ffn_norm_bias;   // (D)
  std::vector<float> q_bias, k_bias, v_bias, o_bias;  // (H K), (G K), (G K), (D)
  std::vector<float> up_bias, down_bias;              // (F), (D)
  std::vector<float> q_norm, k_norm;                  // (K)
  std::vector<float> attn_post_norm, ffn_post_norm;   // (D)
  Matrix q, k, v, o;                                  // (H K, D), (G K, D), (G K, D), (D, H K)
  Matrix gate, up;                                    // (F, D); gate unused where the FFN has none
  DownMatrix down;                                    // (F, D)
  Matrix predictor_1, predictor_2;                    // (rank, D), (F, rank); without rows where the layer has no predictor
  Neurons held{0};                                    // those of the layer that are computed here
};

struct CpuModel {
  Shape shape;
  Matrix embed, output;          // (V, D); output is embed where tied
  std::vector<float> norm;       // (D)
  std::vector<float> norm_bias;  // (D), or empty
  std::vector<LayerWeights> layers;
  std::map<std::pair<uint32_t, uint32_t>, Matrix> stored;  // as given, by role and layer
  bool partial = false;                                    // holds only some neurons
  uint64_t owned_bytes = 0;
  uint64_t down_native = 0, down_by_channel = 0;  // layers whose down is the file's ffn_down_t, its ffn_down as it lies

  uint32_t q_width() const { return shape.q_width(); }
  uint32_t kv_width() const { return shape.kv_width(); }
};

// Arranges the tensors, which are identified by their roles. Throws Error: unsupported-model and unsupported-type for what no
// kernel computes; bad-file for a tensor that is missing, duplicate or of another size; invalid-option for an option that the CPU
// does not have; out-of-memory, before anything is copied, if the copies of ffn_down exceed the budget.
CpuModel build_model(const SlModel& model, const SlTensor* tensors, uint64_t count, const SlOpenOptions& options);

// Rows first to first + count of a tensor as float32, (count, cols), whatever its layout here.
void read_rows(const CpuModel& model, uint32_t role, uint32_t layer, uint64_t first, uint64_t count, float* out,
               const SlControl* control);

}  // namespace sparselab
