"""The lexicon: everything that one spelling can mean, by the schema's words and the grammar's."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

from konomi.schema import Attribute, Phrase, Schema, Value
from konomi.text.grammar import DEGREES, GRAMMAR, PUNCTUATION, Role

Claim = tuple[str, str, float]  # attribute, value, weight

LATIN = re.compile(r"w/o(?![a-z])|w/|[0-9]*[a-zß-ɏ][a-z0-9ß-ɏ]*(?:'[a-z]+)*(?:-(?:less|free)(?![a-z]))?")


@dataclass
class Entry:
    """Everything that one spelling can mean."""

    role: Role
    own: list[Claim] = field(default_factory=list)  # what it means by itself
    near: dict[str, tuple[str, float]] = field(default_factory=dict)  # by attribute: what it means beside a noun
    lone: list[Claim] = field(default_factory=list)  # what an adjective means if no noun is there
    implied: list[Claim] = field(default_factory=list)  # unless the text speaks of that attribute
    noun_for: list[str] = field(default_factory=list)  # attributes whose adjectives it takes
    worn: bool = False  # put on and taken off: hat
    person: bool = False  # names who is drawn, the whole picture and not a part of it: girl
    degree: float | None = None
    shade: bool = False

    @property
    def is_adjective(self) -> bool:
        return bool(self.near)

    @property
    def is_thing(self) -> bool:
        """Takes the adjectives before it: "a black hat", "a red dress"."""
        return self.role is Role.OTHER or (self.role is Role.WORD and not self.near)


@dataclass
class Lexicon:
    """All known spellings. Latin ones are looked up word by word, all others character by character."""

    latin: dict[str, Entry] = field(default_factory=dict)  # words joined by one space
    other: dict[str, Entry] = field(default_factory=dict)
    most_words: dict[str, int] = field(default_factory=dict)  # by first word
    lengths: dict[str, list[int]] = field(default_factory=dict)  # by first character, longest first

    def entry(self, spelling: str, role: Role) -> Entry:
        """The entry of `spelling`, made if need be. Its first role stays."""
        table = self.latin if LATIN.match(spelling) else self.other
        return table.setdefault(spelling, Entry(role))

    def index(self) -> None:
        """Note how long the spellings are that begin with the same word or character."""
        for spelling in self.latin:
            words = spelling.split(" ")
            self.most_words[words[0]] = max(len(words), self.most_words.get(words[0], 1))
        by_first: dict[str, set[int]] = {}
        for spelling in self.other:
            by_first.setdefault(spelling[0], set()).add(len(spelling))
        self.lengths = {first: sorted(lengths, reverse=True) for first, lengths in by_first.items()}


@cache
def build_lexicon(schema: Schema) -> Lexicon:
    """The words of `schema` and of the GRAMMAR table, ready for look-up. Built once for every schema."""
    built = Lexicon()  # the order counts: meanings outrank nouns, and the schema's words those of the grammar
    _add_meanings(built, schema)
    for attribute in schema.attributes:
        for entry in _add_plain(built, attribute.nouns, Role.NOUN):
            entry.noun_for.append(attribute.name)
    _add_plain(built, schema.others, Role.OTHER)
    _add_grammar(built)
    for entry in _add_plain(built, schema.shades, Role.PLAIN):
        entry.shade = True
    _add_plain(built, schema.describers, Role.PLAIN)
    for degree, texts in DEGREES.items():
        for spelling in _split(texts):
            built.entry(spelling, Role.DEGREE).degree = degree
    built.index()
    return built


def _add_plain(built: Lexicon, words: Mapping[str, Iterable[str]], role: Role) -> list[Entry]:
    return [built.entry(spelling, role) for spelling in _spellings(words)]


def _add_meanings(built: Lexicon, schema: Schema) -> None:
    for attribute in schema.attributes:
        for value in attribute.values:
            _add_words(built, value, [attribute], [(attribute.name, value.name, 1.0)], [])
    for phrase in schema.phrases:
        means, implies = ([(a, v, float(holds)) for a, v, holds in claims] for claims in (phrase.means, phrase.implies))
        _add_words(built, phrase, [schema.attribute(name) for name, _, _ in means], means, implies)


def _add_words(
    built: Lexicon, source: Value | Phrase, attributes: list[Attribute], claims: list[Claim], implied: list[Claim]
) -> None:
    """The three lists of words of a value or phrase, which claims one value of each of `attributes`."""
    near = {name: (value, weight) for name, value, weight in claims}
    for entry in _add_plain(built, source.words, Role.WORD):
        entry.near |= {a.name: near[a.name] for a in attributes if a.nouns}
        entry.own += claims
        entry.implied += implied
        entry.noun_for += [name for a in attributes for name in a.noun_for if name not in entry.noun_for]
        entry.worn |= any(a.worn for a in attributes)
        entry.person |= any(not a.is_flag and not a.nouns for a in attributes)
    for entry in _add_plain(built, source.adjectives, Role.WORD):
        entry.near |= near
        entry.lone = entry.lone or [(a.name, *near[a.name]) for a in attributes if a.lone]
    for entry in _add_plain(built, source.beside, Role.WORD):
        entry.near |= near


def _add_grammar(built: Lexicon) -> None:
    for role, texts in GRAMMAR.items():
        for spelling in _split(texts):
            built.entry(spelling, role)
    for role, characters in PUNCTUATION.items():
        for character in characters:
            built.entry(character, role)


def _split(texts: Iterable[str]) -> Iterator[str]:
    return (spelling for text in texts for spelling in text.split("|") if spelling)


def _spellings(words: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Normalised spellings; Japanese adjectives in -い also in their other forms."""
    for spelling in (fold(w) for listed in words.values() for w in listed):
        yield spelling
        if len(spelling) > 1 and spelling.endswith("い") and not LATIN.match(spelling):
            yield from (spelling[:-1] + ending for ending in ("く", "くて", "かった", "め", "めの", "かつ"))


@lru_cache(8192)
def fold(text: str) -> str:
    """NFKC, lower case, and one kind of apostrophe: the form in which texts and spellings are compared."""
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("‘", "'").replace("_", " ")
