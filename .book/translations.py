"""What must hold of a translation: the same formulas, numbers and code, terms, punctuation."""

import csv
import re
from collections import Counter
from functools import cache

from catalogues import FOLDER
from displays import is_code
from sentences import HAN, split

GLOSSARY = FOLDER.parent / "glossary.csv"
_CODE = re.compile(r"``[^`]+``|`[^`]+`|<?https?://[^\s>]+>?|\{\w+\}")
_LATIN = "A-Za-zα-ωΑ-Ω0-9"
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\d])")
_SIGNS = "=<>≤≥≈≠≲≫≪∼+−±∓·×∖∩∪∝⊥→←⇔↦∈^∇∂∫√ΣΠ∏‖∞½¼⅓ᵀ⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₙ%°"


def amiss(english, chinese):
    """What is wrong with a translation, in sentences; none if nothing is."""
    yield from _other_code(english, chinese)
    if is_code(english):
        return
    english, chinese = _without_code(english), _without_code(chinese)
    yield from _other_signs(english, chinese)
    yield from _other_terms(english, chinese)
    yield from _other_punctuation(chinese)


def _without_code(text):
    """The text with a letter in the place of each piece of code or link."""
    return _CODE.sub("C", text)


def _other_code(english, chinese):
    ours, theirs = (Counter(_CODE.findall(text)) for text in (english, chinese))
    if ours != theirs:
        yield f"code or links differ: {_difference(ours, theirs)}"


def _other_signs(english, chinese):
    """Formulas are the same; no number and no mathematical sign is missing, none is new."""
    for name, found in {"numbers": _numbers, "signs": _signs, "formulas": _formulas}.items():
        ours, theirs = found(english), found(chinese)
        if ours - theirs or set(theirs) - set(ours):
            yield f"{name} differ: {_difference(ours, theirs)}"


def _numbers(text):
    """The numbers of a text; a million is a hundred times 万."""
    text = re.sub(r"([\d.]+) million", lambda part: f"{100 * float(part[1]):g} 万", text)
    return Counter(_NUMBER.findall(text))


def _signs(text):
    return Counter(sign for sign in text if sign in _SIGNS)


def _formulas(text):
    found = (formula.replace(" ", "") for is_formula, formula in split(text) if is_formula)
    return {formula for formula in found if re.search(r"[=/²ᵀᵢ₂≥]", formula)}


def _difference(ours, theirs):
    missing, new = sorted(ours - theirs), sorted(set(theirs) - set(ours))
    return f"missing {missing}, new {new}"


@cache
def glossary():
    """The terms: pairs of a pattern of the English word and its Chinese words.

    The longest come first, since "learning rate" is one term.  Where an English word means two
    things, as "weight" does, Chinese has one word for each.
    """
    with GLOSSARY.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows.sort(key=lambda row: -len(row["english"]))
    return [
        (
            re.compile(rf"(?<![\w/-])(?:{_either(row['english'])})(?:e?s)?(?![\w/-])", re.I),
            row["english"],
            row["chinese"].split("|"),
        )
        for row in rows
    ]


def _either(forms):
    """A pattern of the forms of a word that a slash parts: `matrix/matrices`."""
    return forms.replace("/", "|")


def _other_terms(english, chinese):
    for pattern, term, words in glossary():
        english, count = pattern.subn(" ", english)
        if count and not any(word in chinese for word in words):
            yield f"“{term}” is {' or '.join(words)}"


_PUNCTUATION = {
    rf"(?:{HAN}|[”）]) ?[,;:?!](?= |$|{HAN})": "a half-width sign after Chinese",
    rf"{HAN}\.(?= |$|{HAN})": "a half-width full stop",
    rf"\((?=[^()]*{HAN})|{HAN} ?\([^()]*{HAN}": "half-width parentheses around Chinese",
    rf"(?<!  ){HAN} {HAN}": "a blank between Chinese words",
    rf"{HAN}[{_LATIN}−√∇‖]|[{_LATIN}%²ᵀ‖]{HAN}": "no blank beside Latin",
    r"(?<=[，。；：？！、（“]) +|  ?(?=[，。；：？！、）”])": "a blank beside a wide sign",
    r"[\"']": "straight quotation marks",
}


def _other_punctuation(chinese):
    """Chinese signs between Chinese words; a blank between Chinese and Latin, none else."""
    text = re.sub("[*_]", "", chinese)
    for pattern, told in _PUNCTUATION.items():
        if found := re.search(pattern, text):
            start = max(found.start() - 6, 0)
            yield f"{told}: …{text[start : found.end() + 6]}…"
