"""What people answered, as tables: one row an answer, one row a person, and the codebook that explains every column.

Rows come in by table, as the store has them: participants, persons, pages, showings, answers, codes. Times are
milliseconds since 1970 there, and ISO 8601 in UTC here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from statistics import fmean, median
from typing import Any

import numpy as np

from konomi.errors import FileError
from konomi.files import read_json
from konomi.questionnaire import Answers, scale_means
from konomi.taste.assignment import ATTENTION
from konomi.taste.study import LIKE, PICK, Settled

FORMAT = 1  # of an export
Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
Files = Sequence[tuple[str, str]]  # file and SHA-256 of each picture, by number

RESPONSE = {
    "person": "who answered; the same in all tables, and says nothing of who it is",
    "finished": "1 if the person sent everything, 0 if they went away before",
    "position": "the page, from 0, in the order that the person saw",
    "kind": "picture: about a picture; self: about the person",
    "picture": "name of the picture, without suffix",
    "sha256": "of the picture's file",
    "repeat": "1 if the person had seen this picture before",
    "order": "place of the item on its page, from 1",
    "item": "item_1, item_2, ... as in the questionnaire; attention: an item that says which point to choose",
    "point": "the answer, from 1; empty if passed over",
    "expected": "of an attention item: the point that it asked for",
    "shown_at": "when the page was sent first",
    "showings": "how often it was sent: more than 1 after loading it again or coming back",
    "language": "of the page when it was sent last",
    "answered_at": "when the answer arrived that counts",
    "after_ms": "milliseconds from the page's appearance to the answer, measured by the browser; empty without scripts",
    "changes": "how often the answer was changed before",
}
PICKS = {
    "person": RESPONSE["person"],
    "finished": RESPONSE["finished"],
    "position": RESPONSE["position"],
    "kind": "pick: which of several pictures is liked best; like: whether a single one is liked",
    "place": "of the picture among those shown, from 1",
    "picture": RESPONSE["picture"],
    "sha256": RESPONSE["sha256"],
    "chosen": "1 if the picture was picked or is liked, 0 if not, empty if the page was passed over",
    "shown_at": RESPONSE["shown_at"],
    "showings": RESPONSE["showings"],
    "language": RESPONSE["language"],
    "answered_at": RESPONSE["answered_at"],
    "after_ms": RESPONSE["after_ms"],
    "changes": RESPONSE["changes"],
}
PERSON = {
    "person": "as in responses.csv",
    "state": "sent: finished; going: not finished; screened: turned away by a quota, or withdrawn",
    "language": "of the pages, as chosen last",
    "started_at": "when they agreed to take part",
    "sent_at": "when they finished",
    "minutes": "from the first to the last",
    "age": "in years, if told",
    "gender": "female, male or other, if told",
    "attention_right": "attention items answered as they asked",
    "attention_asked": "attention items answered",
    "repeat_error": "mean distance, in points, of the answers to a picture shown twice: 0 is the same both times",
}


def iso(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def name_of(files: Files, number: int | None) -> str:
    return "" if number is None else PurePosixPath(files[number][0]).stem


def responses(files: Files, rows: Rows) -> list[Row]:
    """One row for each answer, with what was shown, when and for how long; columns as RESPONSE."""
    who = {row["id"]: row for row in rows["participants"]}
    pages, shown = _by_page(rows)
    return [_response(files, who, pages, shown, row) for row in rows["answers"] if row["item"] not in (PICK, LIKE)]


def _by_page(rows: Rows) -> tuple[dict[tuple[int, int], Row], dict[tuple[int, int], list[Row]]]:
    """Each page, and when it was shown."""
    shown: dict[tuple[int, int], list[Row]] = {}
    for row in rows["showings"]:
        shown.setdefault((row["participant"], row["position"]), []).append(row)
    return {(row["participant"], row["position"]): row for row in rows["pages"]}, shown


def picks(files: Files, rows: Rows) -> list[Row]:
    """One row for each picture that somebody picked from, liked or not; columns as PICKS."""
    who = {row["id"]: row for row in rows["participants"]}
    pages, seen = _by_page(rows)
    return [
        _picked(files, who[row["participant"]], page, seen.get(at, []), row, place)
        for row in rows["answers"]
        if row["item"] in (PICK, LIKE)
        for at in [(row["participant"], row["position"])]
        for page in [pages[at]]
        for place in range(1, len(page["shown"]) + 1)
    ]


def _picked(files: Files, person: Row, page: Row, seen: Sequence[Row], row: Row, place: int) -> Row:
    number = page["shown"][place - 1]
    yes = row["point"] == (2 if page["kind"] == LIKE else place)
    values = (
        person["label"], int(person["state"] == "sent"), row["position"], page["kind"], place,
        name_of(files, number), files[number][1], "" if row["point"] is None else int(yes),
        iso(seen[0]["at"]) if seen else "", len(seen), seen[-1]["language"] if seen else person["language"],
        iso(row["at"]), _or_empty(row["after_ms"]), row["changes"],
    )  # fmt: skip
    return dict(zip(PICKS, values, strict=True))


def _response(
    files: Files, who: Mapping[int, Row], pages: Mapping[Any, Row], shown: Mapping[Any, Any], row: Row
) -> Row:
    at = (row["participant"], row["position"])
    person, page, seen = who[row["participant"]], pages[at], shown.get(at, [])
    items = page_items(page)
    values = (
        person["label"], int(person["state"] == "sent"), row["position"], page["kind"], name_of(files, page["picture"]),
        "" if page["picture"] is None else files[page["picture"]][1], int(page["repeat"]),
        items.index(row["item"]) + 1, row["item"], _or_empty(row["point"]),
        page["expected"] if row["item"] == ATTENTION else "", iso(seen[0]["at"]) if seen else "", len(seen),
        seen[-1]["language"] if seen else person["language"], iso(row["at"]), _or_empty(row["after_ms"]),
        row["changes"],
    )  # fmt: skip
    return dict(zip(RESPONSE, values, strict=True))


def page_items(page: Row) -> list[str]:
    items: list[str] = page["items"]
    return items


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def people(settled: Settled, rows: Rows) -> list[Row]:
    """One row for each person, with the means of the personality scales where these were asked."""
    told = {row["participant"]: row for row in rows["persons"]}
    pages = {(row["participant"], row["position"]): row for row in rows["pages"]}
    given, seen = _by_participant(rows["answers"]), _by_participant(rows["pages"])
    found = []
    for row in rows["participants"]:
        own, mine = told.get(row["id"], {}), given.get(row["id"], [])
        checks = [(a["point"], pages[row["id"], a["position"]]["expected"]) for a in mine if a["item"] == ATTENTION]
        minutes = "" if row["sent_at"] is None else round((row["sent_at"] - row["started_at"]) / 60_000, 2)
        values = (
            row["label"], row["state"], row["language"], iso(row["started_at"]), iso(row["sent_at"]), minutes,
            _or_empty(own.get("age")), own.get("gender") or "",
            sum(point == asked for point, asked in checks), len(checks),
            _or_empty(repeat_error(mine, seen.get(row["id"], []))),
        )  # fmt: skip
        found.append(dict(zip(PERSON, values, strict=True)) | _traits(settled, mine, pages))
    return found


def _by_participant(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["participant"], []).append(row)
    return found


def _traits(settled: Settled, mine: Sequence[Row], pages: Mapping[Any, Row]) -> Row:
    if settled.personality is None:
        return {}
    of_self = {a["item"]: a["point"] for a in mine if pages[a["participant"], a["position"]]["kind"] == "self"}
    return {scale: _or_empty(mean) for scale, mean in scale_means(settled.personality, of_self).items()}


def repeat_error(mine: Sequence[Row], pages: Sequence[Row]) -> float | None:
    """Mean absolute difference of one person's answers to pictures shown twice; None if there are none."""
    points = {(a["position"], a["item"]): a["point"] for a in mine}
    first = {p["picture"]: p["position"] for p in pages if p["kind"] == "picture" and not p["repeat"]}
    pairs = [
        (points.get((first[p["picture"]], item)), points.get((p["position"], item)))
        for p in pages if p["repeat"] for item in page_items(p) if item != ATTENTION
    ]  # fmt: skip
    both = [abs(one - two) for one, two in pairs if one is not None and two is not None]
    return fmean(both) if both else None


