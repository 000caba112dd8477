// All kernels of one instruction set as a table (cpu/isa.h has their definitions). They are written once, for Vec16. A file of
// this folder includes this after it has chosen its flags, and exports the table under its own name.
#include "cpu/isa.h"
#include "cpu/isa/attention.inl"
#include "cpu/isa/dots.inl"
#include "cpu/isa/down.inl"
#include "cpu/isa/functions.inl"
#include "cpu/isa/product.inl"
#include "cpu/isa/sums.inl"

namespace sparselab::cpu {
namespace {

template <class T>
constexpr TypeKernels of_type() {
  return {dequantise<T>, dot_rows<T>, add_rows<T>, load_rows<T>};
}

}  // namespace

#define SPARSELAB_KERNEL_TABLE(name)          \
  const Kernels name = {kIsa,                 \
                        of_type<TypeF32>(),   \
                        of_type<TypeF16>(),   \
                        of_type<TypeBf16>(),  \
                        of_type<TypeQ8>(),    \
                        product,              \
                        dots_of_rows,         \
                        add_regrouped,        \
                        load_regrouped,       \
                        down_tile,            \
                        down_sparse,          \
                        join_partials,        \
                        sum_of_squares,       \
                        softmax,              \
                        log_sum_exp,          \
                        scores,               \
                        weighted_sum,         \
                        each32<silu_of>,      \
                        each32<gelu_of>,      \
                        each32<gelu_tanh_of>, \
                        each32<exp32_of>,     \
                        each32<tanh32_of>,    \
                        each32<erf32_of>,     \
                        each64<exp64_of>,     \
                        each64<log64_of>,     \
                        pow64_of,             \
                        sincos64_of}

}  // namespace sparselab::cpu
