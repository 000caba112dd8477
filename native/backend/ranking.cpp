#include "backend/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sparselab {
namespace {

// Keys in the order of the header: of two values, the one that comes first has the smaller key; equal ones have the same.
uint32_t key_of(float x) {
  if (std::isnan(x)) return 0;
  if (x == 0) x = 0;  // of -0, too
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t ascending = bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
  return ~ascending;
}

constexpr int kDigitBits = 11, kDigits = 3;  // 33 bits, at least a key's
constexpr uint32_t kDigitValues = 1u << kDigitBits;
constexpr int kTopShift = 2 * kDigitBits;

uint32_t digit_of(uint64_t entry, int digit) {
  return static_cast<uint32_t>(entry >> (32 + digit * kDigitBits)) & (kDigitValues - 1);
}

}  // namespace

void largest(const float* x, uint64_t n, uint64_t k, uint32_t* places) {
  if (k == 0) return;
  auto before = [x](uint32_t a, uint32_t b) {
    const uint32_t key_a = key_of(x[a]), key_b = key_of(x[b]);
    return key_a != key_b ? key_a < key_b : a < b;
  };
  // A heap of the best so far, the worst of them in front.
  uint64_t count = 0;
  for (uint64_t i = 0; i < n; i++) {
    const auto place = static_cast<uint32_t>(i);
    if (count < k) {
      places[count++] = place;
      std::push_heap(places, places + count, before);
    } else if (!(x[i] <= x[places[0]]) && before(place, places[0])) {
      std::pop_heap(places, places + k, before);
      places[k - 1] = place;
      std::push_heap(places, places + k, before);
    }
  }
  std::sort_heap(places, places + k, before);
}

void Ranking::reserve(uint64_t n) {
  entries_.reserve(n);
  other_.reserve(n);
}

void Ranking::largest(const float* x, uint64_t n, uint64_t k, uint32_t* places) {
  if (k <= kFewLargest) return sparselab::largest(x, n, k, places);
  reserve(n);
  // How many values have each first digit; the k largest have first digits up to `last`.
  uint32_t counts[kDigitValues] = {};
  for (uint64_t i = 0; i < n; i++) counts[key_of(x[i]) >> kTopShift]++;
  uint32_t last = 0;
  for (uint64_t sum = counts[0]; sum < k;) sum += counts[++last];
  entries_.clear();
  for (uint64_t i = 0; i < n; i++)
    if (const uint32_t key = key_of(x[i]); key >> kTopShift <= last) entries_.push_back(uint64_t{key} << 32 | i);
  sort_entries();
  for (uint64_t i = 0; i < k; i++) places[i] = static_cast<uint32_t>(entries_[i]);
}

void Ranking::sort(const float* x, uint32_t* places, uint64_t m) {
  reserve(m);
  entries_.clear();
  for (uint64_t i = 0; i < m; i++) entries_.push_back(uint64_t{key_of(x[places[i]])} << 32 | places[i]);
  sort_entries();
  for (uint64_t i = 0; i < m; i++) places[i] = static_cast<uint32_t>(entries_[i]);
}

// By key alone, digit by digit from the last: entries with the same digit keep their order.
void Ranking::sort_entries() {
  uint32_t begin[kDigits][kDigitValues] = {};  // counts, then where each digit's entries begin
  for (uint64_t entry : entries_)
    for (int d = 0; d < kDigits; d++) begin[d][digit_of(entry, d)]++;
  other_.resize(entries_.size());
  for (int d = 0; d < kDigits; d++) {
    uint32_t sum = 0;
    for (uint32_t& b : begin[d]) {
      const uint32_t count = b;
      b = sum;
      sum += count;
    }
    for (uint64_t entry : entries_) other_[begin[d][digit_of(entry, d)]++] = entry;
    entries_.swap(other_);
  }
}

}  // namespace sparselab
