"""2.3.7 — A sum removes the axes it runs along: (2, 3, 4) leaves (3, 4), (2, 4) or (2, 3).

Question
--------
X has shape (2, 3, 4).  Which shapes do its sums along axis 0, axis 1 and axis 2 have?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Strike out the size of the axis that is summed:

    axis 0: (3, 4)        axis 1: (2, 4)        axis 2: (2, 3)

Several axes are struck out together; with `keepdim=True` their sizes become 1 instead.

Why
---
The sum along axis 1 is Σⱼ Xᵢⱼₖ: j is used up by the sum, i and k are still free, and every
free index is an axis of the result.  Finite sums may be taken in any order, so summing along
two axes at once, or one after the other, is the same (up to rounding, for floats).

In practice
-----------
- Integers and bools are summed as int64, so 200 + 200 in uint8 is 400.  Floats keep their
  type: 70 000 ones in float16 give ∞.
- `axis=()` is a trap: torch sums everything, NumPy nothing.
- An axis out of range is an IndexError, an axis named twice a RuntimeError.

Hints
-----
1. Write the sum with indices: which of them are left?
2. Do a (2, 3) matrix by hand, along either axis.
"""

from itertools import combinations, permutations, product

import numpy as np
import pytest
import torch

_X = torch.arange(24).reshape(2, 3, 4)


def sum_shape(shape, axis=None, keepdim=False):
    """The shape of `X.sum(axis, keepdim)` for a tensor X of this shape, as a tuple.

    `axis` is an int, a tuple of ints or None (all axes); negative ones count from the end.
    Raises ValueError for an axis out of range ("out of range"), one named twice ("twice"),
    the empty tuple ("empty"), about which torch and NumPy disagree, and a negative size
    ("negative"), TypeError for a size or axis that is no int ("expected ints").  A scalar has
    no axis, not even 0 or −1, which both libraries forgive.
    """
    rank = len(shape)
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if not all(isinstance(number, int) for number in (*shape, *axes)):
        raise TypeError(f"expected ints as sizes and axes, got {shape} and {axis}")
    if min(shape, default=0) < 0:
        raise ValueError(f"a size is negative in {shape}")
    if axis == ():
        raise ValueError("expected at least one axis, got an empty tuple")
    if not all(-rank <= one < rank for one in axes):
        raise ValueError(f"axis {axis} is out of range for rank {rank}")
    summed = {one % rank for one in axes}
    if len(summed) < len(axes):
        raise ValueError(f"axis {axis} names an axis twice")
    if keepdim:
        return tuple(1 if one in summed else size for one, size in enumerate(shape))
    return tuple(size for one, size in enumerate(shape) if one not in summed)


@pytest.mark.parametrize(("axis", "shape"), [(0, (3, 4)), (1, (2, 4)), (2, (2, 3))])
def test_the_size_of_the_summed_axis_is_struck_out(axis, shape):
    """The three answers, from the rule and from torch."""
    assert sum_shape((2, 3, 4), axis) == _X.sum(axis).shape == shape


@pytest.mark.parametrize("rank", range(5))
def test_the_rule_predicts_torch_and_numpy(rank):
    """All shapes of this rank with sizes 0 to 2, all sets of axes, from either end."""
    checked = 0
    for shape in product(range(3), repeat=rank):
        tensor, array = torch.empty(shape), np.empty(shape)
        for count in range(1, rank + 1):
            for axes in combinations(range(rank), count):
                from_the_end = tuple(axis - rank for axis in axes)
                for keep in (False, True):
                    predicted = sum_shape(shape, axes, keep)
                    assert predicted == sum_shape(shape, from_the_end, keep)
                    assert predicted == tensor.sum(axes, keepdim=keep).shape
                    assert predicted == array.sum(axes, keepdims=keep).shape
                    checked += 1
        assert sum_shape(shape) == tensor.sum().shape == ()

    assert checked == 3**rank * (2**rank - 1) * 2


def test_the_values_are_those_of_the_written_sum():
    """Xᵢⱼₖ = 12i + 4j + k, summed by hand."""
    i, j, k = torch.meshgrid(*map(torch.arange, (2, 3, 4)), indexing="ij")

    assert torch.equal(_X.sum(0), (12 + 8 * j + 2 * k)[0])
    assert torch.equal(_X.sum(1), (36 * i + 12 + 3 * k)[:, 0])
    assert torch.equal(_X.sum(2), (48 * i + 16 * j + 6)[:, :, 0])
    assert _X.sum() == 23 * 24 // 2


