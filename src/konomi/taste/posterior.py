"""The normal approximation to what replies say of people's tastes, many people at once.

The model is that of `konomi.taste.preference`; a person is a vector of P numbers, D of taste and the three of `OWN`.
"""

from dataclasses import dataclass

import numpy as np

from konomi.taste.replies import Replies

OWN = ("like", "offset", "stretch")  # numbers of a person, after taste
LIKE, OFFSET, STRETCH = range(-len(OWN), 0)
DRAWS = 1  # of each person
CONVERGED = 1e-10  # what one more step would add to the log-posterior, twice


@dataclass(frozen=True)
class Batch:
    """Replies by person, padded: m replies at most of each kind, K pictures shown."""

    rated: np.ndarray  # (R, m, D)
    low: np.ndarray  # (R, m) the threshold below the answer; 0 where there is none
    high: np.ndarray  # (R, m) the one above
    has_low: np.ndarray  # (R, m) 1 or 0
    has_high: np.ndarray  # (R, m)
    shown: np.ndarray  # (R, m, K, D)
    open: np.ndarray  # (R, m, K) 0 where a picture was shown, minus infinity otherwise
    chosen: np.ndarray  # (R, m, K) 1 at the pick; all 0 in padding
    liked: np.ndarray  # (R, m, D)
    sign: np.ndarray  # (R, m) 1 like, -1 dislike, 0 padding
    slope: float  # log-odds of a rating for one of a pick


def make_batch(replies: Replies, design: np.ndarray, thresholds: np.ndarray, slope: float, people: int) -> Batch:
    """Replies by person; `people` of them, about pictures `design` (N, D)."""
    r, p, k = replies.ratings, replies.picks, replies.likes
    seat, most = _seats(r.person, people)
    rated = np.zeros((people, most, design.shape[1]))
    edges = np.zeros((4, people, most))
    rated[r.person, seat] = design[r.picture]
    padded = np.concatenate([[0.0], thresholds, [0.0]])
    edges[:, r.person, seat] = padded[r.points - 1], padded[r.points], r.points > 1, r.points <= len(thresholds)

    seat, most = _seats(p.person, people)
    wide = p.shown.shape[1]
    shown = np.zeros((people, most, wide, design.shape[1]))
    shown[p.person, seat] = np.where((p.shown >= 0)[..., None], design[p.shown.clip(min=0)], 0.0)
    there = np.zeros((people, most, wide))
    there[p.person, seat] = np.where(p.shown >= 0, 0.0, -np.inf)
    chosen = np.zeros((people, most, wide))
    chosen[p.person, seat, p.chosen] = 1.0

    seat, most = _seats(k.person, people)
    liked = np.zeros((people, most, design.shape[1]))
    liked[k.person, seat] = design[k.picture]
    sign = np.zeros((people, most))
    sign[k.person, seat] = np.where(k.liked, 1.0, -1.0)
    low, high, has_low, has_high = edges
    return Batch(rated, low, high, has_low, has_high, shown, there, chosen, liked, sign, slope)


def _seats(person: np.ndarray, people: int) -> tuple[np.ndarray, int]:
    """How many replies of the same person come before each, and the largest number of replies."""
    order = np.argsort(person, kind="stable")
    counts = np.bincount(person, minlength=people)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    seats = np.empty(len(person), int)
    seats[order] = np.arange(len(person)) - first[person[order]]
    return seats, int(counts.max(initial=0))


