"""3.4.2a — Three equal classes hold 1.585 bits each, but words for one cost 5/3 at least.

Question
--------
Three classes are equally likely, p = (1/3, 1/3, 1/3).  What is wrong with giving each of them a
word of 0s and 1s?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression.html>
English edition: 4.1.2 <https://d2l.ai/chapter_linear-classification/softmax-regression.html>

Answer
------
A class holds log₂ 3 = 1.585 bits of information, but a word has a whole number of bits:

    00, 01, 10    2 bits for each class, and the word 11 is never used
    0, 10, 11     (1 + 2 + 2)/3 = 1.667 bits on average: no prefix code (see below) has less

Coding two classes at once, by nine words for the nine pairs, helps only if the words differ in
length: seven of 3 bits and two of 4 bits make 29/18 = 1.611 bits a class.  Nine words of one
length need 4 bits, again 2 a class.

Why
---
If no word begins with another one (a *prefix code*), words can be written one after the other
without commas and read again.  A given word of l bits is the beginning of a share 2⁻ˡ of all
long strings of bits, and no string begins with two of the words: Σ 2⁻ˡ ≤ 1.  Three equal
classes should get 1/3 each, but 2⁻ˡ is never 1/3.  With 00, 01, 10 a quarter is left over.

M equally likely words are best if they have b = ⌊log₂ M⌋ or b + 1 bits and nothing is left.

Hints
-----
1. How many words of two bits are there?
2. May a word be shorter, and can you still see where it ends?
"""

import heapq
import math
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, pairwise, product

import pytest
from matplotlib.figure import Figure


def prefix_code_lengths(words):
    """The lengths in bits, shortest first, of the words of a best prefix code: a list of ints.

    `words` is how many there are, all equally likely.  No word may begin with another one.
    """
    short = words.bit_length() - 1
    longer = 2 * (words - 2**short)
    return [short] * (words - longer) + [short + 1] * longer


def _mean(numbers):
    return Fraction(sum(numbers), len(numbers))


def _share(lengths):
    """Σ 2⁻ˡ, the share of all strings of bits that begin with words of these lengths."""
    longest = max(lengths)
    return Fraction(sum(2 ** (longest - length) for length in lengths), 2**longest)


def _words_of(lengths):
    """Words of increasing lengths: each is the number after the last one, with zeros behind."""
    number, words = 0, []
    for length, following in pairwise([*lengths, lengths[-1]]):
        words.append(format(number, f"0{length}b"))
        number = (number + 1) << (following - length)
    return words


def test_three_classes_cost_5_thirds_and_pairs_of_them_29_eighteenths():
    """Three classes get words of 1, 2 and 2 bits; nine pairs seven of 3 bits and two of 4."""
    assert prefix_code_lengths(3) == [1, 2, 2]
    assert prefix_code_lengths(9) == [3, 3, 3, 3, 3, 3, 3, 4, 4]
    assert _mean(prefix_code_lengths(3)) == Fraction(5, 3)
    assert _mean(prefix_code_lengths(9)) / 2 == Fraction(29, 18)
    assert math.log2(3) == pytest.approx(1.585, abs=5e-4)


@pytest.mark.parametrize("words", range(1, 10))
def test_no_lengths_that_satisfy_the_inequality_are_shorter(words):
    """Of all lengths l from 0 to 5 for 1 to 9 words, none with Σ 2⁻ˡ ≤ 1 has a smaller sum."""
    possible = [
        sum(lengths)
        for lengths in combinations_with_replacement(range(6), words)
        if _share(lengths) <= 1
    ]

    assert sum(prefix_code_lengths(words)) == min(possible)


def test_words_of_these_lengths_can_be_read_without_commas():
    """For 2 to 100 words of these lengths there is a code where none begins with another."""
    assert _words_of(prefix_code_lengths(3)) == ["0", "10", "11"]
    for count in range(2, 101):
        words = _words_of(prefix_code_lengths(count))
        assert len(words) == count
        # in alphabetical order a word would come right before one that begins with it
        assert not any(b.startswith(a) for a, b in pairwise(sorted(words)))


def _huffman(words):
    """The bits of all words together, as the two least likely groups are joined each time."""
    groups, total = [1] * words, 0
    while len(groups) > 1:
        joined = heapq.heappop(groups) + heapq.heappop(groups)
        heapq.heappush(groups, joined)
        total += joined  # each word of the group becomes one bit longer
    return total


def test_huffman_s_method_finds_the_same_total():
    """Joining the two least likely groups, again and again, gives no shorter code either."""
    for words in range(1, 101):
        assert sum(prefix_code_lengths(words)) == _huffman(words)


