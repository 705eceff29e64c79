"""3.1.2b — The normal equations square the condition number, and so lose twice the digits.

Question
--------
The closed form of least squares can be computed from XᵀX or from X itself.  How many digits of
w does each way get right, and on which data does it matter?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
With κ = σ₁/σ_d, the condition number of X, and ε = 2.2 · 10⁻¹⁶ in float64,

    QR of X               relative error of w  ≲  κ ε         −log₁₀(κε) digits
    Cholesky of XᵀX       relative error of w  ≲  κ² ε        and none beyond κ = 1/√ε ≈ 7 · 10⁷

On Longley's data QR gets 10.9 of the 15 certified digits right, and Cholesky 7.2.

Why
---
The singular values of XᵀX are the squares of those of X, so κ(XᵀX) = κ².  Rounding XᵀX changes
it by about ε‖X‖²; that is as large as its smallest eigenvalue σ_d² once κ²ε ≈ 1.  Then the
rounded matrix may not even be positive definite.  QR only rotates X, which keeps κ.

Longley's κ is 4.9 · 10⁹: κε says 6 digits for QR.  It gets more because QR does not care about
the units of the columns.  The κ that counts is that of X with columns of length 1, 4.3 · 10⁴.
(Residuals that are not zero add a term κ²ε · ‖y − Xw‖ / (‖X‖‖w‖) to both; here it is below κε.)

In practice
-----------
- Subtract the mean from each column and divide by its length: κ falls from 4.9 · 10⁹ to 110,
  and then even Cholesky gets 11 digits.  Most of κ is units and a far-away origin (the year!).
- The SVD rotates as well, but from both sides, so that it does see the units: its digits depend
  on the *order* of the columns, 6 to 12, until they are scaled.
- float32 has ε = 1.2 · 10⁻⁷: the normal equations are lost at κ = 2000.

References
----------
NIST Statistical Reference Datasets, *Longley* and *Wampler1/2* (certified values).  Å. Björck,
*Numerical Methods for Least Squares Problems* (SIAM, 1996).

Hints
-----
1. What are the singular values of XᵀX?
2. How large is the rounding error of an entry of XᵀX, beside its smallest eigenvalue?
3. Multiply one column by 1000.  What happens to κ, and what to the digits of QR?
"""

import math
from itertools import permutations

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure
from torch.linalg import LinAlgError

_CERTIFIED = torch.tensor(
    [
        -3482258.63459582,
        15.0618722713733,
        -0.0358191792925910,
        -2.02022980381683,
        -1.03322686717359,
        -0.0511041056535807,
        1829.15146461355,
    ],
    dtype=torch.float64,
)


def normal_equations(X, y):
    """The least-squares w by Cholesky of XᵀX: X (…, n, d), y (…, n), result (…, d).

    Leading axes are a batch.  Raises LinAlgError ("positive definite") where rounding has made
    XᵀX, of any problem in the batch, lose that; ValueError ("shape") if X and y do not fit and
    ("finite") for NaN or infinity; TypeError ("floating-point") unless both are tensors of
    float32 or both of float64.
    """
    _check(X, y)
    L, failed = torch.linalg.cholesky_ex(X.mT @ X)
    if failed.any():
        raise LinAlgError("XᵀX is not positive definite after rounding: take QR of X instead")
    return torch.cholesky_solve(X.mT @ y[..., None], L)[..., 0]


def least_squares_by_qr(X, y):
    """The same w by QR of X, for n ≥ d.  Refuses X and y as `normal_equations` does; raises
    LinAlgError ("zero pivot") where a pivot of R is exactly 0, as for a column of zeros.  Other
    dependence is mostly hidden by rounding (3.1.2a refuses it).
    """
    _check(X, y)
    Q, R = torch.linalg.qr(X)
    if (R.diagonal(dim1=-2, dim2=-1) == 0).any():
        raise LinAlgError("zero pivot: the columns of X are dependent")
    return torch.linalg.solve_triangular(R, Q.mT @ y[..., None], upper=True)[..., 0]


