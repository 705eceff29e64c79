"""2.6.4b — A second, different positive test raises it to 9800/11797, about 83 %.

Question
--------
After the positive first test of 2.6.4a a second one, D₂, is positive too.  It finds 98 % of
the infected and alarms 3 % of the healthy.  How likely is infection now?
(https://zh.d2l.ai/chapter_preliminaries/probability.html)

Answer
------
If the two results are independent given the state of health, exactly

    P(H=1 | D₁=1, D₂=1) = 9800 / 11797 ≈ 83.07 %

Yesterday's posterior is today's prior: updating 300/2297 with D₂ gives the same number as
using both results at once, in either order.

Why
---
Given independence the likelihoods multiply:

    infected   0.0015 · 1    · 0.98 = 0.00147
    healthy    0.9985 · 0.01 · 0.03 = 0.00029955

and 0.00147 / (0.00147 + 0.00029955) = 9800/11797.  In odds each test is a factor, its
likelihood ratio, so the order cannot matter:

    300 : 199 700   times   100   times   98/3   gives   9800 : 1997

Independence *given H* is assumed, not derived.  Without it the four error rates fix only
P(D₁=1, D₂=1 | H=0) ≤ 0.01, and the answer may lie anywhere from 294/2291 = 12.83 % to 100 %.
The results are not independent outright: before any test P(D₂=1) is 3.14 %, after a positive
D₁ it is 15.41 %.

In practice
-----------
- The figure usually quoted is 83.06 %, off by about a hundredth of a percentage point;
  continuing from 0.1305 instead of 300/2297 gives it.
- If D₂ is negative, infection is at 0.309 %, still twice the 0.15 % of the beginning.

Hints
-----
1. What do you believe before the second test, given that you know the first?
2. Write the odds infected : healthy and see what each positive result does to them.
3. You need P(D₁=1, D₂=1 | H).  What must be assumed to get it from the error rates?
"""

import math
from fractions import Fraction
from functools import reduce
from itertools import permutations
from numbers import Real

import numpy as np
import pytest
from matplotlib.figure import Figure

_PRIOR = Fraction(15, 10_000)
# An outcome is the pair P(outcome | H=1), P(outcome | H=0).
_FIRST = (Fraction(1), Fraction(1, 100))
_SECOND = (Fraction(98, 100), Fraction(3, 100))
_SECOND_NEGATIVE = (Fraction(2, 100), Fraction(97, 100))


def update(prior, outcome):
    """P(H=1 | outcome); `outcome` is the pair P(outcome | H=1), P(outcome | H=0).

    Exact for `Fraction`.  Raises ValueError ("between 0 and 1") for a probability outside
    [0, 1] or NaN, ("impossible") if the outcome has probability zero, ("pairs") for one or
    three numbers as outcome, and TypeError ("a real number") for anything else.
    """
    return joint_posterior(prior, [outcome])


def joint_posterior(prior, outcomes):
    """P(H=1 | all outcomes), a list of pairs as in `update`, independent given H.

    Exact for `Fraction`; without outcomes it is the prior.  Raises what `update` raises.
    """
    _check_pairs(*outcomes)
    _check_probabilities(prior, *(p for outcome in outcomes for p in outcome))
    infected = prior * math.prod(if_ill for if_ill, _ in outcomes)
    healthy = (1 - prior) * math.prod(if_healthy for _, if_healthy in outcomes)
    if infected + healthy == 0:
        raise ValueError("these outcomes are impossible under both hypotheses")
    return infected / (infected + healthy)


def predictive(prior, seen, outcome):
    """P(outcome | the list of outcomes `seen`), all independent given H; pairs as in `update`.

    Exact for `Fraction`; with nothing seen, from the prior alone.  Raises what
    `update` raises, "impossible" for what is `seen` only.
    """
    _check_pairs(outcome)
    _check_probabilities(*outcome)
    if_ill, if_healthy = outcome
    infected = joint_posterior(prior, seen)
    return infected * if_ill + (1 - infected) * if_healthy


def _check_pairs(*outcomes):
    if any(len(outcome) != 2 for outcome in outcomes):
        raise ValueError(f"outcomes must be pairs of likelihoods, got {outcomes}")


def _check_probabilities(*probabilities):
    for probability in probabilities:
        if not isinstance(probability, Real):
            raise TypeError(f"a probability must be a real number, got {probability!r}")
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability must lie between 0 and 1, got {probability}")


