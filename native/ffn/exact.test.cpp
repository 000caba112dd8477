// `exact` does not touch what it says it leaves out: a silent neuron's rows of up and down are neither counted nor read.
#include <cmath>

#include "backend/backend.h"
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/testing.h"

#if defined(__linux__)
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace sparselab;
using namespace sparselab::testing;

namespace {

Result run(const RandomModel& m, SlStrategy strategy, size_t n, uint32_t threads, float threshold = 1) {
  std::vector<float> t(m.shape.layers, threshold);
  SlSetting setting{SL_FATRELU, static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
  const SlCapture captures[] = {{SL_FFN_GATE, 0, m.shape.layers}, {SL_FFN_MID, 0, m.shape.layers}};
  SlPlan plan{&setting, 1, captures, 2, 1, static_cast<uint32_t>(n), threads};
  SlProgram* program = compile(m, plan);
  Rows rows;
  for (size_t i = 0; i < n; i++) rows.add(static_cast<int32_t>((7 * i + 1) % m.shape.vocab), static_cast<int32_t>(i));
  Result out = forward(m, program, plan, rows);
  backend().close_program(program);
  return out;
}

// Bytes of a stored row. Types that the backend has no kernels for it holds as float16.
uint64_t row_of(const SlTensor& t) {
  const bool kept = t.type == F32 || t.type == F16 || t.type == BF16 || t.type == Q8_0 || t.type == Q4_0;
  return defines_the_bits() || kept ? t.bytes / t.rows : 2 * t.cols;
}

// Neurons of a layer that are 0 in all rows of a capture (L, B, F).
std::vector<uint8_t> silent(const RandomModel& m, const std::vector<float>& capture, size_t B, uint32_t layer) {
  const uint64_t F = m.shape.neurons;
  std::vector<uint8_t> out(F, 1);
  for (uint64_t i = 0; i < B * F; i++)
    if (capture[layer * B * F + i] != 0) out[i % F] = 0;
  return out;
}
uint64_t count(const std::vector<uint8_t>& flags) {
  uint64_t n = 0;
  for (uint8_t f : flags) n += f;
  return n;
}

}  // namespace

BACKEND_TEST("exact: the bytes it reads are those of dense without the silent rows of up and down") {
  uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (TensorType type : kAllTypes)
    for (size_t B : {1, 2, 4}) {
      RandomModel m(r(), shape_of_blocks({type}), {type}, true);
      Result dense = run(m, SL_DENSE, B, 2), exact = run(m, SL_EXACT, B, 2);
      CHECK(same_bits(dense.logits, exact.logits));
      uint64_t left_out = 0;
      for (uint32_t l = 0; l < m.shape.layers; l++) {
        const SlTensor &up = m.tensor(text("blk.%u.ffn_up.weight", l)), &down = m.tensor(text("blk.%u.ffn_down_t.weight", l));
        if (defines_the_bits()) {
          left_out += count(silent(m, dense.captures[0], B, l)) * row_of(up);
          left_out += count(silent(m, dense.captures[1], B, l)) * row_of(down);
          continue;
        }
        for (uint64_t b = 0; b < B; b++) {
          left_out += dense.zeros_gate[l * B + b] * row_of(up);
          left_out += dense.zeros_mid[l * B + b] * row_of(down);
        }
      }
      CHECK_MSG(left_out > 0 && dense.bytes - exact.bytes == left_out,
                text("%llu of %llu bytes, %llu rows' left out, type %d, %zu rows, seed %llu", (unsigned long long)exact.bytes,
                     (unsigned long long)dense.bytes, (unsigned long long)left_out, type, B, (unsigned long long)seed));
    }
}

#if defined(__linux__)
// Of the CPU, which reads weights where they lie.
TEST("exact: a silent neuron's weights may lie in memory that cannot be read") {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  Shape shape = small_shape();
  shape.hidden = static_cast<uint32_t>(page / 4);  // a row of F32 is a page
  shape.neurons = 48;
  shape.context = 128;
  // Few rows and many, few neurons active and so many that tiles are faster.
  struct Case {
    size_t rows;
    float t;
  };
  for (const auto [B, t] : {Case{1, 1}, Case{3, 1}, Case{6, 0.3f}, Case{70, 0.5f}, Case{70, 1}}) {
    const uint64_t seed = fresh_seed();
    RandomModel m(seed, shape, {F32}, true);
    for (uint32_t l = 0; l < shape.layers; l++)  // some are silent in every row
      for (uint64_t i = 3; i < shape.neurons; i += 7)
        std::memset(const_cast<uint8_t*>(m.tensor(text("blk.%u.ffn_gate.weight", l)).data) + i * page, 0, page);
    Result dense = run(m, SL_DENSE, B, 1, t);
    // The same numbers at the start of pages, and the model over those.
    for (uint32_t l = 0; l < shape.layers; l++)
      for (int down : {0, 1}) {
        auto& tensor = const_cast<SlTensor&>(m.tensor(text(down ? "blk.%u.ffn_down_t.weight" : "blk.%u.ffn_up.weight", l)));
        void* pages = mmap(nullptr, tensor.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(pages != MAP_FAILED);
        std::memcpy(pages, tensor.data, tensor.bytes);
        tensor.data = static_cast<const uint8_t*>(pages);
        const std::vector<uint8_t> unread = silent(m, dense.captures[down ? 1 : 0], B, l);
        CHECK(count(unread) > 0);
        for (uint64_t i = 0; i < shape.neurons; i++)
          if (unread[i]) CHECK(mprotect(static_cast<uint8_t*>(pages) + i * page, page, PROT_NONE) == 0);
      }
    backend().close(m.model);
    m.model = open_model(m.shape, m.tensors);
    std::fflush(stdout);
    const pid_t child = fork();  // a read that must not be ends it with a signal
    if (child == 0) _exit(same_bits(run(m, SL_EXACT, B, 1, t).logits, dense.logits) ? 0 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    for (uint32_t l = 0; l < shape.layers; l++)
      for (const char* name : {"ffn_up", "ffn_down_t"}) {
        const SlTensor& tensor = m.tensor(text("blk.%u.%s.weight", l, name));
        munmap(const_cast<uint8_t*>(tensor.data), tensor.bytes);
      }
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
              text("%zu rows: status %d, seed %llu", B, status, (unsigned long long)seed));
  }
}
#endif
