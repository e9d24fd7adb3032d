"""Pages in Markdown, from templates in `templates/`."""

from pathlib import Path
from typing import Any


def render(template: str, **facts: Any) -> str:
    """The page that `template` makes of `facts`; a name that the template asks for and nobody gave is an error."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(  # Markdown, not HTML: nothing to escape
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template).render(**facts)
