"""3.1.2c — The closed form needs d × (d + 1) sums, however many rows go by.

Question
--------
The closed form of least squares contains XᵀX, and X has a row for each example.  What if there
are too many rows for the memory, or they are on several machines?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>

Answer
------
X itself is not needed, only XᵀX and Xᵀy, and they are sums over rows:

    XᵀX = Σᵢ xᵢxᵢᵀ        Xᵀy = Σᵢ xᵢyᵢ        together d × (d + 1) numbers

Read the rows once, block by block, and add.  Several processes add their own rows, and one
all-reduce adds their sums.  Then solve as ever.  The answer is that of all rows at once.

Why
---
Addition does not care how its terms are grouped: the sums of two sets of rows are the sum of
their sums.  While the sums are whole numbers below 2⁵³ this is exact in float64, else grouping
changes the last digits only.  All blocks together cost the nd² multiplications of XᵀX at once.

In practice
-----------
- Memory is one block and the sums, from 10⁵ rows to 10⁷, and the time grows with the rows.
- Communication is d × (d + 1) numbers, once, however many rows a machine holds.
- A NaN anywhere reaches the sums.  To check them at the end is enough.
- Stream in float64: a float32 sum that has reached 2²⁴ takes no notice of a further 1.
- What it can't give is digits: the sums have the squared condition number of 3.1.2b.

Hints
-----
1. Write XᵀX as a sum over the rows of X.
2. What has to be kept from a row once it has been added?
3. If two machines have their sums, what is the least they must tell each other?
"""

import os
import sys
from datetime import timedelta
from itertools import accumulate, chain

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.autograd.profiler import profile
from torch.linalg import LinAlgError


def normal_sums(blocks):
    """XᵀX and, as last column, Xᵀy: shape (d, d + 1), from an iterable of blocks (X, y).

    Each block, X (rows, d) and y (rows,), is read once and not kept; besides the result no
    memory is taken that grows with d or the rows.  NaN and infinity end up in the sums.  Raises
    ValueError ("at least one block") for none.  With the number of the block, counted from 0,
    raises ValueError ("block") if its shape does not fit, and TypeError ("block") if it is no
    pair of tensors, all of them float32 or all float64.
    """
    sums = None
    for number, block in enumerate(blocks):
        X, y = _floats(block, number, sums)
        if sums is None and X.dim() == 2:
            sums = X.new_zeros(X.shape[1], X.shape[1] + 1)
        if sums is None or X.shape[1:] != sums.shape[:1] or y.shape != X.shape[:1]:
            raise ValueError(
                f"block {number}: expected X of shape (rows, d) and y of shape (rows,), one d "
                f"for all blocks, got {tuple(X.shape)} and {tuple(y.shape)}"
            )
        sums[:, :-1].addmm_(X.T, X)
        sums[:, -1].addmv_(X.T, y)
    if sums is None:
        raise ValueError("expected at least one block of rows")
    return sums


def _floats(block, number, sums):
    """The two tensors of a block, if their dtype is that of the sums so far."""
    parts = block if isinstance(block, tuple | list) else (block,)
    dtypes = [t.dtype if isinstance(t, torch.Tensor) else type(t) for t in parts]
    floats = [torch.float32, torch.float64] if sums is None else [sums.dtype]
    if dtypes not in [[dtype, dtype] for dtype in floats]:
        raise TypeError(
            f"block {number}: expected two tensors of floats, of one dtype for all blocks, "
            f"got {dtypes}"
        )
    return parts


def solve_normal_sums(sums):
    """The least-squares w, shape (d,), from the sums (d, d + 1) of `normal_sums`, by Cholesky.

    Raises TypeError ("float32 or float64") for anything else, ValueError ("shape") for another
    shape or d = 0, ("finite") if a row held NaN, infinity or numbers whose products overflow,
    and LinAlgError ("rank") for dependent columns, which rounding may hide: an edge, where a
    squared pivot is at most 1000 ε times its diagonal entry.
    """
    if not isinstance(sums, torch.Tensor) or sums.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"expected a tensor of float32 or float64, got {sums!r}")
    if sums.dim() != 2 or sums.shape[1] != sums.shape[0] + 1 or len(sums) == 0:
        raise ValueError(f"expected sums of shape (d, d + 1), d ≥ 1, got {tuple(sums.shape)}")
    if not sums.isfinite().all():
        raise ValueError("expected finite sums: a row holds NaN, infinity or too large numbers")
    gram, moment = sums[:, :-1], sums[:, -1:]
    L, failed = torch.linalg.cholesky_ex(gram)
    if failed or (L.diagonal() ** 2 <= 1000 * torch.finfo(L.dtype).eps * gram.diagonal()).any():
        raise LinAlgError("the columns are dependent: expected full column rank")
    return torch.cholesky_solve(moment, L)[:, 0]


def _rows(torch_rng, n=1000, d=4):
    X = torch.randn(n, d, generator=torch_rng, dtype=torch.float64)
    return X, X.sum(1) + torch.randn(n, generator=torch_rng, dtype=torch.float64)


def _blocks(X, y, *sizes):
    return zip(X.split(list(sizes)), y.split(list(sizes)), strict=True)


