"""Hayase 2023 from data to measurements: studies, pre-training, six conditional runs, what their pictures show.

Everything lies in one folder: `study-4`, `study-40`, ... (simulated answers), `dcgan` (the pre-training), `scaled-4`,
`one-hot-4`, ... (runs), `measures.json`. Every step goes on where it stopped and is skipped where it is done.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from konomi.data.answers import STUDY, Study, choose_characters, read_study, write_study
from konomi.data.dataset import load
from konomi.data.synthetic import synthesise
from konomi.drawing import Model
from konomi.files import locked, read_json, read_lines, write_json
from konomi.images import stack
from konomi.metrics.distances import nearest, nearest_others
from konomi.metrics.variance import condition_effect, spread_within
from konomi.model.dcgan import LATENT
from konomi.model.dcgan_export import DcganSnapshot, load_dcgan_snapshot
from konomi.model.dcgan_train import DcganOptions, Pairs, train_dcgan
from konomi.model.loop import CHECKPOINT
from konomi.papers.xu import measure_effect
from konomi.questionnaire import Answers, Questionnaire, encode, load_questionnaire
from konomi.record import STAGE
from konomi.schema import load_schema
from konomi.taste.simulate import INTELLIGENT, SERIOUS, Population, simulate

METHODS = {"scaled": 1, "one-hot": 2}  # the paper's numbers
Features = Callable[[np.ndarray], np.ndarray]
Say = Callable[[str], None]
Report = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Scale:
    """How large a reproduction is."""

    characters: tuple[int, ...] = (400, 4, 40)  # in the order of training
    pretraining: DcganOptions = field(default_factory=lambda: DcganOptions(pictures=150_000))
    training: DcganOptions = field(default_factory=DcganOptions)
    population: Population = field(default_factory=Population)
    conditions: int = 50  # for the share of the variance that the answers explain
    latents: int = 50  # of each condition
    show_from: int = 100  # characters: a generator of fewer repeats the pictures it learned from, and is not shown
    seed: int = 0


# two minutes on an idle laptop: narrow networks and short runs, on drawn faces unless a stage is given
QUICK = Scale(
    characters=(4, 40),
    pretraining=DcganOptions(pictures=6_400, width=8, sample_every=3_200, metrics_every=320),
    training=DcganOptions(pictures=6_600, width=8, sample_every=2_200, metrics_every=330),
    conditions=8,
    latents=8,
    show_from=0,  # drawn faces may be shown
)


@dataclass(frozen=True)
class RunFolder:
    """One conditional run."""

    path: Path
    method: str  # one of METHODS
    characters: int

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def title(self) -> str:
        return f"method {METHODS[self.method]}, {self.characters} characters"

    @property
    def begun(self) -> bool:
        return len(self.snapshots) > 1

    @property
    def snapshots(self) -> list[Path]:
        return sorted((self.path / "snapshots").glob("*.safetensors"))

    def rows(self) -> list[dict[str, Any]]:
        """What was logged, without what a stop made the run do again."""
        log = self.path / "metrics.jsonl"
        return list({row["pictures"]: row for row in (read_lines(log) if log.exists() else [])}.values())


def runs_of(folder: Path, scale: Scale) -> list[RunFolder]:
    """All conditional runs of a reproduction, begun or not, in the order of training."""
    return [RunFolder(folder / f"{m}-{n}", m, n) for n in scale.characters for m in METHODS]


def reproduce(
    stage: Path | None,
    folder: Path,
    scale: Scale,
    *,
    page: Path,
    features: Features,
    seconds: float = math.inf,
    up_to: float = math.inf,
    beside: Sequence[Model] = (),
    device: str | None = None,
    report: Report = lambda name, row: None,
    say: Say = lambda line: None,
) -> dict[str, Any]:
    """The whole study in `folder`, as far as `seconds` of training allow, and its page; returns the measurements.

    Conditional runs end at `up_to` pictures, if that is less than they are planned for. What conditions decide is
    measured `beside` them of generators that are asked for tags.
    `stage` holds faces of 64 px; None draws simple ones. Run again, it goes on, and writes the page anew.
    """
    from konomi.papers.hayase_page import write_page

    with locked(folder):
        stage = stage or _drawn_faces(folder)
        make_studies(stage, folder, scale, say=say)
        train_all(stage, folder, scale, seconds=seconds, up_to=up_to, device=device, report=report, say=say)
        measures = measure_all(folder, scale, features, say=say)
        write_page(page, folder, scale, measures, measure_beside(folder, scale, beside, features, say=say))
    return measures


def _drawn_faces(folder: Path) -> Path:
    stage = folder / "drawn-faces"
    if not (stage / STAGE).exists():
        synthesise(stage, count=300, size=64)
    return stage


def make_studies(stage: Path, folder: Path, scale: Scale, *, say: Say) -> None:
    """A study of simulated answers for each number of characters."""
    for count in scale.characters:
        target = folder / f"study-{count}"
        if (target / STUDY).exists():
            continue
        characters = choose_characters(stage, count, seed=scale.seed)
        names = [Path(record.file).stem for record in characters]
        answers = simulate(names, load_questionnaire(), seed=scale.seed + count, population=scale.population)
        write_study(target, stage, characters, answers, {"simulated": True, "seed": scale.seed, "stage": stage.name})
        say(f"{target}: {len(answers)} simulated answers about {count} characters")


def train_all(
    stage: Path,
    folder: Path,
    scale: Scale,
    *,
    seconds: float,
    up_to: float,
    device: str | None,
    report: Report,
    say: Say,
) -> None:
    """The pre-training, then every conditional run, each from where it stopped, until `seconds` have passed."""
    until = time.monotonic() + seconds
    pictures = folder / "dcgan"
    if not _finished(pictures, scale.pretraining.pictures):
        say(f"{pictures}: pre-training without answers")
        pairs = Pairs.of_pictures(load([stage], load_schema("anime")).pictures)
        run = train_dcgan(
            pairs, scale.pretraining, pictures, device=device, seconds=until - time.monotonic(),
            report=partial(report, pictures.name),
        )  # fmt: skip
        if run.seen < scale.pretraining.pictures:  # what follows begins with its end
            say(f"{folder}: stopped; the same command goes on")
            return
    end = min(scale.training.pictures, up_to)
    for each in runs_of(folder, scale):
        if _finished(each.path, end):
            continue
        say(f"{each.path}: {each.title}")
        run = train_dcgan(
            Pairs.of_study(folder / f"study-{each.characters}", each.method), scale.training, each.path,
            device=device, seconds=until - time.monotonic(), up_to=up_to, start_from=pictures / CHECKPOINT,
            report=partial(report, each.name),
        )  # fmt: skip
        if run.seen < end:  # the time is up, or somebody stopped it
            say(f"{folder}: stopped; the same command goes on")
            return


def _finished(run: Path, pictures: float) -> bool:
    """A run that is finished has its last snapshot, and its checkpoint."""
    snapshots = sorted((run / "snapshots").glob("*.safetensors"))
    return bool(snapshots) and int(snapshots[-1].stem) >= pictures and (run / CHECKPOINT).exists()


def random_answers(asked: Questionnaire, count: int, *, seed: int) -> Answers:
    """Answers, gender and age at random, all values alike: what the paper put into its generators."""
    dice = np.random.default_rng(seed)
    names = tuple("random" for _ in range(count))
    genders = tuple(asked.genders[i] for i in dice.integers(0, 2, count))
    items = dice.integers(1, asked.points + 1, (count, len(asked.items)))
    return Answers(asked, names, names, genders, dice.integers(18, 81, count), items)


def sweep_answers(answers: Answers, item: int) -> Answers:
    """One item (from 0) from 1 to 7; the others at their rounded mean, gender 1, age at its mean."""
    asked = answers.questionnaire
    items = np.tile(answers.items.mean(axis=0).round().astype(int), (asked.points, 1))
    items[:, item] = np.arange(1, asked.points + 1)
    names = ("sweep",) * asked.points
    ages = np.full(asked.points, round(float(answers.age.mean())))
    return Answers(asked, names, names, (asked.genders[0],) * asked.points, ages, items)


def noises(count: int, *, seed: int) -> np.ndarray:
    """(count, 100), the same for the same seed."""
    return np.random.default_rng(seed).standard_normal((count, LATENT))


def draw_answers(snapshot: DcganSnapshot, z: np.ndarray, answers: Answers) -> list[Image.Image]:
    """One picture for each answer, from its own noise or from a single one, z (N, 100) or (1, 100)."""
    condition = encode(answers, snapshot.facts["condition"])
    return snapshot.draw(np.broadcast_to(z, (len(answers), LATENT)).copy(), condition)


def some_answers(answers: Answers, rows: np.ndarray) -> Answers:
    """The answers of these rows."""
    picked = {name: tuple(getattr(answers, name)[row] for row in rows) for name in ("person", "picture", "gender")}
    return Answers(answers.questionnaire, **picked, age=answers.age[rows], items=answers.items[rows])


def measure_all(folder: Path, scale: Scale, features: Features, *, say: Say) -> dict[str, Any]:
    """`measures.json`: every run that has begun, measured at its last snapshot; what was measured stays."""
    path = folder / "measures.json"
    measures: dict[str, Any] = read_json(path) if path.exists() else {}
    for run in (run for run in runs_of(folder, scale) if run.begun):
        snapshot = load_dcgan_snapshot(run.snapshots[-1])
        if measures.get(run.name, {}).get("pictures") != snapshot.seen:
            say(f"{run.path}: measuring {scale.conditions} conditions of {scale.latents} pictures")
            study = read_study(folder / f"study-{run.characters}")
            measures[run.name] = measure_run(run, snapshot, study, scale, features)
            write_json(path, measures)
    return measures


def measure_beside(
    folder: Path, scale: Scale, models: Sequence[Model], features: Features, *, say: Say
) -> dict[str, dict[str, float]]:
    """What the condition decides in generators that are asked for tags, by name; `beside.json` keeps it."""
    path = folder / "beside.json"
    found: dict[str, dict[str, float]] = read_json(path) if path.exists() else {}
    for model in (model for model in models if model.name not in found):
        say(f"{model.name}: measuring {scale.conditions} conditions by as many noises")
        found[model.name] = measure_effect(model, features, scale.conditions, lambda items, _count, _what: items)
        write_json(path, found)
    return {model.name: found[model.name] for model in models}


def measure_run(
    run: RunFolder, snapshot: DcganSnapshot, study: Study, scale: Scale, features: Features
) -> dict[str, Any]:
    """What one run's pictures and losses show; see the page for what each number means."""
    dice = np.random.default_rng(scale.seed)
    given = some_answers(study.answers, dice.choice(len(study.answers), scale.conditions, replace=False))
    groups = np.repeat(np.arange(scale.conditions), scale.latents)
    drawn = stack(draw_answers(snapshot, noises(len(groups), seed=scale.seed), some_answers(given, groups)))
    seen = features(drawn)
    effect, spread = condition_effect(seen, groups), spread_within(seen, groups)
    real = features(study.pictures)[study.index]
    return {
        "pictures": snapshot.seen, "steps": snapshot.step, "epochs": snapshot.seen / len(study.answers),
        "omega_squared": effect.omega_squared, "shuffled": effect.shuffled,
        "shuffled_low": effect.low, "shuffled_high": effect.high,
        "variety": spread.overall / _mean_distance(real, dice), "nearest": nearest_learned(drawn, study.pictures),
        "roughness": roughness(drawn) / roughness(study.pictures),
        "sweep_change": [_sweep_change(snapshot, study.answers, item) for item in (SERIOUS, INTELLIGENT)],
        "noise_change": _noise_change(snapshot, study.answers), **_late_losses(run),
    }  # fmt: skip


