"""3.1.3c — On |residuals| a constant step hovers: the gradient does not shrink.

Question
--------
Minimise Σ|yᵢ − xᵢᵀw| by stochastic gradient descent.  What can go wrong near the minimum, and
how is it mended?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
The gradient of one row is −sign(rᵢ) xᵢ.  However small its residual rᵢ is, it has the full
length ‖xᵢ‖.  With a constant step η the iterates end up hovering around the minimum, with an
excess loss in proportion to η; started *at* the minimum, they leave it, unless the rows agree
exactly.  Cures:

    steps that decrease, ηₜ = η/√t        arrive, slowly
    the average of the iterates           most of the hovering cancels

Why
---
The function w ↦ |w| shows it all.  From w = η/2 a step of η leads to −η/2, and back, for ever.
In general let f be the mean loss and G² the mean of ‖xᵢ‖².  A step squares out to

    E‖wₜ₊₁ − w*‖²  ≤  ‖wₜ − w*‖² − 2η(f(wₜ) − f(w*)) + η²G²

Sum over T steps, and by convexity the average of the iterates satisfies

    E f(average) − f(w*)  ≤  ‖w₁ − w*‖²/(2ηT) + ηG²/2

The second term does not fall with T, only with η; η ~ 1/√T balances the two.

In practice
-----------
- Torch's gradient of |r| at r = 0 is 0, one of the subgradients.  In floats such an r is rare.
- With all rows in each step w hovers too, where the minimum is a single point, mostly a few η/n
  away.
- With a smooth loss, r² or Huber's (r² near 0), the gradient over *all* rows shrinks, and a
  short enough constant step of all rows arrives.  SGD hovers there as well, if the rows
  disagree: at the minimum their gradients add up to zero, but not each of them is zero.
- A linear programme (3.1.3b) has the exact minimum in less time than any of these, if the
  data fit in memory.

Hints
-----
1. Take one parameter, f(w) = |w|, and follow w from η/2.
2. How long is the gradient of |rᵢ| for a tiny rᵢ, and how long that of rᵢ²?
3. What becomes of the hovering if the step is halved?
"""

import itertools
import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.optimize import linprog


def subgradient(X, y, w):
    """A subgradient by w of the mean |yᵢ − xᵢᵀw|, with sign(0) = 0: −Xᵀ sign(y − Xw)/n.

    X is (n, d), y (n,) and w (…, d), a batch of points; the result has w's shape.  Raises
    TypeError ("floating-point") unless all are such tensors of one dtype, ValueError ("shape")
    for other shapes or no rows, and ("finite") for NaN or infinity.
    """
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in (X, y, w)}
    if len(dtypes) > 1 or not all(getattr(t, "is_floating_point", False) for t in dtypes):
        raise TypeError(f"expected floating-point tensors of one dtype, got {dtypes}")
    if X.dim() != 2 or y.shape != X.shape[:1] or w.shape[-1:] != X.shape[1:] or len(X) == 0:
        shapes = [tuple(t.shape) for t in (X, y, w)]
        raise ValueError(f"expected shapes (n, d), (n,), (…, d) with n ≥ 1, got {shapes}")
    if not all(t.isfinite().all() for t in (X, y, w)):
        raise ValueError("expected finite numbers, got NaN or infinity")
    return -(y - w @ X.T).sign() @ X / len(X)


def stochastic_descent(X, y, w, steps, rows):
    """SGD on |yᵢ − xᵢᵀw|, one row at a time: all iterates, (T + 1, …, d), w itself first.

    `w` has shape (…, d), a batch of starts; `steps` holds T step sizes, numbers or tensors that
    broadcast against w; `rows`, int64, the T row numbers, (T,) or (T, …).  sign(0) = 0.
    Refuses X, y and w as `subgradient` does, another number of steps than of rows with
    ValueError ("argument") and steps that are not finite with ValueError ("finite"); raises
    TypeError ("int64") for other rows and ValueError ("row numbers") unless X has them all.
    """
    subgradient(X, y, w)
    rows = torch.as_tensor(rows) if isinstance(rows, list | tuple) else rows
    if not isinstance(rows, torch.Tensor) or rows.dtype != torch.int64 or rows.dim() == 0:
        raise TypeError(f"expected row numbers, int64, of shape (T,) or (T, …), got {rows!r}")
    if not ((rows >= 0) & (rows < len(X))).all():
        raise ValueError(f"expected row numbers from 0 to {len(X) - 1}")
    path = [w]
    for step, x, target in zip(steps, X[rows], y[rows], strict=True):
        w = path[-1]
        path.append(w + step * (target - (x * w).sum(-1)).sign()[..., None] * x)
    path = torch.stack(path)
    if not path.isfinite().all():
        raise ValueError("expected finite steps, got NaN or infinity")
    return path


