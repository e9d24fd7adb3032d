"""What can go wrong, as one-line messages: what was given, what exists, what to do.

Every error that a user can cause is a `KonomiError`. The command line prints its text in one line and exits with the
class's `exit_code`; in Python it is an ordinary exception.
"""

import difflib
from collections.abc import Iterable


class KonomiError(Exception):
    """Anything that the user of Konomi can mend; see the subclasses for the exit codes."""

    exit_code = 1


class InputError(KonomiError):
    """A description, option, recipe or share code that cannot be used as given."""

    exit_code = 2


class FileError(KonomiError):
    """A file or folder that cannot be read or written."""

    exit_code = 3


class ModelError(KonomiError):
    """A model file that is missing, damaged, or made for something else."""

    exit_code = 4


class TrainingError(KonomiError):
    """A training run that cannot start or go on."""

    exit_code = 5


def unknown_name(kind: str, given: str, known: Iterable[str]) -> str:
    """The message for a name that does not exist: the nearest known one, or else all of them.

    >>> unknown_name("hair_color", "purpel", ["purple", "pink"])
    "hair_color has no value 'purpel'. Did you mean 'purple'?"
    """
    names = list(known)
    close = difflib.get_close_matches(given.lower(), names, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names)}."
    return f"{kind} has no value {shorten(given)!r}. {hint}"


def shorten(text: str, *, length: int = 60) -> str:
    """`text` cut to `length` characters, so that a message stays one readable line."""
    return text if len(text) <= length else text[: length - 1] + "…"
