// The products over selections, called as feed_forward calls them: the bits of their definitions in rows of every density side by
// side, with any number of rows, and not one byte of a neuron that no row needs.
#include <cmath>
#include <set>

#include "cpu/pool.h"
#include "ffn/down.h"
#include "ffn/project.h"
#include "testing/kernels.h"
#include "weights/regroup.h"

using namespace sparselab;
using namespace sparselab::testing;

namespace {

struct Stored : StoredRows {
  Matrix matrix;
  Stored(std::mt19937_64& r, TensorType type, uint64_t rows, uint64_t cols)
      : StoredRows(r, type, rows, cols), matrix{type, rows, cols, stored.data(), stride} {}
};

// A batch without a model: rows with settings of their own.
struct Batch {
  CpuModel model{};
  Setting dense{SL_RELU, SL_DENSE, {0}, {}}, exact{SL_RELU, SL_EXACT, {0}, {}};
  SlControl never{};
  std::shared_ptr<cpu::Pool> pool;
  Pass pass;
  explicit Batch(uint32_t threads) : pool(cpu::Pool::of(threads)), pass(model, nullptr, *pool, never) {}
};

// Rows of values (B, N) with very different shares of zeros; some channels of the layer are silent in all rows but dense ones.
Floats some_values(std::mt19937_64& r, uint64_t B, uint64_t N, double share) {
  Floats out(B * N);
  for (uint64_t b = 0; b < B; b++) {
    const double here = share >= 0 ? share : std::vector<double>{0, 0.02, 0.2, 0.6, 1}[r() % 5];
    for (uint64_t k = 0; k < N; k++)
      out[b * N + k] =
          k % 7 == 3 || static_cast<double>(r() % 1000) >= 1000 * here ? (r() % 2 ? 0.0f : -0.0f) : random_floats(r, 1)[0];
  }
  return out;
}

}  // namespace

TEST("stages: a product over a selection gives each needed neuron its dot product and reads no other") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (TensorType type : kAllTypes)
    for (uint64_t B : {1, 2, 4, 5, 11, 33})
      for (double share : {-1.0, 0.03, 0.9})
        for (bool part : {false, true}) {
          const uint64_t D = weight_type(type).traits.block == 256 ? 512 : 288, F = 130;
          Stored w(r, type, F, D);
          std::vector<uint32_t> ids;
          for (uint32_t i = 0; i < F; i++)
            if (!part || r() % 4) ids.push_back(i);
          const Neurons held = part ? Neurons(ids.data(), ids.size()) : Neurons(F);
          const uint64_t N = held.count();
          Batch batch(2);
          batch.pass.rows.resize(B, {0, 0, &batch.exact, 0});
          const auto h = random_floats(r, B * D);
          const Floats gate = some_values(r, B, N, share);
          Selection need;
          need.reset(B, N, true);
          std::set<uint32_t> needed;
          for (uint64_t b = 0; b < B; b++) {
            const bool all = r() % 9 == 0;
            if (all) {
              need.take_all(b);
            } else {
              need.take(b, [&](uint32_t* list) {
                uint32_t count = 0;
                for (uint32_t k = 0; k < N; k++)
                  if (gate[b * N + k] != 0) list[count++] = k;
                return count;
              });
            }
            for (uint32_t k = 0; k < N; k++)
              if (all || gate[b * N + k] != 0) needed.insert(k);
          }
          std::vector<float> y(B * N, NAN);
          project(batch.pass, w.matrix, h.data(), held, need, y.data());
          const std::string what = text("type %d, %llu rows, share %g, part %d, seed %llu", type, (unsigned long long)B, share,
                                        part, (unsigned long long)seed);
          for (uint64_t b = 0; b < B; b++)
            for (uint64_t k = 0; k < N; k++) {
              if (!need.all(b) && gate[b * N + k] == 0) continue;
              const float want = plain_dot(w.values.data() + held.id(k) * D, h.data() + b * D, D);
              CHECK_MSG(std::memcmp(&want, &y[b * N + k], 4) == 0, what);
            }
          CHECK_MSG(batch.pass.bytes_read == needed.size() * w.matrix.stride, what);
        }
}

