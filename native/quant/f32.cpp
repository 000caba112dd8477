// F32: IEEE single precision, little endian.
#include <cstring>

#include "quant/transpose.h"
#include "quant/types.h"

namespace sparselab {
namespace {

void to_float(const uint8_t* row, uint64_t n, float* out) { std::memcpy(out, row, n * sizeof(float)); }

}  // namespace

extern const WeightType kWeightType_F32;
const WeightType kWeightType_F32 = {F32, traits_of(F32), to_float, {1, 4, 0, transpose_values<4>}};

}  // namespace sparselab
