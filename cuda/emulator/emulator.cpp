#include "emulator/emulator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sparselab::cuda::emulator {
namespace {

constexpr unsigned kLanes = 32;
constexpr size_t kMostStatic = 48 * 1024, kMostDynamic = 227 * 1024;  // of sm_90
constexpr unsigned kMostThreads = 1024;
constexpr uint64_t kSector = 32;

struct Block;
struct Warp;

enum class State : uint8_t { ready, at_barrier, in_collective, done };

struct Thread {
  Fiber fiber;
  Place where{};
  State state = State::ready;
  Warp* warp = nullptr;
  Block* block = nullptr;
  int line = 0;
  unsigned number = 0;  // in the block
  // Of the collective that it waits in.
  unsigned mask = 0, source = 0;
  Collective kind{};
  uint64_t value = 0, result = 0;
  unsigned loads = 0;
};

// The lanes of one load instruction.
struct Load {
  std::vector<std::pair<uint64_t, size_t>> lanes;  // address, bytes
};

struct Warp {
  Thread* lane[kLanes] = {};
  unsigned there = 0, waiting = 0;  // lanes that run, and how many of them wait in a collective
  std::vector<Load> loads;
};

struct SharedBytes {
  int id;
  std::unique_ptr<unsigned char[], void (*)(void*)> bytes{nullptr, std::free};
};

std::unique_ptr<unsigned char[], void (*)(void*)> poisoned(size_t bytes) {
  void* p = nullptr;
  if (posix_memalign(&p, 128, bytes)) throw std::bad_alloc();
  std::memset(p, 0xff, bytes);  // NaN as float, half and bfloat16
  return {static_cast<unsigned char*>(p), std::free};
}

struct Block {
  unsigned threads = 0, alive = 0, arrived = 0;
  int line = 0;  // of the barrier that threads wait at
  std::unique_ptr<unsigned char[], void (*)(void*)> dynamic{nullptr, std::free};
  std::vector<SharedBytes> shared;
  size_t shared_bytes = 0;
};

// Of the lanes' numbers: each adds that of the lane 16, 8, 4, 2 and 1 away.
template <class T>
uint64_t sum_of(const uint64_t (&bits)[kLanes]) {
  T values[kLanes];
  for (unsigned l = 0; l < kLanes; l++) std::memcpy(&values[l], &bits[l], sizeof(T));
  for (unsigned apart = kLanes / 2; apart; apart /= 2)
    for (unsigned l = 0; l < apart; l++) values[l] = values[l] + values[l + apart];
  uint64_t sum = 0;
  std::memcpy(&sum, values, sizeof(T));
  return sum;
}

// One launch on this thread of the machine.
class Scheduler {
 public:
  Scheduler(dim3 grid, dim3 block, size_t dynamic, const std::function<void()>& kernel)
      : grid_(grid), block_(block), dynamic_(dynamic), kernel_(kernel), random_(options().seed * 0x9e3779b97f4a7c15ull + 1) {
    current_ = &main_;
  }

  void run() {
    std::vector<dim3> blocks;
    for (unsigned z = 0; z < grid_.z; z++)
      for (unsigned y = 0; y < grid_.y; y++)
        for (unsigned x = 0; x < grid_.x; x++) blocks.emplace_back(x, y, z);
    if (shuffled())
      for (size_t i = blocks.size(); i > 1; i--) std::swap(blocks[i - 1], blocks[random() % i]);
    slow_ = static_cast<unsigned>(random() % ((block_.x * block_.y * block_.z + kLanes - 1) / kLanes));
    // In a random order a few blocks run side by side.
    for (size_t first = 0; first < blocks.size();) {
      const size_t together = std::min(blocks.size() - first, shuffled() ? 1 + random() % 3 : 1);
      run_blocks({blocks.begin() + static_cast<ptrdiff_t>(first), blocks.begin() + static_cast<ptrdiff_t>(first + together)});
      first += together;
    }
  }

  Thread& current() { return *current_; }

  void barrier(int line) {
    Thread& me = *current_;
    Block& b = *me.block;
    if (b.alive != b.threads) fail("__syncthreads at line %d after %u threads exited", line, b.threads - b.alive);
    if (b.arrived && b.line != line) fail("__syncthreads at line %d while others wait at line %d", line, b.line);
    b.line = me.line = line;
    me.state = State::at_barrier;
    b.arrived++;
    if (b.arrived == b.alive) open_barrier(b);
    wait();
  }

  uint64_t collective(unsigned mask, Collective kind, uint64_t value, unsigned source, int line) {
    Thread& me = *current_;
    if (!(mask >> me.where.lane & 1)) fail("a lane calls a collective whose mask leaves it out, line %d", line);
    me.mask = mask;
    me.kind = kind;
    me.value = value;
    me.source = source;
    me.line = line;
    me.state = State::in_collective;
    me.warp->waiting++;
    complete(*me.warp, mask, kind);
    wait();
    return me.result;
  }

