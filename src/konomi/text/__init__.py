"""Words to a `Condition`: English, Japanese, or both in one text.

The schema file knows the words for hair and hats; this package knows only grammar. A text is read in five steps, each
in a file that imports only from those before it:

1. `tokens`: NFKC and lower case, at most LIMIT characters; then the longest words that the `lexicon` knows (those of
   the schema and of the tables in `grammar`), and the unknown ones between;
2. `denial`: "no", "without", なし, ていない mark the words that they reach; "holding a hat" is not wearing it;
3. `elements`: runs of adjectives, nouns and things, and what separates them;
4. `attachment`: every adjective finds its noun ("long silver hair", 髪は銀), or the thing it belongs to ("a black hat",
   "a red dress": not ours), or stands alone ("silver, glasses": hair colour);
5. `resolution`: degrees ("a slight smile"), mixtures ("blue and pink hair") and contradictions (the last one said
   counts, and a note says so).

A word that found no place is never moved to another noun: it is reported in `Reading.unused`.
"""

from dataclasses import dataclass

from konomi.condition import Condition
from konomi.schema import Schema, load_schema
from konomi.text.attachment import Attacher
from konomi.text.denial import deny, set_aside
from konomi.text.elements import group
from konomi.text.grammar import Role
from konomi.text.lexicon import build_lexicon
from konomi.text.resolution import resolve, use_shades, weigh
from konomi.text.tokens import LIMIT, Scanner, Token, normalise

__all__ = ["LIMIT", "Reading", "parse"]


@dataclass(frozen=True)
class Reading:
    """What was understood of a text."""

    condition: Condition
    unused: tuple[str, ...] = ()  # words that could not be used, in order, as the user wrote them
    notes: tuple[str, ...] = ()  # one-line remarks: contradictions, mixtures, words without a noun, a text cut


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
    source = normalise(text)
    tokens = Scanner(build_lexicon(schema), source.folded).scan()
    set_aside(tokens)
    deny(tokens)
    attacher = Attacher(schema, group(tokens))
    attacher.attach()
    weigh(tokens, schema)
    use_shades(tokens)
    notes = [f"only the first {LIMIT} characters were read"] if source.cut else []
    notes += attacher.notes
    condition = resolve(attacher.mentions, tokens, schema, notes)
    unused = tuple(source.original(t.start, t.end) for t in tokens if _is_left_over(t))
    return Reading(condition, unused, tuple(dict.fromkeys(notes)))


def _is_left_over(token: Token) -> bool:
    return not token.used and token.role in (Role.WORD, Role.OTHER, Role.PLAIN, Role.DEGREE)