def running_average(path):
    """The averages of the first 1, 2, …, T entries along axis 0, of the shape of `path`.

    Empty if `path` is.  Raises TypeError ("floating-point") for anything but such a tensor of
    rank 1 or more, and ValueError ("finite") for NaN or infinity.
    """
    if not isinstance(path, torch.Tensor) or not path.is_floating_point() or path.dim() == 0:
        raise TypeError(f"expected a floating-point tensor with an axis 0, got {path!r}")
    if not path.isfinite().all():
        raise ValueError("expected finite entries, got NaN or infinity")
    counts = torch.arange(1, len(path) + 1)
    return path.cumsum(0) / counts.reshape(-1, *[1] * (path.dim() - 1))


def _loss(X, y, w):
    return (y - w @ X.T).abs().mean(-1)


def _minimum(X, y):
    """By linear programming: the w in float64."""
    n, d = X.shape
    equalities = np.hstack((X.numpy(), np.eye(n), -np.eye(n)))
    bounds = [(None, None)] * d + [(0, None)] * (2 * n)
    costs = np.repeat([0.0, 1.0], [d, 2 * n])
    return torch.from_numpy(
        linprog(costs, A_eq=equalities, b_eq=y.numpy(), bounds=bounds).x[:d]
    )


def _problem(torch_rng, n=101, d=2):
    X = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
    signs = torch.rand(n, generator=torch_rng, dtype=torch.float64) - 0.5
    return X, X.sum(1) - signs.sign() * torch.log(1 - 2 * signs.abs())


def _rows(torch_rng, *shape):
    return torch.randint(101, shape, generator=torch_rng)


def _decreasing(eta, count):
    return [eta / math.sqrt(t) for t in range(1, count + 1)]


@pytest.fixture
def scaled_stack_problem(stack_loss):
    """Brownlee's table with centred columns of standard deviation 1 and a column of ones."""
    table = torch.tensor(stack_loss.to_numpy(dtype=float, copy=True))
    columns = table[:, 1:] - table[:, 1:].mean(0)
    ones = torch.ones(21, 1, dtype=torch.float64)
    return torch.cat((ones, columns / columns.std(0)), 1), table[:, 0]


@pytest.mark.seeds(3)
def test_autograd_agrees(torch_rng):
    """At 50 points at once, away from zero residuals and at one: torch's sign of 0 is 0."""
    X, y = _problem(torch_rng)
    w = torch.randn(50, 2, generator=torch_rng, dtype=torch.float64, requires_grad=True)

    (expected,) = torch.autograd.grad(_loss(X, y, w).sum(), w)
    slopes = subgradient(X, y, w.detach())

    assert slopes.shape == (50, 2)
    assert (slopes - expected).abs().max() < 1e-14
    at_zero = torch.zeros(1, requires_grad=True)
    assert torch.autograd.grad(at_zero.abs().sum(), at_zero)[0] == 0
    assert subgradient(torch.ones(1, 1), torch.zeros(1), torch.zeros(1)) == 0


@pytest.mark.seeds(3)
def test_it_supports_the_loss_from_below(torch_rng):
    """f(w′) ≥ f(w) + gᵀ(w′ − w) for 100 points w and 100 points w′ each."""
    X, y = _problem(torch_rng)
    w = torch.randn(100, 2, generator=torch_rng, dtype=torch.float64)
    others = 3 * torch.randn(100, 1, 2, generator=torch_rng, dtype=torch.float64)

    g = subgradient(X, y, w)

    rise = _loss(X, y, others) - _loss(X, y, w) - ((others - w) * g).sum(-1)
    assert rise.shape == (100, 100)
    assert rise.min() > -1e-14


