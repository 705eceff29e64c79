"""2.6.4c — The better test twice beats a second one, unless 3/98 of its false alarms repeat.

Question
--------
D₁, the first test of 2.6.4a and 2.6.4b, is better than D₂ in every respect.  Why not repeat
D₁ instead of taking D₂?
(https://zh.d2l.ai/chapter_preliminaries/probability.html)

Answer
------
Because the errors of one test may repeat.  Let c = P(false positive again | false positive).
After two positive results of D₁

    P(H=1 | twice) = 0.0015 / (0.0015 + 0.9985 · 0.01 · c)

- c = 0.01, independent errors: 30000/31997 = 93.76 %, *better* than the 83.07 % of D₁ and D₂.
- c = 3/98 = 3.06 %: the same 83.07 %.
- c = 1, every error repeats: 13.06 %, as if nobody had tested again.

So D₂ is for whoever believes that c > 3/98 and that the errors of D₁ and D₂ are independent.
**c is an assumption, not a fact**: the error rates do not determine it; testing healthy
people twice would.

Why
---
D₁ misses nobody, so a second positive result multiplies the odds of infection by 1/c.  D₂
multiplies them by 98/3.  Repeating loses if 1/c < 98/3, whatever the prior and however good
D₁ was at first.  As a correlation of the two errors that is little:

    ρ = (c − 0.01) / (1 − 0.01) = 101/4851 = 2.1 %   at c = 3/98

Noise in the laboratory is fresh each time.  An antibody that D₁ mistakes for the virus is
not: it is there again tomorrow.  If 101 of 480 350 healthy people, 1 in 4756, carry one and
all other errors are fresh, c is already 3/98.

In practice
-----------
The same goes for an ensemble of models: members that err together count as one.

Hints
-----
1. Assume first that the two results of D₁ are independent given H.  Which choice wins?
2. Who gets a false positive, and would the same person get it again?
3. Give the probability of a repeated error a name and find where both choices tie.
"""

import math
from fractions import Fraction
from numbers import Real

import numpy as np
import pytest
from matplotlib.figure import Figure

_PRIOR = Fraction(15, 10_000)
_FALSE_ALARM = Fraction(1, 100)  # of D₁, which finds every infection
_SECOND = (Fraction(98, 100), Fraction(3, 100))  # P(D₂=1 | H=1), P(D₂=1 | H=0)


def repeated_posterior(prior, false_alarm, c):
    """P(H=1 | D₁=1 twice) for a test that finds every infection, exact for `Fraction`.

    `false_alarm` is P(D₁=1 | H=0), `c` the same for a healthy person who had a false alarm
    before.  Raises ValueError ("between 0 and 1") for a probability outside [0, 1] or NaN,
    ("impossible") if nobody can test positive twice, and TypeError ("a real number").
    """
    _check_probabilities(prior, false_alarm, c)
    healthy = (1 - prior) * false_alarm * c
    if prior + healthy == 0:
        raise ValueError("two positive results are impossible under both hypotheses")
    return prior / (prior + healthy)


def break_even(if_ill, if_healthy):
    """The c from which repeating is no better than a second test with these likelihoods.

    Exact for `Fraction`.  Raises ValueError ("between 0 and 1") and TypeError ("a real
    number") as above, and ValueError ("informative") unless `if_ill` > `if_healthy`.
    """
    _check_probabilities(if_ill, if_healthy)
    if if_ill <= if_healthy:
        raise ValueError(f"expected an informative test, got {if_ill} against {if_healthy}")
    return if_healthy / if_ill


def error_correlation(false_alarm, c):
    """Correlation, over the healthy, of the false alarms in two runs of one test.

    Exact for `Fraction`.  Raises ValueError ("between 0 and 1") and TypeError ("a real
    number") as above, and ValueError ("no two runs") if `false_alarm` is 0 or 1, where
    nothing varies, or `c` is below 2 − 1/`false_alarm`, where P(no alarm twice) is negative.
    """
    _check_probabilities(false_alarm, c)
    if false_alarm in (0, 1) or 1 - 2 * false_alarm + false_alarm * c < 0:
        raise ValueError(f"no two runs have false alarms at {false_alarm} with c = {c}")
    return (c - false_alarm) / (1 - false_alarm)


