"""From a text to tokens: normalise it, and cut it into the longest words that the lexicon knows and those between."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from konomi.text.grammar import CONTENT, PARTICLES, Role
from konomi.text.lexicon import LATIN, Claim, Entry, Lexicon, fold

LIMIT = 500  # characters that are read; a description is shorter, and reading time grows with the length


@dataclass
class Source:
    """A text as it is matched (`folded`), and where every character of it stood in the user's text."""

    text: str
    folded: str
    starts: list[int]
    ends: list[int]
    cut: bool

    def original(self, start: int, end: int) -> str:
        """What the user wrote for `folded[start:end]`."""
        return self.text[self.starts[start] : self.ends[end - 1]]


# A character with the marks that NFKC may join to it: accents, and the half-width voiced marks of ｶﾞ and ﾊﾟ.
_CLUSTER = re.compile(r".[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*", re.DOTALL)


def normalise(text: str) -> Source:
    """NFKC and lower case, at most LIMIT characters before and after."""
    clusters = _CLUSTER.findall(text[:LIMIT])
    pieces = [fold(cluster) for cluster in clusters]
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for cluster, piece in zip(clusters, pieces, strict=True):
        starts += [at] * len(piece)
        at += len(cluster)
        ends += [at] * len(piece)
    folded = "".join(pieces)
    return Source(text, folded[:LIMIT], starts[:LIMIT], ends[:LIMIT], cut=max(len(text), len(folded)) > LIMIT)


@dataclass(eq=False)
class Token:
    """A stretch of the text with what it can mean, and what the later steps found out about it."""

    entry: Entry
    start: int
    end: int
    text: str
    denied: bool = False
    degree: float = 1.0
    used: bool = False
    claims: list[Claim] = field(default_factory=list)

    @property
    def role(self) -> Role:
        return self.entry.role

    @property
    def is_adjective(self) -> bool:
        return self.entry.is_adjective

    @property
    def is_thing(self) -> bool:
        return self.entry.is_thing


_GLUE = re.compile(r"[ \t_\-]{1,3}")
_KANJI, _HIRAGANA, _KATAKANA = "一-鿿㐀-䶿々〆ヶ", "ぁ-ゖゝゞ", "ァ-ヺーヽヾ"
_SCRIPTS = [re.compile(f"[{script}]") for script in (_KANJI, _HIRAGANA, _KATAKANA)]
KANJI, HIRAGANA, KATAKANA = range(3)
_FOREIGN = re.compile(f"[^\\W_a-zß-ɏ{_KANJI}{_HIRAGANA}{_KATAKANA}]+")
UNKNOWN = Entry(Role.OTHER)
_DESCRIBING, _NOISE, _EDGE, _MINUS = Entry(Role.PLAIN), Entry(Role.FILL), Entry(Role.COMMA), Entry(Role.NOT)


