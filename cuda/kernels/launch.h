// Launches of the kernels into a stream. The host calls these; what is behind them nvcc compiles, or the host's compiler against
// the emulator.
#pragma once
#include "compat/runtime.h"
#include "kernels/arguments.h"

namespace sparselab::cuda {

class Launcher {
 public:
  // multiprocessors: of the device
  Launcher(cudaStream_t stream, int multiprocessors) : stream_(stream), most_blocks_(2 * multiprocessors) {}

  void embed(const EmbedArguments& a) const;
  void norm(const NormArguments& a) const;
  void product(const ProductArguments& a) const;
  void gate(const GateArguments& a) const;
  void up(const UpArguments& a) const;
  void down(const DownArguments& a) const;
  void activate(const ActivateArguments& a) const;
  void multiply(const MidArguments& a) const;
  void list_neurons(const ListArguments& a) const;
  void count_neurons(const CountArguments& a) const;
  void rotate(const RotateArguments& a) const;
  void append(const AppendArguments& a) const;
  void attention(const AttentionArguments& a, bool half) const;
  void scores(const ScoresArguments& a, bool half) const;
  void softmax(const SoftmaxArguments& a, bool half) const;
  void weigh(const WeighArguments& a, bool half) const;
  void add(const AddArguments& a) const;
  void copy(const CopyArguments& a) const;
  void copy_by_key(const CopyByKeyArguments& a) const;
  void intervene(const InterveneArguments& a, int width) const;
  void intervene_by_key(const InterveneByKeyArguments& a) const;
  void check_finite(const CheckArguments& a) const;
  void head(const HeadArguments& a) const;
  void advance(Batch* batch) const;
  void zero(float* x, size_t n) const;

 private:
  unsigned blocks_for(int warps_of_work) const;
  unsigned blocks_over(size_t elements) const;
  cudaStream_t stream_;
  int most_blocks_;
};

// What scratch depends on. The same on every device: the parts of a sum are part of its definition.
constexpr int kDownSplits = 16;
int down_tiles(const Weights& down);
int attention_parts(int length);

}  // namespace sparselab::cuda
