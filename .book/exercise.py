"""The document of one exercise, as MyST Markdown: the question first, the evidence last."""

import re

from costs import costs_of
from myst import directive, fence, joined, link, made, options_of, plain

from fixtures.sheets import hints

_EDITIONS = re.compile(
    r"^<(https://zh\.\S+)>$|^English edition: (?:exercise )?([\d.]+) <(\S+)>$", re.MULTILINE
)


def exercise(page):
    """The document of one exercise."""
    figures = [_figure(page, fact) for fact in page.facts if fact.figure]
    parts = [f"# {page.title}", made("status", **_status(page))]
    for heading, text in page.sections.items():
        if heading == "Question":
            parts += _question(page, text)
        elif heading != "Hints":
            parts += [f"## {heading}", plain(text)]
        if heading == "Why":
            parts += figures
            figures = []
    answer, rest = page.code
    parts += [*figures, "## The answer in code", fence(answer), "## The evidence"]
    parts += [directive("rest", fence(rest))] if rest else []
    parts += _evidence(page)
    if (costs := costs_of(page)) or any(fact.verdict == "timed" for fact in page.facts):
        timed = [_fact(fact) for fact in page.facts if fact.verdict == "timed"]
        parts += ["## What it costs", *costs, *timed]
    return joined(*parts)


def _status(page):
    """What the last run has said of the page, and when: the earliest time of several."""
    runs = [fact.run for fact in page.facts if fact.run]
    versions = {f"Python {run['python']}, torch {run['torch']}" for run in runs}
    return {
        "number": page.exercise.number,
        "state": page.state,
        "when": min((run["when"] for run in runs), default=""),
        "versions": "; ".join(sorted(versions)),
        "seconds": f"{sum(run['seconds'] for run in runs):.1f}",
        **page.totals,
    }


def _question(page, text):
    zh, en = "", ("", "")
    for match in _EDITIONS.finditer(text):
        zh, en = match[1] or zh, (match[2], match[3]) if match[2] else en
    number = page.exercise.number
    whole = re.sub(r"[a-z]$", "", number)
    return [
        "## Question",
        plain(_EDITIONS.sub("", text).strip("\n")),
        made("editions", number=whole, zh=zh, english=en[0], en=en[1]),
        *(directive("clue", plain(hint)) for hint in hints(page.exercise)),
        made("solve", number=number),
    ]


def _evidence(page):
    """Facts; then refuted beliefs, and then edges, in groups of their own."""
    facts = [fact for fact in page.facts if fact.verdict != "timed"]
    edges = [fact for fact in facts if fact.edge]
    refuted = [fact for fact in facts if fact.belief and not fact.edge]
    yield from (_fact(fact) for fact in facts if not fact.edge and not fact.belief)
    for heading, group in {"Refuted beliefs": refuted, "Beyond the question": edges}.items():
        if group:
            yield f"### {heading}"
            yield from map(_fact, group)


def belief(fact):
    """The belief that a fact refutes, and who prints it: two texts, the second one maybe ""."""
    return f"“{plain(fact.belief)}”", f"— {plain(fact.source)}" if fact.source else ""


def _fact(fact):
    """Verdict, belief, the sentence of the name and the docstring; below, source and code."""
    told, source = belief(fact) if fact.belief else ("", "")
    amiss = [plain(text) for text in fact.run.get("amiss", [])]
    parts = [told, fact.claim, plain(fact.docstring), source, *amiss, fence(fact.code)]
    verdict = "refuted" if fact.belief and fact.verdict == "passed" else fact.verdict
    heads = ["belief"] * bool(told) + ["claim"] + ["words"] * bool(fact.docstring)
    options = {"name": fact.anchor, "heads": " ".join(heads)}
    if fact.run:
        options |= {"seconds": f"{fact.run['seconds']:.2f}", "cases": fact.run["cases"]}
    return directive("fact", "\n\n".join(filter(None, parts)), options_of(options), verdict)


def _figure(page, fact):
    """A figure with its fact as the caption, and the fact's verdict unless all is well."""
    caption = plain(fact.docstring.partition("\n\n")[0])
    alt = options_of({"alt": " ".join(caption.split())})
    figure = directive("figure", caption, alt, link(page.root, fact.figure))
    return joined("" if fact.verdict == "passed" else made("mark", state=fact.verdict), figure)
