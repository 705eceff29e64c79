"""The search takes pages and queries apart into the same words."""

import shutil
import subprocess

import pytest
from search import AnyScript

_WORDS = [
    ("Row sums need keepdim.", ["Row", "sums", "need", "keepdim"]),
    ("2.3.6 and 3.1.2a, in 2026", ["2.3.6", "and", "3.1.2a", "in", "2026"]),
    ("∇‖x‖₂ = XᵀX", ["∇", "‖", "x", "‖", "₂", "XᵀX"]),
    ("row_shares(A)", ["row_shares", "A"]),
]


@pytest.fixture
def search():
    """Sphinx's search with the book's words."""
    return AnyScript({})


@pytest.mark.parametrize(("text", "words"), _WORDS)
def test_numbers_names_and_signs_are_words(search, text, words):
    """A number with points is one word, and so is a name with underscores."""
    assert search.split(text) == words


def test_chinese_is_found_by_characters_and_pairs(search):
    """Beside Latin words without a blank between them."""
    assert search.split("广播机制") == ["广播", "播机", "机制", *"广播机制"]
    assert search.split("用keepdim求和") == ["用", "keepdim", "求和", "求", "和"]


def test_bare_numbers_and_common_words_are_left_out(search):
    """Every page has some."""
    kept = [
        word for word in ("2026", "the", "2.3.6", "₂", "keepdim") if search.word_filter(word)
    ]

    assert kept == ["2.3.6", "₂", "keepdim"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize(("text", "words"), [*_WORDS, ("广播机制", ["广播", "播机", "机制"])])
def test_the_browser_takes_a_query_apart_in_the_same_way(text, words):
    """Of three Chinese characters or more it asks for pairs."""
    code = f"{AnyScript.js_splitter_code}\nconsole.log(splitQuery({text!r}).join('\\n'))"
    run = subprocess.run(["node", "-e", code], capture_output=True, encoding="utf-8")

    assert run.stdout.splitlines() == words
