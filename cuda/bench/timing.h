// Times on the device: graphs between two events, medians.
#pragma once
#include <algorithm>
#include <functional>
#include <vector>

#include "backend/memory.h"

namespace sparselab::cuda::bench {

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "creating an event"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(const Stream& stream) const { check(cudaEventRecord(event_, stream), "recording an event"); }
  double microseconds_since(const Event& start) const {
    float ms = 0;
    check(cudaEventElapsedTime(&ms, start.event_, event_), "reading an event");
    return static_cast<double>(ms) * 1000;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

// Microseconds of one of the `count` works that `all` puts into the stream, which become one graph: the median of `runs` launches
// of it.
inline double time_each(const Stream& stream, size_t count, const std::function<void()>& all, int runs) {
  const Graph graph(stream, all);
  graph.launch(stream);  // not counted: code and addresses become known
  stream.wait();
  const Event start, end;
  std::vector<double> times;
  for (int i = 0; i < runs; i++) {
    start.record(stream);
    graph.launch(stream);
    end.record(stream);
    stream.wait();
    times.push_back(end.microseconds_since(start) / static_cast<double>(count));
  }
  return median(times);
}

}  // namespace sparselab::cuda::bench