@pytest.mark.misconception("coding two classes together saves bits by itself")
def test_pairs_in_words_of_one_length_save_nothing():
    """Nine words of one length need 4 bits, 2 a class as before; words of 3 and 4 bits save."""
    one_length = next(bits for bits in range(9) if 2**bits >= 9)

    assert Fraction(one_length, 2) == 2 == next(bits for bits in range(9) if 2**bits >= 3)
    assert _mean(prefix_code_lengths(9)) / 2 < _mean(prefix_code_lengths(3)) < 2


@pytest.mark.misconception(
    "three classes cost 2/3 bit on average", source="datawhalechina's solutions manual, 3.4.2"
)
def test_less_than_the_entropy_cannot_be_read_again():
    """No three lengths with a mean below log₂ 3 satisfy Σ 2⁻ˡ ≤ 1; 5/3 is the least mean."""
    means = {lengths: _mean(lengths) for lengths in product(range(6), repeat=3)}
    below = [lengths for lengths, mean in means.items() if mean < math.log2(3)]

    assert (0, 1, 1) in below
    assert all(_share(lengths) > 1 for lengths in below)
    assert _mean(prefix_code_lengths(3)) == min(
        mean for lengths, mean in means.items() if _share(lengths) <= 1
    )


@pytest.mark.misconception(
    "00, 01 and 10 are a bad code because their lengths differ",
    source="pandalabme's solutions, 3.4.2",
)
def test_what_is_wrong_with_two_bits_is_the_word_that_is_left_over():
    """00, 01, 10 have one length, but begin 3/4 of all strings; 0, 10, 11 begin them all."""
    assert {len(word) for word in ("00", "01", "10")} == {2}
    assert _share([2, 2, 2]) == Fraction(3, 4)
    assert _share(prefix_code_lengths(3)) == 1


@pytest.mark.misconception(
    "the channel coding theorem tells how many bits three classes take",
    source="ckyFi9zero's exercises, 3.4.2",
)
def test_a_code_that_notices_a_wrong_bit_is_longer():
    """To notice one wrong bit, as channel coding does, 3 words need 3 bits instead of 2."""

    def notices(words):
        return all((a ^ b).bit_count() >= 2 for a, b in combinations(words, 2))

    def possible(bits):
        return any(notices(words) for words in combinations(range(2**bits), 3))

    assert next(bits for bits in range(5) if possible(bits)) == 3
    assert next(bits for bits in range(5) if 2**bits >= 3) == 2 > _mean(prefix_code_lengths(3))


def test_the_figure_shows_what_is_left_over(save_figure):
    """The figure shows three codes as shares 2⁻ˡ of all strings of bits, beside thirds."""
    codes = {
        "00, 01, 10\n2 bits a class": ["00", "01", "10"],
        "0, 10, 11\n5/3 = 1.667 bits": _words_of(prefix_code_lengths(3)),
        "nine pairs\n29/18 = 1.611 bits": _words_of(prefix_code_lengths(9)),
    }

    fig = Figure(figsize=(7, 2.8), layout="constrained")
    ax = fig.subplots()
    for row, words in enumerate(codes.values()):
        for word in words:
            left, width = int(word, 2) / 2 ** len(word), 2.0 ** -len(word)
            ax.barh(row, width, 0.6, left, color="#d9e8f5", edgecolor="black")
            turn = 90 if width < 0.1 else 0
            ax.text(left + width / 2, row, word, ha="center", va="center", rotation=turn)
    ax.text(7 / 8, 0, "11: never used", ha="center", va="center", color="#D55E00")
    for third in (1 / 3, 2 / 3):
        ax.axvline(third, color="#D55E00", ls="--", zorder=0)
    ax.set(title="Words share the strings of bits by halving, never in thirds (dashed)")
    ax.set(xlabel="share of all strings of bits that begin with the word", xlim=(0, 1))
    ax.set_yticks(range(3), codes)
    ax.invert_yaxis()
    ax.grid(visible=False)

    widths = [bar.get_width() for bar in ax.patches]
    assert len(widths) == 3 + 3 + 9
    assert [sum(widths[a:b]) for a, b in ((0, 3), (3, 6), (6, 15))] == [3 / 4, 1, 1]
    save_figure(fig)


@pytest.mark.benchmark(group="3.4.2 How long does Huffman's method take for M equal words?")
@pytest.mark.parametrize(
    "M", [500, *(pytest.param(M, marks=pytest.mark.timed_only) for M in (1000, 2000, 4000))]
)
@pytest.mark.parametrize("method", ["Huffman's method", "by the formula"])
def test_every_way_takes_the_same_bits(benchmark, method, M):
    """M words take b + 2 − 2ᵇ⁺¹/M bits on average, with 2ᵇ ≤ M < 2ᵇ⁺¹."""
    way = _huffman if "Huffman" in method else lambda words: sum(prefix_code_lengths(words))
    reason = "M words; a heap adds a factor log M"
    benchmark.extra_info.update(method=method, size=M, exponent=1, reason=reason)

    total = benchmark(way, M)

    b = M.bit_length() - 1
    assert total == (b + 2) * M - 2 ** (b + 1)
