"""3.1.3c — SGD with a constant step hovers around the least Σ|residual|, and never arrives.

Question
--------
Minimise the mean of |yᵢ − xᵢᵀw| by minibatch stochastic gradient descent.  What goes wrong near
the minimum, and how is it mended?  Which way is fastest?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.5 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
A step of size η adds η · mean(sign(rᵢ) xᵢ) to w, over the rows i of a minibatch.  However small
a residual rᵢ is, its row pulls with its full length.  So w ends up hovering around the minimum
w*, even if it starts there, with an excess loss in proportion to η.  Two cures:

    steps that decrease, ηₜ = η/√t        the average of all iterates

Why
---
The function |w| shows it: from η/2 a step of η leads to −η/2, and back, for ever.  In general
let f be the mean loss and G² the mean of ‖xᵢ‖².  On average over the rows that are drawn

    ‖wₜ₊₁ − w*‖²  ≤  ‖wₜ − w*‖² − 2η(f(wₜ) − f(w*)) + η²G²

Summed over T steps: f(wₜ) − f(w*) is at most ‖w₁ − w*‖²/(2ηT) + ηG²/2 in the mean.  Time makes
the first term small, and only a smaller η the second.

In practice
-----------
For 1000 to 8000 rows of 10 columns, 30 steps of all rows come within 1 % of the least loss, or
20 solves of reweighted least squares (IRLS), whose weights 1/|rᵢ| turn Σrᵢ² into Σ|rᵢ|.  Both
are much faster there than the programme of 3.1.3b; that one alone is exact.

Hints
-----
1. Take one parameter, f(w) = |w|, and follow w from η/2.
2. How long is the gradient of |rᵢ| for a tiny rᵢ, and how long is that of rᵢ²?
"""

import math
from itertools import pairwise

import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import linprog


def stochastic_descent(X, y, w, steps, rows):
    """All iterates, (T + 1, d), the start w, (d,), first, of SGD on the mean |yᵢ − xᵢᵀw|.

    Step t has the size steps[t], and the row numbers of its minibatch are rows[t], (m,).
    """
    if not y.isfinite().all():
        raise ValueError("y is not finite; torch.sign(nan) is 0, and the row would not count")
    path = [w]
    for t, batch in enumerate(rows):
        block = X[batch]
        signs = (y[batch] - block @ path[t]).sign()
        path.append(path[t] + steps[t] * (signs @ block) / len(batch))
    return torch.stack(path)


def iteratively_reweighted_least_squares(X, y, solves, floor):
    """The w, (d,), after so many solves, the first of them plain least squares; in float64.

    Later ones weigh row i by 1/max(|rᵢ|, floor); the floor has the unit of y.
    """
    roots = torch.ones_like(y)
    for _ in range(solves):
        table, target = X * roots[:, None], y * roots
        w = torch.linalg.lstsq(table, target[:, None], driver="gelsd").solution[:, 0]
        roots = (y - X @ w).abs().clamp_min(floor).rsqrt()
    return w


def _loss(X, y, w):
    """The mean loss of each w, (…, d)."""
    return (y - w @ X.T).abs().mean(-1)


def _programme(X, y):
    """The exact w of 3.1.3b."""
    found = linprog(-y.numpy(), A_eq=X.T.numpy(), b_eq=[0] * X.shape[1], bounds=(-1, 1))
    assert found.success
    return -torch.from_numpy(found.eqlin.marginals)


def _problem(generator, n=101, d=2):
    """X and y, with Laplace noise around y = x₁ + … + x_d."""
    X = torch.randn(n, d, generator=generator, dtype=torch.float64)
    u = torch.rand(n, generator=generator, dtype=torch.float64) - 0.5
    return X, X.sum(1) - u.sign() * torch.log(1 - 2 * u.abs())


def _decreasing(count):
    return [t**-0.5 for t in range(1, count + 1)]


