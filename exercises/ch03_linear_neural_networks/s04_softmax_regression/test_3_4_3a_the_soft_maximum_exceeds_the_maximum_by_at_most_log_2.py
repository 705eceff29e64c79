"""3.4.3a — The soft maximum of two numbers exceeds the larger one by log 2 / λ at most.

Question
--------
RealSoftMax(a, b) = log(exp a + exp b).  Prove that it is greater than max(a, b), that
RealSoftMax(λa, λb) / λ is so too if λ > 0, and that this approaches max(a, b) as λ → ∞.
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression.html>
English edition: 4.1.5 <https://d2l.ai/chapter_linear-classification/softmax-regression.html>

Answer
------
Take the larger number out of the logarithm:

    RealSoftMax(λa, λb) / λ = max(a, b) + log(1 + exp(−λ|a − b|)) / λ

For 1 and 2 this is 2.3133 (λ = 1), 2.0162 (λ = 3) and 2.0000045 (λ = 10).

Why
---
Say a ≥ b.  Then exp(λa) + exp(λb) = exp(λa) · (1 + exp(−λ(a − b))), and the logarithm divided
by λ is the formula.

The exponential lies between 0 and 1, and 0 is not reached.  So the last term lies between 0 and
log 2 / λ: it is positive, and goes to 0 as λ → ∞.  It is log 2 / λ itself if a = b.

If λ < 0, the term is negative and the result is below *both* numbers: a soft minimum.

In practice
-----------
The formula also computes it: exp(−λ|a − b|) can't overflow, but exp 1000 does.

Hints
-----
1. Write exp a + exp b as a product with the larger of the two.
2. Between which numbers does log(1 + exp(−λd)) lie, if λ and d ≥ 0 vary?
"""

import math
from decimal import Decimal, localcontext
from itertools import combinations_with_replacement, pairwise, product

import pytest
import sympy as sp
from matplotlib.figure import Figure


def real_softmax(a, b, scale):
    """RealSoftMax(λa, λb) / λ of two numbers a and b, for λ = `scale`: a float."""
    return max(a, b) + math.log1p(math.exp(-scale * abs(a - b))) / scale


_EPS = 2.0**-52
_NUMBERS = [-30.0, -1.0, -0.25, 0.0, 0.5, 2.0, 2.125, 7.0]
_SCALES = [0.25, 1.0, 3.0, 10.0]


def _exactly(a, b, scale):
    """The definition, in decimals."""
    a, b, scale = Decimal(a), Decimal(b), Decimal(scale)
    return ((scale * a).exp() + (scale * b).exp()).ln() / scale


@pytest.mark.parametrize(
    ("scale", "rounded"), [(1, "2.3133"), (3, "2.0162"), (10, "2.0000045")]
)
def test_1_and_2_have_a_soft_maximum_a_little_above_2(scale, rounded):
    """The soft maximum of 1 and 2 is 2.3133, 2.0162 and 2.0000045 if λ is 1, 3 and 10."""
    value = real_softmax(1, 2, scale)

    assert f"{value:.{len(rounded) - 2}f}" == rounded
    assert real_softmax(2, 1, scale) == pytest.approx(value, abs=4 * _EPS)


def test_the_excess_is_positive_and_at_most_log_2_by_lambda():
    """For 36 pairs and four λ, max < RealSoftMax(λa, λb)/λ ≤ max + log 2/λ; equal if a = b."""
    with localcontext(prec=200):  # as λ|a − b| is up to 370, the excess may be 10⁻¹⁶²
        log_2 = Decimal(2).ln()
        for (a, b), scale in product(combinations_with_replacement(_NUMBERS, 2), _SCALES):
            excess = _exactly(a, b, scale) - Decimal(max(a, b))
            bound = log_2 / Decimal(scale)

            assert excess > 0
            assert abs(excess - bound) < Decimal("1e-190") if a == b else excess < bound
            # each of a few numbers below 32 / λ is rounded by ε of it at most, λ ≥ 1/4
            assert abs(real_softmax(a, b, scale) - max(a, b) - float(excess)) < 500 * _EPS


def test_equal_numbers_are_exceeded_by_exactly_log_2_by_lambda():
    """The soft maximum of a and a is a + log 2 / λ: the bound cannot be improved."""
    for a, scale in product(_NUMBERS, _SCALES):
        expected = a + math.log(2) / scale
        assert real_softmax(a, a, scale) == pytest.approx(expected, abs=500 * _EPS)


