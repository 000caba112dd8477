// An ordinary GGUF stores ffn_down by channel: row d has channel d of all neurons. It is transposed at load without
// losing a bit, each type in its own form (TransposedForm, quant/types.h): F32, F16 and BF16 values move, a Q8_0's quants move
// and its scales stay what they were.
#pragma once
#include "weights/matrix.h"

namespace sparselab {

// down (D, F) -> by neuron
DownMatrix regroup(const Matrix& down);
// An ffn_down_t of the file, (F, D)
DownMatrix as_stored(const Matrix& down_t);
// Bytes that regroup(down) would allocate.
uint64_t regrouped_bytes(const Matrix& down);

}  // namespace sparselab
