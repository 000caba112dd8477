#include "executor/pass.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "cpu/aligned.h"
#include "cpu/isa.h"
#include "error.h"
#include "executor/failures.h"

namespace sparselab {
namespace {

constexpr uint64_t kWorthSharing = 100000;  // multiplications: some microseconds, about what it takes to wake a thread
constexpr uint64_t kFusedRows = 4;          // up to this many rows of a batch, stored weights are multiplied as they are
// Weight rows of one chunk then: the kernel reads four parts of it at once, which should be long; but each thread should find
// several chunks, and a chunk should stay in the second-level cache.
constexpr uint64_t kChunkRows = 64, kLeastChunkRows = 16, kChunksOfThread = 6, kChunkBytes = 1 << 18;
// With more rows, a chunk's weights become a panel of float32 in the second-level cache, and the rows of the batch pass in panels
// of which a segment, beside that of one tile's weights, fits the first-level cache. The tiles' sizes divide both, or nearly.
constexpr uint64_t kPanelFloats = 131072;
constexpr uint64_t kPanelRows = 40;  // at most
constexpr uint64_t kBatchRows = 20;

uint64_t chunk_rows(uint64_t all, uint64_t stride, uint64_t threads) {
  const uint64_t most = std::min(kChunkBytes / stride, all / (threads * kChunksOfThread));
  return std::clamp(most / kLeastChunkRows * kLeastChunkRows, kLeastChunkRows, kChunkRows);
}
uint64_t panel_rows(uint64_t cols) { return std::clamp<uint64_t>(kPanelFloats / cols / 10 * 10, 10, kPanelRows); }

}  // namespace

bool all_finite(const float* x, uint64_t n) {
  // Without an early end, so that it becomes vector code: nearly all numbers are finite.
  constexpr uint32_t kExponent = 0x7f800000;
  bool finite = true;
  for (uint64_t i = 0; i < n; i++) finite &= (std::bit_cast<uint32_t>(x[i]) & kExponent) != kExponent;
  return finite;
}

void mend_dots(const Matrix& w, const uint32_t* ids, uint64_t r0, uint64_t count, const float* x, float* y) {
  if (all_finite(y, count) || !all_finite(x, w.cols)) return;
  std::vector<float> row(w.cols);
  for (uint64_t r = 0; r < count; r++) {
    if (std::isfinite(y[r])) continue;
    cpu::kernels_of(w.type).dequantise(w.row(ids ? ids[r0 + r] : r0 + r), w.cols, row.data());
    double sum = 0;
    for (uint64_t c = 0; c < w.cols; c++) sum += static_cast<double>(row[c]) * static_cast<double>(x[c]);
    y[r] = static_cast<float>(sum);
  }
}

void Pass::parallel(uint64_t chunks, uint64_t cost, const std::function<void(size_t)>& fn) const {
  if (chunks * cost < kWorthSharing)
    for (uint64_t c = 0; c < chunks && !stop.asked(); c++) fn(c);
  else
    pool.run(chunks, stop, fn);
  if (stop.asked()) throw stopped();
}

void Pass::multiply(std::initializer_list<Product> products, const float* x, uint64_t n, const RowSums& sums) {
  const uint64_t cols = products.begin()->w->cols;
  const bool fused = n <= kFusedRows;
  bool floats = false;
  for (const Product& p : products) {
    floats |= !takes_int8(*p.w);
    if (takes_int8(*p.w)) quantise(*p.w, x, n);
  }
  auto rows_of = [](const Product& p) { return p.ids ? p.N : p.w->rows; };
  uint64_t all = 0;
  for (const Product& p : products) all += rows_of(p);
  const uint64_t step = fused ? chunk_rows(all, products.begin()->w->stride, pool.threads()) : panel_rows(cols);
  auto chunks_of = [&](const Product& p) { return (rows_of(p) + step - 1) / step; };
  uint64_t chunks = 0;
  for (const Product& p : products) chunks += chunks_of(p);
  if (!fused && floats) make_panels(x, n, cols);
  parallel(chunks, step * cols * n, [&](size_t chunk) {
    const Product* p = products.begin();
    for (; chunk >= chunks_of(*p); p++) chunk -= chunks_of(*p);
    const uint64_t N = rows_of(*p), r0 = chunk * step, count = std::min(step, N - r0);
    const Matrix& w = *p->w;
    if (takes_int8(w)) return multiply_int8(w, p->ids, r0, count, 0, n, p->y + r0, N, sums.mend);
    const cpu::TypeKernels& kernels = cpu::kernels_of(w.type);
    if (fused) {
      const cpu::Rows stored = p->ids ? cpu::Rows{w.data, w.stride} : cpu::Rows{w.row(r0), w.stride};
      for (uint64_t b = 0; b < n; b++) {
        (kernels.*sums.rows)(stored, p->ids ? p->ids + r0 : nullptr, count, x + b * cols, cols, p->y + b * N + r0, 1);
        sums.mend(w, p->ids, r0, count, x + b * cols, p->y + b * N + r0);
      }
      return;
    }
    multiply_panels(w, p->ids, r0, count, x, n, p->y, N, sums);
  });
  for (const Product& p : products) bytes_read += rows_of(p) * p.w->stride;
}

void Pass::make_panels(const float* x, uint64_t n, uint64_t cols) {
  const uint64_t width = cpu::panel_floats(1, cols);
  make_room(panels_, n * width);
  parallel((n + kBatchRows - 1) / kBatchRows, kBatchRows * cols, [&](size_t block) {
    const uint64_t b0 = block * kBatchRows;
    cpu::kernels_of(F32).to_panel({reinterpret_cast<const uint8_t*>(x + b0 * cols), cols * sizeof(float)}, nullptr,
                                  std::min(kBatchRows, n - b0), cols, panels_.data() + b0 * width);
  });
}

void Pass::multiply_panels(const Matrix& w, const uint32_t* ids, uint64_t r0, uint64_t count, const float* x, uint64_t n,
                           float* y, uint64_t N, const RowSums& sums) const {
  const uint64_t cols = w.cols, width = cpu::panel_floats(1, cols), step = panel_rows(cols);
  thread_local Floats panel, lanes;
  make_room(panel, step * width);
  make_room(lanes, cpu::product_scratch(kPanelRows, kBatchRows));
  for (const uint64_t end = r0 + count; r0 < end; r0 += step) {
    const uint64_t now = std::min(step, end - r0);
    cpu::kernels_of(w.type).to_panel(ids ? cpu::Rows{w.data, w.stride} : cpu::Rows{w.row(r0), w.stride}, ids ? ids + r0 : nullptr,
                                     now, cols, panel.data());
    for (uint64_t b0 = 0; b0 < n; b0 += kBatchRows) {
      if (stop.asked()) return;
      const uint64_t rows_now = std::min(kBatchRows, n - b0);
      if ((cpu::kernels().*sums.panels)(panel.data(), now, panels_.data() + b0 * width, rows_now, cols, y + b0 * N + r0, N,
                                        lanes.data()))
        continue;
      for (uint64_t b = b0; b < b0 + rows_now; b++) sums.mend(w, ids, r0, now, x + b * cols, y + b * N + r0);
    }
  }
}

void Pass::quantise(const Matrix& w, const float* x, uint64_t n) {
  const cpu::Int8Form form = cpu::int8_form(w.type);
  cpu::Int8Rows& into = quantised_[static_cast<int>(form)];
  into.reset(form, n, w.cols);
  parallel(n, 4 * w.cols, [&](size_t b) { into.make(form, b, x + b * w.cols); });
}

void Pass::multiply_int8(const Matrix& w, const uint32_t* ids, uint64_t r0, uint64_t count, uint64_t b0, uint64_t B, float* y,
                         uint64_t y_row, decltype(RowSums::mend) mend) const {
  const cpu::Int8Form form = cpu::int8_form(w.type);
  const cpu::Int8Rows& x = quantised_[static_cast<int>(form)];
  const cpu::Rows stored = ids ? cpu::Rows{w.data, w.stride} : cpu::Rows{w.row(r0), w.stride};
  cpu::kernels_of(w.type).int8_rows(stored, ids ? ids + r0 : nullptr, count, x, b0, B, y, y_row);
  for (uint64_t b = 0; b < B; b++) {
    if (all_finite(y + b * y_row, count)) continue;
    std::vector<float> values(w.cols);
    x.to_float(form, b0 + b, values.data());
    mend(w, ids, r0, count, values.data(), y + b * y_row);
  }
}

uint64_t Pass::multiply_bytes(uint64_t n, uint64_t cols, bool int8) {
  return (n <= kFusedRows ? 0 : cpu::panel_floats(n, cols) * sizeof(float)) +
         (int8 ? (cpu::kInt8Forms - 1) * cpu::Int8Rows::bytes(n, cols) : 0);
}

uint64_t Pass::multiply_thread_bytes(uint64_t n, uint64_t cols) {
  const uint64_t mended = 2 * cols * sizeof(float);
  if (n <= kFusedRows) return mended;
  return mended + (cpu::panel_floats(panel_rows(cols), cols) + cpu::product_scratch(kPanelRows, kBatchRows)) * sizeof(float);
}

void rms_norm(const float* x, const float* weight, uint64_t n, float epsilon, float* out) {
  const double squares = cpu::kernels().sum_of_squares(x, n);
  // An infinity of the row itself makes the sum infinite and its own place inf * 0 = NaN, which is seen further on.
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(epsilon));
  for (uint64_t d = 0; d < n; d++) out[d] = static_cast<float>(x[d] * scale) * weight[d];
}

