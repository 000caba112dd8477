// The FFN of one token on the emulator: S1, S2 and S3 against float64, the bytes that they read, and the same bits in any order
// and on any grid.
#include <cmath>
#include <cstring>
#include <new>
#include <type_traits>
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

// Weights (rows, cols) in a form, with NaN or the largest quants behind each row.
template <class W>
struct RandomWeights {
  Device<uint8_t> values;
  Device<uint16_t> scales;
  Weights weights;
  std::vector<double> exact;  // (rows, cols)

  RandomWeights(std::mt19937_64& r, int rows, int cols, bool grouped) {
    constexpr int kValues = Stored<W>::kValues;
    const int pieces = (cols + kValues - 1) / kValues, stride = (pieces / 2 + 2) * 32;  // rubbish between rows
    const int blocks = (cols + 31) / 32;
    values.assign(static_cast<size_t>(rows) * static_cast<size_t>(stride), 0xff);
    if (Stored<W>::kScaled)
      scales.resize(grouped ? static_cast<size_t>((rows + 31) / 32) * static_cast<size_t>(cols)
                            : static_cast<size_t>(rows) * static_cast<size_t>(blocks));
    for (uint16_t& scale : scales) scale = float_to_half(0.001f + 0.002f * static_cast<float>(r() % 100) / 100);
    weights = {values.data(), scales.data(), static_cast<size_t>(stride), Stored<W>::kScaled && !grouped ? blocks : 0, rows, cols,
               form(),        grouped};
    for (int row = 0; row < rows; row++) {
      std::fill_n(at(row), pieces * 16, uint8_t{0});  // up to a whole piece
      for (int c = 0; c < cols; c++) {
        const double scale =
            scales.empty()
                ? 1
                : static_cast<double>(half_to_float(
                      scales[grouped ? static_cast<size_t>(row / 32 * cols + c) : static_cast<size_t>(row * blocks + c / 32)]));
        exact.push_back(scale * put(r, row, c));
      }
    }
  }
  uint8_t* at(int row) { return values.data() + static_cast<size_t>(row) * weights.stride; }
  double value(int row, int c) const {
    return exact[static_cast<size_t>(row) * static_cast<size_t>(weights.cols) + static_cast<size_t>(c)];
  }
  // Overwrites one value: of forms without scales.
  void set(int row, int c, float v) {
    if constexpr (sizeof(W) == 4)
      std::memcpy(at(row) + 4 * c, &v, 4);
    else
      half(row, c, v);
  }

 private:
  static Form form() {
    if constexpr (std::is_same_v<W, float>) return Form::f32;
    if constexpr (std::is_same_v<W, Half>) return Form::f16;
    if constexpr (std::is_same_v<W, BFloat>) return Form::bf16;
    return std::is_same_v<W, Quant8> ? Form::q8_0 : Form::q4_0;
  }
  double half(int row, int c, float v) {
    const uint16_t bits =
        std::is_same_v<W, Half> ? float_to_half(v) : static_cast<uint16_t>((emulator::bits_as<unsigned>(v) + 0x8000u) >> 16);
    std::memcpy(at(row) + 2 * c, &bits, 2);
    return static_cast<double>(std::is_same_v<W, Half> ? half_to_float(bits) : emulator::bits_as<float>(uint32_t{bits} << 16));
  }
  // A random number, which is returned before its scale.
  double put(std::mt19937_64& r, int row, int c) {
    if constexpr (std::is_same_v<W, Quant8>) {
      const auto q = static_cast<int8_t>(static_cast<int>(r() % 255) - 127);
      at(row)[c] = static_cast<uint8_t>(q);
      return q;
    } else if constexpr (std::is_same_v<W, Quant4>) {
      const auto q = static_cast<unsigned>(r() % 16);
      uint8_t& to = at(row)[c / 32 * 16 + c % 16];
      to = static_cast<uint8_t>(c % 32 < 16 ? (to & 0xf0u) | q : (to & 0x0fu) | q << 4);
      return static_cast<double>(q) - 8;
    } else {
      const float v = random_floats(r, 1, 0.05f)[0];
      if constexpr (std::is_same_v<W, float>) {
        set(row, c, v);
        return static_cast<double>(v);
      } else {
        return half(row, c, v);
      }
    }
  }
};

