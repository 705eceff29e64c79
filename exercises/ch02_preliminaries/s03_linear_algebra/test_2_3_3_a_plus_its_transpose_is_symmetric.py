"""2.3.3 — A + Aᵀ is symmetric for every square A; for a row it is nonsense that looks right.

Question
--------
Is A + Aᵀ symmetric for every square matrix A?  Give the reason.
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Yes: by the two exercises before this one,

    (A + Aᵀ)ᵀ = Aᵀ + (Aᵀ)ᵀ = Aᵀ + A = A + Aᵀ

Why
---
Entry (i, j) is Aᵢⱼ + Aⱼᵢ, which does not change when i and j are exchanged.  Rounding cannot
spoil that, because a computer's addition commutes: a + b and b + a are the same float.

The map A ↦ A + Aᵀ reaches every symmetric S, from A = S/2.  Such an S is free on and above
its diagonal, so the rank of the map is n(n + 1)/2.  The other n(n − 1)/2 of the n²
dimensions are lost: the skew-symmetric matrices, Kᵀ = −K, which it sends to zero.

In practice
-----------
Symmetric is less than positive semidefinite, which AᵀA is and A + Aᵀ need not be.  And a
shape is no safety net: torch refuses a (3, 4), but from a row it makes, by broadcasting, a
symmetric n × n matrix that nobody asked for.  A complex A + Aᵀ is symmetric, not Hermitian.

Hints
-----
1. A matrix is symmetric if it equals its transpose.
2. Transpose the sum term by term, and then the second term once more.
3. For the rank: how many entries of a symmetric matrix can be chosen freely?
"""

import operator
from itertools import product

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def symmetrise(A):
    """A + Aᵀ for a square tensor A of shape (n, n), n ≥ 0, of any dtype; bools add up by "or".

    Raises TypeError ("expected a tensor"), and ValueError if the shape is not (n, n)
    ("square") or an entry is NaN or infinite ("finite"): ∞ − ∞ equals nothing, itself included.
    """
    if not isinstance(A, torch.Tensor):
        raise TypeError(f"expected a tensor, got {type(A).__name__}")
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"expected a square matrix, got shape {tuple(A.shape)}")
    if not A.isfinite().all():
        raise ValueError("expected finite entries, got NaN or infinity")
    return A + A.T


def rank_of_symmetrisation(n):
    """The rank of the linear map A ↦ A + Aᵀ on n × n matrices, an int.

    Raises TypeError ("integer") for other n than integers, ValueError ("at least 0").
    """
    if operator.index(n) < 0:
        raise ValueError(f"n must be at least 0, got {n}")
    return n * (n + 1) // 2


def test_exchanging_the_indices_changes_no_entry():
    """A proof: the size, the indices and the entries are symbols."""
    n, i, j = sp.symbols("n i j", integer=True, positive=True)
    A = sp.MatrixSymbol("A", n, n)

    total = A + A.T

    assert sp.expand(total[i, j] - (A[i, j] + A[j, i])) == 0
    assert sp.expand(total[i, j] - total[j, i]) == 0


@pytest.mark.parametrize("n", range(5))
def test_each_entry_is_the_sum_of_a_mirrored_pair(n):
    """Whole numbers, up to 4 × 4 and down to an empty matrix."""
    A = 3 ** torch.arange(n * n).reshape(n, n)

    total = symmetrise(A)

    assert total.shape == (n, n)
    for i in range(n):
        for j in range(n):
            assert total[i, j] == 3 ** (n * i + j) + 3 ** (n * j + i)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int8])
def test_rounding_and_overflow_keep_it_symmetric(torch_rng, dtype):
    """Bit for bit, in a 100 × 100 sample; an int8 that wraps around does so twice."""
    A = (100 * torch.rand(100, 100, generator=torch_rng)).to(dtype)

    total = symmetrise(A)

    assert total.dtype == dtype
    assert torch.equal(total, total.T)
    assert not torch.equal(total.double(), A.double() + A.double().T)


@pytest.mark.parametrize("n", range(1, 6))
def test_the_rank_counts_the_entries_on_and_above_the_diagonal(n):
    """Numerical rank of the map's n² × n² matrix of zeros, ones and twos."""
    units = torch.eye(n * n).reshape(-1, n, n)

    images = torch.stack([symmetrise(unit).flatten() for unit in units])

    assert torch.linalg.matrix_rank(images) == rank_of_symmetrisation(n)
    assert rank_of_symmetrisation(n) == len(torch.triu_indices(n, n).T)
    assert isinstance(rank_of_symmetrisation(n), int)


