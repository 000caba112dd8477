"""Predictors of active neurons, one for each layer, in PowerInfer's form: idx = fc2 relu(fc1 h), two linear layers without bias.

    python predictor.py DATA ../notebooks/models/tiny-world.q8_0.gguf --file RUNS/with-predictors.gguf
    python predictor.py DATA RUNS/prosparse.pt --t 1.5 --rank 32

The model is a checkpoint, or a file that export.py wrote: then --file writes a copy of it in which every other byte of a weight is
as it was, and t is the file's unless --t is given.

h is the residual stream before ffn_norm (D), the label is "active" under the model's activation at t (F). The loss is binary
cross entropy in which an active neuron weighs 1 and an inactive one the active share + 0.005, so that recall comes first.
Fitted on training text; printed for each cutoff, on held.txt: recall (active neurons that were predicted), predicted sparsity
(share predicted inactive), and perplexity when the neurons not predicted are left out. --file writes the model with its
predictors (blk.N.fc1, blk.N.fc2).
"""

import argparse
import math
import os
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import export
from measure import windows
from model import load
from tokenizer import BOS, Tokenizer

RANK, ROWS, EPOCHS = 64, 240, 12  # of the shipped predictors; rows are training windows
CUTOFF = -1.0  # what their file says
CUTOFFS = [-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]  # raw scores


class Predictor(nn.Module):
    def __init__(self, dim, rank, ffn):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, rank, bias=False), nn.Linear(rank, ffn, bias=False)

    def forward(self, h):  # (..., D) -> (..., F)
        return self.fc2(F.relu(self.fc1(h)))


@torch.no_grad()
def samples(model, rows, batch=4):
    """rows (N, T) -> for each layer h (N*T, D) and active (N*T, F) as bool"""
    h, y = [[] for _ in model.blocks], [[] for _ in model.blocks]

    def keep(l):
        return lambda _, args: h[l].append(args[0].flatten(0, 1))

    hooks = [block.ffn_norm.register_forward_pre_hook(keep(l)) for l, block in enumerate(model.blocks)]
    for i in range(0, len(rows), batch):
        for l, (s, _) in enumerate(model(rows[i : i + batch])[1]):
            y[l].append((s > 0).flatten(0, 1))
    for hook in hooks:
        hook.remove()
    return [torch.cat(x) for x in h], [torch.cat(x) for x in y]


