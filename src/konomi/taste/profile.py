"""What a taste says of each attribute, in words; and tastes and crowds as files."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from konomi.condition import Condition
from konomi.errors import FileError, InputError
from konomi.files import read_json, reporting, whole, write_json
from konomi.schema import Attribute, Schema, load_schema
from konomi.taste.posterior import OWN
from konomi.taste.preference import ARRAYS, Crowd, Taste

FORMAT = 1
SURE, LEANING = 0.95, 0.80  # chance that the sign is right
WORDS = {
    "en": ("you seem to like: ", "you seem not to like: ", "sure", "leaning", ", ", "; ", "nothing can be said yet"),
    "ja": ("好きそう: ", "苦手そう: ", "確か", "やや", "、", "。", "まだ何とも言えません"),
}
SIMULATED = {"en": " (simulated)", "ja": "（シミュレーション）"}


@dataclass(frozen=True)
class Liking:
    """How much a person likes one value of an attribute, in log-odds of a pick."""

    attribute: str
    value: str  # "yes" of a flag
    mean: float  # of the value against the attribute's other values as often as they occur, or against its absence
    deviation: float

    @property
    def chance(self) -> float:
        """That this person likes it rather than not."""
        return 0.5 * (1 + math.erf(self.mean / max(self.deviation, 1e-12) / math.sqrt(2)))

    @property
    def certainty(self) -> str:
        """sure, leaning, or nothing; of liking or of disliking."""
        strength = max(self.chance, 1 - self.chance)
        return "sure" if strength >= SURE else "leaning" if strength >= LEANING else ""


def likings(crowd: Crowd, taste: Taste) -> list[Liking]:
    """Mean and uncertainty of every value of every attribute, in the order of the schema."""
    found = []
    for attribute in crowd.schema.attributes:
        where = crowd.schema.offsets[attribute.name]
        for place, value in enumerate(attribute.value_names):
            direction = contrast(crowd, attribute, place)
            mean = float(direction @ taste.mean[where])
            variance = float(direction @ taste.covariance[where, where] @ direction)
            found.append(Liking(attribute.name, value, mean, math.sqrt(max(variance, 0.0))))
    return found


def contrast(crowd: Crowd, attribute: Attribute, place: int) -> np.ndarray:
    """By how much each slot of `attribute` differs between a picture with that value and one without, on average."""
    one = np.eye(len(attribute.slots))[place]
    if not attribute.exclusive:
        return one
    shares = crowd.centre[crowd.schema.offsets[attribute.name]] * (1 - one)
    return one - shares / max(shares.sum(), 1e-9)


def in_words(crowd: Crowd, taste: Taste, *, language: str = "en", most: int = 6) -> str:
    """What the person seems to like and not to like, the strongest first: "you seem to like: glasses (leaning)"."""
    like, dislike, sure, leaning, comma, stop, nothing = _phrases(language)
    told = [liking for liking in likings(crowd, taste) if liking.certainty]
    parts = []
    for opening, sign in ((like, 1), (dislike, -1)):
        named = sorted((x for x in told if sign * x.mean > 0), key=lambda x: -abs(x.mean))[:most]
        said = [f"{words(crowd.schema, x.attribute, x.value, language)} ({_sure(x, sure, leaning)})" for x in named]
        if said:
            parts.append(opening + comma.join(said))
    return (stop.join(parts) or nothing) + (SIMULATED[language] if crowd.simulated else "")


def _sure(liking: Liking, sure: str, leaning: str) -> str:
    return sure if liking.certainty == "sure" else leaning


def words(schema: Schema, attribute: str, value: str, language: str = "en") -> str:
    """An attribute's value as one says it: "short hair", "glasses"."""
    _phrases(language)
    one = schema.attribute(attribute)
    label = one.values[one.index(value)].label[language]
    nouns = one.nouns.get(language, ())
    return f"{label} {nouns[0]}" if language == "en" and not one.is_flag and nouns else label


def _phrases(language: str) -> tuple[str, ...]:
    if language not in WORDS:
        raise InputError(f"there is no language {language!r}. Known: {', '.join(WORDS)}.")
    return WORDS[language]


