"""2.1.2 — Shapes broadcast if, aligned at the last axis, their sizes are equal or one is 1.

Question
--------
Replace the section's two matrices by tensors of other shapes, for instance with three axes.
Is their sum what you expected?
<https://zh.d2l.ai/chapter_preliminaries/ndarray.html>

Answer
------
Write one shape under the other, last axes aligned, and put 1s where axes are missing.  On
every axis the two sizes must be equal, or one of them is 1 and is stretched to the other:

    a        5  5  1
    b        5  1  2
    a + b    5  5  2        (a + b)[i, j, k] = a[i, j, 0] + b[i, 0, k]

Here the last axis of a and the middle axis of b are stretched; the first is not.  If any axis
fails, there is no sum: torch raises RuntimeError, NumPy ValueError.  Size 0 is a size like
the others: 1 is stretched to 0, and 2 is not.

Why
---
A stretched axis is read at index 0 again and again.  No copy is needed for that: an entry's
address is the sum of index × stride over all axes, and the stretched axis gets stride 0.

A number that is read n times acts on n results, and by the chain rule their gradients add
up.  So the gradient for a stretched tensor is summed over its stretched axes.

In practice
-----------
- Compare shapes before a loss: targets (3, 1) minus predictions (3,) is a (3, 3) table of all
  differences, and its mean square is not 0 for perfect predictions but twice the variance.
- `expand` gives such a view: write to one entry and you write to all.  `clone` it first.
- An in-place operation cannot stretch its own left side.

Hints
-----
1. Write the two shapes under each other.  At which end do you line them up?
2. What may stand above a 5?  What above a 1?
3. Which numbers of a does entry [i, j, k] of the sum depend on?
"""

from itertools import product, zip_longest

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

_SHAPES = [shape for rank in range(4) for shape in product(range(4), repeat=rank)]
_GHOST = ("white", "0.6", "0.5", ":")
_SMALL = [shape for shape in _SHAPES if len(shape) < 3]


def broadcast_shape(a, b):
    """The shape, a tuple, of `x + y` for tensors x of shape `a` and y of shape `b`.

    Shapes are sequences of ints of any length.  Raises ValueError for shapes that do not match
    ("cannot broadcast") and for negative sizes ("negative"), TypeError for others than ints
    ("expected ints").
    """
    a, b = _ints(a), _ints(b)
    sizes = []
    for m, n in zip_longest(reversed(a), reversed(b), fillvalue=1):
        if m != n and 1 not in (m, n):
            raise ValueError(f"cannot broadcast {a} with {b}: {m} against {n}")
        sizes.append(n if m == 1 else m)
    return tuple(reversed(sizes))


def read_index(index, shape):
    """Where the result's entry `index` reads a tensor of `shape` that was broadcast: a tuple.

    Any entry reads a scalar, of shape (), at ().
    Raises ValueError for fewer indices than the tensor has axes ("expected at least"), for an
    index beyond an axis that is not stretched ("out of range") and for a negative one
    ("negative"), TypeError for others than ints ("expected ints").
    """
    index, shape = _ints(index), _ints(shape)
    if len(index) < len(shape):
        raise ValueError(f"expected at least {len(shape)} indices, got {len(index)}")
    aligned = index[len(index) - len(shape) :]
    for i, n in zip(aligned, shape, strict=True):
        if n != 1 and i >= n:
            raise ValueError(f"index {index} is out of range for shape {shape}")
    return tuple(0 if n == 1 else i for i, n in zip(aligned, shape, strict=True))


def unbroadcast(G, shape):
    """The gradient for a tensor of `shape` that was broadcast to `G`'s shape and got `G` there.

    It has this shape and G's dtype; NaN and infinity are summed as floats are, and a sum of
    nothing is 0.  Raises TypeError for what is no tensor of floats ("floating-point"), and
    ValueError for a shape that does not broadcast to G's ("cannot broadcast"); sizes are
    refused as in `broadcast_shape`.
    """
    if not (isinstance(G, torch.Tensor) and G.is_floating_point()):
        raise TypeError(f"expected a floating-point tensor, got {getattr(G, 'dtype', type(G))}")
    if broadcast_shape(G.shape, shape) != tuple(G.shape):
        raise ValueError(f"cannot broadcast {tuple(shape)} to {tuple(G.shape)}")
    missing = G.ndim - len(shape)
    stretched = [axis for axis in range(G.ndim) if axis < missing or shape[axis - missing] == 1]
    return G.sum(stretched).reshape(shape) if stretched else G


