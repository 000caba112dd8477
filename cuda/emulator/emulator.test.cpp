// The emulator finds mistakes: small kernels, each with one.
#include "emulator/emulator.h"

#include <cmath>
#include <vector>

#include "compat/compat.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::cuda;
using namespace sparselab::testing;

namespace {

std::string mistake(void (*kernel)(float*), dim3 grid, dim3 block, size_t shared = 0) {
  std::vector<float> out(4096, 0.0f);
  try {
    launch(kernel, grid, block, shared, nullptr, out.data());
  } catch (const emulator::Error& e) {
    return e.what();
  }
  return "";
}
void check_mistake(void (*kernel)(float*), dim3 block, const char* said) {
  for (const uint64_t seed : {uint64_t{0}, fresh_seed() | 1}) {
    emulator::options().seed = seed;
    const std::string found = mistake(kernel, 1, block);
    CHECK_MSG(found.find(said) != std::string::npos, found);
  }
  emulator::options().seed = 0;
}

__global__ void two_barriers(float*) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}
__global__ void leaves_before_barrier(float*) {
  if (threadIdx.x == 5) return;
  __syncthreads();
}
__global__ void shuffle_of_half_a_warp(float* out) {
  float v = 1;
  if (threadIdx.x < 16) v = __shfl_sync(0xffffffffu, v, 3);
  out[threadIdx.x] = v;
}
__global__ void shuffle_from_outside(float* out) {
  float v = 1;
  if (threadIdx.x < 16) v = __shfl_sync(0xffffu, v, 20);
  out[threadIdx.x] = v;
}
__global__ void waits_for_ever(float*) {
  static unsigned never = 0;
  if (threadIdx.x == 0) return;
  while (__ballot_sync(0xfffffffeu, never != 0) == 0) emulator::barrier(__LINE__);
}
__global__ void much_shared(float* out) {
  SHARED(float, values, [16384]);
  out[0] = values[0];
}

__global__ void no_barrier(float* out) {
  SHARED(float, values, [64]);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  out[threadIdx.x] = values[63 - threadIdx.x];
}
__global__ void not_written(float* out) {
  SHARED(float, values, [32]);
  if (threadIdx.x != 7) values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}
__global__ void right(float* out) {
  SHARED(float, values, [64]);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  const float sum = warp_sum(values[63 - threadIdx.x]);
  const unsigned odd = __ballot_sync(0xffffffffu, threadIdx.x % 2 == 1);
  out[blockIdx.x * 64 + threadIdx.x] = sum + static_cast<float>(__popc(odd)) + __shfl_up_sync(0xffffffffu, 0.5f, 1);
}

}  // namespace

TEST("emulator: barriers that not all threads reach, or at different lines") {
  check_mistake(two_barriers, 64, "while others wait at line");
  check_mistake(leaves_before_barrier, 64, "exited");
}

TEST("emulator: collectives that lack a lane, and shuffles from outside the mask") {
  check_mistake(shuffle_of_half_a_warp, 32, "a collective names lane");
  check_mistake(shuffle_from_outside, 32, "a shuffle reads lane 20, which is not in its mask");
}

TEST("emulator: threads that wait for ever, and more memory than there is") {
  check_mistake(waits_for_ever, 32, "exited");
  check_mistake(much_shared, 32, "more than 48 KiB of static shared memory");
  CHECK(mistake(right, 1, 2000).find("expected 1 to 1024") != std::string::npos);
  CHECK(mistake(right, 1, 64, 300000).find("bytes of dynamic shared memory") != std::string::npos);
}

TEST("emulator: a missing barrier and shared memory that nobody wrote give wrong results") {
  std::vector<float> out(64, 0.0f);
  launch(no_barrier, 1, 64, 0, nullptr, out.data());
  bool wrong = false;
  for (size_t i = 0; i < 64; i++) wrong |= !(out[i] == static_cast<float>(63 - i));
  CHECK(wrong);
  launch(not_written, 1, 32, 0, nullptr, out.data());
  CHECK(std::isnan(out[7]));
}

TEST("emulator: a right kernel gives the same in any order") {
  for (int round = 0; round < 20; round++) {
    emulator::options().seed = round == 0 ? 0 : fresh_seed() | 1;
    std::vector<float> out(5 * 64, NAN);
    launch(right, 5, 64, 0, nullptr, out.data());
    for (size_t i = 0; i < out.size(); i++) CHECK(out[i] == (i % 64 < 32 ? 32.0f * 47.5f : 32.0f * 15.5f) + 16.5f);
  }
  emulator::options().seed = 0;
}
