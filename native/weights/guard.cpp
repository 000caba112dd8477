#include "weights/guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

#include "error.h"

namespace sparselab {
namespace {

// A signal handler may not lock or allocate, so the guarded ranges are in a fixed table of atomics. A slot is free while
// `begin` is 0.
constexpr size_t kSlots = 4096;
struct Slot {
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<bool> damaged{false};
};
Slot slots[kSlots];
std::atomic<size_t> used{0};  // slots ever used: the handler looks at these only
std::atomic<uintptr_t> page{4096};
struct sigaction previous;

bool replaced(uintptr_t address) {
  const size_t n = used.load();
  for (size_t i = 0; i < n; i++) {
    Slot& slot = slots[i];
    const uintptr_t begin = slot.begin.load(), end = slot.end.load();
    if (begin == 0 || address < begin || address >= end) continue;
    slot.damaged.store(true);
    // Replace all pages from here to the end of the mapping: if one is beyond the end of the file, so are those after it. They
    // share the one zero page, and reading on does not fault at each of them.
    const uintptr_t from = address & ~(page.load() - 1);
    return mmap(reinterpret_cast<void*>(from), end - from, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                0) != MAP_FAILED;
  }
  return false;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool done = info && info->si_code > 0 && replaced(reinterpret_cast<uintptr_t>(info->si_addr));
  errno = saved;
  if (done) return;
  if (previous.sa_flags & SA_SIGINFO) return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler == SIG_IGN && info && info->si_code <= 0) return;  // sent by a process, and ignored as before
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
  // The default: the process ends. A fault happens again at the same instruction; a signal that was sent is sent again.
  ::signal(signal, SIG_DFL);
  if (!info || info->si_code <= 0) raise(signal);
}

void install() {
  page.store(static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)));
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  // `previous` is filled before the handler can run.
  sigaction(SIGBUS, nullptr, &previous);
  sigaction(SIGBUS, &action, nullptr);
}

std::mutex& mutex() {
  static std::mutex& one = *new std::mutex;  // threads may outlive static objects at the end of the process
  return one;
}

}  // namespace

Guard::Guard(const void* data, size_t bytes) {
  static std::once_flag once;
  std::call_once(once, install);
  std::lock_guard lock(mutex());
  for (slot_ = 0; slot_ < kSlots && slots[slot_].begin.load() != 0; slot_++) {
  }
  if (slot_ == kSlots)
    throw Error(Code::out_of_memory, text("%zu model files are open; dispose of models that are not used any more", kSlots));
  Slot& slot = slots[slot_];
  slot.damaged.store(false);
  slot.end.store(reinterpret_cast<uintptr_t>(data) + bytes);
  slot.begin.store(reinterpret_cast<uintptr_t>(data));
  if (slot_ >= used.load()) used.store(slot_ + 1);
}

Guard::~Guard() {
  std::lock_guard lock(mutex());
  slots[slot_].begin.store(0);
}

bool Guard::damaged() const { return slots[slot_].damaged.load(); }

}  // namespace sparselab
