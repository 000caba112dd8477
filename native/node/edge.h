// What every function of the addon does at the edge to JavaScript: handles that are checked, errors that become exceptions,
// counts.
#pragma once
#include <napi.h>

#include <cmath>
#include <string>

#include "error.h"
#include "node/work.h"

namespace sparselab::node {

// Type tags of the handles: any other object is refused, not dereferenced.
constexpr napi_type_tag kFileTag = {0x73706172736c6162, 0x66696c6500000001};
constexpr napi_type_tag kModelTag = {0x73706172736c6162, 0x6d6f64656c000001};
constexpr napi_type_tag kProgramTag = {0x73706172736c6162, 0x70726f6772616d01};

template <class Handle>
Napi::Value wrap(Napi::Env env, Handle* handle, const napi_type_tag& tag) {
  auto external = Napi::External<Handle>::New(env, handle, [](Napi::Env, Handle* h) { delete h; });
  external.TypeTag(&tag);
  return external;
}

template <class Handle>
Handle& unwrap(const Napi::Value& v, const napi_type_tag& tag, const char* what) {
  if (!v.IsExternal() || !v.As<Napi::External<Handle>>().CheckTypeTag(&tag))
    throw Error(Code::invalid_option, text("expected a %s of this addon", what));
  return *v.As<Napi::External<Handle>>().Data();
}

// Turns what fn throws into a JavaScript exception.
template <class Fn>
auto edge(const Napi::CallbackInfo& info, Fn fn) -> decltype(fn()) {
  try {
    return fn();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    auto [code, message] = current_error();
    throw js_error(info.Env(), code, message);
  }
}

// A count that JavaScript gives: a whole number, checked before anything is computed with it.
inline uint64_t count_of(const Napi::Value& v, const char* what) {
  const double d = v.IsNumber() ? v.As<Napi::Number>().DoubleValue() : -1;
  if (!(d >= 0 && d <= 9007199254740991.0) || d != std::floor(d))
    throw Error(Code::invalid_option, text("%s: expected a whole number >= 0", what));
  return static_cast<uint64_t>(d);
}

inline std::string path_of(const Napi::Value& v) {
  if (!v.IsString()) throw Error(Code::invalid_option, "path: expected a string");
  return v.As<Napi::String>().Utf8Value();
}

}  // namespace sparselab::node