def test_the_limit_is_the_maximum():
    """As λ → ∞, log(1 + exp(−λd))/λ → 0 for d > 0 and d = 0; at λ = 300 it is below 0.0024."""
    scale, d = sp.symbols("lambda d", positive=True)
    excess = sp.log(1 + sp.exp(-scale * d)) / scale

    assert sp.limit(excess, scale, sp.oo) == 0
    assert sp.limit(excess.subs(d, 0), scale, sp.oo) == 0
    for a, b in product([-1.0, -0.25, 0.0, 0.5, 2.0], repeat=2):
        assert abs(real_softmax(a, b, 300) - max(a, b)) < 0.0024


def test_it_falls_as_lambda_grows():
    """The larger λ, the smaller the soft maximum, for equal and for different numbers."""
    for a, b in ((1, 2), (0, 0), (-1, 0.5)):
        values = [real_softmax(a, b, scale / 4) for scale in range(1, 40)]
        assert all(later < earlier for earlier, later in pairwise(values))


@pytest.mark.misconception("RealSoftMax(λa, λb)/λ > max(a, b) holds for every λ")
def test_a_negative_lambda_gives_less_than_the_minimum():
    """For 1 and 2, λ = −1 gives 0.6867 and λ = −3 gives 0.9838: both are less than 1."""
    assert real_softmax(1, 2, -1) == pytest.approx(0.6867, abs=5e-5)
    assert real_softmax(1, 2, -3) == pytest.approx(0.9838, abs=5e-5)


@pytest.mark.misconception(
    "log(exp(2λ max(a, b)))/λ is an upper bound",
    source="datawhalechina's solutions manual, 3.4.3",
)
def test_the_bound_has_twice_the_power_and_not_its_square():
    """For a = b = −1, λ = 1 this bound is −2, the soft maximum log(2 exp(−1)) = −0.3069."""
    value = real_softmax(-1, -1, 1)

    assert math.log(math.exp(2 * -1)) < -1 < value
    assert value == pytest.approx(math.log(2 * math.exp(-1)), abs=4 * _EPS)
    assert value == pytest.approx(-0.3069, abs=5e-5)


@pytest.mark.misconception(
    "the derivative of log(1 + exp(−λd)) in λ is −1/(1 + exp(λd))",
    source="pandalabme's solutions, 3.4.3",
)
def test_the_factor_d_belongs_to_the_derivative():
    """The derivative in λ is −d/(1 + exp(λd)), so 0 for d = 0, and not −1/2."""
    h = 2.0**-17  # the error of the difference is below h²
    for d in (0, 0.5, 2):
        at, after = (k * (real_softmax(d, 0, k) - d) for k in (1 - h, 1 + h))
        slope = (after - at) / (2 * h)

        assert slope == pytest.approx(-d / (1 + math.exp(d)), abs=1e-9)
        assert abs(slope + 1 / (1 + math.exp(d))) > 0.1


@pytest.mark.edge
def test_large_numbers_do_not_overflow():
    """The soft maximum of 1000 and 1000 is 1000 + log 2, although exp 1000 is no float."""
    with pytest.raises(OverflowError):
        math.exp(1000)

    assert real_softmax(1000, 1000, 1) == pytest.approx(1000 + math.log(2), abs=1e-12)
    assert real_softmax(-1000, -1000, 1) == pytest.approx(-1000 + math.log(2), abs=1e-12)
    assert real_softmax(1e300, -1e300, 1) == 1e300


def test_the_figure_shows_rounded_corners_within_log_2_by_lambda(save_figure):
    """The figure shows the soft maximum of 0 and b for λ = 1, 3 and 10, above max(0, b)."""
    b = [k / 50 for k in range(-75, 76)]

    fig = Figure(figsize=(6, 3.6))
    ax = fig.subplots()
    ax.plot(b, [max(0, x) for x in b], color="black", label="max(0, b)")
    for scale in (10, 3, 1):
        bound = math.log(2) / scale
        label = f"λ = {scale}: {bound:.3f} above it at b = 0"
        (line,) = ax.plot(b, [real_softmax(0, x, scale) for x in b], label=label)
        ax.plot([0], [bound], "o", color=line.get_color())
    ax.set(title="The soft maximum of 0 and b exceeds max(0, b) by log 2 / λ at most")
    ax.set(xlabel="b", ylabel="log(exp 0 + exp(λb)) / λ")
    ax.legend(loc="upper left")

    corner, *curves = (line.get_ydata() for line in ax.lines if len(line.get_xdata()) > 1)
    assert len(curves) == 3
    for lower, upper in pairwise([corner, *curves]):
        assert all(below < above for below, above in zip(lower, upper, strict=True))
    save_figure(fig)
