// S3, down: y = residual + sum over the active neurons of x1 · their row of W_down, which lies by neuron. No float atomics: the
// sums have one order.
#pragma once
#include "kernels/row_dot.cuh"

namespace sparselab::cuda {

struct DownArguments {
  const void* weights;   // (F, D) of W, rows `stride` values apart
  const uint16_t* list;  // (count)
  const float* x1;       // (count)
  const int* count;
  const float* residual;  // (D)
  float* partials;        // (splits, D) scratch
  unsigned* done;         // (column tiles) zeros before, and after
  float* y;               // (D)
  int D, stride;
};

// Columns of a block: 16 bytes of a row for each lane.
template <class W>
constexpr int kColumns = 32 * Stored<W>::kValues;

// Grid: (column tiles, splits). The warps of the splits take the list's entries in turn. Partial sums meet in shared memory, then
// in `partials`; the last block of a tile adds the splits in order.
template <class W>
__global__ void __launch_bounds__(kThreads, 2) down(DownArguments a) {
  constexpr int kValues = Stored<W>::kValues, kTile = kColumns<W>;
  SHARED(float, sums, [kWarps][kTile]);
  SHARED(unsigned, last, [1]);
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5, split = blockIdx.y, splits = gridDim.y;
  const int tile = static_cast<int>(blockIdx.x) * kTile, column = tile + static_cast<int>(lane) * kValues;
  const int count = *a.count, step = static_cast<int>(splits) * kWarps;
  const W* weights = static_cast<const W*>(a.weights) + column;
  float sum[kValues];
  UNROLL for (int i = 0; i < kValues; i++) sum[i] = 0;
  for (int first = static_cast<int>(split * kWarps + warp); first < count; first += step * kUnderWay) {
    uint4 v[kUnderWay];
    float x1[kUnderWay];
    UNROLL for (int k = 0; k < kUnderWay; k++) {
      const int place = first + k * step;
      const bool there = place < count;
      x1[k] = there ? a.x1[place] : 0.0f;
      // A neuron of value 0 adds nothing, whatever its weights are.
      const size_t row = there ? static_cast<size_t>(a.list[place]) * a.stride : 0;
      v[k] = load_weights_if(reinterpret_cast<const uint4*>(weights + row), x1[k] != 0 && column < a.D);
    }
    UNROLL for (int k = 0; k < kUnderWay; k++) {
      float w[kValues];
      Stored<W>::unpack_to(v[k], w);
      UNROLL for (int i = 0; i < kValues; i++) sum[i] += x1[k] * w[i];
    }
  }
  UNROLL for (int i = 0; i < kValues; i++) sums[warp][static_cast<int>(lane) * kValues + i] = sum[i];
  __syncthreads();
  const int c = static_cast<int>(threadIdx.x);
  const bool own = c < kTile && tile + c < a.D;  // a thread has a column
  if (own) {
    float total = 0;
    UNROLL for (int w = 0; w < kWarps; w++) total += sums[w][c];
    a.partials[static_cast<size_t>(split) * a.D + tile + c] = total;
  }
  __syncthreads();  // all partial sums of the block come before its count
  if (threadIdx.x == 0) last[0] = count_up(a.done + blockIdx.x) == splits - 1;
  __syncthreads();
  if (!last[0]) return;
  if (own) {
    float total = a.residual[tile + c];
    for (unsigned s = 0; s < splits; s++) total += a.partials[static_cast<size_t>(s) * a.D + tile + c];
    a.y[tile + c] = total;
  }
  if (threadIdx.x == 0) a.done[blockIdx.x] = 0;  // ready for the next token
}

}  // namespace sparselab::cuda
