// Log-sum-exp and the most likely tokens of a row of logits, on the emulator: against float64 and a sort, with equal logits.
#include "kernels/launch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::cuda;
using namespace sparselab::testing;

TEST("head: log-sum-exp, and the most likely tokens, of equal ones the first") {
  std::mt19937_64 r(fresh_seed());
  for (const int V : {1, 7, 300, 1000}) {
    constexpr int kSlots = 3, kSlot = 1;
    std::vector<float> logits(static_cast<size_t>(kSlots * V), NAN);
    float* const own = logits.data() + kSlot * V;
    for (int v = 0; v < V; v++) own[v] = static_cast<float>(r() % 40) / 4;  // many are equal
    const int top = std::min(V, kMostTop);
    Batch batch{};
    batch.steps[0].slot = kSlot;
    std::vector<double> log_total(kSlots, NAN);
    std::vector<int32_t> tokens(static_cast<size_t>(kSlots * top), -1);
    std::vector<float> values(tokens.size(), NAN);
    Launcher(nullptr, 2).head({logits.data(), V, &batch, log_total.data(), top, tokens.data(), values.data()});
    std::vector<int> order(static_cast<size_t>(V));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return own[a] > own[b]; });
    double sum = 0;
    for (int v = 0; v < V; v++) sum += std::exp(static_cast<double>(own[v]) - static_cast<double>(own[order[0]]));
    CHECK(std::fabs(log_total[kSlot] - std::log(sum)) <= 1e-13 * (1 + std::log(sum)));
    for (int k = 0; k < top; k++) {
      CHECK(tokens[static_cast<size_t>(kSlot * top + k)] == order[static_cast<size_t>(k)]);
      CHECK(values[static_cast<size_t>(kSlot * top + k)] == own[order[static_cast<size_t>(k)]]);
    }
    CHECK(std::isnan(log_total[0]) && tokens[0] == -1);
  }
}
