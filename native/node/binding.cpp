// The addon's functions: lab/native.ts is their typed page. Each checks what it is given, hands the work to a thread, and answers
// with plain data. No exception leaves: what is thrown becomes a JavaScript Error with a code.
#include <napi.h>

#include <cmath>
#include <cstring>

#include "cpu/isa.h"
#include "executor/model.h"
#include "node/arrays.h"
#include "node/edge.h"
#include "node/files.h"
#include "node/handles.h"
#include "node/plan_of.h"
#include "node/table_of.h"
#include "node/values.h"
#include "node/work.h"

namespace sparselab::node {
namespace {

constexpr uint32_t kAbi = 3;
std::shared_ptr<LoadedFile> file_of(const Napi::Value& v) {
  auto file = unwrap<ModelHandle>(v, kModelTag, "model").file;
  if (!file) throw Error(Code::disposed, "the model was disposed of; load it again");
  return file;
}

const std::shared_ptr<ThreadLease>& thread_of(const Napi::Value& v) { return unwrap<ModelHandle>(v, kModelTag, "model").thread; }

std::shared_ptr<ProgramState> state_of(const Napi::Value& v) {
  auto state = unwrap<ProgramHandle>(v, kProgramTag, "program").state;
  if (!state) throw Error(Code::disposed, "the program was closed");
  return state;
}

Napi::Value model_info(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto file = file_of(info[0]);
    const SlModel& m = file->spec.model;
    Napi::Env env = info.Env();
    Napi::Object o = Napi::Object::New(env);
    o.Set("architecture", file->spec.architecture);
    o.Set("layers", m.layers);
    o.Set("hidden", m.hidden);
    o.Set("neurons", m.neurons);
    o.Set("heads", m.heads);
    o.Set("kvHeads", m.kv_heads);
    o.Set("headSize", m.head_size);
    o.Set("vocab", m.vocab);
    o.Set("context", m.context);
    o.Set("ropeBase", m.rope_base);
    o.Set("normEpsilon", m.norm_epsilon);
    o.Set("tied", file->spec.tied);
    auto predictors = Napi::Array::New(env);
    for (const Predictor& p : file->spec.predictors) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("layer", p.layer);
      entry.Set("rank", static_cast<double>(p.rank));
      predictors.Set(predictors.Length(), entry);
    }
    o.Set("predictors", predictors);
    o.Set("down", file->opened.down_native == m.layers ? "native" : "regrouped");
    Napi::Object types = Napi::Object::New(env);
    for (const auto& [name, bytes] : file->spec.bytes_by_type) types.Set(name, static_cast<double>(bytes));
    o.Set("weightTypes", types);
    o.Set("mappedBytes", static_cast<double>(file->spec.used_bytes));
    o.Set("ownedBytes", static_cast<double>(file->opened.owned_bytes));
    return o;
  });
}

void close_model(const Napi::CallbackInfo& info) {
  edge(info, [&] { unwrap<ModelHandle>(info[0], kModelTag, "model").close(Environment::of(info.Env())); });
}

Napi::Value estimate(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto file = file_of(info[0]);
    auto o1 = object_of(info[1], "plan");
    SlPlan plan{};  // settings and captures cost nothing that depends on what they are
    plan.sequences = unsigned_of(o1, "sequences");
    plan.length = unsigned_of(o1, "length");
    plan.threads = unsigned_of(o1, "threads");
    SlBytes bytes{};
    SlError error{};
    check(file->backend.estimate(file->model, &plan, count_of(info[2], "rows"), count_of(info[3], "logitRows"), &bytes, &error),
          error);
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("cacheBytes", static_cast<double>(bytes.cache_bytes));
    o.Set("scratchBytes", static_cast<double>(bytes.scratch_bytes));
    o.Set("rotationBytes", static_cast<double>(bytes.rotation_bytes));
    return o;
  });
}

