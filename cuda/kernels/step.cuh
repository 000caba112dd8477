// The step at work, and how a kernel says that it failed.
#pragma once
#include "compat/compat.h"
#include "kernels/batch.h"

namespace sparselab::cuda {

DEVICE const Step& step_of(const Batch* batch) { return batch->steps[batch->row]; }

// The first failure stays.
DEVICE void fail(Batch* batch, Failure failure, int layer, int what) {
  if (atomicCAS(&batch->failure, 0, static_cast<int>(failure)) != 0) return;
  batch->failed_row = batch->row;
  batch->failed_layer = layer;
  batch->failed_what = what;
}

}  // namespace sparselab::cuda
