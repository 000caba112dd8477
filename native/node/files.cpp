#include "node/files.h"

#include "backend/registry.h"

#include "node/arrays.h"
#include "node/edge.h"
#include "node/handles.h"
#include "node/table_of.h"

namespace sparselab::node {
namespace {

// The header as JavaScript's values, which are made from the mapped file: it is looked at once more afterwards.
Napi::Value table_of_file(Napi::Env env, const OpenFile& file) {
  Napi::Value table = about_file(file.path(), [&] { return table_of(env, file); });
  file.check_unchanged();
  return table;
}

// `source`: a path, or the bytes of a file, which are copied now.
Napi::Promise opening(Napi::Env env, const Napi::Value& source,
                      std::function<Napi::Value(Napi::Env, std::shared_ptr<const OpenFile>)> result) {
  struct Read {
    std::string path;
    std::vector<uint8_t> bytes;
    bool in_memory = false;
    std::shared_ptr<const OpenFile> file;
  };
  auto read = std::make_shared<Read>();
  if (source.IsTypedArray()) {
    uint64_t n = 0;
    const uint8_t* bytes = array_data<uint8_t>(source, "source", kAnyLength, &n);
    read->bytes.assign(bytes, bytes + n);
    read->in_memory = true;
  } else {
    read->path = path_of(source);
  }
  Work work;
  work.run = [read](SlControl&) {
    read->file =
        read->in_memory ? std::make_shared<const OpenFile>(std::move(read->bytes)) : std::make_shared<const OpenFile>(read->path);
  };
  work.result = [read, result](Napi::Env e) { return result(e, read->file); };
  return start(env, Environment::of(env).files(), std::move(work));
}

// { backend, device, budget, neurons, down, scales: { embedding, residual, logits } } or undefined
OpenOptions options_of(const Napi::Value& v) {
  OpenOptions out;
  if (absent(v)) return out;
  auto o = object_of(v, "options");
  if (!absent(o.Get("backend"))) out.backend = string_of(o, "backend");
  if (!absent(o.Get("device"))) out.device = static_cast<int32_t>(unsigned_of(o, "device"));
  if (!absent(o.Get("budget"))) out.budget = count_of(o.Get("budget"), "budget");
  if (!absent(o.Get("down"))) {
    const std::string down = string_of(o, "down");
    if (down != "by-neuron" && down != "as-stored")
      throw Error(Code::invalid_option, "down \"" + down + "\" does not exist; expected \"by-neuron\" or \"as-stored\"");
    out.down = down == "as-stored" ? SL_DOWN_AS_STORED : SL_DOWN_BY_NEURON;
  }
  if (!absent(o.Get("scales"))) {
    auto scales = object_of(o.Get("scales"), "scales");
    auto given = [&](const char* name) -> std::optional<float> {
      if (absent(scales.Get(name))) return std::nullopt;
      return static_cast<float>(number_of(scales, name));
    };
    out.scales = {given("embedding"), given("residual"), given("logits")};
  }
  if (absent(o.Get("neurons"))) return out;
  if (!o.Get("neurons").IsArray()) throw Error(Code::invalid_option, "neurons: expected an array, one Int32Array for each layer");
  auto layers = o.Get("neurons").As<Napi::Array>();
  for (uint32_t l = 0; l < layers.Length(); l++) {
    uint64_t count = 0;
    const int32_t* ids = array_data<int32_t>(layers.Get(l), "neurons", kAnyLength, &count);
    out.neurons.emplace_back(ids, ids + count);
  }
  return out;
}

}  // namespace

Napi::Value open_file(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    return opening(info.Env(), info[0], [](Napi::Env env, std::shared_ptr<const OpenFile> file) -> Napi::Value {
      Napi::Object out = Napi::Object::New(env);
      out.Set("table", table_of_file(env, *file));
      auto* handle = new FileHandle;
      handle->file = std::move(file);
      out.Set("file", wrap(env, handle, kFileTag));
      return out;
    });
  });
}

