"""The book's documents as MyST Markdown: exercises, sections, chapters, and what is about all.

The text is one for all languages: Sphinx translates its paragraphs, and the few words around
them come from `words.py`.
"""

import re
from collections import Counter

from costs import report_path, whole_report
from exercise import belief, exercise
from myst import directive, fence, joined, made, plain
from pages import pages_of


def documents(root, here):
    """All documents of the project in the folder `root`: a dict from name to Markdown.

    The files that are kept by hand stand in the folder `here`.
    """
    pages = pages_of(root)
    found = {page.name: exercise(page) for page in pages}
    chapters = {}
    for page in pages:
        by_section = chapters.setdefault(chapter_of(page), {})
        by_section.setdefault(page.exercise.section, []).append(page)
    for title, by_section in chapters.items():
        found |= _chapter_documents(title, by_section)
    about = {
        "errors": _errors(root, pages),
        "changes": (here / "changes.md").read_text(encoding="utf-8"),
    }
    if report_path(root).exists():
        about["costs"] = whole_report(root)
    names = [f"{title.partition(' ')[0]}/index" for title in chapters]
    found |= about | {"index": _front(root, pages, [*names, *about])}
    return found


def chapter_of(page):
    """Number and title of a page's chapter: `2 Preliminaries`."""
    number, name = re.search(r"ch(\d\d)_(\w+)", page.exercise.path.as_posix()).groups()
    return f"{int(number)} {name.replace('_', ' ').capitalize()}"


def _chapter_documents(title, by_section):
    """A chapter's document and those of its sections; a chapter may have none."""
    number, found, names = title.partition(" ")[0], {}, []
    for section, pages in by_section.items():
        if section.partition(" ")[0] != number:
            names.append(f"{section.partition(' ')[0]}/index")
            found[names[-1]] = _contents(section, pages, [page.name for page in pages])
    pages = [page for members in by_section.values() for page in members]
    names = names or [page.name for page in pages]
    return found | {f"{number}/index": _contents(title, pages, names)}


def _contents(title, pages, names, intro=""):
    """A document of documents: what holds of them, and a line for each page."""
    totals = sum((page.totals for page in pages), Counter())
    total = made("totals", pages=len(pages), states=Counter(p.state for p in pages), **totals)
    rows = [{"name": page.name, "state": page.state, **page.totals} for page in pages]
    toctree = directive("toctree", "\n".join(f"/{name}" for name in names), ":hidden:")
    return joined(f"# {title}", intro, total, made("overview", rows=rows), toctree)


def _front(root, pages, names):
    """The first page: the README's title and first paragraphs, not the link between them."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    start = r"# (.*?)\n\n(?:\[[^\n]*\n\n)?(.*?)\n\n(?=\*\*|```|#)"
    title, intro = re.match(start, readme, re.DOTALL).groups()
    return _contents(title, pages, names, intro)


def _errors(root, pages):
    """Errors in print: the beliefs that a mark gives a source or a test tells as published.

    And the wrong answers among the sheets that `--solve` must refuse which were published: the
    sheet's name or first words say so.
    """
    parts = ["# Errors in print", made("errors")]
    for page in pages:
        facts = [fact for fact in page.facts if fact.belief and _is_published(fact)]
        sheets = [*_published_sheets(root, page)]
        if facts or sheets:
            parts += [f"## {page.title}", *(_error(page, fact) for fact in facts), *sheets]
    return joined(*parts)


def _is_published(fact):
    return bool(fact.source) or "published" in f"{fact.name} {fact.docstring}"


def _error(page, fact):
    target = made("refutes", page=page.name, state=fact.verdict, anchor=fact.anchor)
    quoted = "\n>\n> ".join(filter(None, belief(fact)))
    return joined(f"> {quoted}", plain(fact.docstring), target)


def _published_sheets(root, page):
    """Published wrong answers as code, each under the sentence that tells what is wrong."""
    stem = page.exercise.number.replace(".", "_")
    for path in sorted((root / "fixtures/solutions/wrong").glob(f"{stem}_*.py")):
        text = path.read_text(encoding="utf-8")
        told, _, code = text.strip().removeprefix('"""').partition('"""')
        if "published" in f"{path.stem} {told}".lower():
            told = re.sub(r"^([\d.]+[a-z]? )?[Ww]rong: ", "", told)
            told = plain(told[0].upper() + told[1:])
            yield directive("sheet", f"> {told}\n\n{fence(code.strip())}")
            yield made("refuses", page=page.name)
