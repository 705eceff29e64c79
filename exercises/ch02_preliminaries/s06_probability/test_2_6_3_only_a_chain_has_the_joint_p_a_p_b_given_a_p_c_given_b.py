"""2.6.3 — In a chain A → B → C, and only there, P(A, B, C) = P(A) P(B|A) P(C|B).

Question
--------
Three random variables form a chain: B depends only on A, and C depends only on B.  How does
their joint probability P(A, B, C) simplify?
<https://zh.d2l.ai/chapter_preliminaries/probability.html>
English edition: 2.6.6 <https://d2l.ai/chapter_preliminaries/probability.html>

Answer
------
    P(A, B, C) = P(A) P(B|A) P(C|B)

An example: a fair bit A is sent over two lines, and each of them flips it with probability
0.1.  B arrives at the first, C at the second.  Then P(0, 0, 0) = 0.5 · 0.9 · 0.9 = 0.405.

Such variables are called a Markov chain.  "Only there" means: if the joint of three variables
is this product of their own tables, then C depends only on B.

Why
---
The product rule always holds: P(A, B, C) = P(A) P(B|A) P(C|A, B).  "C depends only on B" says
that P(C|A, B) = P(C|B) wherever P(A, B) > 0.  Put it in, and you have the answer.  For the
converse, divide the answer by P(A, B) = P(A) P(B|A): what is left is P(C|A, B) = P(C|B).

Divide by P(B) instead, and use P(A) P(B|A) = P(A|B) P(B):

    P(A, C | B) = P(A|B) P(C|B)

This treats A and C alike, so C → B → A is a chain too.  Given B, A and C are independent;
without B they need not be: in the example the bit arrives right, C = A, with probability 0.82.

Hints
-----
1. Write P(A, B, C) as a product of three conditional probabilities, assuming nothing.
2. Which of the three becomes simpler if C depends only on B?
"""

from itertools import product

import pytest
import torch
from matplotlib.figure import Figure


def chain_joint(p_a, p_b_given_a, p_c_given_b):
    """P(A, B, C), shape (k, l, m), of a chain from P(A) (k,), P(B|A) (k, l), P(C|B) (l, m).

    All are tensors of floats.  A row of P(B|A) holds the probabilities of all b for one a.
    """
    k = len(p_a)
    return p_a.reshape(k, 1, 1) * p_b_given_a.reshape(k, -1, 1) * p_c_given_b


_CLOSE = {"rtol": 0, "atol": 1e-6}  # a few roundings of float32, for numbers up to 1
_BIT = torch.tensor([0.5, 0.5], dtype=torch.float64)
_LINE = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)  # flips with 0.1


def _rows(table):
    """The table with each row divided by its sum; a row of zeros stays."""
    total = table.sum(-1, keepdim=True)
    return table / total.where(total > 0, 1)


def _chain_like(joint):
    """The product P(A) P(B|A) P(C|B) of a joint's own tables, whether it is a chain or not."""
    return chain_joint(joint.sum((1, 2)), _rows(joint.sum(2)), _rows(joint.sum(0)))


def _c_depends_only_on_b(joint):
    """The definition: P(c|a, b) = P(c|b) for all c wherever P(a, b) > 0."""
    a, b = joint.sum(2).nonzero(as_tuple=True)
    return torch.allclose(_rows(joint)[a, b], _rows(joint.sum(0))[b], **_CLOSE)


def _random_tables(torch_rng, *shapes):
    return [_rows(torch.rand(s, generator=torch_rng, dtype=torch.float64)) for s in shapes]


def _same(x, y):
    return x.shape == y.shape and torch.allclose(x.double(), y, **_CLOSE)


