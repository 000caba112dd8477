"""Train stages of stages.py: dense SiLU, ReLU substitution, or ProSparse's progressive L1.

    python train.py DATA RUNS trunk dense prosparse        in order; a finished stage is skipped, an interrupted one continues
    python train.py DATA RUNS prosparse --set steps=300 --as try1 --set lambdas=0,.1,.4 --set ends=60,180,300

    loss = cross entropy + lambda * sum over layers of the mean over tokens and neurons of |x1|

The mean, not the sum: a lambda here is F times a lambda on the sum over neurons. RUNS/STAGE.pt is the checkpoint (weights,
optimiser, step), RUNS/STAGE.log what was printed.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from model import Config, Llama, load, parameters, save
from schedule import l1_weight, learning_rate
from stages import STAGES
from tokenizer import BOS

SAVE = 100  # steps between checkpoints


def batch(tokens, at, rows, length):
    """The next rows x length tokens of the stream from place `at`, each row opened by <s> wherever it falls, as the windows
    of a measurement are: -> inputs, targets (rows, length)"""
    starts = [(at + i * length) % (len(tokens) - length) for i in range(rows)]
    x = torch.from_numpy(np.stack([np.concatenate(([BOS], tokens[r : r + length])) for r in starts]).astype(np.int64))
    return x[:, :-1], x[:, 1:]  # x (rows, length+1)


def optimiser(model, lr):
    """AdamW; weight decay on matrices only."""
    flat = [p for p in model.parameters() if p.dim() < 2]
    wide = [p for p in model.parameters() if p.dim() >= 2]
    groups = [dict(params=wide, weight_decay=0.1), dict(params=flat, weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=True)


def begin(c, path, runs, config):
    """-> model, optimiser, step to go on from, place in the stream where the stage began, seconds spent so far"""
    if path.exists():
        model, old = load(path)
        first, step, seconds = old["first"], old["step"], old["seconds"]
    elif c["start"]:
        model, old = load(runs / f"{c['start']}.pt")
        first, step, seconds = old["next"], 0, 0.0
        model.use(c["activation"])
    else:
        model, old, first, step, seconds = Llama(Config(**{**config, "activation": c["activation"]})), None, 0, 0, 0.0
    opt = optimiser(model, c["lr"])
    if old:
        opt.load_state_dict(old["optimiser"])
    return model, opt, step, first, seconds


def run(name, c, data, runs, label=None, every=25, seed=1, config={}, compiled=True, say=print):
    """One stage with the settings c -> the reports, a list of (mean cross entropy, sparsity); None if it was finished before"""
    torch.manual_seed(seed)
    label = label or name
    path = runs / f"{label}.pt"
    tokens = np.fromfile(data / "train.bin", np.uint16)
    model, opt, done, first, spent = begin(c, path, runs, config)
    if done >= c["steps"]:
        say(f"{label}: finished")
        return None
    each = c["rows"] * c["length"]

    def losses(ids, want):
        logits, inner = model(ids)
        ce = F.cross_entropy(logits.float().flatten(0, 1), want.flatten())
        l1 = sum(x1.abs().float().mean() for _, x1 in inner)
        zeros = sum((x1 == 0).float().mean() for _, x1 in inner) / len(inner)
        return ce, l1, zeros

    losses = torch.compile(losses) if compiled else losses
    reports, sums, n, clock = [], torch.zeros(3), 0, time.time()
    with open(runs / f"{label}.log", "a") as log:
        for step in range(done, c["steps"]):
            lam = l1_weight(step, c.get("lambdas", (0.0,)), c.get("ends", (1,)))
            lr = learning_rate(step, c["steps"], c["lr"], c["warmup"], c["decay"])
            for g in opt.param_groups:
                g["lr"] = lr
            ids, want = batch(tokens, first + step * each, c["rows"], c["length"])
            with torch.autocast("cpu", torch.bfloat16):
                ce, l1, zeros = losses(ids, want)
            (ce + lam * l1).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            opt.zero_grad(set_to_none=True)
            sums += torch.stack((ce, l1, zeros)).detach()
            n += 1
            last = step + 1 == c["steps"]
            if (step + 1) % every == 0 or last:
                loss, mean_l1, sparsity = (sums / n).tolist()
                took = time.time() - clock
                spent += took
                reports.append((loss, sparsity))
                line = f"{label} {step + 1:5d}  loss {loss:.4f}  ppl {math.exp(loss):8.3f}  l1 {mean_l1:.4f}  sparsity "
                line += f"{100 * sparsity:5.2f} %  lambda {lam:.3g}  lr {lr:.2g}  {n * each / took:5.0f} tok/s  {spent:5.0f} s"
                say(line, flush=True)
                print(line, file=log, flush=True)
                sums, n, clock = torch.zeros(3), 0, time.time()
            if (step + 1) % SAVE == 0 or last:
                place = dict(step=step + 1, first=first, next=first + (step + 1) * each)
                save(path, model, optimiser=opt.state_dict(), seconds=spent, stage=label, settings=c, **place)
    say(f"{label}: {parameters(model) / 1e6:.2f} M parameters, {(first + c['steps'] * each) / 1e6:.2f} M tokens seen")
    return reports


def setting(text):
    """ "key=value" with the type that stages.py has for the key"""
    key, value = text.split("=", 1)
    kinds = dict(start=str, activation=str, steps=int, warmup=int, rows=int, length=int, lr=float, decay=float)
    if key in ("lambdas", "ends"):
        return key, [float(x) for x in value.split(",")]
    if key not in kinds:
        raise SystemExit(f"--set {key}: unknown setting; known: {', '.join([*kinds, 'lambdas', 'ends'])}")
    return key, kinds[key](value)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("data", type=Path)
    a.add_argument("runs", type=Path)
    a.add_argument("stages", nargs="+", choices=list(STAGES))
    a.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of the stage")
    a.add_argument("--as", dest="label", help="name of the run, if not the stage's")
    a.add_argument("--every", type=int, default=25, help="steps between reports")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--threads", type=int, default=0)
    a = a.parse_args()
    a.runs.mkdir(parents=True, exist_ok=True)
    if a.threads:
        torch.set_num_threads(a.threads)
    for name in a.stages:
        run(name, STAGES[name] | dict(setting(s) for s in a.set), a.data, a.runs, a.label, a.every, a.seed)


if __name__ == "__main__":
    main()
