// A small random llama in memory, in any mix of weight types, for the tests of the executor. Fresh numbers for every seed.
#pragma once
#include <random>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "executor/shape.h"
#include "quant/types.h"

namespace sparselab::testing {

// Every weight type that the executor computes with.
#define SPARSELAB_EACH(name, number) name,
inline const std::vector<TensorType> kAllTypes = {SPARSELAB_WEIGHT_TYPES(SPARSELAB_EACH)};
#undef SPARSELAB_EACH

// Rows of n floats in a type's form. Q8_0 as ggml does: d = max|x| / 127 in half, q = round(x / d). The other quants plainly.
std::vector<uint8_t> encode(TensorType type, const std::vector<float>& values);
uint16_t half_of(float value);  // round to nearest even
// One stored number of a tensor as float32.
float value_of(const SlTensor& tensor, uint64_t row, uint64_t col);

struct RandomModel {
  // With the tensors that the records of the shape's layers and its norm call for, and rope_freqs where the shape's are not
  // empty; predictors of the shape's ranks. Types are drawn anew for every tensor from `types`. down_t: by neuron in the "file".
  RandomModel(uint64_t seed, Shape shape, std::vector<TensorType> types, bool down_t);
  ~RandomModel();
  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

  Shape shape;
  const SlBackend& backend;  // the one at work when this was made
  SlBackendModel* model = nullptr;
  std::vector<SlTensor> tensors;
  const SlTensor& tensor(const std::string& name) const;

 private:
  void add(std::mt19937_64& r, const std::string& name, uint64_t rows, uint64_t cols, TensorType type, float scale,
           float mean = 0);
  void add_features(std::mt19937_64& r);
  void add_predictors(std::mt19937_64& r, const std::vector<TensorType>& types);
  std::vector<std::vector<uint8_t>> data_;
  std::vector<std::string> names_;
};

Shape small_shape(bool gate = true);
// A shape whose rows are whole blocks of all these types: the given one, or a wider one.
Shape shape_of_blocks(const std::vector<TensorType>& types, Shape shape = small_shape());
// The boundary's record of a shape, every layer alike where it has no records of its own. Points into `layers`.
SlModel record_of(const Shape& shape, std::vector<SlLayer>& layers);
// The shape with its layers, as the executor has it.
Shape with_layers(const Shape& shape);
// Opens tensors of a shape on the backend at work. Throws the backend's Error.
SlBackendModel* open_model(const Shape& shape, const std::vector<SlTensor>& tensors, SlOpenOptions options = {},
                           SlOpened* opened = nullptr);

// One forward of a program, with every sink.
struct Result {
  std::vector<float> logits;  // (wanted, V)
  std::vector<std::vector<float>> captures;
  std::vector<uint32_t> zeros_mid, zeros_gate, rows_read;
  std::vector<double> nll, kl;
  std::vector<uint8_t> top1;
  std::vector<uint32_t> predicted, active, missed;  // (L, B), where they are asked for
  uint64_t bytes = 0;
};
struct Rows {
  std::vector<int32_t> tokens, positions, sequences, settings, targets, references;
  std::vector<uint8_t> logits;
  void add(int32_t token, int32_t position, int32_t sequence = 0, int32_t setting = 0, int32_t target = -1,
           int32_t reference = -1);
};
struct FfnCounts {
  std::vector<uint32_t> zeros_mid, zeros_gate, rows_read;  // (B)
};
// One layer's FFN over some neurons (ascending; null: all), as a backend that holds these computes it: y (B, D), gate and mid (B,
// N) or null, counts or null. Throws the backend's Error.
void ffn(const Shape& shape, const std::vector<SlTensor>& tensors, uint32_t layer, uint32_t rows, const float* x,
         const std::vector<uint32_t>* neurons, const SlSetting& setting, uint32_t threads, float* y, float* gate = nullptr,
         float* mid = nullptr, FfnCounts* counts = nullptr, const float* stream = nullptr);
// Throws the backend's Error.
SlProgram* compile(const RandomModel& m, const SlPlan& plan);
Result forward(const RandomModel& m, SlProgram* program, const SlPlan& plan, const Rows& rows, SlControl* control = nullptr,
               bool misses = false);

}  // namespace sparselab::testing
