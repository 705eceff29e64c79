"""2.5.5 — The slope of sin can be drawn without cos: autograd and differences agree.

Question
--------
Draw f(x) = sin x together with its derivative, without using that f′(x) = cos x.
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>
English edition: 2.5.4 <https://d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
Let autograd find the slope at all points at once, from the gradient of the sum:

    x = torch.linspace(-2 * torch.pi, 2 * torch.pi, 1000, requires_grad=True)
    y = torch.sin(x)
    y.sum().backward()
    plot(x.detach(), y.detach(), x.detach(), x.grad)

The slope is the sine itself, a quarter of a turn ahead: f′(x) = sin(x + π/2).

Why
---
`backward` wants a scalar.  Each entry of y depends on one entry of x only, so in the gradient
of Σ sin xᵢ entry i is f′(xᵢ), and nothing of the others.

How do we know that it is right?  A second way, the central difference, needs no rule at all:

    (f(x + h) − f(x − h)) / 2h   →   f′(x)

For the sine it is f′(x) · sin(h)/h exactly, so its relative error is h²/6.  But numbers are
rounded, in float64 by ε = 2 · 10⁻¹⁶, and that is divided by h: best is h = 10⁻⁵, ten digits.

In practice
-----------
To compare autograd with `torch.cos` is no check: torch's rule for sin *is* cos.

Hints
-----
1. `backward` wants a scalar; which scalar made of y has f′ at every x in its gradient?
2. How would you estimate a slope from two values of f?
"""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def derivative(f, x):
    """The slope of f at each entry of x, by autograd: a tensor of x's shape, without a graph.

    f works on each entry by itself, as `torch.sin` does; x is left as it is.
    """
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x)
    return slope


def central_difference(f, x, h):
    """An estimate of the slope of f at each entry of x, from the values at a distance h > 0."""
    return (f(x + h) - f(x - h)) / (2 * h)


_EPS = torch.finfo(torch.float64).eps


def _grid():
    return torch.linspace(-2 * math.pi, 2 * math.pi, 1000, dtype=torch.float64)


def _quarter_turn_ahead(x):
    return torch.sin(x + math.pi / 2)


def test_the_slope_is_the_sine_a_quarter_turn_ahead():
    """At the question's 1000 points from −2π to 2π the slope of sin is sin(x + π/2)."""
    slope = derivative(torch.sin, _grid())

    # x + π/2 is rounded by ε of 8, and so is its sine
    assert (slope - _quarter_turn_ahead(_grid())).abs().max() < 8 * _EPS


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x**3, lambda x: 3 * x**2),
        (torch.exp, torch.exp),
        (lambda x: torch.sin(2 * x), lambda x: 2 * _quarter_turn_ahead(2 * x)),
        (lambda x: 1 / x, lambda x: -1 / x**2),
    ],
    ids=["cube", "exp", "sin 2x", "reciprocal"],
)
def test_other_functions_have_their_own_slopes(f, slope):
    """Slopes of x³, eˣ, sin 2x and 1/x, at six points in a 2 × 3 tensor, by both ways."""
    x = torch.tensor([[-2.0, -1.5, -0.5], [0.5, 1.0, 3.0]], dtype=torch.float64)

    by_autograd, by_difference = derivative(f, x), central_difference(f, x, 1e-5)

    assert by_autograd.shape == by_difference.shape == (2, 3)
    # f‴ is below 100 here, and h²/6 · 100 about 2·10⁻⁹; rounding adds ε · 20 / h
    assert (by_autograd - slope(x)).abs().max() < 100 * _EPS
    assert (by_difference - slope(x)).abs().max() < 1e-8


def test_nothing_is_left_behind_in_x():
    """The slope has no graph, and x neither gets a gradient nor starts to require one."""
    x, leaf = _grid(), _grid().requires_grad_()

    slopes = derivative(torch.sin, x), derivative(torch.sin, leaf)

    assert torch.equal(*slopes)
    assert not slopes[1].requires_grad
    assert not x.requires_grad
    assert leaf.grad is None