def correct_digits(estimate, exact):
    """How many decimal digits of the worst component are right: −log₁₀ max|estimate/exact − 1|.

    Of two tensors of one shape, (…, d), without zeros in `exact`; shape (…).  Infinite if all
    are equal.  Raises TypeError ("floating-point") for anything else, ValueError ("shape") for
    two shapes, ("finite") for NaN or infinity and ("zero") for a zero in `exact`.
    """
    _check_numbers(estimate, exact)
    if estimate.shape != exact.shape:
        raise ValueError(
            f"expected one shape, got {tuple(estimate.shape)}, {tuple(exact.shape)}"
        )
    if (exact == 0).any():
        raise ValueError("an exact value of zero has no relative error")
    return -((estimate - exact) / exact).abs().amax(-1).log10()


def _check_numbers(*tensors):
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in tensors}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected floating-point tensors, float32 or float64, got {dtypes}")
    if not all(t.isfinite().all() for t in tensors):
        raise ValueError("expected finite numbers, got NaN or infinity")


def _check(X, y):
    _check_numbers(X, y)
    if X.dim() < 2 or X.shape[:-1] != y.shape or 0 in X.shape or X.shape[-2] < X.shape[-1]:
        raise ValueError(
            "expected X of shape (…, n, d), n ≥ d ≥ 1, and y of shape (…, n), "
            f"got {tuple(X.shape)} and {tuple(y.shape)}"
        )


@pytest.fixture
def longley_problem(longley):
    """X with a column of ones first, (16, 7), and y, (16,)."""
    table = torch.tensor(longley.to_numpy(dtype=float, copy=True))
    return torch.cat((torch.ones(16, 1, dtype=torch.float64), table[:, 1:]), 1), table[:, 0]


def _svd_solution(X, y):
    U, s, Vh = torch.linalg.svd(X, full_matrices=False)
    return (Vh.mT @ ((U.mT @ y[..., None]) / s[..., None]))[..., 0]


def test_digits_are_counted_rightly():
    """Off by 10⁻³ and 10⁻⁵: the worst counts, in a batch row by row; equal is infinite."""
    exact = torch.tensor([[2.0, -4.0], [1.0, 1.0]], dtype=torch.float64)

    digits = correct_digits(exact * torch.tensor([[1 - 1e-5, 1.001], [1, 1]]).double(), exact)

    assert digits.shape == (2,)
    assert digits[0].item() == pytest.approx(3, abs=1e-4)
    assert digits[1] == torch.inf
    with pytest.raises(ValueError, match="zero"):
        correct_digits(exact, exact - 1)
    with pytest.raises(ValueError, match="shape"):
        correct_digits(exact, exact[0])


def test_exact_fractions_confirm_the_certified_values(longley):
    """Longley's table as rational numbers: the normal equations, solved without rounding."""
    table = [[sp.Rational(str(value)) for value in row] for row in longley.to_numpy().tolist()]
    X, y = sp.Matrix([[1, *row[1:]] for row in table]), sp.Matrix([row[0] for row in table])

    exact = (X.T * X).LUsolve(X.T * y)

    assert (X.T * (y - X * exact)).is_zero_matrix
    assert len(exact) == 7
    assert [f"{float(w):.14e}" for w in exact] == [f"{w:.14e}" for w in _CERTIFIED.tolist()]


def test_longley_keeps_eleven_digits_by_qr_and_seven_by_cholesky(longley_problem):
    """On the data as they are: κε is 10⁻⁶, and 10⁻¹¹ with columns of length 1."""
    X, y = longley_problem

    qr, cholesky, svd = (
        correct_digits(solve(X, y), _CERTIFIED).item()
        for solve in (least_squares_by_qr, normal_equations, _svd_solution)
    )

    assert qr > 10.7
    assert svd > 10.7
    assert 6 < cholesky < 9
    assert torch.linalg.cond(X).item() == pytest.approx(4.859e9, rel=1e-3)
    assert torch.linalg.cond(X / X.norm(dim=0)).item() == pytest.approx(43275, rel=1e-3)


def test_the_units_of_the_columns_do_not_matter_to_qr(longley_problem):
    """Armed forces in units of 1/1024: κ grows a hundredfold and more, and w is the same."""
    X, y = longley_problem
    scale = torch.ones(7, dtype=torch.float64)
    scale[5] = 2.0**10

    w = least_squares_by_qr(X * scale, y) * scale

    np.testing.assert_allclose(w, least_squares_by_qr(X, y), rtol=1e-12, strict=True)
    assert torch.linalg.cond(X * scale) > 100 * torch.linalg.cond(X)


