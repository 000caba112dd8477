#include "executor/plan.h"

#include <algorithm>

#include "error.h"
#include "executor/model.h"

namespace sparselab {
namespace {

void check_range(const SlModel& shape, uint32_t point, uint32_t from, uint32_t to, const char* what) {
  if (point >= SL_POINTS) throw Error(Code::unknown_hook_point, text("%s: hook point number %u does not exist", what, point));
  auto p = static_cast<SlPoint>(point);
  if (!shape.ffn.has_gate && (p == SL_FFN_GATE_PRE || p == SL_FFN_GATE))
    throw Error(
        Code::unknown_hook_point,
        text("%s: this model's FFN has no gate, so \"%s\" does not exist; it has ffn.up_pre and ffn.mid", what, point_name(p)));
  uint32_t blocks = point_in_block(p) ? shape.layers : 1;
  if (from >= to || to > blocks)
    throw Error(Code::invalid_option,
                text("%s at %s: blocks %u to %u; expected within 0 to %u", what, point_name(p), from, to, blocks));
}

// What is listed twice counts once: a neuron is not scaled twice because its number was.
std::vector<uint32_t> each_once(const uint32_t* numbers, uint64_t count) {
  std::vector<uint32_t> out(numbers, numbers + count);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Intervention copy_intervention(const SlModel& shape, const SlIntervention& i) {
  check_range(shape, i.point, i.from, i.to, "intervention");
  if (i.kind > SL_ADD) throw Error(Code::invalid_option, text("intervention number %u does not exist", i.kind));
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
  if (i.positions) out.positions = each_once(i.positions, i.position_count);
  if (i.channels) out.channels = each_once(i.channels, i.channel_count);
  for (uint32_t c : out.channels)
    if (c >= width)
      throw Error(Code::invalid_option, text("intervention at %s: channel %u; expected 0 to %llu", point_name(out.point), c,
                                             (unsigned long long)width - 1));
  return out;
}

}  // namespace

Setting copy_setting(const SlModel& shape, const SlSetting& s) {
  if (s.activation > SL_FATRELU) throw Error(Code::invalid_option, text("activation number %u does not exist", s.activation));
  if (s.strategy > SL_EXACT) throw Error(Code::invalid_option, text("strategy number %u does not exist", s.strategy));
  Setting out{
      static_cast<SlActivation>(s.activation), static_cast<SlStrategy>(s.strategy), std::vector<float>(shape.layers, 0.0f), {}};
  if (s.t) out.t.assign(s.t, s.t + shape.layers);
  for (uint32_t l = 0; l < shape.layers; l++)
    if (!(out.t[l] >= 0)) throw Error(Code::invalid_option, text("t of block %u is %g; expected a number >= 0", l, out.t[l]));
  for (uint64_t i = 0; i < s.intervention_count; i++) out.interventions.push_back(copy_intervention(shape, s.interventions[i]));
  return out;
}

Plan copy_plan(const SlModel& shape, const SlPlan& p) {
  if (p.setting_count < 1) throw Error(Code::invalid_option, "a plan needs at least one setting");
  if (p.sequences < 1 || p.length < 1) throw Error(Code::invalid_option, "a plan needs at least one sequence and one position");
  if (p.length > shape.context)
    throw Error(Code::context_full,
                text("%u positions are asked for, but the model's context has %u: shorten the text", p.length, shape.context));
  if (p.threads < 1 || p.threads > 1024) throw Error(Code::invalid_option, text("threads is %u; expected 1 to 1024", p.threads));
  Plan out{{}, {}, p.sequences, p.length, p.threads};
  for (uint32_t i = 0; i < p.setting_count; i++) out.settings.push_back(copy_setting(shape, p.settings[i]));
  for (uint32_t i = 0; i < p.capture_count; i++) {
    check_range(shape, p.captures[i].point, p.captures[i].from, p.captures[i].to, "capture");
    out.captures.push_back(p.captures[i]);
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

bool Plan::captures_at(SlPoint point, uint32_t layer) const {
  return std::any_of(captures.begin(), captures.end(), [&](const SlCapture& c) {
    return c.point == static_cast<uint32_t>(point) && c.from <= layer && layer < c.to;
  });
}

}  // namespace sparselab
