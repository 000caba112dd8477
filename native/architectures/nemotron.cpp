// Architecture "nemotron": LayerNorm with biases, no gate, squared ReLU; a part of each head's channels rotates, by halves. The
// file's norm weights already hold the 1 that the original model adds.
#include "architectures/architecture.h"

namespace sparselab {
namespace {

constexpr TensorRule kTensors[] = {
    {SL_TENSOR_EMBED, "token_embd.weight", false, Dim::vocab, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_OUTPUT_NORM, "output_norm.weight", false, Dim::one, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_OUTPUT_NORM_BIAS, "output_norm.bias", false, Dim::one, Dim::hidden},
    {SL_TENSOR_OUTPUT, "output.weight", false, Dim::vocab, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_ATTN_NORM, "attn_norm.weight", true, Dim::one, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_ATTN_NORM_BIAS, "attn_norm.bias", true, Dim::one, Dim::hidden},
    {SL_TENSOR_Q, "attn_q.weight", true, Dim::q_width, Dim::hidden},
    {SL_TENSOR_Q_BIAS, "attn_q.bias", true, Dim::one, Dim::q_width, Presence::optional},
    {SL_TENSOR_K, "attn_k.weight", true, Dim::kv_width, Dim::hidden},
    {SL_TENSOR_K_BIAS, "attn_k.bias", true, Dim::one, Dim::kv_width, Presence::optional},
    {SL_TENSOR_V, "attn_v.weight", true, Dim::kv_width, Dim::hidden},
    {SL_TENSOR_V_BIAS, "attn_v.bias", true, Dim::one, Dim::kv_width, Presence::optional},
    {SL_TENSOR_O, "attn_output.weight", true, Dim::hidden, Dim::q_width},
    {SL_TENSOR_O_BIAS, "attn_output.bias", true, Dim::one, Dim::hidden, Presence::optional},
    {SL_TENSOR_FFN_NORM, "ffn_norm.weight", true, Dim::one, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_FFN_NORM_BIAS, "ffn_norm.bias", true, Dim::one, Dim::hidden},
    {SL_TENSOR_UP, "ffn_up.weight", true, Dim::neurons, Dim::hidden},
    {SL_TENSOR_UP_BIAS, "ffn_up.bias", true, Dim::one, Dim::neurons, Presence::optional},
    {SL_TENSOR_DOWN_T, "ffn_down_t.weight", true, Dim::neurons, Dim::hidden, Presence::down_t},
    {SL_TENSOR_DOWN, "ffn_down.weight", true, Dim::hidden, Dim::neurons, Presence::down},
    {SL_TENSOR_DOWN_BIAS, "ffn_down.bias", true, Dim::one, Dim::hidden, Presence::optional},
    {SL_TENSOR_PREDICTOR_1, "fc1.weight", true, Dim::rank, Dim::hidden, Presence::predictor},
    {SL_TENSOR_PREDICTOR_2, "fc2.weight", true, Dim::neurons, Dim::rank, Presence::predictor},
};

}  // namespace

extern const Architecture kNemotron;
const Architecture kNemotron = {
    .name = "nemotron",
    .models = "Nemotron, Minitron",
    .norm = SL_NORM_LAYER,
    .epsilon_key = "attention.layer_norm_epsilon",
    .rope = SL_ROPE_HALVES,
    .rope_base = 10000,
    .ffn = {.has_gate = 0, .activation = SL_RELU2, .act_up = SL_UP_AS_IS, .biases = 0, .sub_norm = 0},
    .powerinfer_activation = SL_RELU2,
    .partial_rope = true,
    .tensors = kTensors,
};

}  // namespace sparselab
