"""3.2.1 — Zero weights are a good start for linear regression, and a dead one for a layer.

Question
--------
Linear regression is trained by minibatch descent from small random weights.  What happens if
every weight starts at zero?  Does the algorithm still work, and would it in a network?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression-scratch.html>

Answer
------
It works as well as any start.  Let X carry a column of ones for the bias.  The first gradient
of the loss ‖Xw − y‖² / 2n is

    −Xᵀy / n

which is zero only if y is orthogonal to every column.  The loss is convex, so descent on all
rows, by steps below 2/λₘₐₓ(XᵀX/n), ends at

    w₀ + X⁺(y − Xw₀)

the least-squares solution nearest to the start w₀.  With full column rank there is only one,
and the start is forgotten; otherwise every start in the row space of X leads to the solution of
least norm, X⁺y, and zero is in the row space of every X.

With a hidden layer of ReLU or tanh units zero is a stationary point of the weights: only the
output bias moves, to the mean of y.  Equal constants move, but together.

Why
---
Every gradient Xᵀ(…) lies in the row space of X.  Descent never touches the part of w₀ in the
null space, and solves the least-squares problem in the row space, where it is unique.

Two runs over the same minibatches forget their difference δ by δ ← (I − ηXᵦᵀXᵦ/B)δ: neither y
nor the noise enters.  In the mean over standard normal data that is the factor 1 − η a step.

For ŷ = c + Σₖ vₖφ(wₖᵀx + aₖ) the gradients are, with the residual r = ŷ − y,

    ∂/∂vₖ = Σᵢ rᵢ φ(wₖᵀxᵢ + aₖ) / n,      ∂/∂wₖ = vₖ Σᵢ rᵢ φ′(wₖᵀxᵢ + aₖ) xᵢ / n

If all is zero and φ(0) = 0, the first vanishes with φ, the second with vₖ.  And units that
start equal have equal gradients, for ever: a layer of h such units is one unit.

In practice
-----------
Draw the hidden weights wₖ at random; biases and output weights may be zero.  The other way
round, zero wₖ and aₖ and random vₖ, tanh escapes too, slowly, but not ReLU, as torch takes its
slope at 0 to be 0.

Hints
-----
1. Put w = 0 into the gradient of the squared loss.  When is the result zero?
2. Which directions can a sum of rows of X never have?
3. Take two hidden units with the same weights: how do their gradients differ?
"""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from matplotlib.figure import Figure


def first_gradient(X, y):
    """The gradient of ‖Xw − y‖² / 2n at w = 0: −Xᵀy / n, of shape (…, d).

    X is (…, n, d) and y is (…, n), both float32 or float64; leading axes broadcast.  Raises
    TypeError ("floating-point tensors"), and ValueError for other shapes ("n rows"), for
    leading axes that don't ("broadcast"), for n = 0 or d = 0 ("empty") and for NaN or infinity
    ("finite").
    """
    _check(X, y)
    return -(X.mT @ y.unsqueeze(-1)).squeeze(-1) / y.shape[-1]


def descent_limit(X, y, start):
    """Where gradient descent on ‖Xw − y‖² ends from w = `start`: start + X⁺(y − X start).

    X is (…, n, d), y is (…, n) and start is (…, d), all float32 or float64; leading axes
    broadcast.  Singular values up to max(n, d) · ε times the largest count as zero.  Raises
    what `first_gradient` raises, and ValueError ("start") for a start that is not (…, d).
    """
    _check(X, y, start)
    if start.ndim < 1 or start.shape[-1] != X.shape[-1]:
        raise ValueError(f"start must have d = {X.shape[-1]} entries, got {tuple(start.shape)}")
    residual = y - (X @ start.unsqueeze(-1)).squeeze(-1)
    return start + (torch.linalg.pinv(X) @ residual.unsqueeze(-1)).squeeze(-1)


def hidden_spread(W):
    """The largest distance between two rows of W (…, h, d), of shape (…): 0 for equal units.

    Exactly 0 where the rows are equal to the last bit.  Raises TypeError ("floating-point
    tensors"), and ValueError for fewer than two axes ("h × d"), for h = 0 or d = 0 ("empty")
    and for NaN or infinity ("finite").
    """
    _check_numbers(W)
    if W.ndim < 2:
        raise ValueError(f"W must be h × d, got shape {tuple(W.shape)}")
    if W.shape[-1] == 0 or W.shape[-2] == 0:
        raise ValueError(f"W must not be empty, got shape {tuple(W.shape)}")
    return (W.unsqueeze(-2) - W.unsqueeze(-3)).norm(dim=-1).amax((-2, -1))


