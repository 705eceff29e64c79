"""1.2 — Enough examples beat hand-written rules at digits in fonts that are new to both.

Question
--------
For which problems are there many solved examples, although nobody can write down the steps
that solve them?  Could learning do what no programmer can?
<https://zh.d2l.ai/chapter_introduction/index.html>
English edition: 1.2 <https://d2l.ai/chapter_introduction/index.html>

Answer
------
For those that people solve but cannot explain: recognise a face, write down what was said.  Not
for sorting, whose steps are known.  We try a small one, a printed digit of 20 × 20 pixels, with
two classifiers, both made from DejaVu fonts:

- nine hand-written rules, which count holes and ask where there is ink;
- 640 moved and scaled examples with labels: an image gets the label of the most similar one.

The test set is of STIX and Computer Modern, fonts that neither has seen.  Read correctly:

                                                    rules    nearest neighbour
    digits in the middle of the image                0.52      0.91
    shifted by up to 1.5 pixels, scaled by ±15 %     0.50      0.84
    besides, 5 % of the pixels flipped               0.17      0.82

With ten examples, one for each digit, it is 0.34 in the second line: too few to beat rules.

Why
---
A rule asks a few pixels.  Holes are counted exactly, but one pixel opens a hole, and one speck
of ink widens the box in which places are measured.  The similarity Σxᵢyᵢ / √(Σxᵢ² Σyᵢ²) adds up
all 400 pixels.  The price: examples must show again and again that a shifted digit is the same.
And test on new fonts: on new drawings of DejaVu the two read 0.89 and 0.97, and look too good.

Hints
-----
1. Which pieces of the paper reach the margin of the image?  The others are holes.
2. Which number is 1 for two equal images and 0 for two that share no ink?
"""

import functools

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font, LoadFlags
from scipy import ndimage


def count_holes(ink):
    """How many holes an image has, a bool tensor (H, W) that is true where there is ink.

    The rest is paper.  Paper is joined where pixels share an edge.  A hole is a piece of joined
    paper of which no pixel lies on the margin of the image.
    """
    pieces, count = ndimage.label(ink == 0)
    margin = np.concatenate((pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]))
    return count - len(set(margin.tolist()) - {0})  # 0 is the ink


def nearest_neighbour(images, examples, labels):
    """For each image, a row of `images` (m, d), the label of the most similar example: (m,).

    The examples (n, d) have the `labels` (n,).  The similarity of two rows is their cosine.  A
    row of zeros resembles nothing: it raises ValueError, as NaN and infinity do.
    """
    similarity = images @ examples.T / examples.norm(dim=1)  # times the length of the image
    if not (similarity.isfinite().all() and images.any(dim=1).all()):
        raise ValueError("expected finite rows that are not all zero")
    return labels[similarity.argmax(dim=1)]


# All faces that come with matplotlib and have ten digits of full height.
_DEJAVU = [
    f"DejaVu{family}{style}"
    for family, slanted in (("Sans", "Oblique"), ("SansMono", "Oblique"), ("Serif", "Italic"))
    for style in ("", "-Bold", f"-{slanted}", f"-Bold{slanted}")
]
_NEW = ["STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"]
_NEW += ["cmr10", "cmb10", "cmss10", "cmtt10", "cmti10"]
_SIZES = [10, 20, 40, 80, 160, 320, 640]  # numbers of examples
_TABLE = {"middle": (0.52, 0.91), "moved": (0.5, 0.84), "flipped": (0.17, 0.82)}
_TABLE["moved, in DejaVu"] = 0.89, 0.97


@functools.cache
def _glyphs(*faces):
    """The ten digits of each face, in the middle of 48 × 48 pixels: (faces, 10, 48, 48)."""
    glyphs = np.zeros((len(faces), 10, 48, 48), dtype=np.float32)
    for squares, face in zip(glyphs, faces, strict=True):
        font = FT2Font(f"{matplotlib.get_data_path()}/fonts/ttf/{face}.ttf")
        font.set_size(48, 72)
        for digit, square in enumerate(squares):
            font.set_text(str(digit), 0, flags=LoadFlags.NO_HINTING)
            font.draw_glyphs_to_bitmap(antialiased=True)
            bitmap = font.get_image() / 255
            top, left = (48 - np.array(bitmap.shape)) // 2
            square[top : top + len(bitmap), left : left + len(bitmap.T)] = bitmap
    return torch.from_numpy(glyphs)


