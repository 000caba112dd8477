// The shape of a model as the executor computes it: SlModel copied, checked, with what all layers share pulled out.
#pragma once
#include <algorithm>
#include <vector>

#include "backend/points.h"

namespace sparselab {

struct Shape {
  uint32_t layers, hidden, neurons, heads, kv_heads, head_size, vocab, context;
  float rope_base, norm_epsilon;
  SlFfn ffn;
  float embedding_scale = 1, residual_scale = 1, logit_scale = 1;
  std::vector<SlLayer> layer = {};  // (L)
  uint32_t norm = SL_NORM_RMS;
  std::vector<float> rope_freqs = {};  // (rope_dims / 2), or empty
  std::vector<uint64_t> ranks = {};    // (L) of the predictors, 0: none; empty: no layer has one

  uint64_t largest_rank() const { return ranks.empty() ? 0 : *std::max_element(ranks.begin(), ranks.end()); }

  uint32_t q_width() const { return heads * head_size; }
  uint32_t kv_width() const { return kv_heads * head_size; }
};

// Throws Error (unsupported-model) for what no kernel computes yet, Error (bad-file) for numbers that make no model.
Shape shape_of(const SlModel& model);

// Channels of a hook point.
inline uint64_t point_width(const Shape& s, SlPoint point) {
  return point_width(Sizes{s.hidden, s.neurons, s.vocab, s.heads, s.head_size, s.kv_heads}, point);
}

}  // namespace sparselab
