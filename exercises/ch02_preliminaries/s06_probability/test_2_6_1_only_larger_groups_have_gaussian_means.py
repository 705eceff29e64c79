"""2.6.1 — Estimates err by σ/√(mn), but only the group size n makes groups' means Gaussian.

Question
--------
Roll a fair die n times and note the share of each face; repeat this for m groups.  What
changes as m grows, and what as n grows?
(https://zh.d2l.ai/chapter_preliminaries/probability.html)

Answer
------
For a face of probability p let σ = √(p(1 − p)); for the die σ = √5/6 = 0.373.

- **All groups together** estimate p with standard error σ/√(mn).  Only the product counts:
  500 groups of 10 err by 0.0053, as one group of 5000 does.
- **A single group's** share scatters by σ/√n, whatever m is.  More groups show the same
  distribution more sharply; they do not change it.
- **That distribution becomes Gaussian as n grows.**  Standardised, its CDF is this far from
  the normal one at the worst point (the Kolmogorov–Smirnov distance):

      n         10       100      1000     10⁴
      distance  0.199    0.0651   0.0207   0.00654      ≈ 0.654/√n

  With n = 10 it stays at 0.199 for 500 groups and for any number of them.

Why
---
A mean of N independent rolls has variance σ²/N: N = n in a group, N = mn in all.

The share k/n moves in steps, which are h = 1/(σ√n) wide on the standardised scale.  Near the
middle a step of the CDF is h φ(0) high, so a continuous curve misses it by half of that at
least; skewness adds h φ(0) |1 − 2p|/6.  With φ(0) = 1/√(2π):

    distance ≈ (½ + |1 − 2p|/6) / (σ√(2πn)),   at p = 1/6: 0.654/√n

No m occurs in it.  The *pooled* mean is Gaussian to 0.654/√(mn) only since it is the mean
of one large group.

In practice
-----------
Draw all mn rolls in one call and count them by group; a loop over groups pays for m calls.

References
----------
C.-G. Esseen, *Fourier Analysis of Distribution Functions*, Acta Mathematica 77 (1945).

Hints
-----
1. What does the histogram of the groups' shares converge to as m grows, at fixed n?
2. How many different values can the share of a face take in a group of n rolls?
3. The distribution moves in steps.  How high is the one in the middle?
"""

import math
import operator
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.special import bdtr, ndtr

_DIE = torch.full((6,), 1 / 6, dtype=torch.float64)


def sample_counts(probabilities, m, n, generator):
    """Counts of each of k outcomes in m groups of n draws: int64, (m, k), one call for all.

    `probabilities` is a floating-point tensor (k,); all chance comes from `generator`, so
    that equal seeds give equal counts.  Raises TypeError ("floating-point tensor"), or
    ("integer") for m or n, and ValueError ("sum to 1") for anything but a vector of
    non-negative numbers with sum 1 (within 10⁻⁶), or ("at least 1") for m or n.  Without a
    generator, whose seed would be nobody's, raises TypeError ("torch.Generator").
    """
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"expected a torch.Generator, got {generator!r}")
    m, n = _positive(m), _positive(n)
    if not isinstance(probabilities, torch.Tensor) or not probabilities.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {probabilities!r}")
    p = probabilities.detach().double()
    if p.dim() != 1 or not (p >= 0).all() or not abs(p.sum() - 1) < 1e-6:
        raise ValueError(f"expected a vector of numbers ≥ 0 that sum to 1, got {p}")
    outcome = torch.multinomial(p, m * n, replacement=True, generator=generator)
    group = torch.arange(m).repeat_interleave(n)
    return (group * len(p) + outcome).bincount(minlength=m * len(p)).view(m, len(p))


def standard_error(p, n, m=1):
    """Standard error of the share of an outcome in m groups of n draws taken together.

    Raises ValueError ("strictly between 0 and 1") for p, ("at least 1") for n or m, and
    TypeError ("integer") for n or m.
    """
    return _spread(p) / math.sqrt(_positive(n) * _positive(m))


def ks_distance(p, n):
    """Greatest distance of the CDF of a standardised share of n draws from the normal CDF.

    The CDF jumps, so both sides of each jump count.  Raises what `standard_error` raises.
    """
    k = np.arange(_positive(n) + 1)
    normal = ndtr((k / n - p) / standard_error(p, n))
    after = bdtr(k, n, p)
    before = np.append(0.0, after[:-1])
    return float(max(np.abs(after - normal).max(), np.abs(before - normal).max()))


def _positive(number):
    number = operator.index(number)
    if number < 1:
        raise ValueError(f"m and n must be at least 1, got {number}")
    return number


def _spread(p):
    if not 0 < p < 1:
        raise ValueError(f"p must lie strictly between 0 and 1, got {p}")
    return math.sqrt(p * (1 - p))


