"""2.3.5 — The len of a tensor is the size of axis 0, for every tensor that has an axis.

Question
--------
X is a tensor of any shape, for example (3,), (3, 2) or (2, 3, 4).  Is `len(X)` always the size
of the same axis of X?  Which one?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.5 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Yes, of axis 0: `len(X)` is `X.shape[0]`, here 3, 3 and 2.  The one exception is a tensor of
shape (), a single number: it has no axis, and `len` raises TypeError.

Why
---
`len` counts what one index can reach: X[0], X[1], … .  A single index belongs to axis 0.

So exchanging the axes changes the len, although no number moves in memory: for X of shape
(2, 5), X has the len 2 and X.T the len 5.

In practice
-----------
Write `X.shape[0]` where you mean the axis: it says so.

Hints
-----
1. Which axis does the index in X[1] belong to?
2. Compare len before and after exchanging two axes of different size.
"""

from itertools import product

import pytest
import torch

_EXAMPLES = [
    torch.arange(3),
    torch.arange(6).reshape(3, 2),
    torch.arange(24).reshape(2, 3, 4),
]

AXIS_OF_LEN = 0
"""The axis whose size `len(X)` returns."""


def length(X):
    """What `len(X)` returns for a tensor X with at least one axis: an int."""
    return X.shape[AXIS_OF_LEN]


def test_the_three_examples_have_the_len_of_their_axis_0():
    """Tensors of shape (3,), (3, 2) and (2, 3, 4) have the len 3, 3 and 2."""
    for X, size in zip(_EXAMPLES, [3, 3, 2], strict=True):
        assert len(X) == length(X) == X.shape[AXIS_OF_LEN] == size


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_it_is_the_same_axis_for_every_shape(rank):
    """For each shape of one to four axes with sizes 1 to 3, len counts axis `AXIS_OF_LEN`."""
    shapes = list(product([1, 2, 3], repeat=rank))

    assert len(shapes) == 3**rank
    for shape in shapes:
        X = torch.empty(shape)
        assert len(X) == length(X) == X.shape[AXIS_OF_LEN]


@pytest.mark.parametrize("other", [1, 2, 3, -1])
def test_no_other_axis_will_do(other):
    """For a tensor of shape (2, 3, 5, 7), len is the size of no other axis, nor of the last."""
    X = torch.empty(2, 3, 5, 7)

    assert len(X) == X.shape[AXIS_OF_LEN] != X.shape[other]


@pytest.mark.misconception("transposing moves no number, so the len stays")
def test_a_view_of_the_same_memory_has_another_len():
    """X.T shares the memory of X, of shape (2, 5), but its len is 5, and that of X is 2."""
    X = torch.zeros(2, 5)

    assert X.T.data_ptr() == X.data_ptr()
    assert len(X) == length(X) == 2
    assert len(X.T) == length(X.T) == 5


@pytest.mark.edge
def test_a_single_number_has_no_axis_and_no_len():
    """For a tensor of shape () `len` raises TypeError, and there is no axis 0 to ask for."""
    number = torch.tensor(5.0)

    with pytest.raises(TypeError, match="0-d"):
        len(number)
    with pytest.raises((TypeError, IndexError)):
        length(number)
