"""2.5.2 — A second backward fails for want of saved tensors: the graph itself is still there.

Question
--------
Call `backward` and at once call it again: what happens?  Say it for y.sum() where y is one of

    x + x   -x   x - 1   x.sum()   x.mean()   x.cumsum(0)   x.clone()   x.double()   x[0]
    x.reshape(3, 1)   x.expand(2, 3)   torch.cat([x, x])   3 * x   x / 2   x * c   x @ c
    x * x   x**1   x.exp()   x.relu()   x.abs()   x.max()   x[i]

and x holds three numbers, c is a constant vector and i a tensor of indices.
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
The second call raises a RuntimeError if and only if some node of the graph had saved a tensor
for its backward pass.  The first call lets those tensors go, to free memory; the nodes stay.
If nothing was saved, the second call succeeds and adds the gradient once more.  With
`retain_graph=True` in the calls before the last, k passes leave k·∇f in `x.grad`.

Why
---
A node computes vᵀJ.  Where J needs no number from the forward pass (a sum passes v on, a
minus turns its sign, a reshape reshapes it back), nothing is saved.  Where it does, the number
is kept: the factor 3 of `3 * x`, the x of `x * x`, the result of `exp`, the places of `x[i]`.
So linearity does not decide: `3 * x` is as linear as `x + x`, but its J is the number 3.

In practice
-----------
- Two losses that share a part: add them and go back once, not twice.
- A recurrent state carried from batch to batch: `detach` it, or the second batch walks into
  the first one's graph, whose tensors are gone.
- After a RuntimeError, clear all gradients: some leaves may have received theirs already.

References
----------
PyTorch, *Autograd mechanics*, "Saved tensors" (https://docs.pytorch.org/docs/stable/notes/autograd.html).

Hints
-----
1. What must an operation remember of its input to compute its own vᵀJ?
2. Compare `x + x` with `2 * x`: the same function, but not the same node.
3. A node of a graph shows what it keeps in attributes that begin with `_saved_`.
"""

import pytest
import torch

RAISES_THE_SECOND_TIME = frozenset(
    {"3 * x", "x / 2", "x * c", "x @ c", "x * x", "x**1", "x.exp()", "x.relu()", "x.abs()"}
    | {"x.max()", "x[i]"}
)
"""Of the question's operations, written as there, those whose second backward raises."""


