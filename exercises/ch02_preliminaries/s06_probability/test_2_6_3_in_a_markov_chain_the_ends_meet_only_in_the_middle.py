"""2.6.3 — In a chain A → B → C the joint is P(A) P(B|A) P(C|B): the ends meet only in B.

Question
--------
B depends only on A, and C depends only on B.  How does P(A, B, C) simplify?
(https://zh.d2l.ai/chapter_preliminaries/probability.html)

Answer
------
    P(A, B, C) = P(A) P(B|A) P(C|B)

This *is* the Markov property: the factorisation holds if and only if A and C are independent
given B.  For k values each it takes 2k² − k − 1 numbers instead of k³ − 1 (k = 10: 189
instead of 999).

Why
---
The product rule holds always: P(a, b, c) = P(a) P(b|a) P(c|a, b).  "C depends only on B"
says P(c|a, b) = P(c|b) wherever P(a, b) > 0; put it in.  Conversely, divide the factorised
joint by P(a, b) = P(a) P(b|a), and P(c|a, b) = P(c|b) comes back.  Divided by P(b) it reads

    P(a, c | b) = P(a | b) P(c | b)

which treats A and C alike.  So the chain can be read backwards, P(C) P(B|C) P(A|B).

The full table has k³ entries with sum 1.  The chain has k − 1 free numbers for P(A) and
k(k − 1) for either conditional table: (k − 1)(2k + 1) = 2k² − k − 1.

In practice
-----------
- A and C are *not* independent.  Summing B out multiplies the tables: P(c|a) is an entry of
  the matrix product P(B|A) P(C|B).
- A step can only lose information: I(A; C) ≤ I(A; B) and I(A; C) ≤ I(B; C), the data
  processing inequality.

References
----------
T. M. Cover and J. A. Thomas, *Elements of Information Theory*, Wiley (2006), section 2.8.

Hints
-----
1. Write P(A, B, C) as a product of three conditional probabilities, assuming nothing.
2. Which of the three becomes simpler if C depends only on B?
3. Count the free numbers in each factor; every row of a conditional table has sum 1.
"""

import math
import operator
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from matplotlib.figure import Figure


def chain_joint(p_a, p_b_given_a, p_c_given_b):
    """P(A, B, C), shape (k, l, m), of a chain from P(A) (k,), P(B|A) (k, l), P(C|B) (l, m).

    Rows are what is given.  Arrays or nested lists; exact for those that hold `Fraction`.
    Raises ValueError ("shapes") if they do not fit and ("sum to 1") unless every row holds
    numbers ≥ 0 with sum 1 (within 10⁻⁹).
    """
    a, b, c = (np.asarray(table) for table in (p_a, p_b_given_a, p_c_given_b))
    if (
        (a.ndim, b.ndim, c.ndim) != (1, 2, 2)
        or a.shape != b.shape[:1]
        or b.shape[1:] != c.shape[:1]
    ):
        raise ValueError(
            f"expected shapes (k,), (k, l), (l, m), got {a.shape}, {b.shape}, {c.shape}"
        )
    for table in (a, b, c):
        _check_distribution(table, axis=-1)
    return a[:, None, None] * b[:, :, None] * c


def markov_gap(joint):
    """Largest |P(a, b, c) − P(a) P(b|a) P(c|b)| of any joint table (k, l, m).

    Zero if and only if A and C are independent given B; a b that never occurs counts for
    nothing.  Exact for an array of `Fraction`.  Raises ValueError ("three axes") or ("sum
    to 1") unless the whole table holds numbers ≥ 0 with sum 1 (within 10⁻⁹).
    """
    joint = np.asarray(joint)
    if joint.ndim != 3:
        raise ValueError(f"expected three axes, A, B and C, got shape {joint.shape}")
    _check_distribution(joint, axis=None)
    ab, bc = joint.sum(axis=2, keepdims=True), joint.sum(axis=0)
    b = bc.sum(axis=1, keepdims=True)
    return abs(joint - ab * bc / np.where(b == 0, 1, b)).max()


def parameter_counts(k):
    """Free numbers of a joint table of three variables with k values, and of a chain of them.

    A pair of ints.  Raises ValueError ("at least 1") for k and TypeError ("integer").
    """
    if operator.index(k) < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return k**3 - 1, 2 * k**2 - k - 1


def _check_distribution(table, axis):
    proper = table.size and np.all(table >= 0)
    if not proper or not np.all(abs(table.sum(axis=axis) - 1) <= 1e-9):
        raise ValueError(f"expected numbers ≥ 0 that sum to 1, got {table}")


def _fractions(weights):
    """Non-negative integers, normalised along the last axis, as exact fractions."""
    weights = np.asarray(weights).astype(object)
    return weights * Fraction(1) / weights.sum(axis=-1, keepdims=True)


def _joint(weights):
    """A table of non-negative integers, normalised as a whole, as exact fractions."""
    return np.asarray(weights).astype(object) * Fraction(1, int(np.sum(weights)))


