#include "backend/settings.h"

#include <algorithm>

namespace sparselab::cuda {
namespace {

// What the launches of a setting depend on, beside its numbers.
bool same_launches(const Setting& a, const Setting& b) {
  auto same = [](const sparselab::Intervention& x, const sparselab::Intervention& y) {
    return x.point == y.point && x.kind == y.kind && x.from == y.from && x.to == y.to && x.call == y.call &&
           x.context == y.context && x.channels.size() == y.channels.size();
  };
  return a.activation == b.activation && a.strategy == b.strategy && a.policy == b.policy &&
         std::equal(a.interventions.begin(), a.interventions.end(), b.interventions.begin(), b.interventions.end(), same);
}

// Numbers that an intervention brings.
uint64_t value_count(const Shape& shape, SlPoint point, uint32_t kind, uint64_t layers, uint64_t rows) {
  return (kind == SL_REPLACE ? layers * rows : 1) * point_width(shape, point);
}

Change change_of(SlIntervene kind) {
  switch (kind) {
    case SL_ZERO:
      return Change::zero;
    case SL_SCALE:
      return Change::scale;
    case SL_REPLACE:
      return Change::replace;
    default:
      return Change::add;
  }
}

}  // namespace

uint64_t DeviceSetting::bytes(const Shape& shape, const SlSetting& setting) {
  uint64_t bytes = 2 * shape.layers * sizeof(float);
  for (uint64_t n = 0; n < setting.intervention_count; n++) {
    const SlIntervention& i = setting.interventions[n];
    bytes += sizeof(Intervention) + (i.position_count + i.channel_count) * sizeof(uint32_t);
    if (i.values && i.point < SL_POINTS)
      bytes += value_count(shape, static_cast<SlPoint>(i.point), i.kind, i.to - i.from, i.value_rows) * sizeof(float);
  }
  return bytes;
}

DeviceSetting::DeviceSetting(const Shape& shape, Setting setting)
    : host_(std::move(setting)), layers_(shape.layers), numbers_(2 * size_t{shape.layers}) {
  upload(shape);
}

bool DeviceSetting::set(const Shape& shape, Setting setting) {
  const bool same = same_launches(host_, setting);
  host_ = std::move(setting);
  upload(shape);
  return same;
}

void DeviceSetting::upload(const Shape& shape) {
  // Thresholds, where the activation or the policy has them.
  std::vector<float> numbers(layers_, 0.0f);
  if (host_.policy == SL_POLICY_FATRELU)
    numbers = host_.policy_t;
  else if (host_.activation == SL_FATRELU)
    numbers = host_.t;
  if (host_.cutoff.empty())
    numbers.resize(2 * layers_, 0.0f);
  else
    numbers.insert(numbers.end(), host_.cutoff.begin(), host_.cutoff.end());
  numbers_.upload(numbers.data(), numbers.size());

  values_.clear();
  places_.clear();
  auto placed = [&](const std::vector<uint32_t>& of) -> const uint32_t* {
    if (of.empty()) {  // none, which is not all
      places_.emplace_back(1);
      return places_.back().data();
    }
    places_.emplace_back(of);
    return places_.back().data();
  };
  std::vector<Intervention> all;
  for (const sparselab::Intervention& i : host_.interventions) {
    const uint64_t width = point_width(shape, i.point);
    Intervention to{};
    to.change = change_of(i.kind);
    to.factor = i.factor;
    to.from = static_cast<int>(i.from);
    to.width = static_cast<int>(width);
    to.value_rows = static_cast<long long>(i.value_rows);
    if (i.values) {
      const uint64_t n = value_count(shape, i.point, i.kind, i.to - i.from, i.value_rows);
      values_.emplace_back(n);
      values_.back().upload(i.values, n);
      to.values = values_.back().data();
    }
    if (!i.all_positions) to.positions = placed(i.positions);
    if (!i.all_channels) to.channels = placed(i.channels);
    to.position_count = static_cast<int>(i.positions.size());
    to.channel_count = static_cast<int>(i.channels.size());
    all.push_back(to);
  }
  if (all.size() != interventions_.size()) interventions_ = DeviceArray<Intervention>(all.size());
  if (!all.empty()) interventions_.upload(all.data(), all.size());
}

}  // namespace sparselab::cuda
