"""3.2.2b — Five parameters of a solar cell are learned in their logarithms, with damped steps.

Question
--------
Beyond Ohm's law: learn the voltage and current of a device with a bend in its curve, a solar
cell, by automatic differentiation from measured points.
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>

Answer
------
The single-diode model has a source of light current, a diode and two resistors:

    I = I_ph − I_s (exp((V + I R_s) / (n V_t)) − 1) − (V + I R_s) G_sh,      V_t = kT/q

With the *measured* I on the right, as the literature has it, the residual is explicit.  On 26
points of an R.T.C. cell at 33 °C autograd finds the published optimum

    I_ph 0.76078 A    I_s 0.3230 µA    n 1.4812    R_s 0.03638 Ω    1/G_sh 53.72 Ω
    root mean square of the residuals: 9.8602·10⁻⁴ A

from starts decades apart, if the steps are damped (Levenberg and Marquardt), taken in
the logarithms of the parameters, and none of them changes by more than a factor e at once.

Why
---
The parameters are positive and of very different size, 3·10⁻⁷ to 1.5: in logarithms a step of 1
means the same for all, and no step makes them negative.  As I_s exp(u/(n V_t)) is
exp(ln I_s + u/(n V_t)), more I_s and more n nearly cancel (their columns of the Jacobian have a
cosine near −1), so plain gradient steps crawl, and full Gauss–Newton steps from some starts
jump to where exp overflows.  Damping adds λ·diag(JᵀJ) to JᵀJ and shrinks such steps until the
loss falls.

In practice
-----------
- A fit that has stopped need not have arrived: compare several starts, and look at the RMSE.
- In logarithms R_sh and G_sh = 1/R_sh are the same parameter.  Near G_sh = 0 its column of the
  Jacobian all but vanishes; as the damping is in proportion to the column, it comes back.

References
----------
T. Easwarakhanthan et al., International Journal of Solar Energy 4 (1986) 1 (the data).

Hints
-----
1. Which of the parameters must be positive, and how can a step never make them negative?
2. What does a step do if two columns of the Jacobian are nearly parallel?
3. Start from different values, and compare where the fits end.
"""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import least_squares

_THERMAL_VOLTAGE = 1.380649e-23 * 306.15 / 1.602176634e-19  # kT/q at 33 °C, in volt
_PUBLISHED = torch.tensor([0.76078, 3.230e-7, 1.4812, 0.03638, 1 / 53.72], dtype=torch.float64)
_START = (0.8, 1e-6, 1.5, 0.05, 0.02)


def diode_residuals(parameters, V, I):  # noqa: E741 - the field's symbol for a current
    """Modelled minus measured current, ampere, shape of V, at 33 °C; differentiable.

    `parameters` holds I_ph and I_s (A), n, R_s (Ω) and G_sh (1/Ω): shape (5,), or (n, 5) with
    a row for each point.  Raises TypeError ("float32 or float64") unless all three are tensors
    of one of them, ValueError ("positive") for a parameter that is not, ("shape") for other
    shapes or no points, and ("finite") for NaN or infinity in V or I.
    """
    _check_floats(parameters, V, I)
    if V.dim() != 1 or V.shape != I.shape or len(V) == 0:
        raise ValueError(f"expected V and I of one shape (n,), got {V.shape} and {I.shape}")
    if parameters.shape not in ((5,), (len(V), 5)):
        raise ValueError(f"expected parameters of shape (5,) or (n, 5), got {parameters.shape}")
    if not (V.isfinite().all() and I.isfinite().all()):
        raise ValueError("expected finite measurements, got NaN or infinity")
    if not ((parameters > 0) & parameters.isfinite()).all():
        raise ValueError(f"expected positive, finite parameters, got {parameters.tolist()}")
    light, saturation, ideality, series, shunt = parameters.unbind(-1)
    across = V + I * series
    diode = saturation * torch.expm1(across / (ideality * _THERMAL_VOLTAGE))
    return light - diode - across * shunt - I


def _check_floats(*tensors):
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in tensors}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected tensors, all float32 or float64, got {dtypes}")


