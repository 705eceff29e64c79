"""2.4.4 — The chain rule adds up all paths: a (1 × 3) Jacobian times a (3 × 2) Jacobian.

Question
--------
Let u = f(x, y, z), where x, y and z are functions of a and b.  Write down the derivatives of
u by a and by b.
<https://zh.d2l.ai/chapter_preliminaries/calculus.html>
English edition: 2.4.9 <https://d2l.ai/chapter_preliminaries/calculus.html>

Answer
------
    ∂u/∂a = ∂u/∂x · ∂x/∂a + ∂u/∂y · ∂y/∂a + ∂u/∂z · ∂z/∂a
    ∂u/∂b = ∂u/∂x · ∂x/∂b + ∂u/∂y · ∂y/∂b + ∂u/∂z · ∂z/∂b

or, as a row times a matrix of derivatives (a Jacobian):

                                               ⎡ ∂x/∂a  ∂x/∂b ⎤
    [∂u/∂a  ∂u/∂b]  =  [∂u/∂x  ∂u/∂y  ∂u/∂z]   ⎢ ∂y/∂a  ∂y/∂b ⎥
                                               ⎣ ∂z/∂a  ∂z/∂b ⎦

Why
---
A small step h of a moves x by about ∂x/∂a · h, and this moves u by ∂u/∂x times as much.  In
the same way the step reaches u through y and through z, and the three changes add up.

So along a path the derivatives are multiplied, and the products of all paths are added.

In practice
-----------
Where x, y, z depend on variables that depend on others, and so on, multiply by one Jacobian
after another.  With two variables in each of 60 layers there are 2⁵⁹ paths to an input, but
only 59 products of a row and a matrix.  From u inwards this is backpropagation.

Hints
-----
1. Draw an arrow from a and from b to x, y and z, and from these to u.
2. On how many paths does a reach u?  How far does a small step of a move u on each of them?
3. A sum of three products is a row times a column.
"""

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure
from torch.autograd.functional import jacobian


def chain_rule(outer, inner):
    """The derivatives of u by a and b, a tensor (2,).

    `outer` holds the derivatives of u by x, y and z, a float tensor (3,), and `inner` those of
    x, y and z (its rows) by a and b (its columns), (3, 2).
    """
    return outer @ inner


# u = xy + z², x = a + b², y = ab, z = a² − b at a = 2, b = 1, where x = 3, y = 2, z = 3.
_OUTER = torch.tensor([2.0, 3.0, 6.0])  # y, x, 2z
_INNER = torch.tensor([[1.0, 2.0], [1.0, 2.0], [4.0, -1.0]])  # 1, 2b; b, a; 2a, −1
_CLOSE = 1e-4  # a sum of three products below 10³, rounded five times to 24 bits


def _u(x, y, z):
    return x * y + z**2


def _xyz(a, b):
    return a + b**2, a * b, a**2 - b


def test_unknown_functions_give_three_products_each():
    """SymPy's derivatives of f(x(a, b), y(a, b), z(a, b)) are the two sums of the answer."""
    ab = sp.symbols("a b")
    xyz = [sp.Function(name)(*ab) for name in "xyz"]
    u = sp.Function("f")(*xyz)

    for j, variable in enumerate(ab):
        products = [u.diff(part) * part.diff(variable) for part in xyz]
        numbers = {u.diff(part): _OUTER[i].item() for i, part in enumerate(xyz)}
        numbers |= {part.diff(variable): _INNER[i, j].item() for i, part in enumerate(xyz)}
        assert u.diff(variable) - sum(products) == 0
        by_sympy = sum(products).xreplace(numbers)
        assert chain_rule(_OUTER, _INNER)[j].item() == pytest.approx(by_sympy, abs=_CLOSE)


def test_inserting_first_gives_the_same_derivatives():
    """For u = xy + z², x = a + b², y = ab, z = a² − b: 29 and 4 at (2, 1), and at 20 more."""
    a, b = sp.symbols("a b")
    whole = _u(*_xyz(a, b))
    by_hand = sp.lambdify((a, b), [whole.diff(a), whole.diff(b)])

    assert by_hand(2, 1) == [29, 4]
    assert chain_rule(_OUTER, _INNER).tolist() == pytest.approx([29, 4], abs=_CLOSE)
    for p, q in [(p, q) for p in (-2.0, -1, 0, 1, 3) for q in (-3.0, 0, 2, 4)]:
        x, y, z = _xyz(p, q)
        outer = torch.tensor([y, x, 2 * z])
        inner = torch.tensor([[1, 2 * q], [q, p], [2 * p, -1]])
        assert chain_rule(outer, inner).tolist() == pytest.approx(by_hand(p, q), abs=_CLOSE)


