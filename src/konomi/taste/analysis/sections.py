"""What an analysis says: for every figure and table one plain sentence that tells what it means."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from konomi.taste.analysis.analyse import PAPER_ANSWERS, PAPER_ITEMS, PAPER_P, Analysis
from konomi.taste.analysis.comparisons import CHANCE, t_of_p
from konomi.taste.analysis.words import (
    Grid,
    Section,
    count,
    effect,
    hang_together,
    number,
    p_value,
    per_cent,
    plain_item,
    reliable,
    share,
    whole,
    with_interval,
)

Numbers = Mapping[str, Any]
LIKED = "Which pictures were liked"
AGREEMENT = {
    "agreement of one": "ICC(2,1), one person, agreement",
    "agreement of all": "ICC(2,k), the mean of all who saw a picture",
    "consistency of one": "ICC(3,1), one person, consistency",
    "consistency of all": "ICC(3,k), the mean, if all see the same pictures",
    "b1": "b1, private share of taste",
    "b2": "b2, the same, agreeing with everything counted as private",
}
COMPARED = {
    "pictures_by_item": "items between pictures (Welch's analysis of variance)",
    "women_and_men": "items between women and men (Welch's t)",
    "item_pairs": "pairs of items (paired t)",
}


def sections(found: Analysis) -> list[Section]:
    """All parts of the page, in order; what could not be computed is named at the end."""
    parts = (
        _short,
        _quality,
        _items,
        _two_items,
        _scales,
        _taste,
        _pictures,
        _comparisons,
        _repeats,
        _picks,
        _next,
        _left_out,
    )
    return [made for part in parts if (made := part(found)) is not None]


def summary(found: Analysis) -> list[str]:
    """A few lines for a terminal, and the page's first part."""
    n = found.numbers
    people, pictures = count(n["study"]["people"], "person", "people"), count(n["study"]["pictures"], "picture")
    lines = [f"{people} answered about {pictures}; {n['quality']['flagged']:,} gave signs of carelessness."]
    lines += [_alpha(name, scale) for name, scale in n["scales"].items() if scale["about"] == "picture"]
    if (main := _main(n)) is not None:
        lines += _agreement_in_short(main["agreement"], main["raters_a_picture"])
    if tests := n["comparisons"].get("pictures_by_item"):
        items = count(tests["tests"], "item")
        lines.append(f"{tests['significant']} of {items} differ between pictures beyond chance (Welch, Holm).")
    if two := n.get("two_items"):
        test, (one, other) = two["as_in_the_paper"], map(plain_item, two["items"])
        size = f"a {effect(test['size'])} difference, d = {number(test['size'])}, p = {p_value(test['p'])}"
        lines.append(f"Items {one} and {other} differ by {number(test['difference'])} points: {size}.")
    return lines


def _main(numbers: Numbers) -> Any:
    """The first scope whose variance is known: all items, or the only scale."""
    return next(iter(numbers.get("variance", {}).values()), None)


def _alpha(name: str, scale: Numbers) -> str:
    return f"The items of {name} hang together {hang_together(scale['value'])}: alpha {with_interval(scale)}."


def _agreement_in_short(agree: Numbers, people: float) -> list[str]:
    one, all_ = agree["agreement of one"], agree["agreement of all"]
    lines = [
        f"One person's answers tell pictures apart with {reliable(one['value'])} reliability, {with_interval(one)}; "
        f"the mean of {people:.0f} people with {reliable(all_['value'])} reliability, {with_interval(all_)}."
    ]
    if b1 := agree.get("b1"):
        interval = f"{per_cent(b1['low'])} to {per_cent(b1['high'])}"
        lines.append(f"Of taste, {per_cent(b1['value'])} is private ({interval}); the rest is shared.")
    return lines


def _short(found: Analysis) -> Section:
    return Section("In short", tuple(summary(found)))


