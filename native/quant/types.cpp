#include "quant/types.h"

#include <iterator>

namespace sparselab {
namespace {

// ggml's numbering; a null name is a number once used and now withdrawn.
constexpr TypeTraits kTypes[] = {
    {"F32", 1, 4, true},         {"F16", 1, 2, true},        {"Q4_0", 32, 18, false},     {"Q4_1", 32, 20, false},
    {nullptr, 0, 0, false},      {nullptr, 0, 0, false},     {"Q5_0", 32, 22, false},     {"Q5_1", 32, 24, false},
    {"Q8_0", 32, 34, true},      {"Q8_1", 32, 36, false},    {"Q2_K", 256, 84, false},    {"Q3_K", 256, 110, false},
    {"Q4_K", 256, 144, false},   {"Q5_K", 256, 176, false},  {"Q6_K", 256, 210, false},   {"Q8_K", 256, 292, false},
    {"IQ2_XXS", 256, 66, false}, {"IQ2_XS", 256, 74, false}, {"IQ3_XXS", 256, 98, false}, {"IQ1_S", 256, 50, false},
    {"IQ4_NL", 32, 18, false},   {"IQ3_S", 256, 110, false}, {"IQ2_S", 256, 82, false},   {"IQ4_XS", 256, 136, false},
    {"I8", 1, 1, false},         {"I16", 1, 2, false},       {"I32", 1, 4, false},        {"I64", 1, 8, false},
    {"F64", 1, 8, false},        {"IQ1_M", 256, 56, false},  {"BF16", 1, 2, true},        {nullptr, 0, 0, false},
    {nullptr, 0, 0, false},      {nullptr, 0, 0, false},     {"TQ1_0", 256, 54, false},   {"TQ2_0", 256, 66, false},
    {nullptr, 0, 0, false},      {nullptr, 0, 0, false},     {nullptr, 0, 0, false},      {"MXFP4", 32, 17, false},
};

}  // namespace

const TypeTraits* type_traits(uint32_t type) {
  if (type >= std::size(kTypes) || kTypes[type].name == nullptr) return nullptr;
  return &kTypes[type];
}

std::string type_name(uint32_t type) {
  const TypeTraits* traits = type_traits(type);
  return traits ? traits->name : "type " + std::to_string(type);
}

std::string readable_types() {
  std::string out;
  for (const TypeTraits& t : kTypes)
    if (t.name && t.readable) out += (out.empty() ? "" : ", ") + std::string(t.name);
  return out;
}

}  // namespace sparselab
