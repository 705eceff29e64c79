"""3.2.1b — Equal hidden units stay equal, and ReLU or tanh units at zero learn nothing.

Question
--------
Linear regression learns from zero weights (3.2.1a).  Does a network with a hidden layer?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.1 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
No.  Let it have h hidden units: ŷ = Σₖ vₖφ(wₖᵀx + aₖ) + c, where φ is ReLU or tanh.

- All zero: only the output bias c learns.  It goes to the mean of y, and the rest stays zero.
- All 0.5, or another number: the units change, but stay equal.  h units are worth one.
- Random wₖ: the units part, and learn different things.  aₖ, vₖ and c may then be zero.

Why
---
With the residuals rᵢ = ŷᵢ − yᵢ the loss Σᵢ rᵢ² / 2n has the gradients

    by vₖ   Σᵢ rᵢ φ(wₖᵀxᵢ + aₖ) / n
    by wₖ   vₖ Σᵢ rᵢ φ′(wₖᵀxᵢ + aₖ) xᵢ / n           by aₖ the same without xᵢ
    by c    Σᵢ rᵢ / n

If all is zero, the first is zero since φ(0) = 0, and the second since vₖ = 0: so it is after
each step.  Units with equal wₖ, aₖ and vₖ have equal gradients: they are equal after each step.

Hints
-----
1. Which factors of the gradients are zero if all weights are zero?
2. Two hidden units have the same weights: how do their gradients differ?
"""

import pytest
import torch
from matplotlib.figure import Figure


def layer_gradients(X, y, W, a, v, c, activation):
    """The gradients of Σᵢ (ŷᵢ − yᵢ)² / 2n by W, a, v and c, a tuple, for ŷ of one hidden layer.

    X is (n, d), y (n,), W (h, d) with a row for each unit, a (h,), v (h,), and c of shape ();
    activation is `torch.relu` or `torch.tanh`.  The slope of ReLU at 0 is 0, as in torch.
    """
    W, a, v, c = parameters = [p.detach().requires_grad_() for p in (W, a, v, c)]
    residuals = activation(X @ W.T + a).mv(v) + c - y
    loss = residuals.dot(residuals) / (2 * len(y))
    return torch.autograd.grad(loss, parameters)


def random_start(h, d, generator):
    """A random start (W, a, v, c), float64 and about 1 in size, for h units of d inputs."""
    W = torch.randn(h, d, generator=generator, dtype=torch.float64)
    return W, W.new_zeros(h), W.new_zeros(h), W.new_zeros(())


_BOTH = pytest.mark.parametrize("activation", [torch.relu, torch.tanh])
_RATES = {torch.relu: 0.2, torch.tanh: 0.45}
_X = torch.cartesian_prod(*[torch.linspace(-2, 2, 8, dtype=torch.float64)] * 2)
_Y = _X.amax(1)  # the larger of two numbers, on an 8 × 8 grid


def _constant_start(number):
    shapes = (8, 2), (8,), (8,), ()
    return [torch.full(shape, number, dtype=torch.float64) for shape in shapes]


def _train(parameters, activation, steps):
    """The parameters before and after every step of gradient descent."""
    path, rate = [parameters], _RATES[activation]
    for _ in range(steps):
        gradients = layer_gradients(_X, _Y, *path[-1], activation)
        path.append([p - rate * g for p, g in zip(path[-1], gradients, strict=True)])
    return path


def _loss(parameters, activation):
    W, a, v, c = parameters
    return (activation(_X @ W.T + a) @ v + c - _Y).square().mean().item() / 2


def _least_loss_of_equal_units():
    """Swapping x₁, x₂ keeps y, so w₁ = w₂ stays: ŷ is at best the mean of y at each x₁ + x₂."""
    sums = (_X.sum(1) * 7 / 4).round()
    means = torch.stack([_Y[sums == s].mean() for s in sums])
    return (_Y - means).square().mean().item() / 2


