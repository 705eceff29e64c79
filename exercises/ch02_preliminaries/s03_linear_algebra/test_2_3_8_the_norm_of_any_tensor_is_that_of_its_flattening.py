"""2.3.8 — `linalg.norm` of a tensor of any rank is the Euclidean norm of all its entries.

Question
--------
Give `linalg.norm` a tensor with three or more axes.  What does it compute?
<https://zh.d2l.ai/chapter_preliminaries/linear-algebra.html>

Answer
------
The square root of the sum of all squares, as if the tensor were one long vector:

    ‖X‖ = √(Σ |xᵢⱼₖ…|²)

With `dim=` an int it computes a vector norm of every line along that axis, with a pair a
matrix norm of every slice.  By default both are again √Σ|x|² over the axes named.

Why
---
The Euclidean norm knows nothing of shape: arranging the entries in a box changes no square.
So norms along one axis can be combined, ‖X‖² = Σ ‖line‖².  Other norms do know the shape,
and then `ord` must be told its axes: for rank 3 without `dim` it raises.

In practice
-----------
- `ord=2` means the Euclidean norm for one axis and the *spectral* norm, the largest singular
  value, for two.  Frobenius is `ord="fro"`, the default.
- For three axes or more write `torch.linalg.vector_norm(X, dim=(0, 1, 2))`.
- NumPy takes integers, torch refuses them.  Both square plainly: 3·10³⁰ overflows float32.

Hints
-----
1. Compare with `X.flatten()`.
2. Square the norms along one axis and add them up.
3. For `ord=2`, look at a matrix with two equal singular values.
"""

import math

import numpy as np
import pytest
import torch

_norm = torch.linalg.norm


def _check(X):
    if not isinstance(X, torch.Tensor):
        raise TypeError(f"expected a tensor, got {type(X).__name__}")
    if not (X.is_floating_point() or X.is_complex()):
        raise TypeError(f"expected floating or complex entries, got {X.dtype}")
    if not X.isfinite().all():
        raise ValueError("expected finite entries, got NaN or infinity")


def euclidean_norm(X, axis=None):
    """√Σ|x|² over `axis`: all axes (None), one (an int) or several (a tuple of ints).

    The shape is X's without those axes, the dtype real and as precise as X's; no entries have
    norm 0.  A square too large for the dtype gives infinity.  Raises TypeError for what is no
    tensor or holds integers ("expected"), ValueError ("finite") for NaN or infinity.
    """
    _check(X)
    squares = X.real**2 + X.imag**2 if X.is_complex() else X**2
    return (squares.sum() if axis is None else squares.sum(axis)).sqrt()


def spectral_norm(M):
    """The largest singular value of a real matrix of shape (m, n), m, n ≥ 1; a 0-d tensor.

    Raises as `euclidean_norm` does, ValueError ("rank 2") if `M` is no matrix or is empty, and
    TypeError ("float32 or float64") for half precision, which has no singular values in torch.
    """
    _check(M)
    if M.ndim != 2 or M.numel() == 0:
        raise ValueError(f"expected a matrix, rank 2, not empty, got shape {tuple(M.shape)}")
    if M.dtype.itemsize < 4:
        raise TypeError(f"expected float32 or float64, got {M.dtype}")
    return torch.linalg.svdvals(M).max()


@pytest.mark.parametrize("rank", range(6))
def test_the_default_is_the_norm_of_the_flattened_tensor(rng, rank):
    """Ranks 0 to 5, against Python's exactly rounded sum of squares."""
    X = torch.tensor(rng.normal(size=(2, 3, 1, 4, 2)[:rank]))

    expected = math.sqrt(math.fsum(x * x for x in X.flatten().tolist()))

    assert euclidean_norm(X).item() == pytest.approx(expected, rel=1e-14)
    assert _norm(X).item() == pytest.approx(expected, rel=1e-14)
    assert np.linalg.norm(X.numpy()) == pytest.approx(expected, rel=1e-14)


