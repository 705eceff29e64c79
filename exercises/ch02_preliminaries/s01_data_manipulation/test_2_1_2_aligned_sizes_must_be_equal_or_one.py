"""2.1.2 — Shapes broadcast if, aligned at the last axis, their sizes are equal or one is 1.

Question
--------
Replace the section's two matrices by tensors of other shapes, for instance with three axes, and
add them.  Is the sum what you expected?
<https://zh.d2l.ai/chapter_preliminaries/ndarray.html>
English edition: 2.1.2 <https://d2l.ai/chapter_preliminaries/ndarray.html>

Answer
------
Take `a = arange(25).reshape(-1, 5, 1)` and `b = arange(10).reshape(-1, 1, 2)`.  Write one shape
under the other, the last axes aligned:

    a        5  5  1
    b        5  1  2
    a + b    5  5  2        (a + b)[i, j, k] = a[i, j, 0] + b[i, 0, k] = 7i + j + k

On each axis the two sizes must be equal, or one of them is 1 and is stretched to the other; a
missing axis counts as 1.  Here the last axis of a and the middle one of b are stretched.  If
the rule fails on any axis, there is no sum: torch raises RuntimeError, NumPy ValueError.

Why
---
A stretched axis is read at index 0 again and again, without a copy: a[i, j, 0] has no k in it.
Only size 1 has a single entry to repeat; with sizes 2 and 4 nothing tells which of the two
entries belongs to which of the four.  Size 0 is no exception: 1 is stretched to 0, 2 is not.

In practice
-----------
Compare shapes before a loss: targets (3, 1) minus predictions (3,) is a (3, 3) table of all
differences.  Nothing is raised; the mean square of perfect predictions is twice their variance.

Hints
-----
1. Write the two shapes under each other.  At which end do you line them up?
2. What may stand above a 5?  What above a 1?
"""

from itertools import product, zip_longest

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def broadcast_shape(a, b):
    """The shape, a tuple, of `x + y` for tensors x of shape `a` and y of shape `b`.

    The shapes are tuples of any length.  Raises ValueError or RuntimeError if there is no sum.
    """
    sizes = []
    for m, n in zip_longest(reversed(a), reversed(b), fillvalue=1):
        if m != n and 1 not in (m, n):
            raise ValueError(f"cannot broadcast {a} with {b}: {m} against {n}")
        sizes.append(n if m == 1 else m)
    return tuple(reversed(sizes))


_a = torch.arange(25).reshape(-1, 5, 1)
_b = torch.arange(10).reshape(-1, 1, 2)


def _outcome(shape_of, a, b):
    """What `shape_of(a, b)` gives, or None where it finds no shape."""
    try:
        return tuple(shape_of(a, b))
    except (RuntimeError, ValueError):
        return None


def test_the_sum_of_the_question_value_by_value():
    """The sum has shape (5, 5, 2), and its entry [i, j, k] is a[i, j, 0] + b[i, 0, k]."""
    total = _a + _b

    assert broadcast_shape((5, 5, 1), (5, 1, 2)) == total.shape == (5, 5, 2)
    assert broadcast_shape((7, 1, 5, 1), (6, 1, 2)) == (7, 6, 5, 2)
    for i, j, k in product(range(5), range(5), range(2)):
        assert total[i, j, k] == _a[i, j, 0] + _b[i, 0, k] == 7 * i + j + k


def test_the_rule_predicts_all_7225_pairs():
    """Up to rank 3 with sizes 0 to 3, the rule agrees with torch and NumPy on every pair.

    Where both have an axis, 10 of the 16 pairs of sizes match; where one has, all 4 do.
    """
    shapes = [shape for rank in range(4) for shape in product(range(4), repeat=rank)]

    predicted = [_outcome(broadcast_shape, a, b) for a, b in product(shapes, repeat=2)]

    assert len(predicted) == 85**2 == 7225
    for zeros in (torch.zeros, np.zeros):
        filled = [zeros(shape) for shape in shapes]
        pairs = product(filled, repeat=2)
        assert predicted == [_outcome(lambda x, y: (x + y).shape, *pair) for pair in pairs]
    ranks = product(range(4), repeat=2)
    matching = sum(10 ** min(r, s) * 4 ** abs(r - s) for r, s in ranks)
    assert sum(shape is not None for shape in predicted) == matching


