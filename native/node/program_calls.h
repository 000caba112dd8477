// The addon's functions about programs: compiled plans, their forwards, their KV cache and sums.
#pragma once
#include <napi.h>

namespace sparselab::node {

Napi::Value estimate(const Napi::CallbackInfo& info);  // (model, plan, rows, logitRows) -> bytes
Napi::Value compile(const Napi::CallbackInfo& info);   // (model, plan) -> program
void close_program(const Napi::CallbackInfo& info);    // (program)
void set_setting(const Napi::CallbackInfo& info);      // (program, index, setting)
Napi::Value keep(const Napi::CallbackInfo& info);      // (program, sequence, positions, from, source) -> Promise
Napi::Value held(const Napi::CallbackInfo& info);      // (program, sequence) -> positions
Napi::Value sums(const Napi::CallbackInfo& info);      // (program, reducer, setting) -> { rows, counts }
Napi::Value forward(const Napi::CallbackInfo& info);   // (program, batch, sinks) -> Promise<{ weightBytesRead }>
Napi::Value progress(const Napi::CallbackInfo& info);  // (program) -> 0 to 1
void abort_forward(const Napi::CallbackInfo& info);    // (program)
Napi::Value ffn(const Napi::CallbackInfo& info);       // (program, layer, batch, sinks) -> Promise<{ weightBytesRead }>

}  // namespace sparselab::node
