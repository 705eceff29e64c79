"""3.1.3b — Least absolute deviations are a linear programme, and a certificate proves w best.

Question
--------
How can Σ|yᵢ − xᵢᵀw| be minimised when there is no closed form, and how can one be sure of the
result?  Does it resist outliers?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
Split each residual into a part above and a part below zero, and the problem is linear:

    minimise Σ(uᵢ + vᵢ)    subject to    Xw + u − v = y,    u ≥ 0,  v ≥ 0

A simplex solver returns a w that fits d of the points exactly.  Such a w, like any other, is a
minimum if and only if there are numbers sᵢ, one for each row, with

    Xᵀs = 0,    sᵢ = sign(yᵢ − xᵢᵀw) where that is not 0,    |sᵢ| ≤ 1 where it is

which anybody can check without trusting the solver.  Iteratively reweighted least squares
(IRLS) comes as close as one likes: solve ordinary least squares with the weights 1/|residual|.

Why
---
|r| has the slopes −1 and 1, and at 0 all between them: its subgradients.  w is a minimum of a
convex function where 0 is a subgradient, and that says Xᵀs = 0.  Conversely, for any other w′

    Σ|yᵢ − xᵢᵀw′| ≥ sᵀ(y − Xw′) = sᵀy = sᵀ(y − Xw) = Σ|yᵢ − xᵢᵀw|

since |sᵢ| ≤ 1 and Xᵀs = 0.  IRLS replaces |r| by r²/(2c) + c/2 ≥ |r|, which is equal at r = ±c;
with c the present |residual|, each step lowers the sum.

In practice
-----------
- A wild y changes nothing, literally, while its point stays on its side: its sign is all
  that enters.  A wild *x* pulls the line to itself, for its row xᵢ enters with full length.
- In IRLS a residual of 0 would weigh infinitely.  A floor under it (10⁻⁸ here) cures that.

References
----------
K. A. Brownlee, *Statistical Theory and Methodology in Science and Engineering* (1965), p. 454.

Hints
-----
1. Write |r| as the sum of two non-negative numbers whose difference is r.
2. What does the derivative of |r| become at r = 0?
3. Multiply Xᵀs = 0 by any w′, and compare the sums.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import linprog

_PUBLISHED = torch.tensor([-39.68986, 0.83188, 0.57391, -0.06087], dtype=torch.float64)


def least_absolute_deviations(X, y):
    """A w, (d,) in float64, that makes Σ|yᵢ − xᵢᵀw| least, by linear programming.

    X is (n, d), y (n,), with n, d ≥ 1, both float32 or both float64.  Raises TypeError
    ("floating-point") for anything else, ValueError ("shape") for other shapes and ("finite")
    for NaN or infinity.
    """
    _check(X, y)
    n, d = X.shape
    equalities = np.hstack((X.detach().numpy(), np.eye(n), -np.eye(n)))
    costs = np.repeat([0.0, 1.0], [d, 2 * n])
    bounds = [(None, None)] * d + [(0, None)] * (2 * n)
    solution = linprog(costs, A_eq=equalities, b_eq=y.detach().numpy(), bounds=bounds).x[:d]
    return torch.from_numpy(solution)


def iteratively_reweighted_least_squares(X, y, steps, floor=1e-8):
    """The w, (d,), after so many steps from ordinary least squares.

    The weights of a step are 1/max(|residual|, floor).  Refuses X and y as
    `least_absolute_deviations` does, and raises ValueError ("at least 0") for fewer steps and
    ("positive") for a floor that is no positive number.
    """
    _check(X, y)
    if steps < 0:
        raise ValueError(f"expected at least 0 steps, got {steps}")
    if not 0 < floor < np.inf:
        raise ValueError(f"expected a positive floor, got {floor}")
    roots = torch.ones_like(y)
    for _ in range(steps + 1):
        w = torch.linalg.lstsq(X * roots[:, None], (y * roots)[:, None]).solution[:, 0]
        roots = (y - X @ w).abs().clamp_min(floor).rsqrt()
    return w


def certificate(X, y, w, tolerance=1e-9):
    """The s, (n,), with Xᵀs = 0 and sᵢ = sign(yᵢ − xᵢᵀw) where |yᵢ − xᵢᵀw| > tolerance.

    Then w is a minimum if all |sᵢ| ≤ 1.  For a w that fits exactly d rows, independent ones;
    raises LinAlgError ("singular") if these depend on one another, ValueError ("fits") for a w
    that fits other than d rows, ("shape") for a w that is not (d,), ("tolerance") for one that
    is not ≥ 0, and else as `least_absolute_deviations` does.
    """
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"expected a finite tolerance ≥ 0, got {tolerance}")
    _check(X, y, w)
    residuals = y - X @ w
    fitted = residuals.abs() <= tolerance
    s = residuals.sign()
    if fitted.sum() != X.shape[1]:
        raise ValueError(
            f"expected a w that fits {X.shape[1]} rows, it fits {int(fitted.sum())}"
        )
    s[fitted] = torch.linalg.solve(X[fitted].T, -X[~fitted].T @ s[~fitted])
    return s


def _check(X, y, *w):
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in (X, y, *w)}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected floating-point tensors, float32 or float64, got {dtypes}")
    if X.dim() != 2 or y.shape != X.shape[:1] or X.numel() == 0:
        shapes = tuple(X.shape), tuple(y.shape)
        raise ValueError(f"expected shapes (n, d) and (n,) with n and d ≥ 1, got {shapes}")
    if any(t.shape != X.shape[1:] for t in w):
        raise ValueError(f"expected w of shape ({X.shape[1]},), got {tuple(w[0].shape)}")
    if not all(t.isfinite().all() for t in (X, y, *w)):
        raise ValueError("expected finite numbers, got NaN or infinity")


def _loss(X, y, w):
    return (y - X @ w).abs().sum()


def _lines(x, y, fit):
    """Intercept and slope of the line that `fit` finds, as two floats."""
    return fit(torch.stack((torch.ones_like(x), x), 1), y).tolist()


def _least_squares(X, y):
    return torch.linalg.lstsq(X, y[:, None]).solution[:, 0]


@pytest.fixture
def stack_problem(stack_loss):
    """X with a column of ones first, (21, 4), and y, (21,)."""
    table = torch.tensor(stack_loss.to_numpy(dtype=float, copy=True))
    return torch.cat((torch.ones(21, 1, dtype=torch.float64), table[:, 1:]), 1), table[:, 0]


def _noisy_line(torch_rng, n=30):
    x = torch.linspace(0, 10, n, dtype=torch.float64)
    return x, 1 + 2 * x + torch.randn(n, generator=torch_rng, dtype=torch.float64)


def test_the_published_coefficients_are_found(stack_problem):
    """Brownlee's stack loss to all five decimals; four of 21 days are fitted exactly."""
    X, y = stack_problem

    w = least_absolute_deviations(X, y)

    assert (w - _PUBLISHED).abs().max() < 0.5e-5 + 1e-9
    assert ((y - X @ w).abs() < 1e-9).sum() == 4


