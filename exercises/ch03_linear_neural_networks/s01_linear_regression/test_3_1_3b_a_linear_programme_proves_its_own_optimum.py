"""3.1.3b — A linear programme finds the least Σ|residual|, and its variables prove it.

Question
--------
No closed form gives the w that makes Σ|yᵢ − xᵢᵀw| least.  How can it be found exactly, how can
one be sure that it is the minimum, and does it resist outliers?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.5 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
Solve this linear programme, with a number sᵢ for each row:

    maximise  sᵀy    subject to    Xᵀs = 0    and    −1 ≤ sᵢ ≤ 1

The solver also tells, for each of the d equations Xᵀs = 0, by how much sᵀy would grow if its 0
did.  These d numbers are w.  For Brownlee's 21 days of stack loss

    w = (−39.68986, 0.83188, 0.57391, −0.06087)    with    Σ|yᵢ − xᵢᵀw| = sᵀy = 42.08

Why
---
Whatever w is, Xᵀs = 0 and |sᵢ| ≤ 1 say that no loss is less than sᵀy:

    sᵀy = sᵀ(y − Xw) ≤ Σ|yᵢ − xᵢᵀw|

So a w whose loss is sᵀy is a minimum, and s is its certificate.  The two are equal if sᵢ is the
sign of each residual, and anything from −1 to 1 where the residual is 0.

In practice
-----------
A wild y changes nothing while it stays on its side of the line, for only its sign counts.  Past
the line it does, and a wild *x* pulls the line to itself.

Hints
-----
1. |r| is the largest of all sr with −1 ≤ s ≤ 1.  Write the loss as a maximum over s.
2. Which s make Σsᵢ(yᵢ − xᵢᵀw) the same number for each w?
"""

import sys

import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import linprog


def least_absolute_deviations(X, y):
    """A pair for X (n, d) and y (n,), float64: the w, (d,), that makes Σ|yᵢ − xᵢᵀw| least,
    and its certificate s, (n,), with Xᵀs = 0, |sᵢ| ≤ 1 and sᵀy = that sum.
    """
    # A solver's tolerances are absolute, made for numbers of about 1.
    unit_X, unit_y = _typical(X), _typical(y)
    A, b = (X / unit_X).T.numpy(), [0] * X.shape[1]
    found = linprog(-(y / unit_y).numpy(), A_eq=A, b_eq=b, bounds=(-1, 1))
    if not found.success:
        raise RuntimeError(found.message)
    w, s = -torch.from_numpy(found.eqlin.marginals), torch.from_numpy(found.x)
    return w * unit_y / unit_X, s


def _typical(numbers):
    """The median magnitude of what is not 0, in each column; not the mean: one may be wild."""
    magnitudes = numbers.abs().where(numbers.bool(), torch.nan)
    return magnitudes.nanmedian(dim=0).values.fmax(numbers.new_tensor(sys.float_info.min))


@pytest.fixture
def stack_problem(stack_loss):
    """X with a column of ones first, (21, 4), and y, (21,)."""
    table = torch.tensor(stack_loss.to_numpy(dtype=float, copy=True))
    return torch.cat((torch.ones(21, 1, dtype=torch.float64), table[:, 1:]), 1), table[:, 0]


def _line(x):
    return torch.stack((torch.ones_like(x), x), 1)


def _points(torch_rng):
    """The X and y of thirty points around y = 1 + 2x, 0 ≤ x ≤ 10."""
    x = torch.linspace(0, 10, 30, dtype=torch.float64)
    return _line(x), 1 + 2 * x + torch.randn(30, generator=torch_rng, dtype=torch.float64)


def test_the_stack_loss_coefficients_are_found(stack_problem):
    """For Brownlee's data the coefficients are the published ones to all five decimals."""
    X, y = stack_problem

    w, _ = least_absolute_deviations(X, y)

    published = torch.tensor([-39.68986, 0.83188, 0.57391, -0.06087], dtype=torch.float64)
    assert (w - published).abs().max() < 0.5e-5 + 1e-7  # rounding; the solver's tolerance
    assert (y - X @ w).abs().sum().item() == pytest.approx(42.08, abs=0.005)


@pytest.mark.seeds(3)
def test_the_certificate_proves_the_minimum(stack_problem, torch_rng):
    """Xᵀs = 0, |s| ≤ 1, sᵀy is the loss of w, and s has the signs of all residuals but d."""
    for X, y in (stack_problem, _points(torch_rng)):
        w, s = least_absolute_deviations(X, y)

        residuals = y - X @ w
        signed = residuals.abs() > 1e-5
        assert (~signed).sum() == X.shape[1]
        # The solver allows 10⁻⁷ in each s and each equation; no entry exceeds 93.
        assert s.abs().max() < 1 + 1e-7
        assert (X.T @ s).abs().max() < 1e-7 * 93
        assert (s @ y - residuals.abs().sum()).abs() < len(y) * 93 * 1e-7
        assert (s - residuals.sign())[signed].abs().max() < 1e-7


