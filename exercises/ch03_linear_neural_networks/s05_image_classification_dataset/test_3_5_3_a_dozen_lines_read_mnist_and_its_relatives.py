"""3.5.3 — MNIST and its four relatives are IDX files, which a dozen lines can read.

Question
--------
Which other data sets does the framework's documentation list?  Write one reader for those that
are stored as Fashion-MNIST is, in the IDX format, gzipped or not: two bytes 0, one byte for the
type of the numbers, one for the number of axes, the length of each axis as a big-endian uint32,
then the numbers, row by row, big-endian too.
<https://zh.d2l.ai/chapter_linear-networks/image-classification-dataset.html>
English edition: 4.2.3 <https://d2l.ai/chapter_linear-classification/image-classification-dataset.html>

Answer
------
torchvision (<https://docs.pytorch.org/vision/stable/datasets.html>) lists, among many others:

    one label an image     MNIST, FashionMNIST, KMNIST, EMNIST, QMNIST, CIFAR10, SVHN, ImageNet
    a label for each pixel or box     VOCSegmentation, Cityscapes, CocoDetection
    a text, a second image, a video   CocoCaptions, Kitti2015Stereo, Kinetics

The first five are IDX files.  One function reads them all, and torchvision is not needed:

    read_idx("train-images-idx3-ubyte.gz").shape     (60000, 28, 28), or (2000, 28, 28) here
    read_idx("train-labels-idx1-ubyte.gz")[:5]       9, 0, 0, 3, 0

Why
---
The header tells everything: 4 bytes, 4 for each axis, and then the product of all lengths, each
number of 1 to 8 bytes.  So a file of any other length is damaged.

In practice
-----------
Pixels are integers from 0 to 255: divide by 255.

Hints
-----
1. `int.from_bytes(data[4:8], "big")` is the length of the first axis.
2. `numpy.frombuffer` reads numbers of any type and byte order, from any place on.
"""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # NumPy's names


def read_idx(path):
    """The array in the IDX file `path`: of the file's type, in this machine's byte order.

    Raises ValueError, which names the path, if it is no whole IDX file.
    """
    data = Path(path).read_bytes()
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        dtype = np.dtype(_TYPES[int.from_bytes(data[:3])])  # the zeros, and the type
        start = 4 + 4 * data[3]
        shape = struct.unpack(f">{data[3]}I", data[4:start])
        array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    except (EOFError, LookupError, OSError, ValueError, struct.error, zlib.error) as error:
        raise ValueError(f"{path} is no whole IDX file: {error!r}") from error
    return array.astype(dtype.type)


_GOOD = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60])


@pytest.fixture
def read(tmp_path):
    """Call it with bytes: what read_idx makes of a file that holds them."""

    def read_bytes(data):
        (tmp_path / "some-idx").write_bytes(data)
        return read_idx(tmp_path / "some-idx")

    return read_bytes


def test_fashion_mnist_is_read_with_its_labels(fashion_mnist_files):
    """An image is 28 × 28 bytes; the labels begin 9, 0, 0, 3, 0, the test set's 9, 2, 1."""
    X, y, X_test, y_test = (read_idx(path) for path in fashion_mnist_files)

    assert X.shape == (len(y), 28, 28)
    assert X_test.shape == (len(y_test), 28, 28)
    assert y.tolist()[:5] == [9, 0, 0, 3, 0]
    assert y_test.tolist()[:3] == [9, 2, 1]
    assert set(y.tolist()) == set(y_test.tolist()) == set(range(10))
    assert {array.dtype for array in (X, y, X_test, y_test)} == {np.dtype("uint8")}


def test_pixel_after_pixel_is_that_of_the_file(fashion_mnist_files):
    """Row r, column c of image i is byte 16 + 784i + 28r + c of the unpacked file."""
    path = fashion_mnist_files.test_images
    X, data = read_idx(path), path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data

    assert X[3, 14, 9] == data[16 + 784 * 3 + 28 * 14 + 9] != X[3, 9, 14]
    assert X.tobytes() == data[16:]


