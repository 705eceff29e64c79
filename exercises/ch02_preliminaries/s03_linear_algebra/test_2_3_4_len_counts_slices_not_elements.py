"""2.3.4 — The len of a (2, 3, 4) tensor is 2: it counts slices, not elements.

Question
--------
X is the tensor `torch.arange(24).reshape(2, 3, 4)`.  What does `len(X)` return?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.4 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
2, the size of axis 0.

Why
---
Python counts what one index can reach.  X[0] and X[1] are two slices of shape (3, 4); a `for`
loop over X visits these two, and `len` counts two.  A nested list works the same way: a list
of 2 lists of 3 numbers has the length 2.

The other counts have other names:

    X.numel()      24    all elements
    X.ndim          3    axes
    X.shape[-1]     4    the size of the last axis

Hints
-----
1. What does a `for` loop over X give first, and what is its shape?
2. What is the len of a list of two lists of three numbers?
"""

import pytest
import torch
from matplotlib.figure import Figure

_X = torch.arange(24).reshape(2, 3, 4)


def length(X):
    """What `len(X)` returns for a tensor X with at least one axis: an int."""
    return X.shape[0]


def test_the_len_of_the_question_s_tensor_is_2():
    """The tensor `arange(24).reshape(2, 3, 4)` has the len 2."""
    assert len(_X) == length(_X) == 2


@pytest.mark.parametrize("shape", [(3,), (3, 2), (2, 3, 4), (1, 5), (5, 1, 2, 3)], ids=str)
def test_len_is_the_number_of_slices_that_a_loop_visits(shape):
    """For tensors of one to four axes, len is the number of slices that a `for` loop visits."""
    X = torch.zeros(shape)

    slices = [part.shape for part in X]

    assert slices == [shape[1:]] * length(X)
    assert len(X) == len(slices)


def test_a_nested_list_is_counted_in_the_same_way():
    """A list of two lists of three numbers has the len 2, and so has the tensor made of it."""
    nested = [[1, 2, 3], [4, 5, 6]]

    assert len(nested) == length(torch.tensor(nested)) == 2


@pytest.mark.misconception("len counts the elements, the axes, or what stands in a row")
def test_other_counts_have_other_names():
    """The 24 elements, 3 axes and 4 numbers in a row of the tensor are not what len counts."""
    others = [_X.numel(), _X.ndim, _X.shape[-1]]

    assert others == [24, 3, 4]
    assert length(_X) not in others


def test_the_figure_shows_the_slices_that_len_counts(save_figure):
    """The figure shows the tensor as two tables of 3 × 4 numbers, and len is their number."""
    fig = Figure(figsize=(6, 2.4), layout="constrained")
    fig.suptitle(f"len(X) = {len(_X)}: X has two slices (and 24 elements)", fontsize=12)
    for i, ax in enumerate(fig.subplots(1, 2)):
        ax.imshow(_X[i].numpy(), vmin=-4, vmax=60, cmap="Blues")
        for row, numbers in enumerate(_X[i].tolist()):
            for column, number in enumerate(numbers):
                ax.text(column, row, number, ha="center", va="center", size=12)
        ax.set(title=f"X[{i}], shape (3, 4)", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)

    drawn = [int(text.get_text()) for ax in fig.axes for text in ax.texts]
    assert drawn == list(range(24))
    assert len(fig.axes) == length(_X)
    save_figure(fig)
