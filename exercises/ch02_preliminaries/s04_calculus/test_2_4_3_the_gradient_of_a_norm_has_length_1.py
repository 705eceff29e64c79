"""2.4.3 — The gradient of ‖x‖₂ is x/‖x‖₂, a vector of length 1; at 0 there is no gradient.

Question
--------
What is the gradient of the function f(x) = ‖x‖₂?
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>
English edition: 2.4.8 <https://d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
For x ≠ 0, whatever the number n of components,

    ∇‖x‖ = x / ‖x‖

This is the direction of x, a vector of length 1.  For x = (3, 4) it is (0.6, 0.8).  At x = 0
the norm has no gradient.

Why
---
From ‖x‖² = x₁² + … + xₙ² follows 2‖x‖ ∂‖x‖/∂xᵢ = 2xᵢ, so that ∂‖x‖/∂xᵢ = xᵢ / ‖x‖.

At 0 the norm grows with slope ‖h‖ in a direction h, and in the direction −h too.  With a
gradient g the two slopes would be gᵀh and −gᵀh: one of them would not be positive.

Still, ‖h‖ ≥ gᵀh for all h if ‖g‖ ≤ 1.  Such a g is called a subgradient at 0; 0 is one.

In practice
-----------
- At x = 0 autograd (section 2.5) returns the subgradient 0 for `torch.linalg.vector_norm(x)`,
  but NaN for `(x * x).sum().sqrt()`.  One row of zeros then makes all of a gradient NaN.
- In float32 the square of 4 · 10²⁵ is infinite.  Divide x by its largest absolute value first:
  the direction stays the same.

Hints
-----
1. Differentiate both sides of ‖x‖² = x₁² + … + xₙ² by xᵢ.
2. What is the length of the vector that you get?
3. At 0, compare the slope in a direction h with the slope in the direction −h.
"""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def norm_gradient(x):
    """The gradient of ‖x‖₂ at a point x other than 0, a float tensor (n,): a tensor (n,)."""
    return x / torch.linalg.vector_norm(x)


_ROUNDED = 1e-5  # float32 is enough: squares, a sum of up to 7, a root, a quotient


def _at(x):
    """The components of `norm_gradient` at a list of numbers, floats."""
    return norm_gradient(torch.tensor(x, dtype=torch.float64)).tolist()


def test_symbols_with_three_components():
    """SymPy differentiates √(x₁² + x₂² + x₃²) to xᵢ/‖x‖; at (−2, 3, 6) that is xᵢ/7."""
    x = sp.symbols("x1:4", real=True)
    norm = sp.sqrt(sum(each**2 for each in x))
    point = [-2.0, 3.0, 6.0]

    partial = [sp.diff(norm, each) for each in x]

    assert all(d - each / norm == 0 for d, each in zip(partial, x, strict=True))
    at_point = [float(d.subs(dict(zip(x, point, strict=True)))) for d in partial]
    assert at_point == pytest.approx([-2 / 7, 3 / 7, 6 / 7], rel=1e-12, abs=0)
    assert _at(point) == pytest.approx(at_point, rel=_ROUNDED, abs=0)
    assert _at([3.0, 4.0]) == pytest.approx([0.6, 0.8], rel=_ROUNDED, abs=0)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_difference_quotients_agree_for_every_n(rng, n):
    """(‖x + h‖ − ‖x − h‖) / 2h along each axis agrees, for 1, 2, 3 and 7 components."""
    h = 1e-5  # off by h²/‖x‖² at most, and by rounding, 1e-16/h: both below 1e-8
    for x in rng.standard_normal((20, n)) + np.sign(rng.standard_normal(n)):
        steps = h * np.eye(n)
        quotients = [(math.hypot(*x + e) - math.hypot(*x - e)) / (2 * h) for e in steps]

        assert _at(x.tolist()) == pytest.approx(quotients, abs=_ROUNDED)


@pytest.mark.parametrize("x", [[5.0], [0.0, -4.0], [1.0, 2.0, 2.0], [3.0] * 7], ids=str)
def test_the_length_of_x_does_not_matter(x):
    """The gradient has length 1, is the same at 2x and 100x, and is opposite at −x."""
    slopes = _at(x)

    assert math.hypot(*slopes) == pytest.approx(1, abs=_ROUNDED)
    for factor in (2, 100):
        longer = _at([factor * each for each in x])
        assert longer == pytest.approx(slopes, abs=_ROUNDED)
    assert _at([-each for each in x]) == pytest.approx([-s for s in slopes], abs=_ROUNDED)


