"""Runs the notebooks of all pages, or of those named: `run_notebooks.py 2.3.6 3.1.2a`.

Prints a line for each, with the seconds it took and the figures it showed; exits with 1 if a
fact is refuted in one.
"""

import sys
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from notebooks import notebook  # noqa: E402 (found by the line above)
from pages import pages_of  # noqa: E402


def run(made, folder):
    """Run a notebook from `folder`; how many figures it shows.

    Raises CellExecutionError at the first fact that is refuted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(made, timeout=600, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def main(numbers):
    """Run those of the pages `numbers`, or all; how many fail."""
    failed = 0
    for page in pages_of(HERE.parent):
        if numbers and page.exercise.number not in numbers:
            continue
        start = time.monotonic()
        try:
            told = f"{run(notebook(page), HERE.parent / 'artifacts' / 'book')} figures"
        except CellExecutionError as error:
            told, failed = f"fails: {error}", failed + 1
        sys.stdout.write(f"{page.exercise.number}: {time.monotonic() - start:.1f} s, {told}\n")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(int(bool(main(sys.argv[1:]))))
