"""One notebook for each exercise: its prose, its answer, and each fact judged by real pytest.

A fact's cell defines the test and runs it by ipytest on what the notebook defines *now*: who
changes the answer's cell and runs the facts again has it judged as `pytest --solve` would.
"""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fixtures.language import said, speaking, translated, translated_text
from fixtures.sheets import hints

_UNBROKEN = 10**6
"""Markdown breaks lines itself."""

_SETUP = '''\
%matplotlib inline
import os
from pathlib import Path

import ipytest
import pytest
from IPython.display import display

root = next((p for p in [Path.cwd(), *Path.cwd().parents] if (p / "pytest.ini").exists()), None)
assert root, "open this notebook inside a copy of the project: it needs its conftest.py"
os.chdir(root)
ipytest.autoconfig(addopts=["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider"])


@pytest.fixture
def save_figure():
    """In a notebook a figure is shown, not kept."""
    return display


def holds(test):
    """Judge `test` by what the notebook defines now."""
    assert ipytest.run(f"{{MODULE}}::{test.__name__}", defopts=False) == 0'''


def notebook(page):
    """The notebook of `page`."""
    answer, rest = page.code
    if any("__doc__" in fact.code for fact in page.facts):
        rest = f"__doc__ = {page.docstring!r}\n\n{rest}"
    cells = [
        new_markdown_cell(_prose(page)),
        new_code_cell(_SETUP),
        new_markdown_cell(f"## {said('The answer in code')}"),
        new_code_cell(answer),
        new_markdown_cell(f"## {said('The evidence')}"),
        *([new_code_cell(rest)] if rest else []),
    ]
    for fact in page.facts:
        if fact.verdict != "timed":
            cells += _judged(fact)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same in every export
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def notebook_text(page, language="en"):
    """The notebook of `page` as the text of its file, its prose in "en" or "zh"."""
    with speaking(language):
        return nbformat.writes(notebook(page)) + "\n"


def _prose(page):
    """The page's docstring, the hints folded after the question."""
    parts = [f"# {translated(page.title)}"]
    for heading, text in page.sections.items():
        if heading != "Hints":
            parts.append(f"## {translated(heading)}\n\n{translated_text(text, _UNBROKEN)}")
        if heading == "Question":
            parts += [
                f"<details><summary>{said('Hint')}</summary>\n\n{translated(hint)}\n\n</details>"
                for hint in hints(page.exercise)
            ]
    return "\n\n".join(parts)


def _judged(fact):
    """A fact as two cells: its sentence, and its test with the verdict."""
    belief = ""
    if fact.belief:
        belief = f"> {translated(f'“{fact.belief}”')} — {said('refuted')}\n\n"
    told = translated_text(fact.docstring, _UNBROKEN)
    return [
        new_markdown_cell(f"{belief}**{translated(fact.claim)}**\n\n{told}"),
        new_code_cell(f"{fact.code}\n\n\nholds({fact.name})"),
    ]
