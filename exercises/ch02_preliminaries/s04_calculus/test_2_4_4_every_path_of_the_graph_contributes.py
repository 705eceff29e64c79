"""2.4.4 — The chain rule adds up every path: a (1×3) Jacobian times a (3×2) Jacobian.

Question
--------
Let u = f(x, y, z), where x, y and z are functions of a and b.  Write down the derivatives of
u by a and by b.
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
    ∂u/∂a = ∂u/∂x · ∂x/∂a + ∂u/∂y · ∂y/∂a + ∂u/∂z · ∂z/∂a
    ∂u/∂b = ∂u/∂x · ∂x/∂b + ∂u/∂y · ∂y/∂b + ∂u/∂z · ∂z/∂b

or, in one line, the Jacobian of u times the Jacobian of (x, y, z):

                                               ⎡ ∂x/∂a  ∂x/∂b ⎤
    [∂u/∂a  ∂u/∂b]  =  [∂u/∂x  ∂u/∂y  ∂u/∂z]   ⎢ ∂y/∂a  ∂y/∂b ⎥
                                               ⎣ ∂z/∂a  ∂z/∂b ⎦

Why
---
A small step da moves x by ∂x/∂a · da, and likewise y and z.  To first order u answers each of
the three moves separately, and its answers add up.  In the graph of who is made of whom,

- along a path the derivatives are multiplied,
- the products of all paths from u to a are added.

Here all paths have two edges and three of them end at a: three products of two.  In a larger
graph the rule holds at every node, and one node after another gets its derivative.

In practice
-----------
The number of paths may double with every layer.  Nobody lists them: each edge is multiplied
once, as products of Jacobians.  Taken from u inwards, rows times matrices, this is reverse
mode, or backpropagation; from a and b outwards it is forward mode.

Hints
-----
1. Draw an arrow from each variable to those it is made of.
2. On how many paths does u reach a?  What does a small change of a do on each of them?
3. A sum of three products is a row times a column.
"""

import math
from graphlib import TopologicalSorter
from math import prod

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def chain_rule(outer, inner):
    """The Jacobian (1, n) of a composition: the outer one, (1, k), times the inner one, (k, n).

    Both are floating-point tensors of one dtype, and so is the result.  Raises TypeError ("of
    one dtype") for anything else, ValueError ("shapes") for a wrong or unequal k, and
    ValueError ("finite") for NaN or infinity.
    """
    both = (outer, inner)
    if not all(isinstance(J, torch.Tensor) and J.is_floating_point() for J in both):
        raise TypeError(f"expected floating-point tensors of one dtype, got {both}")
    if outer.dtype != inner.dtype:
        raise TypeError(f"expected tensors of one dtype, got {outer.dtype} and {inner.dtype}")
    if inner.dim() != 2 or outer.shape != (1, len(inner)):
        shapes = tuple(outer.shape), tuple(inner.shape)
        raise ValueError(f"expected shapes (1, k) and (k, n), got {shapes}")
    if not all(J.isfinite().all() for J in both):
        raise ValueError("expected finite derivatives, got NaN or infinity")
    return outer @ inner


def total_derivative(edges, of, by):
    """The derivative of node `of` by node `by`: over all paths, the sum of products of edges.

    `edges` maps (node, what it is made of) to the derivative along that edge: a number, a
    Fraction or a SymPy expression, computed with exactly.  It is 1 for `of` by itself and 0
    without a path.  Raises ValueError ("cycle") if some node is made of itself, ("node") if
    `of` or `by` is on no edge and ("finite") for NaN or infinity, TypeError ("dict").
    """
    if not isinstance(edges, dict):
        raise TypeError(f"expected a dict of edges, got {edges!r}")
    if any(isinstance(slope, float) and not math.isfinite(slope) for slope in edges.values()):
        raise ValueError(f"expected finite derivatives along the edges, got {edges}")
    parts = {}
    for node, part in edges:
        parts.setdefault(node, []).append(part)
    derivative = {}
    for node in TopologicalSorter(parts).static_order():
        terms = (edges[node, part] * derivative[part] for part in parts.get(node, ()))
        derivative[node] = 1 if node == by else sum(terms)
    if not {of, by} <= derivative.keys():
        raise ValueError(f"expected two of the nodes {list(derivative)}, got {of!r} and {by!r}")
    return derivative[of]


