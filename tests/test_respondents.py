"""Simulated respondents, and the rehearsal of a survey with them through the real store."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from databases import MEMORY
from konomi.data.answers import read_study
from konomi.errors import InputError
from konomi.questionnaire import load_questionnaire
from konomi.taste.assignment import ATTENTION, Page
from konomi.taste.respondents import HASTY, STRAIGHT, Respondents, Spreads
from konomi.taste.study import Settled, Study, study_from
from konomi.web.survey import now
from konomi.web.survey_export import export_survey
from konomi.web.survey_folder import Survey, make_survey
from konomi.web.survey_rehearsal import rehearse

ITEMS = load_questionnaire().columns
SIMULATED = Study("faces", {"en": "Faces"}, {"en": "Yes"}, simulated=True)
SETTLED = Settled(SIMULATED, load_questionnaire(), load_questionnaire("mini-ipip"))
PAGE = Page("picture", 2, (*ITEMS, ATTENTION), expected=6)
STUDY = """
name = "faces"
title = { en = "Faces" }
consent = { en = "Nobody is asked." }
simulated = %s
[pictures]
folder = "faces"
[plan]
pictures = 3
repeats = 1
attention_checks = 1
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:  # every answer waits for the disk
        (Path(name) / "faces").mkdir()
        for number in range(4):
            Image.new("RGB", (32, 32), (60 * number, 90, 120)).save(Path(name) / "faces" / f"face-{number}.png")
        yield Path(name)


def made(folder: Path, simulated: bool = True) -> Survey:
    (folder / "study.toml").write_text(STUDY % str(simulated).lower())
    return make_survey(folder / "study.toml", folder / "survey", database="", now=now())


def crowd(**changes: float) -> Respondents:
    return Respondents(SETTLED, 4, seed=1, spreads=replace(Spreads(), **changes))


def test_the_spreads_are_those_asked_for() -> None:
    people = [crowd().person(number) for number in range(600)]
    assert np.std([person.offset for person in people]) == pytest.approx(0.6, abs=0.06)
    assert np.std([person.taste for person in people]) == pytest.approx(0.6, abs=0.05)
    assert np.std([person.detail for person in people]) == pytest.approx(0.4, abs=0.02)
    shares = [np.mean([person.manner == manner for person in people]) for manner in (STRAIGHT, HASTY)]
    assert shares == pytest.approx([0.05, 0.05], abs=0.025)
    assert crowd().person(7).age == people[7].age


def test_who_reads_answers_what_they_feel() -> None:
    calm = crowd(look=0, rest=0, straight=0, hasty=0, misses=0)
    who = calm.person(0)
    given = calm.answer(who, PAGE, np.random.default_rng(0))
    felt = calm.means[2] + who.offset + who.style + who.taste[2] + who.detail[2]
    assert [given[item] for item in ITEMS] == felt.round().clip(1, 7).tolist()
    assert given[ATTENTION] == 6
    assert list(given) == list(PAGE.items)


def test_who_does_not_read_clicks_one_point_or_anything_and_fast() -> None:
    straight, hasty = (crowd(straight=s, hasty=1 - s) for s in (1, 0))
    dice = np.random.default_rng(0)
    assert len(set(straight.answer(straight.person(0), PAGE, dice).values())) == 1
    anything = [hasty.answer(hasty.person(0), PAGE, dice)[item] for item in ITEMS for _ in range(20)]
    assert np.bincount(anything)[1:].min() > 20
    quick = hasty.times(hasty.person(0), PAGE, dice)
    assert list(quick.values()) == sorted(quick.values())
    assert quick[ATTENTION] < 23_000


def test_traits_show_in_answers_about_oneself() -> None:
    calm = crowd(straight=0, hasty=0)
    own, dice = SETTLED.personality, np.random.default_rng(3)
    assert own is not None
    page = Page("self", items=own.columns)
    people = [calm.person(number) for number in range(300)]
    given = [calm.answer(person, page, dice) for person in people]
    for column, item in list(zip(own.columns, own.items, strict=True))[:6]:
        r = np.corrcoef([p.traits[item.scale] for p in people], [g[column] for g in given])[0, 1]
        assert (r < -0.4) if item.reverse else (r > 0.4)


def test_a_rehearsal_goes_through_the_real_store(folder: Path) -> None:
    survey = made(folder)
    labels = list(rehearse(survey, 12, seed=3, now=now()))
    rows = survey.store.rows(survey.kept.id)
    assert [row["label"] for row in rows["participants"]] == labels
    assert sum(row["state"] == "sent" for row in rows["participants"]) >= 9
    assert all(row["after_ms"] > 0 for row in rows["answers"])
    told = export_survey(survey, folder / "out")
    survey.store.close()
    assert "12 people" in told[0]
    assert read_study(folder / "out").simulated
    assert "study,simulated,yes" in (folder / "out" / "codebook.csv").read_text()


def test_a_study_for_people_cannot_be_rehearsed(folder: Path) -> None:
    survey = made(folder, simulated=False)
    with pytest.raises(InputError, match='study "faces" is for people'):
        list(rehearse(survey, 1, seed=0, now=now()))
    assert not survey.store.rows(survey.kept.id)["participants"]
    survey.store.close()


def test_simulated_says_so_or_is_not_there() -> None:
    plain = {"name": "a", "title": {"en": "A"}, "consent": {"en": "B"}, "pictures": {"folder": "faces"}}
    study = study_from(plain, "here")
    assert "simulated" not in study.to_dict()  # studies from before keep their hash
    simulated = study_from(plain | {"simulated": True}, "here")
    assert study_from(simulated.to_dict(), "there") == simulated
    assert simulated.hash != study.hash
    with pytest.raises(InputError, match="simulated is 'yes'; it must be true or false"):
        study_from(plain | {"simulated": "yes"}, "here")
    with pytest.raises(InputError, match='a simulated study has access, kind = "open"'):
        study_from(plain | {"simulated": True, "access": {"kind": "codes"}}, "here")
