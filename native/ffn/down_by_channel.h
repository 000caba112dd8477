// The down projection where down lies by channel, as ffn_down does in an ordinary file: each output is a sum over one stored row,
// and all rows are read. The sum is that of down.h, lane by lane: a silent neuron adds nothing to it, and an infinite weight of
// one has no effect. So a model gives the same bits in either form.
#pragma once
#include "ffn/down.h"

namespace sparselab {

void project_down_by_channel(Pass& pass, const DownMatrix& down, const float* mid, const Neurons& held, DownScratch& scratch,
                             float* out);

}  // namespace sparselab
