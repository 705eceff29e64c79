"""1.3 — Data are a coal that does not burn, and of which more is not always more.

Question
--------
If learning algorithms are the new steam engine, what are data: the coal?  Where does the
comparison fail?
<https://zh.d2l.ai/chapter_introduction/index.html>

Answer
------
Data do drive the engine, but differ from coal in three ways that can be measured:

1. They are not used up.  Any number of models can be trained on the same bytes.
2. More is not always more.  A copy of every row changes nothing; new rows help less and less.
3. A better engine needs less: knowledge put into the algorithm replaces data.

For least squares with d normal features and noise σ² the excess risk from n rows, which is the
expected squared error beyond the noise, is exactly

    σ² d / (n − d − 1)        for n > d + 1

Why
---
The fit errs by (XᵀX)⁻¹Xᵀε, whose mean square is σ² tr E(XᵀX)⁻¹.  For independent standard
normal rows XᵀX has Wishart's distribution, and the mean of its inverse is I/(n − d − 1).
Twice the rows leave about half the excess; near n = d + 1 it explodes.  Duplicated rows double
XᵀX and Xᵀy, and w stays.  If the true weights are themselves drawn from N(0, 1), ridge
regression with the strength σ² has the least mean squared error of all.

In practice
-----------
- The formula belongs to this experiment.  That returns diminish, roughly as 1/n, is general.
- What the comparison hides: unlike coal, data may be private, may be biased, and mean something
  only in their context.

Hints
-----
1. What remains of coal after the engine has run, and what of data?
2. Train on every row twice.  What changes?
3. How does the error fall if you double the rows, again and again?
"""

import hashlib
import math
import operator

import pytest
import torch
from matplotlib.figure import Figure


def excess_risk(n, d, sigma):
    """The mean of ‖ŵ − w‖² of least squares on n standard normal rows: σ²d/(n − d − 1).

    Raises ValueError ("n > d + 1"), where it is infinite, and ("σ ≥ 0") for other noise than a
    finite one, TypeError ("integer") for n or d.
    """
    n, d = operator.index(n), operator.index(d)
    if not (d >= 1 and n > d + 1):
        raise ValueError(f"expected d ≥ 1 and n > d + 1, got n = {n}, d = {d}")
    if not 0 <= sigma < math.inf:
        raise ValueError(f"expected σ ≥ 0, finite, got {sigma}")
    return sigma**2 * d / (n - d - 1)


def ridge(X, y, strength):
    """(XᵀX + strength·I)⁻¹Xᵀy for X (…, n, d) and y (…, n): (…, d).  Strength 0: least squares.

    Leading axes are a batch.  Raises TypeError ("floating-point") unless X and y are tensors,
    both float32 or float64, ValueError ("shape") if they do not fit or d = 0, ("finite") for
    NaN or infinity and ("strength") for one that is negative or not finite, and torch's own
    LinAlgError ("singular") for dependent columns and strength 0, unless rounding hides them.
    """
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in (X, y)}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected floating-point tensors, float32 or float64, got {dtypes}")
    if X.dim() < 2 or X.shape[:-1] != y.shape or X.shape[-1] == 0:
        raise ValueError(f"expected shapes (…, n, d) and (…, n), got {X.shape} and {y.shape}")
    if not all(t.isfinite().all() for t in (X, y)):
        raise ValueError("expected finite numbers, got NaN or infinity")
    if not 0 <= strength < math.inf:
        raise ValueError(f"expected a finite strength ≥ 0, got {strength}")
    gram = X.mT @ X + strength * torch.eye(X.shape[-1], dtype=X.dtype)
    return torch.linalg.solve(gram, (X.mT @ y[..., None]))[..., 0]


def _worlds(torch_rng, count, n, d=10, sigma=1.0):
    """Many worlds: weights drawn from N(0, 1), n standard normal rows, noisy targets."""
    w = torch.randn(count, d, generator=torch_rng, dtype=torch.float64)
    X = torch.randn(count, n, d, generator=torch_rng, dtype=torch.float64)
    noise = sigma * torch.randn(count, n, generator=torch_rng, dtype=torch.float64)
    return w, X, (X @ w[..., None])[..., 0] + noise


def _excess(w, X, y, strength=0.0):
    """‖ŵ − w‖² in each world: the excess risk, as the features have the covariance I."""
    return (ridge(X, y, strength) - w).square().sum(-1)


def test_training_leaves_the_data_as_they_were(torch_rng):
    """Two models, one after the other: the loss falls, and not a bit of X or y has changed."""
    _, X, y = (tensor[0] for tensor in _worlds(torch_rng, 1, 50))
    before = hashlib.sha256(X.numpy().tobytes() + y.numpy().tobytes()).hexdigest()

    for strength in (0.0, 1.0):
        w = torch.zeros(10, dtype=torch.float64, requires_grad=True)
        losses = []
        for _ in range(100):
            loss = (X @ w - y).square().mean() + strength * w.square().mean()
            (slope,) = torch.autograd.grad(loss, w)
            w = (w - 0.1 * slope).detach().requires_grad_()
            losses.append(loss.item())
        assert losses[-1] < losses[0] / 2

    assert hashlib.sha256(X.numpy().tobytes() + y.numpy().tobytes()).hexdigest() == before


@pytest.mark.misconception("more data make a better model")
def test_a_copy_of_every_row_is_worthless(torch_rng):
    """The same fit from each row once and from each row three times; new rows do help."""
    w, X, y = _worlds(torch_rng, 200, 20)

    once, thrice = ridge(X, y, 0.0), ridge(X.repeat(1, 3, 1), y.repeat(1, 3), 0.0)

    assert (once - thrice).abs().max() < 1e-9
    assert _excess(*_worlds(torch_rng, 200, 60)).mean() < _excess(w, X, y).mean() / 2


