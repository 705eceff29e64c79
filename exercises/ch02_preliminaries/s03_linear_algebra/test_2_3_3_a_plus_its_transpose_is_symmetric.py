"""2.3.3 — A + Aᵀ is symmetric for every square A, because a + b = b + a.

Question
--------
Is A + Aᵀ symmetric for every square matrix A?  Give the reason.
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.3 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Yes.  A sum is transposed term by term, and a matrix transposed twice is itself (the two
exercises before this one):

    (A + Aᵀ)ᵀ = Aᵀ + (Aᵀ)ᵀ = Aᵀ + A = A + Aᵀ

Why
---
Entry (i, j) of the sum is Aᵢⱼ + Aⱼᵢ.  Exchanging i and j exchanges the two terms, no more.

A − Aᵀ only changes its sign when it is transposed.  With S = A + Aᵀ and K = A − Aᵀ

    A = ½ (S + K),    Sᵀ = S,    Kᵀ = −K

In practice
-----------
Look at the shape first: torch refuses a (3, 4), but (1, 4) + (4, 1) is broadcast to a 4 × 4
matrix.  It is symmetric too, and nobody asked for it.

Hints
-----
1. When is a matrix symmetric?
2. Transpose the sum term by term, and then the second term once more.
"""

from itertools import product

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure

_A = torch.arange(16).reshape(4, 4)


def symmetrised_entry(entry, i, j):
    """Entry (i, j) of A + Aᵀ, where the function `entry(i, j)` gives entry (i, j) of A."""
    return entry(i, j) + entry(j, i)


def symmetrise(A):
    """A + Aᵀ for a matrix A of shape (n, n).  ValueError for others: a row would broadcast."""
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"expected a square matrix, got shape {tuple(A.shape)}")
    return A + A.T


def test_a_matrix_of_the_question_s_kind():
    """For 0 to 15 in 4 rows, entry (i, j) of A + Aᵀ is 5(i + j), which is symmetric."""
    total = symmetrise(_A)

    assert total.tolist() == [
        [0, 5, 10, 15],
        [5, 10, 15, 20],
        [10, 15, 20, 25],
        [15, 20, 25, 30],
    ]
    assert torch.equal(total, total.T)


def test_exchanging_the_indices_changes_no_entry():
    """A proof: for n × n symbols, entries (i, j) and (j, i) of A + Aᵀ are equal."""
    n, i, j = sp.symbols("n i j", integer=True, positive=True)
    A = sp.MatrixSymbol("A", n, n)

    one, other = (symmetrised_entry(lambda r, c: A[r, c], *at) for at in [(i, j), (j, i)])

    assert sp.expand(one - (A + A.T)[i, j]) == 0
    assert sp.expand(one - other) == 0


@pytest.mark.parametrize("n", range(1, 6))
def test_torch_has_the_entries_of_the_proof(n):
    """The tensor A + Aᵀ has the entries of the proof, in large, fractional, complex numbers."""
    numbers = torch.arange(n * n).reshape(n, n)

    for A in (numbers + 2**53, numbers.double() / 3, numbers * (1 + 2j)):
        total = symmetrise(A)

        assert total.shape == (n, n)
        for i, j in product(range(n), repeat=2):
            entry = symmetrised_entry(lambda r, c: A[r, c], i, j)  # noqa: B023 called at once
            assert total[i, j] == entry == A[i, j] + A[j, i]


@pytest.mark.misconception("a matrix that is not square always raises")
def test_a_row_broadcasts_to_a_square():
    """The sum (3, 4) + (4, 3) raises, but (1, 4) + (4, 1) is a symmetric 4 × 4 matrix."""
    row = torch.tensor([[1, 2, 3, 4]])

    table = row + row.T

    assert table.shape == (4, 4)
    assert torch.equal(table, table.T)
    with pytest.raises(RuntimeError, match="must match the size"):
        torch.ones(3, 4) + torch.ones(3, 4).T


@pytest.mark.edge
@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (3, 4)], ids=str)
def test_other_shapes_are_refused(shape):
    """A row, a column and a (3, 4) matrix are refused, as the question is about squares."""
    with pytest.raises(ValueError, match="square"):
        symmetrise(torch.ones(shape))


def test_the_figure_shows_both_parts(save_figure):
    """The figure shows A as half the sum of S, which is symmetric, and K, for which Kᵀ = −K."""
    panels = {
        "A": _A,
        "S = A + Aᵀ: symmetric": symmetrise(_A),
        "K = A − Aᵀ: Kᵀ = −K": _A - _A.T,
    }

    fig = Figure(figsize=(6.4, 2.0))
    for left, (title, part) in zip([0.01, 0.39, 0.705], panels.items(), strict=True):
        ax = fig.add_axes((left, 0.02, 0.25, 0.84))
        ax.imshow(part.numpy(), cmap="PuOr", vmin=-60, vmax=60, aspect="auto")
        for i, j in product(range(4), repeat=2):
            label = f"{part[i, j]}".replace("-", "−")
            ax.text(j, i, label, ha="center", va="center")
        ax.set(title=title, xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    for x, sign in [(0.325, "= ½ ("), (0.672, "+"), (0.975, ")")]:
        fig.text(x, 0.44, sign, ha="center", va="center", fontsize=14)

    drawn, S, K = (torch.tensor(ax.images[0].get_array().data) for ax in fig.axes)
    assert torch.equal(S, S.T)
    assert torch.equal(K, -K.T)
    assert torch.equal(S + K, 2 * drawn)
    save_figure(fig)
