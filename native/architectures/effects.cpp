#include "architectures/effects.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "architectures/keys.h"
#include "error.h"
#include "quant/types.h"

namespace sparselab {
namespace {

// Keys of the architecture, without its name, that change what is computed. With any other value than these two the result would
// be silently wrong, so others are refused. `value` is what an absent key means; `also` means the same. (Logit soft caps are not
// among them: llama.cpp saves any value for "llama", and no program computes them there.)
struct Neutral {
  const char* key;
  double value, also;
};
constexpr Neutral kNeutral[] = {{"expert_count", 0, 0},
                                {"rope.scaling.attn_factor", 1, 1},
                                {"logit_scale", 1, 0},
                                {"residual_scale", 1, 0},
                                {"embedding_scale", 1, 0},
                                {"attention.causal", 1, 1},
                                {"attention.scale", 0, 0},
                                {"attention.clamp_kqv", 0, 0},
                                {"attention.max_alibi_bias", 0, 0},
                                {"attention.temperature_scale", 0, 0},
                                {"use_parallel_residual", 0, 0}};

[[noreturn]] void unsupported(const std::string& key, double value, double neutral) {
  throw Error(
      Code::unsupported_model,
      text("key \"%s\" is %g, which changes the computation and is not supported yet; only %g is", key.c_str(), value, neutral));
}

// Scaled rotary positions. Files have several keys for the factor; 0 and 1 mean no scaling, as does type "none".
void refuse_scaled_positions(const Table& table, const std::string& arch) {
  const Keys keys(table);
  const std::string type_key = arch + ".rope.scaling.type";
  const std::string type = table.find(type_key) ? keys.string(type_key) : "";
  constexpr const char* known[] = {"", "none", "linear", "yarn", "longrope"};
  if (std::none_of(std::begin(known), std::end(known), [&](const char* k) { return type == k; }))
    throw Error(Code::unsupported_model,
                "key \"" + type_key + "\" is \"" + type + "\"; scaled rotary positions are not supported yet, only \"none\"");
  if (type == "none") return;
  // The older key counts only if the newer one is absent.
  std::string key = arch + ".rope.scaling.factor";
  if (!table.find(key)) key = arch + ".rope.scale_linear";
  if (const double v = keys.number_or(key, 1); v != 1 && v != 0) unsupported(key, v, 1);
}

}  // namespace

void refuse_effects(const Table& table, const std::string& arch, uint32_t context) {
  const Keys keys(table);
  for (const Neutral& n : kNeutral) {
    const std::string key = arch + "." + n.key;
    if (const double v = keys.number_or(key, n.value); v != n.value && v != n.also) unsupported(key, v, n.value);
  }
  const std::string window = arch + ".attention.sliding_window";
  if (const double v = keys.number_or(window, 0); v != 0 && !(v >= context))
    throw Error(Code::unsupported_model,
                text("key \"%s\" is %g, less than the context of %u, which changes the computation and is not supported yet",
                     window.c_str(), v, context));
  refuse_scaled_positions(table, arch);
}

bool neutral_frequencies(const Table& table, uint32_t head_size) {
  const TensorInfo* t = table.tensor("rope_freqs.weight");
  if (!t || t->type != F32 || t->shape[0] != head_size / 2 || t->rows() != 1) return false;
  for (uint64_t i = 0; i < t->shape[0]; i++) {
    float factor;
    std::memcpy(&factor, t->data + i * sizeof factor, sizeof factor);
    if (factor != 1) return false;
  }
  return true;
}

// A norm, an embedding or an output matrix of zeros makes every logit the same, and no training gives one: such bytes were never
// written. (Other matrices of zeros may be intended: their layer then adds nothing.) A good file is read only up to its first
// byte that is not 0.
void refuse_missing_data(const std::vector<ModelTensor>& tensors) {
  auto zeros = [&](const TensorInfo& t, uint64_t from) {
    return std::all_of(t.data + from, t.data + t.bytes, [](uint8_t byte) { return byte == 0; });
  };
  auto refuse = [](const TensorInfo& t, const char* what) {
    throw Error(Code::bad_file, text("tensor \"%s\" %s, at offset %llu of %s: its data is probably missing, as after a download "
                                     "that did not finish. Download the file again (or compare its SHA-256)",
                                     t.name.c_str(), what, (unsigned long long)t.offset,
                                     t.part ? text("part %u", t.part + 1).c_str() : "the file"));
  };
  std::map<uint32_t, const TensorInfo*> last;  // of each part
  for (const ModelTensor& one : tensors) {
    if (one.needs_data && zeros(*one.info, 0)) refuse(*one.info, "is all zeros");
    const TensorInfo*& end = last[one.info->part];
    if (!end || one.info->offset > end->offset) end = one.info;
  }
  // An incomplete file lacks its end.
  for (const auto& [part, end] : last)
    if (zeros(*end, end->bytes / 2)) refuse(*end, "is the file's last, and its second half is all zeros");
}

}  // namespace sparselab
