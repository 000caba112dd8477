#include "executor/ffn.h"

#include <algorithm>
#include <cmath>

#include "cpu/kernels.h"
#include "executor/activation.h"

namespace sparselab {
namespace {

constexpr uint64_t kNeurons = 64;   // of one chunk
constexpr uint64_t kChannels = 64;  // of the output, of one chunk; a multiple of every block size

uint64_t chunks(uint64_t n, uint64_t size) { return (n + size - 1) / size; }

// Finds for each neuron the rows for which value (B, N) is not zero, or that are `all` (B).
void find_active(Pass& pass, const float* value, const std::vector<uint8_t>& all, uint64_t N, Active& active) {
  const uint64_t B = pass.B();
  active.begin.assign(N + 1, 0);
  auto each = [&](size_t chunk, auto fn) {
    const uint64_t k0 = chunk * kNeurons, k1 = std::min(N, k0 + kNeurons);
    for (uint64_t b = 0; b < B; b++)
      for (uint64_t k = k0; k < k1; k++)
        if (all[b] || !(value[b * N + k] == 0)) fn(b, k);  // NaN is active: it must be seen
  };
  pass.parallel(chunks(N, kNeurons), kNeurons * B,
                [&](size_t chunk) { each(chunk, [&](uint64_t, uint64_t k) { active.begin[k + 1]++; }); });
  for (uint64_t k = 0; k < N; k++) active.begin[k + 1] += active.begin[k];
  active.rows.resize(active.begin[N]);
  pass.parallel(chunks(N, kNeurons), kNeurons * B, [&](size_t chunk) {
    uint64_t next[kNeurons];
    const uint64_t k0 = chunk * kNeurons;
    for (uint64_t k = k0; k < std::min(N, k0 + kNeurons); k++) next[k - k0] = active.begin[k];
    each(chunk, [&](uint64_t b, uint64_t k) { active.rows[next[k - k0]++] = static_cast<uint32_t>(b); });
  });
}

// y (B, N) gets h·W_up where a row needs the neuron; the rest stays as it was.
void multiply_active(Pass& pass, const Matrix& w, const float* h, NeuronSet set, const Active& active, float* y) {
  const uint64_t N = set.count, cols = w.cols;
  pass.parallel(chunks(N, kNeurons / 4), (kNeurons / 4) * cols * active.rows.size() / std::max<uint64_t>(N, 1),
                [&](size_t chunk) {
                  thread_local std::vector<float> weights, products;
                  weights.resize(cols);
                  products.resize(pass.B());
                  const uint64_t k0 = chunk * (kNeurons / 4), k1 = std::min(N, k0 + kNeurons / 4);
                  uint64_t used = 0;
                  for (uint64_t k = k0; k < k1; k++) {
                    const uint64_t count = active.begin[k + 1] - active.begin[k];
                    if (count == 0) continue;
                    if (pass.stop.asked()) return;
                    const uint32_t* rows = active.rows.data() + active.begin[k];
                    cpu::dequantise(w.type, w.row(set.ids ? set.ids[k] : k), cols, weights.data());
                    cpu::dots_of_rows(weights.data(), h, cols, rows, count, products.data());
                    for (uint64_t i = 0; i < count; i++) {
                      mend_dots(weights.data(), 1, h + rows[i] * cols, cols, &products[i]);
                      y[rows[i] * N + k] = products[i];
                    }
                    used++;
                  }
                  pass.bytes_read += used * w.stride;
                });
}

// Sums of one row (n channels from d0 on) that are not finite, once more. A silent neuron's weights never matter, infinite ones
// too: 0 · inf is left out first, which gives the bits of `exact`. What still overflows is summed in float64.
void mend_down(Pass& pass, const DownMatrix& down, const float* mid, NeuronSet set, uint64_t d0, uint64_t n, float* out) {
  if (all_finite(out, n)) return;
  float weights[kChannels], sum[kChannels] = {};
  double wide[kChannels] = {};
  for (uint64_t k = 0; k < set.count; k++) {
    if (mid[k] == 0) continue;
    if (pass.stop.asked()) return;
    down.load(set.ids ? set.ids[k] : k, d0, n, weights);
    for (uint64_t d = 0; d < n; d++) {
      sum[d] = std::fma(mid[k], weights[d], sum[d]);
      wide[d] += static_cast<double>(mid[k]) * static_cast<double>(weights[d]);
    }
  }
  for (uint64_t d = 0; d < n; d++)
    if (!std::isfinite(out[d])) out[d] = std::isfinite(sum[d]) ? sum[d] : static_cast<float>(wide[d]);
}

// out (B, D) = sum over neurons, ascending, of mid · down row. Split by channels: each output has one order of addition.
void project_down(Pass& pass, const DownMatrix& down, const float* mid, NeuronSet set, const Active& active, float* out) {
  const uint64_t N = set.count, D = down.hidden;
  pass.parallel(chunks(D, kChannels), kChannels * active.rows.size(), [&](size_t chunk) {
    const uint64_t d0 = chunk * kChannels, n = std::min(kChannels, D - d0);
    float weights[kChannels];
    for (uint64_t b = 0; b < pass.B(); b++) std::fill_n(out + b * D + d0, n, 0.0f);
    for (uint64_t k = 0; k < N; k++) {
      const uint64_t count = active.begin[k + 1] - active.begin[k];
      if (count == 0) continue;
      if (k % kNeurons == 0 && pass.stop.asked()) return;
      down.load(set.ids ? set.ids[k] : k, d0, n, weights);
      cpu::add_to_rows(weights, n, mid + k, N, active.rows.data() + active.begin[k], count, out + d0, D);
    }
    for (uint64_t b = 0; b < pass.B(); b++) mend_down(pass, down, mid + b * N, set, d0, n, out + b * D + d0);
    // A sum that underflowed to -0 becomes +0, as it would where a zero had been added to it.
    for (uint64_t b = 0; b < pass.B(); b++)
      for (uint64_t d = d0; d < d0 + n; d++) out[b * D + d] += 0.0f;
  });
  uint64_t last_group = ~uint64_t{0};
  for (uint64_t k = 0; k < N; k++) {
    if (active.begin[k + 1] == active.begin[k]) continue;
    pass.bytes_read += down.neuron_bytes();
    uint64_t group = (set.ids ? set.ids[k] : k) / 32;
    if (group != last_group) pass.bytes_read += down.group_bytes();
    last_group = group;
  }
}

void count_zeros(Pass& pass, const float* value, uint64_t N, uint32_t* counts) {
  if (!counts) return;
  pass.parallel(pass.B(), N, [&](size_t b) {
    uint32_t zeros = 0;
    for (uint64_t k = 0; k < N; k++) zeros += value[b * N + k] == 0;
    counts[b] = zeros;
  });
}

}  // namespace

void feed_forward(Pass& pass, uint32_t layer, const float* h, NeuronSet set, FfnScratch& s, float* out) {
  const SlFfn ffn = pass.model.shape.ffn;
  const Block& block = pass.model.blocks[layer];
  const uint64_t B = pass.B(), N = set.count, at = uint64_t{layer} * B;
  const bool whole = set.ids == nullptr;
  auto hook = [&](SlPoint point, std::vector<float>& x) {
    if (whole) pass.hook(point, layer, x.data());
  };
  auto activate_rows = [&](const std::vector<float>& from, std::vector<float>& to) {
    pass.parallel(B, N * 4, [&](size_t b) {
      const Setting& setting = *pass.rows[b].setting;
      for (uint64_t k = 0; k < N; k++) to[b * N + k] = activate(setting.activation, from[b * N + k], setting.t[layer]);
    });
  };
  std::vector<uint8_t> dense(B);
  for (uint64_t b = 0; b < B; b++) dense[b] = pass.rows[b].setting->strategy == SL_DENSE;

  // Which rows of up are needed: all of them without a gate, under `dense`, and where up is captured.
  std::vector<uint8_t> all_up = dense;
  if (ffn.has_gate) {
    pass.multiply(block.gate, h, B, s.gate.data(), set.ids, N);
    hook(SL_FFN_GATE_PRE, s.gate);
    activate_rows(s.gate, s.gate);
    hook(SL_FFN_GATE, s.gate);
    if (pass.plan && (pass.plan->captures_at(SL_FFN_UP_PRE, layer) || pass.plan->captures_at(SL_FFN_UP, layer)))
      all_up.assign(B, 1);
  } else {
    all_up.assign(B, 1);
  }
  if (std::all_of(all_up.begin(), all_up.end(), [](uint8_t a) { return a; })) {
    pass.multiply(block.up, h, B, s.up.data(), set.ids, N);
  } else {
    find_active(pass, s.gate.data(), all_up, N, s.active);
    multiply_active(pass, block.up, h, set, s.active, s.up.data());
  }
  hook(SL_FFN_UP_PRE, s.up);

  if (ffn.has_gate) {
    if (ffn.act_up == SL_UP_RELU)
      pass.parallel(B, N, [&](size_t b) {
        for (uint64_t k = 0; k < N; k++) s.up[b * N + k] = s.up[b * N + k] <= 0 ? 0.0f : s.up[b * N + k];
      });
    hook(SL_FFN_UP, s.up);
    pass.parallel(B, N, [&](size_t b) {
      // Where s is 0 nothing is read of up: it may never have been computed.
      for (uint64_t i = b * N; i < (b + 1) * N; i++) s.mid[i] = s.gate[i] == 0 ? 0.0f : s.gate[i] * s.up[i];
    });
  } else {
    activate_rows(s.up, s.mid);
  }
  hook(SL_FFN_MID, s.mid);
  if (whole) {
    count_zeros(pass, s.mid.data(), N, pass.sinks.zeros_mid ? pass.sinks.zeros_mid + at : nullptr);
    count_zeros(pass, ffn.has_gate ? s.gate.data() : s.mid.data(), N,
                pass.sinks.zeros_gate ? pass.sinks.zeros_gate + at : nullptr);
    for (uint64_t b = 0; pass.sinks.rows_read && b < B; b++)
      pass.sinks.rows_read[at + b] = static_cast<uint32_t>(all_up[b] ? N : N - pass.sinks.zeros_gate[at + b]);
  }
  find_active(pass, s.mid.data(), dense, N, s.active);
  project_down(pass, block.down, s.mid.data(), set, s.active, out);
}

}  // namespace sparselab
