// What changes from token to token, in device memory, so that a captured graph never does. A plain record, for the host and for
// kernels.
#pragma once

namespace sparselab::cuda {

struct Step {
  int token, position, sequence;
  int slot;  // place of its logits among those of the chunk; -1: it has none
};

constexpr int kChunk = 16;  // rows that go on before the host looks

// What went wrong first.
enum class Failure : int { none, not_finite, beyond_half, beyond_scores };

struct Batch {
  int row;  // of the chunk, the one at work
  int failure, failed_row, failed_layer, failed_what;
  Step steps[kChunk];
};

}  // namespace sparselab::cuda
