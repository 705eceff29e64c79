"""The book as Sphinx builds it; `build.py` calls it once for each language."""

import os
import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent)]

# Where a reader reports an error, with `{page}` for the number of the exercise, as in
# https://github.com/OWNER/NAME/issues/new?title={page}.  Without one no page links to it.
report_address = os.environ.get("BOOK_REPORT_ADDRESS", "")

project = "Exercise Thinking"
extensions = ["myst_parser", "extension"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence"]
nitpicky = True

locale_dirs = [str(_HERE / "locale")]
gettext_compact = True
gettext_location = False
gettext_additional_targets = []
translation_progress_classes = "untranslated"

html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_title = project
html_static_path = [str(_HERE / "static")]
html_css_files = ["book.css"]
html_search_language = "any"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_context = {"report_address": report_address}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "language.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
templates_path = [str(_HERE / "templates")]
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
