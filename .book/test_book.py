"""The book of this project: nothing is lost, every link leads somewhere, the HTML is valid."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import html5lib
import pytest

_HERE = Path(__file__).parent
_FOLDED = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "…": "..."})


@pytest.fixture(scope="session")
def texts(built):
    """The HTML of every page of the book, by path."""
    found = {path: path.read_text(encoding="utf-8") for path in built.rglob("*.html")}
    return {path: text for path, text in found.items() if "_static" not in path.parts}


def test_every_exercise_is_there_in_both_languages(built, pages):
    """With its section and chapter, its notebook and its source."""
    for folder in (built, built / "zh"):
        for page in pages:
            path = folder / page.name
            for ending in ("html", "ipynb", "py"):
                assert path.with_name(f"{path.name}.{ending}").stat().st_size > 1000
            assert (path.parent / "index.html").exists()
            assert (folder / page.exercise.number[0] / "index.html").exists()


def test_the_front_page_sums_up_all_pages(built, pages):
    """As each of them counts; that these are pytest's counts is in `test_pages.py`."""
    totals = sum((page.totals for page in pages), Counter())
    front = (built / "index.html").read_text(encoding="utf-8")

    assert f"{totals['verified']} of {len(pages)} exercises verified" in front
    assert f"facts that hold: {totals['facts']} · " in front
    assert front.count('<li class="') >= len(pages)


def _squashed(text):
    """A text without what Markdown and typography change: blanks, quotes, code, links."""
    text = re.sub(r"<(https?://[^>\s]+)>", r"\1", text)
    return re.sub(r"[\s`*\\]+", "", text.translate(_FOLDED))


def test_no_paragraph_of_a_docstring_is_lost_or_changed(built, pages):
    """Each stands in the document from which Sphinx writes its page, in every language."""
    import pickle

    from docutils import nodes
    from extension import Display, Made

    count = 0
    for page in pages:
        path = built / ".doctrees" / "en" / f"{page.name}.doctree"
        parts = []
        for node in pickle.loads(path.read_bytes()).findall():
            if isinstance(node, nodes.Text):
                parts.append(node.astext())
            elif isinstance(node, Display):
                parts.append(node["text"])
            elif isinstance(node, Made):
                parts += map(str, node["given"].values())
        shown = _squashed("".join(parts))
        for text in [page.docstring, *(fact.docstring for fact in page.facts)]:
            for paragraph in _paragraphs(text):
                assert _squashed(paragraph) in shown, (page.exercise.number, paragraph)
                count += 1
    assert count > 10 * len(pages)


def _paragraphs(text):
    """Paragraphs and items of lists, without headings; of links the address."""
    text = re.sub(r"^\w[\w ]*\n-+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^<(\S+)>$", r"\n\1\n", text, flags=re.MULTILINE)
    text = re.sub(r"^English edition: .*<(\S+)>$", r"\n\1\n", text, flags=re.MULTILINE)
    for part in re.split(r"\n\s*\n|\n(?= *(?:[-*] |\d+\. ))", text):
        yield re.sub(r"^\s*([-*] |\d+\. )", "", part)


class _Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def test_every_link_and_anchor_leads_somewhere(texts):
    """Within the book; the book itself fetches nothing from elsewhere."""
    parsed = {path.resolve(): _Links(text) for path, text in texts.items()}
    broken, count = [], 0
    for path, page in parsed.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            count += 1
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            anchor = unquote(address.fragment)
            if not target.exists() or (
                target in parsed and anchor and anchor not in parsed[target].ids
            ):
                broken.append((path.name, link))
    assert count > 1000
    assert not broken


def test_nothing_is_fetched_from_elsewhere(texts, built):
    """No script, style, font or picture: the book can be read without a network."""
    for text in [*texts.values(), *(p.read_text("utf-8") for p in built.rglob("*.css"))]:
        fetched = re.findall(
            r'(?:<script[^>]*src=|<link[^>]*href=|<img[^>]*src=|url\()"?(\w+:)?//', text
        )
        assert not fetched


def test_every_page_has_a_title_and_a_language_switch(texts):
    """One heading of the first order, and a link to the page in the other language."""
    for path, text in texts.items():
        if path.name not in ("search.html", "genindex.html"):
            assert len(re.findall(r"<h1[ >]", text)) == 1, path
        assert re.search(r'<a class="language" lang="(en|zh)"', text), path
        assert re.search(r'<html[^>]* lang="(en|zh-CN|zh_CN)"', text), path


def test_the_html_is_valid(texts, pages):
    """html5lib, in strict mode, has nothing to say of a page of each kind."""
    names = {f"{page.exercise.number}.html" for page in pages[:: max(1, len(pages) // 12)]}
    names |= {"index.html", "errors.html", "changes.html"}
    checked = [path for path in texts if path.name in names]
    assert len(checked) > 20
    for path in checked:
        html5lib.HTMLParser(strict=True).parse(texts[path])


def test_the_search_finds_numbers_names_signs_and_chinese(built):
    """By the index that the browser loads: `searchindex.js`."""
    import json

    for folder, words in {
        built: ["keepdim", "2.3.6", "∇", "‖", "xᵀx", "subgradi"],
        built / "zh": ["广播", "方阵", "keepdim", "2.3.6"],
    }.items():
        text = (folder / "searchindex.js").read_text(encoding="utf-8")
        index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
        known = index["terms"].keys() | index["titleterms"].keys()
        assert [word for word in words if word not in known] == []


def test_no_module_names_a_page(pages):
    """A page that is added to the exercises needs no line here."""
    for path in _HERE.glob("*.py"):
        if not path.name.startswith(("test_", "conftest")):
            text = path.read_text(encoding="utf-8")
            assert len(text.splitlines()) <= 300
            assert not [page for page in pages if page.exercise.path.stem in text]


def test_untranslated_paragraphs_are_marked_as_english(texts):
    """A screen reader reads them so."""
    for path, text in texts.items():
        if re.match(r"\d+\.\d", path.name):
            marked = re.findall(r'<p class="[^"]*untranslated[^"]*" lang="en">', text)
            told = re.search(r"(\d+) 段中已译 (\d+) 段", text)
            assert bool(marked) == bool(told), path
            assert not (marked and "zh" not in path.parts), path
