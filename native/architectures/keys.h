// Reads a file's keys by their meaning: an integer may have any width, and an array (one value for each layer) is accepted if all
// its values are the same. A key of another type or range is an Error that names it.
#pragma once
#include <cstring>
#include <string>

#include "error.h"
#include "gguf/reader.h"

namespace sparselab {

class Keys {
 public:
  explicit Keys(const Table& table) : table_(table) {}

  std::string string(const std::string& key) const {
    const Meta* m = table_.find(key);
    if (!m) throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected a string");
    if (m->is_array || m->type != MetaType::string) wrong(key, *m, "a string");
    return m->string();
  }
  // An integer from low to high. Throws Error if the key is missing and there is no `otherwise`.
  uint32_t integer(const std::string& key, uint64_t low, uint64_t high, const uint32_t* otherwise = nullptr) const {
    const Meta* m = table_.find(key);
    if (!m) {
      if (otherwise) return *otherwise;
      throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected an integer");
    }
    if (m->type == MetaType::string || m->type == MetaType::array || m->type == MetaType::f32 || m->type == MetaType::f64 ||
        m->type == MetaType::boolean)
      wrong(key, *m, "an integer");
    one_value(key, *m);
    int64_t v;
    if (!m->integer(v) || v < 0 || static_cast<uint64_t>(v) < low || static_cast<uint64_t>(v) > high)
      throw Error(Code::bad_file, text("key \"%s\" is %.17g; expected %llu to %llu", key.c_str(), m->number(),
                                       (unsigned long long)low, (unsigned long long)high));
    return static_cast<uint32_t>(v);
  }
  // A number of any type; with `booleans` false and true are 0 and 1.
  double number(const std::string& key, const Meta& m, const char* expected, bool booleans = false) const {
    if (m.type == MetaType::string || m.type == MetaType::array || (m.type == MetaType::boolean && !booleans))
      wrong(key, m, expected);
    one_value(key, m);
    return m.number();
  }
  float real(const std::string& key, double low, double high, const float* otherwise = nullptr) const {
    const Meta* m = table_.find(key);
    if (!m) {
      if (otherwise) return *otherwise;
      throw Error(Code::bad_file, "key \"" + key + "\" is missing; expected a number");
    }
    double v = number(key, *m, "a number");
    if (!(v > low && v < high))
      throw Error(Code::bad_file, text("key \"%s\" is %g; expected a number between %g and %g", key.c_str(), v, low, high));
    return static_cast<float>(v);
  }
  // The number of an optional key, or `otherwise`.
  double number_or(const std::string& key, double otherwise) const {
    const Meta* m = table_.find(key);
    return m ? number(key, *m, "a number", true) : otherwise;
  }

 private:
  [[noreturn]] static void wrong(const std::string& key, const Meta& m, const char* expected) {
    throw Error(Code::bad_file, text("key \"%s\" is %s%s; expected %s", key.c_str(), m.is_array ? "an array of " : "of type ",
                                     meta_type_name(m.type), expected));
  }
  static void one_value(const std::string& key, const Meta& m) {
    if (!m.is_array) return;
    if (m.count == 0) throw Error(Code::bad_file, "key \"" + key + "\" is an empty array; expected at least one value");
    const uint64_t width = m.bytes / m.count;
    for (uint64_t i = 1; i < m.count; i++)
      if (std::memcmp(m.data, m.data + i * width, width) != 0)
        throw Error(
            Code::unsupported_model,
            text("key \"%s\" differs from layer to layer (%g in layer 0, %g in layer %llu); only one value for all layers is "
                 "supported",
                 key.c_str(), m.number(), m.number(i), (unsigned long long)i));
  }
  const Table& table_;
};

}  // namespace sparselab