def _quality(found: Analysis) -> Section:
    q, people = found.numbers["quality"], found.numbers["study"]["people"]
    limits, says = q["limits"], [f"{q['flagged']:,} of {count(people, 'person', 'people')} are flagged."]
    signs = (
        ("one point throughout", f"on {limits['straight']:.0%} of their pages or more", "straight", "straight-lining"),
        ("too fast", f"under {limits['seconds']:g} s an item in the middle", "fast", "speed"),
        ("inattentive", f"missed {limits['wrong_checks']:.0%} of their attention items or more", "inattentive",
         "attention"),
    )  # fmt: skip
    rows = tuple((name, rule, whole(None if what in found.left_out else q[key])) for name, rule, key, what in signs)
    tables = [Grid(("sign", "rule", "people"), rows, frozenset({0, 1}))]
    if changed := found.numbers.get("without_flagged"):
        shift = f"{changed['largest_shift']:.2f} points"
        says.append(f"They are in all that follows. Without them no item's mean would move by more than {shift}.")
        head = ("", "everybody", f"without the flagged ({count(changed['people'], 'person', 'people')})")
        both = tuple((r["what"], number(r["all"]), number(r["without"])) for r in changed["rows"])
        tables.append(Grid(head, both, caption="Where the two columns agree, nothing hangs on careless people."))
    took = f"People took {number(q['seconds'], 1)} seconds an item in the middle"
    speed = f"{took}; who lies left of the dashed line cannot have read."
    figures = (("speed", speed),) if q["seconds"] is not None else ()
    return Section("How carefully people answered", tuple(says), figures, tuple(tables))


def _items(found: Analysis) -> Section:
    n, table = found.numbers["items"], found.tables["items"]
    figure = "Each line is a picture: where the lines lie close together, pictures were answered alike."
    if (spread := n["sd_of_pictures"]) is not None:
        figure += (
            f" Between pictures an item's mean varies by {spread:.2f} points (standard deviation, mean of all items)."
        )
    says: tuple[str, ...] = ()
    if (high := n["highest"]) and (low := n["lowest"]):
        most, least = f"“{high['text']}” ({high['mean']:.2f})", f"“{low['text']}” ({low['mean']:.2f})"
        says = (f"People agreed most with {most} and least with {least}.",)
    rows = tuple(
        (plain_item(r["item"]), r["text"], r["scale"], number(r["mean"]), number(r["sd"]),
         f"{number(r['lowest_picture'])} to {number(r['highest_picture'])}")
        for _, r in table.iterrows()
    )  # fmt: skip
    grid = Grid(("item", "", "scale", "mean", "sd", "means of pictures"), rows, frozenset({0, 1, 2}))
    return Section("What was answered", says, (("item_means", figure),), (grid,))


def _two_items(found: Analysis) -> Section | None:
    if (two := found.numbers.get("two_items")) is None:
        return None
    tests = {
        "unpaired, equal variances: as in the paper": "as_in_the_paper",
        "unpaired, Welch": "welch",
        "paired, each person's own two answers": "paired",
    }
    rows = tuple(_test(words, two[name]) for words, name in tests.items())
    size = effect(two["as_in_the_paper"]["size"])
    texts = [f"“{text}” got {mean:.2f}" for text, mean in zip(two["texts"], two["means"], strict=True)]
    notes = [
        "Everybody answers both items, so the paired test is the right one; the others take them for different people."
    ]
    if tuple(two["items"]) == PAPER_ITEMS:
        t = t_of_p(PAPER_P, 2 * PAPER_ANSWERS - 2)
        d = t * (2 / PAPER_ANSWERS) ** 0.5
        notes.append(
            f"The paper prints p = {PAPER_P:.2e} only. Of {PAPER_ANSWERS:,} answers to each item that is |t| = {t:.2f} "
            f"and d = {d:.2f}: a {effect(d)} difference that very many people saw."
        )
    head = ("test", "difference", "t", "df", "p", "effect size (95%)")
    title = f"Items {' and '.join(map(plain_item, two['items']))}"
    says = (f"{', '.join(texts)}: a {size} difference, however small its p is.",)
    return Section(title, says, (), (Grid(head, rows),), tuple(notes))


