// The largest of a row against a stable sort.
#include "backend/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

// The definition: a stable sort of the places, so equal values keep their order.
void twin(const std::vector<float>& x, std::vector<uint32_t>& places) {
  std::stable_sort(places.begin(), places.end(),
                   [&](uint32_t a, uint32_t b) { return std::isnan(x[a]) != std::isnan(x[b]) ? std::isnan(x[a]) : x[a] > x[b]; });
}

// Kinds of rows: spread, a few values many times (zeros of both signs among them), all magnitudes with infinities and NaN.
std::vector<float> random_row(std::mt19937_64& r, size_t n) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, NAN, -NAN, kInfinity, -kInfinity, 1e-45f, -1e-45f, 3e38f, -3e38f};
  const uint64_t kind = r() % 3;
  std::vector<float> x(n);
  for (float& v : x)
    v = kind == 0   ? static_cast<float>(static_cast<double>(r()) * 0x1p-60 - 8)
        : kind == 1 ? special[r() % 4]
        : r() % 4   ? std::ldexp(static_cast<float>(r() % 2000) - 1000, static_cast<int>(r() % 250) - 140)
                    : special[r() % 12];
  return x;
}

}  // namespace

TEST("ranking: the k largest, by a stable sort, few and many") {
  std::mt19937_64 r(fresh_seed());
  Ranking ranking;
  for (int round = 0; round < 600; round++) {
    const size_t n = 1 + r() % (round % 2 ? 3000 : 300);
    const size_t k = round % 5 == 0 ? n : r() % (n + 1);
    const std::vector<float> x = random_row(r, n);
    std::vector<uint32_t> want(n), few(k), many(k);
    std::iota(want.begin(), want.end(), 0u);
    twin(x, want);
    want.resize(k);
    largest(x.data(), n, k, few.data());
    ranking.largest(x.data(), n, k, many.data());
    CHECK_MSG(few == want, text("heap, n %zu, k %zu", n, k));
    CHECK_MSG(many == want, text("digits, n %zu, k %zu", n, k));
  }
}

TEST("ranking: a sort keeps the order of equal values, whichever places it is given") {
  std::mt19937_64 r(fresh_seed());
  Ranking ranking;
  for (int round = 0; round < 300; round++) {
    const size_t n = 1 + r() % 1000;
    const std::vector<float> x = random_row(r, n);
    std::vector<uint32_t> want(n);
    std::iota(want.begin(), want.end(), 0u);
    std::shuffle(want.begin(), want.end(), r);
    want.resize(1 + r() % n);
    std::vector<uint32_t> got = want;
    twin(x, want);
    ranking.sort(x.data(), got.data(), got.size());
    CHECK(got == want);
  }
}
