"""Finds the formulas in the pages' sentences, which nothing marks there.

A formula is a run of letters, numbers and signs between words, with something in it that prose
does not have: a script, an operator, a Greek letter, an argument in parentheses.  What is taken
for prose by mistake stays as it was written.
"""

import re
from html import escape

from maths import FUNCTIONS, OPERATORS, SCRIPTS, SHORT_WORDS, inline

_RELATIONS = "=<>≤≥≈≠≲≫≪∼+−±∓·×/∖∩∪∝⊥→←⇔↦∈^"
HAN = "[\u3400-\u9fff]"
"""A Chinese character."""
_FOLLOWING = tuple(",.;:?)”’，。；：？！、）")
_PART = re.compile(
    rf"""(?P<function>(?:{"|".join(FUNCTIONS | OPERATORS)})
        (?=[(₀-₉|]|[ ]?[|‖√(]|[ ][A-Za-z](?!\w)))
    | (?P<word>(?:Gflop|GB)/s|[^\W\d_½¼⅓{SCRIPTS}α-ωΑ-Ωℝ]{{2,}}(?:\d{{2}}\b|(?:['’-][^\W\d]+)*)
        |[A-Za-zα-ω](?=['’][a-z]|-[a-z]))
    | (?P<atom>[A-Za-zα-ωΑ-Ωℝℓ][\u0302\u0303\u0304]?|\d+(?:\.\d+)?|[½¼⅓∞…%])
    | (?P<script>[{SCRIPTS}]+|(?<=\w)\*|_[A-Za-z]+|\^)
    | (?P<open>[(\[⌈⌊]) | (?P<close>[)\]⌉⌋]) | (?P<sign>[{_RELATIONS}∇∂∫√ΣΠ∏|‖!])
    | (?P<comma>,) | (?P<space>[ ]) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_SURE = re.compile(
    rf"[{SCRIPTS}α-ωΑ-Ω∇∂∫√‖≤≥≈≠≲≫≪∼∞∩∪∖∝⊥→←⇔↦∓∈·−=+½ℝℓ|<>]"
    r"|[A-Za-z]\(|[A-Za-z][*^]|[A-Za-z\d]/[A-Za-z(]|[A-Za-z] ?× ?\w"
)
_AT_AN_END = "=·×/<>≤≥≈^∈→"


def thinly(text):
    """The text with thin spaces between Chinese and Latin."""
    return re.sub(rf"(?<={HAN}) | (?={HAN})", "\N{THIN SPACE}", text)


def sentence(text):
    """The sentence `text` as HTML, its formulas typeset."""
    return "".join(
        inline(part, after) if formula else escape(thinly(part))
        for formula, part, after in parts(text)
    )


def parts(text):
    """As `split`, each formula with the sign after it: triples (is_formula, part, after)."""
    former = None
    for formula, part in [*split(text), (False, "")]:
        after = part[:1] if former and part[:1] in _FOLLOWING else ""
        if former:
            yield True, former, after
        former = part if formula else None
        if not formula and part[len(after) :]:
            yield False, part[len(after) :], ""


def split(text):
    """The parts of the sentence `text`, as pairs (is_formula, part)."""
    tokens = [(m.lastgroup, m[0], m.start()) for m in _PART.finditer(text)]
    run, at = [], 0
    for token in [*tokens, ("word", "", len(text))]:
        if token[0] not in ("word", "other") or _is_product(token, run, text):
            run.append(token)
            continue
        for start, end in _formulas(run, text):
            yield from [(False, text[at:start])] * (start > at)
            yield True, text[start:end]
            at = end
        run = []
    yield from [(False, text[at:])] * (at < len(text))


def _is_product(token, run, text):
    """Whether a word of two letters is a product, as in `XᵀX` or `f(x + ih)`."""
    kind, word, at = token
    if kind != "word" or len(word) != 2 or word in SHORT_WORDS or not word.isascii():
        return False
    before = [token for token in run if token[0] != "space"]
    if before and before[-1][0] in ("sign", "open", "script", "atom"):
        return True
    followed = re.match(rf"\s?[{_RELATIONS}(]", text[at + 2 :])
    return text[at + 2 : at + 3] in tuple(SCRIPTS) or bool(word != word.lower() and followed)


def _formulas(run, text):
    """Start and end of the formulas in a run of tokens without words."""
    pieces, depth = [[]], 0
    for i, token in enumerate(run):
        depth += (token[0] == "open") - (token[0] == "close")
        apart = token[0] in ("space", "comma") and depth == 0 and not _joins(run, i, text)
        if depth < 0 or apart:  # what it closes was opened before a word
            pieces.append([])
            depth = 0
        else:
            pieces[-1].append(token)
    for piece in map(_trimmed, pieces):
        if piece and _is_formula(piece, text):
            yield piece[0][2], piece[-1][2] + len(piece[-1][1])


def _joins(run, i, text):
    """Whether the blank at `i` stands within a formula."""
    if run[i][0] == "comma" or not 0 < i < len(run) - 1:
        return False
    (left, sign, _), (right, next_sign, _) = run[i - 1], run[i + 1]
    if left in ("sign", "function") or (right == "sign" and next_sign in _RELATIONS):
        return left != "comma"
    if _is_article(run[i - 1], text) or left not in ("atom", "script", "close"):
        return False
    if right == "atom":
        scripted = run[i + 2 : i + 3] and run[i + 2][0] in ("script", "open")
        return not (sign[0].isdigit() and next_sign.isdigit()) and (scripted or left != "atom")
    return right in ("sign", "function")


def _is_article(token, text):
    """Whether it is the word "a", or "A" or "I" at the start of a sentence: not in Chinese."""
    if re.match(rf"\s?(?:{HAN}|[，。；：])", text[token[2] + 1 :]):
        return False
    starts = re.search(r"(?:^|[.:;?!“(—])\s*$", text[: token[2]])
    return token[1] == "a" or (token[1] in "AI" and starts is not None)


def _trimmed(piece):
    """Without what does not belong to a formula at its ends, and balanced."""
    while piece and (
        piece[0][0] in ("space", "comma", "close", "script") or piece[0][1] in _AT_AN_END
    ):
        piece = piece[1:]
    while piece and (
        piece[-1][0] in ("space", "comma", "open") or piece[-1][1] in _AT_AN_END + "+−√"
    ):
        piece = piece[:-1]
    bars = [i for i, (_, part, _) in enumerate(piece) if part == "|"]
    given = re.search(r"\w ?\| ?\w", "".join(part for _, part, _ in piece))
    if len(bars) % 2 and not given:
        return _trimmed(piece[1:] if bars[0] == 0 else piece[: bars[0]])
    opened = _still_open(piece)
    if not opened:
        return piece
    left, right = piece[: opened[0]], piece[opened[0] + 1 :]
    return _trimmed(left if any(kind in ("script", "sign") for kind, _, _ in left) else right)


def _still_open(piece):
    """The places of the parentheses that nothing closes."""
    opened = []
    for i, (kind, _, _) in enumerate(piece):
        opened = [*opened, i] if kind == "open" else opened[:-1] if kind == "close" else opened
    return opened


def _is_formula(piece, text):
    """Whether a balanced run is mathematics: a variable, or something that prose has not."""
    string, at = "".join(part for _, part, _ in piece), piece[0][2]
    if re.fullmatch(r"[A-Za-z]", string):
        initial = string.isupper() and re.match(r"\. ?[A-Z]", text[at + 1 :])
        attribute = re.match(r"\.[a-z]", text[at + 1 :])
        return not initial and not attribute and not _is_article(piece[0], text)
    number = re.fullmatch(r"[+−±]?[\d.]*[%…]?", string)
    return bool(_SURE.search(string) and re.search(r"\w|∞", string) and not number)