def _test(words: str, test: Numbers) -> tuple[str, ...]:
    size = f"{number(test['size'])} ({number(test['size_low'])} to {number(test['size_high'])})"
    numbers = (number(test["difference"]), number(test["t"], 1), f"{test['freedom']:,.0f}", p_value(test["p"]))
    return (words, *numbers, size)


def _scales(found: Analysis) -> Section | None:
    scales = found.numbers["scales"]
    if not scales:
        return None
    says = [_alpha(name, scale) for name, scale in scales.items() if scale["about"] == "picture"]
    figure = (
        "Cronbach's alpha with its 95% interval: the further right, the more the items of a scale measure one thing."
    )
    notes = ["Intervals are from a bootstrap of persons, since several answers are of one person."]
    if any(scale["about"] == "person" for scale in scales.values()):
        notes.append("Scales about the person have one answer a person, so their intervals are wide.")
    odd = _odd_items(found.tables["scale_items"], scales)
    if not odd.rows:
        says.append("Every item fits: none correlates below .30 with the others of its scale, none lowers its alpha.")
    title = "Do the items of a scale belong together?"
    return Section(title, tuple(says), (("alpha", figure),), (odd,) if odd.rows else (), tuple(notes))


def _odd_items(table: pd.DataFrame, scales: Numbers) -> Grid:
    """Items that hardly correlate with the others of their scale, or without which alpha would rise."""
    alpha = table.scale.map({name: scale["value"] for name, scale in scales.items()})
    odd = table[~(table.correlation_with_rest >= 0.3) | (table.alpha_without > alpha + 0.005)]
    rows = tuple(
        (plain_item(r["item"]), r["text"], r["scale"], number(r["correlation_with_rest"]), number(r["alpha_without"]))
        for _, r in odd.iterrows()
    )
    caption = "Items that do not fit: they correlate below .30 with the others of their scale, or lower its alpha."
    return Grid(
        ("item", "", "scale", "correlation with the others", "alpha without it"), rows, frozenset({0, 1, 2}), caption
    )


def _taste(found: Analysis) -> Section | None:
    variance: Numbers = found.numbers.get("variance", {})
    if not variance:
        return None
    main = _main(found.numbers)
    figure = (
        "Each bar is the variance of an answer, by where it comes from: the picture (shared taste), this person with "
        "this picture (private taste), the person's habit of agreeing, the item, and what is left."
    )
    tables = (_shares(variance), _agreement(variance), *_six(variance))
    says = tuple(_agreement_in_short(main["agreement"], main["raters_a_picture"])[::-1])
    return Section("Shared and private taste", says, (("shares", figure),), tables, tuple(_notes_on_taste(main)))


def _shares(variance: Numbers) -> Grid:
    names = dict.fromkeys(name for v in variance.values() for name in v["shares"])
    rows = tuple(
        (name, *(share(v["shares"][name]) if name in v["shares"] else "–" for v in variance.values())) for name in names
    )
    return Grid(("share of the variance", *variance), rows, caption="With 95% likelihood intervals.")


def _agreement(variance: Numbers) -> Grid:
    several = any(v["several"] for v in variance.values())
    rows = [
        (words if several else words.replace("ICC(2,", "ICC(1,"),
         *(with_interval(v["agreement"][name]) if name in v["agreement"] else "–" for v in variance.values()))
        for name, words in AGREEMENT.items() if any(name in v["agreement"] for v in variance.values())
    ]  # fmt: skip
    return Grid(
        ("agreement", *variance), tuple(rows), caption="1 is perfect agreement, 0 none. Items are averaged first."
    )


def _six(variance: Numbers) -> list[Grid]:
    known = {scope: v["icc"] for scope, v in variance.items() if v.get("icc")}
    if not known:
        return []
    rows = tuple((f"ICC{n}", *(with_interval(six[n]) for six in known.values())) for n in next(iter(known.values())))
    caption = "Everybody saw every picture: the six of Shrout and Fleiss, with the intervals of McGraw and Wong."
    return [Grid(("by analysis of variance", *known), rows, caption=caption)]