def saved_tensors(y):
    """List the tensors that the nodes of y's graph have saved, once for each place of a node.

    Empty for a y without a graph.  Raises TypeError ("expected a tensor"), and torch's own
    RuntimeError ("already been freed") once a backward pass has let the tensors go.
    """
    if not isinstance(y, torch.Tensor):
        raise TypeError(f"expected a tensor, got {y!r}")
    saved, seen, waiting = [], set(), [y.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for name in dir(node):
            if name.startswith(("_saved_", "saved_tensors")):
                value = getattr(node, name)
                values = value if isinstance(value, (list, tuple)) else [value]
                saved += [tensor for tensor in values if isinstance(tensor, torch.Tensor)]
        waiting += [parent for parent, _ in node.next_functions]
    return saved


def accumulated_gradient(f, x, passes):
    """Let `passes` backward passes through one graph of f(x) add up: passes · ∇f(x).

    f is evaluated once, and the last pass lets its saved tensors go.  x keeps its state; it
    may be empty, and so is its gradient then.  Raises TypeError ("floating-point tensor") for
    another x, ValueError ("finite") for NaN or infinity in it, ("at least 1") for fewer passes
    and ("a scalar") for another f(x).
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {x!r}")
    if not x.isfinite().all():
        raise ValueError(f"expected finite numbers, got {x!r}")
    if passes < 1:
        raise ValueError(f"passes must be at least 1, got {passes}")
    x = x.detach().requires_grad_()
    y = f(x)
    if y.dim() != 0:
        raise ValueError(f"f(x) must be a scalar, got shape {tuple(y.shape)}")
    for i in range(passes):
        y.backward(retain_graph=i < passes - 1)
    return x.grad


_OPERATIONS = {
    "x + x": lambda x, c, i: x + x,
    "-x": lambda x, c, i: -x,
    "x - 1": lambda x, c, i: x - 1,
    "x.sum()": lambda x, c, i: x.sum(),
    "x.mean()": lambda x, c, i: x.mean(),
    "x.cumsum(0)": lambda x, c, i: x.cumsum(0),
    "x.clone()": lambda x, c, i: x.clone(),
    "x.double()": lambda x, c, i: x.double(),
    "x[0]": lambda x, c, i: x[0],
    "x.reshape(3, 1)": lambda x, c, i: x.reshape(3, 1),
    "x.expand(2, 3)": lambda x, c, i: x.expand(2, 3),
    "torch.cat([x, x])": lambda x, c, i: torch.cat([x, x]),
    "3 * x": lambda x, c, i: 3 * x,
    "x / 2": lambda x, c, i: x / 2,
    "x * c": lambda x, c, i: x * c,
    "x @ c": lambda x, c, i: x @ c,
    "x * x": lambda x, c, i: x * x,
    "x**1": lambda x, c, i: x**1,
    "x.exp()": lambda x, c, i: x.exp(),
    "x.relu()": lambda x, c, i: x.relu(),
    "x.abs()": lambda x, c, i: x.abs(),
    "x.max()": lambda x, c, i: x.max(),
    "x[i]": lambda x, c, i: x[i],
}
_FREED = "Trying to backward through the graph a second time"


def _apply(name):
    """The leaf x = (1, 2, 3) and the named operation's result on it."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    return x, _OPERATIONS[name](x, torch.tensor([4.0, 5.0, 6.0]), torch.tensor([0, 2]))


def _raises_the_second_time(y):
    y.backward()
    try:
        y.backward()
    except RuntimeError as error:
        return _FREED in str(error)
    return False


@pytest.mark.parametrize("name", _OPERATIONS)
def test_a_second_backward_raises_where_a_tensor_was_saved(name):
    """The table, torch and the saved tensors say the same of every operation."""
    x, y = _apply(name)
    saved = saved_tensors(y)

    raises = _raises_the_second_time(y.sum())

    assert raises == (name in RAISES_THE_SECOND_TIME) == (len(saved) > 0)
    assert x.grad is not None


def test_the_table_names_nothing_else():
    """Its entries are operations of the question, in the question's spelling."""
    assert set(_OPERATIONS) >= RAISES_THE_SECOND_TIME
    assert all(name in __doc__ for name in _OPERATIONS)


def test_saved_are_exactly_the_numbers_the_backward_pass_needs():
    """A factor, both factors, a result, the places; nothing for a sum."""
    expected = {
        "3 * x": [torch.tensor(3.0)],
        "x * x": [torch.tensor([1.0, 2.0, 3.0])] * 2,
        "x.exp()": [torch.tensor([1.0, 2.0, 3.0]).exp()],
        "x[i]": [torch.tensor([0, 2])],
        "x + x": [],
    }

    for name, tensors in expected.items():
        saved = saved_tensors(_apply(name)[1])
        assert [t.tolist() for t in saved] == [t.tolist() for t in tensors]


def test_the_whole_graph_is_searched_and_each_node_once():
    """Of `e + e` with e = exp(x) the sum saves nothing, the shared node one result."""
    e = torch.ones(2, requires_grad=True).exp()

    assert len(saved_tensors(e + e)) == 1
    assert len(saved_tensors(e * e)) == 3
    assert saved_tensors(torch.ones(2)) == []


def test_a_function_of_ones_own_shows_what_it_saves():
    """`save_for_backward` fills another attribute of the node, `saved_tensors`."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, v):
            return 3 * ctx.saved_tensors[0] ** 2 * v

    x = torch.tensor(2.0, requires_grad=True)
    y = Cube.apply(x)

    assert saved_tensors(y) == [x]
    assert _raises_the_second_time(y)


def test_retained_passes_add_up():
    """∇Σx³ = 3x² in integers that floats hold exactly: k passes give k · 3x²."""
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    graphs = []

    def f(x):
        graphs.append((x**3).sum())
        return graphs[-1]

    for k in (1, 2, 5):
        assert torch.equal(accumulated_gradient(f, x, k), k * torch.tensor([3.0, 12.0, 27.0]))

    assert x.grad is None
    assert len(graphs) == 3
    with pytest.raises(RuntimeError, match=_FREED):
        graphs[-1].backward()


def test_what_cannot_be_accumulated_is_refused():
    """No pass at all, a list, integers, NaN, a value that is no scalar; but not emptiness."""
    with pytest.raises(ValueError, match="at least 1"):
        accumulated_gradient(torch.sum, torch.ones(2), 0)
    for x in ([1.0], torch.ones(2, dtype=torch.int64)):
        with pytest.raises(TypeError, match="floating-point tensor"):
            accumulated_gradient(torch.sum, x, 1)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            accumulated_gradient(torch.sum, torch.tensor([1.0, bad]), 1)
    assert accumulated_gradient(torch.sum, torch.ones(0), 2).shape == (0,)
    with pytest.raises(ValueError, match="a scalar"):
        accumulated_gradient(torch.neg, torch.ones(2), 1)
    with pytest.raises(TypeError, match="expected a tensor"):
        saved_tensors([1.0])


def test_the_graph_outlives_its_saved_tensors():
    """After the first pass both nodes are there, and only what they had saved is missing."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    product = y.grad_fn.next_functions[0][0]

    y.backward()

    assert y.grad_fn.next_functions[0][0] is product
    assert product.name() == "MulBackward0"
    with pytest.raises(RuntimeError, match="already been freed"):
        saved_tensors(y)


def test_two_losses_that_share_a_part_share_its_fate():
    """The second loss fails in the shared product; their sum goes back once and is right."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    shared = x * x

    shared.sum().backward()
    with pytest.raises(RuntimeError, match=_FREED):
        (3 + shared).sum().backward()
    x.grad = None
    shared = x * x
    (shared.sum() + (3 + shared).sum()).backward()

    assert torch.equal(x.grad, 4 * x.detach())


def test_other_calls_keep_or_leave_alone():
    """`create_graph` retains; `autograd.grad` adds nothing to `grad`; `zero_grad` sets None."""
    with torch.random.fork_rng():
        layer = torch.nn.Linear(1, 1, bias=False)
    y = (layer(torch.tensor([3.0])) ** 2).sum()

    slopes = [torch.autograd.grad(y, layer.weight, create_graph=True)[0] for _ in range(2)]
    assert torch.equal(*slopes)
    assert layer.weight.grad is None

    y.backward()
    assert torch.equal(layer.weight.grad, slopes[0])
    layer.zero_grad()
    assert layer.weight.grad is None


@pytest.mark.misconception("a second backward always raises")
def test_a_graph_that_saved_nothing_goes_back_again():
    """No error, no `retain_graph`, and a doubled gradient that nobody asked for."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x + x).sum()

    y.backward()
    y.backward()

    assert torch.equal(x.grad, torch.tensor([4.0, 4.0]))


@pytest.mark.misconception("a linear function needs no saved tensors and never raises")
def test_linearity_does_not_decide():
    """`2 * x` and `x + x` are equal everywhere; one keeps the 2, the other nothing."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)

    assert torch.equal(2 * x, x + x)
    assert _raises_the_second_time((2 * x).sum())
    assert not _raises_the_second_time((x + x).sum())


@pytest.mark.misconception("a backward that fails changes nothing")
def test_a_failed_backward_may_have_reached_another_leaf():
    """The leaf behind the freed node keeps 2x; w, on the other branch, holds 1 or 2.

    Which of the two depends on the order in which torch visits the branches, and it
    promises none.
    """
    seen = []
    for w_first in (False, True):
        x, w = (torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        branches = [(x * x).sum(), w.sum()]
        y = sum(branches[::-1] if w_first else branches)

        y.backward()
        with pytest.raises(RuntimeError, match=_FREED):
            y.backward()

        assert torch.equal(x.grad, 2 * x.detach())
        seen.append(w.grad.tolist())

    assert all(grad in ([1.0, 1.0], [2.0, 2.0]) for grad in seen)
