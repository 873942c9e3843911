"""Variants of :class:`~rxcore.testing.example_moments.ExampleMoments` that each break a law.

They test the tests: ``tests/laws`` holds the table of which law catches which variant. Imitate none of them, but the
first, which is correct.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rxcore.blocks import Block
from rxcore.testing.example_moments import (
    LOWEST,
    MEAN,
    SQUARES,
    ExampleMoments,
    Floats,
    MomentsResult,
    MomentsState,
    exact_moments,
)
from rxcore.testing.reshape import logical_values, valid_rows
from xdf.columns import Column

__all__ = ["FAULTY", "ExampleMoments", "FunctionalMoments", "exact_moments"]


class FunctionalMoments(ExampleMoments):
    """Correct too: it never changes a state but returns new ones. Allowed, and every law must hold for it."""

    def join(self, left: MomentsState, n_rows: int, n_missing: int, parts: Floats) -> MomentsState:
        fresh = MomentsState(left.n_rows, left.n_missing, left.parts.copy())
        return super().join(fresh, n_rows, n_missing, parts)


class EmptyRightWipesLeft(ExampleMoments):
    """Merging with an empty state forgets everything."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        return super().merge(left, right) if right.n_rows else self.init()


class TwoEmptiesDivideByZero(ExampleMoments):
    """Computes the share of the right side before asking whether there is anything on either."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        share = right.n_rows / (left.n_rows + right.n_rows)
        return super().merge(left, right) if share else left


class ForgetsTheShiftOfMeans(ExampleMoments):
    """Adds centered squares without the squared distance of the two means."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        squares = left.parts[SQUARES] + right.parts[SQUARES]
        merged = super().merge(left, right)
        merged.parts[SQUARES] = squares
        return merged


class DropsSmallPartners(ExampleMoments):
    """Passes over a partner that is too small to have a variance of its own."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        return super().merge(left, right) if right.n_valid > 1 else left


class WritesToRight(ExampleMoments):
    """Uses the right side as scratch space."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        merged = super().merge(left, right)
        right.parts[:] = merged.parts
        return merged


class UpdatesTheLargerSide(ExampleMoments):
    """Saves work by adding the smaller side to the larger, whichever that is."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        if left.n_rows and right.n_rows > left.n_rows:
            left, right = right, left
        return super().merge(left, right)


class EmptyLeftBecomesRight(ExampleMoments):
    """An empty left side takes over the right side's array, and later changes it."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        if left.n_rows == 0:
            return MomentsState(right.n_rows, right.n_missing, right.parts)
        return super().merge(left, right)


class WrongWhenRightIsLarger(ExampleMoments):
    """Has a second formula for a larger right side, with the mean of the wrong side."""

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        wrong = 0 < left.n_rows < right.n_rows
        merged = super().merge(left, right)
        if wrong:
            merged.parts[MEAN] = right.parts[MEAN]
        return merged


class FinalizeChangesTheState(ExampleMoments):
    """Divides in place."""

    def finalize(self, state: MomentsState) -> MomentsResult:
        result = super().finalize(state)
        state.parts[SQUARES] /= max(state.n_valid - 1, 1)
        return result


class ResultIsAView(ExampleMoments):
    """Hands out the state's own memory, which changes when the state grows."""

    def finalize(self, state: MomentsState) -> MomentsResult:
        result = super().finalize(state)
        return MomentsResult(result.n_valid, result.n_missing, result.mean, result.variance, state.parts[LOWEST:])


@dataclass(frozen=True)
class InitIsShared(ExampleMoments):
    """Makes one empty state and returns it every time."""

    shared: list[MomentsState] = field(default_factory=list)

    def init(self) -> MomentsState:
        if not self.shared:
            self.shared.append(super().init())
        return self.shared[0]


@dataclass(frozen=True)
class InitIsSharedUntilUpdated(InitIsShared):
    """The same, but ``update`` copies the shared state first, so that only merging into it does harm."""

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        return super().update(MomentsState(state.n_rows, state.n_missing, state.parts.copy()), block)


class LambdaInState(ExampleMoments):
    """Keeps a function in its state."""

    def init(self) -> MomentsState:
        state = super().init()
        state.extra = lambda values: values
        return state


class IgnoresMissing(ExampleMoments):
    """Takes whatever number stands under a missing row."""

    def valid_values(self, column: Column) -> Floats:
        return logical_values(column).astype(np.float64)


