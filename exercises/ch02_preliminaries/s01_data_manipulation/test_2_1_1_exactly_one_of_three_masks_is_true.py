"""2.1.1 — At each place exactly one of `X < Y`, `X == Y`, `X > Y` is true; at a NaN, none.

Question
--------
The section compares two tensors by `X == Y`.  What comes out with `<` or `>` instead?
<https://zh.d2l.ai/chapter_preliminaries/ndarray.html>

Answer
------
A mask: a tensor of bools, in the shape to which X and Y broadcast, with the answer to one
question per place.  For the section's X and Y (T is True, a dot False):

    X:   0  1  2  3      Y:   2 1 4 3
         4  5  6  7           1 2 3 4
         8  9 10 11           4 3 2 1

    X < Y:  T . T .      X == Y:  . T . T      X > Y:  . . . .
            . . . .               . . . .              T T T T
            . . . .               . . . .              T T T T

Why
---
Two real numbers x and y satisfy exactly one of x < y, x = y and x > y.  So the three masks
share out the grid, here 2 + 2 + 8 = 12 places, and as integers they add up to one everywhere.
Exchanging X and Y exchanges `<` and `>`.

Floats keep this law, with infinities and with both zeros (−0 = 0).  The one exception is NaN:
it is not less than, equal to or greater than anything, not even itself.  That is why "not
less" is not the same as "greater or equal".

In practice
-----------
- Give both sides one dtype.  torch converts before it compares, and a conversion may wrap
  (uint8 against −1) or round (int64 against float32).
- Combine masks by `&` and `|`, in parentheses, and count them by `.sum()`.
- `torch.equal(X, Y)` answers for the whole by one bool, and is False where shapes differ.

References
----------
IEEE 754-2019, section 5.11: less, equal, greater and *unordered* exclude one another.

Hints
-----
1. How many answers does one comparison of two 3 × 4 tensors give, and of what type?
2. Write the three masks side by side and look at one place at a time.
3. Which float is not equal to itself?
"""

import pytest
import torch

_X = torch.arange(12.0).reshape(3, 4)
_Y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])


def masks(X, Y):
    """The masks of X < Y, X == Y and X > Y, a tuple of bool tensors of the broadcast shape.

    All dtypes with an order are welcome, infinities too; at a NaN all three are False.
    Raises TypeError for what is no tensor ("expected tensors"), for two dtypes ("one dtype",
    where torch would convert before it compares) and for complex numbers ("no order"), and
    ValueError for shapes that do not match ("broadcast").
    """
    _check(X, Y)
    return X < Y, X == Y, X > Y


def unordered(X, Y):
    """Where no comparison holds, at a NaN in X or in Y: bool, in the broadcast shape.

    Raises the same errors as `masks`.
    """
    _check(X, Y)
    return X.isnan() | Y.isnan()


def _check(X, Y):
    if not (isinstance(X, torch.Tensor) and isinstance(Y, torch.Tensor)):
        raise TypeError(f"expected tensors, got {type(X).__name__} and {type(Y).__name__}")
    if X.dtype != Y.dtype:
        raise TypeError(f"expected one dtype, got {X.dtype} and {Y.dtype}")
    if X.is_complex():
        raise TypeError(f"{X.dtype} has no order")
    try:
        torch.broadcast_tensors(X, Y)
    except RuntimeError:
        shapes = f"{tuple(X.shape)} and {tuple(Y.shape)}"
        raise ValueError(f"expected shapes that broadcast, got {shapes}") from None


def test_the_three_masks_of_the_section():
    """Place by place; 2, 2 and 8 of the 12 places are true."""
    T, F = True, False

    less, equal, greater = masks(_X, _Y)

    assert less.tolist() == [[T, F, T, F], [F] * 4, [F] * 4]
    assert equal.tolist() == [[F, T, F, T], [F] * 4, [F] * 4]
    assert greater.tolist() == [[F] * 4, [T] * 4, [T] * 4]
    assert [int(mask.sum()) for mask in (less, equal, greater)] == [2, 2, 8]


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8])
def test_all_pairs_of_bytes_have_exactly_one_relation(dtype):
    """A proof by exhaustion: in increasing order, `<` is what lies above the diagonal."""
    low = torch.iinfo(dtype).min
    x = torch.tensor(range(low, low + 256), dtype=dtype)

    less, equal, greater = masks(x[:, None], x)

    everywhere = torch.ones(256, 256, dtype=torch.bool)
    assert torch.equal(less, everywhere.triu(1))
    assert torch.equal(equal, everywhere.triu() & everywhere.tril())
    assert torch.equal(greater, everywhere.tril(-1))
    assert torch.equal(less.int() + equal.int() + greater.int(), everywhere.int())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_floats_keep_the_law_to_their_ends(dtype):
    """Infinities, both zeros, the largest and the smallest numbers, in increasing order."""
    info = torch.finfo(dtype)
    positive = [info.tiny * info.eps, 1.0, info.max, torch.inf]
    values = [-a for a in reversed(positive)] + [-0.0, 0.0] + positive
    x = torch.tensor(values, dtype=dtype)

    less, equal, greater = masks(x[:, None], x)

    assert less.tolist() == [[a < b for b in values] for a in values]
    assert equal.tolist() == [[a == b for b in values] for a in values]
    assert greater.tolist() == [[a > b for b in values] for a in values]
    assert (less.int() + equal.int() + greater.int() == 1).all()
    assert equal.sum() == len(values) + 2  # the diagonal, −0 with 0, and 0 with −0
    assert not unordered(x[:, None], x).any()