  void yield() {
    Thread& me = *current_;
    push(me);
    wait();
  }

  void* static_shared(int id, size_t bytes) {
    Block& b = *current_->block;
    for (SharedBytes& s : b.shared)
      if (s.id == id) return s.bytes.get();
    b.shared_bytes += (bytes + 15) / 16 * 16;
    if (b.shared_bytes > kMostStatic) fail("more than %zu KiB of static shared memory; use dynamic", kMostStatic / 1024);
    b.shared.push_back({id, poisoned(bytes)});
    return b.shared.back().bytes.get();
  }

  void count_load(const void* from, size_t bytes) {
    if (!options().count) return;
    Thread& me = *current_;
    std::vector<Load>& loads = me.warp->loads;
    if (loads.size() <= me.loads) loads.resize(me.loads + 1);
    loads[me.loads++].lanes.emplace_back(reinterpret_cast<uint64_t>(from), bytes);
  }

  // What a fiber runs.
  void body() {
    Thread& me = *current_;
    kernel_();
    Block& b = *me.block;
    me.state = State::done;
    b.alive--;
    live_--;
    me.warp->there &= ~(1u << me.where.lane);
    for (const Thread* other : me.warp->lane)
      if (other && other->state == State::in_collective && other->mask >> me.where.lane & 1)
        fail("a collective names lane %u, which has exited", me.where.lane);
    if (b.arrived > 0) fail("a thread exited while others wait at __syncthreads, line %d", b.line);
    wait(true);
  }

 private:
  bool shuffled() const { return options().seed != 0; }
  uint64_t random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    return random_ ^= random_ << 17;
  }

  void push(Thread& t) {
    t.state = State::ready;
    ready_.push_back(&t);
  }
  // The place of a random thread among those that can run. One warp of each block is slow: it seldom runs while others can, so
  // that they overtake it.
  size_t drawn() {
    constexpr int kTries = 16;
    size_t at = next_;
    for (int i = 0; i < kTries; i++) {
      at = next_ + random() % (ready_.size() - next_);
      if (ready_[at]->number / kLanes != slow_) break;
    }
    return at;
  }
  // The next thread that can run; null where there is none.
  Thread* pop() {
    if (next_ == ready_.size()) return nullptr;
    if (shuffled()) std::swap(ready_[next_], ready_[drawn()]);
    Thread* t = ready_[next_++];
    if (next_ > 4096 && next_ * 2 > ready_.size()) {
      ready_.erase(ready_.begin(), ready_.begin() + static_cast<ptrdiff_t>(next_));
      next_ = 0;
    }
    return t;
  }

  // Runs others. `last`: for good.
  void wait(bool last = false) {
    Thread& me = *current_;
    Thread* next = pop();
    if (!next) {
      if (live_)
        std::snprintf(error_, sizeof error_, "deadlock: %zu threads wait and none can run, the last at line %d", live_, me.line);
      next = &main_;
    }
    switch_to(me, *next, last);
  }
  void switch_to(Thread& from, Thread& to, bool last = false) {
    current_ = &to;
    Fiber::switch_to(from.fiber, to.fiber, last);
  }

  // Ends the launch with an error.
  template <class... Numbers>
  void fail(const char* format, Numbers... numbers) {
    Thread& me = *current_;
    // Nothing on the heap: the fiber is left as it stands.
    const int said = std::snprintf(error_, sizeof error_, format, numbers...);
    std::snprintf(error_ + said, sizeof error_ - static_cast<size_t>(said), " [block %u,%u thread %u]", me.where.block.x,
                  me.where.block.y, me.number);
    switch_to(me, main_, true);
  }

  void open_barrier(Block& b) {
    b.arrived = 0;
    for (Thread& t : threads_)
      if (t.block == &b && t.state == State::at_barrier) push(t);
  }

  // Ends a collective once all lanes of its mask wait in it.
  void complete(Warp& warp, unsigned mask, Collective kind) {
    // Mostly others are still on their way.
    if ((mask & ~warp.there) == 0 &&
        warp.waiting < (mask == 0xffffffffu ? kLanes : static_cast<unsigned>(__builtin_popcount(mask))))
      return;
    for (unsigned l = 0; l < kLanes; l++) {
      if (!(mask >> l & 1)) continue;
      const Thread* t = warp.lane[l];
      if (!t || t->state == State::done) fail("a collective names lane %u, which %s", l, t ? "has exited" : "does not exist");
      if (t->state != State::in_collective || t->mask != mask || t->kind != kind) return;
    }
    uint64_t values[kLanes] = {};
    unsigned votes = 0;
    int line = -1;
    for (unsigned l = 0; l < kLanes; l++) {
      if (!(mask >> l & 1)) continue;
      const Thread& t = *warp.lane[l];
      values[l] = t.value;
      votes |= (t.value ? 1u : 0u) << l;
      if (line < 0) line = t.line;
      if (t.line != line && kind != Collective::sync) fail("a collective is reached at lines %d and %d", line, t.line);
    }
    const uint64_t sum = kind == Collective::sum_float    ? sum_of<float>(values)
                         : kind == Collective::sum_double ? sum_of<double>(values)
                                                          : 0;
    for (unsigned l = 0; l < kLanes; l++) {
      if (!(mask >> l & 1)) continue;
      Thread& t = *warp.lane[l];
      if (kind == Collective::shuffle && !(mask >> t.source & 1))
        fail("a shuffle reads lane %u, which is not in its mask, line %d", t.source, t.line);
      warp.waiting--;
      t.result = kind == Collective::shuffle ? values[t.source] : kind == Collective::ballot ? votes : sum;
      push(t);
    }
  }

