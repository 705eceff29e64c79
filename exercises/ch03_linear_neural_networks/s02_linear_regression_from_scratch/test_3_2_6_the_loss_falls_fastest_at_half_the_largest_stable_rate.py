"""3.2.6 — The loss falls fastest at half the largest stable rate; for batches of 10 at 0.74.

Question
--------
Train the book's linear regression (1000 rows, batches of 10) with other learning rates than
0.03.  How fast does the loss fall?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.6 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
Start again from w = 0 for each rate.  From 16.6 the loss falls in one epoch, 100 steps, to

    rate    0.003    0.01    0.03     0.1        0.3
    loss    9.1      2.2     0.039    0.00005    0.00005

and the noise alone is 0.00005.  At a rate of 2 most runs grow beyond 10⁶ instead.  On average
the loss above the noise is multiplied in each step of batch size B by

    1 − 2η + η²(1 + 3.56/B)

This is least at η = B/(B + 3.56), where it is 1 − η: for B = 10 at 0.74, with 0.26.  At twice
that rate, 1.47, it is 1 and nothing falls any more.

Why
---
Call δ the error of (w, b), z = (x₁, x₂, 1) a row.  With features of mean 0 and variance 1 the
average slope is δ itself, so an endless batch gives (1 − η)δ: a factor (1 − η)².  A batch adds
the variance of its slope, η²/B times E[|z|²(z·δ)²] − |δ|².  For normal x₁, x₂ this mean is
5|δw|² + 3δb², or 4.56 |δ|² for the mixture of the two that the steps themselves produce.

In practice
-----------
A larger rate ends higher: at 0.03 the loss ends 0.5 % above the noise, at 0.7 20 %.

Hints
-----
1. What does one step make of w − w*, if the batch is endless?
2. How does the variance of a batch's slope depend on B, and how does its effect depend on η?
"""

import math
from itertools import product

import pytest
import torch
from matplotlib.figure import Figure

_SIGMA, _TRUTH = 0.01, torch.tensor([2, -3.4, 4.2], dtype=torch.float64)


def expected_errors(weights, bias, rate, batch, noise):
    """The means of |δw|² and δb² after a step of minibatch SGD from `weights` and `bias`.

    δ is (w, b) less the true ones; x has two independent standard normal features; `noise` is
    the variance of the labels' noise.
    """
    share = rate**2 / batch
    kept = (1 - rate) ** 2 - share
    return (
        kept * weights + share * (4 * weights + 2 * bias + 2 * noise),
        kept * bias + share * (weights + bias + noise),
    )


def best_rate(batch):
    """The learning rate at which the expected errors fall fastest, in the long run."""
    return batch / (batch + (3 + math.sqrt(17)) / 2)


def _enumerated(weights, bias, rate, batch, noise):
    """The same by adding up all batches of x ∈ {−√3, 0, √3}, noise ±σ.

    With chances 1/6, 2/3, 1/6 the means of x, x², …, x⁵ are 0, 1, 0, 3, 0: those of a normal x.
    """
    start = (0.6 * weights**0.5, -0.8 * weights**0.5, bias**0.5)
    chances = {-math.sqrt(3): 1 / 6, 0: 2 / 3, math.sqrt(3): 1 / 6}
    total = [0, 0]
    for rows in product(product(chances, chances, (-(noise**0.5), noise**0.5)), repeat=batch):
        delta = list(start)
        for x1, x2, error in rows:
            residual = x1 * start[0] + x2 * start[1] + start[2] - error
            for k, z in enumerate((x1, x2, 1)):
                delta[k] -= rate / batch * z * residual
        chance = math.prod(chances[x1] * chances[x2] / 2 for x1, x2, _ in rows)
        total[0] += chance * (delta[0] ** 2 + delta[1] ** 2)
        total[1] += chance * delta[2] ** 2
    return total


def _path(rate, steps, batch=10, noise=_SIGMA**2):
    """The expected loss on new data, from w = 0, b = 0 on."""
    errors = (2**2 + 3.4**2, 4.2**2)
    losses = [(sum(errors) + noise) / 2]
    for _ in range(steps):
        errors = expected_errors(*errors, rate, batch, noise)
        losses.append((sum(errors) + noise) / 2)
    return losses


