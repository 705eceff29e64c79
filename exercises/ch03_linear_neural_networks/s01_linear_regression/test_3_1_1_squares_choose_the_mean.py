"""3.1.1 — The constant with the least squared loss is the mean: normal noise asks for it.

Question
--------
Given numbers x₁, …, xₙ, which constant b makes Σ(xᵢ − b)² least?  What has the answer to do
with the normal distribution?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.1 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
The mean, b = x̄ = Σxᵢ / n, and no other number.  For 0, 0, 1, 2 and 12 it is 3.

If xᵢ = b + noise, and the noise is normal with mean 0 and any variance σ², then x̄ is also the
b that makes the data most likely, the maximum-likelihood estimate.

Why
---
The derivative by b is −2 Σ(xᵢ − b) = 2n(b − x̄).  It is zero at x̄ only, and the second
derivative, 2n, is positive: a minimum, and the only one.

For normal noise the negative log-likelihood of b is

    n log(σ√(2π)) + Σ(xᵢ − b)² / (2σ²)

The first term does not contain b, and the second is the squared loss times a positive number.
Least squares and maximum likelihood ask the same question.

In practice
-----------
Other losses choose other constants.  Σ|xᵢ − b| is least at the median (exercise 3.1.3), and
max|xᵢ − b| half-way between the smallest and the largest number.  One wild number moves the
mean, but not the median.

Hints
-----
1. Differentiate by b.  Is the zero a minimum, and is it the only one?
2. What is the logarithm of the normal density, and which part of it contains b?
"""

import math

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def least_squares_constant(x):
    """The b that makes Σ(xᵢ − b)² least, for a tensor x of n ≥ 1 floats, shape (n,)."""
    return x.sum() / len(x)


def negative_log_likelihood(b, x, sigma):
    """−log P(x₁, …, xₙ) if all xᵢ are b plus independent normal noise of deviation sigma > 0.

    x has shape (n,); b and sigma are numbers.
    """
    n, losses = len(x), (x - b) ** 2
    return n * math.log(sigma * math.sqrt(2 * math.pi)) + losses.sum() / (2 * sigma**2)


_X = torch.tensor([0.0, 0.0, 1.0, 2.0, 12.0], dtype=torch.float64)


def _best(losses, b):
    """All b of a grid at which the loss is least."""
    return b[losses <= losses.min() + 1e-9].tolist()


def test_the_five_numbers_have_the_constant_3():
    """For 0, 0, 1, 2 and 12 the constant is 3, with the loss 104; 2 and 4 have 109."""
    b = least_squares_constant(_X)

    losses = [((_X - c) ** 2).sum().item() for c in (b, b - 1, b + 1)]
    assert float(b) == 3
    assert losses == [104, 109, 109]


def test_the_derivative_vanishes_at_the_mean_only():
    """With symbols: for any n, Σxᵢ and Σxᵢ² the loss has one critical point, a minimum."""
    n, total, squares = sp.symbols("n total squares", positive=True)
    b = sp.symbols("b", real=True)
    loss = squares - 2 * b * total + n * b**2

    assert sp.expand(sp.diff(loss, b).subs(b, total / n)) == 0
    assert sp.diff(loss, b, 2) == 2 * n


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_no_other_constant_does_as_well(torch_rng, n):
    """The loss at b exceeds the least one by n(b − x̄)², for any numbers and any b."""
    x = 5 + 3 * torch.randn(n, generator=torch_rng, dtype=torch.float64)
    best = least_squares_constant(x)

    for step in (-10, -1e-3, 1e-3, 0.5, 10):
        excess = ((x - best - step) ** 2 - (x - best) ** 2).sum()

        # n terms, each rounded by a few ε of its size, (|x| + 10)² < 10³
        assert excess.item() == pytest.approx(n * step**2, rel=0, abs=n * 1e3 * 4 * 2.3e-16)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 7.0])
