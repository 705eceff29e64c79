"""3.2.3 — The shape of a spectrum tells its temperature: fit log T, with c₂ for h, c, k.

Question
--------
Planck's law gives the radiance of a black body at every wavelength.  Determine the temperature
of a body from its measured spectrum with automatic differentiation.
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>

Answer
------
With the wavenumber ν (waves per cm), the law is one curve in x = c₂ν/T, scaled:

    B(ν, T) = 2hcν³ / (eˣ − 1)        c₂ = hc/k = 1.438777 cm K

Minimise χ² = Σ ((B − measured)/σ)² over θ = log T: θ may be any number, T stays positive, and a
step in θ means the same at 3 K and at 3000 K.  On COBE's 43 measurements of the cosmic
background this gives T = 2.7250 K with χ² = 45.1 for 42 degrees of freedom.

Why
---
∂log B/∂log T = x eˣ/(eˣ − 1) is near 1 for small x and near x for large: beyond the peak the
radiance answers to T most.  For small x, B ≈ 2hcν²T/c₂ (Rayleigh and Jeans): there T is only a
factor, and an unknown amplitude can't be told from it.

In practice
-----------
- In float32 and SI units h = 6.6·10⁻³⁴ and k = 1.4·10⁻²³ are numbers near the end of the range.
  Values come out right and the *gradient* of B by T is infinite.  With c₂ alone all is well.
- eˣ overflows in float32 from x = 88.7 on.  Where a spectrum spans decades fit its logarithm,
  3 log ν − x − log(1 − e⁻ˣ), which stays finite.
- The peak is flat: half a per cent of noise moves it by several per cent, as the measured
  channels are 8 % apart there.

References
----------
D. J. Fixsen et al., Astrophysical Journal 473 (1996) 576 (the spectrum).  The table was
published as a 2.725 K black body plus a residual, so this tests the fit, not the calibration.

Hints
-----
1. Which combination of h, c and k does the shape of the spectrum depend on?
2. Which parameter can take every real value while T stays positive?
3. How large is eˣ at the short-wave end, and how large its logarithm?
"""

import math
from functools import partial
from numbers import Real

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import brentq, least_squares, minimize

SECOND_RADIATION_CONSTANT = 1.438776877
"""c₂ = hc/k in cm K, CODATA 2018: exact to the digits given."""

_PLANCK, _LIGHT, _BOLTZMANN = (
    6.62607015e-34,
    299792458.0,
    1.380649e-23,
)  # SI, exact by definition
_FIRST = 2 * _PLANCK * _LIGHT * 10**26  # 2hc, 10⁶ for ν³ in cm⁻³, 10²⁰ MJy in W m⁻² Hz⁻¹


def planck_radiance(wavenumber, temperature):
    """Spectral radiance in MJy/sr, 2hcν³/(eˣ − 1): wavenumber in 1/cm, temperature in K.

    Tensors that broadcast, both float32 or float64, without numbers too.  An edge: 0, not NaN,
    where eˣ overflows.  Raises TypeError ("floating-point"), and ValueError ("positive") unless
    both are finite and positive, ("broadcast") for shapes that do not.
    """
    _check(wavenumber, temperature)
    x = SECOND_RADIATION_CONSTANT * wavenumber / temperature
    return _FIRST * wavenumber**3 / torch.expm1(x)


def log_planck_shape(wavenumber, temperature):
    """3 log ν − log(eˣ − 1): the logarithm of the radiance but for a constant.

    An edge: finite, with a finite gradient, however large x is.  Refuses what `planck_radiance`
    refuses.
    """
    _check(wavenumber, temperature)
    x = SECOND_RADIATION_CONSTANT * wavenumber / temperature
    return 3 * wavenumber.log() - x - torch.log(-torch.expm1(-x))


