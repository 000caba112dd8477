"""The kinds of text and the share of the documents that each gets."""

from facts import cause, fact, letter, lore, record, talk, village
from puzzles import chat, code, compare, order, sums, where
from stories import story

KINDS = dict(  # kind: (function, share)
    story=(story, 26),
    fact=(fact, 12),
    village=(village, 4),
    lore=(lore, 5),
    talk=(talk, 7),
    letter=(letter, 5),
    where=(where, 11),
    sums=(sums, 8),
    order=(order, 6),
    compare=(compare, 6),
    cause=(cause, 5),
    record=(record, 5),
    code=(code, 5),
    chat=(chat, 6),
)
ASKED = ["fact", "village", "lore", "cause", "story", "where", "sums", "order", "compare"]  # the kinds of questions.jsonl
