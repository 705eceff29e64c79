"""2.4.3 — The gradient of ‖x‖₂ is x/‖x‖₂, except at 0, where there is a ball of subgradients.

Question
--------
What is the gradient of f(x) = ‖x‖₂?  And what does torch's autograd return at x = (0, 0, 0)
for each formula in `_FORMULAS`?  Predict it: the table `GRADIENT_AT_ZERO` maps the name of each
formula to a tuple of three numbers.
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
For x ≠ 0, whatever the number n of components,

    ∇‖x‖ = x / ‖x‖ = u        the unit vector along x
    ∇²‖x‖ = (I − uuᵀ) / ‖x‖

At 0 there is no gradient.  There are subgradients: all g with ‖h‖ ≥ gᵀh for every h, and
these are the vectors of the closed unit ball, ‖g‖ ≤ 1.  Torch returns one of them or NaN,
depending on the formula.

Why
---
From ‖x‖² = Σ xᵢ² follows 2‖x‖ ∂‖x‖/∂xᵢ = 2xᵢ.  The quotient rule on xᵢ/‖x‖ gives the Hessian:
it kills x, along which the slope is constant, and leaves n − 1 directions bent by 1/‖x‖.

At 0 the slope in every direction h is +‖h‖, forwards and backwards.  A gradient would make it
gᵀh, which changes sign with h.  For g in the ball gᵀh ≤ ‖g‖ ‖h‖ ≤ ‖h‖ (Cauchy and Schwarz),
and for a longer g the direction h = g refutes ‖h‖ ≥ gᵀh.

Autograd differentiates a formula, not a function.  √ at 0 has the slope 1/(2√0) = ∞, x·x has
2 · 0, and ∞ · 0 is NaN.  The backward pass of `vector_norm` treats 0 apart and returns 0.

In practice
-----------
- A single row of zeros (padding, say) spoils every weight behind √(x·x).  `torch.where` around
  the root does not help: the branch that is not taken still contributes 0 · ∞ = NaN.
- √(x·x + ε) is smooth and returns 0.  The spectral norm and `pairwise_distance`, which adds
  10⁻⁶ to every difference, return subgradients of length 1: valid, but not 0.
- Squares leave the range of floats long before x does.  Divide x by its largest entry first.

Hints
-----
1. Differentiate ‖x‖² = x₁² + … + xₙ² instead, on both sides.
2. At 0, compare the slope in a direction h with the slope in the direction −h.
3. Ask of each formula: is there a root whose argument is 0?
"""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle

_FORMULAS = {
    "vector_norm(x)": torch.linalg.vector_norm,
    "sqrt(x @ x)": lambda x: (x @ x).sqrt(),
    "where(x @ x > 0, sqrt(x @ x), 0)": lambda x: torch.where(x @ x > 0, (x @ x).sqrt(), 0),
    "hypot(x[0], hypot(x[1], x[2]))": lambda x: torch.hypot(x[0], torch.hypot(x[1], x[2])),
    "sqrt(x @ x + 1e-12)": lambda x: (x @ x + 1e-12).sqrt(),
    "matrix_norm([x], ord=2)": lambda x: torch.linalg.matrix_norm(x[None], ord=2),
    "pairwise_distance(x, 0)": lambda x: torch.pairwise_distance(x, torch.zeros_like(x)),
}

GRADIENT_AT_ZERO = {
    "vector_norm(x)": (0, 0, 0),
    "sqrt(x @ x)": (math.nan, math.nan, math.nan),
    "where(x @ x > 0, sqrt(x @ x), 0)": (math.nan, math.nan, math.nan),
    "hypot(x[0], hypot(x[1], x[2]))": (math.nan, math.nan, math.nan),
    "sqrt(x @ x + 1e-12)": (0, 0, 0),
    "matrix_norm([x], ord=2)": (1, 0, 0),
    "pairwise_distance(x, 0)": (3**-0.5, 3**-0.5, 3**-0.5),
}
"""What autograd returns at x = (0, 0, 0) for each formula of ‖x‖₂, rounded to six digits."""


