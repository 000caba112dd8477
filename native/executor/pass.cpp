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

bool all_finite(const float* x, uint64_t n) {
  return std::all_of(x, x + n, [](float v) { return std::isfinite(v); });
}

void mend_dots(const float* w, uint64_t R, const float* x, uint64_t n, float* y) {
  if (all_finite(y, R) || !all_finite(x, n)) return;
  for (uint64_t r = 0; r < R; r++)
    if (!std::isfinite(y[r])) y[r] = static_cast<float>(cpu::wide_dot(w + r * n, x, n));
}

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
    for (uint64_t b0 = 0; b0 < n; b0 += kBatchRows) {
      if (stop.asked()) return;
      const uint64_t rows_now = std::min(kBatchRows, n - b0);
      cpu::dots(weights.data(), count, x + b0 * cols, rows_now, cols, y + b0 * N + r0, 1, N);
      for (uint64_t b = b0; b < b0 + rows_now; b++) mend_dots(weights.data(), count, x + b * cols, cols, y + b * N + r0);
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
    const float squares = cpu::dot(in, in, D);
    if (std::isfinite(squares)) {
      float scale = 1.0f / std::sqrt(squares / static_cast<float>(D) + model.shape.norm_epsilon);
      for (uint64_t d = 0; d < D; d++) out[d] = in[d] * scale * weight[d];
      return;
    }
    const double wide = cpu::wide_dot(in, in, D);
    // A value that is not finite spoils its whole row: it must be seen, wherever its share would be zero.
    const double scale = std::isfinite(wide)
                             ? 1.0 / std::sqrt(wide / static_cast<double>(D) + static_cast<double>(model.shape.norm_epsilon))
                             : NAN;
    for (uint64_t d = 0; d < D; d++) out[d] = static_cast<float>(in[d] * scale * weight[d]);
  });
}

void Pass::intervene(const Intervention& i, const Row& row, uint32_t layer, uint64_t width, float* x) const {
  if (!i.all_positions && !std::binary_search(i.positions.begin(), i.positions.end(), row.position)) return;
  if (i.kind == SL_REPLACE && row.position >= i.value_rows) return;
  const float* values = i.values;
  if (i.kind == SL_REPLACE) values += ((layer - i.from) * i.value_rows + row.position) * width;
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
  for (const Intervention& i : row.setting->interventions) {
    if (i.point != point || layer < i.from || layer >= i.to) continue;
    if (stop.asked()) return;
    intervene(i, row, layer, point_width(model.shape, point), x);
  }
}

// x (count, width): rows `which` of the batch (null: all of them, in order). Each row by itself, so the threads change no bit.
void Pass::intervene_rows(SlPoint point, uint32_t layer, float* x, uint64_t count, const uint32_t* which) const {
  const uint64_t most = plan ? plan->interventions_at(point, layer) : 0;
  if (most == 0) return;
  const uint64_t width = point_width(model.shape, point);
  parallel(count, most * width, [&](size_t i) { intervene_all(point, layer, x + i * width, rows[which ? which[i] : i]); });
}

void Pass::hook(SlPoint point, uint32_t layer, float* x) const {
  const uint64_t width = point_width(model.shape, point);
  intervene_rows(point, layer, x, B(), nullptr);
  if (!plan || !sinks.captures) return;
  for (size_t c = 0; c < plan->captures.size(); c++) {
    const SlCapture& capture = plan->captures[c];
    if (capture.point != static_cast<uint32_t>(point) || layer < capture.from || layer >= capture.to) continue;
    std::memcpy(sinks.captures[c] + (layer - capture.from) * B() * width, x, B() * width * sizeof(float));
  }
}

void Pass::hook_rows(SlPoint point, uint32_t layer, float* x, const std::vector<uint32_t>& which) const {
  if (which.size() == B()) return hook(point, layer, x);
  intervene_rows(point, layer, x, which.size(), which.data());
}

}  // namespace sparselab
