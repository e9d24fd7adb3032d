"""Is drawn what was asked for? Counted tag by tag, and value by value.

Conventions
-----------
`asked` and `shown` are arrays of shape (N, slots), one column a slot of the schema. `asked` holds the weights of each
picture's condition, NaN where nothing was asked; a tag is asked for from more than a half, and asked not to be there
below. `shown` is 1 where a tag is seen in the picture, 0 where it is not, NaN where nobody can tell. Whoever judges
makes mistakes of his own, and they count as disobedience here.
"""

import math
from dataclasses import dataclass

import numpy as np

from konomi.errors import InputError
from konomi.schema import Attribute, Schema

Z = 1.959963984540054  # of 95%


@dataclass(frozen=True)
class TagObedience:
    """One tag: of the pictures that it was asked of, how many show it."""

    slot: str
    asked: int
    shown: int  # of these
    score: float
    low: float  # Wilson's interval, 95%
    high: float
    otherwise: float | None  # the share that shows it among pictures asked not to; None where there are none


def obedience(asked: np.ndarray, shown: np.ndarray, schema: Schema) -> list[TagObedience]:
    """The obedience of every tag that was asked for and can be judged, in the order of the schema.

    Raises
    ------
    InputError
        If the arrays do not fit each other or the schema, or hold what they must not (see `validate`).
    """
    validate(asked, shown, schema)
    return [_tag(slot, asked[:, i], shown[:, i]) for i, slot in enumerate(schema.slots) if _countable(asked, shown, i)]


def _countable(asked: np.ndarray, shown: np.ndarray, slot: int) -> bool:
    return bool(((asked[:, slot] > 0.5) & ~np.isnan(shown[:, slot])).any())


def _tag(slot: str, asked: np.ndarray, shown: np.ndarray) -> TagObedience:
    seen = ~np.isnan(shown)
    wanted, unwanted = shown[seen & (asked > 0.5)], shown[seen & (asked < 0.5)]
    count, right = len(wanted), int(wanted.sum())
    otherwise = float(unwanted.mean(dtype=np.float64)) if len(unwanted) else None
    return TagObedience(slot, count, right, right / count, *wilson(right, count), otherwise)


def wilson(successes: int, count: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927); an InputError if it cannot be one.

    Unlike share +- 1.96 standard errors it never leaves [0, 1], and has a width where all or none succeeded.
    """
    if not 0 <= successes <= count or count < 1:
        raise InputError(f"{successes} of {count} is not a share")
    share, squared = successes / count, Z * Z / count
    middle = (share + squared / 2) / (1 + squared)
    half = Z * math.sqrt(share * (1 - share) / count + squared / (4 * count)) / (1 + squared)
    # exactly 0 and 1 at the ends, where rounding leaves a little
    return (middle - half if successes else 0.0), (middle + half if successes < count else 1.0)


def confusion(asked: np.ndarray, shown: np.ndarray, attribute: Attribute, schema: Schema) -> np.ndarray:
    """How often each value of an exclusive attribute was asked (row) and shown (column), int (values, values + 1).

    The last column counts pictures that show none of the values. Pictures that no value was asked of, or that cannot
    be judged, are left out. An InputError as of `obedience`, or if the attribute is not exclusive.
    """
    validate(asked, shown, schema)
    if not attribute.exclusive:
        raise InputError(f"{attribute.name} is not exclusive: a picture may show several of its values, or none")
    where = schema.offsets[attribute.name]
    wanted, seen = asked[:, where] > 0.5, shown[:, where]
    rows = wanted.any(axis=1) & ~np.isnan(seen).any(axis=1)
    wanted, seen = wanted[rows], seen[rows]
    obtained = np.where(seen.any(axis=1), seen.argmax(axis=1), seen.shape[1])
    counts = np.zeros((seen.shape[1], seen.shape[1] + 1), dtype=int)
    np.add.at(counts, (wanted.argmax(axis=1), obtained), 1)
    return counts


def validate(asked: np.ndarray, shown: np.ndarray, schema: Schema) -> None:
    """An InputError says what is wrong if `asked` and `shown` do not fit each other or the schema."""
    if asked.shape != shown.shape:
        raise InputError(f"asked has shape {asked.shape} and shown has {shown.shape}; both have one row a picture")
    if asked.ndim != 2 or asked.shape[1] != len(schema.slots):
        raise InputError(f"asked has shape {asked.shape}; schema {schema.name!r} has {len(schema.slots)} slots")
    if ((asked < 0) | (asked > 1)).any():
        raise InputError("asked holds weights from 0 to 1, or NaN")
    if not (np.isnan(shown) | (shown == 0) | (shown == 1)).all():
        raise InputError("shown holds 0, 1 or NaN; are these probabilities? Decide first.")
