"""Where the variance of answers comes from: person, picture, item, and their interactions.

    point = mean + person + picture + item + person x picture + person x item + picture x item + rest

All effects are random, crossed and normal; their variances are estimated by restricted maximum likelihood (Patterson
and Thompson 1971; Searle, Casella and McCulloch 1992), the criterion that lme4 minimises (Bates et al. 2015). Pictures
shown to a person twice separate two more: what returns of person x picture x item, and one look, which moves a whole
page.

Conventions
-----------
Every page has all k items. Its points are rotated by an orthonormal (k, k) matrix whose first row is constant, which
leaves the likelihood as it is, and of the three-way model makes k independent two-way ones, persons x pictures: the
first column (the page's mean times sqrt(k)) with variances k person + person x item, ..., the k - 1 others with person
x item, picture x item and rest. So neither the number of people nor that of items makes it slow: what is factorised is
a matrix of persons or of pictures, whichever are fewer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, cholesky, helmert
from scipy.optimize import Bounds, minimize
from scipy.sparse import csr_array

from konomi.errors import InputError

PERSON, PICTURE, ITEM, REST = "person", "picture", "item", "rest"
TASTE, STYLE, PROFILE = "person x picture", "person x item", "picture x item"
DETAIL, LOOK = "person x picture x item", "one look"
MOST = 600  # persons or pictures, whichever are fewer
LIKELY = 3.841  # 95% point of chi squared, 1 degree of freedom
Quantity = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True)
class Pages:
    """Whole pages: row i is what person[i] answered about picture[i]; the same pair again is a further look."""

    person: np.ndarray  # (n,) int from 0, every number used
    picture: np.ndarray  # (n,) int from 0, every number used
    points: np.ndarray  # (n, k) float, nothing missing

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True)
class Parts:
    """Variances by the name of their effect, in squared points, and how far from the truth they may be."""

    variances: dict[str, float]
    deviance: float  # -2 log restricted likelihood
    _model: "_Model"
    roots: np.ndarray  # standard deviations, in that of all points

    @property
    def total(self) -> float:
        return sum(self.variances.values())

    def share(self, name: str) -> float:
        return self.variances[name] / self.total

    def interval(self, quantity: Quantity) -> tuple[float, float]:
        """95% likelihood interval of a function of the variances.

        All values that it takes where the restricted likelihood is at least exp(-1.92) of its maximum: the interval of
        its profile likelihood (Venzon and Moolgavkar 1988).
        """
        low, high = (self._model.extreme(self, quantity, sign) for sign in (-1, 1))
        return low, high

    @property
    def several(self) -> bool:
        """Whether somebody saw more than one picture: else a person is what they see in it."""
        return self._model.several

    @cached_property
    def curvature(self) -> np.ndarray:
        """Second derivatives of the deviance by the roots."""
        return self._model.curvature(self.roots)


def variance_parts(pages: Pages) -> Parts:
    """Fit what these pages can tell apart.

    With one item there are person, picture and rest. With one page a person, person holds person x picture, and rest
    holds person x item; with one item besides, rest holds all of these.

    Raises
    ------
    InputError
        If there are fewer than three people or two pictures, if all answers are the same, or if there are more than
        600 of both.
    """
    people, pictures = len(np.unique(pages.person)), len(np.unique(pages.picture))
    if people < 3 or pictures < 2:
        raise InputError(f"3 people and 2 pictures are needed; people: {people}, pictures: {pictures}")
    if np.ptp(pages.points) == 0:
        raise InputError("all answers are the same: there is no variance")
    if min(people, pictures) > MOST:
        raise InputError(f"{people} people and {pictures} pictures: one of them must be {MOST} or fewer")
    return _Model(pages).fit()


class _Model:
    """The restricted likelihood of one set of pages; all that does not depend on the variances is summed up before."""

    def __init__(self, pages: Pages) -> None:
        self.rows, self.items = pages.points.shape
        rotated = pages.points @ helmert(self.items, full=True).T
        cells = _Cells.of(pages.person, pages.picture)
        self.first = _Columns(cells, rotated[:, :1])
        self.others = _Columns(cells, rotated[:, 1:]) if self.items > 1 else None
        self.spread = float(pages.points.std())
        self.several = several = bool(np.bincount(cells.person).max() > 1)
        again, items = len(cells.person) < self.rows, self.items > 1
        known = {
            PERSON: several or items or again, PICTURE: True, ITEM: items, TASTE: several and (items or again),
            STYLE: several and items, PROFILE: items, DETAIL: again and items, LOOK: again and items, REST: True,
        }  # fmt: skip
        self.names = tuple(name for name, is_known in known.items() if is_known)
        self.bounds = Bounds([1e-4 if name == REST else 0.0 for name in self.names], np.inf)
        # what the variances of both kinds of columns are, (5, names): person, picture, cell, look, mean of a column
        own = _contributions(self.items, several)
        self.of_first = np.array([own[name][0] for name in self.names], dtype=float).T
        self.of_others = np.array([own[name][1] for name in self.names], dtype=float).T

    def variances(self, roots: np.ndarray) -> dict[str, float]:
        return {name: (root * self.spread) ** 2 for name, root in zip(self.names, roots.tolist(), strict=True)}

    def deviance(self, roots: np.ndarray) -> tuple[float, np.ndarray]:
        """-2 log restricted likelihood, and its slope; `roots` are standard deviations, in that of all points."""
        squares = np.square(roots * self.spread)
        found, back = self.first.deviance(*(self.of_first @ squares)[:4], mean=None)
        slope = back @ self.of_first
        if self.others:
            *four, mean = self.of_others @ squares
            more, back = self.others.deviance(*four, mean=mean)
            found, slope = found + more, slope + back @ self.of_others
        constant = np.log(self.items) + (self.rows * self.items - 1) * np.log(2 * np.pi)
        return float(found + constant), slope * 2 * roots * self.spread**2

    def fit(self) -> Parts:
        start = np.full(len(self.names), 0.4)
        options = {"ftol": 1e-14, "gtol": 1e-7, "maxiter": 500}
        found = minimize(self.deviance, start, jac=True, method="L-BFGS-B", bounds=self.bounds, options=options)
        return Parts(self.variances(found.x), float(found.fun), self, found.x)

    def extreme(self, parts: "Parts", quantity: Quantity, sign: int) -> float:
        """The least (sign -1) or greatest (1) value of `quantity` where the deviance is within 3.84 of its least."""
        unit = abs(quantity(parts.variances)) or 1.0
        kept = _Last(self.deviance)

        def loss(roots: np.ndarray) -> float:
            return -sign * quantity(self.variances(roots)) / unit

        found = minimize(
            loss, self._edge(parts, loss), jac=lambda roots: _slope(loss, roots), method="SLSQP", bounds=self.bounds,
            options={"maxiter": 100, "ftol": 1e-6},
            constraints={
                "type": "ineq", "fun": lambda roots: parts.deviance + LIKELY - kept(roots)[0],
                "jac": lambda roots: -kept(roots)[1],
            },
        )  # fmt: skip
        return float(-sign * found.fun * unit)

    def _edge(self, parts: "Parts", loss: Callable[[np.ndarray], float]) -> np.ndarray:
        """About where the region ends in the direction that lessens the loss, were it an ellipsoid."""
        slope = _slope(loss, parts.roots)
        direction = -np.linalg.solve(parts.curvature, slope)
        reach = np.sqrt(2 * LIKELY / max(float(-slope @ direction), 1e-12))
        return np.maximum(parts.roots + reach * direction, self.bounds.lb + 1e-3)

    def curvature(self, roots: np.ndarray) -> np.ndarray:
        """Second derivatives of the deviance, made positive definite."""
        step = 1e-4
        found = np.array(
            [self.deviance(roots + move)[1] - self.deviance(roots)[1] for move in np.eye(len(roots)) * step]
        )
        values, vectors = np.linalg.eigh((found + found.T) / 2 / step)
        return vectors * np.maximum(values, 1.0) @ vectors.T


def _slope(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    here = function(at)
    return np.array([(function(at + move) - here) / step for move in np.eye(len(at)) * step])


class _Last:
    """A function that remembers its last value: SLSQP asks for value and slope apart."""

    def __init__(self, function: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> None:
        self.function, self.at, self.value = function, np.zeros(0), (0.0, np.zeros(0))

    def __call__(self, at: np.ndarray) -> tuple[float, np.ndarray]:
        if not np.array_equal(self.at, at):
            self.at, self.value = at.copy(), self.function(at)
        return self.value


def _contributions(k: int, several: bool) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """What each variance adds to person, picture, cell, look and mean of the first column, and of the others."""
    person = (k, 0, 0, 0, 0) if several else (0, 0, k, 0, 0)  # one page is all that there is of a person
    return {
        PERSON: (person, (0, 0, 0, 0, 0)),
        PICTURE: ((0, k, 0, 0, 0), (0, 0, 0, 0, 0)),
        ITEM: ((0, 0, 0, 0, 0), (0, 0, 0, 0, 1)),
        TASTE: ((0, 0, k, 0, 0), (0, 0, 0, 0, 0)),
        STYLE: ((1, 0, 0, 0, 0), (1, 0, 0, 0, 0)),
        PROFILE: ((0, 1, 0, 0, 0), (0, 1, 0, 0, 0)),
        DETAIL: ((0, 0, 1, 0, 0), (0, 0, 1, 0, 0)),
        LOOK: ((0, 0, 0, k, 0), (0, 0, 0, 0, 0)),
        REST: ((0, 0, 0, 1, 0), (0, 0, 0, 1, 0)),
    }


@dataclass(frozen=True)
class _Cells:
    """Who saw what: cell c is person[c] with picture[c], looks[c] times; row i of the pages belongs to cell[i]."""

    person: np.ndarray
    picture: np.ndarray
    looks: np.ndarray
    cell: np.ndarray

    @classmethod
    def of(cls, person: np.ndarray, picture: np.ndarray) -> "_Cells":
        pairs, cell = np.unique(np.column_stack([person, picture]), axis=0, return_inverse=True)
        return cls(pairs[:, 0], pairs[:, 1], np.bincount(cell), cell)


class _Columns:
    """The deviance of columns of values with one covariance: two crossed random effects, and cells seen once or more.

    The effect with more levels, `many`, is absorbed: its levels are independent of one another, and those with equally
    many cells of each number of looks are absorbed alike. What remains is linear in sums that are made once; each is
    kept as a flat row: a (few, few) matrix, (few, k) sums of values, and one sum of squares.
    """

    def __init__(self, cells: _Cells, values: np.ndarray) -> None:
        means = _sum_by(cells.cell, values) / cells.looks[:, None]
        self.columns = values.shape[1]
        self.inside = (len(values) - len(means)) * self.columns
        self.inside_squares = float(((values - means[cells.cell]) ** 2).sum())
        self.swapped = bool(cells.picture.max() > cells.person.max())
        many, few = (cells.picture, cells.person) if self.swapped else (cells.person, cells.picture)
        self.few = int(few.max()) + 1
        self.looks, level = np.unique(cells.looks, return_inverse=True)
        self.cells = np.bincount(level)
        seen, sums, own = [], [], []
        for number in range(len(self.looks)):
            here = level == number
            grid = csr_array((np.ones(here.sum()), (many[here], few[here])), shape=(many.max() + 1, self.few))
            seen.append(grid)
            sums.append(_sum_by(many[here], means[here], len(grid.indptr) - 1))
            of_few = _sum_by(few[here], means[here], self.few)
            own.append(_flat(np.diag(grid.sum(axis=0)), of_few, float((means[here] ** 2).sum())))
        counts = np.column_stack([grid.sum(axis=1) for grid in seen])
        self.patterns, group = np.unique(counts, axis=0, return_inverse=True)
        self.sizes = np.bincount(group)
        self.own = np.array(own)  # a row for each number of looks
        self.absorbed = np.array([  # a row for each pattern and pair of numbers of looks
            _flat((one[at].T @ two[at]).toarray(), one[at].T @ of_two[at], float((of_one[at] * of_two[at]).sum()))
            for at in (group == number for number in range(len(self.sizes)))
            for one, of_one in zip(seen, sums, strict=True) for two, of_two in zip(seen, sums, strict=True)
        ])  # fmt: skip

    def deviance(
        self, person: float, picture: float, cell: float, look: float, *, mean: float | None
    ) -> tuple[float, np.ndarray]:
        """-2 log likelihood, without its constant, of these variances of a column; and its slope by each and by `mean`.

        `mean` is the variance of the columns' own means; None stands for a mean that is estimated: restricted
        likelihood.
        """
        many, few = (picture, person) if self.swapped else (person, picture)
        spread = cell + look / self.looks  # variance of a cell's mean
        weight = 1 / spread
        weights = self.patterns @ weight  # of each pattern's whole row of cells
        pull = many / (1 + many * weights)
        pairs = pull[:, None, None] * np.outer(weight, weight)
        flat = weight @ self.own - pairs.ravel() @ self.absorbed
        value, back, slope_few, slope_mean = self._rest(flat, few, mean)
        value += self.columns * (self.cells @ np.log(spread * self.looks) + self.sizes @ np.log1p(many * weights))
        value += self.inside * np.log(look) + self.inside_squares / look

        through = (self.absorbed @ back).reshape(pairs.shape)
        of_pull = -np.einsum("gab,a,b->g", through, weight, weight)
        of_weights = self.columns * self.sizes * pull - of_pull * pull**2
        slope_many = (
            self.columns * self.sizes @ (weights / (1 + many * weights)) + of_pull @ (1 + many * weights) ** -2.0
        )
        of_weight = self.own @ back + of_weights @ self.patterns
        of_weight -= np.einsum("g,gab,b->a", pull, through + through.transpose(0, 2, 1), weight)
        of_spread = self.columns * self.cells * weight - of_weight * weight**2
        slope_look = of_spread @ (1 / self.looks) + self.inside / look - self.inside_squares / look**2
        two = (slope_few, slope_many) if self.swapped else (slope_many, slope_few)
        return float(value), np.array([*two, of_spread.sum(), slope_look, slope_mean])

    def _rest(self, flat: np.ndarray, few: float, mean: float | None) -> tuple[float, np.ndarray, float, float]:
        """What remains when `many` is absorbed: its value, and the slopes by flat, few and mean."""
        matrix, sums, squares = self._split(flat)
        root = cholesky(np.eye(self.few) + few * matrix, lower=True, check_finite=False)
        inverse = cho_solve((root, True), np.eye(self.few), check_finite=False)
        ones, solved = inverse.sum(axis=1), inverse @ sums
        weight, pulls = float(ones @ matrix.sum(axis=1)), sums.T @ ones  # of the mean; its slopes are ones' products
        square, k = float(pulls @ pulls), self.columns
        log, d_log, share, d_share, slope_mean = _of_mean(weight, mean)
        value = k * (2 * np.log(root.diagonal()).sum() + log) + squares - few * (sums * solved).sum() - share * square

        by_weight = k * d_log - d_share * square
        by_matrix = k * few * inverse + by_weight * np.outer(ones, ones) + few**2 * solved @ solved.T
        by_matrix += 2 * share * few * np.outer(ones, solved @ pulls)
        back = _flat(by_matrix, -2 * few * solved - 2 * share * np.outer(ones, pulls), 1.0)
        carried = matrix @ ones
        slope_few = k * (inverse * matrix).sum() - by_weight * carried @ carried - (solved**2).sum()
        slope_few += 2 * share * pulls @ (solved.T @ carried)
        return float(value), back, float(slope_few), k * slope_mean[0] - square * slope_mean[1]

    def _split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        end = self.few**2
        return flat[:end].reshape(self.few, self.few), flat[end:-1].reshape(self.few, self.columns), float(flat[-1])


def _of_mean(weight: float, mean: float | None) -> tuple[float, float, float, float, tuple[float, float]]:
    """Of the columns' mean: its log term and its pull, each with the slope by weight; the slopes of both by `mean`."""
    if mean is None:
        return np.log(weight), 1 / weight, 1 / weight, -1 / weight**2, (0.0, 0.0)
    whole = 1 + mean * weight
    return np.log(whole), mean / whole, mean / whole, -((mean / whole) ** 2), (weight / whole, 1 / whole**2)


def _flat(matrix: np.ndarray, sums: np.ndarray, squares: float) -> np.ndarray:
    return np.concatenate([matrix.ravel(), sums.ravel(), [squares]])


def _sum_by(group: np.ndarray, values: np.ndarray, groups: int | None = None) -> np.ndarray:
    """Sums of the rows of each group, (groups, k)."""
    count = groups or int(group.max()) + 1
    pick = csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(count, len(group)))
    found: np.ndarray = pick @ values
    return found
