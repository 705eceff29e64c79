"""3.1.2e — Least squares streams with the digits of QR, if R is what is kept.

Question
--------
The rows of X are too many for the memory, and its columns are nearly dependent.  The sums XᵀX
and Xᵀy can be taken block by block, but lose digits.  What else can be kept of the rows so far?
<https://zh.d2l.ai/chapter_linear-networks/linear-regression.html>
English edition: 3.1.2 <https://d2l.ai/chapter_linear-regression/linear-regression.html>

Answer
------
The triangle R of a QR decomposition of [X y].  Put each new block of rows below it, decompose
again, and forget Q:

    R ← the R of [ R ; X y ]

R has at most d + 1 rows, and gives w at the end.  On Longley's data, in blocks of 4 rows, more
than 10.5 digits are right; by sums 6 to 9.  Triangles of several machines are blocks, too.

Why
---
Q changes no length: ‖Xw − y‖ is the length of [X y](w, −1), and R(w, −1) is as long for every
w.  So R may stand for all rows.  Split off its last row and column:

    R = [ T  z ]        ‖Xw − y‖² = ‖Tw − z‖² + r²
        [ 0  r ]

This is least where Tw = z, and |r| is the length of the residual.  As TᵀT = XᵀX, T has the
condition number of X.  The sums have its square (3.1.2b).

Hints
-----
1. What of X and y does ‖Xw − y‖ need, if X = QR?  Try y as one more column.
2. Replace the rows so far by fewer rows that give the same ‖Xw − y‖ for every w.
"""

import pytest
import torch


def stream_qr(blocks):
    """The triangle R of all rows [X y], from an iterable of blocks (X, y) of rows.

    Each X has shape (rows, d) and y (rows,); each block is read once and not kept.
    R has shape (d + 1, d + 1), or fewer rows if fewer have been read; its signs are free.
    """
    R = None
    for X, y in blocks:
        rows = torch.cat((X, y[:, None]), dim=1)
        R = torch.linalg.qr(rows if R is None else torch.cat((R, rows)), mode="r").R
    return R


def solve_triangle(R):
    """The w, (d,), that makes ‖Xw − y‖ least, from the triangle R, (d + 1, d + 1), of [X y]."""
    return torch.linalg.solve_triangular(R[:-1, :-1], R[:-1, -1:], upper=True)[:, 0]


_EPS = torch.finfo(torch.float64).eps
# NIST Statistical Reference Datasets: the intercept and the six slopes of Longley's data
_CERTIFIED = torch.tensor(
    [
        *(-3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683),
        *(-1.03322686717359, -0.0511041056535807, 1829.15146461355),
    ],
    dtype=torch.float64,
)


def _blocks(X, y, size):
    return zip(X.split(size), y.split(size), strict=True)


def _rows(generator, n=1000, d=4):
    """Whole numbers, of which XᵀX, Xᵀy and yᵀy are exact."""
    X = torch.randint(-9, 10, (n, d), generator=generator).double()
    return X, X.sum(1) + torch.randint(-9, 10, (n,), generator=generator)


def test_three_points_one_by_one():
    """For (0, 1), (1, 2), (2, 4), read one by one, w is (5/6, 3/2), and R ends in ±1/√6."""
    X = torch.tensor([[1.0, 0], [1, 1], [1, 2]], dtype=torch.float64)
    y = torch.tensor([1.0, 2, 4], dtype=torch.float64)

    R = stream_qr(_blocks(X, y, 1))

    assert solve_triangle(R).tolist() == pytest.approx([5 / 6, 3 / 2], rel=0, abs=100 * _EPS)
    # the length of the residual (1/6, −1/3, 1/6)
    assert abs(abs(R[-1, -1].item()) - 1 / 6**0.5) < 100 * _EPS


@pytest.mark.misconception("what streams must lose digits, for only sums stream")
def test_longley_in_blocks_of_four_rows_keeps_eleven_digits(longley):
    """In blocks of 4 rows R keeps more than 10.5 of Longley's certified digits, sums 6 to 9."""
    table = torch.tensor(longley.to_numpy(dtype=float, copy=True))
    X, y = torch.cat((torch.ones_like(table[:, :1]), table[:, 1:]), dim=1), table[:, 0]

    w = solve_triangle(stream_qr(_blocks(X, y, 4)))

    gram = sum(block.T @ block for block in X.split(4))
    by_sums = torch.linalg.solve(gram, sum(x.T @ b for x, b in _blocks(X, y, 4)))
    assert ((w - _CERTIFIED) / _CERTIFIED).abs().max() < 10**-10.5
    assert 1e-9 < ((by_sums - _CERTIFIED) / _CERTIFIED).abs().max() < 1e-6


@pytest.mark.parametrize("size", [1, 7, 999, 1000])
def test_blocks_of_any_size_have_the_same_products_and_coefficients(torch_rng, size):
    """R is a triangle, RᵀR holds XᵀX, Xᵀy and yᵀy of all rows, and w is that of `lstsq`."""
    X, y = _rows(torch_rng)

    R = stream_qr(_blocks(X, y, size))

    assert R.shape == (5, 5)
    assert torch.equal(R, R.triu())
    rows = torch.cat((X, y[:, None]), dim=1)
    # Each of 1000 rows adds at most 2(d + 1) ε of the lengths; κ is near 1.
    assert (R.T @ R - rows.T @ rows).abs().max() < 1000 * 10 * _EPS * rows.norm() ** 2
    expected = torch.linalg.lstsq(X, y[:, None], driver="gelsd").solution[:, 0]
    assert (solve_triangle(R) - expected).abs().max() < 1000 * 10 * _EPS


def test_the_triangles_of_two_machines_are_blocks(torch_rng):
    """The R of 300 rows and the R of 700 others, taken as blocks, give the w of all 1000."""
    X, y = _rows(torch_rng)
    machines = [stream_qr([(X[:300], y[:300])]), stream_qr([(X[300:], y[300:])])]

    w = solve_triangle(stream_qr((R[:, :-1], R[:, -1]) for R in machines))

    expected = torch.linalg.lstsq(X, y[:, None], driver="gelsd").solution[:, 0]
    assert (w - expected).abs().max() < 1000 * 10 * _EPS


def test_a_hundred_blocks_take_no_more_memory_than_three(peak_memory, torch_rng):
    """From 3 blocks of 1000 rows to 100 the peak of memory does not grow."""
    few, many = (
        peak_memory(lambda count=count: stream_qr(_rows(torch_rng) for _ in range(count)))
        for count in (3, 100)
    )

    # Python's own objects come and go by some kilobytes; a copy of the rows would be 4 MB.
    assert many < few + 20_000


@pytest.mark.edge
def test_no_w_is_told_of_fewer_rows_than_columns(torch_rng):
    """From 3 rows with d = 4, for which no single w is best, `solve_triangle` raises."""
    X, y = _rows(torch_rng, 3)

    with pytest.raises(RuntimeError):
        solve_triangle(stream_qr(_blocks(X, y, 1)))
