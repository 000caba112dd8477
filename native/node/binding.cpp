// The addon: lab/native.ts is its typed page. Each function checks what it is given, hands the work to a thread, and answers with
// plain data. No exception leaves: what is thrown becomes a JavaScript Error with a code.
#include <napi.h>

#include "backend/registry.h"
#include "cpu/isa.h"
#include "node/edge.h"
#include "node/files.h"
#include "node/model_calls.h"
#include "node/program_calls.h"
#include "node/sampling_calls.h"
#include "node/values.h"

namespace sparselab::node {
namespace {

constexpr uint32_t kAbi = 8;

// () -> the names of the backends there are
Napi::Value backends(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto out = Napi::Array::New(info.Env());
    for (const std::string& name : backend_names()) out.Set(out.Length(), name);
    return out;
  });
}

// (path) -> the name of the backend in a shared library
Napi::Value load_backend_library(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value { return Napi::String::New(info.Env(), load_backend(path_of(info[0]))); });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("abi", kAbi);
  // A wrong SPARSELAB_ISA is an error of `open`, not of loading the addon.
  try {
    exports.Set("cpu", cpu::kernels().isa);
  } catch (const Error&) {
    exports.Set("cpu", "none");
  }
  exports.Set("backends", Napi::Function::New(env, backends));
  exports.Set("loadBackend", Napi::Function::New(env, load_backend_library));
  exports.Set("device", Napi::Function::New(env, device));
  exports.Set("openFile", Napi::Function::New(env, open_file));
  exports.Set("closeFile", Napi::Function::New(env, close_file));
  exports.Set("readHeader", Napi::Function::New(env, read_header));
  exports.Set("open", Napi::Function::New(env, open_model));
  exports.Set("stamp", Napi::Function::New(env, stamp));
  exports.Set("read", Napi::Function::New(env, read_bytes));
  exports.Set("modelInfo", Napi::Function::New(env, model_info));
  exports.Set("closeModel", Napi::Function::New(env, close_model));
  exports.Set("estimate", Napi::Function::New(env, estimate));
  exports.Set("compile", Napi::Function::New(env, compile));
  exports.Set("closeProgram", Napi::Function::New(env, close_program));
  exports.Set("set", Napi::Function::New(env, set_setting));
  exports.Set("keep", Napi::Function::New(env, keep));
  exports.Set("held", Napi::Function::New(env, held));
  exports.Set("sums", Napi::Function::New(env, sums));
  exports.Set("forward", Napi::Function::New(env, forward));
  exports.Set("progress", Napi::Function::New(env, progress));
  exports.Set("abort", Napi::Function::New(env, abort_forward));
  exports.Set("weight", Napi::Function::New(env, weight));
  exports.Set("keepValues", Napi::Function::New(env, keep_values));
  exports.Set("copyValues", Napi::Function::New(env, copy_values));
  exports.Set("ffn", Napi::Function::New(env, ffn));
  exports.Set("draw", Napi::Function::New(env, draw));
  exports.Set("logTotal", Napi::Function::New(env, log_total));
  exports.Set("largest", Napi::Function::New(env, largest_of));
  exports.Set("divergence", Napi::Function::New(env, divergence_of));
  exports.Set("sameTop", Napi::Function::New(env, same_top_of));
  return exports;
}

}  // namespace

NODE_API_MODULE(sparselab, init)

}  // namespace sparselab::node
