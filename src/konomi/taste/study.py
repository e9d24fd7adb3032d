"""A study: which pictures people are shown, what they are asked of them, how many each, and who may take part.

A study is a TOML file, read strictly. Its tables are the classes below, its keys their fields:

    name = "liking-1"
    title = { en = "Faces", ja = "顔" }
    consent = { en = "...", ja = "..." }
    pictures = { folder = "faces" }
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from konomi.errors import InputError, shorten, unknown_name
from konomi.files import reporting
from konomi.questionnaire import LANGUAGES, Item, Questionnaire, load_questionnaire, parse_questionnaire
from konomi.settings import check_keys, read_toml, typed
from konomi.taste.questions import FEWEST, LARGEST, MOST

ASKING = ("no", "optional", "required")
ACCESS = ("open", "codes", "site")
GENDERS = ("female", "male", "other")  # what can be chosen; the questionnaire's own two are among them
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
PICK, LIKE = "pick", "like"  # pages without a questionnaire, and the name of what is answered on them
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True)
class Pictures:
    """Where the pictures come from: a folder, a model, or both."""

    folder: str = ""  # a stage or a folder of pictures, beside the study file
    model: str = ""  # a published model, or the path of an .onnx file beside the study file
    text: str = ""  # what the model is asked for; empty: anything
    count: int = 0  # pictures that the model draws
    seed: int = 0  # of the first of them


@dataclass(frozen=True)
class Items:
    """What is asked of each picture, and once of the person."""

    questionnaire: str = "love-liking"  # one that is shipped, or a TOML file beside the study file
    personality: str = ""  # "mini-ipip", or a questionnaire about persons; empty: none
    forced: bool = True  # an item cannot be passed over
    random_order: bool = True  # of the items, anew for each picture


@dataclass(frozen=True)
class Plan:
    """How many pictures one person sees."""

    pictures: int = 10  # different ones
    repeats: int = 0  # of them shown a second time, to measure consistency
    attention_checks: int = 0  # pictures with an item that says which point to choose
    lapse_hours: float = 24.0  # who has been away so long without finishing holds no place in quotas any more
    seed: int = 0


@dataclass(frozen=True)
class Choosing:
    """What is asked without a questionnaire, after the pictures with items; each time what says most of a taste."""

    count: int = 0  # times that a person picks the picture they like best
    of: int = 2  # pictures to pick from
    likes: int = 0  # single pictures that a person likes or not; one says half as much as a pick

    @property
    def pictures(self) -> int:
        """How many one person sees; none of them twice."""
        return self.count * self.of + self.likes


@dataclass(frozen=True)
class Person:
    """What is asked of the person: no, optional or required."""

    age: str = "optional"
    gender: str = "optional"
    youngest: int = 18  # a lower age is refused
    comment: bool = True  # free text at the end


@dataclass(frozen=True)
class Quota:
    """How many may finish; 0 means as many as come."""

    people: int = 0
    female: int = 0
    male: int = 0
    other: int = 0

    @property
    def by_gender(self) -> dict[str, int]:
        return {gender: limit for gender in GENDERS if (limit := getattr(self, gender))}


@dataclass(frozen=True)
class Access:
    """Who may take part: whoever has the link, whoever has a one-time code, or people sent by a crowdsourcing site."""

    kind: str = "open"
    parameters: tuple[str, ...] = ()  # of the address, kept for each person; the first tells people apart
    completion_code: str = ""  # shown at the end
    return_address: str = ""  # where the site wants people back, with the code in it


@dataclass(frozen=True)
class Study:
    """Everything that is settled before the first person comes."""

    name: str
    title: dict[str, str]
    consent: dict[str, str]
    language: str = "en"  # the first one offered, of those that have a title
    pictures: Pictures = field(default_factory=Pictures)
    items: Items = field(default_factory=Items)
    plan: Plan = field(default_factory=Plan)
    picks: Choosing = field(default_factory=Choosing)
    person: Person = field(default_factory=Person)
    quota: Quota = field(default_factory=Quota)
    access: Access = field(default_factory=Access)
    simulated: bool = False  # nobody is asked: konomi survey simulate answers, and everything says so

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(self.title, key=lambda language: language != self.language))

    def to_dict(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        if not self.simulated:  # as every study was before there were simulated ones
            del facts["simulated"]
        if self.picks == Choosing():  # the same
            del facts["picks"]
        return facts

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


TABLES: dict[str, Any] = {
    "pictures": Pictures(), "items": Items(), "plan": Plan(), "picks": Choosing(), "person": Person(),
    "quota": Quota(), "access": Access(),
}  # fmt: skip


def read_study_file(path: Path) -> Study:
    """Read a study file; an InputError names what is unknown, mistyped, missing or impossible."""
    return study_from(read_toml(path), str(path))


def study_from(table: Mapping[str, Any], where: str) -> Study:
    """A study from its table, as TOML or `to_dict` gives it."""
    known = [f.name for f in fields(Study)]
    check_keys(dict(table), known, where, required=("name", "title", "consent", "pictures"))
    parts: dict[str, Any] = {
        name: _part(table.get(name, {}), example, f"{where}, {name}") for name, example in TABLES.items()
    }
    texts: dict[str, Any] = {key: _texts(table[key], f"{where}, {key}") for key in ("title", "consent")}
    plain = {"name": table["name"], "language": table.get("language", next(iter(texts["title"])))}
    for key, value in plain.items():
        if not isinstance(value, str):
            raise InputError(f"{where}: {key} is {shorten(repr(value))}; it must be a text in quotes")
    simulated = table.get("simulated", False)
    if not isinstance(simulated, bool):
        raise InputError(f"{where}: simulated is {shorten(repr(simulated))}; it must be true or false")
    study = Study(**plain, **texts, **parts, simulated=simulated)
    _check(study, where)
    return study


def _part(table: Any, example: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise InputError(f"{where} is {shorten(repr(table))}; it must be a table")
    check_keys(table, [f.name for f in fields(example)], where)
    return replace(example, **typed(table, example, where))


def _texts(table: Any, where: str) -> dict[str, str]:
    if not isinstance(table, dict) or not table:
        raise InputError(f'{where} must be texts by language, as {{ en = "...", ja = "..." }}')
    check_keys(table, LANGUAGES, where)
    if bad := [language for language, text in table.items() if not isinstance(text, str) or not text.strip()]:
        raise InputError(f"{where}: {bad[0]} has no text")
    return dict(table)


def _check(study: Study, where: str) -> None:
    def refuse_unless(good: bool, told: str) -> None:
        if not good:
            raise InputError(f"{where}: {told}")

    plan, picks, person, quota = study.plan, study.picks, study.person, study.quota
    access, pictures = study.access, study.pictures
    refuse_unless(
        bool(NAME.fullmatch(study.name)),
        f"name is {shorten(study.name)!r}; small letters, digits and - make an address",
    )
    refuse_unless(set(study.title) == set(study.consent), "title and consent must be in the same languages")
    refuse_unless(study.language in study.title, f"there is no title in the language {shorten(study.language)!r}")
    for kind, given, known in (
        ("person, age", person.age, ASKING),
        ("person, gender", person.gender, ASKING),
        ("access, kind", access.kind, ACCESS),
    ):
        if given not in known:
            raise InputError(unknown_name(f"{where}, {kind}", given, known))
    refuse_unless(bool(pictures.folder or pictures.model), "pictures needs a folder, a model, or both")
    refuse_unless(bool(pictures.model) == (pictures.count > 0), "pictures needs model and count together")
    refuse_unless(pictures.seed >= 0, f"pictures, seed is {pictures.seed}; it must be 0 or more")
    refuse_unless(not pictures.text or bool(pictures.model), "pictures has a text for the model, but no model")
    refuse_unless(plan.pictures >= 1, f"plan, pictures is {plan.pictures}; a person must see one or more")
    for name in ("repeats", "attention_checks"):
        many = getattr(plan, name)
        refuse_unless(0 <= many <= plan.pictures, f"plan, {name} is {many}; it goes from 0 to {plan.pictures}")
    refuse_unless(plan.lapse_hours > 0, f"plan, lapse_hours is {plan.lapse_hours}; it must be more than 0")
    refuse_unless(plan.seed >= 0, f"plan, seed is {plan.seed}; it must be 0 or more")
    told = f"picks, count is {picks.count}; it is 0, or goes from {FEWEST} to {MOST}"
    refuse_unless(picks.count == 0 or FEWEST <= picks.count <= MOST, told)
    refuse_unless(0 <= picks.likes <= 2 * MOST, f"picks, likes is {picks.likes}; it goes from 0 to {2 * MOST}")
    refuse_unless(2 <= picks.of <= LARGEST, f"picks, of is {picks.of}; it goes from 2 to {LARGEST}")
    refuse_unless(0 <= person.youngest <= 100, f"person, youngest is {person.youngest}; it goes from 0 to 100")
    refuse_unless(all(getattr(quota, f.name) >= 0 for f in fields(quota)), "a quota must be 0 or more")
    refuse_unless(
        not quota.by_gender or person.gender == "required", 'quotas by gender need person, gender = "required"'
    )
    refuse_unless(
        (access.kind == "site") == bool(access.parameters), 'access needs parameters with kind = "site", and only then'
    )
    for name in access.parameters:
        refuse_unless(bool(FIELD.fullmatch(name)) and name != "lang", f"access: {shorten(name)!r} is no parameter")
    refuse_unless(not study.simulated or access.kind == "open", 'a simulated study has access, kind = "open"')
    refuse_unless(
        not access.return_address or access.return_address.startswith("https://"),
        "access, return_address must begin with https://",
    )


def questionnaire_of(name: str, beside: Path, *, about: str) -> Questionnaire:
    """A questionnaire that is shipped, or a TOML file in the folder `beside`."""
    if not name.endswith(".toml"):
        found = load_questionnaire(name)
    else:
        with reporting("read", beside / name):
            text = (beside / name).read_text(encoding="utf-8")
        found = parse_questionnaire(text)
    if found.about != about:
        raise InputError(f"questionnaire {name!r} asks about a {found.about}; one about a {about} is needed here")
    if not 2 <= found.points <= 9 or not found.items:
        raise InputError(f"questionnaire {name!r} must have items, and from 2 to 9 points")
    return found


def check_pictures(study: Study, count: int) -> None:
    """An InputError if there are too few pictures for the plan."""
    if count < study.plan.pictures:
        raise InputError(f"there are {count} pictures, too few for a plan of {study.plan.pictures} a person")
    picks = study.picks
    if count < picks.pictures:
        raise InputError(
            f"there are {count} pictures, too few for {picks.count} picks of {picks.of} and {picks.likes} likes: "
            f"a person sees none of these twice, so they need {picks.pictures}"
        )


@dataclass(frozen=True)
class Settled:
    """A study with the very words that are asked; kept with the answers, so that no file can change them later."""

    study: Study
    questionnaire: Questionnaire
    personality: Questionnaire | None

    def to_json(self) -> str:
        facts: dict[str, Any] = {"study": self.study.to_dict(), "questionnaire": asdict(self.questionnaire)}
        facts["personality"] = asdict(self.personality) if self.personality else None
        return json.dumps(facts, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Settled":
        facts = json.loads(text)
        own = facts["personality"]
        study = study_from(facts["study"], "the study as kept")
        return cls(study, _questionnaire_from(facts["questionnaire"]), _questionnaire_from(own) if own else None)

    def of(self, kind: str) -> Questionnaire | None:
        """The questionnaire of a page of this kind, if it has one."""
        return {"picture": self.questionnaire, "self": self.personality}.get(kind)

    def points(self, kind: str | None) -> int | None:
        """Answers on a page of this kind go from 1 to this: points, or places of pictures; None if it has none."""
        if kind in (PICK, LIKE):
            return self.study.picks.of if kind == PICK else 2  # 1 is not to like it
        return asked.points if (asked := self.of(kind or "")) else None


def settle(study: Study, beside: Path) -> Settled:
    """The study with its questionnaires; files are looked for in the folder `beside`."""
    own = study.items.personality
    return Settled(
        study,
        questionnaire_of(study.items.questionnaire, beside, about="picture"),
        questionnaire_of(own, beside, about="person") if own else None,
    )


def _questionnaire_from(facts: dict[str, Any]) -> Questionnaire:
    items = tuple(Item(**item) for item in facts["items"])
    anchors = {language: (first, last) for language, (first, last) in facts["anchors"].items()}
    return Questionnaire(**{**facts, "items": items, "anchors": anchors, "genders": tuple(facts["genders"])})
