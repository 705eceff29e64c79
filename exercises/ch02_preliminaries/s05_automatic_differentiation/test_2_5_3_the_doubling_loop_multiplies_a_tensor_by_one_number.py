"""2.5.3 — For a vector or matrix a the book's loop is f(a) = k·a, with one k for all entries.

Question
--------
A function doubles its input once, goes on doubling while the norm of the result is below 1000,
and returns it as it is if its entries have a positive sum, else multiplied by 100.  Its
gradient was taken at a scalar.  What changes when a is a vector or a matrix?
<https://zh.d2l.ai/chapter_preliminaries/autograd.html>

Answer
------
f(a) is then no scalar, and `backward()` refuses: it has to be told which vᵀJ is wanted, by
`f(a).backward(v)`.  The Jacobian is J = k·I, so the gradient is k·v, with one whole number

    k = 2ᵖ, or 100 · 2ᵖ where Σa ≤ 0,      p = max(1, ⌈log₂(1000 / ‖a‖)⌉)

`f(a).sum().backward()` is the case v = 1, and leaves k at every entry.

Why
---
Every step of the loop multiplies the whole tensor by 2, so f(a) = k·a along the path taken.
How often is decided by the norm of all entries together (of a matrix: Frobenius), and the
branch by their sum; so no entry has a k of its own.  Autograd records the multiplications
and not the decisions.  Between the decisions k is constant, and k·I the true derivative.  At
‖a‖ = 1000/2ᵖ, p ≥ 1, and at Σa = 0, f jumps and has none: autograd gives the k of the path.

In practice
-----------
- At a = 0, empty or not, the loop never ends: the norm stays 0.
- The norm of a float32 vector is 0 from about 10⁻²³ downwards, since its squares underflow.
  The loop does not notice; it decides only when the entries have grown.
- Within rounding of a jump the rounding of the norm decides.  And k outgrows float32, so that
  the gradient is infinite, where ‖a‖ is below 6 · 10⁻³⁶, or 4 · 10⁻³⁴ with the factor 100.

Hints
-----
1. What does one turn of the loop do to the tensor, and what does autograd see of the test?
2. Count the turns p that a tensor of norm 1 needs, then one of norm 250 and one of 249.
3. If f(a) = k·a near a, what is the matrix of ∂fᵢ/∂aⱼ, and what is vᵀ times it?
"""

import math

import pytest
import torch
from matplotlib.figure import Figure


def _f(a):
    """The book's function.  The loop is bounded, so that no mistake can hang it."""
    b = a * 2
    for _ in range(1200):
        if b.norm() >= 1000:
            break
        b = b * 2
    return b if b.sum() > 0 else 100 * b


def scale_factor(a):
    """The k of f(a) = k·a, an exact `int` however large, for a tensor a of any shape.

    Edges: at a jump itself, where the norm is exactly 1000/2ᵖ, p turns are enough; no square
    of a tiny entry may underflow; Σa = 0 counts as not positive.  Raises TypeError
    ("floating-point tensor") for anything else, and ValueError ("non-zero") for a zero or
    empty tensor, where the loop never ends, or ("finite") for NaN or infinity.
    """
    if not isinstance(a, torch.Tensor) or not a.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {a!r}")
    if not a.isfinite().all():
        raise ValueError("a must be finite")
    norm = math.hypot(*a.detach().flatten().tolist())
    if norm == 0:
        raise ValueError("a must be non-zero, or the loop never ends")
    mantissa, exponent = math.frexp(norm)  # the norm is mantissa · 2^exponent, exactly
    turns = 10 - exponent + (mantissa < 1000 / 1024)
    return 2 ** max(1, turns) * (1 if a.sum() > 0 else 100)


def gradient(a, v):
    """What `f(a).backward(v)` leaves in `a.grad`: k·v, in the shape and dtype of a.

    Raises what `scale_factor` raises, TypeError ("floating-point tensor") for a v that is
    none, ValueError ("the shape of a") for another shape of v, ("finite") for NaN or infinity
    in it, and ("does not fit") if k is beyond the range of a's dtype.
    """
    k = scale_factor(a)
    if not isinstance(v, torch.Tensor) or not v.is_floating_point():
        raise TypeError(f"expected a floating-point tensor, got {v!r}")
    if v.shape != a.shape:
        raise ValueError(f"v must have the shape of a, {tuple(a.shape)}, got {tuple(v.shape)}")
    if not v.isfinite().all():
        raise ValueError("v must be finite")
    if k > torch.finfo(a.dtype).max:
        raise ValueError(f"k ≈ 2^{k.bit_length()} does not fit into {a.dtype}")
    return float(k) * v.to(a.dtype)