def _ints(numbers):
    numbers = tuple(numbers)
    if not all(isinstance(n, int) for n in numbers):
        raise TypeError(f"expected ints, got {numbers}")
    if min(numbers, default=0) < 0:
        raise ValueError(f"expected no negative number, got {numbers}")
    return numbers


def _count_up(shape, dtype=torch.int64):
    """A tensor of this shape that holds 0, 1, 2, …"""
    return torch.arange(torch.Size(shape).numel(), dtype=dtype).reshape(shape)


def _outcome(shape_of, a, b):
    """What `shape_of(a, b)` gives, or None where it finds no shape."""
    try:
        return tuple(shape_of(a, b))
    except (RuntimeError, ValueError):
        return None


def test_the_rule_predicts_all_7225_pairs():
    """Every pair up to rank 3 with sizes 0 to 3, against torch and NumPy.

    Where both have an axis, 10 of the 16 pairs of sizes match; where one has, all 4 do.
    """
    tensors, arrays = [torch.zeros(s) for s in _SHAPES], [np.zeros(s) for s in _SHAPES]

    predicted = [_outcome(broadcast_shape, a, b) for a, b in product(_SHAPES, repeat=2)]

    ranks = product(range(4), repeat=2)
    assert len(predicted) == 85**2 == 7225
    assert sum(shape is not None for shape in predicted) == 2479
    assert sum(10 ** min(r, s) * 4 ** abs(r - s) for r, s in ranks) == 2479
    for engine in (tensors, arrays):
        observed = (
            _outcome(lambda a, b: (a + b).shape, *ab) for ab in product(engine, repeat=2)
        )
        assert list(observed) == predicted


@pytest.mark.parametrize(
    ("shape", "entry"),
    [
        ((5, 1, 2), lambda i, j, k: (5 * i + j) + (2 * i + k)),
        ((1, 5, 2), lambda i, j, k: (5 * i + j) + (2 * j + k)),
        ((2,), lambda i, j, k: (5 * i + j) + k),
    ],
    ids=["inner axis", "middle axis", "two axes"],
)
def test_sums_with_three_axes_value_by_value(shape, entry):
    """One tensor counts up in shape (5, 5, 1), the other as given; the sum is (5, 5, 2)."""
    total = _count_up((5, 5, 1)) + _count_up(shape)

    assert broadcast_shape((5, 5, 1), shape) == (5, 5, 2)
    assert total.dtype == torch.int64
    assert total.tolist() == [
        [[entry(i, j, k) for k in range(2)] for j in range(5)] for i in range(5)
    ]


def test_every_entry_reads_index_0_of_a_stretched_axis():
    """All pairs of shapes up to rank 2 that match; the factor 100 keeps a and b apart."""
    entries = 0
    for shape_a, shape_b in product(_SMALL, repeat=2):
        if _outcome(broadcast_shape, shape_a, shape_b) is None:
            continue
        a, b = _count_up(shape_a), _count_up(shape_b) * 100
        total = a + b
        for index in np.ndindex(total.shape):
            expected = a[read_index(index, shape_a)] + b[read_index(index, shape_b)]
            assert total[index] == expected
            entries += 1

    assert entries > 500


def test_a_broadcast_tensor_is_a_view_with_stride_0():
    """Both keep their 25 and 10 numbers; the sum equals that of true copies."""
    a, b = _count_up((5, 5, 1)), _count_up((5, 1, 2))

    wide_a, wide_b = torch.broadcast_tensors(a, b)

    assert wide_a.shape == wide_b.shape == (5, 5, 2)
    assert (wide_a.stride(), wide_b.stride()) == ((5, 1, 0), (2, 0, 1))
    assert (wide_a.data_ptr(), wide_b.data_ptr()) == (a.data_ptr(), b.data_ptr())
    assert wide_a.untyped_storage().nbytes() == 25 * a.itemsize
    assert torch.equal(a + b, a.repeat(1, 1, 2) + b.repeat(1, 5, 1))


