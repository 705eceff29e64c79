"""Does to a copy of the book what a bad day does: full disk, SIGKILL, two runs at once.

    python .ci/faults.py                    # everything that is committed; half an hour
    python .ci/faults.py killed --count 5   # some of: full, killed, at_once

`full` needs Linux and root, for a disk of its own; elsewhere it says so and passes.  `killed`
ends runs at random moments.  Prints a line for each fault, and what is violated: an artifact
that is half-written or lost, a report whose charts are not there, a silent failure, a file that
git sees, a process that lives on.  Exits with 1 at any violation.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIGURES = ["--exercise", "2", "-k", "figure"]
TIMES = [
    "--benchmark-only",
    "--benchmark-quick",
    "--benchmark-max-time=0.005",
    "--exercise",
    "2.3",
]
PROCESSES = ["--exercise", "3.1.2c", "-k", "process"]
EARLIER = b"<!-- of an earlier run -->\n"
violations = []


def expect(holds, what):
    """Note a violation."""
    if not holds:
        violations.append(what)
        say(f"  violated: {what}")


def say(line):
    """Print at once, as a run takes long."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def start(book, options):
    """Start pytest in a session of its own, so that its children can be found."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *options],
        cwd=book,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )


def finish(*runs):
    """Their exit codes and what they printed; a run that hangs is a violation."""
    outputs = []
    for process in runs:
        try:
            outputs.append(process.communicate(timeout=1200)[0])
        except subprocess.TimeoutExpired:
            process.kill()
            outputs.append(process.communicate()[0])
            expect(False, f"a run hangs: {process.args}")
    return [process.returncode for process in runs], outputs


def alive(session):
    """The processes of a session."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,sess=,stat="], capture_output=True, text=True
    )
    rows = map(str.split, listed.stdout.splitlines())
    return [pid for pid, sid, state, *_ in rows if sid == str(session) and state[0] != "Z"]


def svgs(folder):
    """All figures and charts below `folder`: a dict from path to bytes."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*.svg")
        if not any(part.endswith(".tmp") for part in path.parts)
    }


def unseen_by_git(book):
    """Whether git sees no file that is not committed, whatever a run has left."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, cwd=book, capture_output=True, text=True).stdout
    return not [line for line in status.splitlines() if line.startswith("??")]


def check_reports(book):
    """Each report's charts are there and whole, and so are the raw timings."""
    folder = book / "artifacts" / "benchmarks"
    reports = list(folder.glob("report*.md"))
    for report in reports:
        for chart in re.findall(r"\]\((report\S+svg)\)", report.read_text(encoding="utf-8")):
            expect(
                (folder / chart).exists(), f"{report.name} shows {chart}, which is not there"
            )
    for path in folder.rglob("*.json"):
        json.loads(path.read_bytes())
    for path, svg in svgs(book).items():
        expect(ET.fromstring(svg).tag.endswith("svg"), f"{path} is no SVG")
    return len(reports)