def jacobian(theta, V, I):  # noqa: E741
    """The residuals at exp(theta), (n,), and their derivatives by theta, (n, 5), by autograd.

    Each point gets a copy of theta, (5,), of its own: one reverse pass then gives every row.
    Refused is what `diode_residuals` refuses, and a theta of another "shape".
    """
    _check_floats(theta, V)
    if theta.shape != (5,) or V.dim() != 1:
        raise ValueError(f"expected theta of shape (5,) and V of shape (n,), got {theta.shape}")
    copies = theta.expand(len(V), 5).clone().requires_grad_()
    residuals = diode_residuals(copies.exp(), V, I)
    return residuals.detach(), torch.autograd.grad(residuals.sum(), copies)[0]


def fit_single_diode(V, I, start):  # noqa: E741
    """The parameters, (5,) in float64, where damped Gauss–Newton steps in their logarithms end.

    From five positive numbers in the order of `diode_residuals`, which it refuses as that does,
    and with ValueError ("overflows") if the model does there; V and I are float64.
    At most 100 steps: one that does not make Σ residuals² fall is not taken, and the next is
    damped more; no parameter changes by more than a factor e in one.
    """
    theta = torch.tensor(start, dtype=torch.float64).log()
    loss, damping = diode_residuals(theta.exp(), V, I).square().sum(), 1.0
    for _ in range(100):
        residuals, J = jacobian(theta, V, I)
        normal = J.T @ J
        if not normal.isfinite().all():
            raise ValueError(f"the model overflows at {theta.exp().tolist()}, start elsewhere")
        damped = normal + damping * torch.diag(normal.diagonal().clamp_min(1e-12))
        candidate = theta - torch.linalg.solve(damped, J.T @ residuals).clamp(-1, 1)
        if torch.equal(candidate, theta):  # the step is lost in rounding
            return theta.exp()
        candidate_loss = diode_residuals(candidate.exp(), V, I).square().sum()
        if candidate_loss < loss:
            theta, loss, damping = candidate, candidate_loss, damping * 0.1
        else:
            damping = damping / 0.1
    return theta.exp()


@pytest.fixture
def cell(solar_cell):
    """Voltage and current, 26 each."""
    return torch.tensor(solar_cell.to_numpy(dtype=float, copy=True)).T


def _rmse(parameters, V, I):  # noqa: E741
    return diode_residuals(parameters, V, I).square().mean().sqrt().item()


def _full_gauss_newton(V, I, start):  # noqa: E741
    """50 undamped steps; raises ValueError once the parameters or the loss have exploded."""
    theta = torch.tensor(start, dtype=torch.float64).log()
    for _ in range(50):
        residuals, J = jacobian(theta, V, I)
        if not residuals.square().sum() <= 1e6:
            raise ValueError("the loss has exploded")
        theta = theta - torch.linalg.solve(J.T @ J, J.T @ residuals)


def test_the_model_by_hand():
    """With exp((V + I R_s)/(n V_t)) = 3 and so on: 2 − ½·(3 − 1) − 4·¼ − 1 = −1."""
    across = torch.tensor([4.0], dtype=torch.float64)
    ideality = 4 / (math.log(3) * _THERMAL_VOLTAGE)
    parameters = torch.tensor([2, 0.5, ideality, 1.5, 0.25], dtype=torch.float64)

    residual = diode_residuals(parameters, across - 1.5, torch.ones(1).double())

    assert residual.tolist() == pytest.approx([-1.0], abs=1e-12)


def test_one_reverse_pass_gives_the_whole_jacobian(cell):
    """The same as torch's own, which goes backwards once for each of the 26 residuals."""
    theta = torch.tensor(_START, dtype=torch.float64).log()

    residuals, J = jacobian(theta, *cell)

    own = torch.autograd.functional.jacobian(lambda t: diode_residuals(t.exp(), *cell), theta)
    assert J.shape == (26, 5)
    np.testing.assert_allclose(J, own, rtol=1e-12, atol=0, strict=True)
    assert torch.equal(residuals, diode_residuals(theta.exp(), *cell))


def test_the_published_optimum_has_its_rmse(cell):
    """9.8602·10⁻⁴ A with the published parameters, which are rounded to four or five digits."""
    assert _rmse(_PUBLISHED, *cell) == pytest.approx(9.8602e-4, rel=5e-3)