Napi::Value compile(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto file = file_of(info[0]);
    const SlModel& shape = file->spec.model;
    PlanStorage storage;
    plan_of(object_of(info[1], "plan"), shape, storage);
    auto state = std::make_shared<ProgramState>(file, thread_of(info[0]));
    state->vocab = shape.vocab;
    state->layers = shape.layers;
    state->values = std::move(storage.values);
    SlError error{};
    check(file->backend.compile(file->model, &storage.plan, &state->program, &error), error);
    for (const SlCapture& c : storage.captures)
      state->capture_width.push_back((c.to - c.from) * point_width(shape, static_cast<SlPoint>(c.point)));
    return wrap(info.Env(), new ProgramHandle{state, Environment::of(info.Env()).shared_from_this()}, kProgramTag);
  });
}

// A forward that is still on its way keeps the program until it ends.
void close_program(const Napi::CallbackInfo& info) {
  edge(info, [&] { unwrap<ProgramHandle>(info[0], kProgramTag, "program").close(); });
}

// One forward. The batch is copied: it is small, it was checked, and JavaScript runs on while it is used. The sinks are the
// caller's arrays, which are written, never read.
struct Call {
  std::shared_ptr<ProgramState> state;
  SlBatch batch{};
  std::vector<int32_t> tokens, positions, sequences, settings, targets, references;
  std::vector<uint8_t> logits;
  SlSinks sinks{};
  std::vector<float*> captures;
};

template <class T>
const T* copied(const Napi::Object& o, const char* key, uint64_t n, std::vector<T>& into) {
  const T* data = array<T>(o, key, n);
  into.assign(data, data + n);
  return into.data();
}
template <class T>
const T* copied_if_there(const Napi::Object& o, const char* key, uint64_t n, std::vector<T>& into) {
  return absent(o.Get(key)) ? nullptr : copied(o, key, n, into);
}

void read_batch(const Napi::Object& o, Call& call) {
  uint64_t B = 0;
  SlBatch& b = call.batch;
  array<int32_t>(o, "tokens", kAnyLength, &B);
  if (B > UINT32_MAX) throw Error(Code::invalid_option, text("a batch of %llu rows is too large", (unsigned long long)B));
  b.rows = static_cast<uint32_t>(B);
  b.tokens = copied(o, "tokens", B, call.tokens);
  b.positions = copied(o, "positions", B, call.positions);
  b.sequences = copied(o, "sequences", B, call.sequences);
  b.settings = copied(o, "settings", B, call.settings);
  b.logits = copied_if_there(o, "logits", B, call.logits);
  b.targets = copied_if_there(o, "targets", B, call.targets);
  b.references = copied_if_there(o, "references", B, call.references);
}

void read_sinks(const Napi::Object& o, Call& call) {
  const ProgramState& state = *call.state;
  const uint64_t B = call.batch.rows;
  SlSinks& s = call.sinks;
  uint64_t wanted = 0;
  for (uint64_t b = 0; call.batch.logits && b < B; b++) wanted += call.batch.logits[b] != 0;
  s.zeros_mid = array<uint32_t>(o, "zerosInMid", state.layers * B);
  s.zeros_gate = array<uint32_t>(o, "zerosInGate", state.layers * B);
  s.rows_read = array<uint32_t>(o, "rowsRead", state.layers * B);
  s.logits = optional_array<float>(o, "logits", wanted * state.vocab);
  s.nll = optional_array<double>(o, "nll", B);
  s.kl = optional_array<double>(o, "kl", B);
  s.top1 = optional_array<uint8_t>(o, "top1", B);
  Napi::Value captures = o.Get("captures");
  if (absent(captures)) return;
  if (!captures.IsArray() || captures.As<Napi::Array>().Length() != state.capture_width.size())
    throw Error(Code::invalid_option,
                text("captures: expected %zu arrays, one for each capture of the plan", state.capture_width.size()));
  for (uint32_t c = 0; c < state.capture_width.size(); c++)
    call.captures.push_back(array_data<float>(captures.As<Napi::Array>().Get(c), "captures", state.capture_width[c] * B));
  s.captures = call.captures.data();
}

