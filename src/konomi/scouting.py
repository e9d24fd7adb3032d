"""Scouting: which of many candidates are worth drawing, before any is drawn. Never imports torch.

A generator makes the same picture of the same noise and condition for ever, so what its judge says of the picture is a
function of both, and a small network can learn that from drawings without number that nobody had to label. To ask it
about all of `POOL` candidates takes less time than to draw one. The judge still looks at what is drawn and decides.

Which scout is fixed with a published model, as its judge is; and a recipe keeps the candidate that won.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from konomi.drawing import Model, inputs_each
from konomi.errors import ModelError
from konomi.models import Published, open_published
from konomi.recipe import Recipe
from konomi.schema import load_schema
from konomi.verifying import Look, Rule, verdicts

POOL = 64  # candidates that it is asked about
NEAR = 0.1  # wishes: what promises so much less than the best is as good


@dataclass(frozen=True)
class Scout:
    """Who says what the judge would say of pictures that are not drawn yet."""

    look: Callable[[np.ndarray, np.ndarray], list[Look]]  # of noises (N, latent) and centred conditions (N, slots)

    def tries(self, recipe: Recipe, model: Model, rule: Rule, candidates: int) -> list[int]:
        """The `candidates` most promising of the first `POOL` of a recipe without a blend, in the order to try them.

        All that promise nearly as much as the best come in the order of their numbers, which knows no preference: to
        take the best would give everybody the face that the judge likes best.
        """
        worth = [
            rule.worth(verdicts(recipe.condition, look.probabilities, rule.calibration), look.whole, look.liked)
            for look in self.look(*inputs_each(model, recipe, range(POOL)))
        ]
        enough = max(worth) - NEAR
        return sorted(range(POOL), key=lambda number: -min(worth[number], enough))[:candidates]


def open_scout(model: Published) -> Scout:
    """Open a published scout.

    Inputs `z`, float32 (N, latent), and `condition`, float32 (N, slots), as its generator reads them; outputs
    `probabilities`, float32 (N, tags), `whole` and `liked`, float32 (N,); metadata `slots`: what the tags are.
    """
    if model.kind != "scout":
        raise ModelError(f"{model.name} is a {model.kind}, not a scout")
    session, facts = open_published(model)
    schema = load_schema(facts["schema"]).version(facts["schema_hash"])
    if schema is None:
        raise ModelError(f"{model.name} was made for another version of the schema {facts['schema']!r}")
    where = [schema.slot_index(slot) for slot in facts["slots"]]

    def look(z: np.ndarray, conditions: np.ndarray) -> list[Look]:
        found, whole, liked = session.run(["probabilities", "whole", "liked"], {"z": z, "condition": conditions})
        by_slot = np.full((len(z), len(schema.slots)), np.nan, dtype=np.float32)
        by_slot[:, where] = found
        return [Look(*one) for one in zip(by_slot, whole.tolist(), liked.tolist(), strict=True)]

    return Scout(look)
