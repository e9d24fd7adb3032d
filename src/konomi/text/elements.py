"""From tokens to elements: runs of adjectives, nouns and things, and what separates each from the one before it."""

from dataclasses import dataclass
from enum import Enum, auto

from konomi.text.grammar import BREAKS, CONTENT, SEPARATORS, Role
from konomi.text.tokens import Token


class Kind(Enum):
    ADJECTIVES = auto()  # side by side: long silver
    NOUNS = auto()  # one, or several joined: eyes and hair
    THING = auto()  # a hat, a girl, a dress


@dataclass(eq=False)
class Element:
    """What step 4 moves about: a run of tokens, and what separates it from the element before it."""

    kind: Kind
    tokens: list[Token]
    gap: Role | None = None
    described: bool = False  # describing words stand before it: "blue, sparkling eyes"
    number: int = 0  # its place among the elements

    @property
    def is_unknown(self) -> bool:
        return self.tokens[0].role is Role.OTHER


def group(tokens: list[Token]) -> list[Element]:
    """The elements of a text, in order."""
    found: list[Element] = []
    gap: Role | None = Role.STOP
    described = False
    for token in tokens:
        if token.role in SEPARATORS:
            gap, described = _stronger(gap, token.role), False
        elif token.role is Role.OF and gap is None:
            gap = Role.OF if found[-1].kind is not Kind.ADJECTIVES else None  # 銀の髪 is 銀色の髪
        elif token.role is Role.OPEN:
            gap = Role.IS if gap is None else _stronger(gap, Role.COMMA)
        elif token.role is Role.PLAIN:
            described = True
        elif token.role is Role.THEY:
            gap = _repeat_noun(found, gap)
        elif token.role in CONTENT:
            _grow(found, token, gap, described)
            gap, described = None, False
    return found


def _repeat_noun(found: list[Element], gap: Role | None) -> Role | None:
    """Put the last noun in place of a pronoun: "her eyes aren't blue, they're green". The gap after it."""
    noun = next((e for e in reversed(found) if e.kind is Kind.NOUNS), None)
    if noun is None:
        return gap
    found.append(Element(Kind.NOUNS, noun.tokens, gap or Role.BREAK))
    return Role.IS


def _stronger(left: Role | None, right: Role) -> Role:
    """The separator that two in a row amount to: ", and" is "and"; ", which is" is "is"; "and with" is "with"."""
    for role in BREAKS:
        if role in (left, right):
            return role
    if left in (None, Role.OF, Role.COMMA):
        return right
    if right is Role.COMMA:
        return {Role.IS: Role.COMMA, Role.ALSO: Role.JOIN}.get(left, left)
    return left


def _grow(found: list[Element], token: Token, gap: Role | None, described: bool) -> None:
    """Put one token at the end of the last element, or begin a new one."""
    if gap is Role.ALSO:
        gap = Role.IS if token.is_adjective else Role.JOIN
    if gap is Role.TO:
        gap = Role.JOIN if token.is_adjective and found and found[-1].kind is Kind.ADJECTIVES else Role.BREAK
    kind = Kind.ADJECTIVES if token.is_adjective else Kind.NOUNS if token.role is Role.NOUN else Kind.THING
    if kind is Kind.NOUNS:
        while gap is None and found and found[-1].is_unknown:  # an unknown word right before a noun describes it
            gap, described = found.pop().gap, True
    last = found[-1] if found else None
    grows = {Kind.ADJECTIVES: gap is None, Kind.NOUNS: gap is Role.JOIN, Kind.THING: False}[kind]
    if last and last.kind is kind and grows:
        last.tokens.append(token)
    else:
        found.append(Element(kind, [token], gap, described))
