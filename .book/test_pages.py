"""A page's facts carry the verdict of the last run of the page as it stands."""

import json

import pytest

_PAGE = """
import pytest

def answer():
    '''One.'''
    return 1

def test_a_kolmogorov_bound_holds_at_2_5_and_nan():
    '''At 2.5 the Kolmogorov bound is NaN.'''
    assert answer() == 1

@pytest.mark.edge
def test_large():
    '''It is large, as a NaN.'''

@pytest.mark.misconception("it is two", source="A book, p. 3")
def test_two():
    '''It is not two.'''
    assert answer() != 2

@pytest.mark.timed_only
def test_cost(benchmark):
    '''It is cheap.'''
"""


@pytest.fixture
def page(project):
    """Gives the page as the book sees it now."""
    from pages import pages_of

    project.add("2.3.6", _PAGE)
    return lambda: pages_of(project.root)[0]


def _verdicts(page):
    return [fact.verdict for fact in page.facts]


def test_a_fact_is_told_as_a_sentence(page):
    """Names and decimals are spelled as the page spells them within its sentences."""
    claims = [fact.claim for fact in page().facts]

    assert claims[0] == "A Kolmogorov bound holds at 2.5 and NaN"
    assert claims[1] == "Large"


def test_without_evidence_nothing_is_proved(page):
    """What only benchmarks run needs none."""
    assert _verdicts(page()) == ["unrun", "unrun", "unrun", "timed"]
    assert page().state == "unrun"
    assert not any(page().totals.values())


def test_a_run_proves_the_page(project, page):
    """Facts, refuted beliefs and edges are counted apart."""
    project.pytest("--evidence")

    assert _verdicts(page()) == ["passed", "passed", "passed", "timed"]
    assert page().state == "passed"
    assert page().totals == {"verified": 1, "facts": 1, "refuted": 1, "edges": 1}
    assert page().facts[2].source == "A book, p. 3"


def test_one_byte_makes_every_verdict_stale(project, page):
    """Also that of a fact which failed."""
    project.pytest("--evidence")
    path = page().exercise.path
    path.write_bytes(path.read_bytes() + b"\n")

    assert _verdicts(page()) == ["stale", "stale", "stale", "timed"]
    assert page().state == "stale"
    assert not any(page().totals.values())


def test_a_failing_fact_and_one_that_did_not_run(project, page):
    """The page has the worse of its facts' verdicts."""
    path = page().exercise.path
    path.write_text(path.read_text(encoding="utf-8").replace("== 1", "== 3"), encoding="utf-8")

    project.pytest("--evidence", "-k", "bound or two")

    assert _verdicts(page()) == ["failed", "unrun", "passed", "timed"]
    assert page().state == "failed"
    assert page().totals == {"verified": 0, "facts": 0, "refuted": 1, "edges": 0}


def test_evidence_without_the_page_is_none(project, page):
    """It may be of another page with this number."""
    project.pytest("--evidence")
    path = project.root / "artifacts" / "evidence" / "2.3.6.json"
    path.write_text(json.dumps({"tests": json.loads(path.read_bytes())["tests"]}))

    assert page().state == "stale"


def test_totals_are_those_of_pytest_s_summary(project):
    """A section that holds, one that fails, one with something amiss, one that did not run."""
    from collections import Counter

    from pages import pages_of

    project.add("2.3.6", _PAGE)
    project.add("2.4.1", _PAGE.replace("== 1", "== 3"), "ch02_preliminaries/s04_calculus")
    left = _PAGE.replace("assert answer() != 2", "import os; os.environ['LEFT'] = '1'")
    project.add("2.5.1", left, "ch02_preliminaries/s05_autograd")

    told = project.pytest("--evidence")

    for section in ("2.3 Linear algebra", "2.4 Calculus", "2.5 Autograd"):
        (line,) = (line for line in told.splitlines() if line.startswith(section))
        verified, _, count, facts, refuted, edges = line.removeprefix(section).split()
        members = [p for p in pages_of(project.root) if p.exercise.section == section]
        totals = sum((page.totals for page in members), Counter())
        names = ("verified", "facts", "refuted", "edges")
        assert [totals[name] for name in names] == list(
            map(int, (verified, facts, refuted, edges))
        )
        assert len(members) == int(count)


def test_every_page_of_the_project_has_facts_and_an_answer(pages):
    """So that nothing below passes on emptiness."""
    assert len(pages) > 40
    for page in pages:
        assert page.code[0]
        assert len([fact for fact in page.facts if not fact.edge]) >= 3
        assert page.sections.keys() >= {"Question", "Answer", "Why", "Hints"}
