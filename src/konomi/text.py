"""Words to a `Condition`: English, Japanese, or both in one text.

The schema file knows the words for hair and hats; this file knows only grammar. A text is read in six steps:

1. normalise: NFKC and lower case, at most LIMIT characters;
2. tokens: the longest words that the lexicon knows (schema words and the GRAMMAR table), and the unknown ones between;
3. deny: "no", "without", なし, ていない mark the words that they reach;
4. attach: every adjective finds its noun ("long silver hair", 髪は銀), or the thing it belongs to ("a black hat", "a
   red dress": not ours), or stands alone ("silver, glasses": hair colour);
5. weigh: "a slight smile", 少し笑った;
6. resolve: mixtures ("blue and pink hair") and contradictions (the last one said counts, and a note says so).

A word that found no place is never moved to another noun: it is reported in `Reading.unused`.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache, lru_cache

from konomi.condition import Condition
from konomi.schema import Attribute, Schema, load_schema

LIMIT = 500  # characters that are read; a description is shorter, and reading time grows with the length


@dataclass(frozen=True)
class Reading:
    """What was understood of a text."""

    condition: Condition
    unused: tuple[str, ...] = ()  # words that could not be used, in order, as the user wrote them
    notes: tuple[str, ...] = ()  # one-line remarks: contradictions, mixtures, words without a noun, a text cut


class Role(Enum):
    """What a token does in its sentence."""

    WORD = auto()  # has a meaning in the schema
    NOUN = auto()  # hair, eyes, 髪, 目
    OTHER = auto()  # something that the schema does not know: dress, 着物
    PLAIN = auto()  # a describing word with no meaning here; it never takes an adjective away from its noun
    DEGREE = auto()  # slightly, 少し
    NOT = auto()  # denies what follows
    NOR = auto()  # joins and denies
    LACK = auto()  # denies what precedes
    JOIN = auto()
    OR = auto()
    ALSO = auto()  # も: joins two things (帽子も眼鏡も), or points at a predicate (目も青い)
    COMMA = auto()
    BUT = auto()  # ends a denial, but not a phrase: "not blonde but black hair"
    BREAK = auto()  # another phrase begins: with, has, she
    TO = auto()  # joins two colours ("pink to purple"), or else breaks
    DRESS = auto()  # a colour after it is that of something else: "in black", "a hint of blue"
    STOP = auto()  # a sentence ends
    THEY = auto()  # the noun before, again
    OPEN = auto()  # a bracket: "hair (black)"
    IS = auto()  # ties a noun to what follows: is, of, like, は, が
    OF = auto()  # の
    FILL = auto()  # says nothing


GRAMMAR: dict[Role, tuple[str, str]] = {  # English, Japanese
    Role.NOT: (
        "no|not|without|w/o|never|neither|isn't|isnt|aren't|arent|wasn't|weren't|doesn't|doesnt|don't|dont|didn't"
        "|won't|can't|cannot|hasn't|haven't|shouldn't|ain't|lacks|lacking|lack|minus|sans|avoid|avoiding|exclude"
        "|excluding|except|remove|removing|non|zero|instead of|rather than|anything but|no longer|free of"
        "|free from|take off|takes off|took off|hate|hates|dislike|skip|omit|missing|nothing like|other than"
        "|leave out|leaves out|drop|lose|get rid of|ditch|no more|take away|hide",
        "ノー",
    ),
    Role.NOR: ("nor", ""),
    Role.LACK: (
        "none|off|false|not included|not needed|not wanted",
        "なし|無し|ナシ|ない|無い|無|なく|無く|なくて|無くて|ないで|ず|ずに|ません|ありません|いない|いません"
        "|いなく|いなくて|おらず|てない|てません|ではない|でもない|でもなく|なくていい|なくてもいい|なくて良い"
        "|でない|じゃない|じゃなく|じゃなくて|ではなく|ではなくて|でなく|でなくて|ではありません|じゃありません"
        "|じゃないです|しない|しません|せず|せずに|抜き|ぬき|以外|不要|いらない|要らない|いりません|要りません|ng"
        "|禁止|外し|外した|外して|はずした|はずして|外す|脱いだ|脱いで|ほしくない|欲しくない|やめて|嫌|いや|嫌い"
        "|かけず|掛けず|かぶらず|被らず|つけず|着けず|付けず|つけない|着けない|付けない|かけない|掛けない"
        "|かぶらない|被らない|除く|除いて|避けて|ゼロ|消して|取って|とって|無しで|みせない|見せない|見せず"
        "|てなくて|ておらず|なき|無き",
    ),
    Role.JOIN: (
        "and|plus|as well as|mixed with|fading into|fading to|half|n",
        "と|及び|および|プラス|半分|半々|それに",
    ),
    Role.OR: ("or", "か|や|または|もしくは|それとも|あるいは"),
    Role.ALSO: ("", "も"),
    Role.COMMA: ("", "で|また|そして|それから|あと|あとは|かつ"),
    Role.BUT: (
        "but|yet|though|although|however",
        "けど|けれど|けれども|でも|だけど|しかし|ですが|だが|が、|のに|ただし|だけは|ますが|だけれど|ものの",
    ),
    Role.BREAK: (
        "with|w/|has|have|had|having|got|gets|on|at|from|by|for|into|under|over|behind|she|he|who|whose|i|you|we"
        "|while|because|then|against|through|during|around|about|after|before|if|when|where|what|there|here|she's"
        "|he's|i'm|who's|holding|along with|together with|featuring|near",
        "に|には|へ|をした|をしている|をしてる|をもつ|をもった|を持つ|を持った|を持っている|ので|だから|との"
        "|とともに|にして|っていて",
    ),
    Role.TO: ("to", "から"),
    Role.THEY: ("it|they|it's|they're", ""),
    Role.DRESS: (
        "in|inside|wearing|wears|wear|wore|dressed|clad|dons|donning|dressed in|clothed|a hint of|hint of"
        "|a touch of|touch of|a trace of|trace of",
        "",
    ),
    Role.IS: (
        "is|are|was|were|be|being|been|of|like|as|that|which|that's|that is|looks|look|looking|looks like|seems"
        "|appears|are both|between|the color of|the colour of|color of|colour of|colored|coloured|dyed",
        "は|が|を|って|とは|については",
    ),
    Role.OF: ("", "の|への|からの|での"),
    Role.FILL: (
        "a|an|the|some|any|this|these|those|her|his|their|my|your|our|its|hers|very|really|rly|so|too|quite|super"
        "|extremely|such|much|many|more|most|just|also|both|either|please|pls|plz|want|wants|wanted|would|could"
        "|can|should|will|must|may|might|do|does|did|me|him|them|us|draw|drawing|make|give|create|generate|show"
        "|get|let|let's|image|picture|pic|portrait|avatar|icon|anime|manga|color|colour|tone|one|ones|someone"
        "|something|i want|i'd|i'd love|love|add|adding|i'd like|i would like|would like|i like|i love|i need|we"
        "|need|like this|yes|true|on|lots of|a lot of|mix of|a mix of|mixture of|a mixture of|mixed|tied|blend of"
        "|a blend of|combination of|type of|sort|set of|pair of|a pair of|out of|to be|has to|have to|style"
        "|styled|don't forget|do not forget|dont forget|not only|not just|no problem|why not|if not|not sure"
        "|no idea|no matter|no doubt|don't worry|do not worry|don't mind|not without|never without|can't wait"
        "|not bad|or not|thanks|thank|hi|hello|hey|ok|okay|even|still|again|now|all|each|every|other|another|own"
        "|way|am|well|right|left|that has|her own|at all|worn|kept|cut|put up|up|down|done|tied in|put"
        "|nothing but|rocking|sporting|solo|maybe|perhaps|probably|must have|only",
        "な|だ|です|でしょう|でした|だった|ます|ました|い|いる|る|た|て|ください|下さい|お願い|お願いします"
        "|お願いいたします|ほしい|欲しい|ほしいです|欲しいです|して|した|している|してる|していて|する|し|さ"
        "|かけた|かけて|かけてる|かけている|かけ|掛けた|掛けて|掛けている|かぶった|かぶって|かぶり|かぶってる"
        "|かぶっている|被った|被って|被り|被ってる|被っている|つけた|つけて|つけてる|つけている|つけ|着けた"
        "|着けて|着けている|付けた|付けて|付けている|身につけた|身に着けた|まとめた|まとめて|ている|てる|ていて"
        "|ある|あり|あって|あります|有り|持つ|持った|持って|持っている|ついた|ついて|ついている|付き|つき|着用"
        "|描いて|描く|描ける|描いてほしい|描いて欲しい|描いてください|生成|生成して|作って|作成|イラスト|画像|絵"
        "|絵を|アイコン|アバター|アニメ|アニメ風|系|系の|色|色の|色した|カラー|感じ|感じの|感じで|みたいな|みたい"
        "|ような|ように|っぽい|っぽく|っぽ|みがかった|がかった|がかっ|みを帯びた|みのある|寄り|寄りの|とても"
        "|すごく|凄く|めっちゃ|めちゃ|めちゃくちゃ|かなり|超|もっと|ぐらい|くらい|彼女|彼|その|この|あの|という"
        "|っていう|さん|ちゃん|くん|君|それ|まま|だけ|ね|よ|ねー|よろしく|よろしくお願いします|子|人|キャラ"
        "|キャラクター|人物|いて|おり|くて|くれ|ちょうだい|頂戴|もらえますか|もらえる|いただけますか|できますか"
        "|ますか|ですか|がいい|が良い|がいいな|がいいです|がよい|でお願い|でお願いします|が好き|好き|大好き"
        "|好みは|タイプ|少しも|全く|まったく|全然|ぜんぜん|あまり|そんなに|一切|しっかり|はっきり|そのまま|なんか"
        "|なんて|ひとり|一人|1人|1|ちゃんと|きちんと|必ず|たい|たいです|なる|なって|なった|見える|似合う|似合って"
        "|こと|もの|やつ|奴|方|ほう|サイド|状態|姿|格好|全部|全て|すべて|こんにちは|こんばんは|お願いできますか"
        "|お願いできますでしょうか|どちらも|両方|ともに|共に|っ子|っ娘|忘れずに|です。|浮かべた|浮かべて|浮かべる"
        "|浮かべている|かぶらせ|かぶせ|かけさせ|つけさせ|被せ|とも|染めた|染めて|染めている|結んだ|結んで|結った"
        "|束ねた",
    ),
}

PUNCTUATION: dict[Role, str] = {
    Role.JOIN: "&+/×",
    Role.COMMA: ',、;・|*)[]{}<>「」『』【】〈〉《》"~〜…‥',
    Role.STOP: ".!?\n\r。¿¡",
    Role.IS: ":=→",
    Role.OPEN: "(",
}

DEGREES: dict[float, tuple[str, str]] = {  # what a word makes of the weight of the word it belongs to
    0.5: (
        "slight|slightly|slightest|faintest|a little|little|lil|a bit|bit|a bit of|bit of|a little bit"
        "|a little bit of|faint|faintly|light|lightly|subtle|subtly|mild|mildly|hint of|a hint of|touch of"
        "|a touch of|trace of|a trace of|somewhat|kind of|kinda|sort of|sorta|a tad|tad|barely|hardly|small|half"
        "|tiny|vague|vaguely|weak|weakly|partly|partially|semi|fairly|a slight|ghost of|shadow of",
        "少し|すこし|少しだけ|少々|ちょっと|ちょっとだけ|ちょい|うっすら|うっすらと|薄っすら|薄っすらと|薄く"
        "|ほんのり|ほんのりと|ほんの少し|軽く|軽い|かるく|かすか|かすかに|かすかな|微かに|微かな|わずかに"
        "|わずかな|僅かに|僅かな|控えめ|控えめな|控えめに|やや|若干|いくらか|セミ|半ば|ほのか|ほのかに|ほのかな"
        "|淡く|こころもち|心持ち|気持ち|多少|プチ|いくぶん|小さく|そっと",
    ),
    1.0: (
        "big|wide|widely|broad|broadly|bright|brightly|huge|heavy|heavily|deep|deeply|strong|full|warm|large"
        "|total|totally|completely|fully|intense|furious|furiously",
        "大きく|思い切り|思いっきり|満面|満面の|とびきり|とびきりの|最高の|強く|濃く|大きな|はじける|弾ける"
        "|しっかりと|ぱっと|全開|全開の",
    ),
}

CONTENT = (Role.WORD, Role.NOUN, Role.OTHER)
SEPARATORS = (Role.JOIN, Role.OR, Role.NOR, Role.ALSO, Role.COMMA, Role.BREAK, Role.TO, Role.DRESS, Role.STOP, Role.IS)
ENDS_DENIAL = (Role.STOP, Role.COMMA, Role.OPEN, Role.BUT, Role.JOIN, Role.NOT, Role.NOR, Role.LACK)
LIST_GAPS = (Role.JOIN, Role.OR, Role.NOR, Role.COMMA, Role.IS)  # IS: "blue as sapphires"
DEGREE_REACH = 6  # how many tokens a word of degree may stand before the word it weakens
ARTICLES = ("a", "an", "the")

Claim = tuple[str, str, float]  # attribute, value, weight


# --- the lexicon -----------------------------------------------------------------------------------------------------


@dataclass
class Entry:
    """Everything that one spelling can mean."""

    role: Role
    own: list[Claim] = field(default_factory=list)  # what it means by itself
    near: dict[str, tuple[str, float]] = field(default_factory=dict)  # by attribute: what it means beside a noun
    lone: list[Claim] = field(default_factory=list)  # what an adjective means if no noun is there
    implied: list[Claim] = field(default_factory=list)  # unless the text speaks of that attribute
    noun_for: list[str] = field(default_factory=list)  # attributes whose adjectives it takes
    degree: float | None = None
    shade: bool = False

    @property
    def is_adjective(self) -> bool:
        return bool(self.near)


@dataclass
class Lexicon:
    """All known spellings. Latin ones are looked up word by word, all others character by character."""

    schema: Schema
    latin: dict[str, Entry] = field(default_factory=dict)  # words joined by one space
    other: dict[str, Entry] = field(default_factory=dict)
    most_words: dict[str, int] = field(default_factory=dict)  # by first word
    lengths: dict[str, list[int]] = field(default_factory=dict)  # by first character, longest first

    def entry(self, spelling: str, role: Role) -> Entry:
        """The entry of `spelling`, made if need be. Its first role stays, except that a meaning outranks all others."""
        table = self.latin if _LATIN.match(spelling) else self.other
        found = table.setdefault(spelling, Entry(role))
        if role is Role.WORD or (role is Role.NOUN and found.role is not Role.WORD):
            found.role = role
        return found

    def index(self) -> None:
        for spelling in self.latin:
            words = spelling.split(" ")
            self.most_words[words[0]] = max(len(words), self.most_words.get(words[0], 1))
        by_first: dict[str, set[int]] = {}
        for spelling in self.other:
            by_first.setdefault(spelling[0], set()).add(len(spelling))
        self.lengths = {first: sorted(lengths, reverse=True) for first, lengths in by_first.items()}


@cache
def lexicon(schema: Schema) -> Lexicon:
    """The words of `schema` and of the GRAMMAR table, ready for look-up. Built once for every schema."""
    built = Lexicon(schema)
    _add_other_things(built)
    _add_meanings(built)
    _add_nouns(built)
    _add_grammar(built)
    built.index()
    return built


def _add_other_things(built: Lexicon) -> None:
    for spelling in _spellings(built.schema.others):
        built.entry(spelling, Role.OTHER)


def _add_meanings(built: Lexicon) -> None:
    for attribute in built.schema.attributes:
        for value in attribute.values:
            _add_words(built, value, [(attribute.name, value.name, 1.0)], [])
    for phrase in built.schema.phrases:
        means, implies = ([(a, v, float(holds)) for a, v, holds in claims] for claims in (phrase.means, phrase.implies))
        _add_words(built, phrase, means, implies)


def _add_words(built: Lexicon, source: object, claims: list[Claim], implied: list[Claim]) -> None:
    """The three lists of words of a value or phrase."""
    attributes = {name: built.schema.attribute(name) for name, _, _ in claims}
    for key in ("words", "adjectives", "beside"):
        for spelling in _spellings(getattr(source, key)):
            entry = built.entry(spelling, Role.WORD)
            entry.near |= {name: (value, w) for name, value, w in claims if key != "words" or attributes[name].nouns}
            if key == "words":
                entry.own += claims
                entry.implied += implied
                entry.noun_for += [n for a in attributes.values() for n in a.noun_for if n not in entry.noun_for]
            elif key == "adjectives" and not entry.lone:
                entry.lone += [c for c in claims if attributes[c[0]].lone]


def _add_nouns(built: Lexicon) -> None:
    for attribute in built.schema.attributes:
        for spelling in _spellings(attribute.nouns):
            built.entry(spelling, Role.NOUN).noun_for.append(attribute.name)


def _add_grammar(built: Lexicon) -> None:
    for role, texts in GRAMMAR.items():
        for spelling in _split(texts):
            built.entry(spelling, role)
    for role, characters in PUNCTUATION.items():
        for character in characters:
            built.entry(character, role)
    for spelling in _spellings(built.schema.shades):
        built.entry(spelling, Role.PLAIN).shade = True
    for spelling in _spellings(built.schema.describers):
        built.entry(spelling, Role.PLAIN)
    for degree, texts in DEGREES.items():
        for spelling in _split(texts):
            built.entry(spelling, Role.DEGREE).degree = degree


def _split(texts: Iterable[str]) -> Iterator[str]:
    return (spelling for text in texts for spelling in text.split("|") if spelling)


def _spellings(words: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Normalised spellings; Japanese adjectives in -い also in their other forms."""
    for spelling in (_fold(w) for listed in words.values() for w in listed):
        yield spelling
        if len(spelling) > 1 and spelling.endswith("い") and not _LATIN.match(spelling):
            yield from (spelling[:-1] + ending for ending in ("く", "くて", "かった", "め", "めの", "かつ"))


