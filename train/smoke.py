"""The whole recipe in a minute, on a tiny setting: text, training, export and a readable file.

    python3 train/smoke.py

Makes a small corpus, trains the three stages with a small model, exports both files, reads them back, measures and writes the
page of numbers. Fails if a loss does not fall, if L1 does not raise the sparsity, if t does not either, or if the file read
back is another model.
"""

import env

env.enter()

import shutil  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402

import corpus  # noqa: E402
import export  # noqa: E402
import report  # noqa: E402
from measure import evaluate, sweep, windows  # noqa: E402
from model import load  # noqa: E402
from stages import STAGES  # noqa: E402
from tokenizer import Tokenizer  # noqa: E402
from train import run  # noqa: E402

DIR = Path(__file__).resolve().parent / "runs" / "smoke"
SMALL = dict(vocab=512, dim=64, ffn=128, layers=2, heads=4, kv_heads=2, context=256)
CHANGED = {  # what differs from stages.py; lambda is larger, since there are few steps for it to work
    "trunk": dict(steps=300, rows=8, length=64, warmup=10),
    "dense": dict(steps=240, rows=4, length=128),
    "prosparse": dict(steps=240, rows=4, length=128, lambdas=[0.0, 0.2, 0.5, 0.5, 1.0, 1.0], ends=[15, 48, 120, 144, 204, 240]),
}


def check(ok, what):
    print(f"{'ok  ' if ok else 'FAIL'} {what}", flush=True)
    if not ok:
        raise SystemExit(1)


def main():
    begin = time.time()
    torch.set_num_threads(1)  # so small a model is no faster on two, and much slower where something else is running
    shutil.rmtree(DIR, ignore_errors=True)
    corpus.write(DIR, tokens=350_000, vocab=SMALL["vocab"], held=16_000, each=3, seed=1)
    tok = Tokenizer(DIR / "spm.model")
    for name, change in CHANGED.items():
        reports = run(name, STAGES[name] | change, DIR, DIR, every=30, config=SMALL, compiled=False)
        (first, zeros), (last, more) = reports[0], reports[-1]
        check(last < first, f"{name}: loss falls from {first:.3f} to {last:.3f}")
    check(more > zeros + 0.02, f"L1 raises the sparsity from {100 * zeros:.1f} to {100 * more:.1f} %")
    rows = windows(tok.encode((DIR / "held.txt").read_text("utf-8")), SMALL["context"])
    for name, activation in (("dense", "silu"), ("prosparse", "fatrelu")):
        model, _ = load(DIR / f"{name}.pt")
        export.write(DIR / f"{name}.gguf", model, tok, activation)
        (a, _), (b, _) = evaluate(model, rows), evaluate(export.read(DIR / f"{name}.gguf"), rows)
        check(
            abs(a["nll"] - b["nll"]) < 0.02,
            f"{name}: perplexity {a['perplexity']:.3f} trained, {b['perplexity']:.3f} read back, sparsity {100 * b['sparsity']:.1f} %",
        )
    sparse = export.read(DIR / "prosparse.gguf")
    points = sweep(sparse, rows, [0.0, 0.5, 2.0])
    check(points[0]["sparsity"] < points[1]["sparsity"] < points[2]["sparsity"], "sparsity rises with t")
    results = report.write(DIR, DIR, DIR / "models", seed=1, stages={"dense": ["dense"], "prosparse": ["prosparse"]})
    page = (DIR / "models" / "README.md").read_text("utf-8")
    written = export.read(DIR / "models" / report.FILES["prosparse"])
    check(written.c.threshold == results["t"] and f"t = {results['t']:g}" in page, f"t = {results['t']:g} is in the file and on the page")
    check(len(results["dense"]["right"]) == 27, "all questions are answered")
    print(f"train:smoke passed in {time.time() - begin:.0f} s")


if __name__ == "__main__":
    main()
