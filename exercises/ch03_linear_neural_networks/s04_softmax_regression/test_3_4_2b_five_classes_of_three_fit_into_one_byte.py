"""3.4.2b — Five classes of three, as one number in base 3, fit into a byte: 1.6 bits each.

Question
--------
Three classes are equally likely.  Find a better binary code than a word for each class: what do
you gain if you code two observations together, and what if n of them?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression.html>
English edition: 4.1.2 <https://d2l.ai/chapter_linear-classification/softmax-regression.html>

Answer
------
Read n classes as the digits of one number in base 3, and write that number in binary:

    2, 0, 1, 1, 2  →  2·81 + 0·27 + 1·9 + 1·3 + 2 = 176  →  10110000

This takes ⌈n log₂ 3⌉ bits.  Two together gain nothing (4 bits, 2 each), three cost 5 bits, and
five cost 8 bits, a byte: 1.6 each.  For 1000 it is 1.585 each, and log₂ 3 = 1.58496.

Why
---
There are 3ⁿ sequences, and m bits make 2ᵐ words: m is enough as soon as 2ᵐ ≥ 3ⁿ, which is
m ≥ n log₂ 3.  Rounding up costs less than one bit for all n together, so less than 1/n for
each.  It always costs something, as 2ᵐ is even and 3ⁿ is odd.

In practice
-----------
Longer is not always better: six classes cost 1.667 bits each, more than five.  Only n = 1, 3,
5, 17, 29, 41, 94 … beat every shorter block.

Hints
-----
1. How many sequences of n classes are there, and how many words of m bits?
2. How do you number the sequences, so that no table is needed?
"""

import math
from fractions import Fraction
from itertools import combinations_with_replacement, product

import pytest
from matplotlib.figure import Figure


def fixed_bits(n):
    """How many bits each word needs if n of three classes are coded together, an int."""
    return (3**n - 1).bit_length()


def encode(classes):
    """The word, a string of 0s and 1s, for these classes, a list of 0, 1 and 2.

    The words of all lists of n classes, in alphabetical order, count up from 0 in binary.
    """
    number = 0
    for k in classes:
        if k not in (0, 1, 2):
            raise ValueError(f"{k} is none of the classes 0, 1, 2")
        number = 3 * number + k
    return format(number, f"0{fixed_bits(len(classes))}b")


