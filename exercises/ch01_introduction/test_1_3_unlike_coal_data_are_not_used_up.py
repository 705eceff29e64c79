"""1.3 — Data drive learning, but unlike coal they are not used up, and copies add nothing.

Question
--------
If learning algorithms are the new steam engine, are data the coal?  Where does the comparison
hold, and where does it fail?
<https://zh.d2l.ai/chapter_introduction/index.html>

Answer
------
Both keep the engine running, and a better engine needs less.  But three things differ:

1. Data are not used up: any number of models can learn from the same data.
2. A copy of the data adds nothing, where a second heap of coal is as good as the first.
3. As a rule each further example helps less than the one before.

Why
---
Take the smallest learning problem: what is the length θ of a rod, from n measurements
yᵢ = θ + noise?  A good guess is their average.  If the noise has the standard deviation σ, it
misses θ by σ²/n in the mean square.  So with σ = 2:

    measurements                  10      20      40      40 that are 20, twice each
    mean square of the error     0.4     0.2     0.1      0.2

Twice the data halve this error, and save less each time: 0.2, then 0.1.

A better engine uses what is known beforehand.  If rods differ from a standard by 0 ± 1, and θ
is that difference, divide the sum by n + σ² = n + 4, not n: it is worth 4 more measurements.
Copies do change this guess, for the worse, since it takes them for news: look for copies before
you train.

Hints
-----
1. What is left of the coal when the engine has run, and what of the data?
2. How does the error of an average fall, if you double the measurements again and again?
"""

import pytest
import torch
from matplotlib.figure import Figure


def learn(y, strength=0.0):
    """A guess of θ from n ≥ 1 measurements y, a tensor (n,): their sum divided by n + strength.

    With strength 0 it is the average; more of it keeps the guess nearer to zero.
    """
    return y.sum() / (len(y) + strength)


def expected_error(n, sigma):
    """The mean of (learn(y) − θ)² over many sets of n measurements, noise of deviation σ."""
    return sigma**2 / n


_COUNT, _SIGMA = 400, 2.0


def _rods(generator, n, count=_COUNT):
    """400 rods: lengths θ from N(0, 1), and n measurements of each with noise of σ = 2."""
    theta = torch.randn(count, generator=generator, dtype=torch.float64)
    noise = torch.randn(count, n, generator=generator, dtype=torch.float64)
    return theta, theta[:, None] + _SIGMA * noise


def _errors(theta, y, strength=0.0):
    guesses = [float(learn(measurements, strength)) for measurements in y]
    return (torch.tensor(guesses, dtype=torch.float64) - theta) ** 2


def _agrees(errors, expected):
    """Whether the mean of the errors is the expected one, within 4.5 standard errors."""
    return abs(errors.mean() - expected) < 4.5 * errors.std() / len(errors) ** 0.5


@pytest.mark.parametrize(("n", "error"), [(10, 0.4), (20, 0.2), (40, 0.1)])
@pytest.mark.seeds(3)
def test_twice_the_data_halve_the_error(torch_rng, n, error):
    """With σ = 2, averages of 10, 20, 40 measurements err by 0.4, 0.2, 0.1 in mean square."""
    assert expected_error(n, _SIGMA) == pytest.approx(error, rel=1e-12, abs=0)
    assert expected_error(n, 3) == pytest.approx(error * 9 / 4, rel=1e-12, abs=0)
    assert _agrees(_errors(*_rods(torch_rng, n)), error)


@pytest.mark.misconception("the more data, the better the model")
@pytest.mark.seeds(3)
def test_a_copy_of_every_measurement_adds_nothing(torch_rng):
    """20 measurements, twice each, give the same guess as once; 40 of them halve the error."""
    theta, y = _rods(torch_rng, 20)
    new_theta, new_y = _rods(torch_rng, 40)

    once, copied = _errors(theta, y), _errors(theta, y.repeat(1, 2))

    assert torch.allclose(once, copied, rtol=1e-9, atol=1e-12)
    assert _agrees(copied, expected_error(20, _SIGMA))
    assert _agrees(_errors(new_theta, new_y), expected_error(20, _SIGMA) / 2)


