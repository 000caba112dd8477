#include "backend/scores.h"

#include <algorithm>

#include "cpu/isa.h"

namespace sparselab {

double surprisal(const float* q, uint64_t V, uint64_t target) {
  double top;
  const double total = cpu::kernels().log_total(q, V, &top);
  return total + (top - q[target]);
}

double divergence(const float* p, const float* q, uint64_t V) {
  const cpu::Kernels& kernels = cpu::kernels();
  double top_p, top_q;
  const double lp = kernels.log_total(p, V, &top_p), lq = kernels.log_total(q, V, &top_q);
  constexpr uint64_t kBlock = 256;
  double lane[16] = {}, log_p[kBlock], share[kBlock];
  for (uint64_t v0 = 0; v0 < V; v0 += kBlock) {
    const uint64_t n = std::min(kBlock, V - v0);
    for (uint64_t i = 0; i < n; i++) log_p[i] = (p[v0 + i] - top_p) - lp;
    kernels.exp64(log_p, n, share);
    for (uint64_t i = 0; i < n; i++) lane[i % 16] += share[i] * (log_p[i] - ((q[v0 + i] - top_q) - lq));
  }
  for (uint64_t width = 8; width; width /= 2)
    for (uint64_t l = 0; l < width; l++) lane[l] += lane[l + width];
  return std::max(lane[0], 0.0);  // below 0 only by rounding
}

bool same_top(const float* p, const float* q, uint64_t V) {
  return std::max_element(p, p + V) - p == std::max_element(q, q + V) - q;
}

}  // namespace sparselab
