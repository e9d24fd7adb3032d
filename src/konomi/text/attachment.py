"""Attachment: find the noun of every adjective, and collect what the text says as mentions."""

from dataclasses import dataclass
from enum import Enum, auto

from konomi.schema import Attribute, Schema
from konomi.text.elements import Element, Kind
from konomi.text.grammar import LIST_GAPS, Role
from konomi.text.lexicon import Claim
from konomi.text.tokens import Token


@dataclass
class Mention:
    """What one place of the text says of one attribute: every word with its value and weight."""

    attribute: Attribute
    words: list[tuple[Token, str, float]]

    @property
    def at(self) -> int:
        return self.words[-1][0].start

    @property
    def weights(self) -> dict[str, float]:
        """{value: weight}, denials and degrees counted."""
        return {value: self._weight(token, weight) for token, value, weight in self.words}

    def _weight(self, token: Token, weight: float) -> float:
        if token.denied:
            return 1.0 - weight
        return token.degree if weight and self.attribute.graded else weight


class Home(Enum):
    """Where an adjective of a list belongs."""

    BACK = auto()  # to the noun before the list: "hair is long"
    AHEAD = auto()  # to the noun after it: "long hair"
    LONE = auto()


class Attacher:
    """Finds the noun of every adjective, and collects what the text says as mentions."""

    def __init__(self, schema: Schema, elements: list[Element]) -> None:
        self.schema = schema
        self.elements = elements
        for number, element in enumerate(elements):
            element.number = number
        self.mentions: list[Mention] = []
        self.mixtures: dict[str, tuple[Mention, int]] = {}  # by attribute: the last that may grow, and where it ends
        self.notes: list[str] = []

    def attach(self) -> None:
        at = 0
        while at < len(self.elements):
            end = at + 1
            if self.elements[at].kind is Kind.ADJECTIVES:
                while end < len(self.elements) and self._continues(self.elements[end]):
                    end += 1
                self._attach_list(at, end)
            elif self.elements[at].kind is Kind.THING:
                token = self.elements[at].tokens[0]
                self._mention([(token, token.entry.own)], split=True, start=at, end=end)
            at = end

    @staticmethod
    def _continues(element: Element) -> bool:
        return element.kind is Kind.ADJECTIVES and element.gap in LIST_GAPS

    def _attach_list(self, start: int, end: int) -> None:
        """Attach one list of adjectives, "long, blue and pink", as far as each word can be."""
        chunks = self.elements[start:end]
        gaps = _list_gaps(chunks)
        ahead = self._ahead(end)
        back = self._back(start, ahead)
        if back is None and ahead is None:
            ahead = self._described_ahead(chunks[-1], end)
        homes = self._homes(chunks, gaps, back, ahead)
        for home, target in ((Home.BACK, back), (Home.AHEAD, ahead), (Home.LONE, None)):
            found: list[tuple[Token, list[Claim]]] = []
            for number, chunk in enumerate(chunks):
                if words := [t for t in chunk.tokens if homes[t.start] is home]:
                    found += self._claims(words, target, start, listed=number > 0 or home is Home.LONE)
            self._mention(found, split=Role.OR in gaps, start=start, end=end)

    # where the words of a list belong

    def _ahead(self, end: int) -> Element | None:
        """The noun or thing right after the list."""
        after = self.elements[end] if end < len(self.elements) else None
        return after if after and after.gap is None else None

    def _described_ahead(self, chunk: Element, end: int) -> Element | None:
        """The noun after a comma and more describing words: "blue, sparkling eyes"."""
        after = self.elements[end] if end < len(self.elements) else None
        if after is None or after.kind is not Kind.NOUNS or not after.described or after.gap not in LIST_GAPS:
            return None
        return after if self._all_fit(chunk.tokens, after) else None

    def _back(self, start: int, ahead: Element | None) -> Element | None:
        """The noun or thing before the list that it may describe: "hair is ...", "eyes ..."."""
        gap = self.elements[start].gap
        before = self.elements[start - 1] if start else None
        if before is None or before.kind is Kind.ADJECTIVES:
            return None
        verb = before.is_unknown and before.gap in (None, Role.IS)  # "eyes that shine blue", "hair shines like gold"
        if gap in (None, Role.IS) and ahead is None and verb and start > 1:
            noun = self.elements[start - 2]
            if noun.kind is Kind.NOUNS and self._is_free(start - 2):
                return noun
        if gap is Role.IS or (gap in (None, Role.OF) and before.kind is Kind.NOUNS):
            return before
        return None

    def _is_free(self, at: int) -> bool:
        """Whether no adjective stands before this noun."""
        gap = self.elements[at].gap
        return not (at and gap is None and self.elements[at - 1].kind is Kind.ADJECTIVES)

    def _homes(
        self, chunks: list[Element], gaps: list[Role], back: Element | None, ahead: Element | None
    ) -> dict[int, Home]:
        """The home of every word, by the place where it starts."""
        words = [t for c in chunks for t in c.tokens]
        behind = self._count_back(chunks, gaps, back, ahead)
        homes = {t.start: Home.BACK for t in words[:behind]}
        home = Home.AHEAD if ahead else Home.LONE
        dressed = chunks[0].gap is Role.DRESS  # "a man in black, silver hair"
        for number in reversed(range(len(chunks))):
            rest = [t for t in chunks[number].tokens if t.start not in homes]
            ends = number < len(gaps) and gaps[number] is Role.COMMA
            if ends and not self._reaches(rest, chunks[number + 1], ahead, mixes=not dressed):
                home = Home.LONE
            homes |= {t.start: home for t in rest}
        return homes

    def _count_back(self, chunks: list[Element], gaps: list[Role], back: Element | None, ahead: Element | None) -> int:
        """How many words of the list, from its start, belong to the noun before it."""
        total = sum(len(c.tokens) for c in chunks)
        last = len(chunks[-1].tokens) if len(chunks) > 1 else min(total - 1, 1)
        if back is None or ahead is None:
            return total if back else 0
        tie, free = chunks[0].gap, self._is_free(back.number)
        person = ahead.kind is Kind.THING and ahead.tokens[0].entry.person
        misfit = tie is Role.OF and not self._all_fit(chunks[0].tokens, ahead)
        if person and (tie is Role.IS or free or misfit):  # 髪の長い女の子, 黒髪の長い女の子
            return total - last if Role.COMMA in gaps[-1:] else total
        if tie is Role.IS:  # "what I want is blue eyes": a thing claims nothing from a noun
            thing_is = back.kind is Kind.THING and ahead.kind is Kind.NOUNS and len(chunks) == 1
            return 0 if thing_is else total - last
        return self._count_beside(chunks, total, last, ahead) if free else 0

    def _count_beside(self, chunks: list[Element], total: int, last: int, ahead: Element) -> int:
        """The same where nothing but の ties the list to the noun before it, and no adjective stands before that."""
        if len(chunks) > 1:
            return total - last
        if ahead.kind is Kind.THING:
            return total if chunks[0].gap is Role.OF else 0
        if total > 1:  # 髪の長い赤い目, "eyes blue black hair"
            return 0 if self._all_fit(chunks[0].tokens, ahead) else total - 1
        return total if self._has_adjective_after(ahead) else 0  # "hair black eyes red"

    def _all_fit(self, words: list[Token], target: Element) -> bool:
        """Whether `words` all mean something beside `target`, each another attribute."""
        claims = [self._beside(word, target) for word in words]
        names = [name for claim in claims for name, _, _ in claim]
        return all(claims) and len(names) == len(set(names))

    def _has_adjective_after(self, noun: Element) -> bool:
        """Whether `noun` is followed by adjectives which no other noun follows."""
        at = noun.number + 1
        after = self.elements[at] if at < len(self.elements) else None
        if after is None or after.kind is not Kind.ADJECTIVES or after.gap not in (None, Role.IS):
            return False
        ahead = self._ahead(at + 1)
        return after.gap is Role.IS or ahead is None or ahead.kind is not Kind.NOUNS

    def _reaches(self, words: list[Token], after: Element, ahead: Element | None, *, mixes: bool) -> bool:
        """Whether words before a comma share the noun after it: "long, silver hair", but not "silver, blue eyes".

        Two colours do only if `mixes`, and only where the schema mixes them.
        """
        if ahead is None or any(word.entry.own for word in words):
            return False
        mine = [self._beside(word, ahead) for word in words]
        theirs = {name for word in after.tokens for name, _, _ in self._beside(word, ahead)}
        clash = [name for claims in mine for name, _, _ in claims if name in theirs]
        return all(mine) and all(mixes and self.schema.attribute(name).mixes for name in clash)

    # what they mean there

    def _claims(
        self, words: list[Token], target: Element | None, start: int, *, listed: bool
    ) -> list[tuple[Token, list[Claim]]]:
        """The claims of adjectives that stand side by side. The last colour is the colour: golden brown is brown."""
        taken: set[tuple[str, bool]] = set()
        found: list[tuple[Token, list[Claim]]] = []
        names_thing = not (words[-1].entry.own or words[-1].entry.lone)
        whole = {name for word in words for name, _, _ in word.entry.own}
        for word in reversed(words):
            if any((name, word.denied) in taken for name in word.entry.near):
                word.used = True
                continue
            claims = self._beside(word, target) if target else []
            if not claims and _only_colours(word, whole):
                word.used = True
                continue
            claims = claims or self._without_noun(word, target, start, listed=listed, names_thing=names_thing)
            taken |= {(name, word.denied) for name, _, _ in claims if self.schema.attribute(name).exclusive}
            found.append((word, claims))
        return found[::-1]

    def _beside(self, word: Token, target: Element) -> list[Claim]:
        """What `word` means beside each noun of `target`: for every noun the first attribute that has such a value."""
        near = word.entry.near
        names = (next((n for n in noun.entry.noun_for if n in near), None) for noun in target.tokens)
        return [(name, *near[name]) for name in dict.fromkeys(names) if name]

    def _without_noun(
        self, word: Token, target: Element | None, start: int, *, listed: bool, names_thing: bool
    ) -> list[Claim]:
        """What `word` means where no noun takes it; nothing if its phrase names a thing: "golden sunset"."""
        if word.entry.own:
            return word.entry.own
        if target and not (listed and target.kind is Kind.NOUNS):
            if target.kind is Kind.NOUNS:
                self._note_misfit(word, target)
            return []
        if self.elements[start].gap is Role.DRESS or names_thing:
            return []
        if word.denied and (noun := self._noun_before(start)) and (claims := self._beside(word, noun)):
            return claims  # "blue eyes, not green"
        for claim in word.entry.lone[:1]:
            label = self.schema.attribute(claim[0]).label["en"]
            self.notes.append(f"{word.text!r} stands without a noun and was read as {label}")
        return word.entry.lone[:1]

    def _note_misfit(self, word: Token, target: Element) -> None:
        names = {name for noun in target.tokens for name in noun.entry.noun_for}
        kin = [a for a in self.schema.attributes if a.name in names and a.exclusive]
        if kin and not word.entry.shade and any(self.schema.attribute(name).exclusive for name in word.entry.near):
            self.notes.append(f"{kin[0].label['en']} has no value for {word.text!r}")

    def _noun_before(self, at: int) -> Element | None:
        """The last noun of the sentence before element `at`."""
        for number in range(at, 0, -1):
            if self.elements[number].gap is Role.STOP:
                return None
            if self.elements[number - 1].kind is Kind.NOUNS:
                return self.elements[number - 1]
        return None

    def _mention(self, found: list[tuple[Token, list[Claim]]], *, split: bool, start: int, end: int) -> None:
        """Turn the claims of elements `start` to `end` into mentions: one for words that mix, else one for each."""
        for token, claims in found:
            token.used = token.used or bool(claims)
            token.claims += claims
            for name, value, weight in claims:
                attribute = self.schema.attribute(name)
                mixes = attribute.mixes and not split and not token.denied
                mixture = self._mixture(name, start) if mixes else None
                if mixture is None:
                    mixture = Mention(attribute, [])
                    self.mentions.append(mixture)
                mixture.words.append((token, value, weight))
                if mixes:
                    self.mixtures[name] = (mixture, end)

    def _mixture(self, name: str, start: int) -> Mention | None:
        """The mixture that a colour said from element `start` on belongs to: "blue and pink hair", 金髪と黒髪."""
        mixture, end = self.mixtures.get(name, (None, 0))
        between = self.elements[end:start]
        joined = self.elements[start].gap is Role.JOIN and (
            end == start or (len(between) == 1 and between[0].kind is Kind.NOUNS)
        )
        return mixture if end > start or joined else None


def _only_colours(word: Token, whole: set[str]) -> bool:
    """Whether `word` says how a neighbour looks that means one of `whole` by itself: "pink blush", "blushing red"."""
    lone = {name for name, _, _ in word.entry.lone}
    return not word.entry.own and any(name in word.entry.near and name not in lone for name in whole)


def _list_gaps(chunks: list[Element]) -> list[Role]:
    """What stands between the chunks of a list; the commas of "red, white and blue" are "and" too."""
    gaps = [c.gap for c in chunks[1:] if c.gap]
    last = gaps[-1] if gaps else None
    if last not in (Role.JOIN, Role.OR) or chunks[0].gap is Role.DRESS:
        return gaps
    return [last for _ in gaps]