// Weights of a layer (F, D) each.
template <class W>
struct Layer {
  int D, F;
  RandomWeights<W> gate, up, down;
  Layer(std::mt19937_64& r, int hidden, int neurons)
      : D(hidden), F(neurons), gate(r, F, D, false), up(r, F, D, false), down(r, F, D, Stored<W>::kScaled && r() % 2) {}
};

struct Ffn {
  Device<float> s, mid, y;
  Device<uint32_t> list;
  int count = -1;
  emulator::Counts read[3];  // by S1, S2, S3
};

struct Grid {
  unsigned blocks = 5, splits = 3;
};

template <class W>
Ffn run(const Layer<W>& layer, const Device<float>& h, const Device<float>& bias, float t, Grid grid) {
  const size_t F = static_cast<size_t>(layer.F), D = static_cast<size_t>(layer.D), words = (F + 31) / 32;
  const unsigned tiles = static_cast<unsigned>((layer.D + kColumns<W> - 1) / kColumns<W>);
  Ffn out;
  out.s.assign(F, NAN), out.mid.assign(F, NAN), out.y.assign(D, NAN), out.list.assign(F, 0xffffffff);
  Device<uint32_t> mask(words, 0xdeadbeef);
  Device<float> partials(grid.splits * D, NAN), threshold(1, t);
  Device<unsigned> done(tiles, 0);
  auto counted = [&](int stage, auto work) {
    emulator::counts() = {};
    work();
    out.read[stage] = emulator::counts();
  };
  counted(0, [&] {
    const GateArguments a{layer.gate.weights, h.data(), threshold.data(), out.s.data(), out.mid.data(), mask.data()};
    launch(gate<W>, grid.blocks, kThreads, shared_bytes(layer.D), nullptr, a);
  });
  counted(1, [&] {
    const UpArguments a{layer.up.weights, h.data(), out.s.data(), mask.data(), out.list.data(), out.mid.data(), &out.count};
    launch(up<W>, grid.blocks, kThreads, shared_bytes(layer.D) + F * 2, nullptr, a);
  });
  counted(2, [&] {
    const DownArguments a{layer.down.weights, nullptr,         out.list.data(), out.mid.data(), &out.count,
                          bias.data(),        partials.data(), done.data(),     out.y.data(),   false};
    launch(down<W>, dim3(tiles, grid.splits), kThreads, static_cast<size_t>(kWarps) * kColumns<W> * 4, nullptr, a);
  });
  for (const unsigned d : done) CHECK(d == 0);
  return out;
}