@pytest.mark.parametrize("n", [20, 40, 80])
@pytest.mark.seeds(3)
def test_the_excess_risk_is_exactly_that(torch_rng, n):
    """500 worlds, d = 10, σ = 2: the mean is σ²d/(n − d − 1), within 5 standard errors."""
    excess = _excess(*_worlds(torch_rng, 500, n, sigma=2.0))

    error = excess.std() / 500**0.5
    assert abs(excess.mean() - excess_risk(n, 10, 2.0)) < 5 * error
    assert error < 0.08 * excess.mean()


def test_the_smallest_cases_by_hand():
    """Three rows, one feature: σ² E(1/χ²₃) = σ²; and without noise nothing is left."""
    assert excess_risk(3, 1, 2.0) == 4
    assert excess_risk(20, 3, 0) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ridge_shrinks_to_the_last_digit_of_its_dtype(dtype):
    """With X = I it divides y by 1 + strength; float32 would round 0.1 otherwise."""
    y = torch.tensor([2.0, 4.0], dtype=dtype)

    w = ridge(torch.eye(2, dtype=dtype), y, 0.1)

    assert (w.dtype, w.shape) == (dtype, (2,))
    assert (w * 1.1 / y - 1).abs().max() < 4 * torch.finfo(dtype).eps


def test_returns_diminish():
    """From 20 rows to 40 it falls by 0.77, from 160 to 320 by 0.03; as 1/n in the end."""
    gains = [excess_risk(n, 10, 1) - excess_risk(2 * n, 10, 1) for n in (20, 40, 80, 160)]

    assert [round(gain, 2) for gain in gains] == [0.77, 0.2, 0.08, 0.03]
    assert excess_risk(10**6, 10, 1) / excess_risk(2 * 10**6, 10, 1) == pytest.approx(
        2, rel=1e-4
    )


@pytest.mark.seeds(3)
def test_a_better_engine_needs_less_fuel(torch_rng):
    """15 rows, 10 weights from N(0, 1), σ = 2: ridge of strength 4 halves the excess risk.

    Of 1000 worlds the medians are compared, since so few rows leave heavy tails; and in the
    mean every other strength does worse than σ² = 4, by 4 standard errors of the difference.
    """
    worlds = _worlds(torch_rng, 1000, 15, sigma=2.0)

    best = _excess(*worlds, strength=4.0)

    assert best.median() < 0.5 * _excess(*worlds).median()
    for other in (1.0, 2.0, 8.0, 16.0):
        difference = _excess(*worlds, strength=other) - best
        assert difference.mean() > 4 * difference.std() / 1000**0.5


def test_bad_input_is_refused():
    """Too few rows, no features, negative noise or strength, shapes, dtypes, NaN, rank."""
    for n, d in ((11, 10), (5, 10), (3, 0)):
        with pytest.raises(ValueError, match="n > d \\+ 1"):
            excess_risk(n, d, 1.0)
    for bad in ((20.5, 3), (20, 3.5), (math.inf, 3)):
        with pytest.raises(TypeError, match="integer"):
            excess_risk(*bad, 1.0)
    for sigma in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="σ ≥ 0"):
            excess_risk(20, 3, sigma)
    X, y = torch.ones(3, 2), torch.ones(3)
    for bad in ((y, y), (y, y[0]), (X, y[:2]), (X[:, :0], y), (X[None, :, :0], y[None])):
        with pytest.raises(ValueError, match="shape"):
            ridge(*bad, 1.0)
    for bad in ((X.tolist(), y), (X.long(), y.long()), (X, y.double()), (X.half(), y.half())):
        with pytest.raises(TypeError, match="floating-point"):
            ridge(*bad, 1.0)
    last = torch.tensor([2])
    for bad in ((X.index_fill(0, last, math.nan), y), (X, y.index_fill(0, last, math.inf))):
        with pytest.raises(ValueError, match="finite"):
            ridge(*bad, 1.0)
    for strength in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="strength"):
            ridge(X, y, strength)
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        ridge(X, y, 0.0)


def test_the_figure_shows_diminishing_returns(save_figure, torch_rng):
    """Excess risk against rows on theory's curve; copies don't help, a better engine does."""
    sizes = [13, 15, 20, 30, 50, 80, 160, 300]
    means, better = [], []
    for n in sizes:
        worlds = _worlds(torch_rng, 200, n)
        means.append(_excess(*worlds).mean().item())
        better.append(_excess(*worlds, strength=1.0).mean().item())
    fine = list(range(13, 400))

    fig = Figure()
    ax = fig.subplots()
    ax.loglog(fine, [excess_risk(n, 10, 1) for n in fine], label="theory: σ²d / (n − d − 1)")
    ax.plot(sizes, means, "o", label="least squares, 200 worlds each")
    ax.plot(sizes, better, "s--", markersize=4, label="ridge that knows the prior")
    height = excess_risk(20, 10, 1)
    ax.plot([20, 60], [height, height], "k:", linewidth=1)
    ax.plot(60, height, "kx")
    ax.text(64, height, "20 rows, three times each", va="center")
    ax.set_xticks([13, 20, 50, 100, 300], ["13", "20", "50", "100", "300"])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="rows n (d = 10, σ = 1)", ylabel="excess risk")
    ax.legend(loc="lower left")

    theory, dots, squares, *_ = (line.get_ydata() for line in ax.lines)
    assert len(dots) == len(squares) == len(sizes)
    assert all(b < a for a, b in zip(dots[:5], squares[:5], strict=True))
    assert dots[2:] == pytest.approx([excess_risk(n, 10, 1) for n in sizes[2:]], rel=0.25)
    assert theory[0] == 5
    save_figure(fig)
