"""What the pages are told: one face with all that is known of it, and the chips of a schema."""

from typing import Any

from konomi.schema import Attribute, Schema
from konomi.web.faces import Face, Faces
from konomi.web.judgements import Judgements
from konomi.web.keys import attribute_keys, value_keys
from konomi.web.marks import answer, estimate


def slot_label(attribute: Attribute, slot: str, language: str) -> str:
    """The label of a slot by itself, as a chip shows it under its attribute."""
    return attribute.values[attribute.slots.index(slot)].label[language]


def tag_label(attribute: Attribute, slot: str, language: str) -> str:
    """The label of a slot with its attribute, as an alternative text needs it: hair colour silver."""
    own = slot_label(attribute, slot, language)
    if attribute.is_flag:
        return own
    return f"{attribute.label[language]}{'：' if language == 'ja' else ' '}{own}"


def chips(schema: Schema, language: str) -> list[dict[str, Any]]:
    """The attributes as rows of chips, each with its key."""
    letters, keys = attribute_keys(schema), value_keys(schema)
    return [
        {
            "name": a.name,
            "label": a.label[language],
            "key": letters[a.name],
            "flag": a.is_flag,
            "exclusive": a.exclusive,
            "contrary": a.contrary,
            "values": [
                {
                    "slot": slot,
                    "label": slot_label(a, slot, language),
                    "full": tag_label(a, slot, language),
                    "key": keys[slot],
                }
                for slot in a.slots
            ],
        }
        for a in schema.attributes
    ]


def face_view(faces: Faces, judgements: Judgements, face: Face, language: str) -> dict[str, Any]:
    """One face as JSON: `judged` holds yes, no or unsure by eye; `estimates` the model's probabilities."""
    seen: dict[str, str] = {}
    estimates: dict[str, float] = {}
    for attribute in faces.schema.attributes:
        marks = judgements.marks(face, attribute)
        for tag in {attribute.name, *attribute.slots}:
            if (said := answer(marks, attribute, tag)) is not None and (tag in attribute.slots or said == "unsure"):
                seen[tag] = said
        for slot in attribute.slots:
            if (chance := estimate(marks, attribute, slot, face.record.tags)) is not None:
                estimates[slot] = round(chance, 4)
    return {
        "number": face.number,
        "name": face.name,
        "version": face.record.sha256[:12],
        "progress": judgements.progress(face),
        "judged": seen,
        "estimates": estimates,
        "alt": _alternative(faces.schema, seen, estimates, language),
    }


def _alternative(schema: Schema, seen: dict[str, str], estimates: dict[str, float], language: str) -> str:
    """The picture in words: what is judged or, where nobody has, estimated at a half or more."""
    told = [
        tag_label(attribute, slot, language)
        for attribute in schema.attributes
        for slot in attribute.slots
        if _is_lit(attribute, slot, seen, estimates)
    ]
    nothing = {"en": "a face, nothing known of it", "ja": "顔。まだ何も分かっていません"}
    return ("、" if language == "ja" else ", ").join(told) or nothing[language]


def _is_lit(attribute: Attribute, slot: str, seen: dict[str, str], estimates: dict[str, float]) -> bool:
    """Whether a page lights the slot: judged yes, or likely; of contradicting values only the likeliest."""
    if slot in seen or attribute.name in seen:
        return seen.get(slot) == "yes"
    rivals = [rival for rival in attribute.slots if attribute.contrary and rival != slot]
    mine = estimates.get(slot, 0.0)
    beaten = any(seen.get(rival) == "yes" or estimates.get(rival, 0.0) > mine for rival in rivals)
    return mine >= 0.5 and not beaten
