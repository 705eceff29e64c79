"""3.5.2 — Fetch whole batches: one indexing for each instead of six operations an image.

Question
--------
A data iterator should not keep the training waiting.  Is the way in which the book reads
Fashion-MNIST fast enough, and how do you make it faster?
<https://zh.d2l.ai/chapter_linear-networks/image-classification-dataset.html>
English edition: 4.2.2 <https://d2l.ai/chapter_linear-classification/image-classification-dataset.html>

Answer
------
No: the loader fetches each image on its own.  All images are in memory as one tensor X, and the
labels as y (`mnist_train.data`, `.targets`), so take the rows of a batch in one step:

    for rows in torch.randperm(len(X)).split(256):
        X[rows][:, None].float() / 255, y[rows]

In the benchmark of this page this is about twelve times as fast.

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
from torch.overrides import TorchFunctionMode
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


def _data(n):
    """Different images, (n, 28, 28), and their labels, (n,)."""
    X = torch.arange(n * 784).remainder(251).to(torch.uint8).reshape(n, 28, 28)
    return X, torch.arange(n) % 10


def _loader(X, y, size, generator):
    return DataLoader(_Images(X, y), size, shuffle=True, generator=generator)


class _Counter(TorchFunctionMode):
    operations = 0

    def __torch_function__(self, function, types, arguments=(), options=None):
        self.operations += 1
        return function(*arguments, **(options or {}))


def _operations(call, *arguments):
    """How many functions, methods and operators of torch it takes to read the result."""
    with _Counter() as counter:
        list(call(*arguments))
    return counter.operations


def test_a_whole_batch_is_what_the_loader_stacks():
    """The rows 3, 0, 49, 3 at once give what the four images give that are fetched singly."""
    images, rows = _Images(*_data(50)), [3, 0, 49, 3]
    X, y = default_collate([images[row] for row in rows])

    whole_X, whole_y = fetch(*_data(50), rows)

    np.testing.assert_allclose(whole_X, X, rtol=1e-6, strict=True)
    np.testing.assert_array_equal(whole_y, y, strict=True)


def test_an_epoch_has_every_image_once_with_its_own_label():
    """Of 100 images in batches of 30 the last has 10; the generator alone decides the order."""
    y = torch.arange(100)
    X = y.to(torch.uint8)[:, None, None].expand(100, 2, 3)

    first, again, other = (
        list(batches(X, y, 30, torch.Generator().manual_seed(seed))) for seed in (0, 0, 1)
    )

    orders = [torch.cat([y for _, y in epoch]).tolist() for epoch in (first, again, other)]
    assert [len(labels) for _, labels in first] == [30, 30, 30, 10]
    assert orders[0] == orders[1] != orders[2]
    for order in orders:
        assert sorted(order) == y.tolist() != order
    for images, labels in (*first, *other):
        assert images.shape == (len(labels), 1, 2, 3)
        np.testing.assert_allclose(255 * images[:, 0, 1, 2], labels, rtol=1e-6)


@pytest.mark.misconception("a larger batch is all that is needed")
@pytest.mark.parametrize("size", [32, 128])
def test_an_image_takes_six_operations_in_a_batch_of_any_size(torch_rng, size):
    """128 images take the loader over 6 · 128 tensor operations, whole batches under 200."""
    X, y = _data(128)

    assert _operations(_Images(X, y).__getitem__, 3) == 6
    assert _operations(_loader, X, y, size, torch_rng) > 6 * 128
    assert _operations(batches, X, y, size, torch_rng) < 200


@pytest.mark.misconception(
    "`select.poll` is the bottleneck", source="pandalabme's solutions, 3.5.2"
)
def test_a_loader_without_workers_never_polls(monkeypatch, torch_rng):
    """It waits for no other process, and still takes over six tensor operations an image."""
    monkeypatch.setattr("multiprocessing.connection.wait", None)
    reader, writer = multiprocessing.Pipe()

    with reader, writer, pytest.raises(TypeError):
        reader.poll(0)
    assert _operations(_loader, *_data(128), 32, torch_rng) > 6 * 128


@pytest.mark.misconception(
    "four workers are the way to make it fast", source="ckyFi9zero's exercises, 3.5.2"
)
def test_a_quarter_of_the_operations_is_still_more_than_whole_batches_take(torch_rng):
    """Four workers do over 768 operations each for 512 images; whole batches fewer in all."""
    ways = _loader, batches
    by_image, whole = (_operations(way, *_data(512), 64, torch_rng) for way in ways)

    assert by_image / 4 > 6 * 512 / 4 == 768 > whole


@pytest.mark.edge
def test_labels_of_other_images_are_refused():
    """The 10 000 test images don't go with the 60 000 training labels."""
    X, y = _data(5)

    with pytest.raises(ValueError, match=r"\d"):
        list(batches(X[:3], y, 2))


def test_the_figure_shows_the_operations_of_an_epoch(save_figure, torch_rng):
    """The figure shows how many tensor operations two ways take for 512 images, B = 64."""
    counts = [_operations(way, *_data(512), 64, torch_rng) for way in (batches, _loader)]

    fig = Figure(figsize=(6.4, 2), layout="constrained")
    ax = fig.subplots()
    ax.bar_label(ax.barh(["whole batches", "the book's loader"], counts), padding=4)
    ax.set(title="Six operations for each image, or a few for each batch", xmargin=0.12)
    ax.set(xlabel="tensor operations in an epoch of 512 images, 64 at a time")

    whole, by_image = (bar.get_width() for bar in ax.patches)
    assert whole < 30 * 8 < 6 * 512 < by_image
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.5.2 How much faster is it to fetch 256 images at once?")
@pytest.mark.parametrize("method", ["loader", "batches"])
@pytest.mark.parametrize(
    "n", [256, *(pytest.param(n, marks=pytest.mark.timed_only) for n in (512, 1024, 2048))]
)
def test_an_epoch_has_the_labels_of_all_images(benchmark, torch_rng, method, n):
    """In each way the labels of n images add up to those of all."""
    X, y = _data(n)
    benchmark.extra_info.update(method=method, size=n, exponent=1, reason="n images")

    way = _loader if method == "loader" else batches
    total = benchmark(lambda: sum(labels.sum() for _, labels in way(X, y, 256, torch_rng)))

    assert total == sum(row % 10 for row in range(n))
