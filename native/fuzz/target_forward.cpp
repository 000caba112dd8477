// Fuzzed: a short forward of a small model. The last byte chooses how it runs; the bytes before it are the model's file. Each
// tensor lies in a buffer of exactly its size.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "architectures/model_file.h"
#include "backend/backend.h"
#include "error.h"
#include "fuzz/targets.h"

namespace sparselab::fuzz {
namespace {

// What a forward of a model takes stays within milliseconds.
constexpr uint32_t kMostLayers = 4, kMostWidth = 512, kMostHeads = 16;
constexpr uint32_t kRows = 3, kLength = 6;

bool small(const SlModel& m) {
  if (m.layers > kMostLayers || m.hidden > kMostWidth || m.vocab > kMostWidth) return false;
  return std::all_of(m.layer, m.layer + m.layers, [](const SlLayer& l) {
    return l.neurons <= kMostWidth && l.heads <= kMostHeads && l.kv_heads <= kMostHeads && l.head_size <= kMostWidth;
  });
}

// The weights, each alone in memory.
struct Weights {
  std::vector<std::unique_ptr<uint8_t[]>> bytes;
  std::vector<SlTensor> tensors;
  explicit Weights(const ModelSpec& spec) {
    for (const ModelTensor& one : spec.tensors) {
      bytes.emplace_back(new uint8_t[one.tensor.bytes]);
      std::copy_n(one.info->data, one.tensor.bytes, bytes.back().get());
      tensors.push_back(one.tensor);
      tensors.back().data = bytes.back().get();
    }
  }
};

// Two passes: `kRows` tokens, then one more.
void run(const SlBackend& cpu, SlBackendModel* model, const SlModel& shape, uint8_t how) {
  const std::vector<float> t(shape.layers, 0.01f), cutoff(shape.layers, 0.0f);
  constexpr uint32_t strategies[] = {SL_DENSE, SL_EXACT, SL_PREDICTED};
  SlSetting setting{shape.layer[0].ffn.activation, strategies[how % 3], t.data(), nullptr, 0};
  setting.cutoff = cutoff.data();
  SlPlan plan{&setting, 1, nullptr, 0, 1, std::min(kLength, shape.context), 1};
  plan.kv = how >> 2 & 1;
  plan.arithmetic = how >> 3 & 1;
  SlProgram* program = nullptr;
  SlError error{};
  if (cpu.compile(model, &plan, &program, &error)) return;
  uint32_t held = 0;
  for (const uint32_t rows : {kRows, 1u}) {
    std::vector<int32_t> tokens(rows), positions(rows), zeros(rows, 0);
    for (uint32_t b = 0; b < rows; b++) {
      positions[b] = static_cast<int32_t>(held + b);
      tokens[b] = static_cast<int32_t>((how + 7 * (held + b)) % shape.vocab);
    }
    const std::vector<uint8_t> wanted(rows, 1);
    const std::unique_ptr<float[]> logits(new float[uint64_t{rows} * shape.vocab]);
    const uint64_t counts = uint64_t{shape.layers} * rows;
    const std::unique_ptr<uint32_t[]> mid(new uint32_t[counts]), gate(new uint32_t[counts]), read(new uint32_t[counts]);
    SlBatch batch{rows, tokens.data(), positions.data(), zeros.data(), zeros.data(), wanted.data(), nullptr, nullptr};
    SlSinks sinks{};
    sinks.logits = logits.get();
    sinks.zeros_mid = mid.get();
    sinks.zeros_gate = gate.get();
    sinks.rows_read = read.get();
    SlControl control{};
    if (cpu.forward(program, &batch, &sinks, &control, &error)) break;
    held += rows;
    uint32_t said = 0;
    if (cpu.held(program, 0, &said, &error) || said != held) std::abort();
  }
  cpu.close_program(program);
}

}  // namespace

void fuzz_forward(const uint8_t* data, size_t size) {
  if (size < 1) return;
  const uint8_t how = data[--size];
  try {
    const std::unique_ptr<uint8_t[]> file(new uint8_t[size]);
    std::copy(data, data + size, file.get());
    const Table table = read_table(file.get(), size);
    const ModelSpec spec = read_spec(table);
    if (!small(spec.model)) return;
    const Weights weights(spec);
    const SlBackend& cpu = *sl_cpu_backend();
    SlOpenOptions options{};
    options.down = how >> 4 & 1 ? SL_DOWN_AS_STORED : SL_DOWN_BY_NEURON;
    SlBackendModel* model = nullptr;
    SlOpened opened{};
    SlError error{};
    if (cpu.open(&spec.model, weights.tensors.data(), weights.tensors.size(), &options, &model, &opened, &error)) return;
    run(cpu, model, spec.model, how);
    cpu.close(model);
  } catch (const Error&) {
  }
}

}  // namespace sparselab::fuzz
