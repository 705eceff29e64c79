"""2.5.4 — Autograd differentiates the path that ran: a right value may have a wrong slope.

Question
--------
Design a function of your own whose control flow depends on its input, run it, and examine the
gradient that comes out.
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
The Babylonian loop for √a: begin with y = a, replace y by (y + a/y)/2 until it stands still.
The number of turns depends on a, so the recorded graph does too; yet the gradient is the
wanted 1/(2√a), to rounding, if the loop makes *one turn more* than the value needs.
A loop that stops as soon as y² = a is caught at a = 1: no turn at all, y = a, slope 1, not ½.

Why
---
Autograd sees the operations that were executed.  It knows neither the conditions that chose
them nor the function that was meant.  Here they are y ← (y + a/y)/2, which has the derivative

    y′ ← (y′ + 1/y − a·y′/y²) / 2

With y = √a (1 + e) and y′ = (1 + δ)/(2√a), a turn leads from the errors e and δ to

    e²/(2(1 + e))   and   (δ·e·(2 + e) − e²) / (2(1 + e)²)

Both vanish with e.  At e = 0 a turn leaves the value as it is and *repairs any slope*; as long
as the test looks only at the value, that turn may be the one that is left out.

In practice
-----------
- Stop when y stands still, not when the residual is small: the slope is then right too.
- A branch that is not taken has no nodes and no influence.  `torch.where` is no branch: it
  computes both sides, and an infinite slope on the side not chosen becomes 0 · ∞ = NaN.

References
----------
J. C. Gilbert, *Automatic differentiation and iterative processes*, Optimization Methods and
Software 1 (1992).

Hints
-----
1. Take a loop whose result you can differentiate by hand, and compare.
2. Which operations are recorded if the loop's condition is false at once?
3. Differentiate one turn of the loop, and put the exact root in for y.
"""

from fractions import Fraction

import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def babylonian_sqrt(a):
    """√a by y ← (y + a/y)/2 from y = a, until a turn moves y by rounding only; differentiable.

    `a` is a floating-point scalar tensor.  For float64, √a and the gradient 1/(2√a) come with
    a relative error below 10⁻¹⁴ for a from 10⁻¹⁰⁰ to 10¹⁰⁰, and at a = 1 as well: an edge for
    loops that may stop before their first turn.  Raises TypeError ("floating-point tensor"),
    and ValueError ("a scalar") or ("positive and finite").
    """
    if not isinstance(a, torch.Tensor) or not a.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {a!r}")
    if a.dim() != 0:
        raise ValueError(f"a must be a scalar, got shape {tuple(a.shape)}")
    if not (a > 0 and a.isfinite()):
        raise ValueError(f"a must be positive and finite, got {a}")
    y = a
    for _ in range(2000):
        previous, y = y, (y + a / y) / 2
        if abs(y - previous) <= 4 * torch.finfo(a.dtype).eps * y:
            break
    return y


def errors_after_turn(e, delta):
    """The relative errors (e, δ) of y and y′ after a turn, from those before it.

    For e > −1 as numbers, exact fractions or SymPy symbols; no input is checked.
    """
    return e**2 / (2 * (1 + e)), (delta * e * (2 + e) - e**2) / (2 * (1 + e) ** 2)


def _hasty_sqrt(a, tolerance):
    """Return y and the number of turns, at most 100, of a loop that stops once y² is near a."""
    y, turns = a, 0
    while abs(y * y - a) > tolerance * a and turns < 100:
        y, turns = (y + a / y) / 2, turns + 1
    return y, turns


def _leaf(a):
    return torch.tensor(a, dtype=torch.float64, requires_grad=True)


def _slope(y, a):
    return torch.autograd.grad(y, a)[0].item()


