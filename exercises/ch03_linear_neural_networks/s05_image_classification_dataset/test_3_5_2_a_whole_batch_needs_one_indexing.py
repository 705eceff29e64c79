"""3.5.2 — Fetch whole batches: one indexing for each instead of six operations an image.

Question
--------
A data iterator should not keep the training waiting.  Is the way in which the book reads
Fashion-MNIST fast enough, and how do you make it faster?
<https://zh.d2l.ai/chapter_linear-networks/image-classification-dataset.html>
English edition: 4.2.2 <https://d2l.ai/chapter_linear-classification/image-classification-dataset.html>

Answer
------
No: the loader fetches each image on its own.  All images are in memory, as one tensor X
(`mnist_train.data`), so take the rows of a batch from it in one step:

    for rows in torch.randperm(len(X)).split(256):
        X[rows][:, None].float() / 255, y[rows]

In the benchmark of this page this is about twelve times as fast.  To keep `DataLoader`, give
the data set a method `__getitems__(self, rows)` that returns such a batch, and say that nothing
is left to be put together:

    DataLoader(data, 256, shuffle=True, collate_fn=lambda batch: batch)

Why
---
An image of 28 by 28 is small: Python takes longer to call an operation than torch to do it.  An
image alone takes six: select it, add an axis, convert, divide; select its label, and make a
number of it.  A whole batch takes no more, however large it is: index, add an axis, convert,
divide; index the labels.

In practice
-----------
Only then try `num_workers`: processes share these operations out, and save none.

Hints
-----
1. What is called once for each image?  Could it be called once for a batch?
2. What is X[rows], if rows is a tensor of row numbers?
"""

import multiprocessing

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.autograd.profiler import profile
from torch.utils.data import DataLoader, Dataset, default_collate


def fetch(X, y, rows):
    """The batch of these rows: its images, float32 from 0 to 1, (B, 1, …), and labels, (B,).

    X holds all images as bytes, (n, …), y all labels, (n,), and rows is a list or a tensor.
    """
    return X[rows][:, None].float() / 255, y[rows]


def batches(X, y, size, generator=None):
    """Yield an epoch's batches in random order, as `fetch` returns them; the last may be short.

    Raises ValueError unless images and labels, (n, …) and (n,), are equally many.
    """
    if len(X) != len(y):
        raise ValueError(f"{len(X)} images, but {len(y)} labels")
    for rows in torch.randperm(len(X), generator=generator).split(size):
        yield fetch(X, y, rows)


class _Images(Dataset):
    """The book's way: one image after another."""

    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        return self.X[row][None].float() / 255, int(self.y[row])


class _WholeBatches(_Images):
    """The same, but a loader that has this method asks it for all rows of a batch at once."""

    def __getitems__(self, rows):
        return fetch(self.X, self.y, rows)


def _data(n):
    """Different images, (n, 28, 28), and their labels, (n,)."""
    X = torch.arange(n * 784).remainder(251).to(torch.uint8).reshape(n, 28, 28)
    return X, torch.arange(n) % 10


def _by_image(X, y, size):
    """An epoch of the book's loader."""
    return DataLoader(_Images(X, y), size, shuffle=True, generator=torch.Generator())


def _by_getitems(X, y, size):
    """An epoch of a loader that fetches whole batches."""
    options = {"shuffle": True, "generator": torch.Generator()}
    return DataLoader(_WholeBatches(X, y), size, collate_fn=lambda batch: batch, **options)


def _by_batches(X, y, size):
    """An epoch without a loader."""
    return batches(X, y, size, torch.Generator())


_WAYS = {"loader": _by_image, "loader, __getitems__": _by_getitems, "batches": _by_batches}


def _operations(call, *arguments):
    """How many tensor operations it takes to call this and to read the result to its end."""
    with profile() as record:
        list(call(*arguments))
    count = end = 0  # an operation that begins before another ends is part of it
    events = (event for event in record.kineto_results.events() if "aten::" in event.name())
    for start, last in sorted((e.start_ns(), -e.start_ns() - e.duration_ns()) for e in events):
        if start >= end:
            count, end = count + 1, -last
    return count


def test_a_whole_batch_is_what_the_loader_stacks():
    """The rows 3, 0, 49, 3 at once give what the four images give that are fetched singly."""
    images, rows = _Images(*_data(50)), [3, 0, 49, 3]
    X, y = default_collate([images[row] for row in rows])

    whole_X, whole_y = fetch(*_data(50), rows)

    np.testing.assert_allclose(whole_X, X, rtol=1e-6, strict=True)
    np.testing.assert_array_equal(whole_y, y, strict=True)
    assert X.shape == (4, 1, 28, 28)