enum class Form { by_neuron, regrouped, by_channel };

TEST("stages: down gives the bits of its definition whatever way a row takes, and reads no silent neuron") {
  const uint64_t seed = fresh_seed();
  std::mt19937_64 r(seed);
  for (TensorType type : kAllTypes)
    for (Form form : {Form::by_neuron, Form::regrouped, Form::by_channel})
      for (uint64_t B : {1, 3, 5, 16, 70})
        for (double share : {-1.0, 0.1, 1.0})
          for (bool part : {false, true}) {
            const uint64_t block = weight_type(type).traits.block, F = block == 256 ? 256 : 160;
            // No multiple of a panel's channels, where the type allows it.
            const uint64_t D = form != Form::by_neuron || block == 1 ? 150 : F;
            Stored w = form == Form::by_neuron ? Stored(r, type, F, D) : Stored(r, type, D, F);
            const DownMatrix down = form == Form::by_neuron   ? as_stored(w.matrix)
                                    : form == Form::regrouped ? regroup(w.matrix)
                                                              : by_channel(w.matrix);
            auto weight = [&](uint64_t i, uint64_t d) {
              return form == Form::by_neuron ? w.values[i * D + d] : w.values[d * F + i];
            };
            std::vector<uint32_t> ids;
            for (uint32_t i = 0; i < F; i++)
              if (!part || r() % 4) ids.push_back(i);
            const Neurons held = part ? Neurons(ids.data(), ids.size()) : Neurons(F);
            const uint64_t N = held.count();
            Batch batch(2);
            const bool mixed = r() % 2;
            for (uint32_t b = 0; b < B; b++)
              batch.pass.rows.push_back({b, 0, mixed && r() % 20 == 0 ? &batch.dense : &batch.exact, 0});
            const Floats mid = some_values(r, B, N, share);
            Selection candidates;  // more than are active
            candidates.reset(B, N, true);
            std::set<uint32_t> needed;
            for (uint64_t b = 0; b < B; b++) {
              const bool dense = batch.pass.rows[b].setting == &batch.dense;
              if (dense)
                candidates.take_all(b);
              else
                candidates.take(b, [&](uint32_t* list) {
                  uint32_t count = 0;
                  for (uint32_t k = 0; k < N; k++)
                    if (mid[b * N + k] != 0 || r() % 16 == 0) list[count++] = k;
                  return count;
                });
              for (uint32_t k = 0; k < N; k++)
                if (dense || mid[b * N + k] != 0) needed.insert(held.id(k));
            }
            std::vector<float> out(B * D, NAN);
            DownScratch scratch;
            project_down(batch.pass, 0, down, mid.data(), held, candidates, scratch, out.data());
            const std::string what = text("type %d, form %d, %llu rows, share %g, part %d, seed %llu", type,
                                          static_cast<int>(form), (unsigned long long)B, share, part, (unsigned long long)seed);
            for (uint64_t b = 0; b < B; b++)
              for (uint64_t d = 0; d < D; d++) {
                float lane[16] = {};
                for (uint64_t k = 0; k < N; k++)
                  if (mid[b * N + k] != 0)
                    lane[held.id(k) % 16] = std::fma(mid[b * N + k], weight(held.id(k), d), lane[held.id(k) % 16]);
                const float want = tree(lane) + 0.0f;
                CHECK_MSG(std::memcmp(&want, &out[b * D + d], 4) == 0, what);
              }
            if (down.lies_by_channel()) {
              CHECK_MSG(batch.pass.bytes_read == w.matrix.bytes(), what);
              continue;
            }
            std::set<uint32_t> groups;
            for (uint32_t i : needed) groups.insert(i / static_cast<uint32_t>(down.group));
            CHECK_MSG(batch.pass.bytes_read == needed.size() * down.neuron_bytes() + groups.size() * down.group_bytes(), what);
          }
}