@pytest.mark.misconception("gradient descent slows down by itself near the minimum")
def test_on_the_absolute_value_it_swings_for_ever():
    """|w| from η/2 with η = 1/16: ±1/32 after every one of 1000 steps, exactly.  w² shrinks."""
    X, y, rows = torch.ones(1, 1), torch.zeros(1), torch.zeros(1000, dtype=torch.int64)

    path = stochastic_descent(X, y, torch.tensor([1 / 32]), [1 / 16] * 1000, rows)

    assert path.shape == (1001, 1)
    assert torch.equal(path[::2], torch.full((501, 1), 1 / 32))
    assert torch.equal(path[1::2], torch.full((500, 1), -1 / 32))
    squared = torch.tensor(1 / 32)
    for _ in range(1000):
        squared = squared - 1 / 16 * 2 * squared
    assert abs(squared) < 1e-30


def test_a_step_follows_the_row_s_own_subgradient(torch_rng):
    """Each of 30 steps of three starts, by `subgradient` of that one row."""
    X, y = _problem(torch_rng)
    w, rows = torch.randn(3, 2, generator=torch_rng).double(), _rows(torch_rng, 30, 3)
    steps = _decreasing(0.5, 30)

    path = stochastic_descent(X, y, w, steps, rows)

    assert path.shape == (31, 3, 2)
    for t, k in itertools.product(range(30), range(3)):
        i = rows[t, k]
        slope = subgradient(X[i : i + 1], y[i : i + 1], path[t, k])
        assert (path[t + 1, k] - (path[t, k] - steps[t] * slope)).abs().max() < 1e-15
    with pytest.raises(ValueError, match="argument"):
        stochastic_descent(X, y, w, steps[:-1], rows)


@pytest.mark.seeds(3)
def test_a_constant_step_hovers_at_a_floor_in_proportion(torch_rng):
    """The mean gap after 1000 steps against η, log by log, has the slope 1; from 0 or from w*.

    A floor is averaged over 20 runs and 500 steps.  A run forgets in some 1/η steps, so for the
    smallest η some five of these are independent: 10 % of scatter, less for the others.  That
    scatters the slope by 0.05, of which four are allowed; the floor itself is only nearly ∝ η.
    """
    X, y = _problem(torch_rng)
    best = _minimum(X, y)
    etas = torch.tensor([0.3, 0.1, 0.03, 0.01], dtype=torch.float64)[:, None]
    starts = torch.cat((best.new_zeros(20, 1, 2), best.expand(20, 1, 2))).expand(40, 4, 2)

    path = stochastic_descent(X, y, starts, [etas] * 1500, _rows(torch_rng, 1500, 40, 1))

    gaps = (_loss(X, y, path[1000::10]) - _loss(X, y, best)).mean(0)
    for floors in (gaps[:20].mean(0), gaps[20:].mean(0)):
        assert floors.min() > 0
        slope = np.polyfit(etas[:, 0].log(), floors.log(), 1)[0]
        assert slope == pytest.approx(1, abs=0.2)


@pytest.mark.seeds(3)
def test_decreasing_steps_and_averages_go_on(torch_rng):
    """After 1000 steps with η = 1 both leave at most a fifth of the gap without a cure."""
    X, y = _problem(torch_rng)
    starts, rows = torch.zeros(20, 2).double(), _rows(torch_rng, 1000, 20)
    least = _loss(X, y, _minimum(X, y))

    steps = torch.tensor(_decreasing(1.0, 1000), dtype=torch.float64)
    both = torch.stack((torch.ones(1000), steps), 1)[..., None, None]
    hovering, decreasing = stochastic_descent(X, y, starts.expand(2, 20, 2), both, rows).unbind(
        1
    )
    average = running_average(hovering)

    floor = (_loss(X, y, hovering[500::10]) - least).mean()
    assert (_loss(X, y, decreasing[-100:]) - least).mean() < floor / 5
    assert (_loss(X, y, average[-1]) - least).mean() < floor / 5
    assert (average[-1] - hovering.mean(0)).abs().max() < 1e-12
    assert torch.equal(average[0], starts)


