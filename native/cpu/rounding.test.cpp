// A fused multiply-add rounds once on every instruction set, where float64 in between would round twice: a product that lies
// exactly between two float32, plus a number too small for float64 to see.
#include <bit>

#include "cpu/isa.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

constexpr float kFactor = 1 + 0x1p-12f;           // its square is 1 + 2^-11 + 2^-24, a tie
constexpr float kTiny = 0x1p-30f;                 // its square decides it: 2^-60
constexpr float kOnce = 1 + 0x1p-11f + 0x1p-23f;  // rounded once
constexpr float kTwice = 1 + 0x1p-11f;            // rounded to float64 first
static_assert(static_cast<float>(static_cast<double>(kFactor) * kFactor + 0x1p-60) == kTwice);

std::string where(const cpu::Kernels& k, const char* what, float got) {
  return text("%s on %s: %a", what, k.isa, static_cast<double>(got));
}

}  // namespace

TEST("isa: a multiply-add rounds once, in dot products, products of panels, sums of down and attention") {
  for (const cpu::Kernels* k : cpu::runnable_kernels()) {
    const cpu::TypeKernels& f32 = k->types[place_of(F32)];
    // Two terms of one lane of a dot product: elements 0 and 16.
    std::vector<float> x(48, 0.0f);
    x[0] = kTiny, x[16] = kFactor;
    const cpu::Rows row{reinterpret_cast<const uint8_t*>(x.data()), x.size() * sizeof(float)};
    float got = NAN;
    f32.dot_rows(row, nullptr, 1, x.data(), x.size(), &got, 1);
    CHECK_MSG(got == kOnce, where(*k, "dot_rows", got));
    const uint32_t first = 0;
    k->dots_of_rows(x.data(), x.data(), x.size(), &first, 1, &got);
    CHECK_MSG(got == kOnce, where(*k, "dots_of_rows", got));
    std::vector<float> panel(cpu::panel_floats(1, x.size())), lanes(cpu::product_scratch(1, 1));
    f32.to_panel(row, nullptr, 1, x.size(), panel.data());
    k->product_of_panels(panel.data(), 1, panel.data(), 1, x.size(), &got, 1, lanes.data());
    CHECK_MSG(got == kOnce, where(*k, "product_of_panels", got));

    // Two neurons of one lane, in every channel.
    constexpr size_t D = cpu::kDownChannels;
    std::vector<float> rows(2 * D);
    std::fill_n(rows.begin(), D, kTiny);
    std::fill_n(rows.begin() + D, D, kFactor);
    const uint32_t ids[] = {0, 1};
    const float a[] = {kTiny, kFactor};
    std::vector<float> y(D, 0.0f);
    f32.add_rows({reinterpret_cast<const uint8_t*>(rows.data()), D * sizeof(float)}, ids, a, 2, 0, 0, D, y.data());
    for (float v : y) CHECK_MSG(v == kOnce, where(*k, "add_rows", v));
    uint32_t begin[17] = {0};
    std::fill(begin + 1, begin + 17, 2u);  // both in lane 0
    std::vector<float> tile(D, NAN), partials(16 * D), sparse(D, NAN);
    k->down_tile(rows.data(), begin, a, 1, tile.data());
    k->down_sparse(rows.data(), begin, ids, a, 2, 1, partials.data(), sparse.data(), D);
    for (size_t d = 0; d < D; d++) {
      CHECK_MSG(tile[d] == kOnce, where(*k, "down_tile", tile[d]));
      CHECK_MSG(sparse[d] == kOnce, where(*k, "down_sparse", sparse[d]));
    }

    // Two channels of a score, two positions of a weighted sum.
    constexpr size_t kPositions = 32, K = 2;
    std::vector<float> keys(K * kPositions), scores(kPositions, NAN), values(2 * K), sum(K, NAN);
    std::fill_n(keys.begin(), kPositions, kTiny);
    std::fill_n(keys.begin() + kPositions, kPositions, kFactor);
    k->scores(a, 1, keys.data(), kPositions, kPositions, K, 1, scores.data(), kPositions);
    for (float v : scores) CHECK_MSG(v == kOnce, where(*k, "scores", v));
    values = {kTiny, kTiny, kFactor, kFactor};
    k->weighted_sum(a, 2, 1, values.data(), K, 2, K, sum.data());
    for (float v : sum) CHECK_MSG(v == kOnce, where(*k, "weighted_sum", v));
  }
}
