"""2.6.2 — Two events overlap by p + q − 1 at least and by the smaller of p and q at most.

Question
--------
Of two events A and B only the probabilities p = P(A) and q = P(B) are known.  Between which
values must P(A∩B) and P(A∪B) lie?  Draw the extreme cases.
<https://zh.d2l.ai/chapter_preliminaries/probability.html>
English edition: 2.6.5 <https://d2l.ai/chapter_preliminaries/probability.html>

Answer
------
    max(0, p + q − 1)  ≤  P(A∩B)  ≤  min(p, q)
    max(p, q)          ≤  P(A∪B)  ≤  min(1, p + q)

For p = 0.3 and q = 0.5 that is 0 to 0.3, and 0.5 to 0.8.  For p = 0.6 and q = 0.8 it is 0.4
to 0.6, and 0.8 to 1.  No better bounds exist: every value in between occurs for some A and B.

Why
---
Let t = P(A∩B).  Two events cut the sample space Ω into four pieces, and t fixes them all:

    both: t     only A: p − t     only B: q − t     neither: 1 − p − q + t

None of them may be negative, which is the first line of the answer.  The second follows from
P(A∪B) = p + q − t: the union is largest where the overlap is least.

Each such t occurs: take for Ω a square of area 1, for A a strip of width p at its left edge,
and slide a strip B of width q along until it overlaps A by t.

In practice
-----------
Two statements that are 95 % sure each are both true with at least 90 %, whatever links them.

Hints
-----
1. Draw two overlapping events.  Into how many pieces do they cut the sample space?
2. Write the probability of each piece in terms of p, q and P(A∩B).
3. Which piece becomes negative first if P(A∩B) is made small, and which if it is made large?
"""

from fractions import Fraction

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.optimize import linprog


def intersection_bounds(p, q):
    """The least and the greatest P(A∩B), a pair, for events with P(A) = p and P(B) = q."""
    if not (0 <= p <= 1 and 0 <= q <= 1):
        raise ValueError(f"expected probabilities from 0 to 1, got {p} and {q}")
    return max(0, p + q - 1), min(p, q)


def union_bounds(p, q):
    """The least and the greatest P(A∪B), a pair, for events with P(A) = p and P(B) = q."""
    if not (0 <= p <= 1 and 0 <= q <= 1):
        raise ValueError(f"expected probabilities from 0 to 1, got {p} and {q}")
    return max(p, q), min(1, p + q)


_TENTHS = [Fraction(k, 10) for k in range(11)]
_ROUNDING = 1e-9  # far above that of the formulas, far below the steps tried


def _strips(p, q, t):
    """Where the strips A and B start and end if B begins t before the end of A."""
    return (0, p), (p - t, p - t + q)


def test_the_two_examples():
    """For 0.3, 0.5: overlap 0 to 0.3, union 0.5 to 0.8; for 0.6, 0.8: 0.4 to 0.6, 0.8 to 1."""
    assert intersection_bounds(0.3, 0.5) == pytest.approx((0, 0.3), abs=_ROUNDING)
    assert union_bounds(0.3, 0.5) == pytest.approx((0.5, 0.8), abs=_ROUNDING)
    assert intersection_bounds(0.6, 0.8) == pytest.approx((0.4, 0.6), abs=_ROUNDING)
    assert union_bounds(0.6, 0.8) == pytest.approx((0.8, 1), abs=_ROUNDING)


def test_every_pair_of_subsets_of_eight_points():
    """Among all 65 536 pairs of subsets of 8 equal points just the values in bounds occur."""
    subsets = np.arange(2**8)  # each number's bits tell which points it has
    size = np.bitwise_count(subsets)
    both = np.bitwise_count(subsets[:, None] & subsets)
    either = np.bitwise_count(subsets[:, None] | subsets)

    for i in range(9):
        for j in range(9):
            pairs = np.ix_(size == i, size == j)
            for bounds, found in ((intersection_bounds, both), (union_bounds, either)):
                least, greatest = (round(8 * bound) for bound in bounds(i / 8, j / 8))
                assert np.unique(found[pairs]).tolist() == list(range(least, greatest + 1))


@pytest.mark.parametrize(("p", "q"), [(0.31, 0.52), (0.67, 0.83), (0.2, 0.8), (1.0, 0.4)])
def test_a_linear_programme_finds_the_same_bounds(p, q):
    """Four pieces ≥ 0 that add up to 1, to p in A, to q in B: a solver finds these extremes."""
    rows = [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0]]  # both, only A, only B, neither

    def extremes(*counted):
        least, greatest = (
            linprog(sign * np.array(counted), A_eq=rows, b_eq=[1, p, q]) for sign in (1, -1)
        )
        assert least.status == greatest.status == 0
        return least.fun, -greatest.fun

    # The solver meets its constraints within 1e-7.
    assert intersection_bounds(p, q) == pytest.approx(extremes(1, 0, 0, 0), abs=1e-6)
    assert union_bounds(p, q) == pytest.approx(extremes(1, 1, 1, 0), abs=1e-6)


