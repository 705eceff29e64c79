"""The book speaks each language: its own words, titles, and what is not translated yet."""

import ast
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from catalogues import (
    BY_HAND,
    FOLDER,
    catalogues,
    for_pytest,
    is_translated,
    key_of,
    messages,
    renewed,
)
from displays import has_words
from retold import PATTERNS
from translations import GLOSSARY, amiss

from fixtures.language import CATALOGUE, items, key, paragraphs

_HERE = Path(__file__).parent
ROOT = _HERE.parent
_LINKS = "<http", "English edition:"


@pytest.fixture
def own():
    """The catalogue of the book's own words."""
    return catalogues()["book"]


def _marked():
    """The words that `words.py` marks for translation."""
    for node in ast.walk(ast.parse((_HERE / "words.py").read_text(encoding="utf-8"))):
        is_mark = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"
        if is_mark and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def test_every_word_of_the_book_is_translated(own):
    """With the same places for numbers."""
    words = [*_marked(), *PATTERNS]

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


@pytest.mark.parametrize("name", catalogues())
def test_a_translation_says_the_same_in_the_terms_of_the_glossary(name):
    """Formulas, numbers, code, links are the same; punctuation is Chinese; terms are kept."""
    for message in messages(catalogues()[name]):
        if is_translated(message):
            assert list(amiss(message.id, message.string)) == [], message.string


@pytest.mark.parametrize(
    ("english", "chinese", "told"),
    [
        ("It is 3.", "它是 4。", "numbers differ: missing ['3'], new ['4']"),
        ("It takes 12.8 million.", "需要 1280 万。", ""),
        ("a ≤ b holds", "a < b 成立", "signs differ: missing ['≤'], new ['<']"),
        ("use `keepdim`", "用 `dim`", "code or links differ: missing ['`keepdim`']*"),
        ("A matrix", "一个阵", "“matrix/matrices” is 矩阵"),
        ("It is.", "是的.", "a half-width full stop*"),
        ("It is, too.", "也是, 对。", "a half-width sign after Chinese*"),
        ("x is 1", "x是 1", "no blank beside Latin*"),
        ("It is x.", "它是 x 。", "a blank beside a wide sign*"),
        ("yes (no)", "是(否)", "half-width parentheses around Chinese*"),
        ("so it is", "就 是", "a blank between Chinese words*"),
    ],
)
def test_what_is_amiss_in_a_translation_is_told(english, chinese, told):
    """And nothing else."""
    found = list(amiss(english, chinese))

    assert len(found) == bool(told)
    assert all(fnmatchcase(one, told.replace("[", "[[]")) for one in found)


def test_one_english_sentence_has_one_translation():
    """The same words mean the same on every page."""
    found = {}
    for catalogue in catalogues().values():
        for message in messages(catalogue):
            found.setdefault(" ".join(message.id.split()), set()).add(message.string)
    assert {english: told for english, told in found.items() if len(told) > 1} == {}


def test_the_glossary_has_each_term_once():
    """In the order of the alphabet, so that a merge shows what was added twice."""
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()[1:]
    terms = [line.partition(",")[0].lower() for line in lines]

    assert len(terms) == len(set(terms)) > 150
    assert terms == sorted(terms)


def test_the_catalogues_have_just_the_messages_of_the_pages(tmp_path, built):
    """Else `.book/build.py --catalogues` was forgotten; so for pytest's compiled one."""
    found = renewed(built / ".sources", tmp_path)

    kept = {path.stem: path.read_bytes() for path in FOLDER.glob("*.po")}
    assert found == {name: text for name, text in kept.items() if name not in BY_HAND}
    assert CATALOGUE.read_bytes() == for_pytest()


def _complete():
    return (FOLDER.parent / "complete.txt").read_text(encoding="utf-8").split()


@pytest.mark.parametrize("name", _complete())
def test_what_is_complete_stays_complete(name):
    """Each message of the catalogues in `complete.txt` is translated, and none is stale."""
    missing = [m.id for m in messages(catalogues()[name]) if not is_translated(m)]

    assert missing == []


def test_the_list_of_what_is_complete_only_grows():
    """No commit has taken a line away."""
    path = FOLDER.parent / "complete.txt"
    command = ["git", "log", "--patch", "--format=", "--", path]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")

    assert re.findall(r"^-(?!--).*", ran.stdout, re.MULTILINE) == []


def test_every_claim_question_and_answer_is_translated(pages):
    """Of a new page, too."""
    known = {
        key_of(message): message.string
        for catalogue in catalogues().values()
        for message in messages(catalogue)
        if is_translated(message)
    }
    for page in pages:
        assert page.title in known
        for heading in ("Question", "Answer"):
            for part in paragraphs(page.sections[heading]):
                told = [key(text) for _, text in items(part) if not text.startswith(_LINKS)]
                missing = [text for text in told if text not in known and has_words(text)]
                assert missing == [], page.name


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
    assert "<p>是\N{THIN SPACE}2.3.6\N{THIN SPACE}吗？</p>" in page
    assert re.search(r'<p class="untranslated[^"]*" lang="en">It is.</p>', page)
    assert "以前的" not in page
    assert re.search(r"\d+ 段中已译 1 段", page)
