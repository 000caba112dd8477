#include "executor/shape.h"

#include <cmath>
#include <string>

#include "error.h"

namespace sparselab {
namespace {

[[noreturn]] void unbuilt(const std::string& what) {
  throw Error(Code::unsupported_model, "the CPU backend does not compute " + what + " yet");
}

void check_layer(const SlModel& m, uint32_t l) {
  const SlLayer &layer = m.layer[l], &first = m.layer[0];
  if (layer.heads < 1 || layer.kv_heads < 1 || layer.heads % layer.kv_heads || layer.head_size < 1 || layer.neurons < 1)
    throw Error(Code::bad_file, text("layer %u has %u heads of %u channels, %u kv heads and %u neurons", l, layer.heads,
                                     layer.head_size, layer.kv_heads, layer.neurons));
  if (layer.heads != first.heads || layer.kv_heads != first.kv_heads || layer.head_size != first.head_size ||
      layer.neurons != first.neurons || layer.ffn.has_gate != first.ffn.has_gate || layer.ffn.act_up != first.ffn.act_up)
    unbuilt(text("layers of different shapes (layer 0 and %u)", l));
  if (layer.rope != SL_ROPE_NONE && (layer.rope_dims % 2 || layer.rope_dims > layer.head_size || !(layer.rope_base > 0)))
    throw Error(Code::bad_file,
                text("layer %u turns %u of %u channels, base %g; expected an even number of them and a base above 0", l,
                     layer.rope_dims, layer.head_size, static_cast<double>(layer.rope_base)));
  if (layer.rope > SL_ROPE_HALVES) unbuilt(text("rope kind %u", layer.rope));
  if (!std::isfinite(layer.attention_scale))
    throw Error(Code::bad_file, text("the attention scale of layer %u is not finite", l));
  if (!(layer.rope_factor >= 0 && std::isfinite(layer.rope_factor)) ||
      !(layer.rope_magnitude >= 0 && std::isfinite(layer.rope_magnitude)))
    throw Error(Code::bad_file, text("layer %u scales its rotary positions by factor %g and magnitude %g; expected finite "
                                     "numbers above 0",
                                     l, static_cast<double>(layer.rope_factor), static_cast<double>(layer.rope_magnitude)));
  if (layer.yarn && (!(layer.yarn_fast > 0) || !(layer.yarn_slow > 0) || layer.yarn_context < 1 || !(layer.rope_base > 1)))
    throw Error(Code::bad_file,
                text("layer %u has yarn positions of %u turns fast, %u slow, context %u; expected all above 0", l,
                     static_cast<uint32_t>(layer.yarn_fast), static_cast<uint32_t>(layer.yarn_slow), layer.yarn_context));
  if (layer.ffn.biases && layer.ffn.has_gate) unbuilt("biases of a gated FFN");
  if (layer.ffn.sub_norm) unbuilt("a norm before down");
  if (layer.ffn.act_up > SL_UP_RELU) unbuilt(text("activation %u of up", layer.ffn.act_up));
}

}  // namespace

Shape shape_of(const SlModel& m) {
  if (m.layers < 1 || m.hidden < 1 || m.vocab < 1 || m.context < 1 || !m.layer)
    throw Error(Code::bad_file, text("%u layers of %u channels, vocabulary %u, context %u: expected at least one of each",
                                     m.layers, m.hidden, m.vocab, m.context));
  if (m.norm > SL_NORM_LAYER) unbuilt(text("norm %u", m.norm));
  for (float scale : {m.embedding_scale, m.residual_scale, m.logit_scale})
    if (!std::isfinite(scale) || scale == 0) throw Error(Code::bad_file, "a scale of the model is 0 or not finite");
  for (uint32_t l = 0; l < m.layers; l++) check_layer(m, l);
  const SlLayer& first = m.layer[0];
  return {
      m.layers,        m.hidden,          first.neurons,    first.heads,     first.kv_heads,
      first.head_size, m.vocab,           m.context,        first.rope_base, m.norm_epsilon,
      first.ffn,       m.embedding_scale, m.residual_scale, m.logit_scale,   std::vector<SlLayer>(m.layer, m.layer + m.layers),
      m.norm};
}

}  // namespace sparselab
