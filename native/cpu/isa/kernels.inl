// All kernels of one instruction set as a table (cpu/isa.h has their definitions). They are written once, for Vec16. A file of
// this folder includes this after it has chosen its flags, and exports the table under its own name.
#include "cpu/isa.h"
#include "cpu/isa/attention.inl"
#include "cpu/isa/dots.inl"
#include "cpu/isa/down.inl"
#include "cpu/isa/functions.inl"
#include "cpu/isa/int8.inl"
#include "cpu/isa/product.inl"
#include "cpu/isa/sums.inl"

namespace sparselab::cpu {
namespace {

template <TensorType type>
constexpr TypeKernels of_type() {
  using T = Stored<type>;
  using Turned = typename Transposed<type>::Rows;
  TypeKernels kernels = {dequantise<T>,
                         to_panel<T>,
                         sums_of_rows<T, Lanes::restart>,
                         sums_of_rows<T, Lanes::carry>,
                         add_rows<T>,
                         load_rows<T>,
                         nullptr,
                         nullptr,
                         int8_rows_of<type>()};
  if constexpr (!__is_same(Turned, void)) {
    kernels.add_transposed = add_transposed<Turned>;
    kernels.load_transposed = load_transposed<Turned>;
  }
  return kernels;
}

}  // namespace

#define SPARSELAB_OF_TYPE(name, number) of_type<name>(),
#define SPARSELAB_KERNEL_TABLE(name)                                 \
  const Kernels name = {kIsa,                                        \
                        {SPARSELAB_WEIGHT_TYPES(SPARSELAB_OF_TYPE)}, \
                        sums_of_panels<Lanes::restart>,              \
                        sums_of_panels<Lanes::carry>,                \
                        dots_of_rows,                                \
                        down_tile,                                   \
                        down_sparse,                                 \
                        join_partials,                               \
                        sum_of_squares,                              \
                        softmax,                                     \
                        log_total,                                   \
                        scores,                                      \
                        weighted_sum,                                \
                        each32<silu_of>,                             \
                        each32<gelu_of>,                             \
                        each32<gelu_tanh_of>,                        \
                        each32<exp32_of>,                            \
                        each32<tanh32_of>,                           \
                        each32<erf32_of>,                            \
                        each64<exp64_of>,                            \
                        each64<log64_of>,                            \
                        pow64_of,                                    \
                        sincos64_of}

}  // namespace sparselab::cpu
