"""A study's answers as tidy tables: read from an export, from a survey's rows or from a study folder, and checked.

Everything after this works on `Tables.pages`: one row a page that somebody answered about a picture, one column an
item.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from konomi.errors import FileError, InputError, shorten
from konomi.files import reporting
from konomi.questionnaire import Answers
from konomi.taste.analysis.picks import checked_picks
from konomi.taste.assignment import ATTENTION
from konomi.taste.responses import FORMAT, PERSON, RESPONSE, Row, read_export

RESPONSES, PERSONS, CODEBOOK, EXPORT = "responses.csv", "persons.csv", "codebook.csv", "export.json"
PICKS = "picks.csv"  # of a study with picks only
NEEDED = ("person", "finished", "position", "kind", "picture", "repeat", "item", "point", "expected", "after_ms")
KINDS = ("picture", "self")
PAGE = ("person", "picture", "repeat", "position", "seconds")  # columns of pages before the items


@dataclass(frozen=True)
class Asked:
    """One item as people were asked it."""

    column: str
    scale: str
    text: str
    reverse: bool
    points: int  # answers go from 1 to this


@dataclass(frozen=True)
class Tables:
    """What a study has: the items, its answers, and what is known of each person."""

    name: str
    questionnaire: str
    simulated: bool  # no person gave these answers
    items: tuple[Asked, ...]  # asked of each picture
    self_items: tuple[Asked, ...]  # asked once of the person
    answers: pd.DataFrame  # columns as NEEDED, of people who finished; points, places and times are numbers
    persons: pd.DataFrame  # of people who finished; by person: gender, age, minutes, where they are known
    unfinished: int  # people who began and did not finish
    lacks: tuple[str, ...] = ()  # parts of the export that were not there
    picks: pd.DataFrame = field(default_factory=pd.DataFrame)  # a row a picture shown, of people who finished

    @property
    def columns(self) -> list[str]:
        return [item.column for item in self.items]

    @property
    def points(self) -> int:
        return self.items[0].points

    @property
    def scales(self) -> dict[str, list[str]]:
        """Columns by scale, in the order of the questionnaire."""
        return _by_scale(self.items)

    @cached_property
    def pages(self) -> pd.DataFrame:
        """One row a page: PAGE and the items; an item that was passed over is NaN. `seconds` are those of an item."""
        of_pictures = self.answers[self.answers.kind == "picture"]
        return _wide(of_pictures, self.columns)

    @cached_property
    def self_pages(self) -> pd.DataFrame:
        """The same of what people say of themselves."""
        return _wide(self.answers[self.answers.kind == "self"], [item.column for item in self.self_items])

    @property
    def first(self) -> pd.DataFrame:
        """Pages that show a picture for the first time to this person."""
        return self.pages[~self.pages.repeat]

    @property
    def checks(self) -> pd.DataFrame:
        """The attention items that were answered: person, point, expected."""
        return self.answers[(self.answers.item == ATTENTION) & self.answers.point.notna()]

    def without(self, people: Sequence[str]) -> "Tables":
        """The same without these people."""
        kept, persons = ~self.answers.person.isin(people), ~self.persons.index.isin(people)
        picks = self.picks[~self.picks.person.isin(people)] if len(self.picks) else self.picks
        return replace(self, answers=self.answers[kept], persons=self.persons[persons], picks=picks)


def scored(values: pd.DataFrame, items: Sequence[Asked]) -> pd.DataFrame:
    """Points of these items with reversed ones turned round, so that more is more of the scale."""
    turned = [item.column for item in items if item.reverse and item.column in values]
    return values.assign(**{column: items[0].points + 1 - values[column] for column in turned})


def _by_scale(items: Sequence[Asked]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in items:
        found.setdefault(item.scale, []).append(item.column)
    return found


def _wide(answers: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Answers with one row a page; `seconds` from the page's appearance to its last answer, by answer."""
    keys = answers.person.astype(str) + " " + answers.position.astype(int).astype(str)
    page, first = pd.factorize(keys)
    count = len(first)
    table = np.full((count, len(columns)), np.nan)
    column = pd.Index(columns).get_indexer(answers.item)
    asked = column >= 0
    table[page[asked], column[asked]] = answers.point.to_numpy()[asked]
    start = np.unique(page, return_index=True)[1]
    found = answers.iloc[start][["person", "picture", "repeat", "position"]].reset_index(drop=True)
    times = answers.after_ms.groupby(page)
    found["seconds"] = (times.max() / times.count().where(lambda many: many > 0)).to_numpy() / 1000
    return pd.concat([found, pd.DataFrame(table, columns=list(columns))], axis=1)


