// Random weights, made on the device from a seed: nothing travels to the machine that measures.
#pragma once
#include "backend/device_weights.h"
#include "backend/memory.h"
#include "bench/fill_kernels.h"

namespace sparselab::cuda::bench {

// Numbers between -spread and spread; of quants, any bytes with a scale that gives about that.
DeviceMatrix random_matrix(const Stream& stream, Form form, uint64_t rows, uint64_t cols, float spread, uint64_t seed);
DeviceArray<float> random_vector(const Stream& stream, uint64_t n, float spread, uint64_t seed);

}  // namespace sparselab::cuda::bench