def _drawn(glyphs, scale, shift):
    """Glyphs (n, 48, 48), scaled (n, 1), shifted (n, 2) by parts of the side: (n, 20, 20)."""
    cover = []  # how much of each fine pixel is in each coarse one, down and across
    for along in shift.T[..., None]:
        edges = 48 * ((torch.arange(21) / 20 - 0.5 - along) / scale + 0.5)
        covered = (edges[..., None] - torch.arange(48)).clamp(0, 1).diff(dim=1)
        cover.append(covered * scale[..., None] * 20 / 48)
    return cover[0] @ glyphs @ cover[1].mT


def _moved(glyphs, times, generator):
    """The digits 0 … 9 in turn, `times` times, each in a random face, place and size."""
    n = 10 * times
    face = torch.randint(len(glyphs), (n,), generator=generator)
    scale = 0.85 + 0.3 * torch.rand(n, 1, generator=generator)
    shift = 0.15 * torch.rand(n, 2, generator=generator) - 0.075
    return _drawn(glyphs[face, torch.arange(n) % 10], scale, shift)


@functools.cache
def _drawings(seed):
    """640 examples and the test sets, each (n, 20, 20), of the digits 0 … 9 in turn."""
    generator = torch.Generator().manual_seed(seed)
    old, new = _glyphs(*_DEJAVU), _glyphs(*_NEW)
    middle = _drawn(new.flatten(0, 1), torch.ones(90, 1), torch.zeros(90, 2))
    examples, *moved = (_moved(*kind, generator) for kind in ((old, 64), (new, 20), (old, 20)))
    flips = torch.rand(moved[0].shape, generator=generator) < 0.05
    flipped = torch.where(flips, 1 - moved[0], moved[0])
    return examples, dict(zip(_TABLE, (middle, moved[0], flipped, moved[1]), strict=True))


def _by_rules(image):
    """The digit by the first rule that applies; made by looking at DejaVu's digits only."""
    ink = image >= 0.5
    holes, density = count_holes(ink), _density(ink.numpy())
    dark = density >= 0.5
    rules = [
        (holes >= 2, 8),
        (holes == 1 and not dark[4, 0], 4),  # nothing at the bottom left
        (holes == 1 and not dark[1, 2], 6),  # nothing at the upper right
        (holes == 1 and not dark[3, 0], 9),  # nothing at the lower left
        (holes == 1, 0),
        (not dark[4, 2], 7),  # nothing at the bottom right
        (density[:, 1].sum() >= 7.5, 1),  # half of the ink in the middle column
        (dark[1, 0], 5),  # a stroke at the upper left
        (dark[3, 2], 3),  # a stroke at the lower right
    ]
    return next((digit for applies, digit in rules if applies), 2)


def _density(ink):
    """The ink in 5 × 3 zones of the smallest box around it; 1 is an even share."""
    rows, columns = ink.nonzero()
    row = 5 * (2 * (rows - rows.min()) + 1) // (2 * np.ptp(rows) + 2)
    column = 3 * (2 * (columns - columns.min()) + 1) // (2 * np.ptp(columns) + 2)
    return np.bincount(3 * row + column, minlength=15).reshape(5, 3) * 15 / len(rows)


@functools.cache
def _read_by_rules(seed, name):
    """The digits of a test set: (n,)."""
    return torch.tensor([_by_rules(image) for image in _drawings(seed)[1][name]])


@functools.cache
def _read_by_examples(seed, name, size=640):
    """The same from `size` of the examples at a time, up to eight times: (times, n)."""
    examples, sets = _drawings(seed)
    rows, labels = sets[name].flatten(1), torch.arange(size) % 10
    parts = examples.flatten(1).split(size)[:8]
    return torch.stack([nearest_neighbour(rows, part, labels) for part in parts])


def _share(read):
    return (read == torch.arange(read.shape[-1]) % 10).double().mean().item()


