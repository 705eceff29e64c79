"""3.7.1 — Batch size, epochs and rate turn one knob, rate × steps, while the rate is small.

Question
--------
Change the batch size, the number of epochs and the learning rate of the section's softmax
regression on Fashion-MNIST.  What happens?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-concise.html>
English edition: 4.4.5 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
One number tells how far training has come: τ = rate × steps, and steps = batches an epoch ×
epochs.  From W = 0 on 128 images these three end within 3 % of one loss, at τ = 1.5:

    batch  16, rate 0.01, 150 steps
    batch  32, rate 0.02,  75 steps
    batch 128, rate 0.05,  30 steps

Half of τ leaves 1.3 times the loss.  To halve the batch, to double the epochs or to double the
rate has the same effect: each doubles τ.  A rate that is too large ends at a higher loss.  At
W = 0 too large is above 2K/λ = 0.18: K = 10, and λ is the largest eigenvalue of XᵀX/n, X with a
column of ones.

Why
---
Small steps follow the slope, however the way is cut into steps.  At W = 0 each class has the
probability 1/K, and along the steepest direction the slope grows by λ/K a unit: as on the
parabola (λ/K) w²/2, a rate above 2K/λ leads higher up on the other side.

Hints
-----
1. Train with half the rate and twice the epochs, and compare.
2. From which rate on does a step downhill on λw²/2 end farther from 0 than it began?
"""

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn


def training_time(n, batch, epochs, rate):
    """τ = rate × steps, for n examples in batches of which the last may be short."""
    return rate * len(range(0, n, batch)) * epochs


def largest_first_rate(X, K):
    """Above this rate, descent on all rows of X, (n, d), overshoots at W = 0 for K classes."""
    return 2 * K * len(X) / torch.linalg.matrix_norm(X, ord=2).item() ** 2


def _with_ones(images):
    """X, (n, 785), from images of bytes: numbers from 0 to 1, and a last column of ones."""
    return nn.functional.pad(torch.tensor(images).flatten(1) / 255, (0, 1), value=1.0)


@pytest.fixture
def sample(fashion_mnist, torch_rng):
    """X, (128, 785), and one-hot Y, (128, 10), of random training images."""
    images, labels, _, _ = fashion_mnist
    rows = torch.randperm(len(labels), generator=torch_rng)[:128].numpy()
    return _with_ones(images[rows]), torch.eye(10)[labels[rows].astype(int)]


def _path(sample, batch, rate, steps, generator):
    """Minibatch descent from W = 0: a list of W after 0, 1, …, steps steps."""
    X, Y = sample
    path = [torch.zeros(785, 10)]
    while len(path) <= steps:
        for rows in torch.randperm(len(X), generator=generator).split(batch):
            part = X[rows]
            residual = (part @ path[-1]).softmax(dim=1) - Y[rows]
            slope = (residual.T @ part).T / len(rows)  # partᵀ residual, in the faster order
            path.append(path[-1] - rate * slope)
    return path[: steps + 1]


def _loss(sample, W):
    """The mean cross-entropy of the sample; of each W, if there are many."""
    X, Y = sample
    return -(Y * (X @ W).log_softmax(dim=-1)).sum(dim=-1).mean(dim=-1)


_SETTINGS = [(16, 0.01, 150), (32, 0.02, 75), (128, 0.05, 30)]  # batch, rate, steps


@pytest.mark.seeds(3)
def test_equal_training_times_end_at_equal_losses(sample, torch_rng):
    """At τ = 1.5 the losses are within 3 % of their mean; at τ = 0.75 over 1.2 times it.

    300 seeds: within 0.6 %, and 1.32 ± 0.02 times.
    """
    paths = [_path(sample, *setting, torch_rng) for setting in _SETTINGS]

    ends = [_loss(sample, path[-1]).item() for path in paths]
    mean = sum(ends) / 3
    assert ends == pytest.approx([mean] * 3, rel=0.03, abs=0)
    assert _loss(sample, paths[0][75]) > 1.2 * mean


def test_the_training_time_counts_every_batch():
    """Ten epochs of 60,000 images in batches of 256 are 2350 steps: at rate 0.01, τ is 23.5.

    So it is for 100 epochs at 0.001: datawhalechina's manual prints the losses 0.637 and 0.623.
    """
    assert training_time(60000, 256, 10, 0.01) == pytest.approx(23.5, rel=1e-9, abs=0)
    assert training_time(60000, 256, 100, 0.001) == pytest.approx(23.5, rel=1e-9, abs=0)
    assert training_time(129, 64, 1, 0.5) == pytest.approx(1.5, rel=1e-9, abs=0)


