"""2.2.1 — The emptiest column goes only if it exists, stands alone and is not the target.

Question
--------
Write a raw table with more rows and columns than the book's, some cells missing, and read it.
Drop the column with the most missing values.  (What is left becomes a tensor in 2.2.2.)
<https://zh.d2l.ai/chapter_preliminaries/pandas.html>

Answer
------
Count the missing cells of each column and take the largest count:

    counts = table.isna().sum()        table.drop(columns=counts.idxmax())

In the table below that is `alley`, with 6 of 10 cells missing.  The line finds *a* column
in every table, so three questions have to come first:

- Is anything missing?  If not, nothing is dropped.
- Is the largest count reached once?  In a tie there is no emptiest column; a person decides.
- Is it the target?  What is to be predicted stays, so it takes no part in the count.

Why
---
`idxmax` returns the first place where the maximum is reached.  With nothing missing every
count is 0, the maximum is 0, and its first place is the first column: a complete table loses
it, and loses one more each time the cell of a notebook is run again.  In a tie the order of
the columns decides, which has nothing to do with the data.  And the target is a column like
any other to pandas: when many labels are missing, the line drops them all.

In practice
-----------
Count in the training rows and drop the same column everywhere: train and test, each cleaned
alone, can lose different columns.  Before that, ask what a gap means.  pandas reads `NA`,
`None` and an empty cell as missing, but `?` and `-` as text.  In the Ames house data, which
have such an `Alley` too, `NA` says that a house *has* no alley: the emptiest column there
may be fully known.  And where the fact that a value is missing tells something about the
value, a 0/1 column for "was missing" keeps what dropping throws away.

References
----------
- D. B. Rubin, Inference and missing data, Biometrika 63 (1976), 581–592.
- D. De Cock, Ames, Iowa: alternative to the Boston housing data, Journal of Statistics
  Education 19 (3), 2011.

Hints
-----
1. What does `idxmax` answer when all counts are equal?
2. Give a complete table to your function, then one whose prices are mostly missing.
3. Take the target out before you count, and compare the largest count with all the others.
"""

import csv
import io
import os
import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

# Ten flats: m², rooms, year, the alley's surface, two more categories, price in 1000 euros.
_CSV = """\
area,rooms,built,alley,roof,district,price
62,3,1971,NA,flat,north,185
48,2,NA,paved,gable,harbour,142
75,NA,1958,NA,gable,north,210
NA,4,1999,NA,NA,old town,260
55,2,1964,gravel,flat,harbour,150
91,5,2004,NA,gable,old town,305
39,1,1950,NA,NA,north,118
68,NA,NA,paved,gable,harbour,198
83,4,NA,NA,flat,old town,272
57,3,NA,gravel,NA,north,171
"""


