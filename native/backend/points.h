// What a hook point is in a given model: whether it exists, and how many channels it has.
#pragma once
#include <string>

#include "backend/backend.h"

namespace sparselab {

// What the axes of points count. A point's tokens, queries and keys are those of the pass.
struct Sizes {
  uint64_t hidden, neurons, vocab, heads, head_size, kv_heads;
};
inline Sizes sizes_of(const SlModel& model) {
  return {model.hidden,         model.layer[0].neurons,   model.vocab,
          model.layer[0].heads, model.layer[0].head_size, model.layer[0].kv_heads};
}

// Captured as (head, query, key): the scores and the pattern of attention.
inline bool is_by_key(SlPoint point) { return point == SL_ATTN_SCORES || point == SL_ATTN_PATTERN; }
// Channels of one row of a point; of scores and pattern, heads.
uint64_t point_width(const Sizes& sizes, SlPoint point);
inline const char* point_name(SlPoint point) { return point < SL_POINTS ? kPoints[point].name : "unknown"; }
// Whether a model with this FFN has the point.
bool has_point(const SlFfn& ffn, SlPoint point);
// "ffn.up_pre, ffn.mid, ...": the points of such a model.
std::string points_of(const SlFfn& ffn);

}  // namespace sparselab