@pytest.mark.parametrize(
    ("number", "code", "dtype", "values"),
    [
        (8, "B", "uint8", [0, 1, 255]),
        (9, "b", "int8", [-128, -1, 127]),
        (11, "h", "int16", [-32768, 1, 258]),
        (12, "i", "int32", [-(2**31), 1, 16909060]),
        (13, "f", "float32", [-1.5, 0.25, 1e30]),
        (14, "d", "float64", [-1.5, 0.1, 1e300]),
    ],
)
def test_each_of_the_six_types_comes_back(read, number, code, dtype, values):
    """What `struct` has written, big-endian, is read as the same numbers of the same type."""
    head = bytes([0, 0, number, 1]) + (3).to_bytes(4, "big")

    array = read(head + struct.pack(f">3{code}", *values))

    assert array.dtype == np.dtype(dtype)
    assert np.array_equal(array, np.array(values, dtype))


@pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 2), (1, 2, 3), (3, 1, 2, 1)], ids=str)
def test_any_number_of_axes_is_read_row_by_row(read, shape):
    """The numbers 0 to 5 fill one to four axes, the last one first, gzipped or not."""
    lengths = b"".join(n.to_bytes(4, "big") for n in shape)
    data = bytes([0, 0, 8, len(shape)]) + lengths + bytes(range(6))

    for file in (data, gzip.compress(data)):
        assert np.array_equal(read(file), np.arange(6).reshape(shape))


@pytest.mark.misconception("the pixels are floats between 0 and 1")
def test_the_pixels_are_whole_numbers_up_to_255(fashion_mnist_files):
    """They are bytes: the largest is 255, and `/ 255` makes them 4 times as large in memory."""
    X = read_idx(fashion_mnist_files.test_images)

    assert X.max() == 255
    assert (X / np.float32(255)).nbytes == 4 * X.nbytes


@pytest.mark.misconception("the byte order does not matter for bytes")
def test_the_lengths_are_big_endian_even_of_bytes(read):
    """The length of two rows, its four bytes read the other way round, would be 33 554 432."""
    assert int.from_bytes(_GOOD[4:8], "little") == 33554432
    assert read(_GOOD).tolist() == [[10, 20, 30], [40, 50, 60]]


@pytest.mark.edge
def test_what_is_no_whole_idx_file_is_refused_by_name(read):
    """Foreign files, lengths that the header denies, and damaged gzip files are refused."""
    foreign = [b"", b"\0\0\x08", b"<html>", b"\x93NUMPY", b"\0\0\7\0\5", b"\0\1\x08\0\5"]
    lengths = [_GOOD[7:3:-1] + _GOOD[11:7:-1], b"\xff" * 8]  # little-endian, enormous
    other = [_GOOD[:4] + length + _GOOD[12:] for length in lengths]
    files = [*foreign, *other, _GOOD[:-1], _GOOD + b"\0", _GOOD[:9]]
    whole = gzip.compress(_GOOD)
    changed = [whole[:10] + b"\xff" * 9 + whole[19:], whole[:-8] + bytes(4) + whole[-4:]]

    for data in (*files, *map(gzip.compress, files), *changed, whole[:-9], whole + b"rubbish"):
        with pytest.raises(ValueError, match="some-idx"):
            read(data)


def test_the_figure_shows_an_image_and_the_mean_of_each_class(save_figure, fashion_mnist_files):
    """The figure shows the first training image of each class, and their mean image."""
    X, y = (read_idx(path) for path in fashion_mnist_files[:2])
    names = "T-shirt trouser pullover dress coat sandal shirt sneaker bag boot"
    firsts = np.hstack([X[y == k][0] for k in range(10)])
    means = np.hstack([X[y == k].mean(axis=0) for k in range(10)])

    fig = Figure(figsize=(8, 2.3))
    ax = fig.add_axes((0.09, 0.02, 0.9, 0.72))
    ax.imshow(np.vstack([firsts, means]), cmap="gray_r", vmin=0, vmax=255, aspect="auto")
    for k, name in enumerate(names.split()):
        ax.text(28 * k + 14, -2, f"{k}\n{name}", ha="center", va="bottom", size=9)
    for row, name in ((14, "first"), (42, "mean")):
        ax.text(-2, row, name, ha="right", va="center", size=10)
    fig.suptitle("Fashion-MNIST: 28 × 28 whole numbers from 0 to 255, and a label from 0 to 9")
    ax.set_axis_off()

    (drawn,) = ax.images
    assert np.array_equal(drawn.get_array()[:28, 252:], X[0])  # an ankle boot, label 9
    save_figure(fig)