def test_the_certificate_proves_it(stack_problem):
    """Xᵀs = 0 with the residuals' signs and |s| ≤ 1; then no loss is below sᵀy."""
    X, y = stack_problem
    w = least_absolute_deviations(X, y)

    s = certificate(X, y, w)

    residuals = y - X @ w
    assert s.shape == (21,)
    assert (X.T @ s).abs().max() < 1e-10
    assert s.abs().max() <= 1
    assert torch.equal(s[residuals.abs() > 1e-9], residuals.sign()[residuals.abs() > 1e-9])
    assert (s @ y).item() == pytest.approx(_loss(X, y, w).item(), rel=1e-12)


def test_a_line_that_fits_two_other_points_has_no_certificate(torch_rng):
    """Of 435 lines through two of 30 points one alone has |s| ≤ 1, that of least loss."""
    x, y = _noisy_line(torch_rng)
    X = torch.stack((torch.ones_like(x), x), 1)
    pairs = torch.combinations(torch.arange(30))
    lines = torch.linalg.solve(X[pairs], y[pairs])

    losses = (y - lines @ X.T).abs().sum(1)
    certified = torch.tensor([bool(certificate(X, y, w).abs().max() <= 1) for w in lines])

    assert len(lines) == 435
    assert certified.sum() == 1
    assert losses[certified] == losses.min()
    assert (lines[certified][0] - least_absolute_deviations(X, y)).abs().max() < 1e-9


def test_reweighting_comes_down_to_the_same_loss(stack_problem):
    """The excess falls with each of 10 steps, to below 2 %; 100 steps leave below 10⁻⁷."""
    X, y = stack_problem
    least = _loss(X, y, least_absolute_deviations(X, y))

    excess = [
        (_loss(X, y, iteratively_reweighted_least_squares(X, y, k)) / least - 1).item()
        for k in (*range(11), 100)
    ]

    assert all(later < earlier for earlier, later in pairwise(excess))
    assert excess[0] == pytest.approx((_loss(X, y, _least_squares(X, y)) / least - 1).item())
    assert excess[0] > 0.15
    assert excess[-2] < 0.02
    assert -1e-9 < excess[-1] < 1e-7


def test_the_floor_keeps_exact_fits_from_weighing_infinitely():
    """Points on a line stay fitted, step after step; under a high floor all weigh alike."""
    X = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]).double()
    y = torch.tensor([1.0, 3.0, 5.0, 7.0]).double()

    w = iteratively_reweighted_least_squares(X, y, 20)

    assert (w - torch.tensor([1.0, 2.0])).abs().max() < 1e-12
    high_floor = iteratively_reweighted_least_squares(X, y + torch.eye(4)[0] * 9, 50, floor=1e6)
    assert (high_floor - _least_squares(X, y + torch.eye(4)[0] * 9)).abs().max() < 1e-9


