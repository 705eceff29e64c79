"""Every formula of the project can be set, and reads back sign by sign as it was written."""

import html
import re
import textwrap
import unicodedata
from pathlib import Path

import pytest

_SAME = str.maketrans(
    {"-": "−", "Σ": "∑", "⋅": "·", "∣": "|", "*": "∗", "∥": "‖", "~": "∼", "ϕ": "φ"}
    | {"ϵ": "ε", "µ": "μ", "ˆ": "", "˜": "", "^": "", "¯": "", "‾": "", "_": "", "\u2061": ""}
    | {"\u2062": "", "\u0302": "", "\u0303": "", "\u0304": "", "\u02c6": "", "\u203e": ""}
)


def _signs(text):
    """The signs of a text, in order but for those of accents, scripts and blanks."""
    text = text.translate(_SAME).replace("=\u0338", "≠").replace("...", "…")
    return sorted(re.sub(r"\s", "", unicodedata.normalize("NFC", text)))


def _written(formula):
    """A formula's signs as typed: scripts are letters, what groups is not set."""
    from maths import SUBSCRIPTS, SUPERSCRIPTS

    text = unicodedata.normalize("NFD", formula).translate(
        str.maketrans(SUBSCRIPTS | SUPERSCRIPTS)
    )
    for _ in range(2):
        text = re.sub(r"√\(((?:[^()]|\([^()]*\))*)\)", r"√\1", text)
    return _signs(re.sub(r"\^\(([^()]*)\)", r"\1", text))


def _read_back(mathml):
    """The signs that MathML shows."""
    text = re.sub(r"<msqrt>", "√", mathml)
    return _signs(html.unescape(re.sub(r"<[^>]+>", "", text)))


def _texts(page):
    """The page's docstring and those of its tests."""
    return [page.docstring, page.title, *(fact.docstring for fact in page.facts)]


def _formulas(page):
    """All formulas of a page: those on lines of their own, and those within sentences."""
    from displays import cells_of, is_code, is_formula
    from sentences import split

    prose = []
    for text in _texts(page):
        for block in re.findall(r"(?:^    .*\n?|^\n(?=    ))+", text, re.MULTILINE):
            if not is_code(block):
                cells = cells_of(textwrap.dedent(block))
                yield from filter(is_formula, cells)
                prose += [cell for cell in cells if not is_formula(cell)]
        without = re.sub(r"\n    .*|<http\S*>|`[^`]*`", " ", text)
        prose += [" ".join(part.split()) for part in without.split("\n\n")]
    for text in prose:
        yield from (part for formula, part in split(text) if formula)


def test_every_formula_reads_back_as_it_was_written(pages):
    """None is lost, none gets another sign or parenthesis, and math-core refuses none."""
    from maths import mathml

    count = 0
    for page in pages:
        for formula in _formulas(page):
            assert _read_back(mathml(formula)) == _written(formula), page.exercise.number
            count += 1
    assert count > 5 * len(pages)


@pytest.mark.parametrize(
    ("written", "latex"),
    [
        ("aᵢⱼ / rⱼ", "a_{ij} / r_{j}"),
        ("‖x‖₂", r"\Vert x\Vert _{2}"),
        ("√(x·x)", r"\sqrt{x\cdot x}"),
        ("x̂ + ŷ", r"\hat{x} + \hat{y}"),
        ("e^(−x₂)", "e^{−x_{2}}"),
        ("Σᵢ log pᵢ", r"\sum _{i}\log p_{i}"),
        ("n if n > 0", r"n\text{ if }n > 0"),
        ("p_max", r"p_{\text{max}}"),
        ("10 000", r"10\,000"),
        ("5 %", r"5 \,\%"),
    ],
)
def test_signs_become_latex_one_by_one(written, latex):
    """A slash stays a slash; roots and scripts cover what they covered."""
    import maths

    assert maths.latex(written) == latex


def test_a_changed_sign_is_noticed():
    """The comparison above is not blind."""
    from maths import mathml

    assert _read_back(mathml("x − y")) != _written("x + y")
    assert _read_back(mathml("(x − y)/2")) != _written("x − y/2")


@pytest.mark.parametrize(
    ("sentence", "formulas"),
    [
        ("The gradient of ‖x‖₂ is x/‖x‖₂, a vector.", ["‖x‖₂", "x/‖x‖₂"]),
        ("A is a matrix, and so is XᵀX.", ["XᵀX"]),
        (" A step after bold words.", []),
        ("In 2 of 3 rows nothing happens.", []),
        ("For x = 3 and −y it holds.", ["x = 3", "−y"]),
        ("A shape (2, 3) is no formula, f(x + ih) is.", ["f(x + ih)"]),
        ("It takes n rows (d of them, d < n).", ["n", "d", "d < n"]),
        ("Call x.backward() first.", []),
        ("Given P(A | B) and |x|, as in J. Smith's book.", ["P(A | B)", "|x|"]),
    ],
)
def test_formulas_are_found_in_sentences(sentence, formulas):
    """Articles, numbers, shapes and initials are prose."""
    from sentences import split

    assert [part for formula, part in split(sentence) if formula] == formulas
    assert "".join(part for _, part in split(sentence)) == sentence


def test_displays_are_formulas_tables_or_code():
    """Columns that begin together make a table; a call is code."""
    from displays import display

    assert display("x = y").startswith("<div><span><math")
    assert display("A.sum(axis=1)   right").startswith("<pre>")
    table = display("n = 1      (1, d)      right\nother      raises")
    assert table.count("<tr>") == 2
    assert '<td colspan="2">raises</td>' in table


def test_a_table_may_begin_with_an_empty_cell_and_hold_chinese():
    """A Chinese character is two columns wide, and no formula."""
    from displays import display

    shown = display("        误差    γ\n甲      1.5     2\n")

    assert shown.startswith("<table><tr><td></td><td>误差</td><td><math>")
    assert shown.count("<tr>") == 2
    assert "<td>甲</td>" in shown


def test_a_chinese_sign_stays_with_the_formula_before_it():
    """So no line begins with it; blanks beside Chinese are thin."""
    from sentences import sentence

    shown = sentence("误差是 γ，而 A 是矩阵。")

    assert '<span class="together"><math><mi>γ</mi></math>，</span>' in shown
    assert shown.startswith("误差是\N{THIN SPACE}")
    assert "<mi>A</mi>" in shown


def test_every_character_is_in_the_fonts(built):
    """So that no reader's system has to have it; Chinese characters are the system's own."""
    from fontTools.ttLib import TTFont

    fonts = (Path(__file__).parent / "static").glob("*.woff2")
    known = {code for font in fonts for code in TTFont(font).getBestCmap()}
    missing = {}
    for path in built.rglob("*.html"):
        text = html.unescape(re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8")))
        for sign in set(text) - {"\n", "\t", "\u2009", "\u2061", "\u2062"}:
            if ord(sign) not in known and not "\u3000" <= sign <= "\uffef":
                missing.setdefault(sign, path.name)
    assert not missing