def _check_probabilities(*probabilities):
    for probability in probabilities:
        if not isinstance(probability, Real):
            raise TypeError(f"a probability must be a real number, got {probability!r}")
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability must lie between 0 and 1, got {probability}")


def _two_different_tests(prior):
    """P(H=1 | D₁=1, D₂=1), the two independent given H."""
    infected = prior * _SECOND[0]
    return infected / (infected + (1 - prior) * _FALSE_ALARM * _SECOND[1])


def _repeat_rate(carriers):
    """c, where a share `carriers` of the healthy always alarms and the rest at random.

    The rest alarms so often that the whole share of false alarms is as given.
    """
    fresh = (_FALSE_ALARM - carriers) / (1 - carriers)
    return (carriers + (1 - carriers) * fresh**2) / _FALSE_ALARM


def test_the_three_landmarks():
    """Independent errors, the tie and errors that always repeat, as exact rationals."""
    c = [_FALSE_ALARM, Fraction(3, 98), Fraction(1)]

    shares = [repeated_posterior(_PRIOR, _FALSE_ALARM, value) for value in c]

    assert shares == [Fraction(30000, 31997), Fraction(9800, 11797), Fraction(300, 2297)]
    assert [f"{float(p):.2%}" for p in shares] == ["93.76%", "83.07%", "13.06%"]
    assert _two_different_tests(_PRIOR) == shares[1]
    assert all(isinstance(p, Fraction) for p in shares)


def test_repeating_loses_from_the_break_even_on():
    """Just below it wins, just above it loses: for every prior on a grid, so for ours."""
    tie = break_even(*_SECOND)
    little = Fraction(1, 10**9)

    assert tie == Fraction(3, 98)
    for prior in (_PRIOR, *(Fraction(k, 20) for k in range(1, 20))):
        rival = _two_different_tests(prior)
        assert repeated_posterior(prior, _FALSE_ALARM, tie - little) > rival
        assert repeated_posterior(prior, _FALSE_ALARM, tie) == rival
        assert repeated_posterior(prior, _FALSE_ALARM, tie + little) < rival


def test_counting_the_healthy_gives_the_correlation():
    """Two runs on `people` healthy persons as 0/1 columns, every table of counts up to 12."""
    people, checked = 12, 0

    for alarms in range(1, people):
        for both in range(max(0, 2 * alarms - people), alarms + 1):
            first = np.arange(people) < alarms
            second = np.roll(first, alarms - both)
            assert (first & second).sum() == both
            f, c = Fraction(alarms, people), Fraction(both, alarms)
            expected = np.corrcoef(first, second)[0, 1]
            assert float(error_correlation(f, c)) == pytest.approx(expected, abs=1e-12)
            checked += 1

    assert checked == sum(min(k, 12 - k) + 1 for k in range(1, 12))
    assert error_correlation(_FALSE_ALARM, Fraction(3, 98)) == Fraction(101, 4851)
    assert error_correlation(_FALSE_ALARM, _FALSE_ALARM) == 0


def test_one_carrier_in_4756_is_enough():
    """Exact: with this share of lasting causes among the healthy, c is the break-even."""
    carriers = Fraction(101, 480_350)

    assert _repeat_rate(carriers) == break_even(*_SECOND)
    assert round(1 / carriers) == 4756
    assert _repeat_rate(0) == _FALSE_ALARM
    assert _repeat_rate(_FALSE_ALARM) == 1


@pytest.mark.seeds(3)
def test_a_population_with_carriers_agrees(rng):
    """Nobody is told c: carriers always alarm, and p is met within 4 standard errors.

    The prior is raised to 1/100 and carriers to 1 in 200, so that there are many of each.
    """
    people, carriers = 200_000, Fraction(1, 200)
    p = float(repeated_posterior(Fraction(1, 100), _FALSE_ALARM, _repeat_rate(carriers)))
    fresh = float((_FALSE_ALARM - carriers) / (1 - carriers))
    infected = rng.random(people) < 0.01
    always = infected | (rng.random(people) < float(carriers))
    runs = always | (rng.random((2, people)) < fresh)

    twice = runs.all(axis=0)

    assert abs(infected[twice].mean() - p) < 4 * math.sqrt(p * (1 - p) / twice.sum())