def nearest_learned(drawn: np.ndarray, learned: np.ndarray) -> float:
    """How far drawn pictures are from the nearest one learned from, over how far those are from one another.

    Median distances of pixels at 16 x 16, where noise no longer hides whose picture it is: about 1 for pictures that
    are nobody's, near 0 for copies.
    """
    one, other = _reduced(drawn), _reduced(learned)
    return float(np.median(nearest(one, other).distance) / np.median(nearest_others(other).distance))


def _reduced(pictures: np.ndarray, times: int = 4) -> np.ndarray:
    """uint8 (N, H, W, 3) -> float (N, D): means of squares of 4 x 4 pixels."""
    n, height, width, _ = pictures.shape
    squares = pictures.reshape(n, height // times, times, width // times, times, 3).astype(np.float32)
    return squares.mean(axis=(2, 4)).reshape(n, -1)


def _mean_distance(rows: np.ndarray, dice: np.random.Generator, count: int = 2_000) -> float:
    """Mean distance of random pairs of rows, as often as they are asked about."""
    one, two = rows[dice.integers(0, len(rows), count)], rows[dice.integers(0, len(rows), count)]
    return float(np.linalg.norm(one - two, axis=1).mean())


def roughness(pictures: np.ndarray) -> float:
    """Mean absolute difference of a pixel from the mean of its four neighbours, in 0..255: noise raises it."""
    x = pictures.astype(np.float32)
    around = (x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]) / 4
    return float(np.abs(x[:, 1:-1, 1:-1] - around).mean())