void layer_norm(const float* x, const float* weight, const float* bias, uint64_t n, float epsilon, float* out) {
  double lane[16] = {};  // in this order on every instruction set
  for (uint64_t d = 0; d < n; d++) lane[d % 16] += static_cast<double>(x[d]);
  double mean = 0;
  for (double sum : lane) mean += sum;
  mean /= static_cast<double>(n);
  for (uint64_t d = 0; d < n; d++) out[d] = static_cast<float>(static_cast<double>(x[d]) - mean);
  rms_norm(out, weight, n, epsilon, out);
  for (uint64_t d = 0; bias && d < n; d++) out[d] += bias[d];
}

void add_bias(const std::vector<float>& bias, float* x, uint64_t B) {
  const uint64_t n = bias.size();
  for (uint64_t b = 0; b < B; b++)
    for (uint64_t i = 0; i < n; i++) x[b * n + i] += bias[i];
}

void Pass::normalise(const float* x, const std::vector<float>& weight, const std::vector<float>& bias, float* h) const {
  const uint64_t D = model.shape.hidden;
  const float epsilon = model.shape.norm_epsilon;
  parallel(B(), 4 * D, [&](size_t b) {
    if (model.shape.norm == SL_NORM_LAYER)
      layer_norm(x + b * D, weight.data(), bias.empty() ? nullptr : bias.data(), D, epsilon, h + b * D);
    else
      rms_norm(x + b * D, weight.data(), D, epsilon, h + b * D);
  });
}

