"""Does a claim about chance hold for other seeds, and fail no more often than it promises?

    python .ci/seeds.py                              # 100 other seeds for every such test
    python .ci/seeds.py --count 20 --exercise 2.6.1

Every test that draws from a generator runs once for each of `--count` shifts of all seeds
(`--seed-shift`); figures and benchmarks stay out.  The tests are collected once; each shift is
a fork of that process.

A tolerance of four standard errors, the least that a page may take, is exceeded by a normal
error once in 16 000 draws.  A test that compares ten numbers so promises to fail once in 1600
runs.  The table shows every test that failed, with the probability that a test which keeps this
promise fails as often; below 1 % the promise counts as broken.  Exits with 1 if one is.
"""

import argparse
import inspect
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from orders import IN_ORDER, ROOT, import_libraries, say
from scipy.stats import binom, norm

_PROMISED = 10 * 2 * norm.sf(4)
_LEAST_LIKELY = 0.01


class Seeds:
    """Runs the collected tests anew for each shift, and counts runs and failures by test."""

    def __init__(self, count):
        """Run each test `count` times."""
        self.count = count
        self.failures = Counter()
        self.runs = Counter()
        self._failed = set()

    def pytest_collection_modifyitems(self, config, items):
        """Keep what draws, but no figures and no benchmarks."""
        drawing = [item for item in items if _draws(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in drawing])
        items[:] = drawing

    def pytest_runtest_logreport(self, report):
        """Remember what fails, in set-up and clean-up too."""
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_runtestloop(self, session):
        """One fork for each shift; it reports through a pipe."""
        for shift in range(1, self.count + 1):
            for nodeid in self._failures_of(session, 1000 * shift):
                self.failures[_function(nodeid)] += 1
                say(f"--seed-shift {1000 * shift}: {nodeid}")
        for item in session.items:
            self.runs[_function(item.nodeid)] += self.count
        return True

    def _failures_of(self, session, shift):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            session.config.option.seed_shift = shift
            for item, after in zip(session.items, [*session.items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            os.write(writing, json.dumps(sorted(self._failed)).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            failed = pipe.read()
        os.waitpid(child, 0)
        return json.loads(failed)


def _draws(item):
    """Whether one of its fixtures reads the shift, and it is neither figure nor benchmark."""
    fixtures = [last for *_, last in item._fixtureinfo.name2fixturedefs.values()]
    shifted = any("seed_shift" in inspect.getsource(fixture.func) for fixture in fixtures)
    return shifted and not {"save_figure", "benchmark"} & set(item.fixturenames)


def _function(nodeid):
    return Path(nodeid.partition("[")[0]).name


def main():
    """Run, print the table, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="number of shifts")
    parser.add_argument("--exercise", action="append", default=[], help="as pytest's")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    import_libraries()
    seeds = Seeds(arguments.count)
    chosen = [f"--exercise={number}" for number in arguments.exercise]
    pytest.main(["-q", "--no-summary", *IN_ORDER, *chosen], plugins=[seeds])
    broken = 0
    for name, failures in seeds.failures.most_common():
        likely = binom.sf(failures - 1, seeds.runs[name], _PROMISED)
        broken += likely < _LEAST_LIKELY
        say(f"{failures} of {seeds.runs[name]} failed, probability {likely:.2g}: {name}")
    say(f"{len(seeds.runs)} tests, {sum(seeds.runs.values())} runs, {broken} promises broken")
    return int(broken > 0 or not seeds.runs)


if __name__ == "__main__":
    sys.exit(main())
