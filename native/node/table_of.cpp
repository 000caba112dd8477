#include "node/table_of.h"

#include <cstring>

#include "error.h"
#include "quant/types.h"

namespace sparselab::node {
namespace {

// Many strings as one piece of the file's bytes and offsets into it: a vocabulary has a hundred thousand.
Napi::Object strings_of(Napi::Env env, const Meta& m) {
  auto bytes = Napi::Uint8Array::New(env, m.bytes - 8 * m.count);
  auto offsets = Napi::Float64Array::New(env, m.count + 1);
  const uint8_t* p = m.data;
  uint64_t at = 0;
  for (uint64_t i = 0; i < m.count; i++) {
    uint64_t n;
    std::memcpy(&n, p, 8);
    if (n > m.bytes - 8 * m.count - at) throw Error(Code::bad_file, "the file is being written while it is read");
    if (n) std::memcpy(bytes.Data() + at, p + 8, n);
    offsets[i] = static_cast<double>(at);
    at += n;
    p += 8 + n;
  }
  offsets[m.count] = static_cast<double>(at);
  Napi::Object out = Napi::Object::New(env);
  out.Set("bytes", bytes);
  out.Set("offsets", offsets);
  return out;
}

Napi::Value value_of(Napi::Env env, const std::string& key, const Meta& m) {
  Napi::Object out = Napi::Object::New(env);
  if (m.is_array && m.type == MetaType::string) {
    out.Set("type", "strings");
    out.Set("value", strings_of(env, m));
  } else if (m.is_array) {
    auto numbers = Napi::Float64Array::New(env, m.count);
    for (uint64_t i = 0; i < m.count; i++) {
      numbers[i] = m.number(i);
      if ((m.type == MetaType::u64 || m.type == MetaType::i64) &&
          !(numbers[i] <= 9007199254740992.0 && numbers[i] >= -9007199254740992.0))
        throw Error(Code::bad_file, "key \"" + key + "\" holds an integer beyond 2^53");
    }
    out.Set("type", "numbers");
    out.Set("element", meta_type_name(m.type));
    out.Set("value", numbers);
  } else {
    out.Set("type", meta_type_name(m.type));
    switch (m.type) {
      case MetaType::string: {
        std::string s = m.string();
        out.Set("value", Napi::String::New(env, s.data(), s.size()));
        break;
      }
      case MetaType::boolean:
        out.Set("value", Napi::Boolean::New(env, m.number() != 0));
        break;
      case MetaType::u64: {
        uint64_t v;
        std::memcpy(&v, m.data, 8);
        out.Set("value", Napi::BigInt::New(env, v));
        break;
      }
      case MetaType::i64: {
        int64_t v;
        std::memcpy(&v, m.data, 8);
        out.Set("value", Napi::BigInt::New(env, v));
        break;
      }
      default:
        out.Set("value", Napi::Number::New(env, m.number()));
    }
  }
  return out;
}

}  // namespace

Napi::Object table_of(Napi::Env env, const Table& table, const std::string& path, uint64_t file_bytes) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("path", path);
  out.Set("magic", table.powerinfer ? "PWRI" : "GGUF");
  out.Set("version", table.version);
  out.Set("fileBytes", static_cast<double>(file_bytes));
  auto entries = Napi::Array::New(env, table.metadata.size());
  for (uint32_t i = 0; i < table.metadata.size(); i++) {
    const auto& [key, meta] = table.metadata[i];
    auto pair = Napi::Array::New(env, 2);
    pair.Set(0u, Napi::String::New(env, key.data(), key.size()));
    pair.Set(1u, value_of(env, key, meta));
    entries.Set(i, pair);
  }
  out.Set("metadata", env.Global().Get("Map").As<Napi::Function>().New({entries}));
  auto tensors = Napi::Array::New(env, table.tensors.size());
  for (uint32_t i = 0; i < table.tensors.size(); i++) {
    const TensorInfo& t = table.tensors[i];
    Napi::Object o = Napi::Object::New(env);
    o.Set("name", Napi::String::New(env, t.name.data(), t.name.size()));
    o.Set("type", type_name(t.type));
    auto shape = Napi::Array::New(env, t.shape.size());
    for (uint32_t d = 0; d < t.shape.size(); d++) shape.Set(d, static_cast<double>(t.shape[d]));
    o.Set("shape", shape);
    o.Set("offset", static_cast<double>(t.offset));
    o.Set("bytes", static_cast<double>(t.bytes));
    tensors.Set(i, o);
  }
  out.Set("tensors", tensors);
  return out;
}

}  // namespace sparselab::node
