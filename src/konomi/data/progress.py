"""How long steps show how far they have come: a function that wraps what they iterate over."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Wraps `items`, `total` in number; `what` names the step, as in "hashing"."""

    def __call__(self, items: Iterable[T], total: int, /, *, what: str) -> Iterable[T]: ...


def silent(items: Iterable[T], _total: int, /, *, what: str) -> Iterable[T]:  # noqa: ARG001 (the protocol's)
    """Show nothing."""
    return items
