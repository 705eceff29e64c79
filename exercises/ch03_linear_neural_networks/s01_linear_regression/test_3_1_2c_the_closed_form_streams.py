"""3.1.2c — The closed form needs d(d + 3)/2 sums, however many rows there are.

Question
--------
The closed form w = (XᵀX)⁻¹Xᵀy contains X, which has a row for each example.  Does it fail if
there are too many rows for the memory, or if they are on several machines?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.2 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
No.  Not X is needed but XᵀX and Xᵀy, and these are sums over rows:

    XᵀX = Σᵢ xᵢxᵢᵀ        Xᵀy = Σᵢ xᵢyᵢ

Read the rows once, block by block, add, and solve at the end.  Several machines add their own
rows; then they add up their sums.

Why
---
A sum can be taken in any order and in any groups.  XᵀX is a symmetric d × d matrix: d(d + 1)/2
numbers are different, and Xᵀy has d more.  That is all there is to keep and to tell another
machine: 20 numbers for d = 5, be it for a thousand rows or a billion.

In practice
-----------
- NumPy multiplies Xᵀ by X in half the time of other products: it knows that XᵀX is symmetric.
- Torch's idle threads keep cores busy, which NumPy's then miss: leave one thread, or set
  `OMP_WAIT_POLICY=PASSIVE`.
- Sum in float64: a float32 sum that has reached 2²⁴ takes no notice of another 1.
- What sums can't give back are digits: XᵀX has the squared condition number (3.1.2b).
  A triangle R keeps them, and streams as well (3.1.2e).

Hints
-----
1. Write XᵀX as a sum over the rows of X.
2. What has to be kept of a row once it has been added?
3. XᵀX is symmetric: how many of its numbers does another machine need to be told?
"""

import numpy as np
import pytest
import torch
import torch.distributed as dist
from scipy.linalg import lstsq as scipy_lstsq


def normal_sums(blocks):
    """XᵀX, (d, d), and Xᵀy, (d,), of all rows, from an iterable of blocks (X, y) of rows.

    Each X has shape (rows, d) and y (rows,); each block is read once and not kept.
    """
    gram = moment = 0
    for X, y in blocks:
        X, y = X.numpy(), y.numpy().ravel()  # a column of y would broadcast
        gram, moment = gram + X.T @ X, moment + X.T @ y
    return torch.from_numpy(gram), torch.from_numpy(moment)


_EPS = torch.finfo(torch.float64).eps


def _solve(gram, moment):
    """The w of 3.1.2a, by Cholesky."""
    return torch.cholesky_solve(moment[:, None], torch.linalg.cholesky(gram))[:, 0]


def _rows(generator, n=1000, d=4):
    X = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return X, X.sum(1) + torch.randn(n, generator=generator, dtype=torch.float64)


def _blocks(X, y, *sizes):
    return zip(X.split(list(sizes)), y.split(list(sizes)), strict=True)


def test_three_points_one_by_one():
    """Of (0, 1), (1, 2), (2, 4) and ones: XᵀX = [[3, 3], [3, 5]] and Xᵀy = (7, 10)."""
    X = torch.tensor([[1.0, 0], [1, 1], [1, 2]], dtype=torch.float64)
    y = torch.tensor([1.0, 2, 4], dtype=torch.float64)

    gram, moment = normal_sums(_blocks(X, y, 1, 1, 1))

    assert gram.tolist() == [[3, 3], [3, 5]]
    assert moment.tolist() == [7, 10]
    assert (_solve(gram, moment) - torch.tensor([5 / 6, 3 / 2]).double()).abs().max() < 1e-6


@pytest.mark.parametrize("sizes", [(1000,), (1,) * 1000, (999, 1), (0, 300, 0, 700)])
def test_blocks_of_any_size_have_the_same_sums(torch_rng, sizes):
    """For whole numbers the sums are exactly those of all rows at once, in whatever blocks."""
    X = torch.randint(-9, 10, (1000, 4), generator=torch_rng).double()
    y = torch.randint(-9, 10, (1000,), generator=torch_rng).double()

    gram, moment = normal_sums(_blocks(X, y, *sizes))

    assert torch.equal(gram, X.T @ X)
    assert torch.equal(moment, X.T @ y)


