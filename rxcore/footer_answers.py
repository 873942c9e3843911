"""Passes that need not run, because the source already keeps the statistics of its blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.contexts.merge_tree import MergeTree
from rxcore.kernels import moments as kernels
from rxcore.sources.base import KnowsStatistics, Source
from rxcore.updaters.moments import Moments, MomentsState
from rxcore.variables import Floats
from xdf.views import numbers_of


def from_footer(source: Source, updater: Any) -> MomentsState | None:
    """The state that a pass of this updater over the source would end with, bit for bit, or None where only a pass
    tells.

    Answered are unweighted moments of plain columns, each over its own rows, and counts of the levels of single
    factors. The moments of blocks merge in the tree of passes; of counts any order gives the same.
    """
    if not isinstance(updater, Moments) or not isinstance(source, KnowsStatistics) or source.n_rows is None:
        return None
    if not updater.items:
        return None
    numbers: dict[int, dict[str, Floats]] = {}
    counts: dict[int, Floats] = {}
    for k, item in enumerate(updater.items):
        if updater.is_plain(item):
            column = _number_column(updater, k)
            statistics = None if column is None else source.block_statistics(column)
            if statistics is None:
                return None
            numbers[k] = statistics
        else:
            cells = _counts(source, source.n_rows, updater, k)
            if cells is None:
                return None
            counts[k] = cells
    state = _merged(updater, numbers)
    offsets = updater.item_offsets
    for k, cells in counts.items():
        table = state.table[offsets[k] : offsets[k + 1]]
        for field in (kernels.COUNT, kernels.WEIGHT, kernels.SQUARED_WEIGHT):
            table[:, field] = cells
    state.counts[0] = source.n_rows
    return state


def _number_column(updater: Moments, item: int) -> str | None:
    variable = updater.variables.variables[updater.items[item].numbers[0]]
    return None if variable.is_factor else variable.column


def _counts(source: KnowsStatistics, n_rows: int, updater: Moments, item: int) -> Floats | None:
    """Rows of each cell of one factor, and those whose level is missing; None where the source does not keep them."""
    wanted = updater.items[item]
    if wanted.numbers or len(wanted.factors) != 1 or updater.weight >= 0 or updater.listwise:
        return None
    variable = updater.variables.variables[wanted.factors[0]]
    if variable.column is None or variable.bins is not None:
        return None
    assert isinstance(source, Source)
    levels = source.schema.field(variable.column).levels
    known = None if levels is None else source.level_counts(variable.column)
    if known is None:
        return None
    cells = np.zeros(len(variable.levels) + 1)
    # A level that the variable does not have is missing to it.
    places = pc.index_in(pa.array(levels, pa.string()), value_set=pa.array(variable.levels, pa.string()))
    np.add.at(cells, numbers_of(places.fill_null(len(variable.levels))), known)
    cells[-1] += n_rows - int(known.sum())
    return cells


def _merged(updater: Moments, numbers: dict[int, dict[str, Floats]]) -> MomentsState:
    """The state of the plain items; all others are empty."""
    if not numbers:
        return updater.init()
    leaves = np.stack([_rows(statistics) for statistics in numbers.values()], axis=1)
    tree: MergeTree[MomentsState] = MergeTree(updater.merge)
    offsets = updater.item_offsets[list(numbers)]
    for number, rows in enumerate(leaves):
        state = updater.init()
        state.table[offsets] = rows
        tree.add(number, state)
    return tree.close() or updater.init()


def _rows(statistics: dict[str, Floats]) -> Floats:
    """Rows of a moments table, one for each block; operation for operation what ``plain_moments`` leaves."""
    n_blocks = len(statistics["n_valid"])
    rows = np.zeros((n_blocks, kernels.FIELDS))
    kernels.clear(rows)
    rows[:, kernels.MISSING] = rows[:, kernels.MISSING_WEIGHT] = statistics["n_missing"]
    some = statistics["n_valid"] > 0
    for field in (kernels.COUNT, kernels.WEIGHT, kernels.SQUARED_WEIGHT):
        rows[:, field] = statistics["n_valid"]
    for field, name in (
        (kernels.MEAN, "mean"),
        (kernels.SQUARES, "centered_squares"),
        (kernels.MINIMUM, "minimum"),
        (kernels.MAXIMUM, "maximum"),
    ):
        rows[some, field] = statistics[name][some]
    return rows