def _paths(edges, start, end):
    """All lists of edges from `start` to `end` of a graph without cycles."""
    if start == end:
        return [[]]
    onward = [edge for edge in edges if edge[0] == start]
    return [[edge, *rest] for edge in onward for rest in _paths(edges, edge[1], end)]


def _u(x, y, z):
    return x * y + z**2


def _xyz(a, b):
    return a + b**2, a * b, a**2 - b


# ∂u/∂x = y, ∂u/∂y = x, ∂u/∂z = 2z and so on, by hand, at a = 2, b = 1: x = 3, y = 2, z = 3.
_EDGES = {
    ("u", "x"): 2,
    ("u", "y"): 3,
    ("u", "z"): 6,
    ("x", "a"): 1,
    ("x", "b"): 2,
    ("y", "a"): 1,
    ("y", "b"): 2,
    ("z", "a"): 4,
    ("z", "b"): -1,
}


@pytest.mark.parametrize("name", ["a", "b"])
def test_unknown_functions_give_three_products(name):
    """SymPy differentiates f(x(a, b), y(a, b), z(a, b)), of which it knows nothing."""
    a, b = by = sp.symbols("a b")
    f = sp.Function("f")
    parts = [sp.Function(part)(a, b) for part in "xyz"]
    u = f(*parts)
    edges = {(u, part): u.diff(part) for part in parts}
    edges |= {(part, v): part.diff(v) for part in parts for v in by}

    v = sp.Symbol(name)
    result = total_derivative(edges, u, v)

    assert result - u.diff(v) == 0
    assert len(u.diff(v).args) == 3
    assert all(term.is_Mul and len(term.args) == 2 for term in u.diff(v).args)


def test_inserting_first_gives_the_same_derivatives():
    """With u = xy + z², x = a + b², y = ab, z = a² − b both ways give the same polynomials."""
    a, b, x, y, z = sp.symbols("a b x y z")
    edges = {("u", v): _u(x, y, z).diff(v) for v in (x, y, z)}
    for part, formula in zip((x, y, z), _xyz(a, b), strict=True):
        edges |= {(part, v): formula.diff(v) for v in (a, b)}
    inserted = dict(zip((x, y, z), _xyz(a, b), strict=True))

    numbers = {(str(node), str(v)): slope for (node, v), slope in edges.items()}
    at_point = {a: 2, b: 1}
    assert {e: d.subs(inserted).subs(at_point) for e, d in numbers.items()} == _EDGES
    for v in (a, b):
        by_paths = total_derivative(edges, "u", v).subs(inserted)
        assert sp.expand(by_paths - _u(*_xyz(a, b)).diff(v)) == 0


def test_the_row_times_the_matrix_by_hand():
    """(2, 3, 6) against the columns (1, 1, 4) and (2, 2, −1): 29 and 4, in the same dtype."""
    outer = torch.tensor([[2.0, 3.0, 6.0]])
    inner = torch.tensor([[1.0, 2.0], [1.0, 2.0], [4.0, -1.0]])

    row = chain_rule(outer, inner)

    assert torch.equal(row, torch.tensor([[29.0, 4.0]]))
    assert [total_derivative(_EDGES, "u", v) for v in "ab"] == [29, 4]


@pytest.mark.seeds(3)
def test_torch_func_agrees(torch_rng, monkeypatch):
    """The product of two Jacobians against that of the whole, at 10 points."""
    # Else forward mode compiles rules that are not used here, by a function torch deprecates.
    monkeypatch.setenv("PYTORCH_JIT", "0")
    for point in torch.randn(10, 2, generator=torch_rng, dtype=torch.float64):
        outer = torch.func.jacfwd(lambda parts: _u(*parts))(torch.stack(_xyz(*point)))
        inner = torch.func.jacfwd(lambda ab: torch.stack(_xyz(*ab)))(point)
        whole = torch.func.jacfwd(lambda ab: _u(*_xyz(*ab)))(point)

        row = chain_rule(outer[None], inner)

        assert row.shape == (1, 2)
        assert row.dtype == torch.float64
        assert (row - whole).abs().max() < 1e-13


