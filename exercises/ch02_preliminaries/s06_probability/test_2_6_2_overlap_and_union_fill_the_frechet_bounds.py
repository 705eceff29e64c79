"""2.6.2 — P(A∩B) and P(A∪B) can be anything within Fréchet's bounds, and nothing else.

Question
--------
Only p = P(A) and q = P(B) are known.  Between which values must P(A∩B) and P(A∪B) lie?
Draw the extreme cases.
(https://zh.d2l.ai/chapter_preliminaries/probability.html)

Answer
------
    max(0, p + q − 1)  ≤  P(A∩B)  ≤  min(p, q)
    max(p, q)          ≤  P(A∪B)  ≤  min(1, p + q)

These are the best possible: every value in between occurs for some A and B.

Why
---
Let t = P(A∩B).  Two events cut the sample space into four atoms, and t fixes them all:

    P(A∩B) = t    P(A∖B) = p − t    P(B∖A) = q − t    P(neither) = 1 − p − q + t

Numbers are probabilities of atoms if and only if none is negative (they add up to 1): t ≥ 0,
t ≤ p, t ≤ q and t ≥ p + q − 1.  That is the first line, both ways.  The second follows from
P(A∪B) = p + q − t, which falls as t grows: the union is largest where the overlap is least.

To see every t occur, draw a number uniformly from [0, 1] and slide B along it:

    A = [0, p],   B = [p − t, p − t + q]

- t = min(p, q): one event lies inside the other.
- t = max(0, p + q − 1): they are disjoint, or, where there is no room for that, they fill
  the whole space and overlap in what is too much.
- t = pq, independence, is always inside; p and q decide everything only if one is 0 or 1.

In practice
-----------
Two statements that are each 95 % sure hold together with at least 90 %, whatever links them.

References
----------
M. Fréchet, *Généralisation du théorème des probabilités totales*, Fundamenta Mathematicae 25
(1935).

Hints
-----
1. Draw two overlapping events.  Into how many pieces do they cut the sample space?
2. Write the probability of each piece in terms of p, q and P(A∩B).
3. Which piece becomes negative first if P(A∩B) is made small, and which if it is made large?
"""

import math
from fractions import Fraction
from numbers import Real

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from scipy.optimize import brentq, linprog


def intersection_bounds(p, q):
    """The least and the greatest P(A∩B) given P(A) = p and P(B) = q, exact for `Fraction`.

    Raises ValueError ("between 0 and 1") for p or q outside [0, 1] or NaN, and TypeError
    ("a real number") for anything else.
    """
    _check_probabilities(p, q)
    return max(0, p + q - 1), min(p, q)


def union_bounds(p, q):
    """The least and the greatest P(A∪B), otherwise as `intersection_bounds`."""
    _check_probabilities(p, q)
    return max(p, q), min(1, p + q)


def events_with_overlap(p, q, t):
    """Two intervals (start, end) in [0, 1] of lengths p and q that share exactly length t.

    Exact for `Fraction`.  Raises what `intersection_bounds` raises, and ValueError ("cannot
    overlap") for a t outside the bounds.
    """
    least, greatest = intersection_bounds(p, q)
    if not least <= t <= greatest:
        raise ValueError(f"events of {p} and {q} cannot overlap in {t}: {least} to {greatest}")
    return (0, p), (p - t, p - t + q)


def _check_probabilities(*probabilities):
    for probability in probabilities:
        if not isinstance(probability, Real):
            raise TypeError(f"a probability must be a real number, got {probability!r}")
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability must lie between 0 and 1, got {probability}")


def _tenths():
    return [Fraction(k, 10) for k in range(11)]


def _lens_area(a, b, distance):
    """Area common to two circles of radii a and b whose centres are `distance` apart."""
    if distance >= a + b:
        return 0.0
    if distance <= abs(a - b):
        return math.pi * min(a, b) ** 2
    # Each circle contributes a segment: the sector over the common chord less its triangle.
    x = (distance**2 + a**2 - b**2) / (2 * distance)
    h = math.sqrt(a**2 - x**2)
    sectors = a**2 * math.atan2(h, x) + b**2 * math.atan2(h, distance - x)
    return sectors - distance * h