def test_the_order_of_the_axes_does_not_matter():
    """All at once, or one after the other in each of the six orders: 276."""
    for order in permutations("ijk"):
        names, partial = "ijk", _X
        for name in order:
            partial = partial.sum(names.index(name))
            names = names.replace(name, "")
        assert partial == _X.sum((0, 1, 2)) == 276


@pytest.mark.parametrize(
    ("dtype", "result"),
    [
        (torch.bool, torch.int64),
        (torch.uint8, torch.int64),
        (torch.int32, torch.int64),
        (torch.float16, torch.float16),
        (torch.complex64, torch.complex64),
    ],
    ids=str,
)
def test_whole_numbers_are_summed_as_int64_and_others_as_they_are(dtype, result):
    """Also along one axis only."""
    X = torch.ones(2, 3, dtype=dtype)

    assert X.sum(0).dtype == result
    assert X.sum(0).tolist() == [2, 2, 2]


def test_a_float16_sum_overflows():
    """70 000 is beyond its largest number, 65 504; uint8 would hold no 400 either."""
    assert torch.ones(70_000, dtype=torch.float16).sum() == torch.inf
    assert torch.full((2,), 200, dtype=torch.uint8).sum() == 400


def test_an_empty_sum_is_zero():
    """The sum over no terms; a maximum of no terms does not exist."""
    assert torch.equal(torch.empty(0, 3).sum(0), torch.zeros(3))
    assert torch.empty(0, 3).mean(0).isnan().all()
    with pytest.raises(IndexError, match="non-zero size"):
        torch.empty(0, 3).max(0)


@pytest.mark.misconception("axis=() sums along no axis")
def test_the_empty_tuple_means_all_axes_in_torch_and_none_in_numpy():
    """So the rule refuses to predict it."""
    assert _X.sum(()) == 276
    assert np.array_equal(_X.numpy().sum(()), _X.numpy())
    with pytest.raises(ValueError, match="empty"):
        sum_shape((2, 3, 4), ())


@pytest.mark.parametrize("axis", [3, -4, (0, 3), (-4,)], ids=str)
def test_an_axis_out_of_range_is_refused(axis):
    """The last axis of a rank 3 is 2, or −1."""
    with pytest.raises(ValueError, match="out of range"):
        sum_shape((2, 3, 4), axis)
    with pytest.raises(IndexError, match=r"expected to be in range of \[-3, 2\]"):
        _X.sum(axis)


@pytest.mark.parametrize("axis", [(1, 1), (0, -3), (2, 0, -1)], ids=str)
def test_an_axis_named_twice_is_refused(axis):
    """It has been struck out already; a negative name does not hide it."""
    with pytest.raises(ValueError, match="twice"):
        sum_shape((2, 3, 4), axis)
    with pytest.raises(RuntimeError, match="appears multiple times"):
        _X.sum(axis)


def test_sizes_and_axes_are_ints_and_no_size_is_negative():
    """Also a size that the sum removes."""
    for bad in ("234", (2, 3, 4.5), (2, None, 4), (float("nan"), 3, 4)):
        with pytest.raises(TypeError, match="expected ints"):
            sum_shape(bad, 0)
    for bad in ((0.5,), (0, "1")):
        with pytest.raises(TypeError, match="expected ints"):
            sum_shape((2, 3, 4), bad)
    with pytest.raises(ValueError, match="negative"):
        sum_shape((2, -3, 4), 1)


def test_a_scalar_has_no_axis():
    """Both libraries forgive 0 and −1 there; the rule does not."""
    assert sum_shape(()) == ()
    for axis in (0, -1):
        assert torch.tensor(7).sum(axis) == np.array(7).sum(axis) == 7
        with pytest.raises(ValueError, match="out of range"):
            sum_shape((), axis)


@pytest.mark.benchmark(group="2.3.7 Does the direction of a sum cost time?")
@pytest.mark.parametrize("n", [256, 512, 1024, 2048])
@pytest.mark.parametrize("axis", [1, 0], ids=["contiguous", "strided"])
def test_either_direction_adds_as_often(benchmark, axis, n):
    """A matrix of ones, n × n: n sums of n either way; only the memory is read otherwise."""
    method = {1: "along the rows, contiguous", 0: "across the rows, strided"}[axis]
    benchmark.extra_info.update(
        method=method, size=n, exponent=2, reason="n² additions in either direction"
    )
    ones = torch.ones(n, n)

    sums = benchmark(ones.sum, axis)

    assert torch.equal(sums, torch.full((n,), float(n)))
