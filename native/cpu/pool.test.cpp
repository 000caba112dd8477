// Every chunk once, by any number of threads; stops when asked; many callers take turns.
#include "cpu/pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
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

TEST("pool: what a chunk throws comes out of run, whichever thread took it, and the next task runs") {
  const uint32_t never = 0;
  for (size_t threads : {1, 2, 5}) {
    cpu::Pool pool(threads);
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> inside{0};
    // Of two threads: the caller waits in its chunk until the worker has thrown in its own.
    std::atomic<bool> thrown{threads == 1};
    const std::string said = message_of([&] {
      pool.run(100, cpu::Stop(never), [&](size_t) {
        inside++;
        if (threads == 1 || std::this_thread::get_id() != caller) {
          thrown = true;
          inside--;
          throw Error(Code::out_of_memory, "a chunk");
        }
        while (!thrown) std::this_thread::yield();
        inside--;
      });
    });
    CHECK_MSG(said == "out-of-memory: a chunk", said);
    CHECK(inside == 0);
    std::atomic<size_t> sum{0};
    CHECK(pool.run(100, cpu::Stop(never), [&](size_t c) { sum += c; }));
    CHECK(sum == 4950);
  }
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

TEST("pool: a caller that waits for its turn can be stopped while the first is still at work") {
  const uint32_t never = 0;
  uint32_t stop = 0;
  cpu::Pool pool(2);
  std::atomic<bool> begun{false}, release{false}, ended{false};
  std::thread first([&] {
    pool.run(1, cpu::Stop(never), [&](size_t) {
      begun = true;
      while (!release) std::this_thread::yield();
    });
    ended = true;
  });
  while (!begun) std::this_thread::yield();
  std::thread stops([&] { __atomic_store_n(&stop, 1u, __ATOMIC_RELAXED); });
  std::atomic<int> chunks{0};
  CHECK(!pool.run(10, cpu::Stop(stop), [&](size_t) { chunks++; }));
  CHECK(!ended && chunks == 0);
  // The line goes on behind the one that left it.
  std::thread third([&] { CHECK(pool.run(10, cpu::Stop(never), [&](size_t) { chunks++; })); });
  release = true;
  stops.join();
  first.join();
  third.join();
  CHECK(chunks == 10);
}

#if defined(__GLIBC__)
TEST("pool: threads that cannot be created are an error that counts the others") {
  pthread_attr_t attributes;
  CHECK(pthread_getattr_default_np(&attributes) == 0);
  size_t usual = 0;
  CHECK(pthread_attr_getstacksize(&attributes, &usual) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, size_t{1} << 46) == 0 && pthread_setattr_default_np(&attributes) == 0);
  const std::string said = message_of([] { cpu::Pool pool(4); });
  CHECK(pthread_attr_setstacksize(&attributes, usual) == 0 && pthread_setattr_default_np(&attributes) == 0);
  pthread_attr_destroy(&attributes);
  CHECK_MSG(said.find("out-of-memory: only 1 of 4 threads could be created") == 0, said);
  cpu::Pool pool(4);
  CHECK(pool.threads() == 4);
}
#endif

#if defined(__linux__) && !defined(SPARSELAB_SANITIZE)
TEST("pool: if only some threads can be created, they are ended and counted") {
  // In a child, whose address space has room for the stacks of a few threads.
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    std::ifstream statm("/proc/self/statm");
    uint64_t pages = 0;
    statm >> pages;
    const uint64_t now = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    const rlimit limit{now + (uint64_t{40} << 20), now + (uint64_t{40} << 20)};
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(2);
    try {
      cpu::Pool pool(64);
      _exit(3);
    } catch (const Error& e) {
      const std::string said = e.what();
      const int made = said.find("only ") == 0 ? std::atoi(said.c_str() + 5) : 0;
      if (made < 2 || made > 10) _exit(4);
      cpu::Pool pool(static_cast<size_t>(made));  // the way out that it names
      _exit(pool.threads() == static_cast<size_t>(made) ? 0 : 5);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, text("status %d", status));
}
#endif
