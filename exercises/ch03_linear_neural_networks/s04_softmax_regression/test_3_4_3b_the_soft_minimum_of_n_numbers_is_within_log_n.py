"""3.4.3b — The soft maximum and minimum of n numbers are within log n / λ of the true ones.

Question
--------
RealSoftMax(a, b) = log(exp a + exp b) is a soft maximum of two numbers.  What does a soft
minimum look like?  Extend both to more than two numbers.
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression.html>
English edition: 4.1.5 <https://d2l.ai/chapter_linear-classification/softmax-regression.html>

Answer
------
Add more terms, and for the minimum turn all signs around, as min x = −max(−x).  A factor λ > 0
makes both sharper:

    soft maximum    log(Σ exp(λxᵢ)) / λ
    soft minimum    −log(Σ exp(−λxᵢ)) / λ

For (1, 2, 4) and λ = 1 these are 4.1698 and 0.6510; for λ = 10 they are 4.0000 and 1.0000.

Why
---
One of the n ≥ 2 terms is exp(λ max x), and none is greater.  So the sum is greater than this
term, and at most n times it.  Take the logarithm and divide by λ:

    max x  <  soft maximum  ≤  max x + log n / λ

In the same way the soft minimum is below min x by log n / λ at most.

In practice
-----------
The gradient of the soft minimum, for λ = 1, is softmax(−x).  `torch.nn.Softmin` returns these n
shares, and not the soft minimum, which is one number.

Hints
-----
1. How can you get a minimum, if all you have is a function for the maximum?
2. Which term of the sum is largest, and how large can the sum of all n be?
"""

import math
from decimal import Decimal, localcontext

import pytest
import torch
from matplotlib.figure import Figure


def real_softmax(x, scale):
    """The soft maximum, with λ = `scale`, of the numbers x, (n,): a tensor without axes."""
    return torch.logsumexp(scale * x, dim=0) / scale


def soft_min(x, scale):
    """The soft minimum, with λ = `scale`, of the numbers x, (n,): a tensor without axes."""
    return -real_softmax(-x, scale)


_EPS = 2.0**-52
_LISTS = [[1, 2, 4], [0, 0], [-3, -3, -3, 5, 5], [2], [0.5, 0.25, -7, 0.5, 0.5], [-1] * 10]
_SCALES = [0.25, 1.0, 3.0, 10.0]


