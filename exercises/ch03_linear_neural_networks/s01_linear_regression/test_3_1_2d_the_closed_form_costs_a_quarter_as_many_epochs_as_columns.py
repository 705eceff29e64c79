"""3.1.2d — The closed form costs (d + 3)/4 epochs of SGD: count first, then mind the steps.

Question
--------
Least squares has a closed form.  When is stochastic gradient descent the better choice?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.2 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
If there are many columns, and a few epochs are good enough.  Count the multiplications:

    closed form      n · d(d + 3)/2     XᵀX, which is symmetric, and Xᵀy
    epoch of SGD     2nd                Xw, and Xᵀ times the residual

So the closed form costs (d + 3)/4 epochs: 2 with 5 columns, 251 with 1000.  For most
other losses and models there is no choice: they have no closed form.

Why
---
In XᵀX each row meets each *pair* of columns once; in an epoch it meets each column twice.

How many epochs SGD takes depends on the condition number κ of X: where a combination of columns
is short, a step changes little, and the longest one limits the step.  Time depends on the
steps, too: each costs 20 µs or more of calls, however small it is.  For 2000 rows, d = 100 and
κ = 3, until the loss is within 10 % of the least (one core, shortest of 30 runs):

    batch                        10     50    200   2000      closed form
    epochs                        3      3      4     12
    million multiplications     1.2    1.2    1.6    4.8      10.3
    milliseconds                 12    4.2    1.8    2.0       1.6

Scale the columns before SGD, and take batches large enough for the calls not to matter.

Hints
-----
1. How many multiplications are in a product of an (n, d) with a (d, m) matrix?
2. Which numbers of the symmetric XᵀX need not be computed?
"""

import math

import pytest
import torch
from matplotlib.figure import Figure


def closed_form_multiplications(n, d):
    """Multiplications for the different numbers of XᵀX and for Xᵀy, if X is (n, d).

    To solve the d equations takes about d³/6 more, which is little if n is large beside d.
    """
    return n * d * (d + 3) / 2


def sgd_multiplications(n, d, epochs):
    """Multiplications of X with w and with residuals in epochs of SGD, if X is (n, d)."""
    return epochs * 2 * n * d


def _count_closed_form(n, d):
    """Every product in XᵀX, row by row and pair by pair, and in Xᵀy."""
    pairs = [(i, j) for _ in range(n) for i in range(d) for j in range(i, d)]
    return len(pairs) + n * d


@pytest.mark.parametrize(("n", "d"), [(1000, 2), (1, 1), (7, 3), (20, 10)])
def test_the_closed_form_multiplies_each_pair_of_columns_once(n, d):
    """For the book's 1000 examples with 2 features it takes 5000; written out, any n and d."""
    assert closed_form_multiplications(1000, 2) == 5000
    assert closed_form_multiplications(n, d) == _count_closed_form(n, d)


@pytest.mark.parametrize(("n", "d", "epochs"), [(100, 2, 3), (60, 20, 1), (50, 7, 4)])
def test_an_epoch_meets_each_number_of_x_twice(count_multiplications, n, d, epochs):
    """Torch's profiler counts the multiplications of SGD: 12 000 in the book's three epochs."""
    X, y, w = torch.ones(n, d), torch.ones(n), torch.zeros(d)

    def train():
        for _ in range(epochs):
            for rows, targets in zip(X.split(10), y.split(10), strict=True):
                rows.T @ (rows @ w - targets)

    assert sgd_multiplications(1000, 2, 3) == 12_000
    assert count_multiplications(train) == sgd_multiplications(n, d, epochs)


@pytest.mark.parametrize("d", [1, 5, 60, 1000])
def test_the_closed_form_costs_a_quarter_as_many_epochs_as_columns(d):
    """The closed form costs (d + 3)/4 epochs, whatever n: 1 for d = 1, 250.75 for d = 1000."""
    for n in (100, 10**6):
        epochs = closed_form_multiplications(n, d) / sgd_multiplications(n, d, 1)

        assert epochs == (d + 3) / 4


def _problem(generator, n, d, kappa):
    """X with singular values from √n to √n/κ, and noisy y that all of them matter to alike."""
    parts = [
        torch.randn(size, generator=generator, dtype=torch.float64)
        for size in ((n, d), (d, d), (d,), (n,))
    ]
    s = n**0.5 * torch.logspace(0, -math.log10(kappa), d, dtype=torch.float64)
    Q = torch.linalg.qr(parts[0]).Q
    return Q * s @ torch.linalg.qr(parts[1]).Q.T, n**0.5 * Q @ parts[2] + parts[3]


