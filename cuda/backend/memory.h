// Memory of the device and pinned memory of the host, streams and graphs: freed by their destructors. A failed call is an Error.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "compat/runtime.h"
#include "error.h"

namespace sparselab::cuda {

// `doing`: what was tried, for the message.
inline void check(cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return;
  const Code code = error == cudaErrorMemoryAllocation ? Code::out_of_memory : Code::device_lost;
  throw Error(code, text("%s failed: %s (%s)", doing, cudaGetErrorString(error), cudaGetErrorName(error)));
}

template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  explicit DeviceArray(size_t n) : size_(n) {
    if (n == 0) return;
    void* p = nullptr;
    check(cudaMalloc(&p, n * sizeof(T)), "allocating device memory");
    data_ = static_cast<T*>(p);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) { upload(values.data(), values.size()); }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(DeviceArray&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  T* data() const { return data_; }  // null where it is empty
  size_t size() const { return size_; }
  // Waits until the copy is made.
  void upload(const T* from, size_t n, size_t at = 0) {
    check(cudaMemcpy(data_ + at, from, n * sizeof(T), cudaMemcpyHostToDevice), "copying to the device");
  }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

template <class T>
class PinnedArray {
 public:
  PinnedArray() = default;
  explicit PinnedArray(size_t n) : size_(n) {
    if (n == 0) return;
    void* p = nullptr;
    check(cudaMallocHost(&p, n * sizeof(T)), "allocating pinned memory");
    data_ = static_cast<T*>(p);
  }
  ~PinnedArray() { cudaFreeHost(data_); }
  PinnedArray(PinnedArray&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PinnedArray& operator=(PinnedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  T* data() const { return data_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream"); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }
  void wait() const {
    check(cudaStreamSynchronize(stream_), "the device's work");
    check(cudaGetLastError(), "the device's work");
  }
  template <class T>
  void to_device(T* to, const T* from, size_t n) const {
    check(cudaMemcpyAsync(to, from, n * sizeof(T), cudaMemcpyHostToDevice, stream_), "copying to the device");
  }
  template <class T>
  void to_host(T* to, const T* from, size_t n) const {
    check(cudaMemcpyAsync(to, from, n * sizeof(T), cudaMemcpyDeviceToHost, stream_), "copying from the device");
  }
  template <class T>
  void zero(T* to, size_t n) const {
    check(cudaMemsetAsync(to, 0, n * sizeof(T), stream_), "filling device memory");
  }

 private:
  cudaStream_t stream_ = nullptr;
};

// What a stream was told between begin and end, as one launch.
class Graph {
 public:
  // Whatever `work` puts into the stream.
  template <class Fn>
  Graph(const Stream& stream, Fn work) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capturing a graph");
    cudaGraph_t graph = nullptr;
    try {
      work();
    } catch (...) {
      cudaStreamEndCapture(stream, &graph);
      if (graph) cudaGraphDestroy(graph);
      throw;
    }
    check(cudaStreamEndCapture(stream, &graph), "capturing a graph");
    const cudaError_t error = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "making a graph");
  }
  ~Graph() {
    if (graph_) cudaGraphExecDestroy(graph_);
  }
  Graph(Graph&& other) noexcept : graph_(std::exchange(other.graph_, nullptr)) {}
  Graph& operator=(Graph&&) = delete;
  void launch(const Stream& stream) const { check(cudaGraphLaunch(graph_, stream), "launching a graph"); }

 private:
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace sparselab::cuda
