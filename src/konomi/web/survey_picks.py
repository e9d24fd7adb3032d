"""Picks within a survey: which of its pictures a person picks from next."""

import numpy as np

from konomi.schema import load_schema
from konomi.taste.picker import Picker, size_of
from konomi.taste.starting import starting_crowd
from konomi.web.store import Participant
from konomi.web.survey_folder import Survey
from konomi.web.survey_seen import read_seen


class Picking:
    """Chooses pictures for a survey's pages, when somebody first comes to them; idle in a study without picks."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.picker = open_picker(survey) if survey.settled.study.picks.pictures else None

    def prepare(self, who: Participant) -> None:
        """Choose the pictures of the next page, if it is a pick without any."""
        picks, store = self.survey.settled.study.picks, self.survey.store
        if self.picker is None or (page := store.undecided(who)) is None:
            return
        size, seed = size_of(page.kind, picks.of), self.survey.settled.study.plan.seed + who.id
        store.decide(who, page.position, self.picker.next(page.said, size=size, seed=seed))


def open_picker(survey: Survey) -> Picker:
    """Starts from nobody's taste, so what is chosen does not lean on what others said."""
    schema = load_schema("anime")
    seen, slots = read_seen(survey.folder, [file for file, _ in survey.kept.pictures]), len(schema.slots)
    known = ~np.isnan(seen[:, :slots])
    shares = np.where(known, seen[:, :slots], 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    crowd = starting_crowd(schema, shares)
    return Picker(crowd, crowd.design(seen[:, :slots], seen[:, slots:]))