def test_sliding_a_strip_reaches_the_values_in_bounds_and_no_others():
    """Strips fit into Ω and share an area t exactly for the t in bounds, by twentieths."""
    for p in _TENTHS[::2]:
        for q in _TENTHS[::2]:
            least, greatest = intersection_bounds(float(p), float(q))
            smallest, largest = union_bounds(float(p), float(q))
            for t in (Fraction(k, 20) for k in range(-1, 22)):
                (_, a_end), (b, b_end) = _strips(p, q, t)
                fits = b >= 0 and b_end <= 1 and max(0, min(a_end, b_end) - b) == t
                assert fits == (least - _ROUNDING <= t <= greatest + _ROUNDING)
                within = smallest - _ROUNDING <= p + q - t <= largest + _ROUNDING
                assert fits == within


def test_only_certainty_leaves_no_doubt():
    """The bounds meet if an event is impossible or certain; else P(A)·P(B) is between them."""
    for p in map(float, _TENTHS):
        for q in map(float, _TENTHS):
            least, greatest = intersection_bounds(p, q)
            if p in (0, 1) or q in (0, 1):
                assert least == pytest.approx(greatest, abs=_ROUNDING)
            else:
                assert least + 0.009 < p * q < greatest - 0.009  # (1 − p)(1 − q) ≥ 0.01


@pytest.mark.misconception(
    "the bounds are P(A∩B) ≥ 0 and P(A∪B) ≤ p + q",
    source="datawhalechina's solutions manual, 2.6.2; DevPranjal's exercises, 2.6, Q2",
)
def test_likely_events_must_overlap():
    """For p + q > 1, 0 and p + q are too weak: at 0.95 and 0.95 the overlap is 0.9 to 0.95."""
    assert intersection_bounds(0.95, 0.95) == pytest.approx((0.9, 0.95), abs=_ROUNDING)
    assert union_bounds(0.95, 0.95) == pytest.approx((0.95, 1), abs=_ROUNDING)


@pytest.mark.edge
@pytest.mark.parametrize(("p", "q"), [(60, 80), (1.1, 0.5), (0.5, 1.1), (-0.1, 0.5)])
def test_percentages_are_refused(p, q):
    """Numbers beyond 0 to 1, such as 60 and 80 in place of 0.6 and 0.8, raise a ValueError."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        intersection_bounds(p, q)
    with pytest.raises(ValueError, match="from 0 to 1"):
        union_bounds(p, q)


def test_the_figure_shows_the_extreme_cases_true_to_area(save_figure):
    """Ω is a square of area 1, A and B are strips: what is drawn has the areas it tells."""
    cases = [(p, q, end) for p, q in ((0.3, 0.5), (0.6, 0.8)) for end in (0, 1)]

    fig = Figure(figsize=(6.4, 3.1))
    fig.suptitle("A and B as strips of a square Ω of area 1: the extreme cases", y=0.97)
    for place, (p, q, end) in enumerate(cases):
        t = intersection_bounds(p, q)[end]
        (a, a_end), (b, b_end) = _strips(p, q, t)
        ax = fig.add_axes((0.01 + 0.25 * place, 0.02, 0.23, 0.8))
        ax.add_patch(Rectangle((a, 0), a_end - a, 1, facecolor="C0", alpha=0.5))
        ax.add_patch(Rectangle((b, 0), b_end - b, 1, facecolor="C1", alpha=0.5))
        ax.add_patch(Rectangle((0, 0), 1, 1, fill=False, linewidth=1.5, clip_on=False))
        ax.plot([a, a_end], [1.06, 1.06], color="C0", linewidth=3)
        ax.plot([b, b_end], [-0.06, -0.06], color="C1", linewidth=3)
        ax.text((a + a_end) / 2, 1.1, f"A: {p}", ha="center", va="bottom", color="C0")
        ax.text((b + b_end) / 2, -0.1, f"B: {q}", ha="center", va="top", color="C1")
        ax.text(0.5, -0.3, f"P(A∩B) = {t:.2g}\nP(A∪B) = {p + q - t:.2g}", ha="center", va="top")
        ax.set(
            xlim=(-0.02, 1.02), ylim=(-0.6, 1.25), title=("least", "greatest")[end] + " overlap"
        )
        ax.set_axis_off()

    told = ["0 0.8", "0.3 0.5", "0.4 1", "0.6 0.8"]
    assert len(fig.axes) == len(told)
    for ax, (p, q, _), values in zip(fig.axes, cases, told, strict=True):
        A, B, omega = (patch.get_bbox() for patch in ax.patches)
        overlap, union = map(float, values.split())
        assert ax.texts[2].get_text() == f"P(A∩B) = {overlap:g}\nP(A∪B) = {union:g}"
        assert (A.width, B.width, omega.width) == pytest.approx((p, q, 1), abs=_ROUNDING)
        assert A.height == B.height == omega.height == 1
        assert min(A.x1, B.x1) - max(A.x0, B.x0) == pytest.approx(overlap, abs=_ROUNDING)
        assert max(A.x1, B.x1) - min(A.x0, B.x0) == pytest.approx(union, abs=_ROUNDING)
    save_figure(fig)
