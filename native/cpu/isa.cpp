#include "cpu/isa.h"

#include <cstdlib>

#include "error.h"

namespace sparselab::cpu {

#if defined(__x86_64__)
extern const Kernels kAvx512Kernels, kAvx2Kernels;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
#endif
extern const Kernels kPlainKernels;

namespace {

std::vector<const Kernels*> find_runnable() {
  std::vector<const Kernels*> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    found.push_back(&kAvx512Kernels);
  if (avx2) found.push_back(&kAvx2Kernels);
#elif defined(__aarch64__)
  found.push_back(&kNeonKernels);
#endif
  found.push_back(&kPlainKernels);
  return found;
}

const Kernels* choose() {
  const char* wanted = std::getenv("SPARSELAB_ISA");
  if (!wanted || !*wanted) return runnable_kernels().front();
  for (const Kernels* k : runnable_kernels())
    if (std::string(k->isa) == wanted) return k;
  return nullptr;
}

}  // namespace

const std::vector<const Kernels*>& runnable_kernels() {
  static const std::vector<const Kernels*> found = find_runnable();
  return found;
}

std::string runnable_names() {
  std::string names;
  for (const Kernels* k : runnable_kernels()) names += (names.empty() ? "" : ", ") + std::string(k->isa);
  return names;
}

const TypeKernels& kernels_of(TensorType type) {
  const Kernels& k = kernels();
  switch (type) {
    case F32:
      return k.f32;
    case F16:
      return k.f16;
    case BF16:
      return k.bf16;
    case Q8_0:
      return k.q8_0;
  }
  throw Error(Code::unsupported_type, "no kernels for tensors of " + type_name(type) + "; supported are " + readable_types());
}

const Kernels& kernels() {
  static const Kernels* chosen = choose();
  if (!chosen)
    throw Error(Code::invalid_option, "the environment variable SPARSELAB_ISA is \"" + std::string(std::getenv("SPARSELAB_ISA")) +
                                          "\"; this machine runs " + runnable_names() + ". Unset it to use the first");
  return *chosen;
}

}  // namespace sparselab::cpu
