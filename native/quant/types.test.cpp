// The records of the weight types: their twins against bytes whose values were worked out by hand.
#include "quant/types.h"

#include <cmath>
#include <vector>

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

struct Example {
  TensorType type;
  std::vector<uint8_t> stored;
  std::vector<float> values;
};

// A block of Q8_0 with the given scale (a half) and the quants first, first + 1, ...
std::vector<uint8_t> q8_block(uint16_t scale, int first) {
  std::vector<uint8_t> block = {static_cast<uint8_t>(scale), static_cast<uint8_t>(scale >> 8)};
  for (int j = 0; j < 32; j++) block.push_back(static_cast<uint8_t>(first + j));
  return block;
}
std::vector<float> q8_values(float scale, int first) {
  std::vector<float> values;
  for (int j = 0; j < 32; j++) values.push_back(scale * static_cast<float>(first + j));
  return values;
}

// A block of 32: a scale of 0.5, perhaps a minimum of -0.25, the low bytes j | (15 - j) << 4, and fifth bits for odd values where
// asked for.
std::vector<uint8_t> small_block(bool minimum, bool five) {
  std::vector<uint8_t> block = {0, 0x38};
  if (minimum) block.insert(block.end(), {0, 0xb4});
  if (five) block.insert(block.end(), 4, 0xaa);
  for (int j = 0; j < 16; j++) block.push_back(static_cast<uint8_t>(j | (15 - j) << 4));
  return block;
}
std::vector<float> small_values(bool minimum, bool five) {
  std::vector<float> values;
  for (int j = 0; j < 32; j++) {
    const int q = (j < 16 ? j : 31 - j) + (five && j % 2 ? 16 : 0);
    values.push_back(minimum ? 0.5f * static_cast<float>(q) - 0.25f : 0.5f * static_cast<float>(q - (five ? 16 : 8)));
  }
  return values;
}

// A block of Q4_K or Q5_K: scale 0.5, minimum 2, of group g 9 g (6 bits) and 63 - 7 g, quants 0 to 15 in turn, and fifth bits of
// value l in the groups g where bit g of 0x5a is set.
std::vector<uint8_t> k_block(bool five) {
  std::vector<uint8_t> block = {0, 0x38, 0, 0x40};
  auto scale = [](int g) { return 9 * g; };
  auto minimum = [](int g) { return 63 - 7 * g; };
  for (int g = 0; g < 4; g++) block.push_back(static_cast<uint8_t>(scale(g) | (scale(g + 4) >> 4) << 6));
  for (int g = 0; g < 4; g++) block.push_back(static_cast<uint8_t>(minimum(g) | (minimum(g + 4) >> 4) << 6));
  for (int g = 4; g < 8; g++) block.push_back(static_cast<uint8_t>((scale(g) & 15) | (minimum(g) & 15) << 4));
  if (five) block.insert(block.end(), 32, 0x5a);
  for (int pair = 0; pair < 4; pair++)
    for (int l = 0; l < 32; l++) block.push_back(static_cast<uint8_t>(l % 16 | (15 - l % 16) << 4));
  return block;
}
std::vector<float> k_values(bool five) {
  std::vector<float> values;
  for (int j = 0; j < 256; j++) {
    const int g = j / 32, l = j % 16, q = (g % 2 ? 15 - l : l) + (five && (0x5a >> g & 1) ? 16 : 0);
    values.push_back(0.5f * static_cast<float>(9 * g * q) - 2.0f * static_cast<float>(63 - 7 * g));
  }
  return values;
}

// A block of Q6_K: scale 0.25, of each 16 values -8 + their number. Value j has the quant j % 64.
std::vector<uint8_t> q6_block() {
  std::vector<uint8_t> block(192, 0);
  for (int j = 0; j < 256; j++) {
    const int q = j % 64, half = j / 128, r = j % 128;
    block[static_cast<size_t>(half * 64 + r % 64)] |= static_cast<uint8_t>((q & 15) << (r < 64 ? 0 : 4));
    block[static_cast<size_t>(128 + half * 32 + r % 32)] |= static_cast<uint8_t>((q >> 4) << r / 32 * 2);
  }
  for (int s = 0; s < 16; s++) block.push_back(static_cast<uint8_t>(s - 8));
  block.insert(block.end(), {0, 0x34});
  return block;
}
std::vector<float> q6_values() {
  std::vector<float> values;
  for (int j = 0; j < 256; j++) values.push_back(0.25f * static_cast<float>(j / 16 - 8) * static_cast<float>(j % 64 - 32));
  return values;
}

const std::vector<Example> kExamples = {
    {F32, {0, 0, 0xc0, 0x3f, 0, 0, 0x20, 0xc1}, {1.5f, -10.0f}},
    {F16, {0, 0x3e, 0, 0xc9, 1, 0}, {1.5f, -10.0f, 0x1p-24f}},
    {BF16, {0xc0, 0x3f, 0x20, 0xc1}, {1.5f, -10.0f}},
    {Q8_0, q8_block(0x3800, -128), q8_values(0.5f, -128)},
    {Q4_0, small_block(false, false), small_values(false, false)},
    {Q4_1, small_block(true, false), small_values(true, false)},
    {Q5_0, small_block(false, true), small_values(false, true)},
    {Q5_1, small_block(true, true), small_values(true, true)},
    {Q4_K, k_block(false), k_values(false)},
    {Q5_K, k_block(true), k_values(true)},
    {Q6_K, q6_block(), q6_values()},
    {Q8_0, q8_block(0xbc01, 96), q8_values(-1.0009765625f, 96)},
};

}  // namespace

TEST("weight types: each has its place, its name and a twin that gives the values of known bytes") {
  std::vector<bool> seen(kWeightTypes);
  for (const Example& example : kExamples) {
    const WeightType& record = weight_type(example.type);
    CHECK(record.type == example.type && record.traits.number == example.type && record.traits.computed);
    CHECK(example.stored.size() == row_bytes(record.traits, example.values.size()));
    std::vector<float> got(example.values.size(), NAN);
    record.to_float(example.stored.data(), got.size(), got.data());
    CHECK_MSG(same_bits(got, example.values), record.traits.name);
    seen[place_of(example.type)] = true;
  }
  for (size_t place = 0; place < kWeightTypes; place++)
    CHECK_MSG(seen[place], text("the type in place %zu has no example", place));
#define SPARSELAB_EACH(name, number) CHECK(type_name(name) == #name && name == number);
  SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH)
#undef SPARSELAB_EACH
}

TEST("weight types: a number outside the list is never another type") {
  for (uint32_t number = 0; number < 300; number++) {
    const TypeTraits* traits = type_traits(number);
    const bool listed = place_of(number) < kWeightTypes;
    CHECK(listed == (traits && traits->computed));
    if (!listed) CHECK_ERROR(weight_type(number), "unsupported-type: the executor does not compute with tensors of ");
  }
  CHECK(!type_traits(4) && !type_traits(99) && type_name(99) == "type 99" && type_name(12) == "Q4_K");
#define SPARSELAB_EACH(name, number) ", " #name
  CHECK(", " + readable_types() == SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH));
#undef SPARSELAB_EACH
}
