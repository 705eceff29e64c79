"""2.2.2 — The tensor of a table is fitted on its training rows and merely applied to others.

Question
--------
The table of 2.2.1 has lost its emptiest column.  Turn the rest, with its gaps and its words,
into a tensor.
<https://zh.d2l.ai/chapter_preliminaries/pandas.html>

Answer
------
In two steps, so that rows which come later are treated like those that were there before.

- *Fit* on the training rows: the mean of each numeric column, the categories of the others.
- *Transform* any rows: a missing number becomes the training mean; a word becomes a row of
  0/1 columns, one for each training category and a last one for "missing".  All is float32.

Seven training rows of `area, rooms, built, roof, district` become a (7, 10) tensor: three
numbers, then 2 + 1 columns for the roof and 3 + 1 for the district.  The target is never
imputed: a row without a price teaches nothing about prices.

Why
---
*Means.*  If one number c must stand for k known values with mean m, then

    Σ (xᵢ − c)² = Σ (xᵢ − m)² + k (c − m)²

is smallest at c = m.  The price: n − k more cells at m add nothing to Σ (xᵢ − m)², so over
all n cells the mean stays m, but the variance shrinks to k/n of what it was.

*Training rows only.*  Fitted on all rows, the mean contains the rows of the test.  If one of
them moves by Δ, every imputed cell of the training tensor moves by Δ/k: the training has
seen part of its own exam.

*One column for each word.*  Numbers 0, 1, 2 would put an order and distances among words.

In practice
-----------
- Say which columns are numeric.  One typo, `8O` with a letter O, makes a column of text, and
  `get_dummies` then turns every number in it into a category of its own.
- `get_dummies` on train and test apart gives different columns.  Beside numbers its columns
  are boolean, so `.values` has dtype object, which torch refuses; `to_numpy(dtype=float)`
  helps.
- float32 has 24 significant bits: identifiers above 2²⁴ = 16 777 216 are rounded.
- pandas 3 ignores `table["area"].fillna(0, inplace=True)`, which pandas 2 still obeys, with a
  warning: assign the result instead.

Hints
-----
1. Which numbers does your conversion compute from the table, and from which rows?
2. Change a cell of a test row: no number in the training tensor may change.
3. Let one function return means and categories, and another use them on any rows.
"""

import csv
import io
import math
import re
from fractions import Fraction
from numbers import Real

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure

# The ten flats of 2.2.1 without `alley`; the first seven are for training.
_CSV = """\
area,rooms,built,roof,district,price
62,3,1971,flat,north,185
48,2,NA,gable,harbour,142
75,NA,1958,gable,north,210
NA,4,1999,NA,old town,260
55,2,1964,flat,harbour,150
91,5,2004,gable,old town,305
39,1,1950,NA,north,118
68,NA,NA,gable,harbour,198
83,4,NA,flat,old town,272
57,3,NA,NA,north,171
"""
_NUMERIC, _CATEGORICAL = ["area", "rooms", "built"], ["roof", "district"]


def fit(train, numeric, categorical):
    """What the training rows teach: a dict of means and a dict of sorted lists of categories.

    `numeric` and `categorical` name the columns; either may be empty.  The means are floats,
    over the known cells; a number may be stored in any dtype, also as the text "62".
    Raises ValueError, always with the name of the column, for a numeric cell that is not a
    number ("not a number", with the cell) or is infinite in float32 ("not finite"), for a
    column without a single known cell ("no known value"), one that is absent ("no column") and
    one that stands there twice ("twice"); TypeError ("a DataFrame") for another table.
    """
    means = {name: float(_known(_numbers(train, name)).mean()) for name in numeric}
    categories = {name: sorted(_known(_column(train, name)).unique()) for name in categorical}
    return means, categories


