"""The proof on simulated people: how well four ways of knowing a newcomer do, by the number of picks.

The arms are the mean of the crowd, the questionnaire only, picks only, and both. Each has pictures made for a newcomer:
the condition that the taste likes best is painted `CANDIDATES` times, and the likeliest to please is kept. It is
matched with controls made from the very same noise, for somebody else's taste and for the mean of the crowd, so that
they differ only in whose taste they were made for. A rater's utility without noise judges, and everybody counts, the
lazy, noisy and contrarian ones too:

- *regret*: how much less the picture is liked than the best one known for this rater, in deviations of utility;
- *better*: it is liked better than the one made for the mean of the crowd, the favourite of the population;
- *hit*: it is liked better than one made for somebody else of the same world, at each of `OTHERS` swaps;
- *first*: it is liked best of three, itself, one made for somebody else and the favourite: by chance in a third.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from konomi.taste.picks import best_conditions, next_set
from konomi.taste.preference import Taste, learn_many, newcomer
from konomi.taste.profile import contrast, likings
from konomi.taste.replies import Picks, Replies
from konomi.taste.worlds import Noise, Pictures, World

CANDIDATES = 64  # painted for each picture that is suggested, and for each set that is shown
OTHERS = 10
PAIRS = 60  # stated chances checked, of each rater after each pick


@dataclass(frozen=True)
class Outcome:
    """What became of R raters before their first pick and after each of P, (R, P + 1) each."""

    regret: np.ndarray
    better: np.ndarray
    same: np.ndarray  # it is the very picture that is made for the mean of the crowd
    better_than_pool: np.ndarray  # than that picture of the pool which newcomers truly like best on average
    hit: np.ndarray  # share of swaps; NaN where both are the same picture
    first: np.ndarray  # NaN where two of the three are the same
    stated: np.ndarray  # (R, P + 1, PAIRS) chances that one of two is picked
    picked: np.ndarray  # (R, P + 1, PAIRS) whether it was
    said: np.ndarray  # (R, 2) how many values are surely, or leaning, liked or not, after the last pick
    true: np.ndarray  # (R, 2) of how many of these it is true


def run_arm(court: "Court", *, questionnaire: bool, picks: int, size: int, seed: int = 0) -> Outcome:
    """Ask all newcomers of a world for `picks` out of `size` pictures, and suggest after each."""
    world = court.world
    first = [newcomer(world.crowd, told if questionnaire else None) for told in world.told]
    tastes, everyone, rulings = first, np.arange(len(first)), [court.rule(first)]
    table, chosen = np.zeros((0, world.crowd.columns)), np.zeros((0, len(first)), int)
    for number in range(picks):
        shown = questions(world, tastes, size, np.random.default_rng([seed, number]))
        felt = _own(world.raters.utility(shown.weights, shown.look))
        places = np.tile(np.arange(size), (len(first), 1))
        picked = world.raters.pick(felt, everyone, places, seed=1000 * seed + number)
        table, chosen = np.concatenate([table, world.as_seen(shown)]), np.concatenate([chosen, picked[None]])
        rows = np.arange(len(table)).reshape(-1, size)
        replies = Replies(picks=Picks(np.tile(everyone, number + 1), rows, chosen.ravel()))
        tastes = learn_many(world.crowd, first, table, replies)
        rulings.append(court.rule(tastes))
    by_picks = (np.stack(column, axis=1) for column in zip(*rulings, strict=True))
    return Outcome(*by_picks, *_words(world, tastes, court.truth))  # type: ignore[call-arg]


def questions(world: World, tastes: Sequence[Taste], size: int, dice: np.random.Generator) -> Pictures:
    """`size` pictures for each person to pick from, one person after another: the best to ask of what draws of their
    taste like best."""
    schema = world.painter.schema
    asked = [best_conditions(schema, taste.sample(len(schema.slots), CANDIDATES, dice)) for taste in tastes]
    painted = world.painter.paint(np.concatenate(asked), world.painter.noise(CANDIDATES * len(tastes), dice))
    seen = world.as_seen(painted).reshape(len(tastes), CANDIDATES, -1)
    seeds = dice.integers(2**32, size=len(tastes)).tolist()
    rows = [next_set(taste, own, size=size, seed=seed) for taste, own, seed in zip(tastes, seen, seeds, strict=True)]
    return painted.of(np.concatenate([CANDIDATES * person + row for person, row in enumerate(rows)]))


def _own(utility: np.ndarray) -> np.ndarray:
    """Of everybody's utilities (R, R * K) of K pictures for each, those of each person's own, (R, K)."""
    people = len(utility)
    return utility.reshape(people, people, -1)[np.arange(people), np.arange(people)]


@dataclass(frozen=True)
class Court:
    """What suggestions for the newcomers of a world are judged by; the same at every moment and for every arm."""

    world: World
    noise: Noise  # of R * CANDIDATES pictures
    pairs: np.ndarray  # (R, PAIRS, 2) rows of the pool
    picked: np.ndarray  # (R, PAIRS) that the first was picked
    truth: np.ndarray  # (R, D) the best linear description of each rater's utility
    best: np.ndarray  # (R,) utility of the best picture known
    spread: np.ndarray  # (R,) deviation of utility over the pool
    favourite: np.ndarray  # (R,) utility of the picture made for the mean of the crowd
    pool_favourite: np.ndarray  # (R,) of the best picture of the pool

    @classmethod
    def of(cls, world: World, seed: int) -> "Court":
        dice, people, pool = np.random.default_rng([seed, 1 << 20]), len(world.raters), world.pool
        noise = world.painter.noise(CANDIDATES * people, dice)
        liked = world.raters.utility(pool.weights, pool.look)
        one = dice.integers(0, liked.shape[1], (people, PAIRS))
        pairs = np.stack([one, (one + dice.integers(1, liked.shape[1], one.shape)) % liked.shape[1]], axis=-1)
        who = np.repeat(np.arange(people), PAIRS)
        picked = world.raters.pick(liked, who, pairs.reshape(-1, 2), seed=seed).reshape(people, PAIRS) == 0
        away = liked - liked.mean(axis=1, keepdims=True)
        truth = np.linalg.lstsq(world.as_seen(pool), away.T, rcond=None)[0].T
        made = made_for(world, truth, noise)
        exact = np.diag(world.raters.utility(made.weights, made.look))
        crowds = np.tile(newcomer(world.crowd).mean[: truth.shape[1]], (people, 1))
        usual = made_for(world, crowds, noise)
        return cls(
            world, noise, pairs, picked, truth,
            best=np.maximum(liked.max(axis=1), exact),
            spread=liked.std(axis=1),
            favourite=np.diag(world.raters.utility(usual.weights, usual.look)),
            pool_favourite=liked[:, liked.mean(axis=0).argmax()],
        )  # fmt: skip

    def ceiling(self) -> dict[str, np.ndarray]:
        """How suggestions please if all is known that the model could know: the first fields of Outcome, (R,) each."""
        return dict(zip((f.name for f in fields(Outcome)), self.please(self.truth), strict=False))

    def rule(self, tastes: Sequence[Taste]) -> tuple[np.ndarray, ...]:
        """The fields of Outcome up to `picked`, at one moment."""
        return *self.please(np.stack([taste.mean[: self.truth.shape[1]] for taste in tastes])), *self.state(tastes)

    def please(self, means: np.ndarray) -> tuple[np.ndarray, ...]:
        """How pictures made for people of these mean tastes (R, D) please them; (R,) each."""
        own, *others = (
            np.diag(self.world.raters.utility(made.weights, made.look))
            for made in (made_for(self.world, np.roll(means, swap, axis=0), self.noise) for swap in range(OTHERS + 1))
        )
        hits = np.array([_beats(own, other) for other in others])
        counted = (~np.isnan(hits)).sum(axis=0)
        hit = np.where(counted, np.nansum(hits, axis=0) / np.maximum(counted, 1), np.nan)
        regret = (self.best - own) / self.spread
        better, same = (own > self.favourite).astype(float), (own == self.favourite).astype(float)
        first = np.minimum(_beats(own, self.favourite), hits[0])  # NaN if either is
        return regret, better, same, (own > self.pool_favourite).astype(float), hit, first

    def state(self, tastes: Sequence[Taste]) -> tuple[np.ndarray, np.ndarray]:
        """Chances stated of the pairs, and whether they came true, (R, PAIRS) each."""
        seen = self.world.as_seen(self.world.pool)
        stated = [t.chance(seen[p[:, 0]], seen[p[:, 1]]) for t, p in zip(tastes, self.pairs, strict=True)]
        return np.stack(stated), self.picked


def _beats(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 where a picture is liked better than another, 0 where less, NaN where they are one and the same."""
    return np.where(own == other, np.nan, own > other)


