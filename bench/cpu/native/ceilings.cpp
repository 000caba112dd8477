#include "ceilings.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "engine.h"

namespace bench {
namespace {

#if defined(__AVX512F__)
#define SL_BYTES 64
#elif defined(__AVX__)
#define SL_BYTES 32
#else
#define SL_BYTES 16
#endif
typedef float Floats __attribute__((vector_size(SL_BYTES)));
typedef uint64_t Words __attribute__((vector_size(SL_BYTES)));

// All threads begin together; the seconds from there until the last is done.
double together(unsigned threads, const std::function<void(unsigned)>& fn) {
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> pool;
  for (unsigned t = 0; t < threads; t++)
    pool.emplace_back([&, t] {
      ready++;
      while (!go) std::this_thread::yield();
      fn(t);
    });
  while (ready < threads) std::this_thread::yield();
  const double begin = now();
  go = true;
  for (std::thread& t : pool) t.join();
  return now() - begin;
}

// Twelve accumulators: latency 4 or 5, one or two a cycle; they fit into 16 registers.
#define SL_EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

double multiply_adds(uint64_t steps) {
  Floats x = Floats{} + 0.999999f, y = Floats{} + 1e-6f;
#define SL_DECLARE(i) Floats a##i = Floats{} + static_cast<float>(i);
  SL_EACH(SL_DECLARE)
  for (uint64_t s = 0; s < steps; s++) {
    asm volatile("" : "+x"(x), "+x"(y));  // neither is known at compile time
#define SL_STEP(i) a##i = a##i * x + y;
    SL_EACH(SL_STEP)
  }
  double sum = 0;
#define SL_SUM(i) sum += static_cast<double>(a##i[0]);
  SL_EACH(SL_SUM)
  return sum;
}

uint64_t read(const uint8_t* from, const uint8_t* to) {
  Words a{}, b{}, c{}, d{};
  for (; from + 4 * SL_BYTES <= to; from += 4 * SL_BYTES) {
    __builtin_prefetch(from + 4096);
    if (SL_BYTES == 64) {
      __builtin_prefetch(from + 4096 + 64);
      __builtin_prefetch(from + 4096 + 128);
      __builtin_prefetch(from + 4096 + 192);
    } else if (SL_BYTES == 32) {
      __builtin_prefetch(from + 4096 + 64);
    }
    const auto* w = reinterpret_cast<const Words*>(from);
    a ^= w[0], b ^= w[1], c ^= w[2], d ^= w[3];
  }
  a ^= b ^ c ^ d;
  uint64_t out = 0;
  for (size_t i = 0; i < SL_BYTES / 8; i++) out ^= a[i];
  return out;
}

std::atomic<uint64_t> sink;

// Memory that is kept for the next call, as filling it takes longer than reading it.
class Area {
 public:
  Area(uint64_t bytes, bool huge) : bytes_(bytes) {
    void* p = mmap(nullptr, bytes_ + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::runtime_error("no memory to measure its bandwidth");
    base_ = p;
    begin_ = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(p) + kHuge - 1) / kHuge * kHuge);
#ifdef MADV_HUGEPAGE
    madvise(begin_, bytes_, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
    std::memset(begin_, 1, bytes_);
  }
  ~Area() { munmap(base_, bytes_ + kHuge); }
  Area(const Area&) = delete;
  Area& operator=(const Area&) = delete;
  uint8_t* begin() const { return begin_; }
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr uint64_t kHuge = 2 << 20;
  uint64_t bytes_;
  void* base_;
  uint8_t* begin_;
};

}  // namespace

double stream_bandwidth(unsigned threads, uint64_t bytes, bool huge) {
  static std::unique_ptr<Area> areas[2];
  std::unique_ptr<Area>& area = areas[huge];
  if (!area || area->bytes() != bytes) area = std::make_unique<Area>(bytes, huge);
  const uint64_t part = bytes / threads / 4096 * 4096;
  const double seconds = together(threads, [&](unsigned t) {
    const uint8_t* from = area->begin() + t * part;
    sink ^= read(from, from + part);
  });
  return static_cast<double>(part * threads) / seconds;
}

double fma_peak(unsigned threads) {
  static uint64_t steps = 1 << 20;
  std::atomic<double> kept{0};
  const auto run = [&] { return together(threads, [&](unsigned) { kept = multiply_adds(steps); }); };
  double seconds = run();
  while (seconds < 0.05) steps *= 2, seconds = run();
  seconds = run();
  return static_cast<double>(steps) * 12 * (SL_BYTES / 4) * 2 * threads / seconds;
}

}  // namespace bench
