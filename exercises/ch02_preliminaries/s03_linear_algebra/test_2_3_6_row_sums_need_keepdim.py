"""2.3.6 — Dividing by `A.sum(axis=1)` fails for most matrices, and lies for square ones.

Question
--------
Divide a matrix by its row sums, `A / A.sum(axis=1)`.  What happens, and why?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
With A of shape (5, 4) it raises: the sums have shape (5,), broadcasting aligns shapes at
their last axis, and 4 does not match 5.  Keep the axis that was summed:

    A / A.sum(axis=1, keepdim=True)        (5, 4) / (5, 1)

For a square A nothing raises, and the result is wrong: *column* j is divided by the sum rⱼ
of *row* j.

Why
---
The sum removes axis 1, so entry i of the sums belongs to row i; broadcasting places it along
the last axis, over column i.  The wrong entry is aᵢⱼ/rⱼ, the right one aᵢⱼ/rᵢ, so each is
off by the factor rᵢ/rⱼ.  It is right by luck exactly where aᵢⱼ = 0 or rᵢ = rⱼ.

In practice
-----------
Check what must hold, not that nothing raised: the rows of the result sum to one.
A row that sums to zero has no shares; torch would fill it with NaN or ±∞, silently.

Hints
-----
1. What is the shape of the sums, and which axis of A do they line up with?
2. Which shape would line them up with the rows?
3. For a square A, write down entry (i, j) of what you get and of what you wanted.
"""

from itertools import product

import pytest
import torch

_TABLE = torch.arange(20.0).reshape(5, 4) + 1
_SQUARE = torch.arange(16.0).reshape(4, 4) + 1


def row_shares(A):
    """Each row of A divided by its own sum: shape (n, d) as A's, rows sum to one.

    Integers and bools become the default float type.  An empty matrix stays empty.
    Raises TypeError ("expected a tensor"), and ValueError for other ranks than 2 ("rank 2"),
    NaN or infinite entries ("finite"), and a row without shares ("sums to zero").
    """
    return A / _row_sums(A)


def error_factors(A):
    """How many times too large each entry of `A / A.sum(axis=1)` is, for a square A: rᵢ/rⱼ.

    Shape (n, n).  Refuses A as `row_shares` does, and other shapes with ValueError ("square").
    """
    sums = _row_sums(A)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"expected a square matrix, got shape {tuple(A.shape)}")
    return sums / sums.T


def _row_sums(A):
    """The sums, (n, 1), of a matrix that has shares in each of its rows."""
    if not isinstance(A, torch.Tensor):
        raise TypeError(f"expected a tensor, got {type(A).__name__}")
    if A.ndim != 2:
        raise ValueError(f"expected a matrix, rank 2, got rank {A.ndim}")
    if not A.isfinite().all():
        raise ValueError("expected finite entries, got NaN or infinity")
    sums = A.sum(axis=1, keepdim=True)
    if A.shape[1] and not sums.all():
        row = int((sums == 0).nonzero()[0, 0])
        raise ValueError(f"row {row} sums to zero, so it has no shares")
    return sums


def test_a_tall_matrix_raises():
    """(5, 4) against (5,): the error names the two sizes that were compared."""
    with pytest.raises(RuntimeError, match=r"\(4\) must match the size of tensor b \(5\)"):
        _TABLE / _TABLE.sum(axis=1)


def test_each_row_is_divided_by_its_own_sum():
    """Against row-by-row division; the sums of 1…4, 5…8, … are 10, 26, 42, 58, 74."""
    shares = row_shares(_TABLE)

    assert shares.shape == (5, 4)
    for row, numbers, total in zip(shares, _TABLE, [10, 26, 42, 58, 74], strict=True):
        assert torch.equal(row, numbers / total)
    assert (shares.sum(axis=1) - 1).abs().max() < 1e-6


@pytest.mark.parametrize(
    "other_way",
    [
        lambda A: A / A.sum(axis=1)[:, None],
        lambda A: (A.T / A.sum(axis=1)).T,
        lambda A: torch.nn.functional.normalize(A, p=1, dim=1),
    ],
    ids=["new axis", "transposed twice", "normalize"],
)
def test_there_are_other_ways_to_align(other_way):
    """A new axis, two transposes, and, for entries ≥ 0 only, the 1-norm."""
    negative = torch.tensor([[3.0, -1.0]])

    assert torch.equal(other_way(_TABLE), row_shares(_TABLE))
    assert row_shares(negative).tolist() == [[1.5, -0.5]]
    assert torch.nn.functional.normalize(negative, p=1, dim=1).tolist() == [[0.75, -0.25]]


def test_columns_need_no_keepdim():
    """Their sums, (4,), line up with the last axis by themselves."""
    shares = _TABLE / _TABLE.sum(axis=0)

    assert (shares.sum(axis=0) - 1).abs().max() < 1e-6


