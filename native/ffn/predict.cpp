#include "ffn/predict.h"

#include <cstring>

#include "error.h"
#include "ffn/activation.h"
#include "ffn/strategy.h"

namespace sparselab {

uint64_t PredictScratch::bytes(uint64_t B, uint64_t N, uint64_t D, uint64_t rank) {
  return rank ? B * (D + rank + N) * sizeof(float) + B * sizeof(uint64_t) : 0;
}

bool predicts(const Pass& pass, uint32_t layer) {
  if (pass.model.layers[layer].predictor_1.rows == 0) return false;
  for (const Row& row : pass.rows)
    if (strategy_of(row.setting->strategy).predicts) return true;
  return false;
}

void predict(Pass& pass, uint32_t layer, const float* stream, const Neurons& held, PredictScratch& s, Selection& said) {
  const LayerWeights& weights = pass.model.layers[layer];
  const Matrix &first = weights.predictor_1, &second = weights.predictor_2;
  const uint64_t B = pass.B(), N = held.count(), D = first.cols, R = first.rows;
  if (!stream) throw Error(Code::invalid_option, "strategy \"predicted\" needs the stream before the FFN's norm");

  // The rows that predict, side by side.
  std::vector<uint64_t> place(B);  // of a row among them
  uint64_t P = 0;
  for (uint64_t b = 0; b < B; b++) {
    place[b] = P;
    P += strategy_of(pass.rows[b].setting->strategy).predicts;
  }
  make_room(s.hidden, P * R);
  make_room(s.scores, P * N);
  const float* x = stream;
  if (P < B) {
    make_room(s.x, P * D);
    for (uint64_t b = 0; b < B; b++)
      if (strategy_of(pass.rows[b].setting->strategy).predicts)
        std::memcpy(s.x.data() + place[b] * D, stream + b * D, D * sizeof(float));
    x = s.x.data();
  }

  pass.multiply({{&first, s.hidden.data()}}, x, P);
  activate(SL_RELU, s.hidden.data(), P * R, 0, s.hidden.data());
  pass.multiply({{&second, s.scores.data(), held.ids(), N}}, s.hidden.data(), P);

  said.reset(B, N, true);
  pass.parallel(B, 4 * N, [&](size_t b) {
    const Setting& setting = *pass.rows[b].setting;
    const Strategy& strategy = strategy_of(setting.strategy);
    if (!strategy.predicts) return said.take_all(b);
    RowSoFar row{N, nullptr, nullptr, nullptr, 0};
    row.scores = s.scores.data() + place[b] * N;
    row.cutoff = setting.cutoff[layer];
    said.take(b, [&](uint32_t* list) { return strategy.gate(row, list); });
  });
}

}  // namespace sparselab
