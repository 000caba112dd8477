#include "ffn/ffn.h"

#include "ffn/activation.h"
#include "ffn/down.h"
#include "ffn/up.h"

namespace sparselab {
namespace {

void count_zeros(Pass& pass, const float* value, uint64_t N, uint32_t* counts) {
  if (!counts) return;
  pass.parallel(pass.B(), N, [&](size_t b) {
    uint32_t zeros = 0;
    for (uint64_t k = 0; k < N; k++) zeros += value[b * N + k] == 0;
    counts[b] = zeros;
  });
}

}  // namespace

uint64_t FfnScratch::bytes(uint64_t B, uint64_t N, uint64_t D) {
  return 3 * B * N * sizeof(float) + 2 * B + up_bytes(B, N) + down_bytes(B, N, D);
}
uint64_t FfnScratch::thread_bytes(uint64_t B, uint64_t N, uint64_t D) { return up_thread_bytes(B, D) + down_thread_bytes(N, D); }

void feed_forward(Pass& pass, uint32_t layer, const float* h, NeuronSet set, FfnScratch& s, float* out) {
  const SlFfn ffn = pass.model.shape.ffn;
  const Block& block = pass.model.blocks[layer];
  const uint64_t B = pass.B(), N = set.count, at = uint64_t{layer} * B;
  const bool whole = set.ids == nullptr;
  auto hook = [&](SlPoint point, Floats& x) {
    if (whole) pass.hook(point, layer, x.data());
  };
  auto activate_rows = [&](const Floats& from, Floats& to) {
    pass.parallel(B, N * 4, [&](size_t b) {
      const Setting& setting = *pass.rows[b].setting;
      activate(setting.activation, from.data() + b * N, N, setting.t[layer], to.data() + b * N);
    });
  };
  std::vector<uint8_t> dense(B);
  for (uint64_t b = 0; b < B; b++) dense[b] = pass.rows[b].setting->strategy == SL_DENSE;

  // Gate. Then which rows of up are needed: all of them without a gate, under `dense`, and where up is captured.
  std::vector<uint8_t> all_up = dense;
  if (ffn.has_gate) {
    pass.multiply({{&block.gate, s.gate.data(), set.ids, N}}, h, B);
    hook(SL_FFN_GATE_PRE, s.gate);
    activate_rows(s.gate, s.gate);
    hook(SL_FFN_GATE, s.gate);
    if (pass.plan && (pass.plan->captures_at(SL_FFN_UP_PRE, layer) || pass.plan->captures_at(SL_FFN_UP, layer)))
      all_up.assign(B, 1);
  } else {
    all_up.assign(B, 1);
  }
  // Up
  project_up(pass, block.up, h, set, s.gate.data(), all_up, s.active, s.up.data());
  hook(SL_FFN_UP_PRE, s.up);
  // Mid
  if (ffn.has_gate) {
    if (ffn.act_up == SL_UP_RELU)
      pass.parallel(B, N, [&](size_t b) { activate(SL_RELU, s.up.data() + b * N, N, 0, s.up.data() + b * N); });
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
  // Down
  find_lanes(pass, s.mid.data(), dense, set, s.lanes);
  project_down(pass, block.down, s.mid.data(), set, s.lanes, out);
}

}  // namespace sparselab
