// Matrices of a file as the device has them (kernels/weights.h). F32, F16, BF16, Q8_0 and Q4_0 keep their values; the other types
// become F16, which is within 1e-3 of them, or F32 where a value is beyond F16. Nothing is quantised again.
#pragma once
#include <cstdint>

#include "backend/memory.h"
#include "kernels/weights.h"
#include "weights/matrix.h"

namespace sparselab::cuda {

class DeviceMatrix {
 public:
  DeviceMatrix() = default;
  // The rows `ids` of it (null: all of them).
  DeviceMatrix(const Matrix& from, const uint32_t* ids, uint64_t count);
  const Weights& weights() const { return weights_; }
  uint64_t bytes() const { return values_.size() + scales_.size() * sizeof(uint16_t); }
  uint64_t row_bytes() const { return row_bytes_; }  // that a kernel reads for one row
  bool empty() const { return weights_.rows == 0; }

  // Allocated, with nothing in it yet: for weights that are made on the device.
  static DeviceMatrix blank(Form form, uint64_t rows, uint64_t cols);
  uint8_t* values() const { return values_.data(); }
  uint16_t* scales() const { return scales_.data(); }

  // An ffn_down by channel (D, F), turned: row i is that of neuron ids[i].
  static DeviceMatrix turned(const Matrix& down, const uint32_t* ids, uint64_t count);

 private:
  void place(Form form, uint64_t rows, uint64_t cols, const std::vector<uint8_t>& values, const std::vector<uint16_t>& scales,
             bool grouped);
  void describe(Form form, uint64_t rows, uint64_t cols, bool grouped);
  DeviceArray<uint8_t> values_;
  DeviceArray<uint16_t> scales_;
  Weights weights_;
  uint64_t row_bytes_ = 0;
};

Form form_of(TensorType type);
// Bytes that `rows` rows of a matrix take on the device. For a type that becomes F16, as F16.
uint64_t device_bytes(const Matrix& from, uint64_t rows);
uint64_t turned_device_bytes(const Matrix& down, uint64_t neurons);

}  // namespace sparselab::cuda
