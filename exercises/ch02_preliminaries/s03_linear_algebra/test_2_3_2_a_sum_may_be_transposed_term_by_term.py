"""2.3.2 — The transpose of a sum is the sum of the transposes, to the last bit.

Question
--------
Show that for matrices A and B of one shape, Aᵀ + Bᵀ = (A + B)ᵀ.
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
Both sides have the same entry in row i and column j:

    ((A + B)ᵀ)ᵢⱼ = (A + B)ⱼᵢ = Aⱼᵢ + Bⱼᵢ = (Aᵀ)ᵢⱼ + (Bᵀ)ᵢⱼ

Why
---
A sum of matrices is taken entry by entry, so it does not care where an entry stands.  In
floating point the identity stays exact: on both sides the same two numbers are added, once,
and rounded once.

A product is no such thing.  Its entry is a sum over a row of the one and a column of the
other, so transposing exchanges the factors as well: (AB)ᵀ = BᵀAᵀ.

In practice
-----------
The identity needs two matrices of *one* shape.  With a vector b, broadcasting adds b to each
row of S before the transpose and, unasked, to each row of Sᵀ after it.  For a square S
nothing warns.  What was meant is `S.T + b[:, None]`.

Hints
-----
1. Compare the two sides entry by entry.
2. What does a row of the sum become when it is transposed, and which two numbers made it?
"""

import pytest
import sympy as sp
import torch


def entry_of_transposed_sum(A, B, i, j):
    """Entry (i, j) of (A + B)ᵀ from entries of A and B alone; SymPy's matrices or tensors.

    Nothing is checked: which i and j there are is for A and B to say.
    """
    return A[j, i] + B[j, i]


def transposed_sum(A, B):
    """(A + B)ᵀ, of shape (n, m), for two tensors of one shape (m, n); no broadcasting.

    NaN and infinity are added as in any sum.  The dtype is that of A + B; bools add up by "or".
    Raises TypeError ("expected two tensors") for anything else, and ValueError ("same shape")
    unless both have the same two sizes.
    """
    if not (isinstance(A, torch.Tensor) and isinstance(B, torch.Tensor)):
        raise TypeError(f"expected two tensors, got {type(A).__name__} and {type(B).__name__}")
    if A.ndim != 2 or A.shape != B.shape:
        raise ValueError(
            f"expected matrices of the same shape, got {tuple(A.shape)} and {tuple(B.shape)}"
        )
    return (A + B).T


def test_both_sides_have_the_same_entries():
    """A proof: the sizes, the indices and the entries are symbols."""
    m, n, i, j = sp.symbols("m n i j", integer=True, positive=True)
    A, B = sp.MatrixSymbol("A", m, n), sp.MatrixSymbol("B", m, n)

    entry = entry_of_transposed_sum(A, B, i, j)

    assert sp.expand((A + B).T[i, j] - entry) == 0
    assert sp.expand(A.T[i, j] + B.T[i, j] - entry) == 0


@pytest.mark.parametrize("shape", [(3, 4), (4, 1), (1, 1), (0, 3)], ids=str)
def test_the_sum_in_torch_has_the_entries_of_the_proof(shape):
    """In whole numbers, at these shapes."""
    A = torch.arange(shape[0] * shape[1]).reshape(shape)
    B = 100 * A.flip(0) + 7

    total = transposed_sum(A, B)

    assert total.shape == shape[::-1]
    for i in range(shape[1]):
        for j in range(shape[0]):
            assert total[i, j] == entry_of_transposed_sum(A, B, i, j)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
@pytest.mark.seeds(3)
def test_rounding_does_not_break_it(torch_rng, dtype):
    """Equal in every float type: 10⁴ entries of very different sizes, some sums rounded."""
    scale = torch.randn(2, 100, 100, generator=torch_rng, dtype=torch.float64).exp()
    A, B = (scale * torch.randn(2, 100, 100, generator=torch_rng)).to(dtype)

    total = transposed_sum(A, B)

    assert total.dtype == dtype
    assert torch.equal(total, A.T + B.T)
    assert not torch.equal(total - A.T, B.T), "no sum was rounded: the sample shows nothing"


def test_nan_and_infinity_stay_in_their_places():
    """∞ + (−∞) is NaN on both sides, at the same entry."""
    A = torch.tensor([[1.0, torch.inf, torch.inf, torch.nan]])
    B = torch.tensor([[1.0, 1.0, -torch.inf, 2.0]])

    for total in (transposed_sum(A, B), A.T + B.T):
        assert total.shape == (4, 1)
        assert total[:2, 0].tolist() == [2.0, torch.inf]
        assert total[2:, 0].isnan().tolist() == [True, True]


@pytest.mark.misconception("a transpose goes through a product as it goes through a sum")
def test_a_product_exchanges_its_factors():
    """Symbols for (2, 3) and (3, 2): AᵀBᵀ has another shape; for squares, other entries."""
    A, B = sp.Matrix(sp.MatrixSymbol("A", 2, 3)), sp.Matrix(sp.MatrixSymbol("B", 3, 2))
    S, T = torch.tensor([[0, 1], [0, 0]]), torch.tensor([[1, 0], [0, 2]])

    assert (A * B).T == B.T * A.T
    assert (A.T * B.T).shape == (3, 3)
    assert torch.equal((S @ T).T, T.T @ S.T)
    assert not torch.equal((S @ T).T, S.T @ T.T)


@pytest.mark.misconception("the identity survives broadcasting")
def test_a_row_added_before_the_transpose_is_a_column_after_it():
    """For a square S both lines run, and they differ by bⱼ − bᵢ; a (3, 4) raises at least."""
    S, b = torch.arange(9).reshape(3, 3), torch.tensor([10, 20, 30])

    before, after = (S + b).T, S.T + b

    assert not torch.equal(before, after)
    assert torch.equal(after - before, b - b[:, None])
    assert torch.equal(before, S.T + b[:, None])
    with pytest.raises(RuntimeError, match="must match the size"):
        torch.ones(3, 4).T + torch.ones(4)


@pytest.mark.parametrize(
    ("A", "B"),
    [
        (torch.ones(3, 3), torch.ones(3)),
        (torch.ones(3, 4), torch.ones(1, 4)),
        (torch.ones(3, 4), torch.ones(4, 3)),
        (torch.ones(3), torch.ones(3)),
        (torch.ones(2, 3, 3), torch.ones(2, 3, 3)),
    ],
)
def test_shapes_that_would_broadcast_are_refused(A, B):
    """So are vectors and batches: the sum of two matrices is what was asked for."""
    with pytest.raises(ValueError, match="same shape"):
        transposed_sum(A, B)


@pytest.mark.parametrize("swap", [False, True])
def test_a_list_is_refused(swap):
    """In either place."""
    A, B = torch.ones(1, 1), [[1.0]]

    with pytest.raises(TypeError, match="expected two tensors"):
        transposed_sum(*((B, A) if swap else (A, B)))
