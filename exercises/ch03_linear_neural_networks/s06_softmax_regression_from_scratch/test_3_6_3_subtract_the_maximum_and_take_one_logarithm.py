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

At the logits (60, −60) the loss of class 2 is 120 and its gradient (1, −1), where the literal
way gives ∞ and (NaN, NaN).

Why
---
A quotient does not change if numerator and denominator are divided by exp m.  Its logarithm is
a difference, log(a/b) = log a − log b, and log exp(oⱼ − m) is just oⱼ − m.

No power exceeds 1, and one of them is exp 0 = 1: the sum lies between 1 and K, and its
logarithm between 0 and log K.  So the sum does not overflow, and its logarithm is finite.

The gradient is p − y with the one-hot label y, as on paper: no entry is beyond ±1.

Hints
-----
1. Which number may be subtracted from all logits without changing the probabilities?
2. What is the logarithm of a quotient?
3. Do it on paper for the logits (60, −60).
"""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F


def log_softmax(logits):
    """The logarithms of the probabilities, (n, K), for logits (n, K)."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def cross_entropy(logits, y):
    """The loss of each example, (n,), for logits (n, K) and labels y (n,), 0 … K − 1."""
    labels = y.expand(len(logits))[:, None]  # other shapes than (n,) raise an exception
    return -log_softmax(logits).gather(1, labels)[:, 0]


def _literal(logits, y):
    """The section's way."""
    powers = logits.exp()
    return -(powers / powers.sum(dim=1, keepdim=True))[range(len(y)), y].log()


def _only_shifted(logits, y):
    """The maximum is subtracted, but the logarithm still taken of a probability."""
    return _literal(logits - logits.amax(dim=1, keepdim=True), y)


def _loss_and_gradient(loss, row, label):
    """The loss of one row of logits, a list of one number, and its gradient in these."""
    logits = torch.tensor([row], requires_grad=True)
    values = loss(logits, torch.tensor([label]))
    values.sum().backward()
    return values.tolist(), logits.grad[0].tolist()


@pytest.mark.parametrize(
    ("row", "label", "loss", "gradient"),
    [
        ([60.0, -60.0], 1, 120, [1, -1]),
        ([60.0, -60.0], 0, 0, [0, 0]),
        ([1000.0, 0.0], 1, 1000, [1, -1]),
        ([1000.0, 1000.0], 0, math.log(2), [-0.5, 0.5]),
        ([-1000.0, -1000.0, -1000.0, -1000.0], 2, math.log(4), [0.25, 0.25, -0.75, 0.25]),
    ],
    ids=str,
)
def test_loss_and_gradient_are_right_where_the_literal_way_fails(row, label, loss, gradient):
    """(60, −60) costs 120 for class 2; (1000, 1000) log 2; four times −1000 log 4."""
    values, found = _loss_and_gradient(cross_entropy, row, label)

    assert values == pytest.approx([loss], rel=1e-6, abs=1e-6)
    assert found == pytest.approx(gradient, abs=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e3, 1e6, 2.0**23])
def test_a_number_added_to_all_logits_changes_nothing(offset):
    """For logits (0, 2, −4), log p is right within 10⁻⁶, also if 10⁶ is added to all three."""
    differences = [0, 2, -4]
    total = sum(map(math.exp, differences))
    by_hand = [difference - math.log(total) for difference in differences]
    logits = offset + torch.tensor([[0.0, 2, -4]])

    found, losses = log_softmax(logits), cross_entropy(logits.expand(3, 3), torch.arange(3))

    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, [by_hand], rtol=0, atol=1e-6)
    np.testing.assert_allclose(losses, [-x for x in by_hand], rtol=0, atol=1e-6)


@pytest.mark.seeds(3)
def test_the_gradient_is_p_minus_the_one_hot_label(torch_rng):
    """For 50 random rows of 7 logits the gradient is p − y, p by the definition of softmax."""
    logits = 10 * torch.randn(50, 7, generator=torch_rng, dtype=torch.float64)
    y = torch.randint(7, (50,), generator=torch_rng)
    P = logits.exp() / logits.exp().sum(dim=1, keepdim=True)

    (gradient,) = torch.autograd.grad(cross_entropy(logits.requires_grad_(), y).sum(), logits)

    np.testing.assert_allclose(gradient, P - F.one_hot(y, 7), rtol=0, atol=1e-12)


@pytest.mark.misconception("it is enough to subtract the maximum")
def test_the_shift_alone_mends_softmax_but_not_the_logarithm():
    """If only the maximum is subtracted, (1000, 1000) costs log 2, but (104, 0) costs ∞."""
    logits, y = torch.tensor([[1000.0, 1000.0], [104.0, 0.0]]), torch.tensor([1, 1])

    assert _only_shifted(logits, y).tolist() == pytest.approx([math.log(2), math.inf])
    assert cross_entropy(logits, y).tolist() == pytest.approx([math.log(2), 104])
    loss, gradient = _loss_and_gradient(_literal, [60.0, -60.0], 1)
    assert loss == [math.inf]
    assert all(map(math.isnan, gradient))


@pytest.mark.subnormal
def test_the_figure_shows_which_step_mends_what(save_figure):
    """The figure shows the loss of (x, 0) for class 2, in three ways, up to x = 120."""
    logits = torch.tensor([[x, 0.0] for x in range(121)])

    ax = (fig := Figure()).subplots()
    for loss, width, name in (
        (cross_entropy, 8, "both steps"),
        (_only_shifted, 4, "only the maximum subtracted: ∞ from 104 on"),
        (_literal, 1.5, "literal: NaN or ∞ from 89 on"),
    ):
        ax.plot(loss(logits, torch.ones(121, dtype=torch.int64)), lw=width, label=name)
    ax.set(title="Only both steps together give every loss")
    ax.set(xlabel="logit x of the wrong class (the right one has 0)", ylabel="loss")
    ax.legend(loc="lower right")

    safe, shifted, literal = (line.get_ydata() for line in ax.lines)
    assert safe[120] == 120
    assert shifted[103] < shifted[104] == math.inf
    assert literal[88] == pytest.approx(88)
    assert not np.isfinite(literal[89:]).any()
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.6.3 What does a safe loss cost as the classes grow?")
@pytest.mark.parametrize("method", ["literal", "safe", "F.cross_entropy"])
@pytest.mark.parametrize(
    "K", [2**6, *(pytest.param(2**k, marks=pytest.mark.timed_only) for k in (8, 10, 12))]
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
