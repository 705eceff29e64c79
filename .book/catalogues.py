"""The catalogues of translations: kept in step with the documents, counted, compiled.

One file a section, as Sphinx names it; the book's own words are in `book.po`, what pytest says
in `pytest.po`, what a work sheet says of its functions in `functions.po`.  A message is a
paragraph, and its key the English text itself.
"""

import ast
import io
import json
import re
import subprocess
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from fixtures.catalogue import exercises_in
from fixtures.files import write_whole
from fixtures.language import CATALOGUE, key, paragraphs
from fixtures.sheets import docstrings

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "locale" / "zh_CN" / "LC_MESSAGES"
BY_HAND = {"book", "sphinx"}
"""Catalogues whose messages are written into them."""
FOLLOWING = {"costs", "errors"}
"""Those that repeat what others have."""
_HEAD = b"""\
msgid ""
msgstr ""
"Language: zh_CN\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def catalogues(folder=FOLDER):
    """The catalogues in `folder`, by name; their messages without the head."""
    return {path.stem: _read(path) for path in sorted(folder.glob("*.po"))}


def _read(path):
    with path.open("rb") as file:
        return read_po(file, locale="zh_CN")


def messages(catalogue):
    """The messages of a catalogue, without its head."""
    return [message for message in catalogue if message.id]


def key_of(message):
    """Its English as `fixtures.language.key` has it: of a block each line, prose in one."""
    return message.id if "\n" in message.id else " ".join(message.id.split())


def is_translated(message):
    """Whether it has a translation of the English as it stands."""
    return bool(message.string) and not message.fuzzy


def renewed(sources, scratch, folder=FOLDER):
    """The text each catalogue should have, by name: every paragraph of the documents once.

    `sources` is the folder of the documents, `scratch` one to work in.  A translation whose
    English has changed is kept and marked as fuzzy; what has no translation takes that of the
    same English in another catalogue.
    """
    command = [sys.executable, "-m", "sphinx", "-b", "gettext", "-q", "-W", "-c", HERE]
    subprocess.run([*command, sources, scratch], check=True)
    former = catalogues(folder)
    known = {
        message.id: message.string
        for name, catalogue in former.items()
        for message in messages(catalogue)
        if is_translated(message) and name not in FOLLOWING
    }
    templates = {path.stem: _read(path) for path in sorted(scratch.glob("*.pot"))}
    templates |= {"functions": _template(_of_functions()), "pytest": _template(_of_pytest())}
    found = {}
    for name, template in templates.items():
        if name in BY_HAND or not messages(template):
            continue
        catalogue = former.get(name, Catalog(locale="zh_CN"))
        catalogue.update(template)
        for message in messages(catalogue):
            follows = name in FOLLOWING or not is_translated(message)
            if follows and (same := _known(message.id, known)):
                message.string = same
                message.flags.discard("fuzzy")
        found[name] = text_of(catalogue)
    return found


def _template(texts):
    """A catalogue of these texts, each once, without translations."""
    catalogue = Catalog()
    for text in dict.fromkeys(texts):
        catalogue.add(text)
    return catalogue


def _of_functions():
    """The paragraphs of the docstrings that work sheets have."""
    for exercise in exercises_in(HERE.parent / "exercises"):
        for docstring in docstrings(exercise):
            yield from map(key, paragraphs(docstring))


def _of_pytest():
    """What `said("…")` says in the plugins."""
    for path in sorted((HERE.parent / "fixtures").glob("[!t]*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said":
                yield ast.literal_eval(node.args[0])


def _known(english, known):
    """The translation of the same English, be there the number of an exercise before it."""
    number, _, rest = english.partition(" ")
    if english in known or not re.fullmatch(r"[\d.]+", number):
        return known.get(english)
    return f"{number} {known[rest]}" if rest in known else None


def text_of(catalogue):
    """A catalogue as it is kept: a message a line, nothing that changes by itself."""
    text = io.BytesIO()
    write_po(text, catalogue, width=0, omit_header=True, no_location=True, ignore_obsolete=True)
    return _HEAD + b"\n" + text.getvalue().strip() + b"\n"


def renew(sources, scratch, folder=FOLDER):
    """Write what has changed, and remove what belongs to no document."""
    found = renewed(sources, scratch, folder)
    for path in folder.glob("*.po"):
        if path.stem not in found.keys() | BY_HAND:
            path.unlink()
    for name, text in found.items():
        write_whole(folder / f"{name}.po", text)
    write_whole(CATALOGUE, for_pytest(folder))


def for_pytest(folder=FOLDER):
    """The translations that pytest reads: the bytes of a JSON object."""
    found = {
        key_of(message): message.string
        for catalogue in catalogues(folder).values()
        for message in messages(catalogue)
        if is_translated(message)
    }
    return json.dumps(found, ensure_ascii=False, indent=0, sort_keys=True).encode() + b"\n"


def compiled(path):
    """The catalogue in the file `path` as gettext reads it."""
    text = io.BytesIO()
    write_mo(text, _read(path))
    return text.getvalue()