_STEPS = torch.logspace(-1.5, 0.5, 9, dtype=torch.float64)[:, None]


def _excess(X, y, epochs, batch):
    """Loss over the least loss, less 1, after 0, 1, … epochs from zero, for the best step."""
    best = torch.linalg.lstsq(X, y[:, None], driver="gels").solution[:, 0]
    least = (X @ best - y).square().mean()
    W, losses = X.new_zeros(len(_STEPS), X.shape[1]), []  # a row for each step
    for _ in range(epochs + 1):
        losses.append((W @ X.T - y).square().mean(1) / least - 1)
        for rows, targets in zip(X.split(batch), y.split(batch), strict=True):
            W = W - _STEPS / len(rows) * ((W @ rows.T - targets) @ rows)
    return torch.stack(losses).nan_to_num(math.inf, posinf=math.inf).amin(1)


@pytest.mark.seeds(2)
def test_sgd_wins_on_many_columns_of_like_scale(torch_rng):
    """With d = 100, κ = 3 SGD is within 10 % of the least loss in at most 14 of 25.75 epochs.

    Three batch sizes of the answer's table.  60 seeds: at most 4, 5 and 13 epochs.
    """
    X, y = _problem(torch_rng, 2000, 100, kappa=3)
    closed = closed_form_multiplications(2000, 100)

    for batch, most in {10: 5, 200: 6, 2000: 14}.items():
        excess = _excess(X, y, most, batch)

        assert excess[0] > 1
        assert 1 <= int((excess < 0.1).int().argmax()) <= most, batch
        assert sgd_multiplications(2000, 100, most) < 0.6 * closed
    assert closed == 10_300_000


@pytest.mark.misconception("SGD is cheaper, because it needs no product of matrices")
@pytest.mark.seeds(3)
def test_the_closed_form_wins_if_the_columns_are_nearly_dependent(torch_rng):
    """With κ = 30 none of nine steps brings SGD within 10 % for the closed form's price."""
    X, y = _problem(torch_rng, 500, 60, kappa=30)
    price = int(closed_form_multiplications(500, 60) / sgd_multiplications(500, 60, 1))

    assert price == 15
    assert _excess(X, y, price, batch=50)[price] > 0.1


@pytest.mark.misconception("fewer multiplications take less time")
def test_small_batches_make_many_steps(torch_rng):
    """Three epochs in batches of 10 are 600 steps, four in batches of 200 only 40."""
    X, y = _problem(torch_rng, 2000, 100, kappa=3)

    assert [3 * len(X.split(10)), 4 * len(y.split(200))] == [600, 40]
    assert sgd_multiplications(2000, 100, 3) < sgd_multiplications(2000, 100, 4)


def test_the_figure_shows_sgd_against_the_cost_of_the_closed_form(save_figure, torch_rng):
    """The figure shows the loss against multiplications for κ = 1, 3, 30, and the price."""
    n, d, batch, epochs = 500, 60, 50, 20
    cost = closed_form_multiplications(n, d) / 1e6
    spent = [sgd_multiplications(n, d, epoch) / 1e6 for epoch in range(epochs + 1)]

    fig = Figure(figsize=(6, 3.6))
    ax = fig.subplots()
    for kappa in (1, 3, 30):
        excess = _excess(*_problem(torch_rng, n, d, kappa), epochs, batch)
        ax.plot(spent, excess, label=f"SGD at its best step, κ = {kappa}")
    ax.axvline(cost, color="black", linewidth=1)
    ax.text(cost + 0.01, 20, "the closed form\nis done: excess 0")
    ax.axhline(0.1, color="gray", linewidth=1, linestyle=":")
    ax.text(0.93, 0.115, "10 % above the least loss", color="gray", ha="right")
    ax.set(yscale="log", xlabel="multiplications (millions)", ylabel="loss / least loss − 1")
    ax.set(ylim=(3e-4, 3e2), xlim=(0, 1.45), title="SGD is cheaper for κ = 1 and 3, not for 30")
    ax.legend(loc=(0.14, 0.52))

    at_cost = [line.get_ydata()[15] for line in ax.lines[:3]]
    assert spent[15] < cost < spent[16]
    assert at_cost[0] < 0.1 < at_cost[2]
    assert at_cost == sorted(at_cost)
    save_figure(fig)
