"""The documents: every page in its section, errors in print, what routines cost."""

import re

import pytest

_PAGE = """
import pytest

def answer():
    '''One.'''
    return 1

@pytest.mark.misconception("it is two", source="A book, p. 3")
def test_two():
    '''It is not two.'''

@pytest.mark.misconception("it is three")
def test_a_published_number():
    '''It is not three.'''

@pytest.mark.misconception("it is four")
def test_four():
    '''It is not four.'''

@pytest.mark.benchmark(group="2.3.6 What does it cost?")
def test_cost(benchmark):
    '''It is cheap.'''
    benchmark.extra_info.update(method="ours", reason="one call", size=1, work=1)
    assert benchmark(answer) == 1
"""
_REPORT = """# What the routines cost

| question | answer |
| --- | --- |
| 2.3.6 What does it cost? | nothing |

## 2.3.6 What does it cost?

**As theory says**, see [the page](../../exercises/page.py).

![2.3.6 What does it cost?](report_charts_1/01.svg)

| method | n |
| --- | ---: |
| loop | 3 |

## 2.4.1 Another question?

Nothing.

## How it was measured

Measured on a machine.
"""


@pytest.fixture
def documents_of(project):
    """Gives the documents of a project of one page, as they are now."""
    from documents import documents

    def made():
        (project.root / "changes.md").write_text("# Changed\n", encoding="utf-8")
        return documents(project.root, project.root)

    project.add("2.3.6", _PAGE)
    return made


@pytest.fixture
def report(project):
    """A benchmark report with a question of the page."""
    path = project.root / "artifacts" / "benchmarks" / "report.md"
    path.parent.mkdir(parents=True)
    path.write_text(_REPORT, encoding="utf-8")


def test_the_tree_of_exercises_is_the_table_of_contents(project, documents_of):
    """Addresses are numbers; a chapter without sections holds its exercises itself."""
    project.add("1.1", _PAGE, folder="ch01_introduction")

    documents = documents_of()

    assert set(documents) == {
        *("index", "1/index", "1/1.1", "2/index", "2.3/index", "2.3/2.3.6"),
        *("errors", "changes"),
    }
    assert documents["2/index"].startswith("# 2 Preliminaries\n")
    assert "/2.3/index" in documents["2/index"]
    assert "/1/1.1" in documents["1/index"]
    assert documents["index"].startswith("# Exercise Thinking")


def test_the_front_page_begins_as_the_readme_does(documents_of):
    """Without the link to the README in the other language."""
    front = documents_of()["index"]

    assert re.match(r"# Exercise Thinking.*\n\n\*Dive into Deep Learning\* asks", front)
    assert "README" not in front


def test_errors_in_print_are_what_was_published(documents_of):
    """By the source that the mark names, or as the test tells; other beliefs are not."""
    errors = documents_of()["errors"]

    assert "> “it is two”\n>\n> — A book, p. 3\n" in errors
    assert "> “it is three”\n" in errors
    assert "it is four" not in errors
    assert '"anchor": "test-two"' in errors


def test_published_wrong_answers_are_shown_with_what_is_wrong(project, documents_of):
    """They are among the sheets which `--solve` must refuse."""
    folder = project.root / "fixtures" / "solutions" / "wrong"
    folder.mkdir(parents=True)
    (folder / "2_3_6_two.py").write_text('"""Wrong: two, as published."""\n\nTWO = 2\n')
    (folder / "2_3_6_ten.py").write_text('"""Wrong: ten."""\n\nTEN = 10\n')
    (folder / "2_3_6_six.py").write_text('"""Published by a book: six."""\n\nSIX = 6\n')
    (folder / "2_3_6_published_seven.py").write_text('"""Seven."""\n\nSEVEN = 7\n')

    errors = documents_of()["errors"]

    assert "Two, as published.\n\n```python\nTWO = 2\n```" in errors
    assert "SIX" in errors
    assert "SEVEN" in errors
    assert "TEN" not in errors


def test_a_question_of_the_report_stands_in_its_page(documents_of, report):
    """With its chart and table, and how it was measured; the whole report has its own page."""
    documents = documents_of()

    page = documents["2.3/2.3.6"]
    assert "### What does it cost?" in page
    assert "](/benchmarks/report_charts_1/01.svg)" in page
    assert "see the page." in page
    assert "Measured on a machine." in page
    assert "Another question" not in page
    assert "## 2.4.1 Another question?" in documents["costs"]


def test_a_benchmark_of_an_unproved_page_is_marked(project, documents_of, report):
    """As its figures are."""
    mark = re.compile(
        r"### What does it cost\?\n\n:::::\{made\} mark\n\n\{\"state\": \"(\w+)\""
    )
    assert mark.search(documents_of()["2.3/2.3.6"])[1] == "unrun"
    project.pytest("--evidence")

    assert not mark.search(documents_of()["2.3/2.3.6"])
    path = next((project.root / "exercises").rglob("test_*.py"))
    path.write_bytes(path.read_bytes() + b"\n")

    assert mark.search(documents_of()["2.3/2.3.6"])[1] == "stale"


def test_a_line_is_kept_for_each_answer_that_changed(pages):
    """By hand: exercise, date, what was said and what is true."""
    from pathlib import Path

    text = (Path(__file__).parent / "changes.md").read_text(encoding="utf-8")
    numbers = {page.exercise.number for page in pages}
    for line in re.findall(r"^[-*] .*", text, re.MULTILINE):
        number, date = re.match(r"- ([\d.]+[a-z]?), (\d{4}-\d\d-\d\d): \S", line).groups()
        assert number in numbers
        assert date


def test_a_question_is_linked_to_both_editions(project, documents_of):
    """A part is not numbered there."""
    question = (
        "Is it so?\n<https://zh.d2l.ai/a.html>\nEnglish edition: 3.1.5 <https://d2l.ai/b.html>"
    )
    project.add("2.3.7b", _PAGE, Question=question)

    page = documents_of()["2.3/2.3.7b"]

    assert '"number": "2.3.7", "zh": "https://zh.d2l.ai/a.html"' in page
    assert '"english": "3.1.5", "en": "https://d2l.ai/b.html"' in page
    assert "Is it so?\n\n" in page