def laplace(
    prior: np.ndarray, precision: np.ndarray, batch: Batch, start: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mode (R, P) and covariance (R, P, P) of people with priors (R, P) and (R or 1, P, P): Newton's method, damped.

    The covariance is that at the point from which the last step was taken: after one step, that of `start`.
    """
    mode, covariance = start, np.zeros((*start.shape, start.shape[1]))
    value = _log_posterior(mode, prior, precision, batch)
    for _ in range(steps):
        gradient, curvature = _derivatives(mode, batch)
        gradient -= (precision @ (mode - prior)[..., None])[..., 0]
        covariance = np.linalg.inv(curvature + precision)
        step = (covariance @ gradient[..., None])[..., 0]
        length = np.ones(len(mode))
        for _ in range(4):
            tried = mode + length[:, None] * step
            new = _log_posterior(tried, prior, precision, batch)
            worse = new < value - 1e-9
            if not worse.any():
                break
            length = np.where(worse, length / 2, length)
        mode = np.where((new < value - 1e-9)[:, None], mode, tried)
        if np.abs(gradient * step).sum(axis=1).max() < CONVERGED:
            break
        value = np.maximum(new, value)
    return mode, covariance


def _log_posterior(mode: np.ndarray, prior: np.ndarray, precision: np.ndarray, batch: Batch) -> np.ndarray:
    away = (mode - prior)[..., None]
    return _log_likelihood(mode, batch) - 0.5 * (away.transpose(0, 2, 1) @ precision @ away)[:, 0, 0]


def _log_likelihood(theta: np.ndarray, batch: Batch) -> np.ndarray:
    """Log-likelihood of each person's replies, (R,).

    Of a rating: log(F(a) - F(b)) = log F(a) + log F(-b) + log(1 - exp(b - a)), F the logistic function.
    """
    a, b, gap = _edges(theta, batch)
    ratings = batch.has_low * log_sigmoid(a) + batch.has_high * log_sigmoid(-b)
    ratings = ratings + batch.has_low * batch.has_high * np.log(-np.expm1(-gap))
    utility = _products(batch.shown, theta) + batch.open
    picks = batch.chosen.sum(axis=2) * -_log_sum(utility) + np.where(batch.chosen > 0, utility, 0.0).sum(axis=2)
    like = np.abs(batch.sign) * log_sigmoid(batch.sign * (_products(batch.liked, theta) + theta[:, [LIKE]]))
    return ratings.sum(axis=1) + picks.sum(axis=1) + like.sum(axis=1)


def _derivatives(theta: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Gradient (R, P) and negative Hessian (R, P, P) of the log-likelihood, the latter without the (indefinite) part
    that comes from the exponentials' own curvature."""
    people, size = theta.shape
    gradient, curvature = np.zeros((people, size)), np.zeros((people, size, size))
    for add in (_ratings, _choices, _likes):
        g, h = add(theta, batch)
        gradient += g
        curvature += h
    return gradient, curvature


def _edges(theta: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-odds of answering at least y, and at least y + 1, and their difference; (R, m) each."""
    felt = batch.slope * _products(batch.rated, theta) + theta[:, [OFFSET]]
    stretch = np.exp(theta[:, [STRETCH]])
    inner = batch.has_low * batch.has_high > 0
    gap = np.where(inner, stretch * (batch.high - batch.low), 1.0)
    return felt - stretch * batch.low, felt - stretch * batch.high, gap


def _ratings(theta: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    a, b, gap = _edges(theta, batch)
    inner = batch.has_low * batch.has_high
    stretch = np.exp(theta[:, [STRETCH]])
    low, high = stretch * batch.low, stretch * batch.high
    first, second = _rating_slopes(a, b, batch)
    rows = np.zeros((*a.shape, theta.shape[1]))  # of taste and offset, on which both edges depend alike
    rows[..., : -len(OWN)] = batch.slope * batch.rated
    rows[..., OFFSET] = 1.0
    gradient = ((first[0] + first[1])[:, None] @ rows)[:, 0]
    curvature = rows.transpose(0, 2, 1) @ ((second[0] + second[1])[..., None] * rows)
    beside = ((-low * second[0] - high * second[1])[:, None] @ rows)[:, 0]
    curvature[:, STRETCH] += beside
    curvature[:, :, STRETCH] += beside
    more = inner / np.expm1(gap)
    gradient[:, STRETCH] += (more * gap - low * first[0] - high * first[1]).sum(axis=1)
    own = more * gap * ((1 + more) * gap - 1) + low**2 * second[0] + high**2 * second[1]
    curvature[:, STRETCH, STRETCH] += own.sum(axis=1)
    return gradient, curvature


def _rating_slopes(a: np.ndarray, b: np.ndarray, batch: Batch) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """First and negative second derivatives of the log-likelihood of ratings by both edges, (R, m) each."""
    first = batch.has_low * sigmoid(-a), -batch.has_high * sigmoid(b)
    second = batch.has_low * sigmoid(a) * sigmoid(-a), batch.has_high * sigmoid(b) * sigmoid(-b)
    return first, second


def _choices(theta: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    people, most, wide, d = batch.shown.shape
    chance = _chances(_products(batch.shown, theta), batch)
    flat = batch.shown.reshape(people, most * wide, d)
    gradient, curvature = np.zeros(theta.shape), np.zeros((*theta.shape, theta.shape[1]))
    gradient[:, :d] = ((batch.chosen - chance).reshape(people, 1, -1) @ flat)[:, 0]
    mean = chance[:, :, None] @ batch.shown  # (R, m, 1, D)
    rows = (np.sqrt(chance)[..., None] * (batch.shown - mean)).reshape(people, most * wide, d)
    curvature[:, :d, :d] = rows.transpose(0, 2, 1) @ rows
    return gradient, curvature


def _chances(utility: np.ndarray, batch: Batch) -> np.ndarray:
    """Chances of each picture shown to be picked, (R, m, K); 0 in padding."""
    utility = utility + batch.open
    return np.exp(utility - _log_sum(utility)[..., None]) * batch.chosen.sum(axis=2, keepdims=True)


def _likes(theta: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    people, most, d = batch.liked.shape
    rows = np.zeros((people, most, theta.shape[1]))
    rows[..., :d] = batch.liked
    rows[..., LIKE] = 1.0
    away = sigmoid(-batch.sign * (_products(batch.liked, theta) + theta[:, [LIKE]]))
    gradient = ((batch.sign * away)[:, None] @ rows)[:, 0]
    return gradient, rows.transpose(0, 2, 1) @ ((np.abs(batch.sign) * away * (1 - away))[..., None] * rows)


def _products(pictures: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Utilities: pictures (R, ..., D) with each person's taste."""
    d = pictures.shape[-1]
    flat = pictures.reshape(len(pictures), -1, d) @ theta[:, :d, None]
    return flat.reshape(pictures.shape[:-1])


def _log_sum(utility: np.ndarray) -> np.ndarray:
    top = utility.max(axis=-1, keepdims=True)
    return np.log(np.exp(utility - top).sum(axis=-1)) + top[..., 0]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(log_sigmoid(x))


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def rescale(mode: np.ndarray, covariance: np.ndarray, batch: Batch, dice: np.random.Generator) -> tuple[float, float]:
    """By what the utilities in ratings, and in picks and likes, must be multiplied to be likeliest, given people's
    posteriors: one step of Newton's method in the logarithm of both, each on average over draws of each person."""
    draws = [mode + (np.linalg.cholesky(covariance) @ dice.normal(size=(*mode.shape, 1)))[..., 0] for _ in range(DRAWS)]
    bends = np.array([_growth(theta, batch) for theta in draws]).sum(axis=0)
    return tuple(float(np.exp(np.clip(f / s, -0.5, 0.5))) if s > 0 else 1.0 for f, s in bends)  # type: ignore[return-value]


def _growth(theta: np.ndarray, batch: Batch) -> tuple[tuple[float, float], tuple[float, float]]:
    """First and negative second derivative of everybody's log-likelihood by the logarithm of what multiplies all
    utilities: those in ratings; those in picks and likes."""
    felt = batch.slope * _products(batch.rated, theta)
    first, second = _rating_slopes(*_edges(theta, batch)[:2], batch)
    utility = _products(batch.shown, theta)
    chance = _chances(utility, batch)
    mean = (chance * utility).sum(axis=2, keepdims=True)
    picks = ((batch.chosen - chance) * utility).sum(), (chance * (utility - mean) ** 2).sum()
    liking = _products(batch.liked, theta)
    away = sigmoid(-batch.sign * (liking + theta[:, [LIKE]]))
    likes = (batch.sign * away * liking).sum(), (np.abs(batch.sign) * away * (1 - away) * liking**2).sum()
    rated = sum(first, start=np.zeros(1)) * felt, sum(second, start=np.zeros(1)) * felt**2
    return (rated[0].sum(), rated[1].sum()), (picks[0] + likes[0], picks[1] + likes[1])