  void run_blocks(const std::vector<dim3>& which);
  void flush(Warp& warp);

  const dim3 grid_, block_;
  const size_t dynamic_;
  const std::function<void()>& kernel_;
  uint64_t random_;
  unsigned slow_ = 0;  // in a random order: the number of a warp
  Thread main_;
  Thread* current_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Thread*> ready_;
  size_t next_ = 0, live_ = 0;
  char error_[256] = "";
};

// In a library that is loaded late, the fast way to a variable of the thread.
#if defined(__linux__)
__attribute__((tls_model("initial-exec")))
#endif
thread_local Scheduler* scheduler = nullptr;

void fiber_entry() {
  Fiber::begin();
  scheduler->body();
  std::abort();  // not reached: body never returns
}

// Some blocks that are on the device at once.
void Scheduler::run_blocks(const std::vector<dim3>& which) {
  const unsigned threads = block_.x * block_.y * block_.z, warps = (threads + kLanes - 1) / kLanes;
  std::vector<Block> blocks(which.size());
  std::vector<Warp> all_warps(which.size() * warps);
  threads_ = std::vector<Thread>(which.size() * threads);
  ready_.clear();
  next_ = 0;
  live_ = threads_.size();
  for (size_t i = 0; i < which.size(); i++) {
    Block& b = blocks[i];
    b.threads = b.alive = threads;
    if (dynamic_) b.dynamic = poisoned(dynamic_);
    for (unsigned n = 0; n < threads; n++) {
      Thread& t = threads_[i * threads + n];
      t.block = &b;
      t.warp = &all_warps[i * warps + n / kLanes];
      t.warp->lane[n % kLanes] = &t;
      t.warp->there |= 1u << n % kLanes;
      t.number = n;
      t.where = {dim3(n % block_.x, n / block_.x % block_.y, n / (block_.x * block_.y)), which[i], block_, grid_, n % kLanes};
      t.fiber.prepare(fiber_entry, take_stack(options().stack));
      push(t);
    }
  }
  if (Thread* first = pop()) switch_to(main_, *first);
  if (options().count)
    for (Warp& warp : all_warps) flush(warp);
  for (Thread& t : threads_) give_back(t.fiber.stack());
  if (*error_) throw Error(error_);
}

void Scheduler::flush(Warp& warp) {
  for (const Load& load : warp.loads) {
    std::vector<uint64_t> sectors;
    for (const auto& [address, bytes] : load.lanes) {
      counts().bytes += bytes;
      for (uint64_t s = address / kSector; s <= (address + bytes - 1) / kSector; s++) sectors.push_back(s);
    }
    std::sort(sectors.begin(), sectors.end());
    counts().sectors += static_cast<uint64_t>(std::unique(sectors.begin(), sectors.end()) - sectors.begin());
    counts().instructions++;
  }
}

}  // namespace

Options& options() {
  static Options all;
  return all;
}
Counts& counts() {
  static Counts all;
  return all;
}

void launch(dim3 grid, dim3 block, size_t dynamic, const std::function<void()>& kernel) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > kMostThreads)
    throw Error("a block of " + std::to_string(threads) + " threads; expected 1 to " + std::to_string(kMostThreads));
  if (dynamic > kMostDynamic)
    throw Error(std::to_string(dynamic) + " bytes of dynamic shared memory; a block has at most " + std::to_string(kMostDynamic));
  Scheduler own(grid, block, dynamic, kernel);
  Scheduler* outer = std::exchange(scheduler, &own);
  struct Restore {
    Scheduler* to;
    ~Restore() { scheduler = to; }
  } restore{outer};
  own.run();
}

const Place& place() { return scheduler->current().where; }
void barrier(int line) { scheduler->barrier(line); }
uint64_t collective(unsigned mask, Collective kind, uint64_t value, unsigned source, int line) {
  return scheduler->collective(mask, kind, value, source, line);
}
void yield() { scheduler->yield(); }
void* static_shared(int id, size_t bytes) { return scheduler->static_shared(id, bytes); }
unsigned char* dynamic_shared() { return scheduler->current().block->dynamic.get(); }
void count_load(const void* from, size_t bytes) { scheduler->count_load(from, bytes); }

}  // namespace sparselab::cuda::emulator