def test_the_average_keeps_the_bound(torch_rng):
    """Mean over 100 runs ≤ ‖w₁ − w*‖²/(2ηT) + ηG²/2, with 4 standard errors.

    For every third T from 1 to 148 and η = 0.01, 0.1 and 1.
    """
    X, y = _problem(torch_rng)
    best = _minimum(X, y)
    eta, starts = torch.tensor([0.01, 0.1, 1]).double(), torch.zeros(3, 100, 2).double()
    path = stochastic_descent(
        X, y, starts, [eta[:, None, None]] * 149, _rows(torch_rng, 149, 100)
    )

    gaps = _loss(X, y, running_average(path)[::3]) - _loss(X, y, best)

    T = torch.arange(1, 151, 3)[:, None]
    bound = best.square().sum() / (2 * eta * T) + eta * X.square().sum(1).mean() / 2
    assert gaps.shape == (50, 3, 100)
    assert (gaps.mean(2) - 4 * gaps.std(2) / 10 <= bound).all()


@pytest.mark.seeds(3)
def test_with_all_rows_at_once_it_hovers_and_squares_arrive(torch_rng):
    """200 steps of 0.3: |r| stays η/10n or more away in the mean, r² ends at `lstsq`'s w.

    Of 600 samples half kept 2.4 η/n or less, and none over 27; a hundred are allowed.
    """
    X, y = _problem(torch_rng)
    by_absolutes, by_squares = [torch.zeros(2, dtype=torch.float64)], torch.zeros(2).double()

    for _ in range(200):
        by_absolutes.append(by_absolutes[-1] - 0.3 * subgradient(X, y, by_absolutes[-1]))
        by_squares = by_squares - 0.3 * X.T @ (X @ by_squares - y) / len(X)

    distance = (torch.stack(by_absolutes[100:]) - _minimum(X, y)).norm(dim=1).mean()
    assert 0.1 < distance / (0.3 / len(X)) < 100
    least_squares = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
    assert (by_squares - least_squares).abs().max() < 1e-12


def test_stack_loss_is_reached_within_half_a_percent(scaled_stack_problem):
    """By the best of 1000 steps of 3/√t, of all rows; the published fit leaves Σ|r| = 42.08."""
    X, y = scaled_stack_problem
    path = [torch.zeros(4, dtype=torch.float64)]

    for step in _decreasing(3.0, 1000):
        path.append(path[-1] - step * subgradient(X, y, path[-1]))

    reached = _loss(X, y, torch.stack(path)).min().item()
    assert reached * 21 == pytest.approx(42.08, rel=5e-3)
    assert reached >= _loss(X, y, _minimum(X, y)).item() * (1 - 1e-12)


def test_bad_input_is_refused():
    """No floats, shapes that do not fit, no rows, NaN and infinity; rows that X lacks."""
    X, y, w = torch.ones(3, 2), torch.ones(3), torch.ones(2)

    lists = X.tolist(), y.tolist(), w.tolist()
    integers = X.long(), y.long(), w.long()
    for bad in ((X.tolist(), y, w), lists, integers, (X, y, w.double())):
        with pytest.raises(TypeError, match="floating-point"):
            subgradient(*bad)
    for bad in ([0, 3], [0, -1]):
        with pytest.raises(ValueError, match="row numbers"):
            stochastic_descent(X, y, w, [0.1, 0.1], bad)
    for bad in ([0.0], torch.tensor(0), None):
        with pytest.raises(TypeError, match="int64"):
            stochastic_descent(X, y, w, [0.1], bad)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            stochastic_descent(X, 2 * y, w / 4, [bad], [0])
        with pytest.raises(ValueError, match="finite"):
            running_average(torch.tensor([1.0, bad]))
    for bad in ([1.0], torch.ones(2, dtype=torch.int64), torch.tensor(1.0)):
        with pytest.raises(TypeError, match="floating-point"):
            running_average(bad)
    assert running_average(torch.tensor([1.0, 2, 6])).tolist() == [1, 1.5, 3]
    assert running_average(torch.ones(0, 2)).shape == (0, 2)
    one_number = w[0]
    for bad in (
        *((X, y[:2], w), (X, y[:, None], w), (X, y, y)),
        *((y, y, w), (y, y, one_number), (X[:0], y[:0], w)),
    ):
        with pytest.raises(ValueError, match="shape"):
            subgradient(*bad)
        with pytest.raises(ValueError, match="shape"):
            stochastic_descent(*bad, [0.1], [0])
    nan, infinite = torch.tensor([torch.nan, 1]), torch.tensor([1, 1, torch.inf])
    for bad in ((X * nan, y, w), (X, y * infinite, w), (X, y, w * nan)):
        with pytest.raises(ValueError, match="finite"):
            subgradient(*bad)


