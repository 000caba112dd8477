// One forward pass in progress: the batch, where results go, the threads and the stop flag, and what every part of the pass
// does at a hook point. The parts (attention.h, ffn.h, head.h) take a Pass and work on whole batches.
#pragma once
#include <atomic>
#include <functional>
#include <initializer_list>
#include <vector>

#include "backend/backend.h"
#include "cpu/aligned.h"
#include "cpu/isa.h"
#include "cpu/pool.h"
#include "executor/model.h"
#include "executor/plan.h"
#include "executor/reducers.h"

namespace sparselab {

// One row of a batch.
struct Row {
  uint32_t position, sequence;
  const Setting* setting;
  int32_t token;  // -1 where the batch has no tokens
  uint32_t setting_index = 0;
};

bool all_finite(const float* x, uint64_t n);

// out (n) = x / sqrt(mean(x²) + epsilon) · weight; out may be x.
void rms_norm(const float* x, const float* weight, uint64_t n, float epsilon, float* out);
// out (n) = (x - mean) / sqrt(variance + epsilon) · weight + bias (null: none); out may be x.
void layer_norm(const float* x, const float* weight, const float* bias, uint64_t n, float epsilon, float* out);
// x (B, n) += bias (n) in each row; an empty bias adds nothing.
void add_bias(const std::vector<float>& bias, float* x, uint64_t B);

// y[r] = x (cols) · row r of w, for `count` rows from r0 on (of those that `ids` names, where it is not null), computed before:
// those of its sums that are not finite are taken again in float64. A partial sum may overflow where the whole does not, and the
// infinity that is left has the sign of the partial sum: ReLU would make it a silent zero. Finite sums stay as they are, and so
// does everything where x itself is not finite.
void mend_dots(const Matrix& w, const uint32_t* ids, uint64_t r0, uint64_t count, const float* x, float* y);

// Which sum a matrix product takes over each row of weights, and how sums that are not finite are taken again.
struct RowSums {
  decltype(cpu::TypeKernels::dot_rows) cpu::TypeKernels::* rows;
  decltype(cpu::Kernels::product_of_panels) cpu::Kernels::* panels;
  void (*mend)(const Matrix& w, const uint32_t* ids, uint64_t r0, uint64_t count, const float* x, float* y);
};
inline constexpr RowSums kDotProducts = {&cpu::TypeKernels::dot_rows, &cpu::Kernels::product_of_panels, mend_dots};

// One of several matrix products that are computed as one task. y (n, N) = x · wᵀ, for the N rows of w named by `ids` (null:
// all).
struct Product {
  const Matrix* w;
  float* y;
  const uint32_t* ids = nullptr;
  uint64_t N = 0;
};

class Pass {
 public:
  Pass(const CpuModel& of, const Plan* by, cpu::Pool& on, const SlControl& control)
      : model(of), plan(by), pool(on), stop(control.stop) {}

  const CpuModel& model;
  const Plan* plan;  // null: no captures (a single FFN call)
  cpu::Pool& pool;
  cpu::Stop stop;
  std::vector<Row> rows;  // (B)
  SlSinks sinks{};
  uint64_t keys = 0;  // of a captured row of scores or pattern
  std::atomic<uint64_t> bytes_read{0};
  Reducers* reducers = nullptr;  // of the program; null: none
  bool int8 = false;             // products with quantised weights take int8 activations (cpu/int8.h)

  uint64_t B() const { return rows.size(); }
  // Runs chunks on all threads, or on this one where the whole is too little to share (`cost`: multiplications of a chunk,
  // about). Throws Error (aborted) when asked to stop.
  void parallel(uint64_t chunks, uint64_t cost, const std::function<void(size_t)>& fn) const;
  // All products of x (n, cols). Each row of each matrix is read once. A sum that overflows float32 on the way is taken again in
  // float64. A few rows of x go through the stored weights as they are; for more of them weights become float32 first.
  void multiply(std::initializer_list<Product> products, const float* x, uint64_t n, const RowSums& sums = kDotProducts);
  // Its two steps where weights become float32: the rows of x as panels, which the pass keeps; then `count` rows of w from r0 on
  // (of those that `ids` names, where it is not null) with all of them, on this thread.
  void make_panels(const float* x, uint64_t n, uint64_t cols);
  void multiply_panels(const Matrix& w, const uint32_t* ids, uint64_t r0, uint64_t count, const float* x, uint64_t n, float* y,
                       uint64_t N, const RowSums& sums = kDotProducts) const;
  // What it allocates for n rows of `cols`, which the pass keeps, and on each thread.
  static uint64_t multiply_bytes(uint64_t n, uint64_t cols, bool int8);
  static uint64_t multiply_thread_bytes(uint64_t n, uint64_t cols);

  // Under int8: whether the products of w take int8 activations.
  bool takes_int8(const Matrix& w) const { return int8 && cpu::int8_form(w.type) != cpu::Int8Form::none; }
  // x (n, cols) as int8 for the products of w, which the pass keeps until the next ones.
  void quantise(const Matrix& w, const float* x, uint64_t n);
  // y[b * y_row + k] = row ids[r0 + k] of w (null: r0 + k) times row b0 + b of what was quantised for it, for k < count and b <
  // B. Sums that overflow are taken again as `mend` does, from what the integers stand for.
  void multiply_int8(const Matrix& w, const uint32_t* ids, uint64_t r0, uint64_t count, uint64_t b0, uint64_t B, float* y,
                     uint64_t y_row, decltype(RowSums::mend) mend) const;
  // h (B, D) = the model's norm of x, times weight, plus bias (empty: none). h may be x. Sums and the scale are float64: they
  // cannot overflow.
  void normalise(const float* x, const std::vector<float>& weight, const std::vector<float>& bias, float* h) const;
  // Applies the interventions at a point to x (B, width), then writes its captures.
  void hook(SlPoint point, uint32_t layer, float* x) const;
  // Its two halves.
  void intervene_at(SlPoint point, uint32_t layer, float* x) const { intervene_rows(point, layer, x, B(), nullptr); }
  void capture_at(SlPoint point, uint32_t layer, const float* x) const;
  // The same where x (rows, width) holds only some rows of the batch; a capture needs all of them.
  void hook_rows(SlPoint point, uint32_t layer, float* x, const std::vector<uint32_t>& which) const;

 private:
  Floats panels_;                             // x of `multiply`, in panels of kBatchRows
  cpu::Int8Rows quantised_[cpu::kInt8Forms];  // x as int8, by form
  void intervene_rows(SlPoint point, uint32_t layer, float* x, uint64_t count, const uint32_t* which) const;
  void intervene_all(SlPoint point, uint32_t layer, float* x, const Row& row) const;
  void intervene(const Intervention& i, const Row& row, uint32_t layer, uint64_t width, float* x) const;
};

}  // namespace sparselab
