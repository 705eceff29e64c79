"""3.2.2a — A resistor is a line, a circuit a hyperbola; what the data don't tell, no fit finds.

Question
--------
You are Ohm, and want a model of voltage and current.  Learn its parameters by automatic
differentiation.
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>

Answer
------
A resistor: I = U/R.  With noise in I the loss is quadratic in the *conductance* G = 1/R, and

    G = ΣUᵢIᵢ / ΣUᵢ²,    R = ΣUᵢ² / ΣUᵢIᵢ

Ohm's own circuit of 1826 holds more: a thermocouple and a galvanometer resist as well.  He
found X = a/(b + x) for the deflection X with a wire of length x.  His eight measurements give
by autograd a = 7243 ± 59 and b = 20.14 ± 0.21 inches: all but the wire resists like 20 inches.

Why
---
∂/∂G Σ(Iᵢ − GUᵢ)² = 0 is linear in G: the loss is a parabola.  In R the same loss has a pole at
0 and is nearly flat far out, and from a negative R descent runs off to −∞, where the loss tends
to ΣIᵢ².  So the start decides.

A parameter can be learned only if the residuals change with it in a way of their own: the
columns of the Jacobian must be independent.  At a single voltage slope and offset are not; of
two resistors in series only the sum is known.

In practice
-----------
- Noise in U is not averaged out: it shrinks the slope of a line through 0 by the factor
  ΣU²/(ΣU² + n·var(noise)).
- Print the Jacobian's singular values before you believe a parameter.

References
----------
G. S. Ohm, Journal für Chemie und Physik 46 (1826) 137.

Hints
-----
1. In which parameter is the residual of I linear?
2. What besides the wire resists in a circuit?
3. Would two sets of parameters give the same currents?
"""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import least_squares, minimize


def resistance(U, I):  # noqa: E741 - the field's symbol for a current
    """The R (ohm, if U is in volt and I in ampere) that makes Σ(Iᵢ − Uᵢ/R)² least, a float.

    Two 1-D tensors of one shape, float32 or float64.  Raises TypeError ("float32 or float64")
    for anything else, ValueError ("one shape") for other shapes or no numbers, ("finite") for
    NaN or infinity, and ("current") if ΣUᵢIᵢ is 0, where 1/R is 0.
    """
    _check(U, I)
    if U @ I == 0:
        raise ValueError("expected some current along with the voltage: Σ U·I is 0")
    return ((U @ U) / (U @ I)).item()


def fit_ohm_1826(x, X, start):
    """The a and b that make Σ(X − a/(b + x))² least, two floats, from a positive guess (a, b).

    Autograd gives the gradient by log a and log b, BFGS the steps.
    Wire lengths x and deflections X are 1-D tensors; b has the unit of x, a that of x·X.
    Refuses them as `resistance` does, and with ValueError ("positive") a length or a guess that
    is not positive and finite or is no pair.
    """
    _check(x, X)
    if len(start) != 2 or not all(0 < number < math.inf for number in (*start, x.min())):
        raise ValueError("expected positive lengths and two positive numbers as first guess")

    def loss(theta):
        theta = torch.from_numpy(theta).requires_grad_()
        value = (_hyperbola(theta.exp(), x) - X).square().sum()
        return value.item(), torch.autograd.grad(value, theta)[0].numpy()

    theta = minimize(loss, np.log(start), jac=True, method="BFGS").x
    return tuple(np.exp(theta).tolist())


def _check(first, second):
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in (first, second)}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected two tensors of float32 or float64, got {dtypes}")
    if first.dim() != 1 or first.shape != second.shape or first.numel() == 0:
        raise ValueError("expected two 1-D tensors of one shape, and at least one measurement")
    if not (first.isfinite().all() and second.isfinite().all()):
        raise ValueError("expected finite measurements, got NaN or infinity")


def _hyperbola(parameters, x):
    return parameters[0] / (parameters[1] + x)


@pytest.fixture
def wire(ohm_1826):
    """Lengths in inches and deflections, 8 each."""
    return torch.tensor(ohm_1826.to_numpy(dtype=float, copy=True)).T


def _resistor(torch_rng, R=4.7, n=50, noise=0.01):
    U = torch.linspace(1, 10, n, dtype=torch.float64)
    return U, U / R + noise * torch.randn(n, generator=torch_rng, dtype=torch.float64)


def test_three_points_by_hand():
    """(1, 1), (2, 1), (3, 2): ΣU² = 14, ΣUI = 9."""
    U, I = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 1.0, 2.0])  # noqa: E741

    assert resistance(U, I) == pytest.approx(14 / 9)


