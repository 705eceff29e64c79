"""3.1.2a — Least squares has the solution w = (XᵀX)⁻¹Xᵀy, if the columns are independent.

Question
--------
Ignore the bias: append a column of ones to X instead.  Write linear regression with squared
loss as a problem of matrices, find the gradient of the loss by w, set it to zero and solve.
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.2 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
    loss          J(w) = ‖Xw − y‖² = (Xw − y)ᵀ(Xw − y)
    gradient      ∇J(w) = 2Xᵀ(Xw − y)
    zero where    XᵀXw = Xᵀy                             the normal equations
    solution      w = (XᵀX)⁻¹Xᵀy

For the points (0, 1), (1, 2), (2, 4) and a column of ones, w = (5/6, 3/2): y = 5/6 + 3x/2.

Why
---
Step away by δ from a w at which the gradient is zero; the part linear in δ vanishes:

    J(w + δ) = J(w) + ‖Xδ‖²

So w is a minimum, and the only one if Xδ = 0 means δ = 0: if no column is a combination of the
others.  That ∇J is zero says that the residual y − Xw is perpendicular to every column of X.

In practice
-----------
Solve the equations, do not invert: `torch.linalg.solve(X.T @ X, X.T @ y)`.  Dependent columns
leave infinitely many w; rounding hides it, and what comes out may be any large numbers.  When
the normal equations cost digits: 3.1.2b.  Data beyond memory: 3.1.2c.  SGD instead: 3.1.2d.

Hints
-----
1. Differentiate (Xw − y)ᵀ(Xw − y) as if it were (xw − y)², and mind the order of the factors.
2. Where the gradient is zero, what is the angle between the residual and a column of X?
"""

import pytest
import sympy as sp
import torch
from torch.linalg import LinAlgError
from torch.nn.functional import normalize


def loss_gradient(X, y, w):
    """The gradient of J(w) = ‖Xw − y‖² by w, shape (d,), for X (n, d), y (n,) and w (d,).

    Raises ValueError where y or w is a column instead, and broadcasting would pair all rows.
    """
    residual = X @ w - y
    if residual.shape != X.shape[:1]:
        raise ValueError(f"expected y of shape (n,) and w of shape (d,), got {tuple(y.shape)}")
    return 2 * X.T @ residual


def normal_equations(X, y):
    """The w, shape (d,), that makes ‖Xw − y‖² least, for X of shape (n, d) and y (n,).

    Raises LinAlgError for columns that are dependent, or so nearly that rounding decides.
    """
    L = torch.linalg.cholesky(X.T @ X)
    # With columns of length 1, XᵀX knows the singular values of X within about √ε only.
    if torch.linalg.svdvals(normalize(L, eps=0))[-1] < 100 * torch.finfo(X.dtype).eps ** 0.5:
        raise LinAlgError("the columns of X are dependent: there is no single w")
    return torch.cholesky_solve((X.T @ y)[:, None], L)[:, 0]


_X = torch.tensor([[1.0, 0], [1, 1], [1, 2]], dtype=torch.float64)
_Y = torch.tensor([1.0, 2, 4], dtype=torch.float64)
_EPS = torch.finfo(torch.float64).eps


def _problem(generator, n=40, d=5):
    X = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return X, torch.randn(n, generator=generator, dtype=torch.float64)


def test_the_line_through_three_points():
    """(0, 1), (1, 2), (2, 4) have the line 5/6 + 3x/2, and its residuals are 1/6, −1/3, 1/6."""
    w = normal_equations(_X, _Y)

    expected = torch.tensor([5 / 6, 3 / 2], dtype=torch.float64)
    assert (w - expected).abs().max() < 20 * _EPS
    assert loss_gradient(_X, _Y, torch.zeros(2, dtype=torch.float64)).tolist() == [-14, -20]
    residuals = torch.tensor([1 / 6, -1 / 3, 1 / 6], dtype=torch.float64)
    assert (_Y - _X @ w - residuals).abs().max() < 20 * _EPS


def test_the_gradient_for_any_n_and_d():
    """J(w) = ‖Xw − y‖² changes by 2δᵀXᵀ(Xw − y) + ‖Xδ‖² from w to w + δ, for any n and d."""
    n, d = sp.symbols("n d", integer=True, positive=True)
    X, y = sp.MatrixSymbol("X", n, d), sp.MatrixSymbol("y", n, 1)
    w, delta = sp.MatrixSymbol("w", d, 1), sp.MatrixSymbol("delta", d, 1)

    def loss(w):
        return (X * w - y).T * (X * w - y)

    half = delta.T * X.T * (X * w - y)  # a number, so it equals its transpose
    rest = loss(w + delta) - loss(w) - half - half.T - (X * delta).T * (X * delta)
    assert rest.expand() == sp.ZeroMatrix(1, 1)


def test_autograd_finds_the_same_gradient(torch_rng):
    """At random points, `loss_gradient` is what autograd makes of the loss."""
    X, y = _problem(torch_rng)
    w = torch.randn(5, generator=torch_rng, dtype=torch.float64, requires_grad=True)

    (expected,) = torch.autograd.grad(((X @ w - y) ** 2).sum(), w)

    # sums of 40 products, each rounded
    scale = (X.abs().T @ (X.abs() @ w.abs() + y.abs())).detach()
    assert ((loss_gradient(X, y, w.detach()) - expected).abs() < 40 * _EPS * scale).all()


