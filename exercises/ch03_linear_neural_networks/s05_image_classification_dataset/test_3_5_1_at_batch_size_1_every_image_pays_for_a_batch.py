"""3.5.1 — An epoch pays for n images and ⌈n/B⌉ batches: at B = 1 every image pays for both.

Question
--------
The images of Fashion-MNIST are read in minibatches of 256.  Does reading them become slower if
the batch is smaller, down to a single image?
<https://zh.d2l.ai/chapter_linear-networks/image-classification-dataset.html>
English edition: 4.2.1 <https://d2l.ai/chapter_linear-classification/image-classification-dataset.html>

Answer
------
Yes.  An epoch fetches every image once, whatever the batch size B, but a smaller B puts them
together in more batches:

    B                1       256
    images      60 000    60 000
    batches     60 000       235

If an image takes a seconds and a batch b, besides its images, an epoch takes n a + ⌈n/B⌉ b.  In
the benchmark of this page b is about 5a, and then B = 1 takes 5.9 times as long as B = 256.

Why
---
For an image the loader calls the data set, which looks it up and turns it into floats.  For a
batch it asks for the next row numbers and stacks the images into one tensor: dozens of function
calls, as many for a single image as for 256.

So an image costs a + b/B.  That is 6a at B = 1, twice the least at B = b/a = 5, 8 % above it
at 64 and 2 % at 256.  A still larger batch gains almost nothing, as a remains.

Hints
-----
1. What does the loader do once for each image, and what once for each batch?
2. How many batches has an epoch of 60 000 images, if B is 1 and if it is 256?
"""

import cProfile
import functools
import gc

import pytest
import torch
from matplotlib.figure import Figure
from torch.utils.data import DataLoader, Dataset


def calls(n, batch):
    """How many images and how many batches an epoch of n images fetches: two whole numbers."""
    return n, len(range(0, n, batch))


def epoch_time(n, batch, item, overhead):
    """The time of an epoch, if each image takes `item` and each batch `overhead` besides."""
    images, batches = calls(n, batch)
    return images * item + batches * overhead


class _Images(Dataset):
    """n images as the book reads them: one at a time, to floats, divided by 255."""

    def __init__(self, n):
        self.X = torch.arange(n * 784).remainder(256).to(torch.uint8).reshape(n, 28, 28)
        self.fetched = 0

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        self.fetched += 1
        return self.X[row][None].float() / 255, row % 10


def _loader(images, batch):
    return DataLoader(images, batch, shuffle=True, generator=torch.Generator().manual_seed(0))


def _function_calls(n, batch):
    """How many functions, of Python and of C, an epoch calls, as a profiler counts them."""
    loader, profile = _loader(_Images(n), batch), cProfile.Profile()
    next(iter(loader))  # the first batch of all imports what it needs
    gc.disable()  # what it frees may call functions of others
    try:
        profile.runcall(list, loader)
    finally:
        gc.enable()
    return sum(entry.callcount for entry in profile.getstats())


@functools.cache
def _calls_of_each():
    """How many function calls an image takes, a batch, and the start of an epoch."""
    few, more = _function_calls(32, 32), _function_calls(64, 64)
    item = (more - few) / 32
    overhead = (_function_calls(32, 1) - few) / 31
    return item, overhead, few - 32 * item - overhead


@pytest.mark.parametrize("batch", [1, 60, 256, 1000])
def test_every_image_is_fetched_once_and_the_batches_become_fewer(batch):
    """The book's loader, with 300 images, calls the data set 300 times for every batch size."""
    images = _Images(300)

    sizes = [len(labels) for _, labels in _loader(images, batch)]

    assert calls(300, batch) == (images.fetched, len(sizes))
    assert images.fetched == sum(sizes) == 300


def test_an_epoch_of_fashion_mnist_has_235_batches_of_256():
    """Of the 60 000 images 234 batches are full, and one has the other 96."""
    assert calls(60_000, 256) == (60_000, 234 + 1)
    assert calls(60_000, 1) == (60_000, 60_000)


