"""3.2.5 — Without the reshape a batch of B learns a B-th of the weights, in silence.

Question
--------
The book's squared loss is `(y_hat - y.reshape(y_hat.shape)) ** 2 / 2`.  Why does it reshape the
labels?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.5 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
The outputs have shape (n, 1).  If the labels have shape (n,), broadcasting subtracts *every*
label from *every* output, (n, n) differences, without an error.  For ŷ and y equal to 1, 2, 4
the mean loss is 1.56 instead of 0.

Training goes on, and finds wrong weights.  For the book's data (w = (2, −3.4), b = 4.2) and
batches of 10 they end near w/10 = (0.2, −0.34), with the right bias 4.2.

The book's own labels are (n, 1) already, so there the reshape changes nothing.  It is for
labels that come as (n,), such as a column of a table.

Why
---
Each output meets all labels, so it is drawn to their mean ȳ:

    Σᵢⱼ (ŷᵢ − yⱼ)² = n Σᵢ (ŷᵢ − ȳ)² + n Σⱼ (yⱼ − ȳ)²,   with the slope 2n(ŷᵢ − ȳ)

The means x̄ and ȳ of a batch of B still vary together, but less than x and y of one row: for
independent features of mean 0 and variance 1, E[xᵢ ȳ] = w/B.  Least squares on (x, ȳ) therefore
gives w/B.  At B = 1 nothing is wrong; the larger the batch, the less is learned.

Hints
-----
1. Which shape has (3, 1) minus (3,)?
2. Which ŷᵢ makes Σⱼ (ŷᵢ − yⱼ)² least?
3. Of the B labels in ȳ, how many depend on the features xᵢ of row i?
"""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure


def squared_loss(y_hat, y):
    """(ŷ − y)² / 2 of each row, (n, 1), for outputs (n, 1) and labels (n,) or (n, 1).

    Raises ValueError if the labels differ from that by more than axes of size 1.
    """
    if y.squeeze().shape != y_hat.squeeze().shape:
        raise ValueError(f"labels {tuple(y.shape)} do not fit outputs {tuple(y_hat.shape)}")
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def broadcast_gradient(y_hat, y):
    """The gradient by ŷ, (n, 1), of the sum of `(y_hat - y) ** 2 / 2` for labels y, (m,)."""
    return y.numel() * (y_hat - y.mean())


def limit_without_reshape(w, b, batch):
    """(w, b) around which minibatch SGD ends if labels (B,) meet outputs (B, 1).

    The labels are x·w + b plus noise, the features independent, of mean 0 and variance 1.
    """
    return w / batch, b


_TRUTHS = dict.fromkeys((1, 4, 10), ((2.0, -3.4), 4.2)) | {2: ((1.0, 0.5), -3.0)}


def _train(generator, w, b, batch, runs=50, steps=90, rate=0.15):
    """The means over the last 30 steps of SGD without the reshape, (runs, 3): w and b."""
    truth = torch.tensor([*w, b], dtype=torch.float64)
    v = torch.zeros(runs, 3, 1, dtype=torch.float64)
    total = 0
    data = torch.randn(steps, runs, batch, 3, generator=generator, dtype=torch.float64)
    data[..., 2] = 1
    noise = 0.01 * torch.randn(steps, runs, batch, generator=generator, dtype=torch.float64)
    for step, (X, y) in enumerate(zip(data, data @ truth + noise, strict=True)):
        differences = X @ v - y[:, None]  # (runs, B, 1) and (runs, 1, B)
        assert differences.shape == (runs, batch, batch)
        v = v - rate * X.mT @ differences.mean(2, keepdim=True) / batch
        total = total + v * (step >= steps - 30) / 30
    return total[..., 0]


def test_every_label_meets_every_output():
    """For ŷ = y = (1, 2, 4), ŷ as (3, 1) and y as (3,), the mean loss is 14/9 instead of 0."""
    y_hat, y = torch.tensor([[1.0], [2], [4]]), torch.tensor([1.0, 2, 4])

    without = (y_hat - y) ** 2 / 2

    # each of the pairs 1, 2 and 2, 4 and 1, 4 stands twice among the nine
    assert without.shape == (3, 3)
    assert without.mean().item() == pytest.approx((1 + 4 + 9) / 9)
    assert squared_loss(y_hat, y).tolist() == [[0], [0], [0]]


def test_the_loss_is_the_book_s():
    """Labels (n,) and (n, 1) have the same losses, of shape (n, 1), also for a single row."""
    y_hat, y = torch.tensor([[1.0], [2], [4]]), torch.tensor([3.0, 2, -1])

    for labels in (y, y[:, None]):
        assert squared_loss(y_hat, labels).tolist() == [[2], [0], [12.5]]
        assert squared_loss(y_hat[:1], labels[:1]).tolist() == [[2]]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (4, 4), (3, 8)])