@lru_cache(8192)
def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("‘", "'").replace("_", " ")


# --- 1. normalise ----------------------------------------------------------------------------------------------------


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


def _normalise(text: str) -> Source:
    """NFKC and lower case, at most LIMIT characters before and after."""
    clusters = _CLUSTER.findall(text[:LIMIT])
    pieces = [_fold(cluster) for cluster in clusters]
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for cluster, piece in zip(clusters, pieces, strict=True):
        starts += [at] * len(piece)
        at += len(cluster)
        ends += [at] * len(piece)
    folded = "".join(pieces)
    return Source(text, folded[:LIMIT], starts[:LIMIT], ends[:LIMIT], cut=max(len(text), len(folded)) > LIMIT)


# --- 2. tokens -------------------------------------------------------------------------------------------------------


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
        return self.role is Role.WORD and self.entry.is_adjective

    @property
    def is_thing(self) -> bool:
        """Takes the adjectives before it: "a black hat", "a red dress"."""
        return self.role is Role.OTHER or (self.role is Role.WORD and not self.entry.is_adjective)


_LATIN = re.compile(r"w/o(?![a-z])|w/|[0-9]*[a-zß-ɏ][a-z0-9ß-ɏ]*(?:'[a-z]+)*(?:-(?:less|free)(?![a-z]))?")
_GLUE = re.compile(r"[ \t_\-]{1,3}")
_KANJI, _HIRAGANA, _KATAKANA = "一-鿿㐀-䶿々〆ヶ", "ぁ-ゖゝゞ", "ァ-ヺーヽヾ"
_SCRIPTS = [re.compile(f"[{script}]") for script in (_KANJI, _HIRAGANA, _KATAKANA)]
KANJI, HIRAGANA, KATAKANA = range(3)
_FOREIGN = re.compile(f"[^\\W_a-zß-ɏ{_KANJI}{_HIRAGANA}{_KATAKANA}]+")
_UNKNOWN, _DESCRIBING, _NOISE, _EDGE = Entry(Role.OTHER), Entry(Role.PLAIN), Entry(Role.FILL), Entry(Role.COMMA)
_MINUS = Entry(Role.NOT)


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
        if match := _LATIN.match(text, at):
            return self._latin(match)
        if end := self._unknown_japanese(at):
            if end - at == 1 and self.scripts[at] != KANJI:
                return self._add(_NOISE, at, end)
            return self._add(_DESCRIBING if self._describes(at, end) else _UNKNOWN, at, end)
        if match := _FOREIGN.match(text, at):
            return self._add(_NOISE if match.group().isdigit() else _UNKNOWN, at, match.end())
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
            after = glue and _LATIN.match(self.text, glue.end())
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
        return self._add(_DESCRIBING if word.endswith("ly") else _UNKNOWN, start, end)

    # Japanese, which has no spaces

    def _match(self, at: int) -> tuple[Entry, int] | None:
        """The longest spelling of the lexicon that stands at `at`."""
        for length in self.words.lengths.get(self.text[at : at + 1], ()):
            entry = self.words.other.get(self.text[at : at + length])
            if entry and at + length <= len(self.text):
                return entry, at + length
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
        if script == KATAKANA:
            return whole and bool(
                entry.own or not entry.is_adjective
            )  # a colour may stand before any noun: ピンクスカート
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
        if found and found[0].role in (Role.IS, Role.OF, Role.BREAK, Role.COMMA, Role.JOIN, Role.ALSO):
            return at
        while self.scripts[at] == HIRAGANA and not self._begins(at):
            at += 1
        return at

    def _without_particle(self, at: int, end: int) -> int:
        """Leave the last kana to the next token if it is a particle: ふわふわ + の."""
        last = self.text[end - 1]
        return (
            end - 1
            if end - at > 2 and last != "い" and self.scripts[end - 1] == HIRAGANA and last in self.words.other
            else end
        )

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
    """What a word may be an ending of, and whether the ending denies it: 2girls, hat's, blushes, reddish, hatless."""
    word = word.lstrip("0123456789").removesuffix("'s")
    yield word, False
    yield _singular(word), False
    if word.endswith(("shes", "ches", "xes")):
        yield word[:-2], False
    if word.endswith("ed") and len(word) > 7:
        yield word[:-2], False
    if word.endswith(("less", "free")):
        base = word[:-4].rstrip("-")
        yield from ((base, True), (_singular(base), True), (base + "s", True))
    if word.endswith("ish"):
        yield from ((word[:-3], False), (word[:-3] + "e", False), (word[:-4], False))