def read_tables(folder: Path) -> Tables:
    """The tables of an exported folder: its CSV files, or else its export.json. It can do without persons.csv.

    A FileError names a file, a column or a row that is missing or damaged, and an export of another version.
    """
    files = [folder / name for name in (RESPONSES, CODEBOOK, PERSONS)]
    missing = [path.name for path in files if not path.is_file()]
    if not set(missing) - {PERSONS}:
        responses, codebook, persons = (_read_csv(path) if path.is_file() else pd.DataFrame() for path in files)
        picks = _read_csv(folder / PICKS) if (folder / PICKS).is_file() else None
        return tables_of(responses, persons, codebook, picks=picks, where=str(files[0]), lacks=tuple(missing))
    if (folder / EXPORT).is_file():
        facts = read_export(folder / EXPORT)
        for name in ("responses", "persons", "codebook"):
            if not isinstance(facts.get(name), list):
                raise FileError(f"{folder / EXPORT} has no {name}: it is not whole; export it again")
        responses, persons, codebook = (pd.DataFrame(facts[name]) for name in ("responses", "persons", "codebook"))
        picks = pd.DataFrame(facts.get("picks", []))
        return tables_of(responses, persons, codebook, picks=picks, where=str(folder / EXPORT))
    raise FileError(f"{folder} has no {missing[0]}: give the whole export, {RESPONSES} with {CODEBOOK}, or {EXPORT}")


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with reporting("read", path):
            return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise FileError(f"{path} is not a table: {shorten(' '.join(str(error).split()), length=120)}") from None


def tables_of(
    responses: pd.DataFrame,
    persons: pd.DataFrame,
    codebook: pd.DataFrame,
    *,
    picks: pd.DataFrame | None = None,
    where: str = "the study",
    lacks: tuple[str, ...] = (),
) -> Tables:
    """Tables from an export's three parts, as texts or as numbers; a FileError names what is wrong with them."""
    for name, frame, needed in (
        ("codebook", codebook, ("file", "column", "meaning")), ("responses", responses, NEEDED),
        ("persons", persons, ("person", "state")), ("codebook", codebook, ("scale", "reversed", "points")),
    ):  # fmt: skip
        if missing := [column for column in needed if len(frame.columns) and column not in frame]:
            raise FileError(f"{where}: the table {name} has no column {missing[0]!r}; export it again")
        if name == "codebook":
            facts = _facts(codebook, where)
    items, self_items = (_items(codebook, kind) for kind in KINDS)
    if not items:
        raise FileError(f"{where}: the codebook has no items about pictures")
    if not len(responses):
        raise InputError(f"{where} has no answers yet")
    answers = _checked(responses.reset_index(drop=True), where, {"picture": items, "self": self_items})
    done = set(answers.person[answers.finished == 1])
    if not done:
        raise InputError(f"nobody has finished yet, of {answers.person.nunique()} people who began")
    told = _told(persons, sorted(done))
    state = persons.state if len(persons) else pd.Series(dtype=str)
    return Tables(
        str(facts.get("name", "")), str(facts.get("questionnaire", "")), facts.get("simulated") == "yes", items,
        self_items,
        answers[answers.person.isin(done)].reset_index(drop=True), told, int((state == "going").sum()), lacks,
        checked_picks(pd.DataFrame() if picks is None else picks, where),
    )  # fmt: skip


def _facts(codebook: pd.DataFrame, where: str) -> dict[str, str]:
    """What the codebook says of the study; a FileError if another version of Konomi wrote it."""
    facts = dict(codebook.loc[codebook.file == "study", ["column", "meaning"]].to_numpy().tolist())
    if (found := facts.get("format")) != str(FORMAT):
        raise FileError(f"{where} has format {found!r}; this version of Konomi reads {FORMAT}: export it again")
    return facts


def _items(codebook: pd.DataFrame, kind: str) -> tuple[Asked, ...]:
    rows = codebook[codebook.file.str.endswith(f", {kind}")]
    return tuple(
        Asked(row.column, row.scale, row.meaning, str(row.reversed) == "1", int(row.points))
        for row in rows.itertuples()
    )


