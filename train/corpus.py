"""From the world to files: training text, two kinds of held-out text, multiple-choice questions.

    python corpus.py DIR --tokens 7500000 --seed 1

DIR gets spm.model (tokenizer.py); train.bin (uint16 ids: documents parted by blank lines make a page, <s> page </s>, so
that the model knows a plain text file); dev.txt, on which t is chosen, and held.txt, on which everything is reported, both
plain text of documents parted by blank lines; held-KIND.txt for each kind; questions.jsonl (question, choices, answer, kind).
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from kinds import ASKED, KINDS
from tokenizer import Tokenizer, train
from world import Draw

ASKING = 0.65  # share of the documents with questions that end with some
PAGE = 10  # documents on the longest page: a window of 512 tokens seldom holds more
SAMPLE = 30_000  # documents for the vocabulary


def with_questions(d, doc):
    """A document as text; mostly one of its questions follows, sometimes two or three."""
    lines = [doc.text] if doc.text else []
    if doc.asks and (not lines or d.random() < ASKING):
        for question, answer, _ in doc.asks[: d.choices([1, 2, 3], [60, 25, 15])[0]]:
            lines.append(f"Q: {question} A: {answer}.")
    return "\n".join(lines)


def documents(d, only=None, avoid=()):
    """Endless (kind, text), without the texts in `avoid`."""
    names, shares = list(KINDS), [share for _, share in KINDS.values()]
    while True:
        kind = only or d.choices(names, shares)[0]
        text = with_questions(d, KINDS[kind][0](d))
        if text and text not in avoid:
            yield kind, text


def stream(tok, d, tokens, said):
    """-> (ids uint16 (tokens,), number of documents by kind); the texts are added to the set `said`"""
    out, n, seen, page, size = np.empty(tokens + 65536, np.uint16), 0, {}, [], 1
    for kind, text in documents(d):
        said.add(text)
        seen[kind] = seen.get(kind, 0) + 1
        page.append(text)
        if len(page) < size:
            continue
        ids = tok.document("\n\n".join(page))
        out[n : n + len(ids)] = ids
        n += len(ids)
        page, size = [], 1 + int(d.random() * PAGE)
        if n >= tokens:
            return out[:tokens], seen


def plain(d, size, only=None, avoid=()):
    """A plain text of at least `size` characters, documents parted by blank lines, no document twice."""
    texts, n = {}, 0
    for _, text in documents(d, only, avoid):
        if text not in texts:
            texts[text] = None
            n += len(text) + 2
        if n >= size:
            return "\n\n".join(texts) + "\n"


def questions(d, each, avoid):
    """Held-out multiple choice: `each` of every kind; up to four choices, no two questions the same."""
    out, seen = [], set()
    for kind in ASKED:
        n = 0
        while n < each:
            doc = KINDS[kind][0](d)
            if not doc.asks:
                continue
            question, answer, wrong = doc.asks[0]
            text = f"{doc.text}\nQ: {question} A:"
            if text in seen or f"{text} {answer}." in avoid:
                continue
            seen.add(text)
            choices = [answer] + d.some(wrong, min(3, len(wrong)))
            d.shuffle(choices)
            out.append(dict(kind=kind, question=text, choices=choices, answer=choices.index(answer)))
            n += 1
    return out


def write(dir, tokens, vocab=1536, held=48_000, each=60, seed=1, say=print):
    """All files of the corpus; the same arguments give the same bytes."""
    dir.mkdir(parents=True, exist_ok=True)
    begin = time.time()
    sample = (t for _, (_, t) in zip(range(min(SAMPLE, tokens // 20)), documents(Draw(seed + 100, "train"))))
    train(sample, dir / "spm.model", vocab)
    tok = Tokenizer(dir / "spm.model")
    said = set()  # short documents can be equal though their keys differ: texts of the training set are never held out
    ids, seen = stream(tok, Draw(seed, "train"), tokens, said)
    ids.tofile(dir / "train.bin")
    say(f"train {len(ids)} tokens, documents {seen}")
    (dir / "dev.txt").write_text(plain(Draw(seed, "dev"), 2 * held, avoid=said), "utf-8")
    (dir / "held.txt").write_text(plain(Draw(seed, "held"), held, avoid=said), "utf-8")
    for kind in KINDS:
        (dir / f"held-{kind}.txt").write_text(plain(Draw(seed + 1, "held"), held // 4, kind, said), "utf-8")
    items = questions(Draw(seed + 2, "held"), each, said)
    (dir / "questions.jsonl").write_text("".join(json.dumps(q, ensure_ascii=False) + "\n" for q in items), "utf-8")
    say(f"{len(items)} questions, {time.time() - begin:.0f} s")


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("dir", type=Path)
    a.add_argument("--tokens", type=int, default=7_500_000)
    a.add_argument("--vocab", type=int, default=1536)
    a.add_argument("--held", type=int, default=48_000, help="characters of held.txt")
    a.add_argument("--each", type=int, default=60, help="questions of each kind")
    a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    write(a.dir, a.tokens, a.vocab, a.held, a.each, a.seed)


if __name__ == "__main__":
    main()