def transform(table, means, categories):
    """The rows of `table` as a float32 tensor, by the means and categories of `fit`.

    The columns are the numeric ones in the order of `means`, then for each categorical one
    its 0/1 columns: the categories in their order, "missing" last.  Other columns of the table
    are left out, and a table without rows gives a tensor without rows.  The errors are those
    of `fit`, but a column may be all missing, and a category may be new: ValueError
    ("unknown category", with the names of column and category).  What `fit` can't have given
    is refused too: TypeError ("dict") and ("number"), ValueError ("not finite") for a mean.
    """
    _check(means, categories)
    blocks = [_numbers(table, name).fillna(float(mean)) for name, mean in means.items()]
    for name, known in categories.items():
        column = _column(table, name)
        unknown = sorted(set(column.dropna()) - set(known))
        if unknown:
            raise ValueError(
                f"column {name!r}: unknown category {unknown[0]!r}, not in {known}"
            )
        blocks += [column.isin([category]) for category in known] + [column.isna()]
    return torch.tensor(np.column_stack(blocks), dtype=torch.float32)


def target_tensor(table, name):
    """The numeric column `name` as a float32 tensor of shape (n,), n ≥ 0, nothing imputed.

    The errors are those of `fit` for a numeric cell or an absent column; a missing cell is a
    ValueError ("missing", with the name of the column).
    """
    numbers = _numbers(table, name)
    if numbers.isna().any():
        raise ValueError(f"column {name!r}: {numbers.isna().sum()} missing, expected none")
    return torch.tensor(numbers.to_numpy(), dtype=torch.float32)


def _check(means, categories):
    if not (isinstance(means, dict) and isinstance(categories, dict)):
        raise TypeError(f"expected two dicts, got {means!r} and {categories!r}")
    for name, mean in means.items():
        if not isinstance(mean, Real):
            raise TypeError(f"column {name!r}: expected a number as mean, got {mean!r}")
        if not math.isfinite(mean):
            raise ValueError(f"column {name!r}: the mean {mean} is not finite")
    if not means and not categories:
        raise ValueError("no column to make a tensor of")


def _column(table, name):
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"expected a DataFrame, got {type(table).__name__}")
    if name not in table.columns:
        raise ValueError(f"no column {name!r} among {list(table.columns)}")
    if (table.columns == name).sum() > 1:
        raise ValueError(f"column {name!r} stands there twice")
    return table[name]


def _numbers(table, name):
    column = _column(table, name)
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    strange = column[numbers.isna() & column.notna()]
    if len(strange):
        raise ValueError(f"column {name!r}: {strange.iloc[0]!r} is not a number")
    if (numbers.abs() > torch.finfo(torch.float32).max).any():
        raise ValueError(f"column {name!r}: {numbers.abs().max()} is not finite in float32")
    return numbers


def _known(column):
    if column.isna().all():
        raise ValueError(f"column {column.name!r}: no known value to learn from")
    return column.dropna()


def _says(*words):
    """A pattern for messages that hold all the words, in any order."""
    return "".join(f"(?=.*{re.escape(word)})" for word in words)


@pytest.fixture
def flats(tmp_path):
    """The ten flats, written to a CSV file and read back."""
    path = tmp_path / "flats.csv"
    path.write_text(_CSV, encoding="utf-8")
    return pd.read_csv(path)


def _fitted(train):
    return fit(train, _NUMERIC, _CATEGORICAL)


def test_the_training_rows_teach_means_and_categories(flats):
    """Sums by hand; the price is not a feature and is not learned."""
    means, categories = _fitted(flats[:7])

    assert means == {
        "area": (62 + 48 + 75 + 55 + 91 + 39) / 6,
        "rooms": (3 + 2 + 4 + 2 + 5 + 1) / 6,
        "built": (1971 + 1958 + 1999 + 1964 + 2004 + 1950) / 6,
    }
    assert all(type(mean) is float for mean in means.values())
    assert categories == {
        "roof": ["flat", "gable"],
        "district": ["harbour", "north", "old town"],
    }


