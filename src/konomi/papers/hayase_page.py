"""The page on Hayase's study: what the paper claims, what was measured here, whether it held."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from konomi.files import make_folder, write_text
from konomi.papers.hayase import METHODS, QUICK, AnswerFacts, Scale, describe_answers, runs_of, studies
from konomi.papers.hayase_figures import draw_figures
from konomi.papers.pages import render

Measures = Mapping[str, Mapping[str, Any]]
Numbers = Sequence[float | None]  # by number of characters; None: not measured yet

CAPTIONS = {
    "losses": "Losses (simulated answers): the paper's figures 6 and 8",
    "pretraining": "The same noises along the pre-training",
    "over-batches-1": "Method 1 over batches, one noise (simulated answers): the paper's figure 7",
    "over-batches-2": "Method 2 over batches, one noise (simulated answers): the paper's figure 9",
    "fixed-noise": "One noise, random answers (trained on simulated answers): the paper's figure 10",
    "fixed-answers": "One random answer, many noises (trained on simulated answers): the paper's figure 11",
    "item-means": "Item means by character (simulated answers): the paper's figure 12",
    "sweep": "Items 15 and 19 from 1 to 7, the rest at its rounded mean, gender 1 (simulated answers): its figure 13",
}


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, how it came out here, and whether it held."""

    text: str
    measured: str
    held: bool | None  # None: not measured yet

    @property
    def verdict(self) -> str:
        return {True: "yes", False: "no", None: "not measured yet"}[self.held]


def write_page(page: Path, folder: Path, scale: Scale, measures: Measures, beside: Measures) -> None:
    """Draw the figures into a folder beside `page`, and write it; `beside` is measured of other generators."""
    figures = draw_figures(folder, make_folder(page.with_suffix("")), scale)
    facts = [describe_answers(study) for _, study in studies(folder, scale)]
    runs = sorted(runs_of(folder, scale), key=lambda run: (run.characters, METHODS[run.method]))
    snapshots = sorted((folder / "dcgan" / "snapshots").glob("*.safetensors"))
    text = render(
        "hayase.md", quick=scale == QUICK, facts=facts, claims=claims(measures, facts),
        runs=[{"title": run.title, "m": measures.get(run.name)} for run in runs],
        counts=", ".join(str(fact.characters) for fact in facts), conditions=scale.conditions, latents=scale.latents,
        pretrained=int(snapshots[-1].stem) if snapshots else 0, pretraining=scale.pretraining.pictures,
        goal=scale.training.pictures, beside=beside, show_from=scale.show_from,
        figures=[(told, f"{page.stem}/{figures[name].name}") for name, told in CAPTIONS.items() if name in figures],
    )  # fmt: skip
    write_text(page, text)


def claims(measures: Measures, facts: Sequence[AnswerFacts]) -> list[Claim]:
    """Every claim of the paper that can be measured."""
    return [*_claims_of_losses(measures, facts), *_claims_of_pictures(measures, facts), *_claims_of_answers(facts)]


def _claims_of_losses(measures: Measures, facts: Sequence[AnswerFacts]) -> list[Claim]:
    loss_d = _each(measures, facts, lambda one, _: one["loss_d"])
    loss_g = _each(measures, facts, lambda one, _: one["loss_g"])
    gap = _each(measures, facts, lambda one, two: (two["loss_g"] - two["loss_d"]) - (one["loss_g"] - one["loss_d"]))
    return [
        Claim(
            "method 1: the discriminator's loss is near zero",
            f"{_told(loss_d)} (undecided: 1.39; near zero: below 0.35)",
            _judge(loss_d, lambda x: x < 0.35),
        ),
        Claim(
            "method 1: the generator's loss stays around 6",
            f"{_told(loss_g)} (around: 4 to 8)",
            _judge(loss_g, lambda x: 4 <= x <= 8),
        ),
        Claim(
            "method 2: the two losses lie further apart than in method 1",
            f"by {_told(gap)} more",
            _judge(gap, lambda x: x > 0),
        ),
    ]


def _claims_of_pictures(measures: Measures, facts: Sequence[AnswerFacts]) -> list[Claim]:
    rough = _each(measures, facts, lambda one, two: two["roughness"] / one["roughness"])
    omega = [_each(measures, facts, lambda *runs, i=i: runs[i]["omega_squared"]) for i in (0, 1)]
    variety = [_each(measures, facts, lambda *runs, i=i: runs[i]["variety"]) for i in (0, 1)]
    sweep = _each(measures, facts, lambda one, two: max(*one["sweep_change"], *two["sweep_change"]))
    little = [_judge(numbers, lambda x: x < 0.05) for numbers in omega]
    return [
        Claim(
            "method 1 draws more cleanly than method 2",
            f"method 2 is {_told(rough)} times as rough (difference of a pixel from its neighbours)",
            _judge(rough, lambda x: x > 1),
        ),
        Claim(
            "method 2 draws a single character, whatever is answered",
            f"variety: method 1 {_told(variety[0])}; method 2 {_told(variety[1])} (a single one: below 0.2)",
            _judge(variety[1], lambda x: x < 0.2),
        ),
        Claim(
            "pictures hardly change with the answers",
            f"omega squared: method 1 {_told(omega[0], 3)}; method 2 {_told(omega[1], 3)} (hardly: both below 0.05)",
            None if None in little else all(little),
        ),
        Claim(
            "item 15 or 19 alone, from 1 to 7, changes nothing that one sees",
            f"a pixel changes by {_told(sweep, 1)} of 255 on average, at most (nothing: below 4)",
            _judge(sweep, lambda x: x < 4),
        ),
    ]


def _claims_of_answers(facts: Sequence[AnswerFacts]) -> list[Claim]:
    return [
        Claim(
            "item means are nearly equal over characters",
            f"they spread by {_told([fact.spread for fact in facts])} points over characters with 30 answers or more"
            " (standard deviation; nearly: below 0.25); put into the simulation",
            _judge([fact.spread for fact in facts], lambda x: x < 0.25),
        ),
        Claim(
            "items 15 and 19 differ, p = 3.02e-43",
            f"t = {_told([fact.t for fact in facts], 1)}, p = {' / '.join(f'{fact.p:.1e}' for fact in facts)};"
            " put into the simulation",
            facts[0].p < 1e-30,
        ),
    ]  # fmt: skip


def _each(measures: Measures, facts: Sequence[AnswerFacts], value: Callable[..., float]) -> Numbers:
    """`value` of the runs of both methods, by number of characters; None where one of them has not begun."""
    pairs = [[measures.get(f"{method}-{fact.characters}") for method in METHODS] for fact in facts]
    return [None if None in pair else value(*pair) for pair in pairs]


def _told(numbers: Numbers, digits: int = 2) -> str:
    return " / ".join("–" if number is None else f"{number:.{digits}f}" for number in numbers)


def _judge(numbers: Numbers, holds: Callable[[float], bool]) -> bool | None:
    return None if numbers[0] is None else holds(numbers[0])
