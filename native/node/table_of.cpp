#include "node/table_of.h"

#include <cstring>

#include "architectures/model_file.h"
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

// Limits on the bytes of one value (kMostOfValue) and of all values of a file that become JavaScript values: a large vocabulary
// has some 4 MiB. Beyond them only type and size are reported and nothing is read, so an unused key never makes a file fail.
constexpr uint64_t kMostOfAll = uint64_t{128} << 20;

template <class T>
Napi::Value copied(Napi::Env env, const Meta& m) {
  auto out = Napi::TypedArrayOf<T>::New(env, m.count);
  if (m.bytes) std::memcpy(out.Data(), m.data, m.bytes);
  return out;
}

// An array of numbers in an array of its own element type; booleans as bytes 0 and 1.
Napi::Value numbers_of(Napi::Env env, const Meta& m) {
  switch (m.type) {
    case MetaType::i8:
      return copied<int8_t>(env, m);
    case MetaType::u16:
      return copied<uint16_t>(env, m);
    case MetaType::i16:
      return copied<int16_t>(env, m);
    case MetaType::u32:
      return copied<uint32_t>(env, m);
    case MetaType::i32:
      return copied<int32_t>(env, m);
    case MetaType::f32:
      return copied<float>(env, m);
    case MetaType::u64:
      return copied<uint64_t>(env, m);
    case MetaType::i64:
      return copied<int64_t>(env, m);
    case MetaType::f64:
      return copied<double>(env, m);
    default:
      return copied<uint8_t>(env, m);
  }
}

Napi::Value value_of(Napi::Env env, const Meta& m, uint64_t& all) {
  Napi::Object out = Napi::Object::New(env);
  if (m.bytes > kMostOfValue || m.bytes > kMostOfAll - all || (m.is_array && m.type == MetaType::array)) {
    out.Set("type", "unread");
    out.Set("what", std::string(m.is_array ? "an array of " : "a ") + meta_type_name(m.type) + (m.is_array ? "s" : ""));
    out.Set("count", static_cast<double>(m.count));
    out.Set("bytes", static_cast<double>(m.bytes));
    return out;
  }
  all += m.bytes;
  if (m.is_array && m.type == MetaType::string) {
    out.Set("type", "strings");
    out.Set("value", strings_of(env, m));
  } else if (m.is_array) {
    out.Set("type", "numbers");
    out.Set("element", meta_type_name(m.type));
    out.Set("value", numbers_of(env, m));
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

Napi::Object table_of(Napi::Env env, const OpenFile& file) {
  const Table& table = file.table();
  Napi::Object out = Napi::Object::New(env);
  out.Set("path", file.path());
  auto parts = Napi::Array::New(env, file.parts().size());
  for (uint32_t i = 0; i < file.parts().size(); i++) parts.Set(i, file.parts()[i]->path());
  out.Set("parts", parts);
  out.Set("magic", table.powerinfer ? "PWRI" : "GGUF");
  out.Set("version", table.version);
  out.Set("fileBytes", static_cast<double>(file.size()));
  auto entries = Napi::Array::New(env, table.metadata.size());
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < table.metadata.size(); i++) {
    const auto& [key, meta] = table.metadata[i];
    auto pair = Napi::Array::New(env, 2);
    pair.Set(0u, Napi::String::New(env, key.data(), key.size()));
    pair.Set(1u, value_of(env, meta, bytes));
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
    o.Set("part", t.part);
    o.Set("offset", static_cast<double>(t.offset));
    o.Set("bytes", static_cast<double>(t.bytes));
    tensors.Set(i, o);
  }
  out.Set("tensors", tensors);
  if (const auto activation = default_activation(table)) {
    Napi::Object o = Napi::Object::New(env);
    o.Set("kind", kActivations[activation->activation]);
    o.Set("rule", activation->rule);
    out.Set("defaultActivation", o);
  }
  if (const uint64_t rows = embedding_rows(table)) out.Set("embeddingRows", static_cast<double>(rows));
  out.Set("copiedBytes", static_cast<double>(copied_bytes(table)));
  return out;
}

}  // namespace sparselab::node
