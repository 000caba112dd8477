// S2 and S3 alone, as the inference card's table has them: float16, one token, a share of neurons silent; beside cuBLAS dense of
// the same matrices. Weights and active neurons change from launch to launch: what is read is four times the second-level cache
// and more.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

#include "bench/bench.h"
#include "bench/cublas.h"
#include "bench/fill.h"
#include "bench/timing.h"
#include "kernels/launch.h"

namespace sparselab::cuda::bench {
namespace {

// The active neurons of one launch, on the device.
struct Active {
  DeviceArray<uint32_t> mask, list;
  DeviceArray<float> s, mid;
  DeviceArray<int> count;
  std::vector<uint32_t> neurons;

  Active(std::mt19937_64& random, uint32_t F, double sparsity) {
    const auto wanted = static_cast<size_t>(std::llround((1 - sparsity) * F));
    std::vector<uint32_t> all(F), bits((F + 31) / 32, 0);
    for (uint32_t j = 0; j < F; j++) all[j] = j;
    std::shuffle(all.begin(), all.end(), random);
    neurons.assign(all.begin(), all.begin() + static_cast<ptrdiff_t>(wanted));
    std::sort(neurons.begin(), neurons.end());
    std::vector<float> values(F, 0.0f);
    for (const uint32_t j : neurons) {
      bits[j / 32] |= 1u << j % 32;
      values[j] = 0.5f + static_cast<float>(random() % 1000) / 1000;
    }
    std::vector<uint32_t> padded = neurons;
    padded.resize(F, 0);
    mask = DeviceArray<uint32_t>(bits);
    list = DeviceArray<uint32_t>(padded);
    s = DeviceArray<float>(values);
    mid = DeviceArray<float>(values);
    count = DeviceArray<int>(std::vector<int>{static_cast<int>(neurons.size())});
  }
};

std::vector<float> down_of(const DeviceArray<float>& from) {
  std::vector<float> out(from.size());
  check(cudaMemcpy(out.data(), from.data(), out.size() * sizeof(float), cudaMemcpyDeviceToHost), "copying from the device");
  return out;
}

float half_value(uint16_t half) {
  const int sign = half >> 15 ? -1 : 1, exponent = half >> 10 & 31, fraction = half & 1023;
  return static_cast<float>(sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24)));
}
std::vector<uint16_t> row_of(const DeviceMatrix& m, uint64_t row) {
  std::vector<uint16_t> out(static_cast<size_t>(m.weights().cols));
  check(cudaMemcpy(out.data(), m.values() + row * m.weights().stride, out.size() * 2, cudaMemcpyDeviceToHost),
        "copying from the device");
  return out;
}

// The largest relative error of some results against float64.
double error_of_up(const DeviceMatrix& w, const Active& active, const std::vector<float>& h, const std::vector<float>& s,
                   const std::vector<float>& mid) {
  double worst = 0;
  for (size_t i = 0; i < active.neurons.size(); i += active.neurons.size() / 16 + 1) {
    const uint32_t j = active.neurons[i];
    double sum = 0, size = 0;
    const std::vector<uint16_t> row = row_of(w, j);
    for (size_t d = 0; d < row.size(); d++) {
      const double term = static_cast<double>(half_value(row[d])) * static_cast<double>(h[d]);
      sum += term;
      size += std::fabs(term);
    }
    const double scale = static_cast<double>(s[j]);
    worst = std::max(worst, std::fabs(static_cast<double>(mid[j]) - scale * sum) / (scale * size));
  }
  return worst;
}
double error_of_down(const DeviceMatrix& w, const Active& active, const std::vector<float>& mid, const std::vector<float>& y) {
  std::vector<double> sum(y.size()), size(y.size());
  for (const uint32_t j : active.neurons) {
    const std::vector<uint16_t> row = row_of(w, j);
    for (size_t d = 0; d < row.size(); d++) {
      const double term = static_cast<double>(half_value(row[d])) * static_cast<double>(mid[j]);
      sum[d] += term;
      size[d] += std::fabs(term);
    }
  }
  double worst = 0;
  for (size_t d = 0; d < y.size(); d++)
    if (size[d] > 0) worst = std::max(worst, std::fabs(static_cast<double>(y[d]) - sum[d]) / size[d]);
  return worst;
}

}  // namespace

