// BF16: the upper half of a float32.
#include <bit>
#include <cstring>

#include "quant/transpose.h"
#include "quant/types.h"

namespace sparselab {
namespace {

void to_float(const uint8_t* row, uint64_t n, float* out) {
  for (uint64_t j = 0; j < n; j++) {
    uint16_t upper;
    std::memcpy(&upper, row + 2 * j, 2);
    out[j] = std::bit_cast<float>(uint32_t{upper} << 16);
  }
}

}  // namespace

extern const WeightType kWeightType_BF16;
const WeightType kWeightType_BF16 = {BF16, traits_of(BF16), to_float, {1, 2, 0, transpose_values<2>}};

}  // namespace sparselab