def wish(crowd: Crowd, taste: Taste) -> Condition:
    """What to draw for this person: of each attribute the value liked best, and flags liked or not, if known at all."""
    asked: dict[str, Any] = {}
    by_name: dict[str, list[Liking]] = {}
    for liking in likings(crowd, taste):
        by_name.setdefault(liking.attribute, []).append(liking)
    for name, values in by_name.items():
        best = max(values, key=lambda x: x.mean)
        if crowd.schema.attribute(name).is_flag and best.certainty:
            asked[name] = best.mean > 0
        elif best.certainty and best.mean > 0:
            asked[name] = best.value
    return Condition.from_dict(crowd.schema, asked)


# --- files -----------------------------------------------------------------------------------------------------------


def write_taste(path: Path, crowd: Crowd, taste: Taste, *, session: Mapping[str, Any] | None = None) -> None:
    """Write one person's profile as JSON, whole or not at all; with the replies behind it (`konomi.taste.session`)."""
    write_json(
        path,
        {
            "format": FORMAT,
            "kind": "taste",
            "crowd": crowd.hash,
            "schema": crowd.schema.name,
            "schema_hash": crowd.schema.hash,
            "simulated": crowd.simulated,
            "replies": taste.replies,
            "mean": taste.mean.tolist(),
            "covariance": taste.covariance.tolist(),
        }
        | ({"session": session} if session is not None else {}),
    )


def read_taste(path: Path, crowd: Crowd) -> Taste:
    """Read a profile; a FileError if it is none, is damaged, or was learned with another crowd or schema."""
    table = read_json(path)
    _check_kind(path, table, "taste")
    if table.get("schema_hash") != crowd.schema.hash:
        raise FileError(f"{path} is about another version of schema {crowd.schema.name!r}")
    if table.get("crowd") != crowd.hash:
        raise FileError(f"{path} was learned with another crowd; give that one, or learn it anew")
    size = crowd.columns + len(OWN)
    try:
        taste = Taste(np.array(table["mean"], float), np.array(table["covariance"], float), int(table["replies"]))
    except (KeyError, TypeError, ValueError):
        raise FileError(f"{path} is damaged: mean, covariance and replies must be numbers") from None
    if taste.mean.shape != (size,) or taste.covariance.shape != (size, size):
        raise FileError(f"{path} is damaged: {size} numbers are needed, it has {taste.mean.shape}")
    if not (np.isfinite(taste.mean).all() and np.isfinite(taste.covariance).all()):
        raise FileError(f"{path} is damaged: not every number is finite")
    return taste


def write_crowd(path: Path, crowd: Crowd) -> None:
    """Write a crowd as .npz (no pickle), whole or not at all."""
    facts = {
        "format": FORMAT,
        "kind": "crowd",
        "hash": crowd.hash,
        "schema": crowd.schema.name,
        "schema_hash": crowd.schema.hash,
        "features": crowd.features,
        "told": list(crowd.told),
        "slope": crowd.slope,
        "simulated": crowd.simulated,
        "facts": crowd.facts,
    }
    with whole(path) as temporary, temporary.open("wb") as file:
        arrays = {name: getattr(crowd, name) for name in ARRAYS}
        np.savez(file, allow_pickle=False, about=np.array(json.dumps(facts)), **arrays)


def read_crowd(path: Path) -> Crowd:
    """Read a crowd; a FileError if it is none, is damaged, or its schema has another version now."""
    try:
        with reporting("read", path), np.load(path, allow_pickle=False) as stored:
            table = json.loads(str(stored["about"]))
            arrays = {name: stored[name] for name in ARRAYS}
    except (ValueError, KeyError, EOFError) as error:
        raise FileError(f"{path} is not a crowd: {error}") from None
    _check_kind(path, table, "crowd")
    schema = load_schema(table["schema"])
    version = schema.version(table["schema_hash"])
    if version is None:
        raise FileError(f"{path} is about another version of schema {schema.name!r}")
    told: Sequence[str] = table["told"]
    crowd = Crowd(
        version, table["features"], told=tuple(told), slope=table["slope"], simulated=table["simulated"],
        facts=table["facts"], **arrays
    )  # fmt: skip
    if crowd.hash != table["hash"]:
        raise FileError(f"{path} is damaged: its content does not have the hash that it states")
    return crowd


def _check_kind(path: Path, table: Any, kind: str) -> None:
    if not isinstance(table, dict) or table.get("kind") != kind:
        raise FileError(f"{path} is not a {kind}")
    if table.get("format") != FORMAT:
        raise FileError(f"{path} has format {table.get('format')}; this version of Konomi reads {FORMAT}")
