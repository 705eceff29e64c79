"""2.6.4a — One positive test leaves infection at 300/2297, about 13 %: most alarms are false.

Question
--------
A first HIV test D₁ is positive for every infected person (H = 1) and for 1 % of the healthy
(H = 0).  Of all people 0.15 % are infected.  Somebody tests positive: how likely is it that
he or she is infected?
(https://zh.d2l.ai/chapter_preliminaries/probability.html)

Answer
------
By Bayes' theorem, exactly

    P(H=1 | D₁=1) = (0.0015 · 1) / (0.0015 · 1 + 0.9985 · 0.01) = 300 / 2297 ≈ 13.06 %

The alarm itself has probability P(D₁=1) = 2297/200000 = 1.1485 %.

Why
---
Count heads.  Of 200 000 people 300 are infected, and all of them test positive.  Of the
199 700 healthy, 1 % do: 1997.  So 2297 people hear the alarm, and 300 of them are infected.

In odds the test is one factor, its likelihood ratio 1/0.01 = 100:

    300 : 199 700   times   100 : 1   gives   30 000 : 199 700

The ratio belongs to the test, the odds before it to the population.  Even odds after it need
1 : 100 before it, a prior of 1/101: a test that errs once in a hundred convinces only where
the condition is no rarer than that.

In practice
-----------
- The figure usually quoted is 13.05 %.  It differs by a hundredth of a percentage point, as
  it would if P(D₁=1) had first been rounded up to 0.01149: 0.0015 / 0.01149 = 0.1305.
- The same test on a group with a prior of 10 % is right in 92 % of its alarms.
- A negative result here excludes infection, since this test misses nobody.

Hints
-----
1. Imagine 200 000 people and write down how many of them test positive, and why.
2. P(D₁=1) has two contributions.  Which one is larger?
3. The answer is a share of the people who tested positive, not of the infected.
"""

import math
from fractions import Fraction
from itertools import product
from numbers import Real

import numpy as np
import pytest
from matplotlib.figure import Figure

_PRIOR = Fraction(15, 10_000)
_SENSITIVITY = Fraction(1)  # P(D₁=1 | H=1)
_FALSE_ALARM = Fraction(1, 100)  # P(D₁=1 | H=0)


def evidence(prior, if_ill, if_healthy):
    """P(outcome), from the `prior` P(H=1), P(outcome | H=1) and P(outcome | H=0).

    Exact for `Fraction`.  Raises ValueError ("between 0 and 1") for a probability outside
    [0, 1] or NaN, and TypeError ("a real number") for anything else.
    """
    for probability in (prior, if_ill, if_healthy):
        if not isinstance(probability, Real):
            raise TypeError(f"a probability must be a real number, got {probability!r}")
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability must lie between 0 and 1, got {probability}")
    return prior * if_ill + (1 - prior) * if_healthy


def posterior(prior, if_ill, if_healthy):
    """P(H=1 | outcome), from the same three numbers as `evidence`, exact for `Fraction`.

    Raises what `evidence` raises, and ValueError ("impossible") if P(outcome) is zero.
    """
    total = evidence(prior, if_ill, if_healthy)
    if total == 0:
        raise ValueError("the outcome is impossible under both hypotheses")
    return prior * if_ill / total


def _odds(probability):
    return probability / (1 - probability)


def _tested_people(rng, people):
    """Who is infected and who tests positive, two boolean arrays (people,)."""
    infected = rng.random(people) < float(_PRIOR)
    positive = infected | (rng.random(people) < float(_FALSE_ALARM))
    return infected, positive


def test_the_posterior_is_300_in_2297():
    """Exact rationals, and the figure usually quoted, 13.05 %, within 0.02 points."""
    share = posterior(_PRIOR, _SENSITIVITY, _FALSE_ALARM)

    assert evidence(_PRIOR, _SENSITIVITY, _FALSE_ALARM) == Fraction(2297, 200_000)
    assert share == Fraction(300, 2297)
    assert f"{float(share):.2%}" == "13.06%"
    assert abs(float(share) - 0.1305) < 0.0002
    assert isinstance(share, Fraction)


def test_counting_heads_gives_the_same():
    """In 200 000 people every group is a whole number: no theorem is needed."""
    people = 200_000
    infected = people * 15 // 10_000
    false_alarms = (people - infected) // 100

    assert (infected, false_alarms) == (300, 1997)
    share = Fraction(infected, infected + false_alarms)
    assert posterior(_PRIOR, _SENSITIVITY, _FALSE_ALARM) == share


def test_the_posterior_is_a_share_of_the_joint_table():
    """Every prior and pair of likelihoods in tenths for which the outcome is possible."""
    checked = 0

    for prior, if_ill, if_healthy in product(range(11), repeat=3):
        ill, healthy = prior * if_ill, (10 - prior) * if_healthy
        if ill + healthy:
            tenths = (Fraction(number, 10) for number in (prior, if_ill, if_healthy))
            assert posterior(*tenths) == Fraction(ill, ill + healthy)
            checked += 1

    assert checked == 11**3 - 31


