"""The book speaks each language: its own words, titles, and what is not translated yet."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from sentences import split

_HERE = Path(__file__).parent
_CATALOGUES = sorted((_HERE / "locale").rglob("*.po"))


def _read(path):
    with path.open("rb") as file:
        return read_po(file)


@pytest.fixture
def own():
    """The catalogue of the book's own words."""
    return _read(_HERE / "locale" / "zh_CN" / "LC_MESSAGES" / "book.po")


def _marked():
    """The words that `words.py` marks for translation."""
    for node in ast.walk(ast.parse((_HERE / "words.py").read_text(encoding="utf-8"))):
        is_mark = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"
        if is_mark and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def test_every_word_of_the_book_is_translated(own):
    """With the same places for numbers."""
    words = list(_marked())

    assert len(words) > 30
    for word in words:
        assert own.get(word), word
        places = [set(re.findall(r"\{\w+\}", text)) for text in (word, own[word].string)]
        assert places[0] == places[1], word


def test_every_chapter_and_section_has_a_title_in_chinese(own, pages):
    """A new one wants a line in `book.po`."""
    from documents import chapter_of

    titles = {page.exercise.section for page in pages} | {chapter_of(page) for page in pages}
    assert [title for title in titles if not own.get(title)] == []


def _signs(text):
    """The code and the formulas of a text, each once."""
    found = [formula for is_formula, formula in split(text) if is_formula]
    return set(re.findall(r"`[^`]+`", text)), {f for f in found if re.search(r"[=/²ᵀᵢ₂≥]", f)}


@pytest.mark.parametrize("path", _CATALOGUES, ids=lambda path: path.stem)
def test_formulas_and_code_are_the_same_in_a_translation(path):
    """A translator's slip would be wrong mathematics."""
    for message in _read(path):
        if message.id and message.string and not message.fuzzy:
            assert _signs(message.string) == _signs(message.id), message.id


def test_a_stale_translation_is_shown_in_english_and_marked(project):
    """As an untranslated paragraph is; the page says how many are translated."""
    from build import build

    folder = project.root / "locale" / "zh_CN" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    fuzzy = '#, fuzzy\nmsgid "It is."\nmsgstr "以前的"\n'
    catalogue = f'{head}msgid "Is it 2.3.6?"\nmsgstr "是 2.3.6 吗？"\n\n{fuzzy}'
    (folder / "2.3.po").write_text(catalogue, encoding="utf-8")
    project.add("2.3.6", "def test_it():\n    '''It holds.'''\n")

    out = project.root / "artifacts" / "book"
    assert build(project.root, out, ["zh_CN"], locale=project.root / "locale")

    page = (out / "zh/2.3/2.3.6.html").read_text(encoding="utf-8")
    assert "<p>是 2.3.6 吗？</p>" in page
    assert re.search(r'<p class="untranslated[^"]*" lang="en">It is.</p>', page)
    assert "以前的" not in page
    assert re.search(r"\d+ 段中已译 1 段", page)
