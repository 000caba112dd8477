#include "backend/device_weights.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "quant/half.h"
#include "quant/types.h"

namespace sparselab::cuda {
namespace {

constexpr uint64_t kSector = 32, kBlock = 32;  // rows begin at whole sectors: 32 bytes are read at once

uint64_t value_bytes(Form form, uint64_t cols) {
  switch (form) {
    case Form::f32:
      return cols * 4;
    case Form::f16:
    case Form::bf16:
      return cols * 2;
    case Form::q8_0:
      return cols;
    case Form::q4_0:
      return (cols + 31) / 32 * 16;
  }
  return 0;
}
uint64_t stride_of(Form form, uint64_t cols) { return (value_bytes(form, cols) + kSector - 1) / kSector * kSector; }
bool scaled(Form form) { return form == Form::q8_0 || form == Form::q4_0; }
uint64_t blocks_of(uint64_t n) { return (n + kBlock - 1) / kBlock; }

uint16_t half_at(const uint8_t* from) {
  uint16_t half;
  std::memcpy(&half, from, sizeof half);
  return half;
}

// A row of blocks as quants and scales apart.
void split_row(Form form, const uint8_t* row, uint64_t cols, uint8_t* values, uint16_t* scales) {
  const uint64_t quants = form == Form::q8_0 ? 32 : 16, block = 2 + quants;
  for (uint64_t b = 0; b < cols / kBlock; b++) {
    scales[b] = half_at(row + b * block);
    std::memcpy(values + b * quants, row + b * block + 2, quants);
  }
}

// One float as a form without scales. False where it is beyond F16.
bool put(Form form, float value, uint8_t* to) {
  if (form == Form::f32) {
    std::memcpy(to, &value, sizeof value);
    return true;
  }
  const uint16_t half = float_to_half(value);
  std::memcpy(to, &half, sizeof half);
  return (half & 0x7fffu) != 0x7c00u || std::isinf(value);
}
bool put_all(Form form, const float* values, uint64_t n, uint8_t* to, uint64_t step) {
  bool fits = true;
  for (uint64_t i = 0; i < n; i++) fits = put(form, values[i], to + i * step) && fits;
  return fits;
}

// A type's values of an element, where it has them one by one.
uint64_t element_bytes(TensorType type) { return type == F32 ? 4 : type == F16 || type == BF16 ? 2 : 0; }

}  // namespace

Form form_of(TensorType type) {
  switch (type) {
    case F32:
      return Form::f32;
    case BF16:
      return Form::bf16;
    case Q8_0:
      return Form::q8_0;
    case Q4_0:
      return Form::q4_0;
    default:
      return Form::f16;
  }
}

uint64_t device_bytes(const Matrix& from, uint64_t rows) {
  const Form form = form_of(from.type);
  return rows * (stride_of(form, from.cols) + (scaled(form) ? blocks_of(from.cols) * 2 : 0));
}
uint64_t turned_device_bytes(const Matrix& down, uint64_t neurons) {
  const Form form = form_of(down.type);
  return neurons * stride_of(form, down.rows) + (scaled(form) ? down.cols / kBlock * down.rows * 2 : 0);
}

DeviceMatrix DeviceMatrix::blank(Form form, uint64_t rows, uint64_t cols) {
  DeviceMatrix m;
  m.values_ = DeviceArray<uint8_t>(rows * stride_of(form, cols));
  m.scales_ = DeviceArray<uint16_t>(scaled(form) ? rows * blocks_of(cols) : 0);
  m.describe(form, rows, cols, false);
  return m;
}

void DeviceMatrix::place(Form form, uint64_t rows, uint64_t cols, const std::vector<uint8_t>& values,
                         const std::vector<uint16_t>& scales, bool grouped) {
  values_ = DeviceArray<uint8_t>(values);
  scales_ = DeviceArray<uint16_t>(scales);
  describe(form, rows, cols, grouped);
}

void DeviceMatrix::describe(Form form, uint64_t rows, uint64_t cols, bool grouped) {
  weights_ = {values_.data(),
              scales_.data(),
              static_cast<size_t>(stride_of(form, cols)),
              scaled(form) && !grouped ? static_cast<int>(blocks_of(cols)) : 0,
              static_cast<int>(rows),
              static_cast<int>(cols),
              form,
              grouped};
  row_bytes_ = value_bytes(form, cols) + (scaled(form) ? (grouped ? cols : blocks_of(cols)) * 2 : 0);
}

DeviceMatrix::DeviceMatrix(const Matrix& from, const uint32_t* ids, uint64_t count) {
  auto row_of = [&](uint64_t r) { return from.row(ids ? ids[r] : r); };
  Form form = form_of(from.type);
  const uint64_t cols = from.cols;
  std::vector<uint16_t> scales(scaled(form) ? count * blocks_of(cols) : 0);
  std::vector<uint8_t> values(count * stride_of(form, cols));
  bool fits = true;
  std::vector<float> floats(cols);
  auto convert = [&] {
    const uint64_t stride = stride_of(form, cols), each = form == Form::f32 ? 4 : 2;
    for (uint64_t r = 0; r < count; r++) {
      weight_type(from.type).to_float(row_of(r), cols, floats.data());
      fits = put_all(form, floats.data(), cols, values.data() + r * stride, each) && fits;
    }
  };
  if (scaled(form)) {
    for (uint64_t r = 0; r < count; r++)
      split_row(form, row_of(r), cols, values.data() + r * stride_of(form, cols), scales.data() + r * blocks_of(cols));
  } else if (const uint64_t each = element_bytes(from.type)) {
    for (uint64_t r = 0; r < count; r++) std::memcpy(values.data() + r * stride_of(form, cols), row_of(r), cols * each);
  } else {
    convert();
  }
  if (!fits) {
    form = Form::f32;
    values.assign(count * stride_of(form, cols), 0);
    convert();
  }
  place(form, count, cols, values, scales, false);
}

DeviceMatrix DeviceMatrix::turned(const Matrix& down, const uint32_t* ids, uint64_t count) {
  const uint64_t D = down.rows, F = down.cols;
  auto id_of = [&](uint64_t i) { return ids ? ids[i] : i; };
  Form form = form_of(down.type);
  std::vector<uint8_t> values(count * stride_of(form, D));
  std::vector<uint16_t> scales;
  DeviceMatrix m;
  if (scaled(form)) {
    // The scale of 32 neurons of a channel stays theirs.
    const uint64_t quants = form == Form::q8_0 ? 32 : 16, block = 2 + quants, stride = stride_of(form, D);
    scales.resize(F / kBlock * D);
    for (uint64_t d = 0; d < D; d++) {
      const uint8_t* row = down.row(d);
      for (uint64_t g = 0; g < F / kBlock; g++) scales[g * D + d] = half_at(row + g * block);
      for (uint64_t i = 0; i < count; i++) {
        const uint64_t id = id_of(i), in = id % kBlock;
        const uint8_t* stored = row + id / kBlock * block + 2;
        if (form == Form::q8_0) {
          values[i * stride + d] = stored[in];
          continue;
        }
        const unsigned nibble = in < 16 ? stored[in] & 15u : stored[in - 16] >> 4;
        uint8_t& to = values[i * stride + d / 32 * 16 + d % 16];
        to = static_cast<uint8_t>(to | (d % 32 < 16 ? nibble : nibble << 4));
      }
    }
    m.place(form, count, D, values, scales, true);
    return m;
  }
  if (const uint64_t each = element_bytes(down.type)) {
    const uint64_t stride = stride_of(form, D);
    for (uint64_t d = 0; d < D; d++)
      for (uint64_t i = 0; i < count; i++)
        std::memcpy(values.data() + i * stride + d * each, down.row(d) + id_of(i) * each, each);
    m.place(form, count, D, values, scales, false);
    return m;
  }
  std::vector<float> row(F), held(count);
  auto convert = [&] {
    bool fits = true;
    const uint64_t stride = stride_of(form, D), each = form == Form::f32 ? 4 : 2;
    for (uint64_t d = 0; d < D; d++) {
      weight_type(down.type).to_float(down.row(d), F, row.data());
      for (uint64_t i = 0; i < count; i++) held[i] = row[id_of(i)];
      fits = put_all(form, held.data(), count, values.data() + d * each, stride) && fits;
    }
    return fits;
  };
  if (!convert()) {
    form = Form::f32;
    values.assign(count * stride_of(form, D), 0);
    convert();
  }
  m.place(form, count, D, values, scales, false);
  return m;
}

}  // namespace sparselab::cuda
