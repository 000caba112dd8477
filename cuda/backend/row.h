// The launches of one row of a batch: from its token, or from the stream before a layer, to its logits. They may be captured as a
// graph: what changes from row to row lies in device memory.
#pragma once
#include <functional>
#include <vector>

#include "backend/buffers.h"
#include "backend/model.h"
#include "backend/settings.h"
#include "executor/plan.h"
#include "kernels/launch.h"

namespace sparselab::cuda {

// What the launches depend on beside the setting.
struct RowShape {
  uint32_t setting, from, to;
  bool x_in, x_out, logits, misses;
  bool captures;  // whether captures are wanted
  uint32_t top;   // most likely tokens that the device finds
  bool head;      // log-sum-exp or most likely tokens
  auto operator<=>(const RowShape&) const = default;
};

// A place in the rotary tables of a layer.
struct Turn {
  const float *cos, *sin;  // (length, dims / 2)
};

// What `call` interventions get.
using Call = std::function<void(const sparselab::Intervention&, uint32_t layer, float* x, uint64_t width)>;

class Row {
 public:
  Row(const DeviceModel& model, const Plan& plan, const std::vector<DeviceSetting>& settings, const Buffers& buffers,
      const std::vector<Turn>& turns, const Launcher& launch, int length)
      : model_(model), plan_(plan), settings_(settings), b_(buffers), turns_(turns), launch_(launch), length_(length) {}

  // `call`: how functions of the caller are called; null where the setting has none.
  void run(const RowShape& shape, const Call* call) const;
  // The FFN of the neurons held: x (D) of buffer h -> buffer out; `stream` is what predictors read. Without hooks.
  void ffn(uint32_t layer, uint32_t setting, const float* stream, bool misses) const;

 private:
  struct At;
  void attend(const At& at, uint32_t layer) const;
  void feed_forward(const At& at, uint32_t layer, const float* stream) const;
  void gated(const At& at, uint32_t layer, const float* stream) const;
  void ungated(const At& at, uint32_t layer, const float* stream) const;
  bool predict(const At& at, uint32_t layer, const float* stream) const;
  void norm(const float* x, const DeviceArray<float>& weight, const DeviceArray<float>& bias, float* out) const;
  void product(const DeviceMatrix& w, const float* x, float* y, const DeviceArray<float>* bias, const uint32_t* list = nullptr,
               const int* count = nullptr) const;
  void activate(const At& at, uint32_t layer, float* x, float* out, bool predicted) const;
  void count(const At& at, uint32_t layer, const float* gate, const int* rows_read, bool predicted) const;
  void down(const At& at, uint32_t layer, const uint32_t* list, const int* count) const;
  void head(const At& at) const;
  void hook(const At& at, SlPoint point, uint32_t layer, float* x, size_t slot_stride = 0) const;
  bool intervene(const At& at, SlPoint point, uint32_t layer, float* x, size_t slot_stride = 0) const;
  void capture(const At& at, SlPoint point, uint32_t layer, const float* x, size_t slot_stride = 0) const;
  bool intervenes(const At& at, SlPoint point, uint32_t layer) const;
  bool captures(const At& at, SlPoint point, uint32_t layer) const;

  const DeviceModel& model_;
  const Plan& plan_;
  const std::vector<DeviceSetting>& settings_;
  const Buffers& b_;
  const std::vector<Turn>& turns_;
  const Launcher& launch_;
  const int length_;
};

// Floats of a row's captures before capture c of the plan.
uint64_t capture_offset(const Shape& shape, const Plan& plan, size_t c);

}  // namespace sparselab::cuda