def _check_numbers(*tensors):
    dtypes = {t.dtype if isinstance(t, torch.Tensor) else type(t) for t in tensors}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise TypeError(f"expected floating-point tensors, float32 or float64, got {dtypes}")
    if not all(t.isfinite().all() for t in tensors):
        raise ValueError("every entry must be finite")


def _check(X, y, *more):
    _check_numbers(X, y, *more)
    if X.ndim < 2 or y.ndim < 1 or X.shape[-2] != y.shape[-1]:
        raise ValueError(f"X and y must have n rows, got {tuple(X.shape)} and {tuple(y.shape)}")
    if X.shape[-1] == 0 or X.shape[-2] == 0:
        raise ValueError(f"X must not be empty, got shape {tuple(X.shape)}")
    leading = [tuple(shape) for shape in (X.shape[:-2], *(t.shape[:-1] for t in (y, *more)))]
    try:
        torch.broadcast_shapes(*leading)
    except RuntimeError:
        raise ValueError(f"expected leading axes that broadcast, got {leading}") from None


_SIGMA, _RATE, _BATCH, _EPOCHS = 0.01, 0.03, 10, 3


def _book_data(torch_rng, seeds=8, n=1000):
    """The book's data, `seeds` times over: w = (2, −3.4), b = 4.2 under a column of ones."""
    X = torch.randn(seeds, n, 3, generator=torch_rng, dtype=torch.float64)
    X[..., 2] = 1
    noise = torch.randn(seeds, n, generator=torch_rng, dtype=torch.float64)
    return X, X @ torch.tensor([2, -3.4, 4.2], dtype=torch.float64) + _SIGMA * noise


def _minibatches(X, y, torch_rng):
    """Every epoch deals all rows once, in its own order for each seed: given by the book."""
    seeds, n = y.shape
    order = torch.rand(_EPOCHS, seeds, n, generator=torch_rng).argsort(-1)
    rows = order.reshape(_EPOCHS, seeds, -1, _BATCH).transpose(1, 2).flatten(0, 1)
    seed = torch.arange(seeds)[:, None]
    return [(X[seed, row], y[seed, row]) for row in rows]


def _descend(w, batches, rate):
    """The weights before and after every step of (minibatch) gradient descent."""
    path = [w]
    for X, y in batches:
        residual = X @ path[-1].unsqueeze(-1) - y.unsqueeze(-1)
        path.append(path[-1] - rate * (X.mT @ residual).squeeze(-1) / y.shape[-1])
    return torch.stack(path)


def _loss(X, y, w):
    return ((X @ w.unsqueeze(-1)).squeeze(-1) - y).square().mean(-1) / 2


_STARTS = ["all zero", "all 0.5", "random hidden only", "random output only", "all random"]


def _starts(torch_rng, seeds, h=8):
    """Units (wₖ, aₖ, vₖ) of two inputs, shape (seeds, 5, h, 4): the starts as in `_STARTS`.

    Random vₖ have variance 1/h, as usual, so that a step of ReLU is not too long.
    """
    random = torch.randn(seeds, h, 4, generator=torch_rng, dtype=torch.float64)
    random[..., 3] /= h**0.5
    hidden, output = random.clone(), random.clone()
    hidden[..., 2:] = 0
    output[..., :3] = 0
    return torch.stack([0 * random, 0 * random + 0.5, hidden, output, random], dim=1)


