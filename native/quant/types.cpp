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
  for (const TypeTraits& traits : kTypeTraits)
    if (traits.number == type) return &traits;
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