def test_gradients_are_summed_over_the_stretched_axes():
    """Autograd of Σ w·a·b, in whole numbers, for all pairs up to rank 2 and two of rank 3."""
    pairs = [*product(_SMALL, repeat=2), ((5, 5, 1), (5, 1, 2)), ((2, 1, 1), (3, 1))]
    checked = 0
    for shapes in pairs:
        shape = _outcome(broadcast_shape, *shapes)
        if shape is None:
            continue
        a, b = (_count_up(s, torch.float64).add(2).requires_grad_() for s in shapes)
        w = _count_up(shape, torch.float64)
        (w * a * b).sum().backward()
        for x, G in ((a, w * b), (b, w * a)):
            assert torch.equal(unbroadcast(G.detach(), tuple(x.shape)), x.grad)
        checked += 1

    assert checked == 231 + 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_gradient_keeps_its_dtype_and_what_is_not_finite(dtype):
    """A NaN or an infinity reaches the sums that it belongs to, and no other."""
    G = torch.tensor([[1, 2, torch.nan], [3, torch.inf, 4]], dtype=dtype)

    summed = unbroadcast(G, (2, 1))

    assert summed.dtype == unbroadcast(G, (2, 3)).dtype == dtype
    assert summed.isnan().tolist() == [[True], [False]]
    assert unbroadcast(G, [3])[:2].tolist() == [4, torch.inf]


@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (3, 2)), ((3, 4), (3,)), ((0,), (2,)), ((2,), (4,))]
)
def test_other_sizes_have_no_sum(a, b):
    """Not the first axes, not a multiple, not even nothing: the rule and torch refuse both."""
    for pair in ((a, b), (b, a)):
        with pytest.raises(ValueError, match="cannot broadcast"):
            broadcast_shape(*pair)
        with pytest.raises(RuntimeError, match="must match the size"):
            torch.add(*map(torch.ones, pair))


def test_what_is_no_shape_index_or_gradient_is_refused():
    """Each error by its own words."""
    for call in (lambda n: broadcast_shape((2,), (5, n)), lambda n: read_index((n,), (3,))):
        with pytest.raises(TypeError, match="expected ints"):
            call(2.0)
        with pytest.raises(ValueError, match="negative"):
            call(-1)
    with pytest.raises(ValueError, match="expected at least 2"):
        read_index((0,), (1, 3))
    with pytest.raises(ValueError, match="out of range"):
        read_index((7, 3), (1, 3))
    for bad in ([[1.0]], torch.ones(2, 2, dtype=torch.int64)):
        with pytest.raises(TypeError, match="floating-point"):
            unbroadcast(bad, (2, 1))
    for shape in ((3, 1), (1, 2, 2), (4,)):
        with pytest.raises(ValueError, match="cannot broadcast"):
            unbroadcast(torch.ones(2, 1), shape)
    with pytest.raises(ValueError, match="negative"):
        unbroadcast(torch.ones(2, 1), (-1, 1))
    with pytest.raises(TypeError, match="expected ints"):
        unbroadcast(torch.ones(2, 1), (2, 1.0))


@pytest.mark.misconception("(3, 1) minus (3,) is elementwise, for both hold three numbers")
def test_perfect_predictions_get_a_loss_of_4_thirds():
    """All nine differences: twice the variance 2/3; the minimum is the mean for everybody."""
    targets = torch.tensor([[1.0], [2.0], [3.0]])
    perfect, mean = targets.flatten(), torch.full((3,), 2.0, requires_grad=True)

    loss = (targets - perfect).square().mean()

    assert (targets - perfect).tolist() == [[0, -1, -2], [1, 0, -1], [2, 1, 0]]
    assert loss.item() == pytest.approx(4 / 3)
    assert loss.item() == pytest.approx(2 * perfect.var(correction=0).item())
    assert (targets.flatten() - perfect).square().mean() == 0
    (targets - mean).square().mean().backward()
    assert mean.grad.abs().max() < 1e-6
    with pytest.warns(UserWarning, match="target size"):
        torch.nn.functional.mse_loss(perfect, targets)


