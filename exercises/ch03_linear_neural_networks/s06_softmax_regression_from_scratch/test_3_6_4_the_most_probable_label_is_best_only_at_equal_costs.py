"""3.6.4 — The most probable label is always best only if all errors cost the same.

Question
--------
Is the label of the largest probability always the best answer?  Would you decide on a medical
treatment in this way?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.3 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
No.  A patient is ill with probability p = 13 %, so the most probable label is "healthy".  Say
a missed illness (a *false negative*) costs 10 times as much as a needless treatment (a *false
positive*).  Then the expected costs are

    treat    1 · (1 − p) = 0.87        do not treat    10 · p = 1.31

so the patient should be treated.  In general, choose the action a with the least expected cost
Σⱼ cost(a, j) pⱼ.  With two classes that means: treat as soon as

    p > c_FP / (c_FP + c_FN)

for the costs `c_FP` and `c_FN` of the two errors.  This is p > 1/2 only if the two are equal.

Why
---
Probabilities say how often something is true, but not what an error costs.  If each error costs
c, the answer a has the expected cost c (1 − pₐ), which is least for the largest pₐ.
With two classes, treating costs `c_FP · (1 − p)`, not treating `c_FN · p`: compare the two.

Hints
-----
1. What does it cost to treat a healthy patient, and not to treat one who is ill?
2. At which p do both actions cost the same?
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
    """If p = 300/2297 and a miss costs 10, treating costs 0.87 on average, and leaving 1.31."""
    expected = (_cost(1, 10) @ _two(_P)).tolist()

    assert round(_P, 2) == 0.13
    assert _two(_P).argmax() == _LEAVE
    assert [round(cost, 2) for cost in expected] == [1.31, 0.87]
    assert decide(_two(_P), _cost(1, 10)) == _TREAT
    assert threshold(1, 10) == pytest.approx(1 / 11)


@pytest.mark.parametrize(("ratio", "action"), [(1, _LEAVE), (6.65, _LEAVE), (6.66, _TREAT)])
def test_the_patient_is_treated_if_a_miss_costs_over_1997_300_treatments(ratio, action):
    """Of 2297 who test positive, 300 are ill: one treats if a miss costs over 1997/300."""
    assert decide(_two(_P), _cost(1, ratio)) == action
    assert (threshold(1, ratio) < _P) == (action == _TREAT)
    assert threshold(300, 1997) == pytest.approx(_P, rel=1e-14, abs=0)


def test_the_threshold_is_where_both_actions_cost_the_same():
    """For costs of 1 to 9, one treats at 0.001 above the threshold, and not at 0.001 below."""
    for false_positive, false_negative in product(range(1, 10), repeat=2):
        cost = _cost(false_positive, false_negative)
        p = threshold(false_positive, false_negative)

        assert p * false_negative == pytest.approx((1 - p) * false_positive)
        assert decide(_two(p + 0.001), cost) == _TREAT
        assert decide(_two(p - 0.001), cost) == _LEAVE


def test_only_equal_costs_make_the_most_probable_label_always_right():
    """Of 4096 tables of costs 0 to 3, the most probable label is best for the 4 equal ones.

    Tried at the 99 probabilities in thirteenths that have one most probable class.
    """
    thirteenths = [n for n in product(range(14), repeat=3) if sum(n) == 13]
    P = np.array([n for n in thirteenths if sorted(n)[1] < max(n)], dtype=float)  # exact
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


@pytest.mark.misconception("the rule that is right most often is the best")
def test_finding_nobody_is_right_for_9985_of_10000_people():
    """Of 200 000 people 300 are ill and 1997 healthy ones test positive; a miss costs 100.

    To treat nobody is right for 99.85 %, and costs 30 000; to treat the 2297 costs 1997.
    """
    ill, healthy = torch.tensor([300, 0]), torch.tensor([1997, 197_703])  # tested +, −
    actions = [decide(_two(_P), _cost(1, 100)), decide(_two(0.0), _cost(1, 100))]
    treated = torch.tensor(actions) == _TREAT

    assert treated.tolist() == [True, False]
    assert 100 * ill[~treated].sum() + healthy[treated].sum() == 1997
    assert 100 * ill.sum() == 30_000
    assert healthy.sum() / 200_000 == pytest.approx(0.9985)
    assert healthy[~treated].sum() + ill[treated].sum() < healthy.sum()


@pytest.mark.misconception(
    "to miss an illness is a false positive", source="ckyFi9zero's exercises, 3.6.4"
)
def test_a_missed_illness_is_a_false_negative():
    """The wrong answer is "negative"; with both costs exchanged, the patient is not treated."""
    assert threshold(false_positive=1, false_negative=10) < _P
    assert threshold(false_positive=10, false_negative=1) == pytest.approx(10 / 11)
    assert decide(_two(_P), _cost(10, 1)) == _LEAVE


@pytest.mark.edge
def test_nan_is_refused():
    """The literal softmax of large logits is NaN, and argmin would take that for the least."""
    for p, miss in (([torch.nan, 0.0], 1.0), ([0.5, 0.5], torch.nan)):
        with pytest.raises(ValueError, match="NaN"):
            decide(torch.tensor(p), torch.tensor([[0, miss], [1, 0]]))


def test_the_figure_shows_both_expected_costs(save_figure):
    """The figure shows the two expected costs against p, if a miss costs 10."""
    ax = (fig := Figure()).subplots()
    ax.plot([0, 1], [0, 10], label="do not treat: 10 p")
    ax.plot([0, 1], [1, 0], label="treat: 1 − p")
    ax.axvline(threshold(1, 10), color="0.5", ls="--")
    ax.axvline(0.5, color="0.5", ls=":")
    ax.text(0.1, 0.1, "p = 1/11: equal costs")
    ax.text(0.51, 1.2, "most probable label:\ntreat from p = 1/2 on")
    ax.set(title="If a miss costs 10 needless treatments, treat from p = 1/11 on")
    ax.set(xlabel="probability p of the illness", xlim=(0, 1))
    ax.set(ylabel="expected cost", ylim=(0, 2.5))
    ax.legend(loc="upper right")

    p = ax.lines[2].get_xdata()[0]
    assert 10 * p == pytest.approx(1 - p)
    save_figure(fig)