@pytest.mark.misconception("no exception was raised, so the result is right")
def test_a_square_matrix_is_divided_the_wrong_way_in_silence():
    """Row sums of 0.32, 1.04, 1.75, 2.47 instead of 1; each entry is off by rᵢ/rⱼ."""
    wrong = _SQUARE / _SQUARE.sum(axis=1)

    sums = wrong.sum(axis=1)
    assert [f"{total:.2f}" for total in sums] == ["0.32", "1.04", "1.75", "2.47"]
    off = error_factors(_SQUARE)
    assert (wrong / row_shares(_SQUARE) - off).abs().max() < 1e-6
    assert off[0, 3].item() == pytest.approx(10 / 58)
    assert off[3, 0].item() == pytest.approx(58 / 10)


def test_it_is_right_by_luck_where_an_entry_is_zero_or_two_sums_agree():
    """All 2 × 2 matrices with entries −1 to 2 whose row sums are not zero."""
    lucky = 0
    for entries in product(range(-1, 3), repeat=4):
        A = torch.tensor(entries, dtype=torch.float64).reshape(2, 2)
        if not A.sum(axis=1).all():
            continue
        by_luck = ((A == 0) | (error_factors(A) == 1)).all()
        assert torch.equal(A / A.sum(axis=1), row_shares(A)) == by_luck
        lucky += bool(by_luck)

    assert lucky > 0


def test_a_column_blows_up_to_a_square():
    """(5, 1) / (5,) is (5, 5); with its axis kept each share is one."""
    column = _TABLE[:, :1]

    assert (column / column.sum(axis=1)).shape == (5, 5)
    assert torch.equal(row_shares(column), torch.ones(5, 1))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_whole_numbers_become_floats(dtype):
    """True division: 1/2 is not 0."""
    shares = row_shares(torch.tensor([[1, 1], [0, 1]], dtype=dtype))

    assert shares.dtype == torch.float32
    assert shares.tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_double_precision_is_kept():
    """1/3 to the last bit of its type."""
    assert row_shares(torch.ones(1, 3, dtype=torch.float64))[0, 0].item() == 1 / 3


def test_a_zero_row_has_no_shares():
    """The plain quotient is NaN, or ±∞ where entries cancel; the function names the row."""
    A = torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, -1.0]])

    plain = A / A.sum(axis=1, keepdim=True)

    assert plain[1].isnan().all()
    assert plain[2].tolist() == [torch.inf, -torch.inf]
    with pytest.raises(ValueError, match="row 1 sums to zero"):
        row_shares(A)
    with pytest.raises(ValueError, match="row 1 sums to zero"):
        error_factors(A[:2])


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0)], ids=str)
def test_an_empty_matrix_stays_empty(shape):
    """Nothing is divided, so nothing can go wrong."""
    assert row_shares(torch.ones(shape)).shape == shape


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_entries_that_are_no_numbers_are_refused(bad):
    """One would spoil the whole row, and in the factors a column as well."""
    with pytest.raises(ValueError, match="finite"):
        row_shares(torch.tensor([[1.0, bad]]))
    with pytest.raises(ValueError, match="finite"):
        error_factors(torch.tensor([[1.0, bad], [1.0, 1.0]]))


def test_what_is_no_matrix_is_refused():
    """A list, a vector, a batch; and factors of error exist for squares only."""
    for function in (row_shares, error_factors):
        with pytest.raises(TypeError, match="expected a tensor"):
            function([[1, 2], [3, 4]])
        for bad in (torch.ones(3), torch.ones(2, 2, 2)):
            with pytest.raises(ValueError, match="rank 2"):
                function(bad)
    with pytest.raises(ValueError, match="square"):
        error_factors(_TABLE)


def test_the_figure_shows_the_row_sums(save_figure):
    """Right: every row sums to 1.  Wrong: none does, and nothing was raised."""
    from matplotlib.figure import Figure  # half a second that the other tests do not need

    tables = {
        "A / A.sum(axis=1, keepdim=True)": row_shares(_SQUARE),
        "A / A.sum(axis=1)": _SQUARE / _SQUARE.sum(axis=1),
    }

    fig = Figure(figsize=(6, 2.9))
    *axes, scale = fig.subplots(1, 3, width_ratios=(12, 12, 1), gridspec_kw={"wspace": 0.45})
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        mesh = ax.pcolormesh(
            table.numpy(), vmin=0, vmax=1.6, edgecolors="white", cmap="cividis"
        )
        for i, total in enumerate(table.sum(axis=1)):
            ax.text(4.1, i + 0.5, f"Σ = {total:.2f}", va="center")
        ax.set(title=title, xlabel="column", xlim=(0, 5.6), aspect="equal")
        ax.set(xticks=[0.5, 1.5, 2.5, 3.5], yticks=[0.5, 1.5, 2.5, 3.5])
        ax.set(xticklabels=range(4), yticklabels=range(4))
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    axes[0].set_ylabel("row")
    fig.colorbar(mesh, cax=scale, ticklocation="left")
    scale.set_title("share")

    right, wrong = ([text.get_text() for text in ax.texts] for ax in axes)
    assert right == ["Σ = 1.00"] * 4
    assert wrong == ["Σ = 0.32", "Σ = 1.04", "Σ = 1.75", "Σ = 2.47"]
    save_figure(fig)