// An opening of weights that is under way is asked to stop.
void close_file(const Napi::CallbackInfo& info) {
  edge(info, [&] {
    FileHandle& handle = unwrap<FileHandle>(info[0], kFileTag, "file");
    handle.file.reset();
    __atomic_store_n(&handle.opening->stop, 1u, __ATOMIC_RELAXED);
    Environment::of(info.Env()).files().drop_stopped();
  });
}

Napi::Value read_header(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    return opening(info.Env(), info[0],
                   [](Napi::Env env, std::shared_ptr<const OpenFile> file) { return table_of_file(env, *file); });
  });
}

// A driver may take seconds to start.
Napi::Value device(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    auto found = std::make_shared<SlDevice>();
    Work work;
    work.run = [found, name = path_of(info[0]), number = static_cast<int32_t>(count_of(info[1], "device"))](SlControl&) {
      *found = find_device(name, number);
    };
    work.result = [found](Napi::Env env) -> Napi::Value {
      auto out = Napi::Object::New(env);
      out.Set("name", found->name);
      out.Set("devices", found->devices);
      out.Set("totalBytes", static_cast<double>(found->total_bytes));
      out.Set("freeBytes", static_cast<double>(found->free_bytes));
      return out;
    };
    return start(info.Env(), Environment::of(info.Env()).files(), std::move(work));
  });
}

Napi::Value open_model(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    FileHandle& handle = unwrap<FileHandle>(info[0], kFileTag, "file");
    if (!handle.file) throw Error(Code::disposed, "the file was closed; open it again");
    OpenOptions options = options_of(info[1]);
    Environment& environment = Environment::of(info.Env());
    auto model = std::make_shared<std::unique_ptr<ModelHandle>>(std::make_unique<ModelHandle>());
    (*model)->thread = std::make_shared<ThreadLease>(environment);
    Work work;
    work.run = [file = handle.file, options = std::move(options), model](SlControl& control) {
      (*model)->file = LoadedFile::of(file, options, control);
    };
    work.result = [model](Napi::Env env) { return wrap(env, model->release(), kModelTag); };
    work.control = handle.opening;
    return start(info.Env(), environment.files(), std::move(work));
  });
}

// Which file this is, in which state, as one string: two are the same only while nothing has touched the file.
Napi::Value stamp(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    struct Look {
      std::shared_ptr<LoadedFile> file;
      std::vector<FileStamp> stamps;  // of the parts
    };
    auto look = std::make_shared<Look>();
    look->file = file_of(info[0]);
    Work work;
    work.run = [look](SlControl& control) {
      look->file->check_unchanged(control);
      look->stamps = look->file->file->check_unchanged();
    };
    work.result = [look](Napi::Env env) -> Napi::Value {
      std::string out;
      for (const auto& [id, changed] : look->stamps)
        out += text("%llu %llu %llu %llu %llu;", (unsigned long long)id.device, (unsigned long long)id.inode,
                    (unsigned long long)id.size, (unsigned long long)id.modified_ns, (unsigned long long)changed);
      return Napi::String::New(env, out);
    };
    return start(info.Env(), Environment::of(info.Env()).files(), std::move(work));
  });
}

Napi::Value read_bytes(const Napi::CallbackInfo& info) {
  return edge(info, [&]() -> Napi::Value {
    struct Read {
      std::shared_ptr<LoadedFile> file;
      uint64_t at, n, got;
      uint8_t* into;
    };
    auto read = std::make_shared<Read>();
    read->file = file_of(info[0]);
    read->into = array_data<uint8_t>(info[1], "into", kAnyLength, &read->n);
    read->at = count_of(info[2], "position");
    Work work;
    work.run = [read](SlControl&) { read->got = read->file->file->read(read->at, read->into, read->n); };
    work.result = [read](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, static_cast<double>(read->got)); };
    work.held = {info[1]};
    return start(info.Env(), Environment::of(info.Env()).files(), std::move(work));
  });
}

}  // namespace sparselab::node
