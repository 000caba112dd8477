#include "backend/points.h"

namespace sparselab {
namespace {

uint64_t size_of(const Sizes& sizes, Axis axis) {
  switch (axis) {
    case Axis::hidden:
      return sizes.hidden;
    case Axis::neuron:
      return sizes.neurons;
    case Axis::vocab:
      return sizes.vocab;
    case Axis::head:
      return sizes.heads;
    case Axis::channel:
      return sizes.head_size;
    case Axis::token:
    case Axis::query:
    case Axis::key:
    case Axis::none:
      break;
  }
  return 1;
}

}  // namespace

uint64_t point_width(const Sizes& sizes, SlPoint point) {
  // Keys and values have heads of their own, which query heads share.
  if (point == SL_ATTN_K || point == SL_ATTN_V) return sizes.kv_heads * sizes.head_size;
  uint64_t width = 1;
  for (Axis axis : kPoints[point].axes) width *= size_of(sizes, axis);
  return width;
}

bool has_point(const SlFfn& ffn, SlPoint point) { return point < SL_POINTS && (ffn.has_gate || !kPoints[point].needs_gate); }

std::string points_of(const SlFfn& ffn) {
  std::string out;
  for (uint32_t p = 0; p < SL_POINTS; p++)
    if (has_point(ffn, static_cast<SlPoint>(p))) out += (out.empty() ? "" : ", ") + std::string(kPoints[p].name);
  return out;
}

}  // namespace sparselab
