"""2.2.2 — Three lines turn a table into a tensor; fit them on the training rows alone.

Question
--------
A table with missing cells has lost its emptiest column.  Turn the rest, numbers and words, into
a tensor.
<https://zh.d2l.ai/chapter_preliminaries/pandas.html>

Answer
------
The book's three steps: a 0/1 column for each word, the mean for each missing number, a tensor.

    numbers = pd.get_dummies(table, dummy_na=True)
    numbers = numbers.fillna(numbers.mean())
    torch.tensor(numbers.astype("float32").to_numpy())

The book's table with a fifth row, without its `Alley`, becomes

    [[3, 127500], [2, 106000], [4, 178100], [3, 140000], [3, 122000]]

where the 3 of the first and of the fourth row is the mean of the rooms 2, 4 and 3.

Why
---
A tensor holds numbers only.  Numbers 0, 1, 2 for words would put an order and distances among
them, so each word gets a column of its own, and so does "missing" (`dummy_na=True`).

In practice
-----------
Take two steps, `_fit` and `_apply` below: learn columns and means from the training rows, then
use them for any rows.  The training rows get the same tensor as from the three lines.  If all
rows are converted at once, the means contain the test rows; if train and test are converted one
by one, they may get different columns, and get different means.

Hints
-----
1. Which of the book's steps removes the words, which the gaps?
2. What is the dtype of your table just before it becomes a tensor?
"""

import csv
import io

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure


def to_tensor(table):
    """The table's cells as a float tensor, a missing number replaced by its column's mean.

    First come the columns of numbers; then, for each column of words, a 0/1 column for each
    word, sorted, and a last one for "missing", even if nothing is.
    """
    if not table.columns.is_unique:
        raise ValueError("two columns of one name would share one mean")
    numbers = pd.get_dummies(table, dummy_na=True)
    numbers = numbers.fillna(numbers.mean())
    return torch.tensor(numbers.astype("float32").to_numpy())


# The mean of at most 10 positive cells: 9 sums and a quotient, each off by ε/2 at most.
_CLOSE = {"rtol": 5 * torch.finfo(torch.float32).eps}


def _fit(train):
    """The mean of each column of the training rows' tensor, by the column's name."""
    return pd.get_dummies(train, dummy_na=True).mean()


def _apply(table, means):
    """The tensor of any rows, with the columns and means of the training rows."""
    numbers = pd.get_dummies(table, dummy_na=True)
    unknown = numbers.columns.difference(means.index)
    if len(unknown):
        raise ValueError(f"not among the training rows: {list(unknown)}")
    numbers = numbers.reindex(columns=means.index, fill_value=0).fillna(means)
    return torch.tensor(numbers.astype("float32").to_numpy())


def _read(text):
    return pd.read_csv(io.StringIO(text))


@pytest.fixture
def flats(flats_csv):
    """The ten flats without their alley."""
    return _read(flats_csv).drop(columns="alley")


def test_the_book_s_houses_become_the_tensor_of_the_answer(houses_csv):
    """Without `Alley` both missing numbers of rooms become 3, the mean of 2, 4 and 3."""
    X = to_tensor(_read(houses_csv)[["NumRooms", "Price"]])

    expected = [[3.0, 127500], [2, 106000], [4, 178100], [3, 140000], [3, 122000]]
    assert X.is_floating_point()
    np.testing.assert_allclose(X, expected, **_CLOSE)


def test_every_cell_of_the_flats_is_the_one_made_by_hand(flats, flats_csv):
    """All 110 numbers of the ten flats agree with those made from the file without pandas."""
    numeric, words = ["area", "rooms", "built", "price"], ["roof", "district"]
    rows = list(csv.DictReader(io.StringIO(flats_csv)))
    known = {name: [row[name] for row in rows if row[name] != "NA"] for name in rows[0]}
    mean = {name: sum(map(float, known[name])) / len(known[name]) for name in numeric}
    levels = [(name, word) for name in words for word in [*sorted(set(known[name])), "NA"]]
    by_hand = [
        [mean[name] if row[name] == "NA" else float(row[name]) for name in numeric]
        + [float(row[name] == word) for name, word in levels]
        for row in rows
    ]
    before = flats.copy()

    X = to_tensor(flats)

    assert by_hand[3] == [578.5 / 9, 4, 1999, 260, 0, 0, 1, 1, 0, 0, 0]
    np.testing.assert_allclose(X, by_hand, **_CLOSE)
    pd.testing.assert_frame_equal(flats, before)


