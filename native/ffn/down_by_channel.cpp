#include "ffn/down_by_channel.h"

#include <algorithm>
#include <cmath>

#include "cpu/isa.h"

namespace sparselab {
namespace {

// Sums that are not finite, once more: without silent neurons, whose weights may be infinite; what still overflows, in float64.
void mend_channels(const Matrix& w, const uint32_t*, uint64_t r0, uint64_t count, const float* mid, float* y) {
  if (all_finite(y, count)) return;
  std::vector<float> row(w.cols);
  for (uint64_t r = 0; r < count; r++) {
    if (std::isfinite(y[r])) continue;
    cpu::kernels_of(w.type).dequantise(w.row(r0 + r), w.cols, row.data());
    float lanes[kLanes] = {}, sum;
    double wide = 0;
    for (uint64_t i = 0; i < w.cols; i++) {
      if (mid[i] == 0) continue;
      lanes[i % kLanes] = std::fma(mid[i], row[i], lanes[i % kLanes]);
      wide += static_cast<double>(mid[i]) * static_cast<double>(row[i]);
    }
    cpu::kernels().join_partials(lanes, 1, &sum);
    y[r] = std::isfinite(sum) ? sum : static_cast<float>(wide);
  }
}

constexpr RowSums kDownSums = {&cpu::TypeKernels::down_rows, &cpu::Kernels::down_of_panels, mend_channels};

}  // namespace

void project_down_by_channel(Pass& pass, const DownMatrix& down, const float* mid, const Neurons& held, DownScratch& scratch,
                             float* out) {
  const uint64_t B = pass.B(), N = held.count(), F = down.neurons;
  if (!held.whole()) {
    make_room(scratch.spread, B * F);
    pass.parallel(B, F, [&](size_t b) {
      float* all = scratch.spread.data() + b * F;
      std::fill_n(all, F, 0.0f);
      for (uint32_t k = 0; k < N; k++) all[held.id(k)] = mid[b * N + k];
    });
    mid = scratch.spread.data();
  }
  pass.multiply({{&down.by_channel, out}}, mid, B, kDownSums);
}

}  // namespace sparselab