@pytest.mark.misconception("the norm has a gradient everywhere")
def test_at_zero_the_slopes_of_opposite_directions_are_equal():
    """From 0 the norm grows by ‖h‖ both along h and −h; elsewhere the slopes are opposite."""
    h, t = torch.tensor([3.0, 4.0]), 2.0**-10

    def slope(x, h):
        return ((x + t * h).norm() - x.norm()).item() / t

    assert slope(torch.zeros(2), h) == slope(torch.zeros(2), -h) == 5
    x = torch.tensor([6.0, 0.0])
    expected = norm_gradient(x) @ h
    assert slope(x, h) == pytest.approx(expected.item(), abs=0.01)
    assert slope(x, -h) == pytest.approx(-expected.item(), abs=0.01)


@pytest.mark.seeds(3)
def test_a_subgradient_at_zero_has_length_at_most_1(torch_rng):
    """‖h‖ ≥ gᵀh for 1000 random h if g has length 0, 0.5 or 1; if longer, h = g refutes it."""
    h = torch.randn(1000, 3, generator=torch_rng)
    unit = norm_gradient(torch.tensor([1.0, -2.0, 2.0]))

    for length in (0, 0.5, 1):
        assert ((length * unit) @ h.T <= h.norm(dim=1) * (1 + _ROUNDED)).all()
    g = 1.01 * unit
    assert g.norm() < g @ g


@pytest.mark.misconception("√(x·x) and the norm are the same to autograd")
def test_one_row_of_zeros_spoils_every_weight():
    """With one row of X zero, √ makes each slope of Σ‖Xᵢw‖ NaN, and `vector_norm` does not."""
    X = torch.tensor([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    w = torch.ones(2, requires_grad=True)

    (by_norm,) = torch.autograd.grad(torch.linalg.vector_norm(X @ w, dim=1).sum(), w)
    (by_root,) = torch.autograd.grad((X @ w).square().sum(dim=1).sqrt().sum(), w)

    by_hand = X[0].T @ norm_gradient(X[0] @ w.detach())
    assert by_norm.tolist() == pytest.approx(by_hand.tolist(), rel=_ROUNDED, abs=0)
    assert by_root.isnan().all()


@pytest.mark.edge
def test_large_entries_are_scaled_first():
    """At (3, 4)·10²⁵ the float32 norm is infinite; divided by 4·10²⁵ the direction is right."""
    x = torch.tensor([3e25, 4e25])

    assert torch.linalg.vector_norm(x) == torch.inf
    direction = norm_gradient(x / x.abs().max())
    assert direction.tolist() == pytest.approx([0.6, 0.8], rel=_ROUNDED, abs=0)


@pytest.mark.edge
def test_float64_keeps_its_digits():
    """At a float64 point the gradient is float64 and right to 15 digits."""
    slopes = norm_gradient(torch.tensor([-2, 3, 6], dtype=torch.float64))

    assert slopes.dtype == torch.float64
    assert slopes.tolist() == pytest.approx([-2 / 7, 3 / 7, 6 / 7], rel=1e-15, abs=0)


def test_the_figure_shows_arrows_of_length_1_and_a_kink(save_figure):
    """Arrows of length 1 point away from 0; cut through 0, the norm has a kink there."""
    turns = np.arange(12) * np.pi / 6
    points = np.array([[r * np.cos(t), r * np.sin(t)] for r in (1, 2.6) for t in turns])
    slopes = np.array([_at(point) for point in points.tolist()])

    fig = Figure(figsize=(6.4, 3.4))
    plane, cut = fig.subplots(1, 2)
    unit = {"angles": "xy", "scale_units": "xy", "scale": 1}
    arrows = plane.quiver(*points.T, *slopes.T, **unit, color="C0")
    plane.plot(0, 0, "x", color="C1", markersize=9, markeredgewidth=2)
    plane.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xlabel="x₁", ylabel="x₂")
    plane.set_title("∇‖x‖: of length 1, none at 0")
    cut.plot([-2, 0, 2], [2, 0, 2], color="C0", linewidth=2.5)
    cut.plot(0, 0, "x", color="C1", markersize=9, markeredgewidth=2)
    cut.text(-0.8, 0.6, "slope −1", ha="right", color="C0")
    cut.text(0.8, 0.6, "slope 1", color="C0")
    cut.text(0, -0.5, "no gradient", ha="center", color="C1")
    cut.set(xlim=(-2, 2), ylim=(-1, 3), aspect="equal", ylabel="‖x‖ = |t|")
    cut.set_xlabel("t, where x = th and ‖h‖ = 1")
    cut.set_title("‖x‖ on a line through 0: a kink")

    lengths = np.hypot(arrows.U, arrows.V)
    assert lengths == pytest.approx(np.ones(24), abs=_ROUNDED)
    assert (points * slopes).sum(axis=1) == pytest.approx(np.hypot(*points.T), abs=_ROUNDED * 3)
    save_figure(fig)
