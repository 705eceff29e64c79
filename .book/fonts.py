"""Makes the book's fonts again, when a page has a character that they lack.

    .venv/bin/python .book/fonts.py                             # signs and code, from DejaVu
    .venv/bin/python .book/fonts.py STIXTwoMath-Regular.ttf     # and the one for formulas

DejaVu comes with matplotlib; STIX Two Math is at <https://www.stixfonts.org>.  The licences of
both are beside the fonts.
"""

import sys
from pathlib import Path

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont

_STATIC = Path(__file__).parent / "static"
_DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x250)]
_SIGNS = [
    *(*range(0x2B0, 0x2E4), *range(0x300, 0x30D)),  # modifiers, accents
    *range(0x391, 0x3CA),  # Greek
    *range(0x1D2C, 0x1D6B),  # raised letters
    *(*range(0x2010, 0x2058), *range(0x2070, 0x209D)),  # punctuation, scripts
    *(*range(0x2102, 0x2127), *range(0x2153, 0x2160)),  # letters, fractions
    *(*range(0x2190, 0x21D6), *range(0x2200, 0x22C6)),  # arrows, operators
    *(*range(0x2308, 0x230C), *range(0x239B, 0x23AE)),  # parentheses and their parts
    *(0x25A0, 0x25A1, 0x25CB, 0x25CF, 0x2713, 0x2717, *range(0x2C60, 0x2C80)),
]
_MORE_GREEK = range(0x3CA, 0x3D7)
_ITALICS = [*range(0x1D434, 0x1D468), *range(0x1D6A4, 0x1D6A6), *range(0x1D6E2, 0x1D71C)]
_FEATURES = ["kern", "liga", "mark", "mkmk", "ccmp"]


def make(source, name, characters):
    """Write the `characters` that the font in the file `source` has as `name`."""
    font, is_math = TTFont(source), name == "maths.woff2"
    if is_math:
        _keep_one_root(font)
    options = subset.Options(layout_features=_FEATURES, hinting=False, glyph_names=False)
    options.drop_tables += [] if is_math else ["MATH"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(_STATIC / name)


def _keep_one_root(font):
    """Chromium reserves the width of the widest root, which leaves a gap after each."""
    variants = font["MATH"].table.MathVariants
    root = variants.VertGlyphCoverage.glyphs.index(font.getBestCmap()[0x221A])
    construction = variants.VertGlyphConstruction[root]
    construction.MathGlyphVariantRecord = construction.MathGlyphVariantRecord[:1]
    construction.VariantCount, construction.GlyphAssembly = 1, None


if __name__ == "__main__":
    make(_DEJAVU / "DejaVuSansMono.ttf", "code.woff2", _LATIN + _SIGNS)
    make(_DEJAVU / "DejaVuSans.ttf", "signs.woff2", [*range(0x180, 0x250), *_SIGNS])
    for source in sys.argv[1:]:
        make(source, "maths.woff2", [*_LATIN, *_SIGNS, *_MORE_GREEK, *_ITALICS])