def _posterior_if_dependent(both_healthy):
    """P(H=1 | both positive) when P(D₁=1, D₂=1 | H=0) is `both_healthy`, whatever it is.

    An infected person always has D₁ = 1, so P(D₁=1, D₂=1 | H=1) = P(D₂=1 | H=1).
    """
    infected = _PRIOR * _SECOND[0]
    return infected / (infected + (1 - _PRIOR) * both_healthy)


def test_two_positives_leave_infection_at_9800_in_11797():
    """Exact rationals, and the figure usually quoted, 83.06 %, within 0.02 points."""
    share = joint_posterior(_PRIOR, [_FIRST, _SECOND])

    assert share == Fraction(9800, 11797)
    assert isinstance(share, Fraction)
    assert f"{float(share):.2%}" == "83.07%"
    assert abs(float(share) - 0.8306) < 0.0002


def test_counting_heads_gives_the_same():
    """In 200 million people every group is a whole number."""
    people = 200_000_000
    infected = people * 15 // 10_000
    healthy = people - infected

    true_alarms = infected * 98 // 100
    false_alarms = healthy * 1 // 100 * 3 // 100

    assert (true_alarms, false_alarms) == (294_000, 59_910)
    share = Fraction(true_alarms, true_alarms + false_alarms)
    assert joint_posterior(_PRIOR, [_FIRST, _SECOND]) == share


def test_updating_one_by_one_is_the_joint_update_in_any_order():
    """Four results, all 24 orders: the posterior of one is the prior of the next."""
    outcomes = [_FIRST, _SECOND, _SECOND_NEGATIVE, (Fraction(1, 3), Fraction(2, 7))]

    shares = {reduce(update, order, _PRIOR) for order in permutations(outcomes)}

    assert shares == {joint_posterior(_PRIOR, outcomes)}
    assert joint_posterior(_PRIOR, []) == _PRIOR
    assert update(update(_PRIOR, _FIRST), _SECOND) == Fraction(9800, 11797)


def test_each_test_multiplies_the_odds_by_its_likelihood_ratio():
    """100 and 98/3, for every prior on a grid of hundredths."""
    for k in range(1, 100):
        odds = Fraction(k, 100 - k)
        share = joint_posterior(Fraction(k, 100), [_FIRST, _SECOND])
        assert share / (1 - share) == odds * 100 * Fraction(98, 3)


def test_a_positive_result_makes_the_next_more_likely():
    """Independent given H is not independent: 3.14 % becomes 15.41 %; the chain rule closes."""
    before = predictive(_PRIOR, [], _SECOND)
    after = predictive(_PRIOR, [_FIRST], _SECOND)
    both = Fraction(147, 100_000) + Fraction(29_955, 100_000_000)

    assert before == Fraction(15 * 98 + 9985 * 3, 10**6)
    assert after == Fraction(300 * 98 + 1997 * 3, 2297 * 100)
    assert [f"{float(p):.2%}" for p in (before, after)] == ["3.14%", "15.41%"]
    assert predictive(_PRIOR, [], _FIRST) * after == both
    assert predictive(0, [], (1, 0)) == 0


def test_a_negative_second_result_leaves_0_309_percent():
    """Still twice the prior: the two tests do not cancel."""
    share = joint_posterior(_PRIOR, [_FIRST, _SECOND_NEGATIVE])

    assert share == Fraction(300 * 2, 300 * 2 + 1997 * 97)
    assert f"{float(share):.3%}" == "0.309%"
    assert 2 < share / _PRIOR < 2.1


def test_continuing_from_a_rounded_posterior_gives_the_quoted_figure():
    """0.1305, then exactly: 0.8306.  A possible origin of the figure, not a known one."""
    assert f"{update(0.1305, _SECOND):.4f}" == "0.8306"
    assert f"{update(300 / 2297, _SECOND):.4f}" == "0.8307"


@pytest.mark.seeds(3)
def test_a_simulated_population_agrees(rng):
    """Of N people with two positives the share of infected is p within 4 √(p(1−p)/N).

    The prior is raised to 1/100 so that there are many; independent noise makes the errors.
    """
    people, p = 200_000, float(joint_posterior(Fraction(1, 100), [_FIRST, _SECOND]))
    infected = rng.random(people) < 0.01
    first = rng.random(people) < np.where(infected, 1, 0.01)
    second = rng.random(people) < np.where(infected, 0.98, 0.03)
    both = first & second

    assert p == pytest.approx(9800 / 10_097, abs=1e-12)
    assert abs(infected[both].mean() - p) < 4 * math.sqrt(p * (1 - p) / both.sum())


