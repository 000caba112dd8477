#include "executor/plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "error.h"
#include "ffn/policy.h"

namespace sparselab {
namespace {

// Of a name in the vocabulary, which may be newer in the caller than here.
void check_number(const char* what, uint32_t number, size_t count) {
  if (number >= count)
    throw Error(Code::invalid_option, text("%s number %u does not exist; expected 0 to %zu", what, number, count - 1));
}

void check_range(const Shape& shape, uint32_t point, uint32_t from, uint32_t to, const char* what) {
  if (point >= SL_POINTS) throw Error(Code::unknown_hook_point, text("%s: hook point number %u does not exist", what, point));
  auto p = static_cast<SlPoint>(point);
  if (!has_point(shape.ffn, p))
    throw Error(Code::unknown_hook_point, text("%s: this model's FFN has no gate, so \"%s\" does not exist; its points are %s",
                                               what, point_name(p), points_of(shape.ffn).c_str()));
  uint32_t layers = kPoints[p].in_layer ? shape.layers : 1;
  if (from >= to || to > layers)
    throw Error(Code::invalid_option,
                text("%s at %s: layers %u to %u; expected within 0 to %u", what, point_name(p), from, to, layers));
}

// An entry listed twice counts once: the neuron is not scaled twice.
std::vector<uint32_t> each_once(const uint32_t* numbers, uint64_t count) {
  std::vector<uint32_t> out(numbers, numbers + count);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Intervention copy_intervention(const Shape& shape, const SlIntervention& i) {
  check_range(shape, i.point, i.from, i.to, "intervention");
  check_number("intervention", i.kind, std::size(kInterventions));
  Intervention out{static_cast<SlPoint>(i.point),
                   static_cast<SlIntervene>(i.kind),
                   i.from,
                   i.to,
                   i.factor,
                   nullptr,
                   i.value_rows,
                   !i.positions,
                   !i.channels,
                   {},
                   {}};
  const uint64_t width = point_width(shape, out.point);
  if (out.kind == SL_ADD || out.kind == SL_REPLACE) {
    if (!i.values) throw Error(Code::invalid_option, text("intervention at %s has no values", point_name(out.point)));
    out.values = i.values;
  }
  if (out.kind == SL_CALL) {
    if (!i.call) throw Error(Code::invalid_option, text("intervention at %s has no function", point_name(out.point)));
    out.call = i.call;
    out.context = i.context;
  }
  if (is_by_key(out.point) && out.kind != SL_ZERO && out.kind != SL_SCALE)
    throw Error(Code::invalid_option,
                text("intervention %s at %s; expected zero or scale", kInterventions[out.kind], point_name(out.point)));
  if (i.positions) out.positions = each_once(i.positions, i.position_count);
  if (i.channels) out.channels = each_once(i.channels, i.channel_count);
  for (uint32_t c : out.channels)
    if (c >= width)
      throw Error(Code::invalid_option, text("intervention at %s: channel %u; expected 0 to %llu", point_name(out.point), c,
                                             (unsigned long long)width - 1));
  return out;
}

// (L) copied; null: zeros
std::vector<float> thresholds(const float* t, uint32_t layers, const char* what) {
  std::vector<float> out(layers, 0.0f);
  if (t) out.assign(t, t + layers);
  for (uint32_t l = 0; l < layers; l++)
    if (!(out[l] >= 0)) throw Error(Code::invalid_option, text("%s of layer %u is %g; expected a number >= 0", what, l, out[l]));
  return out;
}

// The cutoffs of `predicted`, and what does not go with it: a neuron that the predictor leaves out has no value before its
// activation that could be changed.
void check_predicted(const Shape& shape, const SlSetting& s, Setting& out) {
  if (shape.ranks.empty())
    throw Error(Code::invalid_option,
                "strategy \"predicted\" needs predictors (tensors blk.N.fc1.weight and blk.N.fc2.weight), and "
                "this file has none; use \"exact\", which misses nothing");
  out.cutoff.assign(shape.layers, 0.0f);
  if (s.cutoff) out.cutoff.assign(s.cutoff, s.cutoff + shape.layers);
  for (uint32_t l = 0; l < shape.layers; l++)
    if (std::isnan(out.cutoff[l])) throw Error(Code::invalid_option, text("cutoff of layer %u is not a number", l));
  const SlPoint before = shape.ffn.has_gate ? SL_FFN_GATE_PRE : SL_FFN_UP_PRE;
  for (const Intervention& i : out.interventions)
    if (i.point == before)
      throw Error(Code::invalid_option,
                  text("intervention at %s under strategy \"predicted\": the neurons that the predictor leaves out have no value "
                       "there; intervene at %s, or use strategy \"exact\"",
                       point_name(before), point_name(shape.ffn.has_gate ? SL_FFN_GATE : SL_FFN_MID)));
}

}  // namespace

Setting copy_setting(const Shape& shape, const SlSetting& s) {
  check_number("activation", s.activation, std::size(kActivations));
  check_number("strategy", s.strategy, std::size(kStrategies));
  check_number("policy", s.policy.kind, std::size(kPolicies));
  Setting out{
      static_cast<SlActivation>(s.activation), static_cast<SlStrategy>(s.strategy), thresholds(s.t, shape.layers, "t"), {}};
  out.policy = static_cast<SlPolicyKind>(s.policy.kind);
  if (s.policy.t) out.policy_t = thresholds(s.policy.t, shape.layers, "the policy's t");
  policy_of(out.policy).check(out);
  for (uint64_t i = 0; i < s.intervention_count; i++) out.interventions.push_back(copy_intervention(shape, s.interventions[i]));
  if (out.strategy == SL_PREDICTED) check_predicted(shape, s, out);
  return out;
}

Plan copy_plan(const Shape& shape, const SlPlan& p) {
  if (p.setting_count < 1) throw Error(Code::invalid_option, "a plan needs at least one setting");
  if (p.sequences < 1 || p.length < 1) throw Error(Code::invalid_option, "a plan needs at least one sequence and one position");
  if (p.length > shape.context)
    throw Error(Code::context_full,
                text("%u positions are asked for, but the model's context has %u: shorten the text", p.length, shape.context));
  if (p.threads < 1 || p.threads > 1024) throw Error(Code::invalid_option, text("threads is %u; expected 1 to 1024", p.threads));
  if (p.arithmetic > SL_ARITHMETIC_INT8)
    throw Error(Code::invalid_option, text("arithmetic %u; expected 0 (float) or 1 (int8)", p.arithmetic));
  if (p.kv > SL_KV_F16) throw Error(Code::invalid_option, text("KV cache type %u; expected 0 (f32) or 1 (f16)", p.kv));
  Plan out{{}, {}, {}, p.sequences, p.length, p.threads};
  out.kv = p.kv;
  out.arithmetic = p.arithmetic;
  for (uint32_t i = 0; i < p.setting_count; i++) out.settings.push_back(copy_setting(shape, p.settings[i]));
  for (uint32_t i = 0; i < p.capture_count; i++) {
    check_range(shape, p.captures[i].point, p.captures[i].from, p.captures[i].to, "capture");
    out.captures.push_back(p.captures[i]);
  }
  for (uint32_t i = 0; i < p.reducer_count; i++) {
    const uint32_t r = p.reducers[i];
    if (r >= SL_REDUCERS) throw Error(Code::invalid_option, text("reducer number %u does not exist", r));
    if (std::find(out.reducers.begin(), out.reducers.end(), r) == out.reducers.end()) out.reducers.push_back(r);
  }
  return out;
}

uint64_t Plan::interventions_at(SlPoint point, uint32_t layer) const {
  uint64_t most = 0;
  for (const Setting& s : settings) {
    auto here = [&](const Intervention& i) { return i.point == point && i.from <= layer && layer < i.to; };
    most = std::max<uint64_t>(most, static_cast<uint64_t>(std::count_if(s.interventions.begin(), s.interventions.end(), here)));
  }
  return most;
}

bool Plan::calls_at(SlPoint point, uint32_t layer) const {
  return std::any_of(settings.begin(), settings.end(), [&](const Setting& s) {
    return std::any_of(s.interventions.begin(), s.interventions.end(), [&](const Intervention& i) {
      return i.kind == SL_CALL && i.point == point && i.from <= layer && layer < i.to;
    });
  });
}

bool Plan::captures_at(SlPoint point, uint32_t layer) const {
  return std::any_of(captures.begin(), captures.end(), [&](const SlCapture& c) {
    return c.point == static_cast<uint32_t>(point) && c.from <= layer && layer < c.to;
  });
}

}  // namespace sparselab
