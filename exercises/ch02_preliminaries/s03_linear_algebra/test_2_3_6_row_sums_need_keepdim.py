"""2.3.6 — Row sums need `keepdim`: else `A / A.sum(axis=1)` raises or divides the wrong way.

Question
--------
A is the tensor `torch.arange(20.0).reshape(5, 4)`.  Run `A / A.sum(axis=1)`.  What happens?
Can you explain it?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.6 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
It raises a RuntimeError: the sums have shape (5,), and broadcasting lines that 5 up with the
last axis of A, which has 4 entries.  To divide each row by its own sum, keep the summed axis:

    A / A.sum(axis=1, keepdim=True)        (5, 4) / (5, 1)

Why
---
The sum over axis 1 is one number rᵢ for each *row* i, but a tensor of shape (n,) is broadcast
along the *columns*.  If A is n × n this fits, nothing is raised, and column j is divided by rⱼ:
aᵢⱼ / rⱼ where aᵢⱼ / rᵢ was meant.  These agree only where aᵢⱼ = 0 or rᵢ = rⱼ.

A matrix of n ≥ 1 rows and d ≥ 1 columns is one of four cases:

    n = 1          (1, d) / (1,)    right
    d = 1 < n      (n, 1) / (n,)    an n × n matrix, in silence
    n = d > 1      (n, n) / (n,)    columns divided by the sums of rows, in silence
    any other      raises RuntimeError

In practice
-----------
That nothing was raised shows little.  Check the shape of the sums, (n, 1), and the row sums, 1.

Hints
-----
1. What is the shape of the sums, and with which axis of A is it lined up?
2. Which shape would line the sums up with the rows?
"""

from itertools import product

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

_A = torch.arange(20.0).reshape(5, 4)


def row_shares(A):
    """Each row of the matrix A, (n, d), divided by its own sum: (n, d), of A's float dtype."""
    return A / A.sum(axis=1, keepdim=True)


_SQUARE = torch.arange(16.0).reshape(4, 4) + 1
# A sum of at most five numbers, a quotient and a product, each off by ε/2 at most.
_CLOSE = {"rtol": 4 * 2.0**-23, "strict": True}


def test_the_section_s_matrix_raises_unless_the_axis_is_kept():
    """The plain quotient raises: 4 does not match 5.  Right: rows over 6, 22, 38, 54, 70."""
    with pytest.raises(RuntimeError, match=r"\(4\) must match the size of tensor b \(5\)"):
        _A / _A.sum(axis=1)

    shares = row_shares(_A)

    by_hand = [[(4 * i + j) / (16 * i + 6) for j in range(4)] for i in range(5)]
    np.testing.assert_allclose(shares, torch.tensor(by_hand), **_CLOSE)


def test_negative_entries_and_sums_keep_their_signs():
    """In float64, (3, −1) becomes (3/2, −1/2), and so does (−3, 1); (5, −2) is over 3."""
    A = torch.tensor([[3, -1], [-3, 1], [5, -2]], dtype=torch.float64)

    shares = row_shares(A)

    by_hand = torch.tensor([[3 / 2, -1 / 2]] * 2 + [[5 / 3, -2 / 3]], dtype=torch.float64)
    # The sums are exact; a reciprocal, its product and `by_hand` are each off by ε/2 at most.
    np.testing.assert_allclose(shares, by_hand, rtol=2 * 2.0**-52, strict=True)


@pytest.mark.misconception(
    "no exception was raised, so the result is right",
    source="a post on linear algebra at discuss.d2l.ai",
)
def test_a_square_matrix_is_divided_the_wrong_way_in_silence():
    """For the numbers 1 to 16, entry (i, j) comes out as aᵢⱼ / rⱼ, and no row sums to 1."""
    wrong = _SQUARE / _SQUARE.sum(axis=1)

    r = [10, 26, 42, 58]
    by_hand = [[(4 * i + j + 1) / r[j] for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(wrong, torch.tensor(by_hand), **_CLOSE)
    assert not torch.isclose(wrong.sum(axis=1), torch.ones(4)).any()
    np.testing.assert_allclose(row_shares(_SQUARE).sum(axis=1), torch.ones(4), **_CLOSE)


def test_an_entry_is_right_by_luck_only_if_it_is_zero_or_two_sums_agree():
    """In 2 × 2 matrices of −1, 0, 1, 2, aᵢⱼ / rⱼ is right just where aᵢⱼ = 0 or rᵢ = rⱼ.

    All were tried whose rᵢ are not 0.
    """
    for entries in product(range(-1, 3), repeat=4):
        A = torch.tensor(entries, dtype=torch.float64).reshape(2, 2)
        r = A.sum(axis=1)
        if r.all():
            agrees = torch.isclose(A / r, row_shares(A))

            assert torch.equal(agrees, (A == 0) | (r == r[:, None])), A


def test_the_four_cases_cover_every_shape():
    """Up to 5 × 5: n = 1 is right, d = 1 gives n × n, a square is wrong, the others raise."""
    for n, d in product(range(1, 6), repeat=2):
        A = torch.arange(1.0, n * d + 1).reshape(n, d)
        shares = row_shares(A)

        if n == 1:
            np.testing.assert_allclose(A / A.sum(axis=1), shares, **_CLOSE)
        elif d == 1:
            assert (A / A.sum(axis=1)).shape == (n, n)
            np.testing.assert_allclose(shares, torch.ones(n, 1), **_CLOSE)
        elif n == d:
            np.testing.assert_allclose(A / A.sum(axis=1) * A.sum(axis=1), A, **_CLOSE)
            np.testing.assert_allclose(shares * A.sum(axis=1)[:, None], A, **_CLOSE)
        else:
            with pytest.raises(RuntimeError, match="must match"):
                A / A.sum(axis=1)


def test_the_figure_shows_the_row_sums(save_figure):
    """The figure shows divisors, entries and row sums: right, all are 1; wrong, none is."""
    divisors = [f"÷ {total:.0f}" for total in _SQUARE.sum(axis=1)]
    panels = {
        "right: rows ÷ their own sums": row_shares(_SQUARE),
        "wrong, in silence: columns ÷ row sums": _SQUARE / _SQUARE.sum(axis=1),
    }

    fig = Figure(figsize=(6.4, 2.7))
    for left, (title, table) in zip([0.0, 0.5], panels.items(), strict=True):
        ax = fig.add_axes((left, 0.02, 0.5, 0.85))
        ax.imshow(table.numpy(), vmin=0, vmax=2.4, cmap="Blues", aspect="auto")
        for i, row in enumerate(table.tolist()):
            for j, entry in enumerate(row):
                ax.text(j, i, f"{entry:.2f}", ha="center", va="center")
            ax.text(3.6, i, f"Σ = {sum(row):.2f}", va="center")
            place = (-1.0, i) if left == 0 else (i, -0.8)
            ax.text(*place, divisors[i], ha="center", va="center", color="#D55E00")
        ax.set(title=title, xlim=(-1.5, 5.1), ylim=(3.5, -1.1), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)

    right, wrong = ([text.get_text() for text in ax.texts[4::6]] for ax in fig.axes)
    assert right == ["Σ = 1.00"] * 4
    assert len(wrong) == 4
    assert "Σ = 1.00" not in wrong
    save_figure(fig)
