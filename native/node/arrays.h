// Typed arrays out of JavaScript objects, with their type and length checked: a wrong one is an Error, not memory out of bounds.
#pragma once
#include <napi.h>

#include <vector>

#include "error.h"

namespace sparselab::node {

template <class T>
struct ArrayKind;
template <>
struct ArrayKind<float> {
  static constexpr napi_typedarray_type type = napi_float32_array;
  static constexpr const char* name = "Float32Array";
};
template <>
struct ArrayKind<double> {
  static constexpr napi_typedarray_type type = napi_float64_array;
  static constexpr const char* name = "Float64Array";
};
template <>
struct ArrayKind<int32_t> {
  static constexpr napi_typedarray_type type = napi_int32_array;
  static constexpr const char* name = "Int32Array";
};
template <>
struct ArrayKind<uint32_t> {
  static constexpr napi_typedarray_type type = napi_uint32_array;
  static constexpr const char* name = "Uint32Array";
};
template <>
struct ArrayKind<uint8_t> {
  static constexpr napi_typedarray_type type = napi_uint8_array;
  static constexpr const char* name = "Uint8Array";
};

constexpr uint64_t kAnyLength = ~uint64_t{0};

inline bool absent(const Napi::Value& v) { return v.IsUndefined() || v.IsNull(); }

// The memory of a typed array of n elements. `length` receives its length.
template <class T>
T* array_data(const Napi::Value& v, const char* what, uint64_t n, uint64_t* length = nullptr) {
  if (!v.IsTypedArray() || v.As<Napi::TypedArray>().TypedArrayType() != ArrayKind<T>::type)
    throw Error(Code::invalid_option, text("%s: expected a %s", what, ArrayKind<T>::name));
  auto array = v.As<Napi::TypedArrayOf<T>>();
  if (n != kAnyLength && array.ElementLength() != n)
    throw Error(Code::invalid_option, text("%s: a %s of %zu elements; expected %llu", what, ArrayKind<T>::name,
                                           array.ElementLength(), (unsigned long long)n));
  if (length) *length = array.ElementLength();
  return array.Data();
}

// The same for a property; null where it is absent.
template <class T>
T* optional_array(const Napi::Object& o, const char* key, uint64_t n, uint64_t* length = nullptr) {
  Napi::Value v = o.Get(key);
  return absent(v) ? nullptr : array_data<T>(v, key, n, length);
}
template <class T>
T* array(const Napi::Object& o, const char* key, uint64_t n, uint64_t* length = nullptr) {
  return array_data<T>(o.Get(key), key, n, length);
}

// Copied: JavaScript may change the array while the call is running.
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

inline Napi::Object object_of(const Napi::Value& v, const char* what) {
  if (!v.IsObject()) throw Error(Code::invalid_option, text("%s: expected an object", what));
  return v.As<Napi::Object>();
}

inline uint32_t unsigned_of(const Napi::Object& o, const char* key) {
  Napi::Value v = o.Get(key);
  double d = v.IsNumber() ? v.As<Napi::Number>().DoubleValue() : -1;
  if (!(d >= 0 && d <= 4294967295.0) || d != static_cast<double>(static_cast<uint32_t>(d)))
    throw Error(Code::invalid_option, text("%s: expected a whole number >= 0", key));
  return static_cast<uint32_t>(d);
}

inline double number_of(const Napi::Object& o, const char* key) {
  Napi::Value v = o.Get(key);
  if (!v.IsNumber()) throw Error(Code::invalid_option, text("%s: expected a number", key));
  return v.As<Napi::Number>().DoubleValue();
}

inline std::string string_of(const Napi::Object& o, const char* key) {
  Napi::Value v = o.Get(key);
  if (!v.IsString()) throw Error(Code::invalid_option, text("%s: expected a string", key));
  return v.As<Napi::String>().Utf8Value();
}

}  // namespace sparselab::node