def _random_chain(rng, *sizes):
    shapes = sizes[:1], sizes[:2], sizes[1:]
    return chain_joint(*(_fractions(rng.integers(1, 9, shape)) for shape in shapes))


def _depends_only_on_b(joint):
    """The definition, entry by entry: P(c|a, b) = P(c|b) wherever P(a, b) > 0."""
    A, B, C = (range(size) for size in joint.shape)
    for a, b, c in product(A, B, C):
        ab = sum(joint[a, b, z] for z in C)
        bc = sum(joint[x, b, c] for x in A)
        if ab and joint[a, b, c] / ab != bc / sum(joint[x, b, z] for x in A for z in C):
            return False
    return True


def _information(joint):
    """Mutual information of a table of two variables, in bits."""
    joint = joint.astype(float)
    independent = joint.sum(1, keepdims=True) * joint.sum(0)
    occurs = joint > 0
    return (joint[occurs] * np.log2(joint[occurs] / independent[occurs])).sum()


def _exclusive_or():
    """Two fair bits A and C, and B = A xor C."""
    joint = np.zeros((2, 2, 2), dtype=int)
    for a, c in product((0, 1), repeat=2):
        joint[a, a ^ c, c] = 1
    return _joint(joint)


@pytest.mark.seeds(3)
def test_a_chain_has_the_tables_it_was_made_of(rng):
    """Exact fractions, three different sizes: every conditional comes back from the joint."""
    p_a, p_b, p_c = (_fractions(rng.integers(0, 9, s) + 1) for s in ((2,), (2, 3), (3, 4)))

    joint = chain_joint(p_a, p_b, p_c)

    assert joint.shape == (2, 3, 4)
    assert joint.sum() == 1
    ab = joint.sum(axis=2)
    assert np.array_equal(ab.sum(axis=1), p_a)
    assert np.array_equal(ab / p_a[:, None], p_b)
    for a in range(2):
        assert np.array_equal(joint[a] / ab[a][:, None], p_c)
    assert markov_gap(joint) == 0


def test_factorising_is_the_markov_property():
    """All 255 supports of 2 × 2 × 2 with equal weights: the gap is 0 ⇔ the definition holds.

    A third criterion agrees: each slice at fixed b has rank at most one.
    """
    chains = 0
    supports = [support for support in product((0, 1), repeat=8) if any(support)]
    for support in supports:
        joint = _joint(np.reshape(support, (2, 2, 2)))
        is_chain = markov_gap(joint) == 0
        assert is_chain == _depends_only_on_b(joint)
        slices = (joint[:, b, :] for b in (0, 1))
        assert is_chain == all(s[0, 0] * s[1, 1] == s[0, 1] * s[1, 0] for s in slices)
        chains += is_chain

    assert len(supports) == 255
    assert chains == 10**2 - 1


@pytest.mark.seeds(3)
def test_the_gap_is_measured_from_the_chain_of_the_same_tables(rng):
    """A generic joint of exact fractions against the chain of its own P(A), P(B|A), P(C|B)."""
    joint = _joint(rng.integers(1, 9, (2, 3, 4)))
    a, ab, bc = joint.sum(axis=(1, 2)), joint.sum(axis=2), joint.sum(axis=0)

    chain = chain_joint(a, ab / a[:, None], bc / bc.sum(axis=1, keepdims=True))

    assert markov_gap(joint) == abs(joint - chain).max() > 0
    assert not _depends_only_on_b(joint)


def test_a_copy_that_bypasses_the_middle_is_no_chain():
    """A = C, a fair bit, and B constant: 1/2 stands where the chain of the tables has 1/4."""
    joint = _joint([[[1, 0]], [[0, 1]]])

    assert markov_gap(joint) == Fraction(1, 4)
    assert not _depends_only_on_b(joint)


@pytest.mark.seeds(3)
def test_a_chain_can_be_read_backwards(rng):
    """P(C) P(B|C) P(A|B), from the joint's own tables, is the same joint."""
    joint = _random_chain(rng, 3, 2, 4)
    bc, ab = joint.sum(axis=0), joint.sum(axis=2)
    p_c, p_b = bc.sum(axis=0), bc.sum(axis=1)

    backwards = chain_joint(p_c, (bc / p_c).T, (ab / p_b).T)

    assert backwards.shape == (4, 2, 3)
    assert np.array_equal(backwards.transpose(2, 1, 0), joint)


def test_the_chain_has_as_many_dimensions_as_counted():
    """A chain is log P = f(a, b) + g(b, c): the rank of these indicators, less one."""
    for k in (1, 2, 3, 4):
        a, b, c = np.indices((k, k, k)).reshape(3, -1)
        pairs = np.hstack([np.eye(k * k)[a * k + b], np.eye(k * k)[b * k + c]])
        full, chain = parameter_counts(k)
        assert chain == np.linalg.matrix_rank(pairs) - 1
        assert full == np.linalg.matrix_rank(np.eye(k**3)) - 1

    assert parameter_counts(10) == (999, 189)


