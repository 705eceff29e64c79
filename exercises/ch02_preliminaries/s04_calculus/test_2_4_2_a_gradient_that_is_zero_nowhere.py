"""2.4.2 — The gradient of 3x₁² + 5e^x₂ is (6x₁, 5e^x₂), and nowhere is it zero.

Question
--------
Find the gradient of the function f(x) = 3x₁² + 5e^x₂.
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>
English edition: 2.4.7 <https://d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
    ∇f(x) = (6x₁, 5e^x₂)

Its second component is positive everywhere, so no point has the gradient (0, 0), and f has no
lowest value: it comes as close to 0 as we like, but it never reaches 0.

Why
---
Hold x₂ fixed: 5e^x₂ is then a constant, and ∂f/∂x₁ = 3 · 2x₁.  Hold x₁ fixed: 3x₁² is the
constant, and ∂f/∂x₂ = 5e^x₂, as e^x is its own derivative.

At x₁ = 0 the value is f = 5e^x₂ > 0, and it gets smaller for ever as x₂ goes to −∞.

The gradient is perpendicular to the contour f = c through x.  Along the contour f does not
change, so a small step s along it has ∇f(x)ᵀs = 0.

In practice
-----------
A gradient of 0 in the machine is no proof of a lowest point: e^x₂ in float32 is already
rounded to 0 at x₂ = −104.

Hints
-----
1. Hold one variable fixed.  Which term is then a constant?
2. What is the derivative of e^x?
3. For a gradient of zero, both components must be zero at the same point.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def _f(x1, x2):
    return 3 * x1**2 + 5 * math.exp(x2)


def gradient(x):
    """The gradient of 3x₁² + 5e^x₂ at a point x, a float tensor (2,): a tensor (2,)."""
    return torch.stack([6 * x[0], 5 * x[1].exp()])


_ROUNDED = 1e-5  # relative: float32 is enough, each component takes two or three roundings


def _at(x1, x2):
    """The two components of `gradient` at a point, floats."""
    return gradient(torch.tensor([x1, x2], dtype=torch.float64)).tolist()


def test_symbols_give_the_same_gradient():
    """SymPy's partial derivatives are 6x₁ and 5e^x₂, and their values at nine points agree."""
    x1, x2 = sp.symbols("x1 x2")
    f = 3 * x1**2 + 5 * sp.exp(x2)

    partial = [sp.diff(f, x1), sp.diff(f, x2)]

    assert partial == [6 * x1, 5 * sp.exp(x2)]
    for a in (-7.0, 0.0, 3.0):
        for b in (-2.0, 0.0, 5.0):
            expected = [float(each.subs({x1: a, x2: b})) for each in partial]
            assert _at(a, b) == pytest.approx(expected, rel=_ROUNDED, abs=0)


def test_autograd_gives_the_same_gradient(torch_rng):
    """Torch's own derivatives agree at 50 random points."""
    x = torch.randn(50, 2, generator=torch_rng, requires_grad=True)

    (expected,) = torch.autograd.grad((3 * x[:, 0] ** 2 + 5 * x[:, 1].exp()).sum(), x)

    for point, slopes in zip(x.detach(), expected, strict=True):
        assert gradient(point).tolist() == pytest.approx(slopes.tolist(), rel=_ROUNDED, abs=0)


def test_difference_quotients_miss_it_by_a_known_factor():
    """(f(x + h) − f(x − h)) / 2h is exact for 3x₁², and sinh(h)/h times too large for 5e^x₂."""
    h = 1 / 4

    for a, b in ((-2.0, 1.0), (0.5, 0.0), (3.0, -4.0)):
        along_x1 = (_f(a + h, b) - _f(a - h, b)) / (2 * h)
        along_x2 = (_f(a, b + h) - _f(a, b - h)) / (2 * h)

        slopes = [along_x1, along_x2 / (math.sinh(h) / h)]
        assert _at(a, b) == pytest.approx(slopes, rel=_ROUNDED, abs=0)
    assert math.sinh(h) / h == pytest.approx(1.0104, abs=1e-4)