def _counting_rows(n, rows=50_000):
    """Yields n rows (1, t mod 100, ±1), t = 0, 1, …, with y = 2 + 3 · (t mod 100) ∓ 1.

    One buffer is filled once, and changed in place before each block is handed out again.
    """
    t = torch.arange(rows, dtype=torch.float64)
    X = torch.stack((torch.ones(rows, dtype=torch.float64), t % 100, 1 - t % 2 * 2), 1)
    y = X @ torch.tensor([2.0, 3.0, -1.0], dtype=torch.float64)
    for _ in range(n // rows):
        X[:, 2].neg_()
        y.add_(X[:, 2], alpha=-2)
        yield X, y


@pytest.mark.misconception(
    "n too large for the memory rules the closed form out",
    source="ckyFi9zero's exercises, 3.1.2",
)
def test_five_million_rows_take_no_more_memory_than_a_few_blocks(peak_memory):
    """From 3 blocks of rows to 100 the peak of memory does not grow, and w is (2, 3, −1)."""
    peaks, sums = {}, {}
    for n in (150_000, 5_000_000):

        def add(n=n):
            sums[n] = normal_sums(_counting_rows(n))

        peaks[n] = peak_memory(add)

        gram, _ = sums[n]
        assert gram[0].tolist() == [n, n * 99 / 2, 0]
        assert gram[1, 1] == n * 99 * 199 / 6
        assert (_solve(*sums[n]) - torch.tensor([2.0, 3.0, -1.0])).abs().max() < 1e-10

    # Python's own objects come and go by some kilobytes; a copy of the rows would be 120 MB.
    assert peaks[5_000_000] < peaks[150_000] + 20_000


def _work(rank, X, y):
    """One of two machines: the sums of its own rows; the other is told those that differ."""
    own = slice(0, 300) if rank == 0 else slice(300, None)
    gram, moment = normal_sums([(X[own], y[own])])
    above = torch.triu_indices(*gram.shape)
    told = torch.cat((gram[above[0], above[1]], moment))
    dist.all_reduce(told)
    d = len(moment)
    whole = torch.zeros(d, d, dtype=told.dtype)
    whole[above[0], above[1]] = told[:-d]
    return len(told), _solve(whole + whole.triu(1).T, told[-d:])


# Python 3.12 and newer warn of any fork of a process with threads; ours start no thread of it.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_two_processes_tell_each_other_fourteen_numbers(torch_rng, in_two_processes):
    """With d = 4, 4 · 7/2 = 14 sums of 300 and of 700 rows give both the w of all 1000."""
    X, y = _rows(torch_rng)

    (told, w), (told_too, w_too) = in_two_processes(_work, X, y)

    assert told == told_too == 14
    assert torch.equal(w, w_too)
    expected = torch.linalg.lstsq(X, y[:, None], driver="gelsd").solution[:, 0]
    assert (w - expected).abs().max() < 1000**0.5 * 10 * _EPS


@pytest.mark.misconception("averaging the coefficients of two halves gives those of the whole")
def test_coefficients_do_not_add_up_and_sums_do(torch_rng):
    """Two halves of unlike spread weigh alike in an average of their w, but not in the sums."""
    X, y = _rows(torch_rng)
    X[500:] *= 10
    halves = [normal_sums([(X[:500], y[:500])]), normal_sums([(X[500:], y[500:])])]

    average = sum(_solve(*half) for half in halves) / 2
    added = _solve(*(sum(parts) for parts in zip(*halves, strict=True)))

    expected = torch.linalg.lstsq(X, y[:, None], driver="gelsd").solution[:, 0]
    assert (added - expected).abs().max() < 1000**0.5 * 10 * _EPS
    assert (average - expected).abs().max() > 0.1


@pytest.mark.misconception("after many rows the float32 sum is as good")
def test_a_float32_sum_of_ones_stops_at_two_to_the_24():
    """16 777 216 + 1 is 16 777 216 in float32; the sums keep the dtype of their blocks."""
    X = torch.tensor([[2.0**12], [1.0]])

    gram, _ = normal_sums(_blocks(X, X[:, 0], 1, 1))
    exact, _ = normal_sums(_blocks(X.double(), X[:, 0].double(), 1, 1))

    assert gram.item() == 2**24
    assert exact.item() == 2**24 + 1


@pytest.mark.benchmark(group="3.1.2 Which routine solves least squares fastest?", max_time=0.2)
@pytest.mark.parametrize(
    "n", [250, *(pytest.param(250 * 2**k, marks=pytest.mark.timed_only) for k in range(1, 6))]
)
@pytest.mark.parametrize(
    "method",
    [
        *("streamed sums (c)", "normal equations (a)", "streamed QR (e)", "QR (b)"),
        *("torch gels", "torch gelsd", "numpy lstsq", "scipy gelsy"),
    ],
)
def test_all_routines_give_the_same(benchmark, answer_of, torch_rng, method, n):
    """Of n rows with d = 50 each routine gives the w of LAPACK's QR."""
    X, y = _rows(torch_rng, n, 50)
    blocks, column = list(zip(X.split(1024), y.split(1024), strict=True)), y[:, None]
    normal_equations = answer_of("3.1.2a", "normal_equations")
    by_qr = answer_of("3.1.2b", "least_squares_by_qr")
    stream_qr, solve = (answer_of("3.1.2e", name) for name in ("stream_qr", "solve_triangle"))
    way = {
        "streamed sums (c)": lambda: _solve(*normal_sums(blocks)),
        "normal equations (a)": lambda: normal_equations(X, y),
        "streamed QR (e)": lambda: solve(stream_qr(blocks)),
        "QR (b)": lambda: by_qr(X, y),
        "torch gels": lambda: torch.linalg.lstsq(X, column, driver="gels")[0][:, 0],
        "torch gelsd": lambda: torch.linalg.lstsq(X, column, driver="gelsd")[0][:, 0],
        "numpy lstsq": lambda: np.linalg.lstsq(X.numpy(), y.numpy(), rcond=None)[0],
        "scipy gelsy": lambda: scipy_lstsq(X.numpy(), y.numpy(), lapack_driver="gelsy")[0],
    }[method]
    flops = (1 if "sums" in method else 2) * n * 50**2  # XᵀX is symmetric
    benchmark.extra_info.update(method=method, size=n, exponent=1, flops=flops, bytes=400 * n)
    benchmark.extra_info["reason"] = f"n, of {flops // n} flop a row"

    w = torch.as_tensor(benchmark(way))

    expected = torch.linalg.lstsq(X, column, driver="gels").solution[:, 0]
    assert (w - expected).abs().max() < n**0.5 * 10 * _EPS
