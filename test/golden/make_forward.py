"""Makes test/golden/forward/: small random llama models as files, and what transformers computes from the very same weights.

    python3 -m venv /some/folder && /some/folder/bin/pip install torch transformers gguf
    /some/folder/bin/python test/golden/make_forward.py

The reference is transformers' LlamaForCausalLM in float64 (its RMSNorm and RoPE tables stay float32). Each file is written
first and read back: the reference runs on what the file really holds after F16 or Q8_0, un-permuted to the layout of Hugging
Face. In the file the rows of q and k are permuted as llama.cpp's converter does, so that RoPE turns adjacent pairs; the
reference knows nothing of it.

For each model: NAME.gguf, and NAME.f32 with the logits (T, V). models.json tells the tokens, the activation and the shapes.
For one model NAME.POINT.f32 are captures, (L, T, width) or (T, width), taken with forward hooks.
"""

import json
import os
import struct

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from transformers import LlamaConfig, LlamaForCausalLM

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "forward")
V, T = 288, 12
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)]
BASE = dict(
    D=64, F=128, L=2, H=4, G=2, rope=10000.0, eps=1e-5, tied=False, version=3, magic="GGUF", types={"": "F32"}, act="relu"
)
# `types` maps a part of a tensor's name to its type; the longest part that fits counts. Norms are always F32.
MODELS = {
    "relu-f32-gqa": dict(key="relu", D=40, F=100),
    "silu-f16-mha-tied": dict(act="silu", F=96, G=4, rope=500000.0, tied=True, version=2, types={"": "F16"}),
    "fatrelu-q8_0": dict(act="fatrelu", t=0.03, key="fatrelu", types={"": "Q8_0"}),
    "fatrelu-layers-mixed": dict(
        act="fatrelu",
        t=[0.3, 1.0, 0.05],
        key="fatrelu",
        F=96,
        L=3,
        H=2,
        G=1,
        eps=1e-6,
        capture=True,
        types={
            "": "F16",
            "token_embd": "Q8_0",
            "ffn_gate": "Q8_0",
            "blk.1.ffn_down": "Q8_0",
            "blk.2.ffn_down": "F32",
            "attn_v": "Q8_0",
            "output.weight": "F16",
        },
    ),
    "pwri-relu-f16": dict(magic="PWRI", D=48, F=100, types={"": "F16"}, ranks=[8, 24]),
    "pwri-relu-q8_0": dict(magic="PWRI", types={"": "Q8_0"}, ranks=[32, 64], D=96, H=3, G=1, F=128, rope=1e6),
    "silu-q8_0": dict(act="silu", key="silu", types={"": "Q8_0"}, D=64, F=128, H=2, G=2),
}


class FatRelu(torch.nn.Module):
    """s where s >= t, else 0; t > 0."""

    def __init__(self, t):
        super().__init__()
        self.t = t

    def forward(self, x):
        # The file holds t as float32.
        return torch.where(x >= float(np.float32(self.t)), x, torch.zeros_like(x))


