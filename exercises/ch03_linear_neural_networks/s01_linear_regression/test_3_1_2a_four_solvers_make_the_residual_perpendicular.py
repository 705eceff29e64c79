"""3.1.2a — Least squares has the closed form (XᵀX)⁻¹Xᵀy if X has full column rank.

Question
--------
Ignore the bias (append a column of ones to X).  Write linear regression with squared loss as
a problem of matrices, find the gradient, set it to zero and solve it.
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
    J(w) = ‖Xw − y‖²       ∇J = 2Xᵀ(Xw − y)       ∇²J = 2XᵀX

The gradient is zero where XᵀXw = Xᵀy (the normal equations).  With full column rank there is
one such w = (XᵀX)⁻¹Xᵀy, and it is the minimum.  Nobody computes the inverse.  Three ways:

    Cholesky     XᵀX = LLᵀ, then two triangular systems       nd² multiplications
    QR           X = QR, then Rw = Qᵀy                         twice that, more digits
    SVD          w = V Σ⁺ Uᵀy                                  most, but of any rank

Why
---
Take any w* at which the gradient is zero, and step away by δ.  The linear term vanishes:

    J(w* + δ) = J(w*) + ‖Xδ‖²

So w* is a minimum, no other zero is lower, and it is the only one if Xδ = 0 implies δ = 0, that
is, if the columns are independent.  And ∇J = 0 has a meaning: Xᵀ(y − Xw) = 0, the residual is
perpendicular to every column, and Xw is the projection of y onto their span.

In practice
-----------
- Dependent columns (a one-hot set beside the ones, a sum beside its terms) leave infinitely
  many w.  For a column of zeros `inv` raises.  Most other dependence, exact or rounded, it does
  not notice: rounding leaves a tiny pivot, and it returns numbers like 10¹⁵, silently.  The SVD
  returns the shortest w of all.
- Keep y of shape (n,).  With (n, 1), `X @ w − y` broadcasts to (n, n), silently.
- When the normal equations cost digits: 3.1.2b.  Data beyond memory: 3.1.2c.  SGD: 3.1.2d.

Hints
-----
1. Write J as (Xw − y)ᵀ(Xw − y) and differentiate as if it were (xw − y)².
2. Where the gradient is zero, what is the angle between the residual and a column of X?
3. For the rank: what if two columns are equal?  Which w then have the same Xw?
"""

from functools import lru_cache

import numpy as np
import pytest
import sympy as sp
import torch
from torch.linalg import LinAlgError


def normal_equations(X, y):
    """The w, shape (d,), that makes ‖Xw − y‖ least, by Cholesky of XᵀX.

    X has shape (n, d), y shape (n,), both float32 or both float64, as is w.  Raises
    TypeError ("floating-point"), ValueError ("shape") for other shapes or no rows or columns,
    ValueError ("finite") for NaN or infinity, and LinAlgError ("rank") for dependent columns.
    An edge: rounding may hide the dependence, so a column counts as dependent where its squared
    pivot in the factor is at most 1000 ε times its squared norm.
    """
    _check(X, y)
    gram = X.T @ X
    L, failed = torch.linalg.cholesky_ex(gram)
    if failed or (L.diagonal() ** 2 <= 1000 * torch.finfo(X.dtype).eps * gram.diagonal()).any():
        raise LinAlgError("the columns of X are dependent: expected full column rank")
    return torch.cholesky_solve((X.T @ y)[:, None], L)[:, 0]


def least_squares_by_qr(X, y):
    """The w of `normal_equations`, by X = QR.  Refuses what that refuses.

    An edge: columns count as dependent where a pivot in R is at most 1000 ε times their norm.
    """
    _check(X, y)
    if X.shape[0] < X.shape[1]:
        raise LinAlgError(
            f"fewer rows than columns, {tuple(X.shape)}: expected full column rank"
        )
    Q, R = torch.linalg.qr(X)
    if (R.diagonal().abs() <= 1000 * torch.finfo(X.dtype).eps * X.norm(dim=0)).any():
        raise LinAlgError("the columns of X are dependent: expected full column rank")
    return torch.linalg.solve_triangular(R, (Q.T @ y)[:, None], upper=True)[:, 0]


def minimum_norm_least_squares(X, y):
    """Of all w that make ‖Xw − y‖ least the shortest, for X of any rank, by its SVD.

    An edge: singular values of at most ε · max(n, d) times the largest count as zero.  Raises
    as `normal_equations` does, but for the rank.
    """
    _check(X, y)
    U, s, Vh = torch.linalg.svd(X, full_matrices=False)
    kept = s > torch.finfo(X.dtype).eps * max(X.shape) * s[0]
    return Vh[kept].T @ ((U[:, kept].T @ y) / s[kept])


