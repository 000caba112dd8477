// What the emulated runtime promises: work runs when someone waits, copies stay in their allocations, captures refuse what a
// device refuses, graphs replay.
#include "emulator/runtime.h"

#include <cmath>

#include "compat/compat.h"
#include "testing/testing.h"

using namespace sparselab::cuda;
using namespace sparselab::testing;

namespace {

constexpr size_t kFloats = 300;

// A stream, device memory and pinned memory.
struct Setup {
  cudaStream_t stream = nullptr;
  float *device = nullptr, *host = nullptr;
  Setup() {
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    void* p = nullptr;
    CHECK(cudaMalloc(&p, kFloats * sizeof(float)) == cudaSuccess);
    device = static_cast<float*>(p);
    CHECK(cudaMallocHost(&p, kFloats * sizeof(float)) == cudaSuccess);
    host = static_cast<float*>(p);
  }
  ~Setup() {
    cudaStreamDestroy(stream);
    cudaFree(device);
    cudaFreeHost(host);
  }
  cudaError_t to_host() { return cudaMemcpyAsync(host, device, kFloats * sizeof(float), cudaMemcpyDeviceToHost, stream); }
  void add(float value);
};

__global__ void add_to_all(float* x, float value) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < kFloats) x[i] += value;
}
void Setup::add(float value) { launch(add_to_all, 3, 128, 0, stream, device, value); }

}  // namespace

TEST("emulator: device memory is poison, and work runs when someone waits") {
  Setup s;
  CHECK(std::isnan(s.device[0]) && std::isnan(s.host[kFloats - 1]));
  CHECK(cudaMemsetAsync(s.device, 0, kFloats * sizeof(float), s.stream) == cudaSuccess);
  s.add(2);
  CHECK(s.to_host() == cudaSuccess);
  CHECK(std::isnan(s.host[0]));  // too early
  CHECK(cudaStreamSynchronize(s.stream) == cudaSuccess);
  CHECK(s.host[0] == 2 && s.host[kFloats - 1] == 2);
}

TEST("emulator: copies outside of an allocation, or from memory that is not pinned, are refused") {
  Setup s;
  float here[kFloats] = {};
  const size_t bytes = sizeof here;
  CHECK(cudaMemcpyAsync(s.device, here, bytes, cudaMemcpyHostToDevice, s.stream) == cudaErrorInvalidValue);
  CHECK(cudaMemcpyAsync(here, s.device, bytes, cudaMemcpyDeviceToHost, s.stream) == cudaErrorInvalidValue);
  CHECK(cudaMemcpyAsync(s.device + 1, s.host, bytes, cudaMemcpyHostToDevice, s.stream) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(s.host, s.device, bytes, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(s.device, 0, bytes + 4, s.stream) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(s.device, here, bytes, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaFree(here) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue && cudaGetLastError() == cudaSuccess);
  void* much = nullptr;
  CHECK(cudaMalloc(&much, emulator::kDeviceBytes) == cudaErrorMemoryAllocation);
  cudaGetLastError();
}

TEST("emulator: a capture launches nothing, and its graph replays in order") {
  Setup s;
  cudaMemsetAsync(s.device, 0, kFloats * sizeof(float), s.stream);
  cudaStreamSynchronize(s.stream);
  const emulator::Launched before = emulator::launched();
  CHECK(cudaStreamBeginCapture(s.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  s.add(1);
  s.add(2);
  CHECK(s.to_host() == cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(s.stream, &graph) == cudaSuccess);
  cudaGraphExec_t ready = nullptr;
  CHECK(cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess);
  cudaGraphDestroy(graph);
  cudaStreamSynchronize(s.stream);
  CHECK(s.device[0] == 0);
  for (int i = 0; i < 3; i++) CHECK(cudaGraphLaunch(ready, s.stream) == cudaSuccess);
  cudaStreamSynchronize(s.stream);
  CHECK(s.host[0] == 9);
  const emulator::Launched after = emulator::launched();
  CHECK(after.directly == before.directly && after.by_graphs == before.by_graphs + 6 && after.graphs == before.graphs + 3);
  cudaGraphExecDestroy(ready);
}

TEST("emulator: what a capture refuses makes it invalid") {
  Setup s;
  void* p = nullptr;
  size_t done = 0;
  const auto tries = {+[](Setup&, void** out) { return cudaMalloc(out, 8); },
                      +[](Setup& of, void**) { return cudaFree(of.device); },
                      +[](Setup& of, void**) { return cudaStreamSynchronize(of.stream); },
                      +[](Setup& of, void**) { return cudaMemcpy(of.device, of.host, 4, cudaMemcpyHostToDevice); },
                      +[](Setup&, void** out) { return cudaMallocHost(out, 8); }};
  for (const auto& attempt : tries) {
    cudaStreamBeginCapture(s.stream, cudaStreamCaptureModeThreadLocal);
    CHECK(attempt(s, &p) == cudaErrorStreamCaptureUnsupported);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(s.stream, &graph) == cudaErrorStreamCaptureInvalidated && !graph);
    done++;
  }
  CHECK(done == 5);
  cudaGetLastError();
}