def _train_hidden(torch_rng, activation, rate, seeds, steps=150):
    """Descent on y = |x₁| + |x₂| from every start at once: losses, units, biases and y.

    The losses are (steps, seeds, 5), the units (steps + 1, seeds, 5, h, 4), the biases
    (seeds, 5).  All share 64 rows; y has variance 1, so that its mean leaves a loss of 1/2.
    """
    X = 4 * torch.rand(64, 2, generator=torch_rng, dtype=torch.float64) - 2
    y = X.abs().sum(dim=1)
    y = y / y.std(correction=0)
    units = _starts(torch_rng, seeds)
    bias = torch.zeros(seeds, len(_STARTS), 1, dtype=torch.float64)
    losses, path = [], [units]
    for _ in range(steps):
        units.requires_grad_()
        bias.requires_grad_()
        W, a, v = units[..., :2], units[..., 2], units[..., 3:]
        output = (activation(X @ W.mT + a.unsqueeze(-2)) @ v).squeeze(-1) + bias
        loss = (output - y).square().mean(-1) / 2
        by_units, by_bias = torch.autograd.grad(loss.sum(), (units, bias))
        units, bias = units.detach() - rate * by_units, bias.detach() - rate * by_bias
        losses.append(loss.detach())
        path.append(units)
    return torch.stack(losses), torch.stack(path).detach(), bias.squeeze(-1), y


def test_the_first_gradient_is_that_of_autograd():
    """Whole numbers and n = 4, so that both are exact; two data sets in one call."""
    X = torch.tensor([[[1.0, 2], [0, 1], [3, -1], [2, 2]], [[5.0, 0], [1, 1], [-2, 7], [0, 3]]])
    y = torch.tensor([[4.0, 1, 0, -3], [2.0, 6, 1, 1]])
    w = torch.zeros(2, 2, requires_grad=True)

    _loss(X, y, w).sum().backward()

    assert torch.equal(first_gradient(X, y), w.grad)
    assert torch.equal(first_gradient(X[0], y[0]), torch.tensor([2 / 4, -3 / 4]))


def test_every_start_reaches_the_noise_floor(torch_rng):
    """Book's data, 8 seeds, starts N(0, s²) with s = 0, 0.01 and 1, over the same batches.

    The least loss is σ²/2n times χ² with n − 3 degrees of freedom: a relative standard error
    of √(2/n), six of which are allowed to the farthest of 8.  Above it, zero leaves
    ‖w‖²e⁻¹⁸/2, half a per cent in the mean and up to 16 times as much (the square of the next
    test's four); the noise of the steps 3ησ²/4B adds half a per cent, or five times as much.
    """
    X, y = _book_data(torch_rng)
    n = y.shape[-1]
    scale = torch.tensor([0, 0.01, 1], dtype=torch.float64)[:, None, None]
    start = scale * torch.randn(3, 8, 3, generator=torch_rng, dtype=torch.float64)

    end = _descend(start, _minibatches(X, y, torch_rng), _RATE)[-1]

    least = _loss(X, y, descent_limit(X, y, start))
    assert (least / (_SIGMA**2 / 2 * (1 - 3 / n)) - 1).abs().max() < 6 * (2 / n) ** 0.5
    excess = _loss(X, y, end) / least - 1
    assert excess.shape == (3, 8)
    assert excess.min() >= 0
    assert excess.max() < 0.11


def test_two_starts_forget_their_difference_at_the_same_rate(torch_rng):
    """300 steps of mean factor 1 − η leave about e⁻⁹ of any start, the near or the far.

    The mean square factor of a step is at most 1 − 2η + η²(1 + 4/B), whence 1.1 · 10⁻⁴.  The
    eigenvalues of 1000 rows lie within (1 ± √(3/n))², not at 1, which moves that by a factor
    of up to 2.7, and the choice of the batches by some 1.5 more: four in all.
    """
    X, y = _book_data(torch_rng)
    near = 0.01 * torch.randn(8, 3, generator=torch_rng, dtype=torch.float64)
    start = torch.stack([0 * near, near, 1000 * near])

    zero, *ends = _descend(start, _minibatches(X, y, torch_rng), _RATE)[-1]

    expected = (1 - 2 * _RATE + _RATE**2 * (1 + 4 / _BATCH)) ** 150
    for end, from_ in zip(ends, start[1:], strict=True):
        left = ((end - zero).square().sum() / from_.square().sum()).sqrt()
        assert expected / 4 < left < 4 * expected


