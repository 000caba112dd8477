#include "cpu/pool.h"

#include <chrono>
#include <map>
#include <system_error>
#include <utility>

#include "error.h"

namespace sparselab::cpu {
namespace {

constexpr auto kSpin = std::chrono::microseconds(50);
// How often a caller that waits for its turn looks at its stop word, which is set without a signal.
constexpr auto kLook = std::chrono::milliseconds(5);

// Waits until ready() for at most kSpin; false when it did not become so.
template <class Ready>
bool spin(Ready ready) {
  auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; i++) {
      if (ready()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

}  // namespace

Pool::Pool(size_t threads) {
  try {
    workers_.reserve(threads);
    for (size_t i = 1; i < threads; i++) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error& e) {
    const size_t made = workers_.size();
    end();
    throw Error(
        Code::out_of_memory,
        text("only %zu of %zu threads could be created: %s. Load with { threads: %zu } or less, or raise the limit on processes "
             "(ulimit -u, or that of the container)",
             made + 1, threads, std::generic_category().message(e.code().value()).c_str(), made + 1));
  } catch (...) {
    end();
    throw;
  }
}

Pool::~Pool() { end(); }

void Pool::end() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    generation_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& t : workers_) t.join();
}

bool Pool::take_turn(Stop stop) {
  std::unique_lock lock(turns_);
  const size_t mine = ++last_ticket_;
  line_.push_back(mine);
  while (line_.front() != mine || busy_) {
    if (stop.asked()) {
      const bool first = line_.front() == mine;
      std::erase(line_, mine);
      if (first) turn_.notify_all();
      return false;
    }
    turn_.wait_for(lock, kLook);
  }
  line_.pop_front();
  busy_ = true;
  return true;
}

void Pool::end_turn() {
  std::lock_guard lock(turns_);
  busy_ = false;
  if (!line_.empty()) turn_.notify_all();
}

void Pool::take_chunks(const Task& task) {
  for (;;) {
    if (task.stop->asked() || failed_.load()) return;
    size_t chunk = next_.fetch_add(1);
    if (chunk >= task.chunks) return;
    try {
      (*task.fn)(chunk);
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!failed_.exchange(true)) failure_ = std::current_exception();
    }
  }
}

void Pool::work() {
  size_t seen = 0;
  for (;;) {
    if (!spin([&] { return generation_.load() != seen; })) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return generation_.load() != seen; });
    }
    Task task;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      seen = generation_.load();
      if (!open_) continue;  // too late for this one
      task = task_;
      inside_++;
    }
    take_chunks(task);
    if (inside_.fetch_sub(1) == 1) {
      std::lock_guard lock(mutex_);  // so that the caller cannot fall asleep between its look and its wait
      done_.notify_one();
    }
  }
}

bool Pool::run(size_t chunks, Stop stop, const std::function<void(size_t)>& fn) {
  if (!take_turn(stop)) return false;
  struct Turn {
    Pool& pool;
    ~Turn() { pool.end_turn(); }
  } turn{*this};
  const Task task{chunks, &stop, &fn};
  next_ = 0;  // no worker is inside: none was let in since the last task ended
  failed_ = false;
  auto finish = [&] {
    if (failed_) std::rethrow_exception(std::exchange(failure_, nullptr));
    return !stop.asked();
  };
  if (workers_.empty() || chunks < 2) {
    take_chunks(task);
    return finish();
  }
  {
    std::lock_guard lock(mutex_);
    task_ = task;
    open_ = true;
    generation_.fetch_add(1);
  }
  wake_.notify_all();
  take_chunks(task);
  {
    std::lock_guard lock(mutex_);
    open_ = false;
  }
  if (!spin([&] { return inside_.load() == 0; })) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return inside_.load() == 0; });
  }
  return finish();
}

std::shared_ptr<Pool> Pool::of(size_t threads) {
  // Never destroyed: threads may outlive static objects at the end of the process.
  static std::mutex& mutex = *new std::mutex;
  static auto& pools = *new std::map<size_t, std::weak_ptr<Pool>>;
  std::lock_guard lock(mutex);
  std::shared_ptr<Pool> pool = pools[threads].lock();
  if (!pool) pools[threads] = pool = std::make_shared<Pool>(threads);
  return pool;
}

}  // namespace sparselab::cpu