def permute(w, heads):
    """llama.cpp's converter: from halves (i, i + K/2) to adjacent pairs (2i, 2i + 1)."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def unpermute(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def random_weights(c, rng):
    """Weights under their names in the file, as float32, already permuted."""
    D, F, kv = c["D"], c["F"], c["D"] // c["H"] * c["G"]

    def normal(rows, columns, scale=1.0):
        return (rng.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(np.float32)

    def norm():
        return rng.uniform(0.6, 1.4, D).astype(np.float32)

    w = {"token_embd.weight": normal(V, D, 4), "output_norm.weight": norm()}
    if not c["tied"]:
        w["output.weight"] = normal(V, D, 3)
    for layer in range(c["L"]):
        b = f"blk.{layer}."
        w[b + "attn_norm.weight"] = norm()
        w[b + "ffn_norm.weight"] = norm()
        w[b + "attn_q.weight"] = permute(normal(D, D, 1.5), c["H"])
        w[b + "attn_k.weight"] = permute(normal(kv, D, 1.5), c["G"])
        w[b + "attn_v.weight"] = normal(kv, D)
        w[b + "attn_output.weight"] = normal(D, D)
        w[b + "ffn_gate.weight"] = normal(F, D)
        w[b + "ffn_up.weight"] = normal(F, D)
        down = normal(D, F, 1.5)
        if c["magic"] == "PWRI":
            w[b + "ffn_down_t.weight"] = np.ascontiguousarray(down.T)
            w[b + "fc1.weight"] = normal(c["ranks"][layer], D)
            w[b + "fc2.weight"] = normal(F, c["ranks"][layer])
        else:
            w[b + "ffn_down.weight"] = down
    return w


def type_of(name, shape, types):
    if len(shape) == 1:
        return Type.F32
    parts = [part for part in types if part in name]
    return Type[types[max(parts, key=len)]]


def write(path, name, c, weights):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"golden {name}")
    for key, value in [
        ("context_length", 64),
        ("embedding_length", c["D"]),
        ("block_count", c["L"]),
        ("feed_forward_length", c["F"]),
    ]:
        writer.add_uint32(f"llama.{key}", value)
    writer.add_uint32("llama.attention.head_count", c["H"])
    writer.add_uint32("llama.attention.head_count_kv", c["G"])
    writer.add_uint32("llama.rope.dimension_count", c["D"] // c["H"])
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", c["eps"])
    writer.add_float32("llama.rope.freq_base", c["rope"])
    if "key" in c:
        writer.add_string("llama.hidden_activation", c["key"])
    if isinstance(c.get("t"), list):
        writer.add_array("sparselab.threshold", [float(t) for t in c["t"]])
    elif "t" in c:
        writer.add_float32("sparselab.threshold", c["t"])
    if c["magic"] == "PWRI":
        writer.add_float32("powerinfer.sparse_threshold", 0.0)
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), "\u2581", *LETTERS, "\u2581a", "th"]
    assert len(pieces) == V
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([0.0] * 259 + [-float(i) for i in range(V - 259)])
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * (V - 259))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for tensor, w in weights.items():
        kind = type_of(tensor, w.shape, c["types"])
        if kind == Type.Q8_0:
            writer.add_tensor(tensor, gguf.quants.quantize(w, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor, w.astype(np.float16 if kind == Type.F16 else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with open(path, "r+b") as file:  # versions 2 and 3 differ in nothing else
        file.write(c["magic"].encode() + struct.pack("<I", c["version"]))


def read_back(path):
    """The weights that the file holds, as float64. The library reads only the magic GGUF, so a PWRI file is read as its twin."""
    twin = path + ".twin"
    with open(path, "rb") as source, open(twin, "wb") as target:
        target.write(b"GGUF" + source.read()[4:])
    weights = {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64).copy() for t in gguf.GGUFReader(twin).tensors
    }
    os.remove(twin)
    return weights


def reference(c, w):
    config = LlamaConfig(
        vocab_size=V,
        hidden_size=c["D"],
        intermediate_size=c["F"],
        num_hidden_layers=c["L"],
        num_attention_heads=c["H"],
        num_key_value_heads=c["G"],
        hidden_act="silu" if c["act"] == "silu" else "relu",
        rms_norm_eps=c["eps"],
        max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": c["rope"]},
        tie_word_embeddings=c["tied"],
        attention_bias=False,
        mlp_bias=False,
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).double().eval()
    state = {"model.embed_tokens.weight": w["token_embd.weight"], "model.norm.weight": w["output_norm.weight"]}
    state["lm_head.weight"] = w.get("output.weight", w["token_embd.weight"])
    for layer in range(c["L"]):
        b, m = f"blk.{layer}.", f"model.layers.{layer}."
        state[m + "input_layernorm.weight"] = w[b + "attn_norm.weight"]
        state[m + "post_attention_layernorm.weight"] = w[b + "ffn_norm.weight"]
        state[m + "self_attn.q_proj.weight"] = unpermute(w[b + "attn_q.weight"], c["H"])
        state[m + "self_attn.k_proj.weight"] = unpermute(w[b + "attn_k.weight"], c["G"])
        state[m + "self_attn.v_proj.weight"] = w[b + "attn_v.weight"]
        state[m + "self_attn.o_proj.weight"] = w[b + "attn_output.weight"]
        state[m + "mlp.gate_proj.weight"] = w[b + "ffn_gate.weight"]
        state[m + "mlp.up_proj.weight"] = w[b + "ffn_up.weight"]
        state[m + "mlp.down_proj.weight"] = (
            w[b + "ffn_down.weight"] if b + "ffn_down.weight" in w else w[b + "ffn_down_t.weight"].T
        )
    missing, unexpected = model.load_state_dict({k: torch.tensor(np.ascontiguousarray(v)) for k, v in state.items()}, strict=True)
    assert not missing and not unexpected
    if "t" in c:
        for number, layer in enumerate(model.model.layers):
            layer.mlp.act_fn = FatRelu(c["t"][number] if isinstance(c["t"], list) else c["t"])
    return model


def hooked(model, tokens):
    """Logits and, by hook point, what flowed through: (L, T, width), or (T, width) for the whole model's points."""
    seen = {}

    def keep(point):
        def take(x):
            x = x[0] if isinstance(x, tuple) else x
            seen.setdefault(point, []).append(x.detach()[0].clone())

        return take

    handles = []

    def after(module, point):
        take = keep(point)
        handles.append(module.register_forward_hook(lambda _m, _i, output: take(output)))

    def before(module, point):
        take = keep(point)
        handles.append(
            module.register_forward_pre_hook(
                lambda _m, inputs, kwargs: take(inputs[0] if inputs else kwargs["hidden_states"]), with_kwargs=True
            )
        )

    after(model.model.embed_tokens, "embed")
    after(model.model.norm, "final_norm")
    for layer in model.model.layers:
        before(layer, "resid_pre")
        before(layer.post_attention_layernorm, "resid_mid")
        after(layer, "resid_post")
        before(layer.mlp, "ffn.in")
        after(layer.mlp.gate_proj, "ffn.gate_pre")
        after(layer.mlp.act_fn, "ffn.gate")
        after(layer.mlp.up_proj, "ffn.up")
        before(layer.mlp.down_proj, "ffn.mid")
        after(layer.mlp, "ffn.out")
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]
    for handle in handles:
        handle.remove()
    return logits.numpy(), {p: (torch.stack(v) if p not in ("embed", "final_norm") else v[0]).numpy() for p, v in seen.items()}