@pytest.mark.parametrize(
    "start",
    [
        _START,
        (0.3, 1e-8, 1.0, 0.005, 0.001),
        (1.0, 1e-5, 1.8, 0.1, 0.1),
        (0.76, 1e-8, 2.0, 0.3, 0.001),
    ],
    ids=["near", "small", "large", "mixed"],
)
def test_autograd_finds_the_published_optimum(cell, start):
    """From starts that are decades apart: all five parameters, to the digits published."""
    parameters = fit_single_diode(*cell, start)

    published = torch.tensor([0.76078, 3.230e-7, 1.4812, 0.03638, 53.72], dtype=torch.float64)
    rounding = torch.tensor([5e-6, 5e-11, 5e-5, 5e-6, 5e-3], dtype=torch.float64)
    found = torch.cat((parameters[:4], 1 / parameters[4:]))
    assert ((found - published).abs() <= rounding).all()
    assert _rmse(parameters, *cell) == pytest.approx(9.8602e-4, abs=5e-9)
    slope = torch.autograd.functional.jacobian(
        lambda p: diode_residuals(p, *cell).square().sum(), parameters
    )
    assert (slope * parameters).abs().max() < 1e-9


def test_scipy_finds_the_same(cell):
    """Its own Levenberg–Marquardt on the same residuals."""
    fit = least_squares(
        lambda t: diode_residuals(torch.from_numpy(t).exp(), *cell).numpy(),
        np.log(_START),
        method="lm",
    )

    mine = fit_single_diode(*cell, _START)

    assert np.exp(fit.x) == pytest.approx(mine.numpy(), rel=1e-4)


def test_saturation_and_ideality_work_against_each_other(cell):
    """Their columns of the Jacobian, by logarithms, have a cosine below −0.99."""
    theta = _PUBLISHED.log()

    _, J = jacobian(theta, *cell)

    units = J / J.norm(dim=0)
    assert units[:, 1] @ units[:, 2] < -0.99
    assert torch.linalg.cond(units) > 50


@pytest.mark.misconception("a good optimiser finds the optimum from anywhere")
def test_plain_steps_fail_where_damped_ones_arrive(cell):
    """Full Gauss–Newton steps from the mixed start: the model overflows; damped, it arrives.

    And 100 plain steps from near the optimum, be they short or long, leave an RMSE over twenty
    times the least.
    """
    with pytest.raises(ValueError, match="exploded"):
        _full_gauss_newton(*cell, (0.76, 1e-8, 2.0, 0.3, 0.001))

    for rate in (0.003, 0.02):
        theta = torch.tensor(_START, dtype=torch.float64).log()
        for _ in range(100):
            theta.requires_grad_()
            loss = diode_residuals(theta.exp(), *cell).square().mean()
            theta = (theta - rate * torch.autograd.grad(loss, theta)[0]).detach()

        assert _rmse(theta.exp(), *cell) > 20 * 9.8602e-4


def test_a_fit_out_of_steps_is_told_by_its_rmse(cell):
    """From n = 50 with a saturation current of 10 A, 100 steps do not arrive."""
    parameters = fit_single_diode(*cell, (1.0, 10.0, 50.0, 1.0, 1.0))

    assert _rmse(parameters, *cell) > 10 * 9.8602e-4


def test_a_shunt_without_a_trace_comes_back(cell):
    """With G_sh = 10⁻⁹ its column of the Jacobian is shorter than 10⁻⁸; the fit arrives."""
    start = (*_START[:4], 1e-9)

    _, J = jacobian(torch.tensor(start, dtype=torch.float64).log(), *cell)

    assert J[:, 4].norm() < 1e-8
    assert _rmse(fit_single_diode(*cell, start), *cell) == pytest.approx(9.8602e-4, abs=5e-9)


