"""Search that finds words, numbers such as 2.3.6, mathematical signs, and Chinese.

Chinese has no blanks between words: it is found by pairs of characters, so that no dictionary
is needed.
"""

import re

from sphinx.search.en import SearchEnglish

_CHINESE = "\u4e00-\u9fff"
_SIGNS = "∇∂∫√∑Σ‖≤≥≈≠≲≫∞∩∪∈∖∝⊥→←⇔±×"
_WORDS = rf"[0-9]+(?:\.[0-9]+)+[a-z]?|[{_CHINESE}]+|[^\W{_CHINESE}]+|[{_SIGNS}]"


# Queries are taken apart as the pages are, in JavaScript, which spells `[^\W…]` in its own way.
_SPLITTER = r"""
function splitQuery(query) {
  const words = query.match(/WORDS/gu) || [];
  return words.flatMap((word) =>
    /[CHINESE]/.test(word) && word.length > 2
      ? [...word].slice(1).map((_, i) => word.slice(i, i + 2))
      : [word]
  );
}
"""
_WORDS_JS = _WORDS.replace(rf"[^\W{_CHINESE}]", rf"(?:(?![{_CHINESE}])[\p{{L}}\p{{N}}_])")


class AnyScript(SearchEnglish):
    """Sphinx's search for English, with other words."""

    lang = "any"
    js_splitter_code = _SPLITTER.replace("WORDS", _WORDS_JS).replace("CHINESE", _CHINESE)

    def word_filter(self, word):
        """Keep every word but bare numbers and the commonest English ones."""
        return not (word.isascii() and word.isdigit()) and word not in self.stopwords

    def split(self, text):
        """The words of `text`; of a Chinese one its characters and their pairs."""
        words = []
        for word in re.findall(_WORDS, text):
            chinese = re.match(f"[{_CHINESE}]", word)
            pairs = [word[i : i + 2] for i in range(len(word) - 1)]
            words += [*pairs, *word] if chinese else [word]
        return words
