"""1.1 — Any constant that somebody picked could be learned, and is then as good as its data.

Question
--------
Which parts of the code that you write could be learned, that is, improved by data instead of by
your own choice?  Does it contain heuristic choices?
<https://zh.d2l.ai/chapter_introduction/index.html>

Answer
------
Every constant that was set by hand is a candidate: thresholds, weights, sizes, time-outs.
Here the constants are the step sizes of gradient descent.  On quadratics with curvatures from
μ = 1 to L = 20 eight steps leave at worst this fraction of the error:

    rule of thumb, 1/L                                    0.663
    best constant step, 2/(μ + L)                         0.449
    eight steps learned by autograd through all of them   0.0530
    the least that any eight steps can leave              0.0525

So what was learned beats what was chosen, and comes close to a limit that is known.  It is
*not* better everywhere: curvatures beyond its data, from 1.06·L on, make the error grow, at
1.3·L more than a hundredfold.  With the rule it still shrinks.

Why
---
A step η multiplies the error along a direction of curvature λ by 1 − ηλ, and T steps by

    p(λ) = (1 − η₁λ) (1 − η₂λ) … (1 − η_Tλ),    p(0) = 1

Of all such polynomials the one that is smallest on [μ, L] is Chebyshev's, scaled; it oscillates
between equal extremes ±1/T_T((L + μ)/(L − μ)).  Learning finds its shape without being told.
The price is paid outside: of all polynomials of degree T that stay as small on [μ, L] it is
the largest there.

In practice
-----------
- The experiment is small.  It shows that choices can be learned, not that they should be.
- What is learned inherits the range of its data.  Ask what happens just outside.

Hints
-----
1. Take a program of yours, and list its numbers.  Who chose them, and on what evidence?
2. Follow the error of gradient descent along one direction of curvature λ.
3. To learn the steps, differentiate the error after the last step by each of them.
"""

import math
import operator

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import minimize

_MU, _L, _T = 1.0, 20.0, 8


def residual_polynomial(steps, curvature):
    """What T steps, (…, T), leave of the error at curvatures λ, (m,): Π(1 − ηₜλ), (…, m).

    Differentiable; m may be 0.  Raises TypeError ("floating-point") unless both are tensors of
    one such dtype, and ValueError ("step") without any, ("curvatures") for another shape of λ
    and ("finite") for NaN or infinity.
    """
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in (steps, curvature)}
    if len(dtypes) > 1 or not all(getattr(t, "is_floating_point", False) for t in dtypes):
        raise TypeError(f"expected floating-point tensors of one dtype, got {dtypes}")
    if curvature.dim() != 1:
        raise ValueError(f"expected curvatures of shape (m,), got {tuple(curvature.shape)}")
    if not (steps.isfinite().all() and curvature.isfinite().all()):
        raise ValueError("expected finite numbers, got NaN or infinity")
    if steps.dim() == 0 or steps.shape[-1] == 0:
        raise ValueError("expected at least one step, as the last axis")
    return _product(steps, curvature)


def chebyshev_bound(mu, L, T):
    """The least worst |p| on [μ, L] of any T steps: 1/T_T((L + μ)/(L − μ)), a float.

    T_T(x) = cosh(T arcosh x).  Raises ValueError ("0 < μ < L", both finite) and ("T ≥ 1"), and
    TypeError ("integer") for another T.
    """
    _check(mu, L)
    if operator.index(T) < 1:
        raise ValueError(f"expected T ≥ 1 steps, got {T}")
    return 1 / math.cosh(T * math.acosh((L + mu) / (L - mu)))


def learn_steps(mu, L, starts):
    """Step sizes, (…, T), learned by autograd from `starts`, (…, T), positive, on [μ, L].

    BFGS on their logarithms lowers (Σ|p|¹⁰⁰)^(1/100) over 200 curvatures, which is at most
    200^(1/100) = 1.054 times the largest of them; Σ|p|⁶ comes first, as it has an easier
    valley.  float64.  An edge: from a step of 1/μ too, where p(μ) is 0 and log |p| is not
    finite.  Raises ValueError ("0 < μ < L"), ("step") without any, and ("positive")
    for starts that are not, TypeError ("floating-point") for anything but such a tensor.
    """
    _check(mu, L)
    if not isinstance(starts, torch.Tensor) or not starts.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {starts!r}")
    if starts.dim() == 0 or starts.numel() == 0:
        raise ValueError("expected at least one step, as the last axis")
    if not ((starts > 0) & starts.isfinite()).all():
        raise ValueError("expected positive, finite first step sizes")
    curvature = torch.linspace(mu, L, 200, dtype=torch.float64)

    def log_norm(theta, power):
        theta = torch.from_numpy(theta).requires_grad_()
        size = _product(theta.exp(), curvature).abs() + 1e-12
        norm = torch.logsumexp(power * size.log(), 0)
        return norm.item(), torch.autograd.grad(norm, theta)[0].numpy()

    found = []
    for start in starts.detach().double().log().reshape(-1, starts.shape[-1]):
        theta = start.numpy()
        for power in (6, 100):
            theta = minimize(log_norm, theta, args=(power,), jac=True, method="BFGS").x
        found.append(torch.from_numpy(theta).exp())
    return torch.stack(found).reshape(starts.shape)


