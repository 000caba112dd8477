// The down projection: out (B, D) = mid (B, N) · rows of W_down. Its sum has one definition: 16 lanes over neurons; lane id % 16
// adds neuron id's row in ascending order, from +0; at the end one tree over lanes 8, 4, 2, 1 apart, and + 0.0f. So a neuron of
// value 0 adds nothing, and whatever way a row takes gives the same bits:
//   stored  a few rows: the stored weights of the row's own neurons, one row of the batch after another
//   panel   many rows: all weights that some row needs become float32 for a group of channels, and meet the rows in the cache: by
//           the row's list where few of its neurons are active, by register tiles of several rows where many are
//   where down lies by channel: all of it (down_by_channel.h)
#pragma once
#include "executor/pass.h"
#include "ffn/neurons.h"
#include "ffn/selection.h"

namespace sparselab {

struct DownScratch {
  // Each row's neurons by lane: entries begin[17 * b + l] to begin[17 * b + l + 1] of row b, which has room for N entries.
  std::vector<uint32_t> begin;                  // (B, 17)
  Scratch<uint32_t> place, id;                  // (B, N) in the lane order; in the layer (for stored rows only)
  Floats value;                                 // (B, N) mid
  std::vector<uint32_t> tiled;                  // rows that go through tiles
  std::vector<uint8_t> is_tiled;                // (B)
  Floats packed;                                // their mid: for each kDownRows of them (N, rows), by place
  std::vector<uint8_t> needed;                  // (N) by place: some row needs it
  std::vector<uint32_t> used_places, used_ids;  // those, ascending by place
  Floats spread;                                // (B, F) mid of some neurons of a layer among zeros, for a down by channel
};

// `candidates`: outside of them mid is 0 in each row without an intervention at ffn.mid. A silent neuron's weights are not read
// and never matter, not even infinite ones.
void project_down(Pass& pass, uint32_t layer, const DownMatrix& down, const float* mid, const Neurons& held,
                  const Selection& candidates, DownScratch& scratch, float* out);

// What it allocates for B rows, and beside it on each thread.
uint64_t down_bytes(uint64_t B, uint64_t N);
uint64_t down_thread_bytes(uint64_t B, uint64_t N, uint64_t D);

}  // namespace sparselab