def test_the_order_of_the_columns_matters_to_the_svd_only(longley_problem):
    """All 5040 orders: QR never falls to 10 digits, the SVD falls to 6 until it is scaled."""
    X, y = longley_problem
    orders = torch.tensor(list(permutations(range(7))))
    X, y, exact = X[:, orders].permute(1, 0, 2), y.expand(5040, 16), _CERTIFIED[orders]
    lengths = X.norm(dim=1)

    qr = correct_digits(least_squares_by_qr(X, y), exact)
    svd = correct_digits(_svd_solution(X, y), exact)
    scaled = correct_digits(_svd_solution(X / lengths[:, None], y) / lengths, exact)

    assert qr.shape == (5040,)
    assert qr.min() > 10
    assert scaled.min() > 10
    assert svd.min() < 8 < 11 < svd.max()


def test_centring_and_scaling_save_the_normal_equations(longley_problem):
    """κ falls to 110, and Cholesky gets more than 11 digits, the intercept included."""
    X, y = longley_problem
    means = X[:, 1:].mean(0)
    centred = X[:, 1:] - means
    lengths = centred.norm(dim=0)

    slopes = normal_equations(centred / lengths, y - y.mean()) / lengths
    w = torch.cat(((y.mean() - means @ slopes)[None], slopes))

    assert torch.linalg.cond(centred / lengths).item() == pytest.approx(110.5, rel=1e-3)
    assert correct_digits(w, _CERTIFIED) > 11


@pytest.mark.parametrize("base", [1, 10], ids=["Wampler 1", "Wampler 2"])
def test_wampler_s_polynomials_are_known_without_a_table(base):
    """Σ (x/base)ʲ for x = 0 … 20 and j ≤ 5: all w are 1, or 10⁻ʲ.  Bounds: 10 κε and 10 κ²ε."""
    x = torch.arange(21, dtype=torch.float64)
    X = x[:, None] ** torch.arange(6)
    exact = [float(sum(sp.Rational(i, base) ** j for j in range(6))) for i in range(21)]
    y = torch.tensor(exact, dtype=torch.float64)
    w = torch.tensor([base**-j for j in range(6)], dtype=torch.float64)
    kappa, eps = torch.linalg.cond(X).item(), torch.finfo(torch.float64).eps

    by_qr, by_cholesky = (solve(X, y) for solve in (least_squares_by_qr, normal_equations))

    assert kappa == pytest.approx(6.4e6, rel=0.01)
    assert ((by_qr - w).norm() / w.norm()).item() < 10 * kappa * eps
    assert ((by_cholesky - w).norm() / w.norm()).item() < 10 * kappa**2 * eps
    assert correct_digits(by_qr, w) > correct_digits(by_cholesky, w) + 1


def _errors(torch_rng, solve, kappa, dtype=torch.float64, repetitions=50):
    """Relative errors of w for random X (30 × 5) with the condition number κ and y = Xw."""
    shapes = (repetitions, 30, 5), (repetitions, 5, 5)
    U, V = (
        torch.linalg.qr(torch.randn(shape, generator=torch_rng, dtype=torch.float64))[0]
        for shape in shapes
    )
    X = (U * torch.logspace(0, -math.log10(kappa), 5, dtype=torch.float64)) @ V.mT
    w = torch.nn.functional.normalize(
        torch.randn(repetitions, 5, generator=torch_rng, dtype=torch.float64)
    )
    w, X = w.to(dtype), X.to(dtype)
    return (solve(X, (X @ w[..., None])[..., 0]) - w).norm(dim=1)


def _slope(kappas, errors):
    line = torch.stack([torch.log10(torch.tensor(kappas)), torch.ones(len(kappas))], 1).double()
    return least_squares_by_qr(line, torch.stack(errors).double().log10())[0].item()


@pytest.mark.seeds(3)
def test_the_error_grows_with_kappa_or_with_its_square(torch_rng):
    """Slopes 1 and 2 on the log scale, from κ = 10² to 10⁶; medians of 50 problems each.

    A median of 50 scatters by a factor of 1.5 or so, which tilts a line over four decades by
    0.1.
    """
    kappas = [10.0**k for k in range(2, 7)]

    qr, cholesky = (
        [_errors(torch_rng, solve, kappa).median() for kappa in kappas]
        for solve in (least_squares_by_qr, normal_equations)
    )

    assert _slope(kappas, qr) == pytest.approx(1, abs=0.2)
    assert _slope(kappas, cholesky) == pytest.approx(2, abs=0.2)


