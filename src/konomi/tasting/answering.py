"""The path of Hayase's paper: answers to the questionnaire -> a condition -> a character, in three ways, side by side.

Method 1 puts the answers scaled into a generator that was trained on answers, method 2 one-hot; ours asks what people
like who answered alike, and draws that. All three begin with the same answers of one person.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from konomi import api, drawing
from konomi.errors import FileError, InputError, ModelError, shorten
from konomi.files import file_sha256, make_folder, read_json, reporting, whole, write_bytes, write_json
from konomi.models import published
from konomi.network import facts_of, open_session
from konomi.papers.grids import labelled
from konomi.questionnaire import Answers, Questionnaire, encode, load_questionnaire, read_answer, scaled
from konomi.taste.preference import Crowd, newcomer
from konomi.taste.profile import read_crowd
from konomi.tasting.suggesting import draw_for
from konomi.upscale import upscale

METHODS = {"scaled": 1, "one-hot": 2}  # encodings, and the paper's numbers of them
SIZE = 256  # pixels


@dataclass(frozen=True)
class AnswerModel:
    """A generator that was trained on answers."""

    name: str
    sha256: str
    encoding: str  # one of METHODS
    latent: int  # length of the noise vector
    simulated: bool  # no person gave the answers that it was trained on
    session: Any

    def draw(self, answers: Answers, seed: int) -> Image.Image:
        """The picture of one person's answers and a seed."""
        feed = {"z": drawing.noise(seed, self.latent)[None], "condition": encode(answers, self.encoding)}
        (pixels,) = self.session.run(["picture"], feed)
        return upscale(Image.fromarray(drawing.to_uint8(pixels[0])), SIZE)


@dataclass(frozen=True)
class Row:
    """What one way makes of the answers."""

    label: str
    pictures: Sequence[Image.Image]  # of ours, avatars
    facts: dict[str, Any]  # what is needed to draw them again


Way = Callable[..., Row]  # (answers, *, count, seed)


def open_ways(files: Mapping[str, Path | None], crowd: Path | None, model: str, asked: Questionnaire) -> dict[str, Way]:
    """The ways that there is something to draw with, by name: scaled, one-hot, ours; an InputError if there is none.

    `files` are generators by encoding, published ones where there is no file; ours needs a crowd.
    """
    ways: dict[str, Way] = {}
    for encoding in METHODS:
        if path := files.get(encoding) or published_answer_model(encoding, asked):
            ways[encoding] = partial(by_method, load_answer_model(path, encoding, asked))
    if crowd is not None:
        known = read_crowd(crowd)
        if not set(told_names(asked)) & set(known.told):
            raise InputError(
                f"{crowd} was learned from people who were not asked questionnaire {asked.name!r}; take one of 'konomi "
                "taste fit' or 'konomi taste simulate'"
            )
        ways["ours"] = partial(by_taste, known, api.open_model(model))
    if not ways:
        raise InputError(
            "there is nothing to draw with: give --scaled and --onehot (konomi export of runs with answers), --crowd "
            "(konomi taste fit), or several of them"
        )
    return ways


def load_answer_model(path: Path, encoding: str, asked: Questionnaire) -> AnswerModel:
    """Load an .onnx file that `konomi export` wrote of a run with answers; a ModelError if it is of another kind."""
    session = open_session(path)
    facts = facts_of(session, path, hint="; make one with 'konomi export'")
    if facts.get("kind") != "dcgan":
        raise ModelError(f"{path} is not a generator that was trained on answers")
    if facts["condition"] != encoding:
        raise ModelError(f"{path} reads {facts['condition']} answers, not {encoding} ones")
    if facts["questionnaire_hash"] != asked.hash:
        raise ModelError(f"{path} was trained on another version of questionnaire {asked.name!r}")
    return AnswerModel(facts["name"], file_sha256(path), encoding, facts["latent"], facts["simulated"], session)


def published_answer_model(encoding: str, asked: Questionnaire) -> Path | None:
    """The newest published model of the family hayase-scaled or hayase-one-hot that was asked `asked`, if any was."""
    for model in reversed(published("dcgan")):
        if model.family == f"hayase-{encoding}":
            session = open_session(model.path, name=model.name, sha256=model.sha256)
            if facts_of(session, model.path)["questionnaire_hash"] == asked.hash:
                return model.path
    return None


