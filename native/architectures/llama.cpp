// Architecture "llama": pre-norm layers, rotary positions by pairs, a gated FFN. Its files say which activation they compute;
// without the key it is SiLU (SwiGLU). PowerInfer wrote its ReLU models (ReluLLaMA, ProSparse) under this name.
#include "architectures/architecture.h"

namespace sparselab {
namespace {

constexpr TensorRule kTensors[] = {
    {SL_TENSOR_EMBED, "token_embd.weight", false, Dim::vocab, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_OUTPUT_NORM, "output_norm.weight", false, Dim::one, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_OUTPUT, "output.weight", false, Dim::vocab, Dim::hidden, Presence::optional, true},
    {SL_TENSOR_ROPE_FREQS, "rope_freqs.weight", false, Dim::one, Dim::rope_pairs, Presence::optional},
    {SL_TENSOR_ATTN_NORM, "attn_norm.weight", true, Dim::one, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_Q, "attn_q.weight", true, Dim::q_width, Dim::hidden},
    {SL_TENSOR_K, "attn_k.weight", true, Dim::kv_width, Dim::hidden},
    {SL_TENSOR_V, "attn_v.weight", true, Dim::kv_width, Dim::hidden},
    {SL_TENSOR_O, "attn_output.weight", true, Dim::hidden, Dim::q_width},
    {SL_TENSOR_FFN_NORM, "ffn_norm.weight", true, Dim::one, Dim::hidden, Presence::needed, true},
    {SL_TENSOR_GATE, "ffn_gate.weight", true, Dim::neurons, Dim::hidden},
    {SL_TENSOR_UP, "ffn_up.weight", true, Dim::neurons, Dim::hidden},
    {SL_TENSOR_DOWN_T, "ffn_down_t.weight", true, Dim::neurons, Dim::hidden, Presence::down_t},
    {SL_TENSOR_DOWN, "ffn_down.weight", true, Dim::hidden, Dim::neurons, Presence::down},
    {SL_TENSOR_PREDICTOR_1, "fc1.weight", true, Dim::rank, Dim::hidden, Presence::predictor},
    {SL_TENSOR_PREDICTOR_2, "fc2.weight", true, Dim::neurons, Dim::rank, Presence::predictor},
};

}  // namespace

extern const Architecture kLlama;
const Architecture kLlama = {
    .name = "llama",
    .models = "ProSparse, ReluLLaMA, MiniCPM-S in llama format, Llama 2 and 3, SmolLM2, SparseLM",
    .norm = SL_NORM_RMS,
    .epsilon_key = "attention.layer_norm_rms_epsilon",
    .rope = SL_ROPE_PAIRS,
    .rope_base = 10000,
    .ffn = {.has_gate = 1, .activation = SL_SILU, .act_up = SL_UP_AS_IS, .biases = 0, .sub_norm = 0},
    .powerinfer_activation = SL_RELU,
    .tensors = kTensors,
};

}  // namespace sparselab
