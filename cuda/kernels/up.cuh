// S2, up: mid = s · (W_up · h) of the active neurons alone, with their list for S3.
#pragma once
#include "kernels/arguments.h"
#include "kernels/row_dot.cuh"

namespace sparselab::cuda {

// Words of the mask that a thread looks at, at most: so a layer may have this many neurons.
constexpr int kWordsOfThread = kMostFusedNeurons / 32 / kThreads;

// The active neurons in shared memory, ascending; returns how many. All threads of the block call it; no atomics, so the order is
// that of the neurons.
DEVICE int list_active(const uint32_t* mask, int words, uint16_t* list, unsigned* totals) {
  const unsigned thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
  const int each = (words + kThreads - 1) / kThreads, first = static_cast<int>(thread) * each;
  uint32_t own[kWordsOfThread];
  int count = 0;
  UNROLL for (int i = 0; i < kWordsOfThread; i++) {
    own[i] = i < each && first + i < words ? mask[first + i] : 0;
    count += __popc(own[i]);
  }
  int until = count;  // with the lanes before
  UNROLL for (int by = 1; by < 32; by <<= 1) {
    const int before = __shfl_up_sync(0xffffffffu, until, by);
    if (static_cast<int>(lane) >= by) until += before;
  }
  if (lane == 31) totals[warp] = static_cast<unsigned>(until);
  __syncthreads();
  int base = 0, total = 0;
  UNROLL for (int w = 0; w < kWarps; w++) {
    if (w < static_cast<int>(warp)) base += static_cast<int>(totals[w]);
    total += static_cast<int>(totals[w]);
  }
  int at = base + until - count;
  UNROLL for (int i = 0; i < kWordsOfThread; i++) for (uint32_t bits = own[i]; bits; bits &= bits - 1) list[at++] =
      static_cast<uint16_t>((first + i) * 32 + __ffs(static_cast<int>(bits)) - 1);
  __syncthreads();
  return total;
}

// Each block makes the list for itself. Warps take its entries in turn, so the work is even whatever the pattern. Blocks: any
// number.
template <class W>
__global__ void __launch_bounds__(kThreads, 2) up(UpArguments a) {
  DYNAMIC_SHARED(bytes);  // of h; then (F) uint16_t
  float* h = reinterpret_cast<float*>(bytes);
  uint16_t* list = reinterpret_cast<uint16_t*>(bytes + shared_bytes(a.w.cols));
  SHARED(unsigned, totals, [kWarps]);
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  share<W>(a.h, h, a.w.cols);
  const int count = list_active(a.mask, (a.w.rows + 31) / 32, list, totals);  // its barriers cover h, too
  if (blockIdx.x == 0 && threadIdx.x == 0) *a.count = count;
  const int step = static_cast<int>(gridDim.x) * kWarps;
  for (int place = static_cast<int>(blockIdx.x + warp * gridDim.x); place < count; place += step) {
    const int j = list[place];
    const float sum = row_dot<W>(a.w, j, h, lane);
    if (lane == 0) {
      a.list[place] = static_cast<uint32_t>(j);
      a.mid[j] = a.s[j] * sum;
    }
  }
}

}  // namespace sparselab::cuda
