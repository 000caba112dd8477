// The FFN of one token on the emulator: S1, S2 and S3 against float64, the bytes that they read, and the same bits in any order
// and on any grid.
#include <cmath>
#include <new>
#include <vector>

#include "kernels/down.cuh"
#include "kernels/gate.cuh"
#include "kernels/up.cuh"
#include "quant/half.h"
#include "testing/testing.h"

using namespace sparselab;
using namespace sparselab::cuda;
using namespace sparselab::testing;

namespace {

// Device memory begins at multiples of 256 bytes, which the sectors depend on.
template <class T>
struct DeviceAllocator {
  using value_type = T;
  DeviceAllocator() = default;
  template <class U>
  DeviceAllocator(const DeviceAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{256})); }
  void deallocate(T* p, size_t) { ::operator delete(p, std::align_val_t{256}); }
  bool operator==(const DeviceAllocator&) const { return true; }
};
template <class T>
using Device = std::vector<T, DeviceAllocator<T>>;

void encode(float v, float& to) { to = v; }
void encode(float v, Half& to) { to.bits = float_to_half(v); }
void encode(float v, BFloat& to) { to.bits = static_cast<uint16_t>((emulator::bits_as<unsigned>(v) + 0x8000u) >> 16); }
double decode(float v) { return static_cast<double>(v); }
double decode(Half v) { return static_cast<double>(half_to_float(v.bits)); }
double decode(BFloat v) { return static_cast<double>(emulator::bits_as<float>(uint32_t{v.bits} << 16)); }

// Weights of a layer (F, D) each, rows `stride` values apart, with NaN between them.
template <class W>
struct Layer {
  int D, F, stride;
  Device<W> gate, up, down;
  Layer(std::mt19937_64& r, int hidden, int neurons) : D(hidden), F(neurons), stride((hidden + 63) / 32 * 32) {
    for (Device<W>* w : {&gate, &up, &down}) {
      w->resize(static_cast<size_t>(F) * stride);
      const std::vector<float> values = random_floats(r, w->size(), 0.05f);
      for (size_t i = 0; i < w->size(); i++) encode(static_cast<int>(i) % stride < D ? values[i] : NAN, (*w)[i]);
    }
  }
  double at(const Device<W>& w, int row, int column) const { return decode(w[static_cast<size_t>(row) * stride + column]); }
};

struct Ffn {
  Device<float> s, x1, y;
  Device<uint16_t> list;
  int count = -1;
  emulator::Counts read[3];  // by S1, S2, S3
};

struct Grid {
  unsigned blocks = 5, splits = 3;
};

template <class W>
Ffn run(const Layer<W>& layer, const Device<float>& h, const Device<float>& residual, float t, Grid grid) {
  const size_t F = static_cast<size_t>(layer.F), D = static_cast<size_t>(layer.D), words = (F + 31) / 32;
  const unsigned tiles = static_cast<unsigned>((layer.D + kColumns<W> - 1) / kColumns<W>);
  Ffn out;
  out.s.assign(F, NAN), out.x1.assign(F, NAN), out.y.assign(D, NAN), out.list.assign(F, 0xffff);
  Device<uint32_t> mask(words, 0xdeadbeef);
  Device<float> partials(grid.splits * D, NAN);
  Device<unsigned> done(tiles, 0);
  auto counted = [&](int stage, auto work) {
    emulator::counts() = {};
    work();
    out.read[stage] = emulator::counts();
  };
  counted(0, [&] {
    const GateArguments a{layer.gate.data(), h.data(), out.s.data(), mask.data(), layer.D, layer.F, layer.stride, t};
    launch(gate<W>, grid.blocks, kThreads, D * 4, nullptr, a);
  });
  counted(1, [&] {
    const UpArguments a{layer.up.data(), h.data(),   out.s.data(), mask.data(), out.list.data(),
                        out.x1.data(),   &out.count, layer.D,      layer.F,     layer.stride};
    launch(up<W>, grid.blocks, kThreads, D * 4 + F * 2, nullptr, a);
  });
  counted(2, [&] {
    const DownArguments a{layer.down.data(), out.list.data(), out.x1.data(), &out.count, residual.data(),
                          partials.data(),   done.data(),     out.y.data(),  layer.D,    layer.stride};
    launch(down<W>, dim3(tiles, grid.splits), kThreads, 0, nullptr, a);
  });
  for (const unsigned d : done) CHECK(d == 0);
  return out;
}

// S1 against float64; then S2 and S3 for the neurons that it took.
template <class W>
void check(const Layer<W>& layer, const Device<float>& h, const Device<float>& residual, float t, const Ffn& found) {
  const int D = layer.D, F = layer.F;
  std::vector<double> y(residual.begin(), residual.end()), size(y.size());
  int count = 0;
  for (int j = 0; j < F; j++) {
    double g = 0, u = 0, g_size = 0;
    for (int k = 0; k < D; k++) {
      const double x = static_cast<double>(h[static_cast<size_t>(k)]);
      g += layer.at(layer.gate, j, k) * x;
      u += layer.at(layer.up, j, k) * x;
      g_size += std::fabs(layer.at(layer.gate, j, k) * x);
    }
    const auto s = static_cast<double>(found.s[static_cast<size_t>(j)]);
    const double tolerance = 1e-6 * g_size;
    // A gate at the threshold may fall on either side.
    if (s == 0 ? g > static_cast<double>(t) + tolerance : std::fabs(s - g) > tolerance) CHECK_MSG(false, text("gate %d", j));
    if (s == 0) continue;
    CHECK(count < found.count && found.list[static_cast<size_t>(count)] == j);
    const double x1 = static_cast<double>(found.x1[static_cast<size_t>(count)]);
    CHECK(std::fabs(x1 - s * u) <= 1e-5 * (std::fabs(s * u) + std::fabs(s) * g_size));
    for (int c = 0; c < D; c++) {
      const double term = x1 * layer.at(layer.down, j, c);
      y[static_cast<size_t>(c)] += term;
      size[static_cast<size_t>(c)] += std::fabs(term);
    }
    count++;
  }
  CHECK(count == found.count);
  for (size_t c = 0; c < y.size(); c++)
    CHECK(std::fabs(static_cast<double>(found.y[c]) - y[c]) <= 1e-6 * (size[c] + std::fabs(y[c])));
}