def test_autograd_agrees(torch_rng):
    """At 10 random points the derivatives of the parts give those of the whole."""
    for point in torch.randn(10, 2, generator=torch_rng, dtype=torch.float64):
        parts = torch.stack(_xyz(*point))
        outer = jacobian(lambda xyz: _u(*xyz), parts)
        inner = jacobian(lambda ab: torch.stack(_xyz(*ab)), point)
        whole = jacobian(lambda ab: _u(*_xyz(*ab)), point)

        assert chain_rule(outer, inner).tolist() == pytest.approx(whole.tolist(), abs=_CLOSE)


@pytest.mark.misconception("one path is enough, say the one with the largest product")
@pytest.mark.parametrize("j", [0, 1], ids="ab")
@pytest.mark.parametrize("i", [0, 1, 2], ids="xyz")
def test_without_a_path_its_product_is_missing(i, j):
    """If one of x, y, z did not depend on a (or b), the sum would lack just that product."""
    without = _INNER.clone()
    without[i, j] = 0

    missing = chain_rule(_OUTER, _INNER) - chain_rule(_OUTER, without)

    expected = [0.0, 0.0]
    expected[j] = (_OUTER[i] * _INNER[i, j]).item()
    assert missing.tolist() == pytest.approx(expected, abs=_CLOSE)
    assert expected[j] != 0


@pytest.mark.misconception("if x is a itself, then ∂u/∂a is ∂u/∂x")
def test_a_variable_that_is_also_a_part_still_has_its_other_paths():
    """For u = xyz, x = a, y = ab, z = b at (2, 3): ∂u/∂x is 18, but ∂u/∂a is 2ab² = 36."""
    a, b = 2.0, 3.0
    x, y, z = a, a * b, b
    outer = torch.tensor([y * z, x * z, x * y])
    inner = torch.tensor([[1, 0], [b, a], [0, 1]])

    assert outer[0] == 18
    by_hand = [2 * a * b**2, 2 * a**2 * b]  # u = a²b²
    assert chain_rule(outer, inner).tolist() == pytest.approx(by_hand, abs=_CLOSE)


@pytest.mark.edge
def test_sixty_layers_need_59_products():
    """With all derivatives 1 the 59 products count the paths from u to an input: 2⁵⁹."""
    slopes = torch.ones(2, dtype=torch.float64)  # by the two variables of the first layer

    for _ in range(59):
        slopes = chain_rule(slopes, torch.ones(2, 2, dtype=torch.float64))

    assert slopes.tolist() == [2.0**59, 2.0**59]


def test_the_figure_shows_the_paths_from_a_and_from_b(save_figure):
    """Three paths from a and three from b, each edge with its derivative; the sums above."""
    totals = chain_rule(_OUTER, _INNER).tolist()
    heights = {"x": 1.0, "y": 0.0, "z": -1.0}

    fig = Figure(figsize=(6.4, 3.2))
    for j, name in enumerate("ab"):
        ax = fig.add_axes((0.01 + 0.5 * j, 0.02, 0.48, 0.78))
        places = {name: (0, 0), "u": (2, 0)} | {part: (1, y) for part, y in heights.items()}
        terms = []
        for i, part in enumerate(heights):
            slopes = f"{_OUTER[i]:.0f}", f"{_INNER[i, j]:.0f}".replace("-", "−")
            terms.append(f"{slopes[0]}·{slopes[1]}".replace("·−1", "·(−1)"))
            for start, end, slope in ((part, "u", slopes[0]), (name, part, slopes[1])):
                (x0, y0), (x1, y1) = places[start], places[end]
                look = {"arrowstyle": "-|>", "color": f"C{i}", "shrinkA": 10, "shrinkB": 10}
                ax.annotate("", (x1, y1), (x0, y0), arrowprops=look | {"linewidth": 1.6})
                label = f"∂{end}/∂{start} = {slope}"
                shift = 0.1 if i == 1 else 0.34 * heights[part]
                aside = 0 if i == 1 else 0.2 * ((x0 + x1) / 2 - 1)
                middle = (x0 + x1) / 2 + aside, (y0 + y1) / 2 + shift
                ax.text(*middle, label, color=f"C{i}", fontsize=9, ha="center", va="center")
        for node, place in places.items():
            ax.text(*place, node, ha="center", va="center", fontsize=13, style="italic")
        sums = f"∂u/∂{name} = {' + '.join(terms)} = {totals[j]:.0f}"
        ax.set(xlim=(-0.2, 2.2), ylim=(-1.3, 1.3), title=sums)
        ax.set_axis_off()
    what = "All paths add up: u = xy + z²,  x = a + b²,  y = ab,  z = a² − b  at a = 2, b = 1"
    fig.text(0.5, 0.94, what, ha="center", va="center")

    labels = [text.get_text() for ax in fig.axes for text in ax.texts]
    assert sum(label.startswith("∂") for label in labels) == 12
    titles = [ax.get_title() for ax in fig.axes]
    assert titles == ["∂u/∂a = 2·1 + 3·1 + 6·4 = 29", "∂u/∂b = 2·2 + 3·2 + 6·(−1) = 4"]
    save_figure(fig)