def _tensor(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def _exactly(numbers, scale):
    """The soft maximum, in decimals of 50 digits."""
    with localcontext(prec=50):
        total = sum((Decimal(scale) * Decimal(number)).exp() for number in numbers)
        return float(total.ln() / Decimal(scale))


def test_1_2_and_4_have_a_soft_maximum_above_4_and_a_soft_minimum_below_1():
    """The soft maximum and minimum of (1, 2, 4) are 4.1698, 0.6510 (λ = 1), 4, 1 (λ = 10)."""
    x = _tensor([1, 2, 4])

    assert real_softmax(x, 1).item() == pytest.approx(math.log(math.e + math.e**2 + math.e**4))
    for scale, largest, smallest in ((1, 4.1698, 0.6510), (10, 4.0, 1.0)):
        assert real_softmax(x, scale).item() == pytest.approx(largest, abs=5e-5)
        assert soft_min(x, scale).item() == pytest.approx(smallest, abs=5e-5)


@pytest.mark.parametrize("scale", _SCALES)
def test_both_agree_with_decimals(scale):
    """Soft maximum and minimum of one to ten numbers are right, by decimals of 50 digits."""
    for numbers in _LISTS:
        largest = _exactly(numbers, scale)
        smallest = -_exactly([-number for number in numbers], scale)

        # powers and sums below 70 / λ, each rounded by ε of it at most, in a few steps
        assert real_softmax(_tensor(numbers), scale).item() == pytest.approx(
            largest, abs=1000 * _EPS
        )
        assert soft_min(_tensor(numbers), scale).item() == pytest.approx(
            smallest, abs=1000 * _EPS
        )


@pytest.mark.parametrize("scale", _SCALES)
def test_the_distance_is_between_log_m_and_log_n_by_lambda(scale):
    """If m of n numbers are largest (or smallest), it is off by log m / λ to log n / λ."""
    for numbers in _LISTS:
        x, n = _tensor(numbers), len(numbers)
        above, below = real_softmax(x, scale) - x.max(), x.min() - soft_min(x, scale)

        for distance, best in ((above, max(numbers)), (below, min(numbers))):
            least, most = (math.log(k) / scale for k in (numbers.count(best), n))
            assert least - 1000 * _EPS < distance < most + 1000 * _EPS
            assert (distance > most - 1e-9) == (len(set(numbers)) == 1)


@pytest.mark.misconception(
    "the soft minimum is softmax(−x)", source="datawhalechina's solutions manual, 3.4.3"
)
def test_softmax_is_the_gradient_and_not_the_soft_minimum():
    """Softmax(−x) is n shares that sum to 1, the gradient of the soft minimum, one number."""
    x = _tensor([1, 2, 4]).requires_grad_()

    soft_min(x, 1).backward()

    shares = torch.softmax(-x.detach(), dim=0).tolist()
    assert soft_min(x, 1).shape == ()
    assert x.grad.tolist() == pytest.approx(shares, abs=20 * _EPS)
    assert torch.nn.Softmin(dim=0)(x.detach()).tolist() == pytest.approx(shares, abs=20 * _EPS)
    assert sum(shares) == pytest.approx(1, abs=20 * _EPS)


@pytest.mark.misconception("the excess is at most log 2 / λ, as for two numbers")
def test_many_equal_numbers_exceed_their_maximum_by_more():
    """A thousand zeros have the soft maximum log 1000 = 6.91 if λ = 1, and 0.69 if λ = 10."""
    zeros = torch.zeros(1000, dtype=torch.float64)

    assert real_softmax(zeros, 1).item() == pytest.approx(math.log(1000), abs=1e-12)
    assert real_softmax(zeros, 10).item() == pytest.approx(0.69, abs=0.005)
    assert soft_min(zeros, 10).item() == pytest.approx(-0.69, abs=0.005)


@pytest.mark.misconception(
    "the powers of the other numbers are near 1, so n − 1 is added",
    source="pandalabme's solutions, 3.4.3",
)
def test_small_numbers_add_next_to_nothing():
    """The powers of numbers far below 0 are near 0, and not near 1: exp(−50) is 2 · 10⁻²²."""
    x = _tensor([3, -50, -50, -50])

    assert math.exp(-50) < 2e-22
    assert real_softmax(x, 1).item() == pytest.approx(3, abs=20 * _EPS)
    assert math.log(math.exp(3) + 3) > 3.1


def test_the_figure_shows_both_closing_in_as_lambda_grows(save_figure):
    """The figure shows soft maximum and minimum of (1, 2, 4) against λ, within log 3 / λ."""
    x = _tensor([1, 2, 4])
    scales = torch.linspace(0.4, 6, 80, dtype=torch.float64)

    fig = Figure()
    ax = fig.subplots()
    for color, soft, true, name in (
        ("C1", real_softmax, x.max(), "max"),
        ("C0", soft_min, x.min(), "min"),
    ):
        bound = math.log(3) / scales * (1 if name == "max" else -1)
        ax.plot(
            scales, [soft(x, scale) for scale in scales], color=color, label=f"soft {name}imum"
        )
        ax.fill_between(scales, true, true + bound, color=color, alpha=0.15, lw=0)
        ax.axhline(true, color=color, ls="--", lw=1, label=f"{name}imum, {true:.0f}")
    ax.set(title="Both are within log 3 / λ (shaded) of the maximum and minimum")
    ax.set(xlabel="λ", ylabel="value")
    ax.legend(loc="center right")

    upper, _, lower, _ = (torch.tensor(line.get_ydata()) for line in ax.lines)
    assert len(upper) == len(lower) == 80
    assert (upper > 4).all()
    assert (lower < 1).all()
    assert ((upper - 4) * scales < math.log(3)).all()
    assert ((1 - lower) * scales < math.log(3)).all()
    save_figure(fig)