def _notes_on_taste(main: Numbers) -> list[str]:
    notes = ["Cross-classified mixed model, all effects random, by restricted maximum likelihood."]
    if not main["several"]:
        notes.append(
            "Each person saw one picture, so a person and what they see in a picture cannot be told apart, nor private "
            "from shared taste: show each person several pictures."
        )
    elif main["again"]:
        notes.append("Pictures that came back separate what a person likes from the mood of one look.")
    else:
        notes.append("No picture came back: private taste holds the mood of one look, too, and b1 is an upper bound.")
    if main["left_out"]:
        notes.append(f"Left out: {count(main['left_out'], 'page')} with an item passed over.")
    return notes


def _pictures(found: Analysis) -> Section | None:
    tests: Numbers = found.numbers["comparisons"].get("pictures", {})
    if not tests:
        return None
    scope, told = next(iter(tests.items()))
    says: tuple[str, ...] = ()
    if told["tests"]:
        differ = f"{told['significant']} of {count(told['tests'], 'picture')} differ from all others beyond chance"
        says = (f"On {scope}, {differ} ({told['without_correction']} before Holm's correction).",)
    figure = (
        f"Pictures by their mean on {scope}, the highest first; coloured ones differ from all others (Welch, Holm)."
    )
    note = (
        "Where people saw several pictures, Welch's test takes their answers for independent, which makes it cautious."
    )
    return Section(LIKED, says, (("pictures", figure),), (), (note,))


def _comparisons(found: Analysis) -> Section | None:
    told = found.numbers["comparisons"]
    named = [(words, told[name]) for name, words in COMPARED.items() if name in told]
    named += [(f"each picture against the others, {scope}", tests) for scope, tests in told.get("pictures", {}).items()]
    rows = tuple(
        (words, whole(tests["tests"]), whole(tests["without_correction"]), whole(tests["significant"]))
        for words, tests in named
    )
    if not rows:
        return None
    caption = "Of many tests one in twenty is significant by chance alone; Holm's correction takes these away."
    tables = [Grid(("comparison", "tests", "p < .05", "after Holm"), rows, caption=caption)]
    if "women_and_men" in found.tables:
        tables.append(_women_and_men(found.tables["women_and_men"]))
    return Section("Which differences hold up?", (), (), tuple(tables))


def _women_and_men(table: pd.DataFrame) -> Grid:
    rows = tuple(
        (plain_item(r["item"]), number(r["female"]), number(r["male"]), number(r["size"]), p_value(r["p_holm"]))
        for _, r in table.sort_values("size", key=abs, ascending=False).head(5).iterrows()
    )
    caption = "The five items that women and men answered most differently; d counts standard deviations."
    return Grid(("item", "women", "men", "d", "p after Holm"), rows, caption=caption)


def _repeats(found: Analysis) -> Section | None:
    if (r := found.numbers.get("repeats")) is None:
        return None
    same, near = per_cent(r["same"]), per_cent(r["near"])
    says = f"When a picture came back, {same} of the answers were the same and {near} within one point"
    figure = "The further the coloured bars lie left of the gray ones, the better people know what they like."
    if r["distance_of_others"] is not None:
        says += f"; on average they differed by {number(r['distance'])} points, answers about different pictures by "
        says += number(r["distance_of_others"])
    came = f"{count(r['pairs'], 'picture')} came back, to {count(r['people'], 'person', 'people')}"
    note = f"{came}; the two answers to an item correlate by {number(r['correlation'])} in the middle."
    return Section("Do people repeat themselves?", (f"{says}.",), (("repeats", figure),), (), (note,))