def test_each_output_is_drawn_to_the_mean_of_the_labels(torch_rng, n, m):
    """The gradient is autograd's; the broadcast loss exceeds m Σ(ŷᵢ − ȳ)²/2 by a constant."""
    y_hat = torch.randn(n, 1, generator=torch_rng, dtype=torch.float64, requires_grad=True)
    y = torch.randn(m, generator=torch_rng, dtype=torch.float64)

    loss = ((y_hat - y) ** 2 / 2).sum()

    (expected,) = torch.autograd.grad(loss, y_hat)
    # sums of m numbers below 10
    gradient = broadcast_gradient(y_hat.detach(), y)
    assert gradient.shape == (n, 1)
    assert (gradient - expected).abs().max() < 1e-13
    drawn = m * ((y_hat - y.mean()) ** 2).sum() / 2
    rest = n * ((y - y.mean()) ** 2).sum() / 2
    assert loss.item() == pytest.approx((drawn + rest).item(), rel=1e-12, abs=0)


@pytest.mark.misconception("without the reshape the model learns nothing but the mean label")
@pytest.mark.parametrize("batch", _TRUTHS)
@pytest.mark.seeds(3)
def test_training_ends_at_a_bth_of_the_weights(torch_rng, batch):
    """SGD without the reshape ends at w/B and b, for B = 1, 2, 4, 10, within 4 standard errors.

    These are of the mean of 50 runs.  The start is forgotten up to 0.85⁶⁰ < 10⁻⁴ of it.
    """
    w, b = _TRUTHS[batch]

    limit_w, limit_b = limit_without_reshape(torch.tensor(w, dtype=torch.float64), b, batch)

    ends = _train(torch_rng, w, b, batch)
    limit = torch.cat([limit_w, torch.tensor([limit_b], dtype=torch.float64)])
    errors = ends.std(0) / len(ends) ** 0.5
    assert ((ends.mean(0) - limit).abs() < 4 * errors + 1e-4).all()


@pytest.mark.misconception("reshape checks the shapes")
def test_reshape_takes_a_transposed_table():
    """A (2, 3) table becomes (3, 2) by `reshape` in another order than by transposing it."""
    table = torch.arange(6).reshape(2, 3)

    assert table.reshape(3, 2).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert table.T.tolist() == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(RuntimeError):
        table.reshape(3, 1)


@pytest.mark.edge
def test_a_transposed_table_of_labels_is_refused():
    """A (2, 3) table of labels for (3, 2) outputs, in a wrong order, raises ValueError."""
    labels = torch.arange(6.0).reshape(2, 3)

    with pytest.raises(ValueError, match="labels"):
        squared_loss(labels.T, labels)


def test_the_figure_shows_the_differences_and_what_is_learned(save_figure, torch_rng):
    """The figure shows the nine differences, three of them wanted, and w against B as w/B."""
    y = torch.tensor([1.0, 2, 4])
    table = y[:, None] - y
    sizes = [1, 2, 4, 8]
    learned = [_train(torch_rng, *_TRUTHS[1], batch).mean(0)[1] for batch in sizes]
    curve = torch.linspace(1, 8, 100)

    fig = Figure(figsize=(6.4, 3), layout="constrained")
    left, right = fig.subplots(1, 2)
    left.imshow(np.eye(3), cmap="Blues", vmin=0, vmax=3)
    for i in range(3):
        for j in range(3):
            left.text(j, i, f"{table[i, j]:.0f}".replace("-", "−"), ha="center", va="center")
    left.set(title="(3, 1) − (3,): six of nine are wrong", xlabel="label", ylabel="output")
    left.set(xticks=range(3), xticklabels=[1, 2, 4], yticks=range(3), yticklabels=[1, 2, 4])
    left.grid(visible=False)
    right.plot(curve, limit_without_reshape(-3.4, 4.2, curve)[0], label="−3.4/B")
    right.plot(sizes, learned, "o", label="trained, mean of 50 runs")
    right.set(title="A B-th of the weight is learned", xlabel="batch size B", ylabel="w₂")
    right.legend(loc="lower right")

    assert [text.get_text() for text in left.texts][::4] == ["0", "0", "0"]
    drawn = right.lines[1].get_ydata()
    assert all(abs(w2 + 3.4 / batch) < 0.3 for w2, batch in zip(drawn, sizes, strict=True))
    save_figure(fig)
