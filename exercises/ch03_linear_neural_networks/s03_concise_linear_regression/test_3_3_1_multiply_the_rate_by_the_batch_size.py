"""3.3.1 — For the mean, multiply the sum's learning rate by the batch size: same steps.

Question
--------
Somebody trains with the sum of the losses of a minibatch, and now takes their mean instead.
How must the learning rate change?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-concise.html>
English edition: 3.5.1 <https://d2l.ai/chapter_linear-regression/linear-regression-concise.html>

Answer
------
Multiply it by the batch size B.  On the book's data, with B = 10, these make the same steps:

    nn.MSELoss(reduction="sum")    rate 0.003
    nn.MSELoss()                   rate 0.03, the book's

If B does not divide n, the last minibatch of an epoch is short, and its factor is its own size.

Why
---
The mean is the sum over B, and so is its gradient.  A step is rate × gradient:

    rate · ∇sum = (rate · B) · ∇sum / B = (rate · B) · ∇mean

With the rate left alone the steps are B times too short: 300 steps at 0.003 with the mean go
1 − (1 − 2 · 0.003)³⁰⁰ = 84 % of the way to the weights; with the rate divided by B, 16 %.

In practice
-----------
With the sum, a rate of 0.03 works for 10 rows at a time; for 50 the weights explode.

Hints
-----
1. Write the gradient of the mean with the gradient of the sum.
2. Which rate gives rate · ∇mean the length that it had before?
"""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.nn.functional import mse_loss


def rate_for_mean(rate, batch):
    """The rate that does with the mean of `batch` losses what `rate` does with their sum."""
    return rate * batch


def epoch_rates(rate, n, batch):
    """The rates for the mean, a list with one for each minibatch of an epoch.

    n rows are taken `batch` at a time, and what is left over comes last.
    """
    return [rate_for_mean(rate, min(batch, n - start)) for start in range(0, n, batch)]


_TRUTH = torch.tensor([2, -3.4, 4.2], dtype=torch.float64)


@pytest.fixture
def data(torch_rng):
    """The book's data, X (1000, 3) with ones for the bias and y, and the rows of 3 epochs."""
    X = torch.randn(1000, 3, generator=torch_rng, dtype=torch.float64)
    X[:, 2] = 1
    noise = 0.01 * torch.randn(1000, generator=torch_rng, dtype=torch.float64)
    return X, X @ _TRUTH + noise, [torch.randperm(1000, generator=torch_rng) for _ in range(3)]


def _train(data, reduction, rates, batch):
    """The weights at the start, zero, and after every step: (steps + 1, 3)."""
    X, y, epochs = data
    path = [torch.zeros(3, dtype=torch.float64)]
    for order in epochs:
        parts = X[order].split(batch), y[order].split(batch), rates
        for features, labels, rate in zip(*parts, strict=True):
            path.append(path[-1] - rate * _gradient(path[-1], features, labels, reduction))
    return torch.stack(path)


def _gradient(w, X, y, reduction):
    """That of the sum or the mean of (Xw − y)², as autograd has it, too."""
    slopes = 2 * (X.mv(w) - y).matmul(X)
    return slopes if reduction == "sum" else slopes / len(y)


def _differ(a, b):
    """By how much two runs differ at most, beside the largest weight of the data, 4.2."""
    return (a - b).abs().max().item() / 4.2


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_gradients_of_the_runs_are_those_of_torch(data, reduction):
    """Autograd finds the same gradients from `mse_loss`: the mean's is the sum's, over B."""
    X, y = data[0][:10], data[1][:10]
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)

    (expected,) = torch.autograd.grad(mse_loss(X.mv(w), y, reduction=reduction), w)

    np.testing.assert_allclose(_gradient(w.detach(), X, y, reduction), expected, rtol=1e-12)


def test_the_sum_with_0_003_and_the_mean_with_0_03_make_the_same_steps(data):
    """On the book's data, 10 rows at a time, all 300 steps agree, but for rounding."""
    rate = rate_for_mean(0.003, 10)

    summed = _train(data, "sum", [0.003] * 100, 10)
    averaged = _train(data, "mean", [rate] * 100, 10)

    assert rate == pytest.approx(0.03, rel=1e-12, abs=0)
    assert epoch_rates(0.003, 1000, 10) == pytest.approx([0.03] * 100, rel=1e-12, abs=0)
    assert _differ(summed, averaged) < 1e-12
    assert (averaged[-1] - _TRUTH).abs().max() < 0.01


