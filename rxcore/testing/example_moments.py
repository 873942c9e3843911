"""A small correct updater in plain NumPy, to read and to imitate: :class:`ExampleMoments`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from rxcore.blocks import Block
from rxcore.testing.reshape import concatenate, logical_values, valid_rows
from xdf.columns import Column

Floats = npt.NDArray[np.float64]
MEAN, SQUARES, LOWEST, HIGHEST = range(4)


@dataclass(slots=True)
class MomentsState:
    """Rows seen, rows missing, and an array of mean, centered sum of squares, lowest and highest value."""

    n_rows: int
    n_missing: int
    parts: Floats
    extra: Any = None

    @property
    def n_valid(self) -> int:
        """Rows that count."""
        return self.n_rows - self.n_missing


@dataclass(frozen=True, slots=True, eq=False)
class MomentsResult:
    """What :class:`ExampleMoments` gives. Mean and variance (divided by n - 1) are NaN where there are too few rows."""

    n_valid: int
    n_missing: int
    mean: float
    variance: float
    extremes: Floats


@dataclass(frozen=True)
class ExampleMoments:
    """Count, mean, variance and extremes of one numeric column; correct, and as plain as it can be.

    Parameters
    ----------
    column : str, default "x"

    Notes
    -----
    State: two counts and four floats. Merge: Chan, Golub and LeVeque (1979), pairwise, in place on the left. Passes: 1.
    """

    column: str = "x"

    @property
    def columns(self) -> Sequence[str]:
        """The column it reads."""
        return (self.column,)

    def init(self) -> MomentsState:
        """No rows yet."""
        return MomentsState(0, 0, np.array([0.0, 0.0, np.inf, -np.inf]))

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        """Fold one block in: corrected two-pass moments of the block, then a merge."""
        values = self.valid_values(block.columns[self.column])
        return self.join(state, block.n_rows, block.n_rows - len(values), self.moments(values))

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        """Join two states in place on the left."""
        return self.join(left, right.n_rows, right.n_missing, right.parts)

    def finalize(self, state: MomentsState) -> MomentsResult:
        """Read the statistic."""
        n = state.n_valid
        mean = float(state.parts[MEAN]) if n else math.nan
        variance = float(state.parts[SQUARES]) / (n - 1) if n > 1 else math.nan
        return MomentsResult(n, state.n_missing, mean, variance, state.parts[LOWEST:].copy())

    def state_nbytes(self) -> int:
        """Two counts, four floats, and the slot that some variants use."""
        return 7 * 8

    def valid_values(self, column: Column) -> Floats:
        """The values that are not missing, as float64."""
        return logical_values(column)[valid_rows(column)].astype(np.float64)

    def moments(self, values: Floats) -> Floats:
        """Mean, centered squares, lowest and highest of some values."""
        n = len(values)
        if n == 0:
            return np.array([0.0, 0.0, np.inf, -np.inf])
        mean = float(values.sum()) / n
        mean += float((values - mean).sum()) / n
        centered = values - mean
        squares = float((centered * centered).sum()) - float(centered.sum()) ** 2 / n
        return np.array([mean, squares, values.min(), values.max()])

    def join(self, left: MomentsState, n_rows: int, n_missing: int, parts: Floats) -> MomentsState:
        """Add the moments of more rows to a state."""
        n_left, n_right = left.n_valid, n_rows - n_missing
        left.n_rows += n_rows
        left.n_missing += n_missing
        if n_right == 0:
            return left
        if n_left == 0:
            left.parts[:] = parts
            return left
        total = n_left + n_right
        shift = parts[MEAN] - left.parts[MEAN]
        left.parts[SQUARES] += parts[SQUARES] + shift * shift * (n_left * n_right / total)
        left.parts[MEAN] += shift * (n_right / total)
        left.parts[LOWEST] = min(left.parts[LOWEST], parts[LOWEST])
        left.parts[HIGHEST] = max(left.parts[HIGHEST], parts[HIGHEST])
        return left


def exact_moments(blocks: Sequence[Block], column: str = "x") -> MomentsResult:
    """The same statistic in exact rational numbers, rounded once at the end."""
    whole = concatenate(blocks)
    valid = valid_rows(whole.columns[column])
    values = [Fraction(float(value)) for value in logical_values(whole.columns[column])[valid]]
    n = len(values)
    mean = sum(values, Fraction()) / n if n else None
    squares = sum(((value - mean) ** 2 for value in values), Fraction()) if mean is not None else Fraction()
    return MomentsResult(
        n_valid=n,
        n_missing=whole.n_rows - n,
        mean=math.nan if mean is None else float(mean),
        variance=float(squares / (n - 1)) if n > 1 else math.nan,
        extremes=np.array([min(values, default=math.inf), max(values, default=-math.inf)], np.float64),
    )
