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

Half of τ leaves 1.3 times the loss.  So half the batch, twice the epochs and twice the rate all
do the same, until the rate is too large.  At W = 0 that is above 2K/λ = 0.18, where K = 10 and
λ is the largest eigenvalue of XᵀX/n, X with a column of ones.

Why
---
Small steps follow the slope, however the way is cut into steps.  At W = 0 each class has the
probability 1/K, and along the steepest direction the slope grows by λ/K a unit: as for the
parabola (λ/K) w²/2, a rate above 2K/λ leads higher up on the other side.

In practice
-----------
Subtract the mean image: the limit becomes five times as large.

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
    X = torch.tensor(images).flatten(1) / 255
    return torch.cat((X, torch.ones(len(X), 1)), dim=1)


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
            path.append(path[-1] - rate / len(rows) * part.T @ residual)
    return path[: steps + 1]


def _loss(sample, W):
    """The mean cross-entropy of the sample; of each W, if there are many."""
    X, Y = sample
    return -(Y * (X @ W).log_softmax(dim=-1)).sum(dim=-1).mean(dim=-1)


@pytest.mark.seeds(3)
def test_equal_training_times_end_at_equal_losses(sample, torch_rng):
    """At τ = 1.5 the three losses are within 3 % of their mean; at half of τ above 1.2 times.

    300 seeds: 0.6 % at most, and 1.32 ± 0.02 times the loss at half of τ.
    """
    settings = [(16, 0.01, 150), (32, 0.02, 75), (128, 0.05, 30)]

    paths = [_path(sample, *setting, torch_rng) for setting in settings]

    ends = [_loss(sample, path[-1]).item() for path in paths]
    mean = sum(ends) / 3
    assert ends == pytest.approx([mean] * 3, rel=0.03, abs=0)
    assert _loss(sample, paths[0][75]) > 1.2 * mean
    assert training_time(128, 32, 75 / 4, 0.02) == pytest.approx(1.5, rel=1e-9, abs=0)


def test_the_training_time_counts_every_batch():
    """Ten epochs of 60,000 images in batches of 256 are 2350 steps: at rate 0.01, τ is 23.5.

    So are 100 epochs at 0.001: datawhalechina's manual prints their losses, 0.637 and 0.623.
    """
    assert training_time(60000, 256, 10, 0.01) == pytest.approx(23.5, rel=1e-9, abs=0)
    assert training_time(60000, 256, 100, 0.001) == pytest.approx(23.5, rel=1e-9, abs=0)
    assert training_time(129, 64, 1, 0.5) == pytest.approx(1.5, rel=1e-9, abs=0)
    assert training_time(10, 64, 3, 0.5) == pytest.approx(1.5, rel=1e-9, abs=0)


@pytest.mark.misconception("a larger batch trains to a lower accuracy")
@pytest.mark.seeds(3)
def test_with_the_epochs_fixed_a_larger_batch_only_makes_fewer_steps(sample, torch_rng):
    """Ten epochs at rate 0.02 end at over 1.25 times the loss by batches of 128 instead of 32.

    With four times the rate they end within 3 %, in spite of datawhalechina's manual.  300
    seeds: 1.46 ± 0.04 and 0.993 ± 0.001 times.
    """
    small, large, mended = (
        _loss(sample, _path(sample, *setting, torch_rng)[-1]).item()
        for setting in ((32, 0.02, 40), (128, 0.02, 10), (128, 0.08, 10))
    )

    assert large > 1.25 * small
    assert mended == pytest.approx(small, rel=0.03, abs=0)