def _check(X, y):
    both = (X, y)
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in both}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected floating-point tensors, float32 or float64, got {dtypes}")
    if X.dim() != 2 or X.numel() == 0 or y.shape != X.shape[:1]:
        raise ValueError(
            "expected X of shape (n, d) and y of shape (n,) with n and d ≥ 1, "
            f"got {tuple(X.shape)} and {tuple(y.shape)}"
        )
    if not all(t.isfinite().all() for t in both):
        raise ValueError("expected finite numbers, got NaN or infinity")


_SOLVERS = ["normal_equations", "least_squares_by_qr", "minimum_norm_least_squares"]


def _solve(name, X, y):
    return globals()[name](X, y)


def _problem(torch_rng, n=40, d=5):
    X = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
    return X, torch.randn(n, generator=torch_rng, dtype=torch.float64)


def test_gradient_and_hessian_for_any_n_and_d():
    """SymPy's matrix calculus, with n and d symbols: an identity, not a sample."""
    n, d = sp.symbols("n d", integer=True, positive=True)
    X, w, y = (
        sp.MatrixSymbol(name, *shape)
        for name, shape in {"X": (n, d), "w": (d, 1), "y": (n, 1)}.items()
    )
    J = (X * w - y).T * (X * w - y)

    gradient = sp.diff(J, w)

    assert (gradient - 2 * X.T * (X * w - y)).doit() == sp.ZeroMatrix(d, 1)
    assert sp.diff(gradient, w) == 2 * X.T * X


@pytest.mark.parametrize("solver", _SOLVERS)
@pytest.mark.seeds(3)
def test_all_solvers_agree_with_lstsq(solver, torch_rng):
    """Those of torch and NumPy, on 40 rows and 5 columns; the residual is ⊥ every column."""
    X, y = _problem(torch_rng)

    w = _solve(solver, X, y)

    assert w.shape == (5,)
    for expected in (
        torch.linalg.lstsq(X, y[:, None]).solution[:, 0],
        torch.from_numpy(np.linalg.lstsq(X.numpy(), y.numpy(), rcond=None)[0]),
    ):
        assert (w - expected).abs().max() < 1e-13
    assert (X.T @ (y - X @ w)).abs().max() < 1e-12


@pytest.mark.parametrize("solver", _SOLVERS)
def test_integers_have_an_exact_answer(solver):
    """Four points on no line: rational elimination finds 2 − 3x/7, the solvers 2 − 0.428…x."""
    X, y = [[1, 0], [1, 1], [1, 2], [1, 4]], [3, 1, 0, 1]
    exact = (sp.Matrix(X).T * sp.Matrix(X)).LUsolve(sp.Matrix(X).T * sp.Matrix(y))

    for dtype in (torch.float32, torch.float64):
        w = _solve(solver, torch.tensor(X, dtype=dtype), torch.tensor(y, dtype=dtype))

        assert w.dtype == dtype
        rounding = 64 * torch.finfo(dtype).eps  # κ² = 16, and four roundings
        assert w.tolist() == pytest.approx(list(map(float, exact)), rel=rounding, abs=0)

    assert list(exact) == [2, sp.Rational(-3, 7)]
    residual = sp.Matrix(y) - sp.Matrix(X) * exact
    assert (sp.Matrix(X).T * residual).is_zero_matrix


@pytest.mark.parametrize("solver", _SOLVERS)
@pytest.mark.seeds(3)
def test_the_book_s_data_are_recovered(solver, torch_rng):
    """With w = (2, −3.4), b = 4.2, σ = 0.01, n = 1000: within 5 standard errors of σ/√n."""
    features = torch.randn(1000, 2, generator=torch_rng, dtype=torch.float64)
    X = torch.cat((features, torch.ones(1000, 1, dtype=torch.float64)), 1)
    truth = torch.tensor([2, -3.4, 4.2], dtype=torch.float64)
    noise = 0.01 * torch.randn(1000, generator=torch_rng, dtype=torch.float64)

    w = _solve(solver, X, X @ truth + noise)

    assert (w - truth).abs().max() < 5 * 0.01 / 1000**0.5


@pytest.mark.misconception("the squared loss of a regression has several local minima")
def test_every_step_away_costs_its_square(torch_rng):
    """J(w* + δ) − J(w*) = ‖Xδ‖² for a thousand δ: no second valley, at most a flat floor."""
    X, y = _problem(torch_rng)
    w = normal_equations(X, y)
    steps = 10 * torch.randn(1000, 5, generator=torch_rng, dtype=torch.float64)

    losses = ((w + steps) @ X.T - y).square().sum(1)

    rise = losses - (X @ w - y).square().sum()
    assert rise.min() > 0
    assert (rise / (steps @ X.T).square().sum(1) - 1).abs().max() < 1e-11


