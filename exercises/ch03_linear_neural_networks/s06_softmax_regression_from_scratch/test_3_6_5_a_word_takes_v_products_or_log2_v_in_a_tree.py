"""3.6.5 — Predicting a word takes a product with all V words; in a tree, with log₂ V nodes.

Question
--------
Softmax regression is to predict the next word of a text.  What problems does it have if there
are very many words to choose from?
<https://zh.d2l.ai/chapter_linear-networks/softmax-regression-scratch.html>
English edition: 4.4.4 <https://d2l.ai/chapter_linear-classification/softmax-regression-scratch.html>

Answer
------
- **Cost.**  V words with d weights each: for V = 50 000 and d = 256 a word takes 12.8 million
  multiplications, and every training step changes all 12.8 million weights.
- **Rare words.**  If the word of rank r has a share ∝ 1/r (Zipf's law), 92 % of the 50 000
  words do not occur at all in a text of 10 000.
- **Few features.**  A word whose weights are a weighted mean of others' is never the most
  probable one: its logit is the same mean of theirs.

A cure for the cost is a tree with the words as leaves.  At each of its V − 1 inner nodes k one
turns to branch 1 with probability σ(uₖᵀh), where h are the features and σ(x) = 1/(1 + e⁻ˣ):

    P(word) = product of the probabilities of its turns

For 50 000 words that takes 16 products instead of 50 000, and trains 16 nodes a step.

Why
---
σ(x) + σ(−x) = 1, so the two branches of a node share its probability, and the words share 1
without any sum over all of them.  A tree of depth D has room for 2ᴰ words.

Hints
-----
1. How many numbers does one prediction multiply?  Which weights does one step change?
2. How many yes-or-no questions find one of 50 000 words?
"""

import math

