"""Distinct values of text columns, in order of first appearance: the levels nobody declared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rxcore.blocks import Block
from xdf.columns import Column

LevelsState = dict[str, dict[str, None]]


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of each column by first appearance in row order.

    State: one insertion-ordered set for each column. It grows with the number of levels, never with rows; a column with
    more than ``most`` is refused by the runner.
    """

    names: tuple[str, ...]
    most: int = 1_000_000

    @property
    def columns(self) -> tuple[str, ...]:
        return self.names

    def init(self) -> LevelsState:
        return {name: {} for name in self.names}

    def update(self, state: LevelsState, block: Block) -> LevelsState:
        for name in self.names:
            known = state[name]
            for value in _by_appearance(block.columns[name].as_factor()):
                known.setdefault(value)
        return state

    def merge(self, left: LevelsState, right: LevelsState) -> LevelsState:
        for name in self.names:
            known = left[name]
            for value in right[name]:
                known.setdefault(value)
        return left

    def finalize(self, state: LevelsState) -> dict[str, tuple[str, ...]]:
        return {name: tuple(state[name]) for name in self.names}

    def state_nbytes(self) -> int:
        # Text of unknown length: 100 bytes a level is a guess on the high side for a thousand levels each.
        return 100_000 * len(self.names)


def _by_appearance(column: Column) -> list[str]:
    """Levels that rows of this column have, by first appearance."""
    assert column.levels is not None
    n_levels = len(column.levels)
    codes = column.values.astype(np.int64) + column.base
    present = (codes >= 0) & (codes < n_levels)
    if column.validity is not None:
        bits = np.unpackbits(column.validity, bitorder="little")[column.validity_offset :][: len(codes)]
        present &= bits.astype(np.bool_)
    codes = codes[present]
    first = np.full(n_levels, len(codes), np.int64)
    # Written backwards, so that the first row of a level is written last and stays.
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    order = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
    names: list[str] = column.levels.take(order).to_pylist()
    return names
