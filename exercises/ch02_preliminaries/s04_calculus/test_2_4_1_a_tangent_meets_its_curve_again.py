"""2.4.1 — The tangent to x³ − 1/x at 1 is 4x − 4: it touches there and crosses at −1 ± √2.

Question
--------
Draw f(x) = x³ − 1/x together with its tangent at x = 1.
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
f(1) = 0 and f′(x) = 3x² + 1/x², so f′(1) = 4 and the tangent is y = 4x − 4.  At any other
point a ≠ 0 it is

    y = (3a² + 1/a²) x − (2a³ + 2/a)

A tangent may meet its curve elsewhere.  This one crosses it at −1 − √2 ≈ −2.414 and at
−1 + √2 ≈ 0.414, so the drawing has three common points, and a pole at 0 where f has none.

Why
---
Take the tangent from the curve.  x³ leaves (x − a)²(x + 2a) and −1/x leaves −(x − a)²/(a²x):

    f(x) − tangent  =  (x − a)² · (x² + 2ax − 1/a²) / x

The square is the contact: the two curves share value and slope at a.  The other factor is
zero at x = −a ± √(a² + 1/a²), one point on each side of the pole.  For a = 1 these are
−1 ± √2.  Only where 3a⁴ = 1, and so f″(a) = 6a − 2/a³ = 0, does one of them fall on a itself.
There, at an inflection, the tangent crosses the curve at the very point where it touches.

In practice
-----------
- Draw the branches x < 0 and x > 0 as two lines.  One line would join −∞ to +∞.
- Without a formula for f′, halve 2h: (f(1 + h) − f(1 − h)) / 2h is 4 + 2h² + h⁴ + …, and the
  one-sided (f(1 + h) − f(1)) / h only 4 + 2h + ….
- At the pole autograd returns an infinite slope and no error.

Hints
-----
1. A line through (a, f(a)) with slope m is y = m(x − a) + f(a).
2. Both curves share value and slope at a.  Which factor must their difference have?
3. Divide x·(f(x) − tangent) by (x − a)² and solve the quadratic that remains.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def _f(x):
    return x**3 - 1 / x


def tangent(a):
    """Slope and intercept, a tuple, of the tangent to x³ − 1/x at a number a ≠ 0.

    Exact for `Fraction` and for SymPy's symbols.  Raises ValueError ("pole") for a = 0 and
    ("finite") for NaN or infinity.
    """
    _check(a)
    return 3 * a**2 + 1 / a**2, -2 * a**3 - 2 / a


def gap(a, x):
    """x³ − 1/x minus the tangent at a, for numbers a and x ≠ 0; exact as `tangent` is.

    Refuses both as `tangent` does.  An edge: near a this is a small difference of large
    numbers.  Only the factored form keeps its digits in floating point.
    """
    _check(a)
    _check(x)
    return (x - a) ** 2 * (x**2 + 2 * a * x - 1 / a**2) / x


def crossings(a):
    """Where the tangent at a number a ≠ 0 meets x³ − 1/x besides a: two floats, ascending.

    The first is negative, the second positive.  An edge: for |a| ≫ 1 one of them is a small
    difference of large numbers, −a ± √(a² + 1/a²); their product −1/a² gives it all its digits.
    Refuses a as `tangent` does.
    """
    _check(a)
    far = -a - math.copysign(math.hypot(a, 1 / a), a)
    return tuple(sorted((far, -1 / (a**2 * far))))


def _check(x):
    if x == 0:
        raise ValueError("expected a number other than 0, where x³ − 1/x has its pole")
    if x - x != 0:
        raise ValueError(f"expected a finite number, got {x}")


def test_the_tangent_at_1():
    """Exactly: slope 4, intercept −4, and so the line meets the axis where f does."""
    assert tangent(Fraction(1)) == (4, -4)
    assert _f(Fraction(1)) == 0


def test_the_tangent_shares_value_and_slope():
    """Symbols for a: what SymPy differentiates is the slope, at every a ≠ 0."""
    a = sp.symbols("a", nonzero=True)

    slope, intercept = tangent(a)

    assert sp.expand(slope - sp.diff(_f(a), a)) == 0
    assert sp.expand(slope * a + intercept - _f(a)) == 0


def test_the_gap_factors():
    """An identity in a and x; at a = 1 it is the one on the page."""
    a, x = sp.symbols("a x", nonzero=True)
    slope, intercept = tangent(a)

    assert sp.cancel(gap(a, x) - (_f(x) - slope * x - intercept)) == 0
    assert sp.cancel(gap(1, x) - (x - 1) ** 2 * (x**2 + 2 * x - 1) / x) == 0
    assert sp.limit(gap(1, x) / (x - 1) ** 2, x, 1) == 2


def test_the_crossings_are_the_roots_of_the_quadratic():
    """x² + 2ax − 1/a² has roots of sum −2a and product −1/a²; at a = 10⁵ one is 5·10⁻¹⁶."""
    for a in (-3.0, -1.0, 0.25, 1.0, 2.0, 1e5):
        low, high = crossings(a)

        assert low < 0 < high
        assert low + high == pytest.approx(-2 * a, rel=1e-13)
        assert low * high == pytest.approx(-1 / a**2, rel=1e-13)

    assert crossings(1) == pytest.approx((-1 - math.sqrt(2), -1 + math.sqrt(2)), rel=1e-14)


def test_it_touches_without_crossing_and_crosses_without_touching():
    """The sign of the gap just before and just after: the same at 1, different at −1 ± √2."""
    h = 1e-6

    assert gap(1.0, 1.0) == 0
    assert gap(1.0, 1 - h) > 0 < gap(1.0, 1 + h)
    for x in crossings(1.0):
        assert gap(1.0, x - h) * gap(1.0, x + h) < 0


def test_the_factored_form_keeps_its_digits():
    """At x = 1 + 2⁻³⁰ the exact gap is 2·2⁻⁶⁰; f − tangent in floats has no digit of it."""
    x = 1 + 2.0**-30
    exact = float(gap(Fraction(1), Fraction(x)))

    assert gap(1.0, x) == pytest.approx(exact, rel=1e-14)
    assert exact == pytest.approx(2 * 2.0**-60, rel=1e-8)
    assert abs(_f(x) - (4 * x - 4) - exact) > exact / 2


def test_autograd_finds_the_same_slope():
    """At 100 points on both branches, beyond the pole at 0."""
    x = torch.linspace(0.1, 3, 50, dtype=torch.float64)
    x = torch.cat((-x, x)).requires_grad_()

    (slopes,) = torch.autograd.grad(_f(x).sum(), x)

    expected = torch.tensor([tangent(a)[0] for a in x.tolist()], dtype=torch.float64)
    assert slopes.shape == expected.shape == (100,)
    assert (slopes / expected - 1).abs().max() < 1e-14


def test_a_central_difference_errs_by_2h_squared():
    """Exact fractions: h² + h²/(1 − h²) from both sides; from one, 3h − h/(1 + h) + h² > 2h."""
    for n in (2, 10, 1000):
        h = Fraction(1, n)

        central = (_f(1 + h) - _f(1 - h)) / (2 * h)
        forward = (_f(1 + h) - _f(Fraction(1))) / h

        assert central - 4 == h**2 + h**2 / (1 - h**2)
        assert forward - 4 == 3 * h + h**2 - h / (1 + h)


def test_the_slope_is_smallest_at_the_inflections():
    """3a² + 1/a² = 2√3 + (√3 a − 1/a)², and the square is zero where 3a⁴ = 1."""
    a = sp.symbols("a", nonzero=True)
    inflection = 3 ** sp.Rational(-1, 4)

    assert sp.expand(tangent(a)[0] - 2 * sp.sqrt(3) - (sp.sqrt(3) * a - 1 / a) ** 2) == 0
    assert tangent(inflection)[0] == 2 * sp.sqrt(3)
    assert sp.diff(_f(a), a, 2).subs(a, inflection) == 0


def test_the_pole_has_no_tangent():
    """Autograd says infinity, without an error; the answer refuses zero, NaN and infinity."""
    x = torch.tensor(0.0, requires_grad=True)

    (slope,) = torch.autograd.grad(_f(x), x)

    assert _f(x) == -torch.inf
    assert slope == torch.inf
    for bad, words in ((0, "pole"), (0.0, "pole"), (math.nan, "finite"), (-math.inf, "finite")):
        for answer in (tangent, crossings, lambda x: gap(1.0, x), lambda a: gap(a, 1.0)):
            with pytest.raises(ValueError, match=words):
                answer(bad)


@pytest.mark.misconception("a tangent meets its curve at one point only")
def test_there_are_three_common_points():
    """x·(f − tangent) = x⁴ − 4x² + 4x − 1 has the double root 1 and two more, all real."""
    x = sp.symbols("x")

    roots = sp.roots(x**4 - 4 * x**2 + 4 * x - 1, x)

    assert sp.expand(x * (_f(x) - 4 * x + 4) - (x**4 - 4 * x**2 + 4 * x - 1)) == 0
    assert roots == {1: 2, -1 - sp.sqrt(2): 1, -1 + sp.sqrt(2): 1}
    assert crossings(1) == pytest.approx((float(-1 - sp.sqrt(2)), float(-1 + sp.sqrt(2))))


@pytest.mark.misconception("a curve stays on one side of its tangent near the point of contact")
def test_at_an_inflection_the_tangent_crosses_where_it_touches():
    """At a = ±3^(−1/4) one of the crossings is a itself, and the gap changes its sign there."""
    for a, which in ((3**-0.25, 1), (-(3**-0.25), 0)):
        assert crossings(a)[which] == pytest.approx(a, rel=1e-14)
        assert gap(a, a - 1e-3) * gap(a, a + 1e-3) < 0


@pytest.mark.misconception("a function with a positive derivative everywhere is increasing")
def test_the_pole_undoes_the_growth():
    """f(−1/2) = 15/8 and f(1/2) = −15/8: it grows on each branch, not from one to the other."""
    left, right = _f(Fraction(-1, 2)), _f(Fraction(1, 2))

    assert (left, right) == (Fraction(15, 8), Fraction(-15, 8))
    assert min(tangent(Fraction(n, 100))[0] for n in range(-300, 301) if n) > 0


def test_the_figure_shows_one_contact_and_two_crossings(save_figure):
    """Two branches that no line joins, a line of slope 4, and three common points."""
    slope, intercept = tangent(1)
    left, right = crossings(1)
    ends = np.array([-3.0, 2.4])

    fig = Figure(figsize=(6, 3.8))
    for ax in fig.subplots(1, 2, width_ratios=[3, 2]):
        ax.plot(ends, slope * ends + intercept, "--", color="C1")
        for branch in (np.linspace(-3, -0.04, 300), np.linspace(0.04, 2.4, 300)):
            ax.plot(branch, _f(branch), color="C0")
        ax.plot([left, right], [_f(left), _f(right)], "s", color="C1")
        ax.plot(1, _f(1), "o", color="black")
        ax.set(xlabel="x")
    whole, near = fig.axes
    whole.axvline(0, color="gray", linewidth=0.8, linestyle=":")
    whole.set(ylabel="y", xlim=(-3, 2.4), ylim=(-20, 14), title="f and its tangent at 1")
    near.set(xlim=(0.15, 1.85), ylim=(-4.2, 3.4), title="the same near x = 1")
    whole.text(-0.3, 7, "f(x) = x³ − 1/x", color="C0", ha="right")
    whole.text(0.8, -6, f"y = {slope:.0f}x − {-intercept:.0f}", color="C1")
    whole.text(left + 0.3, -14, f"crosses at\n−{-left:.3f}", va="top")
    whole.text(0.1, 12, "pole of f", color="gray")
    near.text(right + 0.15, _f(right) - 0.2, f"crosses at {right:.3f}", va="top")
    near.text(1.06, -0.2, "touches at 1", va="top")

    for ax in fig.axes:
        line, negative, positive, crossed, touched = (
            each.get_xydata() for each in ax.lines[:5]
        )
        assert np.diff(line[:, 1]) / np.diff(line[:, 0]) == pytest.approx(np.array([4]))
        assert negative[:, 0].max() < 0 < positive[:, 0].min()
        assert sum(each.get_linestyle() == "-" for each in ax.lines) == 2
        for branch, place in ((negative, -1 - math.sqrt(2)), (positive, -1 + math.sqrt(2))):
            above = branch[:, 1] > np.interp(branch[:, 0], *line.T)
            (change,) = np.flatnonzero(np.diff(above))
            assert branch[change, 0] < place < branch[change + 1, 0]
        assert touched == pytest.approx(np.array([[1, 0]]))
        assert crossed[:, 0] == pytest.approx(np.array([-1 - math.sqrt(2), -1 + math.sqrt(2)]))
        assert crossed[:, 1] == pytest.approx(np.interp(crossed[:, 0], *line.T))
        near_1 = positive[abs(positive[:, 0] - 1) < 0.3]
        apart = near_1[:, 1] - np.interp(near_1[:, 0], *line.T)
        assert apart.min() >= 0
        assert near_1[apart.argmin(), 0] == pytest.approx(1, abs=0.01)
    save_figure(fig)
