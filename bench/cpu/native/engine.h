// What both measured programs share: the commands, the tokens they compute and the form of an answer. A program is one
// engine. It reads one command a line from its standard input (or takes them from its arguments) and answers each with one line
// of JSON; while it waits for a line, all its threads sleep, so that two engines can take turns on the same cores.
//
//   open PATH                             a model file
//   decode MODE THREADS TOKENS            a fresh sequence, one token at a time, logits of each
//   prefill MODE THREADS TOKENS           a fresh sequence, all tokens in one batch, logits of the last
//   logits MODE THREADS TOKENS PATH       as prefill; the last row's logits are written to PATH as float32
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct Run {
  double seconds = 0;
  uint64_t weight_bytes = 0;  // read from memory by the whole run; 0: the engine does not count
  double sparsity = -1;       // share of zeros in ffn.mid; -1: the engine does not count
  std::vector<float> logits;  // (V) of the last token
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string about() = 0;  // members of a JSON object: versions and settings
  virtual void open(const std::string& path) = 0;
  virtual Run decode(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens) = 0;
  virtual Run prefill(const std::string& mode, unsigned threads, const std::vector<int32_t>& tokens) = 0;
  virtual uint32_t vocab() = 0;
};

// The same pseudo-random tokens for every engine.
inline std::vector<int32_t> tokens_of(uint64_t count, uint32_t vocab) {
  std::vector<int32_t> tokens;
  uint64_t state = 0x9E3779B97F4A7C15u;
  for (uint64_t i = 0; i < count; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    tokens.push_back(static_cast<int32_t>((state >> 33) % vocab));
  }
  return tokens;
}

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Runs fn and returns its seconds. Callgrind counts inside this function alone (--toggle-collect=sparselab_measured).
template <class Fn>
double measured(Fn fn);
extern "C" void sparselab_measured(void (*fn)(void*), void* argument);
template <class Fn>
double measured(Fn fn) {
  const double begin = now();
  sparselab_measured([](void* f) { (*static_cast<Fn*>(f))(); }, &fn);
  return now() - begin;
}

std::string json(const std::string& text);  // a JSON string
std::string json(double number);

// Runs commands until the input ends. `extra` answers other commands than an engine's; it returns false for one that it does not know.
int serve(Engine& engine, int argc, char** argv,
          bool (*extra)(const std::vector<std::string>& words, std::string& answer) = nullptr);

}  // namespace bench
