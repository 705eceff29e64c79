"""2.5.2 — A second `backward` raises where a node had saved a tensor, else it adds up again.

Question
--------
Call `backward`, and call it again at once.  What happens, and why?  Try it on y = 2 xᵀx, and
on `.sum()` of each of these, where x holds three numbers and i two indices:

    x + x    x.sum()    x[0]    3 * x    x * x    x.exp()    x.relu()    x[i]

<https://zh.d2l.ai/chapter_preliminaries/autograd.html>
English edition: 2.5.2 <https://d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
For y = 2 xᵀx the second call raises RuntimeError, "Trying to backward through the graph a
second time".  So it does for `3 * x` and all that stand after it.  For `x + x`, `x.sum()` and
`x[0]` it succeeds, and adds the gradient to `x.grad` once more.

`y.backward(retain_graph=True)` lets one more call succeed.  Then the gradients add up, too:
for y = 2 xᵀx from 4x to 8x.

Why
---
A node computes a product vᵀJ.  If J depends on numbers of the forward pass, the node saves
them: `x * x` its x, `3 * x` the 3, `x[i]` the places.  The first backward pass frees these
tensors, not the nodes, to save memory; the second one misses them.  A sum just hands v on, and
saves nothing.

In practice
-----------
- Two losses that share a part: add them up and go back once.
- After a RuntimeError clear all gradients: other leaves may have got theirs already.

Hints
-----
1. What must a node remember of its input to compute its vᵀJ?
2. `x + x` and `2 * x` are the same function.  Do their nodes need to remember the same?
3. Where does the result of each backward pass go, and what was there before?
"""

import pytest
import torch

RAISES_THE_SECOND_TIME = {"3 * x", "x * x", "x.exp()", "x.relu()", "x[i]"}
"""Those of the question's eight operations, as written there, whose second call raises."""


def accumulated_gradient(f, x, passes):
    """The gradient in a leaf after so many backward passes through one graph of f(leaf).

    f has one value and is called once; x is a tensor that gives the leaf its numbers.
    """
    leaf = x.detach().requires_grad_()
    y = f(leaf)
    for _ in range(passes):
        y.backward(retain_graph=True)
    return leaf.grad


_FREED = "Trying to backward through the graph a second time"
_OPERATIONS = {
    "x + x": lambda x: x + x,
    "x.sum()": lambda x: x.sum(),
    "x[0]": lambda x: x[0],
    "3 * x": lambda x: 3 * x,
    "x * x": lambda x: x * x,
    "x.exp()": lambda x: x.exp(),
    "x.relu()": lambda x: x.relu(),
    "x[i]": lambda x: x[torch.tensor([0, 2])],
}


def _raises_the_second_time(y):
    y.backward()
    try:
        y.backward()
    except RuntimeError as error:
        return _FREED in str(error)
    return False


def test_the_section_s_second_backward_raises_unless_the_graph_is_retained():
    """For y = 2 xᵀx the second call raises; with `retain_graph` it makes 8x of the 4x."""
    x = torch.arange(4.0, requires_grad=True)
    y = 2 * torch.dot(x, x)

    y.backward()
    with pytest.raises(RuntimeError, match=_FREED):
        y.backward()

    assert x.grad.tolist() == [0, 4, 8, 12]
    twice = accumulated_gradient(lambda x: 2 * torch.dot(x, x), torch.arange(4.0), 2)
    assert twice.tolist() == [0, 8, 16, 24]


@pytest.mark.misconception(
    "after `x.grad.zero_()` `backward` can be called again", source="a published solution"
)
def test_four_published_lines_raise_at_the_last():
    """Of four published lines the last one raises: only the gradient was cleared before it."""
    x = torch.arange(4.0, requires_grad=True)
    y = 2 * torch.dot(x, x)

    y.backward(retain_graph=True)
    y.backward()
    x.grad.zero_()
    with pytest.raises(RuntimeError, match=_FREED):
        y.backward()

    assert not x.grad.any()


@pytest.mark.parametrize("name", _OPERATIONS)
def test_a_second_backward_raises_where_a_tensor_was_saved(name, graph_nodes):
    """Each of the eight raises if, and only if, its nodes save a tensor; no node disappears."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = _OPERATIONS[name](x).sum()
    nodes = graph_nodes(y)
    saves = any("_raw_saved_" in attribute for node in nodes for attribute in dir(node))

    raises = _raises_the_second_time(y)

    assert raises == saves == (name in RAISES_THE_SECOND_TIME)
    assert graph_nodes(y) == nodes


@pytest.mark.parametrize("passes", [1, 2, 5])
def test_passes_through_one_graph_add_up(passes):
    """For f = Σx³, k passes through one graph, retained each time, give k · 3x²."""
    seen = []

    def f(x):
        y = (x**3).sum()
        y.register_hook(lambda _: seen.append("pass"))
        seen.append("f")
        return y

    gradient = accumulated_gradient(f, torch.tensor([1.0, -2.0, 3.0]), passes)

    assert gradient.tolist() == [3 * passes, 12 * passes, 27 * passes]
    assert seen == ["f", *["pass"] * passes]


def test_two_losses_that_share_a_part_go_back_once():
    """Of two losses that share x² the second raises; their sum gives both gradients."""
    x = torch.tensor([1.0, 2.0])

    shared = x.clone().requires_grad_() ** 2
    shared.sum().backward()
    with pytest.raises(RuntimeError, match=_FREED):
        (3 + shared).sum().backward()

    both = accumulated_gradient(lambda x: (x**2).sum() + (3 + x**2).sum(), x, 1)
    assert both.tolist() == [4, 8]


@pytest.mark.misconception(
    "a second backward always raises", source="DevPranjal's exercises, 2.5, Q2"
)
def test_a_graph_that_saved_nothing_goes_back_again():
    """For x + x the second call, without `retain_graph`, makes 4 of the gradient 2."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x + x).sum()

    y.backward()
    y.backward()

    assert x.grad.tolist() == [4, 4]
    assert "x + x" not in RAISES_THE_SECOND_TIME


@pytest.mark.misconception("a linear function saves nothing and never raises")
def test_linearity_does_not_decide():
    """3 * x is as linear as x + x, but its node saves the 3, and its second pass raises."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)

    assert torch.equal(3 * x, x + x + x)
    assert _raises_the_second_time((3 * x).sum())
    assert not _raises_the_second_time((x + x + x).sum())
    assert {"3 * x", "x + x"} & RAISES_THE_SECOND_TIME == {"3 * x"}


@pytest.mark.misconception("a backward that fails changes nothing")
def test_a_failed_backward_may_have_reached_another_leaf():
    """When the pass through x * x fails, a leaf on another branch may have got its gradient."""
    seen = []
    for w_first in (False, True):  # torch promises no order of the branches
        x, w = (torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        branches = [(x * x).sum(), w.sum()]
        y = sum(branches[::-1] if w_first else branches)

        y.backward()
        with pytest.raises(RuntimeError, match=_FREED):
            y.backward()

        assert x.grad.tolist() == [2, 4]
        seen.append(w.grad.tolist())

    assert [2, 2] in seen
