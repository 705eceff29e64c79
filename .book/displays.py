"""Sets the pages' indented blocks: formulas, small tables of formulas and words, or code."""

import re
from html import escape

from maths import FUNCTIONS, SCRIPTS, mathml
from sentences import sentence

from fixtures.language import WIDE

# Signs of code: a call, a text, a power of Python's, a product by @, a comparison, a drawn
# matrix, a keyword, an index, columns of digits.
_CODE = re.compile(
    r"\w\.\w+\(|\*\*|@|==|[⎡⎢⎣]|\b[a-z]+\(\w+=|\. \.|\w\[\w|\b\d+ {1,2}\d{1,2}\b|\b\w+\.\w+ ="
    r'|\w\("'
)

_WIDE = re.compile(f"[{WIDE}]")
"""A character two columns wide; while columns are looked for, an empty one follows it."""


def display(block):
    """The `block` as HTML: code as it stands, columns as a table, formulas typeset."""
    lines = [_WIDE.sub(r"\g<0>\0", line) for line in block.splitlines() if line.strip()]
    if is_code(block):
        return f"<pre>{escape(block)}</pre>"
    rows = [list(_cells(line)) for line in lines]
    starts = sorted({start for row in rows for start, _ in row})
    if len(lines) > 1 and len(starts) == max(map(len, rows)) > 1:
        return f"<table>{''.join(_table_row(row, starts) for row in rows)}</table>"
    columns = _columns(lines)
    if len(lines) > 1 and len(columns) == max(map(len, rows)) > 1:
        cells = [[(start, line[start:end].strip()) for start, end in columns] for line in lines]
        starts = [start for start, _ in columns]
        return f"<table>{''.join(_table_row(row, starts) for row in cells)}</table>"
    return "".join(_line(row) for row in rows)


def is_code(block):
    """Whether a block is left as it was typed."""
    return _CODE.search(block) is not None


def has_words(block):
    """Whether there is something to translate."""
    words = set(re.findall(r"[^\W\d_]{3,}", block)) - FUNCTIONS
    return bool(words) and not is_code(block)


def cells_of(block):
    """What stands apart in a block that is no code, one by one."""
    return [text for line in block.splitlines() for _, text in _cells(line)]


def cell(text):
    """One formula, or words with formulas in them, as HTML."""
    text = text.replace("\0", "")
    return mathml(text, display=True) if is_formula(text) else sentence(text)


def is_formula(text):
    """Whether a cell is a formula as a whole: more signs than words, and none in Chinese."""
    if _WIDE.search(text):
        return False
    words = re.findall(r"[A-Za-z]{3,}", text)
    signs = re.findall(rf"[^\w\s,.]|[{SCRIPTS}]", text)
    return len(set(words) - FUNCTIONS) <= 3 and len(words) < len(signs)


def _cells(line):
    """What three blanks or more part, with the columns where it starts."""
    return ((match.start(), match[0]) for match in re.finditer(r"\S+(?: {1,2}\S+)*", line))


def _line(row):
    return f"<div>{''.join(f'<span>{cell(text)}</span>' for _, text in row)}</div>"


def _table_row(row, starts):
    """A row of a table; a cell reaches to the next one, over columns without a cell."""
    html = ""
    row = row if row[0][0] == starts[0] else [(starts[0], ""), *row]
    ends = [*(start for start, _ in row[1:]), None]
    for (start, text), end in zip(row, ends, strict=True):
        span = (len(starts) if end is None else starts.index(end)) - starts.index(start)
        html += (
            f'<td colspan="{span}">{cell(text)}</td>' if span > 1 else f"<td>{cell(text)}</td>"
        )
    return f"<tr>{html}</tr>"


def _columns(lines):
    """Start and end of each column: two blanks in every line part them."""
    width = max(map(len, lines)) + 2
    blank = [all(not line[i : i + 2].strip() for line in lines) for i in range(width)]
    starts = [i for i in range(width) if not blank[i] and (i == 0 or blank[i - 1])]
    ends = [i for i in range(1, width) if blank[i] and not blank[i - 1]]
    return list(zip(starts, ends, strict=True))