def test_the_gradient_is_perpendicular_to_the_contour():
    """On f = c the slope of the contour is −6x₁/(c − 3x₁²): a step (1, slope) has ∇fᵀs = 0."""
    c, x1 = sp.symbols("c x1", positive=True)
    x2 = sp.log((c - 3 * x1**2) / 5)

    assert sp.cancel(sp.diff(x2, x1) + 6 * x1 / (c - 3 * x1**2)) == 0
    for level, a in ((4, 1.0), (9, -1.5), (25, 0.5)):
        across = _at(a, math.log((level - 3 * a**2) / 5))
        terms = across[0], across[1] * -6 * a / (level - 3 * a**2)
        assert terms[0] == pytest.approx(-terms[1], rel=_ROUNDED, abs=0)


def test_no_point_has_gradient_zero():
    """5e^x₂ = 0 has no real solution, though 5e^x₂ goes to 0 as x₂ goes to −∞."""
    x2 = sp.Symbol("x2", real=True)

    assert sp.solveset(5 * sp.exp(x2), x2, sp.Reals) == sp.S.EmptySet
    assert sp.limit(5 * sp.exp(x2), x2, -sp.oo) == 0
    assert all(_at(0.0, x2)[1] > 0 for x2 in (-60.0, -10.0, 0.0, 10.0))


@pytest.mark.misconception("a function that is never negative has a lowest value")
def test_descent_never_arrives():
    """From (1, 0) each step of x − ∇f(x)/10 lowers f, and the slope along x₂ stays positive."""
    x = torch.tensor([1.0, 0.0], dtype=torch.float64)
    values = [_f(*x.tolist())]

    for _ in range(300):
        x = x - gradient(x) / 10
        values.append(_f(*x.tolist()))
        assert gradient(x)[1] > 0

    assert all(0 < after < before for before, after in pairwise(values))
    assert values[-1] < values[0] / 100


@pytest.mark.misconception("a gradient that is zero in the machine marks a lowest point")
def test_underflow_forges_a_lowest_point():
    """At (0, −104) autograd finds the gradient (0, 0) in float32, but not in float64."""
    for dtype, vanishes in ((torch.float32, True), (torch.float64, False)):
        x = torch.tensor([0, -104], dtype=dtype, requires_grad=True)

        (slopes,) = torch.autograd.grad(3 * x[0] ** 2 + 5 * x[1].exp(), x)

        assert (slopes == 0).tolist() == [True, vanishes]


@pytest.mark.edge
def test_float64_keeps_its_digits():
    """At a float64 point the gradient is float64, and e is right to 15 digits."""
    slopes = gradient(torch.tensor([1, 1], dtype=torch.float64))

    assert slopes.dtype == torch.float64
    assert slopes.tolist() == pytest.approx([6, 5 * math.e], rel=1e-15, abs=0)


def test_the_figure_shows_gradients_across_the_contours(save_figure):
    """Arrows start on a contour and leave it at a right angle, longer where f is steep."""
    levels = [4, 9, 16, 25]
    x1, x2 = np.meshgrid(np.linspace(-3, 3, 151), np.linspace(-2.6, 1.8, 111))

    fig = Figure(figsize=(6, 4.6))
    ax = fig.subplots()
    contours = ax.contour(x1, x2, 3 * x1**2 + 5 * np.exp(x2), levels, colors="C0")
    curves = [max(pieces, key=len) for pieces in contours.allsegs]
    starts = np.concatenate([curve[curve[:, 1] > -2.1][3::12] for curve in curves])
    slopes = np.array([_at(*start) for start in starts.tolist()])
    scale = {"angles": "xy", "scale_units": "xy", "scale": 36}
    ax.quiver(*starts.T, *slopes.T, **scale, color="C1", width=0.004)
    for level in levels:
        left = -math.sqrt((level - 5 * math.exp(-2.4)) / 3)
        label = f"f = {level}" if level == levels[0] else f"{level}"
        white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        ax.text(left, -2.4, label, color="C0", fontsize=9, ha="center", bbox=white)
    ax.set(xlabel="x₁", ylabel="x₂", aspect="equal", xlim=(-3.6, 3.6), ylim=(-2.7, 2.5))
    ax.set_title(f"f = 3x₁² + 5e^x₂ and ∇f, drawn at 1/{scale['scale']} of its length")

    assert len(starts) > 20
    assert slopes == pytest.approx(
        np.stack((6 * starts[:, 0], 5 * np.exp(starts[:, 1])), axis=1), rel=_ROUNDED, abs=1e-12
    )
    save_figure(fig)