Napi::Value forward(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto call = std::make_shared<Call>();
    call->state = state_of(info[0]);
    auto batch = object_of(info[1], "batch"), sinks = object_of(info[2], "sinks");
    read_batch(batch, *call);
    read_sinks(sinks, *call);
    if (call->state->running.exchange(true))
      throw Error(Code::invalid_option, "this program is running; wait for its forward to end");
    call->state->control = {};
    // The arrays themselves are held, not only the objects that name them: those could be changed meanwhile.
    std::vector<Napi::Value> held;
    for (const char* key : {"zerosInMid", "zerosInGate", "rowsRead", "logits", "nll", "kl", "top1"})
      held.push_back(sinks.Get(key));
    if (!absent(sinks.Get("captures"))) {
      auto captures = sinks.Get("captures").As<Napi::Array>();
      for (uint32_t c = 0; c < captures.Length(); c++) held.push_back(captures.Get(c));
    }
    Work work;
    work.run = [call](SlControl& control) {
      LoadedFile& file = *call->state->file;
      file.check_unchanged(control);
      SlError error{};
      check(file.backend.forward(call->state->program, &call->batch, &call->sinks, &control, &error), error);
      file.check_unchanged(control);
    };
    work.result = [call](Napi::Env env) -> Napi::Value {
      Napi::Object o = Napi::Object::New(env);
      o.Set("weightBytesRead", static_cast<double>(call->sinks.weight_bytes_read));
      return o;
    };
    work.held = std::move(held);
    work.finally = [call] { call->state->running = false; };
    work.control = {call->state, &call->state->control};
    return start(info.Env(), call->state->thread->thread(), std::move(work));
  });
}

Napi::Value progress(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), __atomic_load_n(&state_of(info[0])->control.progress, __ATOMIC_RELAXED) / 1000.0);
  });
}

void abort_forward(const Napi::CallbackInfo& info) {
  edge(info, [&] {
    auto state = state_of(info[0]);
    if (!state->running) return;
    __atomic_store_n(&state->control.stop, 1u, __ATOMIC_RELAXED);
    state->thread->thread().drop_stopped();
  });
}

Napi::Value weight(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    struct Read {
      std::shared_ptr<LoadedFile> file;
      const TensorInfo* tensor;
      Napi::Reference<Napi::Float32Array> array;  // filled where it lies: a copy of it would be another array of that size
      float* data;
    };
    auto read = std::make_shared<Read>();
    read->file = file_of(info[0]);
    std::string name = path_of(info[1]);
    read->tensor = read->file->table().tensor(name);
    if (!read->tensor) throw Error(Code::invalid_option, "the file has no weight \"" + name + "\"");
    const TypeTraits* traits = type_traits(read->tensor->type);
    if (!traits || !traits->computed)
      throw Error(Code::unsupported_type, "weight \"" + name + "\" is stored as " + type_name(read->tensor->type) +
                                              "; supported are " + readable_types());
    const uint64_t values = read->tensor->rows() * read->tensor->shape[0];
    auto array = Napi::Float32Array::New(info.Env(), values);
    read->array = Napi::Persistent(array);
    read->data = array.Data();
    Work work;
    work.run = [read, traits](SlControl& control) {
      const TensorInfo& t = *read->tensor;
      read->file->check_unchanged(control);
      const uint8_t* p = read->file->file->mapping.data() + t.offset;
      for (uint64_t r = 0; r < t.rows(); r++) {
        if (__atomic_load_n(&control.stop, __ATOMIC_RELAXED)) throw Error(Code::aborted, "stopped as asked");
        cpu::kernels_of(static_cast<TensorType>(t.type))
            .dequantise(p + r * row_bytes(*traits, t.shape[0]), t.shape[0], read->data + r * t.shape[0]);
      }
      read->file->check_unchanged(control);
    };
    work.result = [read](Napi::Env env) -> Napi::Value {
      Napi::Object o = Napi::Object::New(env);
      o.Set("data", read->array.Value());
      o.Set("rows", static_cast<double>(read->tensor->rows()));
      o.Set("columns", static_cast<double>(read->tensor->shape[0]));
      return o;
    };
    return start(info.Env(), thread_of(info[0])->thread(), std::move(work));
  });
}

