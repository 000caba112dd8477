// A backend in a shared library, for the tests of the registry: the CPU's under another name, or one that must be refused.
#include "backend/backend.h"

#ifndef TEST_BACKEND_WITHOUT_SYMBOL
extern "C" __attribute__((visibility("default"))) const SlBackend* sl_backend(void) {
  static const SlBackend backend = [] {
    SlBackend b{};
#ifdef TEST_BACKEND_OF_THE_CPU
    b = *sl_cpu_backend();
#endif
    b.version = TEST_BACKEND_VERSION;
    b.name = TEST_BACKEND_NAME;
    return b;
  }();
  return &backend;
}
#endif
