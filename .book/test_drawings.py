"""The book's copies of figures draw what the figures draw."""

import re
from pathlib import Path

from drawings import smaller

_ROOT = Path(__file__).parents[1]


def _figures():
    paths = sorted((_ROOT / "artifacts" / "figures").rglob("*.svg"))
    return [path.read_text(encoding="utf-8") for path in paths]


def _expanded(svg):
    """With each style where it is used."""
    styles = dict(re.findall(r"\.(s\d+)\{([^}]*)\}", svg))
    svg = re.sub(r"\.s\d+\{[^}]*\}", "", svg)
    return re.sub(r'class="(s\d+)"', lambda match: f'style="{styles[match[1]]}"', svg)


def test_nothing_but_decimals_is_lost():
    """Coordinates move by half a hundredth of a point at most."""
    for svg in _figures():
        texts = svg, _expanded(smaller(svg))
        numbers = [re.findall(r"-?\d+(?:\.\d+)?", text) for text in texts]
        shapes = [re.sub(r"-?\d+(?:\.\d+)?", "#", text) for text in texts]

        assert shapes[0] == shapes[1]
        for before, after in zip(*numbers, strict=True):
            assert before == after or abs(float(before) - float(after)) < 0.00501


def test_markers_by_the_thousand_become_smaller():
    """A style that recurs is written once."""
    use = '<use x="1.23456" y="2" style="stroke: #000000; stroke-width: 0.8"/>\n'
    svg = f'<svg><style type="text/css">*{{}}</style>\n{use * 1000}</svg>'

    assert len(smaller(svg)) < len(svg) / 2
    assert smaller(svg).count("stroke-width") == 1
