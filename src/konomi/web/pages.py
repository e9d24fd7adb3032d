"""What pages are made of: templates, and what they say in each language."""

import tomllib
from functools import cache
from pathlib import Path

from jinja2 import StrictUndefined
from starlette.templating import Jinja2Templates

HERE = Path(__file__).parent
STATIC = HERE / "static"


@cache
def templates() -> Jinja2Templates:
    """The templates; a name that one of them uses and nobody gives is an error."""
    found = Jinja2Templates(directory=HERE / "templates")
    found.env.undefined = StrictUndefined
    found.env.trim_blocks = found.env.lstrip_blocks = True
    return found


@cache
def texts(page: str, language: str) -> dict[str, str]:
    """What a page says, from `texts/<page>.toml`."""
    table = tomllib.loads((HERE / "texts" / f"{page}.toml").read_text(encoding="utf-8"))
    return {key: by_language[language] for key, by_language in table.items()}