@pytest.mark.seeds(3)
def test_above_the_largest_first_rate_a_step_ends_farther_off(torch_rng):
    """A step at f times the limit, close to a minimum at W = 0, ends 2f − 1 times as far off.

    That is nearer for f = 0.99, farther for 1.01 and 1.3.  Labels of 1/K make 0 the minimum.
    """
    for n, d, K, f in ((20, 5, 3, 0.99), (20, 5, 3, 1.01), (7, 4, 10, 1.3)):
        X = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
        steepest = torch.linalg.svd(X, full_matrices=False).Vh[0]
        W = 1e-4 * torch.outer(steepest, torch.eye(K, dtype=torch.float64)[0] - 1 / K)

        step = f * largest_first_rate(X, K) / n * X.T @ ((X @ W).softmax(dim=1) - 1 / K)

        assert ((step - W).norm() / W.norm()).item() == pytest.approx(2 * f - 1, abs=1e-3)


def test_the_limit_of_fashion_mnist_is_0_18(fashion_mnist):
    """For the first 400 images it is 0.18, and 5 to 6 times as large without the mean image."""
    X = _with_ones(fashion_mnist.train_images[:400])
    without_mean = torch.cat((X[:, :-1] - X[:, :-1].mean(dim=0), X[:, -1:]), dim=1)

    limit = largest_first_rate(X, 10)

    assert limit == pytest.approx(0.18, abs=0.005)
    assert 5 < largest_first_rate(without_mean, 10) / limit < 6


@pytest.mark.misconception("a small rate gets stuck in a local minimum")
def test_softmax_regression_has_no_local_minimum(sample, torch_rng):
    """The loss half-way between two W is below its mean at the two: it is convex.

    Three printed manuals blame local minima here.
    """
    V, W = 0.3 * torch.randn(2, 20, 785, 10, generator=torch_rng)

    assert (_loss(sample, (V + W) / 2) < (_loss(sample, V) + _loss(sample, W)) / 2).all()


@pytest.mark.misconception("net.apply(init_weights) starts from scratch")
def test_the_section_s_initialiser_leaves_the_bias_as_it_was(torch_rng):
    """It draws new weights and no biases, so a net that is used again starts from trained ones.

    In datawhalechina's grid a run of ten epochs ends at 2.3487, above log 10 = 2.3026.
    """
    with torch.random.fork_rng(devices=[]):  # a new layer draws from torch's own generator
        net = nn.Sequential(nn.Linear(4, 3))
    nn.init.constant_(net[0].bias, 7)

    def init_weights(m):
        if type(m) is nn.Linear:
            nn.init.normal_(m.weight, std=0.01, generator=torch_rng)

    net.apply(init_weights)

    assert net[0].bias.tolist() == [7, 7, 7]


def test_the_figure_shows_one_curve_and_a_rate_that_leaves_it(save_figure, sample, torch_rng):
    """The figure shows the loss against τ: three settings on one curve, and the rate 0.5."""
    settings = {(16, 0.01, 150): "o", (32, 0.02, 75): "s", (128, 0.05, 30): "^"}

    fig = Figure(figsize=(6, 3.6))
    ax = fig.subplots()
    for (batch, rate, steps), marker in settings.items():
        path = _path(sample, batch, rate, steps, torch_rng)
        shown = [round(k * steps / 10) for k in range(11)]
        losses = _loss(sample, torch.stack([path[k] for k in shown]))
        taus, label = [rate * k for k in shown], f"batch {batch}, rate {rate}"
        ax.plot(taus, losses, marker, mfc="none", label=label)
    losses = _loss(sample, torch.stack(_path(sample, 128, 0.5, 5, torch_rng)))
    ax.plot([0.5 * k for k in range(6)], losses, "x--", color="C3", label="batch 128, rate 0.5")
    ax.set(title="The loss tells τ, until the rate is too large", ylim=(0, None))
    ax.set(xlabel="τ = rate × steps", ylabel="training loss")
    ax.legend()

    ends = [line.get_ydata()[-1].item() for line in ax.lines]
    assert ends[1:3] == pytest.approx(ends[:1] * 2, rel=0.03, abs=0)
    assert ends[3] > 1.2 * ends[0]
    save_figure(fig)
