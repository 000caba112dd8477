// The addon's functions about opened models: what they are, and their weights.
#pragma once
#include <napi.h>

namespace sparselab::node {

Napi::Value model_info(const Napi::CallbackInfo& info);  // (model) -> info
void close_model(const Napi::CallbackInfo& info);        // (model)
Napi::Value weight(const Napi::CallbackInfo& info);      // (model, name, first, count) -> Promise<{ data, rows, columns }>

}  // namespace sparselab::node
