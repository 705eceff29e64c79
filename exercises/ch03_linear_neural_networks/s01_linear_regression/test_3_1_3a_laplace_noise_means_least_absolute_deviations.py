"""3.1.3a — Noise of density ½exp(−|ε|) makes the likelihood a sum of absolute residuals.

Question
--------
In y = xᵀw + ε let the noise have the density p(ε) = ½ exp(−|ε|).  What is −log P(y | X)?  Is
there a closed form for its minimum?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
    −log P(y | X) = n log 2 + Σᵢ |yᵢ − xᵢᵀw|

This is Laplace noise and least absolute deviations.  There is no closed form in general.  For
a single parameter there is one:

    a constant                      any median of the yᵢ
    a slope through the origin      any weighted median of yᵢ/xᵢ with the weights |xᵢ|

Why
---
For independent noise P is the product of ½ exp(−|yᵢ − xᵢᵀw|), and minus its logarithm is a sum.
No exponential is left: the logarithm has undone it.

The derivative by w is −Σ sign(yᵢ − xᵢᵀw) xᵢ.  For a constant it counts the data above and
below, and changes sign at the median.  For a slope, |yᵢ − xᵢw| = |xᵢ| |yᵢ/xᵢ − w|, so that each
quotient pulls with the weight |xᵢ|.  With more parameters the signs depend on w, and to set the
sum to zero does not solve for it (3.1.3b and c do).

In practice
-----------
- If the noise is Laplace, the median has half the variance of the mean, for many data.
- An even number of data, or weights that can be halved, leave an interval of minima.
- It is not the *exponential* distribution, which has no negative values.

Hints
-----
1. What is −log(½ exp(−|ε|))?
2. For a constant, count how many terms grow and how many shrink as b moves up.
3. For a slope, factor |xᵢ| out of each term.
"""

import math
from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import torch


def laplace_negative_log_likelihood(X, y, w):
    """The scalar n log 2 + Σ|yᵢ − xᵢᵀw| for X (n, d), y (n,) and w (d,); differentiable.

    Without rows it is 0.  Raises TypeError ("floating-point") unless all are such tensors of
    one dtype, ValueError ("shape") for other shapes and ("finite") for NaN or infinity.
    """
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in (X, y, w)}
    if len(dtypes) > 1 or not all(getattr(t, "is_floating_point", False) for t in dtypes):
        raise TypeError(f"expected floating-point tensors of one dtype, got {dtypes}")
    if X.dim() != 2 or y.shape != X.shape[:1] or w.shape != X.shape[1:]:
        shapes = [tuple(t.shape) for t in (X, y, w)]
        raise ValueError(f"expected shapes (n, d), (n,) and (d,), got {shapes}")
    if not all(t.isfinite().all() for t in (X, y, w)):
        raise ValueError("expected finite numbers, got NaN or infinity")
    return len(y) * math.log(2) + (y - X @ w).abs().sum()


def weighted_medians(values, weights):
    """The interval, (low, high), of all m that make Σ weightᵢ |valueᵢ − m| least.

    For numbers with weights ≥ 0, not all of them 0.  Both ends are values, so that integers
    and fractions stay exact.  Raises ValueError ("one weight for each value"), ("weight") for
    a weight that is negative, NaN or infinite or none above 0, and ("finite") for a value.
    """
    if len(values) != len(weights):
        raise ValueError("expected one weight for each value")
    if not all(0 <= weight < math.inf for weight in weights):
        raise ValueError(f"expected every weight finite and ≥ 0, got {weights}")
    if not all(-math.inf < value < math.inf for value in values):
        raise ValueError(f"expected finite values, got {values}")
    ordered = sorted((v, weight) for v, weight in zip(values, weights, strict=True) if weight)
    below, half = 0, sum(weights)
    for place, (value, weight) in enumerate(ordered):
        below += 2 * weight
        if below >= half:
            return value, ordered[place + 1][0] if below == half else value
    raise ValueError(f"expected at least one weight above 0, got {weights}")


def least_absolute_slopes(x, y):
    """The interval, (low, high), of the slopes w that make Σ|yᵢ − xᵢw| least.

    For numbers x and y of any kind.  Where x is 0 the datum has no say.  Raises ValueError
    ("weight") if x is 0 everywhere, ("one y for each x"), and ("finite") for NaN or infinity.
    """
    if len(x) != len(y):
        raise ValueError("expected one y for each x")
    if not all(-math.inf < number < math.inf for number in (*x, *y)):
        raise ValueError("expected finite numbers, got NaN or infinity")
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if a != 0]
    return weighted_medians([b / a for a, b in pairs], [abs(a) for a, _ in pairs])


def _loss(points, slope, intercept):
    return sum(abs(y - slope * x - intercept) for x, y in points)