def _node_names(y):
    """Names of the nodes of y's graph, as a set."""
    names, waiting = set(), [y.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None:
            names.add(node.name())
            waiting += [parent for parent, _ in node.next_functions]
    return names


def test_the_error_laws_hold_for_every_start():
    """Symbols for s = √a, e and δ: identities, not samples."""
    s, y, slope, a, e, delta = sp.symbols("s y slope a e delta", positive=True)
    turn = (y + a / y) / 2
    turned_slope = sp.diff(turn, a) + sp.diff(turn, y) * slope

    before = {y: s * (1 + e), slope: (1 + delta) / (2 * s), a: s**2}
    errors = turn.subs(before) / s - 1, turned_slope.subs(before) * 2 * s - 1

    for error, law in zip(errors, errors_after_turn(e, delta), strict=True):
        assert sp.cancel(error - law) == 0


def test_a_turn_at_the_root_repairs_any_slope():
    """At e = 0 nothing is left of δ.  Away from the root a turn even spoils a right slope."""
    delta = sp.Symbol("delta")

    assert errors_after_turn(0, delta) == (0, 0)
    assert errors_after_turn(Fraction(1, 10), 0) == (Fraction(1, 220), Fraction(-1, 242))


def test_value_and_slope_are_those_of_the_root():
    """Over 200 decades and close to 1, where the first turn changes almost nothing."""
    for number in (1e-100, 1e-8, 0.25, 1 - 1e-9, 1.0, 1 + 1e-12, 1 + 1e-8, 2.0, 1e9, 1e100):
        a = _leaf(number)

        y = babylonian_sqrt(a)

        assert y.item() == pytest.approx(number**0.5, rel=1e-14)
        assert _slope(y, a) == pytest.approx(0.5 / number**0.5, rel=1e-14)
        assert a.grad is None


def test_the_number_of_turns_depends_on_the_input():
    """As many as the law of e predicts: none from 1, 4 from 2 and 12 from 10⁵."""
    predicted, taken = [], []
    for number in (1.0, 2.0, 1e5):
        e, turns = number**0.5 - 1, 0
        while (1 + e) ** 2 - 1 > 1e-9 and turns < 100:
            e, turns = errors_after_turn(e, 0.0)[0], turns + 1
        predicted.append(turns)
        taken.append(_hasty_sqrt(_leaf(number), 1e-9)[1])

    assert taken == predicted == [0, 4, 12]


def test_other_dtypes_keep_theirs():
    """The tolerance follows float32: a root and a slope to seven digits."""
    a = torch.tensor(3.0, requires_grad=True)

    y = babylonian_sqrt(a)
    y.backward()

    assert y.dtype == torch.float32
    assert y.item() == pytest.approx(3**0.5, rel=3e-7)
    assert a.grad.item() == pytest.approx(0.5 / 3**0.5, rel=3e-7)


def test_what_has_no_root_here_is_refused():
    """Numbers and whole tensors, vectors, and what is not positive and finite."""
    for a in (2.0, torch.tensor(2)):
        with pytest.raises(TypeError, match="floating-point tensor"):
            babylonian_sqrt(a)
    for a in (torch.ones(2), torch.ones(0), torch.ones(1)):
        with pytest.raises(ValueError, match="a scalar"):
            babylonian_sqrt(a)
    for number in (0.0, -2.0, torch.nan, torch.inf):
        with pytest.raises(ValueError, match="positive and finite"):
            babylonian_sqrt(torch.tensor(number))


def test_a_branch_that_is_never_reached_leaves_no_trace():
    """`if` with a false condition adds no node; the same branch reached adds its own."""

    def f(a, threshold):
        y = babylonian_sqrt(a)
        if y * y < threshold:
            y = torch.exp(1000 * y)
        return y

    a = _leaf(2.0)

    assert _node_names(f(a, 0.0)) == _node_names(babylonian_sqrt(a))
    assert _slope(f(a, 0.0), a) == _slope(babylonian_sqrt(a), a)
    assert "ExpBackward0" in _node_names(f(a, 3.0))


def test_where_computes_both_sides_and_if_does_not():
    """√a for a > 0, else 0, at a = 0: both give 0, and the slopes are NaN and 0."""
    a = _leaf(0.0)

    selected = torch.where(a > 0, a.sqrt(), 0 * a)
    branched = a.sqrt() if a > 0 else 0 * a

    assert selected == branched == 0
    assert torch.autograd.grad(selected, a)[0].isnan()
    assert _slope(branched, a) == 0


@pytest.mark.misconception("autograd differentiates the function")
def test_equal_values_can_have_different_slopes():
    """It differentiates the path.  At a = 1 the hasty loop makes no turn: y = a, slope 1.

    And x written as relu(x) − relu(−x) has slope 0 at 0, where torch takes relu's as 0.
    """
    a, zero = _leaf(1.0), _leaf(0.0)

    y, turns = _hasty_sqrt(a, 0.0)
    x = zero.relu() - (-zero).relu()

    assert (y.item(), turns) == (1.0, 0)
    assert _slope(y, a) == 1
    assert _slope(babylonian_sqrt(a), a) == 0.5
    assert _slope(x, zero) == 0


@pytest.mark.misconception("where the value is exact to rounding, so is its gradient")
def test_a_slope_can_lag_a_turn_behind_its_value():
    """From a = 1 + 10⁻⁸ one turn gives 16 digits of the root and 8 of its slope.

    The law says so: e = δ = 10⁻⁸/2 and 1 before the turn, so δ·e = 5·10⁻⁹ after it.
    """
    a = _leaf(1 + 1e-8)

    y, turns = _hasty_sqrt(a, 1e-15)

    assert turns == 1
    assert y.item() == pytest.approx(a.item() ** 0.5, rel=1e-15)
    assert _slope(y, a) * 2 * a.item() ** 0.5 - 1 == pytest.approx(
        errors_after_turn(5e-9, 1.0)[1], rel=1e-6
    )


def test_the_figure_shows_a_root_whose_slope_jumps(save_figure):
    """With y² within 10 % of a the value is fair, and the slope jumps where a turn is added."""
    grid = torch.linspace(0.1, 6, 60, dtype=torch.float64)
    points = {turns: [] for turns in range(4)}
    for number in grid.tolist():
        a = _leaf(number)
        y, turns = _hasty_sqrt(a, 0.1)
        points[turns].append((number, y.item(), _slope(y, a)))

    fig = Figure()
    value, slope = axes = fig.subplots(1, 2)
    fine = torch.linspace(0.1, 6, 300)
    value.plot(fine, fine.sqrt(), color="black", linewidth=1, label="√a")
    slope.plot(fine, 0.5 / fine.sqrt(), color="black", linewidth=1, label="1 / (2√a)")
    for (turns, rows), marker in zip(points.items(), "os^D", strict=True):
        number, y, dy = zip(*rows, strict=True)
        label = ("no turn", "1 turn", "2 turns", "3 turns")[turns]
        value.plot(number, y, marker, markersize=3.5, label=label)
        slope.plot(number, dy, marker, markersize=3.5)
    value.set_title("loop until y² is within 10 % of a")
    slope.set_title("its gradient by autograd")
    value.legend(loc="lower right")
    slope.legend(loc="upper right")
    for ax in axes:
        ax.set(xlabel="a", ylim=(0, None))

    assert sum(len(line.get_xdata()) for line in slope.lines[1:]) == len(grid)
    assert set(slope.lines[1].get_ydata()) == {1.0}
    assert slope.lines[2].get_ydata() == pytest.approx(0.5)
    for line in value.lines[1:]:
        x, y = (torch.tensor(data) for data in line.get_data())
        assert (y**2 / x - 1).abs().max() <= 0.1
    save_figure(fig)
