"""2.2.1 — `isna().sum().idxmax()` names a column even where nothing is missing.

Question
--------
Write a raw table with more rows and columns than the book's, some cells missing, to a CSV file
and read it.  Drop the column with the most missing values.
<https://zh.d2l.ai/chapter_preliminaries/pandas.html>

Answer
------
Count the missing cells of each column and drop the one with the largest count:

    table = pd.read_csv(path)
    table = table.drop(columns=table.isna().sum().idxmax())

In the book's table with a fifth row, `Alley` goes: its count is 3, against 2 of `NumRooms`
and 0 of `Price`.  In a table of ten flats `alley` goes, with 6 of 10 cells missing.

The last line always drops *some* column.  So ask three questions before you use it:

- Is anything missing?  If not, nothing is to be dropped.
- Is the largest count reached once?  In a tie there is no emptiest column, and you decide.
- Is it the target?  What is to be predicted stays, so it takes no part in the count.

Why
---
`idxmax` gives the first place where the maximum is reached.  In a complete table the maximum
is 0, and its first place is the first column.  In a tie the order of the columns decides,
which has nothing to do with the data.  And the target is a column like any other to pandas.

Hints
-----
1. What does `idxmax` answer when all counts are equal?
2. Give a complete table to your function, then one whose prices are mostly missing.
"""

import csv
import io
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure


def read_table(path):
    """The table in the CSV file `path`, whose first line names the columns."""
    return pd.read_csv(path, index_col=False)  # first cells are never names of rows


def drop_emptiest_column(table, target):
    """The table without its emptiest column, or the whole if none but `target` has gaps.

    The column `target` takes no part and stays.  Raises ValueError in a tie, or without it.
    """
    counts = table.isna().sum().to_numpy() * (table.columns != target)
    emptiest = (counts > 0) & (counts == counts.max())
    if emptiest.sum() > 1 or target not in table:
        raise ValueError(f"a tie, or no {target!r}, among {list(table.columns[emptiest])}")
    return table.loc[:, ~emptiest]


def _read(folder, text):
    """The table of a text, by way of a CSV file."""
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_the_book_s_houses_lose_the_alley(tmp_path, houses_csv):
    """Of the book's table with a fifth row `Alley` goes; with means the rest is a tensor."""
    houses = _read(tmp_path, houses_csv)
    assert houses.isna().sum().tolist() == [2, 3, 0]

    rest = drop_emptiest_column(houses, "Price")

    tensor = torch.tensor(rest.fillna(rest.mean()).to_numpy(dtype=float))
    prices = [127500, 106000, 178100, 140000, 122000]
    assert list(rest) == ["NumRooms", "Price"]
    assert tensor.T.tolist() == [[3, 2, 4, 3, 3], prices]


def test_every_cell_is_read_as_a_number_a_word_or_a_gap(tmp_path, flats_csv):
    """All cells of the flats are read as they stand, numbers as numbers; equal rows stay."""
    text = flats_csv + "62.5,3,1971,NA,Flat,north,185\n"
    names, *rows = csv.reader(io.StringIO(text))

    table = _read(tmp_path, text)

    cells = table.astype(object).where(table.notna(), "NA").to_numpy().tolist()
    assert list(table) == names
    assert cells == [[float(c) if c[0].isdigit() else c for c in row] for row in rows]


def test_the_flats_lose_the_alley_and_nothing_else(tmp_path, flats_csv):
    """Only `alley` goes, with 6 gaps; the other six columns stay, and so does the argument."""
    flats, before = _read(tmp_path, flats_csv), _read(tmp_path, flats_csv)

    rest = drop_emptiest_column(flats, "price")

    assert before.isna().sum().tolist() == [1, 2, 4, 6, 3, 0, 0]
    pd.testing.assert_frame_equal(rest, before.drop(columns="alley"))
    pd.testing.assert_frame_equal(flats, before)


@pytest.mark.parametrize("place", [0, 3])
def test_every_pattern_of_counts_has_its_answer(place):
    """For all 27 counts in three columns one goes, or none, or it is a tie and ValueError.

    `idxmax` names the first column that reaches the maximum in each case.
    """
    for counts in product([0, 1, 2], repeat=3):
        missing = dict(zip("abc", counts, strict=True))
        table = pd.DataFrame(
            {name: [np.nan] * n + [1.0] * (2 - n) for name, n in missing.items()}
        )
        assert table.isna().sum().idxmax() == "abc"[counts.index(max(counts))]
        table.insert(place, "y", np.nan)  # the target, all of it missing
        highest = [name for name, n in missing.items() if n == max(counts) > 0]

        if len(highest) > 1:
            with pytest.raises(ValueError):  # noqa: PT011 in any words
                drop_emptiest_column(table, "y")
        else:
            rest = drop_emptiest_column(table, "y")
            pd.testing.assert_frame_equal(rest, table.drop(columns=highest))


