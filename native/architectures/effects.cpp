#include "architectures/effects.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string_view>

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

}  // namespace

// Files have several keys for the factor; 0 and 1 mean no scaling, as does type "none".
void read_scaled_positions(const Table& table, const std::string& arch, uint32_t context, SlLayer& layer) {
  const Keys keys(table);
  const std::string prefix = arch + ".rope.scaling.", type_key = prefix + "type";
  const std::string type = table.find(type_key) ? keys.string(type_key) : "";
  constexpr const char* known[] = {"", "none", "linear", "yarn", "longrope"};
  if (std::none_of(std::begin(known), std::end(known), [&](const char* k) { return type == k; }))
    throw Error(Code::unsupported_model,
                "key \"" + type_key + "\" is \"" + type +
                    "\"; expected \"none\", \"linear\" or \"yarn\": other scaled rotary positions are not "
                    "supported");
  if (type == "none") return;
  // The older key counts only if the newer one is absent.
  std::string key = prefix + "factor";
  if (!table.find(key)) key = arch + ".rope.scale_linear";
  const double factor = keys.number_or(key, 1);
  if (factor == 0 || factor == 1) return;
  if (type == "longrope")
    throw Error(Code::unsupported_model, text("key \"%s\" is %g and \"%s\" is \"longrope\", which is not supported; \"linear\" "
                                              "and \"yarn\" are",
                                              key.c_str(), factor, type_key.c_str()));
  layer.rope_factor = keys.real(key, 0, 1e6);
  if (type != "yarn") return;
  for (const char* one : {"yarn_ext_factor", "yarn_attn_factor", "yarn_log_multiplier"})
    if (table.find(prefix + one))
      if (const double neutral = std::strcmp(one, "yarn_log_multiplier") ? 1 : 0, v = keys.number_or(prefix + one, neutral);
          v != neutral)
        unsupported(prefix + one, v, neutral);
  const float fast = 32, slow = 1;
  layer.yarn = 1;
  layer.yarn_fast = keys.real(prefix + "yarn_beta_fast", 0, 1e6, &fast);
  layer.yarn_slow = keys.real(prefix + "yarn_beta_slow", 0, 1e6, &slow);
  layer.yarn_context = keys.integer(prefix + "original_context_length", 1, 1u << 30, &context);
  layer.rope_magnitude = static_cast<float>(1 + 0.1 * std::log(static_cast<double>(layer.rope_factor)));
}

void refuse_effects(const Table& table, const Architecture& architecture, uint32_t context) {
  const Keys keys(table);
  const std::string arch = architecture.name;
  constexpr std::string_view scales[] = {"logit_scale", "residual_scale", "embedding_scale"};
  for (const Neutral& n : kNeutral) {
    if (architecture.scales.of_keys && std::find(std::begin(scales), std::end(scales), n.key) != std::end(scales)) continue;
    const std::string key = arch + "." + n.key;
    if (const double v = keys.number_or(key, n.value); v != n.value && v != n.also) unsupported(key, v, n.value);
  }
  if (architecture.soft_cap_key) {
    const std::string key = arch + "." + architecture.soft_cap_key;
    if (const double v = keys.number_or(key, 0); v != 0) unsupported(key, v, 0);
  }
  if (architecture.windows.every) return;
  const std::string window = arch + ".attention.sliding_window";
  if (const double v = keys.number_or(window, 0); v != 0 && !(v >= context))
    throw Error(Code::unsupported_model,
                text("key \"%s\" is %g, less than the context of %u, which changes the computation and is not supported for this "
                     "architecture",
                     window.c_str(), v, context));
}

bool neutral_frequencies(const Table& table, uint32_t rope_dims) {
  const TensorInfo* t = table.tensor("rope_freqs.weight");
  if (!t || t->type != F32 || t->shape[0] != rope_dims / 2 || t->rows() != 1) return false;
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
    // A bias may well be zeros.
    if (one.info->name.ends_with(".bias")) continue;
    const TensorInfo*& end = last[one.info->part];
    if (!end || one.info->offset > end->offset) end = one.info;
  }
  // An incomplete file lacks its end.
  for (const auto& [part, end] : last)
    if (zeros(*end, end->bytes / 2)) refuse(*end, "is the file's last, and its second half is all zeros");
}

}  // namespace sparselab