# --- 3. deny ---------------------------------------------------------------------------------------------------------


def _deny(tokens: list[Token], schema: Schema) -> None:
    """Mark what "no" and なし reach. A denial twice over is none."""
    for at, token in enumerate(tokens):
        if token.role is Role.LACK or (token.role is Role.NOT and _answers(tokens, at)):
            _deny_before(tokens, at - 1, schema)
        elif token.role in (Role.NOT, Role.NOR):
            _deny_after(tokens, at + 1, schema)


def _answers(tokens: list[Token], at: int) -> bool:
    """Whether "no" is the answer in "glasses: no" or "hat no"."""
    after = _skip(tokens, at + 1, (Role.FILL,))
    ends = after >= len(tokens) or tokens[after].role in SEPARATORS
    return ends and at > 0 and (tokens[at - 1].text in (":", "=") or tokens[at - 1].is_thing)


def _skip(tokens: list[Token], at: int, roles: tuple[Role, ...], step: int = 1) -> int:
    """The first place from `at` on whose token has none of `roles`."""
    while 0 <= at < len(tokens) and tokens[at].role in roles:
        at += step
    return at


def _deny_after(tokens: list[Token], at: int, schema: Schema) -> None:
    """Deny the next noun phrase, and those that a list ties to it: "no hat, glasses or ribbon"."""
    phrase: int | None = at
    while phrase is not None:
        start = phrase
        head = _deny_phrase(tokens, start, schema)
        phrase = _list_goes_on(tokens, start, head, schema) if head is not None else None


