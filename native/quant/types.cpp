#include "quant/types.h"

namespace sparselab {

const TypeTraits* type_traits(uint32_t type) {
  for (const TypeTraits& t : kWeightTypes)
    if (t.number == type) return &t;
  return nullptr;
}

std::string type_name(uint32_t type) {
  const TypeTraits* traits = type_traits(type);
  return traits ? traits->name : "type " + std::to_string(type);
}

std::string readable_types() {
  std::string out;
  for (const TypeTraits& t : kWeightTypes)
    if (t.computed) out += (out.empty() ? "" : ", ") + std::string(t.name);
  return out;
}

}  // namespace sparselab
