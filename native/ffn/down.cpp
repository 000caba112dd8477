#include "ffn/down.h"

#include <algorithm>
#include <cmath>

#include "cpu/isa.h"

namespace sparselab {
namespace {

constexpr uint64_t kLanes = 16;
constexpr uint64_t kChannels = 256;  // of one chunk; a multiple of every block size
constexpr uint64_t kRows = 32;       // batch rows of one chunk

// One row's neurons by lane. Room for N entries in neuron and value.
void fill_lanes(const float* mid, bool all, NeuronSet set, uint32_t* begin, uint32_t* neuron, float* value) {
  uint32_t next[kLanes] = {};
  for (uint64_t k = 0; k < set.count; k++)
    if (all || !(mid[k] == 0)) next[set.id(k) % kLanes]++;  // NaN is active: it must be seen
  begin[0] = 0;
  for (uint64_t l = 0; l < kLanes; l++) {
    begin[l + 1] = begin[l] + next[l];
    next[l] = begin[l];
  }
  for (uint64_t k = 0; k < set.count; k++)
    if (all || !(mid[k] == 0)) {
      const uint32_t id = set.id(k), place = next[id % kLanes]++;
      neuron[place] = id;
      value[place] = mid[k];
    }
}

// The partial sum of one lane over n channels from d0 on.
void add_lane(const DownMatrix& down, const uint32_t* begin, const uint32_t* neuron, const float* value, uint64_t lane,
              uint64_t d0, uint64_t n, float* partial) {
  std::fill_n(partial, n, 0.0f);
  down.add(neuron + begin[lane], value + begin[lane], begin[lane + 1] - begin[lane], d0, n, partial);
}

// out (n), computed before: sums that are not finite are taken once more. 0 · inf is left out first, which gives the bits of
// `exact`. What still overflows is summed in float64.
void mend_down(const DownMatrix& down, const float* mid, NeuronSet set, uint64_t d0, uint64_t n, float* out) {
  if (all_finite(out, n)) return;
  std::vector<uint32_t> neuron(set.count);
  std::vector<float> value(set.count), partial(kLanes * n), sum(n), row(down.hidden);
  uint32_t begin[kLanes + 1];
  fill_lanes(mid, false, set, begin, neuron.data(), value.data());
  for (uint64_t l = 0; l < kLanes; l++) add_lane(down, begin, neuron.data(), value.data(), l, d0, n, partial.data() + l * n);
  cpu::kernels().join_partials(partial.data(), n, sum.data());
  std::vector<double> wide(n);
  for (uint64_t k = 0; k < set.count; k++) {
    if (mid[k] == 0) continue;
    down.load(set.id(k), row.data());
    for (uint64_t d = 0; d < n; d++) wide[d] += static_cast<double>(mid[k]) * static_cast<double>(row[d0 + d]);
  }
  for (uint64_t d = 0; d < n; d++)
    if (!std::isfinite(out[d])) out[d] = std::isfinite(sum[d]) ? sum[d] : static_cast<float>(wide[d]);
}

// One row of the batch: whole weight rows, the lanes side by side.
void by_lanes(Pass& pass, const DownMatrix& down, const float* mid, NeuronSet set, const Lanes& lanes, float* out) {
  const uint64_t D = down.hidden;
  Floats partials(kLanes * D);
  pass.parallel(kLanes, lanes.begin[kLanes] * D / kLanes, [&](size_t lane) {
    add_lane(down, lanes.begin.data(), lanes.neuron.data(), lanes.value.data(), lane, 0, D, partials.data() + lane * D);
  });
  cpu::kernels().join_partials(partials.data(), D, out);
  mend_down(down, mid, set, 0, D, out);
}

// Several rows: a block of channels stays in the cache while they pass.
void by_channels(Pass& pass, const DownMatrix& down, const float* mid, NeuronSet set, const Lanes& lanes, float* out) {
  const uint64_t D = down.hidden, N = set.count, B = pass.B();
  const uint64_t blocks = (D + kChannels - 1) / kChannels, groups = (B + kRows - 1) / kRows;
  pass.parallel(blocks * groups, kChannels * N * std::min(kRows, B) / 4, [&](size_t chunk) {
    const uint64_t d0 = chunk / groups * kChannels, n = std::min(kChannels, D - d0), b0 = chunk % groups * kRows;
    alignas(64) float partials[kLanes * kChannels];
    for (uint64_t b = b0; b < std::min(B, b0 + kRows); b++) {
      if (pass.stop.asked()) return;
      const uint32_t* begin = lanes.begin.data() + b * (kLanes + 1);
      for (uint64_t l = 0; l < kLanes; l++)
        add_lane(down, begin, lanes.neuron.data() + b * N, lanes.value.data() + b * N, l, d0, n, partials + l * n);
      cpu::kernels().join_partials(partials, n, out + b * D + d0);
      mend_down(down, mid + b * N, set, d0, n, out + b * D + d0);
    }
  });
}

// Each weight row that some row of the batch adds counts once.
void count_bytes(Pass& pass, const DownMatrix& down, const Lanes& lanes, uint64_t N) {
  const uint64_t B = pass.B(), per_lane = (down.neurons + kLanes - 1) / kLanes;
  std::vector<uint8_t> used(kLanes * per_lane);  // neuron i at (i % 16, i / 16): no two lanes write the same bytes
  pass.parallel(kLanes, lanes.begin[kLanes] / kLanes * B, [&](size_t lane) {
    for (uint64_t b = 0; b < B && !pass.stop.asked(); b++) {
      const uint32_t *begin = lanes.begin.data() + b * (kLanes + 1) + lane, *neuron = lanes.neuron.data() + b * N;
      for (uint64_t i = begin[0]; i < begin[1]; i++) used[lane * per_lane + neuron[i] / kLanes] = 1;
    }
  });
  uint64_t bytes = 0, last_group = ~uint64_t{0};
  for (uint64_t i = 0; i < down.neurons; i++) {
    if (!used[i % kLanes * per_lane + i / kLanes]) continue;
    bytes += down.neuron_bytes() + (i / 32 != last_group ? down.group_bytes() : 0);
    last_group = i / 32;
  }
  pass.bytes_read += bytes;
}

}  // namespace

uint64_t down_bytes(uint64_t B, uint64_t N, uint64_t D) {
  const uint64_t lanes = B * (kLanes + 1) * sizeof(uint32_t) + B * N * (sizeof(uint32_t) + sizeof(float));
  return lanes + kLanes * D * sizeof(float) + N + kLanes;
}
uint64_t down_thread_bytes(uint64_t N, uint64_t D) {
  // mend_down, of all channels where one row is computed
  return N * (sizeof(uint32_t) + sizeof(float)) + D * ((kLanes + 2) * sizeof(float) + sizeof(double));
}

void find_lanes(Pass& pass, const float* mid, const std::vector<uint8_t>& all, NeuronSet set, Lanes& lanes) {
  const uint64_t B = pass.B(), N = set.count;
  lanes.begin.resize(B * (kLanes + 1));
  make_room(lanes.neuron, B * N);
  make_room(lanes.value, B * N);
  pass.parallel(B, 4 * N, [&](size_t b) {
    fill_lanes(mid + b * N, all[b], set, lanes.begin.data() + b * (kLanes + 1), lanes.neuron.data() + b * N,
               lanes.value.data() + b * N);
  });
}

void project_down(Pass& pass, const DownMatrix& down, const float* mid, NeuronSet set, const Lanes& lanes, float* out) {
  if (pass.B() == 1)
    by_lanes(pass, down, mid, set, lanes, out);
  else
    by_channels(pass, down, mid, set, lanes, out);
  count_bytes(pass, down, lanes, set.count);
}

}  // namespace sparselab
