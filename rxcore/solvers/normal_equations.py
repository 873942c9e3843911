"""Least squares from cross-products: columns kept in order, dependent ones dropped and reported, no data source
needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rxcore.kernels import double_double
from rxcore.kernels.precise_product import add_sums
from rxcore.variables import Floats, Ints

# What rounding leaves of an exactly dependent column, in units of the machine epsilon and of the sums it was formed
# from. Sums of half a million terms err by some hundred epsilons at worst; ten times that stands clear of them.
NOISE = 1000.0 * float(np.finfo(np.float64).eps)

# Where sums carry 32 digits what is left is the rounding of the values themselves: half an epsilon of each, and ten
# times that stands clear of it.
NOISE_OF_VALUES = (10.0 * 0.5 * float(np.finfo(np.float64).eps)) ** 2

# Below the square of the machine epsilon a column's spread is rounding of its own values: it is constant.
CONSTANT_SHARE = float(np.finfo(np.float64).eps) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Where model columns stand in the shifted basis: column m is ``first[m]`` plus ``factor[m]`` times
    ``second[m]``.
    """

    first: Ints
    second: Ints
    factor: Floats

    def place(self, combination: Floats, size: int) -> Floats:
        """A combination of model columns as one of basis columns."""
        placed = np.zeros(size)
        np.add.at(placed, self.first, combination)
        moved = self.second >= 0
        np.add.at(placed, self.second[moved], (combination * self.factor)[moved])
        return placed


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Coefficients of weighted least squares, over all columns.

    Attributes
    ----------
    coefficients : array (p,)
        NaN where dropped.
    kept : array of bool (p,)
    inverse : array (rank, rank)
        Inverse of the kept columns' cross-product: the covariance before scaling.
    residual : float
        What the columns leave of the right-hand column's square sum: the residual sum of squares.
    inflation : array (p,)
        Variance inflation: the column's centred sum of squares over what all others leave of it; 1 where dropped.
    doubtful : array of bool (p,)
        Dropped although a little of the column was left: rounding, or a column of its own.
    condition_number : float
        1-norm condition of the kept columns' cross-product, intercept swept out and scaled to unit diagonal.
    """

    coefficients: Floats
    kept: npt.NDArray[np.bool_]
    inverse: Floats
    residual: float
    inflation: Floats
    doubtful: npt.NDArray[np.bool_]
    condition_number: float

    @property
    def rank(self) -> int:
        return int(self.kept.sum())


def in_model_basis(shifted: Floats, basis: Basis, shifted_low: Floats | None = None) -> tuple[Floats, Floats]:
    """The cross-product (high, or high and low halves) moved from the shifted basis to model columns, as both halves.

    The move is linear, so that the halves move one by one.
    """
    size = len(basis.first)
    high, low = np.zeros((size, size)), np.zeros((size, size))
    double_double.change_basis(shifted, basis.first, basis.second, basis.factor, high, low)
    if shifted_low is not None:
        part_high, part_low = np.zeros((size, size)), np.zeros((size, size))
        double_double.change_basis(shifted_low, basis.first, basis.second, basis.factor, part_high, part_low)
        add_sums(high.ravel(), low.ravel(), part_high.ravel(), part_low.ravel())
    return high, low


def score_in_model_basis(score: Floats, basis: Basis) -> tuple[Floats, Floats]:
    """A gradient moved likewise, as high and low halves."""
    high, low = score[basis.first].copy(), np.zeros(len(basis.first))
    for m in np.flatnonzero(basis.second >= 0):
        part = double_double.multiply(basis.factor[m], 0.0, score[basis.second[m]], 0.0)
        high[m], low[m] = double_double.add(high[m], low[m], *part)
    return high, low


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """Tells a column that others explain from one that rounding blurs.

    Attributes
    ----------
    basis : Basis
        Of the model columns.
    weights : array (n_basis,)
        Root sums of squares of the basis columns: what the rounding of the sums is proportional to.
    constant : array (p,)
        Below this a column's remainder is rounding of its own values: it is constant.
    noise_share : float
        What rounding amounts to, in units of the magnitudes.

    Notes
    -----
    A column depends on others when what they leave of its sum of squares could be rounding: with b the combination of
    columns that vanishes, less than noise_share * (sum of abs(b) * magnitude) ** 2, a first-order bound of the error
    that rounding puts into that remainder.
    """

    basis: Basis
    weights: Floats
    constant: Floats
    noise_share: float = NOISE

    @classmethod
    def of(cls, high: Floats, basis: Basis, magnitudes: Floats, noise_share: float = NOISE) -> Dependence:
        """For the columns of a cross-product before any of them is swept."""
        weights = magnitudes.copy()
        # The constant is eliminated exactly: its sums enter through double-double arithmetic alone.
        weights[0] = 0.0
        return cls(basis, weights, np.diag(high)[: len(basis.first)] * CONSTANT_SHARE, noise_share)

    def stands_alone(self, high: Floats, kept: npt.NDArray[np.bool_], m: int) -> bool:
        """Whether column m of a cross-product swept on the kept columns says anything of its own."""
        pivot = high[m, m]
        vanishing = np.where(kept, -high[: len(kept), m], 0.0)
        vanishing[m] = 1.0
        noise = np.abs(self.basis.place(vanishing, len(self.weights))) @ self.weights
        return bool(pivot > self.noise_share * noise**2 and pivot > self.constant[m])


def solve(
    high: Floats,
    low: Floats,
    order: Ints,
    basis: Basis,
    magnitudes: Floats,
    *,
    intercept: bool,
    swept_first: int | None = None,
    kept: npt.NDArray[np.bool_] | None = None,
    noise_share: float = NOISE,
) -> Solution:
    """Solve least squares where the last row and column belong to the right-hand side; see :func:`solve_several`."""
    return solve_several(
        high, low, order, basis, magnitudes,
        intercept=intercept, swept_first=swept_first, kept=kept, noise_share=noise_share,
    )[0]  # fmt: skip


def solve_several(
    high: Floats,
    low: Floats,
    order: Ints,
    basis: Basis,
    magnitudes: Floats,
    *,
    intercept: bool,
    swept_first: int | None = None,
    kept: npt.NDArray[np.bool_] | None = None,
    noise_share: float = NOISE,
) -> list[Solution]:
    """Solve least squares for each right-hand side with one factorisation.

    Parameters
    ----------
    high, low : arrays (p + r, p + r)
        Cross-product of the p columns and the r right-hand sides in double-double. Overwritten.
    order : array (p,)
        The columns in the order in which they are kept.
    basis : Basis
        Of the p columns.
    magnitudes : array (n_basis,)
        Root sums of squares of the basis columns: what the rounding of the sums is proportional to.
    intercept : bool
        Whether the first column is the constant.
    swept_first : int, optional
        How many columns of ``order`` the condition number leaves out because they are swept first; default: the
        intercept alone. A cube sweeps its cells first.
    kept : array of bool (p,), optional
        Columns decided before; then nothing is tested for dependence, except that a pivot must be positive.
    noise_share : float
        How much of a square sum may be rounding: NOISE for sums in double, NOISE_OF_VALUES for sums in double-double,
        whose ``magnitudes`` are then those of the values before the shift.

    Notes
    -----
    A column that depends on those kept before it is dropped; :class:`Dependence` says when it does.
    """
    n_columns = len(order)
    n_first = int(intercept) if swept_first is None else swept_first
    decided = kept
    kept = np.zeros(n_columns, np.bool_)
    dependence = Dependence.of(high, basis, magnitudes, noise_share)
    centred = high.copy() if n_first == 0 else None
    doubtful = np.zeros(n_columns, np.bool_)
    for place, m in enumerate(order):
        if decided is not None:
            keep = bool(decided[m]) and high[m, m] > 0.0
        else:
            keep = dependence.stands_alone(high, kept, m)
            doubtful[m] = not keep and abs(high[m, m]) > dependence.constant[m]
        if keep:
            double_double.sweep(high, low, m)
            kept[m] = True
        if place + 1 == n_first:
            centred = high.copy()
    swept = set(order[:n_first].tolist())
    rest = np.array([m for m in range(n_columns) if kept[m] and m not in swept], np.int64)
    chosen = np.flatnonzero(kept)
    spread = np.diag(high if centred is None else centred)[:n_columns]
    inflation = np.where(kept, -np.diag(high)[:n_columns] * spread, 1.0)
    inverse = -high[np.ix_(chosen, chosen)]
    condition = 1.0 if centred is None else _condition(centred, high, rest)
    return [
        Solution(
            coefficients=np.where(kept, high[:n_columns, right], np.nan),
            kept=kept,
            inverse=inverse,
            residual=max(float(high[right, right]), 0.0),
            inflation=inflation,
            doubtful=doubtful,
            condition_number=condition,
        )
        for right in range(n_columns, high.shape[0])
    ]


def _condition(centred: Floats, swept: Floats, columns: Ints) -> float:
    """``norm1(R) * norm1(inverse(R))`` for R = the centred cross-product scaled to unit diagonal; 1 for one column."""
    if len(columns) <= 1:
        return 1.0
    block = centred[np.ix_(columns, columns)]
    size = np.sqrt(np.diag(block))
    scaled = block / np.outer(size, size)
    inverse = -swept[np.ix_(columns, columns)] * np.outer(size, size)
    return float(np.abs(scaled).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max())