def test_full_rank_forgets_the_start(torch_rng):
    """The limit is one point, with the residual orthogonal to the columns."""
    X, y = _book_data(torch_rng, seeds=2, n=50)
    start = torch.randn(4, 2, 3, generator=torch_rng, dtype=torch.float64)

    limit = descent_limit(X, y, start)

    np.testing.assert_allclose(
        limit, limit[:1].expand(4, 2, 3), rtol=0, atol=1e-12, strict=True
    )
    residual = y - (X @ limit.unsqueeze(-1)).squeeze(-1)
    assert (residual.unsqueeze(-2) @ X).abs().max() < 1e-11  # 50 sums of numbers up to 15


def test_fewer_rows_than_columns_keep_part_of_the_start(torch_rng):
    """Descent against the formula; against `gelsd`'s solution of least norm; the rest is P₀w₀.

    Five data sets at once, each of 5 rows of 40 normal entries.  Of 20 000 such the least
    λₘᵢₙ/λₘₐₓ was 0.115, and 300 steps leave (1 − 0.1)³⁰⁰ < 10⁻¹³ of what is to be forgotten.
    """
    X = torch.randn(5, 5, 40, generator=torch_rng, dtype=torch.float64)
    y = torch.randn(5, 5, generator=torch_rng, dtype=torch.float64)
    random = torch.randn(5, 40, generator=torch_rng, dtype=torch.float64)
    start = torch.stack([0 * random, random])
    rate = 5 / torch.linalg.matrix_norm(X, ord=2)[:, None] ** 2

    end = _descend(start, [(X, y)] * 300, rate)[-1]

    near = {"rtol": 0, "atol": 1e-10, "strict": True}
    np.testing.assert_allclose(end, descent_limit(X, y, start), **near)
    least_norm = torch.linalg.lstsq(X, y[..., None], driver="gelsd").solution[..., 0]
    np.testing.assert_allclose(end[0], least_norm, **near)
    np.testing.assert_allclose(descent_limit(X, y, X.sum(-2)), least_norm, **near)
    V = torch.linalg.svd(X).Vh[:, 5:]
    np.testing.assert_allclose(
        end[1] - end[0], (V.mT @ (V @ random[..., None])).squeeze(-1), **near
    )
    assert (end[1].norm(dim=-1) > 1.5 * end[0].norm(dim=-1)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_small_singular_value_counts_until_rounding_hides_it(dtype):
    """Columns of lengths 1 and 10⁻³ both learn; one of length 10⁻²⁰ leaves its start alone."""
    for length, learned in ((1e-3, 1.0), (1e-20, 5.0)):
        X = torch.diag(torch.tensor([1, length], dtype=dtype))

        limit = descent_limit(X, X.diagonal(), torch.full((2,), 5.0, dtype=dtype))

        assert limit.tolist() == pytest.approx([1, learned], rel=1e-5)


def test_sizes_of_one_keep_their_axes():
    """Three data sets of one row and one column: y = 2x is solved by w = 2, from any start."""
    X = torch.tensor([[[1.0]], [[2.0]], [[-1.0]]])
    y = 2 * X[..., 0]

    limit = descent_limit(X, y, torch.ones(1))

    assert torch.equal(first_gradient(X, y), torch.tensor([[-2.0], [-8.0], [-2.0]]))
    np.testing.assert_allclose(limit, torch.full((3, 1), 2.0), rtol=1e-6, strict=True)


def test_a_column_that_occurs_twice_shares_its_weight():
    """Columns x, x and y = 6x: (3, 3) from zero; from (1, 0) a difference of 1 stays."""
    x = torch.tensor([1.0, -2, 2])
    X = torch.stack([x, x], dim=-1)
    start = torch.tensor([[0.0, 0], [1, 0]])

    limit = descent_limit(X, 6 * x, start)
    end = _descend(start, [(X, 6 * x)] * 60, 0.1)[-1]

    expected = torch.tensor([[3.0, 3], [3.5, 2.5]])
    np.testing.assert_allclose(limit, expected, rtol=1e-5, strict=True)
    np.testing.assert_allclose(end, expected, rtol=1e-5, strict=True)


@pytest.mark.misconception("zero weights make linear regression fail")
def test_only_a_target_orthogonal_to_every_column_gives_no_gradient(torch_rng):
    """On the book's data the first step points at the weights, within 11°, for 8 seeds.

    The eigenvalues of 1000 rows within (1 ± √(3/n))² allow 6.3°, and 11° their scatter.
    Where the gradient at zero does vanish, zero is already the solution.
    """
    X, y = _book_data(torch_rng)
    truth = torch.tensor([2, -3.4, 4.2], dtype=torch.float64)
    columns = torch.tensor([[1.0, 1], [1, -1], [1, 0]])
    orthogonal = torch.tensor([1.0, 1, -2])

    step = -first_gradient(X, y)

    assert torch.cosine_similarity(step, truth, dim=-1).min() > math.cos(math.radians(11))
    assert torch.equal(first_gradient(columns, orthogonal), torch.zeros(2))
    assert descent_limit(columns, orthogonal, torch.zeros(2)).abs().max() < 1e-6


def test_equal_units_have_equal_gradients():
    """Symbols and any φ, two units, one row: the sum over rows inherits it.

    Output weights that differ are enough to part two hidden units.
    """
    x, y, c, w1, w2, a1, a2, v1, v2 = sp.symbols("x y c w1 w2 a1 a2 v1 v2")
    phi = sp.Function("φ")
    loss = (c + v1 * phi(w1 * x + a1) + v2 * phi(w2 * x + a2) - y) ** 2 / 2

    def difference(first, second, equal):
        return sp.expand((loss.diff(first) - loss.diff(second)).subs(equal).doit())

    for pair in ((w1, w2), (a1, a2), (v1, v2)):
        assert difference(*pair, {w2: w1, a2: a1, v2: v1}) == 0
    for pair in ((w1, w2), (a1, a2)):
        assert difference(*pair, {w2: w1, a2: a1}) != 0


@pytest.mark.misconception("then a network may start from equal weights, too")
@pytest.mark.parametrize(("activation", "rate"), [(torch.relu, 0.1), (torch.tanh, 0.3)])
def test_behind_a_layer_a_start_must_tell_the_units_apart(activation, rate, torch_rng):
    """Zero moves only the bias, constants keep rank 1; random hidden weights learn at v = 0.

    Five seeds at once; of the losses the median counts, as some ReLU units are born dead.
    """
    losses, path, bias, y = _train_hidden(torch_rng, activation, rate, seeds=5)
    zero, equal, hidden, output, both = path[-1].unbind(dim=1)

    assert torch.equal(zero, torch.zeros(5, 8, 4, dtype=torch.float64))
    np.testing.assert_allclose(bias[:, 0], y.mean().expand(5), rtol=1e-5, strict=True)
    assert torch.equal(hidden_spread(equal), torch.zeros(5, dtype=torch.float64))
    assert torch.linalg.matrix_rank(equal[..., :2]).tolist() == [1] * 5
    for W in (hidden[..., :2], both[..., :2]):
        assert torch.linalg.matrix_rank(W).tolist() == [2] * 5
    stuck = torch.equal(output[..., :2], torch.zeros(5, 8, 2, dtype=torch.float64))
    assert stuck == (activation is torch.relu)
    final = losses[-1].quantile(0.5, dim=0)
    if stuck:
        assert final[3] == pytest.approx(0.5, rel=1e-5)
    else:
        assert torch.linalg.matrix_rank(output[..., :2]).tolist() == [2] * 5
        assert 0.3 < final[3] < 0.5
    assert final[0] == pytest.approx(0.5, rel=1e-12)
    assert final[1] > 0.3
    assert final[[2, 4]].max() < 0.25


def test_the_spread_is_the_largest_distance():
    """Rows (0, 0), (3, 4), (0, 1): distances 5, 1 and √18; one row alone has none."""
    W = torch.tensor([[0.0, 0], [3, 4], [0, 1]])

    assert hidden_spread(W) == 5
    assert torch.equal(hidden_spread(torch.stack([W, W[[0, 2, 2]]])), torch.tensor([5.0, 1]))
    assert hidden_spread(W[:1]) == 0


def test_bad_shapes_are_refused():
    """Each function names the shape that it expected."""
    X, y, start = torch.ones(4, 2), torch.ones(4), torch.ones(2)

    for wrong in (torch.ones(3), torch.ones(4, 1), torch.tensor(1.0)):
        with pytest.raises(ValueError, match="n rows"):
            first_gradient(X, wrong)
        with pytest.raises(ValueError, match="n rows"):
            descent_limit(X, wrong, start)
    with pytest.raises(ValueError, match="n rows"):
        first_gradient(y, y)
    for wrong in (torch.ones(4), torch.ones(1), torch.tensor(1.0)):
        with pytest.raises(ValueError, match="start"):
            descent_limit(X, y, wrong)
    for batch in (torch.ones(2, 4, 2), torch.ones(3, 5, 4, 2)):
        with pytest.raises(ValueError, match="broadcast"):
            first_gradient(batch, torch.ones(3, 4))
        with pytest.raises(ValueError, match="broadcast"):
            descent_limit(batch, torch.ones(3, 4), start)
        with pytest.raises(ValueError, match="broadcast"):
            descent_limit(batch, y, torch.ones(3, 2))
    with pytest.raises(ValueError, match="h × d"):
        hidden_spread(y)
    for n, d in ((0, 2), (4, 0)):
        empty = torch.ones(3, n, d)
        with pytest.raises(ValueError, match="empty"):
            first_gradient(empty, torch.ones(n))
        with pytest.raises(ValueError, match="empty"):
            descent_limit(empty, torch.ones(n), torch.ones(d))
        with pytest.raises(ValueError, match="empty"):
            hidden_spread(empty)


def test_bad_numbers_are_refused():
    """In every argument; whole numbers and lists are refused by their type."""
    X, y, start = torch.ones(4, 2), torch.ones(4), torch.ones(2)
    good = {first_gradient: (X, y), descent_limit: (X, y, start), hidden_spread: (X,)}

    for function, arguments in good.items():
        function(*arguments)
        for k, argument in enumerate(arguments):
            for bad in (torch.nan * argument, -torch.inf * argument):
                with pytest.raises(ValueError, match="finite"):
                    function(*arguments[:k], bad, *arguments[k + 1 :])
            for bad in (argument.long(), argument.tolist(), argument.half()):
                with pytest.raises(TypeError, match="floating-point tensors"):
                    function(*arguments[:k], bad, *arguments[k + 1 :])


def test_the_figure_shows_lines_that_meet_and_units_that_do_not_part(save_figure, torch_rng):
    """Above: linear regression from four starts.  Below: tanh units from three."""
    X, y = _book_data(torch_rng, seeds=1)
    scales = [0, 0.01, 1, 10]
    start = torch.randn(4, 1, 3, generator=torch_rng, dtype=torch.float64)
    start = start * torch.tensor(scales, dtype=torch.float64)[:, None, None]
    path = _descend(start, _minibatches(X, y, torch_rng), _RATE)
    linear = _loss(X, y, path).squeeze(-1)
    losses, units, _, _ = _train_hidden(torch_rng, torch.tanh, rate=0.3, seeds=1)
    spread = hidden_spread(units[..., :2])

    fig = Figure(figsize=(6, 5))
    axes = fig.subplot_mosaic([["linear", "linear"], ["loss", "spread"]])
    for curve, scale, style in zip(linear.T, scales, ("-", "--", "-.", ":"), strict=True):
        name = f"start N(0, {scale}²)" if scale else "start at zero"
        axes["linear"].semilogy(curve, style, label=name)
    axes["linear"].axhline(_SIGMA**2 / 2, color="black", linewidth=0.8, label="σ²/2")
    axes["linear"].set(title="linear regression", xlabel="minibatch step", ylabel="loss")
    axes["linear"].legend(ncols=2)
    for k, style in ((0, "-"), (1, "--"), (4, "-.")):
        axes["loss"].plot(losses[:, 0, k], style, label=_STARTS[k])
        axes["spread"].plot(spread[:, 0, k], style, label=_STARTS[k])
    axes["loss"].set(title="8 tanh units", xlabel="step", ylabel="loss", ylim=(0, 1))
    axes["spread"].set(title="8 tanh units", xlabel="step", ylabel="spread of hidden rows")
    axes["spread"].legend()

    *near, far = (line.get_ydata() for line in axes["linear"].lines[:4])
    assert all(curve[-1] < 1.25 * _SIGMA**2 / 2 for curve in near)
    assert far[-1] < 1e-5 * far[0]
    flat, equal, random = (line.get_ydata() for line in axes["spread"].lines)
    assert max(flat.max(), equal.max()) == 0
    assert random.min() > 0.5
    save_figure(fig)
