"""The generator: the same seed gives the same text, the sides share no combination."""

from itertools import islice

import pytest

from corpus import documents, plain, questions
from kinds import ASKED, KINDS
from world import PEOPLE, WHO, Draw, count, side_of


def texts(seed, side, n=300, only=None):
    return [t for _, t in islice(documents(Draw(seed, side), only), n)]


def test_same_seed_same_text():
    assert texts(3, "train") == texts(3, "train")
    assert texts(3, "train") != texts(4, "train")


def test_world_is_fixed():
    assert len(set(PEOPLE)) == len(PEOPLE) == 80
    assert WHO["Mirra"] == {**WHO["Mirra"], "home": "Tidewick"} and WHO["Mirra"]["friend"] in PEOPLE


def test_a_key_has_one_side_for_ever():
    sides = [side_of("a", i) for i in range(5000)]
    assert sides == [side_of("a", i) for i in range(5000)]
    assert 0.06 < sides.count("held") / 5000 < 0.10 and 0.02 < sides.count("dev") / 5000 < 0.06


def test_keyed_keeps_to_its_side():
    d = Draw(1, "held")
    for _ in range(50):
        n = d.keyed(lambda: (("n", x := d.randrange(10**6)), x))
        assert side_of("n", n) == "held"


def test_unknown_side_is_an_error():
    with pytest.raises(ValueError, match="known: train, dev, held"):
        Draw(1, "test")


def test_every_kind_makes_text_on_every_side():
    for side in ("train", "dev", "held"):
        for kind in KINDS:
            assert all(t.strip() == t and t for t in texts(1, side, 20, kind)), kind


def test_held_out_text_is_not_training_text():
    said = set(texts(1, "train", 5000))
    held = plain(Draw(1, "held"), 20_000, avoid=said).rstrip("\n").split("\n\n")
    assert not said & set(held) and len(set(held)) == len(held)
    assert not set(plain(Draw(1, "dev"), 20_000, avoid=said).rstrip("\n").split("\n\n")) & set(held)


def test_questions_have_one_right_answer_and_are_not_in_training():
    said = set(texts(1, "train", 5000))
    items = questions(Draw(3, "held"), 10, said)
    assert len(items) == 10 * len(ASKED) == len({q["question"] for q in items})
    for q in items:
        assert len(set(q["choices"])) == len(q["choices"]) >= 2
        assert f"{q['question']} {q['choices'][q['answer']]}." not in said


def test_count_in_words():
    assert count(1, "apples") == "one apple" and count(3, "nuts") == "three nuts"
