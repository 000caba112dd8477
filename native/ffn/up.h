// The up projection of the neurons that a row of the batch needs.
#pragma once
#include "ffn/ffn.h"

namespace sparselab {

// y (B, N) gets h (B, D) · W_up where gate (B, N) is not 0, and everywhere in the rows marked in `all` (B); the rest stays as it
// was. Each weight row that some row of the batch needs is read once.
void project_up(Pass& pass, const Matrix& w, const float* h, NeuronSet set, const float* gate, const std::vector<uint8_t>& all,
                Active& active, float* y);

// What it allocates for B rows, and beside it on each thread.
uint64_t up_bytes(uint64_t B, uint64_t N);
uint64_t up_thread_bytes(uint64_t B, uint64_t cols);

}  // namespace sparselab