@pytest.mark.seeds(3)
def test_the_closed_form_finds_the_resistor(torch_rng):
    """4.7 Ω from 50 currents, σ = 0.01 A: within 5 standard errors R²σ/√ΣU², and slope 0."""
    U, I = _resistor(torch_rng)  # noqa: E741

    R = torch.tensor(resistance(U, I), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad((I - U / R).square().sum(), R)

    assert abs(R.item() - 4.7) < 5 * 4.7**2 * 0.01 / U.norm().item()
    assert abs(slope.item()) < 1e-12


@pytest.mark.parametrize("start", [(1000.0, 1.0), (7000.0, 20.0), (1e5, 100.0)])
def test_ohm_s_own_measurements_give_his_law(wire, start):
    """From three guesses, as SciPy: 7243 ± 59 and 20.14 ± 0.21, Σr² = 7.34, R² = 0.9999."""
    x, X = wire

    a, b = fit_ohm_1826(x, X, start)

    expected = least_squares(lambda p: p[0] / (p[1] + x.numpy()) - X.numpy(), [5000, 10])
    residual = X - a / (b + x)
    errors = (
        (residual @ residual / 6 * torch.linalg.inv(_information(a, b, x))).diagonal().sqrt()
    )
    assert (a, b) == pytest.approx(tuple(expected.x), rel=1e-5)
    assert (round(a), round(b, 2)) == (7243, 20.14)
    assert (residual @ residual).item() == pytest.approx(7.34, abs=0.005)
    assert errors.tolist() == pytest.approx([59, 0.21], rel=0.02)
    assert residual.square().sum() / (X - X.mean()).square().sum() < 1.5e-4


def _information(a, b, x):
    point = torch.tensor([a, b], dtype=torch.float64)
    J = torch.autograd.functional.jacobian(lambda p: _hyperbola(p, x), point)
    return J.T @ J


def test_the_resistance_itself_is_a_poor_parameter(torch_rng):
    """Descent on R from 0.5 ends beyond 50, from −1 below −10; on G it always ends at 1/4.7."""
    U, I = _resistor(torch_rng)  # noqa: E741
    R = torch.tensor([0.5, -1.0, 4.0], dtype=torch.float64)
    G = 1 / R

    for _ in range(100):
        R.requires_grad_()
        G.requires_grad_()
        by_R, by_G = ((I - U * g[:, None]).square().mean(1).sum() for g in (1 / R, G))
        R = (R - 0.5 * torch.autograd.grad(by_R, R)[0]).detach()
        G = (G - 0.01 * torch.autograd.grad(by_G, G)[0]).detach()

    truth = resistance(U, I)
    assert R[0] > 50
    assert R[1] < -10
    assert abs(R[2] - truth) < 0.01
    assert (1 / G).tolist() == pytest.approx([truth] * 3, rel=1e-6)


@pytest.mark.misconception("a fit that has converged has found its parameters")
def test_a_jacobian_without_full_rank_leaves_them_open():
    """Slope and offset at one voltage, or two resistors in series: rank 1, not 2."""
    p = torch.tensor([2.0, 3.0], dtype=torch.float64)
    one, two = torch.full((5,), 1.5).double(), torch.tensor([1.0, 2.0]).double()

    def rank(model):
        return torch.linalg.matrix_rank(torch.autograd.functional.jacobian(model, p)).item()

    assert rank(lambda p: p[0] * one + p[1]) == 1
    assert rank(lambda p: two / (p[0] + p[1])) == 1
    assert rank(lambda p: p[0] * two + p[1]) == 2
    assert rank(lambda p: p[0] / (p[1] + two)) == 2


@pytest.mark.misconception("noise in the voltage averages out")
@pytest.mark.seeds(3)
def test_noise_in_the_voltage_shrinks_the_slope(torch_rng):
    """With var(U) = 4 and 1 more of noise the slope of I on U is 4/5 of 1/R, not 1/R.

    Around 5 volts, where the mean of U² is 29, it is 29/30.  20 000 pairs: the standard errors
    of the slopes are below 0.5 and 0.2 %.
    """
    noise = torch.randn(20_000, generator=torch_rng, dtype=torch.float64)
    centred = 2 * torch.randn(20_000, generator=torch_rng, dtype=torch.float64)
    for mean, expected, error in ((0, 4 / 5, 0.005), (5, 29 / 30, 0.002)):
        U = centred + mean

        ratio = resistance(U, U / 4.7) / resistance(U + noise, U / 4.7)

        assert ratio == pytest.approx(expected, rel=4 * error)


def test_bad_input_is_refused():
    """Shapes, emptiness, one NaN, no floats, no current; one guess or length not positive."""
    U = torch.ones(3, dtype=torch.float64)
    last = torch.tensor([2])

    for fit in (resistance, lambda x, X: fit_ohm_1826(x, X, (1.0, 1.0))):
        for bad in ((U, U[:2]), (U[None], U[None]), (U[:0], U[:0])):
            with pytest.raises(ValueError, match="one shape"):
                fit(*bad)
        for bad in (
            (U.index_fill(0, last, torch.nan), U),
            (U, U.index_fill(0, last, torch.inf)),
        ):
            with pytest.raises(ValueError, match="finite"):
                fit(*bad)
        for bad in (U.tolist(), U.long(), U.float(), U.half(), U * 1j):
            with pytest.raises(TypeError, match="float32 or float64"):
                fit(bad, U)
    with pytest.raises(ValueError, match="current"):
        resistance(U, 0 * U)
    for x, start in (
        (U, (0.0, 1.0)),
        (U, (1.0, -1.0)),
        (U, (torch.nan, 1.0)),
        (U, (1.0, torch.inf)),
        (U, (1.0,)),
        (U.index_fill(0, last, -1.0), (1.0, 1.0)),
    ):
        with pytest.raises(ValueError, match="positive"):
            fit_ohm_1826(x, U, start)


def test_the_figure_shows_ohm_s_hyperbola(save_figure, wire):
    """His eight points on the fitted curve; 1/X lies on a line that starts at −b."""
    x, X = wire
    a, b = fit_ohm_1826(x, X, (1000.0, 1.0))
    fine = np.linspace(0, 135, 200)

    fig = Figure(figsize=(6, 3.4))
    left, right = fig.subplots(1, 2)
    left.plot(fine, a / (b + fine), label=f"{a:.0f} / ({b:.2f} + x)")
    left.plot(x, X, "o", markersize=4, label="Ohm 1826")
    left.set(xlabel="length of the wire x (inch)", ylabel="deflection X", ylim=(0, 370))
    left.legend()
    line = np.array([-b, 135])
    right.plot(line, (b + line) / a)
    right.plot(x, 1 / X, "o", markersize=4)
    right.axvline(0, color="black", linewidth=0.8)
    right.annotate(f"−b = −{b:.1f}", (-b, 0), (4, 0.0006))
    right.set(xlabel="x (inch)", ylabel="1 / X", title="the rest resists like b of wire")

    curve, points = left.lines
    fitted = np.interp(points.get_xdata(), *curve.get_data())
    assert len(points.get_xdata()) == 8
    assert np.abs(fitted - points.get_ydata()).max() < 2.5
    assert right.lines[0].get_ydata()[0] == 0
    save_figure(fig)


def _by_scipy(x, X, start):
    theta = least_squares(
        lambda p: np.exp(p[0]) / (np.exp(p[1]) + x.numpy()) - X.numpy(), np.log(start)
    )
    return tuple(np.exp(theta.x))


def _by_torch(x, X, start):
    theta = torch.tensor(start, dtype=torch.float64).log().requires_grad_()
    optimiser = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = (_hyperbola(theta.exp(), x) - X).square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return tuple(theta.detach().exp().tolist())


# Evaluations of the model as counted, with a gradient three times as dear, and the fit.
_OPTIMISERS = {
    "autograd, BFGS": (3 * 15, lambda *data: fit_ohm_1826(*data)),
    "scipy least_squares": (25, _by_scipy),
    "torch L-BFGS": (3 * 17, _by_torch),
}


@pytest.mark.benchmark(group="3.2.2 Which optimiser finds Ohm's law first?")
@pytest.mark.parametrize(
    "method",
    [
        "autograd, BFGS",
        "scipy least_squares",
        pytest.param("torch L-BFGS", marks=pytest.mark.timed_only),
    ],
)
def test_every_optimiser_finds_the_same_law(benchmark, wire, method):
    """That of torch only when timed, as `torch.optim` takes a second to import."""
    evaluations, fit = _OPTIMISERS[method]
    benchmark.extra_info.update(
        method=method, ratio=evaluations / 25, reason="evaluations of the model"
    )

    a, b = benchmark(fit, *wire, (1000.0, 1.0))

    assert (round(a), round(b, 2)) == (7243, 20.14)