def norm_gradient(x):
    """x/‖x‖₂ for every row of x, (…, n) with n ≥ 1; shape and dtype are those of x.

    An edge: entries whose squares leave the dtype's range (3·10⁻²⁰⁰, or 10²⁵ in float32) have a
    gradient all the same.  Raises TypeError ("floating-point tensor") for anything else,
    ValueError ("one component") for n = 0 or no axis, ("finite") for NaN or infinity, and
    ("zero row") where x is 0, which has subgradients instead.
    """
    _check(x)
    largest = x.abs().amax(-1, keepdim=True)
    if not largest.isfinite().all():
        raise ValueError("expected finite components, got NaN or infinity")
    if (largest == 0).any():
        raise ValueError("expected no zero row: the norm has no gradient at 0")
    scaled = x / largest
    return scaled / scaled.square().sum(-1, keepdim=True).sqrt()


def norm_hessian(x):
    """(I − uuᵀ)/‖x‖₂ with u = x/‖x‖₂, shape (n, n), at one point x, (n,).

    Refuses x as `norm_gradient` does, and a batch with ValueError ("one point").
    """
    u = norm_gradient(x)
    if x.dim() != 1:
        raise ValueError(f"expected one point, shape (n,), got shape {tuple(x.shape)}")
    return (torch.eye(len(x)).to(x) - torch.outer(u, u)) / (u @ x)


def is_subgradient_at_zero(g):
    """Whether ‖h‖ ≥ gᵀh for every h, for every row of g, (…, n): a boolean tensor, (…).

    A length that exceeds 1 by a few roundings counts as 1; a row with NaN or infinity is no
    subgradient.  Raises TypeError and ValueError ("one component") as `norm_gradient` does.
    """
    _check(g)
    return torch.linalg.vector_norm(g, dim=-1) <= 1 + 4 * torch.finfo(g.dtype).eps


def _check(x):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {x!r}")
    if x.dim() == 0 or x.shape[-1] == 0:
        raise ValueError(f"expected at least one component, got shape {tuple(x.shape)}")


def test_one_component_stands_for_all():
    """‖x‖ = √(s² + t² + r²), where r² holds all components but s and t: any n, symbolically."""
    s, t, r = sp.symbols("s t r", positive=True)
    norm = sp.sqrt(s**2 + t**2 + r**2)

    assert sp.diff(norm, s) == s / norm
    assert sp.diff(norm, s, s) - (1 - (s / norm) ** 2) / norm == 0
    assert sp.diff(norm, s, t) - (0 - (s / norm) * (t / norm)) / norm == 0


def test_boxes_of_known_diagonal():
    """(3, 4)/5 and (−2, 3, 6)/7, by rows, in the dtype of x; no rows have no gradients."""
    boxes = norm_gradient(torch.tensor([[-2, 3, 6], [0, -4, 0]], dtype=torch.float64))

    expected = torch.tensor([[-2 / 7, 3 / 7, 6 / 7], [0, -1, 0]], dtype=torch.float64)
    np.testing.assert_allclose(boxes, expected, rtol=0, atol=1e-15, strict=True)
    np.testing.assert_allclose(
        norm_gradient(torch.tensor([3.0, 4])), torch.tensor([0.6, 0.8]), rtol=1e-6, strict=True
    )
    assert norm_gradient(torch.ones(0, 2)).shape == (0, 2)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_autograd_agrees_away_from_zero(torch_rng, n):
    """A thousand rows: the same gradient by either formula, and always of length 1."""
    x = torch.randn(1000, n, generator=torch_rng, dtype=torch.float64, requires_grad=True)

    u = norm_gradient(x.detach())

    for norms in (torch.linalg.vector_norm(x, dim=1), (x * x).sum(1).sqrt()):
        (expected,) = torch.autograd.grad(norms.sum(), x)
        np.testing.assert_allclose(u, expected, rtol=0, atol=1e-14, strict=True)
    assert (u.square().sum(1) - 1).abs().max() < 1e-14


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_the_hessian_bends_every_direction_but_x(torch_rng, n):
    """Autograd's Hessian; x is in its kernel, and the other eigenvalues are all 1/‖x‖."""
    x = torch.randn(n, generator=torch_rng, dtype=torch.float64)

    H = norm_hessian(x)

    expected = torch.autograd.functional.hessian(torch.linalg.vector_norm, x)
    eigenvalues = [0] + [1 / math.hypot(*x.tolist())] * (n - 1)
    np.testing.assert_allclose(H, expected, rtol=0, atol=1e-13, strict=True)
    assert (H @ x).abs().max() < 1e-13
    assert torch.linalg.eigvalsh(H).tolist() == pytest.approx(eigenvalues, abs=1e-13)


