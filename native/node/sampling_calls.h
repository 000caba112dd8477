// Sampling, most likely tokens and scores of logits that JavaScript holds, and the record of a sampler.
#pragma once
#include <napi.h>

#include <vector>

#include "backend/backend.h"

namespace sparselab::node {

// { temperature, topP, minP, repeatPenalty, topK, uniform, recent? }; the tokens are copied into `recent`.
SlSampler sampler_of(const Napi::Object& o, std::vector<int32_t>& recent);

Napi::Value draw(const Napi::CallbackInfo& info);           // (logits, sampler) -> token
Napi::Value log_total(const Napi::CallbackInfo& info);      // (logits) -> number
Napi::Value largest_of(const Napi::CallbackInfo& info);     // (values, k) -> Uint32Array
Napi::Value divergence_of(const Napi::CallbackInfo& info);  // (p, q) -> number
Napi::Value same_top_of(const Napi::CallbackInfo& info);    // (p, q) -> boolean

}  // namespace sparselab::node
