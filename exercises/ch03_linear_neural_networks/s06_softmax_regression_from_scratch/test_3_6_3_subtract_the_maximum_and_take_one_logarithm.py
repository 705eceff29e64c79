"""3.6.3 — Subtract the maximum, and take the logarithm of the sum instead of the quotient.

Question
--------
A literal softmax overflows, and the logarithm of its quotient may be that of 0.  Find a
computation of the cross-entropy that has neither problem.
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.1 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
Compute log pⱼ at once, without computing pⱼ.  With m = maxₖ oₖ,

    log pⱼ = (oⱼ − m) − log Σₖ exp(oₖ − m)        loss = −log pᵧ

At the logits (60, −60) the loss of class 2 is 120 and its slopes are (1, −1), where the
literal way gives ∞ and NaN.

Why
---
A quotient does not change if numerator and denominator are divided by exp m; and
log(a/b) = log a − log b, where log exp(oⱼ − m) is oⱼ − m without any computation.

No power exceeds 1, and one of them is exp 0 = 1: the sum lies between 1 and K, and its
logarithm between 0 and log K.  Nothing can overflow, and no logarithm is taken near 0.

The slope of −log pᵧ in oⱼ is pⱼ − 1 for j = y, else pⱼ: never larger than 1.

In practice
-----------
Subtract in this order.  oⱼ − (m + log Σ …) is the same on paper, but in float32 at logits of
10⁴ a sum like m + log Σ … is rounded by up to 0.0005.

Hints
-----
1. Which number may be subtracted from all logits without changing the probabilities?
2. What is the logarithm of a quotient?
3. Do it on paper for the logits (60, −60).
"""

from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F


def log_softmax(logits):
    """The logarithms of the probabilities, (n, K), for any finite logits, (n, K)."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def cross_entropy(logits, y):
    """The loss of each example, (n,), for logits (n, K) and labels y (n,), 0 … K − 1.

    Raises an exception for other labels.
    """
    labels = y.expand(len(logits))[:, None]  # other shapes than (n,) raise an exception
    return -log_softmax(logits).gather(1, labels)[:, 0]


def _literal(logits, y):
    """The section's way."""
    powers = logits.exp()
    return -(powers / powers.sum(dim=1, keepdim=True))[range(len(y)), y].log()


def _only_shifted(logits, y):
    """The maximum is subtracted, but the logarithm still taken of a probability."""
    return _literal(logits - logits.amax(dim=1, keepdim=True), y)


def _loss_and_slopes(loss, row, label):
    """The loss of one row of logits, and its slopes in these: two lists."""
    logits = torch.tensor([row], requires_grad=True)
    values = loss(logits, torch.tensor([label]))
    values.sum().backward()
    return values.tolist(), logits.grad[0].tolist()


def _exact(row):
    """The logarithms of the probabilities by decimals of 50 digits, for a list of logits."""
    with localcontext(prec=50):
        differences = [Decimal(o) - Decimal(max(row)) for o in row]
        total = sum(difference.exp() for difference in differences).ln()
        return [float(difference - total) for difference in differences]


@pytest.mark.parametrize(
    ("row", "label", "loss", "slopes"),
    [
        ([60.0, -60.0], 1, 120, [1, -1]),
        ([60.0, -60.0], 0, 0, [0, 0]),
        ([1000.0, 1000.0], 0, 0.693147, [-0.5, 0.5]),
        ([-1000.0, -1000.0, -1000.0, -1000.0], 2, 1.386294, [0.25, 0.25, -0.75, 0.25]),
        ([1e30, 0.0], 1, 1e30, [1, -1]),
    ],
    ids=str,
)
def test_loss_and_slopes_are_right_where_the_literal_way_fails(row, label, loss, slopes):
    """(60, −60) costs 120 for class 2; (1000, 1000) log 2; four times −1000 log 4."""
    values, found = _loss_and_slopes(cross_entropy, row, label)

    assert values == pytest.approx([loss], rel=1e-6, abs=1e-6)
    assert found == pytest.approx(slopes, abs=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e3, 1e6, 2.0**23])
def test_it_is_exact_to_rounding_at_any_offset(offset):
    """Where all logits are large, the error against 50 digits stays below 10⁻⁶."""
    row = [offset, offset + 2, offset - 4]
    exact = _exact(row)

    found = log_softmax(torch.tensor([row]))

    assert found.dtype == torch.float32
    np.testing.assert_allclose(found[0], exact, rtol=0, atol=1e-6)
    losses = [cross_entropy(torch.tensor([row]), torch.tensor([y])).item() for y in range(3)]
    assert losses == pytest.approx([-x for x in exact], abs=1e-6)


