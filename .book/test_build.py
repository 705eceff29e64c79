"""The build writes what has changed, and tells what is not proved."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_PAGE = "def test_it():\n    '''It holds.'''\n    assert HOLDS\n"


def test_what_is_not_proved_is_listed(project):
    """For the workflow, which publishes nothing then."""
    from build import unproved

    project.add("2.3.6", "HOLDS = True\n" + _PAGE)
    project.add("2.3.7", "HOLDS = False\n" + _PAGE)
    assert unproved(project.root) == ["2.3.6: unrun", "2.3.7: unrun"]

    project.pytest("--evidence")

    assert unproved(project.root) == ["2.3.7: failed"]


def test_a_second_build_writes_only_what_has_changed(project):
    """Documents of other pages keep their time."""
    project.add("2.3.6", "HOLDS = True\n" + _PAGE)
    changed = project.add("2.3.7", "HOLDS = True\n" + _PAGE)
    out = project.build()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.md")}
    changed.write_text(
        changed.read_text(encoding="utf-8").replace("It is.", "It was."), encoding="utf-8"
    )

    project.build()

    renewed = {path.stem for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert renewed == {"2.3.7"}
    assert "It was." in (out / "2.3" / "2.3.7.html").read_text(encoding="utf-8")


def test_a_new_claim_is_in_every_page_s_table_of_contents(project):
    """Also of the pages that have not changed."""
    project.add("2.3.6", "HOLDS = True\n" + _PAGE)
    other = project.add("2.3.7", "HOLDS = True\n" + _PAGE)
    out = project.build()
    text = other.read_text(encoding="utf-8").replace("Claim 2.3.7", "Another claim")
    other.write_text(text, encoding="utf-8")

    project.build()

    assert "Another claim" in (out / "2.3" / "2.3.6.html").read_text(encoding="utf-8")


def test_a_broken_link_is_an_error(project):
    """Sphinx's warnings are."""
    from build import build

    project.add("2.3.6", "HOLDS = True\n" + _PAGE, Why="See [there](nowhere.md).")

    assert not build(project.root, project.root / "artifacts" / "book", ["en"])


def test_the_workflow_runs_the_readme_s_commands():
    """And publishes nothing that is not proved."""
    text = (_HERE.parent / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8")
    readme = (_HERE.parent / "README.md").read_text(encoding="utf-8")

    _, *commands = re.findall(r"\brun: (.*)", text)
    assert commands == [
        ".venv/bin/pytest --evidence",
        ".venv/bin/pytest .book",
        ".venv/bin/python .book/build.py --proved",
    ]
    assert commands[0] in readme
    assert commands[2].removesuffix(" --proved") in readme


@pytest.mark.skipif(not Path("/usr/bin/unshare").exists(), reason="needs Linux's unshare")
def test_nothing_is_fetched(project):
    """It builds where there is no network."""
    project.add("2.3.6", "HOLDS = True\n" + _PAGE)
    code = (
        f"import sys; sys.path[:0] = [{str(_HERE)!r}]; from pathlib import Path; import build; "
        f"root = Path({str(project.root)!r}); assert build.build(root, root / 'book')"
    )
    run = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, "-c", code], capture_output=True
    )
    if b"unshare" in run.stderr:
        pytest.skip("this system lets nobody leave the network")

    assert run.returncode == 0, run.stderr
