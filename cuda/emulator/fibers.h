// Fibers: stacks of their own that run in turn on one thread of the machine, one for each CUDA thread. Switching takes some
// nanoseconds on x86-64, and is ucontext's elsewhere. The address sanitizer is told of every switch.
#pragma once
#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define CUDA_EMULATOR_ASAN
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUDA_EMULATOR_ASAN
#endif
#endif

namespace sparselab::cuda::emulator {

struct Stack {
  void* bytes = nullptr;  // with a page below that nothing may touch
  size_t size = 0;
};
// Stacks are kept for the next launch.
Stack take_stack(size_t size);
void give_back(Stack stack);

// One that was not prepared stands for the caller's own stack.
class Fiber {
 public:
  // Runs `entry`, which never returns, at the first switch to it.
  void prepare(void (*entry)(), Stack stack);
  // `last`: from is not run again.
  static void switch_to(Fiber& from, Fiber& to, bool last = false);
  // The first thing that a fiber does.
  static void begin();
  const Stack& stack() const { return stack_; }

 private:
  Stack stack_;
#if defined(__x86_64__)
  void* pointer_ = nullptr;
#else
  ucontext_t context_{};
#endif
  void* fake_stack_ = nullptr;  // of the address sanitizer
};

}  // namespace sparselab::cuda::emulator