def fit_temperature(wavenumber, radiance, sigma, start):
    """The T in K that makes χ² least, and that χ²: two floats, from a first guess in K.

    Autograd gives the slope of χ² by log T, BFGS the steps.
    Float64 tensors of one shape, in the units of `planck_radiance`.  Raises TypeError
    ("floating-point"), ValueError ("one shape"), ("positive") for a σ or a guess that is not,
    and ("finite") for NaN or infinity.
    """
    _check_floats(wavenumber, radiance, sigma)
    if not wavenumber.shape == radiance.shape == sigma.shape or wavenumber.numel() == 0:
        raise ValueError("expected measurements of one shape, and at least one")
    if not radiance.isfinite().all():
        raise ValueError("expected finite radiances, got NaN or infinity")
    if not isinstance(start, Real):
        raise TypeError(f"expected a floating-point number as first guess, got {start!r}")
    _check(sigma, torch.tensor(float(start)).to(sigma))

    def chi_squared(theta):
        theta = torch.from_numpy(theta).requires_grad_()
        value = (((planck_radiance(wavenumber, theta.exp()) - radiance) / sigma) ** 2).sum()
        return value.item(), torch.autograd.grad(value, theta)[0].numpy()

    fit = minimize(chi_squared, [math.log(start)], jac=True, method="BFGS")
    return math.exp(fit.x[0]), fit.fun


def _check_floats(*tensors):
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in tensors}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected floating-point tensors, float32 or float64, got {dtypes}")


def _check(*quantities):
    _check_floats(*quantities)
    if not all(((q > 0) & q.isfinite()).all() for q in quantities):
        raise ValueError("expected finite, positive numbers")
    try:
        torch.broadcast_shapes(*(q.shape for q in quantities))
    except RuntimeError:
        raise ValueError("expected shapes that broadcast") from None


def _double(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


@pytest.fixture
def firas(cmb_spectrum):
    """Wavenumber (1/cm), radiance and its standard error (both MJy/sr), 43 each."""
    table = _double(cmb_spectrum.to_numpy(dtype=float))
    return table[:, 0], table[:, 1], table[:, 3] / 1000


def test_the_unit_is_that_of_the_measured_table(firas, cmb_spectrum):
    """The table's radiance is B(2.725 K) plus its residual, to the digits printed.

    With the c₂ of its time, CODATA 1986; that of today asks for 15 µK more.
    """
    residual = _double(cmb_spectrum["residual_kjy_per_sr"].to_numpy(dtype=float)) / 1000
    T = 2.725 * SECOND_RADIATION_CONSTANT / 1.438769

    difference = planck_radiance(firas[0], _double(T)) + residual - firas[1]

    assert difference.shape == (43,)
    assert difference.abs().max() < 0.001
    assert 14.8e-6 < T - 2.725 < 15.2e-6


def test_the_constant_is_that_of_physics():
    """hc/k from the defining constants of the SI, in cm K."""
    ratio = _PLANCK * _LIGHT / _BOLTZMANN * 100 / SECOND_RADIATION_CONSTANT

    assert ratio == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    ("form", "power", "peak"), [("wavenumber", 3, 2.821439), ("wavelength", 5, 4.965114)]
)
def test_wien_s_displacement(form, power, peak):
    """With k = 3 per wavenumber, 5 per wavelength, xᵏ/(eˣ − 1) peaks where x = k(1 − e⁻ˣ)."""
    x = torch.linspace(0.5, 12, 200_001, dtype=torch.float64)

    spectrum = planck_radiance(x / SECOND_RADIATION_CONSTANT, _double(1.0)) * x ** (power - 3)

    root = brentq(lambda x: x - power * (1 - math.exp(-x)), 1, 10)
    assert x[spectrum.argmax()].item() == pytest.approx(root, abs=1e-4)
    assert root == pytest.approx(peak, abs=5e-7)


def test_stefan_and_boltzmann_s_integral():
    """∫ x³/(eˣ − 1) dx = π⁴/15, so that twice the temperature radiates 16 times as much."""
    x = torch.linspace(1e-6, 60, 100_001, dtype=torch.float64)

    totals = [
        torch.trapezoid(planck_radiance(x / SECOND_RADIATION_CONSTANT, _double(T)), x)
        for T in (1.0, 2.0)
    ]

    scale = _FIRST / SECOND_RADIATION_CONSTANT**3
    assert (totals[0] / scale).item() == pytest.approx(math.pi**4 / 15, rel=1e-6)
    assert (totals[1] / totals[0]).item() == pytest.approx(16, rel=1e-4)


