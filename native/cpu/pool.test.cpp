// Every chunk once, by any number of threads; stops when asked; many callers take turns.
#include "cpu/pool.h"

#include <chrono>
#include <numeric>

#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::testing;

TEST("pool: every chunk is done once") {
  const uint32_t never = 0;
  for (size_t threads : {1, 2, 3, 7}) {
    cpu::Pool pool(threads);
    for (size_t chunks : {0, 1, 2, 100, 1000}) {
      std::vector<std::atomic<int>> times(chunks);
      CHECK(pool.run(chunks, cpu::Stop(never), [&](size_t c) { times[c]++; }));
      for (auto& t : times) CHECK(t == 1);
    }
  }
}

TEST("pool: many short tasks in a row, after sleeping too") {
  const uint32_t never = 0;
  cpu::Pool pool(3);
  std::atomic<size_t> sum{0};
  for (int i = 0; i < 2000; i++) {
    pool.run(5, cpu::Stop(never), [&](size_t c) { sum += c; });
    if (i % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(sum == 20000);
}

TEST("pool: a stop leaves out what has not begun") {
  uint32_t stop = 0;
  cpu::Pool pool(2);
  std::atomic<int> done{0};
  bool all = pool.run(1000, cpu::Stop(stop), [&](size_t) {
    if (++done == 10) __atomic_store_n(&stop, 1u, __ATOMIC_RELAXED);
  });
  CHECK(!all);
  CHECK(done >= 10 && done < 20);
}

TEST("pool: callers take turns") {
  const uint32_t never = 0;
  auto pool = cpu::Pool::of(2);
  CHECK(pool == cpu::Pool::of(2));
  std::atomic<size_t> sum{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; i++)
    callers.emplace_back([&] {
      for (int k = 0; k < 100; k++) pool->run(10, cpu::Stop(never), [&](size_t c) { sum += c; });
    });
  for (auto& t : callers) t.join();
  CHECK(sum == 4 * 100 * 45);
}
