// The executor's own threads. A task is a number of chunks with fixed borders; the next free thread takes the next
// chunk. What a chunk computes depends on its number alone, never on who took it, so results have the same bits at any thread
// count. A waiting thread spins at most 50 microseconds, then sleeps. The caller does not wait for a thread that has not begun:
// on a busy machine it does all chunks itself.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sparselab::cpu {

// A word that another thread sets to 1 to stop the work.
class Stop {
 public:
  explicit Stop(const uint32_t& word) : word_(&word) {}
  bool asked() const { return __atomic_load_n(word_, __ATOMIC_RELAXED) != 0; }

 private:
  const uint32_t* word_;
};

class Pool {
 public:
  // The caller of `run` is one of the threads. Throws Error (out-of-memory) if that many cannot be created.
  explicit Pool(size_t threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  size_t threads() const { return workers_.size() + 1; }

  // Calls fn(chunk) for 0 <= chunk < chunks and returns when all are done. When a stop is asked for, chunks not yet begun are
  // left out; the return value is then false. What fn throws (no memory) ends the task in the same way and is thrown from here,
  // once no thread works on it any more. One caller at a time: others wait their turn, in the order in which they came, and
  // can be stopped while they wait.
  bool run(size_t chunks, Stop stop, const std::function<void(size_t)>& fn);

  // A pool of that many threads, shared for as long as it is held.
  static std::shared_ptr<Pool> of(size_t threads);

 private:
  struct Task {
    size_t chunks = 0;
    const Stop* stop = nullptr;
    const std::function<void(size_t)>* fn = nullptr;
  };
  void work();
  void take_chunks(const Task& task);
  bool take_turn(Stop stop);  // false: stopped
  void end_turn();
  void end();

  std::mutex turns_;  // of the line of callers
  std::condition_variable turn_;
  std::deque<size_t> line_;  // tickets, in order
  size_t last_ticket_ = 0;
  bool busy_ = false;

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<size_t> generation_{0}, next_{0}, inside_{0};  // inside: workers that are at the present task
  std::atomic<bool> failed_{false};                          // a chunk of the present task threw
  std::exception_ptr failure_;                               // what it threw
  Task task_;
  bool open_ = false;  // whether a worker may still begin the present task
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace sparselab::cpu
