"""1.1 — Learned numbers beat those that somebody picked, but only where examples were.

Question
--------
Which heuristic choices in the code that you write could be learned from data instead?  For
example, a program walks downhill from x = 1 in a bowl λx²/2, whose slope at x is λx: each
step changes x to x − step · λx.  The larger the curvature λ, the more sharply the bowl bends.
<https://zh.d2l.ai/chapter_introduction/index.html>
English edition: 1.1 <https://d2l.ai/chapter_introduction/index.html>

Answer
------
Every number that somebody picked because it seemed to work: a threshold, a weight, a time-out,
and the steps of this walk.  In the worst bowl of curvature 1 to 20 eight steps leave this |x|:

    a rule of thumb, each step 1/20      0.663
    the best single number, 2/21         0.449
    eight steps learned in 200 bowls     less than 0.055
    the least that is possible           0.0525

Learning needs no formula, and comes close to the best.  But it helps only where examples were:
at curvature 26 learned steps leave over 100, the best single number 22.5, the rule almost 0.

Why
---
A step multiplies x by 1 − step · λ: if it is 2/21, by ±19/21 in both outermost bowls; if it is
1/λ, by 0.  Eight steps can reach the bottom of eight bowls, and leave little in those between.
The rule, 1/L for a largest curvature L, is slow in flat bowls, but never uphill, even up to 2L.
Equal steps have equal effects, so learning by small changes keeps them equal: start them apart.

Hints
-----
1. List the numbers in a program of yours.  Who picked them, and on what evidence?
2. By which number does one step multiply x?  Which steps would suit two bowls, or eight?
"""

from functools import cache

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.optimize import minimize


def walk_downhill(steps, curvatures):
    """The x at which a walk of these steps ends in bowls of the given curvatures, (m,)."""
    x = np.ones_like(curvatures)
    for step in steps:
        x = x - step * curvatures * x
    return x


def learn_steps(curvatures, count):
    """As many steps as `count` says, learned in bowls of positive curvatures, an array (m,).

    In the worst bowl |x| ends at most 5 % above the least that is possible, if there are no
    more than eight steps, and the largest curvature is 2 to 50 times the least.
    """
    start = -np.log(np.linspace(curvatures.min(), curvatures.max(), count))  # 1/λ, apart

    def miss(logarithms):
        x = walk_downhill(np.exp(logarithms), curvatures)
        return np.log((x**40).sum())  # the largest |x| makes up nearly all of it

    found = minimize(miss, start, method="L-BFGS-B")
    if not found.success:
        raise RuntimeError(found.message)
    return np.exp(found.x)


_BOWLS = np.linspace(1, 20, 200)
_RULE, _SINGLE = np.full(8, 1 / 20), np.full(8, 2 / 21)


@cache
def _learned():
    return learn_steps(_BOWLS, 8)


def _largest(steps, low=1, high=20):
    """The largest |x| that is left in 4001 bowls of curvature `low` to `high`."""
    return abs(walk_downhill(steps, np.linspace(low, high, 4001))).max()


def _least_possible(low, high, count):
    """The largest |x| that the best steps leave, after Chebyshev."""
    return 1 / np.cosh(count * np.arccosh((high + low) / (high - low)))


def test_eight_learned_steps_beat_the_picked_ones():
    """In the worst bowl eight steps of 1/20 leave 0.663, of 2/21 0.449, learned ones < 0.055.

    Learning a single step finds 2/21, within 5 %.
    """
    assert round(_largest(_RULE), 3) == 0.663
    assert round(_largest(_SINGLE), 3) == 0.449
    assert learn_steps(_BOWLS, 1) == pytest.approx([2 / 21], rel=0.05, abs=0)
    assert round(_least_possible(1, 20, 8), 4) == 0.0525
    assert 0.0525 <= round(_largest(_learned()), 4) < 0.055


