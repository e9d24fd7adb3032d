"""Resolution: weigh the words of degree, mix colours, and let the last of contradicting mentions count."""

import math
from collections.abc import Mapping

from konomi.condition import Condition
from konomi.schema import Attribute, Schema
from konomi.text.attachment import Mention
from konomi.text.grammar import DEGREE_REACH, SEPARATORS, Role
from konomi.text.tokens import Token, skip


def weigh(tokens: list[Token], schema: Schema) -> None:
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
    at = skip(tokens, at, (Role.FILL,), -1)
    return tokens[at] if at >= 0 and _is_graded(tokens[at], schema) else None


def _is_graded(token: Token, schema: Schema) -> bool:
    return any(schema.attribute(name).graded and weight for name, _, weight in token.claims)


def use_shades(tokens: list[Token]) -> None:
    """Words that only vary the colour after them are not unused: "deep blue eyes", 薄いピンクの髪."""
    for at in reversed(range(len(tokens))):
        if tokens[at].entry.shade and not tokens[at].used:
            after = skip(tokens, at + 1, (Role.FILL, Role.OF))
            if after < len(tokens) and tokens[after].used and (tokens[after].is_adjective or tokens[after].entry.shade):
                tokens[at].used = True


def resolve(mentions: list[Mention], tokens: list[Token], schema: Schema, notes: list[str]) -> Condition:
    """What `mentions` ask for together, and what the words imply where nothing else is said; remarks go to `notes`."""
    asked = _settle(mentions, notes)
    asked |= _settle(_implied(tokens, asked, schema), notes)
    return _condition(schema, asked)


def _settle(mentions: list[Mention], notes: list[str]) -> dict[str, dict[str, float]]:
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


def _implied(tokens: list[Token], asked: Mapping[str, object], schema: Schema) -> list[Mention]:
    """What comes with the words that were used, where the text says nothing else of that attribute."""
    return [
        Mention(schema.attribute(name), [(token, value, weight)])
        for token in tokens
        if token.used and not token.denied
        for name, value, weight in token.entry.implied
        if name not in asked
    ]


def _condition(schema: Schema, asked: dict[str, dict[str, float]]) -> Condition:
    """A condition that holds only what was asked: where a value is chosen, the denial of others says nothing more."""
    weights: dict[str, object] = {}
    for name, values in asked.items():
        attribute = schema.attribute(name)
        single = attribute.exclusive or attribute.contrary
        chosen = {value: weight for value, weight in values.items() if weight}
        weights[name] = values["yes"] if attribute.is_flag else chosen if chosen and single else values
    return Condition.from_dict(schema, weights)