@pytest.mark.parametrize("name", _TABLE)
def test_examples_beat_rules_on_fonts_that_are_new_to_both(seed, name):
    """In new fonts rules read 0.52, 0.5, 0.17 of three test sets, examples 0.91, 0.84, 0.82."""
    rules, examples = (_share(read(seed, name)) for read in (_read_by_rules, _read_by_examples))

    # The standard deviation of a share was at most 0.030 in 30 seeds.
    assert (rules, examples) == pytest.approx(_TABLE[name], abs=4 * 0.030)


@pytest.mark.misconception("learning always beats rules")
def test_with_few_examples_the_rules_win(seed):
    """From ten examples 0.34 of moved digits are read, fewer than by rules; doubling helps."""
    rules = _share(_read_by_rules(seed, "moved"))

    shares = [_share(_read_by_examples(seed, "moved", size)) for size in _SIZES]

    assert shares[0] == pytest.approx(0.34, abs=0.07)  # 4 · 0.017, as measured
    assert shares[0] < rules < shares[-1]
    assert (np.diff(shares) > 0).all()


def test_printed_digits_have_the_holes_that_one_sees():
    """In five upright fonts 0, 4, 6 and 9 have one hole, 8 has two, the other digits none."""
    for glyphs in _glyphs(*_DEJAVU[::4], "STIXGeneral", "cmr10"):
        assert [count_holes(glyph >= 0.5) for glyph in glyphs] == [1, 0, 0, 0, 1, 0, 1, 0, 2, 1]


def test_holes_by_hand():
    """A ring has one hole, a diamond too, a cup none, and a ring in a ring has two."""
    pictures = {
        "### #.# ###": 1,
        ".#. #.# .#.": 1,  # corners close a hole
        "#.# #.# ###": 0,  # one pixel opens it, on any side
        "### #.# #.#": 0,
        "### #.. ###": 0,
        "... ... ...": 0,
        "##### #.### ##.## #####": 2,  # paper is not joined at corners
        "####### #.....# #.###.# #.#.#.# #.###.# #.....# #######": 2,
    }

    for picture, holes in pictures.items():
        ink = torch.tensor([[pixel == "#" for pixel in row] for row in picture.split()])
        assert count_holes(ink) == holes


def test_the_most_similar_example_is_that_of_the_smallest_angle():
    """The angle decides: not an example's length, nor its distance; labels may be any."""
    examples = torch.tensor([[10.0, 10], [1, 0], [0.9, 0.1], [0, 3]])
    images = torch.tensor([[1.0, 0.9], [5, 0.1], [30, 3], [0.1, 0.9]])

    for labels in ([7, 5, 2, 7], [1, 0, 9, 8]):
        assert nearest_neighbour(images, examples, torch.tensor(labels)).tolist() == labels


@pytest.mark.edge
@pytest.mark.parametrize("bad", [0, torch.nan, torch.inf])
def test_what_resembles_nothing_is_refused(bad):
    """A blank image and one with NaN or infinity have no nearest neighbour: ValueError."""
    images = torch.tensor([[1.0, 1, 1], [bad, 0, 0]])

    with pytest.raises(ValueError, match=r"finite|zero"):
        nearest_neighbour(images, torch.ones(2, 3), torch.tensor([1, 2]))


def test_the_figure_shows_where_examples_overtake_the_rules(save_figure, seed):
    """The more examples, the more is read; beside it ten of the digits to be read."""
    level = _share(_read_by_rules(seed, "moved"))
    rising = [_share(_read_by_examples(seed, "moved", size)) for size in _SIZES]
    digits = _drawings(seed)[1]["moved"][:10].unflatten(0, (5, 2))

    fig = Figure(figsize=(6.4, 3.4))
    ax, shown = fig.subplots(1, 2, width_ratios=(2.2, 1))
    ax.axhline(level, color="C1")
    ax.plot(rising, "o-", color="C0")
    ax.text(6, level - 0.07, "rules", color="C1", ha="right")
    ax.text(3.7, 0.76, "nearest\nneighbour", color="C0", ha="right")
    ax.set(xlabel="number of examples", ylabel="share read correctly", ylim=(0, 1))
    ax.set(xticks=range(7), xticklabels=_SIZES, title="Moved digits of new fonts")
    shown.imshow(digits.transpose(1, 2).flatten(2).flatten(0, 1).numpy(), cmap="Greys")
    shown.set_title("Ten of them")
    shown.set_axis_off()

    assert rising[0] < level < rising[-1]
    save_figure(fig)