@pytest.mark.parametrize("sizes", [(1000,), (1,) * 1000, (999, 1), (0, 300, 0, 700)])
def test_blocks_of_any_size_have_the_same_sums(torch_rng, sizes):
    """Whole numbers: to the last bit those of all rows at once, XᵀX beside Xᵀy."""
    X = torch.randint(-9, 10, (1000, 4), generator=torch_rng).double()
    y = torch.randint(-9, 10, (1000,), generator=torch_rng).double()

    sums = normal_sums(_blocks(X, y, *sizes))

    assert torch.equal(sums, X.T @ torch.cat((X, y[:, None]), 1))


@pytest.mark.seeds(3)
def test_the_coefficients_are_those_of_lstsq(torch_rng):
    """10⁵ rows in 8 blocks of unlike size, from a generator that can be read only once."""
    X, y = _rows(torch_rng, 100_000)

    w = solve_normal_sums(normal_sums(_blocks(X, y, 1, 9, 90, 900, 9000, 40_000, 50_000)))

    assert w.shape == (4,)
    assert (w - torch.linalg.lstsq(X, y[:, None]).solution[:, 0]).abs().max() < 1e-13


def _counting_rows(n, rows=100_000):
    """Yields n rows (1, t mod 100, ±1), t = 0, 1, …, with y = 2 + 3·(t mod 100) ∓ 1.

    One buffer is filled once, and changed in place before each block is handed out again.
    """
    t = torch.arange(rows, dtype=torch.float64)
    X = torch.stack((torch.ones(rows, dtype=torch.float64), t % 100, 1 - t % 2 * 2), 1)
    y = X @ torch.tensor([2.0, 3.0, -1.0], dtype=torch.float64)
    for _ in range(n // rows):
        X[:, 2].neg_()
        y.add_(X[:, 2], alpha=-2)
        yield X, y


def _peak(events):
    """The largest number of bytes alive at once: allocated so far, less those freed so far."""
    return max(accumulate(event.self_cpu_memory_usage for event in events))


@pytest.mark.misconception("n too large for memory rules the closed form out")
def test_ten_million_rows_take_the_memory_of_one_sum():
    """From 10⁵ to 10⁷ rows the peak is 3 × 4 numbers of 8 bytes, w = (2, 3, −1) to 11 decimals.

    Torch's own profiler sees each allocation; the rows' buffer is made before it starts.
    100 blocks of 10⁵ rows are what takes this test its time.
    """
    peaks = {}
    for n in (10**5, 10**6, 10**7):
        stream = _counting_rows(n)
        first = next(stream)
        with profile(profile_memory=True) as record:
            sums = normal_sums(chain([first], stream))
        peaks[n] = _peak(record.function_events)

        assert sums[0, 0] == n
        assert sums[0, 1] == n * 99 / 2
        assert sums[1, 1] == n * 99 * 199 / 6
        assert (solve_normal_sums(sums) - torch.tensor([2.0, 3.0, -1.0])).abs().max() < 1e-11

    assert peaks == dict.fromkeys(peaks, 3 * 4 * 8)


def test_the_peak_is_that_of_what_lives_at_once():
    """80 bytes twice, one after the other; and 160 more while the second 80 are still there."""
    with profile(profile_memory=True) as record:
        first = torch.empty(10, dtype=torch.float64)
        del first
        second = torch.empty(10, dtype=torch.float64)
        third = second.repeat(2)

    assert len(third) == 20
    assert _peak(record.function_events) == 240


# A fork has torch already; a spawned process imports it and this page, which takes seconds.
# But Windows has no fork, and on macOS a process with threads may not survive one.  Where no
# name is known for the loopback interface, gloo chooses one.
_START = "fork" if sys.platform == "linux" else "spawn"
_LOOPBACK = {"linux": "lo", "darwin": "lo0"}.get(sys.platform, "")


def _work(rank, folder, dies):
    """One of two processes: the sums of its own rows, all-reduced, solved and stored."""
    torch.set_num_threads(1)  # a forked process has none of its parent's threads
    os.environ["GLOO_SOCKET_IFNAME"] = _LOOPBACK
    store = dist.FileStore(str(folder / "meet"), 2)
    limit = timedelta(seconds=60)  # enough for two processes that import torch each at its pace
    dist.init_process_group("gloo", store=store, timeout=limit, world_size=2, rank=rank)
    X, y = torch.load(folder / "rows.pt")
    own = slice(0, 300) if rank == 0 else slice(300, None)
    if rank == 1 and dies:
        os._exit(3)
    sums = normal_sums([(X[own], y[own])])
    dist.all_reduce(sums)
    torch.save(solve_normal_sums(sums), folder / f"w{rank}.pt")
    dist.destroy_process_group()


def _run_two_processes(folder, dies=False):
    mp.start_processes(_work, (folder, dies), nprocs=2, start_method=_START)


# Python 3.12 and newer warn of any fork of a process with threads; ours start no thread of it.
_FORK = "ignore:This process .* is multi-threaded:DeprecationWarning"


@pytest.mark.filterwarnings(_FORK)
def test_two_processes_all_reduce_their_sums(torch_rng, tmp_path):
    """300 and 700 rows, told to each other as 4 × 5 numbers: both have the w of all 1000."""
    X, y = _rows(torch_rng)
    torch.save((X, y), tmp_path / "rows.pt")

    _run_two_processes(tmp_path)

    results = [torch.load(tmp_path / f"w{rank}.pt") for rank in range(2)]
    assert torch.equal(*results)
    assert (results[0] - torch.linalg.lstsq(X, y[:, None]).solution[:, 0]).abs().max() < 1e-13
    assert mp.active_children() == []


@pytest.mark.filterwarnings(_FORK)
def test_the_death_of_one_process_ends_the_other(torch_rng, tmp_path, monkeypatch):
    """Its exit code is reported at once, no result is stored, and nobody is left waiting."""
    torch.save(_rows(torch_rng), tmp_path / "rows.pt")
    # Torch leaves a file with the other's error among the temporary ones.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with pytest.raises(mp.ProcessExitedException, match="exit code 3"):
        _run_two_processes(tmp_path, dies=True)

    assert mp.active_children() == []
    assert not list(tmp_path.glob("w*.pt"))


@pytest.mark.misconception("averaging the coefficients of two halves gives those of the whole")
def test_coefficients_do_not_add_up_and_sums_do(torch_rng):
    """Halves with unlike spread weigh alike in the average of w, and not in the sums."""
    X, y = _rows(torch_rng)
    X[500:] *= 10
    whole = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
    halves = [normal_sums([(X[:500], y[:500])]), normal_sums([(X[500:], y[500:])])]

    average = sum(map(solve_normal_sums, halves)) / 2

    assert (solve_normal_sums(halves[0] + halves[1]) - whole).abs().max() < 1e-13
    assert (average - whole).abs().max() > 0.1


def test_a_single_bad_row_is_noticed_at_the_end(torch_rng):
    """NaN or infinity in X or in y, in the middle of the stream."""
    for bad in (torch.nan, torch.inf):
        for place in (0, 1):
            X, y = _rows(torch_rng)
            (X, y)[place][500] = bad

            sums = normal_sums(_blocks(X, y, 400, 600))

            with pytest.raises(ValueError, match="finite"):
                solve_normal_sums(sums)


def test_blocks_and_sums_are_tensors_of_floats(torch_rng):
    """Of one dtype, from the first block to the last; no block is half a pair."""
    X, y = _rows(torch_rng, 10)

    for bad in ((X.tolist(), y), (X.long(), y.long()), (X, y.float()), (X, None)):
        with pytest.raises(TypeError, match="block 0"):
            normal_sums([bad])
    for bad in ((X.float(), y.float()), (X,), "ab", 3, X):
        with pytest.raises(TypeError, match="block 1"):
            normal_sums([(X, y), bad])
    sums = normal_sums([(X, y)])
    for bad in (sums.tolist(), sums.long(), sums.half(), sums * 1j, None):
        with pytest.raises(TypeError, match="float32 or float64"):
            solve_normal_sums(bad)


def test_what_does_not_fit_is_refused(torch_rng):
    """No block; another d or a column of y in the second; sums that are none; dependence."""
    X, y = _rows(torch_rng, 10)

    with pytest.raises(ValueError, match="at least one block"):
        normal_sums([])
    for bad in ((X[:, :3], y), (X, y[:, None]), (X, y[:9]), (y, y)):
        with pytest.raises(ValueError, match="block 1"):
            normal_sums([(X, y), bad])
    with pytest.raises(ValueError, match="block 0"):
        normal_sums([(y, y)])
    for bad in (X.T @ X, X[:0], y, torch.ones(0, 1)):
        with pytest.raises(ValueError, match="shape"):
            solve_normal_sums(bad)
    for dependent in (torch.stack((y, 2 * y), 1), torch.stack((y, y / 3, y / 7), 1), X[:3]):
        with pytest.raises(LinAlgError, match="rank"):
            solve_normal_sums(normal_sums([(dependent, y[: len(dependent)])]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_column_in_any_unit_needs_a_part_of_its_own(dtype):
    """An edge: 3000 ε of its squared length are enough, 300 ε are not, nor what rounds to < 0.

    The last sums are those of no columns at all: XᵀX would be [[1, 1], [1, 1 − ε]].
    """
    eps = torch.finfo(dtype).eps
    for unit in (2.0**-20, 2.0**40):
        enough, too_little = (
            torch.tensor([[1, unit], [0, unit * (part * eps) ** 0.5]], dtype=dtype)
            for part in (3000, 300)
        )

        y = enough @ torch.tensor([-unit, 1], dtype=dtype)
        w = solve_normal_sums(normal_sums([(enough, y)]))

        assert w.tolist() == pytest.approx([-unit, 1], rel=0.01)
        negative = unit * torch.tensor([[1, 1, 1], [1, 1 - eps, 1]], dtype=dtype)
        for sums in (normal_sums([(too_little, too_little[:, 1])]), negative):
            with pytest.raises(LinAlgError, match="rank"):
                solve_normal_sums(sums)
