"""3.1.1 — The constant with the least squared loss is the mean; other losses choose others.

Question
--------
Given numbers x₁, …, xₙ, find the constant b that makes Σ(xᵢ − b)² least.  Which assumption
about the noise does this amount to?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
    b = x̄ = Σxᵢ / n        the mean, and no other number

If xᵢ = b + noise with independent normal noise, x̄ is also the maximum-likelihood estimate of b,
whatever the variance σ² is.

Why
---
Write each xᵢ − b as (xᵢ − x̄) + (x̄ − b), and square.  The mixed terms add up to zero, since the
xᵢ − x̄ do:

    Σ(xᵢ − b)²  =  Σ(xᵢ − x̄)² + n(b − x̄)²

The first part does not contain b; the second is zero at x̄ and positive elsewhere.  With
calculus: the derivative 2n(b − x̄) is zero at x̄ only, and the second, 2n, is positive.

The normal density gives −log P = n log(σ√(2π)) + Σ(xᵢ − b)²/(2σ²): a constant, and the squares
times a positive number.  Other noise, other loss, other constant:

    Σ|xᵢ − b|       Laplace noise                     least at every median
    max|xᵢ − b|     uniform noise of unknown width    least at the midrange, (min + max)/2

In practice
-----------
- Raise the largest of n > 2 numbers by Δ: the mean moves by Δ/n, the midrange by Δ/2, the
  median not at all.
- For an even number of data all b between the two in the middle are medians; `torch.median`
  returns the lower one.
- A float32 sum of large numbers loses the small ones: the mean of 10⁸, 1, −10⁸, 1 becomes 1/4.

Hints
-----
1. Differentiate by b.  Is the zero a minimum, and is it the only one?
2. Or complete the square around the mean.
3. Which density has a logarithm that is minus a square?
"""

import math
from itertools import combinations_with_replacement

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def least_squares_constant(x):
    """The b that makes Σ(xᵢ − b)² least, for n ≥ 1 numbers x (a 1-D tensor): a float.

    An edge: the sum is rounded once, so that large numbers do not swallow small ones.  Raises
    TypeError ("1-D tensor") for anything else, ValueError ("at least one") for no numbers and
    ("finite") for NaN or infinity.
    """
    return math.fsum(_numbers(x)) / len(x)


