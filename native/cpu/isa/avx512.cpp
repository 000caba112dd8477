// The kernels in AVX-512 (F, BW, DQ, VL); CMakeLists.txt gives this file its flags.
#include "cpu/isa/kernels.inl"

namespace sparselab::cpu {
extern const Kernels kAvx512Kernels;
SPARSELAB_KERNEL_TABLE(kAvx512Kernels);
}  // namespace sparselab::cpu
