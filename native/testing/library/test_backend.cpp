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
#ifdef TEST_BACKEND_WITH_DEVICE
// One device, number 0.
extern "C" __attribute__((visibility("default"))) int sl_probe(int32_t device, SlDevice* out, SlError* error) {
  if (device != 0) {
    *error = {"no-device", "there is only device 0"};
    return 1;
  }
  *out = {"test device", 1, 1000, 600, 13000, 13000};
  return 0;
}
#endif
#endif
