"""A whole study analysed: every number, every table, and what could not be computed, with the reason."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from konomi.errors import InputError
from konomi.taste.analysis import comparisons
from konomi.taste.analysis.agreement import (
    agreement,
    agreement_of,
    of_scale,
    private_share,
    raters_per_picture,
    shares_of,
)
from konomi.taste.analysis.picks import summarise
from konomi.taste.analysis.planning import plan
from konomi.taste.analysis.quality import FLAGS, Limits, people_quality
from konomi.taste.analysis.reliability import alpha_of_people, cronbach_alpha, intraclass_correlations, item_statistics
from konomi.taste.analysis.repeats import repeats
from konomi.taste.analysis.tables import Asked, Tables, scored
from konomi.taste.analysis.variance_parts import LOOK, PICTURE, TASTE, Pages, variance_parts

FORMAT = 1
ALL = "all items"
PAPER_ITEMS, PAPER_P, PAPER_ANSWERS = ("item_15", "item_19"), 3.02e-43, 2_200  # Hayase 2023
T = TypeVar("T")
Step = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What the analysis is asked for."""

    compare: tuple[str, str] | None = None  # two items; None: 15 and 19 of the paper's questionnaire
    difference: float = 0.3  # of two items, in points, that the next study is to find
    limits: Limits = field(default_factory=Limits)
    seed: int = 0  # of bootstraps


