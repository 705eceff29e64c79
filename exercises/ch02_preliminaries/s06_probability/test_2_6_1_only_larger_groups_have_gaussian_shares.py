"""2.6.1 — Only larger groups have Gaussian shares; more groups just give better estimates.

Question
--------
Roll a fair die n times, count how often each face comes up, and do this for m groups.  The
section takes m = 500 and n = 10.  What changes as m grows, and what as n grows?
<https://zh.d2l.ai/chapter_preliminaries/probability.html>

Answer
------
More groups give better estimates of the die, and change nothing else.  With larger groups the
single group's shares also scatter less, and their distribution becomes Gaussian.  In numbers,
for the share of rolls that show a 1, where one roll has σ = √(1/6 · 5/6) = 0.373:

- **In all groups together** it misses 1/6 by about σ/√(mn), its standard error.  For m = 500
  and n = 10 that is 0.0053.  Only the product mn counts.
- **From group to group** it scatters by σ/√n, which is 0.118 for n = 10, whatever m is.
- **The histogram of the groups' shares** is lopsided for n = 10: 16 % of the groups never
  roll a 1, however many groups there are.  It comes close to a bell curve as n grows.

How close?  For every x, compare the part of the groups with a share up to x with the area
under the bell curve up to x.  In the long run the largest difference is

    n = 10: 0.199     n = 100: 0.065     n = 1000: 0.021     n = 10 000: 0.0065

Why
---
Independent rolls add their variances, so a mean of N rolls has variance σ²/N.

The m groups are m draws from one distribution: more draws show it better, and do not change
it.  But each share is a mean of n rolls, and by the central limit theorem means of many rolls
are nearly Gaussian.  With its n + 1 values it moves in steps.  Their height near 1/6 falls
like 1/√n, and so does the difference above.

Hints
-----
1. What does the histogram of the groups' shares come close to as m grows, with n fixed?
2. How many different values can the share of the ones take in a group of n rolls?
"""

import math
from itertools import product

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.special import bdtr, ndtr


def sample_counts(m, n, generator):
    """Counts (m, 6) of a fair die's faces in m groups of n rolls, by a torch.Generator."""
    rolls = torch.randint(6, (m, n, 1), generator=generator)
    return (rolls == torch.arange(6)).sum(dim=1)


def standard_error(m, n):
    """Standard error of the share of one face in m groups of n rolls taken together."""
    return math.sqrt(5 / 36) / math.sqrt(m * n)


_MOST = 4.5  # standard errors: a deviation beyond has probability 7e-6


def _up_to(ones, n):
    """For k = 0 … n, the part of the groups that show a 1 up to k times."""
    return np.cumsum(np.bincount(ones.long().numpy(), minlength=n + 1)) / len(ones)


def _exactly_up_to(n):
    """What `_up_to` comes close to with more and more groups: the binomial distribution."""
    return bdtr(np.arange(n + 1), n, 1 / 6)


def _largest_difference(up_to):
    """From the bell curve, over all x: just before and at each value that a share takes."""
    n = len(up_to) - 1
    bell = ndtr((np.arange(n + 1) / n - 1 / 6) / math.sqrt(5 / 36 / n))
    before = np.append(0, up_to[:-1])
    return max(abs(up_to - bell).max(), abs(before - bell).max())


@pytest.mark.seeds(3)
def test_500_groups_of_10_estimate_each_face(torch_rng):
    """With m = 500 and n = 10 the standard error is 0.00527, and all faces are near 1/6."""
    counts = sample_counts(500, 10, torch_rng)

    assert counts.shape == (500, 6)
    assert counts.sum(dim=1).tolist() == [10] * 500
    assert standard_error(500, 10) == pytest.approx(0.00527, abs=5e-6)
    assert (counts.sum(dim=0) / 5000 - 1 / 6).abs().max() < _MOST * 0.00527


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 3), (3, 1), (2, 2), (1, 5)])
def test_the_standard_error_is_exact(m, n):
    """The standard error is the root of the mean squared error over all 6ᵐⁿ results."""
    results = np.array(list(product(range(6), repeat=m * n)))

    errors = (results == 0).mean(axis=1) - 1 / 6

    assert standard_error(m, n) == pytest.approx(math.sqrt((errors**2).mean()), abs=1e-6)


@pytest.mark.seeds(3)
@pytest.mark.parametrize(("m", "n"), [(1, 16), (4, 4), (16, 1), (8, 32)])
def test_only_the_number_of_all_rolls_counts(torch_rng, m, n):
    """The error in all groups together is σ/√(mn), the same for 1 × 16, 4 × 4 and 16 × 1.

    The mean square of 200 times six errors, of correlation −1/5, has a relative standard error
    of √(0.44/200) = 4.7 %; its root has half of that.
    """
    counts = torch.stack([sample_counts(m, n, torch_rng).sum(dim=0) for _ in range(200)])

    error = (counts / (m * n) - 1 / 6).square().mean().sqrt().item()

    assert error == pytest.approx(math.sqrt(5 / 36 / (m * n)), rel=_MOST * 0.0235, abs=0)


