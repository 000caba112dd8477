#include "testing/reference.h"

#include <algorithm>
#include <cmath>

#include "testing/testing.h"

namespace sparselab::testing {
namespace {

using Row = std::vector<double>;

const SlTensor& tensor_of(const RandomModel& m, uint32_t role, uint32_t layer) {
  for (const SlTensor& t : m.tensors)
    if (t.role == role && t.layer == layer) return t;
  throw Failure(text("no tensor of role %u in layer %u", role, layer));
}
bool has(const RandomModel& m, uint32_t role, uint32_t layer) {
  return std::any_of(m.tensors.begin(), m.tensors.end(), [&](const SlTensor& t) { return t.role == role && t.layer == layer; });
}

Row row_of(const SlTensor& t, uint64_t r) {
  Row out(t.cols);
  for (uint64_t c = 0; c < t.cols; c++) out[c] = static_cast<double>(value_of(t, r, c));
  return out;
}
Row times(const SlTensor& t, const Row& x) {
  Row out(t.rows, 0.0);
  for (uint64_t r = 0; r < t.rows; r++) {
    const Row w = row_of(t, r);
    for (uint64_t c = 0; c < t.cols; c++) out[r] += w[c] * x[c];
  }
  return out;
}

Row plus(const RandomModel& m, Row x, uint32_t role, uint32_t layer) {
  if (!has(m, role, layer)) return x;
  const Row bias = row_of(tensor_of(m, role, layer), 0);
  for (size_t i = 0; i < x.size(); i++) x[i] += bias[i];
  return x;
}
Row rms_of(const RandomModel& m, const Row& x, const Row& w) {
  double squares = 0;
  for (double v : x) squares += v * v;
  Row out(x.size());
  for (size_t i = 0; i < x.size(); i++)
    out[i] = x[i] / std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(m.shape.norm_epsilon)) * w[i];
  return out;
}
// LayerNorm takes the mean off first, and may have a bias.
Row norm(const RandomModel& m, Row x, uint32_t role, uint32_t layer, uint32_t bias = SL_TENSORS) {
  if (m.shape.norm == SL_NORM_LAYER) {
    double mean = 0;
    for (double v : x) mean += v / static_cast<double>(x.size());
    for (double& v : x) v -= mean;
  }
  return plus(m, rms_of(m, x, row_of(tensor_of(m, role, layer), 0)), bias, layer);
}
void norm_heads(const RandomModel& m, Row& heads, uint32_t role, uint32_t layer) {
  const Row w = row_of(tensor_of(m, role, layer), 0);
  for (size_t at = 0; at < heads.size(); at += w.size()) {
    const Row head =
        rms_of(m, Row(heads.begin() + static_cast<ptrdiff_t>(at), heads.begin() + static_cast<ptrdiff_t>(at + w.size())), w);
    std::copy(head.begin(), head.end(), heads.begin() + static_cast<ptrdiff_t>(at));
  }
}

// The angle of pair i from one position to the next.
double rate_of(const RandomModel& m, const SlLayer& layer, uint32_t i) {
  double rate = std::pow(static_cast<double>(layer.rope_base), -2.0 * i / layer.rope_dims);
  if (has(m, SL_TENSOR_ROPE_FREQS, 0)) rate /= row_of(tensor_of(m, SL_TENSOR_ROPE_FREQS, 0), 0)[i];
  const double factor = layer.rope_factor == 0 ? 1 : static_cast<double>(layer.rope_factor);
  if (!layer.yarn) return rate / factor;
  // The pair at which the unscaled rotation makes so many turns over the context; between the two a straight line.
  auto pair = [&](float turns) {
    return layer.rope_dims * std::log(layer.yarn_context / (static_cast<double>(turns) * 2 * M_PI)) /
           (2 * std::log(static_cast<double>(layer.rope_base)));
  };
  const double low = std::max(0.0, std::floor(pair(layer.yarn_fast)));
  const double high = std::min(layer.rope_dims - 1.0, std::ceil(pair(layer.yarn_slow)));
  const double scaled = std::min(1.0, std::max(0.0, (i - low) / std::max(high - low, 0.001)));
  return rate * (1 - scaled) + rate / factor * scaled;
}

void rotate(const RandomModel& m, const SlLayer& layer, Row& heads, uint64_t position) {
  if (layer.rope == SL_ROPE_NONE) return;
  const double size = layer.rope_magnitude == 0 ? 1 : static_cast<double>(layer.rope_magnitude);
  for (size_t head = 0; head < heads.size(); head += layer.head_size)
    for (uint32_t i = 0; i < layer.rope_dims / 2; i++) {
      const double angle = static_cast<double>(position) * rate_of(m, layer, i);
      double& a = heads[head + (layer.rope == SL_ROPE_PAIRS ? 2 * i : i)];
      double& b = heads[head + (layer.rope == SL_ROPE_PAIRS ? 2 * i + 1 : i + layer.rope_dims / 2)];
      const double x = a, y = b;
      a = size * (x * std::cos(angle) - y * std::sin(angle));
      b = size * (x * std::sin(angle) + y * std::cos(angle));
    }
}

Row attend(const SlLayer& layer, const Row& q, const std::vector<Row>& k, const std::vector<Row>& v, Row& scores, Row& pattern) {
  Row out(q.size(), 0.0);
  const size_t T = k.size(), first = layer.window && T > layer.window ? T - layer.window : 0;
  for (uint32_t h = 0; h < layer.heads; h++) {
    const size_t at = h * layer.head_size, kv = h / (layer.heads / layer.kv_heads) * layer.head_size;
    Row share(T, 0.0);
    double sum = 0;
    for (size_t p = first; p < T; p++) {
      for (uint32_t c = 0; c < layer.head_size; c++) share[p] += q[at + c] * k[p][kv + c];
      share[p] *= static_cast<double>(layer.attention_scale);
    }
    for (size_t p = 0; p < T; p++) scores.push_back(p < first ? -INFINITY : share[p]);
    for (size_t p = first; p < T; p++) sum += share[p] = std::exp(share[p]);
    for (size_t p = 0; p < T; p++) pattern.push_back(share[p] / sum);
    for (size_t p = first; p < T; p++)
      for (uint32_t c = 0; c < layer.head_size; c++) out[at + c] += share[p] / sum * v[p][kv + c];
  }
  return out;
}

// The neurons that the predictor of a layer leaves out, 1 each; x is the stream before the norm.
std::vector<uint8_t> left_out(const RandomModel& m, uint32_t l, const Row& x, const std::vector<float>* cutoff, double& margin) {
  std::vector<uint8_t> out(m.shape.neurons, 0);
  if (!cutoff || !has(m, SL_TENSOR_PREDICTOR_1, l)) return out;
  Row hidden = times(tensor_of(m, SL_TENSOR_PREDICTOR_1, l), x);
  for (double& v : hidden) v = std::max(v, 0.0);
  const Row scores = times(tensor_of(m, SL_TENSOR_PREDICTOR_2, l), hidden);
  for (size_t i = 0; i < out.size(); i++) {
    const double above = scores[i] - static_cast<double>((*cutoff)[l]);
    out[i] = above < 0;
    margin = std::min(margin, std::fabs(above));
  }
  return out;
}

Row feed_forward(const RandomModel& m, uint32_t l, const Row& h, double t, const std::vector<uint8_t>& silent) {
  const SlFfn& ffn = m.shape.ffn;
  auto active = [t](double x) { return x > t ? x : 0.0; };
  Row mid = plus(m, times(tensor_of(m, SL_TENSOR_UP, l), h), SL_TENSOR_UP_BIAS, l);
  if (ffn.has_gate) {
    const Row gate = times(tensor_of(m, SL_TENSOR_GATE, l), h);
    for (size_t i = 0; i < mid.size(); i++)
      mid[i] = active(gate[i]) * (ffn.act_up == SL_UP_RELU ? std::max(mid[i], 0.0) : mid[i]);
  } else {
    for (double& x : mid) x = active(x);
  }
  for (size_t i = 0; i < mid.size(); i++)
    if (silent[i]) mid[i] = 0;
  if (has(m, SL_TENSOR_DOWN, l)) return plus(m, times(tensor_of(m, SL_TENSOR_DOWN, l), mid), SL_TENSOR_DOWN_BIAS, l);
  const SlTensor& down = tensor_of(m, SL_TENSOR_DOWN_T, l);
  Row out(down.cols, 0.0);
  for (uint64_t i = 0; i < down.rows; i++) {
    const Row w = row_of(down, i);
    for (uint64_t d = 0; d < down.cols; d++) out[d] += mid[i] * w[d];
  }
  return plus(m, out, SL_TENSOR_DOWN_BIAS, l);
}

}  // namespace