@_BOTH
def test_from_zero_only_the_output_bias_learns(activation):
    """After t steps W, a and v are zero, and c is the mean of y times 1 − (1 − rate)ᵗ."""
    W, a, v, c = _train(_constant_start(0.0), activation, 40)[-1]

    expected = _Y.mean().item() * (1 - (1 - _RATES[activation]) ** 40)
    assert c.item() == pytest.approx(expected, rel=1e-12, abs=0)
    assert not any(weights.any() for weights in (W, a, v))


@pytest.mark.misconception("any number but zero will do as a start")
@_BOTH
def test_equal_units_move_together(activation):
    """From 0.5 in all places the 8 units change, yet stay equal: W keeps rank 1."""
    W, a, v, c = _train(_constant_start(0.5), activation, 50)[-1]

    for weights in (W, a, v):
        assert (weights - weights[0]).abs().max() < 1e-9
        assert (weights - 0.5).abs().max() > 0.01
    assert torch.linalg.matrix_rank(W, rtol=1e-9) == 1
    assert _loss((W, a, v, c), activation) > _least_loss_of_equal_units()


@_BOTH
@pytest.mark.seeds(3)
def test_random_units_learn_what_equal_ones_can_not(activation, torch_rng):
    """From the random start W gets rank 2, and the loss below the least for equal units."""
    end = _train(random_start(8, 2, torch_rng), activation, 120)[-1]

    assert torch.linalg.matrix_rank(end[0], rtol=1e-3) == 2
    assert _loss(end, activation) < _least_loss_of_equal_units()


def test_a_random_start_has_h_different_units(torch_rng):
    """A random start has the shapes of h = 3 units and d = 5 inputs; no two units are equal."""
    W, a, v, c = random_start(3, 5, torch_rng)

    assert [p.shape for p in (W, a, v, c)] == [(3, 5), (3,), (3,), ()]
    assert len(W.unique(dim=0)) == 3


@_BOTH
def test_the_gradients_are_those_of_the_formulas(activation, torch_rng):
    """At a random point the gradients are the four sums of the derivation, within rounding."""
    shapes = (5, 2), (5,), (5,), ()
    W, a, v, c = (torch.randn(shape, generator=torch_rng).double() for shape in shapes)

    found = layer_gradients(_X, _Y, W, a, v, c, activation)

    units = activation(_X @ W.T + a)
    slopes = 1 - units**2 if activation is torch.tanh else units > 0
    r = (units @ v + c - _Y) / 64
    by_a = r[:, None] * v * slopes
    formulas = by_a.T @ _X, by_a.sum(0), units.T @ r, r.sum()
    for ours, expected in zip(found, formulas, strict=True):
        assert ours.shape == expected.shape
        assert (ours - expected).abs().max() < 1e-12


def test_the_figure_shows_what_each_start_learns(save_figure, torch_rng):
    """The figure shows the loss of 8 tanh units from three starts, and their final weights."""
    starts = {"zero": _constant_start(0.0), "all 0.5": _constant_start(0.5)}
    starts["random"] = random_start(8, 2, torch_rng)

    fig = Figure(figsize=(6.4, 3.1), layout="constrained")
    left, right = fig.subplots(1, 2)
    for (name, start), marker in zip(starts.items(), "sDo", strict=True):
        path = _train(start, torch.tanh, 120)
        left.plot([_loss(parameters, torch.tanh) for parameters in path], label=name)
        right.plot(*path[-1][0].T, marker, label=name)
    left.axhline(_least_loss_of_equal_units(), color="black", ls=":", label="equal: best")
    left.set(title="Only random units learn max(x₁, x₂)", xlabel="step", ylabel="loss")
    left.set_ylim(0, 1)
    right.set(title="Equal: 8 units in one place", xlabel="weight w₁", ylabel="weight w₂")
    left.legend()

    ends = [line.get_ydata()[-1] for line in left.lines[:3]]
    assert ends[0] > ends[1] > _least_loss_of_equal_units() > ends[2]
    save_figure(fig)
