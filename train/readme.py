"""The README of notebooks/models as a page of measured numbers: results of report.py in, Markdown out.

Only measured numbers can be printed.
"""

from kinds import KINDS
from world import PEOPLE, VILLAGES

HEAD = """# The tiny world: a small sparse model

Written by `train/run.py` (seed {seed}). It measured every number on this page, on these files.

| file | what it is |
|---|---|
| `{prosparse}` | the sparse model (ProSparse: ReLU, progressive L1, then FATReLU with t = {t:g}), with predictors, {prosparse_mb:.2f} MB |
| `{dense}` | its dense twin: SiLU, the same tokens in the same order, {dense_mb:.2f} MB |
| `held.txt` | plain text about the same world, held out of training |
| `questions.jsonl` | {questions} questions held out of training: question, choices, answer (index of the right choice), kind |

Architecture llama, {parameters:.2f} M parameters: {shape}.
Weights Q8_0, norms F32. A vocabulary of {vocab} pieces (SPM). Chat template: `<用户>{{prompt}}<AI>`. Text begins with `<s>`.
The keys `llama.hidden_activation` (`fatrelu`, `silu`) and `sparselab.threshold` say what the gates compute: a reader that ignores
them uses SiLU and gives wrong results for the sparse model.

**Training.** Each model has seen {tokens:.2f} M tokens: a SiLU trunk of {trunk_tokens:.2f} M that both share
({trunk_minutes:.1f} min on all threads), then a branch each (side by side, half the threads each: dense {dense_minutes:.1f} min,
sparse {sparse_minutes:.1f} min). Minutes are wall-clock, on a machine with other work. The text comes from a seeded
generator: short English about {people} people, {villages} villages, things, beasts and causes; {kinds} kinds of text, some with
questions.
"""

MEASURES = """
## Measured on held.txt

Tokenised as a whole, cut into windows of {context} without overlap, `<s>` in place of each first token, the second half of each
window scored ({scored} tokens of {windows} windows). Sparsity is the share of zeros in x1, mean over layers of mean over all tokens.
`npx sparselab measure` computes the same.
Arithmetic is float32. The last column is the perplexity of the weights before they were rounded to Q8_0.

| model | perplexity | sparsity % | answers % | unrounded |
|---|---|---|---|---|
"""

NOTES = """
Sparse at t = 0 against dense: perplexity times {ratio:.4f} (95 % range {low:.4f} to {high:.4f}, bootstrap over windows).
Answers: guessing gets {chance:.1f} %, the standard error is about {error:.1f} points. From t = 0 to t = {t:g}, {flipped:.1f} % of the
answers turn between right and wrong.

**t = {t:g}** was chosen on another text (`dev.txt` of the corpus): the largest of 0, 0.25, 0.5 and so on up to which
perplexity is at most 1 % above that of t = 0.
"""

PREDICTORS = """
## The predictors of the sparse model

Each layer has a predictor in PowerInfer's form (`blk.N.fc1`, `blk.N.fc2`, Q8_0, rank {rank}): scores = fc2 · relu(fc1 · x), x the
residual stream before the FFN's norm; a neuron is predicted unless its score is below the cutoff (`sparselab.predictor_cutoff`,
{cutoff:g}). They were fitted to the neurons that are active at t = {t:g} on training text. Measured on held.txt at t = {t:g}; recall is
the share of active neurons that are predicted, with the stream of the model itself, and perplexity is that of a model which
computes no others. A reader of plain llama files refuses the file for these tensors.

"""

SHAPE = "{layers} layers, D {dim}, F {ffn}, {heads} heads, {kv_heads} kv heads, context {context}"


def row(*cells):
    return "| " + " | ".join(str(c) for c in cells) + " |\n"