def _deny_phrase(tokens: list[Token], at: int, schema: Schema) -> int | None:
    """Deny the noun phrase at `at`: its adjectives, and its head if that is ours. The place of its last word."""
    last: int | None = None
    strangers = 0
    while at < len(tokens):
        token = tokens[at]
        if token.role is Role.WORD:
            if not (last is not None and _is_person(token, schema)):  # "not a blonde girl" is a girl all the same
                token.denied = not token.denied
            last = at
            if token.is_thing:
                return last
        elif token.role is Role.NOUN and last is not None:
            return at
        elif token.role is Role.OTHER:
            strangers += 1
            if last is not None or strangers > 2:
                return last
        elif token.role in ENDS_DENIAL or (last is not None and token.role in SEPARATORS):
            return last
        at += 1
    return last


def _is_person(token: Token, schema: Schema) -> bool:
    """A word that names who is drawn, like girl: the whole picture, not a part of it."""
    owned = [schema.attribute(name) for name, _, _ in token.entry.own]
    return any(not attribute.is_flag and not attribute.nouns for attribute in owned)


def _list_goes_on(tokens: list[Token], start: int, head: int, schema: Schema) -> int | None:
    """Where the next denied phrase of a list begins, if the list goes on after `head`."""
    after = _skip(tokens, head + 1, (Role.FILL,))
    if after >= len(tokens):
        return None
    role = tokens[after].role
    if role in (Role.OR, Role.ALSO):
        return after + 1
    if role is Role.COMMA and _or_follows(tokens, after + 1):
        return after + 1
    if role is Role.JOIN and _is_worn(tokens[head], schema):  # "without hat and glasses", but not "no hat and a smile"
        thing = _skip(tokens, after + 1, (Role.FILL,))
        new_article = tokens[after + 1].text in ARTICLES if after + 1 < len(tokens) else False
        if thing < len(tokens) and _is_worn(tokens[thing], schema) and new_article <= (tokens[start].text in ARTICLES):
            return after + 1
    return None


