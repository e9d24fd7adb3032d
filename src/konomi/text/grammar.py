"""The words and signs of English and Japanese grammar: what they do in a sentence, whatever the schema."""

from enum import Enum, auto


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
    CARRY = auto()  # what follows is in the hand, and not worn: holding
    CARRIED = auto()  # what precedes is: を持った
    TO = auto()  # joins two colours ("pink to purple"), or else breaks
    DRESS = auto()  # a colour after it is that of something else: "in black", "glasses of red wine"
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
        "|he's|i'm|who's|along with|together with|featuring|near",
        "に|には|へ|をした|をしている|をしてる|ので|だから|との|とともに|にして|っていて",
    ),
    Role.CARRY: ("holding|holds|hold|carrying|carries|carry|clutching|clutches|gripping|serving|serves", ""),
    Role.CARRIED: (
        "in hand|in her hand|in his hand|in their hand|under her arm|under his arm|under their arm",
        "をもつ|をもった|をもって|を持つ|を持った|を持って|を持ち|を持っている|を持ってる|を手に|を片手に|を抱えた|を抱えて|を抱える",
    ),
    Role.TO: ("to", "から"),
    Role.THEY: ("it|they|it's|they're", ""),
    Role.DRESS: (
        "in|inside|wearing|wears|wear|wore|dressed|clad|dons|donning|dressed in|clothed|a hint of|hint of"
        "|a touch of|touch of|a trace of|trace of|glass of"
        "|glasses of|glasses full of|glasses filled with|cup of|bottle of",
        "",
    ),
    Role.IS: (
        "is|are|was|were|be|being|been|of|like|as|that|which|that's|that is|looks|look|looking|looks like|seems"
        "|appears|are both|between|the color of|the colour of|color of|colour of|colored|coloured|dyed",
        "は|が|を|って|とは|については",
    ),
    Role.OF: ("", "の|への|からの|での"),
    Role.PLAIN: ("two|three|four|five|several|few", ""),
    Role.FILL: (
        "a|an|the|some|any|this|these|those|her|his|their|my|your|our|its|hers|very|really|rly|so|too|quite|super"
        "|extremely|such|much|many|more|most|just|also|both|either|please|pls|plz|want|wants|wanted|would|could"
        "|can|should|will|must|may|might|do|does|did|me|him|them|us|draw|drawing|make|give|create|generate|show"
        "|get|let|let's|image|picture|pic|portrait|avatar|icon|anime|manga|color|colour|tone|one|ones|someone"
        "|something|i want|i'd|i'd love|love|add|adding|i'd like|i would like|would like|i like|i love|i need"
        "|need|like this|yes|true|lots of|a lot of|mix of|a mix of|mixture of|a mixture of|mixed|tied|blend of"
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
BREAKS = (Role.DRESS, Role.STOP, Role.BREAK, Role.CARRY, Role.CARRIED, Role.TO)  # the strongest first
SEPARATORS = (*BREAKS, Role.JOIN, Role.OR, Role.NOR, Role.ALSO, Role.COMMA, Role.IS)
PARTICLES = (Role.IS, Role.OF, Role.BREAK, Role.CARRIED, Role.COMMA, Role.JOIN, Role.ALSO)  # follow a word
ENDS_DENIAL = (Role.STOP, Role.COMMA, Role.OPEN, Role.BUT, Role.JOIN, Role.NOT, Role.NOR, Role.LACK)
LIST_GAPS = (Role.JOIN, Role.OR, Role.NOR, Role.COMMA, Role.IS)  # IS: "blue as sapphires"
DEGREE_REACH = 6  # how many tokens a word of degree may stand before the word it weakens
ARTICLES = ("a", "an", "the")
