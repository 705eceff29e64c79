"""3.2.1a — Linear regression learns from zero weights as well as from random ones.

Question
--------
The book starts minibatch SGD from small random weights.  What happens if all weights start at
zero: does linear regression still learn?  (For a hidden layer see 3.2.1b.)
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>
English edition: 3.4.1 <https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html>

Answer
------
Yes.  On the book's data (w = (2, −3.4), b = 4.2, noise of σ = 0.01) its 3 epochs from zero and
from N(0, 0.01²) end within 0.0001 of each other, with a loss near σ²/2 = 0.00005.

Give X a column of ones for the bias.  At w = 0 the loss ‖Xw − y‖² / 2n has the gradient −Xᵀy/n.
It is zero only if y is perpendicular to every column; then w = 0 is already a minimum.

Why
---
The loss is convex, so gradient descent in small steps ends at a minimum from any start.

- If no column is a combination of the others, there is one minimum (3.1.2a): all starts meet.
- Otherwise there are many.  Every gradient Xᵀ(Xw − y)/n is a combination of rows of X, and so
  is every step.  Descent ends at the minimum nearest to its start; from zero, at the one with
  the smallest norm.  For two equal columns x, x and y = 6x this is w = (3, 3).

Hints
-----
1. Put w = 0 into the gradient of the squared loss.  When is the result zero?
2. Two columns are equal: how do the gradients of their weights differ?
"""

import pytest
import torch
from matplotlib.figure import Figure


def first_gradient(X, y):
    """The gradient of ‖Xw − y‖² / 2n at w = 0, shape (d,), for X (n, d) and y (n,)."""
    return -(X.T @ y) / len(y)


def descent_limit(X, y, start):
    """Where small steps of gradient descent on ‖Xw − y‖² / 2n lead from w = start, shape (d,).

    X is (n, d) of any rank, y is (n,) and start is (d,).
    """
    # `mv` takes vectors only: a column, (n, 1), would be subtracted from every other row
    return start + torch.linalg.pinv(X).mv(y - X.mv(start))


_SIGMA, _TRUTH = 0.01, torch.tensor([2, -3.4, 4.2], dtype=torch.float64)


def _book_data(generator, n=1000):
    """The book's data; the third column of X is 1, and its weight is the bias."""
    X = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    X[:, 2] = 1
    return X, X @ _TRUTH + _SIGMA * torch.randn(n, generator=generator, dtype=torch.float64)


def _sgd(X, y, starts, generator, rate=0.03, batch=10, epochs=3):
    """The book's training, over the same batches for all starts (s, d): (steps + 1, s, d)."""
    path = [starts]
    for _ in range(epochs):
        order = torch.randperm(len(y), generator=generator)
        for rows, targets in zip(X[order].split(batch), y[order].split(batch), strict=True):
            path.append(path[-1] - rate * (path[-1] @ rows.T - targets) @ rows / batch)
    return torch.stack(path)


def _loss(X, y, w):
    return (w @ X.T - y).square().mean(-1) / 2


@pytest.mark.misconception("zero weights make it fail", source="datawhalechina's manual, 3.2.1")
@pytest.mark.seeds(3)
def test_zero_and_random_starts_meet_at_the_noise_floor(torch_rng):
    """On the book's data 3 epochs from 0 and N(0, 0.01²) end within 0.01 of the minimum."""
    X, y = _book_data(torch_rng)
    starts = torch.stack([0 * _TRUTH, 0.01 * torch.randn(3, generator=torch_rng).double()])

    ends = _sgd(X, y, starts, torch_rng)[-1]

    # 300 steps keep (1 − η)³⁰⁰ of the distance, 0.0007; their noise adds √(ησ²/2B) = 0.0004
    assert (ends[0] - ends[1]).abs().max() < 1e-4
    for start, end in zip(starts, ends, strict=True):
        assert (end - descent_limit(X, y, start)).abs().max() < 0.01
        # 4 standard errors √(2/n) of the floor are 18 %
        assert 0.8 * _SIGMA**2 / 2 < _loss(X, y, end) < 1.3 * _SIGMA**2 / 2