def by_method(model: AnswerModel, answers: Answers, *, count: int, seed: int) -> Row:
    """`count` pictures of the same answers, by the paper's method 1 or 2."""
    pictures = [model.draw(answers, seed + number) for number in range(count)]
    label = f"method {METHODS[model.encoding]}, {model.encoding}{_note(model.simulated)}"
    return Row(label, pictures, {"model": model.name, "model_sha256": model.sha256, "encoding": model.encoding})


def by_taste(crowd: Crowd, model: drawing.Model, answers: Answers, *, count: int, seed: int) -> Row:
    """`count` pictures that people like who answered alike, as far as the crowd knows."""
    told = told_of(answers)
    group = newcomer(crowd, np.array([told.get(name, np.nan) for name in crowd.told]))
    nothing = api.understand("", schema_name=model.schema.name)
    avatars, _ = draw_for(crowd, group, model, nothing, count=count, seed=seed, size=SIZE)
    facts = {"model": model.name, "crowd": crowd.hash, "simulated": crowd.simulated, "codes": [a.code for a in avatars]}
    return Row(f"ours{_note(crowd.simulated)}", avatars, facts)


def _note(simulated: bool) -> str:
    return " (simulated people)" if simulated else ""


def write_characters(folder: Path, answers: Answers, rows: Sequence[Row], *, seed: int) -> list[tuple[Path, str]]:
    """Write the sheet, the answers, and what is needed to draw all again; ours also one by one, with their reasons."""
    make_folder(folder)
    told: dict[str, Any] = {"gender": answers.gender[0], "age": int(answers.age[0])}
    told |= dict(zip(answers.questionnaire.columns, answers.items[0].tolist(), strict=True))
    write_json(folder / "answers.json", told)
    write_json(folder / "characters.json", {"answers": told, "seed": seed, "ways": [row.facts for row in rows]})
    with whole(folder / "characters.png") as temporary:
        title = "The same answers to the questionnaire"
        labelled(title, [(row.label, row.pictures) for row in rows]).save(temporary, "PNG")
    avatars = [picture for row in rows for picture in row.pictures if isinstance(picture, api.Avatar)]
    for avatar in avatars:
        write_bytes(folder / f"ours-{avatar.seed}.png", avatar.encoded("png"))
    return [(folder / f"ours-{avatar.seed}.png", avatar.because) for avatar in avatars]


# --- answers ---


def told_names(asked: Questionnaire) -> tuple[str, ...]:
    """What a crowd calls the numbers that answers tell, in the order of `konomi.questionnaire.scaled`."""
    return (*asked.columns, asked.genders[0], "age")


def told_of(answers: Answers) -> dict[str, float]:
    """What one person's answers tell."""
    return dict(zip(told_names(answers.questionnaire), scaled(answers)[0].astype(float).tolist(), strict=True))


def one_answer(asked: Questionnaire, where: str, row: dict[str, Any]) -> Answers:
    """One person's answers from texts or numbers by column; an InputError names what is missing or wrong."""
    if unknown := [name for name in row if name not in (*asked.columns, "gender", "age", "person", "picture")]:
        raise InputError(f"{where}: {shorten(unknown[0])!r} is not asked; the columns are gender, age, item_1, ...")
    gender, age, points = read_answer(asked, where, row)
    return Answers(asked, ("",), ("",), (gender,), np.array([age]), np.array([points]))


def read_one_answer(path: Path) -> Answers:
    """One person's answers to the questionnaire love-liking, from a JSON object or a CSV with one row."""
    asked = load_questionnaire()
    if path.suffix == ".json":
        row = read_json(path)
        if not isinstance(row, dict):
            raise FileError(f"{path} must be one object, with gender, age, item_1, item_2, ...")
        return one_answer(asked, str(path), row)
    with reporting("read", path):
        data = path.read_bytes()
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path} is not a CSV in UTF-8: {error}") from None
    if len(rows) != 1:
        raise FileError(
            f"{path} has {len(rows)} rows; the answers of one person are one row under the names of columns"
        )
    return one_answer(asked, str(path), {name: value for name, value in rows[0].items() if name})
