"""Writes MyST Markdown: directives, code, and the pages' prose as it is meant."""

import json
import re


def plain(text):
    """`text` as CommonMark reads it: what only MyST takes for a sign of its own is escaped."""
    text = re.sub(r"^( *)(%|\+\+\+)", r"\1\\\2", text, flags=re.MULTILINE)
    return re.sub(r"\{(?=[\w:.-]+\}`)|(?<=\))(?==$)", r"\\\g<0>", text, flags=re.MULTILINE)


def fence(code):
    """A block of Python."""
    return f"```python\n{code}\n```"


def directive(name, content, options="", argument=""):
    """A directive of MyST."""
    return "\n".join(
        [
            f":::::{{{name}}} {argument}".rstrip(),
            *([options] * bool(options)),
            "",
            content,
            ":::::",
        ]
    )


def made(name, **given):
    """A part that `words.py` makes of what is given, in the words of each language."""
    return directive("made", json.dumps(given, ensure_ascii=False), argument=name)


def options_of(options):
    """Options of a directive, quoted, since MyST reads them as YAML."""
    return "\n".join(
        f":{key}: {json.dumps(str(value), ensure_ascii=False)}"
        for key, value in options.items()
    )


def joined(*parts):
    """The parts that are not empty, as paragraphs."""
    return "\n\n".join(part for part in parts if part) + "\n"


def link(root, path):
    """To a file of the project's `artifacts`, which the build lays beside the documents."""
    return f"/{path.relative_to(root / 'artifacts').as_posix()}"
