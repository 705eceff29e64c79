"""What the book adds to Sphinx: verdicts that fold, typeset formulas, search in any script."""

import json
from html import escape
from pathlib import Path

from displays import display, has_words
from docutils import nodes
from maths import inline
from retold import retell
from search import AnyScript
from sentences import parts, thinly
from sphinx.addnodes import translatable
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import extract_messages
from words import FOLDED, MADE, REPORT, chip, heading


class Folded(nodes.General, nodes.Element):
    """`<details>`; its first child is a `Summary`."""


class Summary(nodes.General, nodes.Element):
    """`<summary>`: a word of the book's own, or a verdict and `Words`."""


class Words(nodes.General, nodes.TextElement):
    """A sentence in a summary."""


class Made(nodes.General, nodes.Element):
    """A part that is made of the book's own words when it is written."""


class Formula(nodes.inline):
    """A formula in a sentence; its text is what was written."""


class Display(nodes.General, nodes.Element):
    """An indented block: formulas, a small table, or code."""


class WordedDisplay(Display, translatable):
    """One with words in it, which are translated."""

    def preserve_original_messages(self):
        """Keep the English text."""
        self["original"] = self["text"]

    def apply_translated_message(self, original_message, translated_message):
        """Take the translation."""
        self["text"] = translated_message

    def extract_original_messages(self):
        """The text that is to be translated."""
        return [self["original"]]


class FactDirective(SphinxDirective):
    """A fact: its first paragraphs are the summary, the rest is folded."""

    required_arguments, has_content = 1, True
    option_spec = dict.fromkeys(("name", "heads", "seconds", "cases"), str)

    def run(self):
        """Fold what comes after the heads; what no longer holds stands open."""
        verdict, body = self.arguments[0], self.parse_content_to_nodes()
        summary = Summary("", verdict=verdict, **self.options)
        for kind in self.options["heads"].split():
            paragraph = body.pop(0)
            words = Words(paragraph.rawsource, "", *paragraph.children, classes=[kind])
            words.source, words.line = paragraph.source, paragraph.line
            summary += words
        folded = Folded("", summary, *body, ids=[self.options["name"]])
        folded["classes"], folded["open"] = ["fact", verdict], verdict in ("failed", "amiss")
        return [folded]


class FoldDirective(SphinxDirective):
    """Content that is folded under a word of the book's own."""

    has_content = True

    def run(self):
        """Fold it."""
        summary = Summary("", label=self.name)
        folded = Folded("", summary, *self.parse_content_to_nodes(), classes=[self.name])
        if self.name == "measured":
            retell(folded)
        return [folded]


class SheetDirective(SphinxDirective):
    """A published answer: a sentence, and its code folded."""

    has_content = True

    def run(self):
        """Fold all but the first paragraph."""
        first, *code = self.parse_content_to_nodes()
        return [first, Folded("", Summary("", label="code"), *code, classes=["code"])]


class CostDirective(SphinxDirective):
    """A part of the benchmark report; what was measured is not for translation."""

    has_content = True

    def run(self):
        """Mark what holds a number, and the charts, whose questions stand above them."""
        content = nodes.container("", *self.parse_content_to_nodes(), classes=["cost"])
        retell(content)
        for image in content.findall(nodes.image):
            image["alt"] = ""
            image.parent["translatable"] = False
        return [content]


class MadeDirective(SphinxDirective):
    """A part of `words.MADE`, from the JSON that is its content."""

    required_arguments, has_content = 1, True

    def run(self):
        """Keep what is told until it is written."""
        given = json.loads("\n".join(self.content))
        return [Made("", kind=self.arguments[0], given=given)]


class Displays(SphinxTransform):
    """Indented blocks become `Display`s before anything is translated."""

    default_priority = 5

    def apply(self):
        """Replace them."""
        for node in list(self.document.findall(nodes.literal_block)):
            if node.get("language") == "none":
                text = node.astext().rstrip()
                kind = WordedDisplay if has_words(text) else Display
                shown = kind("", text=text)
                shown.source, shown.line = node.source, node.line
                node.replace_self(shown)


class Headings(SphinxTransform):
    """Headings that recur are the book's own words, and stand in no page's catalogue."""

    default_priority = 6

    def apply(self):
        """Put each into the words of the language."""
        for title in self.document.findall(nodes.title):
            words = heading(title.astext(), self.env.docname)
            if words is not None:
                title.children = []
                title += nodes.Text(words)
                title["translatable"] = False


