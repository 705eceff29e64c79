"""2.3.7 — A sum strikes out the axis it runs along: of (2, 3, 4), axis 1 leaves (2, 4).

Question
--------
X has shape (2, 3, 4).  Which shapes do its sums along axis 0, axis 1 and axis 2 have?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.8 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Strike out the size of the axis that is summed:

    X.sum(axis=0)    (3, 4)
    X.sum(axis=1)    (2, 4)
    X.sum(axis=2)    (2, 3)

Why
---
The sum along axis 1 is Σⱼ xᵢⱼₖ.  The sum uses j up; i and k are still free, and every free
index is an axis of the result.

In practice
-----------
`axis=()` is a trap: torch sums over all axes, NumPy over none.

Hints
-----
1. Write the sum with indices: which of them are left?
2. Do a (2, 3) matrix by hand, along either axis.
"""

from itertools import product

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

_X = torch.arange(24).reshape(2, 3, 4)


def sum_shape(shape, axis):
    """The shape of `X.sum(axis)` for a tensor X of this shape: tuples of ints, in and out.

    `axis` is the number of one axis, from 0 on.
    """
    sizes = list(shape)
    del sizes[axis]
    return tuple(sizes)


@pytest.mark.parametrize(("axis", "left"), [(0, (3, 4)), (1, (2, 4)), (2, (2, 3))])
def test_the_sums_of_the_question_s_tensor_have_two_sizes_left(axis, left):
    """The sums of a (2, 3, 4) tensor along axes 0, 1, 2 have shapes (3, 4), (2, 4), (2, 3)."""
    assert sum_shape((2, 3, 4), axis) == _X.sum(axis).shape == left


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_the_rule_predicts_torch_and_numpy(rank):
    """For all shapes of one to four axes with sizes 1 to 3, and each axis, the rule holds."""
    shapes = list(product([1, 2, 3], repeat=rank))

    assert len(shapes) == 3**rank
    for shape in shapes:
        for axis in range(rank):
            predicted = sum_shape(shape, axis)
            assert predicted == torch.ones(shape).sum(axis).shape
            assert predicted == np.ones(shape).sum(axis).shape


def test_each_entry_of_the_result_is_a_sum_over_one_index():
    """Where xᵢⱼₖ = 12i + 4j + k, the sum along axis 1 has the entries 36i + 12 + 3k."""
    sums = _X.sum(1)

    by_hand = {(i, k): 36 * i + 12 + 3 * k for i in range(2) for k in range(4)}
    assert sum_shape((2, 3, 4), 1) == (2, 4)
    assert {place: sums[place].item() for place in by_hand} == by_hand


@pytest.mark.misconception("a sum along axis 0 gives one number for each index of axis 0")
def test_the_summed_axis_is_the_one_that_goes():
    """Of a (5, 4) matrix, the sum along axis 0 gives 4 numbers, one a column, and not 5."""
    A = torch.arange(20).reshape(5, 4)

    assert A.sum(0).tolist() == [40, 45, 50, 55]
    assert sum_shape((5, 4), 0) == (4,)
    assert sum_shape((5, 4), 1) == (5,)


@pytest.mark.misconception("axis=() sums along no axis")
def test_no_axes_means_all_axes_in_torch_and_none_in_numpy():
    """For `axis=()` torch gives the sum of all entries, 276, and NumPy the array itself."""
    assert _X.sum(()).item() == 276
    assert np.array_equal(_X.numpy().sum(()), _X.numpy())


def test_the_figure_strikes_out_the_size_of_the_summed_axis(save_figure):
    """The figure shows a box of 2 × 3 × 4 cells, one sum in it, and the sizes that are left."""
    towards = np.array([[0.6, 0.5], [0, -1], [1, 0]])  # where axes 0, 1 and 2 point on paper
    corner = np.array([0, 0, 3])  # the cell of which three faces are seen
    places = [(0.05, 0.7), (-0.5, -1.5), (2, -3.5)]  # of the sizes

    fig = Figure(figsize=(6.4, 2.3), layout="constrained")
    fig.suptitle("The summed axis is struck out (orange: the entries of one sum)")
    for axis, ax in enumerate(fig.subplots(1, 3)):
        for cell, face in product(np.ndindex(2, 3, 4), range(3)):
            if cell[face] == corner[face]:
                a, b = np.delete(np.eye(3), face, axis=0)
                start = np.add(cell, [0, 0, face == 2])
                outline = np.array([start, start + a, start + a + b, start + b]) @ towards
                summed = (np.delete(cell, axis) == np.delete(corner, axis)).all()
                ax.fill(*outline.T, fc="#E69F00" if summed else "#d9e8f5", ec="black", lw=0.8)
        for size, (x, y) in zip((2, 3, 4), places, strict=True):
            ax.text(x, y, size, ha="center", va="center", size=13)
        x, y = places[axis]
        ax.plot([x - 0.4, x + 0.4], [y - 0.3, y + 0.3], color="#D55E00", lw=2.5)
        ax.set(title=f"axis={axis}: {sum_shape((2, 3, 4), axis)}", aspect="equal")
        ax.set(xlim=(-1, 5.3), ylim=(-4, 1.2))
        ax.set_axis_off()

    assert len(fig.axes) == 3
    for axis, ax in enumerate(fig.axes):
        left = [text.get_text() for text in ax.texts]
        del left[axis]
        assert ax.get_title() == f"axis={axis}: ({', '.join(left)})"
    save_figure(fig)
