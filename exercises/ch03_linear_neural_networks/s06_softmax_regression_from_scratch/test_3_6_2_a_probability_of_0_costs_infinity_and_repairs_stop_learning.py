"""3.6.2 — A probability of 0 costs ∞ and makes the gradient NaN; clamping it stops learning.

Question
--------
The section computes the cross-entropy literally, −log pᵧ, where y is the label and pᵧ the
computed probability of this class.  What can go wrong?  (For which numbers is log defined?)
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.2 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
The logarithm wants p > 0, but a computed probability can be 0.  For the logits (60, −60) no
power overflows, and softmax gives (1, 0).  If class 2 is the right one,

    loss  −log 0 = ∞ instead of 120        gradient  (NaN, NaN) instead of (1, −1)

One such row makes the mean loss of its batch ∞, and the next step makes all weights NaN.

The usual repairs hide this.  −log(p + ε) has p / (p + ε) times the gradient of −log p, and
−log max(p, ε) has the gradient 0 where p < ε: the worst mistakes teach next to nothing.

Why
---
The least positive number of float32 is 1.4 · 10⁻⁴⁵, and half of it is 0.  So if the logit of
the right class is 104 or more below another one, p is 0.  Then autograd multiplies the
derivative of the logarithm, 1/p = ∞, by those of p, which are 0: NaN.
The derivative of −log(p + ε) has the factor 1/(p + ε) where that of −log p has 1/p.

Hints
-----
1. How small can a positive number of float32 be, and what comes below it?
2. Differentiate −log(p + ε), and compare with ε = 0.
"""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F


def _cross_entropy(P, y):
    """The book's, of probabilities P, (n, K), and labels y, (n,)."""
    return -P[range(len(P)), y].log()


def rows_without_loss(P, y):
    """Whether −log pᵧ is no finite loss: n bools, for P (n, K) and labels y (n,), 0 … K − 1."""
    labels = y.expand(len(P))[:, None]  # other shapes than (n,) raise an exception
    return ~(P.gather(1, labels)[:, 0] > 0)


def gradient_share(p, epsilon):
    """The gradient of −log(p + ε) in the logits, divided by that of −log p, for 0 ≤ p ≤ 1."""
    return p / (p + epsilon)


# The loss of one row of two logits o if class 2 is the right one, in four ways.
_WAYS = {
    "right": lambda o: -torch.log_softmax(o, dim=0)[1],
    "−log p": lambda o: -torch.softmax(o, dim=0)[1].log(),
    "−log(p + 10⁻⁹)": lambda o: -(torch.softmax(o, dim=0)[1] + 1e-9).log(),
    "−log max(p, 10⁻⁹)": lambda o: -torch.softmax(o, dim=0)[1].clamp(min=1e-9).log(),
}


def _loss_and_gradient(way, row):
    o = torch.tensor(row, requires_grad=True)
    loss = _WAYS[way](o)
    (gradient,) = torch.autograd.grad(loss, o)
    return loss.item(), gradient.tolist()


def test_a_probability_of_0_costs_infinity_and_makes_the_gradient_nan():
    """At the logits (60, −60) the loss of class 2 is ∞, its gradient NaN; right is 120."""
    P = torch.tensor([[60.0, -60.0]]).exp()
    P /= P.sum(dim=1, keepdim=True)

    loss, gradient = _loss_and_gradient("−log p", [60.0, -60.0])

    assert P.tolist() == [[1, 0]]
    assert rows_without_loss(P.expand(2, 2), torch.tensor([0, 1])).tolist() == [False, True]
    assert loss == math.inf
    assert all(map(math.isnan, gradient))
    assert _loss_and_gradient("right", [60.0, -60.0]) == (120, [1, -1])


@pytest.mark.subnormal
def test_below_the_least_positive_number_there_is_only_0():
    """Half of 1.4 · 10⁻⁴⁵ is 0 in float32, and so is p if its logit is 104 below the other."""
    least = torch.tensor(1.4e-45)

    assert least / 2 == 0 < least
    P = torch.softmax(torch.tensor([[103.0, 0], [104, 0], [0, 104]]), dim=1)
    assert rows_without_loss(P, torch.tensor([1, 1, 0])).tolist() == [False, True, True]