def test_subgradients_at_zero_are_those_that_never_exceed_the_norm(torch_rng):
    """The definition, over 2000 directions h: it holds for lengths up to 1 and fails beyond."""
    h = torch.randn(2000, 3, generator=torch_rng, dtype=torch.float64)
    lengths = torch.tensor([[0], [0.5], [1], [1 + 1e-9], [3]], dtype=torch.float64)
    g = lengths * norm_gradient(h[0])

    slack = torch.linalg.vector_norm(h, dim=1) - g @ h.T

    assert (slack > -1e-12).all(1).tolist() == [True, True, True, False, False]
    assert is_subgradient_at_zero(g).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("formula", _FORMULAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_autograd_at_zero_follows_the_formula(formula, dtype):
    """The table in both precisions; what is not NaN is one of the subgradients."""
    x = torch.zeros(3, dtype=dtype, requires_grad=True)

    value = _FORMULAS[formula](x)
    (slope,) = torch.autograd.grad(value, x)

    assert value.item() == pytest.approx(0, abs=2e-6)
    assert slope.tolist() == pytest.approx(GRADIENT_AT_ZERO[formula], rel=1e-6, nan_ok=True)
    assert is_subgradient_at_zero(slope).item() is not slope.isnan().any().item()
    assert GRADIENT_AT_ZERO.keys() == _FORMULAS.keys()


@pytest.mark.misconception("the formula x/‖x‖ holds at 0 too")
def test_at_zero_the_slopes_fit_no_linear_map():
    """Forwards and backwards the slope along h is ‖h‖ = 5; a gradient says gᵀh and −gᵀh."""
    h, zero = torch.tensor([3.0, 4.0]), torch.zeros(2)
    slopes = [torch.linalg.vector_norm(t * h) / abs(t) for t in (1, 2**-20, -(2**-20), -1)]

    assert slopes == [5, 5, 5, 5]
    assert (zero / zero.norm()).isnan().all()
    assert torch.autograd.functional.hessian(torch.linalg.vector_norm, zero).isnan().all()
    with pytest.raises(ValueError, match="zero row"):
        norm_gradient(torch.stack((h, zero)))


@pytest.mark.misconception("√(x·x) and norm are the same to autograd")
def test_one_row_of_zeros_spoils_every_weight():
    """‖X₁w‖ + ‖X₂w‖ with X₂ = 0: √ makes every weight's slope NaN, `vector_norm` does not."""
    X = torch.tensor([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    w = torch.ones(2, requires_grad=True)

    (by_norm,) = torch.autograd.grad(torch.linalg.vector_norm(X @ w, dim=1).sum(), w)
    (by_root,) = torch.autograd.grad((X @ w).square().sum(1).sqrt().sum(), w)

    assert by_norm.tolist() == pytest.approx([9 / 5, 16 / 5])
    assert by_root.isnan().all()


@pytest.mark.misconception("away from 0 autograd is always right")
def test_length_does_not_matter_even_at_the_ends_of_the_range():
    """Where squares under- or overflow autograd returns 0 or ∞; the direction is (0.6, 0.8)."""
    for scale, dtype, by_autograd in (
        (1e-200, torch.float64, [0, torch.inf]),
        (1e25, torch.float32, [0, 0]),
    ):
        x = torch.tensor([3 * scale, 4 * scale], dtype=dtype, requires_grad=True)

        for name, wrong in zip(("vector_norm(x)", "sqrt(x @ x)"), by_autograd, strict=True):
            assert torch.autograd.grad(_FORMULAS[name](x), x)[0].tolist() == [wrong, wrong]
        assert norm_gradient(x.detach()).tolist() == pytest.approx([0.6, 0.8], rel=1e-6)


@pytest.mark.parametrize("name", ["norm_gradient", "norm_hessian", "is_subgradient_at_zero"])
def test_bad_input_is_refused(name):
    """Lists, integers, points without components; NaN and infinity; several points."""
    answer = globals()[name]

    for bad in ([1.0, 2.0], torch.ones(2, dtype=torch.int64)):
        with pytest.raises(TypeError, match="floating-point tensor"):
            answer(bad)
    for bad in (torch.tensor(1.0), torch.ones(0), torch.ones(2, 0)):
        with pytest.raises(ValueError, match="one component"):
            answer(bad)
    for bad in (torch.nan, torch.inf):
        assert not is_subgradient_at_zero(torch.tensor([0.0, bad]))
        with pytest.raises(ValueError, match="finite"):
            norm_gradient(torch.tensor([1.0, bad]))
    with pytest.raises(ValueError, match="one point"):
        norm_hessian(torch.ones(3, 2))


def test_the_figure_shows_a_cone_and_the_lines_that_support_it(save_figure):
    """Unit arrows on two rings and the disc of subgradients; beside it the cone cut open."""
    turns = torch.linspace(0, 2 * torch.pi, 13)[:-1]
    points = torch.cat([r * torch.stack((turns.cos(), turns.sin()), 1) for r in (1.8, 3.4)])
    t = np.array([-2.0, 0.0, 2.0])

    fig = Figure(figsize=(6, 3.2))
    plane, cut = fig.subplots(1, 2)
    ball = plane.add_patch(Circle((0, 0), 1, color="C1", alpha=0.3, linewidth=0))
    unit = {"angles": "xy", "scale_units": "xy", "scale": 1}
    arrows = plane.quiver(*points.T, *norm_gradient(points).T, **unit, color="C0")
    plane.text(0, 0, "‖g‖ ≤ 1", ha="center", va="center")
    plane.set(xlim=(-4.7, 4.7), ylim=(-4.7, 4.7), aspect="equal", xlabel="x₁", ylabel="x₂")
    plane.set_title("∇‖x‖, and the subgradients at 0")
    for g in (-1, -0.5, 0, 0.5, 1):
        cut.plot(t, g * t, color="C1", linewidth=1)
    cut.plot(t, 1.5 * t, "--", color="gray", linewidth=1)
    cut.plot(t, np.abs(t), color="C0", linewidth=2.5)
    cut.text(-1.25, 1.45, "‖x‖ = |t|", color="C0")
    cut.text(0.1, -1.8, "gt with |g| ≤ 1", color="C1", ha="center")
    cut.text(1.1, 1.8, "1.5t", color="gray", ha="right", va="center")
    cut.set(xlabel="t, for x = th and ‖h‖ = 1", xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    cut.set_title("‖x‖ on a line through 0")

    assert ball.radius == 1
    assert np.hypot(arrows.U, arrows.V) == pytest.approx(np.ones(24), rel=1e-6)
    *supports, outside, norm = (line.get_ydata() for line in cut.lines)
    assert [(line <= norm).all() for line in supports] == [True] * 5
    assert (outside > norm).any()
    save_figure(fig)


@pytest.fixture
def _one_thread():
    """The passes over x are timed, not the hand-over between threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.benchmark(group="2.4.3 What does autograd pay beside the closed form?")
@pytest.mark.parametrize("n", [2**15, 2**16, 2**17, 2**18])
@pytest.mark.parametrize("method", ["x / ‖x‖", "norm_gradient", "autograd"])
def test_every_way_grows_with_n(benchmark, method, n):
    """Alternating signs have the gradient ±1/√n."""
    x = torch.ones(n)
    x[::2] = -1
    leaf = x.clone().requires_grad_()
    call = {
        "x / ‖x‖": lambda: x / torch.linalg.vector_norm(x),
        "norm_gradient": lambda: norm_gradient(x),
        "autograd": lambda: torch.autograd.grad(torch.linalg.vector_norm(leaf), leaf)[0],
    }[method]
    benchmark.extra_info.update(method=method, size=n, exponent=1, reason="a few passes over x")

    u = benchmark(call)

    np.testing.assert_allclose(u, x * n**-0.5, rtol=1e-6, strict=True)
