// Fuzzed: every weight type's plain dequantiser and its transposition, on buffers of exactly the size that they need.
#include <algorithm>
#include <memory>

#include "fuzz/targets.h"
#include "quant/types.h"

namespace sparselab::fuzz {

void fuzz_dequantise(const uint8_t* data, size_t size) {
  if (size < 3) return;
  constexpr size_t kNumbers = 64;  // beyond every number of a type
  const uint32_t number = data[0] % kNumbers;
  if (place_of(number) == kWeightTypes) return;
  const WeightType& type = weight_type(number);
  const uint64_t blocks = 1 + data[1] % 8, D = 1 + data[2] % 40, n = blocks * type.traits.block;
  const uint64_t stride = row_bytes(type.traits, n);
  const std::unique_ptr<uint8_t[]> rows(new uint8_t[D * stride]);  // (D, n)
  for (uint64_t i = 0; i < D * stride; i++) rows[i] = size > 3 ? data[3 + i % (size - 3)] : 0;
  const std::unique_ptr<float[]> out(new float[n]);
  // Each row alone in memory: one block more than it has is seen.
  const std::unique_ptr<uint8_t[]> row(new uint8_t[stride]);
  for (uint64_t d = 0; d < D; d++) {
    std::copy_n(rows.get() + d * stride, stride, row.get());
    type.to_float(row.get(), n, out.get());
  }
  const TransposedForm& form = type.transposed;
  if (!form.transpose) return;
  const std::unique_ptr<uint8_t[]> own(new uint8_t[n * form.own_row(D)]);
  const std::unique_ptr<uint8_t[]> shared(new uint8_t[blocks * D * form.shared_bytes]);
  form.transpose(rows.get(), stride, D, n, own.get(), shared.get());
}

}  // namespace sparselab::fuzz