Reference reference(const RandomModel& m, const std::vector<int32_t>& tokens, double t, const std::vector<float>* cutoff) {
  const Shape shape = with_layers(m.shape);
  Reference out;
  for (auto* of : {&out.q, &out.k, &out.v, &out.scores, &out.pattern, &out.z, &out.out}) of->resize(shape.layers);
  auto &k = out.k, &v = out.v;
  auto add = [&](Row& x, const Row& y) {
    for (size_t i = 0; i < x.size(); i++) x[i] += static_cast<double>(shape.residual_scale) * y[i];
  };
  for (size_t p = 0; p < tokens.size(); p++) {
    Row x = row_of(tensor_of(m, SL_TENSOR_EMBED, 0), static_cast<uint64_t>(tokens[p]));
    for (double& value : x) value *= static_cast<double>(shape.embedding_scale);
    for (uint32_t l = 0; l < shape.layers; l++) {
      const SlLayer& layer = shape.layer[l];
      const Row h = norm(m, x, SL_TENSOR_ATTN_NORM, l, SL_TENSOR_ATTN_NORM_BIAS);
      Row q = plus(m, times(tensor_of(m, SL_TENSOR_Q, l), h), SL_TENSOR_Q_BIAS, l);
      k[l].push_back(plus(m, times(tensor_of(m, SL_TENSOR_K, l), h), SL_TENSOR_K_BIAS, l));
      v[l].push_back(plus(m, times(tensor_of(m, SL_TENSOR_V, l), h), SL_TENSOR_V_BIAS, l));
      if (layer.qk_norm) {
        norm_heads(m, q, SL_TENSOR_Q_NORM, l);
        norm_heads(m, k[l].back(), SL_TENSOR_K_NORM, l);
      }
      rotate(m, layer, q, p);
      rotate(m, layer, k[l].back(), p);
      Row scores, pattern;
      const Row z = attend(layer, q, k[l], v[l], scores, pattern);
      Row attended = plus(m, times(tensor_of(m, SL_TENSOR_O, l), z), SL_TENSOR_O_BIAS, l);
      out.q[l].push_back(q);
      out.z[l].push_back(z);
      out.scores[l].push_back(scores);
      out.pattern[l].push_back(pattern);
      out.out[l].push_back(attended);
      if (layer.post_norm) attended = norm(m, attended, SL_TENSOR_ATTN_POST_NORM, l);
      add(x, attended);
      Row fed = feed_forward(m, l, norm(m, x, SL_TENSOR_FFN_NORM, l, SL_TENSOR_FFN_NORM_BIAS), t,
                             left_out(m, l, x, cutoff, out.margin));
      if (layer.post_norm) fed = norm(m, fed, SL_TENSOR_FFN_POST_NORM, l);
      add(x, fed);
    }
    out.stream.push_back(x);
    Row logits = times(tensor_of(m, has(m, SL_TENSOR_OUTPUT, 0) ? SL_TENSOR_OUTPUT : SL_TENSOR_EMBED, 0),
                       norm(m, x, SL_TENSOR_OUTPUT_NORM, 0, SL_TENSOR_OUTPUT_NORM_BIAS));
    for (double& value : logits) value *= static_cast<double>(shape.logit_scale);
    out.logits.push_back(std::move(logits));
  }
  return out;
}

double relative_error(const std::vector<float>& a, const std::vector<std::vector<double>>& b) {
  double apart = 0, size = 0;
  size_t i = 0;
  for (const auto& row : b)
    for (double want : row) {
      const double difference = static_cast<double>(a[i++]) - want;
      apart += difference * difference;
      size += want * want;
    }
  if (i != a.size()) throw Failure(text("%zu values; the reference has %zu", a.size(), i));
  return std::sqrt(apart / size);
}

}  // namespace sparselab::testing
