// The CPU as a backend: the C table over build_model, Program and feed_forward. Exceptions end here.
#include <cstring>
#include <memory>
#include <new>

#include "error.h"
#include "executor/backend.h"
#include "executor/model.h"
#include "executor/plan.h"
#include "executor/program.h"
#include "ffn/ffn.h"

struct SlBackendModel {
  std::shared_ptr<const sparselab::CpuModel> model;
};
struct SlProgram {
  sparselab::Program program;
};

namespace sparselab {
namespace {

void fill(SlError* error, const char* code, const char* message) {
  std::snprintf(error->code, sizeof error->code, "%s", code);
  std::snprintf(error->message, sizeof error->message, "%s", message);
}

// Runs fn; whatever it throws becomes an SlError.
template <class Fn>
int guarded(SlError* error, Fn fn) {
  try {
    fn();
    return 0;
  } catch (const Error& e) {
    fill(error, code_name(e.code), e.what());
  } catch (const std::bad_alloc&) {
    fill(error, code_name(Code::out_of_memory), "the system gives no more memory; free some, or ask for a smaller run");
  } catch (const std::exception& e) {
    fill(error, code_name(Code::invalid_option), e.what());
  }
  return 1;
}

int open(const SlModel* model, const SlTensor* tensors, uint64_t count, const SlPlacement* placement, uint64_t budget,
         SlBackendModel** out, SlOpened* opened, const SlControl* control, SlError* error) {
  return guarded(error, [&] {
    if (placement && placement->blocks)
      throw Error(Code::invalid_option, "the CPU backend holds all neurons; a placement needs a second backend");
    auto built = std::make_shared<const CpuModel>(build_model(*model, tensors, count, budget, control));
    *opened = {built->owned_bytes, built->down_native};
    *out = new SlBackendModel{std::move(built)};
  });
}

int estimate(SlBackendModel* model, const SlPlan* plan, uint64_t rows, uint64_t logit_rows, SlBytes* out, SlError* error) {
  return guarded(error, [&] {
    out->cache_bytes = KvCache::bytes(*model->model, plan->sequences, plan->length);
    out->scratch_bytes = Program::scratch_bytes(*model->model, rows, logit_rows, plan->length, plan->threads);
    out->rotation_bytes = Rotation::bytes(model->model->shape, plan->length);
  });
}

int compile(SlBackendModel* model, const SlPlan* plan, SlProgram** out, SlError* error) {
  return guarded(error, [&] { *out = new SlProgram{Program(model->model, copy_plan(model->model->shape, *plan))}; });
}

int forward(SlProgram* program, const SlBatch* batch, SlSinks* sinks, SlControl* control, SlError* error) {
  return guarded(error, [&] { program->program.forward(*batch, *sinks, *control); });
}

int ffn(SlBackendModel* model, uint32_t layer, uint32_t rows, const float* x, const uint32_t* neurons, uint64_t count,
        const SlSetting* setting, uint32_t threads, float* y, float* gate, float* mid, const SlControl* control, SlError* error) {
  return guarded(error, [&] {
    const CpuModel& m = *model->model;
    if (layer >= m.shape.layers) throw Error(Code::invalid_option, text("block %u; expected 0 to %u", layer, m.shape.layers - 1));
    if (!neurons) count = m.shape.neurons;
    for (uint64_t i = 0; neurons && i < count; i++)
      if (neurons[i] >= m.shape.neurons || (i && neurons[i] <= neurons[i - 1]))
        throw Error(Code::invalid_option, text("neuron %u at place %llu; expected ascending numbers from 0 to %u", neurons[i],
                                               (unsigned long long)i, m.shape.neurons - 1));
    Setting own = copy_setting(m.shape, *setting);
    if (!own.interventions.empty()) throw Error(Code::invalid_option, "a single FFN call takes no interventions");
    const SlControl never{};
    std::shared_ptr<cpu::Pool> pool = cpu::Pool::of(threads);
    Pass pass(m, nullptr, *pool, control ? *control : never);
    for (uint32_t b = 0; b < rows; b++) pass.rows.push_back({b, 0, &own, 0});
    const Neurons held = neurons ? Neurons(neurons, count) : Neurons(count);
    FfnScratch scratch(rows, count);
    feed_forward(pass, layer, x, held, scratch, y);
    if (gate && m.shape.ffn.has_gate) std::memcpy(gate, scratch.gate.data(), scratch.gate.size() * sizeof(float));
    if (mid) std::memcpy(mid, scratch.mid.data(), scratch.mid.size() * sizeof(float));
  });
}

void close_program(SlProgram* program) { delete program; }
void close_model(SlBackendModel* model) { delete model; }

}  // namespace
}  // namespace sparselab

const SlBackend* sl_cpu_backend(void) {
  static const SlBackend backend = {
      SL_BACKEND_VERSION, "cpu",          sparselab::open,          sparselab::estimate,   sparselab::compile,
      sparselab::forward, sparselab::ffn, sparselab::close_program, sparselab::close_model};
  return &backend;
}
