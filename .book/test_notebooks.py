"""A page's notebook runs its real facts, and they catch a wrong answer."""

import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from notebooks import notebook_text

_ROOT = Path(__file__).parents[1]
_PAGE = """
import pytest
from matplotlib.figure import Figure

def double(x):
    '''Twice x.'''
    return 2 * x

@pytest.mark.parametrize("x", [1, 2])
def test_numbers(x, rng):
    '''It is the sum.'''
    assert double(x) == x + x

@pytest.mark.misconception("it is four")
def test_the_figure(save_figure):
    '''The figure shows it.'''
    assert __doc__.startswith("2.3.6")
    fig = Figure()
    fig.subplots()
    save_figure(fig)
"""


@pytest.fixture
def small(project, monkeypatch):
    """The notebook of a page of two facts, and the folder where it lies."""
    from notebooks import notebook_text
    from pages import pages_of

    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    project.add("2.3.6", _PAGE)
    text = notebook_text(pages_of(project.root)[0])
    return nbformat.reads(text, as_version=4), project.root / "artifacts" / "book" / "2.3"


def test_it_runs_and_shows_its_figures(small):
    """From the folder where it lies; the figure is kept nowhere."""
    from run_notebooks import run

    notebook, folder = small

    assert run(notebook, folder) == 1
    assert not list(folder.rglob("*.svg"))


def test_a_wrong_answer_in_its_cell_is_caught(small):
    """By the next fact."""
    from run_notebooks import run

    notebook, folder = small
    for cell in notebook.cells:
        cell.source = cell.source.replace("return 2 * x", "return x * x")

    with pytest.raises(CellExecutionError, match="holds"):
        run(notebook, folder)


def test_outside_a_copy_of_the_project_it_says_so(small, tmp_path):
    """It needs the project's plugins."""
    from run_notebooks import run

    notebook, _ = small

    with pytest.raises(CellExecutionError, match="open this notebook inside a copy"):
        run(notebook, tmp_path / "elsewhere")


def test_it_is_the_same_in_every_export(pages):
    """And valid."""
    from notebooks import notebook, notebook_text

    for page in pages[::10]:
        nbformat.validate(notebook(page))
        assert notebook_text(page) == notebook_text(page)


def _changed():
    """The pages that differ from the last commit but one; none where git can't say."""
    command = ["git", "diff", "--name-only", "HEAD~1", "--", "exercises"]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, encoding="utf-8")
    return set(run.stdout.splitlines())


def test_the_notebooks_of_changed_pages_run(pages):
    """All of them are run by `.book/run_notebooks.py`."""
    from notebooks import notebook
    from run_notebooks import run

    changed = _changed()
    for page in pages:
        if page.exercise.path.relative_to(_ROOT).as_posix() in changed:
            run(notebook(page), _ROOT / "artifacts" / "book")


def test_a_chinese_notebook_has_the_same_code(pages):
    """Its prose is that of the Chinese page."""
    page = next(page for page in pages if page.exercise.number == "2.3.6")

    cells = [nbformat.reads(notebook_text(page, name), 4).cells for name in ("en", "zh")]

    code, prose = (
        [[cell.source for cell in each if cell.cell_type == kind] for each in cells]
        for kind in ("code", "markdown")
    )
    assert code[0] == code[1]
    assert "## 问题" in prose[1][0]
    assert not set(prose[0]) & set(prose[1])