def _factor(rate, batch):
    """By how much a step multiplies the two errors in the mixture that it leaves as it is."""
    mixture = (2, (math.sqrt(17) - 3) / 2)

    weights, bias = expected_errors(*mixture, rate, batch, 0)

    assert weights * mixture[1] == pytest.approx(bias * mixture[0], rel=1e-9, abs=1e-12)
    return weights / mixture[0]


def _train(generator, rates, runs=50, reset=True, kept=1):
    """The book's epoch for each rate: the last losses, (rates, runs, kept), a data set a run.

    Rows that were drawn independently need no further shuffling.
    """
    X = torch.randn(runs, 1000, 3, generator=generator, dtype=torch.float64)
    X[..., 2] = 1
    y = X @ _TRUTH + _SIGMA * torch.randn(runs, 1000, generator=generator, dtype=torch.float64)
    w, losses = torch.zeros(runs, 3, 1, dtype=torch.float64), []
    for rate in rates:
        path = [0 * w if reset else w]
        for Z, labels in zip(X.split(10, dim=1), y[..., None].split(10, dim=1), strict=True):
            path.append(path[-1] - rate * Z.mT @ (Z @ path[-1] - labels) / 10)
        w = path[-1]
        residuals = X @ torch.cat(path[-kept:], dim=2) - y[..., None]
        losses.append(residuals.square().mean(1) / 2)
    return torch.stack(losses)


@pytest.mark.seeds(3)
def test_the_book_s_epoch_ends_where_expected(torch_rng):
    """The epochs start at 16.6 and end at 9.1, 2.2, 0.039, 0.00005, 0.00005, for 0.003 … 0.3.

    The mean of 50 data sets is within 4 standard errors of the expected loss, and 1 % more: the
    loss of the rows trained on is lower than that of new ones by 2 · 3/1000 of the noise.
    """
    rates = [0.003, 0.01, 0.03, 0.1, 0.3]

    expected = [_path(rate, 100)[-1] for rate in rates]

    losses = _train(torch_rng, rates)[..., 0]
    assert _path(0.03, 0) == pytest.approx([16.6], rel=1e-4, abs=0)
    assert [float(f"{loss:.2g}") for loss in expected] == [9.1, 2.2, 0.039, 5.1e-5, 5.3e-5]
    for runs, loss in zip(losses, expected, strict=True):
        assert abs(runs.mean().item() - loss) < 4 * runs.std().item() / 50**0.5 + 0.01 * loss


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    "errors", [(15.56, 17.64, 0.25), (1.0, 0.0, 0.0), (0.0, 1.0, 4.0), (0.0, 0.0, 1.0)]
)
@pytest.mark.parametrize("rate", [0.1, 1.0, 1.7])
def test_a_step_has_the_errors_of_all_batches_added_up(rate, errors, batch):
    """The expected errors are those of an enumeration of all batches of one or two rows."""
    weights, bias, noise = errors

    expected = _enumerated(weights, bias, rate, batch, noise)

    found = expected_errors(weights, bias, rate, batch, noise)
    assert list(found) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("batch", "rate"), [(1, 0.219), (10, 0.737), (1000, 0.996)])
def test_the_best_rate_has_the_least_factor(batch, rate):
    """The factor 1 − 2η + η²(1 + 3.56/B) is least, 1 − η, at the best rate, and 1 at twice it.

    The best rate is 0.219, 0.737, 0.996 for B = 1, 10, 1000.
    """
    best = best_rate(batch)

    assert best == pytest.approx(rate, rel=0, abs=0.0006)
    for eta in (0.03, 0.4, 1.2):
        parabola = 1 - 2 * eta + eta**2 * (1 + 3.5616 / batch)
        assert _factor(eta, batch) == pytest.approx(parabola, rel=0, abs=1e-4)
    assert _factor(best, batch) == pytest.approx(1 - best, rel=0, abs=1e-6)
    assert _factor(2 * best, batch) == pytest.approx(1, rel=0, abs=1e-5)
    assert _factor(0.99 * best, batch) > _factor(best, batch) < _factor(1.01 * best, batch)