def _circles(p, q, t):
    """Radii and distance of two circles with areas p and q that share the area t."""
    a, b = math.sqrt(p / math.pi), math.sqrt(q / math.pi)
    if t == min(p, q):
        return a, b, abs(a - b)
    return a, b, brentq(lambda d: _lens_area(a, b, d) - t, abs(a - b), a + b)


def test_every_pair_of_subsets_of_eight_points():
    """65 536 pairs: for each pair of sizes, exactly the values within the bounds occur."""
    subsets = np.arange(2**8)
    size = np.bitwise_count(subsets)
    both = np.bitwise_count(subsets[:, None] & subsets)
    either = np.bitwise_count(subsets[:, None] | subsets)

    for i in range(9):
        for j in range(9):
            p, q = Fraction(i, 8), Fraction(j, 8)
            pairs = np.ix_(size == i, size == j)
            for bounds, found in ((intersection_bounds, both), (union_bounds, either)):
                least, greatest = (int(8 * bound) for bound in bounds(p, q))
                assert np.unique(found[pairs]).tolist() == list(range(least, greatest + 1))


def test_unequal_points_obey_the_bounds_too():
    """Every pair of subsets of five points with the weights 1, 2, 4, 8, 16 out of 31."""
    weight = [Fraction(subset, 31) for subset in range(32)]

    for a in range(32):
        for b in range(32):
            p, q, both, either = weight[a], weight[b], weight[a & b], weight[a | b]
            assert both + either == p + q
            least, greatest = intersection_bounds(p, q)
            assert least <= both <= greatest
            least, greatest = union_bounds(p, q)
            assert least <= either <= greatest


@pytest.mark.parametrize(
    ("p", "q"), [(0.3, 0.5), (0.7, 0.8), (0.5, 0.5), (0.2, 0.8), (0.0, 0.4), (1.0, 0.4)]
)
def test_a_linear_programme_finds_the_same_bounds(p, q):
    """Least and greatest probability over all four atoms A∩B, A∖B, B∖A, neither."""
    rows = [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0]]

    def extremes(*cost):
        optima = [
            linprog([sign * c for c in cost], A_eq=rows, b_eq=[1, p, q], bounds=(0, None))
            for sign in (1, -1)
        ]
        assert [optimum.status for optimum in optima] == [0, 0]
        return [optima[0].fun, -optima[1].fun]

    assert extremes(1, 0, 0, 0) == pytest.approx(list(intersection_bounds(p, q)), abs=1e-9)
    assert extremes(1, 1, 1, 0) == pytest.approx(list(union_bounds(p, q)), abs=1e-9)


def test_sliding_one_event_reaches_every_value():
    """All p and q in tenths and all overlaps in twentieths: lengths, overlap and room exact."""
    built = 0

    for p in _tenths():
        for q in _tenths():
            least, greatest = intersection_bounds(p, q)
            for t in (Fraction(k, 20) for k in range(math.ceil(20 * least), 21)):
                if t > greatest:
                    break
                (a, a_end), (b, b_end) = events_with_overlap(p, q, t)
                assert (a_end - a, b_end - b) == (p, q)
                assert min(a, b) >= 0
                assert max(a_end, b_end) <= 1
                assert max(0, min(a_end, b_end) - max(a, b)) == t
                built += 1

    assert built == sum(
        2 * (min(i, j) - max(0, i + j - 10)) + 1 for i in range(11) for j in range(11)
    )


def test_values_outside_are_unreachable():
    """Just beyond either end, NaN, and probabilities that are none."""
    p, q, little = Fraction(7, 10), Fraction(8, 10), Fraction(1, 10**9)
    least, greatest = intersection_bounds(p, q)

    for t in (least - little, greatest + little, math.nan):
        with pytest.raises(ValueError, match="cannot overlap"):
            events_with_overlap(p, q, t)
    for function in (
        intersection_bounds,
        union_bounds,
        lambda p, q: events_with_overlap(p, q, 0),
    ):
        for bad in (-0.1, 1.1, math.nan):
            for pair in ((bad, 0.5), (0.5, bad)):
                with pytest.raises(ValueError, match="between 0 and 1"):
                    function(*pair)
        for bad in ("0.5", [0.5]):
            with pytest.raises(TypeError, match="a real number"):
                function(bad, 0.5)


