// The CPU as a backend: the C table over build_model and Program. Exceptions end here.
#include <memory>

#include "backend/backend.h"
#include "backend/guarded.h"
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

int open(const SlModel* model, const SlTensor* tensors, uint64_t count, const SlOpenOptions* options, SlBackendModel** out,
         SlOpened* opened, SlError* error) {
  return guarded(error, [&] {
    auto built = std::make_shared<const CpuModel>(build_model(*model, tensors, count, *options));
    *opened = {built->owned_bytes, 0, 0, built->down_native, built->down_by_channel};
    *out = new SlBackendModel{std::move(built)};
  });
}

int estimate(SlBackendModel* model, const SlPlan* plan, uint64_t rows, uint64_t logit_rows, SlBytes* out, SlError* error) {
  return guarded(error, [&] {
    const CpuModel& m = *model->model;
    *out = {};
    out->cache_bytes = KvCache::bytes(m, plan->sequences, plan->length, plan->kv);
    out->scratch_bytes = Program::scratch_bytes(m, rows, logit_rows, plan->length, plan->threads, plan->kv, plan->arithmetic) +
                         Reducers::bytes(m.shape, plan->setting_count, plan->reducers, plan->reducer_count);
    out->rotation_bytes = Rotation::bytes(m.shape, plan->length);
  });
}

int compile(SlBackendModel* model, const SlPlan* plan, SlProgram** out, SlError* error) {
  return guarded(error, [&] { *out = new SlProgram{Program(model->model, copy_plan(model->model->shape, *plan))}; });
}

int set(SlProgram* program, uint32_t i, const SlSetting* setting, SlError* error) {
  return guarded(error, [&] { program->program.set(i, *setting); });
}

int forward(SlProgram* program, const SlBatch* batch, SlSinks* sinks, SlControl* control, SlError* error) {
  return guarded(error, [&] { program->program.forward(*batch, *sinks, *control); });
}

int ffn(SlProgram* program, uint32_t layer, const SlFfnBatch* batch, SlFfnSinks* sinks, SlControl* control, SlError* error) {
  return guarded(error, [&] {
    SlControl never{};
    program->program.ffn(layer, *batch, *sinks, control ? *control : never);
  });
}

int keep(SlProgram* program, uint32_t sequence, uint32_t positions, const SlProgram* source, uint32_t from, SlControl* control,
         SlError* error) {
  return guarded(error, [&] {
    const SlControl never{};
    const Program& other = source ? source->program : program->program;
    program->program.keep(sequence, positions, other, from, control ? *control : never);
  });
}

int held(SlProgram* program, uint32_t sequence, uint32_t* positions, SlError* error) {
  return guarded(error, [&] { *positions = program->program.held(sequence); });
}

int read(SlBackendModel* model, uint32_t role, uint32_t layer, uint64_t first, uint64_t count, float* out, SlControl* control,
         SlError* error) {
  return guarded(error, [&] { read_rows(*model->model, role, layer, first, count, out, control); });
}

int sums(SlProgram* program, uint32_t reducer, uint32_t i, uint64_t* out, uint64_t* rows, SlError* error) {
  return guarded(error, [&] { *rows = program->program.reducers().read(reducer, i, out); });
}

void close_program(SlProgram* program) { delete program; }
void close_model(SlBackendModel* model) { delete model; }

}  // namespace
}  // namespace sparselab

const SlBackend* sl_cpu_backend(void) {
  using namespace sparselab;
  static const SlBackend backend = {
      SL_BACKEND_VERSION, "cpu", open, estimate, compile, set, forward, ffn, keep, held, read, sums, close_program, close_model};
  return &backend;
}