@pytest.mark.seeds(3)
def test_the_slopes_are_p_minus_the_one_hot_label(torch_rng):
    """For 50 random rows, also if 0, 10⁴, 2 · 10⁴ … are added to them; each p sums to 1."""
    o = 10 * torch.randn(50, 7, generator=torch_rng, dtype=torch.float64)
    y = torch.randint(7, (50,), generator=torch_rng)
    P = torch.softmax(o, dim=1)

    for offset in (0, 1e4):
        logits = (o + offset * torch.arange(50)[:, None]).requires_grad_()
        (slopes,) = torch.autograd.grad(cross_entropy(logits, y).sum(), logits)

        # A logit of 5 · 10⁵ is rounded by less than 5 · 10⁵ · 2⁻⁵³ < 10⁻¹⁰.
        np.testing.assert_allclose(slopes, P - F.one_hot(y, 7), rtol=0, atol=1e-9)
        sums = log_softmax(logits.detach()).exp().sum(dim=1)
        np.testing.assert_allclose(sums, torch.ones(50), rtol=0, atol=1e-12)


@pytest.mark.misconception("it is enough to subtract the maximum")
def test_the_shift_alone_mends_softmax_but_not_the_logarithm():
    """At (1000, 1000) it is right, but at (104, 0) the loss of class 2 is ∞ instead of 104."""
    assert _loss_and_slopes(_only_shifted, [1000.0, 1000.0], 1)[0] == pytest.approx([0.693147])
    assert _loss_and_slopes(_only_shifted, [104.0, 0.0], 1)[0] == [torch.inf]
    assert _loss_and_slopes(cross_entropy, [104.0, 0.0], 1) == ([104], [1, -1])


@pytest.mark.misconception("o − logsumexp(o) is the same")
@pytest.mark.parametrize(("offset", "error"), [(1e4, 3.8e-4), (1e6, 0.03)])
def test_adding_the_maximum_back_loses_digits(offset, error):
    """At 10⁴ it errs by 4 · 10⁻⁴, at 10⁶ by 0.03, and the right order by less than 10⁻⁶."""
    row = [offset, offset + 1, offset - 1]
    logits, exact = torch.tensor([row]), torch.tensor([_exact(row)])

    added_back = logits - logits.logsumexp(dim=1, keepdim=True)

    assert (added_back - exact).abs().max().item() == pytest.approx(error, rel=0.1, abs=0)
    assert (log_softmax(logits) - exact).abs().max() < 1e-6


@pytest.mark.edge
def test_a_label_that_no_class_has_raises():
    """The labels −1 and 3 of three classes, and labels as a column, raise an exception."""
    logits = torch.zeros(2, 3)

    for y in ([0, -1], [3, 0], [[0], [1]]):
        with pytest.raises((IndexError, RuntimeError, ValueError)):
            cross_entropy(logits, torch.tensor(y))


def test_the_figure_shows_the_order_of_the_subtractions(save_figure):
    """The figure shows the largest errors of 99 rows of float32 logits against their offset."""
    offsets = [4.0**k for k in range(12)]
    steps = torch.linspace(0.25, 4, 99).mul(1024).round().div(1024)  # kept by 1 to 2048
    errors = {"(o − m) − log Σ exp(o − m)": [], "o − (m + log Σ exp(o − m))": []}
    for offset in offsets:
        logits = offset + torch.stack((0 * steps, steps), dim=1)
        exact = torch.log_softmax(logits.double(), dim=1)
        added_back = logits - logits.logsumexp(dim=1, keepdim=True)
        for found, drawn in zip(
            (log_softmax(logits), added_back), errors.values(), strict=True
        ):
            drawn.append((found - exact).abs().max().item())

    fig = Figure()
    ax = fig.subplots()
    for (name, drawn), marker in zip(errors.items(), "os", strict=True):
        ax.loglog(offsets, drawn, marker + "-", base=10, label=name)
    ax.axvspan(88.7, 1e7, color="0.93")
    ax.text(110, 3e-9, "exp(o) itself is infinite")
    ax.set(title="Subtract the maximum first: then large logits cost no digit")
    ax.set(xlabel="size of the logits", ylabel="largest error of log p (float32)")
    ax.set(ylim=(1e-9, 3), xlim=(0.7, 1e7))
    ax.legend(loc="upper left")

    in_order, added_back = (line.get_ydata() for line in ax.lines)
    assert max(in_order) < 1e-6
    assert added_back[-1] > 1e4 * in_order[-1]
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.6.3 What does a safe loss cost as the classes grow?")
@pytest.mark.parametrize("method", ["literal", "safe", "F.cross_entropy"])
@pytest.mark.parametrize(
    "K", [2**10, *(pytest.param(2**k, marks=pytest.mark.timed_only) for k in (12, 14, 16))]
)
def test_a_safe_loss_has_the_value_of_the_literal_one(benchmark, torch_rng, method, K):
    """For random logits, where nothing overflows, all ways have the loss of float64."""
    logits = torch.randn(64, K, generator=torch_rng)
    y = torch.randint(K, (64,), generator=torch_rng)
    ways = {
        "literal": _literal,
        "safe": cross_entropy,
        "F.cross_entropy": lambda logits, y: F.cross_entropy(logits, y, reduction="none"),
    }
    benchmark.extra_info.update(
        method=method, size=K, exponent=1, reason="one power for each logit"
    )

    losses = benchmark(ways[method], logits, y)

    right = F.cross_entropy(logits.double(), y, reduction="none")
    np.testing.assert_allclose(losses, right, rtol=1e-5)