def _or_follows(tokens: list[Token], at: int) -> bool:
    """Whether things and commas lead to an "or": the list of "no hat, glasses or ribbon"."""
    while at < len(tokens) and (tokens[at].is_thing or tokens[at].role in (Role.FILL, Role.COMMA)):
        at += 1
    return at < len(tokens) and tokens[at].role is Role.OR


def _is_worn(token: Token, schema: Schema) -> bool:
    return any(schema.attribute(name).worn for name, _, _ in token.entry.own)


def _deny_before(tokens: list[Token], at: int, schema: Schema) -> None:
    """Deny the phrase that ends at `at`, and those that と, や, も and でも tie to it: 帽子も眼鏡もなし."""
    passing = (Role.FILL, Role.IS, Role.OF, Role.DEGREE, Role.ALSO)
    at = _skip(tokens, at, passing, -1)
    if at > 1 and tokens[at].role in (Role.OTHER, Role.PLAIN) and tokens[at - 1].role in (Role.IS, Role.ALSO):
        at = _skip(tokens, at - 1, passing, -1)  # an unknown verb: 帽子は使わない
    last: int | None = at
    while last is not None and last >= 0:
        start = _deny_phrase_before(tokens, last)
        last = _list_before(tokens, start, last, schema) if start is not None else None


