"""3.1.3a — Laplace noise asks for least absolute deviations: −log P = n log 2 + Σ|residual|.

Question
--------
In y = xᵀw + ε let the noise have the density p(ε) = ½ exp(−|ε|).  What is −log P(y | X)?  Is
there a closed form for the w that makes it least?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.5 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
    −log P(y | X) = n log 2 + Σᵢ |yᵢ − xᵢᵀw|

There is no closed form in general.  If w is a single constant there is one: the median of the
yᵢ, or for even n any number between the two in the middle.

Why
---
The noise is independent, so P is the product of the n factors ½ exp(−|yᵢ − xᵢᵀw|).  Minus the
logarithm of each is log 2 + |yᵢ − xᵢᵀw|: the logarithm undoes the exponential.

The derivative by w is −Σ sign(yᵢ − xᵢᵀw) xᵢ.  It does not change with w as long as no residual
changes its sign, so setting it to zero gives no equation for w; with squares it does.  For a
constant it counts the yᵢ below minus those above, and that is zero in the middle.

In practice
-----------
This density is Laplace's.  The *exponential* distribution has no negative values.  Exercises
3.1.3b and 3.1.3c find w for more than a constant.

Hints
-----
1. What is −log(½ exp(−|ε|))?
2. For a constant, count how many terms grow and how many shrink as it moves up.
"""

import math
from itertools import combinations_with_replacement

import pytest
import scipy.stats
import sympy as sp
import torch


def laplace_negative_log_likelihood(X, y, w):
    """−log P(y | X) for X (n, d), y (n,) and w (d,), with noise of density ½ exp(−|ε|)."""
    fitted = X @ w
    return len(y) * math.log(2) + (y.reshape_as(fitted) - fitted).abs().sum()


_X = torch.tensor([[1.0, 0], [1, 1], [1, 2], [1, 3], [1, 4]], dtype=torch.float64)
_Y = torch.tensor([0.0, 3, 1, 9, 12], dtype=torch.float64)


def _of_line(intercept, slope):
    """What the likelihood's sum of five points, on _X and _Y, adds to 5 log 2."""
    w = torch.tensor([intercept, slope], dtype=torch.float64)
    return float(laplace_negative_log_likelihood(_X, _Y, w)) - 5 * math.log(2)


def test_five_points_by_hand():
    """Of (0, 0), (1, 3), (2, 1), (3, 9), (4, 12) the line 3x misses one by 5: 5 log 2 + 5.

    The line 2 + x leaves the residuals −2, 0, −3, 4 and 6, which add up to 15 in magnitude.
    """
    assert _of_line(0, 3) == pytest.approx(5, rel=0, abs=1e-12)
    assert _of_line(2, 1) == pytest.approx(15, rel=0, abs=1e-12)


def test_the_density_has_the_whole_area_1_and_a_linear_logarithm():
    """With symbols: twice ∫₀^∞ ½ exp(−ε) dε is 1, and −log(½ exp(−ε)) is log 2 + ε."""
    e = sp.symbols("e", positive=True)
    p, area = sp.exp(-e) / 2, -sp.exp(-e) / 2

    assert sp.diff(area, e) == p
    assert 2 * (area.subs(e, sp.oo) - area.subs(e, 0)) == 1
    assert sp.expand_log(-sp.log(p)) == sp.log(2) + e


@pytest.mark.seeds(3)
def test_it_is_the_likelihood_of_torch_and_scipy(torch_rng):
    """−log P is what the Laplace distributions of torch and SciPy add up to over 200 rows."""
    X, y, w = (
        torch.randn(size, generator=torch_rng, dtype=torch.float64)
        for size in ((200, 3), (200,), (3,))
    )

    ours = float(laplace_negative_log_likelihood(X, y, w))

    by_torch = -torch.distributions.Laplace(X @ w, 1.0).log_prob(y).sum().item()
    by_scipy = -scipy.stats.laplace.logpdf(y.numpy(), (X @ w).numpy()).sum()
    # 200 sums, each rounded by some ε; torch keeps the scale 1 and log 2 in float64 too
    assert ours == pytest.approx(by_torch, rel=1e-13, abs=0)
    assert ours == pytest.approx(by_scipy, rel=1e-13, abs=0)


