// The only place where kernels differ between nvcc and the host emulator.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define DEVICE static __device__ __forceinline__
#define HOST_DEVICE static __host__ __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
#define SHARED(type, name, ...)         \
  typedef type name##_type __VA_ARGS__; \
  __shared__ name##_type name
#else
#include "emulator/runtime.h"
#include "quant/half.h"
#define DEVICE static inline
#define HOST_DEVICE static inline
#define UNROLL
#define DYNAMIC_SHARED(name) unsigned char* const name = sparselab::cuda::emulator::dynamic_shared()
#define SHARED(type, name, ...)         \
  typedef type name##_type __VA_ARGS__; \
  name##_type& name = *static_cast<name##_type*>(sparselab::cuda::emulator::static_shared(__COUNTER__, sizeof(name##_type)))
#endif

namespace sparselab::cuda {

// 16-bit floats as raw bits.
struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};

// Two values in one word.
DEVICE float2 unpack(BFloat, uint32_t word) {
  return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u));
}
DEVICE float2 unpack(Half, uint32_t word) {
#if defined(__CUDACC__)
  __half2 pair;
  *reinterpret_cast<uint32_t*>(&pair) = word;
  return __half22float2(pair);
#else
  return make_float2(half_to_float(static_cast<uint16_t>(word)), half_to_float(static_cast<uint16_t>(word >> 16)));
#endif
}

DEVICE float to_float(float value) { return value; }
DEVICE float to_float(Half value) { return unpack(Half{}, value.bits).x; }
// Round to nearest even.
DEVICE Half to_half(float value) {
#if defined(__CUDACC__)
  return {__half_as_ushort(__float2half_rn(value))};
#else
  return {float_to_half(value)};
#endif
}
DEVICE bool is_finite(float value) { return (__float_as_uint(value) & 0x7f800000u) != 0x7f800000u; }

// Weights are read once: they stay out of the first-level cache, and leave the second first.
DEVICE uint4 load_weights(const uint4* from) {
#if defined(__CUDACC__)
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from));
  return v;
#else
  emulator::count_load(from, sizeof *from);
  return *from;
#endif
}
// The same, or zeros without an access. One instruction: a branch would make the loads wait for each other.
DEVICE uint4 load_weights_if(const uint4* from, bool wanted) {
#if defined(__CUDACC__)
  uint4 v;
  asm volatile(
      "{ .reg .pred q; setp.ne.u32 q, %5, 0; mov.u32 %0, 0; mov.u32 %1, 0; mov.u32 %2, 0; mov.u32 %3, 0;\n"
      "@q ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4]; }"
      : "=&r"(v.x), "=&r"(v.y), "=&r"(v.z), "=&r"(v.w)
      : "l"(from), "r"(static_cast<unsigned>(wanted)));
  return v;
#else
  return wanted ? load_weights(from) : make_uint4(0, 0, 0, 0);
#endif
}

// The float16 scale of a block of quants.
DEVICE float load_scale(const uint16_t* from) {
#if !defined(__CUDACC__)
  emulator::count_load(from, sizeof *from);
#endif
  return to_float(Half{*from});
}

// Adds 1; what other blocks wrote before theirs is seen after it.
DEVICE unsigned count_up(unsigned* counter) {
#if defined(__CUDACC__)
  unsigned before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
  return before;
#else
  return __atomic_fetch_add(counter, 1u, __ATOMIC_ACQ_REL);
#endif
}

// The sum over a warp, the same bits in every lane.
DEVICE float warp_sum(float value) {
#if defined(__CUDACC__)
  UNROLL for (int apart = 16; apart; apart >>= 1) value += __shfl_xor_sync(0xffffffffu, value, apart);
  return value;
#else
  return emulator::warp_sum(value, __LINE__);
#endif
}
DEVICE double warp_sum_wide(double value) {
#if defined(__CUDACC__)
  UNROLL for (int apart = 16; apart; apart >>= 1) value += __shfl_xor_sync(0xffffffffu, value, apart);
  return value;
#else
  return emulator::warp_sum(value, __LINE__);
#endif
}

#if defined(__CUDACC__)
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream, Arguments... arguments) {
  constexpr size_t kWithoutAsking = 48 * 1024;
  if (shared > kWithoutAsking)
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  kernel<<<grid, block, shared, stream>>>(Parameters(arguments)...);
}
#else
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream, Arguments... arguments) {
  emulator::enqueue(stream, grid, block, shared, [=] { kernel(Parameters(arguments)...); });
}
#endif

}  // namespace sparselab::cuda