@pytest.mark.parametrize("k", [0, 1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_the_product_is_the_sum_over_paths(torch_rng, k, n):
    """Integers, any number of parts and variables; without parts the sum is empty, zero."""
    outer = torch.randint(-9, 10, (1, k), generator=torch_rng).float()
    inner = torch.randint(-9, 10, (k, n), generator=torch_rng).float()

    row = chain_rule(outer, inner)

    sums = [sum(outer[0, i] * inner[i, j] for i in range(k)) for j in range(n)]
    assert row.shape == (1, n)
    assert row.tolist() == [sums]


def test_every_path_counts_in_a_larger_graph():
    """Two nodes a layer, each made of both below: 2⁴ paths, multiplied out one by one."""
    edges = {
        (f"{node}{layer + 1}", f"{part}{layer}"): layer + 2 * (node == part) + (part == "p")
        for layer in range(5)
        for node in "pq"
        for part in "pq"
    }
    paths = _paths(edges, "p5", "q0")

    assert len(paths) == 2**4
    by_hand = sum(prod(edges[edge] for edge in path) for path in paths)
    assert total_derivative(edges, "p5", "q0") == by_hand
    assert total_derivative(dict.fromkeys(edges, 1), "p5", "q0") == 2**4


def test_the_ends_of_the_rule():
    """By itself 1, without a path 0; a node in between has its derivative too."""
    assert total_derivative(_EDGES, "u", "u") == 1
    assert total_derivative(_EDGES, "a", "b") == 0
    assert total_derivative(_EDGES, "x", "u") == 0
    assert total_derivative(_EDGES, "u", "z") == 6
    assert total_derivative({("u", "x"): 0.5}, "u", "x") == 0.5


@pytest.mark.misconception("to differentiate, follow the longest path")
def test_the_shorter_paths_count_too():
    """With u = xz, z = x + a, x = a² the path u, z, x, a has 2a³ of the whole 4a³ + 3a²."""
    a, x, z = sp.symbols("a x z")
    edges = {("u", x): z, ("u", z): x, (z, x): 1, (z, a): 1, (x, a): 2 * a}
    inserted = {z: a**2 + a, x: a**2}

    longest = max(_paths(edges, "u", a), key=len)
    along_it = prod(edges[edge] for edge in longest).subs(inserted)

    assert sp.expand(along_it) == 2 * a**3
    result = total_derivative(edges, "u", a).subs(z, a**2 + a).subs(x, a**2)
    assert sp.expand(result) == 4 * a**3 + 3 * a**2


@pytest.mark.misconception("one path that is forgotten makes little difference")
def test_no_path_may_be_dropped():
    """Without any one of the six last edges the sum differs from the derivative, 29 or 4."""
    dropped = [edge for edge in _EDGES if edge[0] != "u"]

    for node, variable in dropped:
        rest = {edge: slope for edge, slope in _EDGES.items() if edge != (node, variable)}
        missing = _EDGES["u", node] * _EDGES[node, variable]
        assert missing != 0
        assert total_derivative(rest, "u", variable) == {"a": 29, "b": 4}[variable] - missing

    assert len(dropped) == 6


@pytest.mark.misconception("if x is a itself, then ∂u/∂a is ∂u/∂x")
def test_a_variable_that_is_also_a_part_still_has_its_other_paths():
    """With u = xyz, x = a, y = ab, z = b: ab² with y and z held, 2ab² along all paths."""
    a, b, y = sp.symbols("a b y")
    edges = {("u", "x"): y * b, ("u", "y"): a * b, ("u", "z"): a * y}
    edges |= {("x", a): 1, ("y", a): b, ("y", b): a, ("z", b): 1}

    assert edges["u", "x"].subs(y, a * b) == a * b**2
    assert sp.expand(total_derivative(edges, "u", a).subs(y, a * b)) == 2 * a * b**2
    assert sp.diff(a * (a * b) * b, a) == 2 * a * b**2


def test_jacobians_must_fit():
    """Lists, integers, two dtypes, other shapes, NaN and infinity."""
    row, matrix = torch.ones(1, 3), torch.ones(3, 2)

    for outer, inner in (
        ([[1.0, 1.0, 1.0]], matrix),
        (row, None),
        (row.long(), matrix.long()),
        (row, matrix.double()),
    ):
        with pytest.raises(TypeError, match="of one dtype"):
            chain_rule(outer, inner)
    for outer, inner in (
        (row, matrix.T),
        (row[0], matrix),
        (row.T, matrix),
        (row, matrix[:, 0]),
    ):
        with pytest.raises(ValueError, match="shapes"):
            chain_rule(outer, inner)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            chain_rule(row * bad, matrix)
        with pytest.raises(ValueError, match="finite"):
            chain_rule(row, matrix * bad)


def test_a_graph_has_no_cycle_and_knows_its_nodes():
    """Nothing is made of itself, and a name that is on no edge is a slip."""
    with pytest.raises(ValueError, match="cycle"):
        total_derivative({("u", "x"): 1, ("x", "y"): 1, ("y", "x"): 1}, "u", "y")
    for of, by in (("u", "c"), ("w", "a")):
        with pytest.raises(ValueError, match="node"):
            total_derivative(_EDGES, of, by)
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            total_derivative({("u", "x"): bad, ("x", "y"): 1}, "u", "y")
    for bad in (None, [("u", "x")], "ux"):
        with pytest.raises(TypeError, match="dict"):
            total_derivative(bad, "u", "x")


def test_the_figure_shows_three_paths_for_each_variable(save_figure):
    """Every edge with its derivative at a = 2, b = 1; the sums over paths stand beside it."""
    places = {"u": (0, 1), "x": (1, 2), "y": (1, 1), "z": (1, 0), "a": (2, 1.6), "b": (2, 0.4)}
    looks = {"a": ("C0", "-"), "b": ("C1", "--")}

    fig = Figure(figsize=(6, 3.8))
    ax = fig.subplots()
    for (node, part), slope in _EDGES.items():
        (x0, y0), (x1, y1) = places[node], places[part]
        color, style = looks.get(part, ("gray", "-"))
        look = {
            "arrowstyle": "-|>",
            "color": color,
            "linestyle": style,
            "shrinkA": 11,
            "shrinkB": 11,
        }
        ax.annotate("", (x1, y1), (x0, y0), arrowprops=look)
        along = 0.55 if node == "u" else 0.32
        at = x0 + along * (x1 - x0), y0 + along * (y1 - y0)
        label = f"∂{node}/∂{part} = {slope}".replace("-", "−")
        ax.text(
            *at, label, color=color, ha="center", va="center", fontsize=9, backgroundcolor="w"
        )
    for name, place in places.items():
        ax.text(*place, name, ha="center", va="center", fontsize=13, style="italic")
    for height, (name, (color, _)) in zip((-0.5, -0.75), looks.items(), strict=True):
        terms = [[_EDGES[edge] for edge in path] for path in _paths(_EDGES, "u", name)]
        products = " + ".join(f"{outer}·{inner}" for outer, inner in terms)
        total = total_derivative(_EDGES, "u", name)
        sentence = f"∂u/∂{name} = {products} = {total}".replace("-1", "(−1)")
        ax.text(1, height, sentence, color=color, ha="center", fontsize=11)
    ax.set(xlim=(-0.15, 2.15), ylim=(-0.85, 2.2))
    ax.set_title("u = xy + z²,  x = a + b²,  y = ab,  z = a² − b   at a = 2, b = 1")
    ax.set_axis_off()

    texts = [text.get_text() for text in ax.texts]
    assert sum(" = " in text and "·" not in text for text in texts) == len(_EDGES) == 9
    assert texts[-2:] == ["∂u/∂a = 2·1 + 3·1 + 6·4 = 29", "∂u/∂b = 2·2 + 3·2 + 6·(−1) = 4"]
    save_figure(fig)
