"""3.1.2b — The normal equations square the condition number, and so lose twice the digits.

Question
--------
When does the closed form w = (XᵀX)⁻¹Xᵀy fail, although X fits into memory?  What else can be
done with the same X and y?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.2 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
It fails if the columns of X are dependent: no single w exists.  It loses digits if they nearly
are.  Take the QR decomposition of X itself, which costs twice as much; the columns of Q are
perpendicular and of length 1, and R is a triangle:

    X = QR,  Rw = Qᵀy

On Longley's economic data 10.9 of 15 digits are right by QR, and 7.2 by the normal equations.

Why
---
The condition number κ = σ₁/σ_d, the largest singular value of X over the least, says how nearly
dependent the columns are.  XᵀX has the singular values σᵢ², so κ(XᵀX) = κ².  Rounding errs by a
part ε = 2.2 · 10⁻¹⁶ of each number, and w by about

    QR of X         κ ε         Cholesky of XᵀX     κ² ε: no digit is left at κ = 10⁸

Units do not matter to QR: κ is that of X with columns of length 1.  (A poor fit adds more.)

In practice
-----------
Name the driver of `lstsq`: `gelsd` knows the rank; the default, `gelsy`, has returned random
answers for dependent columns (pytorch issue 71222).

Hints
-----
1. What are the singular values of XᵀX, if those of X are σ₁, …, σ_d?
2. What does ‖QRw − y‖ become if you multiply by Qᵀ?
"""

import math

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure
from torch.linalg import LinAlgError
from torch.nn.functional import normalize


def _normal_equations(X, y):
    """The w of 3.1.2a, by Cholesky of XᵀX."""
    L = torch.linalg.cholesky(X.T @ X)
    return torch.cholesky_solve((X.T @ y)[:, None], L)[:, 0]


def independent_columns(X):
    """Whether no column of X, (n, d), is a combination of others, up to rounding: a bool."""
    return X.shape[0] >= X.shape[1] and _independent(torch.linalg.qr(X, mode="r").R, len(X))


def least_squares_by_qr(X, y):
    """The w, (d,), that makes ‖Xw − y‖ least, for X (n, d) and y (n,), with the digits of QR.

    Raises LinAlgError for dependent columns.
    """
    d = X.shape[1]
    # The last column of this R is Qᵀy: Q itself, as large as X, is never formed.
    R = torch.linalg.qr(torch.cat((X, y[:, None]), dim=1), mode="r").R
    if not _independent(R[:d, :d], len(X)):
        raise LinAlgError("the columns of X are dependent: there is no single w")
    return torch.linalg.solve_triangular(R[:d, :d], R[:d, d:], upper=True)[:, 0]


def _independent(R, n):
    """R has the column lengths and singular values of X; with lengths 1, none may vanish."""
    limits = torch.finfo(R.dtype)
    unit = normalize(R, dim=0, eps=limits.tiny)  # a column of zeros stays as it is
    return torch.linalg.svdvals(unit)[-1].item() > n * limits.eps


_EPS = torch.finfo(torch.float64).eps
# NIST Statistical Reference Datasets: the intercept and the six slopes of Longley's data
_CERTIFIED = torch.tensor(
    [
        *(-3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683),
        *(-1.03322686717359, -0.0511041056535807, 1829.15146461355),
    ],
    dtype=torch.float64,
)


def _digits(w, exact):
    """How many digits of the worst component are right."""
    return -((w - exact) / exact).abs().max().log10().item()


@pytest.fixture
def longley_problem(longley):
    """X with a column of ones first, (16, 7), and y, (16,)."""
    table = torch.tensor(longley.to_numpy(dtype=float, copy=True))
    return torch.cat((torch.ones(16, 1, dtype=torch.float64), table[:, 1:]), 1), table[:, 0]


