#include "quant/types.h"

#include "error.h"

namespace sparselab {

// The records, each in a file of its own.
#define SPARSELAB_EACH(name, number) extern const WeightType kWeightType_##name;
SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH)
#undef SPARSELAB_EACH

namespace {

#define SPARSELAB_EACH(name, number) &kWeightType_##name,
constexpr const WeightType* kRecords[] = {SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH)};
#undef SPARSELAB_EACH

// The format's other types, by ggml's number; numbers that are missing were withdrawn.
struct OtherType {
  uint32_t number;
  TypeTraits traits;
};
constexpr OtherType kOthers[] = {
    {2, {"Q4_0", 32, 18, false}},      {3, {"Q4_1", 32, 20, false}},      {6, {"Q5_0", 32, 22, false}},
    {7, {"Q5_1", 32, 24, false}},      {9, {"Q8_1", 32, 36, false}},      {10, {"Q2_K", 256, 84, false}},
    {11, {"Q3_K", 256, 110, false}},   {12, {"Q4_K", 256, 144, false}},   {13, {"Q5_K", 256, 176, false}},
    {14, {"Q6_K", 256, 210, false}},   {15, {"Q8_K", 256, 292, false}},   {16, {"IQ2_XXS", 256, 66, false}},
    {17, {"IQ2_XS", 256, 74, false}},  {18, {"IQ3_XXS", 256, 98, false}}, {19, {"IQ1_S", 256, 50, false}},
    {20, {"IQ4_NL", 32, 18, false}},   {21, {"IQ3_S", 256, 110, false}},  {22, {"IQ2_S", 256, 82, false}},
    {23, {"IQ4_XS", 256, 136, false}}, {24, {"I8", 1, 1, false}},         {25, {"I16", 1, 2, false}},
    {26, {"I32", 1, 4, false}},        {27, {"I64", 1, 8, false}},        {28, {"F64", 1, 8, false}},
    {29, {"IQ1_M", 256, 56, false}},   {34, {"TQ1_0", 256, 54, false}},   {35, {"TQ2_0", 256, 66, false}},
    {39, {"MXFP4", 32, 17, false}},
};

}  // namespace

size_t place_of(uint32_t type) {
  size_t place = 0;
  for (; place < kWeightTypes; place++)
    if (kRecords[place]->type == type) break;
  return place;
}

const WeightType& weight_type(uint32_t type) {
  const size_t place = place_of(type);
  if (place == kWeightTypes)
    throw Error(Code::unsupported_type,
                "the executor does not compute with tensors of " + type_name(type) + "; supported are " + readable_types());
  return *kRecords[place];
}

const TypeTraits* type_traits(uint32_t type) {
  const size_t place = place_of(type);
  if (place < kWeightTypes) return &kRecords[place]->traits;
  for (const OtherType& other : kOthers)
    if (other.number == type) return &other.traits;
  return nullptr;
}

std::string type_name(uint32_t type) {
  const TypeTraits* traits = type_traits(type);
  return traits ? traits->name : "type " + std::to_string(type);
}

std::string readable_types() {
  std::string out;
  for (const WeightType* record : kRecords) out += (out.empty() ? "" : ", ") + std::string(record->traits.name);
  return out;
}

}  // namespace sparselab
