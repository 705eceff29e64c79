"""3.2.7 — The last batch is short, nothing is lost, and the mean of means is not the mean.

Question
--------
The book's `data_iter` shuffles the rows and yields them in batches.  What happens if the batch
size does not divide the number of rows?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.7 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
The last batch of each epoch is short: 10 rows by 4 come as 4, 4, 2.  Every row comes once an
epoch, none is dropped.  In general there are ⌈n/B⌉ batches of B rows, the last of what is left.

Training does not notice: the book's `sgd` divides the summed gradient by the batch size that it
was told, 4 also for the batch of 2, so each row keeps its weight.

What does change is a mean of batch means.  Of the squares 0, 1, …, 81 in batches of 4, 4, 2 the
means are 3.5, 31.5, 72.5; their mean is 35.8, but the mean of the ten is 28.5.  Weigh each
batch mean by the size of its batch.

Why
---
`range(0, n, B)` starts a batch at 0, B, 2B, …, and a slice that reaches beyond the end stops
there.  In a plain mean of means a row of a batch of r rows counts 1/r: in a last batch of r it
counts B/r times as much as the others.

In practice
-----------
`DataLoader(…, drop_last=True)` does drop the short batch; if B > n it yields nothing at all,
without an error.  So does `data_iter` for a negative batch size.

Hints
-----
1. Write down the slices that `data_iter` takes of 10 rows for a batch size of 4.
2. Which weight has a row of each batch in the mean of the batch means?
"""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.utils.data import DataLoader


def _data_iter(batch_size, features, labels, generator):
    """The book's batches of rows, with a generator for the shuffling."""
    indices = torch.randperm(len(features), generator=generator)
    for i in range(0, len(features), batch_size):
        batch = indices[i : min(i + batch_size, len(features))]
        yield features[batch], labels[batch]


def batch_sizes(n, batch):
    """The sizes of the batches of an epoch of n rows by `batch`: a list of ints.

    Raises ValueError for a batch size below 1.
    """
    if batch < 1:
        raise ValueError(f"a batch has at least one row, not {batch}")
    return [min(batch, n - start) for start in range(0, n, batch)]


def mean_over_batches(means, sizes):
    """The mean over all rows, from the batches' means and sizes: lists of equal length."""
    return np.dot(means, sizes) / sum(sizes)


def _means(values, sizes):
    """The means of the batches that these values come in, floats."""
    parts = torch.tensor(values, dtype=torch.float64).split(sizes)
    return [part.mean().item() for part in parts]


@pytest.mark.misconception(
    "the last epoch drops its left-over rows", source="datawhalechina's solutions manual, 3.2.7"
)
@pytest.mark.seeds(3)
def test_ten_rows_by_four_come_as_4_4_2(torch_rng):
    """In each of three epochs `data_iter` yields 4, 4, 2 rows, among them every row once."""
    X = torch.arange(10.0)

    for _ in range(3):
        batches = list(_data_iter(4, X, 10 * X, torch_rng))
        assert [len(features) for features, _ in batches] == batch_sizes(10, 4) == [4, 4, 2]
        features, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
        assert torch.equal(features.sort().values, X)
        assert torch.equal(labels, 10 * features)


@pytest.mark.parametrize("n", range(13))
def test_the_sizes_are_those_of_split_and_of_the_loader(torch_rng, n):
    """For n ≤ 12 and B ≤ 14 the sizes are those of `data_iter`, `split` and `DataLoader`."""
    X = torch.arange(n)

    for batch in range(1, 15):
        sizes = batch_sizes(n, batch)
        assert sum(sizes) == n
        assert sizes == [len(features) for features, _ in _data_iter(batch, X, X, torch_rng)]
        assert sizes == [len(rows) for rows in DataLoader(X, batch, generator=torch_rng)]
        if n:
            assert sizes == [len(rows) for rows in X.split(batch)]


