"""2.5.5 — The slope of sin needs no cos: autograd, differences, a complex step give it alike.

Question
--------
Draw f(x) = sin x together with its derivative, without using that f′(x) = cos x.
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
Three ways, none of which mentions the cosine:

    autograd              grad of f(x).sum()                        exact to rounding
    central difference    (f(x + h) − f(x − h)) / 2h                error ≈ |f‴| h²/6 + ε/h
    complex step          Im f(x + ih) / h,  h = 10⁻²⁰              exact to rounding

They agree with one another, and with sin(x + π/2): the derivative is the sine a quarter turn
ahead.  So orders 2 and 4 are −sin and sin again.

Why
---
The entries of f(x) depend on one x each, so the gradient of their *sum* holds f′ at every
entry.  By Taylor's series

    f(x ± h) = f ± h f′ + h²/2 f″ ± h³/6 f‴ + …       f(x + ih) = f + ih f′ − h²/2 f″ − …

In the difference the even terms cancel and h²/6 f‴ remains; but it divides a rounding error ε
by h, and h can't fall below (3ε)^⅓ ≈ 10⁻⁵ with profit.  The imaginary part contains no
difference at all, so h may be so small that h² is beyond notice.
For the sine the error is known in full: the central difference is f′ · sin(h)/h.

In practice
-----------
- An independent check matters.  To compare autograd with `torch.cos` is none: torch's rule for
  sin *is* cos.  Even a complex sine is computed with a real cosine; the complex step below
  is tested on a power series.
- For d inputs a difference takes 2d evaluations, reverse mode one forward and one backward
  pass.

References
----------
W. Squire, G. Trapp, *Using complex variables to estimate derivatives of real functions*,
SIAM Review 40 (1998).

Hints
-----
1. `backward` wants a scalar; which scalar made of f(x) has f′ at every x in its gradient?
2. Expand f(x + h) and f(x − h), and subtract.
3. What changes in the expansion if the step goes into the imaginary direction?
"""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def derivative(f, x, order=1):
    """The derivative of an elementwise f at x, by autograd; shape and dtype of x, no graph.

    An edge: past the last derivative of a polynomial it is zero.  Raises TypeError
    ("floating-point tensor") for another x, ValueError ("finite") for NaN or infinity in it
    and ValueError ("at least 1") for another order.
    """
    _check(x)
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    x = x.detach().requires_grad_()
    y = f(x)
    for _ in range(order):
        if not y.requires_grad:
            return torch.zeros_like(x)
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True, materialize_grads=True)
    return y.detach()


def central_difference(f, x, h):
    """(f(x + h) − f(x − h)) / 2h for an elementwise f and a step h; shape and dtype of x.

    Raises TypeError ("floating-point tensor") for another x, ValueError ("finite") for NaN or
    infinity in it and ValueError ("positive") for a step that is not a positive number.
    """
    h = _check(x, h)
    return (f(x + h) - f(x - h)) / (2 * h)


def complex_step(f, x, h=1e-20):
    """Im f(x + ih) / h for an elementwise f that takes complex tensors, and a step h.

    Shape and dtype of x.  Raises as `central_difference` does, and TypeError ("float32 or
    float64") for half precision, which has no complex numbers.
    """
    h = _check(x, h)
    if x.dtype.itemsize < 4:
        raise TypeError(f"expected float32 or float64, got {x.dtype}")
    return f(torch.complex(x, torch.full_like(x, h))).imag / h


def _check(x, h=1.0):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {x!r}")
    if not x.isfinite().all():
        raise ValueError("x must be finite")
    if not 0 < h < math.inf:
        raise ValueError(f"the step h must be positive, got {h}")
    return float(h)


def _sine_series(z):
    """The sine by its power series, for |z| ≤ 3.2: sums and products, no cosine anywhere."""
    nested = torch.ones_like(z)
    for n in range(32, 0, -2):
        nested = 1 - z * z / (n * (n + 1)) * nested
    return z * nested


def _grid():
    return torch.linspace(-math.pi, math.pi, 201, dtype=torch.float64)


def _shifted_sine(x):
    """The derivative without a cosine: the sine a quarter turn ahead."""
    return torch.sin(x + math.pi / 2)


def test_the_difference_of_a_sine_is_its_slope_times_a_number():
    """Symbols for x and h: (sin(x + h) − sin(x − h)) / 2h = sin′(x) · sin(h)/h, an identity."""
    x, h = sp.symbols("x h", positive=True)
    difference = (sp.sin(x + h) - sp.sin(x - h)) / (2 * h)

    residual = sp.expand_trig(difference) - sp.diff(sp.sin(x), x) * sp.sin(h) / h

    assert sp.expand(residual) == 0


