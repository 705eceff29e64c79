"""2.4.2 — The gradient of 3x₁² + 5e^x₂ is (6x₁, 5e^x₂), and nowhere is it zero.

Question
--------
Find the gradient of f(x) = 3x₁² + 5e^x₂.  Where is it zero, and where is f least?
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
    ∇f(x) = (6x₁, 5e^x₂)

If x has more components, f does not change with them, and theirs are 0.  The second component
is positive everywhere, so f has no stationary point, and hence no lowest one.

Why
---
Each term holds one variable, so each partial derivative sees one term.  Differentiating
once more leaves diag(6, 5e^x₂).  Both entries are positive: f is strictly convex.  Yet all its
values are above 0 and, along x₁ = 0 with x₂ → −∞, they come as close to 0 as we like.  Descent
therefore never arrives.  On the path x₂′ = −5e^x₂ from x₂(0) = 0 it reaches

    x₂(t) = −log(1 + 5t),    f = 5 / (1 + 5t)

The gradient is perpendicular to the contour f = c through x: along the contour f does not
change, so (step along it)ᵀ∇f = 0.

In practice
-----------
Floating point ends the axis at both ends.  5e^x₂ is infinite from x₂ = log(max/5) on, which is
87.1 in float32, a little before e^x₂ itself (88.7).  And e^x₂ is rounded to 0 from −104 down:
there a test for `gradient == 0` announces a stationary point that does not exist.

Hints
-----
1. Hold one variable fixed.  Which term is then a constant?
2. For a stationary point both components must be zero at once.
3. For the overflow, solve 5e^x₂ = (largest number) for x₂.
"""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def _f(x):
    return 3 * x[..., 0] ** 2 + 5 * x[..., 1].exp()


def gradient(x):
    """∇f at every point of x, (…, d) with d ≥ 2 components; shape and dtype are those of x.

    Components from the third on are 0.  Where 5e^x₂ is too large for the dtype it is infinite.
    Raises TypeError ("floating-point tensor") for anything else, ValueError ("components") for
    fewer than two, and ValueError ("finite") for NaN or infinity.
    """
    _check(x)
    return torch.cat(
        (6 * x[..., :1], 5 * x[..., 1:2].exp(), torch.zeros_like(x[..., 2:])), dim=-1
    )


def hessian(x):
    """The Hessian, (d, d), at one point x, (d,) with d ≥ 2; the dtype is that of x.

    Refuses x as `gradient` does, and a batch with ValueError ("one point").
    """
    _check(x)
    if x.dim() != 1:
        raise ValueError(f"expected one point, shape (d,), got shape {tuple(x.shape)}")
    return torch.diag(torch.cat((x.new_tensor([6]), 5 * x[1:2].exp(), torch.zeros_like(x[2:]))))


def overflow_point(dtype):
    """The x₂ at which 5e^x₂ reaches the largest number of a floating-point dtype, a float.

    Raises TypeError ("floating-point dtype") for another dtype.
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"expected a floating-point dtype, got {dtype}")
    return math.log(torch.finfo(dtype).max / 5)


def _check(x):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {x!r}")
    if x.dim() == 0 or x.shape[-1] < 2:
        raise ValueError(f"expected at least two components, got shape {tuple(x.shape)}")
    if not x.isfinite().all():
        raise ValueError("expected finite components, got NaN or infinity")


def test_two_points_by_hand():
    """∇f(0, 0) = (0, 5) and ∇f(2, 0) = (12, 5), in the dtype of x; x itself is left alone."""
    x = torch.tensor([[0.0, 0.0], [2.0, 0.0]])

    assert torch.equal(gradient(x), torch.tensor([[0.0, 5.0], [12.0, 5.0]]))
    assert gradient(x).dtype == torch.float32
    assert torch.equal(x, torch.tensor([[0.0, 0.0], [2.0, 0.0]]))


def test_symbols_agree():
    """SymPy's partial derivatives, to 20 digits at nine points; the second is zero nowhere."""
    x1, x2 = sp.symbols("x1 x2")
    f = 3 * x1**2 + 5 * sp.exp(x2)

    for a in (-7, 0, 3):
        for b in (-2, 0, 5):
            expected = [float(sp.diff(f, v).subs({x1: a, x2: b}).evalf(20)) for v in (x1, x2)]
            got = gradient(torch.tensor([a, b], dtype=torch.float64)).tolist()
            assert got == pytest.approx(expected, rel=1e-15)
    assert sp.solveset(sp.diff(f, x2), x2) == sp.S.EmptySet