_SHAPES = [(), (1,), (3,), (2, 3), (2, 1, 4)]


@pytest.mark.parametrize("shape", _SHAPES)
def test_autograd_multiplies_by_the_predicted_number(shape, torch_rng):
    """Value and gradient to the last bit, float32, 10⁻²⁰ to 10⁴, rank 0 to 3, both signs."""
    for exponent in range(-20, 5, 4):
        a = 10.0**exponent * torch.randn(shape, generator=torch_rng)
        v = torch.randn(shape, generator=torch_rng)
        a.requires_grad_()

        d = _f(a)
        d.backward(v)

        assert torch.equal(a.grad, gradient(a, v))
        assert torch.equal(d, float(scale_factor(a)) * a)


@pytest.mark.parametrize("shape", _SHAPES)
def test_the_jacobian_is_a_multiple_of_the_identity(shape, torch_rng):
    """Every ∂fᵢ/∂aⱼ at these shapes: k on the diagonal, exactly 0 beside it."""
    a = torch.rand(shape, generator=torch_rng) - 1.0

    J = torch.autograd.functional.jacobian(_f, a)

    identity = torch.eye(a.numel()).reshape(shape + shape)
    assert torch.equal(J, scale_factor(a) * identity)


def test_k_is_exact_beyond_any_float():
    """With p turns 2ᵖ‖a‖ ≥ 1000, with p − 1 it is not: whole numbers, down to 2⁻¹⁰⁷⁴."""
    least = 2**-1074
    for norm in (least, 3 * least, 1e-308, 1e-160, 1e-20, 0.1, 499.9, 500.0, 1e6, 1e300):
        numerator, denominator = norm.as_integer_ratio()

        k = scale_factor(torch.tensor([0.0, norm], dtype=torch.float64))

        assert isinstance(k, int)
        assert k * numerator >= 1000 * denominator
        assert k == 2 or k // 2 * numerator < 1000 * denominator
        assert scale_factor(torch.tensor([[-norm]], dtype=torch.float64)) == 100 * k


def test_a_norm_that_underflows_misleads_nobody():
    """The float32 norm of (10⁻²⁴, 10⁻²⁴) is 0; k is not found by dividing by it."""
    a = torch.tensor([1e-24, 1e-24])

    assert a.norm() == 0
    assert torch.equal(_f(a), float(scale_factor(a)) * a)


def test_f_jumps_where_one_turn_more_is_needed():
    """At ‖a‖ = 1000/2ᵖ the value is 1000, just below it almost 2000: k doubles at once."""
    for p in range(1, 12):
        at = torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64) * 1000 / 2**p
        below = at * (1 - 1e-12)

        assert scale_factor(at) == 2**p
        assert scale_factor(below) == 2 ** (p + 1)
        assert math.isclose(_f(at).norm(), 1000, rel_tol=1e-15)
        assert math.isclose(_f(below).norm(), 2000, rel_tol=1e-11)


def test_a_sum_of_zero_takes_the_other_branch():
    """Only the sum decides, not the signs of the entries nor how small it is."""
    for entries, k in {
        (8.0, -6.0): 128,
        (6.0, -8.0): 12800,
        (600.0, -600.0): 200,
        (600.25, -600.0): 2,
    }.items():
        a = torch.tensor(entries)

        assert scale_factor(a) == k
        assert torch.equal(_f(a), k * a)


def test_no_dtype_or_layout_matters():
    """A transposed float64 matrix, and a leaf that already requires its gradient."""
    a = torch.tensor([[3.0, 0.0], [4.0, 0.0]], dtype=torch.float64).T.requires_grad_()
    v = torch.ones(2, 2)

    assert gradient(a, v).dtype == torch.float64
    assert torch.equal(gradient(a, v), torch.full((2, 2), 256.0, dtype=torch.float64))
    assert a.grad is None


def test_backward_needs_to_know_which_product():
    """A tensor without v is refused, a v of another shape too; one entry is a scalar enough."""
    a = torch.ones(3, requires_grad=True)
    one = torch.ones(1, requires_grad=True)

    with pytest.raises(RuntimeError, match="created only for scalar outputs"):
        _f(a).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        _f(a).backward(torch.ones(1))
    _f(a).sum().backward()
    _f(one).backward()

    assert torch.equal(a.grad, torch.full((3,), 1024.0))
    assert one.grad == 1024


