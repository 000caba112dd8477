#include "node/program_calls.h"

#include <cstring>

#include "backend/points.h"
#include "node/arrays.h"
#include "node/edge.h"
#include "node/handles.h"
#include "node/plan_of.h"
#include "node/sampling_calls.h"
#include "node/work.h"

namespace sparselab::node {
namespace {

std::shared_ptr<ProgramState> state_of(const Napi::Value& v) {
  auto state = unwrap<ProgramHandle>(v, kProgramTag, "program").state;
  if (!state) throw Error(Code::disposed, "the program was closed");
  return state;
}

// For calls that must not overlap a forward.
std::shared_ptr<ProgramState> idle_of(const Napi::Value& v) {
  auto state = state_of(v);
  if (state->running) throw Error(Code::invalid_option, "this program is running; wait for its forward to end");
  return state;
}

uint32_t small_of(const Napi::Value& v, const char* what) {
  const uint64_t n = count_of(v, what);
  if (n > UINT32_MAX)
    throw Error(Code::invalid_option, text("%s is %llu; expected at most %u", what, (unsigned long long)n, UINT32_MAX));
  return static_cast<uint32_t>(n);
}

}  // namespace

Napi::Value estimate(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto file = file_of(info[0]);
    auto o1 = object_of(info[1], "plan");
    SlPlan plan{};  // captures cost nothing here, and of settings only how many there are
    plan.sequences = unsigned_of(o1, "sequences");
    plan.length = unsigned_of(o1, "length");
    plan.threads = unsigned_of(o1, "threads");
    plan.kv = kv_of(o1);
    plan.arithmetic = arithmetic_of(o1);
    plan.setting_count = 1;
    if (o1.Get("settings").IsArray()) plan.setting_count = o1.Get("settings").As<Napi::Array>().Length();
    const std::vector<uint32_t> reducers = reducers_of(o1);
    plan.reducers = reducers.data();
    plan.reducer_count = static_cast<uint32_t>(reducers.size());
    SlBytes bytes{};
    SlError error{};
    check(file->backend.estimate(file->model, &plan, count_of(info[2], "rows"), count_of(info[3], "logitRows"), &bytes, &error),
          error);
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("cacheBytes", static_cast<double>(bytes.cache_bytes));
    o.Set("scratchBytes", static_cast<double>(bytes.scratch_bytes));
    o.Set("rotationBytes", static_cast<double>(bytes.rotation_bytes));
    o.Set("pinnedBytes", static_cast<double>(bytes.pinned_bytes));
    o.Set("deviceBytes", static_cast<double>(bytes.device_bytes));
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
    state->hidden = shape.hidden;
    state->neurons = shape.layer[0].neurons;
    state->length = storage.plan.length;
    state->keep(kOfPlan, std::move(storage.values), std::move(storage.callbacks));
    SlError error{};
    check(file->backend.compile(file->model, &storage.plan, &state->program, &error), error);
    for (const SlCapture& c : storage.captures) {
      state->capture_by_key.push_back(is_by_key(static_cast<SlPoint>(c.point)));
      state->capture_width.push_back((c.to - c.from) * point_width(sizes_of(shape), static_cast<SlPoint>(c.point)));
    }
    return wrap(info.Env(), new ProgramHandle{state, Environment::of(info.Env()).shared_from_this()}, kProgramTag);
  });
}

// A forward in progress keeps the program alive until it ends.
void close_program(const Napi::CallbackInfo& info) {
  edge(info, [&] { unwrap<ProgramHandle>(info[0], kProgramTag, "program").close(); });
}

// New numbers for a setting. Its intervention values replace those that the setting had.
void set_setting(const Napi::CallbackInfo& info) {
  edge(info, [&] {
    auto state = idle_of(info[0]);
    const uint32_t index = small_of(info[1], "index");
    PlanStorage storage;
    whole_setting_of(object_of(info[2], "setting"), state->file->spec.model, storage);
    SlError error{};
    check(state->file->backend.set(state->program, index, &storage.settings[0], &error), error);
    state->keep(index, std::move(storage.values), std::move(storage.callbacks));
  });
}

// Off the JavaScript thread: a long prefix is hundreds of megabytes.
Napi::Value keep(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto state = idle_of(info[0]);
    const uint32_t sequence = small_of(info[1], "sequence"), positions = small_of(info[2], "positions"),
                   from = absent(info[3]) ? sequence : small_of(info[3], "from");
    const auto source = absent(info[4]) ? state : idle_of(info[4]);
    if (&source->file->backend != &state->file->backend)
      throw Error(Code::invalid_option, "the positions to keep are those of a program of another backend");
    source->running = state->running = true;
    state->control = {};
    Work work;
    work.run = [=](SlControl& control) {
      SlError error{};
      check(state->file->backend.keep(state->program, sequence, positions, source->program, from, &control, &error), error);
    };
    work.result = [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
    work.finally = [state, source] { source->running = state->running = false; };
    work.control = {state, &state->control};
    return start(info.Env(), state->thread->thread(), std::move(work));
  });
}