def test_a_box_of_known_norm():
    """1² + 2² + … + 24² = 24 · 25 · 49 / 6 = 4900 = 70²: the cannonball, as a (2, 3, 4) box."""
    X = torch.arange(1.0, 25.0).reshape(2, 3, 4)

    assert euclidean_norm(X) == _norm(X) == 70
    assert euclidean_norm(X).dtype == torch.float32


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1), (2, 0), (0, 1, 2)], ids=str)
def test_named_axes_give_a_norm_for_every_line_or_slice(torch_rng, axis):
    """The vector norm takes any number of axes; `norm` itself at most two."""
    X = torch.randn(2, 3, 4, generator=torch_rng, dtype=torch.float64)

    norms = euclidean_norm(X, axis)

    np.testing.assert_allclose(
        norms, torch.linalg.vector_norm(X, dim=axis), rtol=1e-5, strict=True
    )
    np.testing.assert_allclose(
        norms.square().sum().sqrt(), euclidean_norm(X), rtol=1e-5, strict=True
    )
    if axis != (0, 1, 2):
        np.testing.assert_allclose(norms, _norm(X, dim=axis), rtol=1e-5, strict=True)
        assert np.allclose(norms, np.linalg.norm(X.numpy(), axis=axis), rtol=1e-14)
        assert norms.shape == np.linalg.norm(X.numpy(), axis=axis).shape


@pytest.mark.seeds(3)
def test_it_is_a_norm(torch_rng):
    """‖cX‖ = |c| ‖X‖, ‖X + Y‖ ≤ ‖X‖ + ‖Y‖, and only zero has norm zero; 100 random pairs."""
    X, Y = torch.randn(2, 100, 2, 3, 4, generator=torch_rng, dtype=torch.float64)

    def norm(T):
        return euclidean_norm(T, (1, 2, 3))

    np.testing.assert_allclose(norm(-3 * X), 3 * norm(X), rtol=1e-14, atol=0, strict=True)
    assert (norm(X + Y) <= norm(X) + norm(Y)).all()
    np.testing.assert_allclose(
        norm(X + 2 * X), norm(X) + norm(2 * X), rtol=1e-14, atol=0, strict=True
    )
    assert (norm(X) > 0).all()
    assert euclidean_norm(torch.zeros(2, 3, 4)) == 0


def test_complex_entries_count_with_their_modulus():
    """|3 + 4i| = 5, and the norm is real."""
    norm = euclidean_norm(torch.tensor([[[3 + 4j, 12]]]))

    assert norm == 13
    assert norm.dtype == torch.float32


def test_other_orders_need_their_axes():
    """`ord` on rank 3, and three axes, raise in torch and in NumPy."""
    X = torch.ones(2, 3, 4)

    with pytest.raises(RuntimeError, match="the input must be 1D or 2D"):
        _norm(X, ord=2)
    with pytest.raises(RuntimeError, match="must be of length 1 or 2"):
        _norm(X, dim=(0, 1, 2))
    for arguments in ({"ord": 2}, {"axis": (0, 1, 2)}):
        with pytest.raises(ValueError, match="Improper number of dimensions to norm"):
            np.linalg.norm(X.numpy(), **arguments)


def test_the_order_of_a_pair_says_which_axis_holds_the_rows():
    """The largest column sum of one is the largest row sum of the other."""
    X = torch.arange(24.0).reshape(2, 3, 4)

    np.testing.assert_allclose(
        _norm(X, ord=1, dim=(0, 1)), _norm(X, ord=torch.inf, dim=(1, 0)), rtol=1e-5, strict=True
    )
    np.testing.assert_allclose(
        _norm(X, ord=1, dim=(0, 1)), X.sum(0).amax(0), rtol=1e-5, strict=True
    )


def test_torch_and_numpy_part_on_integers():
    """NumPy converts; torch refuses, and so does the answer."""
    X = torch.arange(1, 25).reshape(2, 3, 4)

    assert np.linalg.norm(X.numpy()) == 70
    with pytest.raises(RuntimeError, match="floating point or complex"):
        _norm(X)
    with pytest.raises(TypeError, match="expected"):
        euclidean_norm(X)


