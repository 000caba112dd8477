#include "kernels/launch.h"

#include "kernels/attention_steps.cuh"
#include "kernels/down.cuh"
#include "kernels/gate.cuh"
#include "kernels/head.cuh"
#include "kernels/neurons.cuh"
#include "kernels/product.cuh"
#include "kernels/rotary.cuh"
#include "kernels/stream.cuh"
#include "kernels/up.cuh"

namespace sparselab::cuda {
namespace {

// Runs fn with a value of the cache's type.
template <class Fn>
void with_kv(bool half, Fn fn) {
  if (half)
    fn(Half{});
  else
    fn(float{});
}

constexpr int kMostParts = 32;
size_t attention_bytes(const AttentionArguments& a) {
  return static_cast<size_t>(kWarps + 1) * static_cast<size_t>(a.head_size) * sizeof(float);
}

}  // namespace

int attention_parts(int length) {
  const int parts = (length + kPartPositions - 1) / kPartPositions;
  return parts < kMostParts ? parts : kMostParts;
}

int down_tiles(const Weights& down) {
  int columns = 0;
  with_form(down.form, [&](auto w) { columns = kColumns<decltype(w)>; });
  return (down.cols + columns - 1) / columns;
}

unsigned Launcher::blocks_for(int warps_of_work) const {
  const int blocks = (warps_of_work + kWarps - 1) / kWarps;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most_blocks_ ? blocks : most_blocks_);
}
unsigned Launcher::blocks_over(size_t elements) const {
  const size_t blocks = (elements + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < 1                                   ? 1
                               : blocks < static_cast<size_t>(most_blocks_) ? blocks
                                                                            : static_cast<size_t>(most_blocks_));
}

void Launcher::embed(const EmbedArguments& a) const {
  with_form(a.w.form, [&](auto w) {
    using W = decltype(w);
    launch(cuda::embed<W>, blocks_over(static_cast<size_t>(a.w.cols) / Stored<W>::kValues + 1), kThreads, 0, stream_, a);
  });
}
void Launcher::norm(const NormArguments& a) const { launch(cuda::norm, 1, kThreads, 0, stream_, a); }
void Launcher::product(const ProductArguments& a) const {
  with_form(a.w.form, [&](auto w) {
    launch(cuda::product<decltype(w)>, blocks_for(a.w.rows), kThreads, shared_bytes(a.w.cols), stream_, a);
  });
}
void Launcher::gate(const GateArguments& a) const {
  with_form(a.w.form,
            [&](auto w) { launch(cuda::gate<decltype(w)>, blocks_for(a.w.rows), kThreads, shared_bytes(a.w.cols), stream_, a); });
}
void Launcher::up(const UpArguments& a) const {
  const size_t shared = shared_bytes(a.w.cols) + static_cast<size_t>(a.w.rows) * sizeof(uint16_t);
  with_form(a.w.form, [&](auto w) { launch(cuda::up<decltype(w)>, blocks_for(a.w.rows), kThreads, shared, stream_, a); });
}
void Launcher::down(const DownArguments& a) const {
  with_form(a.w.form, [&](auto w) {
    using W = decltype(w);
    const dim3 grid(static_cast<unsigned>(down_tiles(a.w)), kDownSplits);
    launch(cuda::down<W>, grid, kThreads, static_cast<size_t>(kWarps) * kColumns<W> * sizeof(float), stream_, a);
  });
}
void Launcher::activate(const ActivateArguments& a) const {
  launch(cuda::activate, blocks_over(static_cast<size_t>(a.N)), kThreads, 0, stream_, a);
}
void Launcher::multiply(const MidArguments& a) const {
  launch(cuda::multiply, blocks_over(static_cast<size_t>(a.N)), kThreads, 0, stream_, a);
}
void Launcher::list_neurons(const ListArguments& a) const { launch(cuda::list_neurons, 1, kThreads, 0, stream_, a); }
void Launcher::count_neurons(const CountArguments& a) const { launch(cuda::count_neurons, 1, kThreads, 0, stream_, a); }
void Launcher::rotate(const RotateArguments& a) const {
  launch(cuda::rotate, blocks_for(a.heads + a.kv_heads), kThreads, 0, stream_, a);
}
void Launcher::append(const AppendArguments& a) const { launch(cuda::append, 1, kThreads, 0, stream_, a); }
void Launcher::attention(const AttentionArguments& a, bool half) const {
  const dim3 grid(static_cast<unsigned>(a.heads), static_cast<unsigned>(attention_parts(a.length)));
  with_kv(half, [&](auto kv) { launch(cuda::attention<decltype(kv)>, grid, kThreads, attention_bytes(a), stream_, a); });
}
void Launcher::scores(const ScoresArguments& a, bool half) const {
  with_kv(half, [&](auto kv) { launch(cuda::scores<decltype(kv)>, static_cast<unsigned>(a.of.heads), kThreads, 0, stream_, a); });
}
void Launcher::softmax(const SoftmaxArguments& a, bool half) const {
  with_kv(half,
          [&](auto kv) { launch(cuda::softmax<decltype(kv)>, static_cast<unsigned>(a.of.heads), kThreads, 0, stream_, a); });
}
void Launcher::weigh(const WeighArguments& a, bool half) const {
  with_kv(half, [&](auto kv) { launch(cuda::weigh<decltype(kv)>, static_cast<unsigned>(a.of.heads), kThreads, 0, stream_, a); });
}
void Launcher::add(const AddArguments& a) const {
  launch(cuda::add, blocks_over(static_cast<size_t>(a.n)), kThreads, 0, stream_, a);
}
void Launcher::copy(const CopyArguments& a) const {
  launch(cuda::copy, blocks_over(static_cast<size_t>(a.n)), kThreads, 0, stream_, a);
}
void Launcher::copy_by_key(const CopyByKeyArguments& a) const {
  launch(cuda::copy_by_key, blocks_over(static_cast<size_t>(a.heads) * static_cast<size_t>(a.keys)), kThreads, 0, stream_, a);
}
void Launcher::intervene(const InterveneArguments& a, int width) const {
  launch(cuda::intervene, blocks_over(static_cast<size_t>(width)), kThreads, 0, stream_, a);
}
void Launcher::intervene_by_key(const InterveneByKeyArguments& a) const {
  launch(cuda::intervene_by_key, static_cast<unsigned>(a.heads), kThreads, 0, stream_, a);
}
void Launcher::check_finite(const CheckArguments& a) const {
  launch(cuda::check_finite, blocks_over(static_cast<size_t>(a.n)), kThreads, 0, stream_, a);
}
void Launcher::head(const HeadArguments& a) const { launch(cuda::head, 1, kThreads, 0, stream_, a); }
void Launcher::zero(float* x, size_t n) const { cudaMemsetAsync(x, 0, n * sizeof(float), stream_); }
void Launcher::advance(Batch* batch) const { launch(cuda::advance, 1, 1, 0, stream_, batch); }

}  // namespace sparselab::cuda