@pytest.mark.parametrize("shape", [(2,), (1000, 2), (10, 20, 5)], ids=str)
def test_autograd_agrees(torch_rng, shape):
    """One point, a thousand, and a batch in ℝ⁵, where three components are zero."""
    x = torch.randn(shape, generator=torch_rng, dtype=torch.float64, requires_grad=True)

    (expected,) = torch.autograd.grad(_f(x).sum(), x)
    slopes = gradient(x.detach())

    assert slopes.shape == shape
    assert slopes.dtype == torch.float64
    assert (slopes - expected).abs().max() <= 1e-14 * expected.abs().max()
    assert slopes[..., 2:].count_nonzero() == 0


def test_a_central_difference_is_off_by_a_known_factor(torch_rng):
    """Exact for the square and sinh(h)/h ≈ 1 + h²/6 times too large for the exponential.

    At h = 1/64 that is 4·10⁻⁵; rounding is below 10⁻¹¹.
    """
    x = torch.rand(100, 2, generator=torch_rng, dtype=torch.float64)
    h = 1 / 64
    steps = h * torch.eye(2, dtype=torch.float64)[:, None]

    quotients = ((_f(x + steps) - _f(x - steps)) / (2 * h)).T

    factors = torch.tensor([1, math.sinh(h) / h], dtype=torch.float64)
    assert quotients.shape == (100, 2)
    assert (quotients - factors * gradient(x)).abs().max() < 1e-11


def test_the_hessian_is_diagonal(torch_rng):
    """diag(6, 5e^x₂), as autograd finds it; zero in the directions that f does not mention."""
    x = torch.randn(4, generator=torch_rng, dtype=torch.float64)

    H = hessian(x)

    expected = torch.autograd.functional.hessian(_f, x)
    assert H.shape == (4, 4)
    assert H.dtype == torch.float64
    assert (H - expected).abs().max() < 1e-14
    assert torch.equal(hessian(torch.zeros(2)), torch.diag(torch.tensor([6.0, 5.0])))


def test_the_gradient_is_perpendicular_to_the_contour():
    """On f = c the curve x₂ = log((c − 3x₁²)/5) has a tangent whose product with ∇f is 0."""
    c, x1 = sp.symbols("c x1", positive=True)
    x2 = sp.log((c - 3 * x1**2) / 5)
    tangent = (1, sp.diff(x2, x1))

    assert tangent[0] * 6 * x1 + tangent[1] * 5 * sp.exp(x2) == 0


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_the_exponential_overflows_where_predicted(name):
    """A few roundings before the point all is finite; a few after it there is infinity."""
    dtype = getattr(torch, name)
    point, few = overflow_point(dtype), 4 * torch.finfo(dtype).eps

    x = torch.tensor([[1, point * (1 - few)], [1, point * (1 + few)]], dtype=dtype)

    assert gradient(x).isfinite().tolist() == [[True, True], [True, False]]


def test_the_two_points_in_the_text():
    """The largest float32 is (2 − 2⁻²³)·2¹²⁷ and the largest float64 (2 − 2⁻⁵²)·2¹⁰²³."""
    single, double = overflow_point(torch.float32), overflow_point(torch.float64)

    assert single == pytest.approx(math.log(2 - 2**-23) + 127 * math.log(2) - math.log(5))
    assert double == pytest.approx(math.log(2 - 2**-52) + 1023 * math.log(2) - math.log(5))
    assert round(single, 1) == 87.1


@pytest.mark.misconception("the exponential in a formula overflows where exp does")
def test_the_factor_five_brings_it_forward():
    """At x₂ = 88 the float32 exponential is finite and five times it is not."""
    x = torch.tensor([0.0, 88.0])

    assert x.exp().isfinite().all()
    assert gradient(x)[1] == torch.inf
    assert gradient(x.double()).isfinite().all()


@pytest.mark.misconception("a convex function that is bounded below has a lowest point")
def test_descent_never_arrives():
    """−log(1 + 5t) solves x₂′ = −5e^x₂; steps of 1/10 stay below it and never come to rest."""
    t = sp.symbols("t", nonnegative=True)
    path = -sp.log(1 + 5 * t)
    assert sp.diff(path, t) == -5 * sp.exp(path)
    assert sp.limit(5 * sp.exp(path), t, sp.oo) == 0

    x = torch.zeros(2, dtype=torch.float64)
    for step in range(1, 101):
        slope = gradient(x)[1].item()
        x = x - gradient(x) / 10
        assert slope > 0
        assert x[1].item() <= -math.log(1 + 5 * step / 10)


