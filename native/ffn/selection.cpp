#include "ffn/selection.h"

#include <algorithm>
#include <numeric>

namespace sparselab {
namespace {

uint64_t groups_of(uint64_t N) { return (N + kNeuronGroup - 1) / kNeuronGroup; }

}  // namespace

uint64_t Selection::bytes(uint64_t rows, uint64_t N) { return rows * (1 + sizeof(uint32_t) * (1 + N + groups_of(N) + 1)); }

void Selection::reset(uint64_t rows, uint64_t N, bool lists) {
  N_ = N;
  groups_ = groups_of(N);
  every_.assign(rows, 0);
  count_.assign(rows, 0);
  if (!lists) return;
  make_room(neuron_, rows * N);
  make_room(group_, rows * (groups_ + 1));
}

bool Selection::everything() const {
  return std::all_of(every_.begin(), every_.end(), [](uint8_t e) { return e; });
}

uint64_t Selection::pairs() const { return std::accumulate(count_.begin(), count_.end(), uint64_t{0}); }

void Selection::index(uint64_t b) {
  const uint32_t *list = row(b), count = count_[b];
  uint32_t *group = group_.data() + b * (groups_ + 1), at = 0;
  for (uint64_t g = 0; g < groups_; g++) {
    while (at < count && list[at] < g * kNeuronGroup) at++;
    group[g] = at;
  }
  group[groups_] = count;
}

}  // namespace sparselab
