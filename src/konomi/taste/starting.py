"""The crowd of a person who comes alone, without a study: nobody's replies, only assumptions that are stated here.

Nothing is liked beforehand: all means are zero. A picture's weights and looks differ as they do in what the model
draws, and people as `SLOT`, `LOOK_SPREAD` and `OWNS` say. No person and no simulation is behind these numbers.
"""

import numpy as np

from konomi.schema import Schema
from konomi.taste.look import CENTRE, LOOK, SPREAD
from konomi.taste.preference import Crowd

# Variances of people, in squared log-odds of a pick
SLOT = 1.0  # in one slot
LOOK_SPREAD = 0.1  # in one standard deviation of a look
OWNS = (1.0, 1.0, 0.1)  # in where liking begins, in the offset and in the width of the scale
POINTS = 7  # of ratings


def starting_crowd(schema: Schema, shares: np.ndarray) -> Crowd:
    """A crowd of nobody for pictures whose slots occur as `shares` (slots,) say; the same for the same arguments."""
    slots, below = len(schema.slots), np.arange(1, POINTS) / POINTS
    variances = np.array([SLOT] * slots + [LOOK_SPREAD] * len(LOOK) + [*OWNS])
    return Crowd(
        schema,
        features=len(LOOK),
        centre=np.concatenate([shares, CENTRE]),
        scale=np.concatenate([np.ones(slots), SPREAD]),
        told=(),
        told_centre=np.zeros(0),
        told_scale=np.ones(0),
        coefficients=np.zeros((len(variances), 1)),
        covariance=np.diag(variances),
        thresholds=np.log(below / (1 - below)),
        slope=1.0,
        simulated=False,
        facts={"people": 0, "replies": 0},
    )
