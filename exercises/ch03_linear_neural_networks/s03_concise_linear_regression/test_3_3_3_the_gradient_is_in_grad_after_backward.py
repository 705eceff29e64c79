"""3.3.3 — After `backward()` the gradient is in `net[0].weight.grad`; `.data` is the weight.

Question
--------
The book's model is `net = nn.Sequential(nn.Linear(2, 1))`, and its loss `nn.MSELoss()`.  How do
you read the gradients of the model's parameters?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-concise.html>
English edition: 3.5.3 <https://d2l.ai/chapter_linear-regression/linear-regression-concise.html>

Answer
------
After `backward()`, until the next `zero_grad()`, each parameter has its gradient in `grad`:

    nn.MSELoss()(net(X), y).backward()
    net[0].weight.grad                  shape (1, 2), as the weight
    net[0].bias.grad                    shape (1,)

For any net: `{name: p.grad for name, p in net.named_parameters()}`.

Why
---
`backward()` adds the derivative of the loss by each parameter to that parameter's `grad`.  With
the residuals r = Xw + b − y of n rows these are

    loss = Σᵢ rᵢ² / n        ∇w = 2 Xᵀr / n        ∂b = 2 Σᵢ rᵢ / n

Before the first `backward()` there is nothing, None; a second one adds to the first, so twice
the same gives twice the gradient.  `zero_grad()` makes each None again.  A step of descent
changes the weight and leaves `grad` alone: it is still the gradient at the old weight.

Hints
-----
1. Which tensors of the model are leaves that require a gradient?
2. Who puts a number into `grad`, who adds to it, and who takes it away?
"""

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn


def gradients(net):
    """What `backward()` has left in a net: a dict from parameters' names to tensors or None."""
    return {name: parameter.grad for name, parameter in net.named_parameters()}


def mse_gradients(X, y, w, b):
    """The gradients of the mean squared error of Xw + b by w, shape (d,), and by b, shape ().

    X is (n, d), y (n,), w (d,), and b a number.
    """
    r = X.mv(w) + b - y
    return 2 * X.T.mv(r) / len(y), 2 * r.mean()


_X = torch.tensor([[1.0, 2], [0, 1], [3, -1], [2, 2]])
_Y = torch.tensor([4.0, 1, 0, -3])


@pytest.fixture(name="net")
def _net():
    """The book's model with the weights 1 and −1, and the bias 2."""
    with torch.random.fork_rng(devices=[]):  # a layer draws its first weights at random
        net = nn.Sequential(nn.Linear(2, 1))
    net[0].weight.data = torch.tensor([[1.0, -1]])
    net[0].bias.data.fill_(2)
    return net


def _backward(net):
    nn.MSELoss()(net(_X), _Y[:, None]).backward()


def test_after_backward_each_parameter_has_its_gradient(net):
    """On four rows by hand, r = (−3, 0, 6, 5): the weight has (12.5, −1), the bias 4."""
    _backward(net)

    assert net[0].weight.grad.tolist() == [[12.5, -1]]
    assert net[0].bias.grad.tolist() == [4]
    found = {name: gradient.tolist() for name, gradient in gradients(net).items()}
    assert found == {"0.weight": [[12.5, -1]], "0.bias": [4]}


@pytest.mark.parametrize(("n", "by_w", "by_b"), [(4, [12.5, -1], 4), (1, [-6, -12], -6)])
def test_the_closed_form_gives_the_same(n, by_w, by_b):
    """On the same four rows 2Xᵀr/n is (12.5, −1); on the first alone it is (−6, −12)."""
    at_w, at_b = mse_gradients(_X[:n], _Y[:n], torch.tensor([1.0, -1]), 2.0)

    assert (at_w.tolist(), at_b.tolist()) == (by_w, by_b)  # of shape (), at_b is no list


def test_gradients_come_add_up_and_go(net):
    """None before `backward()`, twice as much after two, and None again after `zero_grad()`."""
    assert gradients(net) == {"0.weight": None, "0.bias": None}

    _backward(net)
    _backward(net)

    assert gradients(net)["0.weight"].tolist() == [[25, -2]]
    assert gradients(net)["0.bias"].tolist() == [8]
    net.zero_grad()
    assert gradients(net) == {"0.weight": None, "0.bias": None}


