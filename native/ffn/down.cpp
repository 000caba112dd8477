#include "ffn/down.h"

#include <algorithm>
#include <cmath>

#include "cpu/isa.h"
#include "ffn/down_by_channel.h"
#include "ffn/strategy.h"

namespace sparselab {
namespace {

constexpr uint64_t kChannels = cpu::kDownChannels, kRows = cpu::kDownRows;
constexpr uint64_t kLeastPiece = 384;   // channels of a chunk of stored rows, at least: shorter pieces are slower to read
constexpr uint64_t kListed = 64;        // rows with lists that pass a panel together
constexpr uint64_t kStoredRows = 4;     // up to this many rows take the stored weights
constexpr uint64_t kRowsForPanel = 4;   // of more rows, weights become float32 where they meet so many on average
constexpr double kShareForTiles = 0.3;  // and tiles are faster than the row's list from this share of active neurons on

bool intervenes_at_mid(const Setting& setting, uint32_t layer) {
  return std::any_of(setting.interventions.begin(), setting.interventions.end(),
                     [&](const Intervention& i) { return i.point == SL_FFN_MID && i.from <= layer && layer < i.to; });
}

// The listed neurons (null: all) of one row by lane, with their mid. Room for as many entries in place, id (null: not wanted) and
// value.
void sort_by_lane(const Neurons& held, const uint32_t* list, uint64_t count, const float* mid, uint32_t* begin, uint32_t* place,
                  uint32_t* id, float* value) {
  if (!list) {
    for (uint64_t l = 0; l <= kLanes; l++) begin[l] = held.lane_begin(l);
    for (uint32_t p = 0; p < held.count(); p++) {
      const uint32_t k = held.by_lane()[p];
      place[p] = p;
      value[p] = mid[k];
      if (id) id[p] = held.id(k);
    }
    return;
  }
  uint32_t next[kLanes] = {};
  for (uint64_t i = 0; i < count; i++) next[held.id(list[i]) % kLanes]++;
  begin[0] = 0;
  for (uint64_t l = 0; l < kLanes; l++) {
    begin[l + 1] = begin[l] + next[l];
    next[l] = begin[l];
  }
  for (uint64_t i = 0; i < count; i++) {
    const uint32_t k = list[i], own = held.id(k), at = next[own % kLanes]++;
    place[at] = held.place()[k];
    value[at] = mid[k];
    if (id) id[at] = own;
  }
}

// The sums of one row over n channels from d0 on, from the stored weights.
void add_stored(const DownMatrix& down, const uint32_t* begin, const uint32_t* id, const float* value, uint64_t d0, uint64_t n,
                float* partials, float* out) {
  std::fill_n(partials, kLanes * n, 0.0f);
  for (uint64_t l = 0; l < kLanes; l++)
    down.add(id + begin[l], value + begin[l], begin[l + 1] - begin[l], begin[kLanes] - begin[l + 1], d0, n, partials + l * n);
  cpu::kernels().join_partials(partials, n, out);
}

// out (n), computed before: sums that are not finite are taken once more. 0 · inf is left out first, which gives the bits of
// `exact`. What still overflows is summed in float64.
void mend_down(const DownMatrix& down, const float* mid, const Neurons& held, uint64_t d0, uint64_t n, float* out) {
  if (all_finite(out, n)) return;
  const uint64_t N = held.count();
  std::vector<uint32_t> list, place(N), id(N);
  for (uint32_t k = 0; k < N; k++)
    if (!(mid[k] == 0)) list.push_back(k);
  std::vector<float> value(N), partials(kLanes * n), sum(n), row(down.hidden);
  uint32_t begin[kLanes + 1];
  sort_by_lane(held, list.data(), list.size(), mid, begin, place.data(), id.data(), value.data());
  add_stored(down, begin, id.data(), value.data(), d0, n, partials.data(), sum.data());
  std::vector<double> wide(n);
  for (uint32_t k : list) {
    down.load(held.id(k), 1, row.data());
    for (uint64_t d = 0; d < n; d++) wide[d] += static_cast<double>(mid[k]) * static_cast<double>(row[d0 + d]);
  }
  for (uint64_t d = 0; d < n; d++)
    if (!std::isfinite(out[d])) out[d] = std::isfinite(sum[d]) ? sum[d] : static_cast<float>(wide[d]);
}

// A down projection of one batch at work.
class Down {
 public:
  Down(Pass& pass, const DownMatrix& down, const float* mid, const Neurons& held, DownScratch& scratch, float* out)
      : pass_(pass),
        down_(down),
        mid_(mid),
        held_(held),
        s_(scratch),
        out_(out),
        B_(pass.B()),
        N_(held.count()),
        D_(down.hidden) {}

  void run(uint32_t layer, const Selection& candidates) {
    const bool stored = B_ <= kStoredRows || candidates.pairs() < kRowsForPanel * N_;
    choose_ways(candidates, stored);
    list_neurons(layer, candidates, stored);
    find_used();
    if (stored)
      from_stored();
    else
      from_panels();
    count_bytes();
  }