@pytest.mark.parametrize(("n", "batch"), [(50, 7), (64, 8), (24, 1), (90, 64), (10, 64)])
def test_the_function_calls_follow_the_formula(n, batch):
    """What three epochs say of an image, a batch and the start foretells the calls of others.

    A batch takes dozens of calls, more than four images do, however many images it has.
    """
    item, overhead, start = _calls_of_each()

    assert epoch_time(n, batch, item, overhead) + start == _function_calls(n, batch)
    assert overhead > 24
    assert overhead > 4 * item > 0


@pytest.mark.misconception("the larger the batch, the faster the reading")
def test_if_a_batch_costs_five_images_little_is_gained_beyond_64():
    """With b = 5a an epoch takes 6 times n a at B = 1, 2 at 5, 1.08 at 64 and 1.02 at 256."""
    times = {B: epoch_time(60_000, B, 0.5, 2.5) / 30_000 for B in (1, 5, 64, 256, 60_000)}

    assert list(times.values()) == pytest.approx([6, 2, 1.08, 1.02, 1], abs=0.005)
    assert times[1] / times[256] == pytest.approx(5.9, abs=0.05)


@pytest.mark.misconception(
    "a small batch is slow and large", source="datawhalechina's solutions manual, 3.5.1"
)
def test_a_batch_of_1_is_quick_and_small_but_there_are_more_of_them():
    """A batch of 1 takes fewer function calls than one of 256, and 1/256 of its memory."""
    item, overhead, _ = _calls_of_each()

    one, many = (epoch_time(batch, batch, item, overhead) for batch in (1, 256))
    small, large = (next(iter(_loader(_Images(256), batch)))[0] for batch in (1, 256))

    assert one < many < 256 * one == epoch_time(256, 1, item, overhead)
    assert [small.nbytes, large.nbytes] == [4 * 784, 256 * 4 * 784]


@pytest.mark.misconception(
    "an image waits for the disk", source="the solutions of pandalabme and ckyFi9zero to 3.5.1"
)
def test_the_images_are_in_memory_all_the_time():
    """An image is a view of 784 bytes in one tensor, of 47 040 000 for all of Fashion-MNIST."""
    X = _Images(10).X

    assert X[3].untyped_storage().data_ptr() == X.untyped_storage().data_ptr()
    assert 60_000 * X[3].nbytes == 47_040_000


def test_the_figure_shows_that_an_image_pays_for_a_share_of_its_batch(save_figure):
    """The figure shows counted calls for an image against B, on the curve a + b/B."""
    item, overhead, start = _calls_of_each()
    sizes = [2**k for k in range(8)]
    counted = [(_function_calls(128, batch) - start) / 128 for batch in sizes]

    fig = Figure(figsize=(6, 3.4))
    ax = fig.subplots()
    ax.plot(sizes, [item + overhead / batch for batch in sizes], label="a + b/B")
    ax.plot(sizes, counted, "o", label="counted in an epoch of 128")
    ax.set(xscale="log", xticks=sizes, xticklabels=sizes, xlabel="batch size B", ylim=(0, None))
    ax.set(ylabel="function calls for an image", title="At B = 1 every image pays for a batch")
    ax.minorticks_off()
    ax.legend()

    assert counted == [epoch_time(128, batch, item, overhead) / 128 for batch in sizes]
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.5.1 How long is an epoch of 512 images, read by B at a time?")
@pytest.mark.parametrize(
    "batch", [64, *(pytest.param(B, marks=pytest.mark.timed_only) for B in (1, 4, 16, 256))]
)
def test_an_epoch_comes_complete(benchmark, batch):
    """However 512 images are read, their labels add up to the last digits of their numbers."""
    loader = _loader(_Images(512), batch)
    benchmark.extra_info.update(
        method="epoch", size=batch, work=epoch_time(512, batch, 1, 5), reason="n + 5n/B"
    )

    total = benchmark(lambda: sum(int(y.sum()) for _, y in loader))

    assert total == sum(row % 10 for row in range(512))
