"""One key for every tag, derived from a schema: nothing to learn that is not written on the chip."""

from konomi.schema import Schema

TAKEN = "u"  # unsure
KEYBOARD = "qwertyuiopasdfghjklzxcvbnm"


def attribute_keys(schema: Schema) -> dict[str, str]:
    """A letter for each attribute: the first letter of one of its words, or else the first of its letters that is free.

    >>> attribute_keys(load_schema("anime"))["hair_length"]
    'l'
    """
    keys: dict[str, str] = {}
    for name in (a.name for a in schema.attributes):
        initials = [word[0] for word in name.split("_")]
        free = [letter for letter in (*initials, *name, *KEYBOARD) if letter.isalpha() and letter not in TAKEN]
        keys[name] = next((letter for letter in free if letter not in keys.values()), "")
    return keys


def value_keys(schema: Schema) -> dict[str, str]:
    """A key for each slot: the attribute's letter for a flag; for a choice digits, then letters no attribute has."""
    letters = attribute_keys(schema)
    rest = [letter for letter in KEYBOARD if letter not in (*letters.values(), *TAKEN)]
    keys: dict[str, str] = {}
    for attribute in schema.attributes:
        given = [letters[attribute.name]] if attribute.is_flag else [*"1234567890", *rest]
        given += [""] * len(attribute.slots)  # beyond the keyboard: by Tab only
        keys |= dict(zip(attribute.slots, given, strict=False))
    return keys