def test_three_roads_lead_to_the_same_slope():
    """To 15 digits, but for the difference: its error is sin(h)/h − 1 of the slope."""
    x = _grid()

    assert (_sine_series(x) - torch.sin(x)).abs().max() < 1e-14
    for slope in (
        derivative(torch.sin, x),
        derivative(_sine_series, x),
        complex_step(_sine_series, x),
        complex_step(torch.sin, x, h=1e-100),
    ):
        np.testing.assert_allclose(slope, _shifted_sine(x), rtol=0, atol=1e-14, strict=True)
    for h in (2.0, 0.5, 0.1):
        np.testing.assert_allclose(
            central_difference(torch.sin, x, h),
            _shifted_sine(x) * (math.sin(h) / h),
            rtol=0,
            atol=1e-14,
            strict=True,
        )


def test_higher_orders_go_round_in_four():
    """Orders 1 to 8: each is a quarter turn ahead of the one before."""
    x = _grid()

    for order in range(1, 9):
        np.testing.assert_allclose(
            derivative(torch.sin, x, order),
            torch.sin(x + order * math.pi / 2),
            rtol=0,
            atol=1e-14,
            strict=True,
        )


def test_a_polynomial_runs_out_of_derivatives():
    """x³ has 3x², 6x, 6 and then zeros, a constant zeros, w·x first w; w may be a leaf too."""
    x = torch.tensor([-1.0, 2.0])

    derivatives = [derivative(lambda x: x**3, x, order).tolist() for order in range(1, 7)]

    assert derivatives == [[3, 12], [-6, 12], [6, 6], [0, 0], [0, 0], [0, 0]]
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    assert derivative(torch.ones_like, x).tolist() == [0, 0]
    assert derivative(lambda x: w * x, x).tolist() == [3, 4]
    assert derivative(lambda x: w * x, x, 2).tolist() == [0, 0]


def test_any_shape_and_precision_is_kept():
    """A transposed float32 leaf that requires its gradient, and an empty tensor."""
    x = torch.linspace(0, 1, 6).reshape(2, 3).T.requires_grad_()

    slopes = [
        derivative(torch.sin, x),
        central_difference(torch.sin, x, 1e-2),
        complex_step(torch.sin, x),
    ]

    for slope, tolerance in zip(slopes, (1e-6, 1e-4, 1e-6), strict=True):
        expected = _shifted_sine(x.detach())
        np.testing.assert_allclose(
            slope.detach(), expected, rtol=0, atol=tolerance, strict=True
        )
    assert not slopes[0].requires_grad
    assert x.grad is None
    assert derivative(torch.sin, torch.ones(0, 2)).shape == (0, 2)


def test_bad_points_orders_and_steps_are_refused():
    """A list, whole numbers, NaN and infinity; order 0; steps that are no positive number."""
    x = torch.ones(2)
    ways = [
        lambda x: derivative(torch.sin, x),
        lambda x: central_difference(torch.sin, x, 0.1),
        lambda x: complex_step(torch.sin, x),
    ]

    for way in ways:
        for bad in ([1.0], torch.tensor([1, 2])):
            with pytest.raises(TypeError, match="floating-point tensor"):
                way(bad)
        for bad in (torch.tensor([torch.nan, 0.0]), torch.tensor([torch.inf, 0.0])):
            with pytest.raises(ValueError, match="finite"):
                way(bad)
    with pytest.raises(ValueError, match="at least 1"):
        derivative(torch.sin, x, 0)
    for h in (0.0, -0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive"):
            central_difference(torch.sin, x, h)
        with pytest.raises(ValueError, match="positive"):
            complex_step(torch.sin, x, h)
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(TypeError, match="float32 or float64"):
            complex_step(torch.sin, x.to(dtype))


def test_backward_wants_a_scalar_and_a_plot_no_graph():
    """The two errors on the way to the picture: no `sum()`, and no `detach()`."""
    x = _grid().requires_grad_()
    y = torch.sin(x)

    with pytest.raises(RuntimeError, match="created only for scalar outputs"):
        y.backward()
    with pytest.raises(RuntimeError, match="detach"):
        y.numpy()


@pytest.mark.misconception("comparing torch's derivative of sin with cos checks it")
def test_cos_is_no_independent_check():
    """No bit differs, because torch's derivative of sin is a cos: its graph says so."""
    x = _grid().requires_grad_()

    (slope,) = torch.autograd.grad(torch.sin(x).sum(), x, create_graph=True)
    names = {parent.name() for parent, _ in slope.grad_fn.next_functions if parent}

    assert torch.equal(slope, torch.cos(x))
    assert "CosBackward0" in names
    assert not torch.equal(slope, complex_step(_sine_series, _grid()))


@pytest.mark.misconception("the smaller the step, the better the difference")
def test_the_error_of_a_difference_has_a_minimum():
    """The steps 10⁻¹ … 10⁻¹² err by at most h²/6 + 4ε/h, least at 10⁻⁵.

    Each value of sin errs by ε/2 at most, each x ± h by 2ε at most (|x| < 4, slope ≤ 1), so
    their difference by 5ε, and half of that is divided by h.
    """
    steps = np.logspace(-1, -12, 12)
    x = _grid()

    errors = np.array(
        [(central_difference(torch.sin, x, h) - _shifted_sine(x)).abs().max() for h in steps]
    )

    assert np.all(errors < steps**2 / 6 + 4 * np.finfo(float).eps / steps)
    assert steps[errors.argmin()] == pytest.approx(1e-5, rel=1e-9)
    assert errors[0] > 1e-3
    assert errors[-1] > 1e-6


_BESIDE = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}