@pytest.mark.seeds(3)
def test_a_wild_y_changes_nothing(torch_rng):
    """The highest residual, raised by a million: the same line, where least squares is lost."""
    x, y = _noisy_line(torch_rng)
    X = torch.stack((torch.ones_like(x), x), 1)
    before, wild = least_absolute_deviations(X, y), y.clone()
    wild[(y - X @ before).argmax()] += 1e6

    after = least_absolute_deviations(X, wild)

    assert (after - before).abs().max() < 1e-6  # the solver's own tolerance is 1e-7
    assert (_least_squares(X, wild) - _least_squares(X, y)).abs().max() > 1000


@pytest.mark.misconception("least absolute deviations resist every outlier")
@pytest.mark.seeds(3)
def test_a_wild_x_pulls_the_line_to_itself(torch_rng):
    """One x of 30, misplaced to 10 000: the slope falls from 2 to nearly 0."""
    x, y = _noisy_line(torch_rng)
    wild = x.clone()
    wild[15] = 10_000

    (_, before), (_, after) = (_lines(x, y, least_absolute_deviations) for x in (x, wild))

    assert before == pytest.approx(2, abs=0.5)
    assert abs(after) < 0.01


def test_bad_input_is_refused():
    """Shapes that do not fit, no data, NaN, infinity, other dtypes; an inner point's w."""
    X, y = torch.ones(3, 1, dtype=torch.float64), torch.tensor([1.0, 2.0, 4.0]).double()

    for answer in (
        least_absolute_deviations,
        lambda X, y: iteratively_reweighted_least_squares(X, y, 1),
        lambda X, y: certificate(X, y, torch.ones(1).double()),
    ):
        for bad, targets in (
            (X, y[:2]),
            (X, y[:, None]),
            (y, y),
            (X[:0], y[:0]),
            (X[:, :0], y),
        ):
            with pytest.raises(ValueError, match="shape"):
                answer(bad, targets)
        for bad in (torch.nan, torch.inf):
            wrong = torch.tensor([1.0, bad, 4.0]).double()
            for args in ((wrong[:, None], y), (X, wrong)):
                with pytest.raises(ValueError, match="finite"):
                    answer(*args)
        for bad in (X.tolist(), X.long(), X.float(), X.half(), X * 1j):
            with pytest.raises(TypeError, match="floating-point"):
                answer(bad, y)
    for w in (torch.ones(2).double(), torch.ones(1, 1).double(), torch.tensor(1.0).double()):
        with pytest.raises(ValueError, match="shape"):
            certificate(X, y, w)
    for tolerance in (-1e-9, np.nan, np.inf):
        with pytest.raises(ValueError, match="tolerance"):
            certificate(X, y, torch.ones(1).double(), tolerance)
    with pytest.raises(ValueError, match="at least 0"):
        iteratively_reweighted_least_squares(X, y, -1)
    for floor in (0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="positive"):
            iteratively_reweighted_least_squares(X, y, 1, floor)
    with pytest.raises(ValueError, match="fits"):
        certificate(X, y, torch.tensor([1.5]).double())
    twice = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]).double()
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        certificate(
            twice, torch.tensor([1.0, 1.0, 5.0]).double(), torch.tensor([1.0, 0]).double()
        )
    assert certificate(X, y, torch.tensor([2.0]).double()).tolist() == [-1, 0, 1]
    assert certificate(X, y, torch.tensor([1.0]).double(), 0).tolist() == [-2, 1, 1]


def test_the_figure_shows_what_each_outlier_does(save_figure, torch_rng):
    """A wild y leaves the line of least absolute deviations where it is; a wild x does not."""
    x, y = _noisy_line(torch_rng)
    wild_y, wild_x = y.clone(), x.clone()
    wild_y[25] += 60
    wild_x[25] = 120.0
    panels = {"clean": (x, y), "a wild y": (x, wild_y), "a wild x": (wild_x, y)}
    fits = {
        "least squares": (_least_squares, "--"),
        "least |residual|": (least_absolute_deviations, "-"),
    }

    fig = Figure(figsize=(6, 3.2))
    slopes = {}
    for ax, (title, (xs, ys)) in zip(
        fig.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.1}),
        panels.items(),
        strict=True,
    ):
        ax.plot(xs, ys, "o", color="black", markersize=2.5)
        ends = np.array([0.0, xs.max().item()])
        for color, (name, (fit, style)) in enumerate(fits.items()):
            intercept, slope = _lines(xs, ys, fit)
            ax.plot(ends, intercept + slope * ends, style, color=f"C{color}", label=name)
            slopes[title, name] = slope
        ax.set(title=title, xlabel="x", ylim=(-3, 80))
    fig.axes[0].set_ylabel("y")
    fig.axes[0].legend(loc="upper left")

    for ax, title in zip(fig.axes, panels, strict=True):
        drawn = [np.diff(line.get_ydata()) / np.diff(line.get_xdata()) for line in ax.lines[1:]]
        assert [d.item() for d in drawn] == pytest.approx(
            [slopes[title, name] for name in fits]
        )
    assert slopes["a wild y", "least |residual|"] == pytest.approx(2, abs=0.3)
    assert slopes["a wild y", "least squares"] > 2.5
    assert slopes["a wild x", "least |residual|"] < 1
    save_figure(fig)