def test_the_long_wave_limit_is_rayleigh_and_jeans():
    """2hcν²T/c₂ for x = 10⁻⁶: there the radiance is in proportion to T."""
    wavenumber, T = _double(1e-6), _double(1.438776877)

    ratio = planck_radiance(wavenumber, T) / (
        _FIRST * wavenumber**2 * T / SECOND_RADIATION_CONSTANT
    )

    assert ratio.item() == pytest.approx(1 - 1e-6 / 2, abs=1e-11)


def test_the_logarithmic_derivative_grows_with_x():
    """∂log B/∂log T = x eˣ/(eˣ − 1), by autograd, through either form."""
    x = torch.logspace(-3, 2, 50, dtype=torch.float64)
    theta = torch.zeros(50, dtype=torch.float64, requires_grad=True)
    wavenumber = x / SECOND_RADIATION_CONSTANT

    for log_radiance in (
        planck_radiance(wavenumber, theta.exp()).log(),
        log_planck_shape(wavenumber, theta.exp()),
    ):
        (slope,) = torch.autograd.grad(log_radiance.sum(), theta)
        assert (slope / (x / -torch.expm1(-x)) - 1).abs().max() < 1e-12

    constant = planck_radiance(wavenumber, _double(2.0)).log() - log_planck_shape(
        wavenumber, _double(2.0)
    )
    assert (constant - math.log(_FIRST)).abs().max() < 1e-12


@pytest.mark.parametrize("start", [1.0, 2.0, 3.0, 10.0])
def test_the_cosmic_background_has_2_725_kelvin(firas, start):
    """2.7250 K, with 7.6 µK of standard error and χ² = 45.1 for 42 degrees of freedom."""
    wavenumber, radiance, sigma = firas

    T, chi_squared = fit_temperature(wavenumber, radiance, sigma, start)

    expected = least_squares(
        lambda T: ((planck_radiance(wavenumber, _double(T)) - radiance) / sigma).numpy(),
        [2.5],
        xtol=1e-15,
    )
    assert abs(T - 2.725) < 4 * 7.6e-6
    assert abs(T / expected.x[0] - 1) < 1e-8
    assert chi_squared == pytest.approx(2 * expected.cost, rel=1e-9)
    assert chi_squared == pytest.approx(45.1, abs=0.05)
    assert 1 / np.linalg.norm(expected.jac) == pytest.approx(7.6e-6, rel=0.01)


@pytest.mark.seeds(3)
def test_starlight_is_read_from_its_logarithm(torch_rng):
    """5772 K with 10 % of noise over 9 decades: Gauss–Newton on log B, log T, from 3000 K."""
    wavenumber = torch.logspace(3, 5.1, 200, dtype=torch.float64)
    noise = 0.1 * torch.randn(200, generator=torch_rng, dtype=torch.float64)
    measured = log_planck_shape(wavenumber, _double(5772.0)) + noise
    theta = _double(math.log(3000.0))

    for _ in range(20):
        x = SECOND_RADIATION_CONSTANT * wavenumber / theta.exp()
        slope = x / -torch.expm1(-x)
        residual = measured - log_planck_shape(wavenumber, theta.exp())
        theta = theta + (slope @ residual) / (slope @ slope)

    x = SECOND_RADIATION_CONSTANT * wavenumber / 5772
    error = 0.1 / (x / -torch.expm1(-x)).norm()
    assert measured.max() - measured.min() > 9 * math.log(10)
    assert abs(theta - math.log(5772)).item() < 4 * error.item()


def test_float32_loses_the_gradient_to_h_and_k():
    """At 500 nm and 5772 K: a right value and an infinite slope.  By c₂ both are right."""
    wavelength, T = torch.tensor(500e-9), torch.tensor(5772.0, requires_grad=True)
    h, c, k = (torch.tensor(value) for value in (_PLANCK, _LIGHT, _BOLTZMANN))

    value = 2 * h * c**2 / wavelength**5 / torch.expm1(h * c / (wavelength * k * T))
    (slope,) = torch.autograd.grad(value, T)
    by_c2 = planck_radiance(torch.tensor(20_000.0), T)
    (slope_by_c2,) = torch.autograd.grad(by_c2, T)

    x = SECOND_RADIATION_CONSTANT * 20_000 / 5772
    assert value.item() == pytest.approx(2.624e13, rel=1e-3)
    assert slope.isinf()
    expected = x / -math.expm1(-x)
    assert (slope_by_c2 * T / by_c2).item() == pytest.approx(expected, rel=1e-5)