def test_bad_input_is_refused(cell):
    """Parameters and guesses not positive, other shapes, no data, one NaN or infinity."""
    V, I = cell  # noqa: E741
    last = torch.tensor([25])

    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive"):
            diode_residuals(_PUBLISHED * torch.tensor([1, 1, bad, 1, 1]), V, I)
    with pytest.raises(ValueError, match="positive"):
        fit_single_diode(V, I, (1.0, 1e-6, -1.5, 0.05, 0.02))
    for bad in ((0.76, 3e-7, 0.03, 0.04, 0.02), (0.76, 3e-7, 1.5, 40.0, 0.02)):
        with pytest.raises(ValueError, match="overflows"):
            fit_single_diode(V, I, bad)
    for call in (
        lambda *measured: diode_residuals(_PUBLISHED, *measured),
        lambda *measured: fit_single_diode(*measured, _START),
        lambda *measured: jacobian(_PUBLISHED.log(), *measured),
    ):
        for bad in ((V, I[1:]), (V[:0], I[:0]), (V[None], I[None]), (V[0], I[0])):
            with pytest.raises(ValueError, match="shape"):
                call(*bad)
        for bad in ((V.index_fill(0, last, math.nan), I), (V, I.index_fill(0, last, math.inf))):
            with pytest.raises(ValueError, match="finite"):
                call(*bad)
        for bad in (V.tolist(), V.long(), V.float(), V.half(), V * 1j):
            with pytest.raises(TypeError, match="float32 or float64"):
                call(bad, I)
            with pytest.raises(TypeError, match="float32 or float64"):
                call(V, bad)
    for bad in (_PUBLISHED.tolist(), _PUBLISHED.float()):
        for function in (diode_residuals, jacobian):
            with pytest.raises(TypeError, match="float32 or float64"):
                function(bad, V, I)
    with pytest.raises(ValueError, match="shape"):
        diode_residuals(_PUBLISHED[:4], V, I)
    for bad in (_PUBLISHED[:4], _PUBLISHED.expand(len(V), 5)):
        with pytest.raises(ValueError, match="shape"):
            jacobian(bad.log(), V, I)


def test_the_figure_shows_the_bend_and_the_residuals(save_figure, cell):
    """26 measured points on the fitted curve; below, what is left in milliampere."""
    V, I = cell  # noqa: E741
    parameters = fit_single_diode(V, I, _START)
    residuals = diode_residuals(parameters, V, I)
    rmse = _rmse(parameters, V, I)

    fig = Figure(figsize=(6, 4.2))
    top, bottom = fig.subplots(
        2, sharex=True, height_ratios=[2, 1], gridspec_kw={"hspace": 0.1}
    )
    top.plot(V, I + residuals, color="C0", label="single-diode model")
    top.plot(V, I, "o", color="C1", markersize=4, label="measured")
    top.set(ylabel="current (A)", title="R.T.C. solar cell at 33 °C")
    top.legend(loc="lower left")
    bottom.axhspan(-1000 * rmse, 1000 * rmse, color="0.9")
    bottom.plot(V, 1000 * residuals, "o", color="C1", markersize=4)
    bottom.text(-0.2, 1.6, f"RMSE = {1000 * rmse:.4f} mA")
    bottom.set(xlabel="voltage (V)", ylabel="residual (mA)", ylim=(-2.8, 2.8))

    model, measured = (line.get_ydata() for line in top.lines)
    assert len(measured) == 26
    assert np.abs(model - measured).max() < 2.6e-3
    assert np.sqrt(np.mean((model - measured) ** 2)) == pytest.approx(9.8602e-4, rel=1e-4)
    save_figure(fig)


def _by_scipy(V, I, start):  # noqa: E741
    fit = least_squares(
        lambda t: diode_residuals(torch.from_numpy(t).exp(), V, I).numpy(),
        np.log(start),
        method="lm",
    )
    return torch.from_numpy(np.exp(fit.x))


@pytest.mark.benchmark(group="3.2.2 Which optimiser finds the solar cell's parameters first?")
@pytest.mark.parametrize("method", ["scipy least_squares", "torch, damped Gauss–Newton"])
def test_two_optimisers_find_the_same_cell(benchmark, cell, method):
    """Theory counts evaluations of the model, a reverse pass as two.

    MINPACK takes 7 steps of 1 + 5, the five for differences; ours are simpler and smaller, 37,
    of 1 + 2 for value and Jacobian and 1 for the new point.
    """
    fit, ratio = {
        "scipy least_squares": (_by_scipy, 1),
        "torch, damped Gauss–Newton": (fit_single_diode, 37 * 4 / (7 * 6)),
    }[method]
    benchmark.extra_info.update(method=method, ratio=ratio, reason="evaluations of the model")

    parameters = benchmark(fit, *cell, _START)

    assert _rmse(parameters, *cell) == pytest.approx(9.8602e-4, abs=1e-8)
