"""2.5.1 — A second derivative differentiates a longer program, and there are d² of them.

Question
--------
Why does a second derivative cost so much more than a first one?
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>
English edition: 2.5.1 <https://d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
For two reasons, and their factors multiply.

- **The program is longer.**  What is differentiated now is the computation of the first
  derivative: the forward pass *and* the backward pass.
- **There are more of them.**  f(x) with d inputs has d first derivatives, and one backward
  pass finds them all.  It has d² second ones, the Hessian H, and each row takes a pass.

For f(x) = Σ tanh(W x), counted in products of W or Wᵀ with a vector:

    f: 1      gradient: 2      H v: 4      H: 2d + 2

Why
---
f takes the product W x, and its backward pass one with Wᵀ: 2 for the gradient.  Record both,
by `create_graph=True`, and a backward pass through the gradient takes 2 more.  Started at a
vector v it gives H v; started at each unit vector, with 2 products a row, all of H.

The graph tells the same.  For `sin` applied L times f has L + 1 nodes, a leaf and L sines; f′
has 3L, with a cosine and a product for each sine but the last sine not needed; f″ has 11L − 5.

Hints
-----
1. Write down the derivative of sin(sin(x)), and count its operations.
2. How many first derivatives does f(x) have with d inputs, and how many second ones?
3. The gradient is a vector: from which vector v may a backward pass through it start?
"""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure


def hessian_vector_product(f, x, v):
    """H v, (d,), for a function f with one value and vectors x and v, (d,), without forming H.

    It leaves no gradient behind in `x.grad`, nor in parameters of f.
    """
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(f(x), x, create_graph=True)
    return torch.autograd.grad(gradient, x, v)[0]


