#include "cpu/isa.h"

#include <cstdlib>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "error.h"

namespace sparselab::cpu {

#if defined(SPARSELAB_ONLY_PLAIN)  // where kernels take a compiler many minutes with all checks
#elif defined(__x86_64__)
extern const Kernels kAvx512Kernels, kAvx2Kernels;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
#endif
extern const Kernels kPlainKernels;

namespace {

#if defined(__x86_64__) && !defined(SPARSELAB_ONLY_PLAIN)
// Half floats to float32 in hardware. Not every compiler has this feature's name for __builtin_cpu_supports.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
}
#endif

std::vector<const Kernels*> find_runnable() {
  std::vector<const Kernels*> found;
#if defined(SPARSELAB_ONLY_PLAIN)
#elif defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
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
  const size_t place = place_of(type);
  if (place == kWeightTypes)
    throw Error(Code::unsupported_type, "no kernels for tensors of " + type_name(type) + "; supported are " + readable_types());
  return kernels().types[place];
}

const Kernels& kernels() {
  static const Kernels* chosen = choose();
  if (!chosen)
    throw Error(Code::invalid_option, "the environment variable SPARSELAB_ISA is \"" + std::string(std::getenv("SPARSELAB_ISA")) +
                                          "\"; this machine runs " + runnable_names() + ". Unset it to use the first");
  return *chosen;
}

}  // namespace sparselab::cpu