def test_every_cell_of_the_tensor_is_the_one_made_by_hand(flats):
    """All ten rows, from the characters of the file, without pandas."""
    means = {"area": 370 / 6, "rooms": 17 / 6, "built": 11846 / 6}
    words = {
        "roof": ["flat", "gable", "NA"],
        "district": ["harbour", "north", "old town", "NA"],
    }
    rows = list(csv.DictReader(io.StringIO(_CSV)))
    by_hand = [
        [means[name] if row[name] == "NA" else float(row[name]) for name in means]
        + [float(row[name] == word) for name in words for word in words[name]]
        for row in rows
    ]

    X = torch.cat([transform(part, *_fitted(flats[:7])) for part in (flats[:7], flats[7:])])

    assert by_hand[3] == [370 / 6, 4, 1999, 0, 0, 1, 0, 0, 1, 0]
    assert X.shape == (10, 10)
    assert torch.equal(X, torch.tensor(by_hand, dtype=torch.float32))
    assert X.isfinite().all()
    assert torch.equal(
        target_tensor(flats, "price"), torch.tensor([float(row["price"]) for row in rows])
    )


def test_the_mean_stays_and_the_variance_shrinks(flats):
    """Six of seven areas are known: mean 370/6, and 6/7 of the variance about it."""
    train = flats[:7]
    known = [Fraction(x) for x in (62, 48, 75, 55, 91, 39)]
    mean = sum(known) / 6
    variance = sum((x - mean) ** 2 for x in known) / 6

    area = transform(train, *_fitted(train))[:, 0].double()

    assert area.mean().item() == pytest.approx(float(mean), rel=1e-6)
    assert area.var(correction=0).item() == pytest.approx(float(variance * 6 / 7), rel=1e-6)


def test_no_other_constant_is_closer_to_the_known_cells():
    """The identity of the docstring, for symbols x₁ … x₄ and c."""
    *x, c = sp.symbols("x1:5 c")
    m = sum(x) / 4

    distance = sum((xi - c) ** 2 for xi in x)

    assert sp.expand(distance - sum((xi - m) ** 2 for xi in x) - 4 * (c - m) ** 2) == 0


def test_later_rows_may_be_few_empty_or_all_missing(flats):
    """The width is that of the training rows, whatever comes; row order is kept."""
    learned = _fitted(flats[:7])
    nothing = flats[:1].assign(area=np.nan, rooms=None, built=pd.NA, roof=None, district=np.nan)

    assert transform(flats[:0], *learned).shape == (0, 10)
    assert torch.equal(transform(flats[::-1], *learned), transform(flats, *learned).flip(0))

    expected = [370 / 6, 17 / 6, 11846 / 6, 0, 0, 1, 0, 0, 0, 1]
    assert torch.equal(transform(nothing, *learned), torch.tensor([expected]))


def test_text_and_nullable_numbers_are_numbers(flats):
    """How the cells are stored does not matter, as long as each says a number."""
    X = transform(flats, *_fitted(flats))

    for dtype in ("Float64", "string", object):
        stored = flats.astype(dict.fromkeys(_NUMERIC, dtype))
        assert torch.equal(transform(stored, *_fitted(stored)), X)


@pytest.mark.misconception("impute first, then split")
@pytest.mark.parametrize("column", _NUMERIC)
def test_an_early_mean_leaks_test_rows_into_training(flats, column):
    """A test cell moves by Δ = 900: fitted on all rows, the training gap moves by Δ / k."""
    flats[column] = flats[column].astype(float).where(flats.index < 7, 50.0)
    moved = flats.copy()
    moved.loc[8, column] += 900
    gaps = flats[column].isna()
    assert gaps.sum() == gaps[:7].sum() == 1

    early, leaked = (transform(table[:7], *_fitted(table)) for table in (flats, moved))
    change = (leaked - early)[:, _NUMERIC.index(column)]
    assert change.tolist() == pytest.approx(
        [900 / 9 if gap else 0 for gap in gaps[:7]], abs=1e-3
    )

    before, after = (transform(table[:7], *_fitted(table[:7])) for table in (flats, moved))
    assert torch.equal(before, after)


def test_a_message_counts_only_with_all_its_words():
    """The pattern of the tests below is itself held to a known case."""
    assert re.search(_says("roof", "number"), "not a number in roof")
    assert not re.search(_says("roof", "number"), "not a value in roof")


