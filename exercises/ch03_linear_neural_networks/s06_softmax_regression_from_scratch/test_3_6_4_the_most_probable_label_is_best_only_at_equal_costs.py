"""3.6.4 — The most probable label is the best answer only if all errors cost the same.

Question
--------
Is the label of the largest probability always the best answer?  Would you decide on a medical
treatment in this way?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.3 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
No.  A patient is ill with probability p = 13 %, so the most probable label is "healthy".  If a
missed illness (a false negative) costs 10 times as much as a treatment for nothing (a false
positive), the expected costs are

    treat    1 · (1 − p) = 0.87        leave    10 · p = 1.31

and treating is right.  In general choose the action a with the least Σⱼ cost(a, j) pⱼ.  For
two classes: act as soon as

    p > c_FP / (c_FP + c_FN)

which is 1/2, the most probable label, only if both errors cost the same.

Why
---
Probabilities say how often something is true, and nothing of what an error costs.  If all
errors cost the same c, action a costs c (1 − pₐ), which is least for the largest pₐ.

In practice
-----------
Asking an expert is an action too, of the same cost whatever is true.  If it costs r and each
error c, ask where the largest probability is below 1 − r/c.

Hints
-----
1. What does it cost to treat a healthy patient, and not to treat one who is ill?
2. If 13 of 100 such patients are ill, what does either rule cost for all of them?
3. At which p do both actions cost the same?
"""

from itertools import product

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure


def decide(p, cost):
    """The number of the action with the least expected cost, an int.

    p (K,) are the probabilities of the classes; cost[a, j] is that of action a if j is true.
    Raises ValueError if an expected cost is NaN.
    """
    expected = cost @ p
    if expected.isnan().any():
        raise ValueError("an expected cost is NaN")
    return expected.argmin().item()


def threshold(false_positive, false_negative):
    """From which probability of illness on to treat, for the costs of the two errors."""
    return false_positive / (false_positive + false_negative)


_LEAVE, _TREAT = 0, 1
_P = 300 / 2297  # of the illness after one positive test, as in exercise 2.6.4


def _two(p):
    """The probabilities of healthy and ill."""
    return torch.tensor([1 - p, p], dtype=torch.float64)


def _cost(false_positive, false_negative):
    """Of leaving and treating the healthy and the ill."""
    return torch.tensor([[0, false_negative], [false_positive, 0]], dtype=torch.float64)


def test_a_patient_who_is_probably_healthy_is_treated():
    """At 13.06 % and a cost ratio of 10 treating costs 0.87, leaving 1.31."""
    expected = (_cost(1, 10) @ _two(_P)).tolist()

    assert _two(_P).argmax() == _LEAVE
    assert f"{_P:.2%}" == "13.06%"
    assert [round(cost, 2) for cost in expected] == [1.31, 0.87]
    assert decide(_two(_P), _cost(1, 10)) == _TREAT
    assert threshold(1, 10) == pytest.approx(1 / 11)


@pytest.mark.parametrize(("ratio", "action"), [(1, _LEAVE), (6.65, _LEAVE), (6.66, _TREAT)])
def test_the_patient_is_treated_as_soon_as_a_miss_costs_1997_300_false_alarms(ratio, action):
    """1997 of 2297 such patients are healthy: the ratio that matters is 1997/300 = 6.66."""
    assert decide(_two(_P), _cost(1, ratio)) == action
    assert (threshold(1, ratio) < _P) == (action == _TREAT)
    assert threshold(300, 1997) == pytest.approx(_P, rel=1e-14, abs=0)


def test_the_threshold_is_where_both_actions_cost_the_same():
    """For costs from 1 to 9, one treats at 0.001 above it, and leaves at 0.001 below."""
    for false_positive, false_negative in product(range(1, 10), repeat=2):
        cost = _cost(false_positive, false_negative)
        p = threshold(false_positive, false_negative)

        assert p * false_negative == pytest.approx((1 - p) * false_positive)
        assert decide(_two(p + 0.001), cost) == _TREAT
        assert decide(_two(p - 0.001), cost) == _LEAVE


def test_only_equal_costs_make_the_most_probable_label_always_right():
    """Of the 4096 tables for 3 classes with errors of 0 to 3, just 4 do: the equal ones.

    Tried at the 99 probabilities in thirteenths that have one most probable class.
    """
    thirteenths = [n for n in product(range(14), repeat=3) if sum(n) == 13]
    P = np.array([n for n in thirteenths if sorted(n)[1] < max(n)])
    mode = P.argmax(axis=1)
    errors = np.array(list(product(range(4), repeat=6)))
    costs = np.insert(errors, [0, 3, 6], 0, axis=1).reshape(4096, 3, 3)

    expected = costs @ P.T  # (4096, 3, 99), in thirteenths
    worse = expected[:, mode, range(99)] > expected.min(axis=1)

    assert errors[~worse.any(axis=1)].tolist() == [[c] * 6 for c in range(4)]
    P, costs = torch.tensor(P / 13), torch.tensor(costs, dtype=torch.float64)
    for table in costs[~worse.any(axis=1)][1:]:
        assert [decide(p, table) for p in P] == mode.tolist()
    for a, k in np.argwhere(worse)[::97]:
        assert decide(P[k], costs[a]) != mode[k]


