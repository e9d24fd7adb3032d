"""What has been judged of one attribute of one face, and the rows that bring an earlier state back.

The rules are those of `konomi.data.tagging.labels.tags_of`: a yes for one value of an exclusive attribute is a no for
its others, and unsure is unknown. Here the labeller is kept as well, so that a page can tell a judgement from an
estimate.
"""

from collections.abc import Mapping

from konomi.data.tagging.labels import Label
from konomi.schema import Attribute

BY_EYE, MODEL = "by-eye", "model"
Marks = Mapping[str, tuple[str, str]]  # tag -> (value, labelled by), of one attribute of one face
NOTHING: Marks = {}


def marked(marks: Marks, attribute: Attribute, label: Label) -> Marks:
    """The marks after one more row about `attribute`."""
    tag, mark = label.tag, (label.value, label.labelled_by)
    whole = attribute.exclusive or tag == attribute.name
    taken_back = marks.get(tag, ("", ""))[0] == "yes" and label.value == "no"
    if whole and (label.value != "no" or taken_back):
        return {tag: mark}
    kept = {t: m for t, m in marks.items() if t not in (tag, attribute.name)}
    return kept | {tag: mark}


def judged(marks: Marks) -> bool:
    """Whether somebody has looked and said something about the attribute."""
    return any(labeller == BY_EYE for _, labeller in marks.values())


def answer(marks: Marks, attribute: Attribute, tag: str) -> str | None:
    """What was judged of `tag`, a slot or the whole attribute: yes, no, unsure, or None where nobody has."""
    value, labeller = marks.get(tag, marks.get(attribute.name, ("", "")))
    if labeller == BY_EYE:
        return value
    if attribute.exclusive and tag != attribute.name and ("yes", BY_EYE) in marks.values():
        return "no"
    return None


def estimate(marks: Marks, attribute: Attribute, slot: str, tags: Mapping[str, float]) -> float | None:
    """The probability of `slot` by the model: a model's row in the label file, or else the stage's tag."""
    mark = marks.get(slot)
    if mark in (("yes", MODEL), ("no", MODEL)):
        return float(mark == ("yes", MODEL))
    if marks and attribute.exclusive and ("yes", MODEL) in marks.values():
        return 0.0
    return tags.get(slot)


def rows_back(file: str, attribute: Attribute, before: Marks) -> list[Label]:
    """Rows that bring `before` back, whatever came after it.

    That nobody has judged is said by an unsure that no eye has looked at (`labelled_by` is `model`), after one by eye
    for those who read such rows only.
    """
    rows = [Label(file, tag, *mark) for tag, mark in before.items()]
    if len(rows) == 1 and rows[0].labelled_by == BY_EYE and _replaces_all(rows[0], attribute):
        return rows
    return [Label(file, attribute.name, "unsure", by) for by in (BY_EYE, MODEL)] + rows


def _replaces_all(label: Label, attribute: Attribute) -> bool:
    return label.tag == attribute.name or (attribute.exclusive and label.value != "no")
