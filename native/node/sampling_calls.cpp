#include "node/sampling_calls.h"

#include <algorithm>
#include <cmath>

#include "backend/ranking.h"
#include "backend/sampling.h"
#include "backend/scores.h"
#include "cpu/isa.h"
#include "node/arrays.h"
#include "node/edge.h"

namespace sparselab::node {
namespace {

const float* values_of(const Napi::Value& v, const char* what, uint64_t* n) {
  const float* values = array_data<float>(v, what, kAnyLength, n);
  if (*n < 1 || *n > UINT32_MAX)
    throw Error(Code::invalid_option, text("%s has %llu values; expected 1 to %u", what, (unsigned long long)*n, UINT32_MAX));
  return values;
}

}  // namespace

SlSampler sampler_of(const Napi::Object& o, std::vector<int32_t>& recent) {
  SlSampler s{};
  s.temperature = number_of(o, "temperature");
  s.top_p = number_of(o, "topP");
  s.min_p = number_of(o, "minP");
  s.repeat_penalty = number_of(o, "repeatPenalty");
  s.uniform = number_of(o, "uniform");
  s.top_k = unsigned_of(o, "topK");
  if (!absent(o.Get("recent"))) {
    const int32_t* tokens = array<int32_t>(o, "recent", kAnyLength, &s.recent_count);
    recent.assign(tokens, tokens + s.recent_count);
    s.recent = recent.data();
  }
  return s;
}

Napi::Value draw(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    uint64_t V = 0;
    const float* logits = values_of(info[0], "logits", &V);
    std::vector<int32_t> recent;
    const SlSampler sampler = sampler_of(object_of(info[1], "sampler"), recent);
    check_sampler(sampler, V);
    if (!std::all_of(logits, logits + V, [](float x) { return std::isfinite(x); }))
      throw Error(Code::not_finite, "the logits hold a number that is not finite");
    return Napi::Number::New(info.Env(), Sampling().draw(sampler, logits, V));
  });
}

Napi::Value log_total(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    uint64_t V = 0;
    const float* logits = values_of(info[0], "logits", &V);
    double most;
    return Napi::Number::New(info.Env(), cpu::kernels().log_total(logits, V, &most));
  });
}

Napi::Value largest_of(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    uint64_t n = 0;
    const float* values = values_of(info[0], "values", &n);
    const uint64_t k = std::min(count_of(info[1], "k"), n);
    auto places = Napi::Uint32Array::New(info.Env(), k);
    Ranking().largest(values, n, k, places.Data());
    return places;
  });
}

namespace {

// Of two rows of logits: fn(p, q, V).
template <class Fn>
auto of_two(const Napi::CallbackInfo& info, Fn fn) {
  uint64_t V = 0, n = 0;
  const float *p = values_of(info[0], "p", &V), *q = values_of(info[1], "q", &n);
  if (n != V)
    throw Error(Code::invalid_option,
                text("p has %llu values and q has %llu; expected as many", (unsigned long long)V, (unsigned long long)n));
  return fn(p, q, V);
}

}  // namespace

Napi::Value divergence_of(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value { return Napi::Number::New(info.Env(), of_two(info, divergence)); });
}

Napi::Value same_top_of(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), of_two(info, same_top)); });
}

}  // namespace sparselab::node