def _deny_phrase_before(tokens: list[Token], at: int) -> int | None:
    """Deny a thing, an adjective, or a noun's adjectives (青い目ではない). The place of the first denied word."""
    if tokens[at].role is Role.WORD:
        tokens[at].denied = not tokens[at].denied
        return at
    start = None
    if tokens[at].role is Role.NOUN:
        at = _skip(tokens, at - 1, (Role.FILL, Role.OF), -1)
        while at >= 0 and tokens[at].is_adjective:
            tokens[at].denied = not tokens[at].denied
            start = at
            at = _skip(tokens, at - 1, (Role.FILL, Role.OF, Role.JOIN), -1)
    return start


def _list_before(tokens: list[Token], start: int, last: int, schema: Schema) -> int | None:
    """Where the phrase before a denied one ends, if a list ties them."""
    joint = _skip(tokens, start - 1, (Role.FILL,), -1)
    if joint > 0 and tokens[joint].role is Role.COMMA and tokens[joint - 1].role is Role.ALSO:
        joint -= 1  # 帽子も、眼鏡もなし
    before = _skip(tokens, joint - 1, (Role.FILL,), -1)
    if joint < 0 or before < 0:
        return None
    if tokens[joint].role in (Role.OR, Role.ALSO) or tokens[joint].text == "でも":
        return before
    worn = _is_worn(tokens[last], schema) and _is_worn(tokens[before], schema)
    return before if worn and tokens[joint].role is Role.JOIN else None