Napi::Value ffn(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto file = file_of(info[0]);
    const SlModel& shape = file->spec.model;
    struct Given {  // copied: JavaScript runs on meanwhile
      std::vector<float> x, t;
      std::vector<uint32_t> neurons;
      SlSetting setting;
    };
    auto given = std::make_shared<Given>();
    const uint64_t layer = count_of(info[1], "layer");
    if (layer >= shape.layers)
      throw Error(Code::invalid_option, text("block %llu; expected 0 to %u", (unsigned long long)layer, shape.layers - 1));
    uint64_t floats = 0, count = 0;
    const float* x = array_data<float>(info[2], "x", kAnyLength, &floats);
    if (floats == 0 || floats % shape.hidden)
      throw Error(Code::invalid_option,
                  text("x has %llu numbers; expected rows of %u", (unsigned long long)floats, shape.hidden));
    const bool all = absent(info[3]);
    given->x.assign(x, x + floats);
    if (!all) {
      const int32_t* neurons = array_data<int32_t>(info[3], "neurons", kAnyLength, &count);
      given->neurons.assign(neurons, neurons + count);
    }
    static const uint32_t none = 0;
    if (all) count = shape.neurons;
    const uint32_t* ids = all ? nullptr : count ? given->neurons.data() : &none;  // an empty set is not all of them
    const auto rows = static_cast<uint32_t>(floats / shape.hidden);
    given->setting = setting_of(object_of(info[4], "setting"), shape);
    given->t.assign(given->setting.t, given->setting.t + shape.layers);
    given->setting.t = given->t.data();
    const uint64_t threads = count_of(info[5], "threads");
    if (threads < 1 || threads > 1024)
      throw Error(Code::invalid_option, text("threads is %llu; expected 1 to 1024", (unsigned long long)threads));
    Napi::Env env = info.Env();
    auto y = Napi::Float32Array::New(env, floats), gate = Napi::Float32Array::New(env, rows * count),
         mid = Napi::Float32Array::New(env, rows * count);
    Napi::Object out = Napi::Object::New(env);
    out.Set("y", y);
    out.Set("gate", gate);
    out.Set("mid", mid);
    auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(out));
    float *yp = y.Data(), *gp = gate.Data(), *mp = mid.Data();
    Work work;
    work.run = [=](SlControl& control) {
      file->check_unchanged(control);
      SlError error{};
      check(file->backend.ffn(file->model, static_cast<uint32_t>(layer), rows, given->x.data(), ids, count, &given->setting,
                              static_cast<uint32_t>(threads), yp, gp, mp, &control, &error),
            error);
      file->check_unchanged(control);
    };
    work.result = [kept](Napi::Env) -> Napi::Value { return kept->Value(); };
    return start(env, thread_of(info[0])->thread(), std::move(work));
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("abi", kAbi);
  // A wrong SPARSELAB_ISA is an error of `open`, not of loading the addon.
  try {
    exports.Set("cpu", cpu::kernels().isa);
  } catch (const Error&) {
    exports.Set("cpu", "none");
  }
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
  exports.Set("forward", Napi::Function::New(env, forward));
  exports.Set("progress", Napi::Function::New(env, progress));
  exports.Set("abort", Napi::Function::New(env, abort_forward));
  exports.Set("weight", Napi::Function::New(env, weight));
  exports.Set("keepValues", Napi::Function::New(env, keep_values));
  exports.Set("copyValues", Napi::Function::New(env, copy_values));
  exports.Set("ffn", Napi::Function::New(env, ffn));
  return exports;
}

}  // namespace

NODE_API_MODULE(sparselab, init)

}  // namespace sparselab::node