def render(r, files):
    """results (report.write) -> the page"""
    dense, zero, sparse, points, t = r["dense"], r["zero"], r["prosparse"], r["sweep"], r["t"]
    config = r["config"]
    page = HEAD.format(
        seed=r["seed"],
        t=t,
        **files,
        prosparse_mb=sparse["bytes"] / 1e6,
        dense_mb=dense["bytes"] / 1e6,
        questions=r["questions"],
        parameters=sparse["parameters"] / 1e6,
        shape=SHAPE.format(**config),
        vocab=config["vocab"],
        people=len(PEOPLE),
        villages=len(VILLAGES),
        kinds=len(KINDS),
        tokens=sparse["tokens"] / 1e6,
        trunk_tokens=r["trunk_tokens"] / 1e6,
        trunk_minutes=r["trunk_seconds"] / 60,
        dense_minutes=r["seconds"]["dense"] / 60,
        sparse_minutes=r["seconds"]["prosparse"] / 60,
    )
    page += MEASURES.format(context=config["context"], scored=dense["scored"], windows=len(dense["windows"]))
    for name, m in (("dense (SiLU)", dense), ("sparse, t = 0", zero), (f"**sparse, t = {t:g}**", sparse)):
        cells = f"{m['perplexity']:.4f}", f"{100 * m['sparsity']:.2f}", f"{100 * m['answers']['all']:.1f}"
        page += row(name, *cells, f"{m['unrounded']:.4f}")
    ratio, low, high = r["against_dense"]
    p = dense["answers"]["all"]
    error = 100 * (p * (1 - p) / r["questions"]) ** 0.5
    page += NOTES.format(ratio=ratio, low=low, high=high, chance=100 * r["chance"]["all"], error=error, flipped=100 * r["flipped"], t=t)
    return page + predictor_table(r) + sweep_table(points, t) + layer_table(points, t) + kind_tables(r)


def predictor_table(r):
    text = PREDICTORS.format(rank=r["rank"], t=r["t"], cutoff=r["cutoff"])
    text += row("cutoff", "recall %", "predicted sparsity %", "perplexity") + "|---|---|---|---|\n"
    for p in r["predictors"]:
        mark = "**" if p["cutoff"] == r["cutoff"] else ""
        name = "every neuron" if p["cutoff"] is None else f"{mark}{p['cutoff']:g}{mark}"
        text += row(name, f"{100 * p['recall']:.2f}", f"{100 * p['sparsity']:.2f}", f"{p['perplexity']:.4f}")
    return text


def sweep_table(points, t):
    text = "\n## The sweep over t (sparse model; KL and top-1 against t = 0)\n\n"
    text += row("t", "sparsity %", "perplexity", "times t = 0", "KL", "top-1 %") + "|---|---|---|---|---|---|\n"
    for p in points:
        times = p["perplexity"] / points[0]["perplexity"]
        mark = "**" if p["t"] == t else ""
        cells = f"{100 * p['sparsity']:.2f}", f"{p['perplexity']:.4f}", f"{times:.4f}", f"{max(0, p['kl']):.5f}", f"{100 * p['top1']:.2f}"
        text += row(f"{mark}{p['t']:g}{mark}", *cells)
    end = next((p["t"] for p in points if p["perplexity"] >= 2 * points[0]["perplexity"]), None)
    if end is None:
        raise ValueError("perplexity doubles nowhere on the grid: end it at a larger t")
    grid = ", ".join(f"{p['t']:g}" for p in points if p["t"] <= end)
    return text + f"\nFor a sweep in a notebook: t = {grid}. At t = {end:g} perplexity has more than doubled.\n"


def layer_table(points, t):
    text = "\n## By layer (sparsity %)\n\n"
    text += row("t", *range(len(points[0]["layers"]))) + "|---" * (1 + len(points[0]["layers"])) + "|\n"
    for p in points:
        if p["t"] in (0.0, t):
            text += row(f"{p['t']:g}", *(f"{100 * x:.1f}" for x in p["layers"]))
    never = ", ".join(f"{100 * x:.1f}" for x in points[0]["never_active"])
    return text + f"\nNever active on held.txt at t = 0, % of each layer's neurons: {never}.\n"


def kind_tables(r):
    dense, zero, sparse = (r[name]["kinds"] for name in ("dense", "zero", "prosparse"))
    text = "\n## By kind of text (perplexity, sparsity %)\n\n"
    text += row("kind", "dense", "t = 0", "zeros", f"t = {r['t']:g}", "zeros") + "|---|---|---|---|---|---|\n"
    for kind in dense:
        cells = [f"{dense[kind]['perplexity']:.3f}"]
        for m in (zero[kind], sparse[kind]):
            cells += [f"{m['perplexity']:.3f}", f"{100 * m['sparsity']:.1f}"]
        text += row(kind, *cells)
    text += "\n## By kind of question (right answers, %)\n\n"
    text += row("kind", "guessing", "dense", "t = 0", f"t = {r['t']:g}") + "|---|---|---|---|---|\n"
    for kind, value in r["chance"].items():
        cells = (value, *(r[name]["answers"][kind] for name in ("dense", "zero", "prosparse")))
        text += row(kind, *(f"{100 * x:.1f}" for x in cells))
    return text