def decode(bits, n):
    """The list of n classes of which `encode` makes these bits; ValueError if there is none."""
    number = int(bits, 2)
    if number >= 3**n:
        raise ValueError(f"{bits} is no word for {n} classes")
    return [number // 3**place % 3 for place in reversed(range(n))]


def _records(limit):
    """The n up to the limit that cost fewer bits a class than every smaller n."""
    cost = [Fraction(fixed_bits(n), n) for n in range(1, limit + 1)]
    return [n for n in range(1, limit + 1) if all(cost[n - 1] < c for c in cost[: n - 1])]


def test_five_classes_become_one_byte():
    """2, 0, 1, 1, 2 is 176 in base 3, 10110000; the largest, five times 2, is 242, 11110010."""
    assert fixed_bits(5) == 8
    assert encode([2, 0, 1, 1, 2]) == "10110000" == format(176, "08b")
    assert encode([2, 2, 2, 2, 2]) == "11110010" == format(242, "08b")
    assert decode("10110000", 5) == [2, 0, 1, 1, 2]


def test_two_together_gain_nothing_and_three_do():
    """Blocks of 1 to 6 cost 2, 2, 5/3, 7/4, 8/5, 5/3 bits a class, and 1000 cost 1.585."""
    per_class = [Fraction(fixed_bits(n), n) for n in range(1, 7)]

    assert per_class == [2, 2, Fraction(5, 3), Fraction(7, 4), Fraction(8, 5), Fraction(5, 3)]
    assert fixed_bits(1000) == 1585
    assert math.log2(3) == pytest.approx(1.58496, abs=5e-6)


@pytest.mark.parametrize("n", range(1, 7))
def test_every_block_can_be_read_again_and_no_shorter_words_would_do(n):
    """All 3ⁿ blocks have different words of one length; one bit less makes too few words."""
    words = {encode(list(block)): list(block) for block in product(range(3), repeat=n)}

    assert len(words) == 3**n > 2 ** (fixed_bits(n) - 1)
    assert {len(word) for word in words} == {fixed_bits(n)}
    assert all(decode(word, n) == block for word, block in words.items())


def test_the_excess_is_positive_and_below_one_bit_for_the_whole_block():
    """Up to n = 500, n classes take more than n log₂ 3 bits and less than n log₂ 3 + 1."""
    for n in range(1, 501):
        assert 2 ** (fixed_bits(n) - 1) < 3**n < 2 ** fixed_bits(n)
        assert fixed_bits(n) == math.ceil(n * math.log2(3))


def test_a_long_sequence_comes_back(rng):
    """Of 1000 random classes, coded as 1585 bits, not one is lost."""
    classes = rng.integers(3, size=1000).tolist()

    bits = encode(classes)

    assert len(bits) == 1585
    assert decode(bits, 1000) == classes


@pytest.mark.misconception("a longer block is always better")
def test_only_some_blocks_beat_all_shorter_ones():
    """Up to 100 only n = 1, 3, 5, 17, 29, 41, 94 beat all shorter blocks; 6 are beaten by 5."""
    assert _records(100) == [1, 3, 5, 17, 29, 41, 94]
    assert Fraction(fixed_bits(6), 6) > Fraction(fixed_bits(5), 5)


@pytest.mark.misconception(
    "⌈log₂ C(n + 2, 2)⌉ bits are enough for n classes",
    source="datawhalechina's solutions manual, 3.4.2",
)
def test_counting_each_class_forgets_the_order():
    """C(n + 2, 2) is the number of possible counts: 6 for the 9 pairs, too few words."""
    for n in range(2, 8):
        counts = list(combinations_with_replacement(range(3), n))
        assert len(counts) == math.comb(n + 2, 2) < 3**n
        assert (len(counts) - 1).bit_length() < fixed_bits(n)
    assert encode([0, 1]) != encode([1, 0])


@pytest.mark.misconception(
    "one-hot words for the nine pairs are a better code", source="pandalabme's solutions, 3.4.2"
)
def test_one_hot_pairs_cost_more_than_twice_as_much():
    """Nine bits for a pair are 4.5 a class; the number of the pair takes 4 bits, 2 a class."""
    one_hot = ["".join("1" if i == k else "0" for i in range(9)) for k in range(9)]

    assert {Fraction(len(word), 2) for word in one_hot} == {Fraction(9, 2)}
    assert {len(encode([j, k])) for j, k in product(range(3), repeat=2)} == {4}


@pytest.mark.edge
def test_what_is_no_class_or_no_word_is_refused():
    """A class 3 does not exist, and 256 − 243 = 13 bytes mean no five classes."""
    for classes in ([3], [-1], [0, 1, 5]):
        with pytest.raises(ValueError, match="none of the classes"):
            encode(classes)
    for number in range(243, 256):
        with pytest.raises(ValueError, match="no word for 5"):
            decode(format(number, "08b"), 5)


def test_the_figure_shows_the_records(save_figure):
    """The figure shows bits a class for n = 1 … 50, between log₂ 3 and log₂ 3 + 1/n."""
    n = range(1, 51)
    cost = [fixed_bits(k) / k for k in n]
    records = _records(50)

    fig = Figure()
    ax = fig.subplots()
    ax.fill_between(
        n, math.log2(3), [math.log2(3) + 1 / k for k in n], color="#d9e8f5", label="within 1/n"
    )
    ax.plot(n, cost, ".", color="0.4", label="⌈n log₂ 3⌉ / n")
    ax.plot(records, [cost[k - 1] for k in records], "o", color="C1", label="best so far")
    for k in records:
        ax.annotate(f"n = {k}", (k, cost[k - 1]), (0, -15), textcoords="offset points", size=9)
    ax.axhline(math.log2(3), color="C2", label="log₂ 3 = 1.585")
    ax.set(title="Rounding up costs less than 1/n bit a class: five classes fit into a byte")
    ax.set(xlabel="classes coded together, n", ylabel="bits a class", ylim=(1.5, 2.1))
    ax.legend()

    assert ax.lines[1].get_xdata().tolist() == [1, 3, 5, 17, 29, 41]
    assert all(math.log2(3) < c < math.log2(3) + 1 / k for k, c in zip(n, cost, strict=True))
    save_figure(fig)