def test_the_difference_of_a_sine_is_its_slope_times_a_number():
    """The central difference of sin is the slope times sin(h)/h: for h = 2, ½ and 0.1, too."""
    x, h = sp.symbols("x h", positive=True)
    by_hand = (sp.sin(x + h) - sp.sin(x - h)) / (2 * h)

    assert sp.expand(sp.expand_trig(by_hand) - sp.diff(sp.sin(x), x) * sp.sin(h) / h) == 0
    for h in (2.0, 0.5, 0.1):
        difference = central_difference(torch.sin, _grid(), h)
        expected = _quarter_turn_ahead(_grid()) * (math.sin(h) / h)
        assert (difference - expected).abs().max() < 20 * _EPS / h


def test_the_slope_of_the_slope_is_minus_the_sine():
    """Differences of autograd's slope give −sin x, half a turn ahead of sin."""
    x = _grid()

    second = central_difference(lambda x: derivative(torch.sin, x), x, 1e-5)

    # h²/6 = 2·10⁻¹¹, and rounding by 8ε divided by h
    assert (second + torch.sin(x)).abs().max() < 2e-11 + 8 * _EPS / 1e-5


@pytest.mark.misconception("the smaller the step, the better the difference")
def test_the_error_of_a_difference_has_a_minimum():
    """From h = 10⁻¹ to 10⁻¹² the error falls until 10⁻⁵ and then grows, within its bounds.

    Each value of sin errs by ε/2, and each x ± h, rounded by 4ε, shifts it by as much: 9ε in
    the difference, divided by 2h. The reference errs by 8ε.
    """
    steps = np.logspace(-1, -12, 12)
    x = _grid()

    errors = np.array(
        [
            (central_difference(torch.sin, x, h) - _quarter_turn_ahead(x)).abs().max().item()
            for h in steps
        ]
    )

    assert (errors < steps**2 / 6 + 4.5 * _EPS / steps + 8 * _EPS).all()
    assert errors.argmin() == 4
    assert errors[0] > 1e-3
    assert errors[-1] > 1e-6


@pytest.mark.misconception("comparing torch's derivative of sin with cos checks it")
def test_cos_is_no_independent_check():
    """Torch's derivative of sin equals `torch.cos` in every bit: by its graph, it is a cos."""
    x = _grid().requires_grad_()

    (slope,) = torch.autograd.grad(torch.sin(x).sum(), x, create_graph=True)

    assert torch.equal(slope, torch.cos(x))
    assert "CosBackward0" in {node.name() for node, _ in slope.grad_fn.next_functions if node}


@pytest.mark.misconception("`y.backward()` gives the slopes at all points")
def test_backward_wants_a_scalar():
    """Without the sum `backward` raises, as y has 1000 entries and not one."""
    x = _grid().requires_grad_()

    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        torch.sin(x).backward()


def test_the_figure_shows_sin_its_slope_and_their_check(save_figure):
    """The figure shows sin and its slope, and how far two differences are from autograd."""
    x = _grid()
    slope = derivative(torch.sin, x)

    fig = Figure(figsize=(6, 4.4))
    top, bottom = fig.subplots(2, sharex=True, gridspec_kw={"hspace": 0.12})
    top.plot(x, torch.sin(x), label="sin x")
    top.plot(x, slope, "--", label="its slope, by autograd")
    for h, name in ((1e-1, "h = 0.1"), (1e-5, "h = 10⁻⁵")):
        off = (central_difference(torch.sin, x, h) - slope).abs()
        bottom.semilogy(x, off.clamp(min=1e-16), ".", markersize=2, label=name)
    top.set(ylabel="value", ylim=(-1.2, 1.9), yticks=[-1, 0, 1])
    top.legend(loc="upper center", ncols=2)
    bottom.set(xlabel="x", ylabel="|difference − slope|", ylim=(1e-17, 1e2))
    bottom.set(yticks=[1e-16, 1e-11, 1e-6, 1e-1])
    bottom.legend(loc="upper center", ncols=2, markerscale=6)
    ticks = {-2 * math.pi: "−2π", -math.pi: "−π", 0: "0", math.pi: "π", 2 * math.pi: "2π"}
    bottom.set_xticks(list(ticks), list(ticks.values()))

    drawn = top.lines[1].get_ydata()
    rough, fine = (line.get_ydata().max() for line in bottom.lines)
    assert abs(drawn - _quarter_turn_ahead(x).numpy()).max() < 8 * _EPS
    assert rough == pytest.approx(1 - math.sin(0.1) / 0.1, rel=1e-4, abs=0)
    assert fine < 1e-10
    save_figure(fig)
