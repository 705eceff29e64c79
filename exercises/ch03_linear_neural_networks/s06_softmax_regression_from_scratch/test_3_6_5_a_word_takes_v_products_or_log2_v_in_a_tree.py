"""3.6.5 — One word's probability takes V products by softmax, and some log₂ V in a tree.

Question
--------
Softmax regression is to predict the next word of a text.  What problems does it have if there
are very many words to choose from?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.4 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
- **Cost.**  Each of V words has d weights.  For V = 50 000 and d = 256 softmax takes 12.8
  million multiplications, even for the probability of one word: its denominator is a sum over
  all of them.  And each training step changes all 12.8 million weights.
- **Rare words.**  If the r-th most frequent word has a share ∝ 1/r (Zipf's law), 92 % of the
  50 000 words are not to be found in a text of 10 000.

A cure for the cost is another model: a tree with the words as leaves.  Inner node k has d
weights uₖ.  For the features h, its branch 1 has the probability 1/(1 + exp(−uₖᵀh)), its branch
0 the rest:

    P(word) = product of the probabilities of the branches from the root to the word

For 50 000 words these are 16 nodes at most: 16 products uₖᵀh instead of 50 000, and a training
step changes the weights of these nodes only.

Why
---
At each node the probabilities of the branches sum to 1.  So those of all words do, and no sum
over the words is needed.  A tree of depth D has room for 2ᴰ words.

Hints
-----
1. How many numbers does one prediction multiply?  Which weights does one step change?
2. How many yes-or-no questions find one of 50 000 words?
"""

import math

import pytest
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F


