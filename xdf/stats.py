"""Mergeable statistics of a column: counts, range, mean, centred sum of squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Moments = tuple[Counts, Floats, Floats]
"""Valid rows, means and centred sums of squares, one of each per block."""


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What the footer knows about a column in some rows.

    Attributes
    ----------
    n_valid, n_missing : int
        Rows with and without a value. A null is missing, and so is a NaN.
    minimum, maximum : float
        As float64, rounded to the nearest where a 64-bit integer has more digits. NaN when there is no valid row,
        and always NaN for factors, strings and binary columns, of which only the counts are kept. A boolean counts as 0
        and 1; dates, times and durations as the integers they are stored as.
    mean : float
        NaN when there is no valid row.
    centered_squares : float
        Sum of squared differences from the mean: divided by ``n_valid - 1`` it is the variance.

    Examples
    --------
    >>> left = ColumnStatistics(2, 0, 1.0, 3.0, 2.0, 2.0)
    >>> right = ColumnStatistics(1, 1, 5.0, 5.0, 5.0, 0.0)
    >>> left.merge(right)
    ColumnStatistics(n_valid=3, n_missing=1, minimum=1.0, maximum=5.0, mean=3.0, centered_squares=8.0)
    """

    n_valid: int
    n_missing: int
    minimum: float
    maximum: float
    mean: float
    centered_squares: float

    def merge(self, other: ColumnStatistics) -> ColumnStatistics:
        """The statistics of both sets of rows together, by the pairwise formula."""
        n_missing = self.n_missing + other.n_missing
        if self.n_valid == 0 or other.n_valid == 0:
            full = other if self.n_valid == 0 else self
            return ColumnStatistics(
                full.n_valid, n_missing, full.minimum, full.maximum, full.mean, full.centered_squares
            )
        n_valid = self.n_valid + other.n_valid
        delta = other.mean - self.mean
        return ColumnStatistics(
            n_valid,
            n_missing,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            self.mean + delta * (other.n_valid / n_valid),
            self.centered_squares + other.centered_squares + delta * delta * (self.n_valid * (other.n_valid / n_valid)),
        )


EMPTY = ColumnStatistics(0, 0, math.nan, math.nan, math.nan, 0.0)


def counts_only(n_valid: int, n_missing: int) -> ColumnStatistics:
    """Statistics of a column without a numeric meaning."""
    return ColumnStatistics(n_valid, n_missing, math.nan, math.nan, math.nan, math.nan)


def of_values(values: npt.NDArray[np.generic], base: int, n_missing: int) -> ColumnStatistics:
    """Statistics of numbers without missing rows; a NaN is taken out and counted as missing.

    The mean and the centred sum of squares are computed from the numbers before ``base`` is added, where integers are
    small and exact, in two passes, each corrected by what rounding left over.
    """
    if values.dtype.kind == "f":
        absent = np.isnan(values)
        if (n_absent := int(np.count_nonzero(absent))) > 0:
            values = values[~absent]
            n_missing += n_absent
    n_valid = len(values)
    if n_valid == 0:
        return ColumnStatistics(0, n_missing, math.nan, math.nan, math.nan, 0.0)
    lowest, highest = values.min(), values.max()
    with np.errstate(all="ignore"):  # infinities give NaN in the spread, which is what they mean
        numbers = values.astype(np.float64)
        first_mean = float(numbers.sum()) / n_valid
        numbers -= first_mean
        left_over = float(numbers.sum())
        np.multiply(numbers, numbers, out=numbers)
        squares = float(numbers.sum()) - left_over * (left_over / n_valid)
    mean = first_mean if math.isinf(first_mean) else first_mean + left_over / n_valid
    if values.dtype.kind != "f":
        return ColumnStatistics(
            n_valid, n_missing, float(int(lowest) + base), float(int(highest) + base), mean + base, max(squares, 0.0)
        )
    return ColumnStatistics(
        n_valid, n_missing, float(lowest), float(highest), mean, squares if math.isnan(squares) else max(squares, 0.0)
    )


def merge_blocks(n_valid: Counts, means: Floats, squares: Floats) -> tuple[int, float, float]:
    """Merge the moments of many blocks in a binary tree over block numbers.

    The tree has the shape that passes over blocks use: neighbours pair up, an odd last one waits for the next level.
    """
    moments: Moments = (n_valid, means, squares)
    if len(n_valid) == 0:
        return 0, math.nan, 0.0
    while (n := len(moments[0])) > 1:
        pairs = _merge_pairs(
            (moments[0][0 : n - 1 : 2], moments[1][0 : n - 1 : 2], moments[2][0 : n - 1 : 2]),
            (moments[0][1::2], moments[1][1::2], moments[2][1::2]),
        )
        if n % 2:
            pairs = (
                np.append(pairs[0], moments[0][-1]),
                np.append(pairs[1], moments[1][-1]),
                np.append(pairs[2], moments[2][-1]),
            )
        moments = pairs
    return int(moments[0][0]), float(moments[1][0]), float(moments[2][0])


def _merge_pairs(left: Moments, right: Moments) -> Moments:
    """``ColumnStatistics.merge`` for arrays, operation by operation the same, so that the bits agree."""
    n_left, n_right = left[0], right[0]
    total = n_left + n_right
    with np.errstate(all="ignore"):
        delta = right[1] - left[1]
        share = n_right / total
        means = left[1] + delta * share
        squares = left[2] + right[2] + delta * delta * (n_left * share)
    no_left, no_right = n_left == 0, n_right == 0
    means = np.where(no_left, right[1], np.where(no_right, left[1], means))
    squares = np.where(no_left, right[2], np.where(no_right, left[2], squares))
    return total, means, squares
