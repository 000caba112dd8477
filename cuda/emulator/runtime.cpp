#include "emulator/runtime.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace sparselab::cuda::emulator {

using Work = std::function<void()>;

struct Graph {
  std::vector<Work> nodes;
  uint64_t kernels = 0;
};
struct Event {
  std::chrono::steady_clock::time_point at{};
};
struct Stream {
  std::vector<Work> queue;
  std::unique_ptr<Graph> capture;
  bool invalid = false;  // the capture
};

namespace {

constexpr size_t kAlignment = 256;

// Allocations of one side, by their begin.
class Memory {
 public:
  explicit Memory(bool limited) : limited_(limited) {}
  void* take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (limited_ && bytes > kDeviceBytes - used_) return nullptr;
    void* p = nullptr;
    if (posix_memalign(&p, kAlignment, bytes ? bytes : 1)) return nullptr;
    std::memset(p, 0xff, bytes);
    all_[static_cast<char*>(p)] = bytes;
    used_ += bytes;
    return p;
  }
  bool give_back(void* p) {
    const std::lock_guard lock(mutex_);
    const auto it = all_.find(static_cast<char*>(p));
    if (it == all_.end()) return false;
    used_ -= it->second;
    all_.erase(it);
    std::free(p);
    return true;
  }
  // Whether a range lies in one of them.
  bool holds(const void* p, size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto it = all_.upper_bound(static_cast<char*>(const_cast<void*>(p)));
    if (it == all_.begin()) return false;
    --it;
    const auto at = static_cast<size_t>(static_cast<const char*>(p) - it->first);
    return at <= it->second && bytes <= it->second - at;
  }
  size_t used() {
    const std::lock_guard lock(mutex_);
    return used_;
  }

 private:
  std::mutex mutex_;
  std::map<char*, size_t> all_;
  size_t used_ = 0;
  const bool limited_;
};
Memory& device() {
  static Memory& all = *new Memory(true);
  return all;
}
Memory& pinned() {
  static Memory& all = *new Memory(false);
  return all;
}

thread_local cudaError_t last = cudaSuccess;
thread_local std::string words;      // of the last failure of a launch
thread_local int captures_here = 0;  // that this thread has begun
thread_local Stream* capturing = nullptr;
std::atomic<bool> lost{false};  // a kernel failed: as on a device, nothing goes on in this process

cudaError_t said(cudaError_t error) {
  if (error != cudaSuccess) last = error;
  return error;
}

// What must not be called while this thread captures.
bool refused_in_capture() {
  if (captures_here == 0) return false;
  if (capturing) capturing->invalid = true;
  said(cudaErrorStreamCaptureUnsupported);
  return true;
}

void add(Stream* stream, Work work, bool kernel) {
  if (stream->capture) {
    stream->capture->nodes.push_back(std::move(work));
    stream->capture->kernels += kernel;
  } else {
    stream->queue.push_back(std::move(work));
    launched().directly += kernel;
  }
}

}  // namespace

void enqueue(cudaStream_t stream, dim3 grid, dim3 block, size_t dynamic, std::function<void()> kernel) {
  auto run = [grid, block, dynamic, body = std::move(kernel)] { launch(grid, block, dynamic, body); };
  if (!stream) return run();
  add(stream, std::move(run), true);
}

size_t allocated() { return device().used(); }
Launched& launched() {
  thread_local Launched count;
  return count;
}

}  // namespace sparselab::cuda::emulator

using namespace sparselab::cuda::emulator;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
  }
  return "an unknown error";
}
const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorLaunchFailure && !words.empty()) return words.c_str();
  return cudaGetErrorName(error);
}
cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* out, int number) {
  if (number != 0) return said(cudaErrorInvalidDevice);
  *out = {"emulated", kDeviceBytes, size_t{227} * 1024, 2, 9, 0, 1 << 20};
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int number) { return number == 0 ? cudaSuccess : said(cudaErrorInvalidDevice); }
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = kDeviceBytes;
  *free = kDeviceBytes - device().used();
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** out, size_t bytes) {
  if (refused_in_capture()) return cudaErrorStreamCaptureUnsupported;
  *out = device().take(bytes);
  return *out ? cudaSuccess : said(cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* memory) {
  if (!memory) return cudaSuccess;
  if (refused_in_capture()) return cudaErrorStreamCaptureUnsupported;
  return device().give_back(memory) ? cudaSuccess : said(cudaErrorInvalidValue);
}
cudaError_t cudaMallocHost(void** out, size_t bytes) {
  if (refused_in_capture()) return cudaErrorStreamCaptureUnsupported;
  *out = pinned().take(bytes);
  return *out ? cudaSuccess : said(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* memory) {
  if (!memory) return cudaSuccess;
  if (refused_in_capture()) return cudaErrorStreamCaptureUnsupported;
  return pinned().give_back(memory) ? cudaSuccess : said(cudaErrorInvalidValue);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned) {
  *out = new Stream;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const cudaError_t error = cudaStreamSynchronize(stream);
  delete stream;
  return error;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (refused_in_capture()) return cudaErrorStreamCaptureUnsupported;
  std::vector<Work> queue = std::exchange(stream->queue, {});
  if (lost) return said(cudaErrorLaunchFailure);
  try {
    for (const Work& work : queue) work();
  } catch (const Error& e) {
    words = e.what();
    lost = true;
    return said(cudaErrorLaunchFailure);
  }
  return cudaSuccess;
}

namespace {

bool fits(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, bool asynchronous) {
  const bool to_device = kind != cudaMemcpyDeviceToHost, from_device = kind != cudaMemcpyHostToDevice;
  if (to_device && !device().holds(to, bytes)) return false;
  if (from_device && !device().holds(from, bytes)) return false;
  if (asynchronous && !to_device && !pinned().holds(to, bytes)) return false;
  return !asynchronous || from_device || pinned().holds(from, bytes);
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!fits(to, from, bytes, kind, true)) return said(cudaErrorInvalidValue);
  add(stream, [=] { std::memcpy(to, from, bytes); }, false);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!device().holds(to, bytes)) return said(cudaErrorInvalidValue);
  add(stream, [=] { std::memset(to, value, bytes); }, false);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (refused_in_capture()) return cudaErrorStreamCaptureUnsupported;
  if (bytes == 0) return cudaSuccess;
  if (!fits(to, from, bytes, kind, false)) return said(cudaErrorInvalidValue);
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* out) {
  *out = new Event;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  add(stream, [event] { event->at = std::chrono::steady_clock::now(); }, false);
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  *milliseconds = std::chrono::duration<float, std::milli>(to->at - from->at).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream->capture) return said(cudaErrorInvalidValue);
  stream->capture = std::make_unique<Graph>();
  stream->invalid = false;
  captures_here++;
  launched().captures++;
  capturing = stream;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* out) {
  *out = nullptr;
  if (!stream->capture) return said(cudaErrorInvalidValue);
  std::unique_ptr<Graph> graph = std::move(stream->capture);
  captures_here--;
  capturing = nullptr;
  if (stream->invalid) return said(cudaErrorStreamCaptureInvalidated);
  *out = graph.release();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long) {
  if (refused_in_capture()) return cudaErrorStreamCaptureUnsupported;
  *out = new Graph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  if (stream->capture) return said(cudaErrorStreamCaptureUnsupported);
  for (const Work& node : graph->nodes) stream->queue.push_back(node);
  launched().by_graphs += graph->kernels;
  launched().graphs++;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}
