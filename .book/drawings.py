"""Smaller copies of the figures for the book: the same drawings in fewer bytes."""

import re
from collections import Counter


def smaller(svg):
    """The drawing `svg` with each style that recurs written once, and hundredths of a point."""
    counts = Counter(re.findall(r' style="([^"]*)"', svg))
    recurring = [style for style, count in counts.items() if count > 1]
    names = {style: f"s{number}" for number, style in enumerate(recurring)}
    rules = "".join(f".{name}{{{style}}}" for style, name in names.items())

    def named(match):
        return f' class="{names[match[1]]}"' if match[1] in names else match[0]

    svg = re.sub(r' style="([^"]*)"', named, svg).replace("</style>", f"{rules}</style>", 1)
    return re.sub(r'(?<=\s)(?:d|x|y)="[^"]*"', _rounded, svg)


def _rounded(attribute):
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", attribute[0])
