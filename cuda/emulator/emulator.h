// CUDA's language on the host, so that kernels run and are tested without a GPU: the same source that nvcc compiles, one fiber
// for each CUDA thread.
//
// Modelled: grids, blocks and warps of 32 lanes, __syncthreads, warp collectives with masks, static and dynamic shared memory
// (fresh for each block, filled with NaN, of exactly its size, within the device's limits), integer atomics, acquire and release.
// Errors (thrown by launch): a barrier that not all threads reach, or at different lines; a collective that names a lane which
// has exited or does not exist; a shuffle from outside the mask; a deadlock. Under ASan and UBSan: accesses out of bounds and
// misaligned. `options().seed` runs threads and blocks in a random order. Loads through compat.h's ldg_* are
// counted by 32-byte sectors of each warp's instruction. Not modelled: time, weak memory order, registers, bank conflicts, tensor
// cores.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>

#include "emulator/fibers.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned X = 1, unsigned Y = 1, unsigned Z = 1) : x(X), y(Y), z(Z) {}
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

namespace sparselab::cuda::emulator {

struct Options {
  uint64_t seed = 0;  // 0: threads and blocks in order; else in a random order
  bool count = false;
  size_t stack = 64 * 1024;  // of each thread
};
Options& options();

struct Counts {
  uint64_t instructions = 0;  // loads of a warp
  uint64_t bytes = 0;         // that its lanes asked for
  uint64_t sectors = 0;       // different sectors of 32 bytes of each instruction
};
Counts& counts();

// A mistake of the kernel.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void launch(dim3 grid, dim3 block, size_t dynamic_shared, const std::function<void()>& kernel);

// Of the thread that runs.
struct Place {
  dim3 thread, block, block_size, grid_size;
  unsigned lane;
};
const Place& place();
void barrier(int line);
enum class Collective : uint8_t { sync, shuffle, ballot, sum_float, sum_double };
uint64_t collective(unsigned mask, Collective kind, uint64_t value, unsigned source, int line);
void yield();
void* static_shared(int id, size_t bytes);
unsigned char* dynamic_shared();
void count_load(const void* from, size_t bytes);

template <class T>
T shuffle(unsigned mask, T value, unsigned source, int line) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = collective(mask, Collective::shuffle, bits, source & 31, line);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
// The sum over all lanes, as five shuffles by 16, 8, 4, 2 and 1 give it, in one step.
inline float warp_sum(float value, int line) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = collective(0xffffffffu, Collective::sum_float, bits, 0, line);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline double warp_sum(double value, int line) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = collective(0xffffffffu, Collective::sum_double, bits, 0, line);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
// The lane that a shift reads: its own beyond the warp's ends.
inline unsigned shifted(int by) {
  const int lane = static_cast<int>(place().lane), from = lane + by;
  return static_cast<unsigned>(from < 0 || from > 31 ? lane : from);
}
template <class To, class From>
To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

}  // namespace sparselab::cuda::emulator

#define threadIdx (sparselab::cuda::emulator::place().thread)
#define blockIdx (sparselab::cuda::emulator::place().block)
#define blockDim (sparselab::cuda::emulator::place().block_size)
#define gridDim (sparselab::cuda::emulator::place().grid_size)
#define __syncthreads() sparselab::cuda::emulator::barrier(__LINE__)
#define __syncwarp() \
  sparselab::cuda::emulator::collective(0xffffffffu, sparselab::cuda::emulator::Collective::sync, 0, 0, __LINE__)
#define __ballot_sync(mask, on) \
  static_cast<unsigned>(        \
      sparselab::cuda::emulator::collective((mask), sparselab::cuda::emulator::Collective::ballot, (on) ? 1 : 0, 0, __LINE__))
#define __shfl_sync(mask, value, from) sparselab::cuda::emulator::shuffle((mask), (value), static_cast<unsigned>(from), __LINE__)
#define __shfl_xor_sync(mask, value, bits)                                                                                   \
  sparselab::cuda::emulator::shuffle((mask), (value), sparselab::cuda::emulator::place().lane ^ static_cast<unsigned>(bits), \
                                     __LINE__)
#define __shfl_up_sync(mask, value, by) \
  sparselab::cuda::emulator::shuffle((mask), (value), sparselab::cuda::emulator::shifted(-static_cast<int>(by)), __LINE__)

inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline unsigned __float_as_uint(float v) { return sparselab::cuda::emulator::bits_as<unsigned>(v); }
inline float __uint_as_float(unsigned v) { return sparselab::cuda::emulator::bits_as<float>(v); }
inline unsigned atomicOr(unsigned* p, unsigned v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }
inline int atomicCAS(int* p, int expected, int wanted) {
  __atomic_compare_exchange_n(p, &expected, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
inline unsigned atomicAdd(unsigned* p, unsigned v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
