"""The answer's code is shown with all that it uses, and with nothing more."""

import ast

import pytest

_CODE = '''
from math import pi, tau

import numpy as np
import pytest

_GIVEN = 3


def area(r):
    """The area of a circle."""
    _n = 2
    return _scaled(r) * pi


def _scaled(r):
    # Squared by hand.
    return r * r * _UNIT


_UNIT = 1
_n = np.ones(_GIVEN)


@pytest.fixture
def radius():
    return tau


def test_it(radius):
    """It is so."""
    assert area(radius)
'''


@pytest.fixture
def parts(project):
    """The code of the answer, and the rest."""
    from code_parts import answer_and_rest

    from fixtures.catalogue import exercise_of

    return answer_and_rest(exercise_of(project.add("2.3.6", _CODE)))


def test_the_answer_has_what_it_uses(parts):
    """Private functions and constants, and of an import the names that it needs."""
    assert parts[0] == (
        'from math import pi\n\n\ndef area(r):\n    """The area of a circle."""\n    _n = 2\n'
        "    return _scaled(r) * pi\n\n\ndef _scaled(r):\n    # Squared by hand.\n"
        "    return r * r * _UNIT\n\n\n_UNIT = 1"
    )


def test_the_rest_is_what_the_tests_use(parts):
    """Without the tests; a local variable is no use of the global one of its name."""
    assert parts[1] == (
        "from math import tau\nimport numpy as np\nimport pytest\n\n\n_GIVEN = 3\n"
        "_n = np.ones(_GIVEN)\n\n\n@pytest.fixture\ndef radius():\n    return tau"
    )


def test_every_answer_of_the_project_stands_alone(pages):
    """Each name that an answer uses is defined in it or built into Python."""
    import builtins

    for page in pages:
        tree = ast.parse(page.code[0])
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        known = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        known |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
                known.add(node.name)
            for alias in getattr(node, "names", []):
                known.add(getattr(alias, "asname", None) or getattr(alias, "name", alias))
        missing = {name.id for name in names} - known - set(dir(builtins))
        assert not {name for name in missing if name != "__doc__"}, page.exercise.number


def test_nothing_of_a_page_is_left_out(pages):
    """Each line of code stands in the answer, in the rest or in a test."""
    for page in pages:
        source = page.exercise.path.read_text(encoding="utf-8")
        shown = "\n".join([*page.code, *(fact.code for fact in page.facts)])
        body = source.partition('"""\n')[2].partition('"""\n')[2] or source
        lines = [line for line in body.splitlines() if line and "import" not in line]
        assert [line for line in lines if line not in shown] == [], page.exercise.number