def made_for(world: World, means: np.ndarray, noise: Noise) -> Pictures:
    """The picture that is suggested to each of R people of mean tastes (R, D), from noise of R * CANDIDATES."""
    asked = np.repeat(best_conditions(world.painter.schema, means), CANDIDATES, axis=0)
    painted = world.painter.paint(asked, noise)
    expected = (world.as_seen(painted).reshape(len(means), CANDIDATES, -1) @ means[..., None])[..., 0]
    return painted.of(CANDIDATES * np.arange(len(means)) + expected.argmax(axis=1))


def _words(world: World, tastes: Sequence[Taste], truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much is said of values, surely and leaning, and how much of it is true, (R, 2) each."""
    schema, said, right = world.crowd.schema, np.zeros((len(tastes), 2), int), np.zeros((len(tastes), 2), int)
    for row, taste in enumerate(tastes):
        for liking in likings(world.crowd, taste):
            if liking.certainty:
                attribute = schema.attribute(liking.attribute)
                direction = contrast(world.crowd, attribute, attribute.index(liking.value))
                felt = direction @ truth[row, schema.offsets[liking.attribute]]
                column = ("sure", "leaning").index(liking.certainty)
                said[row, column] += 1
                right[row, column] += bool(felt * liking.mean > 0)
    return said, right
