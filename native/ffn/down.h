// The down projection: the sum over neurons of mid times a row of W_down, by its definition (ffn.h).
#pragma once
#include "ffn/ffn.h"

namespace sparselab {

// For each row of the batch its neurons whose mid (B, N) is not zero, or all of them where it is marked in `all` (B), by lane.
void find_lanes(Pass& pass, const float* mid, const std::vector<uint8_t>& all, NeuronSet set, Lanes& lanes);

// out (B, D) = mid (B, N) · rows of down. A silent neuron's weights never matter, infinite ones too.
void project_down(Pass& pass, const DownMatrix& down, const float* mid, NeuronSet set, const Lanes& lanes, float* out);

// What these allocate for B rows, and beside it on each thread.
uint64_t down_bytes(uint64_t B, uint64_t N, uint64_t D);
uint64_t down_thread_bytes(uint64_t N, uint64_t D);

}  // namespace sparselab
