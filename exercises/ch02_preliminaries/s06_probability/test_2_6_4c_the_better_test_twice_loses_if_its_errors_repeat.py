"""2.6.4c — The better test twice beats another one, unless over 3/98 of false alarms repeat.

Question
--------
A first HIV test D₁ is positive for all infected people (H = 1) and for 1 % of the healthy
(H = 0), a second one, D₂, for 98 % and for 3 %; 0.15 % of all people are infected.  After a
positive D₁, a doctor adds D₂.  D₁ is better in every respect: why not run it twice?
<https://zh.d2l.ai/chapter_preliminaries/probability.html>

Answer
------
Because an error of D₁ may repeat.  Let c = P(D₁ positive again | healthy, D₁ positive), the
repeat rate of its false alarms.  After two positive results of D₁

    P(H=1) = 0.0015 / (0.0015 + 0.9985 · 0.01 · c)

    c = 0.01     independent errors     93.76 %
    c = 3/98     3.06 % repeat          83.07 %, the same as after D₁ and D₂
    c = 1        every error repeats    13.06 %, the same as after D₁ alone

So D₂ is the better choice if c > 3/98 and D₁ and D₂ are independent given H.  The error rates
do not tell c; it is an assumption until healthy people have been tested twice.

Why
---
The second positive result of D₁ multiplies the odds infected : healthy by 1/c, that of D₂ by
98/3.  Repeating loses if 1/c < 98/3, at any prior.  Chance errors in the laboratory are new
each time; a substance in somebody's blood that misleads D₁ is still there tomorrow.  If one
healthy person in 4756 has one, and all other errors are independent, c is already 3/98.

That beliefs can be updated test by test ("layered updating") is no reason.  D₁ twice can be
updated so as well, and it comes to the same as both results at once.

Hints
-----
1. Assume first that the two results of D₁ are independent given H.  Which choice wins?
2. Who gets a false positive, and would the same person get it again?
3. Give the probability of a repeated error a name and find where both choices tie.
"""

from fractions import Fraction

import numpy as np
import pytest
from matplotlib.figure import Figure


def _posterior(prior, if_ill, if_healthy):
    """P(H=1 | outcome) from the prior P(H=1), P(outcome | H=1) and P(outcome | H=0)."""
    if not all(0 <= probability <= 1 for probability in (prior, if_ill, if_healthy)):
        raise ValueError(f"expected numbers from 0 to 1, got {prior}, {if_ill}, {if_healthy}")
    ill, healthy = prior * if_ill, (1 - prior) * if_healthy
    return ill / (ill + healthy)


def repeated_posterior(prior, false_alarm, repeat_rate):
    """P(H=1 | two positive results of one test) for a test that finds every infection.

    `prior` is P(H=1), `false_alarm` the share of the healthy with a positive first result,
    `repeat_rate` the share of these whose second result is positive again.
    """
    return _posterior(prior, 1, false_alarm * repeat_rate)


def break_even(if_ill, if_healthy):
    """The repeat rate at which D₁ twice and D₁, then D₂ lead to the same P(H=1).

    `if_ill` and `if_healthy` are P(D₂=1 | H=1) and P(D₂=1 | H=0), given which D₁ and D₂ are
    independent; D₁ finds every infection.
    """
    if not 0 <= if_healthy <= if_ill <= 1:
        raise ValueError(f"expected 0 <= if_healthy <= if_ill <= 1, got {if_healthy}, {if_ill}")
    return if_healthy / if_ill


_ROUNDING = 1e-12  # a few operations on numbers up to 1 are off by some 1e-16
_SECOND_TESTS = [(0.98, 0.03), (0.5, 0.2), (1, 0.01), (0.9, 0.5)]


def _two_tests(prior, false_alarm, if_ill, if_healthy):
    """P(H=1 | D₁=1, D₂=1), the two results being independent given H."""
    return _posterior(prior, if_ill, false_alarm * if_healthy)


def test_d1_twice_ranges_from_94_to_13_percent():
    """At c = 0.01, 3/98 and 1 infection is at 93.76, 83.07 and 13.06 % after D₁ twice."""
    shares = [repeated_posterior(0.0015, 0.01, c) for c in (0.01, 3 / 98, 1)]

    assert shares == pytest.approx([30000 / 31997, 9800 / 11797, 300 / 2297], abs=_ROUNDING)
    assert [f"{share:.2%}" for share in shares] == ["93.76%", "83.07%", "13.06%"]


@pytest.mark.misconception("two different tests are always better than one test twice")
def test_independent_errors_favour_the_better_test_and_the_tie_is_at_3_98():
    """D₁ and D₂ leave infection at 83.07 %, D₁ twice too at 3/98; at 0.01 it leaves more."""
    both = _two_tests(0.0015, 0.01, 0.98, 0.03)

    assert both == pytest.approx(9800 / 11797, abs=_ROUNDING)
    assert break_even(0.98, 0.03) == pytest.approx(3 / 98, abs=_ROUNDING)
    assert repeated_posterior(0.0015, 0.01, 3 / 98) == pytest.approx(both, abs=_ROUNDING)
    assert repeated_posterior(0.0015, 0.01, 0.01) > both + 0.1