def read_table(path, target):
    """The table in the CSV file `path`; a space after a comma belongs to no name and no cell.

    Raises ValueError if the file is empty ("is empty", with the path), has a header only
    ("has no rows", with the path) or lacks the target ("no column", with its name); a row with
    too many cells is pandas' own ParserError, a ValueError too ("line", with its number).
    Raises FileNotFoundError ("No such file") for no file, TypeError ("a path") for no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"expected a path, got {path!r}")
    try:
        table = pd.read_csv(path, skipinitialspace=True)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty: expected a header and rows") from None
    if table.empty:
        raise ValueError(f"{path} has no rows below its header")
    _require(table, target)
    return table


def emptiest_column(table, target):
    """The name of the column with the most missing cells, None if no cell is missing.

    The column `target` takes no part.  Raises ValueError if it is not there ("no column",
    with its name) and if several columns share the largest count ("tie", with their names),
    TypeError ("a DataFrame") for another table.
    """
    _require(table, target)
    counts = table.drop(columns=target).isna().sum()
    if not counts.any():
        return None
    emptiest = list(counts.index[counts == counts.max()])
    if len(emptiest) > 1:
        raise ValueError(f"a tie at {counts.max()} missing cells between {emptiest}")
    return emptiest[0]


def drop_emptiest_column(table, target):
    """A table without `emptiest_column(table, target)`, all else in its order and unchanged.

    `table` itself stays as it is.  The errors are those of `emptiest_column`.
    """
    emptiest = emptiest_column(table, target)
    return table.copy() if emptiest is None else table.drop(columns=emptiest)


def _require(table, target):
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"expected a DataFrame, got {type(table).__name__}")
    if target not in table.columns:
        raise ValueError(f"no column {target!r} among {list(table.columns)}")


def _says(*words):
    """A pattern for messages that hold all the words, in any order."""
    return "".join(f"(?=.*{re.escape(word)})" for word in words)


@pytest.fixture
def flats(tmp_path):
    """The ten flats, written to a CSV file and read back."""
    path = tmp_path / "flats.csv"
    path.write_text(_CSV, encoding="utf-8")
    return read_table(path, "price")


def test_the_alley_goes(flats):
    """The oracle counts the letters NA in the file, without pandas."""
    rows = list(csv.DictReader(io.StringIO(_CSV)))
    by_hand = {name: sum(row[name] == "NA" for row in rows) for name in rows[0]}

    assert flats.shape == (10, 7)
    assert flats.isna().sum().to_dict() == by_hand
    assert sorted(by_hand.values()) == [0, 0, 1, 2, 3, 4, 6]
    assert by_hand["alley"] == 6
    assert emptiest_column(flats, "price") == "alley"


def test_the_rest_stays_as_it_was(flats):
    """Same cells, dtypes and order; the table that came in is not touched."""
    before = flats.copy()

    rest = drop_emptiest_column(flats, "price")

    assert list(rest) == ["area", "rooms", "built", "roof", "district", "price"]
    pd.testing.assert_frame_equal(rest, before[list(rest)])
    pd.testing.assert_frame_equal(flats, before)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_every_pattern_of_counts_has_its_answer(place):
    """All 27 counts of three features in two rows, an all-missing target at each place."""
    outcomes = {"none": 0, "one": 0, "tie": 0}
    for counts in product([0, 1, 2], repeat=3):
        missing = dict(zip("abc", counts, strict=True))
        table = pd.DataFrame(
            {name: [np.nan] * n + [1.0] * (2 - n) for name, n in missing.items()}
        )
        table.insert(place, "y", np.nan)
        highest = [name for name, n in missing.items() if n == max(counts)]

        if max(counts) == 0:
            outcomes["none"] += 1
            assert emptiest_column(table, "y") is None
        elif len(highest) == 1:
            outcomes["one"] += 1
            assert emptiest_column(table, "y") == highest[0]
        else:
            outcomes["tie"] += 1
            with pytest.raises(ValueError, match="tie") as refusal:
                emptiest_column(table, "y")
            assert [name for name in "abc" if f"'{name}'" in str(refusal.value)] == highest

    assert outcomes == {"none": 1, "one": 15, "tie": 11}


def test_missing_has_four_spellings_in_memory():
    """None, NaN, NaT and NA count; infinity, zero, an empty text and the text "nan" do not."""
    gaps = pd.Series([None, np.nan, pd.NaT, pd.NA], dtype=object)
    values = pd.Series([np.inf, 0, "", "nan"], dtype=object)

    table = pd.DataFrame({"values": values, "gaps": gaps, "y": 1.0})

    assert emptiest_column(table, "y") == "gaps"
    assert emptiest_column(table[["values", "y"]], "y") is None


def test_a_table_without_features_or_rows_loses_nothing(flats):
    """Nothing is missing where nothing is."""
    assert emptiest_column(flats[["price"]], "price") is None
    assert emptiest_column(flats[:0], "price") is None


@pytest.mark.misconception("isnull().sum().idxmax() is safe")
def test_idxmax_drops_a_column_of_a_complete_table(flats):
    """Every count is 0, the first 0 is the maximum: run seven times, the line eats all."""
    complete = flats.dropna(axis="columns")
    assert complete.isnull().sum().idxmax() == "district"

    eaten = flats
    for _ in range(7):
        eaten = eaten.drop(columns=eaten.isnull().sum().idxmax())
    assert eaten.shape == (10, 0)

    safe = drop_emptiest_column(complete, "price")
    pd.testing.assert_frame_equal(safe, complete)
    assert safe is not complete


def test_a_message_counts_only_with_all_its_words():
    """The pattern of the tests below is itself held to a known case."""
    assert re.search(_says("tie", "roof"), "roof and alley: a tie")
    assert not re.search(_says("tie", "roof"), "roof and alley")


@pytest.mark.misconception("in a tie it does not matter which column goes")
def test_the_order_of_the_columns_breaks_the_tie(flats):
    """Another order of the same columns loses another column, and nobody is told."""
    flats.loc[[0, 2], "built"] = np.nan
    pair = flats[["alley", "built", "price"]]
    assert pair.isna().sum().tolist() == [6, 6, 0]

    assert pair.isnull().sum().idxmax() == "alley"
    assert pair[["built", "alley", "price"]].isnull().sum().idxmax() == "built"

    with pytest.raises(ValueError, match=_says("tie", "alley", "built")):
        drop_emptiest_column(flats, "price")


@pytest.mark.misconception("the target may be dropped like any other column")
def test_an_unlabelled_target_stays(flats):
    """With 7 prices unknown the plain line leaves nothing to predict."""
    flats.loc[:6, "price"] = np.nan

    assert flats.isnull().sum().idxmax() == "price"
    assert "price" in drop_emptiest_column(flats, "price")
    assert emptiest_column(flats, "price") == "alley"


@pytest.mark.misconception("train and test can be cleaned each for itself")
def test_two_parts_of_a_table_lose_different_columns(flats):
    """Seven training rows lose the alley, the other three the year: X has two meanings."""
    train, test = flats[:7], flats[7:]

    assert emptiest_column(train, "price") == "alley"
    assert emptiest_column(test, "price") == "built"

    chosen = emptiest_column(train, "price")
    assert list(test.drop(columns=chosen)) == list(drop_emptiest_column(train, "price"))


@pytest.mark.misconception("pandas knows a missing value when it sees one")
def test_the_count_depends_on_how_a_gap_is_written(tmp_path):
    """`None` may be an answer and is read as a gap; `?` and `-` are gaps and read as text."""
    path = tmp_path / "marks.csv"
    path.write_text("garage,year,price\nNone,?,1\nNone,-,2\nbox,1990,3\n", encoding="utf-8")

    assert emptiest_column(read_table(path, "price"), "price") == "garage"

    told = pd.read_csv(path, keep_default_na=False, na_values=["?", "-"])
    assert emptiest_column(told, "price") == "year"


def test_spaces_after_commas_hide_neither_names_nor_gaps(tmp_path):
    """Read plainly, the header has a column ` price` and the gap is the text ` NA`."""
    path = tmp_path / "spaces.csv"
    path.write_text("area, alley, price\n62, NA, 185\n48, paved, 142\n", encoding="utf-8")

    assert emptiest_column(read_table(path, "price"), "price") == "alley"

    plain = pd.read_csv(path)
    assert " price" in plain
    assert not plain.isna().any(axis=None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty", "bad.csv"]),
        ("area,rooms,price\n", ["has no rows", "bad.csv"]),
        ("area,rooms\n62,3\n", ["no column", "price"]),
        ("area,price\n62,185\n48,2,142\n", ["line 3"]),
    ],
)
def test_a_file_that_holds_no_table_is_refused(tmp_path, text, words):
    """The message names the file, the column it lacks or the line that is too long."""
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=_says(*words)):
        read_table(path, "price")


def test_an_unknown_target_is_refused(flats):
    """A misspelt target would otherwise leave the real one among the columns that may go."""
    for function in (emptiest_column, drop_emptiest_column):
        with pytest.raises(ValueError, match=_says("no column", "Price")):
            function(flats, "Price")


def test_what_is_no_file_and_no_table_is_refused(flats, tmp_path):
    """A path without a file, None, an open file, a dict of columns."""
    with pytest.raises(FileNotFoundError, match="No such file"):
        read_table(tmp_path / "flats.tsv", "price")
    for bad in (None, 3, io.StringIO(_CSV)):
        with pytest.raises(TypeError, match="a path"):
            read_table(bad, "price")
    for function in (emptiest_column, drop_emptiest_column):
        for bad in (None, flats.to_dict("list")):
            with pytest.raises(TypeError, match="a DataFrame"):
                function(bad, "price")


def test_the_figure_shows_the_gaps_and_their_counts(flats, save_figure):
    """Each dark cell is one gap; the bar above a column counts them."""
    gaps = flats.isna()
    emptiest = emptiest_column(flats, "price")

    fig = Figure(figsize=(6, 4))
    top, cells = fig.subplots(2, sharex=True, height_ratios=[1, 2], gridspec_kw={"hspace": 0.1})
    bars = top.bar(np.arange(7) + 0.5, gaps.sum(), color="0.75")
    bars[gaps.columns.get_loc(emptiest)].set_color("C1")
    top.bar_label(bars)
    top.set(ylabel="missing", yticks=[], ylim=(0, 8))
    top.set_title(f"{emptiest} goes: {gaps[emptiest].sum()} of {len(flats)} cells missing")
    mesh = cells.pcolormesh(gaps, cmap="Greys", vmin=0, vmax=1.4, edgecolors="0.8", linewidth=1)
    cells.set(ylabel="row (dark: missing)", yticks=np.arange(10) + 0.5)
    cells.set_yticklabels(range(1, 11))
    cells.set_xticks(np.arange(7) + 0.5, [*flats.columns[:-1], "price\n(target)"])
    cells.invert_yaxis()
    for ax in (top, cells):
        ax.grid(visible=False)

    drawn = np.asarray(mesh.get_array()).reshape(10, 7)
    heights = [bar.get_height() for bar in bars]
    assert heights == drawn.sum(axis=0).tolist() == gaps.sum().tolist()
    assert flats.columns[np.argmax(heights)] == "alley"
    assert "alley goes: 6 of 10" in top.get_title()
    save_figure(fig)