@pytest.mark.seeds(3)
def test_the_counts_are_those_of_a_fair_die(torch_rng):
    """Two counts of a group of 10 have covariance −10/36, a count has variance 50/36."""
    m, n = 4000, 10
    deviations = sample_counts(m, n, torch_rng).double() - n / 6
    products = deviations[:, :, None] * deviations[:, None, :]
    expected = n * (torch.eye(6) / 6 - 1 / 36)

    assert (deviations.mean(0).abs() < _MOST * math.sqrt(50 / 36 / m)).all()
    assert ((products.mean(0) - expected).abs() < _MOST * products.std(0) / m**0.5).all()


def test_the_largest_difference_falls_like_one_over_the_root_of_n():
    """Shares differ from the bell by 0.199, 0.0651, 0.0207, 0.00654, or 0.62 to 0.66 / √n."""
    sizes = [10, 100, 1000, 10_000]

    exact = [_largest_difference(_exactly_up_to(n)) for n in sizes]

    assert [f"{distance:.3g}" for distance in exact] == ["0.199", "0.0651", "0.0207", "0.00654"]
    assert all(0.62 < scaled < 0.66 for scaled in np.sqrt(sizes) * exact)
    # One roll shows no 1 with probability 5/6; the bell curve has Φ(−1/√5) up to 0.
    by_hand = 5 / 6 - math.erfc(1 / math.sqrt(10)) / 2
    assert _largest_difference(_exactly_up_to(1)) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.seeds(3)
@pytest.mark.misconception("more groups make it Gaussian", source="a published solution")
@pytest.mark.parametrize(("m", "n"), [(500, 10), (5000, 10), (5000, 100)])
def test_more_groups_do_not_make_it_gaussian(torch_rng, m, n):
    """At n = 10 shares differ from the bell by 0.199 for 500 and 5000 groups; at 100 by 0.065.

    The part of m groups that is counted has a standard error of at most 1/(2√m) at each k.
    """
    up_to = _up_to(sample_counts(m, n, torch_rng)[:, 0], n)
    allowed = _MOST / (2 * math.sqrt(m))

    assert abs(up_to - _exactly_up_to(n)).max() < allowed
    assert _largest_difference(up_to) == pytest.approx({10: 0.199, 100: 0.0651}[n], abs=allowed)
    assert _largest_difference(_exactly_up_to(5000)) < 0.199 - allowed  # if they were pooled
    assert up_to[0] == pytest.approx((5 / 6) ** n, abs=allowed)  # no 1: 16 % at n = 10


@pytest.mark.seeds(3)
@pytest.mark.misconception("more groups narrow the histogram of the groups' shares")
@pytest.mark.parametrize("m", [500, 5000])
def test_more_groups_do_not_narrow_the_scatter(torch_rng, m):
    """Shares of 10 rolls scatter by 0.118 in 500 groups and in 5000: ± 1/√(2m) of it."""
    shares = sample_counts(m, 10, torch_rng)[:, 0] / 10

    assert shares.std().item() == pytest.approx(0.1179, rel=_MOST / math.sqrt(2 * m), abs=0)
    assert standard_error(1, 10) == pytest.approx(0.1179, abs=5e-5)


def test_the_figure_shows_that_n_and_not_m_leads_to_the_bell(save_figure, torch_rng):
    """Down, more groups keep the lopsided histogram; to the right, larger ones fit the bell."""
    x = np.linspace(-0.06, 0.6, 301)
    cases = list(product((500, 8000), (10, 100)))

    fig = Figure(figsize=(6.4, 4.2), layout="constrained")
    fig.suptitle("More groups keep the shape; larger groups bring it to the bell curve")
    for ax, (m, n) in zip(fig.subplots(2, 2).flat, cases, strict=True):
        up_to = _up_to(sample_counts(m, n, torch_rng)[:, 0], n)
        error = standard_error(1, n)
        bell = np.exp(-(((x - 1 / 6) / error) ** 2) / 2) / (n * error * math.sqrt(2 * math.pi))
        edges = (np.arange(n + 2) - 0.5) / n
        ax.stairs(np.diff(up_to, prepend=0), edges, fill=True, alpha=0.6)
        ax.plot(x, bell, color="C1")
        ax.set(title=f"m = {m} groups of n = {n} rolls", xlim=(-0.06, 0.6))
        difference = f"largest\ndifference\n{_largest_difference(up_to):.2f}"
        ax.text(0.96, 0.5, difference, ha="right", transform=ax.transAxes)
    fig.supxlabel("share of rolls that show a 1, in a group", size=10)
    fig.supylabel("part of the groups", size=10)

    for ax, (m, n) in zip(fig.axes, cases, strict=True):
        told = float(ax.texts[0].get_text().split()[-1])
        allowed = _MOST / (2 * math.sqrt(m)) + 0.005  # it is written with two digits
        assert told == pytest.approx({10: 0.199, 100: 0.0651}[n], abs=allowed)
    save_figure(fig)
