"""2.3.1 — Transposing twice gives back the matrix itself, down to the same memory.

Question
--------
Show that the transpose of the transpose of a matrix is the matrix: (Aᵀ)ᵀ = A.
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Transposing exchanges the two indices, and exchanging them twice changes nothing:

    ((Aᵀ)ᵀ)ᵢⱼ = (Aᵀ)ⱼᵢ = Aᵢⱼ    for every m × n matrix A and all i, j

Why
---
The line above is a proof, because it names no size and no number: i and j are any indices,
and m and n never occur.  An example proves nothing, however often it is run.

In practice
-----------
torch copies no number.  `A.T` is a view: the same storage, read with its two strides
exchanged.  So the identity holds for storage and strides as well, and for NaN, which no
comparison with `==` can see.  For complex matrices the adjoint `A.H` conjugates as well; it
too is its own inverse, but it is not `A.T`.  `.T` is for matrices: a batch wants `.mT`,
which exchanges the last two axes, and a vector has no second axis to exchange.

Hints
-----
1. Two matrices are equal if all their entries are.
2. Write down the entry in row i and column j of Aᵀ, then do the same once more.
"""

import numpy as np
import pytest
import sympy as sp
import torch


def transposed_entry(entry, i, j):
    """Entry (i, j) of Aᵀ, where the function `entry(i, j)` gives the entries of A.

    It asks for one entry only, and works for numbers as for SymPy's symbols.  Which i and j
    there are is for `entry` to say.
    """
    return entry(j, i)


def transpose(A):
    """Aᵀ as torch makes it: a view of A's storage, of shape (n, m), with the strides exchanged.

    `A` is a tensor of shape (m, n), of any dtype; sizes of zero and NaN entries are welcome.
    Raises TypeError ("expected a tensor") for anything else, ValueError ("rank 2") for other
    ranks, where `A.T` itself only warns.
    """
    if not isinstance(A, torch.Tensor):
        raise TypeError(f"expected a tensor, got {type(A).__name__}")
    if A.ndim != 2:
        raise ValueError(f"expected a matrix, rank 2, got rank {A.ndim}")
    return A.T


def test_exchanging_the_indices_twice_changes_nothing():
    """A proof: m, n, i, j and all entries are symbols."""
    m, n, i, j = sp.symbols("m n i j", integer=True, positive=True)
    A = sp.MatrixSymbol("A", m, n)

    def entry(row, column):
        return A[row, column]

    def once(row, column):
        return transposed_entry(entry, row, column)

    assert once(j, i) == A[i, j]
    assert once(j, i) == A.T[j, i]
    assert transposed_entry(once, i, j) == A[i, j]


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (1, 5), (1, 1), (0, 3), (0, 0)], ids=str)
def test_the_view_puts_each_entry_where_the_proof_does(shape):
    """Entry by entry, for these shapes; NumPy agrees."""
    m, n = shape
    A = torch.arange(m * n).reshape(m, n)

    At = transpose(A)

    assert At.shape == (n, m)
    assert np.array_equal(At.numpy(), A.numpy().transpose(1, 0))
    for i in range(m):
        for j in range(n):
            assert At[j, i] == transposed_entry(lambda r, c: A[r, c], j, i) == n * i + j


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.float16, torch.complex64])
def test_twice_is_the_same_tensor_in_memory(dtype):
    """Equal, and at the same address with the same strides; a column slice as well."""
    whole = torch.arange(20).reshape(4, 5).to(dtype)

    for A in (whole, whole[:, 1::2]):
        twice = transpose(transpose(A))

        assert torch.equal(twice, A)
        assert twice.data_ptr() == A.data_ptr()
        assert twice.stride() == A.stride()


def test_a_transpose_copies_nothing():
    """What is written through the view is read in the matrix."""
    A = torch.zeros(2, 3)

    transpose(A)[2, 1] = 7

    assert A[1, 2] == 7
    assert A.sum() == 7


def test_gradients_flow_back_through_both():
    """The derivative of the identity map, for a weighted sum of the entries."""
    A = torch.zeros(2, 3, requires_grad=True)
    weights = torch.arange(6.0).reshape(2, 3)

    (transpose(transpose(A)) * weights).sum().backward()

    assert torch.equal(A.grad, weights)


@pytest.mark.parametrize("bad", [torch.tensor(1.0), torch.ones(3), torch.ones(2, 3, 4)])
def test_other_ranks_are_refused(bad):
    """A scalar, a vector, a batch of matrices."""
    with pytest.raises(ValueError, match="rank 2"):
        transpose(bad)


def test_a_list_is_refused():
    """It has no strides to exchange."""
    with pytest.raises(TypeError, match="expected a tensor"):
        transpose([[1, 2], [3, 4]])


def test_a_batch_has_mt_and_a_vector_has_no_transpose():
    """`.mT` exchanges the last two axes of any rank from 2 on."""
    batch = torch.arange(24).reshape(2, 3, 4)

    assert batch.mT.shape == (2, 4, 3)
    assert torch.equal(batch.mT.mT, batch)
    with pytest.raises(RuntimeError, match="matrices"):
        torch.ones(3).mT  # noqa: B018 the attribute itself raises


@pytest.mark.misconception("(A.T.T == A).all() decides whether the identity holds")
def test_equality_cannot_see_nan():
    """NaN differs from itself; read as integers, the bits show that nothing has moved."""
    A = torch.tensor([[1.0, torch.nan, 3.0]])

    twice = transpose(transpose(A))

    assert not (twice == A).all()
    assert not torch.equal(twice, A)
    assert torch.equal(twice.view(torch.int32), A.view(torch.int32))


@pytest.mark.misconception("for complex matrices the transpose is the adjoint")
def test_the_adjoint_conjugates_as_well():
    """Both undo themselves; they agree only on real entries."""
    A = torch.tensor([[1 + 2j, 3.0], [4j, 5.0]])

    assert torch.equal(A.H.H, A)
    assert torch.equal(A.H, transpose(A).conj())
    assert not torch.equal(A.H, transpose(A))