def _observed_distance(successes, n, p):
    """As `ks_distance`, for the empirical CDF of groups with these numbers of successes."""
    after = np.cumsum(np.bincount(successes, minlength=n + 1)) / len(successes)
    normal = ndtr((np.arange(n + 1) - n * p) / math.sqrt(n * p * (1 - p)))
    return max(abs(after - normal).max(), abs(np.append(0, after[:-1]) - normal).max())


def _exact_mean_squared_error(p, draws):
    """E (share − p)² over all 2ᴺ results of N draws, each with its exact probability."""
    total = Fraction(0)
    for result in product((0, 1), repeat=draws):
        weight = math.prod(p if hit else 1 - p for hit in result)
        total += weight * (Fraction(sum(result), draws) - p) ** 2
    return total


def _constant(p):
    """The limit of √n · `ks_distance(p, n)`."""
    return (1 / 2 + abs(1 - 2 * p) / 6) / math.sqrt(2 * math.pi * p * (1 - p))


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 6), (6, 1), (2, 3), (3, 2), (1, 2)])
def test_the_standard_errors_are_exact(m, n):
    """Against the enumeration of every result of mn draws, for a die, a coin and a third."""
    for p in (Fraction(1, 6), Fraction(1, 2), Fraction(3, 4)):
        exact = math.sqrt(_exact_mean_squared_error(p, m * n))
        assert standard_error(p, n, m) == pytest.approx(exact, rel=1e-14)
    assert standard_error(1 / 6, 10, 500) == pytest.approx(0.00527, abs=5e-6)


@pytest.mark.seeds(3)
def test_pooled_errors_fall_with_the_square_root_of_all_draws(torch_rng):
    """Slope −½ in mn, and the same error for every split of the same number of draws.

    R = 500 repetitions; the squared errors of six faces (correlation −1/5) have a relative
    standard error of √(0.2 · 2.2/R) = 3 %, their root half of that: 4.5 of these are 7 %.
    """
    splits = [(1, 8), (8, 1), (8, 8), (2, 128), (64, 4)]
    errors = []
    for m, n in splits:
        counts = sample_counts(_DIE, 500 * m, n, torch_rng).view(500, m, 6)
        shares = counts.sum(1) / (m * n)
        errors.append((shares - 1 / 6).square().mean().sqrt().item())
    draws = [m * n for m, n in splits]

    assert errors == pytest.approx([math.sqrt(5 / 36 / N) for N in draws], rel=0.07)
    slope, _ = np.polyfit(np.log(draws), np.log(errors), 1)
    assert abs(slope + 0.5) < 0.02


def test_every_group_holds_n_draws(torch_rng):
    """Shape, dtype, sums, an outcome without probability, and chance from the seed alone.

    The probabilities may be a column of a table that requires a gradient.
    """
    p = torch.tensor([[0.5, 9], [0, 9], [0.3, 9], [0.2, 9]], requires_grad=True)[:, 0]
    state = torch.get_rng_state()

    counts = sample_counts(p, 7, 30, torch_rng)

    assert counts.shape == (7, 4)
    assert counts.dtype == torch.int64
    assert counts.sum(1).tolist() == [30] * 7
    assert counts[:, 1].tolist() == [0] * 7
    again, other = (
        sample_counts(p, 7, 30, torch.Generator().manual_seed(seed)) for seed in (0, 1)
    )
    assert torch.equal(again, sample_counts(p, 7, 30, torch.Generator().manual_seed(0)))
    assert not torch.equal(again, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.seeds(3)
def test_the_counts_are_multinomial(torch_rng):
    """Means n pᵢ and covariances n (pᵢ δᵢⱼ − pᵢ pⱼ), within 5 of their standard errors."""
    p, n, m = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64), 12, 4000
    deviations = sample_counts(p, m, n, torch_rng) - n * p
    products = deviations[:, :, None] * deviations[:, None, :]

    mean_error = deviations.mean(0).abs() / (deviations.std(0) / m**0.5)
    expected = n * (torch.diag(p) - torch.outer(p, p))
    covariance_error = (products.mean(0) - expected).abs() / (products.std(0) / m**0.5)

    assert mean_error.shape == (3,)
    assert mean_error.max() < 5
    assert covariance_error.shape == (3, 3)
    assert covariance_error.max() < 5


def test_the_distance_is_exact_for_coins():
    """One and two tosses by hand: Φ(1) − ½, then the half step ¼ at the middle."""
    assert ks_distance(0.5, 1) == pytest.approx(math.erf(math.sqrt(0.5)) / 2, rel=1e-14)
    assert ks_distance(0.5, 2) == pytest.approx(1 / 4, rel=1e-14)
    assert _observed_distance(np.array([0, 1]), 1, 0.5) == pytest.approx(ks_distance(0.5, 1))


