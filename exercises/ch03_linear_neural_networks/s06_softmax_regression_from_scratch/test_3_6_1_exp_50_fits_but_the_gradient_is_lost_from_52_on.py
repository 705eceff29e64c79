"""3.6.1 — exp(50) is harmless, but at the logits (52, 0) half of the gradient is lost.

Question
--------
The section computes softmax literally, exp(oⱼ) / Σ exp(oₖ), and then its logarithm.  What can
go wrong?  (Look at the size of exp(50).)
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.1 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
Not exp(50) = 5.2 · 10²¹: the numbers of float32 reach to 3.4 · 10³⁸.  But these rows of
logits fail in float32:

    (89, 0)         (NaN, 0)      exp x is infinite from x = 88.72 on
    ten times 87    (0, …, 0)     each power is finite, their sum is not
    (−104, −105)    (NaN, NaN)    exp x is 0 below x = −103.97, so this is 0/0

The gradient fails first.  If class 2 is the right one, the loss of the logits (x, 0) has the
gradient (1, −1) for large x.  At x = 50 its first number comes out as 1.017, and from 51.99 on
as 0: the wrong class is not pushed down any more, although the loss itself is right.

Why
---
exp x is infinite above log(greatest number), and 0 below log(half of the least positive one).
For the gradient, autograd forms the derivative of exp(o₂)/S in S = exp(o₁) + exp(o₂).  For
(x, 0) that is −1/S², about −e⁻²ˣ: it keeps fewer and fewer digits, and is 0 from 103.97/2 on.

In practice
-----------
Never take the logarithm of a computed softmax: `F.cross_entropy` wants the logits.

Hints
-----
1. What are the greatest and the least positive number of float32?
2. Which of exp(oₖ), their sum, the quotient and its derivative leaves this range first?
"""

import math
from functools import partial

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F


def _softmax(logits):
    """The book's, literally."""
    powers = logits.exp()
    return powers / powers.sum(dim=1, keepdim=True)


def _cross_entropy(P, y):
    """The book's, of probabilities P, (n, K), and labels y, (n,)."""
    return -P[range(len(P)), y].log()


def exp_limits(dtype):
    """(low, high): in this dtype exp is 0 below low and infinite above high, two floats."""
    info = torch.finfo(dtype)
    # the least positive number is smallest_normal · eps; what is below half of it becomes 0
    low = math.log(info.smallest_normal) + math.log(info.eps) - math.log(2)
    return low, math.log(info.max)


def rows_without_probabilities(logits):
    """Where the literal softmax of the logits, (n, K), does not sum to 1: n bools."""
    total = logits.exp().sum(dim=1)
    return (total == 0) | ~total.isfinite()


<<<<<<< HEAD
def _gradients(loss, xs, dtype=torch.float32):
    """The slopes of the loss of logits (x, 0) with the label 1, in both logits: (n, 2)."""
    logits = torch.tensor([[x, 0.0] for x in xs], dtype=dtype, requires_grad=True)
    loss(logits, torch.ones(len(xs), dtype=torch.int64)).sum().backward()
    return logits.grad


=======
>>>>>>> h3
def _literal(logits, y):
    return _cross_entropy(_softmax(logits), y)


<<<<<<< HEAD
_right = partial(F.cross_entropy, reduction="sum")


@pytest.mark.subnormal
@pytest.mark.parametrize(
    ("row", "shares", "fails"),
    [
        ([50.0, 0.0], [1, math.exp(-50)], False),
        ([88.0, 0.0], [1, math.exp(-88)], False),
        ([89.0, 0.0], [math.nan, 0], True),
        ([87.0] * 10, [0] * 10, True),
        ([-104.0, -105.0], [math.nan] * 2, True),
        ([-103.0, -103.5], [0.5, 0.5], False),
    ],
    ids=str,
)
def test_what_comes_out_depends_on_where_the_range_is_left(row, shares, fails):
    """The rows (50, 0) and (88, 0) are right; (89, 0) gives (NaN, 0), ten times 87 zeros."""
    logits = torch.tensor([row])

    expected = pytest.approx(shares, rel=1e-5, abs=1e-43, nan_ok=True)
    assert _softmax(logits)[0].tolist() == expected
    assert rows_without_probabilities(logits).tolist() == [fails]
=======
def _gradient(loss, x):
    """The gradient of the loss in the logits (x, 0) if class 2 is the right one, a list."""
    logits = torch.tensor([[x, 0.0]], requires_grad=True)
    loss(logits, torch.tensor([1])).sum().backward()
    return logits.grad[0].tolist()