def hessian(f, x):
    """The Hessian (d, d) of a function f with one value at a vector x, (d,)."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(f(x), x, create_graph=True)
    rows = [torch.autograd.grad(entry, x, retain_graph=True)[0] for entry in gradient]
    return torch.stack(rows)


def _layer(d, units=5):
    """f(x) = Σ tanh(W x) with its W, and vectors x and v."""
    generator = torch.Generator().manual_seed(d)
    W = torch.randn(units, d, generator=generator, dtype=torch.float64) / d**0.5
    x, v = torch.randn(2, d, generator=generator, dtype=torch.float64)
    return lambda x: (W @ x).tanh().sum(), W, x, v


def _calls(f, x, v):
    """Functions of no arguments that compute f, its gradient, H v and H."""
    leaf = x.clone().requires_grad_()
    return {
        "f": lambda: f(x),
        "gradient": lambda: torch.autograd.grad(f(leaf), leaf)[0],
        "H v": lambda: hessian_vector_product(f, x, v),
        "H": lambda: hessian(f, x),
    }


def _products(count_multiplications, d):
    """How many products with W these take, for d inputs."""
    f, W, x, v = _layer(d)
    return [count_multiplications(call) / W.numel() for call in _calls(f, x, v).values()]


def _sine_chain(L):
    """`sin` applied L times to a number, its derivative and the derivative of that."""
    x = y = torch.tensor(0.7, requires_grad=True)
    for _ in range(L):
        y = y.sin()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    return y, first, torch.autograd.grad(first, x, create_graph=True)[0]


@pytest.mark.parametrize("d", [5, 20])
def test_the_products_of_a_hessian_grow_with_d(count_multiplications, d):
    """In products with W: f 1, the gradient 2, H v a few for every d, but H from d to 6d."""
    f, gradient, Hv, H = _products(count_multiplications, d)

    assert [f, gradient] == [1, 2]
    assert Hv <= 12
    assert d <= H <= 6 * d


def test_the_derivatives_of_a_polynomial_are_those_by_hand():
    """Of u²v + 5uw³ the Hessian is [[2v, 2u, 15w²], [2u, 0, 0], [15w², 0, 30uw]]."""
    u, v, w = 2.0, -3.0, 4.0
    x = torch.tensor([u, v, w])

    def f(x):
        return x[0] ** 2 * x[1] + 5 * x[0] * x[2] ** 3

    H = torch.tensor([[2 * v, 2 * u, 15 * w**2], [2 * u, 0, 0], [15 * w**2, 0, 30 * u * w]])
    np.testing.assert_allclose(hessian(f, x).detach(), H, rtol=1e-6, strict=True)
    Hv = hessian_vector_product(f, x, torch.tensor([1.0, 10.0, 100.0]))
    assert Hv.tolist() == pytest.approx([24034, 4, 24240])


def test_no_gradient_is_left_behind():
    """Between two training steps, H and H v add nothing to the gradients of x and weights."""
    x, w = (torch.tensor([2.0, 3.0], requires_grad=True) for _ in range(2))

    H = hessian(lambda x: w @ x**3, x)
    Hv = hessian_vector_product(lambda x: w @ x**3, x, torch.ones(2))

    assert H.tolist() == [[24, 0], [0, 54]]
    assert Hv.tolist() == [24, 54]
    assert x.grad is w.grad is None


@pytest.mark.misconception("a second derivative costs twice a first one")
def test_a_second_derivative_differentiates_all_before_it(graph_nodes):
    """For `sin` applied L times the graphs of f, f′ and f″ have L + 1, 3L and 11L − 5 nodes."""
    nodes = {L: [len(graph_nodes(y)) for y in _sine_chain(L)] for L in (2, 3, 8, 20)}

    assert nodes == {L: [L + 1, 3 * L, 11 * L - 5] for L in nodes}


@pytest.mark.misconception("the Hessian is one more backward pass through the gradient")
def test_one_more_pass_gives_the_sums_of_the_rows(count_multiplications):
    """A pass from the summed gradient takes 2 products with W, and gives the row sums of H."""
    f, W, x, _ = _layer(7)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(f(leaf), leaf, create_graph=True)

    one_pass = count_multiplications(gradient.sum().backward)

    assert one_pass == 2 * W.numel()
    np.testing.assert_allclose(leaf.grad, hessian(f, x).detach().sum(dim=1), rtol=1e-9)


def test_the_figure_shows_both_reasons(save_figure, graph_nodes, count_multiplications):
    """The figure shows the nodes of graphs against L, and the products with W against d."""
    depths, sizes = range(2, 13, 2), range(4, 13, 4)
    nodes = [[len(graph_nodes(y)) for y in _sine_chain(L)] for L in depths]
    products = [_products(count_multiplications, d) for d in sizes]

    fig = Figure(figsize=(6.4, 3), layout="constrained")
    left, right = fig.subplots(1, 2)
    left.plot(depths, nodes, "o-", label=["f", "f′", "f″"])
    left.set(title="A longer program", xlabel="L: sines in a chain", ylabel="graph nodes")
    right.plot(sizes, products, "o-", label=["f", "gradient", "H v", "H"])
    right.set(title="A pass for each row of H", xlabel="d: inputs", ylabel="products with W")
    for ax in fig.axes:
        ax.set(ylim=(0, None), xticks=ax.lines[0].get_xdata())
        ax.legend(reverse=True)

    assert [line.get_ydata()[3] for line in left.lines] == [9, 24, 83]
    assert [line.get_ydata()[-1] for line in right.lines][:2] == [1, 2]
    assert right.lines[3].get_ydata()[-1] >= 12
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="2.5.1 What do a gradient, H v and H cost as the dimension grows?")
@pytest.mark.parametrize("method", ["f", "gradient", "H v", "H"])
@pytest.mark.parametrize(
    "d", [64, *(pytest.param(d, marks=pytest.mark.timed_only) for d in (128, 256, 512))]
)
def test_a_layer_has_the_derivatives_of_the_closed_form(benchmark, method, d):
    """For Σ tanh(W x) the Hessian is Wᵀ diag(−2t(1 − t²)) W, where t = tanh(W x)."""
    f, W, x, v = _layer(d, units=1024)
    t = torch.tanh(W @ x)
    H = W.T @ (-2 * t * (1 - t**2) * W.T).T
    by_hand = {"f": t.sum(), "gradient": W.T @ (1 - t**2), "H v": H @ v, "H": H}[method]
    exponent = 2 if method == "H" else 1
    benchmark.extra_info.update(
        method=method, size=d, exponent=exponent, reason="products with W; H takes d passes"
    )

    result = benchmark(_calls(f, x, v)[method])

    # 1024 terms below 1 are summed, of d ≤ 1024 such sums H v: at most 1024² · 2⁻⁵³ is lost.
    np.testing.assert_allclose(result, by_hand, rtol=0, atol=2e-10)