@pytest.mark.parametrize(("p", "n"), [(1 / 6, 1), (1 / 6, 10), (0.9, 7), (0.5, 9)])
def test_the_distance_is_the_supremum(p, n):
    """Against sums of binomial terms, looked up on a fine grid of the whole line."""
    terms = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    cdf = np.append(0, np.cumsum(terms))
    z = np.append(
        np.linspace(-5, 5, 20_001), (np.arange(n + 1) - n * p) / (n * p * (1 - p)) ** 0.5
    )
    z = np.concatenate([z - 1e-9, z + 1e-9])
    successes = np.floor(z * (n * p * (1 - p)) ** 0.5 + n * p).clip(-1, n).astype(int)

    assert ks_distance(p, n) == pytest.approx(abs(cdf[successes + 1] - ndtr(z)).max(), abs=1e-8)


def test_the_distance_falls_like_one_over_the_root_of_n():
    """The table of the answer, and the constant to a thousandth for three probabilities."""
    table = [f"{ks_distance(1 / 6, 10**e):.3g}" for e in (1, 2, 3, 4)]

    assert table == ["0.199", "0.0651", "0.0207", "0.00654"]
    assert f"{_constant(1 / 6):.3f}" == "0.654"
    for p in (1 / 6, 1 / 2, 9 / 10):
        assert 100 * ks_distance(p, 10**4) == pytest.approx(_constant(p), rel=1e-3)


def test_bad_input_is_refused(torch_rng):
    """Lists, integers, no generator; matrices, nothing, NaN, infinity, negatives; m, n, p."""
    for p in ([0.5, 0.5], torch.tensor([1, 0])):
        with pytest.raises(TypeError, match="floating-point tensor"):
            sample_counts(p, 2, 2, torch_rng)
    for bad in (None, 0):
        with pytest.raises(TypeError, match=r"torch\.Generator"):
            sample_counts(_DIE, 2, 2, bad)
    for numbers in (
        [],
        1.0,
        [[0.5, 0.5]],
        [0.5, 0.4],
        [1.5, -0.5],
        [math.nan, 1],
        [math.inf, 0],
    ):
        with pytest.raises(ValueError, match="sum to 1"):
            sample_counts(torch.tensor(numbers), 2, 2, torch_rng)
    for call in (
        lambda size: sample_counts(_DIE, size, 1, torch_rng),
        lambda size: sample_counts(_DIE, 1, size, torch_rng),
        lambda size: standard_error(0.5, size),
        lambda size: standard_error(0.5, 1, size),
        lambda size: ks_distance(0.5, size),
    ):
        for size in (0, -1):
            with pytest.raises(ValueError, match="at least 1"):
                call(size)
        with pytest.raises(TypeError, match="integer"):
            call(2.0)
    for p in (0, 1, -0.1, 1.1, math.nan):
        for call in (standard_error, ks_distance):
            with pytest.raises(ValueError, match="strictly between 0 and 1"):
                call(p, 10)


@pytest.mark.seeds(3)
@pytest.mark.misconception("more groups make it Gaussian")
def test_more_groups_do_not_make_it_gaussian(torch_rng):
    """The groups' shares at n = 10 stay 0.199 from normal, within ε = √(log(2/δ)/(2m)).

    By the Dvoretzky–Kiefer–Wolfowitz inequality an empirical CDF of m groups is further than
    ε from the true one with probability at most δ = 10⁻⁶.
    """
    for m in (500, 20_000):
        counts = sample_counts(_DIE, m, 10, torch_rng)[:, 0].numpy()
        allowed = math.sqrt(math.log(2e6) / (2 * m))
        assert abs(_observed_distance(counts, 10, 1 / 6) - ks_distance(1 / 6, 10)) < allowed

    assert allowed < 0.02
    assert ks_distance(1 / 6, 10 * 500) < 0.01


@pytest.mark.seeds(3)
@pytest.mark.misconception("more groups narrow the histogram of the groups' shares")
def test_more_groups_do_not_narrow_the_scatter(torch_rng):
    """It is σ/√10 = 0.118 at any m, within 4.5 standard errors of about 1/√(2m) each."""
    for m in (500, 20_000):
        shares = sample_counts(_DIE, m, 10, torch_rng)[:, 0] / 10
        scatter = shares.std().item()
        assert scatter == pytest.approx(standard_error(1 / 6, 10), rel=4.5 / math.sqrt(2 * m))


