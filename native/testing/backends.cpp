#include "testing/backends.h"

#include <cmath>
#include <cstdlib>

#include "backend/registry.h"

namespace sparselab::testing {
namespace {

std::vector<Test>& suite() {
  static std::vector<Test> all;
  return all;
}
const SlBackend*& at_work() {
  static const SlBackend* one = sl_cpu_backend();
  return one;
}

}  // namespace

std::vector<const SlBackend*> tested_backends() {
  std::vector<const SlBackend*> all{sl_cpu_backend()};
#if defined(SPARSELAB_CUDA_EMULATED)
  all.push_back(&find_backend(load_backend(SPARSELAB_CUDA_EMULATED)));
#endif
  if (const char* path = std::getenv("SPARSELAB_TEST_BACKEND"); path && *path) all.push_back(&find_backend(load_backend(path)));
  return all;
}

const SlBackend& backend() { return *at_work(); }

void with_backend(const SlBackend& other, const std::function<void()>& body) {
  const SlBackend* const before = at_work();
  struct Restore {
    const SlBackend* to;
    ~Restore() { at_work() = to; }
  } const restore{before};
  at_work() = &other;
  body();
}

bool defines_the_bits() { return std::string(backend().name) != "cuda"; }

bool same_sums(const std::vector<float>& a, const std::vector<float>& b) {
  if (defines_the_bits()) return same_bits(a, b);
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); i++) {
    error += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return a.size() == b.size() && std::sqrt(error) <= 2e-6 * std::sqrt(size);
}

bool add_to_suite(const char* name, std::function<void()> body) {
  suite().push_back({name, std::move(body)});
  return true;
}

void register_suite() {
  for (const SlBackend* one : tested_backends())
    for (const Test& t : suite())
      tests().push_back({text("[%s] %s", one->name, t.name.c_str()), [one, body = t.body] { with_backend(*one, body); }});
}

}  // namespace sparselab::testing