def test_every_layer_has_gradients_of_its_own_and_a_frozen_bias_none():
    """Two layers have four gradients; a bias without `requires_grad` keeps None."""
    with torch.random.fork_rng(devices=[]):
        net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    net[1].bias.requires_grad_(False)

    _backward(net)

    found = gradients(net)
    shapes = {name: tuple(g.shape) for name, g in found.items() if g is not None}
    assert shapes == {"0.weight": (3, 2), "0.bias": (3,), "1.weight": (1, 3)}
    assert found["1.bias"] is None


@pytest.mark.misconception("after the step, grad is the gradient at the new weight")
def test_a_step_leaves_the_old_gradient(net):
    """After a step at the rate 0.1 it is still (12.5, −1); at the new weight (2.7, −3.175)."""
    _backward(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 0.1 * parameter.grad

    at_new, _ = mse_gradients(_X, _Y, net[0].weight.data[0], net[0].bias.item())

    assert gradients(net)["0.weight"].tolist() == [[12.5, -1]]
    assert at_new.tolist() == pytest.approx([2.7, -3.175], abs=1e-5)


@pytest.mark.misconception(
    "net[0].weight.data is the gradient", source="ckyFi9zero's exercises, 3.3.3"
)
def test_data_is_the_weight_itself(net):
    """`.data` is (1, −1), the weight, and has no gradient in its own `grad`."""
    _backward(net)

    assert net[0].weight.data.tolist() == [[1, -1]]
    assert net[0].weight.data.grad is None
    assert gradients(net)["0.weight"] is net[0].weight.grad


def test_the_figure_shows_descent_across_the_contours(save_figure):
    """The figure shows the loss of four rows over w₁ and w₂, for b = 2, and −grad as arrows."""

    def loss(w):
        return (w @ _X.T + 2 - _Y).square().mean(-1)

    places = torch.cartesian_prod(torch.tensor([-2.5, 0.5]), torch.tensor([-2, -0.5, 1]))
    arrows = torch.stack([-mse_gradients(_X, _Y, w, 2)[0] for w in places])
    axis = torch.linspace(-3, 2, 51)
    fig = Figure(figsize=(5, 4.4))
    ax = fig.subplots()
    heights = loss(torch.cartesian_prod(axis, axis)).reshape(51, 51).T
    ax.contour(axis, axis, heights, levels=range(6, 60, 6), colors="0.6")
    ax.quiver(*places.T, *arrows.T, angles="xy", scale_units="xy", scale=20, color="C1")
    ax.set(title="−grad runs straight down, across the contours", aspect="equal")
    ax.set(xlabel="weight w₁", ylabel="weight w₂")

    assert (loss(places + 0.01 * arrows) < loss(places)).all()
    beside = 0.01 * arrows.flip(1) * torch.tensor([1, -1])
    assert (loss(places + beside) - loss(places - beside)).abs().max() < 1e-3
    save_figure(fig)


def _at_once(X, y, w):
    w = w.clone().requires_grad_()
    (X.mv(w) - y).square().mean().backward()
    return w.grad


def _loop(X, y, w):
    rows = zip(X.split(1), y.split(1), strict=True)
    return torch.stack([_at_once(*row, w) for row in rows]).mean(dim=0)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.3.3 What do gradients cost, of n rows at once or of each?")
@pytest.mark.parametrize(
    "n", [64, *(pytest.param(n, marks=pytest.mark.timed_only) for n in (128, 256, 512))]
)
@pytest.mark.parametrize("way", [_at_once, _loop])
def test_the_mean_of_gradients_is_the_gradient_of_the_mean(benchmark, torch_rng, way, n):
    """One pass backward for all rows, and the mean of one for each, give the closed form."""
    X, y = (torch.randn(s, generator=torch_rng, dtype=torch.float64) for s in ((n, 8), (n,)))
    told = ("loop", "n passes", 1) if way is _loop else ("at once", "a few calls", 0)
    benchmark.extra_info.update(method=told[0], reason=told[1], exponent=told[2], size=n)

    gradient = benchmark(way, X, y, X[0])

    by_w, _ = mse_gradients(X, y, X[0], 0)
    # a mean of terms below 10⁴, all but surely, each from fewer than 100 rounded steps
    assert gradient.tolist() == pytest.approx(by_w.tolist(), abs=1e-9)