# --- 4. attach -------------------------------------------------------------------------------------------------------


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


def _elements(tokens: list[Token]) -> list[Element]:
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
            gap = _repeat_noun(found, token, gap)
        elif token.role in CONTENT:
            _grow(found, token, gap, described)
            gap, described = None, False
    return found


def _repeat_noun(found: list[Element], token: Token, gap: Role | None) -> Role | None:
    """Put the last noun in place of a pronoun: "her eyes aren't blue, they're green". The gap after it."""
    noun = next((e for e in reversed(found) if e.kind is Kind.NOUNS), None)
    if noun is None:
        return gap
    found.append(Element(Kind.NOUNS, noun.tokens, gap or Role.BREAK))
    return Role.IS if "'" in token.text else None


def _stronger(left: Role | None, right: Role) -> Role:
    """The separator that two in a row amount to: ", and" is "and"; ", which is" is "is"; "and with" is "with"."""
    for role in (Role.STOP, Role.DRESS, Role.BREAK, Role.TO):
        if role in (left, right):
            return role
    if left in (None, Role.OF, Role.COMMA):
        return right
    if right is Role.COMMA:
        return Role.COMMA if left is Role.IS else Role.JOIN if left is Role.ALSO else left or right
    return left or right


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
        if gap in (None, Role.IS) and ahead is None and before.is_unknown and before.gap in (None, Role.IS):
            noun = self.elements[start - 2] if start > 1 else before  # "eyes that shine blue", "hair shines like gold"
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
        for number in reversed(range(len(chunks))):
            rest = [t for t in chunks[number].tokens if t.start not in homes]
            if number < len(gaps) and gaps[number] is Role.COMMA and not self._reaches(rest, chunks[number + 1], ahead):
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
        person = ahead.kind is Kind.THING and _is_person(ahead.tokens[0], self.schema)
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

    def _reaches(self, words: list[Token], after: Element, ahead: Element | None) -> bool:
        """Whether words before a comma share the noun after it: "long, silver hair", but not "silver, blue eyes"."""
        if ahead is None or any(word.entry.own for word in words):
            return False
        mine = [self._beside(word, ahead) for word in words]
        theirs = {name for word in after.tokens for name, _, _ in self._beside(word, ahead)}
        clash = [name for claims in mine for name, _, _ in claims if name in theirs]
        return all(mine) and all(self.schema.attribute(name).mixes for name in clash)

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
    return [last for _ in gaps] if last in (Role.JOIN, Role.OR) else gaps


# --- 5. weigh --------------------------------------------------------------------------------------------------------


def _weigh(tokens: list[Token], schema: Schema) -> None:
    """Give every word of degree to the word it weakens or strengthens: the next one, or else the one before."""
    for at, token in enumerate(tokens):
        degree = token.entry.degree
        if degree is None or token.used:
            continue
        target = _graded_after(tokens, at + 1, schema) or _graded_before(tokens, at - 1, schema)
        if target:
            target.degree = degree
            token.used = True


def _graded_after(tokens: list[Token], at: int, schema: Schema) -> Token | None:
    """The first word in the same phrase that can be weakened: "a slight, shy smile", 少し口を開けた."""
    for token in tokens[at : at + DEGREE_REACH]:
        if _is_graded(token, schema):
            return token
        if token.used or (token.role in SEPARATORS and token.role is not Role.IS):
            return None
    return None


def _graded_before(tokens: list[Token], at: int, schema: Schema) -> Token | None:
    at = _skip(tokens, at, (Role.FILL,), -1)
    return tokens[at] if at >= 0 and _is_graded(tokens[at], schema) else None


def _is_graded(token: Token, schema: Schema) -> bool:
    return any(schema.attribute(name).graded and weight for name, _, weight in token.claims)


def _use_shades(tokens: list[Token]) -> None:
    """Words that only vary the colour after them are not unused: "deep blue eyes", 薄いピンクの髪."""
    for at in reversed(range(len(tokens))):
        if tokens[at].entry.shade and not tokens[at].used:
            after = _skip(tokens, at + 1, (Role.FILL, Role.OF))
            if after < len(tokens) and tokens[after].used and (tokens[after].is_adjective or tokens[after].entry.shade):
                tokens[at].used = True