def tree_path(word, V):
    """The way from the root to a word, 0 … V − 1: a list of pairs (inner node, branch).

    Inner nodes are 0 … V − 2, a branch is 0 or 1; no way is longer than log₂ V, rounded up.
    Raises ValueError for another word.
    """
    if word not in range(V):
        raise ValueError(f"word must be one of 0 … {V - 1}")
    place, path = word + V, []  # the root has place 1, and k has the children 2k and 2k + 1
    while place > 1:
        path.append((place // 2 - 1, place % 2))
        place //= 2
    return path[::-1]


def tree_log_probability(h, U, word):
    """The log P(word) for features h (d,) and the weights U (V − 1, d) of the inner nodes.

    Branch 1 of node k has the probability 1/(1 + exp(−uₖᵀh)).
    """
    nodes, branches = torch.tensor(tree_path(word, len(U) + 1)).T
    return F.logsigmoid((2 * branches - 1) * U[nodes].mv(h)).sum()


def _log_probability(h, W, word):
    """The same by softmax, for the weights W (V, d) of the words."""
    return torch.log_softmax(W @ h, dim=0)[word]


def test_50_000_words_cost_50_000_products_or_16(count_multiplications):
    """With 256 features softmax takes 12.8 million multiplications, a tree 4096 at most."""
    h, W = torch.ones(256), torch.zeros(50_000, 256)

    by_softmax = count_multiplications(lambda: _log_probability(h, W, 123))
    in_tree = count_multiplications(lambda: tree_log_probability(h, W[1:], 123))

    assert by_softmax == 50_000 * 256 == 12_800_000
    assert in_tree <= 16 * 256 == 4096
    ways = [tree_path(word, 50_000) for word in range(0, 50_000, 99)]
    assert max(map(len, ways)) <= 16
    assert len({way[0][0] for way in ways}) == 1  # all begin at the root


@pytest.mark.parametrize("V", [2, 3, 20, 32])
def test_the_probabilities_of_the_words_add_up_to_1(torch_rng, V):
    """For random weights and features the probabilities of all words of a tree sum to 1."""
    h, U = torch.randn(V, 8, generator=torch_rng, dtype=torch.float64).split([1, V - 1])

    p = [tree_log_probability(h[0], U, word).exp().item() for word in range(V)]

    # 32 products of 5 factors, each rounded by some 2⁻⁵² of itself.
    assert sum(p) == pytest.approx(1, abs=1e-13)


@pytest.mark.misconception(
    "a step changes nothing for most words", source="pandalabme's solutions, 3.6.5"
)
def test_softmax_changes_all_words_and_a_tree_the_nodes_on_the_way():
    """By softmax the weights of all 1000 words get a gradient, in a tree those on the way."""
    h, W = torch.ones(8), torch.zeros(1000, 8, requires_grad=True)

    (by_softmax,) = torch.autograd.grad(_log_probability(h, W, 7), W)
    (in_tree,) = torch.autograd.grad(tree_log_probability(h, W[1:], 7), W)

    assert by_softmax.all()
    changed = set(in_tree[1:].nonzero()[:, 0].tolist())
    assert changed == {node for node, _ in tree_path(7, 1000)}


@pytest.mark.misconception(
    "of many words each has a probability near 0: none stands out",
    source="datawhalechina's solutions manual, 3.6.5",
)
def test_one_word_of_50_000_can_be_nearly_certain():
    """By softmax a logit of 15 among zeros has p = 0.985; 16 branches of odds e⁸ have 0.995."""
    h, W, U = torch.ones(1), torch.zeros(50_000, 1), torch.zeros(49_999, 1)
    W[123] = 15
    for node, branch in tree_path(123, 50_000):
        U[node] = 8 if branch else -8

    assert _log_probability(h, W, 123).exp().item() == pytest.approx(0.985, abs=1e-3)
    assert tree_log_probability(h, U, 123).exp().item() == pytest.approx(0.995, abs=1e-3)


def test_most_words_never_occur():
    """Of 50 000 words with shares ∝ 1/r, some 92 % are not to be found in a text of 10 000."""
    weights = 1 / torch.arange(1, 50_001, dtype=torch.float64)

    unseen = (1 - weights / weights.sum()) ** 10_000

    assert unseen.mean().item() == pytest.approx(0.92, abs=0.005)


@pytest.mark.edge
def test_a_word_outside_of_the_vocabulary_is_refused():
    """There are 5 words, 0 … 4: a word 5 is none of them."""
    with pytest.raises(ValueError, match="word"):
        tree_path(5, 5)


def test_the_figure_shows_a_line_and_a_logarithm(save_figure):
    """The figure shows the products for a word against V, in a tree for the longest way."""
    sizes = [10, 30, 100, 300, 1000, 3000]
    turns = [max(len(tree_path(word, V)) for word in range(V)) for V in sizes]

    ax = (fig := Figure()).subplots()
    ax.loglog(sizes, sizes, "o-", label="softmax: V")
    ax.loglog(sizes, turns, "s-", label="tree: log₂ V, rounded up")
    ax.set(title="Softmax takes a product for each word, a tree one for each branch")
    ax.set(xlabel="words V in the vocabulary", ylabel="products for one word's probability")
    ax.legend(loc="upper left")

    softmax, tree = (line.get_ydata() for line in ax.lines)
    assert all(2 ** (t - 1) < V <= 2**t for V, t in zip(softmax, tree, strict=True))
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.6.5 What does a prediction cost as the vocabulary grows?")
@pytest.mark.parametrize("method", ["softmax", "tree"])
@pytest.mark.parametrize(
    "V", [2**8, *(pytest.param(2**k, marks=pytest.mark.timed_only) for k in (10, 12, 14))]
)
def test_with_weights_of_0_all_words_are_as_probable(benchmark, method, V):
    """With weights of 0, each of V = 2ᵏ words has the probability 1/V, by either way."""
    tree = method == "tree"
    call, exponent = (tree_log_probability, 0) if tree else (_log_probability, 1)
    benchmark.extra_info.update(
        method=method, size=V, exponent=exponent, reason="V products, or log₂ V"
    )

    result = benchmark(call, torch.ones(64), torch.zeros(V - tree, 64), V - 1)

    assert result.item() == pytest.approx(-math.log(V), rel=1e-5, abs=0)
