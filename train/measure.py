"""The measures on plain text: perplexity, sparsity, KL and top-1 agreement; a sweep over t and the choice of t.

Conventions, the same as the lab's: the text is tokenised as a whole and cut into windows of the context length without
overlap, <s> replaces the first token of each window, and the rows T/2 to T-2 predict the tokens that are scored (255 of 512).
Sparsity is the share of zeros in x1, mean over layers of mean over all tokens of the windows. KL and top-1 are against other
log-probabilities of the same tokens. float32 throughout.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tokenizer import BOS

RISE = 0.01  # the rise in perplexity that the chosen t may cost


def windows(ids, context):
    """ids of a text -> (N, context), <s> in place of each first token; the rest that fills no window is dropped"""
    n = len(ids) // context
    if n == 0:
        raise ValueError(f"the text has {len(ids)} tokens, a window needs {context}: give a longer text")
    rows = torch.as_tensor(np.asarray(ids[: n * context], np.int64)).view(n, context).clone()
    rows[:, 0] = BOS
    return rows


@torch.no_grad()
def evaluate(model, rows, reference=None, keep=False, batch=4):
    """rows (N, T) -> (measures, log-probabilities); reference: what another call kept, a list of (b, S, V), S scored tokens of a window"""
    half, L, kept, nll = rows.shape[1] // 2, model.c.layers, [], []
    zeros_x1, zeros_s, used = torch.zeros(L, dtype=torch.double), torch.zeros(L, dtype=torch.double), torch.zeros(L, model.c.ffn)
    n, kl, same = 0, 0.0, 0
    for k, i in enumerate(range(0, len(rows), batch)):
        ids = rows[i : i + batch]
        logits, inner = model(ids)
        logp = F.log_softmax(logits[:, half:-1], -1)  # (b, S, V) predicts ids[half + 1:]
        nll.append(-logp.gather(-1, ids[:, half + 1 :, None]).double().mean((1, 2)))  # (b,)
        n += logp.shape[0] * logp.shape[1]
        for l, (s, x1) in enumerate(inner):
            zeros_x1[l] += (x1 == 0).double().mean(-1).sum()
            zeros_s[l] += (s == 0).double().mean(-1).sum()
            used[l] += (x1 != 0).float().sum((0, 1))
        if reference:
            p = reference[k]
            kl += (p.exp() * (p - logp)).double().sum().item()
            same += (p.argmax(-1) == logp.argmax(-1)).sum().item()
        if keep:
            kept.append(logp)
    by_window, tokens = torch.cat(nll), rows.numel()
    layers = (zeros_x1 / tokens).tolist()
    out = dict(nll=by_window.mean().item(), perplexity=math.exp(by_window.mean()), sparsity=sum(layers) / L, layers=layers)
    out |= dict(zeros_in_s=(zeros_s / tokens).mean().item(), never_active=(used == 0).float().mean(-1).tolist(), scored=n)
    out |= dict(windows=by_window.tolist())
    if reference:
        out |= dict(kl=kl / n, top1=same / n)
    return out, kept


def ratio(a, b, draws=2000, seed=1):
    """Perplexity of a over that of b on the same windows, with the 95 % range of a bootstrap over windows (tokens of one
    window belong together, so windows are what is drawn)."""
    diff = np.asarray(a["windows"]) - np.asarray(b["windows"])
    pick = np.random.default_rng(seed).integers(len(diff), size=(draws, len(diff)))
    low, high = np.quantile(np.exp(diff[pick].mean(1)), [0.025, 0.975])
    return float(np.exp(diff.mean())), float(low), float(high)


def sweep(model, rows, grid, say=print):
    """-> a point for each t of the grid; KL and top-1 against t = 0"""
    _, reference = evaluate(model.use("fatrelu", 0.0), rows, keep=True)
    points = []
    for t in grid:
        r, _ = evaluate(model.use("fatrelu", t), rows, reference)
        points.append(dict(r, t=t))
        line = f"t {t:5.2f}  sparsity {100 * r['sparsity']:6.2f} %  perplexity {r['perplexity']:8.4f}"
        say(f"{line}  kl {r['kl']:.5f}  top-1 {100 * r['top1']:6.2f} %", flush=True)
    return points


def choose(points, rise=RISE):
    """The largest t up to which perplexity never rises more than `rise` over the first point."""
    best, base = points[0]["t"], points[0]["perplexity"]
    for p in points:
        if p["perplexity"] > base * (1 + rise):
            break
        best = p["t"]
    return best
