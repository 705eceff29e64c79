"""2.5.1 — A second derivative costs more because it differentiates the graph of the first.

Question
--------
Why does a second derivative cost so much more than a first one?
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
For two reasons, and each multiplies.

- **The program is longer.**  The first derivative must itself be recorded (`create_graph`),
  and its graph holds the forward pass *and* the backward pass.  For `sin` applied L times:

      graph of f: L + 1 nodes      f′: 3L      f″: 11L − 5

- **There are d of them.**  The gradient of f: ℝᵈ → ℝ is one vector.  Its derivative is the
  Hessian H, d × d, and a backward pass gives one product H v: all of H takes d passes.

For a dense layer, in matrix products: f takes 1, the gradient 2, a product H v 4, and the
Hessian, with a product H v for each unit vector, 4d.

Why
---
Let xₖ = sin(xₖ₋₁).  Backwards, gₖ₋₁ = cos(xₖ₋₁) · gₖ: a cosine and a product for each sine.
So f′ rests on L − 1 sines (the last value is not needed), L cosines, L products and the
leaf: 3L.  Differentiating these, the last product aside (its value is not needed), adds

    products: 2L − 1      cosines, −sin(xₖ) · g: 3L      sines: 2(L − 1)      sums: L − 1

and (3L − 1) + (8L − 4) = 11L − 5.  A third derivative would start from all of these.  Memory
goes the same way: L saved vectors for f, 3L − 2 once the backward pass is saved too.

In practice
-----------
- Newton's method for large d is run on products H v alone; H is never formed.
- Not everything grows: a cubic has run out of derivatives after the third, and the gradient
  of a linear function has no graph at all.

References
----------
B. A. Pearlmutter, *Fast Exact Multiplication by the Hessian*, Neural Computation 6 (1994).

Hints
-----
1. Draw the graph of sin(sin(x)).  Then write its derivative down and draw the graph of that.
2. Differentiate the products, cosines and sines of the derivative one kind at a time.
3. What has the gradient to be multiplied by before `backward` accepts it once more?
"""

import math
import operator
from itertools import pairwise

import pytest
import torch
from matplotlib.figure import Figure
from torch.autograd.profiler import profile


def graph_nodes(depth):
    """Graph nodes of f, f′ and f″, a tuple, for `sin` applied `depth` times to a scalar leaf.

    Counted from the value back to the leaf's own node, every node once.  Raises ValueError
    ("at least 2") for a smaller depth: at 1 the last formula does not hold yet.  Raises
    TypeError ("integer") for a depth that is none.
    """
    if operator.index(depth) < 2:
        raise ValueError(f"depth must be at least 2, got {depth}")
    return depth + 1, 3 * depth, 11 * depth - 5


def hessian_vector_product(f, x, v):
    """H v at the vector x (d,) for a scalar function f, without forming H; x keeps its state.

    The result has the shape and dtype of x.  An edge: where f is linear the gradient has no
    graph, and H v is zero.  Raises TypeError ("floating-point tensor") for another x or v,
    ValueError ("non-empty, finite vector") for a matrix, an empty vector, NaN or infinity,
    and ValueError ("the shape of x") or ("a scalar") for another shape of v or f(x).
    """
    _check_vector(x)
    _check_vector(v)
    if v.shape != x.shape:
        raise ValueError(f"v must have the shape of x, {tuple(x.shape)}, got {tuple(v.shape)}")
    x = x.detach().requires_grad_()
    y = f(x)
    if y.dim() != 0:
        raise ValueError(f"f(x) must be a scalar, got shape {tuple(y.shape)}")
    (gradient,) = torch.autograd.grad(y, x, create_graph=True)
    if not gradient.requires_grad:
        return torch.zeros_like(x)
    (product,) = torch.autograd.grad(gradient @ v.to(x.dtype), x, materialize_grads=True)
    return product


