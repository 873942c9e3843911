"""Mergeable statistics of a column: counts, range, mean, centred sum of squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
# Running sums of a block; the number is part of the arithmetic that rxcore's kernels share.
LANES = 64

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

    Two passes, each corrected by what rounding left over. The arithmetic is that of a pass over the data in rxcore
    (``rxcore/kernels/moments.py``), operation by operation, so that a summary has the same bits whether it reads the
    footer or the data. A change here is a change there.
    """
    with np.errstate(invalid="ignore"):  # a NaN may be a signalling one
        numbers = as_numbers(values, base)
    if values.dtype.kind == "f":
        absent = np.isnan(numbers)
        if (n_absent := int(np.count_nonzero(absent))) > 0:
            numbers = numbers[~absent]
            n_missing += n_absent
    n_valid = len(numbers)
    if n_valid == 0:
        return ColumnStatistics(0, n_missing, math.nan, math.nan, math.nan, 0.0)
    lowest, highest = float(numbers.min()), float(numbers.max())
    with np.errstate(all="ignore"):  # infinities give NaN in the spread, which is what they mean
        first_mean = sum_in_lanes(numbers) / n_valid
        differences = numbers - first_mean
        left_over = sum_in_lanes(differences)
        squares = sum_in_lanes(np.multiply(differences, differences, out=differences))
        squares -= left_over * (left_over / n_valid)
        mean = first_mean if math.isinf(first_mean) else first_mean + left_over / n_valid
    return ColumnStatistics(n_valid, n_missing, lowest, highest, float(mean), 0.0 if squares < 0.0 else float(squares))


def as_numbers(values: npt.NDArray[np.generic], base: int) -> Floats:
    """Stored numbers plus their base as float64, each rounded once."""
    if values.dtype.kind == "f" or base == 0:
        return values.astype(np.float64)
    if abs(base) < 2**52 and values.dtype.itemsize < 8:
        return values.astype(np.float64) + float(base)
    if values.dtype == np.uint64 or base >= 2**63:
        return (values.astype(np.uint64) + np.uint64(base % 2**64)).astype(np.float64)
    return (values.astype(np.int64) + np.int64(base)).astype(np.float64)


def sum_in_lanes(numbers: Floats) -> np.float64:
    """The sum in the order of the kernels: number i goes to lane i % LANES, the lanes are folded in halves."""
    whole = len(numbers) - len(numbers) % LANES
    # Reducing the slow axis adds row by row, which is what a kernel does lane by lane.
    lanes = np.add.reduce(numbers[:whole].reshape(-1, LANES), axis=0, initial=0.0)
    lanes[: len(numbers) - whole] += numbers[whole:]
    half = LANES // 2
    while half:
        lanes[:half] += lanes[half : 2 * half]
        half //= 2
    total: np.float64 = lanes[0]
    return total


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
