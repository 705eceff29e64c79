"""3.6.1 — exp(50) is harmless, but at the logits (52, 0) half of the gradient is lost.

Question
--------
The section computes softmax literally, exp(oⱼ) / Σ exp(oₖ), and then its logarithm.  What can
go wrong?  (Look at the size of exp(50).)
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.1 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
Not exp(50) = 5.2 · 10²¹: float32 reaches to 3.4 · 10³⁸.  But these rows of logits fail in
float32:

    (89, 0)           (NaN, 0)       exp(89) is infinite, from 88.72 on
    ten times 87      (0, …, 0)      each power is finite, their sum is not
    (−104, −105)      (NaN, NaN)     all powers are 0, below −103.97
    (−103, −103.5)    (0.5, 0.5)     right is (0.62, 0.38): no digit is left

The gradient fails first.  If class 2 is the right one, the loss of the logits (x, 0) has the
gradient (1, −1) for large x.  At x = 50 the first number is 1.017, and from 51.99 on it is 0:
the wrong class is not pushed down any more, although the loss itself is right.

Why
---
exp x is infinite above log(greatest number), and 0 below log(half of the least positive one).
Backward, the quotient e₂/S, with S = Σ exp(oₖ), is divided by S again.  For (x, 0) that is
about e⁻²ˣ, which becomes 0 at half of 103.97.

In practice
-----------
Never take the logarithm of a computed softmax: `F.cross_entropy` wants the logits.

Hints
-----
1. What are the greatest and the least positive number of float32?
2. Which of exp(oₖ), their sum, the quotient and its derivative leaves this range first?
"""

import math

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


_DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def _gradient(loss, row, label, dtype=torch.float32):
    """The slopes of loss(logits, y) in the logits of one row, a list."""
    logits = torch.tensor([row], dtype=dtype, requires_grad=True)
    loss(logits, torch.tensor([label])).sum().backward()
    return logits.grad[0].tolist()


def _literal(logits, y):
    return _cross_entropy(_softmax(logits), y)


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

    assert _softmax(logits)[0].tolist() == pytest.approx(
        shares, rel=1e-5, abs=1e-43, nan_ok=True
    )
    assert rows_without_probabilities(logits).tolist() == [fails]


@pytest.mark.subnormal
@pytest.mark.parametrize(
    ("dtype", "rounded"),
    [
        (torch.float16, (-17.33, 11.09)),
        (torch.bfloat16, (-92.88, 88.72)),
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
    for x, slope in ((40.0, 1.0), (50.0, 1.017), (52.0, 0.0), (88.0, 0.0)):
        logits = torch.tensor([[x, 0.0]])
        assert not rows_without_probabilities(logits).any()
        assert _literal(logits, [1]).item() == pytest.approx(x, rel=1e-6, abs=0)
        assert _gradient(_literal, [x, 0.0], 1) == pytest.approx([slope, -1], abs=1e-3)
        assert _gradient(F.cross_entropy, [x, 0.0], 1) == pytest.approx([1, -1], abs=1e-6)


@pytest.mark.subnormal
@pytest.mark.parametrize(("dtype", "from_x"), [(torch.float32, 51.99), (torch.float64, 372.57)])
def test_the_gradient_is_lost_at_half_of_the_lower_limit(dtype, from_x):
    """For (x, 0) it is lost from x = 51.99 on, in float64 from 372.57: half of the limit."""
    half = -exp_limits(dtype)[0] / 2

    assert round(half, 2) == from_x
    assert _gradient(_literal, [half - 0.01, 0.0], 1, dtype)[0] > 1.5
    assert _gradient(_literal, [half + 0.01, 0.0], 1, dtype)[0] == 0


@pytest.mark.misconception("exp(50) overflows")
def test_exp_50_is_a_small_number_for_float32():
    """It is 5.18 · 10²¹ of 3.4 · 10³⁸, and too great for float16 alone.

    datawhalechina's manual says that it overflows.
    """
    assert f"{torch.tensor(50.0).exp():.2e}" == "5.18e+21"
    assert f"{torch.finfo(torch.float32).max:.1e}" == "3.4e+38"
    assert [exp_limits(dtype)[1] > 50 for dtype in _DTYPES] == [False, True, True, True]


@pytest.mark.misconception("no computer can hold exp(100)")
def test_float64_holds_exp_709():
    """It holds exp(100) = 2.69 · 10⁴³ as well; only float32 does not (ckyFi9zero's manual)."""
    assert f"{math.exp(100):.2e}" == "2.69e+43"
    assert exp_limits(torch.float32)[1] < 100 < 709 < exp_limits(torch.float64)[1] < 710


@pytest.mark.subnormal
@pytest.mark.misconception("the smallest argument of exp is −log of the greatest number")
def test_exp_reaches_further_down_than_up():
    """Exp(−89) is 2.2 · 10⁻³⁹, not 0: float32 has numbers down to 1.4 · 10⁻⁴⁵.

    pandalabme's manual takes −88.72 for the limit: it is −103.97.
    """
    low, high = exp_limits(torch.float32)

    assert torch.tensor(-89.0).exp().item() == pytest.approx(math.exp(-89), rel=1e-5, abs=0)
    assert low < -high - 15
    assert torch.tensor(-103.9).exp() > 0
    assert torch.tensor(-104.0).exp() == 0


@pytest.mark.subnormal
@pytest.mark.misconception("a failure shows as NaN")
def test_zeros_and_halves_come_without_a_warning():
    """Ten logits of 87 give zeros, and (−103, −103.5) gives halves: neither holds a NaN."""
    zeros, halves = torch.full((1, 10), 87.0), torch.tensor([[-103.0, -103.5]])

    assert not _softmax(zeros).any()
    assert _softmax(halves).tolist() == [[0.5, 0.5]]
    assert torch.softmax(halves, dim=1)[0].tolist() == pytest.approx([0.622, 0.378], abs=5e-4)
    assert rows_without_probabilities(zeros).all()


@pytest.mark.subnormal
def test_the_figure_shows_the_gradient_vanish(save_figure):
    """The figure shows the slope of the loss of (x, 0) in x, literal and right, up to 100."""
    xs = [k / 10 for k in (*range(0, 480, 20), *range(480, 530), *range(530, 1001, 10))]
    slopes = [_gradient(_literal, [x, 0.0], 1)[0] for x in xs]
    right = [_gradient(F.cross_entropy, [x, 0.0], 1)[0] for x in xs]
    low, high = exp_limits(torch.float32)

    fig = Figure()
    ax = fig.subplots()
    ax.plot(xs, right, color="C2", ls="--", label="right: F.cross_entropy")
    ax.plot(xs, slopes, color="C1", label="softmax, then log")
    ax.axvline(-low / 2, color="0.5", lw=1)
    ax.text(-low / 2 + 1, 1.6, "lost from 51.99 on,\nthe loss still right", size=9)
    ax.axvspan(high, 100, color="0.9")
    ax.text((high + 100) / 2, 0.5, "NaN", ha="center")
    ax.set(title="exp(50) is harmless, but half of the gradient is lost from (52, 0) on")
    ax.set(
        xlabel="logit x of the wrong class (the right one has 0)",
        ylabel="slope of the loss in x",
    )
    ax.legend(loc="upper left")

    drawn = dict(zip(xs, ax.lines[1].get_ydata(), strict=True))
    assert drawn[40.0] == pytest.approx(1, abs=1e-4)
    assert drawn[50.0] > 1.01
    assert drawn[52.0] == drawn[88.0] == 0
    assert math.isnan(drawn[89.0])
    save_figure(fig)