@pytest.mark.misconception("gradient descent slows down by itself near the minimum")
@pytest.mark.parametrize("x", [1.0, 2.0])
def test_near_the_minimum_it_swings_for_ever(x):
    """On |xw|, from ηx/2, w swings between ±ηx/2 with the excess ηG²/2; on w² it arrives."""
    X, y, eta = torch.tensor([[x]]), torch.zeros(1), 1 / 16
    start, rows = torch.tensor([eta * x / 2]), torch.zeros(500, 1, dtype=torch.int64)

    path = stochastic_descent(X, y, start, [eta] * 500, rows)

    assert path[:, 0].tolist() == [eta * x / 2, -eta * x / 2] * 250 + [eta * x / 2]
    assert _loss(X, y, path).tolist() == [eta * x**2 / 2] * 501
    assert start * (1 - 2 * eta) ** 500 < 1e-28  # a step on w² takes 2ηw from w


@pytest.mark.parametrize("m", [1, 5])
def test_a_step_goes_down_the_minibatch_s_gradient(torch_rng, m):
    """Each of 30 steps of several sizes is −η times autograd's gradient of the mean |rᵢ|."""
    X, y = _problem(torch_rng)
    rows, steps = torch.randint(101, (30, m), generator=torch_rng), _decreasing(30)

    path = stochastic_descent(X, y, torch.zeros(2, dtype=torch.float64), steps, rows)

    assert path.shape == (31, 2)
    for t, (w, after) in enumerate(pairwise(path)):
        w.requires_grad_()
        (slope,) = torch.autograd.grad(_loss(X[rows[t]], y[rows[t]], w), w)
        assert (after - w + steps[t] * slope).abs().max() < 1e-14


@pytest.mark.seeds(3)
def test_a_constant_step_hovers_at_a_floor_in_proportion(torch_rng):
    """From w* itself η = 0.3 and 0.03 hover; their mean excesses are as 10 to 1, within 2.5.

    A run forgets in some 1/η steps, and 200 or 700 are more than 20 of them: a mean scatters by
    22 % or less, and four times that is less than ln 2.5.
    """
    X, y = _problem(torch_rng)
    best = _programme(X, y)
    least, rows = _loss(X, y, best), torch.randint(101, (700, 1), generator=torch_rng)

    large, small = (
        _loss(X, y, stochastic_descent(X, y, best, [eta] * count, rows[:count])) - least
        for eta, count in ((0.3, 200), (0.03, 700))
    )

    assert 4 < large[50:].mean() / small[50:].mean() < 25


def _excesses(generator, count, *steps):
    """Of η = 1, 1/√t and other `steps`, and of the average of η = 1's iterates, from w = 0."""
    X, y = _problem(generator)
    rows = torch.randint(101, (count, 1), generator=generator)
    paths = [
        stochastic_descent(X, y, torch.zeros(2, dtype=torch.float64), sizes, rows)
        for sizes in ([1.0] * count, _decreasing(count), *steps)
    ]
    average = paths[0].cumsum(0) / torch.arange(1, count + 2)[:, None]
    return _loss(X, y, torch.stack((average, *paths))) - _loss(X, y, _programme(X, y))


@pytest.mark.seeds(3)
def test_decreasing_steps_and_averages_go_on(torch_rng):
    """After 500 steps both cures leave at most a quarter of the excess of η = 1."""
    average, floor, decreasing = _excesses(torch_rng, 500)[:, -200:].mean(1)

    assert max(average, decreasing) < floor / 4


def test_reweighting_comes_down_to_the_least_sum(stack_loss):
    """On Brownlee's stack loss each solve lowers Σ|r|: ten to within 2 %, a hundred to 10⁻⁶.

    Under a floor above all residuals, where all rows weigh alike, it stays least squares.
    """
    table = torch.tensor(stack_loss.to_numpy(dtype=float, copy=True))
    X, y = torch.cat((torch.ones_like(table[:, :1]), table[:, 1:]), 1), table[:, 0]

    hundred, *few = (
        iteratively_reweighted_least_squares(X, y, solves, 1e-6)
        for solves in (100, *range(1, 11))
    )
    alike = iteratively_reweighted_least_squares(X, y, 5, 1e3)

    excess = _loss(X, y, torch.stack((*few, hundred))) / _loss(X, y, _programme(X, y)) - 1
    assert (excess.diff() < 0).all()
    assert 0.02 > excess[9] > 1e-6 > excess[10] > -1e-9
    for squares in (few[0], alike):
        assert (X.T @ (y - X @ squares)).abs().max() < 1e-7