def test_a_test_multiplies_the_odds_by_its_likelihood_ratio():
    """Ratio 100 for every prior but certainty, on a grid of hundredths."""
    ratio = _SENSITIVITY / _FALSE_ALARM

    for k in range(1, 100):
        prior = Fraction(k, 100)
        assert _odds(posterior(prior, _SENSITIVITY, _FALSE_ALARM)) == ratio * _odds(prior)
    assert ratio == 100


def test_rounding_the_evidence_explains_the_quoted_figure():
    """P(D₁=1), rounded up to five places, gives 0.1305: a possible origin, not a known one."""
    exact = evidence(_PRIOR, _SENSITIVITY, _FALSE_ALARM)
    rounded = math.ceil(exact * 10**5) / 10**5

    assert rounded == 0.01149
    assert f"{float(_PRIOR) / rounded:.4f}" == "0.1305"
    assert f"{float(_PRIOR / exact):.4f}" == "0.1306"


def test_a_negative_result_excludes_infection():
    """The complements of both likelihoods: a test that misses nobody is believed when it is
    negative.
    """
    assert posterior(_PRIOR, 1 - _SENSITIVITY, 1 - _FALSE_ALARM) == 0


@pytest.mark.seeds(3)
def test_a_simulated_population_agrees(rng):
    """Among N positives the share of infected errs by √(p(1−p)/N); 4 of these are allowed."""
    p = 300 / 2297
    infected, positive = _tested_people(rng, 300_000)
    alarms = positive.sum()

    assert abs(alarms / 300_000 - 0.011485) < 4 * math.sqrt(0.011485 * 0.988515 / 300_000)
    assert abs(infected[positive].mean() - p) < 4 * math.sqrt(p * (1 - p) / alarms)


def test_only_probabilities_are_taken():
    """Below 0, above 1, NaN, text and a list, in each of the three places."""
    for function in (evidence, posterior):
        for place in range(3):
            for error, words, bad in (
                (ValueError, "between 0 and 1", -0.1),
                (ValueError, "between 0 and 1", 1.1),
                (ValueError, "between 0 and 1", math.nan),
                (TypeError, "a real number", "0.5"),
                (TypeError, "a real number", [0.5]),
            ):
                numbers = [0.5, 0.5, 0.5]
                numbers[place] = bad
                with pytest.raises(error, match=words):
                    function(*numbers)
        assert function(1, 1, 0) == 1


def test_impossible_evidence_is_refused():
    """Nobody can be asked what to believe after what cannot happen."""
    assert evidence(0, 1, 0) == 0
    with pytest.raises(ValueError, match="impossible"):
        posterior(0, 1, 0)


@pytest.mark.misconception(
    "a test that is right for 99 % of people makes infection 99 % likely"
)
def test_the_share_of_true_alarms_depends_on_who_is_tested():
    """The same test at four priors: 99 % is reached only where every second person is ill."""
    priors = [Fraction(1, 1000), _PRIOR, Fraction(1, 10), Fraction(1, 2)]

    shares = [posterior(prior, _SENSITIVITY, _FALSE_ALARM) for prior in priors]

    assert [f"{float(share):.0%}" for share in shares] == ["9%", "13%", "92%", "99%"]
    right = _PRIOR * _SENSITIVITY + (1 - _PRIOR) * (1 - _FALSE_ALARM)
    assert right > Fraction(99, 100)


def test_the_figure_shows_that_the_prior_decides(save_figure):
    """The posterior rises from 13 % at the book's prior through even odds at 1/101."""
    priors = np.geomspace(1e-4, 1, 201)
    marks = [_PRIOR, Fraction(1, 101)]

    fig = Figure()
    ax = fig.subplots()
    ax.semilogx(priors, [posterior(prior, 1.0, 0.01) for prior in priors])
    ax.semilogx(priors, priors, "--", color="gray")
    for words, place in (("after a positive test", (0.04, 0.85)), ("before it", (0.4, 0.42))):
        ax.annotate(words, place, (-8, 0), textcoords="offset points", ha="right")
    for prior in marks:
        point = float(prior), float(posterior(prior, _SENSITIVITY, _FALSE_ALARM))
        ax.plot(*point, "ko")
        words = f"prior {point[0]:.2%}: {point[1]:.2%}"
        ax.annotate(words, point, (-8, 4), textcoords="offset points", ha="right")
    ax.set(xlabel="prior P(H=1)", ylabel="P(infected)", xlim=(5e-5, 1.3), ylim=(0, 1.03))

    curve, diagonal, here, even = ax.lines
    assert np.all(curve.get_ydata()[:-1] > diagonal.get_ydata()[:-1])
    assert here.get_xydata().tolist() == [[0.0015, 300 / 2297]]
    assert even.get_xydata().tolist() == [[1 / 101, 0.5]]
    save_figure(fig)
