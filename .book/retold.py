"""Sentences of the benchmark report that hold numbers, told in the reader's language.

They are made anew with every report, so no catalogue can have them as they stand; `book.po` has
their patterns.
"""

import re

from docutils import nodes
from sentences import HAN
from sphinx.locale import get_translation

_ = get_translation("book")
_named = get_translation("costs")

PATTERNS = (
    "{method}: at {size} {times} times faster than the next, {next}, {most} than the last, "
    "{last}; at {small} {first} is fastest",
    "{method}: at {size} {times} times faster than the next, {next}; at {small} {first} is "
    "fastest",
    "{method}: at {size} {times} times faster than the next, {next}, {most} than the last, "
    "{last}",
    "{method}: at {size} {times} times faster than the next, {next}",
    "{method} takes {time} at {size}, {share} of it fixed",
    "Theory holds at every size",
    "Theory holds at every size but {apart}",
    "at every size but {apart}",
    "{method} at {counts}",
    "Theory says that a call takes a + b · work. It holds at a size where neither this nor the "
    "measured time is more than {limit} times the other. Another machine, another day, other "
    "seconds: only ratios mean anything",
    "In a large product one thread does {speed} Gflop/s; it reads, in GB/s, from {levels}. No "
    "routine can be above the lower of these ceilings; the last column is its part of that, "
    "with the data in memory",
    "At most {most} times the speed, for products of {count} × {count} matrices",
    "memory {speed}",
    "{when} UTC, {processor} ({cores} cores), {system}, {threads} thread; Python {versions}",
    "n, of {count} flop a row",
)


_PLACES = {
    "size": r"\w+ = \S+",
    "small": r"\w+ = \S+",
    "times": r"\S+",
    "most": r"\S+",
    "count": r"\d+",
    "counts": r"\d+(?:, \d+)*",
    "cores": r"[\d?]+",
}
"""What may stand at a place of these names; at all others anything."""


def retell(content):
    """What holds a number is not for the catalogues: tell its sentences by the patterns."""
    for node in content.findall(nodes.TextElement):
        if not re.search(r"\d|[°^±]|^(yes|no)$", node.astext()):
            continue
        node["translatable"] = False
        only_text = all(isinstance(part, nodes.Text) for part in node.children)
        if only_text and (told := retold(node.astext())):
            node.children = []
            node += nodes.Text(told)
        for text in list(node.findall(nodes.Text)):
            if told := retold(text):
                text.parent.replace(text, nodes.Text(told))


def retold(text):
    """The sentence `text` of the report in the reader's language, or None if it is none."""
    whole = " ".join(text.split())
    if not whole:
        return None
    if (heading := str(_named(whole))) != whole:
        return heading
    for end in (".", ""):  # in bold type the sentence of an answer ends with a full stop
        for pattern in PATTERNS:
            if found := re.fullmatch(_expression(pattern) + re.escape(end), whole):
                parts = {name: _name(part) for name, part in found.groupdict().items()}
                told = str(_(pattern)).format(**parts) + ("。" if end else "")
                return re.sub(rf"(?<={HAN}) (?={HAN})", "", told)
    return None


def _expression(pattern):
    """A regular expression for `pattern`; a place that comes twice is the same both times."""
    parts, seen = [], set()
    for text, name in re.findall(r"([^{]*)(?:\{(\w+)\})?", pattern):
        place = f"(?P={name})" if name in seen else f"(?P<{name}>{_PLACES.get(name, '.+?')})"
        parts += [re.escape(text), place if name else ""]
        seen.add(name)
    return "".join(parts)


def _name(part):
    """A part of a sentence: names of methods as the tables have them, numbers as they stand."""
    told = retold(part)
    if told or not re.search("[;,] ", part):
        return told or part
    return "".join(retold(name) or name for name in re.split("([;,] )", part))
