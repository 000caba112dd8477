"""Write a trained model as GGUF (F16 or Q8_0), and read such a file back into the PyTorch model.

    python export.py DATA/spm.model RUNS/prosparse.pt FILE.gguf --type q8_0 --activation fatrelu --t 1.25

Architecture "llama". q and k rows are permuted from "halves" to "adjacent pairs", as llama.cpp's converter does.
`llama.hidden_activation` ("silu", "relu", "fatrelu") and `sparselab.threshold` say what the gates compute: plain readers
of llama files assume SiLU and would be silently wrong for the sparse models.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch

from model import Config, Llama, load
from tokenizer import BOS, CHAT, EOS, Tokenizer

BLOCK = {
    "attn_norm": "attn_norm",
    "ffn_norm": "ffn_norm",
    "attn.q": "attn_q",
    "attn.k": "attn_k",
    "attn.v": "attn_v",
    "attn.o": "attn_output",
    "ffn.gate": "ffn_gate",
    "ffn.up": "ffn_up",
    "ffn.down": "ffn_down",
}
TOP = {"embed.weight": "token_embd.weight", "norm.weight": "output_norm.weight", "head.weight": "output.weight"}
TYPES = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "f16": gguf.GGMLQuantizationType.F16}
FILE_TYPES = {"q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "f16": gguf.LlamaFileType.MOSTLY_F16}
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<用户>{{ m['content'] }}<AI>{% else %}{{ m['content'] }}{% endif %}{% endfor %}"
)


def gguf_name(name):
    """blocks.3.attn.q.weight -> blk.3.attn_q.weight"""
    if name in TOP:
        return TOP[name]
    _, n, rest = name.split(".", 2)
    return f"blk.{n}.{BLOCK[rest.removesuffix('.weight')]}.weight"


def pairs(w, heads):
    """(heads*K, D): rows j and j + K/2 of a head become neighbours."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def halves(w, heads):
    """The inverse of pairs."""
    return w.reshape(heads, w.shape[0] // heads // 2, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def heads_of(name, c):
    """The number of heads by which a matrix is permuted; 0: not permuted."""
    return c.heads if name.endswith("attn.q.weight") else c.kv_heads if name.endswith("attn.k.weight") else 0


def token_type(sp, i):
    """UNKNOWN 2, CONTROL 3, USER_DEFINED 4, BYTE 6, NORMAL 1"""
    return 2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 4 if sp.id_to_piece(i) in CHAT else 1


def write_vocabulary(w, tok):
    sp, ids = tok.sp, range(len(tok))
    w.add_tokenizer_model("llama")
    w.add_token_list([sp.id_to_piece(i).encode() for i in ids])
    w.add_token_scores([sp.get_score(i) for i in ids])
    w.add_token_types([token_type(sp, i) for i in ids])
    w.add_unk_token_id(0)
    w.add_bos_token_id(BOS)
    w.add_eos_token_id(EOS)
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    w.add_add_space_prefix(True)
    w.add_chat_template(TEMPLATE)


def write_settings(w, c, activation, t, name, kind):
    w.add_name(name)
    w.add_file_type(FILE_TYPES[kind])
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    w.add_context_length(c.context)
    w.add_embedding_length(c.dim)
    w.add_block_count(c.layers)
    w.add_feed_forward_length(c.ffn)
    w.add_head_count(c.heads)
    w.add_head_count_kv(c.kv_heads)
    w.add_layer_norm_rms_eps(c.eps)
    w.add_rope_dimension_count(c.dim // c.heads)
    w.add_rope_freq_base(c.rope_base)
    w.add_vocab_size(c.vocab)
    w.add_string("llama.hidden_activation", activation)
    if activation == "fatrelu":
        w.add_float32("sparselab.threshold", t)


def write(path, model, tok, activation, t=0.0, name="sparselab tiny world", kind="q8_0", predictors=None):
    """predictors: (a predictor.Predictor for each layer, cutoff); readers of plain llama files refuse such a file"""
    if len(tok) != model.c.vocab:
        raise ValueError(f"the vocabulary has {len(tok)} pieces, the model {model.c.vocab} rows")
    w = gguf.GGUFWriter(path, "llama")
    write_settings(w, model.c, activation, t, name, kind)
    write_vocabulary(w, tok)
    for key, value in model.state_dict().items():
        x, heads = value.float().numpy(), heads_of(key, model.c)
        if heads:
            x = pairs(x, heads)
        if x.ndim == 1:  # norms are small and stay exact
            w.add_tensor(gguf_name(key), x.astype(np.float32))
        else:
            w.add_tensor(gguf_name(key), gguf.quants.quantize(np.ascontiguousarray(x), TYPES[kind]), raw_dtype=TYPES[kind])
    if predictors:
        w.add_array("sparselab.predictor_cutoff", [float(predictors[1])] * model.c.layers)
        for l, net in enumerate(predictors[0]):
            for part in ("fc1", "fc2"):
                x = getattr(net, part).weight.detach().float().numpy()
                w.add_tensor(f"blk.{l}.{part}.weight", gguf.quants.quantize(x, TYPES[kind]), raw_dtype=TYPES[kind])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def check_same_weights(a, b):
    """Every tensor of file a is in b, the same to the byte."""
    mine, its = ({t.name: t for t in gguf.GGUFReader(path).tensors} for path in (a, b))
    for name, t in mine.items():
        if name not in its or t.tensor_type != its[name].tensor_type or t.data.tobytes() != its[name].data.tobytes():
            raise ValueError(f"{b}: {name} is not what it is in {a}")


def read(path):
    """-> the PyTorch model of a file this program wrote, weights dequantised"""
    r = gguf.GGUFReader(path)

    def field(key, default=None):
        return r.fields[key].contents() if key in r.fields else default

    c = Config(
        vocab=field("llama.vocab_size"),
        dim=field("llama.embedding_length"),
        ffn=field("llama.feed_forward_length"),
        layers=field("llama.block_count"),
        heads=field("llama.attention.head_count"),
        kv_heads=field("llama.attention.head_count_kv"),
        context=field("llama.context_length"),
        rope_base=field("llama.rope.freq_base"),
        eps=field("llama.attention.layer_norm_rms_epsilon"),
        activation=field("llama.hidden_activation"),
        threshold=field("sparselab.threshold", 0.0),
    )
    model = Llama(c)
    tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in r.tensors}
    weights = {}
    for key in model.state_dict():
        x, heads = np.array(tensors[gguf_name(key)], np.float32), heads_of(key, c)
        weights[key] = torch.from_numpy(np.ascontiguousarray(halves(x, heads) if heads else x))
    model.load_state_dict(weights)
    return model


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("vocabulary", type=Path)
    a.add_argument("checkpoint", type=Path)
    a.add_argument("file", type=Path)
    a.add_argument("--type", choices=list(TYPES), default="q8_0")
    a.add_argument("--activation", choices=["silu", "relu", "fatrelu"], required=True)
    a.add_argument("--t", type=float, default=0.0)
    a.add_argument("--name", default="sparselab tiny world")
    a = a.parse_args()
    model, _ = load(a.checkpoint)
    write(a.file, model, Tokenizer(a.vocabulary), a.activation, a.t, a.name, a.type)
    print(f"{a.file}: {a.file.stat().st_size / 1e6:.2f} MB, {a.type}, {a.activation}, t {a.t:g}")


if __name__ == "__main__":
    main()