def test_exchanging_the_tensors_exchanges_less_and_greater():
    """For the section's tensors, whose masks are not alike."""
    less, equal, greater = masks(_X, _Y)

    assert not torch.equal(less, greater)
    for mask, expected in zip(masks(_Y, _X), (greater, equal, less), strict=True):
        assert torch.equal(mask, expected)


def test_a_mask_has_the_broadcast_shape_and_answers_in_bools():
    """Scalars, a column against a row, nothing, and a slice with gaps; without a gradient."""
    column, row = torch.tensor([[1.0], [2.0], [3.0]]), torch.arange(4.0).requires_grad_()
    pairs = [(_X[0, 0], _Y[0, 0]), (column, row), (_X[:0], row), (_X[:, ::2], _Y[1, ::2])]
    shapes = [(), (3, 4), (0, 4), (3, 2)]

    for (x, y), shape in zip(pairs, shapes, strict=True):
        for mask in (*masks(x, y), unordered(x, y)):
            assert mask.shape == shape
            assert mask.dtype == torch.bool
            assert not mask.requires_grad
    assert masks(column, row)[0].tolist() == [[b > a for b in range(4)] for a in (1, 2, 3)]
    assert masks(torch.tensor(False), torch.tensor(True)) == (True, False, False)


def test_at_a_nan_nothing_holds():
    """Not even equality with itself; `!=` alone is true, and `~` of `<` is not `>=`."""
    x = torch.tensor([1.0, torch.nan, 1.0, torch.nan])
    y = torch.tensor([1.0, 1.0, torch.nan, torch.nan])

    less, equal, greater = masks(x, y)

    assert (less | equal | greater).tolist() == [True, False, False, False]
    assert unordered(x, y).tolist() == [False, True, True, True]
    assert (x != y).tolist() == [False, True, True, True]
    assert (~less).all()
    assert (x >= y).tolist() == [True, False, False, False]
    assert not torch.equal(x, x)


@pytest.mark.parametrize("name", ["masks", "unordered"])
def test_what_cannot_be_compared_is_refused(name):
    """A list, two dtypes, complex numbers, shapes that do not match: each by its own words."""
    function = globals()[name]
    z = _X.to(torch.complex64)

    for x, y in [(_X, _Y.tolist()), (_X.tolist(), _Y), (_X, 1.0)]:
        with pytest.raises(TypeError, match="expected tensors"):
            function(x, y)
    for x, y in [(_X, _Y.double()), (_X, z)]:
        with pytest.raises(TypeError, match="one dtype"):
            function(x, y)
    with pytest.raises(TypeError, match="no order"):
        function(z, z)
    for y in (_Y.T, _Y[:2], _Y[:0]):
        with pytest.raises(ValueError, match="broadcast"):
            function(_X, y)


def test_torch_itself_refuses_the_same_shapes_and_complex_numbers():
    """In its own words; only `torch.equal` takes any shape and says False.

    Complex numbers raise NotImplementedError; in torch 2.6 it was still its base, RuntimeError.
    """
    with pytest.raises(RuntimeError, match=r"\(4\) must match the size of tensor b \(3\)"):
        _X < _Y.T  # noqa: B015 the comparison itself raises
    with pytest.raises(RuntimeError, match="not implemented for 'ComplexFloat'") as refusal:
        _X.to(torch.complex64) < 1j  # noqa: B015
    assert refusal.type in (NotImplementedError, RuntimeError)
    assert torch.equal(_X, _Y.T) is False


@pytest.mark.misconception("1 < X < 3 works elementwise")
def test_a_chained_comparison_asks_for_one_truth_value():
    """Python reads `(1 < X) and (X < 3)`, and `and` needs one bool; `&` takes all twelve."""
    with pytest.raises(RuntimeError, match="more than one value is ambiguous"):
        1 < _X < 3  # noqa: B015

    assert ((_X > 1) & (_X < 3)).nonzero().tolist() == [[0, 2]]


@pytest.mark.misconception("uint8 compares with −1 as numbers do")
def test_a_number_is_converted_to_the_tensor_s_type_first():
    """−1 becomes 255, also from a tensor without axes; one with axes widens both to int16."""
    x = torch.tensor([0, 255], dtype=torch.uint8)

    for minus_one in (-1, torch.tensor(-1)):
        assert (x == minus_one).tolist() == [False, True]
        assert (x > minus_one).tolist() == [False, False]
    assert (x > torch.tensor([-1], dtype=torch.int8)).tolist() == [True, True]
    assert masks(x.int(), torch.tensor(-1).int())[2].tolist() == [True, True]


@pytest.mark.misconception("equal in torch means equal as numbers")
def test_two_dtypes_are_rounded_to_one_before_they_are_compared():
    """2²⁴ + 1 has no float32, so it equals 2²⁴; the same numbers as float64 differ."""
    whole, real = torch.tensor([2**24 + 1]), torch.tensor([2.0**24])

    assert (whole == real).all()
    assert masks(whole.double(), real.double()) == (False, False, True)


@pytest.mark.misconception("masks added by + count how many hold")
def test_adding_bools_is_or():
    """`<=` and `>=` overlap at two places; their sum as bools cannot show it."""
    at_most, at_least = _X <= _Y, _X >= _Y

    assert (at_most + at_least).dtype == torch.bool
    assert torch.equal(at_most + at_least, at_most | at_least)
    assert (at_most.int() + at_least.int()).sum() == 14


@pytest.mark.misconception("X == [2, 1, 4, 3] compares with the numbers in the list")
def test_equality_with_a_list_is_one_plain_false():
    """`==` knows no list and falls back on identity, in silence; `<` at least raises."""
    row = _Y[0]

    assert (row == row.tolist()) is False
    with pytest.raises(TypeError, match="not supported between instances"):
        row < row.tolist()  # noqa: B015