def _product(steps, curvature):
    return (1 - steps[..., None] * curvature).prod(-2)


def _check(mu, L):
    if not 0 < mu < L < math.inf:
        raise ValueError(f"expected 0 < μ < L, finite, got {mu} and {L}")


def _worst(steps, mu=_MU, L=_L):
    """The largest |p| on a fine grid of [μ, L], a tensor."""
    grid = torch.linspace(mu, L, 4001, dtype=torch.float64)
    return residual_polynomial(steps.double(), grid).abs().amax(-1)


def _chebyshev_steps(mu=_MU, L=_L, T=_T):
    """The reciprocals of the roots of the scaled Chebyshev polynomial."""
    angles = (2 * torch.arange(T, dtype=torch.float64) + 1) * math.pi / (2 * T)
    return 1 / ((L + mu) / 2 + (L - mu) / 2 * angles.cos())


@pytest.fixture(scope="module")
def learned(request):
    """Three sets of eight steps, learned from three random starts between 1/L and 1/μ."""
    generator = torch.Generator().manual_seed(request.config.getoption("seed_shift"))
    starts = 1 / (
        _MU + (_L - _MU) * torch.rand(3, _T, generator=generator, dtype=torch.float64)
    )
    return learn_steps(_MU, _L, starts)


def test_the_polynomial_is_what_descent_does(torch_rng):
    """Gradient descent by autograd on ½xᵀAx, A with random axes: along each of them p(λ)."""
    Q = torch.linalg.qr(torch.randn(5, 5, generator=torch_rng, dtype=torch.float64))[0]
    curvature = torch.tensor([1.0, 3.0, 7.0, 15.0, 20.0], dtype=torch.float64)
    start = torch.randn(5, generator=torch_rng, dtype=torch.float64)
    steps, x = torch.tensor([0.1, 0.03, 0.07], dtype=torch.float64), start

    for step in steps:
        x = x.requires_grad_()
        (slope,) = torch.autograd.grad(x @ (Q * curvature) @ Q.T @ x / 2, x)
        x = (x - step * slope).detach()

    factors = residual_polynomial(steps, curvature)
    assert factors.shape == (5,)
    assert (Q.T @ x - factors * (Q.T @ start)).abs().max() < 1e-14


def test_the_rules_leave_what_the_formulas_say():
    """1/L leaves (1 − μ/L)⁸ = 0.663, the best constant ((L − μ)/(L + μ))⁸ = 0.449."""
    rule, best = _worst(torch.full((_T,), 1 / _L)), _worst(torch.full((_T,), 2 / (_MU + _L)))

    assert rule.item() == pytest.approx((1 - 1 / 20) ** 8, rel=1e-5)
    assert best.item() == pytest.approx((19 / 21) ** 8, rel=1e-5)
    assert (round(rule.item(), 3), round(best.item(), 3)) == (0.663, 0.449)


@pytest.mark.parametrize(("mu", "L", "T"), [(1.0, 20.0, 8), (1.0, 3.0, 1), (0.1, 50.0, 12)])
def test_chebyshev_s_steps_attain_the_bound(mu, L, T):
    """Their polynomial has T + 1 extremes of that size and alternating sign."""
    steps, bound = _chebyshev_steps(mu, L, T), chebyshev_bound(mu, L, T)
    extremes = (L + mu) / 2 + (L - mu) / 2 * (
        torch.arange(T + 1.0).double() * math.pi / T
    ).cos()

    values = residual_polynomial(steps, extremes)

    assert _worst(steps, mu, L).item() == pytest.approx(bound, rel=1e-5)
    assert (values * (-1) ** torch.arange(T + 1) * values[0].sign() - bound).abs().max() < 1e-12


def test_learned_steps_come_close_to_the_limit(learned):
    """From three random starts: within 200^(1/100), 5.4 %, of the bound, and never below it.

    Chebyshev's steps have a norm of at most 200^(1/100) times their largest |p|, the learned
    ones no larger norm, and no largest |p| above that.  Between 200 curvatures |p| may rise,
    and the 4001 of this check may miss its very top: both by far less than 1 %.
    """
    worst, bound = _worst(learned), chebyshev_bound(_MU, _L, _T)

    assert worst.shape == (3,)
    assert round(bound, 4) == 0.0525
    assert (worst >= 0.99 * bound).all()
    assert (worst <= 1.01 * 200 ** (1 / 100) * bound).all()
    assert worst.tolist() == pytest.approx([0.053] * 3, abs=5e-5)


def test_learning_a_single_step_finds_the_best_constant():
    """2/(μ + L) = 2/21, within 2 %, from starts ten times too small and ten times too large.

    The large one is 1/μ, which leaves nothing at all of the error along the curvature μ.
    """
    for start in (torch.tensor([0.01]), torch.tensor([[1.0]])):
        step = learn_steps(_MU, _L, start)

        assert step.shape == start.shape
        assert step.item() == pytest.approx(2 / 21, rel=0.02)
    assert learn_steps(2.0, 6.0, torch.tensor([0.01])).item() == pytest.approx(2 / 8, rel=0.02)