def test_the_figure_shows_six_estimates_in_their_funnel(save_figure, torch_rng):
    """Running shares of all faces, 500 groups of 10; the funnel is ± two standard errors."""
    m, n = 500, 10
    counts = sample_counts(_DIE, m, n, torch_rng)
    groups = np.arange(1, m + 1)
    shares = counts.cumsum(0).numpy() / (n * groups[:, None])
    error = np.array([standard_error(1 / 6, n, int(done)) for done in groups])

    fig = Figure()
    ax = fig.subplots()
    band = ax.fill_between(groups, 1 / 6 - 2 * error, 1 / 6 + 2 * error, color="0.88")
    band.set_label("1/6 ± 2σ/√(mn)")
    for face in range(6):
        ax.plot(groups, shares[:, face], linewidth=1.1)
    ax.axhline(1 / 6, color="black", linestyle="--", linewidth=1, label="1/6")
    ax.set(xlabel=f"groups m of n = {n} rolls", ylabel="share of each face so far")
    ax.set(xlim=(1, m), ylim=(0.06, 0.28))
    ax.legend(loc="upper right")

    lines = np.array([line.get_ydata() for line in ax.lines[:6]])
    assert np.allclose(lines.sum(0), 1)
    assert np.array_equal(lines[:, -1], counts.sum(0).numpy() / (m * n))
    assert abs(lines[:, -1] - 1 / 6).max() < 4.5 * error[-1]
    save_figure(fig)


def test_the_figure_shows_that_n_and_not_m_leads_to_the_bell(save_figure, torch_rng):
    """Left: standardised CDFs.  Right: their distance falls along n and is flat along m."""
    p, sizes = 1 / 6, [10, 30, 100, 300, 1000, 3000, 10_000]
    z = np.linspace(-2.5, 2.5, 1001)
    groups = [100, 300, 1000, 3000, 10_000, 30_000]
    by_n = [ks_distance(p, n) for n in sizes]
    by_m = [
        _observed_distance(sample_counts(_DIE, m, 10, torch_rng)[:, 0].numpy(), 10, p)
        for m in groups
    ]

    fig = Figure(figsize=(6.4, 3.4))
    left, right = fig.subplots(1, 2)
    for n in (1, 10, 100):
        k = np.floor(n * p + z * math.sqrt(n * p * (1 - p)))
        left.plot(z, np.where(k < 0, 0, bdtr(k.clip(0, n), n, p)), label=f"n = {n}")
    left.plot(z, ndtr(z), "k--", linewidth=1, label="normal")
    left.set(xlabel="(share − p) / (σ/√n)", ylabel="cumulative probability")
    left.legend(loc="lower right")
    right.loglog(sizes, by_n, "o-", label="along n (exact)")
    right.loglog(groups, by_m, "s--", label="along m (drawn), n = 10")
    right.axhline(by_n[0], color="black", linestyle=":", linewidth=1)
    right.annotate(f"{by_n[0]:.3f}", (sizes[-1], by_n[0]), (0, -12), textcoords="offset points")
    right.set(xlabel="n or m", ylabel="distance from the normal CDF", ylim=(0.004, 0.5))
    right.legend(loc="lower left")

    gaps = [abs(line.get_ydata() - ndtr(z)).max() for line in left.lines[:3]]
    assert gaps == pytest.approx([ks_distance(p, n) for n in (1, 10, 100)], abs=0.005)
    falling, flat = (line.get_ydata() for line in right.lines[:2])
    assert falling[-1] < falling[0] / 30
    assert flat[-1] == pytest.approx(falling[0], abs=0.016)
    save_figure(fig)


_DRAWS = 2**14


def _in_a_loop(probabilities, m, n, generator):
    return torch.cat([sample_counts(probabilities, 1, n, generator) for _ in range(m)])


@pytest.mark.benchmark(group="2.6.1 What does it cost to split 2¹⁴ rolls into more groups?")
@pytest.mark.parametrize(
    "m",
    [128, 256, *(pytest.param(2**e, marks=pytest.mark.timed_only) for e in (9, 10, 11, 12))],
)
@pytest.mark.parametrize(
    ("method", "exponent", "reason"),
    [("batched", 0, "one call, the same rolls"), ("looped", 1, "a call for each group")],
)
def test_a_batch_pays_for_rolls_and_a_loop_for_groups(
    benchmark, torch_rng, method, exponent, reason, m
):
    """Both draw the same rolls; the share of each face is within 5 standard errors of 1/6."""
    call = {"batched": sample_counts, "looped": _in_a_loop}[method]

    benchmark.extra_info.update(method=method, size=m, exponent=exponent, reason=reason)
    counts = benchmark(call, _DIE, m, _DRAWS // m, torch_rng)

    assert counts.shape == (m, 6)
    assert torch.equal(counts.sum(1), torch.full((m,), _DRAWS // m))
    assert (counts.sum(0) / _DRAWS - 1 / 6).abs().max() < 5 * math.sqrt(5 / 36 / _DRAWS)
