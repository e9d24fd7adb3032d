"""What a training run is to be: a recipe file in TOML, read strictly."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, TypeVar

from konomi.errors import InputError, TrainingError
from konomi.settings import check_keys, read_toml, typed

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """The [train] table of a recipe. Everything that is counted is counted in pictures shown to the discriminator."""

    pictures: int = 300_000  # length of the run
    seed: int = 0
    channels: tuple[int, ...] = (192, 192, 128, 64)  # generator, at 4, 8, 16, ... pixels
    smooth: bool = False  # the generator takes the finest checkerboard out of its pictures
    soft_colours: bool = False  # and draws colours at half the resolution, as JPEG stores them
    batch: int = 16  # at first: the number of steps matters early
    later_batch: int = 32
    later_batch_from: int = 60_000
    learning_rate: float = 3e-4
    last_learning_rate: float = 5e-5  # reached at the end, along a cosine
    penalty: float = 0.5  # gamma of R1 and R2, effective: it is applied every `penalty_every` steps, that much stronger
    last_penalty: float = 0.05  # reached at half of the run, exponentially
    penalty_every: int = 4
    augment: float = 0.8  # chance of each augmentation
    augment_colour: float = 0.6  # strength of the colour changes
    real_attributes: float = 0.07  # weight of the attribute loss on real pictures (discriminator)
    drawn_attributes: float = 0.03  # and on drawn ones (generator)
    judged_attributes: float = 0.0  # weight of what a judge, if there is one, says of drawn ones (generator)
    judged_appeal: float = 0.0  # and of its loss for faces that are not whole, or not liked
    judged_every: int = 2  # steps; its loss is applied that much stronger
    judged_wishes: float = 0.0  # chance of each attribute to be wished for when the judge sees it: all values alike
    critic: float = 0.0  # weight of a second discriminator that looks through the judge's eyes (generator)
    critic_every: int = 2  # steps; its loss is applied that much stronger
    drop_label: float = 0.15  # chance that one attribute is made unknown
    drop_labels: float = 0.1  # chance that all are
    fade_in: int = 20_000  # conditions grow from nothing to full strength
    temper: float = 0.5  # pictures of a rare value are seen more often: frequency ** (1 - temper)
    favour: tuple[str, ...] = ()  # slots whose pictures are seen more often still: what the generator draws badly
    favoured: float = 3.0  # how many times as often
    average: int = 10_000  # half-life of the averaged generator, in pictures
    sample_every: int = 20_000
    checkpoint_seconds: float = 240.0
    metrics_every: int = 2_000

    def __post_init__(self) -> None:
        for name in (
            "pictures",
            "batch",
            "later_batch",
            "penalty_every",
            "sample_every",
            "metrics_every",
            "average",
            "judged_every",
            "critic_every",
        ):
            if getattr(self, name) < 1:
                raise TrainingError(f"[train] {name} is {getattr(self, name)}; it must be at least 1")
        for name in ("augment", "drop_label", "drop_labels", "temper", "judged_wishes"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"[train] {name} is {getattr(self, name)}; it goes from 0 to 1")
        if self.favoured <= 0:
            raise TrainingError(f"[train] favoured is {self.favoured}; it must be above 0")


# going on from a published model with a few hundred drawings: four minutes at 17 pictures a second. Longer, faces break
# and words are lost, for the discriminator soon knows so few by heart; the critic's eyes are frozen.
OWN_STYLE = Options(
    pictures=4_000,
    later_batch=16,
    learning_rate=1e-4,
    last_learning_rate=2e-5,
    penalty=0.5,
    last_penalty=0.5,
    critic=1.0,
    critic_every=1,
    fade_in=0,
    temper=0.0,
    average=2_500,
    sample_every=500,
)


@dataclass(frozen=True)
class Plan(Generic[T]):
    """A whole recipe: what is trained, on which stages, and how."""

    name: str
    schema: str
    data: tuple[Path, ...]  # stage folders, relative to where the command runs
    options: T
    start_from: Path | None = None  # checkpoint of another run, whose networks this one begins with
    left_out: tuple[str, ...] = ()  # attributes of the schema that the networks know nothing of
    judge: Path | None = None  # network of a judge, which the generator is to please
    base: str | None = None  # published model whose networks this run begins with


def read_plan(path: Path) -> Plan[Options]:
    """Read the recipe of a generator; an InputError names a missing or unknown key, with the nearest known one."""
    return read_plan_of(path, Options(), ["start_from", "base", "judge"])


def read_plan_of(path: Path, defaults: T, more: list[str]) -> Plan[T]:
    """Read a recipe whose [train] table has the keys of the dataclass `defaults`, and that may have the keys `more`."""
    table = read_toml(path)
    check_keys(
        table, ["kind", "name", "schema", "data", "train", *more], str(path), required=["name", "schema", "data"]
    )
    train = table.get("train", {})
    check_keys(train, [f.name for f in fields(defaults)], f"{path} [train]")  # type: ignore[arg-type]
    if not isinstance(table["data"], list) or not table["data"]:
        raise InputError(f"{path}: data must be a list of stage folders")
    if {"start_from", "base"} <= table.keys():
        raise InputError(f"{path}: a run begins with start_from or with base, not with both")
    start, judge = (Path(table[key]) if key in table else None for key in ("start_from", "judge"))
    return Plan(
        table["name"],
        table["schema"],
        tuple(map(Path, table["data"])),
        type(defaults)(**typed(train, defaults, f"{path} [train]")),
        start,
        tuple(table.get("leave_out", ())),
        judge,
        table.get("base"),
    )
