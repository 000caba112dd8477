"""Each measure against a few plain lines."""

import math

import pytest
import torch

from ask import answers, by_kind, chance
from measure import choose, evaluate, ratio, sweep, windows
from model import Config, Llama

TINY = dict(vocab=50, dim=16, ffn=24, layers=2, heads=4, kv_heads=2, context=16)


@pytest.fixture
def model():
    torch.manual_seed(3)
    return Llama(Config(**TINY, activation="fatrelu"))


def test_windows_put_bos_in_place_and_drop_the_rest():
    rows = windows(list(range(10, 20)), 4)
    assert rows.tolist() == [[1, 11, 12, 13], [1, 15, 16, 17]]


def test_too_short_a_text_is_an_error():
    with pytest.raises(ValueError, match="3 tokens, a window needs 4"):
        windows([5, 6, 7], 4)


def test_perplexity_and_sparsity(model):
    rows = torch.randint(3, 50, (5, 16))
    r, _ = evaluate(model, rows, batch=2)
    nll, zeros = [], []
    with torch.no_grad():
        for ids in rows:
            logits, inner = model(ids[None])
            nll += [-logits[0, i - 1].log_softmax(-1)[ids[i]].item() for i in range(9, 16)]
            zeros += [(x1[0] == 0).float().mean().item() for _, x1 in inner]
    assert r["perplexity"] == pytest.approx(math.exp(sum(nll) / len(nll)), rel=1e-5)
    assert r["sparsity"] == pytest.approx(sum(zeros) / len(zeros), rel=1e-5)
    assert r["scored"] == 35


def test_kl_against_itself_is_zero_and_grows(model):
    rows = torch.randint(3, 50, (3, 16))
    a, b = sweep(model, rows, [0.0, 0.05], say=lambda *_, **__: None)
    assert a["kl"] == pytest.approx(0, abs=1e-6) and a["top1"] == 1 and b["kl"] > 0 and b["sparsity"] > a["sparsity"]


def test_choose_stops_at_the_first_rise():
    points = [dict(t=t, perplexity=p) for t, p in [(0, 2.0), (1, 2.01), (2, 2.03), (3, 2.0)]]
    assert choose(points) == 1 and choose(points, 0.1) == 3


def test_ratio_of_a_model_to_itself():
    r = dict(windows=[1.0, 2.0, 3.0])
    assert ratio(r, r) == (1.0, 1.0, 1.0)
    assert ratio(dict(windows=[1.1, 2.1, 3.1]), r)[0] == pytest.approx(math.exp(0.1))


class Letters:
    """One token a letter, 0 to 49."""

    def encode(self, text):
        return [3 + ord(c) % 40 for c in text]


def test_answers_pick_the_lowest_perplexity(model):
    items = [
        dict(kind="k", question="abc", choices=["d", "efg", "hi"], answer=1),
        dict(kind="m", question="x", choices=["y", "z"], answer=0),
    ]
    got, tok = answers(model, Letters(), items), Letters()
    for right, x in zip(got, items):
        score = []
        for choice in x["choices"]:
            head, ids = [1, *tok.encode(x["question"])], [1, *tok.encode(f"{x['question']} {choice}.")]
            with torch.no_grad():
                logp = model(torch.tensor([ids]))[0][0].log_softmax(-1)
            score.append(sum(logp[i - 1, ids[i]].item() for i in range(len(head), len(ids))) / (len(ids) - len(head)))
        assert right == (score.index(max(score)) == x["answer"])
    assert chance(items) == {"all": pytest.approx((1 / 3 + 1 / 2) / 2), "k": 1 / 3, "m": 1 / 2}
    assert by_kind(items, [1, 0])["all"] == 0.5