@pytest.mark.edge
def test_dependent_columns_are_no_obstacle(torch_rng):
    """With a column of zeros first, y = 3z₁ − 2z₂ is fitted exactly in each of 20 calls."""
    X, _ = _problem(torch_rng)
    y, wider = X @ torch.tensor([3.0, -2], dtype=torch.float64), torch.cat((0 * X, X), 1)

    for _ in range(20):
        assert _loss(wider, y, iteratively_reweighted_least_squares(wider, y, 3, 1e-8)) < 1e-12


@pytest.mark.edge
def test_a_row_without_a_y_is_not_passed_over():
    """A NaN among the y raises ValueError."""
    with pytest.raises(ValueError, match="finite"):
        stochastic_descent(torch.ones(2, 1), torch.tensor([1, torch.nan]), None, [], [])


def test_the_figure_shows_floors_and_two_cures(save_figure, torch_rng):
    """The figure shows the excess against steps: constant steps hover, both cures go on."""
    names = ["η = 1, average of all iterates", "η = 1", "η = 1/√t", "η = 0.1"]
    excesses = _excesses(torch_rng, 600, [0.1] * 600)
    spans = list(pairwise(round(600 ** (k / 8)) for k in range(9)))

    fig = Figure(figsize=(6, 3.6))
    ax = fig.subplots()
    for name, excess, style in zip(names, excesses, ("d-.", "o-", "^--", "s:"), strict=True):
        means = [excess[first:end].mean() for first, end in spans]
        ax.plot([math.sqrt(first * end) for first, end in spans], means, style, label=name)
    ax.set(xscale="log", yscale="log", xlabel="steps t", ylim=(2e-3, 2))
    ax.set(ylabel="excess of the mean loss", title="Constant steps hover, two cures go on")
    ax.legend(loc="lower left")

    average, large, *others = (line.get_ydata()[-1] for line in ax.lines)
    assert max(average, *others) < large / 4
    save_figure(fig)


@pytest.mark.timed_only
@pytest.mark.benchmark(group="3.1.3 Which way is fastest to within 1 % of the least loss?")
@pytest.mark.parametrize("n", [1000, 2000, 4000, 8000])
@pytest.mark.parametrize("method", ["steps of all rows", "IRLS", "linear programme"])
def test_three_ways_to_the_same_excess(benchmark, method, n):
    """With n rows of 10 columns, steps and solves stop at the first w within 1 %."""
    X, y = _problem(torch.Generator().manual_seed(0), n, 10)
    best = _programme(X, y)
    near, rows = 1.01 * _loss(X, y, best), torch.arange(n).expand(30, -1)

    def descend(count):
        return stochastic_descent(X, y, 0 * best, _decreasing(count), rows[:count])

    def solve(count):
        return iteratively_reweighted_least_squares(X, y, count, 1e-8)

    steps = (_loss(X, y, descend(30)) < near).tolist().index(True)
    solves = [_loss(X, y, solve(count)) < near for count in range(1, 21)].index(True) + 1
    count, way = {
        "steps of all rows": (steps, lambda: descend(steps)[-1]),
        "IRLS": (solves, lambda: solve(solves)),
        "linear programme": (1, lambda: _programme(X, y)),  # set up once, with few pivots
    }[method]
    benchmark.extra_info.update(method=method, size=n, work=count * n)
    benchmark.extra_info["reason"] = "rows, as often as they are gone through (counted)"
    if method != "linear programme":
        flops = (2 * 10**2 if method == "IRLS" else 4 * 10) * count * n
        benchmark.extra_info.update(flops=flops, bytes=8 * 10 * count * n)

    assert _loss(X, y, benchmark(way)) < near
