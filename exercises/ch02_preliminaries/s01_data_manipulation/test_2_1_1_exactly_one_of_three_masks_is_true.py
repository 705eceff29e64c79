"""2.1.1 — At each place exactly one of `X < Y`, `X == Y`, `X > Y` is true; at a NaN, none.

Question
--------
The section compares the tensors X and Y by `X == Y`.  Use `X < Y` and `X > Y` instead.  What
kind of tensor do you get?
<https://zh.d2l.ai/chapter_preliminaries/ndarray.html>
English edition: 2.1.1 <https://d2l.ai/chapter_preliminaries/ndarray.html>

Answer
------
A tensor of bools, a mask: each pair of entries is compared by itself.  For the section's X
and Y (T is True, a dot is False):

    X:   0  1  2  3      Y:   2 1 4 3
         4  5  6  7           1 2 3 4
         8  9 10 11           4 3 2 1

    X < Y:  T . T .      X == Y:  . T . T      X > Y:  . . . .
            . . . .               . . . .              T T T T
            . . . .               . . . .              T T T T

Why
---
Two real numbers x and y satisfy exactly one of x < y, x = y and x > y.  So the three masks
share out the 12 places: 2 + 2 + 8.  Floats obey the same law, ±∞ and −0 = 0 included, except
for NaN: it is not less than, equal to or greater than anything, not even itself.

In practice
-----------
Combine masks by `&` and `|`, in parentheses, never by a chain like `1 < X < 3`.

Hints
-----
1. How many answers does one comparison of two 3 × 4 tensors give, and of what type?
2. Write the three masks side by side and look at one place at a time.
"""

import pytest
import torch
from matplotlib.figure import Figure

_X = torch.arange(12.0).reshape(3, 4)
_Y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])


def masks(X, Y):
    """The three masks "less", "equal" and "greater" of X against Y, a tuple of bool tensors.

    X and Y have the same dtype and shapes that broadcast; the masks have the broadcast shape.
    """
    return X < Y, X == Y, X > Y


def test_the_three_masks_of_the_section():
    """For the section's X and Y, `<`, `==` and `>` are true at 2, 2 and 8 places, as listed."""
    T, F = True, False

    less, equal, greater = masks(_X, _Y)

    assert less.tolist() == [[T, F, T, F], [F] * 4, [F] * 4]
    assert equal.tolist() == [[F, T, F, T], [F] * 4, [F] * 4]
    assert greater.tolist() == [[F] * 4, [T] * 4, [T] * 4]
    assert [mask.dtype for mask in (less, equal, greater)] == [torch.bool] * 3


def test_all_pairs_of_bytes_have_exactly_one_relation():
    """For each of the 256² pairs of int8 numbers, exactly the one true relation is found."""
    numbers = range(-128, 128)
    x = torch.tensor(numbers, dtype=torch.int8)

    less, equal, greater = masks(x[:, None], x)

    assert less.tolist() == [[a < b for b in numbers] for a in numbers]
    assert equal.tolist() == [[a == b for b in numbers] for a in numbers]
    assert greater.tolist() == [[a > b for b in numbers] for a in numbers]
    assert (less.int() + equal.int() + greater.int() == 1).all()


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (2**53, 2**53 + 1, torch.int64),
        (1.0, 1 + 2**-52, torch.float64),
        (1e5, 1e6, torch.bfloat16),
    ],
)
def test_numbers_are_compared_without_rounding(low, high, dtype):
    """Unequal numbers of one dtype stay unequal, even the integers 2⁵³ and 2⁵³ + 1."""
    x, y = torch.tensor([low], dtype=dtype), torch.tensor([high], dtype=dtype)

    assert [mask.item() for mask in masks(x, y)] == [True, False, False]
    assert [mask.item() for mask in masks(y, x)] == [False, False, True]


def test_floats_obey_the_law_except_at_a_nan():
    """Among −∞, −1, −0, 0, 1 and ∞ one relation holds, for −0 and 0 equality; at NaN none."""
    values = [-torch.inf, -1.0, -0.0, 0.0, 1.0, torch.inf, torch.nan]
    x = torch.tensor(values)

    less, equal, greater = masks(x[:, None], x)

    assert less.tolist() == [[a < b for b in values] for a in values]
    assert equal.tolist() == [[a == b for b in values] for a in values]
    assert greater.tolist() == [[a > b for b in values] for a in values]
    holding = less.int() + equal.int() + greater.int()
    assert (holding[:6, :6] == 1).all()
    assert not holding[6].any()
    assert not holding[:, 6].any()


@pytest.mark.misconception("1 < X < 3 works elementwise")
def test_a_chained_comparison_raises():
    """Python reads `1 < X < 3` as `(1 < X) and (X < 3)`, and `and` needs a single bool."""
    with pytest.raises(RuntimeError, match="more than one value is ambiguous"):
        1 < _X < 3  # noqa: B015 the comparison itself raises

    between = masks(torch.tensor(1.0), _X)[0] & masks(_X, torch.tensor(3.0))[0]
    assert between.nonzero().tolist() == [[0, 2]]  # the 2


def test_the_figure_shows_that_the_masks_share_out_the_places(save_figure):
    """Each place is coloured in exactly one of the three masks, drawn side by side."""
    names = ["<", "==", ">"]
    drawn = dict(zip(names, masks(_X, _Y), strict=True))

    fig = Figure(figsize=(6.4, 1.9))
    for left, (sign, mask) in zip([0.01, 0.345, 0.68], drawn.items(), strict=True):
        ax = fig.add_axes((left, 0.03, 0.31, 0.8))
        ax.imshow(mask.numpy(), vmin=0, vmax=2, cmap="Blues", aspect="auto")
        for i, j in torch.cartesian_prod(torch.arange(3), torch.arange(4)).tolist():
            text = f"{_X[i, j]:.0f} {sign[0]} {_Y[i, j]:.0f}"
            ink = "black" if mask[i, j] else "0.45"
            ax.text(j, i, text, ha="center", va="center", color=ink, fontsize=9)
        ax.set(title=f"X {sign} Y is true at {mask.sum()} places", xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)

    colours = torch.stack([torch.tensor(ax.images[0].get_array().data) for ax in fig.axes])
    assert (colours.int().sum(dim=0) == 1).all()
    assert [ax.get_title()[-8:] for ax in fig.axes] == ["2 places", "2 places", "8 places"]
    save_figure(fig)
