"""3.2.3 — Yes, autograd can: by Planck's law the cosmic background has 2.7250 K.

Question
--------
By Planck's law a black body of temperature T radiates at frequency f, per unit of it,

    B(f, T) = (2hf³/c²) / (exp(hf/(kT)) − 1)

Can autograd find T from a measured spectrum?  Try COBE's, of the cosmic background: 43
wavenumbers ν = f/c in 1/cm, radiances in MJy/sr (1 MJy = 10⁻²⁰ W m⁻² Hz⁻¹), errors σ.
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.3 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
Yes: T = 2.725015 ± 0.000008 K.  In the table's units 2hc = 39.72892, hc/k = 1.438777 cm K, and

    B(ν, T) = 39.72892 ν³ / (eˣ − 1),     x = 1.438777 ν/T

Minimise χ² = Σ ((measured − B)/σ)².  Autograd gives the slope s = ∂B/∂T of each point, and T
moves by (Σ s(measured − B)/σ²) / (Σ s²/σ²), until it stands still.  There χ² is 45.1.

Why
---
For a small step δ, B(ν, T + δ) ≈ B + sδ.  So each step is linear regression with one weight δ
(Gauss, Newton).  The standard error of T is 1/√(Σ s²/σ²); χ² is near 43 − 1 if the law holds.

In practice
-----------
- Any single point gives a T, too.  The mean of all 43 has 48 times the error of the fit, as far
  beyond the peak hardly any signal is left.
- In float32 with h, c, k in SI units ∂B/∂T at 500 nm and 5772 K comes out as ∞.  It is only
  2.3·10¹⁰, but on its way back autograd meets ∂B/∂(λkT), beyond 3·10³⁹.

Hints
-----
1. Write the law with ν instead of f.  Which combinations of h, c and k are left?
2. How far would T have to move if B were a straight line in T, with the slope from autograd?
"""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import least_squares

_TWO_HC = 39.72892  # 2hc, in MJy/sr cm³
_HC_OVER_K = 1.438777  # hc/k, in cm K


def planck_radiance(wavenumber, temperature):
    """Radiance of a black body in MJy/sr, from wavenumbers in 1/cm and temperatures in K.

    Tensors, wavenumbers (n,) with temperatures (n,) or (); autograd can differentiate by T.
    """
    return _TWO_HC * wavenumber**3 / torch.expm1(_HC_OVER_K * wavenumber / temperature)


def fit_temperature(wavenumber, radiance, sigma):
    """The T in K that makes χ² = Σ ((radiance − B)/σ)² least, a float.

    Three float64 tensors (n,): in 1/cm, in MJy/sr, and the standard errors of these in MJy/sr.
    Raises RuntimeError if T does not settle.
    """
    T = _HC_OVER_K * wavenumber.mean()  # hot enough for B to be almost straight in T
    for _ in range(100):
        copies = T.expand(len(radiance)).clone().requires_grad_()
        B = planck_radiance(wavenumber, copies)
        (slope,) = torch.autograd.grad(B.sum(), copies)
        step = slope @ ((radiance - B.detach()) / sigma**2) / (slope @ (slope / sigma**2))
        T = T + step
        if abs(step) < 1e-9 * T:
            return T.item()
    raise RuntimeError("T has not settled after 100 steps")


_H, _C, _K = 6.62607015e-34, 299792458.0, 1.380649e-23  # SI, exact by definition


def _by_scipy(wavenumber, radiance, sigma, start):
    """T, its standard error and χ², from the law in SI units and without autograd."""
    f, measured, sigma = 100 * _C * wavenumber.numpy(), radiance.numpy(), sigma.numpy()

    def residuals(T):
        B = 2 * _H * f**3 / _C**2 / np.expm1(_H * f / (_K * T)) * 1e20
        return (measured - B) / sigma

    fit = least_squares(residuals, [start], x_scale="jac", xtol=1e-12)
    assert fit.success
    return fit.x[0], 1 / np.linalg.norm(fit.jac), 2 * fit.cost


@pytest.fixture
def firas(cmb_spectrum):
    """Wavenumber, radiance and its standard error, 43 each."""
    table = torch.tensor(cmb_spectrum.to_numpy(dtype=float))
    return table[:, 0], table[:, 1], table[:, 3] / 1000


def _kelvin(*T):
    return torch.tensor(T, dtype=torch.float64)


def test_the_cosmic_background_has_2_725_kelvin(firas):
    """COBE's data have T = 2.725015 K, standard error 7.6 µK, and χ² = 45.1 from 43 points."""
    T = fit_temperature(*firas)

    expected, error, _ = _by_scipy(*firas, start=2.5)
    chi_squared = (((firas[1] - planck_radiance(firas[0], _kelvin(T))) / firas[2]) ** 2).sum()
    assert (round(expected, 6), round(error * 1e6, 1)) == (2.725015, 7.6)
    assert abs(T - expected) < 1e-6  # an eighth of the standard error
    assert chi_squared.item() == pytest.approx(45.1, rel=0, abs=0.05)


