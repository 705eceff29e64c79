"""3.2.3 — Yes, autograd can: by Planck's law the cosmic background has 2.7250 K.

Question
--------
By Planck's law a black body of temperature T radiates, per unit of frequency f,

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
- At long waves B is proportional to T, and an unknown brightness would hide T.
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

    Three tensors in float64, shape (n,): 1/cm, MJy/sr and the standard errors in MJy/sr.
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

    copies = torch.full_like(T, fit).requires_grad_()
    (slope,) = torch.autograd.grad(planck_radiance(wavenumber, copies).sum(), copies)
    error = sigma / slope
    error_of_fit = (error**-2).sum() ** -0.5
    mean = (T / error**2).sum() * error_of_fit**2
    assert mean.item() == pytest.approx(fit, rel=0, abs=1e-6)
    assert (error.norm() / 43 / error_of_fit).item() == pytest.approx(48, rel=0, abs=0.5)


@pytest.mark.misconception("read the temperature off the peak")
def test_the_peak_depends_on_the_form_of_the_law(firas):
    """The peak is at x = 2.82 per frequency, 4.97 per wavelength: that form says 1.6 K here."""
    x = torch.linspace(1, 8, 70_001, dtype=torch.float64)
    per_frequency = planck_radiance(x / 1.438777, _kelvin(1))
    per_wavelength = per_frequency * x**2  # B_f df = B_λ dλ, and df/dλ is as 1/λ²

    peaks = [x[B.argmax()].item() for B in (per_frequency, per_wavelength)]
    readings = [1.438777 * firas[0][firas[1].argmax()].item() / peak for peak in peaks]

    assert peaks == pytest.approx([2.82144, 4.96511], rel=0, abs=1e-4)
    assert readings == pytest.approx([2.78, 1.58], rel=0, abs=0.005)


def test_at_long_waves_brightness_hides_the_temperature(firas):
    """The slopes of A·B(ν, T) by A and by T are parallel at long waves, not on COBE's range."""
    one, T = _kelvin(1), _kelvin(2.725)

    def cosine(wavenumber):
        J = torch.autograd.functional.jacobian(
            lambda A, T: A * planck_radiance(wavenumber, T), (one, T)
        )
        return torch.nn.functional.cosine_similarity(*J, dim=0).item()

    assert cosine(firas[0]) < 0.95
    assert cosine(firas[0] / 1000) > 0.999999


def _slopes_in_si_units(wavelength, dtype):
    """The law's slopes at 5772 K by T and by λkT, from h, c, k, and that by T from hc/k."""
    T = torch.tensor(5772.0, dtype=dtype, requires_grad=True)
    h, c, k, wavelength = torch.tensor([_H, _C, _K, wavelength], dtype=dtype)
    energy = wavelength * k * T
    scale = 2 * h * c**2 / wavelength**5
    B = scale / torch.expm1(h * c / energy)
    with_ratio = scale / torch.expm1(1.438777e-2 / (wavelength * T))
    slopes = (*torch.autograd.grad(B, (T, energy)), *torch.autograd.grad(with_ratio, T))
    return [slope.item() for slope in slopes]


def test_float32_in_si_units_overflows_on_the_way_back():
    """In float32 ∂B/∂T at 5772 K and 500 nm is ∞ with h, c, k; right at 10 µm or with hc/k."""
    exact, on_the_way, _ = _slopes_in_si_units(500e-9, torch.float64)
    infrared, _, _ = _slopes_in_si_units(10e-6, torch.float64)

    slope, _, with_ratio = _slopes_in_si_units(500e-9, torch.float32)
    slope_of_infrared, _, _ = _slopes_in_si_units(10e-6, torch.float32)

    assert exact == pytest.approx(2.3e10, rel=0.02, abs=0)
    assert abs(on_the_way) > 3e39 > torch.finfo(torch.float32).max
    assert slope == torch.inf
    assert with_ratio == pytest.approx(exact, rel=1e-5, abs=0)
    assert slope_of_infrared == pytest.approx(infrared, rel=1e-5, abs=0)


@pytest.mark.edge
def test_a_fit_that_finds_no_temperature_says_so(firas):
    """Where T does not settle, as for radiances below zero, RuntimeError is raised."""
    with pytest.raises(RuntimeError):
        fit_temperature(firas[0], -firas[1], firas[2])


def test_the_figure_shows_the_fit_and_its_residuals(save_figure, firas):
    """The figure shows 43 points on the curve of the fit, and the residuals in units of σ."""
    wavenumber, radiance, sigma = firas
    T = fit_temperature(*firas)
    residuals = (radiance - planck_radiance(wavenumber, _kelvin(T))) / sigma
    fine = torch.linspace(0.5, 22, 300, dtype=torch.float64)

    fig = Figure(figsize=(6.4, 4.4), layout="constrained")
    top, bottom = fig.subplots(2, sharex=True, height_ratios=[2, 1])
    for kelvin, style in ((T, "-"), (2.5, ":"), (3.0, ":")):
        top.plot(fine, planck_radiance(fine, _kelvin(kelvin)), style, color="C0")
    top.lines[0].set_label(f"Planck's law, T = {T:.4f} K")
    top.plot(wavenumber, radiance, "o", color="C1", markersize=3.5, label="COBE/FIRAS")
    top.text(8.3, 470, "3 K", color="C0")
    top.text(3.4, 225, "2.5 K", color="C0")
    top.legend(loc="upper right")
    bottom.axhspan(-2, 2, color="0.9")
    bottom.plot(wavenumber, residuals, "o", color="C1", markersize=3.5)
    bottom.text(
        21.6, -3.6, f"χ² = {(residuals**2).sum():.1f}, 42 degrees of freedom", ha="right"
    )
    bottom.text(0.4, 2.6, "grey: ± 2σ")
    top.set(
        ylabel="radiance (MJy/sr)",
        title="Autograd finds the temperature of the cosmic background",
    )
    bottom.set(xlabel="wavenumber (1/cm)", ylabel="residual / σ", ylim=(-4, 4))

    drawn = bottom.lines[0].get_ydata()
    assert len(drawn) == len(top.lines[3].get_ydata()) == 43
    assert float((drawn**2).sum()) == pytest.approx(45.1, rel=0, abs=0.05)
    assert (np.abs(drawn) < 2).sum() >= 38
    save_figure(fig)
