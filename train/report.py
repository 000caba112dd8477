"""From checkpoints to notebooks/models: both GGUF files, the chosen t, held-out text, questions, and a README of measured numbers.

    python report.py DATA RUNS OUT --seed 1

t is chosen on dev.txt; every number of the README is measured on held.txt and questions.jsonl, with the weights of the
files as they are shipped (Q8_0, read back). RUNS/results.json keeps all of it.
"""

import argparse
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import export
import predictor
from ask import answers, by_kind, chance
from kinds import KINDS
from measure import RISE, choose, evaluate, ratio, sweep, windows
from model import load, parameters
from readme import render
from tokenizer import BOS, Tokenizer

FINE = [x / 4 for x in range(0, 13)]  # the t among which one is chosen, on dev.txt
GRID = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0]  # the sweep that is shown, on held.txt
FILES = {"dense": "tiny-world-dense.q8_0.gguf", "prosparse": "tiny-world.q8_0.gguf"}
STAGES = {"dense": ["dense", "dense-end"], "prosparse": ["prosparse", "prosparse-end"]}  # what each was trained by, after the trunk
NAMES = {"dense": "sparselab tiny world, dense", "prosparse": "sparselab tiny world"}


def text_windows(path, tok, context):
    """As llama.cpp does: BOS in front of the text, then cut; each window opens with BOS in place of its first token."""
    return windows([BOS, *tok.encode(path.read_text("utf-8"))], context)


def measure(model, checkpoint, tok, held, items, data):
    """Everything about a model of a file: on held.txt, on each kind of text, answers, and what rounding its weights cost."""
    r, _ = evaluate(model, held)
    trained, saved = load(checkpoint)
    exact, _ = evaluate(trained.use(model.c.activation, model.c.threshold), held)
    kinds = {}
    for kind in KINDS:
        k, _ = evaluate(model, text_windows(data / f"held-{kind}.txt", tok, model.c.context))
        kinds[kind] = dict(perplexity=k["perplexity"], sparsity=k["sparsity"])
    right = answers(model, tok, items)
    r |= dict(unrounded=exact["perplexity"], kinds=kinds, right=right, answers=by_kind(items, right))
    return r | dict(parameters=parameters(model), activation=model.c.activation, t=model.c.threshold, tokens=saved["next"])


def put(made, out):
    """Every file of one folder into the other, each replaced at once."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(made.iterdir()):
        shutil.copyfile(path, out / f"{path.name}.part")
        os.replace(out / f"{path.name}.part", out / path.name)
        print(f"written: {out / path.name} ({path.stat().st_size / 1e6:.2f} MB)")


def export_both(made, last, tok, t):
    for name, path in FILES.items():
        model, _ = load(last[name])
        export.write(made / path, model, tok, "silu" if name == "dense" else "fatrelu", t, NAMES[name])


def training(runs, stages):
    """Tokens and seconds of the trunk, seconds of each model's own stages."""
    trunk = load(runs / "trunk.pt")[1]
    seconds = {name: sum(load(runs / f"{part}.pt")[1]["seconds"] for part in parts) for name, parts in stages.items()}
    return dict(trunk_tokens=trunk["next"], trunk_seconds=trunk["seconds"], seconds=seconds)


def write(data, runs, out, seed, grid=GRID, stages=STAGES):
    made = runs / "made"  # everything is made here and put in place at the end: nobody sees a file half written
    made.mkdir(exist_ok=True)
    tok = Tokenizer(data / "spm.model")
    items = [json.loads(x) for x in open(data / "questions.jsonl", encoding="utf-8")]
    last = {name: runs / f"{parts[-1]}.pt" for name, parts in stages.items()}
    export_both(made, last, tok, 0.0)  # once without t, which is chosen with the rounded weights
    sparse = export.read(made / FILES["prosparse"])
    held = text_windows(data / "held.txt", tok, sparse.c.context)

    print("on dev.txt, where t is chosen:")
    dev = sweep(sparse, text_windows(data / "dev.txt", tok, sparse.c.context), FINE)
    t = choose(dev)
    export_both(made, last, tok, t)
    results_of_predictors = predictor.add(data, made / FILES["prosparse"], NAMES["prosparse"], seed=seed)
    print(f"t = {t:g} is the largest with at most {RISE:.0%} more perplexity\non held.txt:")
    points = sweep(sparse, held, sorted({*grid, t}))

    results = dict(seed=seed, t=t, config=asdict(sparse.c), dev=dev, sweep=points, chance=chance(items), questions=len(items))
    results |= training(runs, stages) | dict(predictors=results_of_predictors, cutoff=predictor.CUTOFF, rank=predictor.RANK)
    for name, path in FILES.items():
        results[name] = measure(export.read(made / path), last[name], tok, held, items, data) | dict(bytes=(made / path).stat().st_size)
    results["zero"] = measure(sparse.use("fatrelu", 0.0), last["prosparse"], tok, held, items, data)
    results["flipped"] = sum(x != y for x, y in zip(results["zero"]["right"], results["prosparse"]["right"])) / len(items)
    results["against_dense"] = ratio(results["zero"], results["dense"])
    (runs / "results.json").write_text(json.dumps(results, indent=1) + "\n")

    shutil.copyfile(data / "held.txt", made / "held.txt")
    shutil.copyfile(data / "questions.jsonl", made / "questions.jsonl")
    (made / "README.md").write_text(render(results, FILES), "utf-8")
    put(made, out)
    return results


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("data", type=Path)
    a.add_argument("runs", type=Path)
    a.add_argument("out", type=Path)
    a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    write(a.data, a.runs, a.out, a.seed)


if __name__ == "__main__":
    main()