 private:
  // Which rows go through tiles.
  void choose_ways(const Selection& candidates, bool stored) {
    s_.tiled.clear();
    s_.is_tiled.assign(B_, 0);
    for (uint32_t b = 0; b < B_ && !stored; b++)
      if (static_cast<double>(candidates.count(b)) >= kShareForTiles * static_cast<double>(N_))
        s_.tiled.push_back(b), s_.is_tiled[b] = 1;
    every_ = false;
    for (uint64_t b = 0; b < B_; b++) every_ |= !chooser(b);
  }
  Select chooser(uint64_t b) const { return strategy_of(pass_.rows[b].setting->strategy).down; }

  // Each row's neurons by lane, by its strategy. They are looked for among the candidates, but for a row in which an intervention
  // at ffn.mid may have woken others.
  void list_neurons(uint32_t layer, const Selection& candidates, bool stored) {
    s_.begin.resize(B_ * (kLanes + 1));
    make_room(s_.place, B_ * N_);
    make_room(s_.value, B_ * N_);
    if (stored) make_room(s_.id, B_ * N_);
    pass_.parallel(B_, 2 * N_, [&](size_t b) {
      thread_local Scratch<uint32_t> list;
      const Setting& setting = *pass_.rows[b].setting;
      const Select choose = chooser(b);
      if (!choose && s_.is_tiled[b]) return;  // tiles take all neurons as they are
      const bool woken = intervenes_at_mid(setting, layer);
      uint64_t count = N_;
      if (choose) {
        make_room(list, N_);
        RowSoFar row{N_, nullptr, mid_ + b * N_, nullptr, 0};
        if (!woken && !candidates.all(b)) row.candidates = candidates.row(b), row.candidate_count = candidates.count(b);
        count = choose(row, list.data());
      }
      sort_by_lane(held_, choose ? list.data() : nullptr, count, mid_ + b * N_, begin_of(b), s_.place.data() + b * N_,
                   stored ? s_.id.data() + b * N_ : nullptr, s_.value.data() + b * N_);
    });
  }

  // The neurons that some row needs. Of several rows in the order in which their weights lie.
  void find_used() {
    s_.used_places.clear();
    s_.used_ids.clear();
    if (B_ == 1) {
      s_.used_ids.assign(s_.id.begin(), s_.id.begin() + begin_of(0)[kLanes]);
    } else {
      s_.needed.assign(N_, every_);
      if (!every_)
        pass_.parallel(kLanes, B_ * N_ / kLanes, [&](size_t lane) {
          for (uint64_t b = 0; b < B_ && !pass_.stop.asked(); b++) {
            const uint32_t *begin = begin_of(b) + lane, *place = s_.place.data() + b * N_;
            for (uint64_t i = begin[0]; i < begin[1]; i++) s_.needed[place[i]] = 1;
          }
        });
      s_.used_places.reserve(N_);
      s_.used_ids.reserve(N_);
      for (uint64_t k = 0; k < N_; k++) {
        if (!s_.needed[held_.place()[k]]) continue;
        s_.used_places.push_back(held_.place()[k]);
        s_.used_ids.push_back(held_.id(k));
      }
    }
  }

  // Each thread takes a piece of the channels, all lanes of it: the pieces cost the same, and no partial sum changes hands.
  void from_stored() {
    const uint64_t threads = pass_.pool.threads(), share = ((D_ + threads - 1) / threads + 63) / 64 * 64;
    const uint64_t piece = std::min(std::max(share, kLeastPiece), D_), pieces = (D_ + piece - 1) / piece;
    uint64_t pairs = 0;
    for (uint64_t b = 0; b < B_; b++) pairs += begin_of(b)[kLanes];
    pass_.parallel(pieces * B_, pairs * piece / B_, [&](size_t chunk) {
      thread_local Floats partials;
      make_room(partials, kLanes * piece);
      const uint64_t b = chunk % B_, d0 = chunk / B_ * piece, n = std::min(piece, D_ - d0);
      float* out = out_ + b * D_ + d0;
      add_stored(down_, begin_of(b), s_.id.data() + b * N_, s_.value.data() + b * N_, d0, n, partials.data(), out);
      mend_down(down_, mid_ + b * N_, held_, d0, n, out);
    });
  }

  // Six rows of mid side by side, for the tiles.
  void pack_tiled() {
    make_room(s_.packed, s_.tiled.size() * N_);
    pass_.parallel((s_.tiled.size() + kRows - 1) / kRows, kRows * N_, [&](size_t group) {
      const uint64_t rows = std::min(kRows, s_.tiled.size() - group * kRows);
      float* packed = s_.packed.data() + group * kRows * N_;
      const float* value[kRows];
      for (uint64_t r = 0; r < rows; r++) value[r] = mid_ + s_.tiled[group * kRows + r] * N_;
      for (uint64_t k = 0; k < N_; k++) {
        float* own = packed + held_.place()[k] * rows;
        for (uint64_t r = 0; r < rows; r++) own[r] = value[r][k];
      }
    });
  }