def test_a_step_multiplies_x_by_one_minus_step_times_curvature():
    """Steps of 1/2 and 1/4 at curvature 1, 2, 3, 6: x ends at 3/8, 0, −1/8 and 1."""
    x = walk_downhill(np.array([0.5, 0.25]), np.array([1.0, 2.0, 3.0, 6.0]))
    assert x == pytest.approx([1 / 2 * 3 / 4, 0, -1 / 2 * 1 / 4, -2 * -1 / 2], abs=1e-15)


@pytest.mark.parametrize(("low", "high", "count"), [(2, 6, 3), (0.001, 0.02, 2), (1, 50, 4)])
def test_learning_comes_close_to_the_best(low, high, count):
    """In other bowls, too, learned steps leave at most 5 % more than the best, never less."""
    steps = learn_steps(np.linspace(low, high, 200), count)

    least = _least_possible(low, high, count)
    middle, half = (high + low) / 2, (high - low) / 2
    worst = middle - half * np.cos(np.pi * np.arange(count + 1) / count)  # for the best steps
    assert least <= abs(walk_downhill(steps, worst)).max() + 1e-13
    assert _largest(steps, low, high) < 1.05 * least


@pytest.mark.misconception("what is learned is better everywhere")
def test_beyond_the_examples_the_rule_holds_and_the_others_fail():
    """At curvature 26 learned steps leave over 100, 2/21 22.5; up to 40 the rule stays ≤ 1."""
    left = [walk_downhill(steps, np.array([26.0]))[0] for steps in (_learned(), _SINGLE, _RULE)]

    assert abs(left[0]) > 100 > 0.001 > left[2] > 0
    assert left[1] == pytest.approx(22.5, abs=0.05)
    assert _largest(_RULE, high=40) == pytest.approx(1, abs=1e-12)


@pytest.mark.misconception("eight numbers are better than one, wherever they start")
def test_equal_steps_stay_equal():
    """Eight equal steps that small changes improve stay equal, and leave more than 2/21."""

    def improved(steps):
        for _ in range(50):
            left = [walk_downhill(steps + change, _BOWLS) for change in 1e-6 * np.eye(9, 8)]
            miss = np.square(left).mean(axis=1)  # the last one is without a change
            steps = steps - 3000 * (miss[:-1] - miss[-1])
        return steps

    equal, apart = improved(_RULE), improved(1 / np.linspace(1, 20, 8))
    assert np.ptp(equal) < 1e-9 < 0.01 < equal.min() - 1 / 20
    assert _largest(equal) > _largest(_SINGLE) > 2 * _largest(apart)


@pytest.mark.edge
def test_nothing_is_learned_from_nan():
    """With a curvature that is NaN there is nothing to learn, and `learn_steps` says so."""
    with pytest.raises(RuntimeError):
        learn_steps(np.array([np.nan, 2.0]), 2)


def test_the_figure_shows_what_is_left_in_each_bowl(save_figure):
    """The figure shows where walks end: learned steps stay within ±0.055 up to 20 only."""
    fine, bound = np.linspace(0, 26, 2601), _least_possible(1, 20, 8)
    ax = Figure(figsize=(6.4, 3.6)).subplots()
    ax.axvspan(1, 20, color="0.93", zorder=0)
    ax.plot(fine, walk_downhill(_RULE, fine), ":", label="rule of thumb, 1/20")
    ax.plot(fine, walk_downhill(_SINGLE, fine), "--", label="best single number, 2/21")
    ax.plot(fine, walk_downhill(_learned(), fine), linewidth=2, label="eight learned steps")
    ax.hlines([-bound, bound], 1, 20, "black", linewidth=0.8, label=f"best: ±{bound:.4f}")
    ax.text(10.5, -0.085, "bowls that the steps were learned from", ha="center")
    ax.set(xlim=(0, 26), ylim=(-0.1, 0.3), xlabel="curvature λ", ylabel="x after eight steps")
    ax.set_title("Learned steps reach the bottom of known bowls, and fail beyond")
    ax.legend(loc="upper center")

    curve = ax.lines[2].get_ydata()
    assert abs(curve[100:2001]).max() < 0.055 < 1 < abs(curve[2200:]).min()
    assert (np.diff(np.sign(curve[100:2001])) != 0).sum() == 8
    save_figure(ax.figure)
