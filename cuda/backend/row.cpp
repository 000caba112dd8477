#include "backend/row.h"

#include <cmath>

#include "executor/batch.h"

namespace sparselab::cuda {

struct Row::At {
  const RowShape& shape;
  const DeviceSetting& setting;
  const Call* call;
  bool hooks;  // false in a single FFN call
};

uint64_t capture_offset(const Shape& shape, const Plan& plan, size_t c) {
  uint64_t at = 0;
  for (size_t i = 0; i < c; i++) {
    const auto point = static_cast<SlPoint>(plan.captures[i].point);
    at += (plan.captures[i].to - plan.captures[i].from) * point_width(shape, point) * (is_by_key(point) ? plan.length : 1);
  }
  return at;
}

void Row::run(const RowShape& shape, const Call* call) const {
  const Shape& s = model_.shape();
  const auto D = static_cast<int>(s.hidden);
  Batch* batch = b_.batch.data();
  const At at{shape, settings_[shape.setting], call, true};
  if (shape.x_in)
    launch_.copy({b_.x_in.data(), b_.x.data(), s.hidden, 0, D, batch, false});
  else
    launch_.embed({model_.embed.weights(), batch, s.embedding_scale, b_.x.data()});
  if (shape.from == 0) hook(at, SL_EMBED, 0, b_.x.data());
  for (uint32_t l = shape.from; l < shape.to; l++) {
    const DeviceLayer& w = model_.layers[l];
    const bool post_norm = s.layer[l].post_norm;
    // What attention or the FFN adds to the stream.
    auto add = [&](SlPoint point, const DeviceArray<float>& weight) {
      if (post_norm) norm(b_.out.data(), weight, {}, b_.out.data());
      const bool changed = intervenes(at, point, l);
      if (changed) {
        if (s.residual_scale != 1) launch_.add({nullptr, b_.out.data(), s.residual_scale, D});
        intervene(at, point, l, b_.out.data());
      }
      launch_.add({b_.x.data(), b_.out.data(), changed ? 1.0f : s.residual_scale, D});
      capture(at, point, l, b_.out.data());
    };
    hook(at, SL_RESID_PRE, l, b_.x.data());
    norm(b_.x.data(), w.attn_norm, w.attn_norm_bias, b_.h.data());
    attend(at, l);
    add(SL_ATTN_ADD, w.attn_post_norm);
    hook(at, SL_RESID_MID, l, b_.x.data());
    norm(b_.x.data(), w.ffn_norm, w.ffn_norm_bias, b_.h.data());
    hook(at, SL_FFN_IN, l, b_.h.data());
    feed_forward(at, l, b_.x.data());
    hook(at, SL_FFN_OUT, l, b_.out.data());
    add(SL_FFN_ADD, w.ffn_post_norm);
    hook(at, SL_RESID_POST, l, b_.x.data());
  }
  if (shape.x_out) launch_.copy({b_.x.data(), b_.x_out.data(), 0, s.hidden, D, batch, false});
  if (shape.to == s.layers) head(at);
  launch_.advance(batch);
}

void Row::head(const At& at) const {
  const Shape& s = model_.shape();
  const auto D = static_cast<int>(s.hidden);
  Batch* batch = b_.batch.data();
  norm(b_.x.data(), model_.norm, model_.norm_bias, b_.h.data());
  hook(at, SL_FINAL_NORM, 0, b_.h.data());
  launch_.check_finite({b_.h.data(), D, 0, batch, Failure::not_finite, 0, 0});
  if (!at.shape.logits) return;
  const size_t V = s.vocab;
  launch_.product({model_.head(), b_.h.data(), b_.logits.data(), nullptr, s.logit_scale, nullptr, nullptr, batch, V});
  hook(at, SL_LOGITS, 0, b_.logits.data(), V);
  launch_.check_finite({b_.logits.data(), static_cast<int>(V), V, batch, Failure::not_finite, 0, 1});
  if (at.shape.head)
    launch_.head({b_.logits.data(), static_cast<int>(V), batch, b_.log_total.data(), static_cast<int>(at.shape.top),
                  b_.top_tokens.data(), b_.top_values.data()});
}

void Row::attend(const At& at, uint32_t l) const {
  const Shape& s = model_.shape();
  const SlLayer& record = s.layer[l];
  const DeviceLayer& w = model_.layers[l];
  Batch* batch = b_.batch.data();
  const auto H = static_cast<int>(s.heads), G = static_cast<int>(s.kv_heads), K = static_cast<int>(s.head_size);
  product(w.q, b_.h.data(), b_.q.data(), &w.q_bias);
  product(w.k, b_.h.data(), b_.k.data(), &w.k_bias);
  product(w.v, b_.h.data(), b_.v.data(), &w.v_bias);
  const int dims = record.rope == SL_ROPE_NONE ? 0 : static_cast<int>(record.rope_dims);
  launch_.rotate({b_.q.data(), b_.k.data(), H, G, K, w.q_norm.data(), w.k_norm.data(), s.norm_epsilon, dims,
                  record.rope == SL_ROPE_PAIRS, turns_[l].cos, turns_[l].sin, batch});
  hook(at, SL_ATTN_Q, l, b_.q.data());
  intervene(at, SL_ATTN_K, l, b_.k.data());
  intervene(at, SL_ATTN_V, l, b_.v.data());
  const bool half = plan_.kv == SL_KV_F16;
  launch_.append({b_.k.data(), b_.v.data(), b_.keys(l), b_.values(l), G, K, length_, half, batch, static_cast<int>(l)});
  capture(at, SL_ATTN_K, l, b_.k.data());
  capture(at, SL_ATTN_V, l, b_.v.data());
  const auto window = static_cast<int>(record.window);
  const AttentionArguments a{
      b_.q.data(),    b_.keys(l),     b_.values(l),       b_.z.data(),   H, G, K, length_, window, record.attention_scale, batch,
      b_.most.data(), b_.sums.data(), b_.weighted.data(), b_.done.data()};
  // Nothing between scores and values changes: then one pass over the cache gives z, also beside captures, which change no bit.
  const bool one_pass = K <= kMostHeadSize && !intervenes(at, SL_ATTN_SCORES, l) && !intervenes(at, SL_ATTN_PATTERN, l);
  if (one_pass) launch_.attention(a, half);
  if (!one_pass || captures(at, SL_ATTN_SCORES, l) || captures(at, SL_ATTN_PATTERN, l)) {
    float* scores = b_.scores.data();
    launch_.scores({a, scores}, half);
    const bool changed = intervene(at, SL_ATTN_SCORES, l, scores);
    capture(at, SL_ATTN_SCORES, l, scores);
    launch_.softmax({a, scores, changed, batch, static_cast<int>(l)}, half);
    intervene(at, SL_ATTN_PATTERN, l, scores);
    capture(at, SL_ATTN_PATTERN, l, scores);
    if (!one_pass) launch_.weigh({a, scores}, half);
  }
  hook(at, SL_ATTN_Z, l, b_.z.data());
  product(w.o, b_.z.data(), b_.out.data(), &w.o_bias);
  hook(at, SL_ATTN_OUT, l, b_.out.data());
}

void Row::ffn(uint32_t layer, uint32_t setting, const float* stream, bool misses) const {
  const RowShape shape{setting, layer, layer + 1, false, false, false, misses, false, 0, false};
  feed_forward({shape, settings_[setting], nullptr, false}, layer, stream);
}

// Under `predicted`, where the layer has a predictor: its scores, and the list of neurons that it takes.
bool Row::predict(const At& at, uint32_t l, const float* stream) const {
  const DeviceLayer& w = model_.layers[l];
  if (at.setting.host().strategy != SL_PREDICTED || w.predictor_1.empty()) return false;
  product(w.predictor_1, stream, b_.hidden.data(), nullptr);
  const auto rank = w.predictor_1.weights().rows;
  launch_.activate({b_.hidden.data(), b_.hidden.data(), rank, Activation::relu, at.setting.t(l), nullptr, nullptr,
                    b_.batch.data(), nullptr, 0});
  product(w.predictor_2, b_.hidden.data(), b_.predicted.data(), nullptr);
  launch_.list_neurons({b_.predicted.data(), w.predictor_2.weights().rows, at.setting.cutoff(l), false, b_.other_list.data(),
                        b_.numbers.data() + kPredictedNeurons, nullptr});
  return true;
}

void Row::activate(const At& at, uint32_t l, float* x, float* out, bool predicted) const {
  const Setting& setting = at.setting.host();
  const Activation activation =
      setting.policy == SL_POLICY_FATRELU ? Activation::fatrelu : static_cast<Activation>(setting.activation);
  const auto layers = static_cast<int>(at.hooks ? model_.shape().layers : 1);
  uint32_t* counts = at.shape.misses ? b_.counts.data() + (at.hooks ? l : 0) * kCounts : nullptr;
  launch_.activate({x, out, static_cast<int>(model_.held(l)), activation, at.setting.t(l),
                    predicted ? b_.predicted.data() : nullptr, at.setting.cutoff(l), b_.batch.data(), counts, layers});
}

void Row::count(const At& at, uint32_t l, const float* gate, const int* rows_read, bool predicted) const {
  const Shape& s = model_.shape();
  const auto layers = static_cast<int>(at.hooks ? s.layers : 1);
  uint32_t* counts = b_.counts.data() + (at.hooks ? l : 0) * kCounts;
  const uint64_t own = uint64_t{at.shape.setting} * s.layers + l;
  const int* of_predictor = predicted ? b_.numbers.data() + kPredictedNeurons : nullptr;
  launch_.count_neurons({gate, b_.mid.data(), static_cast<int>(model_.held(l)), rows_read, of_predictor, b_.batch.data(), counts,
                         layers, at.hooks && b_.zeros.size() ? b_.zeros.data() + own : nullptr,
                         at.hooks && b_.active.size() ? b_.active.data() + own * s.neurons : nullptr});
}

void Row::feed_forward(const At& at, uint32_t l, const float* stream) const {
  if (model_.held(l) == 0) return launch_.zero(b_.out.data(), model_.shape().hidden);
  if (model_.shape().ffn.has_gate)
    gated(at, l, stream);
  else
    ungated(at, l, stream);
}

void Row::gated(const At& at, uint32_t l, const float* stream) const {
  const DeviceLayer& w = model_.layers[l];
  const Setting& setting = at.setting.host();
  const auto N = static_cast<int>(model_.held(l));
  const bool dense = setting.strategy == SL_DENSE;
  const int* listed = b_.numbers.data() + kListed;
  const bool relu = setting.policy == SL_POLICY_FATRELU || setting.activation == SL_FATRELU || setting.activation == SL_RELU;
  bool fused = relu && setting.strategy == SL_EXACT && model_.shape().ffn.act_up == SL_UP_AS_IS && !at.shape.misses &&
               N <= kMostFusedNeurons;
  for (SlPoint point : {SL_FFN_GATE_PRE, SL_FFN_UP_PRE, SL_FFN_UP})
    fused = fused && !intervenes(at, point, l) && !captures(at, point, l);
  fused = fused && !intervenes(at, SL_FFN_GATE, l) && !intervenes(at, SL_FFN_MID, l);
  bool predicted = false;
  if (fused) {
    launch_.gate({w.gate.weights(), b_.h.data(), at.setting.t(l), b_.gate.data(), b_.mid.data(), b_.mask.data()});
    launch_.up({w.up.weights(), b_.h.data(), b_.gate.data(), b_.mask.data(), b_.list.data(), b_.mid.data(),
                b_.numbers.data() + kListed});
    capture(at, SL_FFN_GATE, l, b_.gate.data());
  } else {
    predicted = predict(at, l, stream);
    const bool whole_gate = !predicted || captures(at, SL_FFN_GATE_PRE, l) || at.shape.misses;
    product(w.gate, b_.h.data(), b_.gate.data(), nullptr, whole_gate ? nullptr : b_.other_list.data(),
            b_.numbers.data() + kPredictedNeurons);
    hook(at, SL_FFN_GATE_PRE, l, b_.gate.data());
    activate(at, l, b_.gate.data(), b_.gate.data(), predicted);
    hook(at, SL_FFN_GATE, l, b_.gate.data());
    // The active neurons come first, in any strategy: so the sums of down have one order.
    launch_.list_neurons(
        {b_.gate.data(), N, nullptr, true, b_.list.data(), b_.numbers.data() + kListed, b_.numbers.data() + kTotal});
    const bool whole_up = dense || captures(at, SL_FFN_UP_PRE, l) || captures(at, SL_FFN_UP, l);
    product(w.up, b_.h.data(), b_.up.data(), nullptr, whole_up ? nullptr : b_.list.data(), listed);
    hook(at, SL_FFN_UP_PRE, l, b_.up.data());
    if (model_.shape().ffn.act_up == SL_UP_RELU)
      launch_.activate(
          {b_.up.data(), b_.up.data(), N, Activation::relu, at.setting.t(l), nullptr, nullptr, b_.batch.data(), nullptr, 0});
    hook(at, SL_FFN_UP, l, b_.up.data());
    launch_.multiply({b_.gate.data(), b_.up.data(), b_.mid.data(), N});
    if (whole_up) listed = b_.numbers.data() + kTotal;
  }
  const bool woken = intervene(at, SL_FFN_MID, l, b_.mid.data());
  capture(at, SL_FFN_MID, l, b_.mid.data());
  count(at, l, b_.gate.data(), listed, predicted);
  if (woken)
    launch_.list_neurons(
        {b_.mid.data(), N, nullptr, true, b_.list.data(), b_.numbers.data() + kListed, b_.numbers.data() + kTotal});
  down(at, l, b_.list.data(), b_.numbers.data() + (dense ? kTotal : kListed));
}

void Row::ungated(const At& at, uint32_t l, const float* stream) const {
  const DeviceLayer& w = model_.layers[l];
  const auto N = static_cast<int>(model_.held(l));
  const bool dense = at.setting.host().strategy == SL_DENSE;
  const bool predicted = predict(at, l, stream);
  const bool whole = !predicted || captures(at, SL_FFN_UP_PRE, l) || at.shape.misses;
  product(w.up, b_.h.data(), b_.up.data(), &w.up_bias, whole ? nullptr : b_.other_list.data(),
          b_.numbers.data() + kPredictedNeurons);
  hook(at, SL_FFN_UP_PRE, l, b_.up.data());
  activate(at, l, b_.up.data(), b_.mid.data(), predicted);
  hook(at, SL_FFN_MID, l, b_.mid.data());
  count(at, l, b_.mid.data(), whole ? nullptr : b_.numbers.data() + kPredictedNeurons, predicted);
  launch_.list_neurons(
      {b_.mid.data(), N, nullptr, true, b_.list.data(), b_.numbers.data() + kListed, b_.numbers.data() + kTotal});
  down(at, l, b_.list.data(), b_.numbers.data() + (dense ? kTotal : kListed));
}

void Row::down(const At& at, uint32_t l, const uint32_t* list, const int* count) const {
  const DeviceLayer& w = model_.layers[l];
  const bool dense = at.setting.host().strategy == SL_DENSE;
  // The bias belongs to the whole layer, not to a part of its neurons.
  launch_.down({w.down.weights(), w.ids.data(), list, b_.mid.data(), count, at.hooks ? w.down_bias.data() : nullptr,
                b_.partials.data(), b_.done.data() + model_.shape().heads, b_.out.data(), dense});
}

void Row::norm(const float* x, const DeviceArray<float>& weight, const DeviceArray<float>& bias, float* out) const {
  const Shape& s = model_.shape();
  launch_.norm({x, weight.data(), bias.data(), out, static_cast<int>(s.hidden), s.norm_epsilon, s.norm == SL_NORM_LAYER});
}

void Row::product(const DeviceMatrix& w, const float* x, float* y, const DeviceArray<float>* bias, const uint32_t* list,
                  const int* count) const {
  launch_.product({w.weights(), x, y, bias ? bias->data() : nullptr, 1.0f, list, count, nullptr, 0});
}

bool Row::captures(const At& at, SlPoint point, uint32_t layer) const {
  return at.hooks && at.shape.captures && plan_.captures_at(point, layer);
}

bool Row::intervenes(const At& at, SlPoint point, uint32_t layer) const {
  if (!at.hooks) return false;
  for (const sparselab::Intervention& i : at.setting.host().interventions)
    if (i.point == point && i.from <= layer && layer < i.to) return true;
  return false;
}

bool Row::intervene(const At& at, SlPoint point, uint32_t layer, float* x, size_t slot_stride) const {
  if (!at.hooks) return false;
  bool any = false;
  const std::vector<sparselab::Intervention>& all = at.setting.host().interventions;
  for (size_t i = 0; i < all.size(); i++) {
    if (all[i].point != point || layer < all[i].from || layer >= all[i].to) continue;
    any = true;
    const uint64_t width = point_width(model_.shape(), point);
    if (all[i].kind == SL_CALL) {
      (*at.call)(all[i], layer, x, width);
    } else if (is_by_key(point)) {
      const auto window = static_cast<int>(model_.shape().layer[layer].window);
      launch_.intervene_by_key(
          {at.setting.intervention(i), x, static_cast<int>(model_.shape().heads), length_, window, b_.batch.data()});
    } else {
      launch_.intervene({at.setting.intervention(i), x, static_cast<int>(layer), slot_stride, b_.batch.data()},
                        static_cast<int>(all[i].all_channels ? width : all[i].channels.size()));
    }
  }
  return any;
}

void Row::capture(const At& at, SlPoint point, uint32_t layer, const float* x, size_t slot_stride) const {
  if (!at.hooks || !at.shape.captures) return;
  const Shape& s = model_.shape();
  const size_t row = b_.capture_row;
  for (size_t c = 0; c < plan_.captures.size(); c++) {
    const SlCapture& capture = plan_.captures[c];
    if (capture.point != static_cast<uint32_t>(point) || layer < capture.from || layer >= capture.to) continue;
    const uint64_t width = point_width(s, point) * (is_by_key(point) ? plan_.length : 1);
    float* to = b_.captured.data() + capture_offset(s, plan_, c) + (layer - capture.from) * width;
    if (is_by_key(point))
      launch_.copy_by_key({x, to, row, static_cast<int>(s.heads), length_, length_, static_cast<int>(s.layer[layer].window),
                           point == SL_ATTN_SCORES ? -INFINITY : 0.0f, b_.batch.data()});
    else
      launch_.copy({x, to, slot_stride, row, static_cast<int>(width), b_.batch.data(), slot_stride != 0});
  }
}

void Row::hook(const At& at, SlPoint point, uint32_t layer, float* x, size_t slot_stride) const {
  intervene(at, point, layer, x, slot_stride);
  capture(at, point, layer, x, slot_stride);
}

}  // namespace sparselab::cuda
