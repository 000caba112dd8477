#include "cpu/int8.h"

#include <algorithm>
#include <cmath>

#include "quant/half.h"

namespace sparselab::cpu {
namespace {

constexpr uint64_t kBlock = 32, kBigBlock = 256;

float largest(const float* x, uint64_t n) {
  float most = 0;
  for (uint64_t i = 0; i < n; i++) most = std::max(most, std::fabs(x[i]));
  return most;
}
bool finite(const float* x, uint64_t n) {
  bool all = true;
  for (uint64_t i = 0; i < n; i++) all &= std::isfinite(x[i]);
  return all;
}
int32_t nearest(float x) { return static_cast<int32_t>(std::nearbyint(x)); }

}  // namespace

Int8Form int8_form(TensorType type) {
  switch (type) {
    case Q4_0:
    case Q5_0:
    case Q8_0:
      return Int8Form::q8_0;
    case Q4_1:
    case Q5_1:
      return Int8Form::q8_1;
    case Q4_K:
    case Q5_K:
    case Q6_K:
      return Int8Form::q8_k;
    default:
      return Int8Form::none;
  }
}

void Int8Rows::reset(Int8Form form, uint64_t B, uint64_t width) {
  n = width;
  make_room(q, B * n);
  make_room(scale, B * n / (form == Int8Form::q8_k ? kBigBlock : kBlock));
  make_room(sum, form == Int8Form::q8_1 ? B * n / kBlock : 0);
  make_room(q_sum, form == Int8Form::q8_k ? B * n / kBlock : 0);
}

void Int8Rows::make(Int8Form form, uint64_t b, const float* x) {
  const uint64_t block = form == Int8Form::q8_k ? kBigBlock : kBlock, blocks = n / block;
  for (uint64_t i = 0; i < blocks; i++) {
    const float* from = x + i * block;
    int8_t* to = q.data() + b * n + i * block;
    float& d = scale[b * blocks + i];
    const float most = largest(from, block);
    if (!finite(from, block)) {
      std::fill_n(to, block, int8_t{0});
      d = NAN;
    } else if (form == Int8Form::q8_k) {
      const float* first = std::find_if(from, from + block, [&](float v) { return std::fabs(v) == most; });
      const float factor = -127.0f / *first;
      // A magnitude whose inverse overflows counts as zero.
      const bool zero = most == 0 || !std::isfinite(factor);
      d = zero ? 0 : 1.0f / factor;
      for (uint64_t j = 0; j < block; j++)
        to[j] = zero ? int8_t{0} : static_cast<int8_t>(std::min(127, nearest(factor * from[j])));
    } else {
      const float step = most / 127.0f, factor = 127.0f / most;
      const bool zero = most == 0 || !std::isfinite(factor);
      d = half_to_float(float_to_half(step));
      for (uint64_t j = 0; j < block; j++) to[j] = zero ? int8_t{0} : static_cast<int8_t>(nearest(from[j] * factor));
      if (form == Int8Form::q8_1) {
        int32_t total = 0;
        for (uint64_t j = 0; j < block; j++) total += to[j];
        sum[b * blocks + i] = half_to_float(float_to_half(step * static_cast<float>(total)));
      }
    }
    if (form == Int8Form::q8_1 && std::isnan(d)) sum[b * blocks + i] = NAN;
    for (uint64_t g = 0; form == Int8Form::q8_k && g < kBigBlock / kBlock; g++) {
      int32_t total = 0;
      for (uint64_t j = 0; j < kBlock; j++) total += to[g * kBlock + j];
      q_sum[(b * blocks + i) * (kBigBlock / kBlock) + g] = total;
    }
  }
}

void Int8Rows::to_float(Int8Form form, uint64_t b, float* out) const {
  const uint64_t block = form == Int8Form::q8_k ? kBigBlock : kBlock, blocks = n / block;
  for (uint64_t j = 0; j < n; j++) out[j] = scale[b * blocks + j / block] * static_cast<float>(q[b * n + j]);
}

}  // namespace sparselab::cpu