def test_every_further_example_helps_less():
    """The 11th measurement saves more than the 21st, and that more than the 101st; all save."""
    saved = [expected_error(n, _SIGMA) - expected_error(n + 1, _SIGMA) for n in (10, 20, 100)]

    assert saved[0] > 3 * saved[1] > 0
    assert saved[1] > 20 * saved[2] > 0


def test_the_data_are_as_good_after_learning_as_before(torch_rng):
    """Ten models that learn from the same measurements one after the other are all the same."""
    _, (y, *_) = _rods(torch_rng, 20)
    before = y.clone()

    guesses = {float(learn(y)) for _ in range(10)}

    assert len(guesses) == 1
    assert torch.equal(y, before)
    assert guesses.pop() == pytest.approx(sum(y.tolist()) / 20, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("n", [2, 30])
@pytest.mark.seeds(3)
def test_knowledge_is_worth_measurements(torch_rng, n):
    """If θ is known to be 0 ± 1, dividing the sum by n + 4 is worth four more measurements."""
    rods = _rods(torch_rng, n)

    errors = _errors(*rods, strength=4.0)

    assert _agrees(errors, expected_error(n + 4, _SIGMA))
    for other in (0.0, 100.0):
        worse = _errors(*rods, strength=other) - errors  # of the same rods
        assert worse.mean() > -4.5 * worse.std() / _COUNT**0.5


@pytest.mark.misconception("copies do no harm")
@pytest.mark.seeds(3)
def test_copies_mislead_a_learner_that_weighs_them_against_knowledge(torch_rng):
    """With strength 4, 15 measurements three times each are worse than once: 0.232, not 0.211.

    The guess is 3Σy/(45 + 4): noise leaves (45/49)² · 4/15, and the part missing (4/49)².
    """
    theta, y = _rods(torch_rng, 15, 1000)

    once, copied = _errors(theta, y, 4.0), _errors(theta, y.repeat(1, 3), 4.0)

    assert _agrees(once, 4 / 19)
    assert _agrees(copied, (45 / 49) ** 2 * 4 / 15 + (4 / 49) ** 2)
    assert (copied - once).mean() > 0  # by 4.5 standard errors on average


def test_the_figure_shows_what_more_data_are_worth(save_figure, torch_rng):
    """The figure shows errors against n, on theory's lines, and copies that change none."""
    sizes = [2, 5, 10, 20, 40]
    rods = {n: _rods(torch_rng, n) for n in sizes}
    plain = [_errors(*rods[n]).mean().item() for n in sizes]
    better = [_errors(*rods[n], strength=4.0).mean().item() for n in sizes]
    theta, y = rods[20]
    copied = _errors(theta, y.repeat(1, 3)).mean().item()

    fig = Figure(figsize=(6, 3.6))
    ax = fig.subplots()
    fine = torch.logspace(0.2, 2.1, 50).tolist()
    ax.loglog(fine, [expected_error(n, _SIGMA) for n in fine], label="theory: σ²/n")
    ax.plot(fine, [expected_error(n + 4, _SIGMA) for n in fine], label="theory: σ²/(n + 4)")
    ax.plot(sizes, plain, "o", color="C0", label="average")
    ax.plot(sizes, better, "s", color="C1", label="with knowledge: 0 ± 1")
    ax.plot([20, 60], [plain[3], copied], "k:x", linewidth=1)
    ax.text(64, copied, "20 measurements,\nthree times each", va="center")
    ax.set_xticks(sizes, list(map(str, sizes)))
    ax.set(xlabel="measurements n", ylabel="mean square of the error", xlim=(1.6, 300))
    ax.set_title("Copies add nothing; knowledge is worth four measurements")
    ax.legend(loc="lower left")

    _, _, dots, squares, cross = (line.get_ydata() for line in ax.lines)
    # A mean of 400 squares scatters by √(2/400) = 7.1 %, and four times that is 0.28.
    assert dots == pytest.approx([expected_error(n, 2) for n in sizes], rel=0.28, abs=0)
    # From n = 40 on the two are nearer to each other than four standard errors.
    assert all(b < a for a, b in zip(dots[:4], squares[:4], strict=True))
    assert cross[0] == pytest.approx(cross[1], rel=1e-9, abs=0)
    save_figure(fig)
