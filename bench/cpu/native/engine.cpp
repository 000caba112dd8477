#include "engine.h"

#include <cmath>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>

// Not inlined and not a tail call: its frame must be there while fn runs.
extern "C" __attribute__((noinline)) void sparselab_measured(void (*fn)(void*), void* argument) {
  fn(argument);
  asm volatile("" ::: "memory");
}

namespace bench {
namespace {

uint64_t hash_of(const std::vector<float>& values) {
  uint64_t hash = 1469598103934665603u;
  for (float v : values) {
    uint32_t bits;
    static_assert(sizeof bits == sizeof v);
    __builtin_memcpy(&bits, &v, sizeof bits);
    hash = (hash ^ bits) * 1099511628211u;
  }
  return hash;
}

unsigned long count_of(const std::string& word, const char* what) {
  size_t end = 0;
  unsigned long n = 0;
  try {
    n = std::stoul(word, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  if (end != word.size() || n < 1 || n > 1u << 20)
    throw std::runtime_error(std::string(what) + ": expected a count, not " + word);
  return n;
}

std::string answer_run(Engine& engine, const std::vector<std::string>& words) {
  const std::string& command = words[0];
  const bool to_file = command == "logits";
  if (words.size() != (to_file ? 5u : 4u))
    throw std::runtime_error(command + ": expected MODE THREADS TOKENS" + (to_file ? " PATH" : ""));
  const auto threads = static_cast<unsigned>(count_of(words[2], "THREADS"));
  const std::vector<int32_t> tokens = tokens_of(count_of(words[3], "TOKENS"), engine.vocab());
  const Run run = command == "decode" ? engine.decode(words[1], threads, tokens) : engine.prefill(words[1], threads, tokens);
  for (float v : run.logits)
    if (!std::isfinite(v)) throw std::runtime_error("a logit is not finite");
  if (to_file) {
    FILE* file = std::fopen(words[4].c_str(), "wb");
    if (!file) throw std::runtime_error("cannot write " + words[4]);
    const bool wrote = std::fwrite(run.logits.data(), sizeof(float), run.logits.size(), file) == run.logits.size();
    if (std::fclose(file) != 0 || !wrote) throw std::runtime_error("cannot write " + words[4]);
  }
  char hash[20];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(hash_of(run.logits)));
  std::string out = std::string("{\"seconds\":").append(json(run.seconds)) + ",\"tokens\":" + std::to_string(tokens.size()) +
                    ",\"hash\":\"" + hash + "\"";
  if (run.weight_bytes) out += ",\"weightBytes\":" + std::to_string(run.weight_bytes);
  if (run.sparsity >= 0) out += ",\"sparsity\":" + json(run.sparsity);
  return out + "}";
}

std::string answer(Engine& engine, const std::vector<std::string>& words,
                   bool (*extra)(const std::vector<std::string>&, std::string&)) {
  const std::string& command = words[0];
  if (command == "open") {
    if (words.size() != 2) throw std::runtime_error("open: expected PATH");
    engine.open(words[1]);
    return std::string("{").append(engine.about()).append("}");
  }
  if (command == "decode" || command == "prefill" || command == "logits") return answer_run(engine, words);
  std::string out;
  if (extra && extra(words, out)) return out;
  throw std::runtime_error("there is no command " + command);
}

}  // namespace

std::string json(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += ' ';
    else
      out += c;
  }
  return out + "\"";
}

std::string json(double number) {
  char out[32];
  std::snprintf(out, sizeof out, "%.9g", number);
  return std::isfinite(number) ? out : "null";
}

int serve(Engine& engine, int argc, char** argv, bool (*extra)(const std::vector<std::string>&, std::string&)) {
  int failed = 0;
  auto hear = [&](const std::string& line) {
    // Words are separated by tabs: a path may hold spaces.
    std::vector<std::string> words;
    std::istringstream in(line);
    for (std::string word; std::getline(in, word, '\t');) words.push_back(word);
    if (words.empty()) return;
    std::string out;
    try {
      out = answer(engine, words, extra);
    } catch (const std::exception& e) {
      out = std::string("{\"error\":").append(json(e.what())).append("}");
      failed = 1;
    }
    std::printf("%s\n", out.c_str());
    std::fflush(stdout);
  };
  for (int i = 1; i < argc; i++) hear(argv[i]);
  if (argc > 1) return failed;
  for (std::string line; std::getline(std::cin, line);) hear(line);
  return 0;
}

}  // namespace bench
