#include "ours.h"

#include <cstring>
#include <optional>
#include <stdexcept>

#include "architectures/model_file.h"
#include "backend/backend.h"
#include "cpu/isa.h"
#include "gguf/reader.h"
#include "weights/mapping.h"

namespace bench {
namespace {

void check(int failed, const SlError& error) {
  if (failed) throw std::runtime_error(std::string(error.code) + ": " + error.message);
}

class Ours final : public Engine {
 public:
  ~Ours() override { close(); }

  std::string about() override {
    return "\"isa\":" + json(sparselab::cpu::kernels().isa) + ",\"compiler\":" + json(__VERSION__) + ",\"kv\":\"f32\"" +
           ",\"copiedBytes\":" + std::to_string(opened_.host_bytes);
  }

  void open(const std::string& path) override {
    close();
    mapping_.emplace(path);
    table_ = sparselab::read_table(mapping_->data(), mapping_->size());
    spec_ = sparselab::read_spec(table_);
    std::vector<SlTensor> tensors;
    for (const auto& [info, tensor, needs_data] : spec_.tensors) {
      tensors.push_back(tensor);
      tensors.back().data = mapping_->data() + info->offset;
    }
    const SlOpenOptions options{};
    SlError error{};
    check(backend_.open(&spec_.model, tensors.data(), tensors.size(), &options, &model_, &opened_, &error), error);
  }

  uint32_t vocab() override {
    if (!model_) throw std::runtime_error("open a model first");
    return spec_.model.vocab;
  }

  Run decode(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens) override {
    return run(mode, threads, tokens, 1);
  }
  Run prefill(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens) override {
    return run(mode, threads, tokens, tokens.size());
  }

 private:
  // A fresh program runs the tokens in batches of `rows`; the last row of each has logits.
  Run run(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens, size_t rows) {
    const uint32_t L = spec_.model.layers, V = vocab();
    const std::vector<float> t(L, 0.0f);  // (L)
    SlSetting setting{};
    setting.activation = mode == "silu" ? SL_SILU : SL_RELU;
    setting.strategy = mode == "exact" ? SL_EXACT : SL_DENSE;
    setting.t = t.data();
    if (mode != "silu" && mode != "exact" && mode != "dense")
      throw std::runtime_error("mode " + mode + "; expected dense, exact or silu");
    SlPlan plan{};
    plan.settings = &setting;
    plan.setting_count = 1;
    plan.sequences = 1;
    plan.length = static_cast<uint32_t>(tokens.size());
    plan.threads = threads;
    SlError error{};
    SlProgram* made = nullptr;
    check(backend_.compile(model_, &plan, &made, &error), error);
    const std::unique_ptr<SlProgram, void (*)(SlProgram*)> program(made, backend_.close_program);

    Run out;
    out.logits.resize(V);
    std::vector<int32_t> positions(tokens.size()), zeros(rows, 0);
    for (size_t i = 0; i < positions.size(); i++) positions[i] = static_cast<int32_t>(i);
    std::vector<uint8_t> wanted(rows, 0);
    wanted.back() = 1;
    std::vector<uint32_t> zeros_mid(L * rows), zeros_gate(L * rows), rows_read(L * rows);  // (L, B)
    SlSinks sinks{};
    sinks.logits = out.logits.data();
    sinks.zeros_mid = zeros_mid.data();
    sinks.zeros_gate = zeros_gate.data();
    sinks.rows_read = rows_read.data();
    SlControl control{};
    uint64_t silent = 0;
    int failed = 0;
    const auto forward = [&](size_t from) {
      SlBatch batch{};
      batch.rows = static_cast<uint32_t>(rows);
      batch.tokens = tokens.data() + from;
      batch.positions = positions.data() + from;
      batch.sequences = batch.settings = zeros.data();
      batch.logits = wanted.data();
      failed = backend_.forward(program.get(), &batch, &sinks, &control, &error);
    };
    for (size_t from = 0; from < tokens.size() && !failed; from += rows) {
      out.seconds += measured([&] { forward(from); });
      out.weight_bytes += sinks.weight_bytes_read;
      for (uint32_t z : zeros_mid) silent += z;
    }
    check(failed, error);
    out.sparsity = static_cast<double>(silent) / static_cast<double>(uint64_t{L} * spec_.model.layer[0].neurons * tokens.size());
    return out;
  }

  void close() {
    if (model_) backend_.close(model_);
    model_ = nullptr;
  }

  const SlBackend& backend_ = *sl_cpu_backend();
  std::optional<sparselab::Mapping> mapping_;
  sparselab::Table table_;
  sparselab::ModelSpec spec_;
  SlBackendModel* model_ = nullptr;
  SlOpened opened_{};
};

}  // namespace

std::unique_ptr<Engine> our_engine() { return std::make_unique<Ours>(); }

}  // namespace bench
