#include "testing/encode_quants.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/half.h"
#include "testing/random_model.h"
#include "testing/testing.h"

namespace sparselab::testing {
namespace {

void put_half(uint8_t* at, float value) {
  const uint16_t h = half_of(value);
  std::memcpy(at, &h, 2);
}
float get_half(const uint8_t* at) {
  uint16_t h;
  std::memcpy(&h, at, 2);
  return half_to_float(h);
}
// The nearest of 0 to `most` to x / step
uint32_t nearest(float x, float step, float most) {
  return step == 0 ? 0 : static_cast<uint32_t>(std::clamp(std::round(x / step), 0.0f, most));
}

}  // namespace

std::vector<uint8_t> encode_small(TensorType type, const std::vector<float>& values) {
  const bool five = type == Q5_0 || type == Q5_1, minimum = type == Q4_1 || type == Q5_1;
  const uint64_t bytes = weight_type(type).traits.block_bytes;
  const float most = five ? 31 : 15, middle = five ? 16 : 8;
  std::vector<uint8_t> out(values.size() / 32 * bytes);
  for (size_t b = 0; b < values.size() / 32; b++) {
    const float* x = values.data() + b * 32;
    uint8_t* block = out.data() + b * bytes;
    const auto [low, high] = std::minmax_element(x, x + 32);
    put_half(block, minimum ? (*high - *low) / most : std::max(std::fabs(*low), std::fabs(*high)) / middle);
    const float scale = get_half(block);
    if (minimum) put_half(block + 2, *low);
    const float from = minimum ? get_half(block + 2) : -middle * scale;
    uint8_t* fifth = block + (minimum ? 4 : 2);
    uint8_t* quants = fifth + (five ? 4 : 0);
    for (size_t j = 0; j < 32; j++) {
      const uint32_t q = nearest(x[j] - from, scale, most);
      quants[j % 16] |= static_cast<uint8_t>((q & 15) << (j < 16 ? 0 : 4));
      if (five) fifth[j / 8] |= static_cast<uint8_t>(q >> 4 << j % 8);
    }
  }
  return out;
}

std::vector<uint8_t> encode_groups(TensorType type, const std::vector<float>& values) {
  const bool five = type == Q5_K;
  const uint64_t bytes = weight_type(type).traits.block_bytes;
  const float most = five ? 31 : 15;
  std::vector<uint8_t> out(values.size() / 256 * bytes);
  for (size_t b = 0; b < values.size() / 256; b++) {
    const float* x = values.data() + b * 256;
    uint8_t *block = out.data() + b * bytes, *packed = block + 4;
    float step[8], low[8];
    for (size_t g = 0; g < 8; g++) {
      const auto [least, largest] = std::minmax_element(x + 32 * g, x + 32 * g + 32);
      low[g] = std::max(0.0f, -*least);
      step[g] = (std::max(0.0f, *largest) + low[g]) / most;
    }
    put_half(block, *std::max_element(step, step + 8) / 63);
    put_half(block + 2, *std::max_element(low, low + 8) / 63);
    for (size_t g = 0; g < 8; g++) {
      const uint32_t scale = nearest(step[g], get_half(block), 63), minimum = nearest(low[g], get_half(block + 2), 63);
      if (g < 4) {
        packed[g] |= static_cast<uint8_t>(scale);
        packed[g + 4] |= static_cast<uint8_t>(minimum);
      } else {
        packed[g + 4] = static_cast<uint8_t>((scale & 15) | (minimum & 15) << 4);
        packed[g - 4] |= static_cast<uint8_t>(scale >> 4 << 6);
        packed[g] |= static_cast<uint8_t>(minimum >> 4 << 6);
      }
      const float d = get_half(block) * static_cast<float>(scale), m = get_half(block + 2) * static_cast<float>(minimum);
      for (size_t l = 0; l < 32; l++) {
        const uint32_t q = nearest(x[32 * g + l] + m, d, most);
        block[(five ? 48 : 16) + g / 2 * 32 + l] |= static_cast<uint8_t>((q & 15) << (g % 2 * 4));
        if (five) block[16 + l] |= static_cast<uint8_t>(q >> 4 << g);
      }
    }
  }
  return out;
}

std::vector<uint8_t> encode_q6_k(const std::vector<float>& values) {
  std::vector<uint8_t> out(values.size() / 256 * 210);
  for (size_t b = 0; b < values.size() / 256; b++) {
    const float* x = values.data() + b * 256;
    uint8_t* block = out.data() + b * 210;
    float step[16];
    for (size_t s = 0; s < 16; s++) {
      const auto [low, high] = std::minmax_element(x + 16 * s, x + 16 * s + 16);
      step[s] = std::max(std::fabs(*low), std::fabs(*high)) / 32;
    }
    put_half(block + 208, *std::max_element(step, step + 16) / 127);
    for (size_t j = 0; j < 256; j++) {
      const auto scale = static_cast<uint8_t>(nearest(step[j / 16], get_half(block + 208), 127));
      block[192 + j / 16] = scale;
      const float d = get_half(block + 208) * static_cast<float>(scale);
      const uint32_t q = nearest(x[j] + 32 * d, d, 63);
      const size_t half = j / 128, r = j % 128;
      block[half * 64 + r % 64] |= static_cast<uint8_t>((q & 15) << (r < 64 ? 0 : 4));
      block[128 + half * 32 + r % 32] |= static_cast<uint8_t>(q >> 4 << r / 32 * 2);
    }
  }
  return out;
}

std::vector<uint8_t> random_stored(std::mt19937_64& r, TensorType type, uint64_t n) {
  const TypeTraits& traits = weight_type(type).traits;
  if (traits.block == 1) return encode(type, random_floats(r, n));
  std::vector<uint8_t> out(row_bytes(traits, n));
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(r());
  auto small = [&] { return static_cast<uint16_t>((r() & 0x83ffu) | (0x0c00u + (r() % 12 << 10))); };
  for (uint64_t at = 0; at < out.size(); at += traits.block_bytes) {
    const bool last = type == Q6_K, two = type == Q4_1 || type == Q5_1 || type == Q4_K || type == Q5_K;
    const uint16_t scale = small(), minimum = small();
    std::memcpy(out.data() + at + (last ? 208 : 0), &scale, 2);
    if (two) std::memcpy(out.data() + at + 2, &minimum, 2);
  }
  return out;
}

}  // namespace sparselab::testing
