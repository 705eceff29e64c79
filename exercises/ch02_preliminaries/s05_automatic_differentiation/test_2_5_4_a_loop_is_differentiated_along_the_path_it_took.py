"""2.5.4 — Autograd differentiates the path that ran: a right value may have a wrong slope.

Question
--------
Design a function of your own whose control flow depends on its input, run it and examine its
gradient.  Then let a loop compute √a: does autograd find the slope 1/(2√a)?
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
A published example is `y = x * x`, then `y = y * y if y.norm() > 0 else 100 * y`.  Its gradient
at x ≈ −1.8243 is −24.2866.  That is 4x³, as for other x: the branch has no effect, and the
function is x⁴.  Here the path matters: for 0 ≤ x < 3 this is x below 1, x² from 1, x³ from 2.

    y = x
    for _ in range(int(abs(x))):
        y = y * x

The gradient is that of the path, 1, 2x, 3x².  The jump at 2, from 4 to 8, has no part in it.

The Babylonian loop `y = (y + a / y) / 2`, begun above √a and run until y falls no more, makes
more turns for a = 10⁸ than for 2.  Its graph grows with them; its gradient is 1/(2√a).

Why
---
Autograd records the operations that ran: neither the conditions nor the function that was
meant.  A turn of the Babylonian loop turns the slope y′ into (y′ + 1/y − a·y′/y²) / 2.  At
y = √a this is 1/(2√a), whatever y′ was: *a turn at the root repairs any slope*.  But a loop
that starts from y = a and stops once y² = a makes no turn at a = 1: its slope is 1, not ½.

So in this loop, Newton's, the slope is right after one turn at the root.  Others may differ:
`y = y - 0.1 * (y * y - a)` from y = a stands still at a = 1 at once, and its slope is 0.9.

Hints
-----
1. Take a loop whose result you can differentiate by hand, and compare.
2. Differentiate one turn of the loop, and put the exact root in for y.
"""

import pytest
import torch
from matplotlib.figure import Figure


def own_example(x):
    """A function of your own for a scalar tensor x, in which `if`, `for` or `while` ask for x.

    Between −3 and 3 there are two paths at least: other operations, or another number of them.
    """
    y = x
    for _ in range(int(abs(x))):
        y = y * x
    return y


def own_slope(x):
    """The derivative of `own_example` at x, worked out by hand."""
    power = 1 + int(abs(x))
    return power * x ** (power - 1)


def babylonian_sqrt(a):
    """√a for a positive scalar tensor a, by a loop that makes as many turns as a needs.

    For float64 from 0.01 to 10⁸, also at 1, value and gradient have a relative error of less
    than 10⁻¹².
    """
    before, y = torch.inf, a + 1
    while y < before:
        before, y = y, (y + a / y) / 2
    return y


_GRID = [0.1 * k - 2.97 for k in range(60)]  # away from round numbers, where paths may change


def _leaf(number):
    return torch.tensor(number, dtype=torch.float64, requires_grad=True)


def _slope(y, x):
    return torch.autograd.grad(y, x)[0].item()


def _hasty_sqrt(a, tolerance):
    """Return y and the number of turns, at most 100, of a loop that stops once y² is near a."""
    y, turns = a, 0
    while abs(y * y - a) > tolerance * a and turns < 100:
        y, turns = (y + a / y) / 2, turns + 1
    return y, turns


@pytest.mark.misconception(
    "`y * y if y.norm() > 0 else 100 * y`, y = x², has two paths", source="a published solution"
)
def test_a_published_example_is_x_to_the_fourth():
    """Its gradient is 4x³: −24.2866 at the published x ≈ −1.8243, at 0, and at 60 other x."""
    numbers, slopes = [-((24.2866 / 4) ** (1 / 3)), 0.0, *_GRID], []
    for x in map(_leaf, numbers):
        y = x * x
        y = y * y if y.norm() > 0 else 100 * y
        slopes.append(_slope(y, x))

    assert round(numbers[0], 4) == -1.8243
    assert round(slopes[0], 4) == -24.2866
    assert slopes == pytest.approx([4 * x**3 for x in numbers], rel=1e-14, abs=0)


def test_the_path_of_one_s_own_example_depends_on_x(graph_nodes):
    """Between −3 and 3 autograd records at least two different lists of operations."""
    graphs = [graph_nodes(own_example(_leaf(number))) for number in _GRID]

    assert len({tuple(node.name() for node in graph) for graph in graphs}) > 1