def test_no_entries_have_norm_zero():
    """An empty sum; the largest of no entries is another matter, and torch refuses it."""
    assert euclidean_norm(torch.empty(2, 0, 4)) == _norm(torch.empty(2, 0, 4)) == 0
    assert torch.equal(euclidean_norm(torch.empty(2, 0), 1), torch.zeros(2))


def test_squares_may_overflow_before_the_root_is_taken():
    """The norm 5·10³⁰ fits a float32; 9·10⁶⁰ does not.  Divide by the largest entry first."""
    X = torch.tensor([[[3e30, 4e30]]])

    assert euclidean_norm(X) == _norm(X) == torch.inf
    np.testing.assert_allclose(
        euclidean_norm(X / 4e30) * 4e30, torch.tensor(5e30), rtol=1e-5, strict=True
    )


@pytest.mark.misconception("ord=2 over two axes is the Frobenius norm")
def test_it_is_the_largest_singular_value(torch_rng):
    """√2 against 1 for the identity; between them always, ‖M‖₂ ≤ ‖M‖ ≤ √rank · ‖M‖₂."""
    eye, M = torch.eye(2), torch.randn(4, 3, generator=torch_rng, dtype=torch.float64)
    u, v = torch.tensor([3.0, 4.0]), torch.tensor([5.0, 12.0, 0.0])

    assert _norm(eye, 2) == spectral_norm(eye) == 1
    assert euclidean_norm(eye).item() == pytest.approx(math.sqrt(2))
    np.testing.assert_allclose(
        spectral_norm(torch.outer(u, v)), torch.tensor(5.0 * 13.0), rtol=1e-5, strict=True
    )
    largest = torch.linalg.eigvalsh(M.T @ M).max().sqrt()
    np.testing.assert_allclose(spectral_norm(M), largest, rtol=1e-5, strict=True)
    np.testing.assert_allclose(_norm(M, 2), largest, rtol=1e-5, strict=True)
    assert spectral_norm(M) < euclidean_norm(M) < math.sqrt(3) * spectral_norm(M)


@pytest.mark.parametrize("norm", ["euclidean_norm", "spectral_norm"])
def test_bad_input_is_refused(norm):
    """A list, integers, NaN and infinity, with the reason."""
    answer = globals()[norm]

    for bad in ([[1.0]], torch.ones(1, 1, dtype=torch.int64)):
        with pytest.raises(TypeError, match="expected"):
            answer(bad)
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            answer(torch.tensor([[1.0, bad]]))


def test_half_precision_has_a_norm_but_no_singular_values():
    """Neither float16 nor bfloat16, on the CPU."""
    for dtype in (torch.float16, torch.bfloat16):
        assert euclidean_norm(torch.ones(1, 4, dtype=dtype)) == 2
        with pytest.raises(TypeError, match="float32 or float64"):
            spectral_norm(torch.ones(1, 4, dtype=dtype))


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 3), (3, 0)], ids=str)
def test_a_spectral_norm_needs_a_matrix(shape):
    """A batch would have many; an empty matrix has no singular value."""
    with pytest.raises(ValueError, match="rank 2"):
        spectral_norm(torch.ones(shape))


@pytest.mark.benchmark(group="2.3.8 What does a spectral norm cost beside a Frobenius norm?")
@pytest.mark.parametrize("n", [32, 64, 128, 256])
@pytest.mark.parametrize(("order", "exponent"), [("fro", 2), (2, 3)])
def test_a_singular_value_costs_more_than_a_sum_of_squares(benchmark, rng, order, exponent, n):
    """Q · diag(1, …, n)/n has the singular values 1/n, …, 1: both norms are known."""
    reason = {"fro": "n² squares", 2: "singular values, n³"}[order]
    benchmark.extra_info.update(method=f"ord={order}", size=n, exponent=exponent, reason=reason)
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    M = torch.from_numpy(Q * np.arange(1, n + 1) / n)

    norm = benchmark(_norm, M, order)

    frobenius = math.sqrt(n * (n + 1) * (2 * n + 1) / 6) / n
    assert norm.item() == pytest.approx(1 if order == 2 else frobenius, rel=1e-12)
