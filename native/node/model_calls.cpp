#include "node/model_calls.h"

#include "backend/points.h"
#include "cpu/isa.h"
#include "node/arrays.h"
#include "node/edge.h"
#include "node/handles.h"
#include "node/work.h"

namespace sparselab::node {

namespace {

bool same_positions(const SlLayer& a, const SlLayer& b) {
  return a.rope_base == b.rope_base && a.rope_factor == b.rope_factor && a.yarn == b.yarn && a.window == b.window;
}

// How layers see positions: one entry for each kind of layer, in the order in which they come.
Napi::Array ropes(Napi::Env env, const ModelSpec& spec) {
  const SlModel& m = spec.model;
  bool factors = false;
  for (const ModelTensor& one : spec.tensors) factors = factors || one.tensor.role == SL_TENSOR_ROPE_FREQS;
  auto out = Napi::Array::New(env);
  for (uint32_t l = 0; l < m.layers; l++) {
    const SlLayer& one = m.layer[l];
    uint32_t first = 0, count = 0;
    while (!same_positions(m.layer[first], one)) first++;
    if (first < l) continue;
    for (uint32_t i = l; i < m.layers; i++) count += same_positions(m.layer[i], one);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("layers", count);
    entry.Set("base", one.rope_base);
    entry.Set("channels", one.rope_dims);
    entry.Set("pairs", one.rope == SL_ROPE_HALVES ? "halves" : "adjacent");
    entry.Set("factor", one.rope_factor > 0 ? one.rope_factor : 1.0f);
    entry.Set("yarn", one.yarn != 0);
    entry.Set("frequencyFactors", factors);
    entry.Set("window", one.window);
    out.Set(out.Length(), entry);
  }
  return out;
}

}  // namespace

Napi::Value model_info(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto file = file_of(info[0]);
    const SlModel& m = file->spec.model;
    const SlLayer& layer = m.layer[0];
    Napi::Env env = info.Env();
    Napi::Object o = Napi::Object::New(env);
    o.Set("architecture", file->spec.architecture->name);
    o.Set("layers", m.layers);
    o.Set("hidden", m.hidden);
    o.Set("neurons", layer.neurons);
    o.Set("heads", layer.heads);
    o.Set("kvHeads", layer.kv_heads);
    o.Set("headSize", layer.head_size);
    o.Set("vocab", m.vocab);
    o.Set("context", m.context);
    o.Set("rope", ropes(env, file->spec));
    o.Set("normEpsilon", m.norm_epsilon);
    o.Set("gate", layer.ffn.has_gate != 0);
    o.Set("backend", file->backend.name);
    o.Set("tied", file->spec.tied);
    Napi::Object scales = Napi::Object::New(env);
    scales.Set("embedding", m.embedding_scale);
    scales.Set("residual", m.residual_scale);
    scales.Set("logits", m.logit_scale);
    o.Set("scales", scales);
    auto points = Napi::Array::New(env);
    for (uint32_t p = 0; p < SL_POINTS; p++)
      if (has_point(layer.ffn, static_cast<SlPoint>(p))) points.Set(points.Length(), kPoints[p].name);
    o.Set("points", points);
    auto predictors = Napi::Array::New(env);
    for (const Predictor& p : file->spec.predictors) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("layer", p.layer);
      entry.Set("rank", static_cast<double>(p.rank));
      predictors.Set(predictors.Length(), entry);
    }
    o.Set("predictors", predictors);
    Napi::Object down = Napi::Object::New(env);
    down.Set("native", static_cast<double>(file->opened.down_native));
    down.Set("regrouped", static_cast<double>(m.layers - file->opened.down_native - file->opened.down_by_channel));
    down.Set("stored", static_cast<double>(file->opened.down_by_channel));
    o.Set("down", down);
    Napi::Object types = Napi::Object::New(env);
    for (const auto& [name, bytes] : file->spec.bytes_by_type) types.Set(name, static_cast<double>(bytes));
    o.Set("weightTypes", types);
    const bool mapped = file->file->bytes_in_memory() == 0;
    o.Set("mappedBytes", mapped ? static_cast<double>(file->spec.used_bytes) : 0.0);
    o.Set("ownedBytes", static_cast<double>(file->opened.host_bytes + file->file->bytes_in_memory()));
    o.Set("pinnedBytes", static_cast<double>(file->opened.pinned_bytes));
    o.Set("deviceBytes", static_cast<double>(file->opened.device_bytes));
    return o;
  });
}

void close_model(const Napi::CallbackInfo& info) {
  edge(info, [&] { unwrap<ModelHandle>(info[0], kModelTag, "model").close(Environment::of(info.Env())); });
}

Napi::Value weight(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    struct Read {
      std::shared_ptr<LoadedFile> file;
      const TensorInfo* tensor;
      uint64_t first, count;
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
    const uint64_t rows = read->tensor->rows();
    read->first = absent(info[2]) ? 0 : count_of(info[2], "first");
    if (read->first > rows)
      throw Error(Code::invalid_option, text("row %llu of %llu", (unsigned long long)read->first, (unsigned long long)rows));
    read->count = absent(info[3]) ? rows - read->first : count_of(info[3], "count");
    if (read->count > rows - read->first)
      throw Error(Code::invalid_option, text("rows %llu to %llu of %llu", (unsigned long long)read->first,
                                             (unsigned long long)(read->first + read->count), (unsigned long long)rows));
    auto array = Napi::Float32Array::New(info.Env(), read->count * read->tensor->shape[0]);
    read->array = Napi::Persistent(array);
    read->data = array.Data();
    Work work;
    work.run = [read, traits](SlControl& control) {
      const TensorInfo& t = *read->tensor;
      read->file->check_unchanged(control);
      const uint8_t* p = t.data;
      for (uint64_t r = 0; r < read->count; r++) {
        if (__atomic_load_n(&control.stop, __ATOMIC_RELAXED)) throw Error(Code::aborted, "stopped as asked");
        cpu::kernels_of(static_cast<TensorType>(t.type))
            .dequantise(p + (read->first + r) * row_bytes(*traits, t.shape[0]), t.shape[0], read->data + r * t.shape[0]);
      }
      read->file->check_unchanged(control);
    };
    work.result = [read](Napi::Env env) -> Napi::Value {
      Napi::Object o = Napi::Object::New(env);
      o.Set("data", read->array.Value());
      o.Set("rows", static_cast<double>(read->count));
      o.Set("columns", static_cast<double>(read->tensor->shape[0]));
      return o;
    };
    return start(info.Env(), thread_of(info[0])->thread(), std::move(work));
  });
}

}  // namespace sparselab::node
