"""Typesets the pages' Unicode formulas: Unicode → LaTeX, sign by sign → MathML.

Only a letter with its scripts, and a root with what it covers, are put together.  Nothing else
is parsed, so nothing can change what a formula means: a fraction keeps its slash, and every
parenthesis stays.
"""

import re
import unicodedata
from html import escape

from math_core import LatexToMathML

_BELOW = "₀0 ₁1 ₂2 ₃3 ₄4 ₅5 ₆6 ₇7 ₈8 ₉9 ₊+ ₋- ₌= ₍( ₎) ₐa ₑe ₒo ₓx ₕh ᵢi ⱼj ₖk ₗl ₘm ₙn "
_BELOW += "ₚp ᵣr ₛs ₜt ᵤu ᵥv ᵦβ"
SUBSCRIPTS = dict(_BELOW.split())
_ABOVE = (
    "⁰0 ¹1 ²2 ³3 ⁴4 ⁵5 ⁶6 ⁷7 ⁸8 ⁹9 ⁺+ ⁻- ⁽( ⁾) ᵀT ᴺN ᴴH ᴷK ᴹM ᴮB ᴱE "
    "ᵃa ᵇb ᶜc ᵈd ᵉe ᶠf ᵍg ʰh ⁱi ʲj ᵏk ˡl ᵐm ⁿn ᵒo ᵖp ʳr ˢs ᵗt ᵘu ᵛv ʷw ˣx ʸy ᶻz ᵝβ ᵟδ"
)
SUPERSCRIPTS = dict(_ABOVE.split())
SCRIPTS = "".join(SUBSCRIPTS) + "".join(SUPERSCRIPTS) + "′″‴⁗"
FUNCTIONS = {"log", "exp", "sin", "cos", "tan", "max", "min", "det", "tanh"}
OPERATORS = {"sign", "Im", "Re", "tr", "diag", "rank", "var", "sinh", "arg", "softmax"}
_WORDS = "a at of or to is if no in by it on as an we so do be he me up am go vs cm mm kg"
SHORT_WORDS = set(_WORDS.split())
_SIGNS = {
    "′": "'",
    "″": "''",
    "‴": "'''",
    "⁗": "''''",
    "%": r"\,\%",
    "{": r"\{",
    "}": r"\}",
    "…": r"\ldots ",
    "·": r"\cdot ",
    "‖": r"\Vert ",
    "∖": r"\setminus ",
    " | ": r"\mid ",
    ": ": r"\colon\; ",
    " : ": ":",
    "  ": r"\;",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "_": r"\_",
    "~": r"\sim ",
    "\\": r"\backslash ",
}
_TOKEN = re.compile(
    rf"""(?P<gap>\s{{3,}}) | √(?:\((?P<root>(?:[^()]|\([^()]*\))*)\)|(?P<letter>.))
    | \^(?:\((?P<power>[^()]*)\)|(?P<exponent>[0-9.]+|\w)(?P<its>[{"".join(SUBSCRIPTS)}]*))
    | (?P<accented>[^\W\d_][\u0302\u0303\u0304]) | _(?P<name>[A-Za-z]+)
    | (?P<word>[ ]?[A-Za-z]{{2,}}[ ]?)
    | (?P<sub>[{"".join(SUBSCRIPTS)}]+…?) | (?P<sup>[{"".join(SUPERSCRIPTS)}]+|(?<=\w)\*)
    | (?P<sum>Σ(?![⁺ᵀ])) | (?P<thousands>(?<=\d)[ ](?=\d{{3}}\b))
    | (?P<sign>[ ][|:][ ]|:[ ]|[ ]{{2}}|.)""",
    re.VERBOSE,
)
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar"}
_convert = LatexToMathML().convert_with_local_state


def mathml(text, display=False):
    """The formula `text` as MathML; raises an error of math_core's for a sign it can't set."""
    tag = '<math display="inline" displaystyle="true">' if display else "<math>"
    return re.sub("^<math[^>]*>", tag, _convert(latex(text), displaystyle=display))


def latex(text):
    """The formula `text` as LaTeX."""
    text = "".join(unicodedata.normalize("NFD", c) if c.isalpha() else c for c in text)
    return _TOKEN.sub(_as_latex, text)


def _as_latex(match):
    kind = match.lastgroup
    text = match[kind]
    if kind in ("root", "letter"):
        return rf"\sqrt{{{latex(text)}}}"
    if kind in ("power", "its"):
        return f"^{{{latex(match['power'] or match['exponent'] + match['its'])}}}"
    if kind == "accented":
        return rf"\{_ACCENTS[text[1]]}{{{text[0]}}}"
    if kind == "name":
        return f"_{{{text}}}" if len(text) == 1 else rf"_{{\text{{{text}}}}}"
    if kind == "word":
        return _word(text)
    if kind == "sub":
        return f"_{{{''.join(SUBSCRIPTS.get(c) or _SIGNS[c] for c in text)}}}"
    if kind == "sup":
        return f"^{{{''.join(SUPERSCRIPTS.get(c, c) for c in text)}}}"
    spaces = {"gap": r"\qquad ", "sum": r"\sum ", "thousands": r"\,"}
    return spaces.get(kind) or _SIGNS.get(text, text)


def _word(text):
    """A word among the signs: a function's name, a product of two letters, or prose."""
    word = text.strip()
    if word in FUNCTIONS:
        return rf"\{word} "
    if word in OPERATORS:
        return rf"\mathrm{{{word}}}\,"
    return text if len(word) == 2 and word not in SHORT_WORDS else rf"\text{{{text}}}"


def inline(formula, after=""):
    """A formula in a sentence as HTML, on one line with the sign that comes after it."""
    html = mathml(formula)
    return f'<span class="together">{html}{escape(after)}</span>' if after else html