def _picks(found: Analysis) -> Section | None:
    if (told := found.numbers.get("picks")) is None:
        return None
    picks, likes = count(told["picks"], "pick"), count(told["likes"], "picture")
    says = [f"{count(told['people'], 'person', 'people')} made {picks} and judged {likes} one by one."]
    if told["liked"] is not None:
        says.append(f"They liked {per_cent(told['liked'])} of these.")
    if told["ratings_correlation"] is not None:
        says.append(
            f"Shares of picks and mean ratings order the pictures alike by {number(told['ratings_correlation'])} "
            f"(Spearman, p = {p_value(told['ratings_p'])})."
        )
    table = found.tables["picks"].head(10)
    rows = tuple(
        (r["picture"], whole(r["shown"]), whole(r["picked"]), number(r["expected"], 1), _interval(r, "share"),
         _interval(r, "liked_share"))
        for _, r in table.iterrows()
    )  # fmt: skip
    head = ("picture", "shown", "picked", "by chance", "share (95%)", "liked (95%)")
    caption = "The pictures that were picked most often of those they were shown with; intervals are Wilson's."
    notes = ["What is shown depends on what was picked before, so shares compare a picture with its company only."]
    if told["place_p"] is not None:
        way = "matters" if told["place_p"] < CHANCE else "does not show to matter"
        notes.append(
            f"The place on the page {way}: chi² = {number(told['place_chi2'])}, p = {p_value(told['place_p'])}."
        )
    if told["passed_over"]:
        notes.append(f"Passed over: {count(told['passed_over'], 'page')}.")
    return Section("What people picked", tuple(says), (), (Grid(head, rows, caption=caption),), tuple(notes))


def _interval(row: Any, name: str) -> str:
    if row[name] != row[name]:
        return "–"
    return f"{per_cent(row[name])} ({per_cent(row[f'{name}_low'])} to {per_cent(row[f'{name}_high'])})"


def _next(found: Analysis) -> Section | None:
    if (planned := found.numbers.get("power")) is None:
        return None
    reliability, items = planned["reliability"], planned["items"]
    rows = tuple(
        (scope, number(r["icc"]), whole(r["people"], "no number"), whole(r["people_same_pictures"]),
         whole(r["pictures_for_precision"]))
        for scope, r in reliability.items()
    )  # fmt: skip
    head = ("scale", "ICC(2,1)", "people a picture", "the same, if all see the same pictures", "pictures")
    caption = "People for a reliable mean of a picture, ICC(2,k) = .80; pictures to know the ICC to within 0.1."
    tables, says = [Grid(head, rows, caption=caption)], []
    if (people := next(iter(reliability.values()))["people"]) is not None:
        says.append(f"A picture's mean is reliable (.80) once {count(people, 'person has', 'people have')} seen it.")
    figure = "The more people see a picture, the more reliable its mean."
    if items:
        tables.append(_people_for_items(items))
        gap = f"{items['difference']:g} points"
        figure = (
            f"Left: {figure[0].lower()}{figure[1:]} Right: the chance to find a difference of {gap} between two items; "
            "it stops rising where pictures are too few."
        )
    note = "Planned as if this study's variances were the true ones; they are estimates, see their intervals."
    return Section("The next study", tuple(says), (("power", figure),), tuple(tables), (note,))


def _people_for_items(items: Numbers) -> Grid:
    counts = list(dict.fromkeys(r["pictures"] for r in items["rows"]))
    by = {(r["difference"], r["pictures"]): whole(r["people"], "no number") for r in items["rows"]}
    rows = tuple((f"{gap:g} points", *(by[gap, n] for n in counts)) for gap in dict.fromkeys(gap for gap, _ in by))
    caption = (
        f"People needed to find a difference between two items with a chance of 80%, each seeing {items['each']} of "
        "the pictures. “No number”: what differs between pictures hides it; show more of them."
    )
    return Grid(("difference", *(count(n, "picture") for n in counts)), rows, caption=caption)


def _left_out(found: Analysis) -> Section | None:
    rows = tuple(found.left_out.items())
    return (
        Section("What could not be computed", tables=(Grid(("what", "why"), rows, frozenset({0, 1})),))
        if rows
        else None
    )
