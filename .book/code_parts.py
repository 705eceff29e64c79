"""A page's code in parts: the answer with all that it uses and nothing more, and the rest."""

import ast
import functools

from fixtures.catalogue import parsed
from fixtures.sheets import answers

_IMPORTS = ast.Import | ast.ImportFrom


@functools.cache
def texts_of(exercise):
    """The page's statements after its docstring: a dict from node to the lines it has.

    The comments above a statement belong to it, and a constant's docstring to the constant.
    """
    lines = exercise.path.read_text(encoding="utf-8").splitlines()
    first, *nodes = parsed(exercise.path).body
    texts, owner, last = {}, None, first.end_lineno
    for node in nodes:
        if not (isinstance(node, ast.Expr) and owner):
            owner = node
        texts.setdefault(owner, []).extend(lines[last : node.end_lineno])
        last = node.end_lineno
    return {node: "\n".join(text).strip("\n") for node, text in texts.items()}


def answer_and_rest(exercise):
    """The code of the answer, and what the evidence uses besides; the tests are in neither."""
    texts = texts_of(exercise)
    wanted = _closure(set(answers(exercise)), texts)
    answer, rest = {}, {}
    for node, text in texts.items():
        names = _bound(node)
        if isinstance(node, _IMPORTS):
            answer |= _import(node, text, names & wanted)
            rest |= _import(node, text, names - wanted)
        elif names & wanted:
            answer[node] = text
        elif not getattr(node, "name", "").startswith("test_"):
            rest[node] = text
    return _joined(answer), _joined(rest)


def _closure(wanted, texts):
    """The names `wanted`, and all that their definitions use, and so on."""
    size = 0
    while size != len(wanted):
        size = len(wanted)
        for node in texts:
            if _bound(node) & wanted:
                wanted = wanted | _used(node)
    return wanted


def _bound(node):
    """The names that a statement defines."""
    if isinstance(node, _IMPORTS):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    return _names(node, ast.Store)


def _used(node):
    """The names that a statement needs from outside."""
    if not isinstance(node, ast.FunctionDef):
        return _names(node, ast.Load)
    own = {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
    return _names(node, ast.Load) - _names(node, ast.Store) - own


def _names(node, kind):
    parts = (part for part in ast.walk(node) if isinstance(part, ast.Name))
    return {part.id for part in parts if isinstance(part.ctx, kind)}


def _import(node, text, names):
    """An import of `names` alone: a dict from node to text, empty without names."""
    kept = [a for a in node.names if (a.asname or a.name).partition(".")[0] in names]
    if len(kept) == len(node.names):
        return {node: text}
    if not kept:
        return {}
    shorter = ast.copy_location(type(node)(**{**vars(node), "names": kept}), node)
    return {shorter: ast.unparse(shorter)}


def _joined(texts):
    """Code again: imports close together, and assignments, all else two lines apart."""
    code, former = "", None
    for node, text in texts.items():
        kind = "Import" if isinstance(node, _IMPORTS) else type(node).__name__
        gap = "\n" if kind == former and kind in ("Import", "Assign") else "\n\n\n"
        code, former = code + gap + text, kind
    return code.strip("\n")