Device<float> values(std::mt19937_64& r, size_t n) {
  const std::vector<float> v = random_floats(r, n);
  return {v.begin(), v.end()};
}

template <class W>
void compare(const char* type) {
  std::mt19937_64 r(fresh_seed());
  const int sizes[][2] = {{8, 1}, {64, 33}, {264, 96}, {512, 352}, {2304, 130}, {40, 1000}};
  for (const auto& [D, F] : sizes) {
    const Layer<W> layer(r, D, F);
    const Device<float> h = values(r, static_cast<size_t>(D)), residual = values(r, static_cast<size_t>(D));
    const float typical = 0.05f * std::sqrt(static_cast<float>(D));
    for (const float t : {0.0f, typical, 1.5f * typical, 1e9f, -1e9f}) {
      const Grid grid{1 + static_cast<unsigned>(r() % 9), 1 + static_cast<unsigned>(r() % 6)};
      try {
        check(layer, h, residual, t, run(layer, h, residual, t, grid));
      } catch (const std::exception& e) {
        fail(__FILE__, __LINE__, text("%s, D %d, F %d, t %g: %s", type, D, F, static_cast<double>(t), e.what()));
      }
    }
  }
}

}  // namespace

TEST("ffn: gate, up and down of float16 against float64") { compare<Half>("F16"); }
TEST("ffn: gate, up and down of bfloat16 against float64") { compare<BFloat>("BF16"); }
TEST("ffn: gate, up and down of float32 against float64") { compare<float>("F32"); }

TEST("ffn: the same bits in any order of threads and blocks; S1 and S2 also on any grid") {
  std::mt19937_64 r(fresh_seed());
  const Layer<Half> layer(r, 512, 320);
  const Device<float> h = values(r, 512), residual = values(r, 512);
  const Ffn first = run(layer, h, residual, 0.8f, {6, 4});
  for (int round = 0; round < 20; round++) {
    emulator::options().seed = fresh_seed() | 1;
    const Ffn again = run(layer, h, residual, 0.8f, {1 + static_cast<unsigned>(r() % 9), 4});
    emulator::options().seed = 0;
    const auto n = static_cast<size_t>(first.count);
    CHECK(again.count == first.count && again.s == first.s && again.y == first.y);
    CHECK(std::equal(first.list.begin(), first.list.begin() + first.count, again.list.begin()));
    CHECK(std::equal(first.x1.begin(), first.x1.begin() + static_cast<ptrdiff_t>(n), again.x1.begin()));
  }
}

TEST("ffn: the bits of active neurons, where rows are short and warps overtake each other") {
  std::mt19937_64 r(fresh_seed());
  const Layer<Half> layer(r, 8, 400);
  const Device<float> h = values(r, 8), residual = values(r, 8);
  const Ffn first = run(layer, h, residual, 0.05f, {1, 1});
  for (int round = 0; round < 40; round++) {
    emulator::options().seed = fresh_seed() | 1;
    const Ffn again = run(layer, h, residual, 0.05f, {1, 1});
    emulator::options().seed = 0;
    CHECK(again.count == first.count && again.s == first.s && again.list == first.list && again.y == first.y);
  }
}

TEST("ffn: S2 and S3 read the rows of active neurons and nothing else, in whole sectors") {
  std::mt19937_64 r(fresh_seed());
  constexpr int D = 1024, F = 512;
  const Layer<Half> layer(r, D, F);
  const Device<float> h = values(r, D), residual = values(r, D);
  emulator::options().count = true;
  const Ffn found = run(layer, h, residual, 2.0f, {8, 4});
  emulator::options().count = false;
  CHECK(found.count > 0 && found.count < F / 2);
  const uint64_t row = 2 * D,
                 wanted[3] = {row * F, row * static_cast<uint64_t>(found.count), row * static_cast<uint64_t>(found.count)};
  for (int stage = 0; stage < 3; stage++) {
    CHECK(found.read[stage].bytes == wanted[stage]);
    CHECK(found.read[stage].sectors * 32 == wanted[stage]);
  }
}

TEST("ffn: what is not a number reaches the result, and a silent neuron's weights never do") {
  std::mt19937_64 r(fresh_seed());
  Layer<Half> layer(r, 64, 40);
  Device<float> h = values(r, 64);
  const Device<float> residual = values(r, 64);
  const Ffn plain = run(layer, h, residual, 0.1f, {});
  int silent = 0;
  while (plain.s[static_cast<size_t>(silent)] != 0) silent++;
  for (int k = 0; k < layer.D; k++) layer.down[static_cast<size_t>(silent) * layer.stride + k].bits = 0x7c00;  // infinity
  CHECK(run(layer, h, residual, 0.1f, {}).y == plain.y);
  h[3] = NAN;
  const Ffn spoilt = run(layer, h, residual, 0.1f, {});
  CHECK(spoilt.count == layer.F);
  for (const float y : spoilt.y) CHECK(std::isnan(y));
}
