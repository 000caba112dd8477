// Errors of a pass that every backend says in the same words.
#pragma once
#include "error.h"

namespace sparselab {

inline constexpr const char *kFinalNormValues = "the final norm's values", *kTheLogits = "the logits";

// what: one of the above
inline Error not_finite(const char* what, int32_t token, uint32_t position) {
  return {Code::not_finite, text("%s of token %d at position %u hold a number that is not finite: the weights are damaged, or an "
                                 "intervention drove them there",
                                 what, token, position)};
}
inline Error beyond_half(uint32_t layer, uint32_t position) {
  return {Code::not_finite,
          text("keys or values of layer %u at position %u are beyond 65504, float16's most; use kv \"f32\"", layer, position)};
}
inline Error scores_beyond(uint32_t layer, uint32_t position) {
  return {Code::not_finite,
          text("an intervention at attn.scores of layer %u drove scores of position %u beyond float32", layer, position)};
}
inline Error stopped() { return {Code::aborted, "stopped as asked"}; }

}  // namespace sparselab