@pytest.mark.parametrize(("if_ill", "if_healthy"), _SECOND_TESTS)
def test_repeating_wins_below_the_tie_and_loses_above_it(if_ill, if_healthy):
    """At 0.99 of the tie D₁ twice leaves more than D₁ and D₂, at 1.01 less, at any prior."""
    tie = break_even(if_ill, if_healthy)

    for prior in (k / 20 for k in range(1, 20)):
        for false_alarm in (0.01, 0.3):
            rival = _two_tests(prior, false_alarm, if_ill, if_healthy)
            below, at, above = (
                repeated_posterior(prior, false_alarm, tie * ratio) for ratio in (0.99, 1, 1.01)
            )
            assert above < rival < below
            assert at == pytest.approx(rival, abs=_ROUNDING)


def test_one_carrier_in_4756_is_enough():
    """If 101 of 480 350 healthy people, 1 in 4756, always alarm, the repeat rate is the tie."""
    carriers, false_alarm = Fraction(101, 480_350), Fraction(1, 100)
    chance = (false_alarm - carriers) / (1 - carriers)  # of a false alarm among the others

    repeat_rate = (carriers + (1 - carriers) * chance**2) / false_alarm

    assert round(1 / carriers) == 4756
    assert repeat_rate == Fraction(3, 98)
    assert break_even(0.98, 0.03) == pytest.approx(float(repeat_rate), abs=_ROUNDING)


@pytest.mark.misconception("the better test twice is always best")
def test_an_error_that_always_repeats_teaches_nothing():
    """At c = 1 the second run leaves 13.06 %, less than a sixth of what D₁ and D₂ give."""
    once = _posterior(0.0015, 1, 0.01)

    assert repeated_posterior(0.0015, 0.01, 1) == pytest.approx(once, abs=_ROUNDING)
    assert _two_tests(0.0015, 0.01, 0.98, 0.03) > 6 * once


@pytest.mark.misconception(
    "two different tests are better because beliefs update in layers",
    source="a published solution",
)
@pytest.mark.parametrize("repeat_rate", [0.01, 3 / 98, 0.5, 1])
def test_one_test_twice_is_updated_layer_by_layer_too(repeat_rate):
    """The posterior after D₁ as prior of its second run gives the same as both runs at once."""
    for prior, false_alarm in ((0.0015, 0.01), (0.2, 0.3)):
        second = _posterior(_posterior(prior, 1, false_alarm), 1, repeat_rate)

        at_once = repeated_posterior(prior, false_alarm, repeat_rate)
        assert at_once == pytest.approx(second, abs=_ROUNDING)


@pytest.mark.edge
def test_what_is_no_test_is_refused():
    """Percentages and a D₂ that alarms more of the healthy raise; a coin ties at 1."""
    for pair in ((98, 3), (1.5, 0.5), (0.2, 0.7), (0.5, -0.1)):
        with pytest.raises(ValueError, match="if_healthy"):
            break_even(*pair)
    for rate in (3, -0.1):
        with pytest.raises(ValueError, match="from 0 to 1"):
            repeated_posterior(0.0015, 0.5, rate)
    assert break_even(0.5, 0.5) == 1
    assert break_even(1, 0) == 0
    assert repeated_posterior(0, 0.01, 1) == 0


def test_the_figure_shows_where_repeating_starts_to_lose(save_figure):
    """The curve of D₁ twice falls through the level of D₁ and D₂ at c = 3/98."""
    rates = np.geomspace(1e-3, 1, 200)
    level = _two_tests(0.0015, 0.01, 0.98, 0.03)

    fig = Figure()
    ax = fig.subplots()
    ax.semilogx(rates, [repeated_posterior(0.0015, 0.01, c) for c in rates.tolist()])
    ax.semilogx([rates[0], 1], [level, level], "--")
    for words, c, x, side in (
        ("independent errors: c = 0.01", 0.01, 0.0115, "left"),
        ("tie: c = 3/98", break_even(0.98, 0.03), 0.037, "left"),
        ("every error repeats: c = 1", 1, 0.45, "right"),
    ):
        share = repeated_posterior(0.0015, 0.01, c)
        ax.plot(c, share, "ko")
        ax.text(x, share + 0.02, f"{words}: {100 * share:.2f} %", ha=side)
    ax.text(0.0011, 0.90, "D₁ twice", color="C0")
    ax.text(0.0011, 0.75, f"D₁, then D₂: {100 * level:.2f} %", color="C1")
    ax.set(xlabel="c, the share of D₁'s false alarms that repeat")
    ax.set(ylabel="P(infected | two positives)", ylim=(0, 1.05))
    ax.set_title("D₁ twice beats D₁, then D₂, until 3/98 of its false alarms repeat")

    curve, rival, *points = (line.get_xydata().T for line in ax.lines)
    drawn = np.concatenate(points, axis=1)
    expected = 0.0015 / (0.0015 + 0.9985 * 0.01 * rates)
    assert curve[1] == pytest.approx(expected, abs=_ROUNDING)
    assert rival[1] == pytest.approx(9800 / 11797, abs=_ROUNDING)
    assert drawn[0] == pytest.approx([0.01, 3 / 98, 1], abs=_ROUNDING)
    assert drawn[1] == pytest.approx([30000 / 31997, 9800 / 11797, 300 / 2297], abs=_ROUNDING)
    save_figure(fig)
