"""3.4.1 — The second derivative of the softmax loss is the covariance of the one-hot label.

Question
--------
With p = softmax(o), what is the second derivative of the cross-entropy −Σ yⱼ log pⱼ in the
logits o?  What is the variance of the distribution p?  Do the two agree?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression.html>
English edition: 4.1.1 <https://d2l.ai/chapter_linear-classification/softmax-regression.html>

Answer
------
Both are the same K × K matrix (the variance of a vector is its covariance matrix):

    H = diag(p) − ppᵀ,   Hᵢᵢ = pᵢ(1 − pᵢ),   Hᵢⱼ = −pᵢpⱼ

For p = (1/6, 1/3, 1/2) its rows are (5, −2, −3)/36, (−2, 8, −6)/36 and (−3, −6, 9)/36.

Why
---
The gradient of the loss is p − y.  The label y is constant, so H holds the derivatives of p
alone: ∂pᵢ/∂oᵢ = pᵢ − pᵢ² and ∂pᵢ/∂oⱼ = −pᵢpⱼ.

Draw a class with the probabilities p and write it as a one-hot vector t.  Then E[tᵢ] = pᵢ, and
tᵢtⱼ is tᵢ if i = j, otherwise 0.  So E[tᵢtⱼ] − E[tᵢ]E[tⱼ] is Hᵢⱼ: the covariance of two entries
of t, and for i = j the variance of one.

Give each class k a number vₖ.  That of the drawn class has the variance vᵀHv.  As it is never
negative, the loss is convex: it curves down in no direction.

Hints
-----
1. The gradient of the loss is p − y: which part of it depends on o?
2. Which values can the product of two entries of a one-hot vector have?
"""

from fractions import Fraction
from itertools import combinations

import pytest
import torch
from matplotlib.figure import Figure


def cross_entropy_hessian(o):
    """The second derivatives, (K, K), of −Σ yⱼ log softmax(o)ⱼ in the logits o, (K,)."""
    p = torch.softmax(o, dim=0)
    return torch.diag(p) - torch.outer(p, p)


def one_hot_covariance(p):
    """The covariance matrix, (K, K), of a one-hot vector whose 1 is at k with probability pₖ.

    p has shape (K,) and sums to 1.
    """
    from_mean = torch.eye(len(p)) - p  # row k: the one-hot vector of k, minus p
    return torch.einsum("k,ki,kj->ij", p, from_mean, from_mean)


_EPS = torch.finfo(torch.float64).eps


def _matrix(numerators, denominator):
    return torch.tensor(numerators, dtype=torch.float64) / denominator


def _equal(A, B):
    """Entries below 1 come from fewer than 20 rounded steps."""
    return A.shape == B.shape and (A - B).abs().max() < 20 * _EPS


def _logits(*weights):
    """Logits whose softmax is proportional to the weights."""
    return torch.tensor(weights, dtype=torch.float64).log()


@pytest.mark.parametrize(
    ("weights", "numerators", "denominator"),
    [
        ((1, 2, 3), [[5, -2, -3], [-2, 8, -6], [-3, -6, 9]], 36),
        ((1, 1, 1), [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], 9),
        ((1, 3), [[3, -3], [-3, 3]], 16),
    ],
)
def test_second_derivative_and_covariance_are_one_matrix(weights, numerators, denominator):
    """For p = (1, 2, 3)/6, (1, 1, 1)/3 and (1, 3)/4, both are the matrix computed by hand."""
    by_hand = _matrix(numerators, denominator)
    p = torch.tensor(weights, dtype=torch.float64) / sum(weights)

    assert _equal(cross_entropy_hessian(_logits(*weights)), by_hand)
    assert _equal(one_hot_covariance(p), by_hand)


@pytest.mark.parametrize("y", [(1, 0, 0), (0, 0, 1), (0.2, 0.3, 0.5)], ids=str)
def test_autograd_finds_the_same_matrix_for_every_label(y):
    """Differentiated twice, the loss has no label left: y drops out if it sums to 1."""
    y, o = torch.tensor(y, dtype=torch.float64), _logits(1, 2, 3)

    H = torch.autograd.functional.hessian(lambda o: -(y * torch.log_softmax(o, 0)).sum(), o)

    assert _equal(cross_entropy_hessian(o), H)


@pytest.mark.seeds(3)
def test_the_loss_is_convex_as_a_variance_is_not_negative(torch_rng):
    """vᵀHv = E[v²] − (E[v])² = Σ pᵢpⱼ(vᵢ − vⱼ)² over all pairs, for the matrix H: never < 0."""
    for K in (2, 3, 5, 10):
        o, v = torch.randn(2, K, generator=torch_rng, dtype=torch.float64)
        H, p = cross_entropy_hessian(o), torch.softmax(o, dim=0)
        pairs = sum(p[i] * p[j] * (v[i] - v[j]) ** 2 for i, j in combinations(range(K), 2))

        # K² terms of at most v² < 25, all but surely
        assert abs(v @ H @ v - pairs) < 50 * K**2 * _EPS
        assert abs(p @ v**2 - (p @ v) ** 2 - pairs) < 50 * K**2 * _EPS