@dataclass
class Analysis:
    """What came out. `numbers` are JSON's types only; what could not be computed is in `left_out`, with the reason."""

    numbers: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)  # by file name without suffix
    left_out: dict[str, str] = field(default_factory=dict)

    def attempt(self, what: str, compute: Callable[[], T]) -> T | None:
        """What `compute` returns; or None, and the reason in `left_out`."""
        try:
            return compute()
        except InputError as error:
            self.left_out[what] = str(error)
            return None

    def add(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Rows at the end of a table."""
        self.tables[name] = pd.concat([*([self.tables[name]] if name in self.tables else []), pd.DataFrame(rows)])


def analyse(tables: Tables, options: Options | None = None, *, step: Step = lambda _: None) -> Analysis:
    """All of the analysis; an InputError only if an item to compare does not exist."""
    chosen, found = options or Options(), Analysis()
    two = _two_items(tables, chosen, found)
    step("response quality")
    people = people_quality(tables, chosen.limits)
    found.tables["people"] = people.reset_index()
    found.numbers |= {"format": FORMAT, "study": _study(tables), "quality": _quality(people, chosen.limits)}
    _say_what_lacks(tables, people, chosen.limits, found)
    found.numbers["items"] = _items(tables, found)
    if two:
        found.numbers["two_items"] = found.attempt("two items", partial(_compare, tables, *two))
    step("scales")
    found.numbers["scales"] = _scales(tables, found, seed=chosen.seed)
    for scope, columns in scopes(tables).items():
        step(f"parts of variance: {scope}")
        found.attempt(f"variance of {scope}", partial(_variance, tables, scope, columns, found))
    step("comparisons")
    found.numbers["comparisons"] = _comparisons(tables, found)
    found.numbers["repeats"] = found.attempt("repeats", partial(_repeats, tables, found))
    if len(tables.picks):
        found.numbers["picks"] = found.attempt("picks", partial(_picks, tables, found))
    found.numbers["without_flagged"] = found.attempt("leaving people out", partial(_without, tables, people, found))
    step("the next study")
    if "variance" in found.numbers:
        found.numbers["power"], found.tables["power"] = plan(found.numbers, chosen.difference)
    else:
        found.left_out["the next study"] = "it is planned from the parts of variance, which are not known"
    found.numbers = _plain({key: value for key, value in found.numbers.items() if value is not None})
    found.numbers["left_out"] = found.left_out
    return found


def scopes(tables: Tables) -> dict[str, list[str]]:
    """Columns of all items and of each scale; of one scale, only that."""
    return tables.scales if len(tables.scales) == 1 else {ALL: tables.columns} | tables.scales


def whole_pages(pages: pd.DataFrame, columns: list[str]) -> tuple[Pages, int]:
    """The pages that have all these items, and how many do not."""
    points = pages[columns].to_numpy()
    whole = ~np.isnan(points).any(axis=1)
    person, picture = (pd.factorize(pages.loc[whole, name], sort=True)[0] for name in ("person", "picture"))
    return Pages(person, picture, points[whole]), int((~whole).sum())


def _two_items(tables: Tables, options: Options, found: Analysis) -> tuple[str, str] | None:
    for item in options.compare or ():
        if item not in tables.columns:
            known = f"{tables.columns[0]} to {tables.columns[-1]}"
            raise InputError(f"there is no item {item!r}; the items are {known}")
    if options.compare or tables.questionnaire == "love-liking":
        return options.compare or PAPER_ITEMS
    found.left_out["two items"] = "the paper's items 15 and 19 were not asked; name two with --compare"
    return None


# --- the study and how it was answered ---


def _study(tables: Tables) -> dict[str, Any]:
    first, persons = tables.first, tables.persons
    points = tables.pages[tables.columns].to_numpy()
    return {
        "name": tables.name,
        "questionnaire": tables.questionnaire,
        "simulated": tables.simulated,
        "people": len(persons),
        "unfinished": tables.unfinished,
        "genders": persons.gender[persons.gender != ""].value_counts().to_dict(),
        "age": _spread(persons.age),
        "minutes": _middle(persons.minutes),
        "pictures": first.picture.nunique(),
        "pages": len(first),
        "repeated_pages": int(tables.pages.repeat.sum()),
        "answers": int((~np.isnan(points)).sum()),
        "passed_over": int(np.isnan(points).sum()),
        "people_a_picture": _spread(first.groupby("picture").person.nunique()),
        "pictures_a_person": first.groupby("person").picture.nunique().mean(),
    }


def _spread(values: pd.Series) -> dict[str, float] | None:
    known = values.dropna()
    return {"mean": known.mean(), "sd": known.std() if len(known) > 1 else 0.0} if len(known) else None


def _middle(values: pd.Series) -> float | None:
    known = values.dropna()
    return float(known.median()) if len(known) else None


def _quality(people: pd.DataFrame, limits: Limits) -> dict[str, Any]:
    flags = {name: people[f"is_{name}"].sum() for name in FLAGS} | {"flagged": people.flagged.sum()}
    checks = {name: people[name].sum() for name in ("checks", "wrong_checks")}
    return {"limits": asdict(limits), **flags, **checks, **{n: _middle(people[n]) for n in ("seconds", "spread")}}


def _say_what_lacks(tables: Tables, people: pd.DataFrame, limits: Limits, found: Analysis) -> None:
    if tables.lacks:
        found.left_out["people's age, gender and time"] = f"{', '.join(tables.lacks)} is not there"
    if not people.seconds.notna().any():
        found.left_out["speed"] = "no answer has a time: no browser measured one"
    if not people.checks.any():
        found.left_out["attention"] = "no attention item was answered"
    if not people.straight.notna().any():
        found.left_out["straight-lining"] = f"no page has {limits.fewest_items} answers"


# --- items and scales ---


def item_means(tables: Tables) -> pd.DataFrame:
    """Mean point of each item (columns) for each picture (rows), over all who saw it: figure 12 of the paper."""
    means: pd.DataFrame = tables.first.groupby("picture")[tables.columns].mean()
    return means


def _items(tables: Tables, found: Analysis) -> dict[str, Any]:
    points, means = tables.first[tables.columns], item_means(tables)
    columns = {
        "item": tables.columns,
        "scale": [item.scale for item in tables.items],
        "text": [item.text for item in tables.items],
        "answers": points.count().to_numpy(),
        "mean": points.mean().to_numpy(),
        "sd": points.std().to_numpy(),
        "lowest_picture": means.min().to_numpy(),
        "highest_picture": means.max().to_numpy(),
        "sd_of_pictures": means.std().to_numpy(),
    }
    table = found.tables["items"] = pd.DataFrame(columns)
    found.tables["item_means"] = means.reset_index()
    ordered = table.dropna(subset="mean").sort_values("mean")[["item", "text", "mean"]].to_dict("records")
    ends = {"lowest": ordered[0], "highest": ordered[-1]} if ordered else {"lowest": None, "highest": None}
    return {"sd_of_pictures": table.sd_of_pictures.mean(), **ends}


def _compare(tables: Tables, one: str, two: str) -> dict[str, Any]:
    """Two items: as the paper compared them, and as one person's two answers."""
    first = tables.first[["person", one, two]]
    answers = [first[item].dropna().to_numpy() for item in (one, two)]
    by_person = first.groupby("person")[[one, two]].mean().dropna().to_numpy().T
    texts = {item.column: item.text for item in tables.items}
    tests = {
        "as_in_the_paper": comparisons.student(*answers),
        "welch": comparisons.welch(*answers),
        "paired": comparisons.paired(*by_person),
    }
    told = {"items": [one, two], "texts": [texts[one], texts[two]], "means": [values.mean() for values in answers]}
    return told | {name: asdict(test) for name, test in tests.items()}


def _scales(tables: Tables, found: Analysis, *, seed: int) -> dict[str, Any]:
    scales: dict[str, Any] = {}
    for about, items, pages in (
        ("picture", tables.items, tables.first),
        ("person", tables.self_items, tables.self_pages),
    ):
        turned = scored(pages, items)
        for scale in dict.fromkeys(item.scale for item in items):
            own = [item for item in items if item.scale == scale]
            if told := found.attempt(f"alpha of {scale}", partial(_alpha, turned, own, found, seed=seed)):
                scales[scale] = told | {"about": about}
    return scales


def _alpha(turned: pd.DataFrame, items: list[Asked], found: Analysis, *, seed: int) -> dict[str, Any]:
    columns = [item.column for item in items]
    whole = turned.dropna(subset=columns)
    points = whole[columns].to_numpy()
    alpha = alpha_of_people(points, whole.person.to_numpy(), seed=seed)
    rows = zip(items, *item_statistics(points), strict=True)
    found.add("scale_items", [
        {"scale": item.scale, "item": item.column, "text": item.text, "correlation_with_rest": r, "alpha_without": a}
        for item, r, a in rows
    ])  # fmt: skip
    return {"items": len(items), "answers": len(points), "left_out": len(turned) - len(points), **asdict(alpha)}


# --- people and pictures ---


def _variance(tables: Tables, scope: str, columns: list[str], found: Analysis) -> None:
    """Parts of the variance, agreement and the private share of one scope, into numbers and tables."""
    pages, left = whole_pages(scored(tables.pages, tables.items), columns)
    if not len(pages):
        raise InputError("no page has all items answered")
    parts = variance_parts(pages)
    shares, agree = shares_of(parts), agreement_of(parts, pages)
    table = _complete(pages)
    six = None if table is None else found.attempt(f"ICC of {scope}", partial(intraclass_correlations, table))
    found.numbers.setdefault("variance", {})[scope] = {
        "items": len(columns),
        "pages": len(pages),
        "left_out": left,
        "raters_a_picture": raters_per_picture(pages),
        "several": parts.several,
        "again": LOOK in parts.variances,
        "variances": parts.variances,
        "shares": {name: asdict(value) for name, value in shares.items()},
        "agreement": {name: asdict(value) for name, value in agree.items()},
        "scale": asdict(of_scale(parts.variances, len(columns))),
        "icc": {name: asdict(value) for name, value in six.items()} if six else None,
    }
    found.add("variance", [
        {"scope": scope, "part": name, "variance": parts.variances[name], "share": value.value, "share_low": value.low,
         "share_high": value.high}
        for name, value in shares.items()
    ])  # fmt: skip
    found.add("agreement", [{"scope": scope, "what": name, **asdict(value)} for name, value in agree.items()])


def _complete(pages: Pages) -> np.ndarray | None:
    """(pictures, people) means of the first looks, if everybody saw everything."""
    table = np.full((pages.picture.max() + 1, pages.person.max() + 1), np.nan)
    table[pages.picture[::-1], pages.person[::-1]] = pages.points.mean(axis=1)[::-1]  # the first look is written last
    return None if np.isnan(table).any() or min(table.shape) < 2 else table


def scale_scores(tables: Tables) -> pd.DataFrame:
    """person, picture, and the mean of each scope's items on each first page; NaN where an item was passed over."""
    turned = scored(tables.first, tables.items)
    scores = {scope: turned[columns].mean(axis=1, skipna=False) for scope, columns in scopes(tables).items()}
    return pd.DataFrame({"person": turned.person, "picture": turned.picture} | scores)


def _comparisons(tables: Tables, found: Analysis) -> dict[str, Any]:
    """Welch's tests with Holm's correction: of pictures and of genders by item, of each picture by scale; of items."""
    first, scores = tables.first, scale_scores(tables)
    numbers: dict[str, Any] = {}
    means = first.groupby("person")[tables.columns].mean()
    genders = tables.persons.gender.reindex(means.index)
    for name, compute in {
        "pictures_by_item": partial(comparisons.pictures_by_item, first, tables.columns),
        "women_and_men": partial(comparisons.groups_by_item, means, genders, ("female", "male")),
        "item_pairs": partial(comparisons.item_pairs, means),
    }.items():
        if (table := found.attempt(name.replace("_", " "), compute)) is not None:
            found.tables[name], numbers[name] = table, _tests(table)
    for scope in scopes(tables):
        compute_pictures = partial(comparisons.pictures_by_scale, scores, scope)
        if (table := found.attempt(f"pictures on {scope}", compute_pictures)) is not None:
            found.add("pictures", table.assign(scale=scope).to_dict("records"))
            numbers.setdefault("pictures", {})[scope] = _tests(table)
    return numbers


def _tests(table: pd.DataFrame) -> dict[str, int]:
    below = comparisons.CHANCE
    return {
        "tests": int(table.p.notna().sum()),
        "significant": int((table.p_holm < below).sum()),
        "without_correction": int((table.p < below).sum()),
    }


def _repeats(tables: Tables, found: Analysis) -> dict[str, Any]:
    told = repeats(tables)
    found.tables["repeats"] = told.items
    numbers = {name: getattr(told, name) for name in told.__dataclass_fields__ if name != "items"}
    return numbers | {"correlation": _middle(told.items.correlation)}


def _picks(tables: Tables, found: Analysis) -> dict[str, Any]:
    told = summarise(tables.picks, item_means(tables).mean(axis=1))
    found.tables["picks"] = told.table
    return {name: getattr(told, name) for name in told.__dataclass_fields__ if name != "table"}


# --- what would change without careless people ---


def _without(tables: Tables, people: pd.DataFrame, found: Analysis) -> dict[str, Any] | None:
    """The main numbers with everybody, and without those who were flagged."""
    if not people.flagged.any():
        return None
    if people.flagged.all():
        raise InputError("everybody was flagged: nobody would be left")
    rest = tables.without(people.index[people.flagged])
    before, after = _main_numbers(tables), _main_numbers(rest)
    shift = (tables.first[tables.columns].mean() - rest.first[tables.columns].mean()).abs()
    rows = [{"what": name, "all": value, "without": after.get(name)} for name, value in before.items()]
    found.tables["without_flagged"] = pd.DataFrame(rows)
    return {"people": len(rest.persons), "largest_shift": shift.max(), "rows": rows}


def _main_numbers(tables: Tables) -> dict[str, float]:
    """Alpha, ICC(2,1) and b1 of each scope, where they can be computed."""
    numbers: dict[str, float] = {}
    turned, found = scored(tables.pages, tables.items), Analysis()
    for scope, columns in scopes(tables).items():
        first = turned.loc[~turned.repeat, columns].dropna().to_numpy()
        if (alpha := found.attempt("alpha", partial(cronbach_alpha, first))) is not None:
            numbers[f"alpha, {scope}"] = alpha
        parts = found.attempt("parts", partial(variance_parts, whole_pages(turned, columns)[0]))
        if parts is not None:
            v = parts.variances
            numbers[f"ICC(2,1), {scope}"] = agreement(v, len(columns))
            if TASTE in v and v[TASTE] + v[PICTURE] > 0:
                numbers[f"private share b1, {scope}"] = private_share(v)
    return numbers


def _plain(value: Any) -> Any:
    """The same as JSON's types: what is not a finite number is None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
