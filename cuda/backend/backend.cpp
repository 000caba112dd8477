// CUDA as a backend: the C table over build_device_model and Program. Exceptions end here.
#include "backend/backend.h"

#include <memory>

#include "backend/guarded.h"
#include "backend/model.h"
#include "backend/program.h"

struct SlBackendModel {
  std::shared_ptr<const sparselab::cuda::DeviceModel> model;
};
struct SlProgram {
  sparselab::cuda::Program program;
};

namespace sparselab::cuda {
namespace {

int open(const SlModel* model, const SlTensor* tensors, uint64_t count, const SlOpenOptions* options, SlBackendModel** out,
         SlOpened* opened, SlError* error) {
  return guarded(error, [&] {
    auto built = build_device_model(*model, tensors, count, *options);
    *opened = {built->host->owned_bytes, 0, built->bytes, built->host->down_native, 0};
    *out = new SlBackendModel{std::move(built)};
  });
}

int estimate(SlBackendModel* model, const SlPlan* plan, uint64_t, uint64_t logit_rows, SlBytes* out, SlError* error) {
  return guarded(error, [&] { *out = Program::bytes(*model->model, *plan, logit_rows); });
}

int compile(SlBackendModel* model, const SlPlan* plan, SlProgram** out, SlError* error) {
  return guarded(error, [&] { *out = new SlProgram{Program(model->model, *plan)}; });
}

int set(SlProgram* program, uint32_t i, const SlSetting* setting, SlError* error) {
  return guarded(error, [&] { program->program.set(i, *setting); });
}

int forward(SlProgram* program, const SlBatch* batch, SlSinks* sinks, SlControl* control, SlError* error) {
  return guarded(error, [&] { program->program.forward(*batch, *sinks, *control); });
}

int ffn(SlProgram* program, uint32_t layer, const SlFfnBatch* batch, SlFfnSinks* sinks, SlControl* control, SlError* error) {
  return guarded(error, [&] {
    const SlControl never{};
    program->program.ffn(layer, *batch, *sinks, control ? *control : never);
  });
}

int keep(SlProgram* program, uint32_t sequence, uint32_t positions, const SlProgram* source, uint32_t from, SlControl* control,
         SlError* error) {
  return guarded(error, [&] {
    const SlControl never{};
    program->program.keep(sequence, positions, source ? source->program : program->program, from, control ? *control : never);
  });
}

int held(SlProgram* program, uint32_t sequence, uint32_t* positions, SlError* error) {
  return guarded(error, [&] { *positions = program->program.held(sequence); });
}

int read(SlBackendModel* model, uint32_t role, uint32_t layer, uint64_t first, uint64_t count, float* out, SlControl* control,
         SlError* error) {
  return guarded(error, [&] { read_rows(*model->model->host, role, layer, first, count, out, control); });
}

int sums(SlProgram* program, uint32_t reducer, uint32_t i, uint64_t* out, uint64_t* rows, SlError* error) {
  return guarded(error, [&] { *rows = program->program.sums(reducer, i, out); });
}

void close_program(SlProgram* program) { delete program; }
void close_model(SlBackendModel* model) { delete model; }

}  // namespace
}  // namespace sparselab::cuda

extern "C" __attribute__((visibility("default"))) int sl_probe(int32_t device, SlDevice* out, SlError* error) {
  using namespace sparselab;
  return guarded(error, [&] { *out = cuda::probe(device); });
}

extern "C" __attribute__((visibility("default"))) const SlBackend* sl_backend(void) {
  using namespace sparselab::cuda;
  static const SlBackend backend = {
      SL_BACKEND_VERSION, "cuda", open, estimate, compile, set, forward, ffn, keep, held, read, sums, close_program, close_model};
  return &backend;
}
