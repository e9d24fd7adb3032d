"""Which faces a page shows, and in which order."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from konomi.errors import InputError
from konomi.schema import Attribute, Schema
from konomi.web.faces import Face, Faces
from konomi.web.judgements import Judgements
from konomi.web.marks import answer, estimate, judged

Shown = Literal["all", "open", "judged", "disagreeing"]
Order = Literal["file", "uncertain", "highest", "lowest"]


class Query(BaseModel):
    """What a page asks for in its address; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lang: Literal["en", "ja"] = "en"
    show: Shown = "all"
    tag: str = ""  # a slot: what `show`, `value` and `order` speak about; empty means any attribute
    value: Literal["", "yes", "no", "unsure", "unknown"] = ""
    order: Order = "file"
    split: str = ""
    face: str = ""  # the one to begin with


def attribute_of(schema: Schema, slot: str) -> Attribute:
    """The attribute of a slot; an InputError names the nearest slot, or the values of a choice."""
    if slot not in schema.slots and slot in (a.name for a in schema.attributes):
        raise InputError(f"{slot} has several values; give one of {', '.join(schema.attribute(slot).slots)}")
    schema.slot_index(slot)
    return schema.attribute(slot.split(".")[0])


class Queue:
    """The faces that a query asks for."""

    def __init__(self, faces: Faces, judgements: Judgements, query: Query) -> None:
        self.faces, self.judgements, self.query = faces, judgements, query
        _check(query, faces)
        attributes = [attribute_of(faces.schema, query.tag)] if query.tag else faces.schema.attributes
        self.estimated = {slot for face in faces.faces for slot in face.record.tags}  # by the model, of any face
        self.asked = [(a, (query.tag,) if query.tag else a.slots) for a in attributes]  # what the query speaks about

    def faces_asked_for(self) -> list[Face]:
        """Those faces in the order asked for; equal ones stay in the order of the manifest."""
        tests = (self._in_split, self._shown, self._has_value)
        found = [face for face in self.faces.faces if all(test(face) for test in tests)]
        if self.query.order != "file":
            found.sort(key=self._rank)
        return found

    def _in_split(self, face: Face) -> bool:
        return self.query.split in ("", face.record.split)

    def _shown(self, face: Face) -> bool:
        if self.query.show == "all":
            return True
        if self.query.show == "disagreeing":
            return any(self._disagrees(face, *asked) for asked in self.asked)
        return self.is_judged(face) == (self.query.show == "judged")

    def is_judged(self, face: Face) -> bool:
        """Whether the tag asked for, or else any, has been judged by eye."""
        if not self.query.tag:
            return self.judgements.progress(face) > 0
        ((attribute, _),) = self.asked
        return self._answer(face, attribute, self.query.tag) is not None

    def _has_value(self, face: Face) -> bool:
        if not self.query.value:
            return True
        ((attribute, _),) = self.asked
        chance = self._estimate(face, attribute, self.query.tag)
        guess = "unknown" if chance is None else "yes" if chance >= 0.5 else "no"
        return (self._answer(face, attribute, self.query.tag) or guess) == self.query.value

    def _disagrees(self, face: Face, attribute: Attribute, slots: tuple[str, ...]) -> bool:
        """Whether an eye said no where the model says yes, or yes where it says no.

        Of all the colours together, only one that the model is sure of (half or more) can be wrong.
        """
        if not self.judgements.marks(face, attribute):
            return False
        for slot in slots:
            said, chance = self._answer(face, attribute, slot), self._estimate(face, attribute, slot)
            if chance is not None and said == "no" and chance >= 0.5:
                return True
            if chance is not None and said == "yes" and chance < 0.5 and (self.query.tag or not attribute.exclusive):
                return True
        return False

    def _rank(self, face: Face) -> float:
        if self.query.order == "uncertain":
            return -max(self._doubt(face, *asked) for asked in self.asked)
        ((attribute, _),) = self.asked
        chance = self._estimate(face, attribute, self.query.tag)
        if chance is None:
            return 2.0  # after all the others
        return -chance if self.query.order == "highest" else chance

    def _doubt(self, face: Face, attribute: Attribute, slots: tuple[str, ...]) -> float:
        """How little is known of an attribute: 1 no idea, 0 the model is certain, -1 it has been judged.

        What the model never estimates is no reason to look at one face before another.
        """
        if judged(self.judgements.marks(face, attribute)):
            return -1.0
        if self.estimated.isdisjoint(slots):
            return 0.0
        chances = [self._estimate(face, attribute, slot) for slot in slots]
        known = [chance for chance in chances if chance is not None]
        if not known:
            return 1.0
        if attribute.exclusive and not self.query.tag:
            return min(1.0, 2 - 2 * max(known))
        return max(1 - abs(2 * chance - 1) for chance in known)

    def _answer(self, face: Face, attribute: Attribute, slot: str) -> str | None:
        return answer(self.judgements.marks(face, attribute), attribute, slot)

    def _estimate(self, face: Face, attribute: Attribute, slot: str) -> float | None:
        return estimate(self.judgements.marks(face, attribute), attribute, slot, face.record.tags)


def _check(query: Query, faces: Faces) -> None:
    needs_tag = query.value or (query.order in ("highest", "lowest") and query.order)
    if needs_tag and not query.tag:
        raise InputError(f"{needs_tag!r} is asked for, but not of which tag; choose a tag, too")
    if query.split and query.split not in faces.splits:
        known = ", ".join(faces.splits) or "none"
        raise InputError(f"{faces.folder} has no split {query.split!r}. Known: {known}.")
