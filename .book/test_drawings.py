"""The book's copies of figures draw what the figures draw."""

import re
from pathlib import Path
from xml.etree import ElementTree

from drawings import smaller

_NUMBER = r"-?\d+(?:\.\d+)?"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_ROOT = Path(__file__).parents[1]


def _figures():
    paths = sorted((_ROOT / "artifacts" / "figures").rglob("*.svg"))
    return [path.read_text(encoding="utf-8") for path in paths]


def _drawn(svg):
    """What is drawn, in order: kind, style, what it refers to, and coordinates."""
    root = ElementTree.fromstring(svg)
    rules = dict(re.findall(r"\.(s\d+)\{([^}]*)\}", svg))
    names = {element.get("id"): element for element in root.iter()}
    for group in root.iter():
        for element in group:
            used = names.get((element.get("href") or element.get(_XLINK) or "#")[1:])
            shape = used.get("d", "") if used is not None else ""
            styles = (e.get("style") or rules.get(e.get("class")) for e in (element, group))
            style = next(filter(None, styles), None)
            places = " ".join([shape, *(element.get(name, "") for name in ("d", "x", "y"))])
            if not element.tag.endswith(("}g", "}style")):
                letters = re.sub(_NUMBER, "#", " ".join(places.split()))
                clip = element.get("clip-path") or group.get("clip-path")
                transform = element.get("transform") or group.get("transform")
                kind = element.tag, style, letters, clip, transform
                yield kind, [float(number) for number in re.findall(_NUMBER, places)]


def test_nothing_but_decimals_is_lost():
    """Coordinates move by half a hundredth of a point at most."""
    figures = _figures()
    assert figures
    for svg in figures:
        for before, after in zip(_drawn(svg), _drawn(smaller(svg)), strict=True):
            assert before[0] == after[0]
            differences = zip(before[1], after[1], strict=True)
            assert all(abs(a - b) < 0.00501 for a, b in differences)


def test_markers_by_the_thousand_become_smaller():
    """A style that recurs is written once."""
    use = '<use x="1.23456" y="2" style="stroke: #000000; stroke-width: 0.8"/>\n'
    svg = f'<svg><style type="text/css">*{{}}</style>\n{use * 1000}</svg>'

    assert len(smaller(svg)) < len(svg) / 2
    assert smaller(svg).count("stroke-width") == 1
