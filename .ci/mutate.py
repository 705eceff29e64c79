"""Does the evidence bite?  Changes each answer in small ways; the page's own tests must notice.

    .venv/bin/python .ci/mutate.py --exercise 2.3.6

A mutant is the page with one change in its answer: in a public function or constant, or in what
those use.  Tests, fixtures, figures and oracles stay as they are.  A mutant is killed if a test
of its page fails or runs out of time, and survives if all pass.  Survivors are printed as
`.ci/equivalent_mutants.txt` wants them: strengthen a test, or, if no input could tell the two
apart, copy the lines there and give the reason.  An entry that no survivor matches any more is
an error.  The score is killed / (mutants − equivalent); below 95 % a page fails the check.

The changes: an operator or comparison becomes its neighbour (`+ -`, `* /`, `< <=`, `== !=`,
`and or`, …), and so do `min max`, `any all`; a number grows by one, 1 also becomes 0; True
becomes False; a sign, a `not`, a `.T`, an argument or one side of an `and` goes; a condition is
negated; a function returns None; a `raise`, a call or an update in place is left out.  Texts
and messages stay.

Each page is collected once, in a process of its own and in a temporary folder that holds only
this page; every mutant is then a fork of that process, which runs the tests, quickest first,
until one fails.  Tests marked `edge` kill only mutants of lines that refuse input.  Figures are
drawn as always, and go with the folder.

Why no ready-made tool: of those that find anything where answer and tests share a module, only
mutmut is quick enough; but it mutates tests and oracles too (nine tenths of its mutants), no
constants of a module, and it keeps no list of equivalents with their reasons.
"""

import argparse
import ast
import concurrent.futures
import importlib
import inspect
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent))

from fixtures.catalogue import exercises_in, parsed  # noqa: E402 (found by the line above)
from fixtures.sheets import answers  # noqa: E402

_TARGET = 0.95
_OPTIONS = ["-s", "-q", "--tb=short", "-p", "no:randomly", "-p", "no:cacheprovider"]
_ONE_THREAD = "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"
"""A fork has none of its parent's threads, so there must be none."""

_PAIRS = [
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.BitAnd, ast.BitOr),
    (ast.LShift, ast.RShift),
    (ast.And, ast.Or),
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
]
_OPERATORS = dict(_PAIRS + [(b, a) for a, b in _PAIRS]) | {
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Div,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
}
_TIMED_OUT = -signal.SIGPROF, -signal.SIGALRM
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TRANSPOSES = "T", "H", "mT", "mH"
_NEGATED_BY_OPERATOR = ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn
_LEFT_ALONE = "annotation", "returns", "decorator_list", "format_spec"


@dataclass(frozen=True)
class Mutant:
    """One change of the top-level definition of `name`: where it is, and its code."""

    name: str
    line: int
    before: str
    after: str
    code: object
    refuses: bool = False
    """Whether the line only refuses input: then tests of edges may kill it, too."""

    @property
    def lines(self):
        """What tells it from the others, wherever in the page it stands."""
        return f"- {self.before}\n+ {self.after}"


def mutants_of(exercise):
    """All mutants of a page's answer, in the order of its lines."""
    found = {}
    for name, definition in _answer(exercise):
        for mutant in _mutants(name, definition, str(exercise.path)):
            found.setdefault((mutant.line, mutant.lines), mutant)
    return list(found.values())


def _answer(exercise):
    """The answer's definitions with their names: what is public, and all that it uses."""
    body = parsed(exercise.path).body
    used = _used_by(body)
    wanted = set().union(*(used[name] for name in answers(exercise)))
    return [(name, node) for node in body for name in _defined(node) if name in wanted]


def _unchanged(exercise):
    """Mutants that are none: with all of them in place the page must still pass."""
    for name, node in _answer(exercise):
        code = compile(ast.Module([node], []), str(exercise.path), "exec")
        yield Mutant(name, node.lineno, "", "", code)


