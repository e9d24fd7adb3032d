"""Anime avatars from words and from taste: `konomi.draw("long silver hair, red eyes")[0].save("me.png")`."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Avatar", "draw", "edit", "mix", "vary"]

if TYPE_CHECKING:
    from konomi.api import Avatar, draw, edit, mix, vary


def __getattr__(name: str) -> Any:
    """Load the drawing libraries only when something is drawn."""
    if name not in __all__:
        raise AttributeError(f"module 'konomi' has no attribute {name!r}")
    from konomi import api

    return getattr(api, name)
