"""Multiple choice: which answer a model finds likeliest after a question.

A choice is judged by its mean log-probability per token (the lowest perplexity, as ProSparse's evaluation does), after
"<s> question" and followed by a full stop.
"""

import torch
import torch.nn.functional as F

from tokenizer import BOS, EOS


def rows_of(tok, questions):
    """-> (length, question, choice, first scored token, ids), shortest first, so that a batch has little padding"""
    rows = []
    for q, item in enumerate(questions):
        head = [BOS, *tok.encode(item["question"])]
        for c, choice in enumerate(item["choices"]):
            ids = [BOS, *tok.encode(f"{item['question']} {choice}.")]
            if ids[: len(head)] != head:
                raise ValueError(f'question {q}: with the answer "{choice}" its tokens change, so answers cannot be compared')
            rows.append((len(ids), q, c, len(head), ids))
    return sorted(rows)


@torch.no_grad()
def answers(model, tok, questions, batch=64):
    """-> list of right or wrong, one for each question"""
    rows, scores = rows_of(tok, questions), {}
    for i in range(0, len(rows), batch):
        part = rows[i : i + batch]
        ids = torch.full((len(part), part[-1][0]), EOS)  # padded on the right: no scored token sees the padding
        for j, (n, _, _, _, row) in enumerate(part):
            ids[j, :n] = torch.tensor(row)
        logits, _ = model(ids)
        logp = F.log_softmax(logits[:, :-1], -1).gather(-1, ids[:, 1:, None])[..., 0]  # (b, T-1)
        for j, (n, q, c, h, _) in enumerate(part):
            scores[q, c] = logp[j, h - 1 : n - 1].mean().item()
    best = [max(range(len(x["choices"])), key=lambda c: scores[q, c]) for q, x in enumerate(questions)]
    return [b == x["answer"] for b, x in zip(best, questions)]


def by_kind(questions, values):
    """Mean of the values for each kind of question and for "all"."""
    groups = {"all": list(values)}
    for x, v in zip(questions, values):
        groups.setdefault(x["kind"], []).append(v)
    return {k: sum(v) / len(v) for k, v in groups.items()}


def chance(questions):
    """What guessing gets, by kind."""
    return by_kind(questions, [1 / len(x["choices"]) for x in questions])