@pytest.mark.misconception("what is learned is better everywhere")
def test_beyond_its_data_what_was_learned_fails(learned):
    """Curvatures up to 26 instead of 20: the learned steps multiply the error, 1/L does not."""
    rule = torch.full((_T,), 1 / _L)

    assert _worst(learned, L=1.06 * _L).min() > 1
    assert _worst(learned, L=1.3 * _L).min() > 100
    assert _worst(rule, L=26.0).item() == pytest.approx((1 - 1 / 20) ** 8, rel=1e-5)


def test_bad_input_is_refused():
    """No steps, no floats, no numbers; no range of curvatures; starts that are not positive."""
    for bad in (torch.tensor(0.1), torch.ones(0), torch.ones(2, 0)):
        with pytest.raises(ValueError, match="step"):
            residual_polynomial(bad, torch.ones(3))
    with pytest.raises(TypeError, match="floating-point"):
        residual_polynomial(torch.arange(3), torch.arange(3))
    with pytest.raises(TypeError, match="floating-point"):
        residual_polynomial([0.1], [1.0])
    for bad in ([0.1], torch.ones(2, dtype=torch.int64), torch.ones(2).double()):
        with pytest.raises(TypeError, match="floating-point"):
            residual_polynomial(bad, torch.ones(3))
        with pytest.raises(TypeError, match="floating-point"):
            residual_polynomial(torch.ones(3), bad)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            residual_polynomial(torch.tensor([0.1, bad]), torch.ones(3))
        with pytest.raises(ValueError, match="finite"):
            residual_polynomial(torch.ones(3), torch.tensor([0.1, bad]))
    for bad in (torch.tensor(1.0), torch.ones(2, 3)):
        with pytest.raises(ValueError, match="curvatures"):
            residual_polynomial(torch.ones(3), bad)
    for mu, L in ((0, 1), (1, 1), (2, 1), (1, math.inf), (math.nan, 1)):
        with pytest.raises(ValueError, match="0 < μ < L"):
            chebyshev_bound(mu, L, 3)
        with pytest.raises(ValueError, match="0 < μ < L"):
            learn_steps(mu, L, torch.ones(2))
    with pytest.raises(ValueError, match="T ≥ 1"):
        chebyshev_bound(1, 2, 0)
    for bad in (2.5, math.nan):
        with pytest.raises(TypeError, match="integer"):
            chebyshev_bound(1, 2, bad)
    for bad in (-0.1, 0.0, torch.nan, torch.inf):
        with pytest.raises(ValueError, match="positive"):
            learn_steps(1, 2, torch.tensor([0.1, bad]))
    for bad in ([0.1], torch.ones(2, dtype=torch.int64)):
        with pytest.raises(TypeError, match="floating-point"):
            learn_steps(1, 2, bad)
    for bad in (torch.tensor(0.1), torch.ones(0), torch.ones(2, 0), torch.ones(0, 2)):
        with pytest.raises(ValueError, match="step"):
            learn_steps(1, 2, bad)


def test_the_figure_shows_what_is_left_at_each_curvature(save_figure, learned):
    """|p(λ)|: the learned steps swing between equal heights, and shoot up beyond L."""
    grid = torch.linspace(0, 27, 541, dtype=torch.float64)
    bound = chebyshev_bound(_MU, _L, _T)
    rules = {
        "rule 1/L": (torch.full((_T,), 1 / _L).double(), ":"),
        "best constant": (torch.full((_T,), 2 / (_MU + _L)).double(), "--"),
        "eight learned steps": (learned[0], "-"),
    }

    fig = Figure()
    ax = fig.subplots()
    ax.axvspan(_MU, _L, color="0.93", zorder=0)
    for name, (steps, style) in rules.items():
        ax.semilogy(grid, residual_polynomial(steps, grid).abs(), style, label=name)
    ax.plot([_MU, _L], [bound, bound], "k-", linewidth=0.8)
    ax.text(_L + 0.7, bound, "no eight steps\nare better", va="center", fontsize=9)
    ax.text((_MU + _L) / 2, 2, "curvatures that were learned from", ha="center")
    ax.set(xlabel="curvature λ", ylabel="|p(λ)|, error left after 8 steps")
    ax.set(ylim=(1e-4, 200), xlim=(0, 27))
    ax.legend(loc=(0.06, 0.8), fontsize=8)

    inside = (grid >= _MU) & (grid <= _L)
    curve = ax.lines[2].get_ydata()
    peaks = np.flatnonzero((curve[1:-1] > curve[:-2]) & (curve[1:-1] > curve[2:])) + 1
    assert (peaks < np.flatnonzero(inside)[-1]).sum() == _T - 1
    assert curve[peaks] == pytest.approx(bound, rel=0.06)
    save_figure(fig)