@pytest.mark.parametrize(("n", "batch", "last"), [(1000, 16, 8), (96, 20, 16), (40, 64, 40)])
def test_the_short_last_minibatch_has_a_factor_of_its_own(data, n, batch, last):
    """1000 = 62 · 16 + 8: the mean of the last 8 rows takes 8 times the sum's rate, not 16."""
    X, y, epochs = data
    data = X[:n], y[:n], [order[order < n] for order in epochs]
    rate, rates = 0.1 / batch, epoch_rates(0.1 / batch, n, batch)

    summed = _train(data, "sum", [rate] * len(rates), batch)
    averaged = _train(data, "mean", rates, batch)
    one_factor = _train(data, "mean", [rate_for_mean(rate, batch)] * len(rates), batch)

    assert rates[-1] == pytest.approx(last * rate, rel=1e-12, abs=0)
    assert _differ(summed, averaged) < 1e-12
    assert _differ(summed, one_factor) > 1e-5


@pytest.mark.misconception(
    "divide the rate by the batch size", source="pandalabme's solutions, 3.3.1"
)
@pytest.mark.seeds(3)
def test_dividing_is_the_wrong_way_round(data):
    """Divided by B = 10 the rate gets 16 % of the way to the weights; left alone, 84 %.

    The features' variance scatters by √(2/1000) = 4.5 %, and so do the exponents 0.18 and 1.8:
    this moves the shares by 0.007 and 0.013, a quarter of the tolerance or less.
    """
    rates = {0.0003: 0.165, 0.003: 0.835, rate_for_mean(0.003, 10): 1}

    for rate, share in rates.items():
        end = _train(data, "mean", [rate] * 100, 10)[-1]
        way = 1 - (end - _TRUTH).norm() / _TRUTH.norm()
        assert way.item() == pytest.approx(share, abs=0.055)


@pytest.mark.misconception("with the sum one rate does for all batch sizes")
def test_the_rate_of_the_sum_explodes_with_larger_minibatches(data):
    """0.03 learns by the sum of 10 losses, as 0.3 by their mean; by 50, as 1.5, it explodes."""
    for batch, explodes in ((10, False), (50, True)):
        count = 1000 // batch
        summed = _train(data, "sum", [0.03] * count, batch)[-1]
        averaged = _train(data, "mean", [rate_for_mean(0.03, batch)] * count, batch)[-1]

        assert (summed - _TRUTH).norm() > 1e6 if explodes else (summed - _TRUTH).norm() < 0.1
        assert ((summed - averaged).norm() / summed.norm()).item() < 1e-9


def test_the_figure_shows_four_ways_to_choose_the_rate(save_figure, data):
    """The figure shows the loss of the sum with 0.003, and of the mean with three rates."""
    X, y, _ = data
    runs = {
        "sum, 0.003": ("sum", 0.003, "-"),
        "mean, 0.03 (times B)": ("mean", rate_for_mean(0.003, 10), "--"),
        "mean, 0.003 (unchanged)": ("mean", 0.003, "-"),
        "mean, 0.0003 (divided)": ("mean", 0.0003, "-"),
    }

    fig = Figure(figsize=(6, 3.6))
    ax = fig.subplots()
    for name, (reduction, rate, style) in runs.items():
        path = _train(data, reduction, [rate] * 100, 10)
        losses = (path @ X.T - y).square().mean(1)
        ax.plot(losses.numpy(), style, label=name, lw=4 if reduction == "sum" else 2)
    ax.set(yscale="log", xlabel="step", ylabel="mean squared error", xlim=(0, 300))
    ax.set_title("Mean instead of sum: B = 10 times the rate, the same curve")
    ax.legend(loc="center right")

    summed, times, same, divided = (torch.tensor(line.get_ydata()) for line in ax.lines)
    assert torch.allclose(summed, times, rtol=1e-9, atol=0)
    assert times[-1] < 0.001 < same[-1] < divided[-1]
    save_figure(fig)
