"""Predictors learn which neurons are active, and what they leave out is what the measure leaves out."""

import math

import pytest
import torch

from measure import evaluate
from model import Config, Llama
from predictor import fit, perplexity, samples, score

TINY = dict(vocab=50, dim=16, ffn=24, layers=2, heads=4, kv_heads=2, context=16)


@pytest.fixture
def model():
    torch.manual_seed(4)
    return Llama(Config(**TINY, activation="fatrelu"))


def test_samples_are_what_the_block_computes(model):
    rows = torch.randint(3, 50, (3, 16))
    h, y = samples(model, rows, batch=2)
    assert [x.shape for x in h] == [(48, 16)] * 2 and [x.shape for x in y] == [(48, 24)] * 2
    block = model.blocks[1]
    assert torch.equal(y[1], block.ffn.gate(block.ffn_norm(h[1])) > 0)


def test_a_predictor_learns(model):
    h, y = samples(model, torch.randint(3, 50, (64, 16)))
    net = fit(h[0], y[0], rank=16, epochs=200)
    recall, sparsity = score(net, h[0], y[0], 0.0)
    assert recall > 0.85 and sparsity > 0.2  # half of the neurons are active here, so chance would be a recall of 1 - sparsity
    assert score(net, h[0], y[0], -math.inf) == (1.0, 0.0)


def test_every_neuron_predicted_is_the_model_itself(model):
    rows = torch.randint(3, 50, (3, 16))
    h, y = samples(model, rows)
    nets = [fit(a, b, rank=4, epochs=1, size=16) for a, b in zip(h, y)]
    assert perplexity(model, nets, -math.inf, rows) == pytest.approx(evaluate(model, rows)[0]["perplexity"], rel=1e-5)
    assert perplexity(model, nets, math.inf, rows) != pytest.approx(evaluate(model, rows)[0]["perplexity"], rel=1e-5)
