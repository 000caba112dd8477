// clang-format off
/* Made from native/vocabulary/vocabulary.json by scripts/vocabulary.mjs: change that table and run "node scripts/vocabulary.mjs". */
#ifndef SPARSELAB_VOCABULARY_H
#define SPARSELAB_VOCABULARY_H

/* Hook points, in the order in which they are computed. */
typedef enum {
  SL_EMBED,
  SL_RESID_PRE,
  SL_ATTN_Q,
  SL_ATTN_K,
  SL_ATTN_V,
  SL_ATTN_SCORES,
  SL_ATTN_PATTERN,
  SL_ATTN_Z,
  SL_ATTN_OUT,
  SL_ATTN_ADD,
  SL_RESID_MID,
  SL_FFN_IN,
  SL_FFN_GATE_PRE,
  SL_FFN_GATE,
  SL_FFN_UP_PRE,
  SL_FFN_UP,
  SL_FFN_MID,
  SL_FFN_OUT,
  SL_FFN_ADD,
  SL_RESID_POST,
  SL_FINAL_NORM,
  SL_LOGITS,
  SL_POINTS
} SlPoint;
typedef enum {
  SL_SILU,
  SL_GELU,
  SL_GELU_TANH,
  SL_RELU,
  SL_RELU2,
  SL_FATRELU
} SlActivation;
typedef enum {
  SL_DENSE,
  SL_EXACT,
  SL_PREDICTED
} SlStrategy;
/* Which neurons count as inactive. as-trained: the activation's own rule. */
typedef enum {
  SL_POLICY_AS_TRAINED,
  SL_POLICY_FATRELU
} SlPolicyKind;
typedef enum {
  SL_ZERO,
  SL_SCALE,
  SL_REPLACE,
  SL_ADD,
  SL_CALL
} SlIntervene;
/* Sums over the tokens of a setting, kept by the program. */
typedef enum {
  SL_REDUCE_SPARSITY,
  SL_REDUCE_FREQUENCY,
  SL_REDUCERS
} SlReducer;

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>

namespace sparselab {

enum class Axis : uint8_t { none, token, hidden, head, channel, query, key, neuron, vocab };
struct PointTraits {
  const char* name;
  bool in_layer;    // in every layer; otherwise once in the model
  bool needs_gate;  // only where the FFN has a gate
  Axis axes[3];
};
inline constexpr PointTraits kPoints[SL_POINTS] = {
    {"embed", false, false, {Axis::token, Axis::hidden, Axis::none}},
    {"resid_pre", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"attn.q", true, false, {Axis::token, Axis::head, Axis::channel}},
    {"attn.k", true, false, {Axis::token, Axis::head, Axis::channel}},
    {"attn.v", true, false, {Axis::token, Axis::head, Axis::channel}},
    {"attn.scores", true, false, {Axis::head, Axis::query, Axis::key}},
    {"attn.pattern", true, false, {Axis::head, Axis::query, Axis::key}},
    {"attn.z", true, false, {Axis::token, Axis::head, Axis::channel}},
    {"attn.out", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"attn.add", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"resid_mid", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"ffn.in", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"ffn.gate_pre", true, true, {Axis::token, Axis::neuron, Axis::none}},
    {"ffn.gate", true, true, {Axis::token, Axis::neuron, Axis::none}},
    {"ffn.up_pre", true, false, {Axis::token, Axis::neuron, Axis::none}},
    {"ffn.up", true, true, {Axis::token, Axis::neuron, Axis::none}},
    {"ffn.mid", true, false, {Axis::token, Axis::neuron, Axis::none}},
    {"ffn.out", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"ffn.add", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"resid_post", true, false, {Axis::token, Axis::hidden, Axis::none}},
    {"final_norm", false, false, {Axis::token, Axis::hidden, Axis::none}},
    {"logits", false, false, {Axis::token, Axis::vocab, Axis::none}},
};
inline constexpr const char* kActivations[] = {"silu", "gelu", "gelu_tanh", "relu", "relu2", "fatrelu"};
inline constexpr const char* kStrategies[] = {"dense", "exact", "predicted"};
inline constexpr const char* kPolicies[] = {"as-trained", "fatrelu"};
inline constexpr const char* kInterventions[] = {"zero", "scale", "replace", "add", "call"};
inline constexpr const char* kReducers[] = {"sparsity", "frequency"};

// The weight types that the executor computes with: EACH(ggml's name, ggml's number).
#define SPARSELAB_WEIGHT_TYPES(EACH) EACH(F32, 0) EACH(F16, 1) EACH(Q4_0, 2) EACH(Q4_1, 3) EACH(Q5_0, 6) EACH(Q5_1, 7) EACH(Q8_0, 8) EACH(Q4_K, 12) EACH(Q5_K, 13) EACH(Q6_K, 14) EACH(BF16, 30)
inline constexpr size_t kWeightTypes = 11;
enum TensorType : uint32_t { F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q4_K = 12, Q5_K = 13, Q6_K = 14, BF16 = 30 };
// Every type that GGUF names, so that a file's spans can be checked.
struct TypeTraits {
  uint32_t number;
  const char* name;
  uint32_t block;        // elements of a block
  uint32_t block_bytes;  // bytes of a block
  bool computed;         // the executor has kernels for it
};
inline constexpr TypeTraits kTypeTraits[] = {
    {0, "F32", 1, 4, true},
    {1, "F16", 1, 2, true},
    {2, "Q4_0", 32, 18, true},
    {3, "Q4_1", 32, 20, true},
    {6, "Q5_0", 32, 22, true},
    {7, "Q5_1", 32, 24, true},
    {8, "Q8_0", 32, 34, true},
    {9, "Q8_1", 32, 36, false},
    {10, "Q2_K", 256, 84, false},
    {11, "Q3_K", 256, 110, false},
    {12, "Q4_K", 256, 144, true},
    {13, "Q5_K", 256, 176, true},
    {14, "Q6_K", 256, 210, true},
    {15, "Q8_K", 256, 292, false},
    {16, "IQ2_XXS", 256, 66, false},
    {17, "IQ2_XS", 256, 74, false},
    {18, "IQ3_XXS", 256, 98, false},
    {19, "IQ1_S", 256, 50, false},
    {20, "IQ4_NL", 32, 18, false},
    {21, "IQ3_S", 256, 110, false},
    {22, "IQ2_S", 256, 82, false},
    {23, "IQ4_XS", 256, 136, false},
    {24, "I8", 1, 1, false},
    {25, "I16", 1, 2, false},
    {26, "I32", 1, 4, false},
    {27, "I64", 1, 8, false},
    {28, "F64", 1, 8, false},
    {29, "IQ1_M", 256, 56, false},
    {30, "BF16", 1, 2, true},
    {34, "TQ1_0", 256, 54, false},
    {35, "TQ2_0", 256, 66, false},
    {39, "MXFP4", 32, 17, false},
};

// What an error is, for programs. It crosses every boundary as its name.
enum class Code { bad_file, unsupported_model, unsupported_type, unknown_hook_point, not_captured, invalid_option, no_device, device_lost, out_of_memory, context_full, not_finite, disposed, aborted };
inline constexpr const char* kCodes[] = {"bad-file", "unsupported-model", "unsupported-type", "unknown-hook-point", "not-captured", "invalid-option", "no-device", "device-lost", "out-of-memory", "context-full", "not-finite", "disposed", "aborted"};

}  // namespace sparselab
#endif
#endif
