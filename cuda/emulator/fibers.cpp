#include "emulator/fibers.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <vector>

#if defined(CUDA_EMULATOR_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
// Saves the registers that a call keeps and the stack pointer, and takes those of another fiber.
extern "C" void cuda_emulator_switch(void** save, void* load);
asm(R"(
.text
.p2align 4
.globl cuda_emulator_switch
.type cuda_emulator_switch,@function
cuda_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size cuda_emulator_switch,.-cuda_emulator_switch
)");
#endif

namespace sparselab::cuda::emulator {
namespace {

constexpr size_t kGuard = 4096;

thread_local std::vector<Stack> kept;
thread_local Fiber* switching_to = nullptr;
#if defined(CUDA_EMULATOR_ASAN)
thread_local Fiber* switched_from = nullptr;
#endif

}  // namespace

Stack take_stack(size_t size) {
  if (!kept.empty() && kept.back().size == size) {
    const Stack stack = kept.back();
    kept.pop_back();
    return stack;
  }
  void* bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED) throw std::bad_alloc();
  mprotect(bytes, kGuard, PROT_NONE);
  return {bytes, size};
}

void give_back(Stack stack) {
#if defined(CUDA_EMULATOR_ASAN)
  __asan_unpoison_memory_region(static_cast<char*>(stack.bytes) + kGuard, stack.size - kGuard);
#endif
  kept.push_back(stack);
}

void Fiber::prepare(void (*entry)(), Stack stack) {
  stack_ = stack;
#if defined(__x86_64__)
  // As if `entry` had been called: the stack pointer is 8 beyond a multiple of 16.
  const uintptr_t top = (reinterpret_cast<uintptr_t>(stack.bytes) + stack.size) & ~uintptr_t{15};
  void** at = reinterpret_cast<void**>(top) - 2;
  *--at = nullptr;
  *--at = reinterpret_cast<void*>(entry);
  for (int kept_register = 0; kept_register < 6; kept_register++) *--at = nullptr;
  pointer_ = at;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack.bytes;
  context_.uc_stack.ss_size = stack.size;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#endif
}

void Fiber::begin() {
#if defined(CUDA_EMULATOR_ASAN)
  const void* bottom = nullptr;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(switching_to->fake_stack_, &bottom, &size);
  // Of the caller's own stack this is how its size becomes known.
  if (switched_from && !switched_from->stack_.bytes) switched_from->stack_ = {const_cast<void*>(bottom), size};
#endif
}

void Fiber::switch_to(Fiber& from, Fiber& to, [[maybe_unused]] bool last) {
  if (&from == &to) return;
  switching_to = &to;
#if defined(CUDA_EMULATOR_ASAN)
  switched_from = &from;
  __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack_, to.stack_.bytes, to.stack_.size);
#endif
#if defined(__x86_64__)
  cuda_emulator_switch(&from.pointer_, to.pointer_);
#else
  swapcontext(&from.context_, &to.context_);
#endif
  begin();  // someone switched back
}

}  // namespace sparselab::cuda::emulator
