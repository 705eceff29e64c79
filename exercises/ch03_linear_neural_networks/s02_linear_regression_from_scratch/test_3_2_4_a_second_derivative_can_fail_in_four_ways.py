"""3.2.4 — A second derivative can be unrecorded, missing, infinite, or wrong in silence.

Question
--------
Autograd gives first derivatives.  Which problems may arise when you ask it for second ones, and
how do you solve them?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.4 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
The obvious code fails: the first derivative comes without a graph.

    (slope,) = grad(x**3, x)
    grad(slope, x)                  RuntimeError: slope does not require grad

It was **not recorded**.  Say `grad(x**3, x, create_graph=True)`, and at x = 3 the two lines
give 27 and 18.  Three troubles are left (and the cost, for which see 2.5.1):

- **No formula.**  `multi_margin_loss`, a loss of classifiers, has only a first derivative in
  torch.  Take a difference of slopes, (f′(x + h) − f′(x − h)) / 2h, or write the loss out.
- **Not finite.**  At 0, x^1.5 has the slope 0, but an infinite second derivative.  Move away.
- **Wrong in silence.**  A hand-written backward pass may return a finished number, which
  autograd takes for a constant.  Compare with the difference.

Why
---
The difference errs by h²f⁗/6, and by ε|f′|/h from rounding, with ε = 2.2 · 10⁻¹⁶ in float64.
Together they are least near h = ε^⅓, where ten digits are right.  A second difference of
*values*, (f(x + h) − 2f(x) + f(x − h)) / h², errs by ε|f|/h²: it has eight digits at best, and
four at h = 10⁻⁶.

Hints
-----
1. What does torch keep of the computation of a first derivative, unless you ask for more?
2. Which derivative could you trust, if only the second one is missing?
"""

import math

import pytest
import torch
from matplotlib.figure import Figure
from torch.autograd import Function, grad
from torch.nn.functional import multi_margin_loss


def second_derivative(f, x):
    """f″(x) by autograd, for a function f of one number, a tensor of shape (); 0 for a line.

    Raises RuntimeError where torch has no formula.
    """
    x = x.detach().requires_grad_()
    (slope,) = grad(f(x), x, create_graph=True)
    if not slope.requires_grad:  # f is a line: nothing in its slope depends on x
        return torch.zeros_like(slope)
    return grad(slope, x, materialize_grads=True)[0]


def difference_of_slopes(f, x):
    """f″(x) from two first derivatives, to about two thirds of the digits of x's dtype.

    f is smooth near x, a tensor of shape (), which may be as large as 10⁴.
    """
    h = torch.finfo(x.dtype).eps ** (1 / 3) * max(1, abs(x.item()))
    right, left = (x + h).detach().requires_grad_(), (x - h).detach().requires_grad_()
    rise = grad(f(right), right)[0] - grad(f(left), left)[0]
    return rise / (right - left).detach()


