"""3.1.2d — The closed form costs as much as d/2 epochs of SGD: count before you choose.

Question
--------
Least squares has a closed form.  When is stochastic gradient descent the better choice?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
Count multiplications.  For n rows and d columns

    closed form     n·d·(d + 1)  for XᵀX and Xᵀy,  and about d³/6 to solve
    SGD             2·n·d  for each epoch:  Xw, then Xᵀ times the residual

So the closed form costs (d + 1)/2 epochs, and a little more if d is not small beside n.  SGD is
the better choice if it is good enough after fewer.  With d = 5 that leaves it 3 epochs, with
d = 1000 it has 500; and it needs few of them only if the columns are well scaled.

Why
---
Each row meets each *pair* of columns once in XᵀX, and each column twice in an epoch.

How many steps SGD needs depends on the condition number κ of X: along the eigenvector of XᵀX/n
with eigenvalue λ a step η multiplies the error by 1 − ηλ.  The largest λ limits η, so the
smallest needs about κ² steps; an epoch has n/batch of them.  (What limits η is the largest λ of
a batch, which for small batches grows with d/batch.)

In practice
-----------
- The closed form exists for squared loss only; SGD takes any loss and any model.
- With all rows at hand and d up to a few thousand, take the closed form: it has no step size,
  and large matrix products use a processor better than a loop over small batches.
- Centre and scale the columns before SGD, for κ's sake.

Hints
-----
1. How many multiplications are in a product of an (n, d) with a (d, m) matrix?
2. How many in one step of SGD on a batch, and how many steps are an epoch?
3. For which number of epochs are the two equal?
"""

import math
import operator

import pytest
import torch
from matplotlib.figure import Figure
from torch.autograd.profiler import profile


def closed_form_multiplications(n, d):
    """Multiplications and divisions of the normal equations by Cholesky, an int.

    XᵀX in full, nd², and Xᵀy, nd; the factor, d(d − 1)/2 + (d − 1)d(d + 1)/6; two triangular
    systems, d(d + 1).  Square roots are not counted.  Raises ValueError ("at least 1"), and
    TypeError ("integer") for a count that is none.
    """
    _check(n=n, d=d)
    factor = d * (d - 1) // 2 + (d - 1) * d * (d + 1) // 6
    return n * d * (d + 1) + factor + d * (d + 1)