def test_50_and_88_are_right_but_89_and_minus_104_are_not():
    """The logits (50, 0) and (88, 0) give (1, 0) but for rounding; (89, 0) gives (NaN, 0)."""
    logits = torch.tensor([[50.0, 0], [88, 0], [0, -200], [89, 0], [-104, -105]])
    P = [[1, math.exp(-50)], [1, math.exp(-88)], [1, 0], [math.nan, 0], [math.nan, math.nan]]

    np.testing.assert_allclose(_softmax(logits), P, rtol=1e-5, atol=1e-43)
    assert rows_without_probabilities(logits).tolist() == [False] * 3 + [True] * 2
>>>>>>> h3


@pytest.mark.subnormal
@pytest.mark.parametrize(
    ("dtype", "rounded"),
    [
        (torch.float16, (-17.33, 11.09)),
        (torch.float32, (-103.97, 88.72)),
        (torch.float64, (-745.13, 709.78)),
    ],
    ids=str,
)
def test_exp_is_infinite_or_zero_just_outside_the_limits(dtype, rounded):
    """The limits in float32 are −103.97 and 88.72; two steps outside of them exp is 0 and ∞."""
    low, high = exp_limits(dtype)
    step = 2 * torch.finfo(dtype).eps * 2 ** math.floor(math.log2(-low))

    assert (round(low, 2), round(high, 2)) == rounded
    powers = torch.tensor([low - step, low + step, high - step, high + step], dtype=dtype).exp()
    assert (powers == 0).tolist() == [True, False, False, False]
    assert powers.isinf().tolist() == [False, False, False, True]


<<<<<<< HEAD
@pytest.mark.seeds(3)
def test_the_rows_that_fail_are_all_found(torch_rng):
    """Of 1000 random rows with logits from −150 to 150, exactly those do not sum to 1."""
    for K in (1, 2, 3, 10):
        logits = 300 * torch.rand(1000, K, generator=torch_rng) - 150
        sums_to_1 = (_softmax(logits).sum(dim=1) - 1).abs() < 1e-5

        assert torch.equal(rows_without_probabilities(logits), ~sums_to_1)


@pytest.mark.subnormal
def test_the_gradient_is_lost_long_before_the_loss_is_wrong():
    """At (50, 0) and (52, 0) the slope in x is 1.017 and 0, though the loss is right."""
    xs, slopes = [40.0, 50.0, 52.0, 88.0], [1, 1.017, 0, 0]
    logits = torch.tensor([[x, 0.0] for x in xs])

    assert not rows_without_probabilities(logits).any()
    assert _literal(logits, [1] * 4).tolist() == pytest.approx(xs, rel=1e-6, abs=0)
    assert _gradients(_literal, xs)[:, 0].tolist() == pytest.approx(slopes, abs=1e-3)
    assert _gradients(_literal, xs)[:, 1].tolist() == pytest.approx([-1] * 4, abs=1e-3)
    assert _gradients(_right, xs)[:, 0].tolist() == pytest.approx([1] * 4)


@pytest.mark.subnormal
@pytest.mark.parametrize(("dtype", "from_x"), [(torch.float32, 51.99), (torch.float64, 372.57)])
def test_the_gradient_is_lost_at_half_of_the_lower_limit(dtype, from_x):
    """For (x, 0) it is lost from x = 51.99 on, in float64 from 372.57: half of the limit."""
    half = -exp_limits(dtype)[0] / 2

    assert round(half, 2) == from_x
    before, after = _gradients(_literal, [half - 0.01, half + 0.01], dtype)[:, 0]
    assert before > 1.5
    assert after == 0


@pytest.mark.misconception("exp(50) overflows, and no computer can hold exp(100)")
def test_float32_holds_exp_50_and_float64_exp_709():
    """Exp(50) = 5.18 · 10²¹ is small beside 3.4 · 10³⁸, and float64 holds exp(709).

    datawhalechina's manual says that exp(50) overflows, ckyFi9zero's that exp(100) does.
    """
    greatest = [exp_limits(dtype)[1] for dtype in (torch.float16, torch.float32, torch.float64)]

    assert f"{torch.tensor(50.0).exp():.2e}" == "5.18e+21"
    assert f"{torch.finfo(torch.float32).max:.1e}" == "3.4e+38"
    assert greatest[0] < 50 < greatest[1] < 100 < 709 < greatest[2] < 710
