"""2.5.3 — For a vector or matrix the book's f(a) is k·a, with one number k for all entries.

Question
--------
The section's f(a) doubles a until its norm is at least 1000, and multiplies by 100 unless the
sum is positive:

    b = 2a;    while ‖b‖ < 1000: b = 2b;    f(a) = b if Σb > 0, else 100b

Its gradient was taken at a number a.  What changes for a random vector or matrix a?
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>
English edition: 2.5.3 <https://d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
`f(a).backward()` raises, for f(a) is no longer one number.  Pass a tensor v of the shape of a:
`f(a).backward(v)` leaves k·v in `a.grad`, where

    k = 2ᵖ if Σa > 0, else 100 · 2ᵖ        p = max(1, ⌈log₂(1000 / ‖a‖)⌉)

For a = `torch.arange(40.0).reshape(5, 8)` the norm is about 143.3, so k = 8, and the gradient
of `f(a).sum()` is 8 at every entry.  (A published solution gives 4a: that is for 2 Σa².)

Why
---
Each step multiplies the whole tensor by a number, so f(a) = k·a.  The norm of all entries (of
a matrix: the Frobenius norm) decides how often, and their sum decides the branch.  Autograd
records the multiplications, not the decisions: the Jacobian is J = k·I, and vᵀJ = k·v.

Where ‖a‖ = 500, 250, … or Σa = 0, f jumps; autograd gives the k of the path that was taken.
At a = 0 the loop never ends, for 2 · 0 = 0.

Hints
-----
1. What does one turn of the loop do to the tensor, and what does autograd see of the test?
2. If f(a) = k·a near a, what is the matrix of all ∂fᵢ/∂aⱼ, and what is vᵀ times it?
"""

import math
from itertools import product

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Wedge


def _f(a):
    """The section's function."""
    b = a * 2
    while b.norm() < 1000:
        b = b * 2
    return b if b.sum() > 0 else 100 * b


def scale_factor(a):
    """The number k of f(a) = k·a, for a number, vector or matrix a of floats."""
    p = max(1, math.ceil(math.log2(1000 / a.norm().item())))
    return 2.0**p if a.sum() > 0 else 100 * 2.0**p


def gradient(a, v):
    """What `f(a).backward(v)` leaves in `a.grad`; vectors or matrices a and v of one shape."""
    if v.shape != a.shape:
        raise ValueError(f"v must have the shape of a, {tuple(a.shape)}, got {tuple(v.shape)}")
    return scale_factor(a) * v


def test_a_published_matrix_has_the_gradient_8_and_not_4a():
    """For a of entries 0 to 39 the gradient of Σf(a) is 8 everywhere; 4a is that of 2 Σa²."""
    a = torch.arange(40.0).reshape(5, -1)
    leaf = a.clone().requires_grad_()

    _f(leaf).sum().backward()
    (of_squares,) = torch.autograd.grad(2 * (leaf**2).sum(), leaf)

    assert a.norm().item() == pytest.approx(143.3, abs=0.05)
    assert scale_factor(a) == 8
    assert leaf.grad.tolist() == gradient(a, torch.ones(5, 8)).tolist() == [[8] * 8] * 5
    assert torch.equal(of_squares, 4 * a)


def test_backward_without_a_v_raises():
    """A vector f(a) cannot go back without a v, unless it has one entry only."""
    one = torch.ones(1, requires_grad=True)

    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        _f(torch.ones(3, requires_grad=True)).backward()
    _f(one).backward()

    assert one.grad.item() == scale_factor(torch.ones(1)) == 1024


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 4)], ids=str)
def test_autograd_multiplies_v_by_k(shape, torch_rng):
    """For random a, tiny or large, of 0 to 3 axes, f(a) is k·a and its gradient k·v."""
    for size in (1e-8, 1e-4, 1.0, 1e4):
        a = size * torch.randn(shape, generator=torch_rng)
        v = torch.randn(shape, generator=torch_rng)
        leaf = a.clone().requires_grad_()

        _f(leaf).backward(v)

        np.testing.assert_allclose(_f(a), scale_factor(a) * a, rtol=1e-6)
        np.testing.assert_allclose(leaf.grad, gradient(a, v), rtol=1e-6, strict=True)


