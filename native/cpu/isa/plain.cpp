// The kernels without vector instructions: for any machine, and the twin that the others must equal bit for bit.
#define SPARSELAB_ISA_PLAIN
#include "cpu/isa/kernels.inl"

namespace sparselab::cpu {
extern const Kernels kPlainKernels;
SPARSELAB_KERNEL_TABLE(kPlainKernels);
}  // namespace sparselab::cpu