def test_longley_keeps_eleven_digits_by_qr_and_seven_by_the_normal_equations(longley_problem):
    """Of Longley's 15 certified digits QR gets more than 10.5 right, Cholesky 6 to 9."""
    X, y = longley_problem

    assert _digits(least_squares_by_qr(X, y), _CERTIFIED) > 10.5
    assert 6 < _digits(_normal_equations(X, y), _CERTIFIED) < 9


def test_exact_fractions_confirm_the_certified_values(longley):
    """Longley's table as rational numbers has exactly the solution that NIST certifies."""
    table = [[sp.Rational(str(value)) for value in row] for row in longley.to_numpy().tolist()]
    X, y = sp.Matrix([[1, *row[1:]] for row in table]), sp.Matrix([row[0] for row in table])

    exact = (X.T * X).LUsolve(X.T * y)

    assert (X.T * (y - X * exact)).is_zero_matrix
    assert [f"{float(w):.14e}" for w in exact] == [f"{w:.14e}" for w in _CERTIFIED.tolist()]


@pytest.mark.parametrize("base", [1, 10], ids=["Wampler 1", "Wampler 2"])
def test_wampler_s_polynomials_are_known_without_a_table(base):
    """For y = Σ (x/base)ʲ, x = 0 … 20, j ≤ 5, QR errs by < 10 κε, Cholesky by < 10 κ²ε."""
    x = torch.arange(21, dtype=torch.float64)
    X = x[:, None] ** torch.arange(6)
    exact = [float(sum(sp.Rational(i, base) ** j for j in range(6))) for i in range(21)]
    y = torch.tensor(exact, dtype=torch.float64)
    w = torch.tensor([base**-j for j in range(6)], dtype=torch.float64)
    kappa = torch.linalg.cond(X)

    by_qr, by_cholesky = least_squares_by_qr(X, y), _normal_equations(X, y)

    assert (by_qr - w).norm() / w.norm() < 10 * kappa * _EPS
    assert (by_cholesky - w).norm() / w.norm() < 10 * kappa**2 * _EPS
    assert _digits(by_qr, w) > _digits(by_cholesky, w) + 1


def _error(generator, solve, kappa, dtype=torch.float64):
    """The median of 15 relative errors of w, for random X, (30, 5), of condition κ, y = Xw."""
    errors = []
    for _ in range(15):
        parts = [
            torch.randn(size, generator=generator, dtype=torch.float64)
            for size in ((30, 5), (5, 5), (5,))
        ]
        U, V = torch.linalg.qr(parts[0]).Q, torch.linalg.qr(parts[1]).Q
        s = torch.logspace(0, -math.log10(kappa), 5, dtype=torch.float64)
        X, w = (U * s @ V.T).to(dtype), (parts[2] / parts[2].norm()).to(dtype)
        errors.append((solve(X, X @ w) - w).norm().item())
    return sorted(errors)[7]


@pytest.mark.seeds(3)
def test_the_error_grows_with_kappa_or_with_its_square(torch_rng):
    """From κ = 10² to 10⁶ the error grows 10⁴ times by QR, and 10⁸ by the normal equations.

    A median of 15 scatters by a factor of 2.5: a ratio of two by less than ten.
    """
    by_qr, by_cholesky = (
        _error(torch_rng, solve, 1e6) / _error(torch_rng, solve, 1e2)
        for solve in (least_squares_by_qr, _normal_equations)
    )

    assert 1e3 < by_qr < 1e5
    assert 1e7 < by_cholesky < 1e9


