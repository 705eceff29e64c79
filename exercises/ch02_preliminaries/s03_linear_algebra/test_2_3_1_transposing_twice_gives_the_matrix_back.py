"""2.3.1 — Transposing twice gives the matrix back: indices are exchanged, and back again.

Question
--------
Show that the transpose of the transpose of a matrix is the matrix itself: (Aᵀ)ᵀ = A.
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.1 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Transposing exchanges the two indices of an entry.  Exchanging them twice changes nothing:

    ((Aᵀ)ᵀ)ᵢⱼ = (Aᵀ)ⱼᵢ = Aᵢⱼ    for every i and j

Why
---
Two matrices are equal if they have the same shape and the same entries.  If A is m × n, then
Aᵀ is n × m and (Aᵀ)ᵀ is m × n again.  The line above is about any entry of any matrix, so it
is a proof.

An example is no proof, though it comes out True: `X = torch.arange(20).reshape(5, -1)` is
equal to `X.T.T`, but also to `X.reshape(4, 5).reshape(5, 4)`, and `X.reshape(4, 5)` is not Xᵀ.

In practice
-----------
A matrix that contains NaN is not `==` to itself, so it is not `==` to `A.T.T` either.

Hints
-----
1. When are two matrices equal?
2. Write down the entry in row i and column j of Aᵀ, then do the same once more.
"""

from itertools import product

import numpy as np
import pytest
import sympy as sp
import torch

_X = torch.arange(20).reshape(5, -1)


def transposed_entry(entry, i, j):
    """Entry (i, j) of Aᵀ, where the function `entry(i, j)` gives entry (i, j) of A."""
    return entry(j, i)


def transpose(A):
    """Aᵀ, a tensor of shape (n, m) and A's dtype, for a matrix A of shape (m, n)."""
    return A.T


def _entries_of(A):
    return lambda i, j: A[i, j]


def test_the_example_comes_out_true():
    """With X = arange(20).reshape(5, -1), Xᵀ has the rows 0 4 8 12 16 and so on, Xᵀᵀ is X."""
    once = transpose(_X)

    assert once.tolist() == [[j, 4 + j, 8 + j, 12 + j, 16 + j] for j in range(4)]
    assert torch.equal(transpose(once), _X)


def test_exchanging_the_indices_twice_changes_nothing():
    """A proof: for a matrix of symbols, m × n, entry (i, j) of (Aᵀ)ᵀ is entry (i, j) of A."""
    m, n, i, j = sp.symbols("m n i j", integer=True, positive=True)
    A = sp.MatrixSymbol("A", m, n)

    def once(row, column):
        return transposed_entry(_entries_of(A), row, column)

    assert once(j, i) == A.T[j, i] == A[i, j]
    assert transposed_entry(once, i, j) == A[i, j]


@pytest.mark.parametrize(("m", "n"), [(3, 4), (4, 3), (1, 5), (5, 1), (1, 1)])
def test_torch_puts_each_entry_where_the_proof_does(m, n):
    """Entry (j, i) of Aᵀ is entry (i, j) of A: real, complex, or where A skips columns."""
    table = torch.arange(2 * m * n, dtype=torch.float64).reshape(m, 2 * n) / 3

    for A in (table[:, :n], table[:, ::2], torch.complex(table, -table)[:, :n]):
        At = transpose(A)

        assert At.shape == (n, m)
        assert At.dtype == A.dtype
        for i, j in product(range(m), range(n)):
            assert At[j, i] == A[i, j] == transposed_entry(_entries_of(A), j, i)


@pytest.mark.misconception(
    "one example that comes out True is a proof", source="ckyFi9zero's exercises, 2.3.1"
)
def test_another_operation_passes_the_example_and_is_no_transpose():
    """`reshape(4, 5)` and back gives X as well, but the table between is not Xᵀ."""
    between = _X.reshape(4, 5)

    assert torch.equal(between.reshape(5, 4), _X)
    assert between.shape == transpose(_X).shape
    assert not torch.equal(between, transpose(_X))


@pytest.mark.misconception("`(A.T.T == A).all()` decides whether the identity holds")
def test_equality_cannot_see_nan():
    """With a NaN in A, neither (Aᵀ)ᵀ nor A is `==` to A, yet they are the same matrix."""
    A = torch.tensor([[1.0, torch.nan, 3.0]])

    twice = transpose(transpose(A))

    assert not (twice == A).all()
    assert not (A == A).all()
    np.testing.assert_array_equal(twice, A)
