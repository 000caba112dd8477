// F16: IEEE half precision. Every half is a float32.
#include <cstring>

#include "quant/half.h"
#include "quant/transpose.h"
#include "quant/types.h"

namespace sparselab {
namespace {

void to_float(const uint8_t* row, uint64_t n, float* out) {
  for (uint64_t j = 0; j < n; j++) {
    uint16_t half;
    std::memcpy(&half, row + 2 * j, 2);
    out[j] = half_to_float(half);
  }
}

}  // namespace

extern const WeightType kWeightType_F16;
const WeightType kWeightType_F16 = {F16, traits_of(F16), to_float, {1, 2, 0, transpose_values<2>}};

}  // namespace sparselab