def test_the_density_is_one_and_its_logarithm_linear():
    """SymPy: ∫ ½ exp(−|ε|) = 1, the variance is 2, and −log p = log 2 + |ε|.

    The density is even, so each integral is twice that over ε > 0, by its antiderivative, which
    is −p or −(ε² + 2ε + 2)p and vanishes at infinity.
    """
    e = sp.symbols("e", positive=True)
    p = sp.exp(-e) / 2

    for integrand, factor, value in ((p, 1, 1), (e**2 * p, e**2 + 2 * e + 2, 2)):
        antiderivative = -factor * p
        assert sp.expand(antiderivative.diff(e) - integrand) == 0
        assert antiderivative.limit(e, sp.oo) == 0
        assert -2 * antiderivative.subs(e, 0) == value
    assert sp.expand_log(-sp.log(p)) == sp.log(2) + e


@pytest.mark.seeds(3)
def test_it_is_the_likelihood_of_torch_and_scipy(torch_rng):
    """Both Laplace(Xw, 1), summed over 200 rows; the gradient is −Xᵀ sign(residual)."""
    X = torch.randn(200, 3, generator=torch_rng, dtype=torch.float64)
    y = torch.randn(200, generator=torch_rng, dtype=torch.float64)
    w = torch.randn(3, generator=torch_rng, dtype=torch.float64, requires_grad=True)

    nll = laplace_negative_log_likelihood(X, y, w)
    (slope,) = torch.autograd.grad(nll, w)

    mean = (X @ w).detach()
    assert nll.shape == ()
    assert nll.item() == pytest.approx(-torch.distributions.Laplace(mean, 1).log_prob(y).sum())
    assert nll.item() == pytest.approx(-scipy.stats.laplace.logpdf(y, mean).sum())
    assert (slope + X.T @ (y - mean).sign()).abs().max() < 1e-12


def test_without_rows_nothing_is_unlikely():
    """The empty product is 1, its logarithm 0."""
    empty = laplace_negative_log_likelihood(torch.ones(0, 2), torch.ones(0), torch.ones(2))

    assert empty == 0


def test_for_a_constant_it_is_the_median():
    """Every sample of up to five from −2, 0, 1, 4, against 61 constants; equal weights."""
    samples = [s for n in range(1, 6) for s in combinations_with_replacement((-2, 0, 1, 4), n)]
    for sample in samples:
        losses = {b: sum(abs(10 * y - b) for y in sample) for b in range(-20, 41)}

        low, high = weighted_medians(sample, [1] * len(sample))

        best = [b for b, loss in losses.items() if loss == min(losses.values())]
        assert (10 * low, 10 * high) == (best[0], best[-1])

    assert len(samples) == 125


def test_weights_count_as_repetitions():
    """Whole weights from 0 to 3 on four values: the medians of the values so often repeated."""
    for weights in product(range(4), repeat=4):
        values = [7, -1, 3, 0]
        repeated = sorted(v for v, k in zip(values, weights, strict=True) for _ in range(k))
        if repeated:
            middle = (len(repeated) - 1) // 2, len(repeated) // 2

            assert weighted_medians(values, weights) == tuple(repeated[i] for i in middle)


def test_a_slope_is_a_weighted_median():
    """(10, 10), (1, 3), (1, 4): slope 1, loss 5.  The plain median of y/x, 3, has loss 21."""
    x, y = (10, 1, 1), (10, 3, 4)
    points = list(zip(x, y, strict=True))

    assert least_absolute_slopes(x, y) == (1, 1)
    assert least_absolute_slopes((2, 1, 1, 1), (0, 1, 1, 1)) == (1, 1)  # |x| weighs, not x²
    assert _loss(points, 1, 0) == 5
    assert _loss(points, 3, 0) == 21
    assert least_absolute_slopes((-2, 0, 2), (-2, 9, 6)) == (1, 3)
    assert [_loss([(-2, -2), (2, 6)], w, 0) for w in (0.5, 1, 2, 3, 3.5)] == [6, 4, 4, 4, 6]


@pytest.mark.seeds(3)
def test_under_laplace_noise_the_median_has_half_the_variance(torch_rng):
    """4000 samples of 201: the ratio nears 2 from below as n grows.

    Here it is 1.79, by the density of the 101st in order, n!/(100!)² (F(1 − F))¹⁰⁰ p.  A
    variance from 4000 samples has the relative standard error √(2/4000) = 2.2 %, a ratio of
    two 3.2 % at most.
    """
    m = np.linspace(-2, 2, 4001)
    F, p = scipy.stats.laplace.cdf(m), scipy.stats.laplace.pdf(m)
    density = np.exp(math.lgamma(202) - 2 * math.lgamma(101) + 100 * np.log(F * (1 - F))) * p
    expected = 2 / 201 / np.trapezoid(m**2 * density, m)
    signs = torch.rand(4000, 201, generator=torch_rng, dtype=torch.float64) - 0.5
    noise = signs.sign() * -torch.log(1 - 2 * signs.abs())

    ratio = noise.mean(1).var() / noise.median(1).values.var()

    assert noise.var().item() == pytest.approx(2, rel=0.02)
    assert ratio.item() == pytest.approx(expected, rel=0.13)
    assert np.trapezoid(density, m) == pytest.approx(1)
    assert expected == pytest.approx(1.79, abs=0.005)


