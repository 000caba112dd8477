// An ordinary GGUF stores ffn_down by channel: row d has channel d of all neurons. To skip silent neurons it is transposed at
// load without losing a bit, each type in its own form (TransposedForm, quant/types.h): F32, F16 and BF16 values move; the quants
// of blocks of 32 move and their scales stay what they were. A K-quant, whose blocks have 256 neurons, stays as it is.
#pragma once
#include "weights/matrix.h"

namespace sparselab {

bool can_regroup(TensorType type);
// down (D, F) as it lies
DownMatrix by_channel(const Matrix& down);
// down (D, F) -> by neuron; as it lies where its type cannot be regrouped
DownMatrix regroup(const Matrix& down);
// An ffn_down_t of the file, (F, D)
DownMatrix as_stored(const Matrix& down_t);
// Bytes that regroup(down) allocates.
uint64_t regrouped_bytes(const Matrix& down);

}  // namespace sparselab
