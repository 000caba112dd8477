// What the backend uses of the CUDA runtime API, on the host, under the same names: memory, streams, graphs. What cuda_runtime.h
// allows and this does not is a mistake that a device would show late or never:
//   a stream's work runs when someone waits for it, so a result that is read too early is still poison
//   an asynchronous copy needs memory of cudaMallocHost on the host's side, and lies within one allocation on the device's
//   while a stream is captured, its thread may not allocate, free, wait or copy synchronously: the capture becomes invalid
// Device memory begins at multiples of 256 bytes and is filled with NaN. A mistake of a kernel is cudaErrorLaunchFailure, which
// stays, as on a device; cudaGetErrorString has the words.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

#include "emulator/emulator.h"

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
};
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();

// ── Devices ──
struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem, sharedMemPerBlockOptin;
  int multiProcessorCount, major, minor, l2CacheSize;
};
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* out, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);

// ── Memory ──
cudaError_t cudaMalloc(void** out, size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** out, size_t bytes);
cudaError_t cudaFreeHost(void* memory);

// ── Streams ──
namespace sparselab::cuda::emulator {
struct Stream;
struct Graph;
}  // namespace sparselab::cuda::emulator
using cudaStream_t = sparselab::cuda::emulator::Stream*;
using cudaGraph_t = sparselab::cuda::emulator::Graph*;
using cudaGraphExec_t = sparselab::cuda::emulator::Graph*;
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum { cudaStreamNonBlocking = 1 };
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind);

// ── Events: the host's clock when the stream comes to them ──
namespace sparselab::cuda::emulator {
struct Event;
}  // namespace sparselab::cuda::emulator
using cudaEvent_t = sparselab::cuda::emulator::Event*;
cudaError_t cudaEventCreate(cudaEvent_t* out);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to);

// ── Graphs ──
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* out);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph);

namespace sparselab::cuda::emulator {

// A kernel's launch into a stream; null: it runs at once.
void enqueue(cudaStream_t stream, dim3 grid, dim3 block, size_t dynamic_shared, std::function<void()> kernel);

// Bytes of device memory that there are, and that are allocated.
inline constexpr size_t kDeviceBytes = size_t{16} << 30;
size_t allocated();
// Launches of kernels so far, by graphs and without; launches of graphs, and captures.
struct Launched {
  uint64_t directly = 0, by_graphs = 0, graphs = 0, captures = 0;
};
Launched& launched();  // of this thread

}  // namespace sparselab::cuda::emulator