// S1 against float64; then S2 and S3 for the neurons that it took.
template <class W>
void check(const Layer<W>& layer, const Device<float>& h, const Device<float>& bias, float t, const Ffn& found) {
  const int D = layer.D, F = layer.F;
  std::vector<double> y(bias.begin(), bias.end()), size(y.size());
  int count = 0;
  for (int j = 0; j < F; j++) {
    double g = 0, u = 0, g_size = 0;
    for (int k = 0; k < D; k++) {
      const double x = static_cast<double>(h[static_cast<size_t>(k)]);
      g += layer.gate.value(j, k) * x;
      u += layer.up.value(j, k) * x;
      g_size += std::fabs(layer.gate.value(j, k) * x);
    }
    const auto s = static_cast<double>(found.s[static_cast<size_t>(j)]);
    const double tolerance = 1e-6 * g_size;
    // A gate at the threshold may fall on either side.
    if (s == 0 ? g > std::fmax(static_cast<double>(t), 0.0) + tolerance : std::fabs(s - g) > tolerance)
      CHECK_MSG(false, text("gate %d", j));
    if (s == 0) continue;
    CHECK(count < found.count && found.list[static_cast<size_t>(count)] == static_cast<uint32_t>(j));
    const double mid = static_cast<double>(found.mid[static_cast<size_t>(j)]);
    CHECK(std::fabs(mid - s * u) <= 1e-5 * (std::fabs(s * u) + std::fabs(s) * g_size));
    for (int c = 0; c < D; c++) {
      const double term = mid * layer.down.value(j, c);
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
    const Device<float> h = values(r, static_cast<size_t>(D)), bias = values(r, static_cast<size_t>(D));
    const float typical = 0.05f * std::sqrt(static_cast<float>(D));
    for (const float t : {0.0f, typical, 1.5f * typical, 1e9f, -1e9f}) {
      const Grid grid{1 + static_cast<unsigned>(r() % 9), 1 + static_cast<unsigned>(r() % 6)};
      try {
        check(layer, h, bias, t, run(layer, h, bias, t, grid));
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

TEST("ffn: gate, up and down of 8-bit quants against float64") { compare<Quant8>("Q8_0"); }
TEST("ffn: gate, up and down of 4-bit quants against float64") { compare<Quant4>("Q4_0"); }

TEST("ffn: the same bits in any order of threads and blocks; S1 and S2 also on any grid") {
  std::mt19937_64 r(fresh_seed());
  const Layer<Half> layer(r, 512, 320);
  const Device<float> h = values(r, 512), bias = values(r, 512);
  const Ffn first = run(layer, h, bias, 0.8f, {6, 4});
  for (int round = 0; round < 20; round++) {
    emulator::options().seed = fresh_seed() | 1;
    const Ffn again = run(layer, h, bias, 0.8f, {1 + static_cast<unsigned>(r() % 9), 4});
    emulator::options().seed = 0;
    CHECK(again.count == first.count && again.s == first.s && again.y == first.y);
    CHECK(std::equal(first.list.begin(), first.list.begin() + first.count, again.list.begin()));
    CHECK(again.mid == first.mid);
  }
}

TEST("ffn: the bits of active neurons, where rows are short and warps overtake each other") {
  std::mt19937_64 r(fresh_seed());
  const Layer<Half> layer(r, 8, 400);
  const Device<float> h = values(r, 8), bias = values(r, 8);
  const Ffn first = run(layer, h, bias, 0.05f, {1, 1});
  for (int round = 0; round < 40; round++) {
    emulator::options().seed = fresh_seed() | 1;
    const Ffn again = run(layer, h, bias, 0.05f, {1, 1});
    emulator::options().seed = 0;
    CHECK(again.count == first.count && again.s == first.s && again.list == first.list && again.y == first.y);
  }
}

TEST("ffn: S2 and S3 read the rows of active neurons and nothing else, in whole sectors") {
  std::mt19937_64 r(fresh_seed());
  constexpr int D = 1024, F = 512;
  const Layer<Half> layer(r, D, F);
  const Device<float> h = values(r, D), bias = values(r, D);
  emulator::options().count = true;
  const Ffn found = run(layer, h, bias, 2.0f, {8, 4});
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
  const Device<float> bias = values(r, 64);
  const Ffn plain = run(layer, h, bias, 0.1f, {});
  int silent = 0;
  while (plain.s[static_cast<size_t>(silent)] != 0) silent++;
  for (int k = 0; k < layer.D; k++) layer.down.set(silent, k, INFINITY);
  CHECK(run(layer, h, bias, 0.1f, {}).y == plain.y);
  h[3] = NAN;
  const Ffn spoilt = run(layer, h, bias, 0.1f, {});
  CHECK(spoilt.count == layer.F);
  for (const float y : spoilt.y) CHECK(std::isnan(y));
}
