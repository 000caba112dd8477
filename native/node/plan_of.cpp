#include "node/plan_of.h"

#include <cstring>
#include <iterator>

#include "backend/points.h"
#include "error.h"
#include "node/arrays.h"

namespace sparselab::node {
namespace {

// The number of a name among `names`.
template <size_t N>
uint32_t number_of(const std::string& name, const char* what, const char* const (&names)[N]) {
  std::string known;
  for (uint32_t i = 0; i < N; i++) {
    if (name == names[i]) return i;
    known += (i ? ", " : "") + std::string(names[i]);
  }
  throw Error(Code::invalid_option, std::string(what) + " \"" + name + "\" does not exist; known: " + known);
}
template <size_t N>
uint32_t named(const Napi::Object& o, const char* key, const char* const (&names)[N]) {
  return number_of(string_of(o, key), key, names);
}

uint32_t point_of(const Napi::Object& o) {
  std::string name = string_of(o, "point");
  for (uint32_t p = 0; p < SL_POINTS; p++)
    if (name == kPoints[p].name) return p;
  throw Error(Code::unknown_hook_point, "the executor has no hook point \"" + name + "\"");
}

Napi::Array list_of(const Napi::Object& o, const char* key) {
  Napi::Value v = o.Get(key);
  if (!v.IsArray()) throw Error(Code::invalid_option, text("%s: expected an array", key));
  return v.As<Napi::Array>();
}

Napi::Object item_of(const Napi::Array& list, uint32_t i, const char* what) {
  Napi::Value v = list.Get(i);
  if (!v.IsObject()) throw Error(Code::invalid_option, text("%s: expected objects", what));
  return v.As<Napi::Object>();
}

SlIntervention intervention_of(const Napi::Object& o, const SlModel& shape, PlanStorage& storage) {
  std::vector<Values>& kept = storage.values;
  SlIntervention i{};
  i.point = point_of(o);
  i.kind = named(o, "kind", kInterventions);
  i.from = unsigned_of(o, "from");
  i.to = unsigned_of(o, "to");
  i.factor = absent(o.Get("factor")) ? 1.0f : o.Get("factor").ToNumber().FloatValue();
  const uint64_t width = point_width(sizes_of(shape), static_cast<SlPoint>(i.point));
  if (i.kind == SL_ADD || i.kind == SL_REPLACE) {
    kept.push_back(values_of(o.Get("values"), "values"));
    i.values = kept.back()->data();
  }
  if (i.kind == SL_ADD && kept.back()->size() != width)
    throw Error(Code::invalid_option,
                text("values to add at %s: %zu numbers; expected %llu", point_name(static_cast<SlPoint>(i.point)),
                     kept.back()->size(), (unsigned long long)width));
  if (i.kind == SL_REPLACE) {
    const uint64_t n = kept.back()->size();
    uint64_t row = i.to > i.from ? width * (i.to - i.from) : 0;
    if (row == 0 || n == 0 || n % row)
      throw Error(Code::invalid_option,
                  text("values to replace at %s: %llu numbers; expected a multiple of %llu",
                       point_name(static_cast<SlPoint>(i.point)), (unsigned long long)n, (unsigned long long)row));
    i.value_rows = n / row;
  }
  if (i.kind == SL_CALL) {
    if (!o.Get("call").IsFunction())
      throw Error(Code::invalid_option, text("call at %s: expected a function", point_name(static_cast<SlPoint>(i.point))));
    storage.callbacks.push_back(std::make_shared<Callback>(o.Env(), o.Get("call").As<Napi::Function>()));
    i.call = Callback::call;
    i.context = storage.callbacks.back().get();
  }
  i.positions = reinterpret_cast<const uint32_t*>(optional_array<int32_t>(o, "positions", kAnyLength, &i.position_count));
  i.channels = reinterpret_cast<const uint32_t*>(optional_array<int32_t>(o, "channels", kAnyLength, &i.channel_count));
  // An empty list touches nothing, where a null pointer would mean all.
  static const uint32_t none = 0;
  if (!absent(o.Get("positions")) && i.position_count == 0) i.positions = &none;
  if (!absent(o.Get("channels")) && i.channel_count == 0) i.channels = &none;
  return i;
}

// The setting `o` without its interventions.
SlSetting setting_of(const Napi::Object& o, const SlModel& shape) {
  SlSetting s{};
  s.activation = named(o, "activation", kActivations);
  s.strategy = named(o, "strategy", kStrategies);
  s.t = array<float>(o, "t", shape.layers);
  s.cutoff = optional_array<float>(o, "cutoff", shape.layers);
  if (absent(o.Get("policy"))) return s;  // as-trained
  auto policy = object_of(o.Get("policy"), "policy");
  s.policy.kind = named(policy, "kind", kPolicies);
  s.policy.t = optional_array<float>(policy, "t", shape.layers);
  return s;
}

std::vector<SlIntervention> interventions_of(const Napi::Array& list, const SlModel& shape, PlanStorage& storage) {
  std::vector<SlIntervention> out;
  for (uint32_t k = 0; k < list.Length(); k++) out.push_back(intervention_of(item_of(list, k, "interventions"), shape, storage));
  return out;
}

}  // namespace

uint32_t reducer_of(const Napi::Value& name) {
  if (!name.IsString()) throw Error(Code::invalid_option, "reducer: expected a string");
  return number_of(name.As<Napi::String>().Utf8Value(), "reducer", kReducers);
}

static constexpr const char* kKvTypes[] = {"f32", "f16"};  // by SlKvType
uint32_t kv_of(const Napi::Object& o) {
  if (absent(o.Get("kv"))) return SL_KV_F32;
  return number_of(string_of(o, "kv"), "kv", kKvTypes);
}

static constexpr const char* kArithmetics[] = {"float", "int8"};  // by SlArithmetic
uint32_t arithmetic_of(const Napi::Object& o) {
  if (absent(o.Get("arithmetic"))) return SL_ARITHMETIC_FLOAT;
  return number_of(string_of(o, "arithmetic"), "arithmetic", kArithmetics);
}

std::vector<uint32_t> reducers_of(const Napi::Object& o) {
  std::vector<uint32_t> out;
  if (absent(o.Get("reducers"))) return out;
  auto list = list_of(o, "reducers");
  for (uint32_t i = 0; i < list.Length(); i++) out.push_back(reducer_of(list.Get(i)));
  return out;
}

void whole_setting_of(const Napi::Object& o, const SlModel& shape, PlanStorage& out) {
  out.interventions.push_back(interventions_of(list_of(o, "interventions"), shape, out));
  out.settings.push_back(setting_of(o, shape));
  out.settings.back().interventions = out.interventions.back().data();
  out.settings.back().intervention_count = out.interventions.back().size();
}

void plan_of(const Napi::Object& o, const SlModel& shape, PlanStorage& out) {
  auto settings = list_of(o, "settings");
  Napi::Value last;  // the settings of a sweep share one list of interventions, which may be long: it is read once
  for (uint32_t i = 0; i < settings.Length(); i++) {
    Napi::Object setting = item_of(settings, i, "settings");
    Napi::Array list = list_of(setting, "interventions");
    if (last.IsEmpty() || !last.StrictEquals(list)) {
      out.interventions.push_back(interventions_of(list, shape, out));
      last = list;
    }
    out.settings.push_back(setting_of(setting, shape));
    out.settings.back().interventions = out.interventions.back().data();
    out.settings.back().intervention_count = out.interventions.back().size();
  }
  auto captures = list_of(o, "captures");
  for (uint32_t i = 0; i < captures.Length(); i++) {
    auto c = item_of(captures, i, "captures");
    out.captures.push_back({point_of(c), unsigned_of(c, "from"), unsigned_of(c, "to")});
  }
  out.reducers = reducers_of(o);
  out.plan = {out.settings.data(),         static_cast<uint32_t>(out.settings.size()),
              out.captures.data(),         static_cast<uint32_t>(out.captures.size()),
              unsigned_of(o, "sequences"), unsigned_of(o, "length"),
              unsigned_of(o, "threads")};
  out.plan.kv = kv_of(o);
  out.plan.arithmetic = arithmetic_of(o);
  out.plan.reducers = out.reducers.data();
  out.plan.reducer_count = static_cast<uint32_t>(out.reducers.size());
}

}  // namespace sparselab::node