def test_the_figure_shows_one_slope_and_three_residuals(save_figure):
    """Above, sin and its slope by autograd and by differences; below, how far they differ."""
    x = _grid()
    slope = derivative(torch.sin, x)
    reference = complex_step(_sine_series, x)
    rough, fine = (central_difference(torch.sin, x, h) for h in (1e-1, 1e-5))

    fig = Figure(figsize=(6, 4.6))
    top, bottom = fig.subplots(2, sharex=True, gridspec_kw={"hspace": 0.1})
    top.plot(x, torch.sin(x))
    top.plot(x, slope, "--")
    top.plot(x[::10], rough[::10], "o", markersize=4)
    top.set(ylabel="value", yticks=[-1, 0, 1])
    compared = {"h = 0.1": (rough, "C2"), "h = 10⁻⁵": (fine, "C3"), "autograd": (slope, "C1")}
    for label, (values, color) in compared.items():
        residual = (values - reference).abs()
        bottom.semilogy(x[residual > 0], residual[residual > 0], ".", color=color, markersize=3)
        bottom.annotate(label, (math.pi, residual.max()), **_BESIDE)
    top.annotate("sin x", (math.pi, 0), **_BESIDE)
    top.annotate("its slope:\nautograd - -\nh = 0.1  •", (math.pi, -0.65), **_BESIDE)
    bottom.set(xlabel="x", ylabel="|slope − complex step|", ylim=(1e-17, 0.1))
    bottom.set(xlim=(-3.3, 4.8), yticks=[1e-16, 1e-11, 1e-6, 1e-1])
    bottom.set_xticks([-math.pi, 0, math.pi], ["−π", "0", "π"])

    sine, dashed, _ = top.lines
    quarter = 50
    assert np.allclose(dashed.get_ydata()[:-quarter], sine.get_ydata()[quarter:], atol=1e-14)
    heights = [line.get_ydata().max() for line in bottom.lines]
    assert heights[0] == pytest.approx(0.1**2 / 6, rel=1e-3)
    assert heights[2] < 1e-14 < heights[1] < 1e-9
    save_figure(fig)


_WIDTH = 1024


def _gradient_by_reverse_mode(f, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x), x)[0]


def _gradient_by_differences(f, x, h=1e-5):
    steps = h * torch.eye(len(x), dtype=x.dtype)
    return torch.stack([(f(x + step) - f(x - step)) / (2 * h) for step in steps])


@pytest.fixture
def one_thread():
    """Times products on one thread: several share one core badly and hide the growth."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _in_time(*sizes):
    return [pytest.param(d, marks=pytest.mark.timed_only) for d in sizes]


def _benchmark_gradient(benchmark, gradient, d, tolerance):
    """Times the gradient of Σ sin(W x), W of shape (_WIDTH, d): it is Wᵀ sin(W x + π/2)."""
    generator = torch.Generator().manual_seed(d)
    W = torch.rand(_WIDTH, d, generator=generator, dtype=torch.float64) - 0.5
    x = torch.rand(d, generator=generator, dtype=torch.float64)

    result = benchmark(gradient, lambda x: torch.sin(W @ x).sum(), x)

    np.testing.assert_allclose(
        result, W.T @ _shifted_sine(W @ x), rtol=0, atol=tolerance, strict=True
    )


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="2.5.5 What does a gradient cost as the dimension grows?")
@pytest.mark.parametrize("d", [512, *_in_time(1024, 2048, 4096)])
def test_reverse_mode_costs_what_the_function_costs(benchmark, d):
    """Two passes, whatever d is; only the function itself grows."""
    benchmark.extra_info.update(
        method="reverse mode", size=d, exponent=1, reason=f"2 products of {_WIDTH}d terms"
    )
    _benchmark_gradient(benchmark, _gradient_by_reverse_mode, d, 1e-11)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="2.5.5 What does a gradient cost as the dimension grows?")
@pytest.mark.parametrize("d", [64, *_in_time(256, 512, 1024)])
def test_differences_cost_two_evaluations_for_each_input(benchmark, d):
    """One more power of d."""
    benchmark.extra_info.update(
        method="differences", size=d, exponent=2, reason=f"2d products of {_WIDTH}d terms"
    )
    _benchmark_gradient(benchmark, _gradient_by_differences, d, 1e-7)