def test_the_jacobian_is_k_times_the_identity():
    """All ∂fᵢ/∂aⱼ of a (2, 3) matrix a: k where i and j are the same place, 0 elsewhere."""
    a = torch.tensor([[1.0, -2.0, 3.0], [0.0, -5.0, 1.0]])

    J = torch.autograd.functional.jacobian(_f, a).reshape(6, 6)

    assert scale_factor(a) == 25600  # ‖a‖ = √40, Σa = −2
    np.testing.assert_allclose(J, scale_factor(a) * torch.eye(6))


@pytest.mark.parametrize(
    ("a", "k"),
    [
        ([300.0, 400.0], 2),  # of norm 500
        ([300.0, 399.5], 4),
        ([150.0, 200.0], 4),  # of norm 250
        ([150.0, 199.5], 8),
        ([1000.0, -1000.0], 200),  # of sum 0
        ([1000.5, -1000.0], 2),
        ([[300.0, 0.0], [0.0, 400.0]], 2),  # the Frobenius norm is 500, the spectral norm 400
    ],
)
def test_k_jumps_where_the_norm_or_the_sum_decides_otherwise(a, k):
    """Just below the norms 500 and 250 k doubles, and from the sum 0 down it is 100-fold."""
    leaf = torch.tensor(a, requires_grad=True)

    value = _f(leaf)
    value.sum().backward()

    assert scale_factor(torch.tensor(a)) == k
    assert value.tolist() == (k * torch.tensor(a)).tolist()
    assert (leaf.grad == k).all()


@pytest.mark.misconception("each entry has a k of its own")
def test_the_entries_share_one_number():
    """The vector (0.1, 3) has k = 512 for both; as numbers they have k = 16384 and 512."""
    a = torch.tensor([0.1, 3.0])

    assert [scale_factor(entry) for entry in a] == [16384, 512]
    assert scale_factor(a) == 512
    np.testing.assert_allclose(_f(a), 512 * a)


@pytest.mark.misconception("the gradient is f(a) / a, entry by entry")
def test_a_quotient_fails_at_a_zero():
    """Where an entry of a is 0, f(a) / a is NaN, but the gradient is k as everywhere else."""
    a = torch.tensor([0.0, 3.0])

    assert (_f(a) / a).isnan().tolist() == [True, False]
    assert gradient(a, torch.ones(2)).tolist() == [512, 512]


@pytest.mark.edge
def test_a_v_of_another_shape_is_refused():
    """A v of another shape is refused by torch and by `gradient`, even if it broadcasts."""
    a = torch.ones(2, requires_grad=True)

    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        _f(a).backward(torch.ones(1))
    with pytest.raises(ValueError, match="the shape of a"):
        gradient(a, torch.ones(1))


def test_the_figure_shows_one_k_on_each_half_of_a_ring(save_figure):
    """The figure shows the plane of a = (a₁, a₂), cut into half rings, each with its own k."""
    fig = Figure(figsize=(4.8, 4.8))
    ax = fig.subplots()
    for p, sign in product([1, 2, 3], [1, -1]):
        inner, angle = 1000 / 2**p, 135 - 90 * sign
        ring = Wedge((0, 0), 2 * inner, angle - 90, angle + 90, width=inner)
        ax.add_patch(ring).set(color="C0" if sign == 1 else "C1", alpha=0.2 * p)
        a = sign * torch.tensor([1.1, 1.1]) * inner  # in the middle of it
        ax.text(*a.tolist(), f"{scale_factor(a):.0f}", ha="center", va="center", size=13)
    ax.axline((0, 0), slope=-1, color="black", linestyle="--")
    ax.annotate("Σa ≤ 0", (-650, -650))
    ax.annotate("Σa > 0", (450, 610))
    ax.set(title="f(a) = k·a: a k for each half ring", xlabel="a₁", ylabel="a₂", aspect="equal")
    ax.set(xlim=(-700, 700), ylim=(-700, 700))
    ax.grid(visible=False)

    for ring, text in zip(ax.patches, ax.texts[:6], strict=True):
        unit = torch.tensor(text.get_position()) / math.hypot(*text.get_position())
        for end in (1.001 * (ring.r - ring.width), 0.999 * ring.r):
            assert scale_factor(end * unit) == int(text.get_text())
    save_figure(fig)
