"""2.3.4 — The len of a (2, 3, 4) tensor is 2: it counts slices, not elements.

Question
--------
X is a tensor of shape (2, 3, 4).  What does `len(X)` return?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
2, the size of axis 0.

Why
---
To Python a tensor is a sequence, and the members of a sequence X are X[0], X[1], … .  Here
they are two slices of shape (3, 4); `for` visits two, and `len` counts two.  The 24 numbers
are elements of the tensor, not members of the sequence: `X.numel()` counts those.

A nested list works the same way: `len` of the list of rows is the number of rows.

In practice
-----------
`len(batch)` is the number of examples only while the batch is axis 0.  A tensor of rank 0 is
no sequence, so `len` raises TypeError; and the other count that people expect, 4, is the
size of the last axis.

Hints
-----
1. What does a `for` loop over X give first, and what is its shape?
2. Try a list of two lists of three numbers.
"""

from itertools import product

import numpy as np
import pytest
import torch


def length(shape):
    """What `len` returns for a tensor of this shape, a tuple of sizes; an int.

    Raises TypeError ("0-d") for the empty tuple, as `len` does for a tensor of rank 0, and
    for sizes that are no ints ("expected ints"), ValueError ("negative") for a negative one.
    """
    if len(shape) == 0:
        raise TypeError("a 0-d tensor has no length: expected at least one size")
    if not all(isinstance(size, int) for size in shape):
        raise TypeError(f"expected ints as sizes, got {shape}")
    if min(shape) < 0:
        raise ValueError(f"a size is negative in {shape}")
    return shape[0]


def test_it_is_two():
    """Not 24, the number of elements, not 3, the rank, and not 4, the last size."""
    X = torch.zeros(2, 3, 4)

    assert len(X) == length((2, 3, 4)) == 2


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_len_is_the_number_of_slices_that_a_loop_visits(rank):
    """Every shape of this rank with sizes 0 to 3; NumPy and torch agree."""
    shapes = list(product(range(4), repeat=rank))

    assert len(shapes) == 4**rank
    for shape in shapes:
        X = torch.empty(shape)
        assert length(shape) == len(X) == len(X.numpy()) == sum(1 for _ in X)


def test_a_nested_list_counts_the_same_way():
    """Until it is ragged: then it still has a length, but it is no tensor."""
    nested = [[1, 2, 3], [4, 5, 6]]

    assert len(nested) == len(torch.tensor(nested)) == length((2, 3))
    with pytest.raises(ValueError, match="expected sequence of length 1 at dim 1"):
        torch.tensor([[1], [2, 3]])


def test_an_empty_tensor_may_be_long():
    """Three slices with nothing in them, or no slices of three."""
    assert len(torch.empty(3, 0)) == length((3, 0)) == 3
    assert len(torch.empty(0, 3)) == length((0, 3)) == 0


def test_a_scalar_has_no_length():
    """Rank 0: torch, NumPy and the answer refuse it."""
    with pytest.raises(TypeError, match="0-d"):
        length(())
    with pytest.raises(TypeError, match="0-d tensor"):
        len(torch.tensor(5.0))
    with pytest.raises(TypeError, match="unsized object"):
        len(np.array(5.0))


@pytest.mark.parametrize("bad", ["23", (2, 3.5), (float("nan"), 3), (2, None)], ids=repr)
def test_a_size_is_an_int(bad):
    """A text, a half, a NaN and nothing are no sizes."""
    with pytest.raises(TypeError, match="expected ints"):
        length(bad)


@pytest.mark.parametrize("bad", [(-1,), (2, -3)], ids=str)
def test_no_size_is_negative(bad):
    """Though a shape may use −1 as a question."""
    with pytest.raises(ValueError, match="negative"):
        length(bad)


@pytest.mark.misconception("len counts elements")
def test_elements_are_counted_by_numel():
    """24 here; the two counts agree only if the slices hold one element each."""
    X = torch.zeros(2, 3, 4)

    assert X.numel() == 2 * 3 * 4 == 24
    assert X.numel() != length(X.shape)
    assert torch.zeros(5, 1, 1).numel() == length((5, 1, 1))