def test_the_union_is_the_complement_of_an_intersection():
    """De Morgan: the bounds of one line are those of the other, for 1 − p and 1 − q."""
    for p in _tenths():
        for q in _tenths():
            least, greatest = intersection_bounds(1 - p, 1 - q)
            assert union_bounds(p, q) == (1 - greatest, 1 - least)


def test_only_certainty_leaves_no_doubt():
    """The bounds meet if and only if one event is impossible or certain."""
    for p in _tenths():
        for q in _tenths():
            least, greatest = intersection_bounds(p, q)
            assert (least == greatest) == (p in (0, 1) or q in (0, 1))
            assert least <= p * q <= greatest


@pytest.mark.misconception("the bounds are P(A∩B) ≥ 0 and P(A∪B) ≤ p + q")
def test_likely_events_must_overlap():
    """True, but no bounds for p + q > 1: 0 is never reached, and p + q is no probability."""
    p, q = Fraction(7, 10), Fraction(8, 10)

    assert p + q > 1
    assert intersection_bounds(p, q) == (Fraction(1, 2), Fraction(7, 10))
    assert union_bounds(p, q) == (Fraction(8, 10), 1)
    with pytest.raises(ValueError, match="cannot overlap"):
        events_with_overlap(p, q, 0)
    assert intersection_bounds(Fraction(95, 100), Fraction(95, 100))[0] == Fraction(9, 10)


def test_the_common_area_of_circles():
    """Known cases: unit circles at distance 1, apart, touching, nested; unequal ones."""
    assert _lens_area(1, 1, 1) == pytest.approx(2 * math.pi / 3 - math.sqrt(3) / 2)
    assert _lens_area(1, 2, 3) == _lens_area(1, 2, 4) == 0
    assert _lens_area(1, 2, 1) == _lens_area(2, 1, 0.5) == pytest.approx(math.pi)
    assert _lens_area(3, 2, 0.5) == pytest.approx(4 * math.pi)
    assert _lens_area(3, 1, 2.5) == pytest.approx(_lens_area(1, 3, 2.5))


def test_the_figure_shows_area_true_venn_diagrams(save_figure):
    """Least, independent and greatest overlap; the areas drawn are measured on a raster."""
    cases = [(0.3, 0.5), (0.8, 0.5)]
    names = ["least overlap", "independent", "greatest overlap"]

    fig = Figure(figsize=(6, 4.4))
    axes = fig.subplots(2, 3, gridspec_kw={"wspace": 0.05, "hspace": 0.15})
    drawn = []
    for row, (p, q) in zip(axes, cases, strict=True):
        least, greatest = intersection_bounds(p, q)
        for ax, name, t in zip(row, names, (least, p * q, greatest), strict=True):
            a, b, distance = _circles(p, q, t)
            x_a = (a - b - distance) / 2  # puts the middle of both at 0
            circles = [
                Circle((x_a, 0), a, facecolor="C0", alpha=0.5, label="A"),
                Circle((x_a + distance, 0), b, facecolor="C1", alpha=0.5, label="B"),
            ]
            for circle, style in zip(circles, ("-", "--"), strict=True):
                circle.set(edgecolor="black", linestyle=style)
                ax.add_patch(circle)
            ax.set(xlim=(-0.8, 0.8), ylim=(-0.9, 0.52), aspect="equal", title=name)
            ax.set_axis_off()
            ax.text(
                0, -0.6, f"P(A∩B) = {t:.2g}\nP(A∪B) = {p + q - t:.2g}", ha="center", va="top"
            )
            drawn.append((p, q, t, circles))
        row[0].text(-0.8, 0.75, f"P(A) = {p}, P(B) = {q}", weight="bold")
    fig.legend(handles=drawn[0][3], loc="lower center", ncols=2)

    x, y = np.meshgrid(np.linspace(-1, 1, 401), np.linspace(-0.5, 0.5, 201))
    cell = (x[0, 1] - x[0, 0]) * (y[1, 0] - y[0, 0])
    for p, q, t, circles in drawn:
        A, B = (
            np.hypot(x - circle.center[0], y - circle.center[1]) <= circle.radius
            for circle in circles
        )
        areas = [A.sum() * cell, B.sum() * cell, (A & B).sum() * cell]
        assert areas == pytest.approx([p, q, t], abs=0.003)
    assert len(drawn) == 6
    save_figure(fig)