@pytest.mark.seeds(3)
def test_the_derivative_stays_as_it_is_between_two_changes_of_sign(torch_rng):
    """Steps of 10⁻⁶ in w raise −log P by −Σ sign(rᵢ)xᵢ times the step, each by as much."""
    X, y, w = (
        torch.randn(size, generator=torch_rng, dtype=torch.float64)
        for size in ((20, 3), (20,), (3,))
    )
    h = 1e-6 * torch.eye(3, dtype=torch.float64)
    slope = -((y - X @ w).sign() @ X)

    values = [
        [float(laplace_negative_log_likelihood(X, y, w + k * step)) for k in range(4)]
        for step in h
    ]

    assert (y - X @ w).abs().min() > 3e-6 * X.abs().max()  # no sign changes on the way
    rises = torch.tensor(values, dtype=torch.float64).diff(dim=1) / 1e-6
    # a sum of about 40 is rounded by 10⁻¹⁴, a quotient by 10⁻⁸
    assert (rises - slope[:, None]).abs().max() < 1e-7


def test_for_a_constant_it_is_any_median():
    """For all samples of up to five from −2, 0, 1, 4 the likeliest constants are the medians.

    An even sample has two medians, and all constants between them are as likely.
    """
    samples = [s for n in range(1, 6) for s in combinations_with_replacement((-2, 0, 1, 4), n)]
    constants = torch.arange(-4, 9, dtype=torch.float64) / 2
    for sample in samples:
        y = torch.tensor(sample, dtype=torch.float64)
        X = torch.ones(len(y), 1, dtype=torch.float64)

        losses = [float(laplace_negative_log_likelihood(X, y, b[None])) for b in constants]

        likeliest = constants[torch.tensor(losses) < min(losses) + 1e-4].tolist()
        low, high = sample[(len(sample) - 1) // 2], sample[len(sample) // 2]
        assert likeliest == [b for b in constants.tolist() if low <= b <= high]
    assert len(samples) == 125


@pytest.mark.misconception(
    "−log P is n log 2 + Σ exp(−|yᵢ − xᵢᵀw|)", source="a published solutions manual, 3.1.3"
)
def test_the_logarithm_undoes_the_exponential():
    """The sum n log 2 + Σ exp(−|rᵢ|) is *largest* for a perfect fit, where −log P is least."""
    X = y = torch.ones(200, 1, dtype=torch.float64)
    perfect, poor = torch.ones(1).double(), torch.full((1,), 9.0).double()

    wrong, right = (
        [float(of(w)) for w in (perfect, poor)]
        for of in (
            lambda w: 200 * math.log(2) + (-(y - X * w).abs()).exp().sum(),
            lambda w: laplace_negative_log_likelihood(X, y[:, 0], w),
        )
    )

    assert wrong[0] == pytest.approx(200 * math.log(2) + 200, rel=1e-13, abs=0)
    assert wrong[0] > wrong[1]
    assert right == pytest.approx([200 * math.log(2) + r for r in (0, 1600)], rel=1e-13, abs=0)


@pytest.mark.misconception(
    "the likeliest line goes through the point of medians",
    source="a published solutions manual, 3.1.3",
)
def test_no_line_through_the_medians_is_as_likely():
    """The medians of the five points are x = 2, y = 3; all lines through them lose to 3x.

    On these lines the sum is convex in the slope, with corners where a line meets a point.
    """
    through_the_medians = [_of_line(3 - 2 * slope, slope) for slope in (1.5, 0, 6, 4.5)]

    assert min(through_the_medians) > _of_line(0, 3) + 1


@pytest.mark.misconception(
    "noise of density ½ exp(−|ε|) has the exponential distribution",
    source="the book's own question, 3.1.3",
)
def test_the_exponential_distribution_has_one_side_only():
    """At −1 the exponential distribution's density is 0, and Laplace's is the same as at 1."""
    assert scipy.stats.expon.logpdf(-1.0) == -math.inf
    assert scipy.stats.laplace.logpdf(-1.0) == scipy.stats.laplace.logpdf(1.0)


@pytest.mark.edge
def test_labels_in_a_column_are_those_in_a_row():
    """A y of shape (5, 1) gives the same −log P as one of (5,): no broadcast to 5 × 5."""
    w = torch.tensor([2.0, 1], dtype=torch.float64)

    in_a_column = laplace_negative_log_likelihood(_X, _Y[:, None], w)

    assert float(in_a_column) == float(laplace_negative_log_likelihood(_X, _Y, w))
