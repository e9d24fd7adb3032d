"""A recipe: everything that is needed to draw one picture again, as JSON, inside the picture, and as a share code.

A share code is one number in mixed radix, written in base 36 (letters and digits) with an ISO 7064 MOD 37,36 check
character, which catches every single wrong character and every swap of two neighbours. An ordinary recipe takes about
20 characters, and each further noise of a blend some 15 more. Codes name models by the number in `models/models.toml`,
or, for a model of the user's own, by the beginning of its hash.
"""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from konomi import __version__
from konomi.condition import Condition
from konomi.errors import InputError, shorten, unknown_name
from konomi.schema import Attribute, Schema

SIZES = (64, 128, 256, 512)
MAX_SEED = 2**53 - 1  # the largest integer that every JSON reader keeps exact
MAX_NAME = 200  # characters of a name that stands for a seed
VARIETY = 0.7  # default truncation: 0 is the average face, 1 everything that the model has learned
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CODE_VERSIONS = (1, 2)  # 1 knows the first noise of one seed only
MAX_CANDIDATE = 255
VARIATION = 255  # the candidate of noises that only vary a picture: no search looks at it, nothing is guessed of it
MAX_NOISES, MAX_WEIGHT = 12, 9999


@dataclass(frozen=True)
class Noise:
    """One noise in a blend: the seed's own (candidate 0) or a further one, with its share."""

    seed: int
    candidate: int = 0
    weight: int = 100  # in hundredths of the first noise's

    def __post_init__(self) -> None:
        check_seed(self.seed)
        for name, most in (("candidate", MAX_CANDIDATE), ("weight", MAX_WEIGHT)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
                raise InputError(f"the {name} of a noise is {shorten(str(value))}; it goes from 0 to {most}")
        if not self.weight:
            raise InputError("a noise of weight 0 is none; leave it out")


@dataclass(frozen=True)
class Recipe:
    """What decides a picture (model, condition, noise, size, variety), and what it was drawn with.

    The noise is that of `seed` and `candidate`, or a blend of it with further noises.
    """

    model: str  # versioned name, as anime-1
    model_sha256: str
    condition: Condition
    seed: int = 0
    size: int = 256  # pixels
    variety: float = VARIETY  # in hundredths
    licence: str = ""  # of the model
    versions: dict[str, str] = field(default_factory=dict, compare=False)  # konomi and the libraries that draw
    candidate: int = 0  # which noise of the seed: 0 to 255
    blend: tuple[Noise, ...] = ()  # further noises

    def __post_init__(self) -> None:
        Noise(self.seed, self.candidate)
        if len(self.blend) >= MAX_NOISES:
            raise InputError(f"a blend of {len(self.blend) + 1} noises; at most {MAX_NOISES} are kept")
        if self.size not in SIZES or isinstance(self.size, bool):
            raise InputError(f"size is {self.size}; choose one of {', '.join(map(str, SIZES))}")
        if not 0 <= self.variety <= 1:
            raise InputError(
                f"variety is {self.variety}; it goes from 0 (the average face) to 1 (all that was learned)"
            )
        object.__setattr__(self, "variety", round(self.variety, 2))

    @property
    def noises(self) -> tuple[Noise, ...]:
        """All noises of the blend, the first with weight 100."""
        return (Noise(self.seed, self.candidate), *self.blend)

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it. `candidate` and `blend` are there only where they say something."""
        further: dict[str, Any] = {"candidate": self.candidate} if self.candidate else {}
        if self.blend:
            further["blend"] = [[noise.seed, noise.candidate, noise.weight] for noise in self.blend]
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "schema": self.condition.schema.name,
            "condition": self.condition.to_dict(),
            "seed": self.seed,
            **further,
            "size": self.size,
            "variety": self.variety,
            "licence": self.licence,
            "versions": self.versions or {"konomi": __version__},
        }

    @classmethod
    def from_dict(cls, row: Any, schemas: Callable[[str], Schema]) -> "Recipe":
        """From what `to_dict` gave; `schemas` maps a name to its Schema. Unknown or missing keys are an InputError."""
        known = ["model", "model_sha256", "schema", "condition", "seed", "size", "variety", "licence", "versions"]
        if not isinstance(row, dict):
            raise InputError("a recipe is a JSON object")
        for key in row:
            if key not in [*known, "candidate", "blend"]:
                raise InputError(unknown_name("recipe", str(key), known).replace("value", "key", 1))
        if missing := [k for k in known if k not in row]:
            raise InputError(f"the recipe lacks {', '.join(missing)}")
        texts = [row[k] for k in ("model", "model_sha256", "schema", "licence")]
        if not all(isinstance(t, str) for t in texts) or not isinstance(row["condition"], dict):
            raise InputError("the recipe's model, schema and licence are texts, and its condition an object")
        if not isinstance(row["variety"], (int, float)) or not isinstance(row["versions"], dict):
            raise InputError("the recipe's variety is a number, and its versions an object")
        condition = Condition.from_dict(schemas(row["schema"]), row["condition"])
        rest = {k: row[k] for k in ("model", "model_sha256", "seed", "size", "variety", "licence", "versions")}
        return cls(condition=condition, **rest, candidate=row.get("candidate", 0), blend=_blend(row.get("blend", [])))

    @classmethod
    def from_json(cls, text: str, schemas: Callable[[str], Schema]) -> "Recipe":
        """From the text that `to_json` gave; anything else is an InputError."""
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"the recipe is not valid JSON: {error}") from None
        return cls.from_dict(row, schemas)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))


def _blend(rows: Any) -> tuple[Noise, ...]:
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 3 for row in rows):
        raise InputError("the recipe's blend is a list of [seed, candidate, weight]")
    return tuple(Noise(*row) for row in rows)


def check_seed(seed: Any) -> int:
    """`seed` if it is a whole number from 0 to 2**53 - 1, else an InputError."""
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= MAX_SEED:
        raise InputError(f"the seed is {shorten(str(seed))}; give a whole number from 0 to {MAX_SEED}")
    return seed


def seed_of(text: str) -> int:
    """The seed that a text means: the number that it is, or, for any other name, a number of its own.

    Plain decimal numbers that are seeds mean themselves. All other texts (alice, アリス, 007, numbers too large) are
    hashed: the first 53 bits of SHA-256 of the text in UTF-8, composed (NFC). This never changes. An InputError for a
    text that is empty, too long, or not valid Unicode.
    """
    if not text or len(text) > MAX_NAME:
        raise InputError(f"the seed is {'empty' if not text else 'too long'}; give a number or a name")
    if text.isascii() and text.isdigit() and str(int(text)) == text and int(text) <= MAX_SEED:
        return int(text)
    try:
        composed = unicodedata.normalize("NFC", text).encode()
    except UnicodeEncodeError:
        raise InputError("the seed is not valid Unicode") from None
    return int.from_bytes(hashlib.sha256(composed).digest()[:7]) >> 3


@dataclass(frozen=True)
class CodeContents:
    """What a share code holds: the model by number, or by the beginning of its hash if the number is 0."""

    number: int
    hash_prefix: str
    digits: "_Digits"
    version: int

    def recipe(self, *, model: str, model_sha256: str, schema: Schema, licence: str) -> Recipe:
        """The recipe, once the model that the code names has been found."""
        digits = self.digits
        size, variety = SIZES[digits.take(len(SIZES))], digits.take(102)
        seed = _take_seed(digits)
        candidate, blend = _take_noises(digits) if self.version > 1 else (0, ())
        condition = _take_condition(digits, schema)
        recipe = Recipe(
            model, model_sha256, condition, seed, size, VARIETY if variety == 0 else (variety - 1) / 100, licence,
            candidate=candidate, blend=blend,
        )  # fmt: skip
        if digits.rest:
            raise InputError("this share code holds more than a recipe; was it copied whole, from Konomi?")
        return recipe


def to_code(recipe: Recipe, *, number: int) -> str:
    """The share code of `recipe`; `number` is the model's number, 0 for a model that is not published."""
    version = 2 if recipe.candidate or recipe.blend else 1
    places: list[tuple[int, int]] = [(version, 8), (number, 256)]
    if number == 0:
        places.append((int(recipe.model_sha256[:8], 16), 2**32))
    places.append((SIZES.index(recipe.size), len(SIZES)))
    places.append((0 if recipe.variety == VARIETY else round(recipe.variety * 100) + 1, 102))
    places += _seed_places(recipe.seed)
    if version > 1:
        places += _noise_places(recipe)
    places += _condition_places(recipe.condition)
    total = 0
    for digit, radix in reversed(places):
        total = total * radix + digit
    body = ""
    while total:
        total, digit = divmod(total, 36)
        body = ALPHABET[digit] + body
    return body + check_character(body)


def _seed_places(seed: int) -> list[tuple[int, int]]:
    length = (seed.bit_length() + 7) // 8
    return [(length, 8), (seed, 256**length)]


def _take_seed(digits: "_Digits") -> int:
    return digits.take(256 ** digits.take(8))


def _noise_places(recipe: Recipe) -> Iterator[tuple[int, int]]:
    yield from [(recipe.candidate, MAX_CANDIDATE + 1), (len(recipe.blend), MAX_NOISES)]
    for noise in recipe.blend:
        yield from _seed_places(noise.seed)
        yield from [(noise.candidate, MAX_CANDIDATE + 1), (noise.weight, MAX_WEIGHT + 1)]


def _take_noises(digits: "_Digits") -> tuple[int, tuple[Noise, ...]]:
    candidate, count = digits.take(MAX_CANDIDATE + 1), digits.take(MAX_NOISES)
    blend = [
        Noise(_take_seed(digits), digits.take(MAX_CANDIDATE + 1), digits.take(MAX_WEIGHT + 1)) for _ in range(count)
    ]
    return candidate, tuple(blend)


def from_code(code: str) -> CodeContents:
    """Read a share code as far as the model; spaces, hyphens and case do not matter.

    An InputError says whether a character is not allowed, the check failed, or the code is of a later version.
    """
    text = "".join(code.split()).replace("-", "").upper()
    if len(text) < 3 or len(text) > 500:
        raise InputError(f"{shorten(code)!r} is not a share code: it is {'too short' if len(text) < 3 else 'too long'}")
    for character in text:
        if character not in ALPHABET:
            raise InputError(f"{shorten(code)!r} is not a share code: {character!r} is neither a letter nor a digit")
    if check_character(text[:-1]) != text[-1]:
        raise InputError(f"share code {shorten(code)!r} has a typing error: its check character does not fit")
    if text[0] == "0":
        raise InputError(f"{shorten(code)!r} is not a share code of Konomi")
    digits = _Digits(int(text[:-1], 36))
    if (version := digits.take(8)) not in CODE_VERSIONS:
        raise InputError(
            f"share code {shorten(code)!r} is of version {version}; this Konomi reads {CODE_VERSIONS[0]} to "
            f"{CODE_VERSIONS[-1]}; update it"
        )
    number = digits.take(256)
    return CodeContents(number, "" if number else f"{digits.take(2**32):08x}", digits, version)


def check_character(text: str) -> str:
    """ISO 7064 MOD 37,36 check character of `text` (characters of ALPHABET)."""
    product = 36
    for character in text:
        total = (product + ALPHABET.index(character)) % 36 or 36
        product = total * 2 % 37
    return ALPHABET[(37 - product) % 36]


@dataclass
class _Digits:
    """A number from which digits of any radix are taken, the least significant first."""

    rest: int

    def take(self, radix: int) -> int:
        self.rest, digit = divmod(self.rest, radix)
        return digit


# An attribute's digit: 0 nothing was asked, then its plain answers, and last "weights follow, one a slot"
# (0 unknown, 1 + hundredths). The plain answers are no and yes for a flag, else the values.


def _plain_answers(attribute: Attribute) -> list[Any]:
    return [False, True] if attribute.is_flag else list(attribute.value_names)


def _condition_places(condition: Condition) -> Iterator[tuple[int, int]]:
    asked, known = condition.to_dict(), dict(condition.weights)
    for attribute in condition.schema.attributes:
        answers = _plain_answers(attribute)
        radix = len(answers) + 2
        if attribute.name not in asked:
            yield 0, radix
        elif isinstance(asked[attribute.name], (str, bool)):
            yield 1 + answers.index(asked[attribute.name]), radix
        else:
            yield radix - 1, radix
            where = condition.schema.offsets[attribute.name]
            for slot in range(where.start, where.stop):
                yield (1 + round(known[slot] * 100) if slot in known else 0), 102


def _take_condition(digits: _Digits, schema: Schema) -> Condition:
    asked: dict[str, Any] = {}
    for attribute in schema.attributes:
        answers = _plain_answers(attribute)
        digit = digits.take(len(answers) + 2)
        if digit == len(answers) + 1:
            names = [attribute.name] if attribute.is_flag else attribute.value_names
            weights = {name: (w - 1) / 100 for name in names if (w := digits.take(102))}
            asked[attribute.name] = weights.get(attribute.name, 0) if attribute.is_flag else weights
        elif digit:
            asked[attribute.name] = answers[digit - 1]
    return Condition.from_dict(schema, asked)
