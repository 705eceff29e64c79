"""The catalogues of translations: kept in step with the documents, counted, compiled.

One file a section, as Sphinx names it; the book's own words are in `book.po`, what pytest says
in `pytest.po`.  A message is a paragraph, and its key the English text itself.
"""

import io
import subprocess
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from fixtures.files import write_whole

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "locale" / "zh_CN" / "LC_MESSAGES"
BY_HAND = {"book", "pytest", "sphinx"}
"""Catalogues whose messages stand in code, not in the documents."""
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
    known = {m.id: m.string for c in former.values() for m in messages(c) if is_translated(m)}
    found = {}
    for path in sorted(scratch.glob("*.pot")):
        if path.stem in BY_HAND or not messages(template := _read(path)):
            continue
        catalogue = former.get(path.stem, Catalog(locale="zh_CN"))
        catalogue.update(template)
        for message in messages(catalogue):
            if not is_translated(message) and message.id in known:
                message.string = known[message.id]
                message.flags.discard("fuzzy")
        found[path.stem] = _text(catalogue)
    return found


def _text(catalogue):
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


def compiled(path):
    """The catalogue in the file `path` as gettext reads it."""
    text = io.BytesIO()
    write_mo(text, _read(path))
    return text.getvalue()
