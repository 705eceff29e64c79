"""3.2.2a — Autograd learns Ohm's law: his table of 1826 gives X = 7243/(20.14 + x).

Question
--------
You are Ohm and look for a model of voltage and current.  Can autograd learn its parameters?
Take a resistor, with exact voltages U and noise in the currents I; and Ohm's own table, where a
wire of x inches closes a circuit, and the needle of a galvanometer shows the current as X:

    x      2       4       6       10      18      34     66     130
    X    326.75  300.75  277.75  238.25  190.75  134.5   83.25   48.5

<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.2 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
Yes.  For a resistor the model is I = U/R, and the least Σ(I − U/R)² is at R = ΣU² / ΣUI.
In Ohm's circuit all else resists as well, like b more inches of wire.  So X = a/(b + x), and
Σ(X − a/(b + x))² is least at a = 7243 ± 59, b = 20.14 ± 0.21 inches.

Why
---
In the conductance G = 1/R the loss Σ(I − GU)² is a parabola: one step finds its minimum.  By R
its slope is 2ΣU²(1/R₀ − 1/R)/R², where R₀ is the solution: huge near 0, almost nothing far out,
and from a negative R descent leads away from R₀.

Autograd gives J, with the slopes of a/(b + x) by a and b as columns.  A step is the linear
regression of the residuals on J; repeat until it is 0 (Gauss, Newton).  The start is the
linear regression xX = a − bX.  The standard errors of a and b, squared, are the diagonal of
Σ residual² / (8 − 2) times the inverse of JᵀJ.

Hints
-----
1. In which parameter is the residual of I linear?  What besides the wire resists in a circuit?
2. Multiply X = a/(b + x) by b + x: which linear regression gives a first guess?
"""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import least_squares


def resistance(U, I):  # noqa: E741 - the field's symbol for a current
    """The R that makes Σ(Iᵢ − Uᵢ/R)² least, a float, from two tensors of floats, shape (n,)."""
    return ((U @ U) / (U @ I)).item()


def fit_ohm_1826(x, X):
    """The a and b that make Σ(X − a/(b + x))² least, two floats.

    Lengths x and deflections X are tensors in float64, shape (n,).  Raises RuntimeError if a
    and b do not settle.
    """
    theta = torch.linalg.pinv(torch.stack((torch.ones_like(X), -X), dim=1)) @ (x * X)
    for _ in range(50):
        copies = theta.expand(len(x), 2).clone().requires_grad_()  # one for each row of J
        model = copies[:, 0] / (copies[:, 1] + x)
        (J,) = torch.autograd.grad(model.sum(), copies)
        step = torch.linalg.pinv(J) @ (X - model.detach())
        theta = theta + step
        if (step / theta).norm() < 1e-9:
            return tuple(theta.tolist())
    raise RuntimeError("a and b have not settled after 50 steps")


@pytest.fixture
def wires(ohm_1826):
    """Lengths in inches and deflections, 8 each."""
    return torch.tensor(ohm_1826.to_numpy(dtype=float, copy=True)).T


def _by_scipy(x, X, start):
    """The fit (a, b) without autograd, its residuals, and the covariance of a and b."""
    x, X = x.numpy(), X.numpy()
    fit = least_squares(
        lambda p: X - p[0] / (p[1] + x), start, x_scale=start, xtol=1e-12, ftol=1e-14
    )
    assert fit.success
    return fit.x, fit.fun, np.linalg.inv(fit.jac.T @ fit.jac) * 2 * fit.cost / (len(x) - 2)


def _resistor(generator, R=4.7, n=50, noise=0.01):
    U = torch.linspace(1, 10, n, dtype=torch.float64)
    return U, U / R + noise * torch.randn(n, generator=generator, dtype=torch.float64)


def test_ohm_s_own_table_gives_his_law(wires):
    """Ohm's table gives a = 7243 ± 59 and b = 20.14 ± 0.21, and R² = 0.9999."""
    a, b = fit_ohm_1826(*wires)

    expected, residuals, covariance = _by_scipy(*wires, start=[5000, 10])
    assert (a, b) == pytest.approx(tuple(expected), rel=1e-5, abs=0)
    assert (round(a), round(b, 2)) == (7243, 20.14)
    errors = covariance.diagonal() ** 0.5
    assert (round(errors[0]), round(errors[1], 2)) == (59, 0.21)
    X = wires[1].numpy()
    unexplained = residuals @ residuals / ((X - X.mean()) @ (X - X.mean()))
    assert unexplained == pytest.approx(0.0001, rel=0, abs=0.00005)


