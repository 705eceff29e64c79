"""What the book shows of an exercise: texts, code in parts, facts with their verdicts.

Everything comes from the page's source text and from the evidence that `pytest --evidence` has
kept.  No exercise is imported.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from code_parts import answer_and_rest, texts_of

from fixtures.catalogue import Exercise, exercises_in, parsed
from fixtures.evidence import evidence_path, fingerprint, read
from fixtures.facts import facts_of
from fixtures.figures import figure_path, figures_drawn_by

RANKED = "failed", "unrun", "stale", "amiss", "passed", "timed"
"""Verdicts, the worst first; `timed` is what runs in benchmarks only, and proves nothing."""


@dataclass
class Fact:
    """A test of a page: what it says, its code, and whether it held when it ran last."""

    name: str
    claim: str
    docstring: str
    code: str
    edge: bool = False
    belief: str | None = None
    source: str = ""
    """Where the belief is printed, if its mark says so."""
    figure: object = None
    """The path of the figure that it draws, or None."""
    verdict: str = "unrun"
    run: dict = field(default_factory=dict)

    @property
    def holds(self):
        """Whether the last run has shown it, of the page as it stands."""
        return self.verdict in ("passed", "amiss")

    @property
    def anchor(self):
        """Where it stands in its page."""
        return self.name.replace("_", "-")


@dataclass
class Page:
    """An exercise as the book shows it."""

    exercise: Exercise
    root: object
    """The folder of the project."""

    @property
    def name(self):
        """Its document: `2.3/2.3.6`, numbers alone, so that a claim may be reworded."""
        return f"{self.exercise.section.partition(' ')[0]}/{self.exercise.number}"

    @property
    def title(self):
        """Its number and claim."""
        return f"{self.exercise.number} — {self.exercise.claim}"

    @cached_property
    def docstring(self):
        """The page's docstring."""
        return ast.get_docstring(parsed(self.exercise.path))

    @cached_property
    def sections(self):
        """The docstring's sections: from heading to text, an indented first line kept."""
        parts = re.split(r"^(\w[\w ]*)\n-+\n", self.docstring, flags=re.MULTILINE)
        texts = (text.strip("\n") for text in parts[2::2])
        return dict(zip(parts[1::2], texts, strict=True))

    @cached_property
    def code(self):
        """The code of the answer, and what else the evidence uses: two texts."""
        return answer_and_rest(self.exercise)

    @cached_property
    def evidence(self):
        """What was kept of its last run."""
        return read(evidence_path(self.root, self.exercise))

    @cached_property
    def facts(self):
        """Its facts in the order of the page, what only benchmarks run included."""
        tried = {fact.name: fact for fact in facts_of(self.exercise)}
        drawn = figures_drawn_by(self.exercise.path)
        current = self.evidence.get("page") == fingerprint(self.exercise.path)
        runs = self.evidence.get("tests", {})
        found = []
        for node, code in texts_of(self.exercise).items():
            name = getattr(node, "name", "")
            if not name.startswith("test_"):
                continue
            docstring = ast.get_docstring(node) or ""
            fact = Fact(name, self._sentence(name), docstring, code)
            fact.run = runs.get(name, {})
            fact.verdict = _verdict(fact.run, current) if name in tried else "timed"
            fact.edge = name in tried and tried[name].edge
            fact.belief = tried[name].belief if name in tried else None
            fact.source = _source(node)
            path = figure_path(self.root, self.exercise.path, name)
            fact.figure = path if name in drawn and path.exists() else None
            found.append(fact)
        return found

    @property
    def state(self):
        """The worst verdict of its facts."""
        return min((fact.verdict for fact in self.facts), key=RANKED.index, default="unrun")

    @cached_property
    def totals(self):
        """Facts, refuted beliefs and edges that hold, and whether all do, as pytest counts."""
        held = [fact for fact in self.facts if fact.holds]
        edges = sum(fact.edge for fact in held)
        refuted = sum(fact.belief is not None and not fact.edge for fact in held)
        return Counter(
            verified=int(self.state == "passed"),
            facts=len(held) - edges - refuted,
            refuted=refuted,
            edges=edges,
        )

    def _sentence(self, name):
        """The sentence that a test's name is: "Chebyshev's steps attain the bound"."""
        words = [self._spelled(word) for word in name.split("_")[1:]]
        text = re.sub(r" (s|t)\b", r"'\1", " ".join(words))
        text = re.sub(r"(\d+) (\d+)", self._number, text)
        text = re.sub(r"(\d) percent\b", r"\1 %", text)
        return text[0].upper() + text[1:]

    def _number(self, parts):
        """Two numbers of a test's name, as one with a point or a slash if the page has that."""
        whole = (f"{parts[1]}.{parts[2]}", f"{parts[1]}/{parts[2]}")
        return next((number for number in whole if number in " ".join(self._texts)), parts[0])

    def _spelled(self, word):
        """A word of a test's name as the page spells it within sentences: `NaN`, `Hessian`."""
        spellings = self._spellings.get(word, {word})
        return spellings.copy().pop() if len(spellings) == 1 and len(word) > 1 else word

    @cached_property
    def _texts(self):
        """The page's docstring and those of its functions."""
        nodes = (node for node in texts_of(self.exercise) if isinstance(node, ast.FunctionDef))
        return [self.docstring, *(ast.get_docstring(node) or "" for node in nodes)]

    @cached_property
    def _spellings(self):
        """How each word is spelled where it does not begin a sentence."""
        found = {}
        words = re.findall(r"(?<=[a-z,] )[^\W\d_]+", " ".join(" ".join(self._texts).split()))
        for word in words:
            found.setdefault(word.lower(), set()).add(word)
        return found


def pages_of(root):
    """All pages of the project in the folder `root`, in the order of the book."""
    return [Page(exercise, root) for exercise in exercises_in(root / "exercises")]


def _verdict(run, current):
    if not run:
        return "unrun"
    if not current:
        return "stale"
    return "amiss" if run["outcome"] == "passed" and run["amiss"] else run["outcome"]


def _source(node):
    """The `source` that a mark `misconception("belief", source="…")` names, or ""."""
    for mark in node.decorator_list:
        for keyword in getattr(mark, "keywords", []):
            if "misconception" in ast.unparse(mark.func) and keyword.arg == "source":
                return ast.literal_eval(keyword.value)
    return ""
