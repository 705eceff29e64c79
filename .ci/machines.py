"""Do the answers hold on other processors?  Libraries choose their kernels when they start.

    python .ci/machines.py                  # all variants, half a minute each
    python .ci/machines.py OpenBLAS threads # those with one of these words in their name

Each variant runs the suite in a new process in which a library is told to use the kernels of an
older processor, more threads, or memory that is not zero at first.  Prints for each how many
tests pass and fail, and which figures come out otherwise than the committed ones (their last
digits may; the answers' tolerances must not).  Exits with 1 if a test fails; where the smallest
numbers are flushed to zero, those marked `subnormal` must fail, and no others.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from orders import ROOT, say

sys.path.insert(0, str(ROOT))

from fixtures.drawings import unsealed

_PROGRAM = """
import sys, pytest, torch
torch.set_flush_denormal({flush})
sys.exit(pytest.main(sys.argv[1:]))
"""
_OLD_NUMPY = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
_OLDEST = {
    "ATEN_CPU_CAPABILITY": "default",
    "OPENBLAS_CORETYPE": "Prescott",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "NPY_DISABLE_CPU_FEATURES": _OLD_NUMPY,
}
VARIANTS = {
    "as it is": {},
    "ATen default": {"ATEN_CPU_CAPABILITY": "default"},
    "ATen AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    **{
        f"OpenBLAS {core}": {"OPENBLAS_CORETYPE": core}
        for core in ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen")
    },
    "oneDNN SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "oneDNN AVX": {"ONEDNN_MAX_CPU_ISA": "AVX"},
    "MKL compatible": {"MKL_CBWR": "COMPATIBLE"},
    "MKL AVX2": {"MKL_CBWR": "AVX2"},
    "MKL SSE4.2": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "NumPy without AVX": {"NPY_DISABLE_CPU_FEATURES": _OLD_NUMPY},
    "the oldest of all": _OLDEST,
    **{
        f"{count} threads": {
            f"{library}_NUM_THREADS": str(count) for library in ("OMP", "MKL", "OPENBLAS")
        }
        for count in (2, 8)
    },
    "memory filled with 0xA5": {"MALLOC_PERTURB_": "165"},
    "flush to zero": {},
}


def run(name, settings, figures):
    """What pytest printed about the suite in this variant; figures are drawn into a folder."""
    program = _PROGRAM.format(flush=name == "flush to zero")
    options = [
        "-q",
        "-rfE",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        f"--figures={figures}",
    ]
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout + done.stderr


def unlike(folder):
    """The exercises whose figures in `folder` differ from those in artifacts, seal apart."""
    committed = {path.name: path for path in (ROOT / "artifacts/figures").rglob("*.svg")}
    return sorted(
        re.match(r"\d+(?:_\d+)*[a-z]?", path.name)[0].replace("_", ".")
        for path in Path(folder).glob("*.svg")
        if path.name not in committed
        or unsealed(path.read_bytes()) != unsealed(committed[path.name].read_bytes())
    )


def main(words):
    """Run the variants, print a line for each, and judge."""
    chosen = {
        name: settings
        for name, settings in VARIANTS.items()
        if not words or any(word.lower() in name.lower() for word in words)
    }
    broken = not chosen
    for name, settings in chosen.items():
        with tempfile.TemporaryDirectory() as folder:
            printed = run(name, settings, folder)
            figures = unlike(folder)
        lines = printed.strip().splitlines()
        failed = {line for line in lines if re.match("(FAILED|ERROR) ", line)}
        expected = set()
        if name == "flush to zero":
            told = re.search(r"what needs them fails: (.*)", printed)[1].split(", ")
            expected = {line for line in failed if any(f"::{test}" in line for test in told)}
        fine = failed == expected and " passed" in printed
        broken |= not fine
        say(f"{name:24} {lines[-1]:48} figures: {', '.join(figures) or 'the same'}")
        for line in sorted(failed - expected):
            say(f"    {line}")
        if not fine:
            say("    broken")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