  // The used rows of a group of channels as float32, at their places; zeros at the others, which only tiles walk over.
  void load_panel(uint64_t d0, uint64_t n, float* panel) const {
    const uint64_t used = s_.used_places.size();
    down_.load_rows(s_.used_ids.data(), s_.used_places.data(), used, d0, n, panel);
    if (!s_.tiled.empty() && used < N_)
      for (uint64_t p = 0; p < N_; p++)
        if (!s_.needed[p]) std::fill_n(panel + p * kChannels, kChannels, 0.0f);
  }

  void from_panels() {
    pack_tiled();
    uint32_t lanes[kLanes + 1];
    for (uint64_t l = 0; l <= kLanes; l++) lanes[l] = held_.lane_begin(l);
    pass_.parallel((D_ + kChannels - 1) / kChannels, N_ * kChannels * B_ / 4, [&](size_t chunk) {
      const uint64_t d0 = chunk * kChannels, n = std::min(kChannels, D_ - d0);
      thread_local Floats panel;
      make_room(panel, N_ * kChannels);
      thread_local Floats partials, sums;  // (kListed, 16, kChannels), (kListed, kChannels)
      make_room(partials, kListed * kLanes * kChannels);
      make_room(sums, kListed * kChannels);
      auto mend = [&](uint64_t b) { mend_down(down_, mid_ + b * N_, held_, d0, n, out_ + b * D_ + d0); };
      load_panel(d0, n, panel.data());
      for (uint64_t t = 0; t < s_.tiled.size(); t += kRows) {
        if (pass_.stop.asked()) return;
        const uint64_t rows = std::min(kRows, s_.tiled.size() - t);
        cpu::kernels().down_tile(panel.data(), lanes, s_.packed.data() + t * N_, rows, sums.data());
        for (uint64_t r = 0; r < rows; r++) {
          const uint64_t b = s_.tiled[t + r];
          std::copy_n(sums.data() + r * kChannels, n, out_ + b * D_ + d0);
          mend(b);
        }
      }
      for (uint64_t b = 0; b < B_;) {  // runs of rows with lists
        uint64_t rows = 0;
        while (b + rows < B_ && rows < kListed && !s_.is_tiled[b + rows]) rows++;
        if (pass_.stop.asked()) return;
        const bool whole = n == kChannels;
        cpu::kernels().down_sparse(panel.data(), begin_of(b), s_.place.data() + b * N_, s_.value.data() + b * N_, N_, rows,
                                   partials.data(), whole ? out_ + b * D_ + d0 : sums.data(), whole ? D_ : kChannels);
        for (uint64_t r = b; r < b + rows; r++) {
          if (!whole) std::copy_n(sums.data() + (r - b) * kChannels, n, out_ + r * D_ + d0);
          mend(r);
        }
        b += std::max<uint64_t>(rows, 1);
      }
    });
  }

  // Each weight row that some row of the batch adds counts once.
  void count_bytes() {
    uint64_t bytes = s_.used_ids.size() * down_.neuron_bytes();
    if (down_.group_bytes()) {
      std::vector<uint8_t> group(down_.neurons / down_.group + 1);
      for (uint32_t id : s_.used_ids) group[id / down_.group] = 1;
      for (uint8_t g : group) bytes += g * down_.group_bytes();
    }
    pass_.bytes_read += bytes;
  }

  uint32_t* begin_of(uint64_t b) const { return s_.begin.data() + b * (kLanes + 1); }

  Pass& pass_;
  const DownMatrix& down_;
  const float* mid_;
  const Neurons& held_;
  DownScratch& s_;
  float* out_;
  const uint64_t B_, N_, D_;
  bool every_ = false;  // some row needs all neurons
};

}  // namespace

uint64_t down_bytes(uint64_t B, uint64_t N) {
  // Lists, rows packed for tiles and their numbers, the used neurons and their groups; a growing list holds three times its last
  // size at most.
  return B * (kLanes + 1) * sizeof(uint32_t) + B * N * (2 * sizeof(uint32_t) + 2 * sizeof(float)) +
         B * (3 * sizeof(uint32_t) + 1) + N * (1 + 2 * sizeof(uint32_t)) + N / 32 + 1;
}
uint64_t down_thread_bytes(uint64_t B, uint64_t N, uint64_t D) {
  const uint64_t mended = N * (3 * 3 * sizeof(uint32_t) + sizeof(float)) + D * ((kLanes + 2) * sizeof(float) + sizeof(double));
  return mended + N * sizeof(uint32_t) + kLanes * D * sizeof(float) +
         (B > kStoredRows ? (N + kListed * (kLanes + 1)) * kChannels * sizeof(float) : 0);
}

void project_down(Pass& pass, uint32_t layer, const DownMatrix& down, const float* mid, const Neurons& held,
                  const Selection& candidates, DownScratch& scratch, float* out) {
  if (down.lies_by_channel())
    project_down_by_channel(pass, down, mid, held, scratch, out);
  else
    Down(pass, down, mid, held, scratch, out).run(layer, candidates);
}

}  // namespace sparselab
