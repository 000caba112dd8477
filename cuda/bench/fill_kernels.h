// The kernels of the benchmark: random numbers, copies, reads.
#pragma once
#include <cstddef>
#include <cstdint>

#include "compat/runtime.h"

namespace sparselab::cuda::bench {

// Numbers between -spread and spread, from a seed. Halves of spread 0 are all 0.01. Words have 32 random bits.
void fill_floats(cudaStream_t stream, float* to, size_t n, float spread, uint64_t seed);
void fill_halves(cudaStream_t stream, uint16_t* to, size_t n, float spread, uint64_t seed);
void fill_words(cudaStream_t stream, uint32_t* to, size_t n, uint64_t seed);
// Copies and reads whole arrays of floats, as fast as the memory allows. `sum` (1) keeps the reads from being left out.
void copy_all(cudaStream_t stream, const float* from, float* to, size_t n, int blocks);
void read_all(cudaStream_t stream, const float* from, float* sum, size_t n, int blocks);

}  // namespace sparselab::cuda::bench
