"""2.3.2 — A sum may be transposed term by term: (A + B)ᵀ = Aᵀ + Bᵀ, in floats as well.

Question
--------
A and B are matrices of the same shape.  Show that the sum of their transposes is the transpose
of their sum: Aᵀ + Bᵀ = (A + B)ᵀ.
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.2 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Both sides have the same entry in row i and column j:

    ((A + B)ᵀ)ᵢⱼ = (A + B)ⱼᵢ = Aⱼᵢ + Bⱼᵢ = (Aᵀ)ᵢⱼ + (Bᵀ)ᵢⱼ    for every i and j

Why
---
Matrices are added entry by entry, so it does not matter whether the entries are moved before
or after.  Floats obey it exactly: both sides add the same two numbers once, and round once.

A product is not taken entry by entry, and (AB)ᵀ is not AᵀBᵀ: it is BᵀAᵀ.

In practice
-----------
The identity needs matrices of the same shape.  A vector b is broadcast, and added to each row.
For a square S both `(S + b).T` and `S.T + b` run, and differ unless all entries of b are equal:
S was transposed in both, b only in the first.

Hints
-----
1. Compare the two sides entry by entry.
2. Which entries of A and of B make up entry (i, j) of each side?
"""

from itertools import product

import pytest
import sympy as sp
import torch


def entry_of_transposed_sum(a, b, i, j):
    """Entry (i, j) of (A + B)ᵀ; functions `a(i, j)`, `b(i, j)` give the entries of A, B."""
    return a(j, i) + b(j, i)


def transposed_sum(A, B):
    """(A + B)ᵀ, a tensor of shape (n, m), for two matrices of the same shape (m, n)."""
    return (A + B).T


def _entries_of(A):
    return lambda i, j: A[i, j]


def test_two_matrices_of_the_question_s_kind():
    """For A of the numbers 0 to 11 in 3 rows, and B = 10 A, both sides start with 0, 44, 88."""
    A = torch.arange(12).reshape(3, 4)

    both = transposed_sum(A, 10 * A), A.T + (10 * A).T

    for side in both:
        assert side.tolist() == [[0, 44, 88], [11, 55, 99], [22, 66, 110], [33, 77, 121]]


def test_both_sides_have_the_same_entries():
    """A proof: for m × n matrices of symbols, each side has the entry Aⱼᵢ + Bⱼᵢ at (i, j)."""
    m, n, i, j = sp.symbols("m n i j", integer=True, positive=True)
    A, B = sp.MatrixSymbol("A", m, n), sp.MatrixSymbol("B", m, n)

    entry = entry_of_transposed_sum(_entries_of(A), _entries_of(B), i, j)

    assert sp.expand((A + B).T[i, j] - entry) == 0
    assert sp.expand(A.T[i, j] + B.T[i, j] - entry) == 0


@pytest.mark.parametrize("shape", [(3, 4), (4, 1), (1, 3), (1, 1), (3, 3)], ids=str)
def test_torch_has_the_entries_of_the_proof(shape):
    """The tensor (A + B)ᵀ has the entries of the proof, also for whole numbers plus halves."""
    A = torch.arange(shape[0] * shape[1]).reshape(shape)

    for B in (7 - A**2, A / 2 + 1, 1j * A):
        total = transposed_sum(A, B)

        assert total.shape == shape[::-1]
        for i, j in product(*map(range, total.shape)):
            entry = entry_of_transposed_sum(_entries_of(A), _entries_of(B), i, j)
            assert total[i, j] == entry == A[j, i] + B[j, i]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rounding_does_not_break_it(torch_rng, dtype):
    """In each float type both sides are equal to the last bit, although sums were rounded."""
    A, B = torch.randn(2, 30, 40, generator=torch_rng, dtype=torch.float64).to(dtype)

    total = transposed_sum(A, B)

    assert torch.equal(total, A.T + B.T)
    assert not torch.equal(total - A.T, B.T), "no sum was rounded, so nothing is shown"


@pytest.mark.misconception("a product may be transposed factor by factor")
def test_a_product_exchanges_its_factors():
    """A sum has (A + B)ᵀ = Aᵀ + Bᵀ, but (AB)ᵀ is BᵀAᵀ; already for 2 × 2 it is not AᵀBᵀ."""
    A, B = torch.tensor([[0, 1], [0, 0]]), torch.tensor([[1, 0], [0, 2]])

    assert torch.equal(transposed_sum(A, B), A.T + B.T)
    assert torch.equal((A @ B).T, B.T @ A.T)
    assert not torch.equal((A @ B).T, A.T @ B.T)


@pytest.mark.misconception("the identity survives broadcasting")
def test_a_row_added_before_the_transpose_is_a_column_after_it():
    """For a square S, (S + b)ᵀ adds b to each column of Sᵀ, but Sᵀ + b adds it to each row."""
    S, b = torch.arange(9).reshape(3, 3), torch.tensor([10, 20, 30])

    before, after = (S + b).T, S.T + b

    assert torch.equal(before, transposed_sum(S, b.expand(3, 3)))
    assert torch.equal(before, S.T + b[:, None])
    assert not torch.equal(before, after)
    with pytest.raises(RuntimeError, match="must match the size"):
        torch.ones(3, 4).T + torch.ones(4)