def test_the_figure_shows_floors_and_two_cures(save_figure, torch_rng):
    """Gap against steps: two constant steps hover, decreasing ones and an average go on."""
    X, y = _problem(torch_rng)
    least, count = _loss(X, y, _minimum(X, y)), 1000
    starts, rows = torch.zeros(20, 2).double(), _rows(torch_rng, count, 20)
    steps = torch.tensor([[1, 0.1, eta] for eta in _decreasing(1.0, count)]).double()
    large, small, decreasing = stochastic_descent(
        X, y, starts.expand(3, 20, 2), steps[..., None, None], rows
    ).unbind(1)
    paths = {
        "η = 1": (large, "-"),
        "η = 0.1": (small, ":"),
        "η = 1/√t": (decreasing, "--"),
        "η = 1, average": (running_average(large), "-."),
    }

    fig = Figure()
    ax = fig.subplots()
    shown = np.unique(np.logspace(0, math.log10(count), 100).astype(int))
    for name, (path, style) in paths.items():
        gaps = (_loss(X, y, path[shown]) - least).mean(1)
        ax.plot(shown, gaps, style, label=name)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="steps t",
        ylabel="gap of the mean loss (20 runs)",
    )
    ax.legend(loc="lower left")

    floors = {line.get_label(): np.mean(line.get_ydata()[-30:]) for line in ax.lines}
    assert list(floors) == list(paths)
    assert floors["η = 1"] / 20 < floors["η = 0.1"] < floors["η = 1"] / 5
    assert floors["η = 1/√t"] < floors["η = 1"] / 5
    assert floors["η = 1, average"] < floors["η = 1"] / 5
    save_figure(fig)


def _by_programme(X, y):
    return _minimum(X, y)


def _by_reweighting(X, y):
    roots = torch.ones_like(y)
    for _ in range(21):
        w = torch.linalg.lstsq(X * roots[:, None], (y * roots)[:, None]).solution[:, 0]
        roots = (y - X @ w).abs().clamp_min(1e-8).rsqrt()
    return w


def _by_descent(X, y):
    w = X.new_zeros(X.shape[1])
    for step in _decreasing(1.0, 200):
        w = w - step * subgradient(X, y, w)
    return w


@pytest.mark.benchmark(group="3.1.3 Which way to within 1 % of the least absolute deviations?")
@pytest.mark.parametrize(
    ("method", "solve", "ratio"),
    [
        ("IRLS, 21 solves", _by_reweighting, 1),
        ("subgradient, 200 steps", _by_descent, 200 / 21),
        ("linear programme, 102 pivots", _by_programme, 102 / 21),
    ],
    ids=["IRLS", "subgradient", "programme"],
)
def test_three_ways_to_the_same_gap(benchmark, method, solve, ratio):
    """101 rows, 2 columns.  Theory counts passes over X: one for a solve, a step or a pivot."""
    X, y = _problem(torch.Generator().manual_seed(0))
    least = _loss(X, y, _minimum(X, y))
    benchmark.extra_info.update(method=method, ratio=ratio, reason="passes over the rows")

    w = benchmark(solve, X, y)

    assert least * (1 - 1e-12) <= _loss(X, y, w) < 1.01 * least
