// The products gate and up: rows of a weight matrix with the rows of the batch that need them.
#pragma once
#include "executor/pass.h"
#include "ffn/neurons.h"
#include "ffn/selection.h"

namespace sparselab {

// y (B, N) gets h (B, D) · wᵀ, at least for the neurons that each row needs; what else y holds then is not defined. Each weight
// row that some row of the batch needs is read once, and no other.
void project(Pass& pass, const Matrix& w, const float* h, const Neurons& held, const Selection& need, float* y);

// What it allocates on each thread for B rows.
uint64_t project_thread_bytes(uint64_t B, uint64_t cols);

}  // namespace sparselab