def test_a_row_keeps_its_weight_if_the_sum_is_divided_by_the_batch_size():
    """Of 10 rows by 4 each counts 1/4 in the book's `sgd`; by `mean` the last two count 1/2."""
    losses = torch.zeros(10, requires_grad=True)  # the gradient is the weight of each row
    batches = losses.split(batch_sizes(10, 4))

    (summed,) = torch.autograd.grad(sum(part.sum() / 4 for part in batches), losses)
    (averaged,) = torch.autograd.grad(sum(part.mean() for part in batches), losses)

    assert summed.tolist() == [1 / 4] * 10
    assert averaged.tolist() == [1 / 4] * 8 + [1 / 2] * 2


@pytest.mark.misconception("the mean of the batch means is the mean")
def test_ten_squares_have_the_mean_28_5_and_not_35_8():
    """The batch means of 0, 1, 4, …, 81 by 4 are 3.5, 31.5, 72.5; their mean is 35.8."""
    sizes = batch_sizes(10, 4)

    means = _means([k**2 for k in range(10)], sizes)

    assert means == [3.5, 31.5, 72.5]
    assert sum(means) / 3 == pytest.approx(35.8, rel=0, abs=0.05)
    assert mean_over_batches(means, sizes) == pytest.approx(28.5, rel=1e-12, abs=0)


@pytest.mark.misconception("shuffling makes the mean of the batch means right")
def test_shuffling_makes_it_right_on_average_only():
    """Over the 120 orders of 0, 1, 4, 9, 16 by 2 the mean of means is 6, its variance 29/30."""
    sizes = batch_sizes(5, 2)
    orders = list(permutations([0, 1, 4, 9, 16]))

    plain = []
    for a, b, c, d, e in orders:
        plain.append((Fraction(a + b, 2) + Fraction(c + d, 2) + e) / 3)
        found = mean_over_batches(_means([a, b, c, d, e], sizes), sizes)
        assert found == pytest.approx(6, rel=1e-12, abs=0)

    assert sum(plain) / 120 == 6
    assert sum((mean - 6) ** 2 for mean in plain) / 120 == Fraction(29, 30)


def test_only_drop_last_drops_rows(torch_rng):
    """`DataLoader` with `drop_last` gives 4, 4 of 10 rows by 4; by 64 it gives nothing."""
    X = torch.arange(10)
    by_4, by_64 = (DataLoader(X, b, drop_last=True, generator=torch_rng) for b in (4, 64))

    assert [len(rows) for rows in by_4] == batch_sizes(10, 4)[:-1]
    assert list(by_64) == []


@pytest.mark.edge
def test_a_batch_without_rows_is_refused(torch_rng):
    """`data_iter` yields nothing for a batch size of −3, and trains nothing in silence."""
    X = torch.arange(10)

    assert list(_data_iter(-3, X, X, torch_rng)) == []
    for batch in (0, -3):
        with pytest.raises(ValueError, match="at least one row"):
            batch_sizes(10, batch)


def test_the_figure_shows_the_weight_of_each_row(save_figure):
    """The figure shows the weights of ten rows by 4: all 0.1, or 0.08 and 0.17, or none."""
    sizes = batch_sizes(10, 4)
    batches = [_means(row, sizes) for row in torch.eye(10).tolist()]  # one row each has a loss
    weights = {
        "weighted by the sizes: right": [mean_over_batches(means, sizes) for means in batches],
        "mean of means: wrong": [sum(means) / 3 for means in batches],
        "drop_last: two are missing": [sum(means[:2]) / 2 for means in batches],
    }

    fig = Figure(figsize=(6.4, 2.6), layout="constrained")
    fig.suptitle("How much each of 10 rows counts, in batches of 4, 4, 2")
    axes = fig.subplots(1, 3, sharey=True)
    for ax, (title, heights) in zip(axes, weights.items(), strict=True):
        ax.bar(range(1, 11), heights, color=["C0"] * 4 + ["C5"] * 4 + ["C1"] * 2)
        ax.set(title=title, xlabel="row of the epoch", xticks=[1, 4, 5, 8, 9, 10])
    fig.axes[0].set_ylabel("weight in the mean")

    right, wrong, dropped = weights.values()
    assert right == pytest.approx([1 / 10] * 10)
    assert wrong == pytest.approx([1 / 12] * 8 + [1 / 6] * 2)
    assert dropped == pytest.approx([1 / 8] * 8 + [0] * 2)
    save_figure(fig)
