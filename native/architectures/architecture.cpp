#include "architectures/architecture.h"

namespace sparselab {

extern const Architecture kLlama;

std::span<const Architecture* const> architectures() {
  static constexpr const Architecture* all[] = {&kLlama};
  return all;
}

const Architecture* find_architecture(const std::string& name) {
  for (const Architecture* one : architectures())
    if (name == one->name) return one;
  return nullptr;
}

}  // namespace sparselab
