// Backends in shared libraries: one that joins, and those that are refused.
#include "backend/registry.h"

#include <cstdio>

#include "testing/backends.h"
#include "testing/random_model.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

std::string library(const char* name) { return std::string(SPARSELAB_TEST_BACKENDS) + "/" + name + SPARSELAB_LIBRARY_SUFFIX; }

std::vector<float> logits_of(const RandomModel& m) {
  std::vector<float> t(m.shape.layers, 0.0f);
  SlSetting setting{SL_RELU, SL_EXACT, t.data(), nullptr, 0};
  const SlPlan plan{&setting, 1, nullptr, 0, 1, 4, 2};
  Rows rows;
  for (int32_t i = 0; i < 4; i++) rows.add(i + 3, i);
  SlProgram* program = compile(m, plan);
  const Result result = forward(m, program, plan, rows);
  m.backend.close_program(program);
  return result.logits;
}

}  // namespace

TEST("registry: a backend of a shared library joins, is found by its name and computes") {
  CHECK(load_backend(library("copy")) == "copy");
  CHECK(load_backend(library("copy")) == "copy");  // the same library again
  const std::vector<std::string> names = backend_names();
  CHECK(names.front() == "cpu" && std::count(names.begin(), names.end(), "copy") == 1);
  CHECK(&find_backend("cpu") == sl_cpu_backend() && &find_backend("copy") != sl_cpu_backend());

  const uint64_t seed = fresh_seed();
  const std::vector<float> want = logits_of(RandomModel(seed, small_shape(), {F32, Q8_0}, false));
  std::vector<float> got;
  with_backend(find_backend("copy"), [&] {
    const RandomModel m(seed, small_shape(), {F32, Q8_0}, false);
    CHECK(std::string(m.backend.name) == "copy");
    got = logits_of(m);
  });
  CHECK(same_bits(want, got));
}

TEST("registry: devices of a backend, and where there are none") {
  load_backend(library("copy"));
  const SlDevice device = find_device("copy", 0);
  CHECK(std::string(device.name) == "test device" && device.devices == 1 && device.free_bytes == 600);
  CHECK_ERROR(find_device("copy", 1), "no-device: there is only device 0");
  CHECK_ERROR(find_device("cpu", 0), "no-device: backend \"cpu\" has no devices");
  CHECK_ERROR(find_device("nowhere", 0), "no-device: there is no backend \"nowhere\"");
}

TEST("registry: what is refused, and why") {
  CHECK_ERROR(find_backend("nowhere"), "no-device: there is no backend \"nowhere\"; known: cpu");
  CHECK_ERROR(load_backend(library("nowhere")), "no-device: the backend library could not be loaded");
  CHECK_ERROR(load_backend(library("empty")), "exports no sl_backend");
  CHECK_ERROR(load_backend(library("other_version")),
              text("speaks version 99 of the backend boundary; expected %u", SL_BACKEND_VERSION));
  CHECK_ERROR(load_backend(library("second_cpu")), "names its backend \"cpu\", which is there already");
  const std::vector<std::string> names = backend_names();
  CHECK(std::count(names.begin(), names.end(), "cpu") == 1 && std::count(names.begin(), names.end(), "other_version") == 0);
}