@pytest.mark.misconception("after get_dummies, torch.tensor just works")
def test_numbers_beside_booleans_are_objects(flats):
    """float64 and bool have no common dtype but object; asking for floats helps."""
    dummies = pd.get_dummies(flats, dummy_na=True)

    assert dummies.values.dtype == object
    with pytest.raises(TypeError, match=r"numpy\.object_"):
        torch.tensor(dummies.values)

    assert torch.tensor(dummies.to_numpy(dtype=float)).shape == (10, 4 + 3 + 4)


@pytest.mark.misconception("get_dummies makes the same columns of train and test")
def test_two_parts_of_a_table_get_different_dummies(flats):
    """The eighth flat alone has one roof and one district; fitted, it keeps the width 10."""
    train, test = flats[:7], flats[7:8]

    assert len(pd.get_dummies(train[_CATEGORICAL]).columns) == 2 + 3
    assert list(pd.get_dummies(test[_CATEGORICAL])) == ["roof_gable", "district_harbour"]
    assert transform(test, *_fitted(train)).shape == (1, 10)


@pytest.mark.misconception("a reader that finds no number complains")
def test_one_typo_turns_every_number_into_a_category():
    """`9l` for 91: pandas silently reads text, and nine areas become nine categories."""
    flats = pd.read_csv(io.StringIO(_CSV.replace("91,5", "9l,5")))

    assert flats["area"].dropna().map(type).eq(str).all()
    assert len(pd.get_dummies(flats["area"]).columns) == 9

    with pytest.raises(ValueError, match=_says("area", "9l", "not a number")):
        _fitted(flats)


@pytest.mark.misconception("fillna(inplace=True) fills the table")
def test_a_column_filled_in_place_was_a_copy(flats):
    """Since pandas 3, `table[name]` is a copy; the warning is all that happens.

    pandas 2 fills the table for the last time: its warning is one of the future.
    """
    kinds = pd.errors.ChainedAssignmentError, FutureWarning
    with pytest.warns(kinds, match="set on a copy") as warned:
        flats["area"].fillna(0, inplace=True)

    assert len(warned) == 1
    filled = issubclass(warned[0].category, FutureWarning)
    assert flats["area"].isna().sum() == (0 if filled else 1)


def test_whole_numbers_are_exact_up_to_24_bits():
    """The next one falls back onto 2²⁴: an identifier loses its neighbour."""
    table = pd.DataFrame({"id": [2**24 - 1, 2**24, 2**24 + 1]})

    ids = target_tensor(table, "id").long().tolist()

    assert ids == [2**24 - 1, 2**24, 2**24]


@pytest.mark.parametrize("name", [*_NUMERIC, *_CATEGORICAL])
def test_a_column_that_teaches_nothing_is_refused(flats, name):
    """All cells missing in training, or no column of that name."""
    with pytest.raises(ValueError, match=_says(name, "no known value")):
        _fitted(flats.assign(**{name: np.nan}))
    with pytest.raises(ValueError, match=_says("no column", name)):
        _fitted(flats.drop(columns=name))
    with pytest.raises(ValueError, match=_says("no column", name)):
        transform(flats.drop(columns=name), *_fitted(flats))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("twelve", ["twelve", "not a number"]),
        ("nan", ["nan", "not a number"]),
        (np.inf, ["not finite"]),
        (-np.inf, ["not finite"]),
        (3.5e38, ["not finite"]),
        (-3.5e38, ["not finite"]),
    ],
)
def test_a_cell_without_a_finite_number_is_refused(flats, cell, words):
    """In training, in later rows and in the target; float32 ends at 3.4 · 10³⁸."""
    bad = flats.astype({"area": object, "price": object})
    bad.loc[5, ["area", "price"]] = cell

    with pytest.raises(ValueError, match=_says("area", *words)):
        _fitted(bad)
    with pytest.raises(ValueError, match=_says("area", *words)):
        transform(bad, *_fitted(flats))
    with pytest.raises(ValueError, match=_says("price", *words)):
        target_tensor(bad, "price")


