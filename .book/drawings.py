"""Smaller copies of the figures for the book: the same drawings in fewer bytes."""

import re
from collections import Counter

_MARKERS = (
    r'<g( clip-path="[^"]*")>((?:\s*<use [^>]*class="(s\d+)"/>)(?:\s*<use [^>]*class="\3"/>)+)'
)


def smaller(svg):
    """The drawing `svg` with short names, recurring styles once, and hundredths of a point."""
    svg = _with_classes(svg)
    svg = re.sub(_MARKERS, _grouped, svg)
    for number, name in enumerate(dict.fromkeys(re.findall(r'xlink:href="#([^"]+)"', svg))):
        svg = re.sub(rf'(id="|href="#){re.escape(name)}"', rf'\g<1>n{number}"', svg)
    svg = svg.replace(" xlink:href=", " href=")
    svg = re.sub(r"\n\s+", "\n", svg)
    return re.sub(r'(?<=\s)(?:d|x|y)="[^"]*"', _rounded, svg)


def _with_classes(svg):
    """Each style that is used more than once as a class."""
    counts = Counter(re.findall(r' style="([^"]*)"', svg))
    recurring = [style for style, count in counts.items() if count > 1]
    names = {style: f"s{number}" for number, style in enumerate(recurring)}
    rules = "".join(f".{name}{{{style}}}" for style, name in names.items())

    def named(match):
        return f' class="{names[match[1]]}"' if match[1] in names else match[0]

    svg = re.sub(r' style="([^"]*)"', named, svg)
    return svg.replace("</style>", f"{rules}</style>", 1)


def _grouped(row):
    """A row of markers, with its style at the group around it."""
    clip, markers, name = row.groups()
    return f'<g{clip} class="{name}">' + markers.replace(f' class="{name}"', "")


def _rounded(attribute):
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", attribute[0])
