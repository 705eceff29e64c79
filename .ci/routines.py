"""How fast and how exact are the routines of 3.1 beside those that a user would pick?

    .venv/bin/pip install -r .ci/requirements-routines.txt
    .venv/bin/python .ci/routines.py

One process, one thread, the routines in turn in each round, medians over the rounds. For each:
seconds at n = 10⁵, d = 50 and its ratio to the fastest; the most bytes that it held, as torch's
profiler and `tracemalloc` count them; and how many digits of Longley's certified coefficients
it gets right. Then least absolute deviations at n = 10⁴, d = 10. Takes two minutes; other work
on the machine spoils it.
"""

import importlib.util
import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (after the threads are set)
import scipy.linalg  # noqa: E402
import torch  # noqa: E402

_ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(_ROOT))

from fixtures.catalogue import exercises_in  # noqa: E402
from fixtures.counting import peak_of  # noqa: E402
from fixtures.datasets import read  # noqa: E402

_ROUNDS = 9
_BLOCK = 1024


def _page(number):
    """The module of an exercise, None if there is none."""
    for exercise in exercises_in(_ROOT / "exercises"):
        if exercise.number == number:
            spec = importlib.util.spec_from_file_location(exercise.path.stem, exercise.path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None


def _blocks(X, y, rows):
    return zip(X.split(rows), y.split(rows), strict=True)


def _least_squares(rows):
    """The routines, each a function of X, (n, d), and y, (n,), as torch tensors."""
    from sklearn.linear_model import LinearRegression, Ridge
    from statsmodels.api import OLS

    cholesky, qr, sums, streamed = map(_page, ("3.1.2a", "3.1.2b", "3.1.2c", "3.1.2e"))

    def by_torch(driver):
        return lambda X, y: torch.linalg.lstsq(X, y[:, None], driver=driver).solution[:, 0]

    def by_scipy(driver):
        return lambda X, y: scipy.linalg.lstsq(X.numpy(), y.numpy(), lapack_driver=driver)[0]

    def syrk(X, y):
        for block in X.split(rows):
            block = block.numpy()
            block.T @ block

    return {
        "syrk alone, NumPy's b.T @ b": syrk,
        "3.1.2c streamed sums": lambda X, y: sums._solve(
            *sums.normal_sums(_blocks(X, y, rows))
        ),
        "3.1.2e streamed QR": lambda X, y: streamed.solve_triangle(
            streamed.stream_qr(_blocks(X, y, rows))
        ),
        "3.1.2a normal equations": cholesky.normal_equations,
        "3.1.2b QR": qr.least_squares_by_qr,
        "numpy.linalg.lstsq": lambda X, y: np.linalg.lstsq(X.numpy(), y.numpy(), rcond=None)[0],
        "scipy.linalg.lstsq gelsd": by_scipy("gelsd"),
        "scipy.linalg.lstsq gelsy": by_scipy("gelsy"),
        "torch.linalg.lstsq gels": by_torch("gels"),
        "torch.linalg.lstsq gelsy": by_torch("gelsy"),
        "torch.linalg.lstsq gelsd": by_torch("gelsd"),
        "sklearn LinearRegression": lambda X, y: (
            LinearRegression(fit_intercept=False).fit(X.numpy(), y.numpy()).coef_
        ),
        "sklearn Ridge cholesky, 0": lambda X, y: (
            Ridge(alpha=0, fit_intercept=False, solver="cholesky")
            .fit(X.numpy(), y.numpy())
            .coef_
        ),
        "statsmodels OLS": lambda X, y: OLS(y.numpy(), X.numpy()).fit().params,
    }


def _absolute_deviations():
    from statsmodels.api import QuantReg

    programme, fast = _page("3.1.3b"), _page("3.1.3c")
    return {
        "3.1.3b dual programme": lambda X, y: programme.least_absolute_deviations(X, y)[0],
        "3.1.3c reweighted solves": lambda X, y: fast.iteratively_reweighted_least_squares(
            X, y, 20, 1e-9
        ),
        "statsmodels QuantReg": lambda X, y: QuantReg(y.numpy(), X.numpy()).fit(0.5).params,
    }


def _medians(routines, X, y):
    seconds = {name: [] for name in routines}
    for _ in range(_ROUNDS):
        for name, routine in routines.items():
            began = time.perf_counter()
            routine(X, y)
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in seconds.items()}


def _digits(routine):
    """How many digits of the worst of Longley's seven coefficients are right."""
    table = torch.tensor(read("longley.csv").to_numpy(dtype=float, copy=True))
    X = torch.cat((torch.ones(16, 1, dtype=torch.float64), table[:, 1:]), 1)
    w, exact = routine(X, table[:, 0].clone()), _page("3.1.2b")._CERTIFIED
    if w is None:
        return float("nan")
    return -float(np.log10(np.abs(np.asarray(w) / exact.numpy() - 1).max()))


def _problem(n, d):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return X, X.sum(1) + torch.randn(n, generator=generator, dtype=torch.float64)


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main():
    """Print both tables."""
    torch.set_num_threads(1)
    X, y = _problem(100_000, 50)
    routines, small = _least_squares(_BLOCK), _least_squares(4)
    medians = _medians(routines, X, y)
    fastest = min(medians.values())
    _say(f"{'n = 10⁵, d = 50':<30}{'ms':>9}{'ratio':>8}{'peak MB':>9}{'Longley':>9}")
    for name, seconds in sorted(medians.items(), key=lambda item: item[1]):
        peak, digits = peak_of(partial(routines[name], X, y)) / 1e6, _digits(small[name])
        _say(f"{name:<30}{seconds * 1e3:9.1f}{seconds / fastest:8.2f}{peak:9.1f}{digits:9.1f}")
    X, y = _problem(10_000, 10)
    routines = _absolute_deviations()
    medians = _medians(routines, X, y)
    _say(f"\n{'n = 10⁴, d = 10':<30}{'ms':>9}{'peak MB':>9}{'Σ|r| beyond the least':>24}")
    losses = {
        name: (X @ torch.as_tensor(np.asarray(routine(X, y))) - y).abs().sum().item()
        for name, routine in routines.items()
    }
    for name, seconds in sorted(medians.items(), key=lambda item: item[1]):
        peak = peak_of(partial(routines[name], X, y)) / 1e6
        excess = losses[name] / min(losses.values()) - 1
        _say(f"{name:<30}{seconds * 1e3:9.1f}{peak:9.1f}{excess:24.1e}")


if __name__ == "__main__":
    main()
