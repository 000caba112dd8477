// The logits of one small model in each weight type, bit for bit as they are committed here. The other tests compare the executor
// with itself or with twins in the same program; these numbers also hold between instruction sets, compilers and versions. Nobody
// changes them without meaning to: every result of the lab moves with them.
#include <bit>
#include <cmath>

#include "backend/backend.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

constexpr int32_t kTokens[] = {3, 80, 17, 17, 42, 95, 0};
constexpr uint32_t kRows = std::size(kTokens);

constexpr size_t kShown = 6;

struct Bits {
  uint32_t hash;           // of all logits (kRows, V)
  uint32_t shown[kShown];  // the first logits of the last row
};
struct Golden {
  const char* name;
  std::vector<TensorType> types;
  bool down_t;
  Bits silu, fatrelu;
};

const Golden kGolden[] = {
    {"F32",
     {F32},
     false,
     {0xce0d70e7, {0x3f9ca331, 0xbf83c8ad, 0x3ef24955, 0xbf27fc18, 0xbf004b7d, 0x3eb50fb4}},
     {0xc0a8b438, {0x3f81f9e9, 0xbf8f11fd, 0x3eec2b62, 0xbf368381, 0xbf165218, 0x3ec1b564}}},
    {"F16",
     {F16},
     true,
     {0x79c331d1, {0xbfb6bc04, 0xbe06457b, 0xbdee7010, 0x3f0c740d, 0xbda97d3c, 0x3f8fbe5c}},
     {0x18cb056d, {0xbfc18fcb, 0xbda76188, 0x3e2e59f1, 0x3f2375cc, 0xbdc88884, 0x3f9f91db}}},
    {"BF16",
     {BF16},
     false,
     {0x0984eb0a, {0x3f9c1d14, 0xbf836c96, 0x3ef31272, 0xbf28c2d7, 0xbefd6f90, 0x3eb44e31}},
     {0xb1cbfcfe, {0x3f83e44a, 0xbf91c66d, 0x3ee51bc2, 0xbf345e40, 0xbf178e99, 0x3ebfe73e}}},
    {"Q8_0",
     {Q8_0},
     true,
     {0xa7da4e40, {0xbfb726f7, 0xbe1808c8, 0xbe04de2a, 0x3f059778, 0xbdb37aa0, 0x3f920d31}},
     {0x5f5eaffd, {0xbfc3563c, 0xbdae55e0, 0x3e1d79a6, 0x3f213474, 0xbe092c70, 0x3fa3bcb2}}},
    {"Q8_0, down regrouped",
     {Q8_0},
     false,
     {0x4f48b074, {0x3f9c5cc8, 0xbf8436a9, 0x3ef673ce, 0xbf2cfa33, 0xbf01613a, 0x3eafb15d}},
     {0x4b16aa18, {0x3f818232, 0xbf9030c2, 0x3eef59ef, 0xbf3be1ce, 0xbf1a4525, 0x3ec160b2}}},
    {"mixed",
     {F32, F16, BF16, Q8_0},
     false,
     {0xeaed04d9, {0x3f9c29aa, 0xbf82f9b8, 0x3ef47443, 0xbf28c6d0, 0xbefc89c3, 0x3eb4987f}},
     {0x5cc3a032, {0x3f817bb4, 0xbf8e49ee, 0x3eedd863, 0xbf372f90, 0xbf144f3c, 0x3ec11b38}}},
};

Shape shape() {
  Shape m = small_shape();
  m.hidden = 288;   // a dot product of 288 numbers has two segments
  m.neurons = 352;  // and each lane of down 22 neurons
  return m;
}

// FNV-1a over the bits of all logits, in order.
uint32_t hash_of(const std::vector<float>& logits) {
  uint32_t hash = 2166136261u;
  for (float v : logits)
    for (uint32_t bits = std::bit_cast<uint32_t>(v), i = 0; i < 4; i++, bits >>= 8) hash = (hash ^ (bits & 255)) * 16777619u;
  return hash;
}

std::vector<float> logits(const RandomModel& m, SlActivation activation, SlStrategy strategy, uint32_t threads, uint32_t piece) {
  std::vector<float> t(m.shape.layers, 0.25f), out;
  SlSetting setting{static_cast<uint32_t>(activation), static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
  const SlPlan plan{&setting, 1, nullptr, 0, 1, kRows, threads};
  SlProgram* program = compile(m, plan);
  for (uint32_t at = 0; at < kRows; at += piece) {
    Rows rows;
    for (uint32_t i = at; i < std::min(kRows, at + piece); i++) rows.add(kTokens[i], static_cast<int32_t>(i));
    const Result result = forward(m, program, plan, rows);
    out.insert(out.end(), result.logits.begin(), result.logits.end());
  }
  backend().close_program(program);
  return out;
}

Bits bits_of(const std::vector<float>& logits) {
  Bits bits{hash_of(logits), {}};
  const size_t last = logits.size() - logits.size() / kRows;
  for (size_t i = 0; i < kShown; i++) bits.shown[i] = std::bit_cast<uint32_t>(logits[last + i]);
  return bits;
}
// As in kGolden.
std::string in_words(const Bits& bits) {
  std::string line = text("{0x%08x, {", bits.hash);
  for (size_t i = 0; i < kShown; i++) line += text(i ? ", 0x%08x" : "0x%08x", bits.shown[i]);
  return line + "}}";
}

}  // namespace

BACKEND_TEST("golden: one small model's logits, dense and exact, at once and token by token, on 1 to 3 threads") {
  std::string wrong;
  for (const Golden& golden : kGolden) {
    const RandomModel m(20260, shape(), golden.types, golden.down_t);
    for (SlActivation activation : {SL_SILU, SL_FATRELU}) {
      const Bits& want = activation == SL_SILU ? golden.silu : golden.fatrelu;
      for (SlStrategy strategy : {SL_DENSE, SL_EXACT})
        for (uint32_t threads : {1u, 2u, 3u})
          for (uint32_t piece : {1u, kRows}) {
            const Bits got = bits_of(logits(m, activation, strategy, threads, piece));
            if (!defines_the_bits()) {
              // The mixed model has types that become float16.
              const float tolerance = std::string(golden.name) == "mixed" ? 1e-3f : 2e-6f;
              for (size_t i = 0; i < kShown; i++)
                CHECK(std::fabs(std::bit_cast<float>(got.shown[i]) - std::bit_cast<float>(want.shown[i])) <= tolerance);
              continue;
            }
            if (got.hash != want.hash || !std::equal(got.shown, got.shown + kShown, want.shown))
              wrong += text("\n  %s, %s, %s, %u threads, %u at once: ", golden.name, activation == SL_SILU ? "silu" : "fatrelu",
                            strategy == SL_DENSE ? "dense" : "exact", threads, piece) +
                       in_words(got);
          }
    }
  }
  CHECK_MSG(wrong.empty(), wrong);
}
