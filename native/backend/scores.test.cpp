// KL and agreement of two rows of logits against their definitions, bit for bit.
#include "backend/scores.h"
#include <algorithm>

#include <cmath>

#include "cpu/isa.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

TEST("scores: logits so large that a sum of exponentials is lost beside them") {
  const size_t V = 1536;
  for (float c : {1e12f, 1e17f, 3e38f, -3e38f}) {
    const std::vector<float> equal(V, c), flat(V, 0.0f);
    CHECK_MSG(std::fabs(surprisal(equal.data(), V, 7) - std::log(1536.0)) <= 1e-12, text("%g", static_cast<double>(c)));
    CHECK(divergence(equal.data(), flat.data(), V) <= 1e-12);
    CHECK(divergence(equal.data(), flat.data(), V) >= 0);
  }
}

TEST("scores: KL by its definition, 16 lanes and a tree, bit for bit") {
  std::mt19937_64 r(fresh_seed());
  for (int round = 0; round < 200; round++) {
    const size_t V = 1 + r() % 2000;
    std::vector<float> p(V), q(V);
    for (std::vector<float>* x : {&p, &q})
      for (float& v : *x) v = static_cast<float>(static_cast<double>(r()) * 0x1p-60 - 8);
    if (round % 10 == 0) q = p;
    double tp, tq;
    const double lp = cpu::kernels().log_total(p.data(), V, &tp), lq = cpu::kernels().log_total(q.data(), V, &tq);
    double lane[16] = {}, plain = 0;
    for (size_t v = 0; v < V; v++) {
      const double log_p = (static_cast<double>(p[v]) - tp) - lp, log_q = (static_cast<double>(q[v]) - tq) - lq;
      double share = 0;
      cpu::kernels().exp64(&log_p, 1, &share);
      lane[v % 16] += share * (log_p - log_q);
      plain += std::exp(log_p) * (log_p - log_q);
    }
    for (size_t width : {8u, 4u, 2u, 1u})
      for (size_t l = 0; l < width; l++) lane[l] += lane[l + width];
    const double got = divergence(p.data(), q.data(), V);
    CHECK_MSG(got == std::max(lane[0], 0.0), text("V %zu: %.17g, not %.17g", V, got, lane[0]));
    CHECK(std::fabs(got - plain) < 1e-12 * (1 + std::fabs(plain)));
    if (p == q) CHECK(got == 0);
  }
}

TEST("scores: of equal logits the first is the most likely token, in both rows") {
  const std::vector<float> both{1, 5, 0, 5}, first{0, 5, 0, 1}, second{0, 1, 0, 5}, zeros{-0.0f, 0.0f, -1, -1},
      zero{0, -1, -1, -1};
  auto same = [](const std::vector<float>& p, const std::vector<float>& q) { return same_top(p.data(), q.data(), p.size()); };
  CHECK(same(both, first) && same(first, both));
  CHECK(!same(both, second) && !same(second, both));
  CHECK(same(zeros, zero) && same(zero, zeros));
}