def hessian(f, x):
    """The Hessian (d, d) of a scalar function f at x (d,): a product for each unit vector.

    Raises what `hessian_vector_product` raises.
    """
    _check_vector(x)
    return torch.stack([hessian_vector_product(f, x, unit) for unit in torch.eye(len(x)).to(x)])


def _check_vector(x):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {x!r}")
    if x.dim() != 1 or x.numel() == 0 or not x.isfinite().all():
        raise ValueError(f"expected a non-empty, finite vector, got {x!r}")


def _sine_chain(x, depth):
    for _ in range(depth):
        x = x.sin()
    return x


def _derivatives(y, x, order):
    """The list y, y′, … up to `order`, each with its graph."""
    values = [y]
    for _ in range(order):
        values += torch.autograd.grad(values[-1].sum(), x, create_graph=True)
    return values


def _count_nodes(y):
    """Distinct nodes of y's graph."""
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return len(seen)


def _count_matrix_products(call, flops):
    """Matrix products of `flops` operations each, forwards and backwards, in a call."""
    with profile(with_flops=True) as run:
        call()
    total = sum(event.flops for event in run.function_events if event.name == "aten::mm")
    return total / flops


def _layer(W):
    """f(x) = Σ tanh(W x), with x as a column, so that every product is counted as `mm`."""
    return lambda x: (W @ x[:, None]).tanh().sum()


def test_the_nodes_of_a_chain_are_counted_exactly():
    """Every depth from 2 to 12: f, its derivative and its second derivative."""
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    for depth in range(2, 13):
        values = _derivatives(_sine_chain(x, depth), x, 2)
        assert tuple(_count_nodes(value) for value in values) == graph_nodes(depth)

    with pytest.raises(ValueError, match="at least 2"):
        graph_nodes(1)
    for bad in (2.5, math.nan, "3"):
        with pytest.raises(TypeError, match="integer"):
            graph_nodes(bad)


def test_shared_nodes_count_once():
    """The counter itself, on x → sin x → (sin x)²: a product, a sine, a leaf."""
    y = torch.tensor(0.7, requires_grad=True).sin()

    assert _count_nodes(y * y) == 3


def test_the_saved_memory_triples():
    """Blocks of n numbers kept for the next backward pass, at each depth: L, then 3L − 2."""
    n = 1000
    x = torch.ones(n, requires_grad=True)

    for depth in (2, 4, 8):
        kept = []
        for order in (0, 1):
            blocks = {}

            def keep(tensor, blocks=blocks):
                blocks[tensor.untyped_storage().data_ptr()] = tensor
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                values = _derivatives(_sine_chain(x, depth), x, order)
            large = [
                t for t in blocks.values() if t.untyped_storage().nbytes() == t.itemsize * n
            ]
            kept.append(len(large))
            assert len(values) == order + 1

        assert kept == [depth, 3 * depth - 2]


def test_a_derivative_is_not_recorded_unless_asked():
    """Without `create_graph` the gradient is a bare number, and a cubic ends after three."""
    x = torch.tensor(2.0, requires_grad=True)

    (slope,) = torch.autograd.grad(x**3, x)
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(slope, x)
    values = _derivatives(x**3, x, 4)

    assert values == [8, 12, 12, 6, 0]
    assert not values[4].requires_grad


def test_the_hessian_of_a_polynomial_is_exact():
    """Of u²v + 5uw³ − 7v, differentiated by hand, at integers, where floats round nothing."""
    u, v, w = 2.0, -3.0, 4.0
    x = torch.tensor([u, v, w], requires_grad=True)

    H = hessian(lambda x: x[0] ** 2 * x[1] + 5 * x[0] * x[2] ** 3 - 7 * x[1], x)

    by_hand = [[2 * v, 2 * u, 15 * w**2], [2 * u, 0, 0], [15 * w**2, 0, 30 * u * w]]
    assert torch.equal(H, torch.tensor(by_hand))
    assert x.grad is None


