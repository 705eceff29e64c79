"""What the benchmark report says, by page and as a whole."""

import re

from myst import directive, joined, link, made


def report_path(root):
    """Where the report of a full run is."""
    return root / "artifacts" / "benchmarks" / "report.md"


def costs_of(page):
    """The sections of the benchmark report whose questions stand in this page."""
    report = report_path(page.root)
    source = page.exercise.path.read_text(encoding="utf-8")
    found = []
    for question, text in _questions(report):
        if f'"{question}"' in source:
            fresh = page.state in ("passed", "amiss")
            found += [f"### {question.partition(' ')[2]}"]
            found += [] if fresh else [made("mark", state=page.state)]
            found += [directive("cost", _with_charts(report, page.root, text))]
    how = dict(_questions(report)).get("How it was measured", "")
    return [*found, directive("measured", how)] if found else []


def _questions(report):
    """Question and text of each section of the benchmark report."""
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        question, _, text = section.partition("\n")
        yield question, text.strip("\n")


def _head(report):
    """What stands above the report's first question: all answers."""
    text = report.read_text(encoding="utf-8").partition("\n")[2]
    return re.split(r"^## ", text, flags=re.MULTILINE)[0].strip("\n")


def _with_charts(report, root, text):
    """With its charts from where the build lays them; links to other files are none here."""
    text = re.sub(r"\]\((?=report)", f"]({link(root, report.parent)}/", text)
    return re.sub(r"(?<!!)\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", text)


def whole_report(root):
    """The whole benchmark report."""
    report = report_path(root)
    parts = ["# What the routines cost", directive("cost", _head(report))]
    for question, text in _questions(report):
        text = _with_charts(report, root, text)
        parts += [f"## {question}", directive("cost", text)]
    return joined(*parts)