void measure_ffn(const Card& card, const Dimensions& of, const std::vector<double>& sparsities, Report& report, bool dry) {
  constexpr uint64_t kSeed = 7;
  const Stream stream;
  const Launcher launch(stream, card.multiprocessors);
  const uint64_t D = of.hidden, F = of.neurons;
  const double matrix_bytes = static_cast<double>(2 * D * F);
  const size_t matrices = dry ? 2 : std::max<size_t>(3, 4 * card.l2_bytes / (2 * D * F) + 1);
  std::vector<DeviceMatrix> weights;
  for (size_t i = 0; i < matrices; i++) weights.push_back(random_matrix(stream, Form::f16, F, D, 0.02f, kSeed + i));
  const DeviceArray<float> h = random_vector(stream, D, 1, 100);
  const DeviceMatrix h16 = random_matrix(stream, Form::f16, 1, std::max(D, F), 1, 101);
  const DeviceArray<float> y(std::max(D, F)), partials(kDownSplits * D);
  const DeviceArray<unsigned> done(static_cast<size_t>(down_tiles(weights[0].weights())));
  stream.zero(done.data(), done.size());
  stream.wait();

  std::string why;
  const std::unique_ptr<Cublas> cublas = Cublas::load(stream, why);
  const int runs = dry ? 1 : 20;
  double dense_up = NAN, dense_down = NAN;
  if (cublas) {
    const auto rows = static_cast<int>(F), cols = static_cast<int>(D);
    auto all = [&](int m, int k) {
      return time_each(
          stream, matrices,
          [&] {
            for (const DeviceMatrix& w : weights) cublas->product(w.values(), m, k, h16.values(), y.data());
          },
          runs);
    };
    dense_up = all(rows, cols);
    dense_down = all(cols, rows);
  } else {
    report.add("notes", Entry().set("cublas", why));
  }
  std::mt19937_64 random(kSeed);
  for (const double sparsity : sparsities) {
    const double active_bytes = (1 - sparsity) * matrix_bytes;
    const size_t sets =
        dry ? 2
            : std::min<size_t>(
                  64,
                  std::max<size_t>(
                      matrices, static_cast<size_t>(4 * static_cast<double>(card.l2_bytes) / std::max(active_bytes, 1e5)) + 1));
    std::vector<Active> active;
    for (size_t i = 0; i < sets; i++) active.emplace_back(random, static_cast<uint32_t>(F), sparsity);
    auto up = [&](size_t i) {
      launch.up({weights[i % matrices].weights(), h.data(), active[i].s.data(), active[i].mask.data(), active[i].list.data(),
                 active[i].mid.data(), active[i].count.data()});
    };
    auto down = [&](size_t i) {
      launch.down({weights[i % matrices].weights(), nullptr, active[i].list.data(), active[i].mid.data(), active[i].count.data(),
                   nullptr, partials.data(), done.data(), y.data(), false});
    };
    auto each = [&](auto&& one) {
      return time_each(
          stream, sets,
          [&] {
            for (size_t i = 0; i < sets; i++) one(i);
          },
          runs);
    };
    const double s2 = each(up), s3 = each(down), both = each([&](size_t i) { up(i), down(i); });
    up(0);
    stream.wait();
    const double up_error = error_of_up(weights[0], active[0], down_of(h), down_of(active[0].s), down_of(active[0].mid));
    down(0);
    stream.wait();
    const double down_error = error_of_down(weights[0], active[0], down_of(active[0].mid), down_of(y));
    const double floor = active_bytes / card.read_bytes_per_us;
    Entry entry;
    entry.set("model", of.name).set("sparsity", sparsity).set("s2_us", s2).set("s3_us", s3).set("s2_and_s3_us", both);
    entry.set("floor_us", floor).set("s2_over_floor", s2 / floor).set("s3_over_floor", s3 / floor);
    if (cublas)
      entry.set("cublas_up_us", dense_up)
          .set("cublas_down_us", dense_down)
          .set("s2_speed_up", dense_up / s2)
          .set("s3_speed_up", dense_down / s3);
    entry.set("s2_error", up_error).set("s3_error", down_error);
    report.add("ffn", entry);
    if (up_error > 1e-5 || down_error > 1e-5) throw Error(Code::device_lost, "S2 or S3 is wrong: see the errors above");
  }
}

}  // namespace sparselab::cuda::bench