@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 5), (7, 3), (40, 5), (300, 20)])
def test_the_solution_is_that_of_least_squares(torch_rng, n, d):
    """`normal_equations` agrees with LAPACK's SVD for matrices from 1 × 1 to 300 × 20."""
    X, y = _problem(torch_rng, n, d)

    w = normal_equations(X, y)

    assert w.shape == (d,)
    expected = torch.linalg.lstsq(X, y[:, None], driver="gelsd").solution[:, 0]
    # the normal equations lose the squared condition number; 10 d for sums of d products
    allowed = 10 * d * _EPS * torch.linalg.cond(X) ** 2 * expected.norm()
    assert (w - expected).norm() < allowed + 10 * d * _EPS * torch.linalg.cond(X) * y.norm()


@pytest.mark.seeds(3)
def test_the_residual_is_perpendicular_to_every_column(torch_rng):
    """At the solution the gradient is zero, but for rounding; 0.01 off, it is over 0.1."""
    X, y = _problem(torch_rng)
    w = normal_equations(X, y)

    zero = loss_gradient(X, y, w)

    assert zero.norm() < 1000 * _EPS * X.norm() * y.norm()
    assert loss_gradient(X, y, w + 0.01).norm() > 0.1


@pytest.mark.misconception(
    "squared loss has several local minima", source="datawhalechina's solutions manual, 3.1.2"
)
def test_every_step_away_adds_its_square():
    """J(w + δ) = J(w) + ‖Xδ‖² for the three points and every δ: there is one minimum, w."""
    X, y = sp.Matrix([[1, 0], [1, 1], [1, 2]]), sp.Matrix([1, 2, 4])
    w = sp.Matrix([sp.Rational(5, 6), sp.Rational(3, 2)])
    step = sp.Matrix(sp.symbols("a b", real=True))

    def loss(w):
        return (X * w - y).dot(X * w - y)

    rise = sp.expand(loss(w + step) - loss(w))
    assert rise == sp.expand((X * step).dot(X * step))
    assert X.rank() == 2  # so that Xδ = 0 for δ = 0 only
    assert loss(sp.Matrix(normal_equations(_X, _Y).tolist())) - loss(w) < 1e-15


@pytest.mark.misconception("for dependent columns the inverse raises")
def test_the_inverse_of_a_singular_matrix_may_go_through():
    """For the columns t/3, t²/7 and their sum, of rank 2, `inv` gives entries above 10¹²."""
    t = torch.arange(1.0, 11, dtype=torch.float64)
    X = torch.stack((t / 3, t**2 / 7, t / 3 + t**2 / 7), dim=1)

    inverse = torch.linalg.inv(X.T @ X)

    assert torch.linalg.matrix_rank(X) == 2
    assert inverse.abs().max() > 1e12


@pytest.mark.misconception("y of shape (n, 1) is as good as y of shape (n,)")
def test_a_column_of_labels_makes_a_matrix_of_residuals():
    """With y of shape (3, 1), `X @ w - y` has shape (3, 3): every prediction meets every y."""
    w = normal_equations(_X, _Y)

    residuals = _X @ w - _Y[:, None]

    assert residuals.shape == (3, 3)
    assert residuals[1, 0] == (_X @ w)[0] - _Y[1]


@pytest.mark.edge
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_dependent_columns_are_refused_in_any_unit(unit):
    """A sum beside its terms, a column twice, one of zeros, too few rows: LinAlgError."""
    a = torch.tensor([10000.0, 20001, 30000, 40002], dtype=torch.float64)
    b = torch.tensor([1.0, -1, 2, 3], dtype=torch.float64)
    y = torch.tensor([1.0, 0, 2, 5], dtype=torch.float64)

    for columns in ((a, a + b, b), (a, b, a), (a, 0 * b), (a, b, a * b, b**2, b**3)):
        X = torch.stack(columns, dim=1)
        X[:, 0] *= unit
        with pytest.raises(LinAlgError):
            normal_equations(X, y)


@pytest.mark.edge
def test_columns_of_y_or_w_are_refused_by_the_gradient():
    """A y of shape (n, 1) or a w of (d, 1), which would pair all rows, raises ValueError."""
    ones = torch.ones(2, dtype=torch.float64)

    for y, w in ((_Y[:, None], ones), (_Y, ones[:, None])):
        with pytest.raises(ValueError, match="expected y of shape"):
            loss_gradient(_X, y, w)


@pytest.mark.edge
def test_columns_count_as_dependent_below_100_roots_of_epsilon():
    """Columns (1, 0) and (c, s) of length 1 are refused if 1 − c is below 10⁴ ε."""
    for part, refused in ((9900, True), (10100, False), (1e12, False)):
        c = 1 - part * _EPS
        X = torch.tensor([[1, c], [0, (1 - c**2) ** 0.5]], dtype=torch.float64)

        if refused:
            with pytest.raises(LinAlgError):
                normal_equations(X, _Y[:2])
        else:
            assert normal_equations(X, _Y[:2]).isfinite().all()


@pytest.mark.edge
@pytest.mark.parametrize(("dtype", "unit"), [(torch.float32, 1e-6), (torch.float64, 1e-20)])
def test_independent_columns_in_other_units_are_not_refused(dtype, unit):
    """Very long and very short columns are as good as any; w is in the inverse units."""
    scale = torch.tensor([1 / unit, unit], dtype=dtype)

    w = normal_equations(_X.to(dtype) * scale, _Y.to(dtype))

    assert w.dtype == dtype
    expected = torch.tensor([5 / 6, 3 / 2], dtype=dtype)
    assert ((w * scale - expected) / expected).abs().max() < 100 * torch.finfo(dtype).eps