@pytest.mark.misconception("a formula is exact, so it does not matter how it is computed")
def test_float32_loses_the_normal_equations_at_a_modest_kappa(torch_rng):
    """In float32, at κ = 2000, the normal equations err by more than 1 %; QR has 4 digits."""
    assert _error(torch_rng, least_squares_by_qr, 2000, torch.float32) < 1e-4
    assert _error(torch_rng, _normal_equations, 2000, torch.float32) > 1e-2


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e6])
def test_exactly_dependent_columns_are_noticed(unit):
    """A sum beside its terms, one column twice, zeros, too few rows: dependent; powers: not."""
    a = torch.tensor([10000.0, 20001, 30000, 40002], dtype=torch.float64)
    b = torch.tensor([1.0, -1, 2, 3], dtype=torch.float64)

    for columns in (
        (a, a + b, b),
        (a, b, a),
        (a, b, a / 3 + b / 7),
        (a, 0 * a),
        (a[:1], b[:1]),
    ):
        assert not independent_columns(unit * torch.stack(columns, dim=1))
    for columns in ((a,), (a, b), (a, a + b), (a, b, b**2, b**3)):
        assert independent_columns(unit * torch.stack(columns, dim=1))


@pytest.mark.seeds(3)
def test_nearly_dependent_columns_are_independent(torch_rng):
    """A sum of columns plus 10⁻⁸ of a new one counts as independent, the mere sum does not."""
    X = torch.randn(100, 5, generator=torch_rng, dtype=torch.float64)
    sums = X @ torch.tensor([[0.3], [-1.7], [0.9], [2.1], [0]], dtype=torch.float64)

    assert independent_columns(torch.cat((X[:, :4], sums + 1e-8 * X[:, 4:]), dim=1))
    assert not independent_columns(torch.cat((X, sums), dim=1))


@pytest.mark.edge
def test_dependent_columns_are_refused():
    """For dependent columns there is no single w, and QR raises LinAlgError."""
    t = torch.arange(1.0, 11, dtype=torch.float64)

    for X in (torch.stack((t, t / 3), 1), torch.stack((t, 0 * t), 1), t.expand(3, 10)[:, :4]):
        with pytest.raises(LinAlgError):
            least_squares_by_qr(X, t[: len(X)])


def test_the_figure_shows_one_slope_twice_the_other(save_figure, torch_rng):
    """The figure shows errors of w against κ for both ways, along the lines κε and κ²ε."""
    ways = {
        "Cholesky of XᵀX": (_normal_equations, "s", range(1, 8, 2), 2, "κ²ε"),
        "QR of X": (least_squares_by_qr, "o", range(1, 13, 2), 1, "κε"),
    }

    fig = Figure(figsize=(6, 3.8))
    ax = fig.subplots()
    for color, (name, (solve, marker, powers, slope, law)) in enumerate(ways.items()):
        kappas = [10.0**k for k in powers]
        errors = [_error(torch_rng, solve, kappa) for kappa in kappas]
        ax.plot(kappas, errors, marker, color=f"C{color}", label=name)
        ends = [10, min(1e13, _EPS ** (-1 / slope))]
        ax.plot(ends, [_EPS * kappa**slope for kappa in ends], "--", color=f"C{color}")
        at, offset = 10 ** (4 if slope == 2 else 8), {"textcoords": "offset points"}
        place = (at, _EPS * at**slope)
        ax.annotate(law, place, xytext=(-6, 6), **offset, ha="right", color=f"C{color}")
    ax.axvspan(_EPS**-0.5, 1e13, color="0.9", zorder=0)
    ax.text(1e9, 3e-16, "no digit is left\nin XᵀX")
    ax.set(xscale="log", yscale="log", xlabel="condition number κ of X", xlim=(5, 1e13))
    ax.set(ylabel="relative error of w", ylim=(1e-16, 10), title="XᵀX loses twice the digits")
    ax.legend(loc="upper left")

    squares, _, circles, _ = (line.get_data() for line in ax.lines)
    assert len(squares[0]) == 4
    assert len(circles[0]) == 6
    assert all(s > c for s, c in zip(squares[1], circles[1], strict=False))
    assert all(error < _EPS * kappa for kappa, error in zip(*circles, strict=True))
    assert all(error < _EPS * kappa**2 for kappa, error in zip(*squares, strict=True))
    save_figure(fig)
