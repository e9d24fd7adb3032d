"""Words to a `Condition`: English, Japanese, or both in one text.

The schema file knows the words for hair and hats; this file knows only grammar. A text is read in six steps:

1. normalise: NFKC and lower case, at most LIMIT characters;
2. tokens: the longest words that the lexicon knows (schema words and the GRAMMAR table), and the unknown ones between;
3. deny: "no", "without", なし, ていない mark the words that they reach;
4. attach: every adjective finds its noun ("long silver hair", 髪は銀), or the thing it belongs to ("a black hat", "a red
   dress": not ours), or stands alone ("silver, glasses": hair colour);
5. weigh: "a slight smile", 少し笑った;
6. resolve: mixtures ("blue and pink hair") and contradictions (the last one said counts, and a note says so).

A word that found no place is never moved to another noun: it is reported in `Reading.unused`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache

from konomi.condition import Condition
from konomi.schema import Attribute, Schema, load_schema

LIMIT = 1000  # characters that are read; a description is shorter, and reading time grows with the length


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
    LACK = auto()  # denies what precedes
    JOIN = auto()
    OR = auto()
    ALSO = auto()  # も: joins two things (帽子も眼鏡も), or points at a predicate (目も青い)
    COMMA = auto()
    BUT = auto()  # ends a denial, but not a phrase: "not blonde but black hair"
    BREAK = auto()  # another phrase begins: with, has, she
    DRESS = auto()  # a colour after it is that of clothes: "in black"
    STOP = auto()  # a sentence ends
    IS = auto()  # ties a noun to what follows: is, of, like, は, が
    OF = auto()  # の
    FILL = auto()  # says nothing


GRAMMAR: dict[Role, tuple[str, ...]] = {
    Role.NOT: (
        "no|not|without|w/o|never|neither|nor|isn't|isnt|aren't|arent|wasn't|weren't|doesn't|doesnt|don't|dont|didn't|won't"
        "|can't|cannot|hasn't|haven't|shouldn't|ain't|lacks|lacking|lack|minus|sans|avoid|avoiding|exclude|excluding|except"
        "|remove|removing|non|zero|instead of|rather than|anything but|no longer|free of|free from|take off|takes off|took off"
        "|hate|hates|dislike|skip|omit|missing|nothing like|other than",
        "ノー",
    ),
    Role.LACK: (
        "none|off|false|not included|not needed|not wanted",
        "なし|無し|ナシ|ない|無い|無|なく|無く|なくて|無くて|ないで|ず|ずに|ません|ありません|いない|いません|いなく|いなくて|おらず|てない|てません"
        "|ではない|でない|じゃない|じゃなく|じゃなくて|ではなく|ではなくて|でなく|でなくて|ではありません|じゃありません|じゃないです|しない|しません"
        "|せず|せずに|抜き|ぬき|以外|不要|いらない|要らない|いりません|要りません|ng|禁止|外し|外した|外して|はずした|はずして|外す|脱いだ|脱いで"
        "|ほしくない|欲しくない|やめて|嫌|いや|嫌い|かけず|掛けず|かぶらず|被らず|つけず|着けず|付けず|つけない|着けない|付けない|かけない|掛けない"
        "|かぶらない|被らない|除く|除いて|避けて|ゼロ|消して|取って|とって|無しで|みせない|見せない|見せず|てなくて|ておらず|なき|無き",
    ),
    Role.JOIN: ("and|plus|&|+|/|as well as|mixed with|fading into|fading to|n|'n|×", "と|及び|および|プラス|半分|半々|それに"),
    Role.OR: ("or", "か|や|または|もしくは|それとも|あるいは"),
    Role.ALSO: ("", "も"),
    Role.COMMA: ("|".join(",、;・|*()[]{}<>「」『』【】〈〉《》\"~〜…‥→"), "で|また|そして|それから|あと|あとは|し、|かつ"),
    Role.BUT: (
        "but|yet|though|although|however|only",
        "けど|けれど|けれども|でも|だけど|しかし|ですが|だが|が、|のに|ただし|だけは|ますが|だけれど|ものの",
    ),
    Role.BREAK: (
        "with|w/|has|have|had|having|got|gets|on|at|from|by|for|to|into|under|over|behind|she|he|they|who|whose|i|you|it|we"
        "|while|because|then|between|against|through|during|around|about|after|before|if|when|where|what|there|here|she's|he's"
        "|they're|i'm|it's|who's|holding|along with|together with|featuring|near",
        "に|には|へ|から|ので|だから|との|とともに|にして|っていて",
    ),
    Role.DRESS: ("in|inside|wearing|wears|wear|wore|dressed|clad|dons|donning|dressed in|clothed", ""),
    Role.STOP: (".|!|?|\n|\r|。|¿|¡", ""),
    Role.IS: (
        "is|are|was|were|be|being|been|of|like|as|that|which|that's|that is|looks|look|looking|looks like|seems|appears|:|=|'s"
        "|are both|the color of|the colour of|color of|colour of|colored|coloured|dyed",
        "は|が|を|って|とは|が、とても|ときたら|については",
    ),
    Role.OF: ("", "の"),
    Role.FILL: (
        "a|an|the|some|any|this|these|those|her|his|their|my|your|our|its|hers|very|really|rly|so|too|quite|super|extremely|such"
        "|much|many|more|most|just|also|both|either|please|pls|plz|want|wants|wanted|would|could|can|should|will|must|may|might|do"
        "|does|did|me|him|them|us|draw|drawing|make|give|create|generate|show|get|let|let's|image|picture|pic|portrait|avatar|icon"
        "|anime|manga|color|colour|tone|one|ones|someone|something|i want|i'd like|i would like|would like|i like|i love|i need|we"
        "|need|like this|yes|true|on|lots of|a lot of|type of|sort|set of|pair of|a pair of|out of|to be|has to|have to|style|styled"
        "|don't forget|do not forget|dont forget|not only|not just|no problem|why not|if not|not sure|no idea|no matter|no doubt"
        "|don't worry|do not worry|don't mind|not without|never without|can't wait|not bad|or not|thanks|thank|hi|hello|hey|ok|okay"
        "|even|still|again|now|all|each|every|other|another|own|way|am|well|right|left|left eye|right eye|that has|her own|at all"
        "|worn|kept|cut|put up|up|down|done|tied in|put|nothing but|rocking|sporting|solo|maybe|perhaps|probably|must have",
        "な|だ|です|でしょう|でした|だった|ます|ました|い|いる|る|た|て|ください|下さい|お願い|お願いします|お願いいたします|ほしい|欲しい|ほしいです"
        "|欲しいです|して|した|している|してる|していて|する|し|さ|かけた|かけて|かけてる|かけている|かけ|掛けた|掛けて|掛けている|かぶった|かぶって|かぶり"
        "|かぶってる|かぶっている|被った|被って|被り|被ってる|被っている|つけた|つけて|つけてる|つけている|つけ|着けた|着けて|着けている|付けた|付けて"
        "|付けている|身につけた|身に着けた|まとめた|まとめて|ている|てる|ていて|ある|あり|あって|あります|有り|持つ|持った|持って|持っている|ついた|ついて"
        "|ついている|付き|つき|着用|描いて|描く|描ける|描いてほしい|描いて欲しい|描いてください|生成|生成して|作って|作成|イラスト|画像|絵|絵を|アイコン|アバター"
        "|アニメ|アニメ風|系|系の|色|色の|色した|カラー|感じ|感じの|感じで|みたいな|みたい|ような|ように|っぽい|っぽく|っぽ|みがかった|がかった|がかっ|みを帯びた"
        "|みのある|寄り|寄りの|とても|すごく|凄く|めっちゃ|めちゃ|めちゃくちゃ|かなり|超|もっと|ぐらい|くらい|彼女|彼|その|この|あの|という|っていう|さん"
        "|ちゃん|くん|君|それ|まま|だけ|ね|よ|ねー|よろしく|よろしくお願いします|子|人|キャラ|キャラクター|人物|いて|おり|くて|くれ|ちょうだい|頂戴|もらえますか"
        "|もらえる|いただけますか|できますか|ますか|ですか|がいい|が良い|がいいな|がいいです|がよい|でお願い|でお願いします|が好き|好き|大好き|好みは|タイプ"
        "|少しも|全く|まったく|全然|ぜんぜん|あまり|そんなに|一切|しっかり|はっきり|そのまま|なんか|なんて|ひとり|一人|1人|1|ちゃんと|きちんと|必ず|たい|たいです"
        "|なる|なって|なった|見える|似合う|似合って|こと|もの|やつ|奴|方|ほう|サイド|状態|姿|格好|全部|全て|すべて|どちらも|両方|ともに|共に|っ子|っ娘|忘れずに|です。"
        "|染めた|染めて|染めている|結んだ|結んで|結った|束ねた",
    ),
    Role.PLAIN: ("", ""),
}

DEGREES: dict[float, tuple[str, str]] = {
    0.5: (
        "slight|slightly|a little|little|lil|a bit|bit|a bit of|bit of|a little bit|a little bit of|faint|faintly|light|lightly"
        "|subtle|subtly|mild|mildly|hint of|a hint of|touch of|a touch of|trace of|a trace of|somewhat|kind of|kinda|sort of|sorta"
        "|a tad|tad|barely|hardly|small|half|tiny|vague|vaguely|weak|weakly|partly|partially|semi|fairly|a slight|ghost of|shadow of",
        "少し|すこし|少しだけ|少々|ちょっと|ちょっとだけ|ちょい|うっすら|うっすらと|薄っすら|薄っすらと|薄く|ほんのり|ほんのりと|ほんの少し|軽く|軽い|かるく"
        "|かすか|かすかに|かすかな|微かに|微かな|わずかに|わずかな|僅かに|僅かな|控えめ|控えめな|控えめに|やや|若干|いくらか|セミ|半ば|ほのか|ほのかに|ほのかな"
        "|淡く|こころもち|心持ち|気持ち|多少|プチ|いくぶん|小さく|そっと",
    ),
    1.0: (
        "big|wide|widely|broad|broadly|bright|brightly|huge|heavy|heavily|deep|deeply|strong|full|warm|large|total|totally"
        "|completely|fully|intense|furious|furiously",
        "大きく|思い切り|思いっきり|満面|満面の|とびきり|とびきりの|最高の|強く|濃く|大きな|はじける|弾ける|しっかりと|ぱっと|全開|全開の|真っ赤に",
    ),
}

CONTENT = (Role.WORD, Role.NOUN, Role.OTHER)
SEPARATORS = (Role.JOIN, Role.OR, Role.ALSO, Role.COMMA, Role.BREAK, Role.DRESS, Role.STOP, Role.IS)
LIST_GAPS = (Role.JOIN, Role.OR, Role.COMMA)
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
        for spelling in _spellings(getattr(source, key), inflect=key != "words"):
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
    for spelling in _spellings(built.schema.shades):
        built.entry(spelling, Role.PLAIN).shade = True
    for spelling in _spellings(built.schema.describers):
        built.entry(spelling, Role.PLAIN)
    for degree, texts in DEGREES.items():
        for spelling in _split(texts):
            entry = built.entry(spelling, Role.DEGREE)
            entry.degree = entry.degree or degree
    for role, texts in GRAMMAR.items():
        for spelling in _split(texts):
            built.entry(spelling, role)


def _split(texts: Iterable[str]) -> Iterator[str]:
    """The spellings of a table row; a bar between bars is the bar itself."""
    for text in texts:
        yield from (part for part in re.split(r"(?<!\|)\|(?!\|)|(?<=\|\|)", text) if part and part != "|")


def _spellings(words: Mapping[str, Iterable[str]], *, inflect: bool = False) -> Iterator[str]:
    """Normalised spellings; Japanese adjectives in -い also in their other forms."""
    for spelling in (_fold(w) for listed in words.values() for w in listed):
        yield spelling
        if inflect and len(spelling) > 1 and spelling.endswith("い") and not _LATIN.match(spelling):
            yield from (spelling[:-1] + ending for ending in ("く", "くて", "かった", "め", "めの", "かつ"))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("‘", "'").replace("_", " ")