@pytest.mark.parametrize("T", [2.725, 300.0, 5772.0])
def test_the_law_in_the_table_s_units_is_the_law_in_si_units(T):
    """B is Planck's law in SI units at 2.725, 300 and 5772 K, from x = 0.01 to 20."""
    x = torch.logspace(-2, 1.3, 50, dtype=torch.float64)
    wavenumber = x * T / 1.438777

    B = planck_radiance(wavenumber, _kelvin(T))

    f = 100 * _C * wavenumber
    expected = 2 * _H * f**3 / _C**2 / torch.expm1(_H * f / (_K * T)) * 1e20
    # 2hc and hc/k have seven digits, and log B changes by less than 1 + x times the latter's
    assert ((B / expected - 1).abs() < 1e-7 * (2 + x)).all()


@pytest.mark.parametrize("T", [2.725, 300.0, 5772.0])
@pytest.mark.seeds(3)
def test_other_bodies_are_measured_as_well(torch_rng, T):
    """From 60 points with 5 or 50 % of noise T is that of SciPy, within 5 errors of truth."""
    wavenumber = torch.linspace(0.3, 8, 60, dtype=torch.float64) * T / 1.438777
    B = planck_radiance(wavenumber, _kelvin(T))
    sigma = B * torch.tensor([0.05, 0.5], dtype=torch.float64).repeat(30)
    radiance = B + sigma * torch.randn(60, generator=torch_rng, dtype=torch.float64)

    found = fit_temperature(wavenumber, radiance, sigma)

    expected, error, _ = _by_scipy(wavenumber, radiance, sigma, start=T)
    assert found == pytest.approx(expected, rel=1e-6, abs=0)
    assert abs(found - T) < 5 * error


@pytest.mark.misconception("solve the law at each point and take the mean")
def test_the_fit_is_a_weighted_mean_of_the_temperatures_of_the_points(firas):
    """The fit is the mean of 43 temperatures, each with the weight 1/error².

    The plain mean has an error that is 48 times as large.
    """
    wavenumber, radiance, sigma = firas
    T = 1.438777 * wavenumber / torch.log1p(39.72892 * wavenumber**3 / radiance)

    fit = fit_temperature(*firas)

    x = 1.438777 * wavenumber / fit
    error = sigma * fit * (-torch.expm1(-x)) / (x * planck_radiance(wavenumber, _kelvin(fit)))
    weight = error**-2
    assert ((weight @ T) / weight.sum()).item() == pytest.approx(fit, rel=0, abs=1e-6)
    assert (error.norm() / 43 * weight.sum() ** 0.5).item() == pytest.approx(48, rel=0, abs=0.5)


def test_float32_in_si_units_overflows_on_the_way_back():
    """In float32 ∂B/∂T at 5772 K, 500 nm is ∞ with h, c, k: ∂B/∂(λkT) is beyond its range."""

    def slopes(dtype):
        T = torch.tensor(5772.0, dtype=dtype, requires_grad=True)
        h, c, k, wavelength = torch.tensor([_H, _C, _K, 500e-9], dtype=dtype)
        energy = wavelength * k * T
        B = 2 * h * c**2 / wavelength**5 / torch.expm1(h * c / energy)
        return [slope.item() for slope in torch.autograd.grad(B, (T, energy))]

    exact, on_the_way = slopes(torch.float64)
    assert exact == pytest.approx(2.3e10, rel=0.02, abs=0)
    assert abs(on_the_way) > 3e39 > torch.finfo(torch.float32).max
    assert slopes(torch.float32)[0] == torch.inf


@pytest.mark.edge
def test_a_fit_that_finds_no_temperature_says_so(firas):
    """Where T does not settle, as for radiances below zero, RuntimeError is raised."""
    with pytest.raises(RuntimeError):
        fit_temperature(firas[0], -firas[1], firas[2])


def test_the_figure_shows_the_fit_and_its_residuals(save_figure, firas):
    """43 points on the curve of the fit; of the residuals at least 38 are within ± 2σ."""
    wavenumber, radiance, sigma = firas
    T = fit_temperature(*firas)
    residuals = (radiance - planck_radiance(wavenumber, _kelvin(T))) / sigma
    fine = torch.linspace(0.5, 22, 300, dtype=torch.float64)

    fig = Figure(figsize=(6.4, 4.4), layout="constrained")
    top, bottom = fig.subplots(2, sharex=True, height_ratios=[2, 1])
    for kelvin, style in ((T, "-"), (2.5, ":"), (3.0, ":")):
        top.plot(fine, planck_radiance(fine, _kelvin(kelvin)), style, color="C0")
    top.lines[0].set_label(f"Planck's law, T = {T:.4f} K (dotted: 2.5 and 3 K)")
    top.plot(wavenumber, radiance, "o", color="C1", markersize=3.5, label="COBE/FIRAS")
    top.legend(loc="upper right")
    top.set(ylabel="radiance (MJy/sr)", ylim=(0, 560))
    top.set_title("Autograd finds the temperature of the cosmic background")
    bottom.axhspan(-2, 2, color="0.9")
    bottom.plot(wavenumber, residuals, "o", color="C1", markersize=3.5)
    bottom.text(
        0.4, -3.5, f"grey: ± 2σ; χ² = {(residuals**2).sum():.1f}, 42 degrees of freedom"
    )
    bottom.set(xlabel="wavenumber (1/cm)", ylabel="residual / σ", ylim=(-4, 4))

    assert (np.abs(bottom.lines[0].get_ydata()) < 2).sum() >= 38
    save_figure(fig)