@pytest.mark.misconception(
    "each axis of the sum has the larger of the two sizes",
    source="datawhalechina's solutions manual, 2.1.2",
)
@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (3, 2)), ((3, 4), (3,)), ((2,), (4,)), ((0,), (2,))]
)
def test_other_sizes_have_no_sum(a, b):
    """Unequal sizes raise if neither is 1: 2 with 4, 0 with 2, and (3, 4) with (3,)."""
    for pair in ((a, b), (b, a)):
        with pytest.raises((ValueError, RuntimeError)):
            broadcast_shape(*pair)
        with pytest.raises(RuntimeError, match="must match the size"):
            torch.add(*map(torch.ones, pair))


@pytest.mark.misconception("(3, 1) minus (3,) is elementwise, for both hold three numbers")
@pytest.mark.parametrize(("y", "loss"), [([1.0, 2, 3], 4 / 3), ([0.0, 0, 3], 4)])
def test_perfect_predictions_get_twice_the_variance_as_their_loss(y, loss):
    """Targets (3, 1) minus predictions (3,) are all 9 differences, in silence."""
    targets, perfect = torch.tensor(y)[:, None], torch.tensor(y)

    differences = targets - perfect

    assert differences.shape == broadcast_shape((3, 1), (3,)) == (3, 3)
    assert differences.tolist() == [[target - guess for guess in y] for target in y]
    # One rounding of a number below 8 is at most 2⁻²², in the mean and in the variance.
    assert differences.square().mean().item() == pytest.approx(loss, abs=2**-22)
    assert 2 * np.var(y) == pytest.approx(loss, abs=1e-14)
    assert (targets.flatten() - perfect).square().mean() == 0


@pytest.mark.misconception("broadcasting makes copies")
def test_a_stretched_tensor_reads_the_same_memory_again():
    """`expand` copies nothing, so writing to one entry writes to its whole stretched row."""
    column = torch.zeros(3, 1)

    wide = column.expand(3, 2)
    wide[0, 0] = 1

    assert wide.data_ptr() == column.data_ptr()
    assert wide.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert column.tolist() == [[1], [0], [0]]


def test_the_figure_shows_the_copies_that_are_never_made(save_figure):
    """For i = 1, a has 5 numbers and b has 2; stretched, they are read at all 10 places."""
    shape = broadcast_shape(_a.shape, _b.shape)
    panels = {"a[1]": _a, "b[1]": _b, "(a + b)[1]": _a + _b}

    fig = Figure(figsize=(6.4, 3))
    for left, (name, tensor) in zip([0.09, 0.39, 0.69], panels.items(), strict=True):
        ax = fig.add_axes((left, 0.17, 0.29, 0.65))
        _, rows, columns = tensor.shape
        for j, k in np.ndindex(shape[1:]):
            real = j < rows and k < columns
            face, ink = ("#b7d6ea", "black") if real else ("white", "0.45")
            box = {"facecolor": face, "edgecolor": ink, "linestyle": "-" if real else ":"}
            ax.add_patch(Rectangle((k - 0.44, j - 0.42), 0.88, 0.84, **box))
            number = tensor.expand(shape)[1, j, k].item()
            ax.text(k, j, str(number), ha="center", va="center", color=ink)
        ax.set(title=f"{name}, shape {rows, columns}", xlim=(-0.5, 1.9), ylim=(4.5, -0.5))
        ax.set(xticks=[0, 1], xlabel="k", yticks=range(5) if tensor is _a else [])
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
    fig.axes[0].set_ylabel("j")
    for ax, sign in zip(fig.axes[:2], "+=", strict=True):
        ax.text(1.7, 2, sign, ha="center", va="center", fontsize=14)
    caption = "i = 1.  Filled: a number of its own.  Dotted: the same number, read again."
    fig.text(0.5, 0.94, caption, ha="center")

    solid = [sum(box.get_linestyle() == "-" for box in ax.patches) for ax in fig.axes]
    a, b, total = ([int(text.get_text()) for text in ax.texts[:10]] for ax in fig.axes)
    assert solid == [5, 2, 10]
    assert total == [x + y for x, y in zip(a, b, strict=True)]
    assert total == [7 + j + k for j in range(5) for k in range(2)]
    save_figure(fig)
