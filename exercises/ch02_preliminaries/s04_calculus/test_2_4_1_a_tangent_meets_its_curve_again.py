"""2.4.1 — The tangent to x³ − 1/x at 1 is 4x − 4: it touches there and crosses at −1 ± √2.

Question
--------
Draw the function f(x) = x³ − 1/x together with its tangent at x = 1.
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>
English edition: 2.4.6 <https://d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
f(1) = 0 and f′(x) = 3x² + 1/x², so f′(1) = 4, and the tangent is y = 4x − 4.  At x = 0 the
function has no value, so its two branches are two lines:

    for branch in (x[x < 0], x[x > 0]):
        ax.plot(branch, branch**3 - 1 / branch)
    ax.plot(x, 4 * x - 4)

The picture shows three common points.  The tangent touches the curve at 1, and it crosses it
at −1 − √2 ≈ −2.414 and at −1 + √2 ≈ 0.414.

Why
---
The tangent is the line through (1, f(1)) with slope f′(1).  Subtract it from the curve:

    f(x) − (4x − 4)  =  (x⁴ − 4x² + 4x − 1) / x  =  (x − 1)² (x² + 2x − 1) / x

The square is 0 at 1 and positive on both sides, and the rest is 2 at 1: near 1 the curve lies
above its tangent.  The factor x² + 2x − 1 changes its sign at −1 ± √2: there they cross.

In practice
-----------
The section's quotient (f(1 + h) − f(1)) / h is about 4 + 2h.  From both sides,
(f(1 + h) − f(1 − h)) / 2h is about 4 + 2h², which is much closer for a small h.

Hints
-----
1. A line through (1, f(1)) with slope m is y = m(x − 1) + f(1).
2. Where has f no value?  What does one line through all points draw there?
3. Two curves meet where their difference is 0.  Which factor must it have at a tangent?
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from matplotlib.figure import Figure


def _f(x):
    return x**3 - 1 / x


def tangent(x):
    """The y of the tangent to x³ − 1/x at 1 for each x, NumPy floats; errors below 10⁻⁸."""
    return 4 * x - 4


def draw(x):
    """New matplotlib axes with x³ − 1/x and its tangent at 1 plotted over x by `plot`.

    x is a list of ascending floats on both sides of 0, which may be one of them.
    """
    x = np.array(x)
    ax = Figure().subplots()
    for branch in (x[x < 0], x[x > 0]):
        ax.plot(branch, _f(branch))
    ax.plot(x, tangent(x))
    return ax


_CROSSINGS = [-1 - math.sqrt(2), -1 + math.sqrt(2)]
_PLACES = [np.arange(-3.0, 4), np.arange(-2.5, 3)]
_CLOSE = 1e-8  # also reached by a slope from both sides with h = 1e-5, off by 2h² = 2e-10


def _lines(x):
    """The points of each line that `draw` plots over an array x: arrays of rows (x, y)."""
    return [line.get_xydata() for line in draw(x.tolist()).lines]


def test_the_tangent_at_1_is_4x_minus_4():
    """The tangent goes through (0, −4), (1, 0) and (2, 4)."""
    assert tangent(np.array([0.0, 1.0, 2.0])) == pytest.approx([-4, 0, 4], abs=_CLOSE)


@pytest.mark.parametrize("x", _PLACES, ids=["with 0", "without"])
def test_both_curves_are_drawn_over_all_of_x(x):
    """Every drawn point lies on the curve or its tangent, and both reach over all of x ≠ 0."""
    points = np.concatenate(_lines(x))
    points = points[~np.isnan(points).any(axis=1) & (points[:, 0] != 0)]

    on_curve = abs(points[:, 1] - _f(points[:, 0])) < _CLOSE
    on_tangent = abs(points[:, 1] - (4 * points[:, 0] - 4)) < _CLOSE

    assert (on_curve | on_tangent).all()
    assert set(points[on_curve, 0]) == set(x[x != 0])
    assert {x.min(), x.max()} <= set(points[on_tangent, 0])


@pytest.mark.misconception("one line through all points draws the curve")
@pytest.mark.parametrize("x", _PLACES, ids=["with 0", "without"])
def test_no_line_joins_the_branches(x):
    """No line runs from the left branch to the right one; only the tangent passes x = 0."""
    for points in _lines(x):
        assert not np.isinf(points).any()
        passes = (points[:-1, 0] <= 0) & (points[1:, 0] >= 0)
        ends = np.concatenate([points[:-1][passes], points[1:][passes]])
        assert ends[:, 1] == pytest.approx(4 * ends[:, 0] - 4, abs=_CLOSE)


def test_the_curve_minus_its_tangent_has_a_double_root():
    """The difference is (x − 1)²(x² + 2x − 1)/x, as algebra, and for the tangent as written."""
    s = sp.Symbol("s")
    x = np.concatenate([np.linspace(-3, -0.1, 30), np.linspace(0.1, 3, 30)])

    factored = (s - 1) ** 2 * (s**2 + 2 * s - 1) / s

    assert sp.cancel(_f(s) - (4 * s - 4) - factored) == 0
    expected = (x - 1) ** 2 * (x**2 + 2 * x - 1) / x
    assert _f(x) - tangent(x) == pytest.approx(expected, abs=_CLOSE)


@pytest.mark.misconception("a tangent meets its curve at one point only")
def test_it_touches_at_1_and_crosses_twice():
    """The curve is above its tangent on both sides of 1, and on one side of −1 ± √2 only."""
    places = np.array([*_CROSSINGS, 1])

    before, after = (_f(x) - tangent(x) > 0 for x in (places - 0.01, places + 0.01))

    assert before.tolist() == [False, False, True]
    assert after.tolist() == [True, True, True]
    assert _f(places) == pytest.approx(tangent(places), abs=_CLOSE)


def test_a_difference_from_both_sides_is_much_closer():
    """The slope of the tangent is missed by h² + h²/(1 − h²), from one side by more than 2h."""
    slope = tangent(2.0) - tangent(1.0)
    for n in (2, 10, 1000):
        h = Fraction(1, n)

        central = (_f(1 + h) - _f(1 - h)) / (2 * h)
        forward = (_f(1 + h) - _f(Fraction(1))) / h

        assert float(central) - slope == pytest.approx(h**2 + h**2 / (1 - h**2), abs=_CLOSE)
        assert float(forward) - slope > 2 * h


def test_the_figure_shows_the_curve_and_its_tangent(save_figure):
    """Two branches and a line, and three common points: one of contact, two of crossing."""
    x = np.concatenate([np.linspace(-3, -0.04, 300), np.linspace(0.04, 2.4, 300)])

    ax = draw(x.tolist())
    for line in ax.lines:
        straight = np.allclose(line.get_ydata(), 4 * line.get_xdata() - 4, equal_nan=True)
        line.set(color="C1" if straight else "C0", linestyle="--" if straight else "-")
    ax.axvline(0, color="gray", linewidth=0.8, linestyle=":")
    ax.plot(_CROSSINGS, tangent(np.array(_CROSSINGS)), "s", color="C1")
    ax.plot(1, tangent(1.0), "o", color="black")
    ax.set(xlabel="x", ylabel="y", xlim=(-3, 2.4), ylim=(-20, 14))
    ax.set_title("The tangent at 1 touches the curve there and crosses it twice")
    ax.text(-0.3, 7, "f(x) = x³ − 1/x", color="C0", ha="right")
    ax.text(-0.9, -9.8, "y = 4x − 4", color="C1")
    ax.text(-2.3, -14.5, "crosses at −1 − √2 ≈ −2.414", va="top")
    ax.text(0.5, -3.2, "crosses at\n−1 + √2 ≈ 0.414", va="top")
    ax.text(1.08, -0.4, "touches at 1", va="top")
    ax.text(0.08, 12, "no value at 0", color="gray")

    crossed, touched = (line.get_xydata() for line in ax.lines[-2:])
    assert crossed[:, 0] == pytest.approx([-2.414, 0.414], abs=5e-4)
    assert crossed[:, 1] == pytest.approx(_f(crossed[:, 0]), abs=_CLOSE)
    assert touched[0] == pytest.approx([1, 0], abs=_CLOSE)
    save_figure(ax.figure)
