"""Moments of numbers, overall or by cell of factors: the statistics of a summary, and counts of categories."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from rxcore.blocks import Block
from rxcore.kernels import moments as kernels
from rxcore.variables import BoundBlock, Floats, Ints, VariableSet


@dataclass(frozen=True, slots=True)
class MomentsItem:
    """The product of some number variables within the cells of some factor variables; no numbers: rows are counted."""

    numbers: tuple[int, ...]
    factors: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class MomentsState:
    """``table``: a row for each cell of each item, and one for rows whose cell is missing; columns as in
    ``kernels/moments.py``. ``counts``: rows, rows left out by listwise deletion, without a weight, with a negative
    weight, with a fractional one.
    """

    table: Floats
    counts: Ints


@dataclass(frozen=True, slots=True, eq=False)
class MomentsResult:
    """One table an item: a row for each cell (first factor fastest), then one for rows whose cell is missing."""

    tables: tuple[Floats, ...]
    n_rows: int
    n_left_out: int
    n_without_weight: int
    n_negative_weight: int
    n_fractional_weight: int


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, weight, mean, centred sum of squares, minimum, maximum and missing of each item.

    Merge: the pairwise formula of Chan, Golub and LeVeque (1979), cell by cell.
    """

    variables: VariableSet
    items: tuple[MomentsItem, ...]
    weight: int = -1
    listwise: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return self.variables.columns

    def _shape(self, item: MomentsItem) -> list[int]:
        return [len(self.variables.variables[v].levels) for v in item.factors]

    @property
    def item_offsets(self) -> Ints:
        """Where the rows of each item start in the table, and where the last one's end."""
        sizes = [int(np.prod(self._shape(item), dtype=np.int64)) + 1 for item in self.items]
        return np.fromiter(itertools.accumulate([0, *sizes]), np.int64)

    def init(self) -> MomentsState:
        table = np.empty((int(self.item_offsets[-1]), kernels.FIELDS))
        kernels.clear(table)
        return MomentsState(table, np.zeros(5, np.int64))

    def update(self, state: MomentsState, block: Block) -> MomentsState:
        bound = self.variables.bind(block)
        fresh = np.empty_like(state.table)
        kernels.clear(fresh)
        plain = [k for k, item in enumerate(self.items) if self.is_plain(item)]
        if plain:
            self._update_plain(plain, bound, fresh)
        if len(plain) < len(self.items) or self.weight >= 0 or self.listwise:
            self._update_others([k for k in range(len(self.items)) if k not in plain], bound, fresh, state.counts[1:])
        kernels.merge(state.table, fresh)
        state.counts[0] += block.n_rows
        return state

    def is_plain(self, item: MomentsItem) -> bool:
        """Whether it summarizes one variable over all of its rows, unweighted."""
        return len(item.numbers) == 1 and not item.factors and self.weight < 0 and not self.listwise

    def _update_plain(self, places: list[int], bound: BoundBlock, fresh: Floats) -> None:
        wanted = np.array([self.items[k].numbers[0] for k in places], np.int64)
        rows = np.zeros((len(places), kernels.FIELDS))
        kernels.clear(rows)
        kernels.plain_moments(
            bound.columns, bound.variables[wanted], bound.lookup, bound.n_rows, np.arange(len(places)), rows
        )
        fresh[self.item_offsets[places]] = rows

    def _update_others(self, places: list[int], bound: BoundBlock, fresh: Floats, dropped: Ints) -> None:
        items = [self.items[k] for k in places]
        most = max((len(item.numbers) for item in items), default=0)
        item_number = np.full((len(items), most + 1), -1, np.int64)
        factors: list[int] = []
        strides: list[int] = []
        first = [0]
        for k, item in enumerate(items):
            item_number[k, : len(item.numbers)] = item.numbers
            factors += item.factors
            shape = self._shape(item)
            strides += list(itertools.accumulate([1, *shape[:-1]], lambda a, b: a * b)) if shape else []
            first.append(len(factors))
        offsets = self.item_offsets
        kernels.moments(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, self.weight, self.listwise,
            item_number, np.array(factors, np.int64), np.array(first, np.int64), np.array(strides, np.int64),
            np.array([(offsets[k], offsets[k + 1]) for k in places], np.int64).reshape(-1, 2), fresh, dropped,
        )  # fmt: skip

    def merge(self, left: MomentsState, right: MomentsState) -> MomentsState:
        kernels.merge(left.table, right.table)
        left.counts += right.counts
        return left

    def finalize(self, state: MomentsState) -> MomentsResult:
        offsets = self.item_offsets
        tables = tuple(state.table[a:b].copy() for a, b in itertools.pairwise(offsets))
        return MomentsResult(tables, *(int(count) for count in state.counts))

    def state_nbytes(self) -> int:
        return 8 * (int(self.item_offsets[-1]) * kernels.FIELDS + 5)