void Pass::intervene(const Intervention& i, const Row& row, uint32_t layer, uint64_t width, float* x) const {
  if (!i.all_positions && !std::binary_search(i.positions.begin(), i.positions.end(), row.position)) return;
  if (i.kind == SL_REPLACE && row.position >= i.value_rows) return;
  const float* values = i.values;
  if (i.kind == SL_REPLACE) values += ((layer - i.from) * i.value_rows + row.position) * width;
  if (i.kind == SL_CALL) {
    SlError error{};
    if (i.call(i.context, i.point, layer, row.position, x, width, &error)) throw Error(code_of(error.code), error.message);
    return;
  }
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
      case SL_CALL:
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
  // Functions of the caller are called row by row, in order.
  if (plan->calls_at(point, layer)) {
    for (size_t i = 0; i < count; i++) {
      if (stop.asked()) throw stopped();
      intervene_all(point, layer, x + i * width, rows[which ? which[i] : i]);
    }
    return;
  }
  parallel(count, most * width, [&](size_t i) { intervene_all(point, layer, x + i * width, rows[which ? which[i] : i]); });
}

void Pass::hook(SlPoint point, uint32_t layer, float* x) const {
  intervene_at(point, layer, x);
  capture_at(point, layer, x);
}

void Pass::capture_at(SlPoint point, uint32_t layer, const float* x) const {
  const uint64_t width = point_width(model.shape, point);
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