class TreatsZeroAsMissing(ExampleMoments):
    """Tests a value for truth where it meant to test it for being there."""

    def valid_values(self, column: Column) -> Floats:
        values = super().valid_values(column)
        kept: Floats = values[values != 0.0]
        return kept


class FillsMissingInPlace(ExampleMoments):
    """Puts zero under the missing rows of the caller's block."""

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        state = super().update(state, block)
        column = block.columns[self.column]
        column.values[~valid_rows(column)] = 0
        return state


class CentersInPlace(ExampleMoments):
    """Subtracts the mean from the caller's block."""

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        state = super().update(state, block)
        column = block.columns[self.column]
        column.values[:] = column.values - self.moments(self.valid_values(column))[MEAN]
        return state


class ZeroRowsStartAnew(ExampleMoments):
    """Returns a fresh state for a block without rows, forgetting the one it was given."""

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        return super().update(state, block) if block.n_rows else self.init()


class AllMissingStartsAnew(ExampleMoments):
    """Returns a fresh state, with the count of missing rows kept, for a block where every row is missing."""

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        if block.n_rows and not len(self.valid_values(block.columns[self.column])):
            missing = state.n_missing + block.n_rows
            return MomentsState(missing, missing, self.init().parts)
        return super().update(state, block)


class SumsInTheBlocksType(ExampleMoments):
    """Sums float32 in float32: the result depends on how the file stored the numbers."""

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        column = block.columns[self.column]
        values = self.valid_values(column)
        parts = self.moments(values)
        if column.values.dtype == np.float32 and len(values):
            parts[MEAN] = values.astype(np.float32).sum(dtype=np.float32) / np.float32(len(values))
        return self.join(state, block.n_rows, block.n_rows - len(values), parts)


class HidesItsColumns(ExampleMoments):
    """Reads a column that it does not ask for."""

    @property
    def columns(self) -> Sequence[str]:
        return ()


class PromisesTooLittle(ExampleMoments):
    """Says that its state is smaller than it is."""

    def state_nbytes(self) -> int:
        return 24


class KeepsEveryBlock(ExampleMoments):
    """Remembers the mean of every block, so that its state grows with the rows."""

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        before = list(state.extra or ())
        state = super().update(state, block)
        state.extra = [*before, float(state.parts[MEAN])]
        return state

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        merged = super().merge(left, right)
        merged.extra = [*(left.extra or ()), *(right.extra or ())]
        return merged

    def state_nbytes(self) -> int:
        return 1 << 30


class SumOfSquares(ExampleMoments):
    """Mean of squares minus square of the mean: no digit is left when the mean is large."""

    def moments(self, values: Floats) -> Floats:
        parts = super().moments(values)
        if len(values):
            parts[SQUARES] = float((values * values).sum()) - float(values.sum()) ** 2 / len(values)
        return parts


@dataclass(frozen=True)
class PivotFromThePast(ExampleMoments):
    """Centers by the total of whatever block this object saw last: right to rounding, and never twice the same."""

    pivot: list[float] = field(default_factory=lambda: [0.0])

    def moments(self, values: Floats) -> Floats:
        parts = super().moments(values)
        if len(values):
            pivot = self.pivot[0]
            parts[MEAN] = pivot + float((values - pivot).sum()) / len(values)
            self.pivot[0] = float(values.sum())
        return parts


@dataclass(frozen=True)
class SharedScratch(ExampleMoments):
    """Keeps work memory on the updater, which all threads share."""

    scratch: Floats = field(default_factory=lambda: np.zeros(4))

    def moments(self, values: Floats) -> Floats:
        self.scratch[:] = super().moments(values)
        time.sleep(0.0005)  # a kernel that lets other threads run
        return self.scratch.copy()


FAULTY: tuple[Callable[[], ExampleMoments], ...] = (
    AllMissingStartsAnew, CentersInPlace, DropsSmallPartners, EmptyLeftBecomesRight, EmptyRightWipesLeft,
    FillsMissingInPlace, FinalizeChangesTheState, ForgetsTheShiftOfMeans, HidesItsColumns, IgnoresMissing, InitIsShared,
    InitIsSharedUntilUpdated, KeepsEveryBlock, LambdaInState, PivotFromThePast, PromisesTooLittle, ResultIsAView,
    SharedScratch, SumOfSquares, SumsInTheBlocksType, TreatsZeroAsMissing, TwoEmptiesDivideByZero, UpdatesTheLargerSide,
    WritesToRight, WrongWhenRightIsLarger, ZeroRowsStartAnew,
)  # fmt: skip
"""Every broken variant; each must fail some law."""
