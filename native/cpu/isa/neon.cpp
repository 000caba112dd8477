// The kernels in NEON, which every aarch64 processor has.
#include "cpu/isa/kernels.inl"

namespace sparselab::cpu {
extern const Kernels kNeonKernels;
SPARSELAB_KERNEL_TABLE(kNeonKernels);
}  // namespace sparselab::cpu