@pytest.mark.seeds(3)
def test_an_epoch_has_every_image_once_with_its_own_label(torch_rng):
    """Of 100 images in batches of 30 the last has 10; the next epoch has another order."""
    y = torch.arange(100)
    X = y.to(torch.uint8)[:, None, None].expand(100, 2, 3)

    first, second = (list(batches(X, y, 30, torch_rng)) for _ in range(2))

    orders = [torch.cat([labels for _, labels in epoch]).tolist() for epoch in (first, second)]
    assert [len(labels) for _, labels in first] == [30, 30, 30, 10]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in (y.tolist(), *orders)}) == 3
    for images, labels in (*first, *second):
        assert images.shape == (len(labels), 1, 2, 3)
        np.testing.assert_allclose(255 * images[:, 0, 1, 2], labels, rtol=1e-6)


def test_the_same_generator_gives_the_same_order():
    """The order of an epoch depends on the generator alone, so that it can be repeated."""
    first, again = (torch.cat([y for _, y in _by_batches(*_data(100), 30)]) for _ in range(2))

    assert first.tolist() == again.tolist()


def test_the_loader_shuffles_whole_batches_as_it_shuffles_images():
    """With `__getitems__` the loader yields the batches that it would stack, in their order."""
    stacked, whole = (list(way(*_data(50), 16)) for way in (_by_image, _by_getitems))

    assert [len(y) for _, y in whole] == [16, 16, 16, 2]
    for (X, y), (whole_X, whole_y) in zip(stacked, whole, strict=True):
        np.testing.assert_allclose(whole_X, X, rtol=1e-6)
        assert whole_y.tolist() == y.tolist()


@pytest.mark.misconception("a larger batch is all that is needed")
@pytest.mark.parametrize("size", [32, 128])
def test_an_image_takes_six_operations_in_a_batch_of_any_size(size):
    """The loader takes over 6 · 128 operations for 128 images, whole batches under 30 each."""
    X, y = _data(128)

    assert _operations(_Images(X, y).__getitem__, 3) == 6
    assert _operations(_by_image, X, y, size) > 6 * 128
    assert _operations(_by_batches, X, y, size) < 30 * 128 / size


@pytest.mark.misconception("`select.poll` is the bottleneck, since a profile has it on top")
def test_without_workers_nobody_waits_and_the_operations_are_the_same(monkeypatch):
    """A loader without workers never polls, and still takes six operations for each image.

    pandalabme's manual profiles a loader with workers, in the process that waits for them.
    """
    monkeypatch.setattr("multiprocessing.connection.wait", None)
    reader, writer = multiprocessing.Pipe()

    with reader, writer, pytest.raises(TypeError):
        reader.poll(0)
    assert _operations(_by_image, *_data(128), 32) > 6 * 128
    assert _operations(_by_getitems, *_data(128), 32) < 30 * 4


@pytest.mark.edge
def test_labels_of_other_images_are_refused():
    """The 10 000 test images don't go with the 60 000 training labels."""
    X, y = _data(5)

    with pytest.raises(ValueError, match=r"\d"):
        list(batches(X[:3], y, 2))


def test_the_figure_shows_the_operations_of_an_epoch(save_figure):
    """The figure shows how many operations three ways take for 512 images, B = 64."""
    counts = [_operations(way, *_data(512), 64) for way in _WAYS.values()]

    fig = Figure(figsize=(6.4, 2.4), layout="constrained")
    ax = fig.subplots()
    bars = ax.barh(list(_WAYS), counts, color=["C1", "C0", "C0"])
    ax.bar_label(bars, padding=4)
    ax.set(xlabel="tensor operations in an epoch of 512 images, 64 at a time")
    ax.set(title="Six operations for each image, or a few for each batch", xmargin=0.12)
    ax.invert_yaxis()

    by_image, *whole = (bar.get_width() for bar in bars)
    assert by_image > 6 * 512
    assert max(whole) < 30 * 8
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(
    group="3.5.2 How much faster is it to fetch whole batches of 256 images?"
)
@pytest.mark.parametrize("method", _WAYS)
@pytest.mark.parametrize(
    "n", [512, *(pytest.param(n, marks=pytest.mark.timed_only) for n in (1024, 2048, 4096))]
)
def test_an_epoch_has_the_labels_of_all_images(benchmark, method, n):
    """In each way the labels of n images add up to those of all."""
    X, y = _data(n)
    benchmark.extra_info.update(method=method, size=n, exponent=1, reason="n images")

    total = benchmark(lambda: sum(labels.sum() for _, labels in _WAYS[method](X, y, 256)))

    assert total == sum(row % 10 for row in range(n))
