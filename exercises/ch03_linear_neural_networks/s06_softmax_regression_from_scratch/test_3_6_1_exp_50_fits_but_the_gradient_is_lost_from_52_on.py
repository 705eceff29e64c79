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


def _literal(logits, y):
    return _cross_entropy(_softmax(logits), y)


def _gradient(loss, x):
    """The gradient of the loss in the logits (x, 0) if class 2 is the right one, a list."""
    logits = torch.tensor([[x, 0.0]], requires_grad=True)
    loss(logits, torch.tensor([1])).sum().backward()
    return logits.grad[0].tolist()


@pytest.mark.subnormal
def test_50_and_88_are_right_but_89_and_minus_104_are_not():
    """The logits (50, 0) and (88, 0) give (1, 0) but for rounding; (89, 0) gives (NaN, 0)."""
    logits = torch.tensor([[50.0, 0], [88, 0], [0, -200], [89, 0], [-104, -105]])
    P = [[1, math.exp(-50)], [1, math.exp(-88)], [1, 0], [math.nan, 0], [math.nan, math.nan]]

    np.testing.assert_allclose(_softmax(logits), P, rtol=1e-5, atol=1e-43)
    assert rows_without_probabilities(logits).tolist() == [False] * 3 + [True] * 2


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
    """In float32 exp is 0 just below −103.97, and ∞ just above 88.72, but not before."""
    low, high = exp_limits(dtype)
    step = 2 * torch.finfo(dtype).eps * 2 ** math.floor(math.log2(-low))

    assert (round(low, 2), round(high, 2)) == rounded
    powers = torch.tensor([low - step, low + step, high - step, high + step], dtype=dtype).exp()
    assert (powers == 0).tolist() == [True, False, False, False]
    assert powers.isinf().tolist() == [False, False, False, True]


@pytest.mark.subnormal
def test_the_gradient_is_lost_long_before_the_loss_is_wrong():
    """At (50, 0), (52, 0) the gradient begins with 1.017, 0 instead of 1; the loss is right."""
    half = -exp_limits(torch.float32)[0] / 2

    assert round(half, 2) == 51.99
    for x, slope in ((40.0, 1.0), (50.0, 1.017), (half + 0.01, 0.0), (88.0, 0.0)):
        logits = torch.tensor([[x, 0.0]])
        assert not rows_without_probabilities(logits).any()
        assert _literal(logits, [1]).item() == pytest.approx(x, rel=1e-6, abs=0)
        assert _gradient(_literal, x) == pytest.approx([slope, -1], abs=1e-3)
        assert _gradient(F.cross_entropy, x) == pytest.approx([1, -1], abs=1e-6)
    assert _gradient(_literal, half - 0.01)[0] > 1.5


@pytest.mark.misconception("exp(50) overflows", source="datawhalechina's manual, 3.6.1")
def test_exp_50_is_a_small_number_for_float32():
    """Exp(50) is 5.2 · 10²¹, and the greatest number of float32 is 3.4 · 10³⁸."""
    assert f"{torch.tensor(50.0).exp():.1e}" == "5.2e+21"
    assert f"{torch.finfo(torch.float32).max:.1e}" == "3.4e+38"
    assert exp_limits(torch.float32)[1] > 50


@pytest.mark.misconception("no computer holds exp(100)", source="ckyFi9zero's exercises, 3.6.1")
def test_float64_holds_exp_709():
    """Float32 can't hold exp(100) = 2.69 · 10⁴³, but float64 holds even exp(709)."""
    assert f"{math.exp(100):.2e}" == "2.69e+43"
    assert exp_limits(torch.float32)[1] < 100 < 709 < exp_limits(torch.float64)[1] < 710


@pytest.mark.subnormal
@pytest.mark.misconception("exp x is 0 below −88.72", source="pandalabme's solutions, 4.5.5.1")
def test_exp_reaches_further_down_than_up():
    """In float32, −log of the greatest number is −88.72, but exp is above 0 down to −103.9."""
    low, high = exp_limits(torch.float32)

    assert torch.tensor(-103.9).exp() > 0
    assert torch.tensor(-104.0).exp() == 0
    assert -104 < low < -103.9 < -high < -88


@pytest.mark.misconception("a failure shows as NaN")
def test_a_row_of_zeros_comes_without_a_warning():
    """Ten logits of 87 get ten probabilities of 0, none is NaN; two of 87 do no harm."""
    zeros = torch.full((1, 10), 87.0)

    assert not _softmax(zeros).any()
    assert rows_without_probabilities(zeros).tolist() == [True]
    assert not rows_without_probabilities(zeros[:, :2]).any()


@pytest.mark.subnormal
def test_the_figure_shows_the_gradient_vanish(save_figure):
    """The figure shows the first number of the gradient at (x, 0), up to x = 100."""
    right = [_gradient(F.cross_entropy, float(x))[0] for x in range(101)]
    literal = [_gradient(_literal, float(x))[0] for x in range(101)]

    ax = (fig := Figure()).subplots()
    ax.plot(right, "C2--", label="right: F.cross_entropy")
    ax.plot(literal, "C1-", label="softmax, then log")
    ax.text(53, 0.06, "0 from x = 52 on: lost,\nalthough the loss is right", size=9)
    ax.text(89, 0.5, "NaN from\n88.72 on", size=9)
    ax.set(title="exp(50) is harmless, but half of the gradient is lost from (52, 0) on")
    ax.set(xlabel="logit x of the wrong class (the right one has 0)", ylabel="∂ loss / ∂x")
    ax.legend(loc=(0.1, 0.4))

    drawn = ax.lines[1].get_ydata()
    assert drawn[40] == pytest.approx(1, abs=1e-4)
    assert drawn[52] == drawn[88] == 0
    assert math.isnan(drawn[89])
    save_figure(fig)