def test_only_probabilities_are_taken():
    """Below 0, above 1, NaN, text and a list, in every place of every function."""
    calls = [
        lambda p: repeated_posterior(p, 0.5, 0.5),
        lambda p: repeated_posterior(0.5, p, 0.5),
        lambda p: repeated_posterior(0.5, 0.5, p),
        lambda p: break_even(p, 0.0),
        lambda p: break_even(1.0, p),
        lambda p: error_correlation(p, 0.9),
        lambda p: error_correlation(0.5, p),
    ]

    for call in calls:
        for bad in (-0.1, 1.1, math.nan):
            with pytest.raises(ValueError, match="between 0 and 1"):
                call(bad)
        for bad in ("0.5", [0.5]):
            with pytest.raises(TypeError, match="a real number"):
                call(bad)


def test_what_cannot_be_is_refused():
    """Impossible evidence, a second test that tells nothing, and impossible pairs of runs."""
    for false_alarm, c in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="impossible"):
            repeated_posterior(0, false_alarm, c)
    assert repeated_posterior(Fraction(1, 2), 1, 1) == Fraction(1, 2)
    for worthless in ((0.5, 0.5), (0.2, 0.7)):
        with pytest.raises(ValueError, match="informative"):
            break_even(*worthless)
    for false_alarm, c in ((0, 0), (1, 1), (Fraction(3, 4), Fraction(1, 2))):
        with pytest.raises(ValueError, match="no two runs"):
            error_correlation(false_alarm, c)
    assert error_correlation(Fraction(3, 4), Fraction(2, 3)) == Fraction(-1, 3)


@pytest.mark.misconception("the better test twice is always best")
def test_a_repeated_error_teaches_nothing():
    """With c = 1 the second run leaves the posterior where the first had put it."""
    once = _PRIOR / (_PRIOR + (1 - _PRIOR) * _FALSE_ALARM)

    assert repeated_posterior(_PRIOR, _FALSE_ALARM, Fraction(1)) == once
    assert _two_different_tests(_PRIOR) > 6 * once


@pytest.mark.misconception("two different tests are always better than one test twice")
def test_variety_alone_is_no_virtue():
    """With independent errors the better test wins twice: 93.76 % against 83.07 %."""
    assert repeated_posterior(_PRIOR, _FALSE_ALARM, _FALSE_ALARM) > _two_different_tests(_PRIOR)


def test_the_figure_shows_where_repeating_starts_to_lose(save_figure):
    """The curve of D₁ twice falls through the level of D₁ and D₂ at c = 3/98."""
    rates = np.geomspace(1e-3, 1, 200)
    tie = break_even(*_SECOND)
    level = float(_two_different_tests(_PRIOR))
    points = {
        "independent errors": (_FALSE_ALARM, (8, 6), "left"),
        "tie": (tie, (8, 8), "left"),
        "every error repeats": (Fraction(1), (-10, -12), "right"),
    }

    fig = Figure()
    ax = fig.subplots()
    ax.semilogx(rates, [repeated_posterior(0.0015, 0.01, c) for c in rates], label="D₁ twice")
    ax.semilogx([rates[0], 1], [level, level], "--", label=f"D₁, then D₂: {level:.2%}")
    for name, (c, offset, side) in points.items():
        share = float(repeated_posterior(_PRIOR, _FALSE_ALARM, c))
        ax.plot(float(c), share, "ko")
        ax.annotate(
            f"{name}: c = {float(c):.3g} → {share:.2%}",
            (float(c), share),
            offset,
            textcoords="offset points",
            ha=side,
        )
    ax.set(
        xlabel="c = P(false positive again | false positive)",
        ylabel="P(infected | two positives)",
        ylim=(0, 1.05),
    )
    ax.legend(loc="lower left")

    curve, rival, fresh, crossing, useless = ax.lines
    above = curve.get_ydata() > rival.get_ydata()[0]
    assert np.array_equal(above, curve.get_xdata() < 3 / 98)
    assert crossing.get_xydata().tolist() == [[3 / 98, 9800 / 11797]]
    assert fresh.get_ydata() > rival.get_ydata()[0] > useless.get_ydata()
    save_figure(fig)
