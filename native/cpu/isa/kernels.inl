// All kernels of one instruction set as a table (cpu/isa.h has their definitions). They are written once, for Vec16. A file of
// this folder includes this after it has chosen its flags, and exports the table under its own name.
#include "cpu/isa.h"
#include "cpu/isa/add_rows.inl"
#include "cpu/isa/attention.inl"
#include "cpu/isa/dots.inl"
#include "cpu/isa/functions.inl"
#include "cpu/isa/product.inl"
#include "cpu/isa/sums.inl"

namespace sparselab::cpu {
namespace {

// Adds the transposed rows of a type whose neurons share rows. A type that is not named here has none.
template <TensorType type>
constexpr decltype(TypeKernels::add_transposed) kAddTransposed = nullptr;
template <>
constexpr decltype(TypeKernels::add_transposed) kAddTransposed<Q8_0> = add_regrouped;

template <TensorType type>
constexpr TypeKernels of_type() {
  return {dequantise<Stored<type>>, to_panel<Stored<type>>, dot_rows<Stored<type>>, add_rows<Stored<type>>, kAddTransposed<type>};
}

}  // namespace

#define SPARSELAB_OF_TYPE(name, number) of_type<name>(),
#define SPARSELAB_KERNEL_TABLE(name)                                 \
  const Kernels name = {kIsa,                                        \
                        {SPARSELAB_WEIGHT_TYPES(SPARSELAB_OF_TYPE)}, \
                        product_of_panels,                           \
                        dots_of_rows,                                \
                        join_partials,                               \
                        sum_of_squares,                              \
                        softmax,                                     \
                        log_sum_exp,                                 \
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