class _FinishedCube(Function):
    """x³ whose backward pass uses a slope that the forward pass has finished."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(3 * x**2)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return ctx.saved_tensors[0] * g


def _at(value, dtype=torch.float64):
    return torch.tensor(value, dtype=dtype)


@pytest.mark.misconception("retain_graph=True keeps what a second derivative needs")
def test_the_obvious_code_fails_and_a_recorded_slope_gives_18():
    """For x³ at 3 a second `grad` raises RuntimeError, and with `create_graph` gives 18.

    `retain_graph` keeps the graph of x³ alone, and is no help.
    """
    x = _at(3.0).requires_grad_()
    for keep in (False, True):
        (slope,) = grad(x**3, x, retain_graph=keep)
        with pytest.raises(RuntimeError, match="does not require grad"):
            grad(slope, x)

    (slope,) = grad(x**3, x, create_graph=True)

    assert (slope.item(), grad(slope, x)[0].item()) == (27, 18)
    assert second_derivative(lambda x: x**3, _at(3.0)).item() == 18


@pytest.mark.parametrize("value", [-2.0, 0.5, 3.0])
def test_autograd_and_differences_agree_with_calculus(value):
    """Both ways give −sin x of sin x, 20x³ − 2 of x⁵ − x², 0 of 7x, and leave no gradient."""
    weight = _at(7.0).requires_grad_()
    second = {
        torch.sin: -math.sin(value),
        lambda x: x**5 - x**2: 20 * value**3 - 2,
        lambda x: 7 * x: 0,
        lambda x: weight * x: 0,
    }

    for f, expected in second.items():
        exact = pytest.approx(expected, rel=1e-13, abs=1e-15)
        assert second_derivative(f, _at(value)).item() == exact
        # h²f⁗/6 and ε|f′|/h are below 3 · 10⁻⁸, and with five times this h below 10⁻⁶
        assert abs(difference_of_slopes(f, _at(value)).item() - expected) < 1e-6
    assert weight.grad is None


@pytest.mark.parametrize("value", [0.0, -3.0, 1e4])
def test_the_difference_has_two_thirds_of_the_digits(value):
    """A difference of slopes of x⁴ + x² is 12x² + 2 within 0.01 % in float32, even at 10⁴."""
    found = difference_of_slopes(lambda x: x**4 + x**2, _at(value, torch.float32)).item()

    assert found == pytest.approx(12 * value**2 + 2, rel=1e-4, abs=0)


def test_a_difference_mends_a_missing_formula():
    """`multi_margin_loss` raises; a difference has (2 + 6t)/3 for (2 − 2t + t² + t³)/3."""

    def f(t):
        return multi_margin_loss(torch.stack((t, t**2, t**3)), torch.tensor(0))

    with pytest.raises(RuntimeError, match="not implemented"):
        second_derivative(f, _at(0.8))
    found = difference_of_slopes(f, _at(0.8)).item()
    assert found == pytest.approx((2 + 6 * 0.8) / 3, rel=1e-6, abs=0)


def test_a_slope_may_exist_where_a_second_derivative_does_not():
    """At 0, x^1.5 has the slope 0; its second derivative, 3 / (4√x), is ∞ there, 3/8 at 4."""
    x = _at(0.0).requires_grad_()

    assert grad(x**1.5, x)[0].item() == 0
    assert not second_derivative(lambda x: x**1.5, x).isfinite()
    assert second_derivative(lambda x: x**1.5, _at(4.0)).item() == 3 / 8


@pytest.mark.misconception("a backward pass that gives right gradients can be differentiated")
def test_a_finished_slope_is_taken_for_a_constant():
    """Of (x³)² at 3 the second derivative is 2430; with a finished slope it becomes 1458."""

    def f(x):
        return _FinishedCube.apply(x) ** 2

    assert second_derivative(lambda x: (x**3) ** 2, _at(3.0)).item() == 30 * 3**4 == 2430
    assert second_derivative(f, _at(3.0)).item() == 2 * 27**2 == 1458
    assert difference_of_slopes(f, _at(3.0)).item() == pytest.approx(2430, rel=1e-6, abs=0)


def _errors(h):
    """For sin at 1: the errors of a second difference of values and of one of slopes."""
    of_values = (math.sin(1 + h) - 2 * math.sin(1) + math.sin(1 - h)) / h**2
    of_slopes = (math.cos(1 + h) - math.cos(1 - h)) / (2 * h)
    return abs(of_values + math.sin(1)), abs(of_slopes + math.sin(1))


@pytest.mark.misconception(
    "central differences want h ≤ 10⁻⁶", source="datawhalechina's solutions manual, 3.2.4"
)
def test_a_small_step_loses_the_second_difference():
    """For sin at 1 second differences have 8 digits with h = 10⁻⁴, 4 with 10⁻⁶, 0 with 10⁻⁸."""
    values = [_errors(h)[0] for h in (1e-4, 1e-6, 1e-8)]

    assert values[0] < 3e-8
    assert 1e-5 < values[1] < 1e-3
    assert values[2] > 0.1
    assert _errors(6e-6)[1] < 1e-10 < _errors(1e-8)[1]  # ten digits by slopes, and fewer
    assert abs(difference_of_slopes(torch.sin, _at(1.0)).item() + math.sin(1)) < 1e-7


def test_the_figure_shows_which_step_is_best(save_figure):
    """The figure shows errors against h: slopes do better than values; 10⁻⁶ is too small."""
    steps = torch.logspace(-8, -0.5, 46, dtype=torch.float64).tolist()
    values, slopes = zip(*map(_errors, steps), strict=True)

    fig = Figure(figsize=(6, 3.4))
    ax = fig.subplots()
    ax.loglog(steps, values, "s", color="C1", label="second difference of values")
    ax.loglog(steps, slopes, "o", color="C0", label="difference of slopes")
    ax.axvline(1e-6, color="black", linestyle=":", linewidth=1)
    ax.text(1.3e-6, 1, "h = 10⁻⁶")
    ax.set(title="Differences of slopes keep more digits than those of values")
    ax.set(xlabel="step h", ylabel="error of sin″ at 1", ylim=(1e-12, 10))
    ax.legend(loc="upper right")

    assert min(ax.lines[1].get_ydata()) < min(ax.lines[0].get_ydata()) / 3
    save_figure(fig)