def test_the_logarithm_outlives_the_exponential():
    """At x = 160 the float32 radiance is 0 and its slope NaN; log B has both."""
    wavenumber, T = torch.tensor(333_333.0), torch.tensor(3000.0, requires_grad=True)

    radiance = planck_radiance(wavenumber, T)
    (slope,) = torch.autograd.grad(radiance, T)
    log_shape = log_planck_shape(wavenumber, T)
    (log_slope,) = torch.autograd.grad(log_shape, T)

    x = SECOND_RADIATION_CONSTANT * 333_333 / 3000
    assert radiance == 0
    assert slope.isnan()
    assert log_shape.item() == pytest.approx(3 * math.log(333_333) - x, rel=1e-6)
    assert log_slope.item() == pytest.approx(x / 3000, rel=1e-6)


def test_an_unknown_amplitude_hides_the_temperature_at_long_waves(firas):
    """The columns by log amplitude and log T: apart on COBE's range, parallel at x < 0.01."""

    def condition(wavenumber):
        J = torch.autograd.functional.jacobian(
            lambda p: p[0].exp() * planck_radiance(wavenumber, p[1].exp()),
            _double([0.0, math.log(2.725)]),
        )
        return torch.linalg.cond(J / J.norm(dim=0)).item()

    assert condition(firas[0]) < 10
    assert condition(firas[0] / 2000) > 1000


@pytest.mark.misconception("read the temperature off the peak")
@pytest.mark.seeds(3)
def test_the_peak_is_a_poor_thermometer(firas, torch_rng):
    """With ½ % of noise it scatters over 100 times as much as the fit; and which peak is it?"""
    wavenumber = firas[0]
    clean = planck_radiance(wavenumber, _double(2.725))
    noisy = clean * (1 + 0.005 * torch.randn(200, 43, generator=torch_rng, dtype=torch.float64))

    by_peak = SECOND_RADIATION_CONSTANT * wavenumber[noisy.argmax(1)] / 2.821439
    x = SECOND_RADIATION_CONSTANT * wavenumber / 2.725
    slope = x / -torch.expm1(-x)
    by_fit = 2.725 * (1 + ((noisy / clean - 1) @ slope) / (slope @ slope))

    assert by_peak.std() > 100 * by_fit.std()
    assert by_peak.std() > 0.02 * 2.725
    wrong_form = SECOND_RADIATION_CONSTANT * wavenumber[clean.argmax()] / 4.965114
    assert wrong_form < 0.6 * 2.725


def test_bad_input_is_refused(firas):
    """Zero, negative or infinite quantities, numbers that are no tensors, unlike shapes."""
    wavenumber, radiance, sigma = firas
    one, last = _double(1.0), torch.tensor([42])

    for law in (planck_radiance, log_planck_shape):
        for bad in (0.0, -1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match="positive"):
                law(one, _double(bad))
            with pytest.raises(ValueError, match="positive"):
                law(_double(bad), one)
        with pytest.raises(TypeError, match="floating-point"):
            law(1.0, one)
        with pytest.raises(TypeError, match="floating-point"):
            law(one, torch.tensor(3))
        for bad in (one.float(), one.half()):
            with pytest.raises(TypeError, match="floating-point"):
                law(one, bad)
        with pytest.raises(ValueError, match="broadcast"):
            law(wavenumber, _double([2.7, 2.8]))
    for bad in ((wavenumber, radiance[1:], sigma), (wavenumber[:0], radiance[:0], sigma[:0])):
        with pytest.raises(ValueError, match="one shape"):
            fit_temperature(*bad, 3.0)
    for bad in (
        (wavenumber, radiance, sigma.index_fill(0, last, 0.0), 3.0),
        (*firas, -3.0),
        (-wavenumber, *firas[1:], 3),
    ):
        with pytest.raises(ValueError, match="positive"):
            fit_temperature(*bad)
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(wavenumber, radiance.index_fill(0, last, math.nan), sigma, 3.0)
    for place in range(3):
        measured = list(firas)
        for bad in (radiance.tolist(), radiance.long(), radiance.float(), radiance * 1j):
            measured[place] = bad
            with pytest.raises(TypeError, match="floating-point"):
                fit_temperature(*measured, 3.0)
    for start in ("3", None, 3j):
        with pytest.raises(TypeError, match="floating-point"):
            fit_temperature(*firas, start)