# --- 6. resolve ------------------------------------------------------------------------------------------------------


def _resolve(mentions: list[Mention], notes: list[str]) -> dict[str, dict[str, float]]:
    """{attribute: {value: weight}}. Of contradicting mentions the last one counts."""
    asked: dict[str, dict[str, float]] = {}
    for mention in sorted(mentions, key=lambda m: m.at):
        name = mention.attribute.name
        asked[name] = _say(mention, asked.get(name, {}), notes)
    for attribute in {m.attribute.name: m.attribute for m in mentions if m.attribute.mixes}.values():
        asked[attribute.name] = _mix(attribute, asked[attribute.name], notes)
    return asked


def _mix(attribute: Attribute, weights: dict[str, float], notes: list[str]) -> dict[str, float]:
    """Equal shares for the chosen values."""
    chosen = [value for value, weight in weights.items() if weight]
    if len(chosen) < 2:
        return weights
    notes.append(f"{attribute.label['en']}: an equal mixture of {' and '.join(chosen)}")
    share = math.floor(100 / len(chosen)) / 100  # two decimals, and never above 1 in sum
    return {value: share if weight else 0.0 for value, weight in weights.items()}


def _say(mention: Mention, known: dict[str, float], notes: list[str]) -> dict[str, float]:
    """What is known of one attribute after one more mention of it."""
    attribute, new = mention.attribute, mention.weights
    single = attribute.exclusive or attribute.contrary
    chosen = {value for value, weight in known.items() if weight}
    wanted = {value for value, weight in new.items() if weight}
    replaced = chosen - wanted if single and wanted else set()
    turned = {value for value in new if value in known and (value in chosen) != (value in wanted)}
    if replaced or turned:
        before = _readable({v: w for v, w in known.items() if v in replaced | turned})
        notes.append(f"{attribute.label['en']}: {before}, then {_readable(new)}; the last one counts")
    kept = {value: weight for value, weight in known.items() if value not in replaced}
    return {**kept, **new}


def _readable(weights: dict[str, float]) -> str:
    """{"silver": 0.5, "pink": 0.5} as "silver and pink"; denied values with "not"; a flag as yes or no."""
    names = [value if weight else {"yes": "no"}.get(value, f"not {value}") for value, weight in weights.items()]
    return " and ".join(names)


def _condition(schema: Schema, asked: dict[str, dict[str, float]]) -> Condition:
    """A condition that holds only what was asked: where a value is chosen, the denial of others says nothing more."""
    weights: dict[str, object] = {}
    for name, values in asked.items():
        attribute = schema.attribute(name)
        single = attribute.exclusive or attribute.contrary
        chosen = {value: weight for value, weight in values.items() if weight}
        weights[name] = values["yes"] if attribute.is_flag else chosen if chosen and single else values
    return Condition.from_dict(schema, weights)


def _implied(tokens: list[Token], asked: Mapping[str, object], schema: Schema) -> list[Mention]:
    """What comes with the words that were used, where the text says nothing else of that attribute."""
    return [
        Mention(schema.attribute(name), [(token, value, weight)])
        for token in tokens
        if token.used and not token.denied
        for name, value, weight in token.entry.implied
        if name not in asked
    ]


def parse(text: str, schema: Schema | None = None) -> Reading:
    """Read a description in English, Japanese, or both.

    Parameters
    ----------
    text : str
        Any string. Only its first LIMIT characters are read; a note says so if there are more.
    schema : Schema, optional
        Whose words to understand; the anime schema if left out.

    Returns
    -------
    Reading
        The condition holds only what the text asks for. A text that asks for nothing gives an empty condition; nothing
        is an error here.
    """
    schema = schema or load_schema()
    source = _normalise(text)
    tokens = Scanner(lexicon(schema), source.folded).scan()
    _deny(tokens, schema)
    attacher = Attacher(schema, _elements(tokens))
    attacher.attach()
    _weigh(tokens, schema)
    _use_shades(tokens)
    notes = [f"only the first {LIMIT} characters were read"] if source.cut else []
    notes += attacher.notes
    asked = _resolve(attacher.mentions, notes)
    asked |= _resolve(_implied(tokens, asked, schema), notes)
    unused = tuple(source.original(t.start, t.end) for t in tokens if _is_left_over(t))
    return Reading(_condition(schema, asked), unused, tuple(dict.fromkeys(notes)))


def _is_left_over(token: Token) -> bool:
    return not token.used and token.role in (Role.WORD, Role.OTHER, Role.PLAIN, Role.DEGREE)