def _sweep_change(snapshot: DcganSnapshot, answers: Answers, item: int, count: int = 16) -> float:
    """Mean absolute difference of pixels, in 0..255, between answer 1 and answer 7 to one item, over 16 noises."""
    ends = some_answers(sweep_answers(answers, item), np.array([0, -1]))
    return float(np.mean([_difference(draw_answers(snapshot, z[None], ends)) for z in noises(count, seed=5)]))


def _noise_change(snapshot: DcganSnapshot, answers: Answers, count: int = 16) -> float:
    """The same between two noises with the same answer."""
    same = some_answers(sweep_answers(answers, SERIOUS), np.array([3, 3]))
    pairs = noises(2 * count, seed=6).reshape(count, 2, LATENT)
    return float(np.mean([_difference(draw_answers(snapshot, z, same)) for z in pairs]))


def _difference(pictures: list[Image.Image]) -> float:
    one, two = (np.asarray(picture, dtype=np.float32) for picture in pictures)
    return float(np.abs(one - two).mean())


def _late_losses(run: RunFolder) -> dict[str, float]:
    """Mean losses over the last tenth of what was logged."""
    rows = run.rows()
    late = rows[-max(1, len(rows) // 10) :]
    return {name: float(np.mean([row[name] for row in late])) for name in ("loss_d", "loss_g")} if late else {}


@dataclass(frozen=True)
class AnswerFacts:
    """What the answers of one study show by themselves."""

    characters: int
    per_character: tuple[float, float]  # mean and standard deviation of the number of answers
    means: np.ndarray  # (characters, items)
    spread: float | None  # SD of an item's mean over characters with 30 answers or more, mean of all items; None: none
    t: float  # between items 15 and 19, unpaired
    p: float


def describe_answers(study: Study) -> AnswerFacts:
    """Item means by character, and the paper's unpaired t-test between items 15 and 19."""
    items, index = study.answers.items, study.index
    counts = np.bincount(index, minlength=len(study.names))
    means = np.array([items[index == number].mean(axis=0) for number in range(len(study.names))])
    often = means[counts >= 30]
    t, p = t_test(items[:, SERIOUS], items[:, INTELLIGENT])
    spread = float(often.std(axis=0, ddof=1).mean()) if len(often) > 1 else None
    return AnswerFacts(
        len(study.names), (float(counts.mean()), float(counts.std(ddof=1))), means, spread, t, p
    )  # fmt: skip


def t_test(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """Unpaired t of equal variances, and its two-sided p, as `scipy.stats.ttest_ind`, which takes seconds to load."""
    from scipy.special import stdtr

    freedom = len(one) + len(two) - 2
    pooled = ((len(one) - 1) * one.var(ddof=1) + (len(two) - 1) * two.var(ddof=1)) / freedom
    t = (one.mean() - two.mean()) / np.sqrt(pooled * (1 / len(one) + 1 / len(two)))
    return float(t), float(2 * stdtr(freedom, -abs(t)))


def studies(folder: Path, scale: Scale) -> Iterator[tuple[int, Study]]:
    """Every study by its number of characters, the fewest first."""
    for count in sorted(scale.characters):
        yield count, read_study(folder / f"study-{count}")
