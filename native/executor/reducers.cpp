#include "executor/reducers.h"

#include <algorithm>

#include "error.h"
#include "executor/pass.h"

namespace sparselab {
namespace {

uint64_t width(const Shape& shape, uint32_t reducer) { return reducer == SL_REDUCE_FREQUENCY ? shape.neurons : 1; }

}  // namespace

Reducers::Reducers(const Shape& shape, const Plan& plan)
    : layers_(shape.layers), neurons_(shape.neurons), settings_(plan.settings.size()), rows_(settings_), rows_now_(settings_) {
  for (uint32_t r : plan.reducers) {
    sums_[r].assign(settings_ * layers_ * width(shape, r), 0);
    now_[r].assign(sums_[r].size(), 0);
  }
}

uint64_t Reducers::bytes(const Shape& shape, uint64_t settings, const uint32_t* reducers, uint64_t count) {
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < count; i++)
    bytes += settings * shape.layers * width(shape, reducers[i]) * (sizeof(uint64_t) + sizeof(uint32_t));
  return bytes;
}

void Reducers::begin() {
  for (auto& now : now_) std::fill(now.begin(), now.end(), 0);
  std::fill(rows_now_.begin(), rows_now_.end(), 0);
}

void Reducers::add(const Pass& pass, uint32_t layer, const float* mid) {
  const bool sparsity = has(SL_REDUCE_SPARSITY), frequency = has(SL_REDUCE_FREQUENCY);
  if (!sparsity && !frequency) return;
  if (layer == 0)
    for (const Row& row : pass.rows) rows_now_[row.setting_index]++;
  // Each setting by itself: no two threads write the same place.
  pass.parallel(settings_, pass.B() / settings_ * neurons_ + 1, [&](size_t s) {
    for (uint64_t b = 0; b < pass.B() && !pass.stop.asked(); b++) {
      if (pass.rows[b].setting_index != s) continue;
      const float* row = mid + b * neurons_;
      uint32_t* active = frequency ? now_[SL_REDUCE_FREQUENCY].data() + (s * layers_ + layer) * neurons_ : nullptr;
      uint32_t zeros = 0;
      for (uint64_t i = 0; i < neurons_; i++) {
        zeros += row[i] == 0;
        if (active) active[i] += row[i] != 0;
      }
      if (sparsity) now_[SL_REDUCE_SPARSITY][s * layers_ + layer] += zeros;
    }
  });
}

void Reducers::end() {
  for (int r = 0; r < SL_REDUCERS; r++)
    for (size_t i = 0; i < sums_[r].size(); i++) sums_[r][i] += now_[r][i];
  for (size_t s = 0; s < rows_.size(); s++) rows_[s] += rows_now_[s];
}

uint64_t Reducers::read(uint32_t reducer, uint32_t setting, uint64_t* out) const {
  if (reducer >= SL_REDUCERS) throw Error(Code::invalid_option, text("reducer %u does not exist", reducer));
  if (!has(static_cast<SlReducer>(reducer)))
    throw Error(Code::invalid_option, text("the plan has no reducer \"%s\"; name it when compiling", kReducers[reducer]));
  if (setting >= settings_)
    throw Error(Code::invalid_option, text("setting %u; the plan has %llu", setting, (unsigned long long)settings_));
  const uint64_t n = sums_[reducer].size() / settings_;
  if (out) std::copy_n(sums_[reducer].begin() + static_cast<ptrdiff_t>(setting * n), n, out);
  return rows_[setting];
}

}  // namespace sparselab