def test_products_agree_with_the_closed_form(torch_rng):
    """For Σ tanh(W x) the Hessian is Wᵀ diag(−2t(1 − t²)) W with t = tanh(W x)."""
    W = torch.randn(5, 7, generator=torch_rng, dtype=torch.float64)
    x, v = torch.randn(2, 7, generator=torch_rng, dtype=torch.float64)
    t = torch.tanh(W @ x)
    closed_form = W.T @ torch.diag(-2 * t * (1 - t**2)) @ W

    H = hessian(_layer(W), x)

    assert H.shape == (7, 7)
    assert H.dtype == torch.float64
    assert (H - closed_form).abs().max() < 1e-13
    assert (H - H.T).abs().max() < 1e-13
    assert (hessian_vector_product(_layer(W), x, v) - closed_form @ v).abs().max() < 1e-13


def test_a_linear_function_has_a_zero_hessian():
    """Its gradient has no graph, or one that x is not part of."""
    x, w = torch.ones(2), torch.ones(2, requires_grad=True)

    for f in (lambda x: 3 * x.sum(), lambda x: w @ x):
        assert torch.equal(hessian(f, x), torch.zeros(2, 2))


@pytest.mark.parametrize("name", ["hessian", "hessian_vector_product"])
def test_only_finite_vectors_and_scalar_values_are_taken(name):
    """A list, integers, wrong ranks, nothing, NaN, infinity; then a value that is no scalar."""

    def call(x, f=torch.sum):
        return hessian(f, x) if name == "hessian" else hessian_vector_product(f, x, x)

    for x in ([1.0], torch.ones(2, dtype=torch.int64)):
        with pytest.raises(TypeError, match="floating-point tensor"):
            call(x)
    for x in (torch.ones(2, 2), torch.tensor(1.0), torch.ones(0), torch.tensor([torch.nan])):
        with pytest.raises(ValueError, match="non-empty, finite vector"):
            call(x)
    with pytest.raises(ValueError, match="a scalar"):
        call(torch.ones(2), f=torch.sin)


def test_the_direction_must_fit():
    """The direction is held to the same rules as x, and to its shape."""
    x = torch.ones(2)

    with pytest.raises(ValueError, match="the shape of x"):
        hessian_vector_product(torch.sum, x, torch.ones(3))
    with pytest.raises(ValueError, match="non-empty, finite vector"):
        hessian_vector_product(torch.sum, x, torch.tensor([torch.inf, 0.0]))
    with pytest.raises(ValueError, match="non-empty, finite vector"):
        hessian_vector_product(torch.sum, torch.tensor([torch.nan, 0.0]), x)


@pytest.mark.misconception("a second derivative costs twice a first")
def test_each_order_differentiates_everything_before_it():
    """f′ adds 2L − 1 nodes and f″ adds 8L − 5; at L = 8 every order has 2.5 times the last."""
    for depth in (2, 8, 32):
        f, first, second = graph_nodes(depth)
        assert first - f == 2 * depth - 1
        assert second - first == 8 * depth - 5 > 3.5 * (first - f)

    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    nodes = [_count_nodes(value) for value in _derivatives(_sine_chain(x, 8), x, 3)]
    assert all(more > 2.5 * less for less, more in pairwise(nodes))
    assert len(nodes) == 4


@pytest.mark.misconception("once the gradient is there, the Hessian is one more backward pass")
def test_the_hessian_costs_d_products(torch_rng):
    """Matrix products: 1 for f, 2 for the gradient, 4 for H v; between 2d + 2 and 4d for H.

    The fewer if the products share one gradient, the more if each computes its own.
    """
    h, d = 5, 7
    W = torch.randn(h, d, generator=torch_rng)
    x = torch.randn(d, generator=torch_rng)
    leaf = x.clone().requires_grad_()
    calls = [
        lambda: _layer(W)(x),
        lambda: torch.autograd.grad(_layer(W)(leaf), leaf),
        lambda: hessian_vector_product(_layer(W), x, x),
        lambda: hessian(_layer(W), x),
    ]

    *costs, whole = (_count_matrix_products(call, flops=2 * h * d) for call in calls)

    assert costs == [1, 2, 4]
    assert 2 * d + 2 <= whole <= 4 * d


