"""The pages' prose is CommonMark: what only MyST takes for a sign of its own is escaped."""

import pytest
from markdown_it import MarkdownIt
from myst import directive, made, options_of, plain


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("% is a sign of percent", r"\% is a sign of percent"),
        ("a\n+++ b", "a\n\\+++ b"),
        ("(x)=\ny", "(x)\\=\ny"),
        ("{ref}`x`", r"\{ref}`x`"),
        ("50 % of (x) = 3, {1, 2}", "50 % of (x) = 3, {1, 2}"),
    ],
)
def test_what_is_special_to_myst_is_escaped(text, escaped):
    """And CommonMark takes the sign itself from it."""
    assert plain(text) == escaped
    assert MarkdownIt().render(escaped) == MarkdownIt().render(text)


def test_directives_hold_whatever_stands_in_their_options():
    """MyST reads these as YAML: a colon or a bar would break the build."""
    text = directive("figure", "Caption.", options_of({"alt": 'a: |p(λ)| "x"'}), "/a.svg")

    assert text.splitlines() == [
        ":::::{figure} /a.svg",
        r':alt: "a: |p(λ)| \"x\""',
        "",
        "Caption.",
        ":::::",
    ]
    assert '{"state": "stale"}' in made("mark", state="stale")