def test_the_figure_shows_the_fit_and_its_residuals(save_figure, firas):
    """The measured spectrum on the curve of 2.725 K; below, the residuals in units of σ."""
    wavenumber, radiance, sigma = firas
    T, chi_squared = fit_temperature(wavenumber, radiance, sigma, 3.0)
    residuals = (radiance - planck_radiance(wavenumber, _double(T))) / sigma

    fig = Figure(figsize=(6, 4.4))
    top, bottom = fig.subplots(
        2, sharex=True, height_ratios=[2, 1], gridspec_kw={"hspace": 0.1}
    )
    fine = torch.linspace(0.5, 22, 300, dtype=torch.float64)
    for kelvin, style in ((T, "-"), (2.5, ":"), (3.0, ":")):
        top.plot(fine, planck_radiance(fine, _double(kelvin)), style, color="C0", linewidth=1.2)
    top.plot(wavenumber, radiance, "o", color="C1", markersize=3.5)
    top.text(
        11, 330, f"T = {T:.4f} K,  χ² = {chi_squared:.1f} for {len(wavenumber) - 1}", color="C0"
    )
    top.text(8.2, 470, "3 K", color="C0")
    top.text(3.2, 190, "2.5 K", color="C0", ha="left")
    bottom.axhspan(-2, 2, color="0.9")
    bottom.plot(wavenumber, residuals, "o", color="C1", markersize=3.5)
    top.set(ylabel="radiance (MJy/sr)", title="Cosmic background, COBE/FIRAS")
    bottom.set(xlabel="wavenumber (1/cm)", ylabel="residual / σ", ylim=(-4, 4))

    drawn = bottom.lines[0].get_ydata()
    assert len(drawn) == 43
    assert float((drawn**2).sum()) == pytest.approx(chi_squared, rel=1e-6)
    assert (np.abs(drawn) < 2).sum() >= 38
    save_figure(fig)


def _by_torch(optimiser, steps):
    """A fit like `fit_temperature`, by an optimiser of torch's."""

    def fit(wavenumber, radiance, sigma, start):
        theta = torch.tensor(math.log(start), dtype=torch.float64, requires_grad=True)
        descent = optimiser([theta])

        def chi_squared():
            descent.zero_grad()
            T = theta.exp()
            loss = (((planck_radiance(wavenumber, T) - radiance) / sigma) ** 2).sum()
            loss.backward()
            return loss

        for _ in range(steps):
            descent.step(chi_squared)
        return math.exp(theta.item()), chi_squared().item()

    return fit


def _by_scipy(wavenumber, radiance, sigma, start):
    def residuals(theta):
        T = torch.as_tensor(theta).exp()
        return ((planck_radiance(wavenumber, T) - radiance) / sigma).numpy()

    fit = least_squares(residuals, [math.log(start)])
    return math.exp(fit.x[0]), 2 * fit.cost


# Evaluations of the spectrum as counted, with a slope three times as dear, and the fit.
_OPTIMISERS = {
    "autograd, BFGS": (3 * 9, lambda *data: fit_temperature(*data)),
    "scipy least_squares": (11, _by_scipy),
    "torch L-BFGS": (
        3 * 10,
        _by_torch(partial(torch.optim.LBFGS, line_search_fn="strong_wolfe"), 1),
    ),
    "torch Adam": (3 * 300, _by_torch(partial(torch.optim.Adam, lr=0.1), 300)),
}


@pytest.mark.benchmark(group="3.2.3 Which optimiser reaches χ² = 46 first?")
@pytest.mark.parametrize(
    "method",
    [
        pytest.param(name, marks=[pytest.mark.timed_only] if "torch" in name else [])
        for name in _OPTIMISERS
    ],
)
def test_every_optimiser_reaches_the_same_temperature(benchmark, firas, method):
    """From 3 K; those of torch only when timed, as `torch.optim` takes a second to import."""
    evaluations, fit = _OPTIMISERS[method]
    benchmark.extra_info.update(
        method=method, ratio=evaluations / 11, reason="evaluations of the spectrum"
    )

    T, chi_squared = benchmark(fit, *firas, 3.0)

    assert abs(T - 2.725) < 3e-4
    assert chi_squared < 46