def test_only_probabilities_are_taken():
    """Below 0, above 1, NaN, text and a list: as the prior and in either half of a pair."""
    calls = [
        lambda p: joint_posterior(p, [_FIRST]),
        lambda p: joint_posterior(0.5, [_FIRST, (p, 0.5)]),
        lambda p: update(0.5, (0.5, p)),
        lambda p: predictive(0.5, [_FIRST], (p, 0.5)),
        lambda p: predictive(0.5, [(0.5, p)], _FIRST),
    ]

    for call in calls:
        for bad in (-0.1, 1.1, math.nan):
            with pytest.raises(ValueError, match="between 0 and 1"):
                call(bad)
        for bad in ("0.5", [0.5]):
            with pytest.raises(TypeError, match="a real number"):
                call(bad)


@pytest.mark.parametrize("bad", [(), (0.5,), (0.5, 0.5, 0.5)], ids=len)
def test_an_outcome_is_a_pair(bad):
    """One likelihood for the infected, one for the healthy."""
    for call in (
        lambda: update(0.5, bad),
        lambda: joint_posterior(0.5, [_FIRST, bad]),
        lambda: predictive(0.5, [bad], _FIRST),
        lambda: predictive(0.5, [_FIRST], bad),
    ):
        with pytest.raises(ValueError, match="pairs"):
            call()


def test_impossible_outcomes_are_refused():
    """A negative D₁ rules infection out; what then rules health out cannot happen."""
    first_negative = (0, Fraction(99, 100))

    with pytest.raises(ValueError, match="impossible"):
        joint_posterior(_PRIOR, [first_negative, (1, 0)])
    assert joint_posterior(_PRIOR, [first_negative, _SECOND]) == 0


@pytest.mark.misconception("two positives combine as 1 − (1 − 0.13)²")
def test_a_useless_test_must_change_nothing():
    """That rule gives 24 %, and would let a tossed coin raise any suspicion."""
    coin = (Fraction(1, 2), Fraction(1, 2))
    once = update(_PRIOR, _FIRST)

    assert f"{float(1 - (1 - once) ** 2):.0%}" == "24%"
    assert update(once, coin) == once
    assert update(Fraction(1, 2), coin) == Fraction(1, 2)
    assert 1 - (1 - once) * (1 - update(_PRIOR, coin)) > once


@pytest.mark.misconception("the error rates of two tests fix what two positives mean")
def test_without_conditional_independence_almost_anything_can_follow():
    """P(D₁=1, D₂=1 | H=0) may lie in [0, 0.01]: the second test may even count for nothing."""
    least, greatest = _posterior_if_dependent(_FIRST[1]), _posterior_if_dependent(0)

    assert least == Fraction(294, 2291)
    assert f"{float(least):.2%}" == "12.83%"
    assert least < update(_PRIOR, _FIRST)
    assert greatest == 1
    independent = _posterior_if_dependent(_FIRST[1] * _SECOND[1])
    assert independent == joint_posterior(_PRIOR, [_FIRST, _SECOND])


def test_the_figure_shows_the_same_two_factors_in_either_order(save_figure):
    """On a logarithmic scale of odds each result is a step of fixed height, 100 or 98/3."""
    fig = Figure()
    ax = fig.subplots()
    orders = {"D₁, then D₂": [_FIRST, _SECOND], "D₂, then D₁": [_SECOND, _FIRST]}
    for (name, outcomes), style, side in zip(
        orders.items(), ("o-", "s--"), (-1, 1), strict=True
    ):
        shares = [joint_posterior(_PRIOR, outcomes[:seen]) for seen in range(3)]
        ax.semilogy([float(p / (1 - p)) for p in shares], style, label=name)
        odds, share = float(shares[1] / (1 - shares[1])), float(shares[1])
        ax.annotate(
            f"{share:.2%}",
            (1, odds),
            (10 * side, -4 - 6 * side),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
        )
    for seen, place in ((0, (8, -10)), (2, (-8, 2))):
        share = joint_posterior(_PRIOR, [_FIRST, _SECOND][:seen])
        ax.annotate(
            f"P(infected) = {float(share):.2%}",
            (seen, float(share / (1 - share))),
            place,
            textcoords="offset points",
            ha="left" if seen == 0 else "right",
        )
    ax.set(xlabel="positive results so far", ylabel="odds infected : healthy", xticks=range(3))
    ax.set(ylim=(8e-4, 12))
    ax.legend(loc="lower right")

    first, second = (line.get_ydata() for line in ax.lines)
    assert first[2] == second[2] == 9800 / 1997
    assert first[1:] / first[:-1] == pytest.approx([100, 98 / 3], rel=1e-12)
    assert second[1:] / second[:-1] == pytest.approx([98 / 3, 100], rel=1e-12)
    save_figure(fig)