def test_the_likelihood_is_that_of_the_normal_distribution(torch_rng, sigma):
    """−log P agrees with `torch.distributions.Normal` for several b and σ."""
    x = torch.randn(20, generator=torch_rng, dtype=torch.float64)

    for b in (-1.0, 0.0, 2.5):
        expected = -torch.distributions.Normal(x.new_tensor(b), sigma).log_prob(x).sum()

        # within some ε of float32, to which a distribution may round the numbers b and σ
        ours = float(negative_log_likelihood(b, x, sigma))
        assert ours == pytest.approx(expected.item(), rel=2e-6, abs=0)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 7.0])
def test_the_likeliest_constant_is_the_mean_whatever_the_variance(sigma):
    """Of 601 constants from −1 to 5 the mean, 3, is the likeliest for each σ."""
    b = torch.arange(-100, 501) / 100

    negative = torch.tensor([float(negative_log_likelihood(c.item(), _X, sigma)) for c in b])

    assert b[negative.argmin()].item() == float(least_squares_constant(_X)) == 3


@pytest.mark.misconception("the mean fits best, whatever best means")
def test_other_losses_choose_other_constants():
    """Of 0, 0, 1, 2, 12: Σ|xᵢ − b| is least at the median, 1, and max|xᵢ − b| at 6."""
    b = torch.arange(-100, 1301, dtype=torch.float64) / 100
    errors = (_X - b[:, None]).abs()

    assert _best((errors**2).sum(1), b) == [float(least_squares_constant(_X))] == [3]
    assert _best(errors.sum(1), b) == [1]
    assert _best(errors.amax(1), b) == [6]


@pytest.mark.misconception("b is one of the numbers", source="discuss.d2l.ai/t/258, on 3.1.1")
def test_a_wild_number_moves_the_mean_and_not_the_median():
    """With 112 for 12 the mean becomes 23, which is none of the numbers; the median stays 1."""
    wild = torch.tensor([0.0, 0.0, 1.0, 2.0, 112.0], dtype=torch.float64)

    assert float(least_squares_constant(wild)) == 23
    assert 23 not in wild
    assert wild.median() == _X.median() == 1


@pytest.mark.edge
def test_a_large_sum_swallows_small_numbers():
    """In float32 the sum 10⁸ + 1 − 10⁸ + 1 comes out as 1 for 2: the mean says 1/4 for 1/2."""
    x = torch.tensor([1e8, 1.0, -1e8, 1.0])

    assert least_squares_constant(x) == 0.25
    assert least_squares_constant(x.double()) == 0.5


def test_the_figure_shows_three_losses_and_where_they_are_least(save_figure):
    """The figure shows three losses of 0, 0, 1, 2, 12 against b, each with its own least b."""
    b = torch.linspace(-1, 9, 201, dtype=torch.float64)
    errors = (_X - b[:, None]).abs()
    curves = {
        "mean": ((errors**2).mean(1).sqrt(), float(least_squares_constant(_X))),
        "median": (errors.mean(1), 1.0),
        "midrange": (errors.amax(1), 6.0),
    }
    losses = ["root of the mean of (x − b)²", "mean of |x − b|", "maximum of |x − b|"]
    above = {"mean": 9, "median": -16, "midrange": 22}

    fig = Figure(figsize=(6.4, 3.6))
    ax = fig.subplots()
    for (name, (curve, least)), loss in zip(curves.items(), losses, strict=True):
        (line,) = ax.plot(b, curve, label=loss)
        height = curve[(b - least).abs().argmin()].item()
        ax.plot(least, height, "o", color=line.get_color())
        ax.annotate(
            f"{name}, b = {least:g}",
            (least, height),
            xytext=(0, above[name]),
            textcoords="offset points",
            ha="center",
            color=line.get_color(),
        )
    ax.plot(_X, torch.zeros(5), "k|", markersize=14, label="the data: 0, 0, 1, 2, 12")
    ax.set(xlabel="constant b", ylabel="size of the errors", ylim=(-0.7, 17))
    ax.set_title("Each loss has a constant of its own")
    ax.legend(loc="upper center", ncols=2)

    for line, (_, least) in zip(ax.lines[:6:2], curves.values(), strict=True):
        position, height = line.get_data()
        assert position[height.argmin()] == pytest.approx(least, abs=1e-9)
    assert len(ax.lines) == 7
    save_figure(fig)