def _checked(rows: pd.DataFrame, where: str, known: Mapping[str, Sequence[Asked]]) -> pd.DataFrame:
    """The needed columns with numbers as numbers; a FileError names the first row that cannot be."""

    def refuse(bad: pd.Series, column: str, must: str) -> None:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise FileError(
                f"{where}, row {row + 1}: {column} is {shorten(str(rows[column].iloc[row]))!r}; it must be {must}"
            )

    found = rows[list(NEEDED)].copy()
    refuse(rows.person.astype(str).str.strip() == "", "person", "a name")
    refuse(~rows.kind.isin(KINDS), "kind", " or ".join(KINDS))
    for kind, items in known.items():
        names = [*(item.column for item in items), ATTENTION]
        refuse((rows.kind == kind) & ~rows["item"].isin(names), "item", "one of the codebook's")
    most = max(item.points for items in known.values() for item in items)
    for column, low, high, must_be in (
        ("finished", 0, 1, True), ("repeat", 0, 1, True), ("position", 0, 10_000, True),
        ("point", 1, most, False), ("expected", 1, most, False), ("after_ms", 0, np.inf, False),
    ):  # fmt: skip
        empty = rows[column].isna() | (rows[column].astype(str).str.strip() == "")
        numbers = pd.to_numeric(rows[column].where(~empty), errors="coerce")
        whole = f"a whole number from {low} to {high}" if np.isfinite(high) else f"a number from {low}"
        bad = (empty & must_be) | (~empty & ~numbers.between(low, high))
        refuse(bad | (numbers % 1 > 0) if np.isfinite(high) else bad, column, whole)
        found[column] = numbers.astype(float)
    found["repeat"] = found["repeat"] == 1
    refuse((rows.kind == "picture") & (rows.picture.astype(str).str.strip() == ""), "picture", "a name")
    if (again := found.duplicated(["person", "position", "item"])).any():
        row = int(np.flatnonzero(again)[0])
        raise FileError(
            f"{where}, row {row + 1}: {found['item'][row]} of page {found.position[row]:.0f} is there twice"
        )
    return found


def _told(persons: pd.DataFrame, done: Sequence[str]) -> pd.DataFrame:
    """What is known of those who finished, in their order; what is not known is NaN or empty."""
    if not len(persons):
        persons = pd.DataFrame(columns=list(PERSON))
    found = persons.drop_duplicates("person").set_index("person").reindex(done)
    numbers = {name: pd.to_numeric(found[name], errors="coerce") for name in ("age", "minutes") if name in found}
    gender = found.gender.fillna("") if "gender" in found else ""
    return pd.DataFrame({"gender": gender, "age": np.nan, "minutes": np.nan} | numbers, index=found.index)


def tables_of_rows(
    responses: Sequence[Row], persons: Sequence[Row], codebook: Sequence[Row], picks: Sequence[Row] = ()
) -> Tables:
    """Tables straight from a survey's rows, as `konomi.taste.responses` makes them."""
    answers = pd.DataFrame(responses, columns=list(RESPONSE))
    return tables_of(answers, pd.DataFrame(persons), pd.DataFrame(codebook), picks=pd.DataFrame(picks))


def tables_of_answers(answers: Answers, *, name: str, simulated: bool) -> Tables:
    """Tables of a study folder: whole answers, without times, checks or repeats."""
    asked = answers.questionnaire
    items = tuple(
        Asked(column, item.scale, item.text["en"], item.reverse, asked.points)
        for column, item in zip(asked.columns, asked.items, strict=True)
    )
    count, k = answers.items.shape
    position = pd.Series(answers.person).groupby(pd.Series(answers.person)).cumcount().to_numpy()
    long = pd.DataFrame({
        "person": np.repeat(answers.person, k), "finished": 1.0, "position": np.repeat(position, k).astype(float),
        "kind": "picture", "picture": np.repeat(answers.picture, k), "repeat": False,
        "item": np.tile(asked.columns, count), "point": answers.items.ravel().astype(float), "expected": np.nan,
        "after_ms": np.nan,
    })  # fmt: skip
    people = pd.DataFrame({"person": answers.person, "gender": answers.gender, "age": answers.age}).drop_duplicates(
        "person"
    )
    told = people.set_index("person").sort_index().assign(minutes=np.nan)
    return Tables(name, asked.name, simulated, items, (), long, told, 0)