@pytest.mark.misconception(
    "`isna().sum().idxmax()` names the column with the most missing cells",
    source="datawhalechina's solutions manual, 2.2.1",
)
def test_idxmax_names_a_column_where_none_is_the_emptiest(tmp_path, flats_csv):
    """`idxmax` names one of two complete columns, and one of two with 3 gaps, as published."""
    complete = _read(tmp_path, flats_csv).dropna(axis="columns")
    tied = _read(tmp_path, "MSZoning,Alley,Price\nRL,Pave,127500\n" + 3 * "NA,NA,106000\n")

    assert complete.isna().sum().idxmax() == "district"
    assert tied.isna().sum().idxmax() == "MSZoning"
    pd.testing.assert_frame_equal(drop_emptiest_column(complete, "price"), complete)
    with pytest.raises(ValueError):  # noqa: PT011 in any words
        drop_emptiest_column(tied, "Price")


@pytest.mark.misconception("the target may be dropped like any other column")
def test_an_unlabelled_target_stays(tmp_path, flats_csv):
    """With 7 of 10 prices missing `idxmax` names the price; still the alley has to go."""
    flats = _read(tmp_path, flats_csv)
    flats["price"] = flats["price"].where(flats.index > 6)

    assert flats.isnull().sum().idxmax() == "price"
    rest = drop_emptiest_column(flats, "price")
    pd.testing.assert_frame_equal(rest, flats.drop(columns="alley"))


@pytest.mark.edge
def test_columns_of_one_name_are_told_apart_and_a_misspelt_target_is_refused():
    """Of two columns `a` only the empty one goes; a misspelt target would not be kept."""
    table = pd.DataFrame([[np.nan, 1.0, 2.0]], columns=["a", "a", "y"])

    pd.testing.assert_frame_equal(drop_emptiest_column(table, "y"), table.iloc[:, 1:])
    with pytest.raises(ValueError, match="'Y'"):
        drop_emptiest_column(table, "Y")


@pytest.mark.edge
def test_a_row_that_is_too_long_shifts_nothing(tmp_path):
    """A comma at the end of each row is harmless; a cell too many is warned of, or refused.

    Left alone, pandas takes the first cells of all rows for names if the first row is too long.
    """
    text = "area,price\n62,185\n48,142\n"
    commas = "area,price\n62,185,\n48,142,\n"

    assert pd.read_csv(io.StringIO(commas))["area"].tolist() == [185, 142]
    pd.testing.assert_frame_equal(_read(tmp_path, commas), _read(tmp_path, text))
    with pytest.warns(pd.errors.ParserWarning, match="Length of header"):
        _read(tmp_path, text.replace("62,185", "62,185,7"))
    with pytest.raises(pd.errors.ParserError, match="saw 3"):
        _read(tmp_path, text.replace("48,142", "48,142,7"))


def test_the_figure_shows_the_gaps_and_their_counts(tmp_path, save_figure, flats_csv):
    """In the map of the ten flats each dark cell is a gap, and `alley` has 6 of them."""
    flats = _read(tmp_path, flats_csv)
    gaps = flats.isna()
    (emptiest,) = set(flats) - set(drop_emptiest_column(flats, "price"))

    fig = Figure(figsize=(6, 4))
    top, cells = fig.subplots(2, sharex=True, height_ratios=[1, 2], gridspec_kw={"hspace": 0.1})
    bars = top.bar(np.arange(7) + 0.5, gaps.sum(), color="0.75")
    bars[flats.columns.get_loc(emptiest)].set_color("C1")
    top.bar_label(bars)
    top.set(ylabel="missing", yticks=[], ylim=(0, 8))
    top.set_title(f"{emptiest} goes: {gaps[emptiest].sum()} of {len(flats)} cells missing")
    mesh = cells.pcolormesh(gaps, cmap="Greys", vmin=0, vmax=1.4, edgecolors="0.8", linewidth=1)
    cells.set(ylabel="row (dark: missing)")
    cells.set_yticks(np.arange(10) + 0.5, range(1, 11))
    cells.set_xticks(np.arange(7) + 0.5, [*flats.columns[:-1], "price\n(target)"])
    cells.invert_yaxis()
    for ax in (top, cells):
        ax.grid(visible=False)

    drawn = np.asarray(mesh.get_array()).reshape(10, 7)
    assert [bar.get_height() for bar in bars] == drawn.sum(axis=0).tolist()
    assert top.get_title() == "alley goes: 6 of 10 cells missing"
    save_figure(fig)