def as_answers(settled: Settled, files: Files, rows: Rows) -> tuple[Answers | None, Counter[str]]:
    """Whole pages of those who finished, as training reads them, and what was left out and why.

    An answer needs every item, an age, and one of the questionnaire's genders; a second showing is no new answer.
    """
    asked = settled.questionnaire
    told = {row["participant"]: row for row in rows["persons"]}
    given = {(a["participant"], a["position"], a["item"]): a["point"] for a in rows["answers"]}
    who = {row["id"]: row for row in rows["participants"]}
    left_out: Counter[str] = Counter()
    kept: list[tuple[str, str, str, int, list[int]]] = []
    for page in rows["pages"]:
        if page["kind"] != "picture" or page["done_at"] is None:
            continue
        person, own = who[page["participant"]], told.get(page["participant"], {})
        points = [given.get((page["participant"], page["position"], item)) for item in asked.columns]
        if page["repeat"]:
            left_out["shown a second time"] += 1
        elif person["state"] != "sent":
            left_out["of people who did not finish"] += 1
        elif own.get("age") is None or own["age"] > asked.oldest or own.get("gender") not in asked.genders:
            left_out["without an age or a gender that the questionnaire knows"] += 1
        elif any(point is None for point in points):
            left_out["with an item passed over"] += 1
        else:
            whole = [point for point in points if point is not None]
            kept.append((person["label"], name_of(files, page["picture"]), own["gender"], own["age"], whole))
    if not kept:
        return None, left_out
    labels, names, genders, ages, items = zip(*kept, strict=True)
    return Answers(asked, labels, names, genders, np.array(ages), np.array(items)), left_out


