"""The book's own words, and the parts of a page that are made of them, in every language.

Each function below `MADE` gives the HTML of one such part from what `documents.py` has told.
"""

from html import escape

from sentences import sentence
from sphinx.locale import get_translation

_ = get_translation("book")
VERDICTS = {
    "passed": _("holds"),
    "refuted": _("refuted"),
    "failed": _("no longer holds"),
    "amiss": _("holds, but"),
    "stale": _("changed since its last run"),
    "unrun": _("not run yet"),
    "timed": _("timed on request"),
}
FOLDED = {
    "clue": _("Hint"),
    "rest": _("What the evidence uses"),
    "measured": _("How it was measured"),
    "code": _("Code"),
}

HEADINGS = {
    "Question": _("Question"),
    "Answer": _("Answer"),
    "Why": _("Why"),
    "In practice": _("In practice"),
    "The answer in code": _("The answer in code"),
    "The evidence": _("The evidence"),
    "Refuted beliefs": _("Refuted beliefs"),
    "Beyond the question": _("Beyond the question"),
    "What it costs": _("What it costs"),
    "Errors in print": _("Errors in print"),
    "Answers that changed": _("Answers that changed"),
    "What the routines cost": _("What the routines cost"),
}
REPORT = _("Report an error on this page")


def heading(text, docname):
    """The heading in the book's own words, or None if it is one of a page alone.

    Titles of chapters and sections are such words, too: they come from the tree of exercises.
    """
    if docname.endswith("/index"):
        return _(text)
    return str(HEADINGS[text]) if text in HEADINGS else None


def chip(state):
    """A verdict as a label."""
    return f'<span class="verdict {state}">{escape(str(VERDICTS[state]))}</span>'


def _status(given, writer):
    """What the last run says of the page, and the files that go with it."""
    number, said = given["number"], []
    if given["state"] != "passed":
        said.append(str(VERDICTS[given["state"]]))
    said.append(_counted(given))
    if given["when"]:
        said.append(_("run on {when} with {versions}, in {seconds} s").format(**given))
    done = writer.document.get("translation_progress", {})
    if writer.config.language != "en" and done.get("translated", 0) < done.get("total", 0):
        said.append(_("{translated} of {total} paragraphs are translated").format(**done))
    return (
        f'<div class="status {given["state"]}"><p>{escape(" · ".join(said))}</p>'
        f'<p class="links"><a href="{number}.ipynb" download>{_("Notebook")}</a> '
        f'<a href="{number}.py" download>{_("Source")}</a></p></div>\n'
    )


def _counted(given):
    """How many facts, refuted beliefs and edges hold."""
    told = [_("facts that hold: {facts}"), _("refuted beliefs: {refuted}")]
    told += [_("edges: {edges}")] if given.get("edges") else []
    return " · ".join(told).format_map(_Zero(given))


class _Zero(dict):
    """What is not counted is none."""

    def __missing__(self, key):
        return 0


def _editions(given, _writer):
    """Links to the question's section in both editions."""
    links = [(given["zh"], _("Chinese edition, {number}").format(number=given["number"]))]
    links.append((given["en"], _("English edition, {number}").format(number=given["english"])))
    anchors = (
        f'<a class="external" href="{escape(url)}">{text}</a>' for url, text in links if url
    )
    return f'<p class="editions">{" · ".join(anchors)}</p>\n'


def _solve(given, _writer):
    """How a reader has an own answer judged."""
    command = f'<code class="literal">.venv/bin/pytest --solve {given["number"]}</code>'
    return f'<p class="solve"><strong>{_("Solve it yourself:")}</strong> {command}</p>\n'


def _mark(given, _writer):
    """A label for a figure or a benchmark whose page is not proved as it stands."""
    return f'<p class="mark">{chip(given["state"])}</p>\n'


def _totals(given, _writer):
    """The sums over several pages, as pytest's summary tells them."""
    verified = _("{verified} of {pages} exercises verified").format_map(_Zero(given))
    states = [
        f"{count} × {VERDICTS[state]}"
        for state, count in given["states"].items()
        if state != "passed"
    ]
    return f'<p class="totals">{escape(" · ".join([verified, _counted(given), *states]))}</p>\n'


def _overview(given, writer):
    """A line for each page, with its verdict and its counts."""
    rows = (_row(row, writer.builder) for row in given["rows"])
    return f'<ul class="overview">{"".join(rows)}</ul>\n'


def _row(row, builder):
    target = builder.get_relative_uri(builder.current_docname, row["name"])
    title = "".join(map(_title, builder.env.titles[row["name"]].children))
    return (
        f'<li class="{row["state"]}">{chip(row["state"])} <a href="{target}">{title}</a> '
        f'<span class="seconds">{_counted(row)}</span></li>'
    )


def _title(node):
    """A part of a title: code marked, formulas typeset."""
    text = node.astext()
    if node.tagname == "literal":
        return f'<code class="literal">{escape(text)}</code>'
    return sentence(text)


def _errors(_given, _writer):
    """What the page of printed errors is."""
    return "<p>{}</p>\n".format(
        _(
            "Answers that were published and are wrong. Each is refuted or refused by the "
            "tests of its page, which fail if the answer should be right after all."
        )
    )


def _refutes(given, writer):
    """The fact that refutes a published belief."""
    state = "refuted" if given["state"] == "passed" else given["state"]
    link = _link(given["page"], given["anchor"], _("the fact in {number}"), writer.builder)
    return f"<p>{chip(state)} {link}</p>\n"


def _refuses(given, writer):
    """The evidence that refuses a published answer when a reader gives it."""
    text = _("refused by the tests of {number}")
    return f"<p>{_link(given['page'], 'the-evidence', text, writer.builder)}</p>\n"


def _link(page, anchor, text, builder):
    target = builder.get_relative_uri(builder.current_docname, page)
    number = page.partition("/")[2]
    return f'<a href="{target}#{anchor}">{str(text).format(number=number)}</a>'


MADE = {
    "status": _status,
    "editions": _editions,
    "solve": _solve,
    "mark": _mark,
    "totals": _totals,
    "overview": _overview,
    "errors": _errors,
    "refutes": _refutes,
    "refuses": _refuses,
}