class Progress(SphinxTransform):
    """What is translated and what is not, where Sphinx does not mark it.

    That is displays, and all of a document that has no catalogue yet; but images do not count.
    """

    default_priority = 24

    def apply(self):
        """Mark it, before Sphinx counts."""
        if self.config.language != "en":
            for node, _ in extract_messages(self.document):
                node.setdefault("translated", False)
        for image in self.document.findall(nodes.image):
            image.attributes.pop("translated", None)
        for shown in self.document.findall(WordedDisplay):
            if self.config.language != "en":
                shown["translated"] |= shown["text"] != shown["original"]


class Formulas(SphinxPostTransform):
    """Formulas in sentences become `Formula`s; what is not translated says so."""

    default_priority, formats = 500, ("html",)

    def run(self):
        """Mark the language first, then look into each text that is prose."""
        if self.config.language != "en":
            for node in self.document.findall(nodes.Element):
                if "untranslated" in node["classes"]:
                    node["classes"].append("language-en")
        for text in list(self.document.findall(nodes.Text)):
            above = {type(node) for node in _ancestors(text)}
            if above & {nodes.literal, nodes.literal_block, nodes.raw, nodes.thead}:
                continue
            if text.startswith("http"):
                continue
            text.parent.replace(text, list(map(_node, parts(text.replace("\n", " ")))))


def _node(part):
    formula, text, after = part
    if formula:
        return Formula("", text + after, after=after)
    return nodes.Text(thinly(text))


def _ancestors(node):
    while node.parent:
        node = node.parent
        yield node


def _open_folded(writer, node):
    state = {"open": "open"} if node.get("open") else {}
    writer.body.append(writer.starttag(node, "details", **state))


def _open_summary(writer, node):
    head = chip(node["verdict"]) if "verdict" in node else escape(str(FOLDED[node["label"]]))
    writer.body.append(f"<summary>{head} ")


def _close_summary(writer, node):
    if "seconds" in node:
        cases = f"{node['cases']} × · " if node["cases"] != "1" else ""
        writer.body.append(f' <span class="seconds">{cases}{node["seconds"]} s</span>')
    writer.body.append("</summary>\n")


def _made(writer, node):
    writer.body.append(MADE[node["kind"]](node["given"], writer))
    raise nodes.SkipNode


def _display(writer, node):
    tag = writer.starttag(node, "div", CLASS="display", tabindex="0")
    writer.body.append(f"{tag}{display(node['text'])}</div>\n")
    raise nodes.SkipNode


def _formula(writer, node):
    after = node["after"]
    writer.body.append(inline(node.astext().removesuffix(after), after))
    raise nodes.SkipNode


def _closing(tag):
    return lambda writer, _node: writer.body.append(f"</{tag}>\n")


def _open_words(writer, node):
    writer.body.append(writer.starttag(node, "span", ""))


def _reachable(_app, _pagename, _templatename, context, _doctree):
    """What scrolls can be reached by the keyboard; pictures are loaded when they are seen."""
    body = context.get("body", "").replace("<pre>", '<pre tabindex="0">')
    body = body.replace("<img ", '<img loading="lazy" ')
    body = body.replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
    context["body"] = body
    context["report_text"] = str(REPORT)


def _collapsed(_app, _pagename, _templatename, context, _doctree):
    """Beside a page stand those of its section, not all: they would be half of its bytes."""
    whole = context["toctree"]
    context["toctree"] = lambda **options: whole(**options | {"collapse": True})


def setup(app):
    """Register all of it with Sphinx."""
    app.connect("html-page-context", _reachable)
    app.connect("html-page-context", _collapsed, priority=400)  # before furo makes its tree
    app.add_config_value("report_address", "", "html")
    for name in ("book", "costs"):
        app.add_message_catalog(name, str(Path(__file__).parent / "locale"))
    app.add_node(Folded, html=(_open_folded, _closing("details")))
    app.add_node(Summary, html=(_open_summary, _close_summary))
    app.add_node(Words, html=(_open_words, _closing("span")))
    for node, visit in {
        Made: _made,
        Display: _display,
        WordedDisplay: _display,
        Formula: _formula,
    }.items():
        app.add_node(node, html=(visit, None))
    directives = {"fact": FactDirective, "cost": CostDirective, "made": MadeDirective}
    directives |= {"sheet": SheetDirective, **dict.fromkeys(FOLDED, FoldDirective)}
    for name, directive in directives.items():
        app.add_directive(name, directive, override=True)
    app.add_transform(Displays)
    app.add_transform(Headings)
    app.add_transform(Progress)
    app.add_post_transform(Formulas)
    app.add_search_language(AnyScript)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