def test_a_bit_over_two_lines():
    """Both lines right: 0.405; one wrong: 0.045; both: 0.005, for either value of A."""
    joint = chain_joint(_BIT, _LINE, _LINE)

    expected = [[[0.405, 0.045], [0.005, 0.045]], [[0.045, 0.005], [0.045, 0.405]]]
    assert _same(joint, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.seeds(3)
def test_a_chain_has_the_tables_it_was_made_of(torch_rng):
    """P(A), P(B|A) and P(C|A, B) come back from the joint, and the last is P(C|B) for all a."""
    p_a, p_b_given_a, p_c_given_b = _random_tables(torch_rng, (2,), (2, 3), (3, 4))

    joint = chain_joint(p_a, p_b_given_a, p_c_given_b).double()

    assert _same(joint.sum((1, 2)), p_a)
    assert _same(_rows(joint.sum(2)), p_b_given_a)
    assert _same(_rows(joint), p_c_given_b.expand(2, 3, 4))


def test_the_product_is_the_joint_of_chains_and_of_nothing_else():
    """Of 255 ways to spread P evenly over some of 8 cells, the formula holds for the 99 chains.

    A slice at one b has P(A, C | B) = P(A|B) P(C|B) if its cells fill a rectangle: that is so
    for 9 of the 15 sets of its 4 cells, and for none.  Two slices make 10 · 10 − 1 chains.
    """
    chains = 0
    for cells in product([0.0, 1.0], repeat=8):
        if any(cells):
            joint = torch.tensor(cells, dtype=torch.float64).reshape(2, 2, 2) / sum(cells)
            is_chain = _c_depends_only_on_b(joint)
            assert _same(_chain_like(joint), joint) == is_chain
            chains += is_chain

    assert chains == 99


@pytest.mark.seeds(3)
def test_a_chain_can_be_read_backwards(torch_rng):
    """P(C) P(B|C) P(A|B), with the tables of a chain's joint, is the same joint."""
    joint = chain_joint(*_random_tables(torch_rng, (3,), (3, 2), (2, 4))).double()

    tables = joint.sum((0, 1)), _rows(joint.sum(0).T), _rows(joint.sum(2).T)

    assert _same(chain_joint(*tables).permute(2, 1, 0), joint)


@pytest.mark.misconception("A and C are then independent")
def test_the_ends_of_a_chain_depend_on_each_other():
    """A bit arrives right with 0.82: P(A=0, C=0) is 0.41, but P(A=0) P(C=0) is only 0.25."""
    ends = chain_joint(_BIT, _LINE, _LINE).sum(1).double()

    assert _same(ends, torch.tensor([[0.41, 0.09], [0.09, 0.41]], dtype=torch.float64))
    assert _same(ends.sum(0), _BIT)
    assert _same(ends.sum(1), _BIT)


@pytest.mark.misconception(
    "B depends only on A, so P(B|A, C) = P(B|A)",
    source="datawhalechina's solutions manual, 2.6.3",
)
def test_what_arrives_tells_of_what_was_between():
    """If 0 is sent and 0 arrives, B was 0 with 0.81/0.82; before C is known that is 0.9."""
    by_b = chain_joint(_BIT, _LINE, _LINE).double()[0, :, 0]  # P(A=0, B, C=0)

    assert _same(_rows(by_b), torch.tensor([0.81, 0.01], dtype=torch.float64) / 0.82)


@pytest.mark.misconception("if A, B and C are independent in pairs, they form a chain")
def test_pairwise_independence_makes_no_chain():
    """A and C fair bits, B = 1 if they differ: pairs are independent, and yet A, B tell C."""
    joint = torch.zeros(2, 2, 2, dtype=torch.float64)
    for a, c in product([0, 1], repeat=2):
        joint[a, int(a != c), c] = 1 / 4

    for axis in range(3):
        assert torch.equal(joint.sum(axis), torch.full((2, 2), 1 / 4).double())
    assert not _c_depends_only_on_b(joint)
    assert _same(_chain_like(joint), torch.full((2, 2, 2), 1 / 8).double())


def test_the_figure_shows_the_chain_and_the_rows_that_become_one(save_figure):
    """In a chain the arrow from A to C is missing, and P(C|A, B) has equal rows for equal b."""
    joint = chain_joint(_BIT, _LINE, _LINE)
    p_a, b_rows, c_rows = joint.sum((1, 2)), _rows(joint.sum(2)), _rows(joint.sum(0))
    all_rows = _rows(joint).reshape(4, 2)  # one for each pair of a and b
    first = [("P(A)", [p_a], [" "]), ("P(B|A)", b_rows, "01")]
    always = [*first, ("P(C|A, B)", all_rows, ["0, 0", "0, 1", "1, 0", "1, 1"])]
    chain = [*first, ("P(C|B)", c_rows, "01")]
    places = [0, 1, 2.25]

    fig = Figure(figsize=(6.4, 2.8))
    for left, title, tables in ((0, "always", always), (0.5, "in a chain", chain)):
        ax = fig.add_axes((left, 0.01, 0.5, 0.87))
        arrows = [(0, 1, 0), (1, 2, 0), (0, 2, -0.4)]  # from, to, bend
        for start, end, bend in arrows[: 3 if tables == always else 2]:
            style = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "fc": "black"}
            ends = {"xytext": (places[start], 0), "xy": (places[end], 0)}
            ax.annotate("", **ends, arrowprops=style | {"shrinkA": 13, "shrinkB": 13})
        for x, node, (name, rows, given) in zip(places, "ABC", tables, strict=True):
            circle = {"boxstyle": "circle", "facecolor": "white"}
            ax.text(x, 0, node, ha="center", va="center", bbox=circle)
            ax.text(x, -0.75, name, ha="center", va="center", weight="bold")
            for i, (row, label) in enumerate(zip(rows, given, strict=True)):
                y, b = -1.25 - 0.5 * i, label[-1] if node == "C" else " "
                box = {"fc": {"0": "#fbe3b5", "1": "#cfe6f7", " ": "0.93"}[b], "ec": "none"}
                text = "  ".join(f"{value:.1f}" for value in row)
                ax.text(x, y, text, ha="center", va="center", bbox=box)
                ax.text(x - 0.42, y, label, ha="right", va="center", size=9)
        title += ": " + " ".join(name for name, _, _ in tables)
        ax.set(title=title, xlim=(-0.5, 2.75), ylim=(-3, 0.75))
        ax.set_axis_off()
    ax.text(1.9, -2.5, "rows of equal b\nhave become one", ha="center", va="center")

    written = [[text.get_text() for text in ax.texts] for ax in fig.axes]
    assert [texts.count("0.9  0.1") for texts in written] == [3, 2]
    assert [texts.count("0.1  0.9") for texts in written] == [3, 2]
    assert [texts.count("") for texts in written] == [3, 2]  # the arrows
    save_figure(fig)
