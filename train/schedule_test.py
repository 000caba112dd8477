"""Algorithm 1 at its corners, and the learning rate."""

import pytest

from schedule import l1_weight, learning_rate

LAMBDAS, ENDS = [0.0, 1.0, 4.0, 4.0], [100, 300, 700, 1000]


def at(step):
    return l1_weight(step, LAMBDAS, ENDS)


def test_warm_up_is_constant():
    assert at(0) == at(50) == at(100) == 0.0


def test_each_stage_ends_at_its_lambda():
    assert at(300) == pytest.approx(1.0) and at(700) == pytest.approx(4.0) and at(1000) == pytest.approx(4.0)


def test_half_a_sine_in_between():
    assert at(200) == pytest.approx(0.5)  # the middle of a stage: eta = 1/2
    assert at(500) == pytest.approx(2.5)
    assert at(150) == pytest.approx(0.5 * (1 - 2**-0.5))  # a quarter: eta = (sin(-pi/4) + 1) / 2
    assert all(at(s) <= at(s + 1) for s in range(1000))


def test_a_level_stage_stays_level():
    assert at(850) == 4.0


def test_lambda_may_fall_and_stays_at_the_end():
    assert l1_weight(15, [0.0, 4.0, 2.0], [5, 10, 20]) == pytest.approx(3.0)
    assert l1_weight(99, [0.0, 4.0, 2.0], [5, 10, 20]) == pytest.approx(2.0)


def test_no_l1_without_lambdas():
    assert l1_weight(500) == 0.0


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="not 2 and 1"):
        l1_weight(0, [0, 1], [10])


def test_learning_rate():
    assert learning_rate(0, 100, 1.0, 10, 0.5) == pytest.approx(0.1)
    assert learning_rate(40, 100, 1.0, 10, 0.5) == 1.0
    assert learning_rate(75, 100, 1.0, 10, 0.5) == pytest.approx(0.55)
    assert learning_rate(100, 100, 1.0, 10, 0.5) == pytest.approx(0.1)
    assert learning_rate(99, 100, 1.0, 0, 0.0) == 1.0