def test_beyond_one_over_root_epsilon_cholesky_gives_up(torch_rng):
    """At κ = 10⁹ XᵀX is no longer positive definite after rounding; QR still has 6 digits."""
    with pytest.raises(LinAlgError, match="positive definite"):
        _errors(torch_rng, normal_equations, 1e9)

    assert _errors(torch_rng, least_squares_by_qr, 1e9).median() < 1e-6


@pytest.mark.misconception("the closed form is exact, so it does not matter how it is computed")
def test_float32_loses_the_normal_equations_at_a_modest_kappa(torch_rng):
    """At κ = 2000, κ²ε ≈ ½: errors above 1 %, where QR has four digits."""
    kappa = 2000

    qr, cholesky = (
        _errors(torch_rng, solve, kappa, torch.float32).median().item()
        for solve in (least_squares_by_qr, normal_equations)
    )

    assert qr < 1e-4
    assert cholesky > 1e-2


def test_bad_problems_are_refused():
    """No floats, shapes that do not fit, no data, more columns than rows, NaN, rank 1."""
    X, y = torch.eye(3, 2), torch.ones(3)

    for function in (normal_equations, least_squares_by_qr, lambda X, y: correct_digits(y, X)):
        for bad in (X.tolist(), X.long(), X.half(), X.double(), X * 1j):
            with pytest.raises(TypeError, match="floating-point"):
                function(bad, y)
    for bad in ((y * torch.nan, y), (y, y * torch.inf)):
        with pytest.raises(ValueError, match="finite"):
            correct_digits(*bad)

    for solve in (normal_equations, least_squares_by_qr):
        wide = X.T.expand(4, 2, 3), y.expand(4, 3)[:, :2]
        rows = (X, y[:2]), (X[:0], y[:0]), (X[:, :0], y), (X.T, y[:2]), wide
        for bad, targets in (*rows, (y, y), (y, y[0]), (X, y[:, None])):
            with pytest.raises(ValueError, match="shape"):
                solve(bad, targets)
        for bad, targets in ((X * torch.nan, y), (X, y * torch.inf)):
            with pytest.raises(ValueError, match="finite"):
                solve(bad, targets)
    with pytest.raises(LinAlgError, match="positive definite"):
        normal_equations(torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.ones(2))
    with pytest.raises(LinAlgError, match="zero pivot"):
        least_squares_by_qr(torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.ones(2))


def test_the_figure_shows_one_slope_twice_the_other(save_figure, torch_rng):
    """Points are medians of 50 problems; the lines κε and κ²ε are theory, not fits."""
    eps = torch.finfo(torch.float64).eps
    ways = {
        "Cholesky of XᵀX": (normal_equations, "s", range(1, 8), 2, "κ²ε"),
        "QR of X": (least_squares_by_qr, "o", range(1, 13), 1, "κε"),
    }

    fig = Figure(figsize=(6, 3.8))
    ax = fig.subplots()
    for color, (name, (solve, marker, powers, slope, law)) in enumerate(ways.items()):
        kappas = [10.0**k for k in powers]
        errors = [_errors(torch_rng, solve, kappa).median().item() for kappa in kappas]
        ax.plot(kappas, errors, marker, color=f"C{color}", label=name)
        ends = [10, min(1e13, eps ** (-1 / slope))]
        ax.plot(ends, [eps * kappa**slope for kappa in ends], "--", color=f"C{color}")
        middle = 10 ** (4 if slope == 2 else 8)
        ax.annotate(
            law,
            (middle, eps * middle**slope),
            xytext=(-6, 6),
            textcoords="offset points",
            ha="right",
            color=f"C{color}",
        )
    ax.axvspan(eps**-0.5, 1e13, color="0.9", zorder=0)
    ax.text(1e9, 3e-16, "XᵀX is singular\nafter rounding")
    ax.set(xscale="log", yscale="log", xlabel="condition number κ of X", xlim=(5, 1e13))
    ax.set(ylabel="relative error of w", ylim=(1e-16, 10))
    ax.legend(loc="upper left")

    squares, _, circles, _ = (line.get_data() for line in ax.lines)
    assert len(squares[0]) == 7
    assert len(circles[0]) == 12
    assert all(s > c for s, c in zip(squares[1], circles[1], strict=False))
    assert all(error < eps * kappa for kappa, error in zip(*circles, strict=True))
    assert all(error < eps * kappa**2 for kappa, error in zip(*squares, strict=True))
    save_figure(fig)