@pytest.mark.seeds(3)
def test_information_is_only_lost_on_the_way(rng):
    """I(A; C) is at most I(A; B) and I(B; C) in a chain; with A = C and B a coin it is more."""
    for _ in range(5):
        joint = _random_chain(rng, 3, 3, 3)
        ab, ac, bc = (_information(joint.sum(axis=axis)) for axis in (2, 1, 0))
        assert 0 < ac <= min(ab, bc)

    twins = _joint([[[1, 0], [1, 0]], [[0, 1], [0, 1]]])
    ab, ac, bc = (_information(twins.sum(axis=axis)) for axis in (2, 1, 0))
    assert (ab, ac, bc) == (0, 1, 0)
    assert markov_gap(twins) > 0


def test_a_middle_that_never_occurs_does_no_harm():
    """P(b) = 0: nothing is divided by it, and the table is a chain; floats as well."""
    joint = chain_joint([0.5, 0.5], [[1, 0], [1, 0]], [[0.25, 0.75], [0.5, 0.5]])

    assert joint.tolist() == [[[0.125, 0.375], [0, 0]]] * 2
    assert markov_gap(joint) == 0


def test_tables_that_are_no_distributions_are_refused():
    """Shapes that do not fit, negative numbers, wrong sums, NaN, infinity and nothing."""
    half = [0.5, 0.5]
    for shapes in (
        ([[1.0]], [half], [half, half]),
        ([1.0], half, [half, half]),
        ([1.0], [half], half),
        (half, [half], [half, half]),
        ([1.0], [half], [half]),
    ):
        with pytest.raises(ValueError, match="shapes"):
            chain_joint(*shapes)
    for bad in ([0.5, 0.6], [1.5, -0.5], [math.nan, 1.0], [math.inf, 0.0]):
        for tables in ((bad, [half] * 2, [half] * 2), ([1.0], [bad], [half] * 2)):
            with pytest.raises(ValueError, match="sum to 1"):
                chain_joint(*tables)
        with pytest.raises(ValueError, match="sum to 1"):
            chain_joint([1.0], [half], [half, bad])
        with pytest.raises(ValueError, match="sum to 1"):
            markov_gap([[bad]])
    with pytest.raises(ValueError, match="sum to 1"):
        markov_gap(np.empty((0, 2, 2)))
    with pytest.raises(ValueError, match="three axes"):
        markov_gap([half])


def test_counts_need_a_positive_integer():
    """A variable has at least one value; with one, nothing is free."""
    assert parameter_counts(1) == (0, 0)
    with pytest.raises(ValueError, match="at least 1"):
        parameter_counts(0)
    with pytest.raises(TypeError, match="integer"):
        parameter_counts(2.0)


@pytest.mark.misconception("A and C are then independent")
def test_the_ends_of_a_chain_depend_on_each_other():
    """P(C|A) is the matrix product: a bit that flips twice with 1/10 mostly arrives."""
    flip = _fractions([[9, 1], [1, 9]])
    joint = chain_joint(_fractions([1, 1]), flip, flip)
    ac = joint.sum(axis=1)

    assert np.array_equal(2 * ac, flip @ flip)
    assert ac[0, 0] == Fraction(41, 100)
    assert ac[0, 0] != ac.sum(axis=1)[0] * ac.sum(axis=0)[0]


@pytest.mark.misconception("variables that are independent in pairs stay so given a third")
def test_pairwise_independence_is_no_chain():
    """Exclusive or: each pair is independent, yet A and B together fix C; the gap is 1/8."""
    joint = _exclusive_or()

    for axis in range(3):
        assert np.array_equal(joint.sum(axis=axis), np.full((2, 2), Fraction(1, 4)))
    assert markov_gap(joint) == Fraction(1, 8)
    assert not _depends_only_on_b(joint)


def test_the_figure_shows_a_square_below_a_cube(save_figure):
    """Free numbers of the full table and of the chain, on lines of slope 3 and 2."""
    k = np.array([2, 3, 5, 10, 20, 50, 100])
    full, chain = np.array([parameter_counts(int(size)) for size in k]).T

    fig = Figure()
    ax = fig.subplots()
    for counts, name, marker in (
        (full, "any joint: k³ − 1", "o"),
        (chain, "chain: 2k² − k − 1", "s"),
    ):
        ax.loglog(k, counts, f"{marker}-", label=name)
        ten = counts[list(k).index(10)]
        ax.annotate(str(ten), (10, ten), (8, -10), textcoords="offset points")
    ax.set(xlabel="values k of each variable", ylabel="free parameters")
    ax.legend()

    slopes = [np.diff(np.log(line.get_ydata()))[-1] / math.log(2) for line in ax.lines]
    assert slopes == pytest.approx([3, 2], abs=0.02)
    assert np.all(ax.lines[0].get_ydata() > ax.lines[1].get_ydata())
    save_figure(fig)