@pytest.mark.parametrize(("a", "b"), [(3.0, 0.02), (7000.0, 20.0), (2e7, 3000.0)])
@pytest.mark.seeds(3)
def test_other_circuits_are_learned_without_a_first_guess(torch_rng, a, b):
    """With 2 % of noise a and b are, in each of three units, those that SciPy finds."""
    x = b * torch.linspace(0.1, 7, 30, dtype=torch.float64)
    X = a / (b + x)
    X = X + 0.02 * X.max() * torch.randn(30, generator=torch_rng, dtype=torch.float64)

    found = fit_ohm_1826(x, X)

    expected, _, covariance = _by_scipy(x, X, start=[a, b])
    assert found == pytest.approx(tuple(expected), rel=1e-5, abs=0)
    assert (abs(np.array(found) - (a, b)) < 5 * covariance.diagonal() ** 0.5).all()


@pytest.mark.parametrize("direction", [1, -1])
def test_three_points_by_hand(direction):
    """(1, 1), (2, 1), (3, 2) have ΣU²/ΣUI = 14/9; with the current reversed it is −14/9."""
    U, I = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 1.0, 2.0])  # noqa: E741

    R = resistance(U, direction * I)

    assert float(R) == pytest.approx(direction * 14 / 9, rel=1e-6, abs=0)


@pytest.mark.seeds(3)
def test_the_loss_is_least_at_the_resistance(torch_rng):
    """From 50 noisy currents R is 4.7 Ω within 5 standard errors, and the loss has slope 0."""
    U, I = _resistor(torch_rng)  # noqa: E741

    R = torch.tensor(float(resistance(U, I)), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(((I - U / R) ** 2).sum(), R)

    error = 4.7**2 * 0.01 / U.norm().item()  # dR = R² dG, and G has the error σ/√ΣU²
    assert abs(R.item() - 4.7) < 5 * error
    # ΣU² = 1800 and R²: a relative error of 10⁻¹² in R makes a slope of 2·1800·10⁻¹²/4.7³
    assert abs(slope.item()) < 1e-10


@pytest.mark.misconception("descent on R itself finds it from any start")
def test_descent_on_the_resistance_may_run_away(torch_rng):
    """By R the slope is 2ΣU²(1/R₀ − 1/R)/R²: from −1 Ω descent flees, at 50 Ω it crawls."""
    U, I = _resistor(torch_rng)  # noqa: E741
    R = torch.tensor([-1.0, 0.5, 50.0], dtype=torch.float64, requires_grad=True)

    (slopes,) = torch.autograd.grad(((I - U / R[:, None]) ** 2).sum(), R)

    start, solution = R.detach(), float(resistance(U, I))
    expected = 2 * (U @ U) * (1 / solution - 1 / start) / start**2
    assert slopes.tolist() == pytest.approx(expected.tolist(), rel=1e-9, abs=0)
    assert slopes[0] > 0 > slopes[1]
    assert slopes[1].abs() > 10_000 * slopes[2].abs()


@pytest.mark.edge
def test_a_fit_that_does_not_settle_says_so():
    """If all deflections are equal, b has no finite value: RuntimeError is raised."""
    x = torch.arange(1.0, 9, dtype=torch.float64)

    with pytest.raises(RuntimeError):
        fit_ohm_1826(x, torch.full_like(x, 5))


def test_the_figure_shows_ohm_s_hyperbola(save_figure, wires):
    """The figure shows eight points on a hyperbola, and 1/X on a line that meets 0 at −b."""
    x, X = wires
    a, b = fit_ohm_1826(x, X)
    fine = np.linspace(0, 135, 200)

    fig = Figure(figsize=(6.4, 3.2))
    left, right = fig.subplots(1, 2)
    left.plot(fine, a / (b + fine), label=f"{a:.0f} / ({b:.2f} + x)")
    left.plot(x, X, "o", markersize=4, label="Ohm, 1826")
    left.set(xlabel="length of the wire x (inch)", ylabel="deflection X", ylim=(0, 370))
    left.set_title("The current against the length")
    left.legend()
    line = np.array([-b, 135])
    right.plot(line, (b + line) / a)
    right.plot(x, 1 / X, "o", markersize=4)
    right.plot(-b, 0, "s", color="C0", markersize=5)
    right.text(5 - b, 0, f"−b = −{b:.1f}", va="center")
    right.set(xlabel="x (inch)", ylabel="1 / X", title="1/X: the circuit is b inches longer")

    fitted = np.interp(x, *left.lines[0].get_data())
    assert np.abs(fitted - left.lines[1].get_ydata()).max() < 2.5
    assert right.lines[0].get_ydata()[0] == 0
    save_figure(fig)