def test_the_gradient_of_one_s_own_example_is_that_of_its_path():
    """Autograd's gradient is the slope worked out by hand, at 60 places between −3 and 3."""
    for number in _GRID:
        x = _leaf(number)
        expected = float(own_slope(torch.tensor(number, dtype=torch.float64)))
        assert _slope(own_example(x), x) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("number", [0.01, 0.25, 1 - 1e-9, 1.0, 1 + 1e-12, 1 + 1e-8, 2.0, 1e8])
def test_value_and_gradient_are_those_of_the_root(number):
    """From 0.01 to 10⁸, and close to 1, the loop has the value √a and the slope 1/(2√a)."""
    a = _leaf(number)

    y = babylonian_sqrt(a)

    assert y.item() == pytest.approx(number**0.5, rel=1e-12, abs=0)
    assert _slope(y, a) == pytest.approx(0.5 / number**0.5, rel=1e-12, abs=0)


def test_the_graph_grows_with_the_number_of_turns(graph_nodes):
    """The loop's graph has more nodes for a = 10⁸ than for a = 2: more turns were recorded."""
    near, far = (len(graph_nodes(babylonian_sqrt(_leaf(number)))) for number in (2.0, 1e8))

    assert near < far


@pytest.mark.misconception("autograd differentiates the function that was meant")
def test_a_right_value_may_have_a_wrong_slope():
    """At a = y = 1 the slope should be ½: it is 1 without a turn, 0.9 after y − 0.1(y² − a)."""
    a = _leaf(1.0)

    stopped, turns = _hasty_sqrt(a, 0.0)
    still = a - 0.1 * (a * a - a)

    assert (turns, stopped.item(), _slope(stopped, a)) == (0, 1, 1)
    assert still.item() == 1
    assert _slope(still, a) == pytest.approx(0.9, rel=1e-15, abs=0)
    assert _slope(babylonian_sqrt(a), a) == pytest.approx(0.5, rel=1e-12, abs=0)


@pytest.mark.parametrize("wrong", [-3.0, 0.0, 0.9, 1.0])
def test_a_turn_at_the_root_repairs_any_slope(wrong):
    """From y = √a with a wrong slope, one Babylonian turn leads to the slope 1/(2√a)."""
    a = _leaf(2.25)
    y = 1.5 + wrong * (a - 2.25)

    assert _slope((y + a / y) / 2, a) == pytest.approx(1 / 3, rel=1e-12, abs=0)


def test_the_figure_shows_a_root_whose_slope_jumps(save_figure):
    """With y² within 10 % of a the value is fair; the slope is wrong if a turn is missing."""
    leaves = [_leaf(0.1 * k) for k in range(1, 61)]
    grid = [a.item() for a in leaves]
    roots = [babylonian_sqrt(a) for a in leaves]
    hasty, turns = zip(*(_hasty_sqrt(a, 0.1) for a in leaves), strict=True)
    values = [[y.item() for y in ys] for ys in (roots, hasty)]
    slopes = [list(map(_slope, ys, leaves)) for ys in (roots, hasty)]

    fig = Figure(figsize=(6.4, 3.1), layout="constrained")
    fig.suptitle("A loop for √a that stops once y² is within 10 % of a")
    left, right = fig.subplots(1, 2)
    for ax, (true, found) in ((left, values), (right, slopes)):
        ax.plot(grid, true, color="black", label="right")
        dots = ax.scatter(grid, found, c=turns, s=14, cmap="plasma", vmax=3.5, zorder=2)
        ax.set(xlabel="a", ylim=(0, None))
    left.set(title="Its value is fair", ylabel="y")
    right.set(title="Its gradient is wrong", ylabel="dy/da")
    right.annotate("no turn: slope 1", (1, 1), (1.9, 1.1), arrowprops={"arrowstyle": "->"})
    left.legend(*dots.legend_elements(), title="turns", loc="lower right")
    right.legend(loc="upper right")

    assert slopes[0] == pytest.approx([0.5 / a**0.5 for a in grid], rel=1e-12, abs=0)
    assert {slope for slope, n in zip(slopes[1], turns, strict=True) if n == 0} == {1}
    assert all(abs(y * y / a - 1) <= 0.1 for a, y in zip(grid, values[1], strict=True))
    save_figure(fig)