def sgd_multiplications(n, d, epochs, batch):
    """Multiplications of minibatch SGD, an int: 2nd in each epoch, and d in each step for η.

    An epoch has ⌈n/batch⌉ steps.  Raises as `closed_form_multiplications` does.
    """
    _check(n=n, d=d, epochs=epochs, batch=batch)
    return epochs * (2 * n * d + d * -(-n // batch))


def break_even_epochs(n, d, batch):
    """The largest number of whole epochs that cost no more than the closed form, 0 if none do.

    Raises as `closed_form_multiplications` does.
    """
    return closed_form_multiplications(n, d) // sgd_multiplications(n, d, 1, batch)


def _check(**counts):
    for name, count in counts.items():
        if operator.index(count) < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")


class _Counted:
    """A number that counts the multiplications and divisions it takes part in."""

    count = 0

    def __init__(self, value):
        self.value = value

    def __mul__(self, other):
        _Counted.count += 1
        return _Counted(self.value * other.value)

    def __truediv__(self, other):
        _Counted.count += 1
        return _Counted(self.value / other.value)

    def __add__(self, other):
        return _Counted(self.value + other.value)

    def __sub__(self, other):
        return _Counted(self.value - other.value)


def _dot(a, b):
    return sum((x * y for x, y in zip(a, b, strict=True)), start=_Counted(0.0))


def _cholesky_solution(X, y):
    """Least squares written out, number by number, on lists of lists."""
    columns = list(zip(*X, strict=True))
    d = len(columns)
    gram = [[_dot(a, b) for b in columns] for a in columns]
    moment = [_dot(a, y) for a in columns]
    L = [[_Counted(0.0)] * d for _ in range(d)]
    for j in range(d):
        for i in range(j, d):
            rest = gram[i][j] - _dot(L[i][:j], L[j][:j])
            L[i][j] = _Counted(rest.value**0.5) if i == j else rest / L[j][j]
    z = []
    for i in range(d):
        z.append((moment[i] - _dot(L[i][:i], z)) / L[i][i])
    w = [_Counted(0.0)] * d
    for i in reversed(range(d)):
        w[i] = (z[i] - _dot([L[k][i] for k in range(i + 1, d)], w[i + 1 :])) / L[i][i]
    return [number.value for number in w]


@pytest.mark.parametrize(("n", "d"), [(1, 1), (3, 2), (4, 4), (9, 5), (12, 7)])
def test_numbers_that_count_confirm_the_closed_form(torch_rng, n, d):
    """Every multiplication of a written-out Cholesky solution, whose result is `lstsq`'s."""
    X = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
    y = torch.randn(n, generator=torch_rng, dtype=torch.float64)
    _Counted.count = 0

    w = _cholesky_solution(
        [list(map(_Counted, row)) for row in X.tolist()], list(map(_Counted, y.tolist()))
    )

    expected = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
    assert w == pytest.approx(expected.tolist(), rel=1e-8)
    assert _Counted.count == closed_form_multiplications(n, d)
    assert isinstance(closed_form_multiplications(n, d), int)


@pytest.mark.parametrize(
    ("n", "d", "batch", "epochs"), [(6, 3, 2, 1), (7, 2, 3, 4), (5, 1, 9, 2)]
)
def test_numbers_that_count_confirm_sgd(n, d, batch, epochs):
    """Every multiplication of written-out epochs; the last batch may be smaller."""
    X, y = [[_Counted(0.1)] * d for _ in range(n)], [_Counted(1.0)] * n
    w, step = [_Counted(0.0)] * d, _Counted(0.01)
    _Counted.count = 0

    for _ in range(epochs):
        for start in range(0, n, batch):
            rows, targets = X[start : start + batch], y[start : start + batch]
            residuals = [
                _dot(row, w) - target for row, target in zip(rows, targets, strict=True)
            ]
            slopes = [_dot(column, residuals) for column in zip(*rows, strict=True)]
            w = [weight - step * slope for weight, slope in zip(w, slopes, strict=True)]

    assert _Counted.count == sgd_multiplications(n, d, epochs, batch)


def test_the_profiler_counts_the_same_products():
    """Torch's own count, two operations for each: nd² and nd, and 2nd for an epoch."""
    X, y, w = torch.ones(300, 20), torch.ones(300, 1), torch.zeros(20, 1)

    with profile(with_flops=True) as record:
        X.T @ X, X.T @ y
        X.T @ (X @ w - y)
    counted = [event.flops for event in record.function_events if event.name == "aten::mm"]

    gram, moment, forward, backward = (count // 2 for count in counted)
    assert gram + moment == 300 * 20 * 21
    assert forward + backward == 2 * 300 * 20
    assert sgd_multiplications(300, 20, 1, 300) == forward + backward + 20
    assert 0 < closed_form_multiplications(300, 20) - gram - moment < 20**3 / 6 + 2 * 20**2


@pytest.mark.parametrize("d", [1, 5, 50, 1000])
def test_the_closed_form_costs_half_as_many_epochs_as_columns(d):
    """(d + 1)/2 for n = 10⁶ rows; a step size for each row makes an epoch 3nd and so fewer."""
    n = 10**6

    epochs = break_even_epochs(n, d, n)

    assert epochs == (d + 1) // 2
    assert sgd_multiplications(n, d, epochs, n) <= closed_form_multiplications(n, d)
    assert sgd_multiplications(n, d, epochs + 1, n) > closed_form_multiplications(n, d)
    assert break_even_epochs(n, d, 1) == (d + 1) // 3


def _problem(torch_rng, n, d, kappa):
    """X with independent columns whose lengths fall from 1 to 1/κ (times √n), and noisy y."""
    X = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
    X = X * torch.logspace(0, -math.log10(kappa), d, dtype=torch.float64)
    w = torch.randn(d, generator=torch_rng, dtype=torch.float64) / X.norm(dim=0) * n**0.5
    return X, X @ w + torch.randn(n, generator=torch_rng, dtype=torch.float64)


def _closed_form(X, y):
    return torch.cholesky_solve((X.T @ y)[:, None], torch.linalg.cholesky(X.T @ X))[:, 0]


_STEPS = torch.tensor([0.003, 0.01, 0.03, 0.1, 0.2, 0.3], dtype=torch.float64)


def _excess_by_epoch(X, y, epochs, batch=50):
    """Loss over the least loss, less 1, after 0, 1, … epochs of SGD from zero, for each step.

    Shape (epochs + 1, steps); infinite where a step is too long to converge.
    """
    least = (X @ _closed_form(X, y) - y).square().mean()
    W, losses = X.new_zeros(X.shape[1], len(_STEPS)), []
    for _ in range(epochs + 1):
        losses.append((X @ W - y[:, None]).square().mean(0) / least - 1)
        for rows, targets in zip(X.split(batch), y.split(batch), strict=True):
            W = W - _STEPS * (rows.T @ (rows @ W - targets[:, None])) / batch
    return torch.stack(losses).nan_to_num(math.inf, posinf=math.inf)


@pytest.mark.seeds(3)
def test_sgd_wins_on_many_well_scaled_columns(torch_rng):
    """At d = 60 it is within 10 % of the least loss long before the 30 epochs it may take."""
    X, y = _problem(torch_rng, 500, 60, kappa=1)

    excess = _excess_by_epoch(X, y, 20).amin(1)

    needed = int((excess < 0.1).int().argmax())
    assert excess[0] > 10
    assert 1 <= needed <= 20 < break_even_epochs(500, 60, 50)
    assert sgd_multiplications(500, 60, needed, 50) < closed_form_multiplications(500, 60)


@pytest.mark.misconception("SGD is cheaper, because it needs no matrix products")
@pytest.mark.seeds(3)
def test_the_closed_form_wins_on_badly_scaled_columns(torch_rng):
    """At κ = 30 its price is not enough for SGD with any step; scaled columns cure that."""
    X, y = _problem(torch_rng, 500, 60, kappa=30)
    price = break_even_epochs(500, 60, 50)

    assert _excess_by_epoch(X, y, price)[price].min() > 0.1
    assert _excess_by_epoch(X / X.norm(dim=0) * 500**0.5, y, price)[price].min() < 0.1


def test_no_rows_no_columns_and_no_epochs_are_refused():
    """Counts start at 1, and are integers."""
    for call in (
        lambda: closed_form_multiplications(0, 3),
        lambda: closed_form_multiplications(3, 0),
        lambda: sgd_multiplications(0, 3, 1, 1),
        lambda: sgd_multiplications(3, 0, 1, 1),
        lambda: sgd_multiplications(3, 3, 0, 1),
        lambda: sgd_multiplications(3, 3, 1, 0),
        lambda: break_even_epochs(3, 0, 1),
        lambda: break_even_epochs(3, 3, 0),
    ):
        with pytest.raises(ValueError, match="at least 1"):
            call()
    for bad in (2.5, math.nan, math.inf):
        for call in (
            lambda bad: closed_form_multiplications(3, bad),
            lambda bad: sgd_multiplications(3, 3, bad, 1),
            lambda bad: break_even_epochs(3, 3, bad),
        ):
            with pytest.raises(TypeError, match="integer"):
                call(bad)


def test_the_figure_shows_sgd_against_the_cost_of_the_closed_form(save_figure, torch_rng):
    """With d = 60 the closed form costs 30 epochs; SGD at its best step more or less, by κ."""
    n, d, batch = 500, 60, 50
    multiplications = [epoch * sgd_multiplications(n, d, 1, batch) / 1e6 for epoch in range(37)]

    fig = Figure()
    ax = fig.subplots()
    for kappa, style in ((1, "-"), (10, "--"), (30, "-.")):
        excess = _excess_by_epoch(*_problem(torch_rng, n, d, kappa), 36)
        best = excess[30].argmin()
        label = f"SGD, κ = {kappa}, η = {_STEPS[best]:g}"
        ax.plot(multiplications, excess[:, best], style, label=label)
    cost = closed_form_multiplications(n, d) / 1e6
    ax.axvline(cost, color="black", linewidth=1)
    ax.text(cost - 0.03, 5e-3, "closed form:\nexcess 0", ha="right")
    ax.axhline(0.1, color="gray", linewidth=1, linestyle=":")
    ax.text(0.02, 0.09, "10 % above the least loss", color="gray", va="top")
    ax.set(yscale="log", xlabel="multiplications (millions)", ylabel="loss / least loss − 1")
    ax.set(ylim=(1e-3, 1e4))
    ax.legend(loc="upper left")

    good, middling, bad = (line.get_ydata() for line in ax.lines[:3])
    before = sum(x < cost for x in multiplications)
    assert 27 < before < 34
    assert good[before] < middling[before] < bad[before]
    assert good[before] < 0.1 < bad[before]
    save_figure(fig)


@pytest.mark.benchmark(
    group="3.1.2 How long do the closed form and SGD take to within 10 % of the least loss?"
)
@pytest.mark.parametrize("method", ["closed form", "SGD, 10 epochs"])
def test_either_way_ends_near_the_least_loss(benchmark, method):
    """With n = 2000, d = 100, κ = 1 and batches of 50; theory counts multiplications only."""
    X, y = _problem(torch.Generator().manual_seed(0), 2000, 100, kappa=1)
    closed = closed_form_multiplications(2000, 100)
    ratio = 1 if method == "closed form" else sgd_multiplications(2000, 100, 10, 50) / closed
    benchmark.extra_info.update(method=method, ratio=ratio, reason="multiplications")

    def sgd():
        w = X.new_zeros(100)
        for _ in range(10):
            for rows, targets in zip(X.split(50), y.split(50), strict=True):
                w = w - 0.01 * rows.T @ (rows @ w - targets) / 50
        return w

    w = benchmark(sgd if method != "closed form" else lambda: _closed_form(X, y))

    least = (X @ torch.linalg.lstsq(X, y[:, None]).solution[:, 0] - y).square().mean()
    assert least * (1 - 1e-9) < (X @ w - y).square().mean() < 1.1 * least