def _defined(node):
    """The names that a top-level definition binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [word for target in targets for word in sorted(_words(target))]


def _used_by(body):
    """For each name that the page defines: it and all names of the page that it needs."""
    direct = {name: _words(node) for node in body for name in _defined(node)}
    used = {}
    for name in direct:
        used[name], new = set(), {name}
        while new:
            used[name] |= new
            new = set().union(*(direct[n] for n in new)) & direct.keys() - used[name]
    return used


def _words(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _mutants(name, definition, path):
    """One mutant for each change at each place of `definition`, which is itself put back."""
    for owner, field, index, node, statement in list(_places(definition, definition)):
        before = _shown(statement)
        for change in _changes(owner, field, node):
            _put(owner, field, index, change)
            replaced = node is statement
            after = _shown(change if replaced else statement)
            module = ast.fix_missing_locations(ast.Module([definition], []))
            line = getattr(node, "lineno", getattr(owner, "lineno", statement.lineno))
            code = compile(module, path, "exec")
            yield Mutant(name, line, before, after, code, _refuses(statement))
            _put(owner, field, index, node)


def _refuses(statement):
    """Whether a statement is a `raise`, or a condition of nothing else."""
    inner = statement.body if isinstance(statement, ast.If) else [statement]
    return all(isinstance(part, ast.Raise) for part in inner)


def _places(owner, statement):
    """All nodes that may change: (owner, field, index or None, node, its statement)."""
    for field, value in ast.iter_fields(owner):
        several = isinstance(value, list)
        for index, node in enumerate(value if several else [value]):
            if field in _LEFT_ALONE or not isinstance(node, ast.AST):
                continue
            inner = node if isinstance(node, ast.stmt) else statement
            yield owner, field, index if several else None, node, inner
            if not isinstance(node, ast.Raise):
                yield from _places(node, inner)


def _put(owner, field, index, node):
    if index is None:
        setattr(owner, field, node)
    else:
        getattr(owner, field)[index] = node


def _shown(statement):
    """The statement, or its head, in one line."""
    lines = ast.unparse(statement).splitlines()
    return next(line for line in lines if not line.startswith("@"))


def _changes(owner, field, node):
    """What stands for `node` in the mutants."""
    if type(node) in _OPERATORS:
        yield _OPERATORS[type(node)]()
    if field in ("test", "ifs") and not _has_its_negation(node):
        yield ast.UnaryOp(ast.Not(), node)
    match node:
        case ast.UnaryOp():
            yield node.operand
        case ast.BoolOp(op=op, values=values):
            for i in range(len(values)):
                rest = values[:i] + values[i + 1 :]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() | complex() as value):
            yield ast.Constant(value + 1)
            if value == 1:
                yield ast.Constant(value - 1)
        case ast.Name(id=word) if word in _NAMES:
            yield ast.Name(_NAMES[word], node.ctx)
        case ast.Attribute(attr=word) if word in _NAMES:
            yield ast.Attribute(node.value, _NAMES[word], node.ctx)
        case ast.Attribute(attr=word) if word in _TRANSPOSES:
            yield node.value
        case ast.Call():
            yield from _calls_without_an_argument(node)
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.stmt() if _may_be_left_out(node):
            yield ast.Pass()


def _has_its_negation(test):
    """Whether another change negates the condition already."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return isinstance(test.ops[0], _NEGATED_BY_OPERATOR)
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


def _calls_without_an_argument(call):
    """The only argument of a plain function stays: without it hardly any can be called."""
    if not isinstance(call.func, ast.Name) or len(call.args) + len(call.keywords) > 1:
        for i in range(len(call.args)):
            yield ast.Call(call.func, call.args[:i] + call.args[i + 1 :], call.keywords)
    for i in range(len(call.keywords)):
        yield ast.Call(call.func, call.args, call.keywords[:i] + call.keywords[i + 1 :])


def _is_none(node):
    return isinstance(node, ast.Constant) and node.value is None