def full(book, count):
    """A disk that has room for what is there, and for nothing more; then one to read only."""
    artifacts = book / "artifacts"
    saved = book.with_name("saved")
    shutil.copytree(artifacts, saved)
    size = sum(path.stat().st_size // 4096 + 1 for path in saved.rglob("*")) * 4
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={size + 16}k", "none", str(artifacts)]
    if subprocess.run(mounted, stderr=subprocess.DEVNULL).returncode:
        say("full: left out, since no disk can be mounted")
        return
    try:
        shutil.copytree(saved, artifacts, dirs_exist_ok=True)
        with contextlib.suppress(OSError), (artifacts / "filler").open("wb", 0) as filler:
            while True:
                filler.write(bytes(4096))
        for state in ("full", "read-only"):
            before = svgs(book)
            (code,), (output,) = finish(start(book, FIGURES))
            told = len(
                set(re.findall(r"its figure can't be written to (\S+): \[Errno", output))
            )
            expect(code == 1 and told, f"a {state} disk is told: {output[-500:]}")
            expect(svgs(book) == before, f"figures outlive a {state} disk")
            (code,), (output,) = finish(start(book, TIMES))
            expect(code and "no new benchmark report" in output, f"{state}: {output[-500:]}")
            expect("Traceback" not in output, f"a {state} disk is told in a sentence")
            expect(svgs(book) == before, f"the report's charts outlive a {state} disk")
            expect(not list(artifacts.rglob("*.tmp")), f"parts are left on a {state} disk")
            say(f"{state}: {told} folders told, {len(before)} figures and charts whole")
            subprocess.run(["mount", "-o", "remount,ro", str(artifacts)], check=True)
    finally:
        subprocess.run(["umount", str(artifacts)], check=True)
        shutil.rmtree(saved)


def killed(book, count):
    """Runs that draw, with one process or three, that time, that fork: killed at random."""
    parallel = ["-n", "2", *FIGURES]
    for options, since in ((FIGURES, 0), (parallel, 0.3), (TIMES, 0.3), (PROCESSES, 0.3)):
        begin = time.monotonic()
        passes(book, options)
        duration = time.monotonic() - begin
        drawn = svgs(book / "artifacts" / "figures")
        renewed, lasted = 0, []
        for _ in range(count):
            for path, svg in drawn.items():
                path.write_bytes(svg + EARLIER)
            lasted.append(kill(start(book, options), random.uniform(since, 1) * duration))
            after = svgs(book / "artifacts" / "figures")
            for path, svg in drawn.items():
                expect(
                    after.get(path) in (svg, svg + EARLIER), f"{path} is neither old nor new"
                )
                renewed += after.get(path) == svg
            check_reports(book)
            expect(unseen_by_git(book), "git sees what a killed run has left")
        parts = len(list((book / "artifacts").rglob("*.tmp")))
        for path, svg in drawn.items():
            path.write_bytes(svg)
        passes(book, options)
        check_reports(book)
        say(f"killed {count} times within {duration:.0f} s: {' '.join(options)}")
        say(f"  {renewed} figures were new, {count * len(drawn) - renewed} the earlier ones;")
        say(f"  {parts} hidden parts left; the last process gone after {max(lasted):.1f} s")


def passes(book, options):
    """Expect a green run."""
    (code,), (output,) = finish(start(book, options))
    expect(code == 0, f"without a fault it passes: {output[-500:]}")


def kill(process, moment):
    """Kill a run after so many seconds; return how long its children live on."""
    time.sleep(moment)
    process.kill()
    process.wait()
    begin = time.monotonic()
    while alive(process.pid) and time.monotonic() < begin + 60:
        time.sleep(0.05)
    expect(not alive(process.pid), "a child outlives the killed run by a minute")
    process.stdout.close()
    return time.monotonic() - begin


def at_once(book, count):
    """Two runs in one checkout: all answers, all benchmarks, two readers."""
    before = svgs(book / "artifacts" / "figures")
    for options in ([], TIMES):
        codes, outputs = finish(start(book, options), start(book, options))
        expect(codes == [0, 0], "both pass: " + "".join(output[-1500:] for output in outputs))
        say(f"at once {' '.join(options) or 'all answers'}: exit codes {codes}")
    reports = check_reports(book)
    after = svgs(book / "artifacts" / "figures")
    expect(after == before, "every figure is what it was")
    expect(unseen_by_git(book), "git sees nothing new")
    numbers = ["2.3.4", "2.3.5"]
    for _ in range(2):
        finish(*[start(book, ["--solve", number]) for number in numbers])
    known = json.loads((book / "solve" / "progress.json").read_bytes())
    expect(sorted(known) == numbers, f"both readers are remembered: {sorted(known)}")
    say(f"at once: {reports} reports with their charts, {len(known)} of 2 readers remembered")


def main():
    """Do what the command line names, or everything, to a clone."""
    faults = {fault.__name__: fault for fault in (full, killed, at_once)}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("faults", nargs="*", help=", ".join(faults))
    parser.add_argument("--count", type=int, default=20, help="number of kills")
    arguments = parser.parse_args()
    if set(arguments.faults) - set(faults):
        parser.error(f"expected some of {', '.join(faults)}")
    os.environ.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder) / "book"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(book)], check=True)
        for name in arguments.faults or faults:
            faults[name](book, arguments.count)
    say(f"{len(violations)} violations")
    return int(bool(violations))


if __name__ == "__main__":
    sys.exit(main())