def test_the_first_gradient_vanishes_for_a_perpendicular_y():
    """Columns 1, (1, −1, 0): y = (3, 1, 2) has the gradient (−2, −2/3), y = (1, 1, −2) zero."""
    X, y = torch.tensor([[1.0, 1], [1, -1], [1, 0]]), torch.tensor([1.0, 1, -2])

    gradient = first_gradient(X, torch.tensor([3.0, 1, 2]))

    assert gradient.tolist() == pytest.approx([-2, -2 / 3], rel=1e-6, abs=0)
    assert first_gradient(X, y).abs().max() < 1e-6
    assert descent_limit(X, y, torch.zeros(2)).abs().max() < 1e-6


@pytest.mark.misconception("from w = 0 only b learns", source="DevPranjal's exercises, 3.2.1")
@pytest.mark.seeds(3)
def test_the_first_step_points_at_the_weights(torch_rng):
    """On the book's data Xᵀy/n is (2, −3.4, 4.2) within 4 standard errors, which are 1.03.

    Entry j is a mean of n products xⱼy, of variance ‖w‖² + wⱼ² + σ² < 2‖w‖² each.
    """
    X, y = _book_data(torch_rng)

    step = -first_gradient(X, y)

    assert (step - _TRUTH).abs().max() < 4 * (2 * _TRUTH.square().sum() / len(y)).sqrt()


@pytest.mark.parametrize(("start", "ends"), [([0.0, 0.0], [3, 3]), ([1.0, 0.0], [3.5, 2.5])])
def test_only_dependent_columns_remember_the_start(start, ends):
    """Starts (0, 0), (1, 0) end at one line, 5/6 + 3x/2, but at two w for equal columns."""
    start = torch.tensor(start, dtype=torch.float64)
    x, y = torch.tensor([[0.0, 1, 2], [1, 2, 4]], dtype=torch.float64)

    line = descent_limit(torch.stack([x**0, x], dim=1), y, start)
    equal = descent_limit(torch.stack([x, x], dim=1), 6 * x, start)

    assert line.tolist() == pytest.approx([5 / 6, 3 / 2], rel=1e-10, abs=0)
    assert equal.tolist() == pytest.approx(ends, rel=1e-10, abs=0)


def test_zero_finds_the_solution_of_smallest_norm(torch_rng):
    """5 rows, 20 columns: from zero the limit has the least norm; descent ends at the limit."""
    X = torch.randn(5, 20, generator=torch_rng, dtype=torch.float64)
    y = torch.randn(5, generator=torch_rng, dtype=torch.float64)
    start = torch.randn(20, generator=torch_rng, dtype=torch.float64)

    limit, w = descent_limit(X, y, start), start
    for _ in range(int(30 * torch.linalg.cond(X) ** 2)):  # a step keeps 1 − 1/κ²: e⁻³⁰ in all
        w = w - X.T @ (X @ w - y) / torch.linalg.matrix_norm(X, ord=2) ** 2

    shortest = torch.linalg.lstsq(X, y[:, None], driver="gelsd").solution[:, 0]
    assert (descent_limit(X, y, 0 * start) - shortest).norm() < 1e-10
    assert (limit - w).norm() < 1e-10
    assert limit.norm() > shortest.norm() + 0.1


def test_the_figure_shows_starts_that_meet(save_figure, torch_rng):
    """The figure shows the loss on the book's data from three starts: all reach the noise."""
    X, y = _book_data(torch_rng)
    starts = torch.tensor([[0.0], [0.01], [10]]) * torch.randn(3, generator=torch_rng)
    curves = _loss(X, y, _sgd(X, y, starts.double(), torch_rng))

    fig = Figure(figsize=(6.4, 3.2))
    ax = fig.subplots()
    ax.semilogy(curves, label=["start at zero", "start N(0, 0.01²)", "start N(0, 10²)"])
    ax.lines[1].set_linestyle("--")
    ax.axhline(_SIGMA**2 / 2, color="black", linewidth=0.8, label="noise: σ²/2")
    ax.set(title="Every start reaches the noise", xlabel="minibatch step", ylabel="loss")
    ax.legend()

    assert len(ax.lines) == 4
    assert all(line.get_ydata()[-1] < 1.5 * _SIGMA**2 / 2 for line in ax.lines[:3])
    save_figure(fig)