Napi::Value held(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto state = idle_of(info[0]);
    uint32_t positions = 0;
    SlError error{};
    check(state->file->backend.held(state->program, small_of(info[1], "sequence"), &positions, &error), error);
    return Napi::Number::New(info.Env(), positions);
  });
}

Napi::Value sums(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto state = idle_of(info[0]);
    const uint32_t reducer = reducer_of(info[1]), setting = small_of(info[2], "setting");
    uint64_t rows = 0;
    std::vector<uint64_t> counts(state->layers * (reducer == SL_REDUCE_FREQUENCY ? state->neurons : 1));
    SlError error{};
    check(state->file->backend.sums(state->program, reducer, setting, counts.data(), &rows, &error), error);
    auto out = Napi::Float64Array::New(info.Env(), counts.size());  // exact below 2^53
    for (size_t i = 0; i < counts.size(); i++) out[i] = static_cast<double>(counts[i]);
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("rows", static_cast<double>(rows));
    o.Set("counts", out);
    return o;
  });
}

namespace {

// One forward. The batch is copied: it is small, it was checked, and JavaScript runs on while it is used. The sinks are the
// caller's arrays, which are written, never read.
struct ForwardCall {
  std::shared_ptr<ProgramState> state;
  SlBatch batch{};
  std::vector<int32_t> tokens, positions, sequences, settings, targets, references;
  std::vector<uint8_t> logits;
  std::vector<float> x_in;
  std::vector<SlSampler> samplers;
  std::vector<std::vector<int32_t>> recent;  // of each sampler
  SlSinks sinks{};
  std::vector<float*> captures;
};

uint64_t wanted_rows(const SlBatch& batch) {
  uint64_t wanted = 0;
  for (uint64_t b = 0; batch.logits && b < batch.rows; b++) wanted += batch.logits[b] != 0;
  return wanted;
}

void read_batch(const Napi::Object& o, ForwardCall& call) {
  uint64_t B = 0;
  SlBatch& b = call.batch;
  array<int32_t>(o, "positions", kAnyLength, &B);
  if (B > UINT32_MAX) throw Error(Code::invalid_option, text("a batch of %llu rows is too large", (unsigned long long)B));
  b.rows = static_cast<uint32_t>(B);
  b.tokens = copied_if_there(o, "tokens", B, call.tokens);
  b.positions = copied(o, "positions", B, call.positions);
  b.sequences = copied(o, "sequences", B, call.sequences);
  b.settings = copied(o, "settings", B, call.settings);
  b.logits = copied_if_there(o, "logits", B, call.logits);
  b.targets = copied_if_there(o, "targets", B, call.targets);
  b.references = copied_if_there(o, "references", B, call.references);
  if (!absent(o.Get("fromLayer"))) b.from_layer = unsigned_of(o, "fromLayer");
  if (!absent(o.Get("toLayer"))) b.to_layer = unsigned_of(o, "toLayer");
  b.x_in = copied_if_there(o, "xIn", B * call.state->hidden, call.x_in);
  if (!absent(o.Get("keys"))) b.keys = unsigned_of(o, "keys");
  if (b.keys > call.state->length)
    throw Error(Code::invalid_option,
                text("keys is %u; the plan has %llu positions", b.keys, (unsigned long long)call.state->length));
  if (!absent(o.Get("top"))) b.top = unsigned_of(o, "top");
  if (absent(o.Get("samplers"))) return;
  if (!o.Get("samplers").IsArray()) throw Error(Code::invalid_option, "samplers must be an array");
  auto samplers = o.Get("samplers").As<Napi::Array>();
  if (samplers.Length() != wanted_rows(b))
    throw Error(Code::invalid_option, text("%u samplers; expected one for each of the %llu rows that want logits",
                                           samplers.Length(), (unsigned long long)wanted_rows(b)));
  call.recent.resize(samplers.Length());
  for (uint32_t i = 0; i < samplers.Length(); i++)
    call.samplers.push_back(sampler_of(object_of(samplers.Get(i), "sampler"), call.recent[i]));
  b.samplers = call.samplers.data();
}

void read_sinks(const Napi::Object& o, ForwardCall& call) {
  const ProgramState& state = *call.state;
  const uint64_t B = call.batch.rows;
  SlSinks& s = call.sinks;
  const uint64_t wanted = wanted_rows(call.batch), top = call.batch.top;
  s.zeros_mid = array<uint32_t>(o, "zerosInMid", state.layers * B);
  s.zeros_gate = array<uint32_t>(o, "zerosInGate", state.layers * B);
  s.rows_read = array<uint32_t>(o, "rowsRead", state.layers * B);
  s.predicted = optional_array<uint32_t>(o, "predicted", state.layers * B);
  s.active = optional_array<uint32_t>(o, "active", state.layers * B);
  s.missed = optional_array<uint32_t>(o, "missed", state.layers * B);
  s.logits = optional_array<float>(o, "logits", wanted * state.vocab);
  s.x_out = optional_array<float>(o, "xOut", B * state.hidden);
  s.nll = optional_array<double>(o, "nll", B);
  s.kl = optional_array<double>(o, "kl", B);
  s.top1 = optional_array<uint8_t>(o, "top1", B);
  s.sampled = optional_array<int32_t>(o, "sampled", wanted);
  s.log_total = optional_array<double>(o, "logTotal", wanted);
  s.top_tokens = optional_array<int32_t>(o, "topTokens", wanted * top);
  s.top_logits = optional_array<float>(o, "topLogits", wanted * top);
  const uint64_t keys = call.batch.keys ? call.batch.keys : state.length;
  Napi::Value captures = o.Get("captures");
  if (absent(captures)) return;
  if (!captures.IsArray() || captures.As<Napi::Array>().Length() != state.capture_width.size())
    throw Error(Code::invalid_option,
                text("captures: expected %zu arrays, one for each capture of the plan", state.capture_width.size()));
  for (uint32_t c = 0; c < state.capture_width.size(); c++)
    call.captures.push_back(array_data<float>(captures.As<Napi::Array>().Get(c), "captures",
                                              state.capture_width[c] * B * (state.capture_by_key[c] ? keys : 1)));
  s.captures = call.captures.data();
}

}  // namespace

