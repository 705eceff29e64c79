"""What the book's tests share: its modules, a small project, and the book of this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
ROOT = _HERE.parent
sys.path[:0] = [str(_HERE), str(ROOT)]


@pytest.fixture
def project(tmp_path):
    """An empty project with this one's pytest.ini and plugins; `project.add` writes a page."""
    return _Project(tmp_path / "project")


class _Project:
    def __init__(self, root):
        self.root = root
        root.mkdir()
        for name in ("pytest.ini", "conftest.py", "README.md"):
            shutil.copy(ROOT / name, root)

    def add(self, number, source, folder="ch02_preliminaries/s03_linear_algebra", **sections):
        """Write exercise `number`, whose claim is "Claim <number>."; return its path."""
        path = self.root / "exercises" / folder / f"test_{number.replace('.', '_')}_page.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {"Question": f"Is it {number}?", "Answer": "It is.", **sections}
        parts = (f"{name}\n{'-' * len(name)}\n{text}\n" for name, text in told.items())
        head = f'"""{number} — Claim {number}.\n\n' + "\n".join(parts) + '"""\n\n'
        path.write_text(head + source, encoding="utf-8")
        return path

    def pytest(self, *options):
        """Run pytest there; what it prints."""
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "LANGUAGE": "en",
        }
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *options]
        run = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, encoding="utf-8"
        )
        return run.stdout

    def build(self):
        """Build its book in English; the folder it is in."""
        from build import build

        out = self.root / "artifacts" / "book"
        assert build(self.root, out, ["en"])
        return out


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The book of this project, built with the evidence that is there: its folder."""
    from build import build

    out = tmp_path_factory.mktemp("book")
    assert build(ROOT, out), "Sphinx warns: see above"
    return out


@pytest.fixture(scope="session")
def pages():
    """The pages of this project."""
    from pages import pages_of

    return pages_of(ROOT)


def pytest_terminal_summary(terminalreporter):
    """Say how much of the book is translated."""
    from catalogues import catalogues, is_translated, messages

    whole = [message for catalogue in catalogues().values() for message in messages(catalogue)]
    done = sum(map(is_translated, whole))
    terminalreporter.line(f"Chinese: {done} of {len(whole)} paragraphs are translated")
