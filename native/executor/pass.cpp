#include "executor/pass.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/kernels.h"
#include "error.h"

namespace sparselab {
namespace {

constexpr uint64_t kWeightRows = 16;        // weight rows of one chunk
constexpr uint64_t kWorthSharing = 100000;  // multiplications: some microseconds, about what it takes to wake a thread
constexpr uint64_t kBatchRows = 16;         // batch rows that stay in the cache while the weight rows of a chunk pass

}  // namespace

void Pass::parallel(uint64_t chunks, uint64_t cost, const std::function<void(size_t)>& fn) const {
  if (chunks * cost < kWorthSharing)
    for (uint64_t c = 0; c < chunks && !stop.asked(); c++) fn(c);
  else
    pool.run(chunks, stop, fn);
  if (stop.asked()) throw Error(Code::aborted, "stopped as asked");
}

void Pass::multiply(const Matrix& w, const float* x, uint64_t n, float* y, const uint32_t* ids, uint64_t N) {
  if (!ids) N = w.rows;
  const uint64_t cols = w.cols;
  parallel((N + kWeightRows - 1) / kWeightRows, kWeightRows * cols * n, [&](size_t chunk) {
    thread_local std::vector<float> weights;  // (kWeightRows, cols)
    const uint64_t r0 = chunk * kWeightRows, count = std::min(kWeightRows, N - r0);
    weights.resize(kWeightRows * cols);
    for (uint64_t r = 0; r < count; r++)
      cpu::dequantise(w.type, w.row(ids ? ids[r0 + r] : r0 + r), cols, weights.data() + r * cols);
    for (uint64_t b = 0; b < n; b += kBatchRows) {
      if (stop.asked()) return;
      cpu::dots(weights.data(), count, x + b * cols, std::min(kBatchRows, n - b), cols, y + b * N + r0, 1, N);
    }
  });
  bytes_read += N * w.stride;
}

void Pass::normalise(const float* x, const std::vector<float>& weight, float* h) const {
  const uint64_t D = model.shape.hidden;
  parallel(B(), 4 * D, [&](size_t b) {
    const float* in = x + b * D;
    float* out = h + b * D;
    // x / sqrt(mean(x^2) + eps) * w
    float scale = 1.0f / std::sqrt(cpu::dot(in, in, D) / static_cast<float>(D) + model.shape.norm_epsilon);
    for (uint64_t d = 0; d < D; d++) out[d] = in[d] * scale * weight[d];
  });
}

void Pass::intervene(const Intervention& i, const Row& row, uint32_t layer, uint64_t width, float* x) const {
  if (!i.all_positions && !std::binary_search(i.positions.begin(), i.positions.end(), row.position)) return;
  if (i.kind == SL_REPLACE && row.position >= i.value_rows) return;
  const float* values =
      i.kind == SL_REPLACE ? i.values.data() + ((layer - i.from) * i.value_rows + row.position) * width : i.values.data();
  auto change = [&](uint64_t c) {
    switch (i.kind) {
      case SL_ZERO:
        x[c] = 0;
        break;
      case SL_SCALE:
        x[c] *= i.factor;
        break;
      case SL_REPLACE:
        x[c] = values[c];
        break;
      case SL_ADD:
        x[c] = std::fma(i.factor, values[c], x[c]);
        break;
    }
  };
  if (i.all_channels)
    for (uint64_t c = 0; c < width; c++) change(c);
  else
    for (uint32_t c : i.channels) change(c);
}

void Pass::intervene_all(SlPoint point, uint32_t layer, float* x, const Row& row) const {
  for (const Intervention& i : row.setting->interventions)
    if (i.point == point && i.from <= layer && layer < i.to) intervene(i, row, layer, point_width(model.shape, point), x);
}

void Pass::hook(SlPoint point, uint32_t layer, float* x) const {
  const uint64_t width = point_width(model.shape, point);
  for (uint64_t b = 0; b < B(); b++) intervene_all(point, layer, x + b * width, rows[b]);
  if (!plan || !sinks.captures) return;
  for (size_t c = 0; c < plan->captures.size(); c++) {
    const SlCapture& capture = plan->captures[c];
    if (capture.point != static_cast<uint32_t>(point) || layer < capture.from || layer >= capture.to) continue;
    std::memcpy(sinks.captures[c] + (layer - capture.from) * B() * width, x, B() * width * sizeof(float));
  }
}

void Pass::hook_rows(SlPoint point, uint32_t layer, float* x, const std::vector<uint32_t>& which) const {
  if (which.size() == B()) return hook(point, layer, x);
  const uint64_t width = point_width(model.shape, point);
  for (size_t i = 0; i < which.size(); i++) intervene_all(point, layer, x + i * width, rows[which[i]]);
}

}  // namespace sparselab