@pytest.mark.seeds(3)
@pytest.mark.parametrize("wild", [1e6, 1e9])
def test_a_wild_y_moves_the_line_only_from_the_other_side(torch_rng, wild):
    """The y of the highest residual, raised by 10⁶ or 10⁹, leaves w; lowered, it moves w."""
    X, y = _points(torch_rng)
    before, _ = least_absolute_deviations(X, y)
    shift = wild * (y - X @ before == (y - X @ before).max())

    (same, _), (moved, _) = (least_absolute_deviations(X, y + up * shift) for up in (1, -1))

    assert (same - before).abs().max() < 1e-5
    assert 1e-4 < (moved - before).abs().max() < 2


@pytest.mark.misconception("least absolute deviations resist every outlier")
@pytest.mark.seeds(3)
def test_a_wild_x_pulls_the_line_to_itself(torch_rng):
    """One x of 30 points around y = 1 + 2x, misplaced to 10 000: the slope is nearly 0."""
    X, y = _points(torch_rng)
    X[15, 1] = 10_000

    w, _ = least_absolute_deviations(X, y)

    assert w[1].abs() < 0.01


@pytest.mark.edge
@pytest.mark.parametrize(("unit_x", "unit_y"), [(1e-15, 1e-15), (1e15, 1e-15), (1e15, 1e15)])
def test_units_do_not_matter(stack_problem, unit_x, unit_y):
    """In units 10³⁰ times larger or smaller w is the same, but for the units."""
    X, y = stack_problem
    units = torch.tensor([1.0, unit_x, 1.0, 1 / unit_x], dtype=torch.float64)
    expected, _ = least_absolute_deviations(X, y)

    w, _ = least_absolute_deviations(X * units, y * unit_y)

    assert (w * units / unit_y / expected - 1).abs().max() < 1e-9


@pytest.mark.edge
def test_a_column_of_zeros_has_the_coefficient_zero(stack_problem):
    """A column of zeros has the coefficient 0; if all labels are 0, so has every column."""
    X, y = stack_problem

    assert least_absolute_deviations(torch.cat((0 * X[:, :1], X), 1), y)[0][0] == 0
    assert not least_absolute_deviations(X, 0 * y)[0].any()


@pytest.mark.edge
def test_the_programme_stays_as_small_as_the_data(torch_rng, peak_memory):
    """1000 rows and 10 columns, 80 kB, take less than 2 MB; a table n × n would take 8."""
    X = torch.randn(1000, 10, generator=torch_rng, dtype=torch.float64)

    assert peak_memory(lambda: least_absolute_deviations(X, X.sum(1).exp())) < 2e6


@pytest.mark.edge
def test_what_the_solver_gives_up_is_an_error():
    """An entry 10²⁰ times larger than the others is too much for HiGHS: RuntimeError."""
    with pytest.raises(RuntimeError, match="HiGHS"):
        least_absolute_deviations(torch.tensor([[1.0], [1.0], [1e20]]), torch.ones(3))


def test_the_figure_shows_what_each_outlier_does(save_figure, torch_rng):
    """A wild y leaves the line of least absolute deviations in place, a wild x does not."""
    X, y = _points(torch_rng)
    panels = {"a wild y": (X, y.clone()), "a wild x": (X.clone(), y)}
    panels["a wild y"][1][25] = panels["a wild x"][0][25, 1] = 110
    ends, slopes = _line(torch.tensor([0, 11.5]).double()), []

    fig = Figure(figsize=(6.4, 3.4))
    axes = fig.subplots(1, 2, sharex=True, sharey=True, gridspec_kw={"wspace": 0.1})
    for ax, (title, data) in zip(axes, panels.items(), strict=True):
        w, _ = least_absolute_deviations(*data)
        squares = torch.linalg.lstsq(data[0], data[1][:, None], driver="gelsd").solution[:, 0]
        ax.plot(data[0][:, 1], data[1], "o", color="black", markersize=3)
        ax.plot(ends[:, 1], ends @ w, label="least Σ|residual|")
        ax.plot(ends[:, 1], ends @ squares, "--", label="least squares")
        ax.set(title=title, xlabel="x", xlim=(-0.5, 12), ylim=(-2, 32))
        slopes += w[1].item(), squares[1].item()
    arrow = {"arrowprops": {"arrowstyle": "->", "color": "black"}, "ha": "center"}
    axes[0].annotate("to y = 110", (X[25, 1], 31.8), (3, 27), **arrow)
    axes[1].annotate("to x = 110", (11.9, y[25]), (9.7, 27), **arrow)
    axes[0].set_ylabel("y")
    axes[1].legend(loc="upper left")

    assert slopes[1] > 2.5 > slopes[0] > 1.7 > 1 > max(slopes[2:])
    save_figure(fig)
