"""Denial: mark the words that "no", "without", なし and ていない reach, and set aside what is carried and not worn."""

from konomi.text.grammar import ARTICLES, ENDS_DENIAL, SEPARATORS, Role
from konomi.text.tokens import UNKNOWN, Token, skip


def deny(tokens: list[Token]) -> None:
    """Mark what "no" and なし reach. A denial twice over is none."""
    for at, token in enumerate(tokens):
        if token.role is Role.LACK or (token.role is Role.NOT and _answers(tokens, at)):
            _deny_before(tokens, at - 1)
        elif token.role in (Role.NOT, Role.NOR):
            _deny_after(tokens, at + 1)


def _answers(tokens: list[Token], at: int) -> bool:
    """Whether "no" is the answer in "glasses: no" or "hat no"."""
    after = skip(tokens, at + 1, (Role.FILL,))
    ends = after >= len(tokens) or tokens[after].role in SEPARATORS
    return ends and at > 0 and (tokens[at - 1].text in (":", "=") or tokens[at - 1].is_thing)


# "no hat": what follows


def _deny_after(tokens: list[Token], at: int) -> None:
    """Deny the next noun phrase, and those that a list ties to it: "no hat, glasses or ribbon"."""
    phrase: int | None = at
    while phrase is not None:
        start = phrase
        head = _deny_phrase(tokens, start)
        phrase = _list_goes_on(tokens, start, head) if head is not None else None


def _deny_phrase(tokens: list[Token], at: int) -> int | None:
    """Deny the noun phrase at `at`: its adjectives, and its head if that is ours. The place of its last word."""
    last: int | None = None
    strangers = 0
    while at < len(tokens):
        token = tokens[at]
        if token.role is Role.WORD:
            if not (last is not None and token.entry.person):  # "not a blonde girl" is a girl all the same
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


def _list_goes_on(tokens: list[Token], start: int, head: int) -> int | None:
    """Where the next denied phrase of a list begins, if the list goes on after `head`."""
    after = skip(tokens, head + 1, (Role.FILL,))
    role = tokens[after].role if after < len(tokens) else None
    goes_on = role in (Role.OR, Role.ALSO)
    if role is Role.COMMA:
        goes_on = _list_follows(tokens, start, after + 1)
    elif role is Role.JOIN and after + 1 < len(tokens):  # "no hat and glasses", but not "no hat and a ribbon"
        new_article = tokens[after + 1].text in ARTICLES and tokens[start].text not in ARTICLES
        goes_on = not new_article and _are_alike(tokens, start, after + 1)
    return after + 1 if goes_on else None


def _list_follows(tokens: list[Token], start: int, at: int) -> bool:
    """Whether commas lead to "or", or to "and" and its like: "no hat, glasses or ribbon", "not pink, red and green"."""
    while at < len(tokens):
        token = tokens[at]
        if not (token.is_thing or token.role in (Role.FILL, Role.COMMA) or _are_alike(tokens, start, at)):
            break
        at += 1
    role = tokens[at].role if at < len(tokens) else None
    return role is Role.OR or (role is Role.JOIN and tokens[at - 1].is_adjective and _are_alike(tokens, start, at + 1))


# 帽子なし: what precedes


def _deny_before(tokens: list[Token], at: int) -> None:
    """Deny the phrase that ends at `at`, and those that と, や, も and でも tie to it: 帽子も眼鏡もなし."""
    passing = (Role.FILL, Role.IS, Role.OF, Role.DEGREE, Role.ALSO)
    at = skip(tokens, at, passing, -1)
    if at > 1 and tokens[at].role in (Role.OTHER, Role.PLAIN) and tokens[at - 1].role in (Role.IS, Role.ALSO):
        at = skip(tokens, at - 1, passing, -1)  # an unknown verb: 帽子は使わない
    phrase = _phrase_before(tokens, at)
    while phrase:
        for place in phrase:
            tokens[place].denied = not tokens[place].denied
        phrase = _list_before(tokens, phrase[-1])


def _phrase_before(tokens: list[Token], at: int) -> list[int]:
    """The places of what is denied if the phrase that ends at `at` is: a word, or a noun's adjectives; last first."""
    if at >= 0 and tokens[at].role is Role.WORD:
        return [at]
    places = []
    if at >= 0 and tokens[at].role is Role.NOUN:  # 青い目ではない
        at = skip(tokens, at - 1, (Role.FILL, Role.OF), -1)
        while at >= 0 and tokens[at].is_adjective:
            places.append(at)
            at = skip(tokens, at - 1, (Role.FILL, Role.OF, Role.JOIN), -1)
    return places


def _list_before(tokens: list[Token], start: int) -> list[int]:
    """The phrase before the denied one that begins at `start`, if a list ties them."""
    joint = skip(tokens, start - 1, (Role.FILL,), -1)
    if joint > 0 and tokens[joint].role is Role.COMMA and tokens[joint - 1].role is Role.ALSO:
        joint -= 1  # 帽子も、眼鏡もなし
    before = _phrase_before(tokens, skip(tokens, joint - 1, (Role.FILL,), -1))
    if joint < 0 or not before:
        return []
    tied = tokens[joint].role in (Role.OR, Role.ALSO) or tokens[joint].text == "でも"
    return before if tied or (tokens[joint].role is Role.JOIN and _are_alike(tokens, start, before[-1])) else []


# what a list can tie


def _are_alike(tokens: list[Token], first: int, second: int) -> bool:
    """Whether two phrases say the same kind of thing, so that "and" ties them in a denial: "pink and green"."""
    return bool(_subjects(tokens, first) & _subjects(tokens, second))


def _subjects(tokens: list[Token], at: int) -> set[str]:
    """The attributes that the phrase at `at` may speak of: all that can be green, or the hair of "green hair"."""
    passing = (Role.FILL, Role.PLAIN, Role.OF, Role.DEGREE, Role.LACK)  # LACK: 青くない目
    at = skip(tokens, at, passing)
    if at < len(tokens) and tokens[at].entry.worn:
        return {"worn"}
    names: set[str] = set()
    while at < len(tokens) and tokens[at].is_adjective:
        names |= tokens[at].entry.near.keys()
        at = skip(tokens, at + 1, passing)
    has_head = at < len(tokens) and (tokens[at].role is Role.NOUN or tokens[at].is_thing)
    return names & set(tokens[at].entry.noun_for) if has_head else names


# what is carried


def set_aside(tokens: list[Token]) -> None:
    """Make strangers of things that are worn but here only carried: "holding a hat", 帽子を持った."""
    for at, token in enumerate(tokens):
        if token.role is Role.CARRY:
            _set_aside_list(tokens, at + 1, 1)
        elif token.role is Role.CARRIED:
            _set_aside_list(tokens, at - 1, -1)


def _set_aside_list(tokens: list[Token], at: int, step: int) -> None:
    while 0 <= (at := _skip_description(tokens, at, step)) < len(tokens) and tokens[at].entry.worn:
        tokens[at].entry = UNKNOWN
        at = _skip_description(tokens, at + step, step)
        if not (0 <= at < len(tokens) and tokens[at].role is Role.JOIN):
            return
        at += step


def _skip_description(tokens: list[Token], at: int, step: int) -> int:
    while 0 <= at < len(tokens) and (
        tokens[at].is_adjective or tokens[at].role in (Role.FILL, Role.PLAIN, Role.DEGREE, Role.OF)
    ):
        at += step
    return at