def test_the_figure_shows_three_slopes(save_figure):
    """Dots are counted on torch's graphs and lie on the lines of slope 1, 3 and 11."""
    depths = range(2, 17, 2)
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    counted = [[_count_nodes(y) for y in _derivatives(_sine_chain(x, L), x, 2)] for L in depths]

    fig = Figure()
    ax = fig.subplots()
    labels = ("f:  L + 1", "f′:  3L", "f″:  11L − 5")
    formulas = zip(*(graph_nodes(L) for L in depths), strict=True)
    for label, dots, line, marker in zip(
        labels, zip(*counted, strict=True), formulas, "os^", strict=True
    ):
        (drawn,) = ax.plot(depths, line)
        ax.plot(depths, dots, marker, color=drawn.get_color(), markersize=5)
        ax.annotate(label, (16, line[-1]), (8, 0), textcoords="offset points", va="center")
    ax.set(xlabel="depth L of sin(sin(… sin(x)))", ylabel="nodes in the graph", ylim=(0, None))
    ax.set(xlim=(1, 20), xticks=depths)

    assert len(ax.lines) == 6
    for line, dots in zip(ax.lines[::2], ax.lines[1::2], strict=True):
        assert list(line.get_ydata()) == list(dots.get_ydata())
    save_figure(fig)


_WIDTH = 1024


def _sized_layer(d):
    generator = torch.Generator().manual_seed(d)
    W = (torch.rand(_WIDTH, d, generator=generator, dtype=torch.float64) - 0.5) / d**0.5
    x, v = torch.randn(2, d, generator=generator, dtype=torch.float64)
    t = torch.tanh(W @ x)
    return W, x, v, t


@pytest.fixture
def one_thread():
    """Times products on one thread: several share one core badly and hide the growth."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _in_time(*sizes):
    return [pytest.param(d, marks=pytest.mark.timed_only) for d in sizes]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="2.5.1 What do a gradient, H v and H cost as the dimension grows?")
@pytest.mark.parametrize("d", [512, *_in_time(1024, 2048, 4096)])
@pytest.mark.parametrize(("method", "products"), [("f", 1), ("gradient", 2), ("H v", 4)])
def test_a_product_costs_what_a_function_costs(benchmark, method, products, d):
    """f, gradient and H v of one layer with 1024 units grow alike, with the matrix W."""
    W, x, v, t = _sized_layer(d)
    leaf = x.clone().requires_grad_()

    def f(x):
        return (W @ x).tanh().sum()

    call, expected = {
        "f": (lambda: f(x), t.sum()),
        "gradient": (lambda: torch.autograd.grad(f(leaf), leaf)[0], W.T @ (1 - t**2)),
        "H v": (lambda: hessian_vector_product(f, x, v), W.T @ (-2 * t * (1 - t**2) * (W @ v))),
    }[method]
    benchmark.extra_info.update(
        method=method, size=d, exponent=1, reason=f"{products} products of {_WIDTH}d terms"
    )
    result = benchmark(call)

    assert result.shape == expected.shape
    assert (result - expected).abs().max() < 1e-10


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="2.5.1 What do a gradient, H v and H cost as the dimension grows?")
@pytest.mark.parametrize("d", [64, *_in_time(256, 512, 1024)])
def test_the_whole_hessian_costs_d_times_that(benchmark, d):
    """One more power of d than a product."""
    W, x, _, t = _sized_layer(d)
    expected = W.T @ ((-2 * t * (1 - t**2))[:, None] * W)

    benchmark.extra_info.update(
        method="H", size=d, exponent=2, reason=f"d products H v of {_WIDTH}d terms each"
    )
    result = benchmark(hessian, lambda x: (W @ x).tanh().sum(), x)

    assert result.shape == (d, d)
    assert (result - expected).abs().max() < 1e-10