def test_what_is_lost_is_the_skew_part_and_nothing_else():
    """A = (A + Aᵀ)/2 + (A − Aᵀ)/2, and the map sends the second term to zero; whole numbers."""
    A = torch.arange(16.0).reshape(4, 4)
    skew = A - A.T

    assert torch.equal(symmetrise(skew), torch.zeros(4, 4))
    assert torch.equal(symmetrise(A) / 2 + skew / 2, A)
    assert torch.equal(symmetrise(symmetrise(A) / 2), symmetrise(A))


def test_a_complex_sum_is_symmetric_but_not_hermitian():
    """The adjoint would conjugate."""
    total = symmetrise(torch.tensor([[1j, 2.0], [3.0, 4.0]]))

    assert torch.equal(total, total.T)
    assert not torch.equal(total, total.H)


@pytest.mark.misconception("A + Aᵀ is positive semidefinite, as AᵀA is")
def test_a_symmetric_matrix_may_have_a_negative_eigenvalue():
    """In whole numbers: v belongs to the eigenvalue −1, and vᵀ(AᵀA)v is a square."""
    A, v = torch.tensor([[0, 1], [0, 0]]), torch.tensor([1, -1])

    total = symmetrise(A)

    assert torch.equal(total @ v, -v)
    assert v @ total @ v == -2
    assert v @ (A.T @ A) @ v == (A @ v).square().sum() == 1


@pytest.mark.misconception("a matrix that is not square always raises")
def test_a_row_broadcasts_to_a_square():
    """(1, 4) + (4, 1) is (4, 4), and symmetric; only the function's own check refuses it."""
    row = torch.tensor([[1, 2, 3, 4]])

    table = row + row.T

    assert table.shape == (4, 4)
    assert torch.equal(table, table.T)
    with pytest.raises(RuntimeError, match="must match the size"):
        torch.ones(3, 4) + torch.ones(3, 4).T
    for bad in (row, row.T, torch.ones(3, 4), torch.ones(3), torch.ones(2, 2, 2)):
        with pytest.raises(ValueError, match="square"):
            symmetrise(bad)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_entries_that_are_no_numbers_are_refused(bad):
    """∞ + (−∞) is NaN, and a NaN off the diagonal would not equal its mirror image."""
    with pytest.raises(ValueError, match="finite"):
        symmetrise(torch.tensor([[0.0, bad], [1.0, 0.0]]))


def test_a_list_is_refused():
    """It has no transpose."""
    with pytest.raises(TypeError, match="expected a tensor"):
        symmetrise([[1, 2], [3, 4]])


def test_a_number_of_rows_is_an_integer_of_at_least_0():
    """Neither half a row nor less than none."""
    with pytest.raises(TypeError, match="integer"):
        rank_of_symmetrisation(2.5)
    assert rank_of_symmetrisation(0) == 0
    with pytest.raises(ValueError, match="at least 0"):
        rank_of_symmetrisation(-1)


def test_bools_are_added_by_or():
    """True + True is True, also where an entry meets itself."""
    A = torch.tensor([[True, True], [False, False]])

    assert torch.equal(symmetrise(A), torch.tensor([[True, True], [True, False]]))


def test_the_figure_shows_both_parts(save_figure):
    """A mirror image beside its negative; their mean is A."""
    A = torch.tensor([[2, 5, -1], [1, 0, 4], [3, -2, 1]])
    parts = {"A": A, "A + Aᵀ: symmetric": symmetrise(A), "A − Aᵀ: skew-symmetric": A - A.T}

    fig = Figure(figsize=(6, 2.4))
    axes = fig.subplots(1, 3, gridspec_kw={"wspace": 0.15})
    for ax, (title, part) in zip(axes, parts.items(), strict=True):
        ax.pcolormesh(part, cmap="PuOr", vmin=-8, vmax=8, edgecolors="white")
        for i, j in product(range(3), repeat=2):
            number, colour = part[i, j], "white" if part[i, j].abs() > 4 else "black"
            label = f"{number:d}".replace("-", "−")
            ax.text(j + 0.5, i + 0.5, label, ha="center", va="center", color=colour)
        ax.set(title=title, aspect="equal", xticks=[], yticks=[])
        ax.invert_yaxis()
        ax.spines[:].set_visible(False)

    drawn, symmetric, skew = (torch.tensor(ax.collections[0].get_array()) for ax in axes)
    assert torch.equal(symmetric, symmetric.T)
    assert torch.equal(skew, -skew.T)
    assert torch.equal(symmetric + skew, 2 * drawn)
    assert [text.get_text() for text in axes[1].texts[:3]] == ["4", "6", "2"]
    save_figure(fig)
