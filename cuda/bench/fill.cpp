#include "bench/fill.h"

namespace sparselab::cuda::bench {

DeviceMatrix random_matrix(const Stream& stream, Form form, uint64_t rows, uint64_t cols, float spread, uint64_t seed) {
  DeviceMatrix m = DeviceMatrix::blank(form, rows, cols);
  const size_t bytes = m.weights().stride * rows;
  switch (form) {
    case Form::f32:
      fill_floats(stream, reinterpret_cast<float*>(m.values()), bytes / 4, spread, seed);
      break;
    case Form::f16:
      fill_halves(stream, reinterpret_cast<uint16_t*>(m.values()), bytes / 2, spread, seed);
      break;
    default:
      fill_words(stream, reinterpret_cast<uint32_t*>(m.values()), bytes / 4, seed);
      fill_halves(stream, m.scales(), rows * static_cast<size_t>(m.weights().scale_stride), 0, seed);
  }
  stream.wait();
  return m;
}

DeviceArray<float> random_vector(const Stream& stream, uint64_t n, float spread, uint64_t seed) {
  DeviceArray<float> v(n);
  fill_floats(stream, v.data(), n, spread, seed);
  stream.wait();
  return v;
}

}  // namespace sparselab::cuda::bench