def test_dependent_columns_leave_a_line_of_minima():
    """Columns a, b, a + b: w + t(1, 1, −1) has the same loss for all t, the shortest w is ⊥."""
    a, b = torch.tensor([1.0, 2.0, 3.0, 5.0]), torch.tensor([1.0, -1.0, 2.0, 0.0])
    X, y = torch.stack((a, b, a + b), 1).double(), torch.tensor([1.0, 0.0, 2.0, 4.0]).double()
    flat = torch.tensor([1.0, 1.0, -1.0]).double()

    w = minimum_norm_least_squares(X, y)

    assert (X @ flat).count_nonzero() == 0
    assert abs((w @ flat).item()) < 1e-14
    assert (X.T @ (y - X @ w)).abs().max() < 1e-13
    assert (w - torch.linalg.pinv(X) @ y).abs().max() < 1e-13
    for solver in ("normal_equations", "least_squares_by_qr"):
        for dependent in (X, X * torch.tensor([1.0, 0.0, 1.0])):
            with pytest.raises(LinAlgError, match="rank"):
                _solve(solver, dependent, y)


@pytest.mark.misconception("a singular XᵀX raises an error")
def test_rounding_hides_the_dependence():
    """The third column is a/10 + 3b/10, rounded: `inv` returns entries of 10¹⁵ and no error.

    It does raise where a column is zero, so that no rounding comes between.
    The solvers refuse it, and 7a/10 in units of 2⁴⁰, where rounding shifts XᵀX by 10⁹.
    """
    a, b = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, -1.0, 2.0, 0.5])
    a, b = a.double(), b.double()
    X, y = torch.stack((a, b, 0.1 * a + 0.3 * b), 1), torch.ones(4, dtype=torch.float64)

    inverse = torch.linalg.inv(X.T @ X)

    assert inverse.abs().max() > 1e12
    assert (X @ (inverse @ (X.T @ y)) - X @ minimum_norm_least_squares(X, y)).norm() > 0.01
    with pytest.raises(LinAlgError, match="singular"):
        torch.linalg.inv(torch.diag(torch.tensor([1.0, 0.0])))
    for solver in ("normal_equations", "least_squares_by_qr"):
        for hidden in (X, 2**40 * torch.stack((a, b, 0.7 * a), 1)):
            with pytest.raises(LinAlgError, match="rank"):
                _solve(solver, hidden, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("solver", "power"), [("normal_equations", 1 / 2), ("least_squares_by_qr", 1)]
)
def test_a_column_in_any_unit_needs_a_part_of_its_own(solver, power, dtype):
    """An edge: 3000 ε of its length, squared for XᵀX, are enough, and 300 ε are not."""
    for one, two in ((2.0**20, 2.0**-20), (2.0**-20, 2.0**30)):
        enough, too_little = (
            torch.tensor([[one, two], [0, two * part**power]], dtype=dtype)
            for part in (3000 * torch.finfo(dtype).eps, 300 * torch.finfo(dtype).eps)
        )

        w = _solve(solver, enough, enough @ torch.tensor([-two / one, 1], dtype=dtype))

        assert w.tolist() == pytest.approx([-two / one, 1], rel=0.01)
        with pytest.raises(LinAlgError, match="rank"):
            _solve(solver, too_little, too_little[:, 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_singular_value_counts_beside_the_largest(dtype):
    """An edge: in 100 rows 300 ε of it still count and 30 ε do not; of zeros none counts."""
    X, y = torch.zeros(100, 2, dtype=dtype), torch.zeros(100, dtype=dtype)
    X[0, 0] = y[0] = 4
    for part, expected in ((300, 1), (30, 0), (0, 0)):
        X[1, 1] = y[1] = 4 * part * torch.finfo(dtype).eps

        w = minimum_norm_least_squares(X, y)

        assert w.tolist() == pytest.approx([1, expected], abs=0.1)
    assert minimum_norm_least_squares(0 * X, y).tolist() == [0, 0]


def test_fewer_rows_than_columns_are_interpolated(torch_rng):
    """5 rows, 40 columns: the shortest of all exact fits, Xᵀ(XXᵀ)⁻¹y; the others refuse."""
    X, y = _problem(torch_rng, 5, 40)

    w = minimum_norm_least_squares(X, y)

    assert (X @ w - y).abs().max() < 1e-13
    assert (w - X.T @ torch.linalg.solve(X @ X.T, y)).abs().max() < 1e-13
    for solver in ("normal_equations", "least_squares_by_qr"):
        with pytest.raises(LinAlgError, match="rank"):
            _solve(solver, X, y)


@pytest.mark.misconception("y of shape (n,) and of shape (n, 1) are the same")
def test_a_column_of_targets_broadcasts():
    """Two residuals of 0 become four, of which two are not; the solvers refuse the column."""
    X, w, y = torch.eye(2), torch.tensor([1.0, 3.0]), torch.tensor([[1.0], [3.0]])

    wrong = X @ w - y

    assert wrong.shape == (2, 2)
    assert wrong.square().mean() == 2
    assert (X @ w - y[:, 0]).square().mean() == 0
    for solver in _SOLVERS:
        with pytest.raises(ValueError, match=r"y of shape \(n,\)"):
            _solve(solver, X, y)


@pytest.mark.parametrize("solver", _SOLVERS)
def test_bad_input_is_refused(solver):
    """Lists, integers, two dtypes, half precision; wrong or empty shapes; NaN and infinity."""
    X, y = torch.eye(3), torch.ones(3)

    for bad in ([[1.0]], X.long(), X.double()):
        with pytest.raises(TypeError, match="floating-point"):
            _solve(solver, bad, y)
    with pytest.raises(TypeError, match="floating-point"):
        _solve(solver, X.half(), y.half())
    for bad, targets in ((X[0], y), (X, y[:2]), (X[:0], y[:0]), (X[:, :0], y), (X[None], y)):
        with pytest.raises(ValueError, match="shape"):
            _solve(solver, bad, targets)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            _solve(solver, X.clone().fill_diagonal_(bad), y)
        with pytest.raises(ValueError, match="finite"):
            _solve(solver, X, y * bad)


def _streamed(X, y, rows=4096):
    """The normal equations from sums over blocks of rows."""
    d = X.shape[1]
    gram, moment = X.new_zeros(d, d), X.new_zeros(d)
    for start in range(0, len(X), rows):
        block = X[start : start + rows]
        gram.addmm_(block.T, block)
        moment.addmv_(block.T, y[start : start + rows])
    return torch.cholesky_solve(moment[:, None], torch.linalg.cholesky(gram))[:, 0]


# Multiplications for each way in units of nd², and the call.
_WAYS = {
    "Cholesky": (1, normal_equations),
    "streaming": (1, _streamed),
    "QR": (2, least_squares_by_qr),
    "SVD": (3, minimum_norm_least_squares),
    "numpy.linalg.lstsq": (
        1,
        lambda X, y: np.linalg.lstsq(X.numpy(), y.numpy(), rcond=None)[0],
    ),
    "torch.linalg.lstsq": (1, lambda X, y: torch.linalg.lstsq(X, y[:, None]).solution[:, 0]),
}


@lru_cache(maxsize=1)
def _consistent(n, d):
    """X and y = X(1, 2, …, d), so that every way has to find 1, 2, …, d."""
    X = torch.randn(n, d, generator=torch.Generator().manual_seed(n + d), dtype=torch.float64)
    return X, X @ torch.arange(1.0, d + 1, dtype=torch.float64)


def _time(benchmark, way, n, d, **theory):
    X, y = _consistent(n, d)
    benchmark.extra_info.update(method=way, **theory)

    w = torch.as_tensor(benchmark(_WAYS[way][1], X, y))

    assert (w - torch.arange(1.0, d + 1, dtype=torch.float64)).abs().max() < 1e-8


def _in_time(*sizes):
    return [pytest.param(size, marks=pytest.mark.timed_only) for size in sizes]


@pytest.mark.benchmark(group="3.1.2 What does another row cost each solver, at d = 5?")
@pytest.mark.parametrize("n", [10**3, 10**4, *_in_time(10**5, 10**6)])
@pytest.mark.parametrize("way", _WAYS)
def test_every_way_is_linear_in_the_rows(benchmark, way, n):
    """Each row is read a fixed number of times."""
    _time(
        benchmark, way, n, 5, size=n, exponent=1, reason=f"{_WAYS[way][0]}·nd² multiplications"
    )


@pytest.mark.benchmark(group="3.1.2 What does another column cost each solver, at n = 1000?")
@pytest.mark.parametrize("d", [5, 25, *_in_time(50, 100, 200)])
@pytest.mark.parametrize("way", _WAYS)
def test_every_way_is_quadratic_in_the_columns(benchmark, way, d):
    """Each pair of columns is multiplied; d³ is still small beside nd²."""
    _time(benchmark, way, 1000, d, size=d, exponent=2, reason=f"{_WAYS[way][0]}·nd² and ~d³")


@pytest.mark.timed_only
@pytest.mark.benchmark(group="3.1.2 Which solver is fastest at n = 10⁵ and d = 50?")
@pytest.mark.parametrize("way", _WAYS)
def test_the_normal_equations_cost_least(benchmark, way):
    """One pass of matrix products; the others reflect or rotate columns."""
    count = _WAYS[way][0]
    _time(benchmark, way, 10**5, 50, ratio=count, reason=f"{count}·nd² multiplications")
