#include "node/values.h"

#include <cstring>

#include "error.h"
#include "node/arrays.h"
#include "node/edge.h"

namespace sparselab::node {
namespace {

constexpr napi_type_tag kValuesTag = {0x73706172736c6162, 0x76616c7565730001};

// Tells the garbage collector what a handle weighs: it sees only a pointer.
void weigh(Napi::Env env, const Values& values, int64_t sign) {
  Napi::MemoryManagement::AdjustExternalMemory(env, sign * static_cast<int64_t>(values->size() * sizeof(float)));
}

}  // namespace

Napi::Value keep_values(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    uint64_t n = 0;
    const float* data = array_data<float>(info[0], "values", kAnyLength, &n);
    auto* kept = new Values(std::make_shared<const std::vector<float>>(data, data + n));
    weigh(info.Env(), *kept, 1);
    auto handle = Napi::External<Values>::New(info.Env(), kept, [](Napi::Env env, Values* values) {
      weigh(env, *values, -1);
      delete values;
    });
    handle.TypeTag(&kValuesTag);
    return handle;
  });
}

Napi::Value copy_values(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    const Values values = values_of(info[0], "values");
    auto out = Napi::Float32Array::New(info.Env(), values->size());
    if (!values->empty()) std::memcpy(out.Data(), values->data(), values->size() * sizeof(float));
    return out;
  });
}

Values values_of(const Napi::Value& handle, const char* what) {
  if (!handle.IsExternal() || !handle.As<Napi::External<Values>>().CheckTypeTag(&kValuesTag))
    throw Error(Code::invalid_option, text("%s: expected a handle from keepValues", what));
  return *handle.As<Napi::External<Values>>().Data();
}

}  // namespace sparselab::node
