"""Builds the book into `artifacts/book/`, each language from the same documents.

    .venv/bin/python .book/build.py                 # English there, Chinese in its folder zh/
    .venv/bin/python .book/build.py --proved        # and fail unless every fact holds
    .venv/bin/python .book/build.py --catalogues    # for translators

Warnings are errors, and nothing is fetched.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from catalogues import compiled, renew  # noqa: E402 (found by the line above)
from documents import documents  # noqa: E402
from drawings import smaller  # noqa: E402
from notebooks import notebook_text  # noqa: E402
from pages import pages_of  # noqa: E402

from fixtures.files import write_whole  # noqa: E402

LANGUAGES = {"en": ".", "zh_CN": "zh"}
"""Sphinx's name of each language, and its folder."""


def build(root, out, languages=LANGUAGES, locale=HERE / "locale"):
    """Build the book of the project `root` in the folder `out`; whether nothing was amiss."""
    titles = _write_sources(root, out / ".sources")
    for folder in {HERE / "locale", locale}:
        _compile_catalogues(folder)
    _forget_other_versions(out / ".doctrees", titles)
    for name in languages:
        _remove_former(out / LANGUAGES[name], out / ".sources")
    runs = [subprocess.Popen(_sphinx(out, name, locale)) for name in languages]
    codes = [run.wait() for run in runs]
    pages = pages_of(root)  # once: each keeps what was read of it
    for name in languages:
        _write_downloads(pages, out / LANGUAGES[name], name[:2])
    return not any(codes)


def _write_sources(root, folder):
    """Write the documents that have changed, remove those that are no more; their titles."""
    texts = {folder / f"{name}.md": text for name, text in documents(root, HERE).items()}
    for path, text in texts.items():
        _renew(path, text.encode())
    for path in set(folder.rglob("*.md")) - texts.keys():
        path.unlink()
    for kind in ("figures", "benchmarks"):
        for path in (root / "artifacts" / kind).rglob("*.svg"):
            copy = folder / path.relative_to(root / "artifacts")
            _renew(copy, smaller(path.read_text(encoding="utf-8")).encode())
    return [text.partition("\n")[0] for text in texts.values()]


def _forget_other_versions(folder, titles):
    """Let Sphinx read all documents anew if the book's code or words changed, or its contents.

    Every page has the whole table of contents beside it.
    """
    sources = [*HERE.glob("*.py"), *HERE.glob("locale/*/*/book.po"), *HERE.glob("templates/*")]
    parts = [*(path.read_bytes() for path in sorted(sources)), *map(str.encode, titles)]
    version = hashlib.sha256(b"\n".join(parts)).hexdigest()
    mark = folder / "version"
    if not mark.exists() or mark.read_text() != version:
        shutil.rmtree(folder, ignore_errors=True)
        write_whole(mark, version.encode())


def _remove_former(folder, sources):
    """Remove what was made of documents that are no more."""
    for path in folder.glob("[0-9]*/*.*"):
        if not (sources / path.parent.name / f"{path.stem}.md").exists():
            path.unlink()


def _renew(path, data):
    """Write what has changed; of the rest Sphinx sees by its time that it has not."""
    if not path.exists() or path.read_bytes() != data:
        write_whole(path, data)


def _compile_catalogues(folder):
    """Compile the translations; Sphinx does so too late for the book's own words."""
    for path in folder.rglob("*.po"):
        _renew(path.with_suffix(".mo"), compiled(path))


def _sphinx(out, language, locale):
    """The command that builds one language, with warnings as errors."""
    settings = [f"-Dlanguage={language}", f"-Dlocale_dirs={locale}"]
    places = ["-c", HERE, "-d", out / ".doctrees" / language]
    places += [out / ".sources", out / LANGUAGES[language]]
    options = ["-b", "html", "-W", "--keep-going", "-q"]
    return [sys.executable, "-m", "sphinx", *options, *settings, *places]


def _write_downloads(pages, folder, language):
    """Beside each page: its notebook and its source."""
    for page in pages:
        _renew(folder / f"{page.name}.ipynb", notebook_text(page, language).encode())
        _renew(folder / f"{page.name}.py", page.exercise.path.read_bytes())


def renew_catalogues(out):
    """Put every paragraph of the documents into the catalogues, and what has changed anew."""
    _write_sources(HERE.parent, out / ".sources")
    renew(out / ".sources", out / ".templates")
    return 0


def unproved(root):
    """What the last run did not show to hold: a line for each page, with its verdict."""
    return [
        f"{page.exercise.number}: {page.state}"
        for page in pages_of(root)
        if page.state != "passed"
    ]


def main():
    """Build the book of this project."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--proved", action="store_true", help="fail if a fact was not proved")
    help = "renew the catalogues of translations, and build nothing"
    parser.add_argument("--catalogues", action="store_true", help=help)
    arguments = parser.parse_args()
    if arguments.catalogues:
        return renew_catalogues(HERE.parent / "artifacts" / "book")
    clean = build(HERE.parent, HERE.parent / "artifacts" / "book")
    missing = unproved(HERE.parent) if arguments.proved else []
    sys.stdout.write("\n".join([*missing, "the book: artifacts/book/index.html", ""]))
    return int(not clean or bool(missing))


if __name__ == "__main__":
    sys.exit(main())
