"""A survey answered by simulated people, through the same store as by real ones."""

import secrets
from collections.abc import Iterator

import numpy as np

from konomi.errors import InputError
from konomi.taste.assignment import pages_for
from konomi.taste.respondents import Respondents
from konomi.web.survey_folder import Survey
from konomi.web.survey_picks import Picking

APART = 60_000  # milliseconds between two people's starts


def rehearse(survey: Survey, people: int, *, seed: int, now: int) -> Iterator[str]:
    """Let `people` simulated people answer; yields the label of each. An InputError if the study is for people."""
    if not survey.settled.study.simulated:
        raise InputError(
            f'study "{survey.settled.study.name}" is for people; one that says simulated = true can be rehearsed'
        )
    crowd = Respondents(survey.settled, len(survey.kept.pictures), seed=seed)
    picking = Picking(survey)
    before = len(survey.store.rows(survey.kept.id)["participants"])
    for number in range(before, before + people):
        yield _come(survey, picking, crowd, number, now - (before + people - number) * APART)


def _come(survey: Survey, picking: Picking, crowd: Respondents, number: int, at: int) -> str:
    """One person from start to end, or until they go away."""
    store, study = survey.store, survey.kept.id
    who, dice = crowd.person(number), np.random.default_rng([crowd.seed, 2, number])
    language = survey.settled.study.languages[0]
    person = store.start(study, secrets.token_urlsafe(24), pages_for(survey.settled), language=language, now=at)
    while True:
        picking.prepare(person)
        place = store.current(person)
        assert place is not None  # the last page is done when all is sent
        if place.position > who.leaves_after * (place.pages - 1):
            break
        store.shown(person, place.position, language, now=at)
        if place.page.kind == "end":
            store.send(person, place.position, comment="", now=at)
            break
        if place.page.kind == "about":
            asked = survey.settled.study.person
            age, gender = (None if asked.age == "no" else who.age), (None if asked.gender == "no" else who.gender)
            store.tell(person, place.position, age=age, gender=gender, now=at)
            continue
        after = crowd.times(who, place.page, dice)
        at += max(after.values()) + 1500
        store.save(person, place.position, crowd.answer(who, place.page, dice), now=at, after=after, leave=True)
    return person.label