def least_absolute_constants(x):
    """The interval, (low, high), of all b that make Σ|xᵢ − b| least: two floats, low ≤ high.

    Refuses x as `least_squares_constant` does.
    """
    ordered = sorted(_numbers(x))
    return float(ordered[(len(x) - 1) // 2]), float(ordered[len(x) // 2])


def least_maximum_constant(x):
    """The b that makes max|xᵢ − b| least, a float; refuses x as `least_squares_constant`."""
    return (min(_numbers(x)) + max(_numbers(x))) / 2


def _numbers(x):
    if not isinstance(x, torch.Tensor) or x.dim() != 1 or x.is_complex():
        raise TypeError(f"expected a 1-D tensor of real numbers, got {x!r}")
    if len(x) == 0:
        raise ValueError("expected at least one number: of none, no constant is the best")
    if not x.isfinite().all():
        raise ValueError("expected finite numbers, got NaN or infinity")
    return x.tolist()


def test_the_squares_split_for_every_sample():
    """An identity in n, b and the sums of xᵢ and xᵢ², so it holds for data of any size."""
    n, b, total, squares = sp.symbols("n b total squares", positive=True)
    mean = total / n
    loss = squares - 2 * b * total + n * b**2

    spread = squares - 2 * mean * total + n * mean**2
    assert sp.expand(loss - (spread + n * (b - mean) ** 2)) == 0
    assert sp.diff(loss, b).subs(b, mean) == 0
    assert sp.diff(loss, b, 2) == 2 * n


def test_no_other_constant_does_as_well():
    """In whole numbers, 60 to the unit: 125 samples of up to five, 481 values of b for each."""
    b = torch.arange(-180, 301)
    samples = [s for n in range(1, 6) for s in combinations_with_replacement([-2, 0, 1, 4], n)]
    for sample in samples:
        x = torch.tensor(sample)
        errors = (60 * x - b[:, None]).abs()
        mean, midrange = least_squares_constant(x), least_maximum_constant(x)

        for losses, (low, high) in (
            (errors.square().sum(1), (mean, mean)),
            (errors.sum(1), least_absolute_constants(x)),
            (errors.amax(1), (midrange, midrange)),
        ):
            best = b[losses == losses.min()]
            assert (best[0] / 60).item() == pytest.approx(low, abs=1e-6)
            assert (best[-1] / 60).item() == pytest.approx(high, abs=1e-6)

    assert len(samples) == 125


def test_a_sample_with_an_outlier():
    """0, 0, 1, 2, 50: the sum is 53, the middle 1, the ends 0 and 50.  And 60 instead of 50."""
    for largest in (50, 60):
        x = torch.tensor([largest, 0, 2, 0, 1])

        assert least_squares_constant(x) == (3 + largest) / 5
        assert least_absolute_constants(x) == (1, 1)
        assert all(isinstance(end, float) for end in least_absolute_constants(x))
        assert least_maximum_constant(x) == largest / 2


@pytest.mark.parametrize("sigma", [0.1, 1.0, 7.0])
def test_normal_noise_leads_to_the_mean_whatever_its_variance(sigma, torch_rng):
    """The likelihood falls by n(b − x̄)²/2σ² beside x̄, where autograd finds its slope zero."""
    x = torch.randn(20, generator=torch_rng, dtype=torch.float64) + 3
    mean = least_squares_constant(x)
    b = torch.tensor([mean, mean - 1, mean + 0.5], dtype=torch.float64, requires_grad=True)

    log_likelihood = torch.distributions.Normal(b[:, None], sigma).log_prob(x).sum(1)
    (slope,) = torch.autograd.grad(log_likelihood.sum(), b)

    fall = (log_likelihood[0] - log_likelihood).tolist()
    assert fall == pytest.approx([0, 20 / 2 / sigma**2, 20 * 0.25 / 2 / sigma**2], abs=1e-9)
    assert abs(slope[0].item()) < 1e-12 / sigma**2


@pytest.mark.seeds(3)
def test_one_newton_step_arrives(torch_rng):
    """The loss is a parabola: from anywhere, slope / 2n leads to the mean at once."""
    x = torch.randn(50, generator=torch_rng, dtype=torch.float64)
    b = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)

    (slope,) = torch.autograd.grad((x - b).square().sum(), b)

    assert (b - slope / (2 * 50)).item() == pytest.approx(least_squares_constant(x), abs=1e-13)


def test_a_large_sum_keeps_the_small_numbers():
    """10⁸ + 1 − 10⁸ + 1 is 2: its mean is 1/2, and torch's float32 sum says 1/4.

    In float64 the same happens with 10¹⁶.
    """
    for large, dtype in ((1e8, torch.float32), (1e16, torch.float64)):
        x = torch.tensor([large, 1.0, -large, 1.0], dtype=dtype)

        assert least_squares_constant(x) == 0.5
        assert x.mean() == 0.25


def test_of_uniform_noise_the_narrowest_that_is_possible_is_the_likeliest(torch_rng):
    """−log P = n log 2a on [b − a, b + a], if all x are within: least at the midrange."""
    x = torch.rand(9, generator=torch_rng, dtype=torch.float64)
    b = torch.linspace(0, 1, 1001, dtype=torch.float64)

    half = (x - b[:, None]).abs().amax(1)  # no smaller a makes all x possible
    loss = 9 * (2 * half).log()

    uniform = torch.distributions.Uniform(b - half, b + half + 1e-12)
    assert (uniform.log_prob(x[:, None]).sum(0) + loss).abs().max() < 1e-9
    assert b[loss.argmin()].item() == pytest.approx(least_maximum_constant(x), abs=6e-4)


@pytest.mark.misconception("`torch.median` is the median")
def test_an_even_number_has_many_medians():
    """1, 2, 3, 40: every b from 2 to 3 has the loss 40, and torch returns 2."""
    x = torch.tensor([40.0, 1.0, 3.0, 2.0])

    assert least_absolute_constants(x) == (2, 3)
    assert [(x - b).abs().sum() for b in (2.0, 2.5, 3.0)] == [40, 40, 40]
    assert x.median() == 2


@pytest.mark.misconception("the mean fits best, whatever best means")
def test_each_loss_has_a_constant_of_its_own():
    """With the outlier 50 the mean has neither the least |x − b| nor the least maximum."""
    x = torch.tensor([0.0, 0.0, 1.0, 2.0, 50.0])
    mean, (median, _) = least_squares_constant(x), least_absolute_constants(x)

    assert (x - median).abs().sum() == 52 < (x - mean).abs().sum()
    assert (x - least_maximum_constant(x)).abs().max() == 25 < (x - mean).abs().max()


@pytest.mark.parametrize(
    "name", ["least_squares_constant", "least_absolute_constants", "least_maximum_constant"]
)
def test_without_numbers_there_is_no_answer(name):
    """None at all, NaN, infinity; a list and a matrix.  `torch.mean` of nothing is NaN."""
    answer = globals()[name]

    with pytest.raises(ValueError, match="at least one"):
        answer(torch.ones(0))
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            answer(torch.tensor([1.0, bad]))
    for bad in ([1.0, 2.0], torch.ones(2, 2), torch.tensor(1.0), torch.ones(2) * 1j):
        with pytest.raises(TypeError, match="1-D tensor"):
            answer(bad)
    assert torch.ones(0).mean().isnan()


def test_the_figure_shows_three_losses_and_where_they_are_least(save_figure):
    """0, 0, 1, 2 and 10; each loss as an error in units of x, with its own least point."""
    x = torch.tensor([0.0, 0.0, 1.0, 2.0, 10.0], dtype=torch.float64)
    b = torch.linspace(-1, 8, 181, dtype=torch.float64)
    errors = (x - b[:, None]).abs()
    curves = {
        "mean": (
            errors.square().mean(1).sqrt(),
            least_squares_constant(x),
            "root of mean square",
        ),
        "median": (errors.mean(1), least_absolute_constants(x)[0], "mean"),
        "midrange": (errors.amax(1), least_maximum_constant(x), "maximum"),
    }

    fig = Figure()
    ax = fig.subplots()
    for (name, (curve, least, loss)), style in zip(
        curves.items(), ("-", "--", "-."), strict=True
    ):
        (line,) = ax.plot(b, curve, style, label=f"{loss} of |x − b|")
        height = curve[(b - least).abs().argmin()].item()
        ax.plot(least, height, "o", color=line.get_color())
        ax.annotate(
            f"{name} {least:.3g}",
            (least, height),
            xytext=(0, {"median": -15, "mean": 7, "midrange": 22}[name]),
            textcoords="offset points",
            ha="center",
            color=line.get_color(),
        )
    numbers = ", ".join(f"{number:g}" for number in x)
    ax.plot(x, torch.zeros(5), "k|", markersize=14, label=f"data: {numbers}")
    ax.set(xlabel="constant b", ylabel="size of the errors", ylim=(-0.6, 14))
    ax.legend(loc="upper center", ncols=2)

    for line, (_, least, _) in zip(ax.lines[:6:2], curves.values(), strict=True):
        position, height = line.get_data()
        assert position[height.argmin()] == pytest.approx(least, abs=1e-9)
    assert len(ax.lines) == 7
    save_figure(fig)
