"""The colours that tags are shown in: hair and eyes in their own, all else in colours that are easy to tell apart."""

from konomi.data.synthetic import EYES, HAIR
from konomi.schema import Schema

# Okabe and Ito (2008): told apart by colour-blind people too
DISTINCT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
YES, NO, UNKNOWN = "#d55e00", "#b8c4ce", "#e4e4e4"
INK = "#3a3f45"  # text, axes, and the edge of pale bars
_OWN = {f"hair_color.{name}": c for name, c in HAIR.items()} | {f"eye_color.{name}": c for name, c in EYES.items()}
_OWN |= {"skin.light": "#fbe3d2", "skin.dark": "#8d5a3a"}


def slot_colours(schema: Schema) -> dict[str, str]:
    """A colour for every slot of a schema, as #rrggbb."""
    colours = {}
    for attribute in schema.attributes:
        for number, slot in enumerate(attribute.slots):
            colours[slot] = _OWN.get(slot, YES if attribute.is_flag else DISTINCT[number % len(DISTINCT)])
    return colours