def test_the_largest_float32_is_still_a_number():
    """The bound itself passes, with either sign."""
    largest = torch.finfo(torch.float32).max
    table = pd.DataFrame({"y": [largest, -largest]})

    assert torch.equal(target_tensor(table, "y"), torch.tensor([largest, -largest]))


def test_the_bound_does_not_move_with_the_default_dtype():
    """With float64 as torch's default, 3.5 · 10³⁸ is still infinite in the float32 tensor."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(ValueError, match="not finite"):
            target_tensor(pd.DataFrame({"y": [3.5e38]}), "y")
    finally:
        torch.set_default_dtype(default)


def test_a_category_never_seen_in_training_is_refused(flats):
    """Its column does not exist, and a row of zeros would be a silent guess."""
    with pytest.raises(ValueError, match=_says("roof", "unknown category", "thatched")):
        transform(flats.assign(roof="thatched"), *_fitted(flats))


def test_a_missing_or_absent_target_is_refused(flats):
    """A price is measured or it is not; no mean can stand for the answer."""
    with pytest.raises(ValueError, match=_says("price", "missing")):
        target_tensor(flats.assign(price=flats["price"].where(flats.index != 3)), "price")
    with pytest.raises(ValueError, match=_says("no column", "Price")):
        target_tensor(flats, "Price")


def test_what_is_no_table_and_a_column_that_stands_twice_are_refused(flats):
    """Of two columns of one name neither is the column."""
    means, categories = _fitted(flats)
    answers = (
        _fitted,
        lambda table: transform(table, means, categories),
        lambda table: target_tensor(table, "area"),
    )

    for answer in answers:
        for bad in (None, flats.to_dict("list")):
            with pytest.raises(TypeError, match="a DataFrame"):
                answer(bad)
        with pytest.raises(ValueError, match=_says("area", "twice")):
            answer(pd.concat([flats, flats[["area"]]], axis=1))


def test_means_and_categories_that_no_fit_gives_are_refused(flats):
    """Also where no cell is missing, so that no mean is needed."""
    for bad in ([["area", 62.0]], None):
        with pytest.raises(TypeError, match="dict"):
            transform(flats, bad, {})
        with pytest.raises(TypeError, match="dict"):
            transform(flats, {"area": 62.0}, bad)
    for bad in ("62", None):
        with pytest.raises(TypeError, match=_says("price", "number")):
            transform(flats, {"price": bad}, {})
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=_says("price", "not finite")):
            transform(flats, {"price": bad}, {})
    with pytest.raises(ValueError, match="no column"):
        transform(flats, {}, {})


def test_the_figure_shows_a_typo_in_the_test_reaching_the_training(flats, save_figure):
    """Fitted on all rows, the imputed area rises by 1/9 m² for each m² typed in a test row."""
    typed = [68, 200, 340, 500, 680]
    tables = [flats.assign(area=flats["area"].where(flats.index != 7, x)) for x in typed]
    imputed = {
        "all ten rows": [fit(t, ["area"], [])[0]["area"] for t in tables],
        "the seven training rows": [fit(t[:7], ["area"], [])[0]["area"] for t in tables],
    }

    fig = Figure()
    ax = fig.subplots()
    for (name, areas), style in zip(imputed.items(), ["o--", "s-"], strict=True):
        ax.plot(typed, areas, style, label=f"mean of {name}")
    ax.set(
        xlabel="area typed in a test row (m²); 68 is right, 680 a typo",
        ylabel="imputed in a training row (m²)",
        title="A training tensor must not know its test rows",
        ylim=(0, 150),
        xticks=typed,
    )
    ax.legend()

    leaking, fitted = (line.get_ydata() for line in ax.lines)
    assert leaking[-1] - leaking[0] == pytest.approx((680 - 68) / 9)
    assert np.ptp(fitted) == 0
    assert fitted[0] == pytest.approx(370 / 6)
    save_figure(fig)
