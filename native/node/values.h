// The values of an intervention, kept for the lab in native memory: JavaScript cannot reach them, so they cannot change while a
// model uses them (a typed array cannot be frozen). Copied once, then shared by every view, sweep and program.
#pragma once
#include <napi.h>

#include <memory>
#include <vector>

namespace sparselab::node {

using Values = std::shared_ptr<const std::vector<float>>;

// keepValues(Float32Array) -> an opaque handle
Napi::Value keep_values(const Napi::CallbackInfo& info);
// copyValues(handle) -> Float32Array, a fresh copy
Napi::Value copy_values(const Napi::CallbackInfo& info);
// Of a handle that keep_values made; throws Error for anything else.
Values values_of(const Napi::Value& handle, const char* what);

}  // namespace sparselab::node