def fit(h, y, rank, epochs=6, lr=2e-3, size=512, seed=1):
    """h (N, D), y (N, F) -> a predictor; the learning rate falls linearly to nothing"""
    torch.manual_seed(seed)
    net = Predictor(h.shape[1], rank, y.shape[1])
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.01, fused=True)
    light, steps = y.float().mean() + 0.005, epochs * max(1, len(h) // size)
    for k in range(steps):
        opt.param_groups[0]["lr"] = lr * (1 - k / steps)
        pick = torch.randint(len(h), (size,))
        want = y[pick].float()
        loss = F.binary_cross_entropy_with_logits(net(h[pick]), want, weight=want + (1 - want) * light)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net


@torch.no_grad()
def rounded(net):
    """The predictor as a Q8_0 file holds it, so that what is measured here is what the file does."""
    for layer in (net.fc1, net.fc2):
        quants = gguf.quants.quantize(layer.weight.numpy(), export.TYPES["q8_0"])
        layer.weight.copy_(torch.from_numpy(gguf.quants.dequantize(quants, export.TYPES["q8_0"])))
    return net


@torch.no_grad()
def score(net, h, y, cutoff):
    """-> recall, predicted sparsity of one layer; a neuron counts as predicted unless its score is below the cutoff"""
    said = ~(net(h) < cutoff)
    return (said & y).sum().item() / max(1, y.sum().item()), 1 - said.float().mean().item()


@torch.no_grad()
def perplexity(model, nets, cutoff, rows, batch=4):
    """Perplexity (second half of each window) when only predicted neurons are computed."""
    half, nll, n = rows.shape[1] // 2, 0.0, 0
    for i in range(0, len(rows), batch):
        ids = rows[i : i + batch]
        x, cos, sin = model.embed(ids), model.cos[: ids.shape[1]], model.sin[: ids.shape[1]]
        for block, net in zip(model.blocks, nets):
            h = x + block.attn(block.attn_norm(x), cos, sin)
            x1 = block.ffn(block.ffn_norm(h))[2]
            x = h + block.ffn.down(x1 * ~(net(h) < cutoff))
        logp = F.log_softmax(model.head(model.norm(x))[:, half:-1], -1)
        nll -= logp.gather(-1, ids[:, half + 1 :, None]).sum().item()
        n += ids[:, half + 1 :].numel()
    return math.exp(nll / n)


def table(model, nets, held):
    """Per cutoff on held-out windows: cutoff, recall, predicted sparsity (means over layers), perplexity; first with every neuron."""
    h, y = samples(model, held)
    rows = [dict(cutoff=None, recall=1.0, sparsity=0.0, perplexity=perplexity(model, nets, -math.inf, held))]
    for cutoff in CUTOFFS:
        recall, sparsity = np.mean([score(*x, cutoff) for x in zip(nets, h, y)], 0).tolist()
        rows.append(dict(cutoff=cutoff, recall=recall, sparsity=sparsity, perplexity=perplexity(model, nets, cutoff, held)))
    return rows


def train(model, data, rank=RANK, rows=ROWS, epochs=EPOCHS, seed=1):
    """A predictor for each layer of a model that runs under its own t, fitted on the first windows of train.bin, rounded to Q8_0."""
    context = model.c.context
    text = windows(np.fromfile(data / "train.bin", np.uint16)[: rows * context], context)
    return [rounded(fit(h, y, rank, epochs, seed=seed)) for h, y in zip(*samples(model, text))]


def add(data, path, name, cutoff=CUTOFF, seed=1):
    """Predictors for a file of export.py, written into it; every weight stays the same to the byte. -> what `table` measured"""
    model, tok = export.read(path), Tokenizer(data / "spm.model")
    nets = train(model, data, seed=seed)
    held = windows([BOS, *tok.encode((data / "held.txt").read_text("utf-8"))], model.c.context)
    with_predictors = path.with_suffix(".part")
    export.write(with_predictors, model, tok, "fatrelu", model.c.threshold, name, predictors=(nets, cutoff))
    export.check_same_weights(path, with_predictors)
    os.replace(with_predictors, path)
    return table(model, nets, held)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("data", type=Path)
    a.add_argument("checkpoint", type=Path)
    a.add_argument("--t", type=float, help="default: the file's; of a checkpoint 0")
    a.add_argument("--rank", type=int, default=RANK)
    a.add_argument("--rows", type=int, default=ROWS, help="training windows")
    a.add_argument("--epochs", type=int, default=EPOCHS)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--cutoff", type=float, default=CUTOFF, help="the cutoff that is written to the file")
    a.add_argument("--file", type=Path)
    a = a.parse_args()
    of_file = a.checkpoint.suffix == ".gguf"
    model = export.read(a.checkpoint) if of_file else load(a.checkpoint)[0]
    t = (model.c.threshold if of_file else 0.0) if a.t is None else a.t
    model.use("fatrelu", t)
    tok = Tokenizer(a.data / "spm.model")
    held = windows([BOS, *tok.encode((a.data / "held.txt").read_text("utf-8"))], model.c.context)
    nets = train(model, a.data, a.rank, a.rows, a.epochs, a.seed)
    for r in table(model, nets, held):
        what = "every neuron" if r["cutoff"] is None else f"cutoff {r['cutoff']:5.1f}"
        line = f"{what:12}  recall {100 * r['recall']:6.2f} %  predicted sparsity {100 * r['sparsity']:6.2f} %"
        print(f"{line}  perplexity {r['perplexity']:.4f}", flush=True)
    if a.file:
        export.write(a.file, model, tok, "fatrelu", t, "sparselab tiny world with predictors", predictors=(nets, a.cutoff))
        if of_file:
            export.check_same_weights(a.checkpoint, a.file)
        print(f"{a.file}: {a.file.stat().st_size / 1e6:.2f} MB, rank {a.rank}, t {t:g}, cutoff {a.cutoff:g}")


if __name__ == "__main__":
    main()
