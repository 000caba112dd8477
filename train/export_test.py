"""The GGUF file read back is the model that was written; q and k rows lie as readers of llama files expect."""

import gguf
import numpy as np
import pytest
import torch

from export import TEMPLATE, halves, pairs, read, write
from model import Config, Llama, rotate
from predictor import Predictor
from tokenizer import CHAT, Tokenizer, train

LINES = ["The cat sat in the hall.", "Mirra has 3 apples.", "<用户>Where is the cat?<AI>In the hall."] * 40


@pytest.fixture(scope="module")
def tok(tmp_path_factory):
    path = tmp_path_factory.mktemp("spm") / "spm.model"
    train(LINES, path, 320)
    return Tokenizer(path)


@pytest.fixture(scope="module")
def model(tok):
    torch.manual_seed(1)
    model = Llama(Config(vocab=len(tok), dim=64, ffn=96, layers=2, heads=4, kv_heads=2, context=32, activation="relu"))
    for p in model.parameters():  # norms that are not all ones, weights far enough from zero to matter
        p.data += 0.05 * torch.randn_like(p)
    return model


def test_pairs_and_halves_are_inverse():
    w = np.arange(8 * 3).reshape(8, 3)  # 2 heads of 4
    assert (halves(pairs(w, 2), 2) == w).all()
    assert pairs(w, 2)[:, 0].tolist() == [w[i, 0] for i in (0, 2, 1, 3, 4, 6, 5, 7)]


def test_turning_adjacent_pairs_gives_the_same_scores():
    """What a reader of the file does with permuted rows equals what the model does with its own."""
    torch.manual_seed(2)
    q, k, x = torch.randn(8, 5), torch.randn(8, 5), torch.randn(6, 5)  # one head of 8, 6 tokens
    angle = torch.outer(torch.arange(6.0), 10000.0 ** (-torch.arange(0, 8, 2) / 8))  # (T, K/2)
    both = torch.cat((angle, angle), -1)

    def adjacent(y):  # (T, K), pairs 2j and 2j+1 turned by angle j
        a, b = y[:, 0::2], y[:, 1::2]
        return torch.stack((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), -1).flatten(1)

    own = rotate(x @ q.T, both.cos(), both.sin()) @ rotate(x @ k.T, both.cos(), both.sin()).T
    q2, k2 = (torch.from_numpy(pairs(w.numpy(), 1)) for w in (q, k))
    assert torch.allclose(own, adjacent(x @ q2.T) @ adjacent(x @ k2.T).T, atol=1e-4)


@pytest.mark.parametrize("kind, tolerance", [("f16", 2e-3), ("q8_0", 5e-2)])
def test_round_trip(tmp_path, tok, model, kind, tolerance):
    path = tmp_path / "m.gguf"
    write(path, model, tok, "fatrelu", 0.25, kind=kind)
    again = read(path)
    ids = torch.randint(len(tok), (2, 32))
    want, got = model.use("fatrelu", 0.0)(ids)[0], again.use("fatrelu", 0.0)(ids)[0]
    assert ((want - got).norm(dim=-1) / want.norm(dim=-1)).max() < tolerance
    for (name, a), (_, b) in zip(model.named_parameters(), again.named_parameters()):
        if a.dim() == 1:
            assert torch.equal(a, b), name


def test_keys_and_types(tmp_path, tok, model):
    write(tmp_path / "s.gguf", model, tok, "fatrelu", 0.25)
    write(tmp_path / "d.gguf", model, tok, "silu")
    sparse, dense = gguf.GGUFReader(tmp_path / "s.gguf"), gguf.GGUFReader(tmp_path / "d.gguf")
    value = {k: f.contents() for k, f in sparse.fields.items()}
    assert value["general.architecture"] == "llama" and value["llama.hidden_activation"] == "fatrelu"
    assert value["sparselab.threshold"] == 0.25 and value["llama.context_length"] == 32
    assert value["tokenizer.ggml.model"] == "llama" and value["tokenizer.chat_template"] == TEMPLATE
    assert [value[f"tokenizer.ggml.{k}_token_id"] for k in ("unknown", "bos", "eos")] == [0, 1, 2]
    types = value["tokenizer.ggml.token_type"]
    assert types[:3] == [2, 3, 3] and all(types[tok.chat[c]] == 4 for c in CHAT) and types.count(6) == 256
    assert dense.fields["llama.hidden_activation"].contents() == "silu" and "sparselab.threshold" not in dense.fields
    for t in sparse.tensors:
        assert t.tensor_type == (gguf.GGMLQuantizationType.F32 if "norm" in t.name else gguf.GGMLQuantizationType.Q8_0), t.name


def test_vocabulary_must_fit(tmp_path, tok):
    with pytest.raises(ValueError, match="pieces"):
        write(tmp_path / "x.gguf", Llama(Config(vocab=10, dim=32, ffn=32, layers=1, heads=2, kv_heads=1)), tok, "silu")


def test_predictors_in_the_file(tmp_path, tok, model):
    nets = [Predictor(64, 32, 96) for _ in model.blocks]
    write(tmp_path / "p.gguf", model, tok, "fatrelu", 0.25, predictors=(nets, -0.5), kind="f16")
    r = gguf.GGUFReader(tmp_path / "p.gguf")
    tensors = {t.name: t for t in r.tensors}
    assert r.fields["sparselab.predictor_cutoff"].contents() == [-0.5, -0.5]
    for l, net in enumerate(nets):
        for part, shape in (("fc1", [64, 32]), ("fc2", [32, 96])):  # GGUF names the fastest dimension first
            t = tensors[f"blk.{l}.{part}.weight"]
            assert t.shape.tolist() == shape
            assert np.allclose(t.data, getattr(net, part).weight.detach().numpy(), atol=1e-3)
    assert read(tmp_path / "p.gguf").c.threshold == 0.25
