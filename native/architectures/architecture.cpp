#include "architectures/architecture.h"

namespace sparselab {

extern const Architecture kLlama, kMinicpm, kBamboo, kArcee, kNemotron, kQwen2, kQwen3, kGemma3;

std::span<const Architecture* const> architectures() {
  static constexpr const Architecture* all[] = {&kLlama, &kMinicpm, &kBamboo, &kArcee, &kNemotron, &kQwen2, &kQwen3, &kGemma3};
  return all;
}

const Architecture* find_architecture(const std::string& name) {
  for (const Architecture* one : architectures())
    if (name == one->name) return one;
  return nullptr;
}

const char* refusal_of(const std::string& name) {
  struct Refused {
    const char *name, *why;
  };
  // Files that would run and give other numbers than their model.
  static constexpr Refused all[] = {
      {"bitnet",
       "its files do not say whether they compute SiLU or squared ReLU, and run with the wrong one they give fluent text at "
       "several "
       "times the perplexity; its norms before the output and down matrices are not built either"},
      {"bitnet-b1.58", "its norms before the output and down matrices and its ternary weight type are not built"}};
  for (const Refused& one : all)
    if (name == one.name) return one.why;
  return nullptr;
}

}  // namespace sparselab
