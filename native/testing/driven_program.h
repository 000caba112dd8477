// A program that a test drives through the table of a backend: batches, prefixes, settings, each failure as an Error.
#pragma once
#include "testing/backends.h"
#include "testing/random_model.h"
#include "testing/reference.h"

namespace sparselab::testing {

inline constexpr uint32_t kLength = 16;

inline SlSetting setting_of(SlActivation activation, const std::vector<float>& t, SlStrategy strategy = SL_EXACT) {
  return {static_cast<uint32_t>(activation), static_cast<uint32_t>(strategy), t.data(), nullptr, 0};
}

// A program of one setting, its sequences and what batches of it give.
struct Program {
  Program(const RandomModel& on, const SlSetting& setting, uint32_t sequences = 1, std::vector<SlCapture> with = {},
          std::vector<uint32_t> reducing = {})
      : m(on), captures(std::move(with)), reducers(std::move(reducing)) {
    plan = {&setting, 1, captures.data(), static_cast<uint32_t>(captures.size()), sequences, kLength, 2};
    plan.reducers = reducers.data();
    plan.reducer_count = static_cast<uint32_t>(reducers.size());
    program = compile(m, plan);
  }
  ~Program() { m.backend.close_program(program); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Tokens of a sequence from a position on.
  Result go(const std::vector<int32_t>& tokens, uint32_t from = 0, int32_t sequence = 0, SlControl* control = nullptr) {
    Rows rows;
    for (size_t i = 0; i < tokens.size(); i++) rows.add(tokens[i], static_cast<int32_t>(from + i), sequence);
    return forward(m, program, plan, rows, control);
  }
  uint32_t held(uint32_t sequence = 0) {
    uint32_t n = 0xffffffff;
    call([&](SlError* e) { return m.backend.held(program, sequence, &n, e); });
    return n;
  }
  void keep(uint32_t sequence, uint32_t positions, uint32_t from) {
    call([&](SlError* e) { return m.backend.keep(program, sequence, positions, nullptr, from, nullptr, e); });
  }
  void set(uint32_t i, const SlSetting& setting) {
    call([&](SlError* e) { return m.backend.set(program, i, &setting, e); });
  }
  template <class Fn>
  static void call(Fn fn) {
    SlError error{};
    if (fn(&error)) throw Error(code_of(error.code), error.message);
  }

  const RandomModel& m;
  std::vector<SlCapture> captures;
  std::vector<uint32_t> reducers;
  SlPlan plan{};
  SlProgram* program = nullptr;
};

inline std::vector<int32_t> random_tokens(std::mt19937_64& r, const Shape& shape, size_t n) {
  std::vector<int32_t> tokens;
  while (tokens.size() < n) tokens.push_back(static_cast<int32_t>(r() % shape.vocab));
  return tokens;
}

}  // namespace sparselab::testing