@pytest.mark.misconception("the best answer is at least among the more probable ones")
def test_the_least_probable_class_can_be_the_best_answer():
    """At p = (0.40, 0.35, 0.25) the answers cost 6, 2.9 and 1.5."""
    p = torch.tensor([0.40, 0.35, 0.25], dtype=torch.float64)
    cost = torch.tensor([[0, 10, 10], [1, 0, 10], [2, 2, 0]], dtype=torch.float64)

    assert (cost @ p).tolist() == pytest.approx([6, 2.9, 1.5])
    assert decide(p, cost) == 2


@pytest.mark.misconception("the rule that is right most often is the best")
def test_finding_nobody_is_right_for_9985_of_10000_people():
    """Of 200 000 people 300 are ill and 1997 healthy ones test positive; a miss costs 100.

    To leave all is right for 99.85 %, and costs 30 000; to treat the 2297 costs 1997.
    """
    ill, healthy = torch.tensor([300, 0]), torch.tensor([1997, 197_703])  # tested +, −
    actions = [decide(_two(_P), _cost(1, 100)), decide(_two(0.0), _cost(1, 100))]
    treated = torch.tensor(actions) == _TREAT

    assert treated.tolist() == [True, False]
    assert 100 * ill[~treated].sum() + healthy[treated].sum() == 1997
    assert 100 * ill.sum() == 30_000
    assert healthy.sum() / 200_000 == pytest.approx(0.9985)
    assert healthy[~treated].sum() + ill[treated].sum() < healthy.sum()


@pytest.mark.misconception("to miss an illness is a false positive")
def test_a_missed_illness_is_a_false_negative():
    """The wrong answer is "negative"; with the two costs exchanged the patient goes home.

    ckyFi9zero's manual calls the missed illness a false positive.
    """
    assert threshold(false_positive=1, false_negative=10) < _P
    assert threshold(false_positive=10, false_negative=1) == pytest.approx(10 / 11)
    assert decide(_two(_P), _cost(10, 1)) == _LEAVE


@pytest.mark.parametrize("r", [0.1, 0.2, 0.45])
def test_an_expert_is_asked_where_the_largest_probability_is_below_1_minus_r(r):
    """With errors of cost 1, and asking as action 3 at cost r, for 91 probabilities of 3."""
    cost = torch.cat((1 - torch.eye(3), torch.full((1, 3), r))).double()
    P = [n for n in product(range(13), repeat=3) if sum(n) == 12]

    actions = [decide(torch.tensor(n).double() / 12, cost) for n in P]

    assert [action == 3 for action in actions] == [max(n) / 12 < 1 - r for n in P]
    assert 0 < actions.count(3) < len(P)


@pytest.mark.edge
def test_nan_is_refused():
    """The literal softmax of large logits is NaN, and argmin would take that for the least."""
    for p, miss in (([torch.nan, 0.0], 1.0), ([0.5, 0.5], torch.nan)):
        with pytest.raises(ValueError, match="NaN"):
            decide(torch.tensor(p), torch.tensor([[0, miss], [1, 0]]))


def test_the_figure_shows_the_three_actions(save_figure):
    """The figure shows the expected costs of leaving, asking and treating against p."""
    false_positive, false_negative, ask = 1, 4, 0.6
    actions = {
        "leave": (lambda p: false_negative * p, 0, ask / false_negative, "C0"),
        "ask an expert": (lambda p: ask, ask / false_negative, 1 - ask / false_positive, "C2"),
        "treat": (lambda p: false_positive * (1 - p), 1 - ask / false_positive, 1, "C1"),
    }

    fig = Figure()
    ax = fig.subplots()
    for name, (expected, start, end, color) in actions.items():
        ax.plot([0, 1], [expected(0), expected(1)], "--", color=color, lw=1)
        ax.plot([start, end], [expected(start), expected(end)], color=color, lw=3.5)
        ax.text((start + end) / 2, -0.13, name, color=color, ha="center")
    p = threshold(false_positive, false_negative)
    ax.plot([p], [false_negative * p], "ko")
    ax.annotate(f"treat or leave: {p}", (p, false_negative * p), (0.235, 0.8))
    ax.axvline(0.5, color="0.5", ls=":")
    ax.text(0.51, 1.25, "most probable label: 0.5", color="0.35")
    ax.text(0.51, 0.95, "costs: false positive 1,\nmiss 4, expert 0.6", color="0.35")
    ax.set(title="The cheapest action (thick) is often not that of the most probable label")
    ax.set(xlabel="probability p of the illness", xlim=(0, 1))
    ax.set(ylabel="expected cost", ylim=(-0.2, 1.5))

    dashed = [line.get_ydata() for line in ax.lines[:6:2]]
    for line in ax.lines[1:6:2]:
        for x, y in zip(*line.get_data(), strict=True):
            assert y == pytest.approx(min(a + (b - a) * x for a, b in dashed))
    assert ax.lines[6].get_xdata() == [0.2]
    save_figure(fig)
