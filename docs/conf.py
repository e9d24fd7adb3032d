"""The documentation site: `make docs` builds it into build/docs."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generated import DOCS, REFERENCE, pages, relinked
from pygments.lexers.shell import BashLexer

from konomi import __version__

project = "Konomi"
copyright = "the Konomi authors; Apache-2.0"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
default_role = "code"
smartquotes = False  # two hyphens are the beginning of an option
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme = "furo"
html_title = "Konomi 好み"
html_logo = html_favicon = "../src/konomi/web/static/konomi.svg"
html_static_path = ["static"]
html_css_files = ["konomi.css"]
html_copy_source = False
html_theme_options = {"footer_icons": [], "top_of_page_buttons": []}


def setup(app: Any) -> None:
    app.add_lexer("console", BashLexer)  # our commands stand without a prompt
    app.connect("builder-inited", write_pages)
    app.connect("source-read", prepare)


def write_pages(_app: Any) -> None:
    """Write the pages that are made from the code, where they have changed; remove those that are no more."""
    made = pages()
    for stale in set(REFERENCE.rglob("*.md")) - set(made):
        stale.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def prepare(_app: Any, name: str, source: list[str]) -> None:
    """Lead links to the site's own pages, and put drawings into the page, so that they follow its light and dark."""
    page = DOCS / f"{name}.md"
    text = relinked(source[0], old=page, new=page)
    source[0] = re.sub(r"^!\[.*\]\((\S+\.svg)\)$", lambda image: _inline(page.parent / image[1]), text, flags=re.M)


def _inline(path: Path) -> str:
    return f"```{{raw}} html\n<figure class=diagram>{path.read_text(encoding='utf-8')}</figure>\n```"