@pytest.mark.misconception("rates can be tried one after the other, on the same weights")
@pytest.mark.seeds(3)
def test_a_rate_that_starts_where_another_ended_shows_nothing(torch_rng):
    """With zero weights for each rate 0.01 ends at 2.2; after 0.3 it seems to end at 0.00005.

    datawhalechina's manual trains so.  A fifth more is 4 errors √(2/1000) of the noise.
    """
    fresh, stale = (_train(torch_rng, [0.3, 0.01], 1, reset)[1] for reset in (True, False))

    assert fresh > 1
    assert stale < 1.2 * _SIGMA**2 / 2


@pytest.mark.misconception("a larger rate is faster, until it diverges")
def test_beyond_the_best_rate_it_is_slower():
    """For B = 10 the rate 1.3 needs as many steps as 0.17: the factors are 0.69, 0.69.

    At the best rate it is 0.26, so that one step does as much as three or four of theirs.
    """
    small, best, large = (_factor(rate, 10) for rate in (0.1748, best_rate(10), 1.3))

    assert [small, large] == pytest.approx([0.69, 0.69], rel=0, abs=0.005)
    assert small**4 < best < small**3


@pytest.mark.misconception("a rate is stable if a run does not diverge")
@pytest.mark.seeds(3)
def test_a_typical_run_survives_a_rate_at_which_the_mean_grows(torch_rng):
    """At 1.6 the mean error grows by 1.27 a step, but of 50 runs most end below 0.01.

    Few runs carry the mean.  At 2 most runs end above 10⁶.
    """
    survives, diverges = _train(torch_rng, [1.6, 2.0])[..., 0]

    assert _factor(1.6, 10) == pytest.approx(1.27, rel=0, abs=0.005)
    assert survives.median() < 0.01
    assert diverges.median() > 1e6


@pytest.mark.misconception("every rate that converges ends at the same loss")
def test_a_larger_rate_ends_higher():
    """After 3000 steps 0.03, 0.3, 0.7 end 0.5, 6, 20 % above the noise: near 3η/2B at first."""
    ends = [_path(rate, 3000)[-1] / (_SIGMA**2 / 2) - 1 for rate in (0.03, 0.3, 0.7)]

    assert ends == pytest.approx([0.005, 0.06, 0.20], rel=0.1, abs=0)
    assert ends[0] == pytest.approx(3 * 0.03 / 20, rel=0.05, abs=0)


def test_the_figure_shows_curves_and_factors(save_figure, torch_rng):
    """The figure shows losses of an epoch beside the expected ones, and factors with minima."""
    rates = [0.01, 0.03, 0.1, 0.3, 2.0]
    losses = _train(torch_rng, rates, runs=1, kept=101)[:, 0]
    grid = torch.linspace(0, 2, 101).tolist()

    fig = Figure(figsize=(6.4, 3.2), layout="constrained")
    left, right = fig.subplots(1, 2)
    places = [(70, 7), (62, 1.2), (44, 0.02), (20, 4e-4), (9, 2e2)]
    for color, (rate, loss, place) in enumerate(zip(rates, losses, places, strict=True)):
        left.semilogy(loss, color=f"C{color}")
        left.text(*place, f"η = {rate:g}", color=f"C{color}")
        if rate < 2:
            left.semilogy(_path(rate, 100), ":", color=f"C{color}")
    left.set(title="One epoch (dotted: expected)", xlabel="step", ylabel="loss")
    left.set(ylim=(1e-5, 1e3), xlim=(0, 100))
    places = {1: (0.28, 1.15), 10: (0.74, 0.35), 1000: (1, 0.1)}
    for color, (batch, place) in enumerate(places.items()):
        best, factors = best_rate(batch), [_factor(rate, batch) for rate in grid]
        right.plot(grid, factors, color=f"C{color}")
        right.plot(best, 1 - best, "o", color=f"C{color}", clip_on=False)
        right.text(*place, f"B = {batch}", color=f"C{color}", ha="center")
    right.axhline(1, color="black", linewidth=0.8)
    right.set(title="Dots: the fastest rates", xlabel="rate η", ylim=(0, 1.4), xlim=(0, 2))
    right.set(ylabel="factor of the loss in a step")

    for curve, dot in zip(right.lines[0:6:2], right.lines[1:6:2], strict=True):
        assert abs(dot.get_ydata()[0] - min(curve.get_ydata())) < 0.002
    assert len(left.lines) == 9
    save_figure(fig)
