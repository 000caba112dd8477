#include "weights/regroup.h"

#include <algorithm>
#include <cstring>

#include "cpu/isa.h"

namespace sparselab {
namespace {

// src (rows, cols) of T -> dst (cols, rows), in squares that stay in the cache
template <class T>
void transpose(const uint8_t* src, uint64_t rows, uint64_t cols, uint8_t* dst) {
  constexpr uint64_t kSquare = 32;
  for (uint64_t r0 = 0; r0 < rows; r0 += kSquare)
    for (uint64_t c0 = 0; c0 < cols; c0 += kSquare)
      for (uint64_t r = r0; r < rows && r < r0 + kSquare; r++)
        for (uint64_t c = c0; c < cols && c < c0 + kSquare; c++)
          std::memcpy(dst + (c * rows + r) * sizeof(T), src + (r * cols + c) * sizeof(T), sizeof(T));
}

}  // namespace

void DownMatrix::add(const uint32_t* ids, const float* a, uint64_t count, uint64_t from, uint64_t n, float* y) const {
  if (quants)
    cpu::kernels().add_regrouped(reinterpret_cast<const uint8_t*>(quants), reinterpret_cast<const uint8_t*>(scales), hidden, ids,
                                 a, count, from, n, y);
  else
    cpu::kernels_of(by_neuron.type).add_rows({by_neuron.data, by_neuron.stride}, ids, a, count, from, n, y);
}

void DownMatrix::load_rows(const uint32_t* ids, const uint32_t* places, uint64_t count, uint64_t from, uint64_t n,
                           float* panel) const {
  if (quants)
    cpu::kernels().load_regrouped(reinterpret_cast<const uint8_t*>(quants), reinterpret_cast<const uint8_t*>(scales), hidden, ids,
                                  places, count, from, n, panel);
  else
    cpu::kernels_of(by_neuron.type).load_rows({by_neuron.data, by_neuron.stride}, ids, places, count, from, n, panel);
}

void DownMatrix::load(uint64_t i, float* out) const {
  const uint32_t id = static_cast<uint32_t>(i);
  const float one = 1;
  std::fill_n(out, hidden, 0.0f);
  add(&id, &one, 1, 0, hidden, out);
}

DownMatrix as_stored(const Matrix& down_t) {
  DownMatrix m;
  m.by_neuron = down_t;
  m.neurons = down_t.rows;
  m.hidden = down_t.cols;
  return m;
}

uint64_t regrouped_bytes(const Matrix& down) {
  if (down.type == Q8_0) return down.rows * down.cols + down.rows * down.cols / 32 * 2;
  return down.bytes();
}

DownMatrix regroup(const Matrix& down) {
  const uint64_t D = down.rows, F = down.cols;
  DownMatrix m;
  m.neurons = F;
  m.hidden = D;
  m.owned = std::make_shared<std::vector<uint8_t>>(regrouped_bytes(down));
  uint8_t* out = m.owned->data();
  if (down.type == Q8_0) {
    // Scales first: they need the alignment of 2 that the start of an allocation has.
    auto* scales = reinterpret_cast<uint16_t*>(out);
    auto* quants = reinterpret_cast<int8_t*>(out + F / 32 * D * 2);
    for (uint64_t d = 0; d < D; d++)
      for (uint64_t g = 0; g < F / 32; g++) {
        const uint8_t* block = down.row(d) + g * 34;
        std::memcpy(&scales[g * D + d], block, 2);
        for (uint64_t j = 0; j < 32; j++) quants[(g * 32 + j) * D + d] = static_cast<int8_t>(block[2 + j]);
      }
    m.scales = scales;
    m.quants = quants;
    return m;
  }
  uint64_t size = down.type == F32 ? 4 : 2;
  if (size == 4)
    transpose<uint32_t>(down.data, D, F, out);
  else
    transpose<uint16_t>(down.data, D, F, out);
  m.by_neuron = {down.type, F, D, out, D * size};
  return m;
}

}  // namespace sparselab
