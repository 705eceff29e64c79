"""3.6.2 — A probability of 0 costs ∞ and makes every slope NaN; clamping it stops learning.

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

    loss  −log 0 = ∞ instead of 120        slopes  (NaN, NaN) instead of (1, −1)

One such row makes the mean loss of its batch ∞, and the next step makes all weights NaN.

The usual repairs hide this.  −log(p + ε) leaves the share p / (p + ε) of the slopes, and
−log max(p, ε) leaves nothing below ε: the worst mistakes are the ones not learned from.

A wrong label hides too: P[i, −1] is the probability of the last class.

Why
---
The least positive number of float32 is 1.4 · 10⁻⁴⁵.  So no finite loss exceeds 103.28, and
below half of that number p becomes 0.  There autograd multiplies 1/p = ∞ by 0: NaN.

The slope of −log(p + ε) in oⱼ is −(∂p/∂oⱼ) / (p + ε): 1/p has become 1/(p + ε).

Hints
-----
1. How small can a positive number be, and what is its logarithm?
2. Differentiate −log(p + ε), and compare with ε = 0.
3. What does Python take from a list at index −1?
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


def largest_loss(dtype):
    """The largest finite loss −log p for a number p of this dtype, a float."""
    info = torch.finfo(dtype)
    return -(math.log(info.smallest_normal) + math.log(info.eps))


def rows_without_loss(P, y):
    """Where −log pᵧ is no loss, n bools, for P (n, K) and y (n,): pᵧ is 0, or y no class."""
    labels = y.expand(len(P))[:, None]  # other shapes than (n,) raise an exception
    is_label = labels == torch.arange(P.shape[1])
    return ~(is_label & (P > 0)).any(dim=1)


def gradient_share(p, epsilon):
    """The slopes of −log(p + ε) in the logits, as a share of those of −log p, for 0 ≤ p ≤ 1."""
    return p / (p + epsilon)


def _literal(logits, y):
    return _cross_entropy(torch.softmax(logits, dim=1), y)


def _with_constant(logits, y):
    return _cross_entropy(torch.softmax(logits, dim=1) + 1e-9, y)


def _clamped(logits, y):
    return _cross_entropy(torch.softmax(logits, dim=1).clamp(min=1e-9), y)


def _right(logits, y):
    return F.cross_entropy(logits, y, reduction="none")


def _loss_and_slopes(loss, row, label):
    """The loss of one row of logits, and its slopes in these."""
    logits = torch.tensor([row], requires_grad=True)
    value = loss(logits, torch.tensor([label]))
    value.sum().backward()
    return value.item(), logits.grad[0].tolist()


def test_a_probability_of_0_costs_infinity_and_makes_the_slopes_nan():
    """At the logits (60, −60) the loss of class 2 is ∞, its slopes are NaN; right is 120."""
    P = torch.tensor([[60.0, -60.0]]).exp()
    P /= P.sum(dim=1, keepdim=True)

    loss, slopes = _loss_and_slopes(_literal, [60.0, -60.0], 1)

    assert P.tolist() == [[1, 0]]
    assert rows_without_loss(P, torch.tensor([1])).tolist() == [True]
    assert rows_without_loss(P, torch.tensor([0])).tolist() == [False]
    assert loss == math.inf
    assert all(map(math.isnan, slopes))
    assert _loss_and_slopes(_right, [60.0, -60.0], 1) == (120, [1, -1])


@pytest.mark.parametrize(
    ("dtype", "integer", "rounded"),
    [
        (torch.float16, torch.int16, 16.64),
        (torch.bfloat16, torch.int16, 92.19),
        (torch.float32, torch.int32, 103.28),
        (torch.float64, torch.int64, 744.44),
    ],
    ids=str,
)
def test_the_largest_loss_is_that_of_the_least_positive_number(dtype, integer, rounded):
    """It is 103.28 in float32, for the number whose only bit is the last; half of it is 0."""
    least = torch.tensor(1, dtype=integer).view(dtype)

    assert least > 0
    assert least / 2 == 0
    assert largest_loss(dtype) == pytest.approx(-math.log(least.item()), rel=1e-12, abs=0)
    assert round(largest_loss(dtype), 2) == rounded


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
def test_a_constant_leaves_p_of_p_plus_it(torch_rng, epsilon):
    """For random logits all slopes of −log(p + ε) are p / (p + ε) times those of −log p."""
    o = 5 * torch.randn(20, 4, generator=torch_rng, dtype=torch.float64)
    y = torch.randint(4, (20,), generator=torch_rng)
    P = torch.softmax(o.requires_grad_(), dim=1)
    p = P[range(20), y]

    (repaired,) = torch.autograd.grad(-(p + epsilon).log().sum(), o)

    share = gradient_share(p.detach(), epsilon)
    right = P.detach() - F.one_hot(y, 4)
    np.testing.assert_allclose(repaired, share[:, None] * right, rtol=1e-9, atol=1e-15)


@pytest.mark.misconception("clip the probability, or add a small constant")
def test_a_repaired_logarithm_stops_learning_where_it_is_most_wrong():
    """Forty steps of rate 1 from (50, 0) mend nothing: the loss stays at 20.72, right is < 0.1.

    pandalabme's manual gives either repair, here with 10⁻⁹.
    """
    after = {}
    for loss in (_clamped, _with_constant, _right):
        o = torch.tensor([[50.0, 0.0]])
        for _ in range(40):
            o.requires_grad_()
            (slopes,) = torch.autograd.grad(loss(o, torch.tensor([1])).sum(), o)
            o = (o - slopes).detach()
        after[loss] = loss(o, torch.tensor([1])).item()

    assert gradient_share(math.exp(-50), 1e-9) < 1e-12
    assert after[_clamped] == pytest.approx(9 * math.log(10), rel=1e-6, abs=0)
    assert after[_with_constant] == pytest.approx(9 * math.log(10), rel=1e-6, abs=0)
    assert after[_right] < 0.1


@pytest.mark.misconception("samples of probability 0 can be left out")
def test_without_its_worst_mistakes_a_model_looks_perfect():
    """Of two sure answers, one right and one wrong, the mean loss is 60, and 0 without it.

    datawhalechina's manual says that such samples are ignored in practice.
    """
    logits, y = torch.tensor([[60.0, -60.0]] * 2), torch.tensor([0, 1])
    P = torch.softmax(logits, dim=1)

    kept = ~rows_without_loss(P, y)

    assert kept.tolist() == [True, False]
    assert _cross_entropy(P[kept], y[kept]).mean() == 0
    assert _right(logits, y).mean() == 60


@pytest.mark.misconception("a wrong label raises an error")
def test_a_label_of_minus_one_means_the_last_class():
    """Of 3 classes the label 3 raises, but −1 counts as 2, and labels (n, 1) give (n, n)."""
    P = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5], [0.5, 0.5, 0.0], [0, 0.2, 0.8]])
    y = torch.tensor([-1, 3, 0, 0])

    assert rows_without_loss(P, y).tolist() == [True, True, False, True]
    assert _cross_entropy(P[:1], y[:1]).item() == pytest.approx(-math.log(0.6), abs=1e-6)
    with pytest.raises(IndexError):
        _cross_entropy(P, y)
    assert _cross_entropy(P, torch.tensor([[0], [1], [2], [0]])).shape == (4, 4)


def test_the_figure_shows_the_loss_break_and_the_repairs_flatten_it(save_figure):
    """The figure shows the loss of a mistake, and its slope, against the gap of the logits."""
    gaps = [float(gap) for gap in range(0, 121, 2)]
    ways = {
        "right": (_right, "C2", "-"),
        "−log p": (_literal, "C0", "--"),
        "−log(p + 10⁻⁹)": (_with_constant, "C1", "-"),
        "−log max(p, 10⁻⁹)": (_clamped, "C3", ":"),
    }

    fig = Figure(figsize=(6.6, 3.3), layout="constrained")
    fig.suptitle("The literal loss breaks at a gap of 104; its repairs stop learning at 21")
    losses, slopes = fig.subplots(1, 2)
    for name, (loss, color, style) in ways.items():
        drawn = [_loss_and_slopes(loss, [gap / 2, -gap / 2], 1) for gap in gaps]
        losses.plot(gaps, [value for value, _ in drawn], style, color=color, label=name)
        slopes.plot(gaps, [slope[0] for _, slope in drawn], style, color=color)
    losses.set(ylabel="loss")
    losses.legend(loc="upper left")
    slopes.set(ylabel="slope in the logit of the wrong class", ylim=(-0.05, 1.4))
    slopes.text(50, 1.08, "−log p: ∞ or NaN\nfrom a gap of 89 on", size=9)
    for ax in fig.axes:
        ax.set(xlabel="wrong class's logit − right one's")

    at = {gap: k for k, gap in enumerate(gaps)}
    right, literal, constant, clamped = (line.get_ydata() for line in losses.lines)
    assert right[at[120]] == 120
    assert literal[at[102]] == pytest.approx(102, abs=1)
    assert literal[at[104]] == math.inf
    assert constant[at[40]] == pytest.approx(clamped[at[40]], abs=1e-6)
    flat = [line.get_ydata()[at[40]] for line in slopes.lines[2:]]
    assert flat == pytest.approx([0, 0], abs=1e-6)
    assert not math.isfinite(slopes.lines[1].get_ydata()[at[90]])
    save_figure(fig)