def _may_be_left_out(node):
    """A guard, a call for its effect, or the change of something that exists already."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        targets = [part for target in node.targets for part in ast.walk(target)]
        changed = {n.id for n in targets if isinstance(n, ast.Name)} & _words(node.value)
        return bool(changed) or any(isinstance(n, ast.Subscript) for n in targets)
    return isinstance(node, ast.Raise | ast.AugAssign | ast.Break | ast.Continue)


class _Judge:
    """A pytest plugin: runs the collected tests for each mutant, each time in a fork."""

    def __init__(self, exercise, scratch):
        self.exercise, self.scratch = exercise, scratch
        self.durations, self.seconds = {}, 0
        self.failure = "pytest collected no test"
        self.outcomes = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.testsfailed or not session.items:
            return None
        # Once to import what the tests import late, once to time them, once in the new order.
        items = session.items
        for unchanged in ([], [], _unchanged(self.exercise)):
            items = sorted(items, key=lambda item: self.durations.get(item.nodeid, 0))
            self._rehearse(items, unchanged)
            if self.failure:
                return True
        seconds = 1 + 4 * self.seconds
        facts = [item for item in items if not item.get_closest_marker("edge")]
        for mutant in mutants_of(self.exercise):
            tests = items if mutant.refuses else facts
            self.outcomes.append(
                (mutant, _fork(lambda m=mutant, t=tests: _try(t, [m]), seconds))
            )
        return True

    def _rehearse(self, items, unchanged):
        """Run the tests on the page as it is, in a fork that hands over what it learned."""
        path = self.scratch / "rehearsal.json"
        path.write_text(json.dumps({"failure": "the run without a mutant crashed"}))

        def rehearse():
            self.durations.clear()
            _try(items, unchanged)
            told = {"durations": self.durations, "modules": [*sys.modules]}
            path.write_text(json.dumps(told | {"seconds": time.process_time()}))

        self.failure_path = path
        _fork(rehearse, 600)
        told = json.loads(path.read_text())
        self.failure_path = None
        self.failure = told.get("failure")
        self.durations, self.seconds = told.get("durations", {}), told.get("seconds")
        for name in told.get("modules", []):
            with suppress(Exception):
                importlib.import_module(name)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            if self.failure_path:
                told = f"{report.nodeid}\n{report.longreprtext}"
                self.failure_path.write_text(json.dumps({"failure": told}))
            os._exit(1)
        earlier = self.durations.get(report.nodeid, 0)
        self.durations[report.nodeid] = earlier + report.duration


def _fork(run, seconds):
    """Call `run` in a child; return its exit code, 0 if `run` came to its end.

    The limit counts the child's own seconds, so that a busy machine kills no mutant, and ten
    times as many on the wall, for one that waits for ever.
    """
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.setitimer(signal.ITIMER_REAL, 10 * seconds)
            run()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # what a child of the child may still be doing
    return os.waitstatus_to_exitcode(status)


def _try(items, mutants):
    """Run the tests with all of `mutants` in the page."""
    for mutant in mutants:
        _install(mutant, items[0].module)
    for item, following in pairwise([*items, None]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _install(mutant, page):
    """Put the mutant into the page, and make anew the constants that come of it.

    A function changes in place, for whoever keeps a reference to it.
    """
    namespace = vars(page)
    ours = inspect.unwrap(namespace[mutant.name])
    exec(mutant.code, namespace)
    theirs = inspect.unwrap(namespace[mutant.name])
    if inspect.isfunction(ours) and inspect.isfunction(theirs):
        ours.__code__, ours.__defaults__ = theirs.__code__, theirs.__defaults__
        ours.__kwdefaults__ = theirs.__kwdefaults__
    body = parsed(page.__file__).body
    used = _used_by(body)
    for node in body:
        names = _defined(node) if isinstance(node, ast.Assign | ast.AnnAssign) else []
        if mutant.name not in names and any(mutant.name in used[name] for name in names):
            exec(compile(ast.Module([node], []), page.__file__, "exec"), namespace)


def judge(exercise, root):
    """The mutants of `exercise` in the project `root`, each with its exit code.

    Must be the last thing that its process does: what pytest prints goes to a file.
    Raises RuntimeError for a page that does not pass as it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        page = scratch / "book" / exercise.path.relative_to(root)
        page.parent.mkdir(parents=True)
        shutil.copy(exercise.path, page)
        for name in ("conftest.py", "pytest.ini"):
            shutil.copy(root / name, scratch / "book")
        plugin = _Judge(exercise, scratch)
        os.chdir(scratch / "book")
        with open(scratch / "log", "wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        pytest.main([*_OPTIONS, f"--basetemp={scratch / 'tmp'}", str(page)], plugins=[plugin])
        if plugin.failure:
            told = (scratch / "log").read_text(errors="replace")
            raise RuntimeError(
                f"{exercise.number} does not pass as it is: {plugin.failure}\n{told}"
            )
        os.chdir(root)
    return [(mutant.line, mutant.lines, code) for mutant, code in plugin.outcomes]


def equivalents_in(path):
    """The mutants that no test can kill: a dict from (number, changed lines) to the reason.

    An entry is the number of the exercise, a line `- before`, a line `+ after` and the reason;
    entries are parted by blank lines, and lines with a # in front are comments.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    found = {}
    for entry in filter(None, map(str.strip, re.split(r"\n\s*\n", text))):
        match = re.fullmatch(r"(\S+)\n(- .*\n\+ .*)\n(.+)", entry, flags=re.DOTALL)
        if not match:
            raise SystemExit(f"{path}: expected number, -, + and a reason, got\n{entry}")
        found[match[1], match[2]] = match[3]
    return found


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--exercise", action="append", default=[], metavar="NUMBER")
    parser.add_argument("--jobs", type=int, default=1, help="pages at a time")
    parser.add_argument("--root", type=Path, default=_HERE.parent, help="of the project")
    return parser.parse_args()


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _judged(pages, root, jobs):
    """The pages, each with its outcomes; every page has a process of its own."""
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, spawn, max_tasks_per_child=1) as pool:
        yield from zip(pages, pool.map(judge, pages, [root] * len(pages)), strict=True)


def main():
    """Print the table, the survivors and the stale entries; return whether all is well."""
    options = _arguments()
    root, numbers = options.root.resolve(), options.exercise
    pages = exercises_in(root / "exercises")
    if numbers:
        pages = [page for page in pages if any(map(page.belongs_to, numbers))]
    if not pages:
        raise SystemExit(f"there is no exercise {' or '.join(numbers)} in {root}")
    known = equivalents_in(root / ".ci" / "equivalent_mutants.txt")
    checked = {page.number for page in pages}
    stale = {key for key in known if not numbers or key[0] in checked}
    survivors, below = [], []
    _say("exercise   mutants  killed  equivalent  survived   score")
    for page, outcomes in _judged(pages, root, options.jobs):
        alive = [(page.number, lines) for _, lines, code in outcomes if code == 0]
        equivalent = sum(key in known for key in alive)
        killed, survived = len(outcomes) - len(alive), len(alive) - equivalent
        score = killed / max(1, killed + survived)
        late = sum(code in _TIMED_OUT for *_, code in outcomes)
        _say(
            f"{page.number:8}{len(outcomes):10}{killed:8}{equivalent:12}{survived:10}{score:8.1%}"
            + (f"   {late} by time-out" if late else "")
        )
        stale -= set(alive)
        below += [page.number] if score < _TARGET else []
        survivors += [
            f"{page.path.relative_to(root)}:{line}\n{page.number}\n{lines}"
            for line, lines, code in outcomes
            if code == 0 and (page.number, lines) not in known
        ]
    for survivor in survivors:
        _say(f"\n{survivor}")
    for number, lines in sorted(stale):
        _say(f"\nno survivor matches this entry of equivalent_mutants.txt:\n{number}\n{lines}")
    if below:
        _say(f"\nbelow {_TARGET:.0%}: {', '.join(below)}")
    return not (below or stale)


if __name__ == "__main__":
    sys.exit(not main())