@pytest.mark.misconception("−log P is n log 2 + Σ exp(−|yᵢ − xᵢᵀw|)")
def test_the_logarithm_undoes_the_exponential():
    """That sum is *largest* for a perfect fit, 200 log 2 + 200, and falls as residuals grow."""
    X, y = torch.ones(200, 1), torch.ones(200)
    perfect, poor = torch.ones(1), torch.full((1,), 9.0)

    wrong, right = (
        [200 * math.log(2) + term(y - X @ w) for w in (perfect, poor)]
        for term in (lambda r: (-r.abs()).exp().sum(), lambda r: r.abs().sum())
    )

    assert wrong[0].item() == pytest.approx(338.6, abs=0.1)
    assert wrong[0] > wrong[1]
    assert right[0].item() == pytest.approx(138.6, abs=0.1)
    assert right[0] < right[1]
    for w, expected in ((perfect, right[0]), (poor, right[1])):
        nll = laplace_negative_log_likelihood(X, y, w)
        assert nll.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.misconception("the line of least absolute deviations goes through the medians")
def test_the_best_line_misses_the_point_of_medians():
    """Some best line joins two of the points.  Here it is the only one, and misses (2, 3)."""
    points = [(0, 0), (1, 3), (2, 1), (3, 9), (4, 12)]
    lines = {}
    for (x0, y0), (x1, y1) in combinations(points, 2):
        slope = sp.Rational(y1 - y0, x1 - x0)
        lines[slope, y0 - slope * x0] = _loss(points, slope, y0 - slope * x0)

    best = [line for line, loss in lines.items() if loss == min(lines.values())]

    assert len(best) == 1
    ((slope, intercept),) = best
    median_x, median_y = 2, 3
    assert slope * median_x + intercept != median_y


@pytest.mark.misconception("exp(−|ε|) noise has the exponential distribution")
def test_the_exponential_distribution_has_one_side_only():
    """At −1 its density is 0, that of Laplace noise the same as at 1."""
    assert scipy.stats.expon.logpdf(-1.0) == -math.inf
    assert scipy.stats.laplace.logpdf(-1.0) == scipy.stats.laplace.logpdf(1.0)


def test_bad_input_is_refused():
    """No floats, shapes, NaN, infinity; weights missing, negative, all zero or no numbers."""
    X, y, w = torch.ones(3, 2), torch.ones(3), torch.ones(2)

    lists = X.tolist(), y.tolist(), w.tolist()
    integers = X.long(), y.long(), w.long()
    for bad in ((X.tolist(), y, w), lists, integers, (X, y.double(), w)):
        with pytest.raises(TypeError, match="floating-point"):
            laplace_negative_log_likelihood(*bad)
    for bad in ((X, y[:2], w), (X, y[:, None], w), (X, y, y), (y, y, w[0]), (X, y, w[:, None])):
        with pytest.raises(ValueError, match="shape"):
            laplace_negative_log_likelihood(*bad)
    for bad in ((X * torch.nan, y, w), (X, y * torch.inf, w), (X, y, w * torch.nan)):
        with pytest.raises(ValueError, match="finite"):
            laplace_negative_log_likelihood(*bad)
    with pytest.raises(ValueError, match="one weight for each value"):
        weighted_medians([1, 2], [1])
    for bad in (math.nan, math.inf, -math.inf):
        for call in (
            lambda bad: weighted_medians([1, bad], [1, 1]),
            lambda bad: least_absolute_slopes([1, bad], [1, 1]),
            lambda bad: least_absolute_slopes([1, 0], [1, bad]),
        ):
            with pytest.raises(ValueError, match="finite"):
                call(bad)
    for weights in ([1, -1], [0, 0], [math.nan, 1], [1, math.inf]):
        with pytest.raises(ValueError, match="weight"):
            weighted_medians([1, 2], weights)
    with pytest.raises(ValueError, match="one y for each x"):
        least_absolute_slopes([1, 2], [1])
    for nothing in (lambda: weighted_medians([], []), lambda: least_absolute_slopes([0], [1])):
        with pytest.raises(ValueError, match="weight"):
            nothing()
