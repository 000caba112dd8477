// The kernels in AVX2 with FMA and F16C; CMakeLists.txt gives this file its flags.
#include "cpu/isa/kernels.inl"

namespace sparselab::cpu {
extern const Kernels kAvx2Kernels;
SPARSELAB_KERNEL_TABLE(kAvx2Kernels);
}  // namespace sparselab::cpu