def main():
    os.makedirs(OUT, exist_ok=True)
    for old in os.listdir(OUT):
        os.remove(os.path.join(OUT, old))
    index = []
    for number, (name, change) in enumerate(MODELS.items()):
        c = {**BASE, **change}
        path = os.path.join(OUT, name + ".gguf")
        for seed in range(1000):
            rng = np.random.default_rng([number, seed])
            write(path, name, c, random_weights(c, rng))
            tokens = [1, *rng.integers(3, V, T - 1).tolist()]
            logits, seen = hooked(reference(c, read_back(path)), tokens)
            # FATReLU jumps at t: no gate of the golden models lies so near that rounding decides.
            pre = seen["ffn.gate_pre"]
            t = np.asarray(c["t"] if isinstance(c.get("t"), list) else [c.get("t", 0.0)] * c["L"])[:, None, None]
            margin = float(np.abs(pre - t).min()) if "t" in c else None
            if margin is None or margin > 2e-5:
                break
        assert np.isfinite(logits).all()
        logits.astype("<f4").tofile(os.path.join(OUT, name + ".f32"))
        captures = {}
        if c.get("capture"):
            for point, values in seen.items():
                values.astype("<f4").tofile(os.path.join(OUT, f"{name}.{point}.f32"))
                captures[point] = list(values.shape)
        zeros = float((seen["ffn.mid"] == 0).mean())
        index.append(
            dict(
                name=name,
                tokens=tokens,
                vocab=V,
                activation=c["act"],
                t=c.get("t"),
                layers=c["L"],
                hidden=c["D"],
                neurons=c["F"],
                heads=c["H"],
                kvHeads=c["G"],
                ropeBase=c["rope"],
                tied=c["tied"],
                magic=c["magic"],
                version=c["version"],
                ranks=c.get("ranks", []),
                zerosInMid=zeros,
                marginToT=margin,
                captures=captures,
            )
        )
        size = os.path.getsize(path)
        print(f"{name:24} |logits| {np.abs(logits).mean():.3f}  zeros in mid {zeros:.3f}  margin to t {margin}  {size} bytes")
    with open(os.path.join(OUT, "models.json"), "w") as file:
        import transformers

        source = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float64; files by gguf"
        file.write(json.dumps(dict(source=source, models=index), indent=1) + "\n")


main()