=======
def test_the_gradient_is_lost_long_before_the_loss_is_wrong():
    """At (50, 0) and (52, 0) it begins with 1.017 and 0, though the loss is right."""
    half = -exp_limits(torch.float32)[0] / 2

    assert round(half, 2) == 51.99
    for x, slope in ((40.0, 1.0), (50.0, 1.017), (half + 0.01, 0.0), (88.0, 0.0)):
        logits = torch.tensor([[x, 0.0]])
        assert not rows_without_probabilities(logits).any()
        assert _literal(logits, [1]).item() == pytest.approx(x, rel=1e-6, abs=0)
        assert _gradient(_literal, x) == pytest.approx([slope, -1], abs=1e-3)
        assert _gradient(F.cross_entropy, x) == pytest.approx([1, -1], abs=1e-6)
    assert _gradient(_literal, half - 0.01)[0] > 1.5


@pytest.mark.misconception("exp(50) overflows")
def test_exp_50_is_a_small_number_for_float32():
    """It is 5.2 · 10²¹ of 3.4 · 10³⁸.  datawhalechina's manual says that it overflows."""
    assert f"{torch.tensor(50.0).exp():.1e}" == "5.2e+21"
    assert f"{torch.finfo(torch.float32).max:.1e}" == "3.4e+38"
    assert exp_limits(torch.float32)[1] > 50


@pytest.mark.misconception("no computer can hold exp(100)")
def test_float64_holds_exp_709():
    """Float32 alone can't hold exp(100) = 2.69 · 10⁴³.  ckyFi9zero's manual says none can."""
    assert f"{math.exp(100):.2e}" == "2.69e+43"
    assert exp_limits(torch.float32)[1] < 100 < 709 < exp_limits(torch.float64)[1] < 710
>>>>>>> h3


@pytest.mark.subnormal
@pytest.mark.misconception("the smallest argument of exp is −log of the greatest number")
def test_exp_reaches_further_down_than_up():
<<<<<<< HEAD
    """Exp(−89) is 2.2 · 10⁻³⁹, not 0; pandalabme's manual takes −88.72 for the limit."""
    low, high = exp_limits(torch.float32)

    assert torch.tensor(-89.0).exp().item() == pytest.approx(math.exp(-89), rel=1e-5, abs=0)
    assert low < -high - 15
    right = torch.softmax(torch.tensor([-103.0, -103.5]), dim=0).tolist()
    assert right == pytest.approx([0.622, 0.378], abs=5e-4)
=======
    """Exp(−103.9) is above 0, and exp(−104) is 0; pandalabme's manual has −88.72 as limit."""
    low, high = exp_limits(torch.float32)

    assert torch.tensor(-103.9).exp() > 0
    assert torch.tensor(-104.0).exp() == 0
    assert -104 < low < -103.9 < -high < -88


@pytest.mark.misconception("a failure shows as NaN")
def test_a_row_of_zeros_comes_without_a_warning():
    """Ten logits of 87 give ten zeros, none of them NaN; one or two such logits are right."""
    zeros = torch.full((1, 10), 87.0)

    assert not _softmax(zeros).any()
    assert rows_without_probabilities(zeros).tolist() == [True]
    assert not rows_without_probabilities(zeros[:, :2]).any()
>>>>>>> h3


@pytest.mark.subnormal
def test_the_figure_shows_the_gradient_vanish(save_figure):
<<<<<<< HEAD
    """The figure shows the slope of the loss of (x, 0) in x, literal and right, up to 100."""
    xs = [k / 10 for k in range(1001)]
    slopes, right = (_gradients(loss, xs)[:, 0] for loss in (_literal, _right))
    low, high = exp_limits(torch.float32)
=======
    """The figure shows the first number of the gradient at (x, 0), up to x = 100."""
    right = [_gradient(F.cross_entropy, float(x))[0] for x in range(101)]
    literal = [_gradient(_literal, float(x))[0] for x in range(101)]
>>>>>>> h3

    ax = (fig := Figure()).subplots()
    ax.plot(right, "C2--", label="right: F.cross_entropy")
    ax.plot(literal, "C1-", label="softmax, then log")
    ax.text(53, 0.06, "0 from x = 52 on: lost,\nalthough the loss is right", size=9)
    ax.text(89, 0.5, "NaN from\n88.72 on", size=9)
    ax.set(title="exp(50) is harmless, but half of the gradient is lost from (52, 0) on")
<<<<<<< HEAD
    ax.set(xlabel="logit x of the wrong class", ylabel="slope of the loss in x")
    ax.legend(loc="upper left")
=======
    ax.set(xlabel="logit x of the wrong class (the right one has 0)", ylabel="∂ loss / ∂x")
    ax.legend(loc="center left")
>>>>>>> h3

    drawn = ax.lines[1].get_ydata()
    assert drawn[40] == pytest.approx(1, abs=1e-4)
    assert drawn[52] == drawn[88] == 0
    assert math.isnan(drawn[89])
    save_figure(fig)
