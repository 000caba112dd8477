#include "backend/scores.h"

#include <algorithm>

#include "cpu/isa.h"

namespace sparselab {

double divergence(const float* p, const float* q, uint64_t V) {
  const cpu::Kernels& kernels = cpu::kernels();
  const double lp = kernels.log_sum_exp(p, V), lq = kernels.log_sum_exp(q, V);
  constexpr uint64_t kBlock = 256;
  double lane[16] = {}, log_p[kBlock], share[kBlock];
  for (uint64_t v0 = 0; v0 < V; v0 += kBlock) {
    const uint64_t n = std::min(kBlock, V - v0);
    for (uint64_t i = 0; i < n; i++) log_p[i] = p[v0 + i] - lp;
    kernels.exp64(log_p, n, share);
    for (uint64_t i = 0; i < n; i++) lane[i % 16] += share[i] * (log_p[i] - (q[v0 + i] - lq));
  }
  for (uint64_t width = 8; width; width /= 2)
    for (uint64_t l = 0; l < width; l++) lane[l] += lane[l + width];
  return lane[0];
}

bool same_top(const float* p, const float* q, uint64_t V) {
  return std::max_element(p, p + V) - p == std::max_element(q, q + V) - q;
}

}  // namespace sparselab