@pytest.mark.misconception(
    "the second derivative is p(1 − p)",
    source="the solutions of datawhalechina and pandalabme, 3.4.1",
)
def test_a_logit_moves_the_other_probabilities_as_well():
    """Raising o₂ lowers p₁ at the rate p₁p₂: the matrix is not 0 off its diagonal."""
    o = _logits(1, 2, 3)
    h = 2.0**-17  # the error of the difference is below h²
    nudge = torch.tensor([0, h, 0], dtype=torch.float64)

    rates = (torch.softmax(o + nudge, 0) - torch.softmax(o - nudge, 0)) / (2 * h)

    assert rates.tolist() == pytest.approx([-2 / 36, 8 / 36, -6 / 36], abs=1e-10)
    assert cross_entropy_hessian(o)[1].tolist() == pytest.approx(rates.tolist(), abs=1e-10)


@pytest.mark.misconception(
    "the variance is Σ (pⱼ − 1/K)²", source="datawhalechina's manual, 3.4.1"
)
def test_equal_probabilities_vary_most_and_not_least():
    """The variances of the one-hot entries sum to 1 − Σ p²: 2/3 for thirds, 0 for certainty."""
    distributions = [_matrix(p, 6) for p in ([2, 2, 2], [3, 2, 1], [6, 0, 0])]

    total = [one_hot_covariance(p).trace().item() for p in distributions]

    assert total == pytest.approx([2 / 3, 11 / 18, 0], abs=9 * _EPS)


@pytest.mark.misconception("softmax is Bernoulli", source="pandalabme's solutions, 3.4.1")
def test_one_entry_is_bernoulli_and_all_together_are_not():
    """Entry j has the variance pⱼ(1 − pⱼ); but all add up to 1, so that their sum has none."""
    p = torch.tensor([1, 2, 3], dtype=torch.float64) / 6

    covariance = one_hot_covariance(p)

    assert _equal(covariance.diagonal(), p * (1 - p))
    assert covariance.sum().abs() < 20 * _EPS < 0.6 < (p * (1 - p)).sum()


@pytest.mark.misconception(
    "positive second derivatives ∂²l/∂oᵢ² prove that l is convex",
    source="pandalabme's solutions, 3.4.1",
)
def test_a_positive_diagonal_proves_nothing():
    """x² + y² − 4xy has 2 on the diagonal but bends down along (1, 1); the loss does not."""
    saddle = torch.tensor([[2.0, -4], [-4, 2]], dtype=torch.float64)

    assert saddle.sum() == -4  # vᵀHv for v = (1, 1)
    for weights in ((1, 1), (1, 2, 3), (1, 1, 1, 100)):
        assert torch.linalg.eigvalsh(cross_entropy_hessian(_logits(*weights)))[0] > -9 * _EPS


def test_the_figure_shows_matrices_whose_rows_sum_to_0(save_figure):
    """The figure shows 36 times the matrix for p = (1, 1, 1)/3, (1, 2, 3)/6 and (0, 1, 5)/6."""
    fig = Figure(figsize=(7, 2.9), layout="constrained")
    fig.suptitle("diag(p) − ppᵀ in 36ths: variances pᵢ(1 − pᵢ), and −pᵢpⱼ; a row sums to 0")
    for ax, n in zip(fig.subplots(1, 3), [(12, 12, 12), (6, 12, 18), (0, 6, 30)], strict=True):
        counts = (36 * cross_entropy_hessian(_logits(*n))).round().int().tolist()
        ax.imshow(counts, cmap="RdBu", vmin=-14, vmax=14)
        for i, row in enumerate(counts):
            for j, count in enumerate(row):
                ax.text(j, i, f"{count}".replace("-", "−"), ha="center", va="center", size=13)
        names = [f"{Fraction(k, 36)}" for k in n]
        ax.set_xticks(range(3), names)
        ax.set_yticks(range(3), names)
        ax.set_title(f"p = ({', '.join(names)})")
        ax.grid(visible=False)

    shown = [[int(t.get_text().replace("−", "-")) for t in ax.texts] for ax in fig.axes]
    assert shown[1] == [5, -2, -3, -2, 8, -6, -3, -6, 9]
    assert all(sum(cells[k : k + 3]) == 0 for cells in shown for k in (0, 3, 6))
    save_figure(fig)


_WAYS = {
    "p⊙v − p(pᵀv)": (lambda o, v: (p := o.softmax(0)) * v - p * p.dot(v), 1),
    "H, then H v": (lambda o, v: cross_entropy_hessian(o).mv(v), 2),
}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.4.1 What does H v cost for K classes, with and without H?")
@pytest.mark.parametrize(
    "K", [64, *(pytest.param(K, marks=pytest.mark.timed_only) for K in (128, 256, 512))]
)
@pytest.mark.parametrize("method", _WAYS)
def test_a_product_needs_no_matrix(benchmark, method, K):
    """H v, p⊙v − p(pᵀv), is p⊙(v − (2K + 1)/3) for v = (1, …, K) and p in proportion to v."""
    way, exponent = _WAYS[method]
    v = torch.arange(1, K + 1, dtype=torch.float64)
    reason = "numbers of p or of H"
    benchmark.extra_info.update(method=method, exponent=exponent, size=K, reason=reason)

    product = benchmark(way, v.log(), v)

    by_hand = v / v.sum() * (v - (2 * len(v) + 1) / 3)
    assert (product - by_hand).abs().max() < 100 * len(v) * _EPS