@pytest.mark.misconception("an expanded tensor has numbers of its own in every place")
def test_writing_one_entry_of_a_view_writes_the_whole_row():
    """`+=` on the view raises, and assignment to one entry does not; nor does `+=` stretch."""
    column = torch.zeros(3, 1)
    view = column.expand(3, 2)

    with pytest.raises(RuntimeError, match="single memory location"):
        view += 1
    view[0, 0] = 1

    assert view.tolist() == [[1, 1], [0, 0], [0, 0]]
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        column += torch.ones(3, 2)


def _cell(ax, place, number, is_real):
    """One number in its box: filled if it exists, dotted and grey if it is read once more."""
    j, k = place
    face, edge, ink, line = ("#b7d6ea", "black", "black", "-") if is_real else _GHOST
    box = {"facecolor": face, "edgecolor": edge, "linestyle": line, "linewidth": 0.9}
    ax.add_patch(Rectangle((k, j), 0.88, 0.86, **box))
    ax.text(k + 0.44, j + 0.45, str(number), ha="center", va="center", color=ink)


def test_the_figure_shows_the_copies_that_are_never_made(save_figure):
    """Of the 12 places of the sum, a fills 4 and b fills 6 with numbers of their own."""
    a, b = _count_up((2, 2, 1)) * 10, _count_up((2, 1, 3))
    panels = {"a": a, "b": b, "a + b": a + b}

    fig = Figure(figsize=(6, 2.9))
    axes = fig.subplots(2, 3, gridspec_kw={"wspace": 0, "hspace": 0.1})
    for column, (name, tensor) in zip(axes.T, panels.items(), strict=True):
        column[0].set_title(f"{name}   {tuple(tensor.shape)}")
        for index in np.ndindex(2, 2, 3):
            source = read_index(index, tensor.shape)
            _cell(column[index[0]], index[1:], tensor[source].item(), source == index)
    for i, row in enumerate(axes):
        for ax, sign in zip(row, ["+", "=", ""], strict=True):
            ax.set(xlim=(-0.1, 3.5), ylim=(1.96, -0.1), aspect="equal", xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            ax.text(3.3, 0.93, sign, ha="center", va="center", fontsize=14)
        row[0].set_ylabel(f"i = {i}")
    fig.supxlabel("filled: a number in memory      dotted: the same number, read again")

    solid = [
        [box.get_linestyle() for ax in col for box in ax.patches].count("-") for col in axes.T
    ]
    assert solid == [a.numel(), b.numel(), 12] == [4, 6, 12]
    shown = [text.get_text() for text in axes[1, 2].texts]
    assert shown[:6] == [
        str(20 + 3),
        str(20 + 4),
        str(20 + 5),
        str(30 + 3),
        str(30 + 4),
        str(30 + 5),
    ]
    save_figure(fig)


def _loop(column, row):
    total = torch.empty(len(column), len(row))
    for i, number in enumerate(column):
        total[i] = number + row
    return total


_METHODS = {
    "broadcasting": (torch.add, 2, "n² sums, from 2n numbers"),
    "copies": (
        lambda column, row: column.repeat(1, len(row)) + row.repeat(len(column), 1),
        2,
        "n² sums, from 2n² numbers copied first",
    ),
    "loop": (_loop, 1, "n rows, each with the cost of a call"),
}


@pytest.mark.benchmark(group="2.1.2 What does broadcasting save?")
@pytest.mark.parametrize(
    "n", [256, 512, 1024, pytest.param(2048, marks=pytest.mark.timed_only)]
)
@pytest.mark.parametrize("name", list(_METHODS))
def test_copies_and_loops_give_the_same_sum(benchmark, name, n):
    """A column plus a row, n × n, in whole numbers; the oracle is a product of rank 2."""
    method, exponent, reason = _METHODS[name]
    benchmark.extra_info.update(method=name, size=n, exponent=exponent, reason=reason)
    column, row = (torch.arange(n) % 7).float(), (torch.arange(n) % 5).float()
    ones = torch.ones(n)

    total = benchmark(method, column[:, None], row)

    assert torch.equal(total, torch.stack([column, ones], 1) @ torch.stack([ones, row]))