def test_one_row_makes_all_weights_nan():
    """Two examples share 6 weights, and one has the loss ∞: after a step all 6 are NaN."""
    X = torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    W = torch.tensor([[1.0, 0], [60, -60], [60, -60]], requires_grad=True)
    P, y = torch.softmax(X @ W, dim=1), torch.tensor([0, 1])

    loss = _cross_entropy(P, y).mean()
    loss.backward()

    assert rows_without_loss(P, y).tolist() == [False, True]
    assert loss.item() == math.inf
    assert (W - 0.1 * W.grad).isnan().all()


@pytest.mark.seeds(3)
@pytest.mark.parametrize("epsilon", [1e-9, 1e-3, 0.5])
def test_a_constant_leaves_a_share_of_the_gradient(torch_rng, epsilon):
    """For random logits the gradient of −log(p + ε) is p / (p + ε) times that of −log p."""
    o = 5 * torch.randn(20, 4, generator=torch_rng, dtype=torch.float64)
    P, y = torch.softmax(o.requires_grad_(), dim=1), torch.zeros(20, dtype=torch.int64)

    (repaired,) = torch.autograd.grad(_cross_entropy(P + epsilon, y).sum(), o)

    P = P.detach()
    share = gradient_share(P[:, 0], epsilon)
    right = P - F.one_hot(y, 4)
    np.testing.assert_allclose(repaired, share[:, None] * right, rtol=1e-9, atol=1e-15)


@pytest.mark.misconception(
    "clip the probability, or add a small constant", source="pandalabme's solutions, 3.6.2"
)
@pytest.mark.parametrize("repair", ["−log(p + 10⁻⁹)", "−log max(p, 10⁻⁹)"])
def test_a_repaired_logarithm_stops_learning_where_it_is_most_wrong(repair):
    """With 10⁻⁹, forty steps of rate 1 from the logits (50, 0) leave the loss at 20.72.

    With the right gradient it gets below 0.1.
    """
    after = {}
    for way in ("right", repair):
        o = [50.0, 0.0]
        for _ in range(40):
            _, gradient = _loss_and_gradient(way, o)
            o = [logit - slope for logit, slope in zip(o, gradient, strict=True)]
        after[way], _ = _loss_and_gradient(way, o)

    assert gradient_share(math.exp(-50), 1e-9) < 1e-12
    assert after[repair] == pytest.approx(9 * math.log(10), rel=1e-6, abs=0)
    assert after["right"] < 0.1


@pytest.mark.misconception(
    "samples of probability 0 can be left out",
    source="datawhalechina's solutions manual, 3.6.2",
)
def test_without_its_worst_mistakes_a_model_looks_perfect():
    """Two rows (60, −60), one right and one wrong, have the mean loss 60; the first alone 0."""
    logits, y = torch.tensor([[60.0, -60.0]] * 2), torch.tensor([0, 1])
    P = torch.softmax(logits, dim=1)

    kept = ~rows_without_loss(P, y)

    assert kept.tolist() == [True, False]
    assert _cross_entropy(P[kept], y[kept]).mean() == 0
    assert F.cross_entropy(logits, y) == 60


@pytest.mark.subnormal
def test_the_figure_shows_the_loss_break_and_the_repairs_flatten_it(save_figure):
    """The figure shows the loss of a mistake against the difference of the logits."""
    gaps = range(121)

    ax = (fig := Figure()).subplots()
    for (way, loss), style in zip(_WAYS.items(), ("C2-", "C0.", "C1-", "k:"), strict=True):
        ax.plot(gaps, [loss(torch.tensor([gap, 0.0])) for gap in gaps], style, label=way)
    ax.set(title="−log p is ∞ from 104 on; its repairs are flat, and teach next to nothing")
    ax.set(xlabel="logit of the wrong class − logit of the right class", ylabel="loss")
    ax.legend(loc="upper left")

    right, literal, *repaired = (line.get_ydata() for line in ax.lines)
    assert right[120] == 120
    assert literal[102] == pytest.approx(102, abs=1)
    assert literal[104] == math.inf
    assert all(losses[30] == pytest.approx(losses[120], abs=0.01) for losses in repaired)
    save_figure(fig)