def codebook(settled: Settled) -> list[Row]:
    """What the study is, and one row for each column and each item: file, name, meaning."""
    study = settled.study
    facts = {
        "format": str(FORMAT), "name": study.name, "questionnaire": settled.questionnaire.name,
        "simulated": "yes" if study.simulated else "no",
    }  # fmt: skip
    tables = {"study": facts, "responses.csv": RESPONSE, "persons.csv": PERSON}
    if study.picks.pictures:
        tables["picks.csv"] = PICKS
    found = [_entry(file, name, meaning) for file, columns in tables.items() for name, meaning in columns.items()]
    for kind in ("picture", "self"):
        if (asked := settled.of(kind)) is None:
            continue
        low, high = asked.anchors["en"]
        found += [
            _entry(
                f"{asked.name}, {kind}", name, item.text["en"], ja=item.text["ja"], scale=item.scale,
                reversed=str(int(item.reverse)), points=str(asked.points), anchors=f"1 {low} to {asked.points} {high}",
                origin=f"en {item.origin['en']}, ja {item.origin['ja']}",
            )
            for name, item in zip(asked.columns, asked.items, strict=True)
        ]  # fmt: skip
        if kind == "self":
            means = f"mean of its items, reversed ones turned round, 1 to {asked.points}"
            found += [_entry("persons.csv", s, means) for s in dict.fromkeys(item.scale for item in asked.items)]
    return found


def _entry(file: str, column: str, meaning: str, **more: str) -> Row:
    blank = dict.fromkeys(("ja", "scale", "reversed", "points", "anchors", "origin"), "")
    return {"file": file, "column": column, "meaning": meaning} | blank | more


def summary(settled: Settled, files: Files, rows: Rows, *, now: int) -> dict[str, str]:
    """A few lines about how a survey goes."""
    since = now - round(settled.study.plan.lapse_hours * 3_600_000)
    states = Counter(row["state"] for row in rows["participants"])
    there = sum(row["state"] == "going" and row["seen_at"] >= since for row in rows["participants"])
    sent = {row["id"] for row in rows["participants"] if row["state"] == "sent"}
    shown = Counter(p["picture"] for p in rows["pages"] if p["participant"] in sent and p["kind"] == "picture")
    counts = [shown[number] for number in range(len(files))]
    table = people(settled, rows)
    minutes = [row["minutes"] for row in table if row["minutes"] != ""]
    wrong = sum(row["attention_right"] < row["attention_asked"] for row in table if row["state"] == "sent")
    quota = settled.study.quota.people
    found = {
        "people": f"{states['sent']} finished{f' of {quota}' if quota else ''}, {there} at it, "
        f"{states['going'] - there} gone, {states['screened']} turned away or withdrawn",
        "pictures": f"{len(files)}, each answered by {min(counts)} to {max(counts)} people who finished",
        "answers": str(sum(row["point"] is not None for row in rows["answers"])),
    }
    if minutes:
        found["time"] = f"{median(minutes):.1f} minutes in the middle, {min(minutes):.1f} to {max(minutes):.1f}"
    if settled.study.plan.attention_checks:
        found["attention"] = f"{wrong} of {states['sent']} who finished missed an attention check"
    if rows["codes"]:
        used = sum(row["used_at"] is not None for row in rows["codes"])
        found["codes"] = f"{used} of {len(rows['codes'])} used"
    return found


def read_export(path: Path) -> dict[str, Any]:
    """The tables of an export's `export.json`; a FileError if another version wrote it."""
    facts = read_json(path)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else None
        raise FileError(f"{path} has format {found!r}; this version of Konomi reads {FORMAT}: export it again")
    return facts
