// The kernels of the FFN for nvcc, in each weight type. The host's tests include their headers instead.
#include "kernels/down.cuh"
#include "kernels/gate.cuh"
#include "kernels/up.cuh"

namespace sparselab::cuda {

#define FOR_TYPE(W)                                \
  template __global__ void gate<W>(GateArguments); \
  template __global__ void up<W>(UpArguments);     \
  template __global__ void down<W>(DownArguments);
FOR_TYPE(Half)
FOR_TYPE(BFloat)
FOR_TYPE(float)
#undef FOR_TYPE

}  // namespace sparselab::cuda
