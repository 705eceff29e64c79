"""2.3.8 — `linalg.norm` of a tensor of any rank is the Euclidean norm of all its entries.

Question
--------
Give `linalg.norm` a tensor with three or more axes, say of shape (3, 4, 5).  What does it
compute, for a tensor of any shape?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>
English edition: 2.3.9 <https://d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
One number, the root of the sum of all squares, as if the tensor were one long vector:

    ‖X‖ = √(Σ |xᵢⱼₖ…|²)

For `torch.arange(60.0).reshape(3, 4, 5)` it is √70210 ≈ 264.97.  With `dim` an int there is
such a norm for each line along that axis, with a pair of axes one for each slice.

Why
---
The Euclidean norm knows nothing of shape: to arrange the entries in a box changes no square.
So norms combine: the norm of a table of norms is the norm of the whole.

A published solution breaks this rule.  Its norms over axes 0 and 1 begin 4.925, 2.769, 3.756;
from its own table of norms over axis 0 they are 3.255, 3.638, 4.204, 2.965, 2.795.

In practice
-----------
- `ord=2` over a pair of axes is the *spectral* norm, the greatest length that the matrix gives
  to a vector of length 1.  The default is the Frobenius norm, √Σ|x|².
- In float32 the squares of 3·10³⁰ and 4·10³⁰ overflow, and torch gives ∞: square in float64.

Hints
-----
1. Compare with the norm of `X.flatten()`.
2. Square the norms along one axis and add them up.
"""

import math

import numpy as np
import pytest
import torch

_X = torch.arange(60.0).reshape(3, 4, 5)


def euclidean_norm(X, axis=None):
    """The norm of a tensor X over all axes (None), or for each line or slice along `axis`.

    `axis` is an int or a tuple of ints; the result is real, of X's shape without these axes.
    """
    return X.abs().double().square().sum(axis).sqrt()


def test_the_norm_of_the_question_s_tensor_is_the_root_of_the_sum_of_its_squares():
    """The norm of `arange(60.0).reshape(3, 4, 5)` is √(0² + 1² + … + 59²) = √70210."""
    total = math.sqrt(sum(n**2 for n in range(60)))

    # In float32 this sum is exact, being an integer below 2²⁴; only the root is rounded.
    assert total == math.sqrt(70210) == pytest.approx(264.97, abs=0.005)
    assert torch.linalg.norm(_X).item() == pytest.approx(total, rel=2**-23, abs=0)
    assert euclidean_norm(_X).item() == pytest.approx(total, rel=2**-23, abs=0)


@pytest.mark.seeds(3)
@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
def test_it_is_the_same_for_every_number_of_axes(rng, rank):
    """From one to five axes, torch and NumPy give the root of the sum of all squares."""
    X = torch.tensor(rng.normal(size=(2, 3, 1, 4, 2)[:rank]))

    expected = math.sqrt(math.fsum(x * x for x in X.flatten().tolist()))

    # 48 squares and sums at most, each rounded by 2⁻⁵³.
    for norm in (euclidean_norm(X), torch.linalg.norm(X), np.linalg.norm(X.numpy())):
        assert norm.item() == pytest.approx(expected, rel=1e-14, abs=0)


def test_complex_entries_count_with_their_absolute_value():
    """The norm of 3 + 4i and 12 is 13, for |3 + 4i| = 5; squares without | | would not do."""
    X = torch.tensor([[[3 + 4j, 12]]])

    assert euclidean_norm(X).item() == pytest.approx(13)
    assert torch.linalg.norm(X).item() == pytest.approx(13)


def test_one_axis_gives_norms_of_lines_and_two_axes_norms_of_slices():
    """Over axis 0 there are 4 × 5 norms of lines, over (0, 1) 5 of slices; together 264.97."""
    X = _X.double()
    lines = [[math.hypot(*X[:, j, k]) for k in range(5)] for j in range(4)]
    slices = [math.hypot(*X[:, :, k].flatten()) for k in range(5)]

    for axis, by_hand in [(0, lines), ((0, 1), slices)]:
        for norms in (euclidean_norm(X, axis), torch.linalg.norm(X, dim=axis)):
            np.testing.assert_allclose(norms, np.array(by_hand), rtol=1e-14, strict=True)
        whole = euclidean_norm(torch.tensor(by_hand, dtype=torch.float64)).item()
        assert whole == pytest.approx(math.sqrt(70210), rel=1e-14, abs=0)


@pytest.mark.misconception(
    "the norms that a solution prints belong to one tensor", source="a published solution"
)
def test_a_published_run_contradicts_its_own_table():
    """Published norms along axis 0 give the published total 7.623, but other slices' norms."""
    columns = torch.tensor([3.255, 3.638, 4.204, 2.965, 2.795])  # of its norms over axis 0
    printed = torch.tensor([4.925, 2.769, 3.756])  # how its norms over axes 0 and 1 begin

    # Five numbers, each rounded by at most 0.0005.
    assert euclidean_norm(columns).item() == pytest.approx(7.6230054, abs=0.0005 * math.sqrt(5))
    assert ((columns[:3] - printed).abs() > 0.4).all()


@pytest.mark.misconception(
    "`ord=2` over two axes is the Frobenius norm", source="ckyFi9zero's exercises, 2.3.8"
)
def test_over_two_axes_ord_2_is_the_spectral_norm():
    """The matrix with 3 and 4 on its diagonal has the norm 5, but with `ord=2` it is 4."""
    M = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    angles = torch.linspace(0, math.pi, 101)  # of vectors of length 1; one is (0, 1)

    lengths = euclidean_norm(M @ torch.stack([angles.cos(), angles.sin()]), 0)

    assert euclidean_norm(M, (0, 1)).item() == pytest.approx(5)
    assert torch.linalg.norm(M, dim=(0, 1)).item() == pytest.approx(5)
    assert torch.linalg.norm(M, ord=2).item() == pytest.approx(4)
    assert lengths.max().item() == pytest.approx(4)


@pytest.mark.edge
def test_squares_that_overflow_float32_do_not_overflow_float64():
    """In float32 the norm of 3·10³⁰ and 4·10³⁰ is 5·10³⁰, though torch gives infinity."""
    huge, tiny = torch.tensor([[[3e30, 4e30]]]), torch.tensor([3e-30, 4e-30])

    assert torch.linalg.norm(huge) == torch.inf
    assert euclidean_norm(huge).item() == pytest.approx(5e30)
    assert euclidean_norm(tiny).item() == pytest.approx(5e-30, rel=1e-6, abs=0)


@pytest.mark.edge
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_squared_in_float64_too(dtype):
    """In half precision 8 entries of 200 have the norm √320000, and 70 000 ones √70000."""
    numbers, ones = torch.full((8,), 200, dtype=dtype), torch.ones(70_000, dtype=dtype)

    assert euclidean_norm(numbers).item() == pytest.approx(math.sqrt(320_000))
    assert euclidean_norm(ones).item() == pytest.approx(math.sqrt(70_000))