Napi::Value forward(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto call = std::make_shared<ForwardCall>();
    call->state = state_of(info[0]);
    auto batch = object_of(info[1], "batch"), sinks = object_of(info[2], "sinks");
    read_batch(batch, *call);
    read_sinks(sinks, *call);
    if (call->state->running.exchange(true))
      throw Error(Code::invalid_option, "this program is running; wait for its forward to end");
    call->state->control = {};
    // The arrays themselves are held, not only the objects that name them: those could be changed meanwhile.
    std::vector<Napi::Value> held;
    for (const char* key : {"zerosInMid", "zerosInGate", "rowsRead", "predicted", "active", "missed", "logits", "xOut", "nll",
                            "kl", "top1", "sampled", "logTotal", "topTokens", "topLogits"})
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

// One layer's FFN over the neurons that the model holds.
Napi::Value ffn(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto state = idle_of(info[0]);
    struct Given {  // copied: JavaScript runs on meanwhile
      std::vector<float> x, stream;
      std::vector<int32_t> settings;
      SlFfnSinks sinks{};
    };
    auto given = std::make_shared<Given>();
    const uint32_t layer = small_of(info[1], "layer");
    auto batch = object_of(info[2], "batch"), sinks = object_of(info[3], "sinks");
    uint64_t rows = 0;
    array<int32_t>(batch, "settings", kAnyLength, &rows);
    if (rows > UINT32_MAX) throw Error(Code::invalid_option, text("a batch of %llu rows is too large", (unsigned long long)rows));
    copied(batch, "settings", rows, given->settings);
    copied(batch, "x", rows * state->hidden, given->x);
    copied_if_there(batch, "stream", rows * state->hidden, given->stream);
    given->sinks.y = array<float>(sinks, "y", rows * state->hidden);
    // Neurons held may differ from layer to layer.
    const uint64_t neurons = state->file->neurons_of(layer);
    given->sinks.gate = optional_array<float>(sinks, "gate", rows * neurons);
    given->sinks.mid = optional_array<float>(sinks, "mid", rows * neurons);
    std::vector<Napi::Value> kept;
    for (const char* key : {"y", "gate", "mid"}) kept.push_back(sinks.Get(key));
    state->running = true;
    state->control = {};
    Work work;
    work.run = [=](SlControl& control) {
      LoadedFile& file = *state->file;
      file.check_unchanged(control);
      const SlFfnBatch rows_of{static_cast<uint32_t>(rows), given->settings.data(), given->x.data(),
                               given->stream.empty() ? nullptr : given->stream.data()};
      SlError error{};
      check(file.backend.ffn(state->program, layer, &rows_of, &given->sinks, &control, &error), error);
      file.check_unchanged(control);
    };
    work.result = [given](Napi::Env env) -> Napi::Value {
      Napi::Object o = Napi::Object::New(env);
      o.Set("weightBytesRead", static_cast<double>(given->sinks.weight_bytes_read));
      return o;
    };
    work.held = std::move(kept);
    work.finally = [state] { state->running = false; };
    work.control = {state, &state->control};
    return start(info.Env(), state->thread->thread(), std::move(work));
  });
}

}  // namespace sparselab::node
