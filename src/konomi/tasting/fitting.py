"""Crowds: learned from a study's answers, or from simulated people."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from konomi import api, drawing
from konomi.data.answers import Study, read_study
from konomi.data.dataset import load
from konomi.errors import FileError, InputError, shorten, unknown_name
from konomi.files import reporting
from konomi.images import resize, stack
from konomi.questionnaire import Answers, load_questionnaire, scaled
from konomi.schema import Schema, load_schema
from konomi.taste.look import look
from konomi.taste.preference import Crowd
from konomi.taste.preference import fit as fit_crowd
from konomi.taste.raters import make_raters
from konomi.taste.replies import Likes, Picks, Ratings, Replies
from konomi.taste.simulate import Population, simulate
from konomi.tasting.answering import told_names
from konomi.tasting.pool import open_pool
from konomi.tasting.seeing import SIDE, Progress

PICKS = "picks.csv"  # in a study folder that was exported from a survey with picks
PICTURES = 480  # that simulated people see
HIDDEN = 6  # features that they see, and the crowd does not
EACH = 12  # ratings and picks of each simulated person


def fit_study(folder: Path, *, scale: str = "", progress: Progress = lambda items, total: items) -> Crowd:
    """What a study's people like: a rating of a picture is the mean of one person's items about it, rounded.

    Picks and likes of the same people count, too, where the study has them (`picks.csv`). Tags are the stage's; what it
    does not know, our tagger says. What people tell is their gender, their age and the mean of their answers to each
    item.
    """
    study, schema = read_study(folder), load_schema("anime")
    weights, looks = _seen(folder, study, schema, progress)
    answers = study.answers
    people = list(dict.fromkeys(answers.person))
    who = np.array([people.index(person) for person in answers.person])
    ratings = Ratings(who, study.index, ratings_of(answers, scale))
    replies = Replies(ratings, *read_picks(folder, people, study.names))
    return fit_crowd(
        schema, weights, looks, replies,
        people=len(people), simulated=study.simulated, points=answers.questionnaire.points,
        told=mean_by_person(scaled(answers), who), told_names=told_names(answers.questionnaire),
    )  # fmt: skip


def _seen(folder: Path, study: Study, schema: Schema, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Weights and looks of a study's pictures."""
    data = load([folder], schema)
    judge = api.open_judge(api.open_model(schema.name))
    judged = list(progress((judge(picture[None])[0] for picture in data.pictures), len(data)))
    weights = np.where(np.isnan(data.weights), np.stack(judged), data.weights)
    small = stack([resize(Image.fromarray(picture), SIDE) for picture in study.pictures])
    return weights.astype(np.float64), look(small)


def read_picks(folder: Path, people: Sequence[str], names: Sequence[str]) -> tuple[Picks, Likes]:
    """What these people picked, and which of the pictures `names` they liked; none where the study has no picks.

    A FileError if a picture is not the study's.
    """
    path = folder / PICKS
    if not path.is_file():
        return Replies().picks, Replies().likes
    with reporting("read", path), path.open(newline="", encoding="utf-8-sig") as file:
        pages: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in csv.DictReader(file):
            pages.setdefault((row["person"], row["position"]), []).append(row)
    places, numbers = {name: n for n, name in enumerate(names)}, {name: n for n, name in enumerate(people)}
    if unknown := [row["picture"] for page in pages.values() for row in page if row["picture"] not in places]:
        raise FileError(f"{path} names a picture that the study does not have: {shorten(unknown[0])!r}")
    told = [page for (who, _), page in pages.items() if who in numbers and page[0]["chosen"]]
    picks, likes = ([page for page in told if page[0]["kind"] == kind] for kind in ("pick", "like"))
    shown = np.full((len(picks), max([2, *map(len, picks)])), -1)
    for number, page in enumerate(picks):
        shown[number, : len(page)] = [places[one["picture"]] for one in page]
    return (
        Picks(_who(picks, numbers), shown, np.array([[r["chosen"] for r in page].index("1") for page in picks], int)),
        Likes(
            _who(likes, numbers),
            np.array([places[page[0]["picture"]] for page in likes], int),
            np.array([page[0]["chosen"] == "1" for page in likes], bool),
        ),
    )


def _who(pages: Sequence[Sequence[Mapping[str, str]]], numbers: Mapping[str, int]) -> np.ndarray:
    return np.array([numbers[page[0]["person"]] for page in pages], int)


def ratings_of(answers: Answers, scale: str = "") -> np.ndarray:
    """Points from 1, (R,): the mean of each answer's items, or of those of one scale, rounded."""
    scales = [item.scale for item in answers.questionnaire.items]
    if scale and scale not in scales:
        raise InputError(unknown_name("scale", scale, dict.fromkeys(scales)))
    used = [not scale or one == scale for one in scales]
    return np.floor(answers.items[:, used].mean(axis=1) + 0.5).astype(int)


def mean_by_person(rows: np.ndarray, who: np.ndarray) -> np.ndarray:
    """(people, C) from (R, C), by the number of the person of each row."""
    sums = np.zeros((who.max() + 1, rows.shape[1]))
    np.add.at(sums, who, rows)
    return sums / np.bincount(who)[:, None]


def simulate_crowd(
    model: drawing.Model, *, people: int, seed: int, progress: Progress = lambda items, total: items
) -> Crowd:
    """A crowd learned from simulated people (`konomi.taste.raters`) who rate and pick what `model` draws."""
    if not 20 <= people <= 5_000:
        raise InputError(f"people is {people}; from 20 to 5,000 can be simulated")
    pool = open_pool(model, count=PICTURES, progress=progress)
    men = round(people * Population().men / Population().people)
    asked = load_questionnaire()
    answers = simulate(list("abcd"), asked, seed=seed, population=Population(men=men, women=people - men))
    hidden, dice = _hidden(pool.cores), np.random.default_rng(seed)
    raters = make_raters(answers, model.schema, pool.weights, hidden, seed=seed)
    utility = raters.utility(pool.weights, hidden)
    who = np.repeat(np.arange(people), EACH)
    which = dice.integers(0, PICTURES, len(who))
    pairs = np.stack([dice.choice(PICTURES, 2, replace=False) for _ in who])
    ratings = Ratings(who, which, raters.rate(utility, who, which, seed=seed))
    picks = Picks(who, pairs, raters.pick(utility, who, pairs, seed=seed))
    return fit_crowd(
        model.schema, pool.weights, pool.looks, Replies(ratings, picks),
        people=people, simulated=True, told=scaled(answers).astype(float), told_names=told_names(asked),
    )  # fmt: skip


def _hidden(cores: np.ndarray) -> np.ndarray:
    """The main directions in which pictures differ, (N, 6), each of variance 1."""
    small = cores.reshape(len(cores), 16, 4, 16, 4, 3).mean(axis=(2, 4)).reshape(len(cores), -1)
    left, _, _ = np.linalg.svd(small - small.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, :HIDDEN] * np.sqrt(len(cores)))