class Scanner:
    """Cuts a folded text into tokens, longest known spelling first."""

    def __init__(self, words: Lexicon, text: str) -> None:
        self.words = words
        self.text = text
        self.scripts = [*map(_script, text), None]  # by place; None after the end
        self.tokens: list[Token] = []

    def scan(self) -> list[Token]:
        at = 0
        while at < len(self.text):
            at = self._step(at)
        return self.tokens

    def _step(self, at: int) -> int:
        """Take one token at `at`, or skip one character; the place after it."""
        text = self.text
        if text[at] in " \t_'":
            return at + 1
        if text[at] == "-":  # inside a word it joins, between spaces it separates, before a word it denies ("-glasses")
            if at and text[at - 1] not in " ,":
                return at + 1
            return self._add(_EDGE if text[at + 1 : at + 2] in ("", " ", "-") else _MINUS, at, at + 1)
        if found := self._known(at):
            return self._add(found[0], at, found[1])
        if match := LATIN.match(text, at):
            return self._latin(match)
        if end := self._unknown_japanese(at):
            kana = end - at == 1 and self.scripts[at] != KANJI
            return self._add(_NOISE if kana else _DESCRIBING if self._describes(at, end) else UNKNOWN, at, end)
        if match := _FOREIGN.match(text, at):
            return self._add(_NOISE if match.group().isdigit() else UNKNOWN, at, match.end())
        return self._add(_EDGE, at, at + 1)  # symbols and emoji separate

    def _add(self, entry: Entry, start: int, end: int, *, denied: bool = False) -> int:
        self.tokens.append(Token(entry, start, end, self.text[start:end], denied))
        return end

    # Latin words

    def _latin(self, match: re.Match[str]) -> int:
        """The longest known phrase that begins with this word, else the word as it is or without its ending."""
        for phrase, end in reversed(self._phrases(match)):
            if entry := self.words.latin.get(phrase) or self.words.latin.get(_singular(phrase)):
                return self._add(entry, match.start(), end)
        return self._ending(match.group(), match.start(), match.end())

    def _phrases(self, match: re.Match[str]) -> list[tuple[str, int]]:
        """This word alone, with the next one, and so on, as far as the lexicon has longer spellings."""
        phrases = [(match.group(), match.end())]
        most = self.words.most_words.get(match.group(), 1)
        while len(phrases) < most:
            glue = _GLUE.match(self.text, phrases[-1][1])
            after = glue and LATIN.match(self.text, glue.end())
            if not after:
                break
            phrases.append((f"{phrases[-1][0]} {after.group()}", after.end()))
        return phrases

    def _ending(self, word: str, start: int, end: int) -> int:
        for base, denied in _bases(word):
            entry = self.words.latin.get(base)
            if entry and entry.role in (Role.WORD, Role.NOUN):
                return self._add(entry, start, end, denied=denied)
        for cut in range(min(len(word), 20) - 3, 2, -1):  # longhaired, blueeyes
            first, second = self.words.latin.get(word[:cut]), self.words.latin.get(word[cut:])
            if first and second and first.is_adjective and second.role is Role.NOUN:
                return self._add(second, self._add(first, start, start + cut), end)
        return self._add(_DESCRIBING if word.endswith("ly") else UNKNOWN, start, end)

    # Japanese, which has no spaces

    def _match(self, at: int) -> tuple[Entry, int] | None:
        """The longest spelling of the lexicon that stands at `at`."""
        for length in self.words.lengths.get(self.text[at : at + 1], ()):
            spelling = self.text[at : at + length]
            if entry := self.words.other.get(spelling):
                return entry, at + len(spelling)
        return None

    def _known(self, at: int) -> tuple[Entry, int] | None:
        """The same, unless it is only a part of a word that the lexicon does not have."""
        found = self._match(at)
        if not found or self.scripts[at] is None:
            return found
        entry, end = found
        if end - at == 1 and self.scripts[at] == HIRAGANA:
            return found if self._particle_may_stand(at) else None
        return None if self._goes_on(entry, at, end) else found

    def _particle_may_stand(self, at: int) -> bool:
        """A particle follows a word; at the start of a text or after another particle, it is the start of a word."""
        before = self.tokens[-1] if self.tokens else None
        if before is None or before.end != at or before.entry is _EDGE:
            return False
        return not (before.end - before.start == 1 and self.scripts[before.start] == HIRAGANA)

    def _goes_on(self, entry: Entry, at: int, end: int) -> bool:
        """Whether the spelling is the beginning of a longer unknown word: 目 of 目標, ハット of ハットリ."""
        script = self.scripts[end - 1]
        if self.scripts[end] != script or self._match(end):
            return False
        whole = all(s == script for s in self.scripts[at:end])
        if script == KATAKANA:  # a colour may stand before any noun: ピンクスカート
            return whole and (not entry.is_adjective or bool(entry.own))
        if script == KANJI:
            return end - at == 1 and not entry.is_adjective
        return whole and end - at <= 3 and entry.role in CONTENT

    def _unknown_japanese(self, at: int) -> int | None:
        """The end of the unknown Japanese word at `at`, if there is one."""
        script = self.scripts[at]
        if script is None:
            return None
        end = at + 1
        while self.scripts[end] == script and not self._begins(end):
            end += 1
        if script == KANJI:
            end = self._with_ending(end)
        return self._without_particle(at, end)

    def _begins(self, at: int) -> bool:
        """Whether a known word begins at `at`, in the middle of unknown characters."""
        found = self._match(at)
        if not found or (found[1] - at == 1 and self.scripts[at] == HIRAGANA):
            return False
        entry, end = found
        script = self.scripts[at]
        if script == KATAKANA:  # ニットキャップ, but not ストロング
            return entry.role in CONTENT and not entry.is_adjective and self.scripts[end] != script
        if script == HIRAGANA and entry.role in CONTENT and (entry.is_adjective or end - at < 3):  # くろ of 泣きぼくろ
            return False
        if script == KANJI and entry.is_adjective:  # 制服黒髪, but not 面白い
            after = self._match(end)
            return bool(after and after[0].role is Role.NOUN)
        return end - at > 1 and not self._goes_on(entry, at, end)

    def _with_ending(self, at: int) -> int:
        """The end of the kana that end a word written with kanji: 大きな, 優しい."""
        found = self._match(at)
        if found and found[0].role in PARTICLES:
            return at
        while self.scripts[at] == HIRAGANA and not self._begins(at):
            at += 1
        return at

    def _without_particle(self, at: int, end: int) -> int:
        """Leave the last kana to the next token if it is a particle: ふわふわ + の."""
        last = self.text[end - 1]
        is_particle = self.scripts[end - 1] == HIRAGANA and last in self.words.other and last != "い"
        return end - 1 if is_particle and end - at > 2 else end

    def _describes(self, at: int, end: int) -> bool:
        """Whether an unknown word looks like an adjective, verb or sound word (キラキラ): they take no adjectives."""
        word = self.text[at:end]
        sound = len(word) >= 4 and word[:2] == word[2:4]
        return sound or word[-1] in "いたるくな" or self.text[end : end + 1] == "な"


@lru_cache(8192)
def _script(character: str) -> int | None:
    """KANJI, HIRAGANA, KATAKANA, or None for anything else."""
    return next((i for i, script in enumerate(_SCRIPTS) if script.match(character)), None)


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _bases(word: str) -> Iterator[tuple[str, bool]]:
    """What a word may be an ending of, and whether the ending denies it: 2girls, hat's, hats, reddish, hatless."""
    word = word.lstrip("0123456789").removesuffix("'s")
    yield word, False
    yield _singular(word), False
    if word.endswith(("less", "free")):
        base = word[:-4].rstrip("-")
        yield from ((base, True), (_singular(base), True), (base + "s", True))
    if word.endswith("ish"):
        yield from ((word[:-3], False), (word[:-3] + "e", False), (word[:-4], False))


def skip(tokens: list[Token], at: int, roles: tuple[Role, ...], step: int = 1) -> int:
    """The first place from `at` on whose token has none of `roles`."""
    while 0 <= at < len(tokens) and tokens[at].role in roles:
        at += step
    return at