@pytest.mark.misconception(
    "after `get_dummies`, `torch.tensor` just works",
    source="datawhalechina's solutions manual, 2.2.2, true until pandas 2",
)
def test_numbers_beside_booleans_are_objects(houses_csv):
    """Numbers and bools have no common dtype but object, which torch refuses to take."""
    dummies = pd.get_dummies(_read(houses_csv), dummy_na=True)

    with pytest.raises(TypeError, match=r"numpy\.object_"):
        torch.tensor(dummies.values)


@pytest.mark.misconception("convert the whole table, then split")
def test_a_test_row_leaks_into_the_training_rows(flats):
    """If a test flat's area grows by 900, the gap in a training row grows by 900/9 = 100.

    Fitted on the training rows alone, no number of theirs changes.
    """
    moved = flats.assign(area=flats["area"].where(flats.index != 8, 983.0))

    change = (to_tensor(moved) - to_tensor(flats))[:7].double()
    gap = torch.zeros(7, 11, dtype=torch.float64)
    gap[3, 0] = 900 / 9

    # Both means are below 2⁸ and each is off by 5ε at most.
    np.testing.assert_allclose(change, gap, rtol=0, atol=10 * 2**8 * 2**-23)
    assert torch.equal(_apply(moved[:7], _fit(moved[:7])), _apply(flats[:7], _fit(flats[:7])))


@pytest.mark.misconception("train and test may be converted one by one")
def test_parts_that_are_converted_one_by_one_do_not_fit_together(flats):
    """The training rows get 11 columns, the eighth flat alone gets 8; fitted, both have 11."""
    train, test = flats[:7], flats[7:8]

    assert (to_tensor(train).shape, to_tensor(test).shape) == ((7, 11), (1, 8))

    means = _fit(train)
    np.testing.assert_allclose(_apply(train, means), to_tensor(train), **_CLOSE)
    later = [[68, 17 / 6, 11846 / 6, 198, 0, 1, 0, 0, 1, 0, 0]]  # training means, by hand
    np.testing.assert_allclose(_apply(test, means), later, **_CLOSE)
    with pytest.raises(ValueError, match="roof_thatched"):
        _apply(test.assign(roof="thatched"), means)


@pytest.mark.edge
def test_dates_and_columns_of_one_name_are_refused():
    """A missing date is no number, but one step less turns it into −9.22 · 10¹⁸ in silence."""
    dates = pd.DataFrame({"sold": pd.to_datetime(["2020-01-01", None])})
    twice = pd.DataFrame([[None, 10.0], [2.0, None]], columns=["a", "a"])

    assert dates.to_numpy(dtype="float32")[1] == -(2.0**63)
    with pytest.raises(TypeError):
        to_tensor(dates)
    with pytest.raises(ValueError, match="one name"):
        to_tensor(twice)


def test_the_figure_shows_the_table_and_its_tensor(save_figure, houses_csv):
    """Beside the houses' table stands their tensor: 2 means for gaps, 10 numbers for words."""
    names, *cells = (line.split(",") for line in houses_csv.splitlines())
    X = to_tensor(_read(houses_csv))
    gaps = [row[0] == "NA" for row in cells]
    first = ["#f3c6a5" if gap else "white" for gap in gaps]
    blue = "#b7d6ea"

    fig = Figure(figsize=(6.4, 2.4))
    fig.text(0.5, 0.93, "orange: a mean for a gap      blue: columns for words", ha="center")
    left, right = fig.add_axes((0.02, 0.04, 0.4, 0.74)), fig.add_axes((0.46, 0.04, 0.52, 0.74))
    colours = [[colour, blue, "white"] for colour in first]
    tables = [left.table(cells, colours, colLabels=names, cellLoc="center", bbox=[0, 0, 1, 1])]
    cells = [[f"{number:.0f}" for number in row] for row in X]
    colours = [[colour, "white", blue, blue] for colour in first]
    names = ["NumRooms", "Price", "Pave?", "missing?"]
    tables += [
        right.table(cells, colours, colLabels=names, cellLoc="center", bbox=[0, 0, 1, 1])
    ]
    for ax, table, title in zip((left, right), tables, ("table", "tensor"), strict=True):
        table.auto_set_font_size(False)
        ax.set_title(title)
        ax.axis("off")

    rooms = [tables[1][row, 0].get_text().get_text() for row in range(1, 6)]
    assert [room for room, gap in zip(rooms, gaps, strict=True) if gap] == ["3", "3"]
    save_figure(fig)
