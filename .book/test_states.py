"""A built page shows what was proved, what fails, what did not run and what is stale."""

import html
import re

import pytest

_PAGE = """
import pytest
from matplotlib.figure import Figure

def test_the_figure_shows_it(save_figure):
    '''The figure shows it.'''
    save_figure(Figure())
    assert HOLDS

@pytest.mark.misconception("it is two")
def test_two():
    '''It is not two.'''

@pytest.mark.edge
def test_large():
    '''It is large.'''
"""


@pytest.fixture
def book(project):
    """A project of one page; gives its section's, its chapter's and its own HTML."""
    project.add("2.3.6", "HOLDS = True\n" + _PAGE)

    def read():
        out = project.build()
        names = ("index", "2/index", "2.3/index", "2.3/2.3.6")
        return [(out / f"{name}.html").read_text(encoding="utf-8") for name in names]

    project.read = read
    return project


def _facts(page):
    """Of each fact: verdict, and whether it stands open."""
    return re.findall(r'<details class="fact (\w+)"[^>]*?( open="open")?>', page)


def test_a_page_that_holds(book):
    """Folded, with the belief in a group of its own, versions and the command to solve it."""
    book.pytest("--evidence")

    *others, page = book.read()

    assert _facts(page) == [("passed", ""), ("refuted", ""), ("passed", "")]
    assert page.index("Refuted beliefs") < page.index("it is two")
    assert (
        page.index("it is two") < page.index("Beyond the question") < page.index("It is large.")
    )
    assert ".venv/bin/pytest --solve 2.3.6" in page
    assert re.search(r"run on \d{4}-\d\d-\d\d \d\d:\d\d UTC with Python \S+, torch", page)
    for other in others:
        assert "1 of 1 exercises verified · facts that hold: 1 · refuted beliefs: 1" in other
        assert '<li class="passed">' in other
    assert not (book.root / "artifacts/book/zh").exists()


def test_a_page_that_changed_by_one_byte(book):
    """Stale on every page that shows it, and so is its figure."""
    book.pytest("--evidence")
    path = next((book.root / "exercises").rglob("test_*.py"))
    path.write_bytes(path.read_bytes() + b"\n")

    *others, page = book.read()

    assert {verdict for verdict, _ in _facts(page)} == {"stale"}
    assert '<div class="status stale"><p>changed since its last run' in page
    assert '<p class="mark"><span class="verdict stale">' in page
    for other in others:
        assert "0 of 1 exercises verified" in other
        assert "1 × changed since its last run" in other
        assert '<li class="stale">' in other


def test_a_fact_that_fails_stands_open(book):
    """Red, on every page that shows it."""
    book.add("2.3.6", "HOLDS = False\n" + _PAGE)
    book.pytest("--evidence")

    *others, page = book.read()

    assert _facts(page)[0] == ("failed", ' open="open"')
    assert _facts(page)[1] == ("refuted", "")
    for other in others:
        assert "0 of 1 exercises verified" in other
        assert "1 × no longer holds" in other


def test_a_page_that_did_not_run(book):
    """It is shown, but as unproved."""
    *others, page = book.read()

    assert {verdict for verdict, _ in _facts(page)} == {"unrun"}
    assert "run on" not in page
    assert all("1 × not run yet" in other for other in others)


def test_an_address_for_reports_is_linked_from_every_page(book, monkeypatch):
    """With the number of the exercise; without an address there is no link."""
    assert all("Report an error" not in text for text in book.read())
    monkeypatch.setenv("BOOK_REPORT_ADDRESS", "https://example.org/new?title={page}&x=1")

    *_, page = book.read()

    assert 'href="https://example.org/new?title=2.3.6&x=1"' in html.unescape(page)


def test_a_fact_without_a_docstring_shows_its_name(book):
    """Its code stays folded."""
    book.add("2.3.6", "def test_one_is_one():\n    assert 1\n")

    *_, page = book.read()

    assert re.search(r'<span class="claim">One is one</span>\s*</summary>', page)


def test_prose_that_looks_like_markup_stays_prose(book):
    """What MyST alone takes for a sign of its own."""
    book.add("2.3.6", "HOLDS = True\n" + _PAGE, Why="% of all\n\n+++ is no break, f(x)=\n1")

    *_, page = book.read()

    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert "% of all" in text
    assert "+++ is no break" in text


def test_a_page_that_was_removed_goes(book):
    """And with it its notebook and source."""
    book.add("2.3.7", _PAGE.replace("HOLDS", "True"))
    book.read()
    next((book.root / "exercises").rglob("test_2_3_7*")).unlink()
    book.read()

    assert not list((book.root / "artifacts" / "book" / "2.3").glob("2.3.7*"))