@pytest.mark.parametrize("name", ["scale_factor", "gradient"])
def test_an_endless_loop_and_bad_numbers_are_refused(name):
    """Zeros and nothing; NaN and infinity; whole numbers and a list."""

    def call(a):
        return scale_factor(a) if name == "scale_factor" else gradient(a, a)

    for a in (torch.tensor(0.0), torch.zeros(2, 3), torch.ones(0), torch.ones(2, 0)):
        with pytest.raises(ValueError, match="non-zero"):
            call(a)
    for a in (torch.tensor([1.0, torch.nan]), torch.tensor([torch.inf, 0.0])):
        with pytest.raises(ValueError, match="finite"):
            call(a)
    for a in (torch.ones(2, dtype=torch.int64), [1.0]):
        with pytest.raises(TypeError, match="floating-point tensor"):
            call(a)


def test_a_wrong_direction_or_a_k_out_of_range_is_refused():
    """2¹²⁷ still fits into float32; the next k only into float64: autograd's is infinite."""
    for bad in (1, torch.ones(2, dtype=torch.int64)):
        with pytest.raises(TypeError, match="floating-point tensor"):
            gradient(torch.ones(2), bad)
    with pytest.raises(ValueError, match="the shape of a"):
        gradient(torch.ones(2), torch.ones(1))
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match="finite"):
            gradient(torch.ones(2), torch.tensor([1.0, bad]))

    a = torch.tensor(1000 / 2**127)
    assert gradient(a, torch.tensor(1.0)) == 2.0**127
    a = (0.75 * a).requires_grad_()
    with pytest.raises(ValueError, match="does not fit"):
        gradient(a, torch.tensor(1.0))
    assert gradient(a.double(), torch.tensor(1.0)) == 2.0**128
    _f(a).backward()
    assert a.grad.isinf()


@pytest.mark.misconception("the gradient is always f(a) / a")
def test_a_quotient_is_rounded_and_may_not_exist():
    """True of real numbers; of floats not at −1/3, where 100 · b was rounded, nor at a zero."""
    a = torch.tensor([-1 / 3], requires_grad=True)
    beside_zero = torch.tensor([0.0, 3.0], requires_grad=True)

    d, e = _f(a), _f(beside_zero)
    d.backward()
    e.sum().backward()

    assert a.grad == gradient(a, torch.ones(1)) == 409_600
    assert d / a != a.grad
    assert (e / beside_zero)[0].isnan()
    assert torch.equal(beside_zero.grad, torch.tensor([512.0, 512.0]))


@pytest.mark.misconception("each entry has a k of its own")
def test_the_entries_share_one_number():
    """Entries 0.1 and 3 double until *their common norm* has grown: 512, not 16384 and 512."""
    a = torch.tensor([0.1, 3.0])

    together, apart = _f(a), torch.stack([_f(entry) for entry in a])

    assert scale_factor(a) == 512
    assert [scale_factor(entry) for entry in a] == [16384, 512]
    assert torch.equal(together, 512 * a)
    assert together[0] != apart[0]


def test_the_figure_shows_a_sawtooth_above_a_staircase(save_figure):
    """Between two jumps f is a straight line through 0, and its slope k is one step."""
    jumps = [1000 / 2**p for p in range(6, 0, -1)]
    ends = [*jumps[1:], 1000.0]

    fig = Figure(figsize=(6, 4.2))
    top, bottom = fig.subplots(2, sharex=True, gridspec_kw={"hspace": 0.1})
    for left, right in zip(jumps, ends, strict=True):
        a = torch.linspace(left, right * (1 - 1e-9), 9, dtype=torch.float64)
        k = scale_factor(a[0])
        top.plot([0, left], [0, _f(a[0])], ":", color="grey", linewidth=1)
        top.plot(a, torch.stack([_f(x) for x in a]), color="C0")
        bottom.plot(a, [scale_factor(x) for x in a], color="C1")
        bottom.annotate(k, (a.mean(), k), (0, 4), textcoords="offset points", ha="center")
    top.set(ylabel="f(a)", ylim=(0, 2200), yticks=[0, 1000, 2000])
    bottom.set_yscale("log", base=2)
    bottom.set(xlabel="a > 0", ylabel="gradient k (log scale)", ylim=(1, 200))
    bottom.set(xlim=(0, 1020), xticks=[0, *ends[2:]], yticks=[])

    assert len(bottom.lines) == len(jumps)
    for saw, step, p in zip(top.lines[1::2], bottom.lines, range(6, 0, -1), strict=True):
        x, y = saw.get_data()
        assert min(y) >= 1000 > max(y) / 2 > 999
        assert set(step.get_ydata()) == {2**p}
        assert (y[-1] - y[0]) / (x[-1] - x[0]) == pytest.approx(2**p, rel=1e-12)
    save_figure(fig)
