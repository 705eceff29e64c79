"""Runs the suite in other orders and in parts: no test may need, or spoil, another.

    python .ci/orders.py                         # everything, about an hour
    python .ci/orders.py tests exercises         # some of: orders, parallel, exercises, tests
    python .ci/orders.py orders --count 3        # three random orders instead of 20

`orders` are random ones (seeds 1, 2, …), `parallel` is `-n 2`, `exercises` is each exercise in
a process of its own, `tests` each test in one.  A run fails if a test fails, if it leaves a
stray file in the folder for temporary files, or a changed checkout.  Prints a line for each
part and for each run that failed; exits with 1 if one did.
"""

import argparse
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
IN_ORDER = ["-p", "no:randomly"]
LIBRARIES = "matplotlib.figure", "pandas", "scipy.optimize", "scipy.stats", "sympy"
OWN = "pytest-of-", "torchinductor_"
"""What pytest and torch make of their own among the temporary files."""


def run(*options):
    """Run pytest in a new process; return what it printed, and whether it passed."""
    done = subprocess.run(
        [*PYTEST, *options], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=3600
    )
    return done.stdout + done.stderr, done.returncode == 0


def run_in_fork(*options):
    """The same in a copy of this process, which has imported the libraries already."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            import pytest

            code = pytest.main(["-q", "-p", "no:cacheprovider", *options])
            sys.stdout.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return output.read().decode(), status == 0


def orders(count):
    """The whole suite in `count` random orders."""
    import_libraries()
    for seed in range(1, count + 1):
        yield f"order {seed}", run_in_fork(f"--randomly-seed={seed}")


def parallel(count):
    """The whole suite by two processes."""
    yield "-n 2", run("-n", "2", *IN_ORDER)


def exercises(count):
    """Each exercise in a new process, which imports only what it needs."""
    for path in sorted((ROOT / "exercises").rglob("test_*.py")):
        yield path.stem, run(str(path), *IN_ORDER)


def tests(count):
    """Each test in a process of its own."""
    output, _ = run("--collect-only", *IN_ORDER)
    names = [line for line in output.splitlines() if "::" in line]
    import_libraries()
    for name in names:
        yield name, run_in_fork(name, *IN_ORDER)


def import_libraries():
    """Import what takes seconds, once; torch gets a single thread, as forks have no other."""
    for name in (*LIBRARIES, "torch.testing", "pytest"):
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)


def strays(folder):
    """Files where none should be: in the `folder` for temporary ones, or in the checkout."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8").stdout
    temporary = {path.name for path in folder.iterdir() if not path.name.startswith(OWN)}
    return temporary | set(status.splitlines())


def check(part, count, folder):
    """Run one part; return whether one of its runs failed."""
    start, known, total, failed = time.monotonic(), strays(folder), 0, 0
    for name, (output, passed) in part(count):
        found = strays(folder)
        total += 1
        if found != known or not passed:
            failed += 1
            say(f"{name}: {sorted(found ^ known) or ''}\n{output[-3000:]}")
            known = found
    say(f"{part.__name__}: {total - failed} of {total} green, {time.monotonic() - start:.0f} s")
    return failed > 0 or total == 0


def say(line):
    """Print at once, as a run takes long."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main():
    """Run the parts named on the command line, or all."""
    parts = {part.__name__: part for part in (tests, exercises, parallel, orders)}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    parser.add_argument("--count", type=int, default=20, help="number of random orders")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(parts)
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; expected {', '.join(parts)}")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(ROOT):
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        failed = [
            check(parts[name], arguments.count, Path(folder))
            for name in parts
            if name in arguments.parts or not arguments.parts
        ]
    return int(any(failed))


if __name__ == "__main__":
    sys.exit(main())
