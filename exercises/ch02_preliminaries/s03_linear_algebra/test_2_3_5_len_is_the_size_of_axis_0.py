"""2.3.5 — The len of a tensor is always the size of axis 0, and of no other axis.

Question
--------
For a tensor X of any shape: does `len(X)` always go with the same axis of X?  Which one?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Yes, with axis 0, for every tensor that has an axis.  A tensor of rank 0 has none, and `len`
raises TypeError.

Why
---
`len` counts what indexing with one number can reach: X[0], X[1], … .  One index always
belongs to axis 0, whatever the memory looks like.  So `permute` and `.T`, which move no
number, change the length: after `X.permute(order)` axis 0 is the former axis `order[0]`.

In practice
-----------
Ask for `X.shape[0]` where you mean the axis: it says so.  After `.T`, or where the batch is
not the first axis (torch's recurrent layers put time there), `len` counts something else.

Hints
-----
1. Which axis does X[1] pick from?
2. Look at `len` before and after exchanging two axes of different size.
"""

from itertools import permutations, product

import pytest
import torch

AXIS_OF_LEN = 0
"""The one axis whose size `len` returns for every tensor with an axis."""


def length_after_permute(shape, order):
    """`len(X.permute(order))` for a tensor X of this shape; `order` lists its axes from 0 on.

    Raises TypeError ("0-d") if both are empty, and ValueError ("each axis once") if `order` is
    not a rearrangement of the axes.  Negative axes are refused too, though torch takes them.
    Raises TypeError ("expected ints") for a size that is none, ValueError ("negative").
    """
    if not all(isinstance(size, int) for size in shape):
        raise TypeError(f"expected ints as sizes, got {shape}")
    if min(shape, default=0) < 0:
        raise ValueError(f"a size is negative in {shape}")
    if sorted(order) != list(range(len(shape))):
        raise ValueError(f"expected each axis once of 0 to {len(shape) - 1}, got {order}")
    if len(shape) == 0:
        raise TypeError("a 0-d tensor has no length: expected at least one axis")
    return shape[order[0]]


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_len_is_the_size_of_that_axis(rank):
    """Every shape of this rank with sizes 0 to 3."""
    shapes = list(product(range(4), repeat=rank))

    assert len(shapes) == 4**rank
    assert all(len(torch.empty(shape)) == shape[AXIS_OF_LEN] for shape in shapes)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_permuting_moves_another_axis_to_the_front(rank):
    """All orders of the axes, all of different sizes: the right axis can't be met by luck."""
    shape = (2, 3, 5, 7)[:rank]
    X = torch.empty(shape)

    for order in permutations(range(rank)):
        expected = len(X.permute(order))
        assert length_after_permute(shape, order) == expected == X.size(order[AXIS_OF_LEN])


@pytest.mark.parametrize("other", [1, 2, 3, -1])
def test_no_other_axis_will_do(other):
    """For each there is a tensor whose length is not that axis's size."""
    X = torch.empty(2, 3, 5, 7)

    assert len(X) == X.shape[AXIS_OF_LEN]
    assert len(X) != X.shape[other]


def test_a_scalar_has_no_such_axis():
    """It has no order of axes either; iterating over it fails with the same reason."""
    scalar = torch.tensor(5.0)

    with pytest.raises(TypeError, match="0-d"):
        len(scalar)
    with pytest.raises(TypeError, match="0-d"):
        iter(scalar)
    with pytest.raises(TypeError, match="0-d"):
        length_after_permute((), ())


@pytest.mark.parametrize("order", [(0,), (0, 0, 1), (0, 1, 3), (0, 1, -1), ()], ids=str)
def test_an_order_names_each_axis_once(order):
    """Too few, twice the same, out of range, negative, none."""
    with pytest.raises(ValueError, match="each axis once"):
        length_after_permute((2, 3, 4), order)


def test_a_size_is_an_int_and_not_negative():
    """Also where it is not the one that is asked for."""
    for bad in ("23", (2, 3.5), (float("nan"), 3), (None, 2)):
        with pytest.raises(TypeError, match="expected ints"):
            length_after_permute(bad, (0, 1))
    with pytest.raises(ValueError, match="negative"):
        length_after_permute((2, -3), (0, 1))


@pytest.mark.misconception("transposing moves no number, so the length stays")
def test_a_view_of_the_same_memory_has_another_length():
    """2 rows become 5 columns: the same ten numbers, at the same address."""
    X = torch.zeros(2, 5)

    assert X.T.data_ptr() == X.data_ptr()
    assert len(X) == 2
    assert len(X.T) == length_after_permute((2, 5), (1, 0)) == 5


@pytest.mark.misconception("len counts the examples of a batch")
def test_it_counts_what_comes_first():
    """A recurrent layer puts time first unless told otherwise."""
    batch_of_three = torch.zeros(10, 3, 1)  # time, batch, features

    with torch.random.fork_rng():
        output, _ = torch.nn.RNN(input_size=1, hidden_size=2)(batch_of_three)

    assert len(batch_of_three) == len(output) == 10