import numpy as np
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

    Branch 1 of node k has the probability σ(uₖᵀh).
    """
    nodes, branches = torch.tensor(tree_path(word, len(U) + 1)).T
    return F.logsigmoid((2 * branches - 1) * U[nodes].mv(h)).sum()


def _log_probability(h, W, word):
    """The same by softmax, for the weights W (V, d) of the words."""
    return torch.log_softmax(W @ h, dim=0)[word]


def _random(torch_rng, *shape):
    return torch.randn(shape, generator=torch_rng, dtype=torch.float64)


def test_50_000_words_cost_50_000_products_or_16(count_multiplications):
    """Softmax takes 50 000 · d multiplications, a tree 16 · d at most: counted for d = 4."""
    V, d = 50_000, 4
    h, W = torch.ones(d), torch.zeros(V, d)

    full = count_multiplications(lambda: _log_probability(h, W, 123))
    in_tree = count_multiplications(lambda: tree_log_probability(h, W[1:], 123))

    assert full == V * d
    assert in_tree <= 16 * d
    assert (V * 256, 16 * 256) == (12_800_000, 4096)
    assert max(len(tree_path(word, V)) for word in range(0, V, 7)) <= 16


@pytest.mark.seeds(3)
@pytest.mark.parametrize("V", [2, 3, 50, 64])
def test_the_probabilities_of_the_words_add_up_to_1(torch_rng, V):
    """For random weights and features they do, although no sum over words is formed."""
    h, U = _random(torch_rng, 8), _random(torch_rng, V - 1, 8)

    p = torch.stack([tree_log_probability(h, U, word) for word in range(V)]).exp()

    # 64 products of 6 factors, each rounded by some 2⁻⁵² of itself.
    assert p.sum().item() == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("V", [2, 3, 5, 8, 1000])
def test_each_word_has_its_own_way_of_log2_V_turns_at_most(V):
    """The ways differ, use all V − 1 inner nodes, and all start at the same one."""
    ways = [tree_path(word, V) for word in range(V)]

    assert len({tuple(way) for way in ways}) == V
    assert {node for way in ways for node, _ in way} == set(range(V - 1))
    assert len({way[0][0] for way in ways}) == 1
    assert max(map(len, ways)) == math.ceil(math.log2(V))
    assert sum(2.0 ** -len(way) for way in ways) == 1


@pytest.mark.misconception("a tree can only approximate the probabilities")
def test_a_tree_can_give_every_word_its_own_probability():
    """With uₖᵀh = log(share of branch 1 / share of branch 0) each word gets just its share."""
    shares = [0.4, 0.1, 0.25, 0.05, 0.2]
    under = np.zeros((4, 2))
    for word, share in enumerate(shares):
        for node, branch in tree_path(word, 5):
            under[node, branch] += share
    U = torch.tensor(np.log(under[:, 1:] / under[:, :1]))

    p = [tree_log_probability(torch.ones(1).double(), U, word).exp() for word in range(5)]

    assert p == pytest.approx(shares)


@pytest.mark.misconception("a step changes nothing for most words")
def test_softmax_changes_all_words_and_a_tree_the_nodes_on_the_way(torch_rng):
    """One step by softmax has a slope for each of 1000 words; in a tree for 10 nodes at most.

    pandalabme's manual says that many words get the gradient 0.
    """
    h, W = _random(torch_rng, 8), _random(torch_rng, 1000, 8).requires_grad_()

    (by_softmax,) = torch.autograd.grad(_log_probability(h, W, 7), W)
    (in_tree,) = torch.autograd.grad(tree_log_probability(h, W[1:], 7), W)

    assert by_softmax.all()
    nodes = in_tree[1:].any(dim=1).nonzero()[:, 0].tolist()
    assert nodes == sorted(node for node, _ in tree_path(7, 1000))
    assert 0 < len(nodes) <= 10


@pytest.mark.misconception("of many words each has a probability near 0: none stands out")
def test_one_word_of_50_000_can_be_nearly_certain():
    """A logit of 15 among zeros has p = 0.985; 16 turns of odds e⁸ have p = 0.995.

    datawhalechina's manual says that all come close to 0.
    """
    V = 50_000
    W, U, one = torch.zeros(V, 1), torch.zeros(V - 1, 1), torch.ones(1)
    W[123] = 15
    for node, branch in tree_path(123, V):
        U[node] = 8 if branch else -8

    assert _log_probability(one, W, 123).exp().item() == pytest.approx(0.985, abs=1e-3)
    assert tree_log_probability(one, U, 123).exp().item() == pytest.approx(0.995, abs=1e-3)
    assert tree_log_probability(one, U, 124).exp() < 0.001


def test_most_words_never_occur():
    """Of 50 000 words with shares ∝ 1/r, 92 % are expected to miss in a text of 10 000."""
    weights = 1 / torch.arange(1, 50_001, dtype=torch.float64)

    unseen = (1 - weights / weights.sum()) ** 10_000

    assert unseen.mean().item() == pytest.approx(0.92, abs=0.005)


@pytest.mark.misconception("every word can be the most probable one")
@pytest.mark.seeds(3)
def test_a_word_amid_others_never_comes_first(torch_rng):
    """With 2 features: four words around a fifth; of 10 000 features h none chooses the fifth.

    Its weights (0.2, 0.3) are a mean of the others', so its logit is a mean of theirs.
    """
    W = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1], [0.2, 0.3]], dtype=torch.float64)
    shares = torch.tensor([0.325, 0.125, 0.425, 0.125], dtype=torch.float64)

    first = (_random(torch_rng, 10_000, 2) @ W.T).argmax(dim=1)

    np.testing.assert_allclose(shares @ W[:4], W[4], rtol=1e-12)
    assert first.unique().tolist() == [0, 1, 2, 3]


@pytest.mark.edge
def test_a_word_outside_of_the_vocabulary_is_refused():
    """Of 5 words −1 and 5 are none."""
    for word in (-1, 5):
        with pytest.raises(ValueError, match="word"):
            tree_path(word, 5)


def test_the_figure_shows_a_line_and_a_logarithm(save_figure):
    """The figure shows the products of one prediction against V, by softmax and in a tree."""
    sizes = [10, 30, 100, 300, 1000, 3000, 10_000]
    ways = {
        "softmax: V": sizes,
        "tree: log₂ V, rounded up": [len(tree_path(V - 1, V)) for V in sizes],
    }

    fig = Figure()
    ax = fig.subplots()
    for (name, products), marker in zip(ways.items(), "os", strict=True):
        ax.loglog(sizes, products, marker + "-", label=name)
        ax.text(12_500, products[-1], f"{products[-1]}", va="center")
    ax.set(title="Softmax takes a product for each word, a tree for each bit of its number")
    ax.set(xlabel="words V in the vocabulary", xlim=(8, 30_000))
    ax.set(ylabel="products with h for a prediction")
    ax.legend(loc="upper left")

    softmax, tree = (line.get_ydata() for line in ax.lines)
    assert softmax[-1] == 10_000
    assert tree[-1] == 14
    assert all(2 ** (t - 1) < s <= 2**t for s, t in zip(softmax, tree, strict=True))
    save_figure(fig)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="3.6.5 What does a prediction cost as the vocabulary grows?")
@pytest.mark.parametrize("method", ["softmax", "tree"])
@pytest.mark.parametrize(
    "V",
    [1000, *(pytest.param(V, marks=pytest.mark.timed_only) for V in (4000, 16_000, 64_000))],
)
def test_with_weights_of_0_all_words_are_as_probable(benchmark, method, V):
    """By softmax each has 1/V; in a tree 2⁻ᴰ after D turns."""
    h, W = torch.ones(64), torch.zeros(V, 64)
    call, weights, right = {
        "softmax": (_log_probability, W, -math.log(V)),
        "tree": (tree_log_probability, W[1:], -len(tree_path(V - 1, V)) * math.log(2)),
    }[method]
    exponent = 1 if method == "softmax" else 0
    benchmark.extra_info.update(
        method=method, size=V, exponent=exponent, reason="V products, or log₂ V"
    )

    result = benchmark(call, h, weights, V - 1)

    assert result.item() == pytest.approx(right, rel=1e-5, abs=0)
