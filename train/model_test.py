"""FATReLU to the letter, the model's causality, checkpoints."""

import math

import pytest
import torch

from model import Config, Llama, activate, load, save

TINY = dict(vocab=50, dim=16, ffn=24, layers=2, heads=4, kv_heads=2, context=16)


def test_fatrelu_keeps_what_is_not_below_t():
    g = torch.tensor([-2.0, -0.0, 0.0, 0.4, 0.5, 0.6, math.inf])
    assert activate(g, "fatrelu", 0.5).tolist() == [0, 0, 0, 0, 0.5, g[5].item(), math.inf]


def test_nan_is_never_inactive():
    assert activate(torch.tensor([math.nan]), "fatrelu", 0.5).isnan().all()


@pytest.mark.parametrize("t", [0.0, -1.0])
def test_fatrelu_without_threshold_is_relu(t):
    g = torch.linspace(-3, 3, 101)
    assert torch.equal(activate(g, "fatrelu", t), torch.relu(g))


def test_unknown_activation_is_an_error():
    with pytest.raises(ValueError, match='"gelu" is unknown'):
        activate(torch.zeros(1), "gelu", 0.0)


def test_no_token_sees_a_later_one():
    torch.manual_seed(0)
    model, ids = Llama(Config(**TINY)), torch.randint(50, (1, 16))
    changed = ids.clone()
    changed[0, 10:] = 3
    a, b = model(ids)[0], model(changed)[0]
    assert torch.allclose(a[0, :10], b[0, :10], atol=1e-5) and not torch.allclose(a[0, 10:], b[0, 10:])


def test_x1_is_zero_where_s_is():
    model = Llama(Config(**TINY, activation="relu"))
    _, inner = model(torch.randint(50, (2, 16)))
    assert len(inner) == 2
    for s, x1 in inner:
        assert s.shape == x1.shape == (2, 16, 24)
        assert (x1[s == 0] == 0).all() and (s == 0).any()


def test_checkpoint_gives_the_model_back(tmp_path):
    model = Llama(Config(**TINY)).use("fatrelu", 0.25)
    save(tmp_path / "a.pt", model, step=7)
    again, saved = load(tmp_path / "a.pt")
    ids = torch.randint(50, (1, 16))
    assert again.c == model.c and saved["step"] == 7 and torch.equal(model(ids)[0], again(ids)[0])