@pytest.mark.misconception("a gradient that is zero in the machine marks a stationary point")
def test_underflow_forges_a_stationary_point():
    """At (0, −104) autograd finds 0 in float32, for f and its slope; in float64 neither is."""
    for dtype, vanishes in ((torch.float32, True), (torch.float64, False)):
        x = torch.tensor([0, -104], dtype=dtype, requires_grad=True)

        value = _f(x)
        (slope,) = torch.autograd.grad(value, x)

        assert (value == 0).item() is vanishes
        assert (slope[1] == 0).item() is vanishes
    assert gradient(torch.tensor([0.0, -103.0]))[1] > 0


@pytest.mark.parametrize("name", ["gradient", "hessian"])
def test_bad_points_are_refused(name):
    """Lists, integers, too few components, NaN and infinity."""
    answer = globals()[name]

    for bad in ([1.0, 2.0], None, torch.ones(2, dtype=torch.int64)):
        with pytest.raises(TypeError, match="floating-point tensor"):
            answer(bad)
    for bad in (torch.tensor(1.0), torch.ones(1), torch.ones(2, 0)):
        with pytest.raises(ValueError, match="components"):
            answer(bad)
    for bad in (torch.nan, torch.inf, -torch.inf):
        with pytest.raises(ValueError, match="finite"):
            answer(torch.tensor([0.0, bad]))


def test_the_remaining_refusals():
    """A Hessian for a batch, an overflow of integers; no points have no gradients."""
    with pytest.raises(ValueError, match="one point"):
        hessian(torch.ones(3, 2))
    for bad in (torch.int32, float):
        with pytest.raises(TypeError, match="floating-point dtype"):
            overflow_point(bad)
    assert gradient(torch.ones(0, 2)).shape == (0, 2)


def test_the_figure_shows_gradients_across_the_contours(save_figure):
    """Arrows start on a contour and leave it at a right angle, longer where f is steep."""
    levels = [4, 9, 16, 25]
    x1, x2 = np.meshgrid(np.linspace(-3, 3, 151), np.linspace(-2.6, 1.8, 111))
    height = _f(torch.from_numpy(np.stack((x1, x2), -1))).numpy()

    fig = Figure(figsize=(6, 4.6))
    ax = fig.subplots()
    contours = ax.contour(x1, x2, height, levels, colors="C0", linewidths=1.2)
    curves = [max(pieces, key=len) for pieces in contours.allsegs]
    starts = np.concatenate([curve[curve[:, 1] > -2.1][3::12] for curve in curves])
    slopes = gradient(torch.from_numpy(starts)).numpy()
    scale = {"angles": "xy", "scale_units": "xy", "scale": 36}
    arrows = ax.quiver(*starts.T, *slopes.T, **scale, color="C1", width=0.004)
    blank = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for level in levels:
        left_end = -math.sqrt((level - 5 * math.exp(-2.4)) / 3)
        label = f"f = {level}" if level == levels[0] else f"{level}"
        ax.text(left_end, -2.4, label, color="C0", fontsize=9, ha="center", bbox=blank)
    ax.set(xlabel="x₁", ylabel="x₂", aspect="equal", xlim=(-3.6, 3.6), ylim=(-2.7, 2.5))
    ax.set_title(f"f = 3x₁² + 5e^x₂ and ∇f, drawn at 1/{scale['scale']} of its length")

    assert len(curves) == len(levels)
    for curve in curves:
        step, middle = np.diff(curve, axis=0), (curve[1:] + curve[:-1]) / 2
        across = gradient(torch.from_numpy(middle)).numpy()
        cosines = (step * across).sum(1) / np.hypot(*step.T) / np.hypot(*across.T)
        assert len(curve) > 20
        assert np.abs(cosines).max() < 0.1  # within 6° of a right angle on this grid
    drawn = np.stack((arrows.U, arrows.V))
    assert drawn == pytest.approx(np.stack((6 * starts[:, 0], 5 * np.exp(starts[:, 1]))))
    save_figure(fig)