@pytest.mark.misconception(
    "a larger batch is less accurate", source="datawhalechina's solutions manual, 3.7.1"
)
@pytest.mark.seeds(3)
def test_with_the_epochs_fixed_a_larger_batch_only_makes_fewer_steps(sample, torch_rng):
    """Ten epochs at rate 0.02 end at over 1.25 times the loss by batches of 128 instead of 32.

    With four times the rate they end within 3 %.  300 seeds: 1.46 ± 0.04 and 0.993 ± 0.001.
    """
    small, large, mended = (
        _loss(sample, _path(sample, *setting, torch_rng)[-1]).item()
        for setting in ((32, 0.02, 40), (128, 0.02, 10), (128, 0.08, 10))
    )

    assert large > 1.25 * small
    assert mended == pytest.approx(small, rel=0.03, abs=0)


@pytest.mark.seeds(3)
def test_above_the_largest_first_rate_a_step_ends_farther_off(torch_rng):
    """A step at f times the limit 2K/λ, from near a minimum at 0, ends 2f − 1 times as far off.

    That is nearer for f = 0.99, farther for 1.01 and 1.3.  Labels of 1/K make 0 the minimum.
    """
    for n, d, K, f in ((20, 5, 3, 0.99), (20, 5, 3, 1.01), (7, 4, 10, 1.3)):
        X = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
        steepest = torch.linalg.svd(X, full_matrices=False).Vh[0]
        W = 1e-4 * torch.outer(steepest, torch.eye(K, dtype=torch.float64)[0] - 1 / K)

        step = f * largest_first_rate(X, K) / n * X.T @ ((X @ W).softmax(dim=1) - 1 / K)

        assert ((step - W).norm() / W.norm()).item() == pytest.approx(2 * f - 1, abs=1e-3)


def test_the_limit_of_fashion_mnist_is_0_18(fashion_mnist):
    """2K/λ of the first 400 training images is 0.18."""
    X = _with_ones(fashion_mnist.train_images[:400])

    assert largest_first_rate(X, 10) == pytest.approx(0.18, abs=0.005)


@pytest.mark.misconception(
    "a small rate gets stuck in a local minimum",
    source="the solutions of datawhalechina, ckyFi9zero and pandalabme to 3.7.1 and 3.7.2",
)
def test_softmax_regression_has_no_local_minimum(sample, torch_rng):
    """The loss half-way between two W is below its mean at the two: it is convex."""
    V, W = 0.3 * torch.randn(2, 20, 785, 10, generator=torch_rng)

    assert (_loss(sample, (V + W) / 2) < (_loss(sample, V) + _loss(sample, W)) / 2).all()


@pytest.mark.misconception(
    "`init_weights` starts afresh", source="datawhalechina's solutions manual, 3.7.1"
)
def test_the_section_s_initialiser_leaves_the_bias_as_it_was():
    """It draws new weights, but a net that is used again starts with its trained biases.

    In datawhalechina's grid a run ends at 2.3487, above log 10 = 2.3026, the loss at W = 0.
    """
    with torch.random.fork_rng(devices=[]):  # a new layer draws from torch's own generator
        net = nn.Linear(4, 3)
        nn.init.constant_(net.bias, 7)
        net.apply(lambda m: nn.init.normal_(m.weight, std=0.01))

    assert net.bias.tolist() == [7, 7, 7]


def test_the_figure_shows_one_curve_and_a_rate_that_leaves_it(save_figure, sample, torch_rng):
    """Over τ the losses of three settings lie on one curve; the rate 0.5 ends far higher."""
    fig = Figure(figsize=(6, 3.6))
    ax = fig.subplots()
    for k, (batch, rate, steps) in enumerate([*_SETTINGS, (128, 0.5, 3)]):
        every = max(1, steps // 25)
        path = _path(sample, batch, rate, steps, torch_rng)[::every]
        losses = _loss(sample, torch.stack(path))
        taus = [rate * step for step in range(0, steps + 1, every)]
        ax.plot(taus, losses, lw=(8, 5, 2, 2)[k], label=f"batch {batch}, rate {rate}")
    ax.set(title="The loss tells τ, until the rate is too large", ylim=(0, None))
    ax.set(xlabel="τ = rate × steps", ylabel="training loss")
    ax.legend()

    ends = [line.get_ydata()[-1].item() for line in ax.lines]
    assert ends[3] > 2 * max(ends[:3])
    save_figure(fig)
