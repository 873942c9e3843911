"""Passes that need not run, because the source already keeps the statistics of its blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from rxcore.contexts.merge_tree import MergeTree
from rxcore.kernels import moments as kernels
from rxcore.sources.base import KnowsStatistics, Source
from rxcore.updaters.moments import Moments, MomentsState
from rxcore.variables import Floats


def from_footer(source: Source, updater: Any) -> MomentsState | None:
    """The state that a pass of this updater over the source would end with, bit for bit, or None where only a pass
    tells.

    Answered are unweighted moments of plain columns, each over its own rows. The states of blocks merge in the tree of
    passes.
    """
    if not isinstance(updater, Moments) or not isinstance(source, KnowsStatistics) or source.n_rows is None:
        return None
    names = [_plain_column(updater, k) for k in range(len(updater.items))]
    if not names or any(name is None for name in names):
        return None
    known = [source.block_statistics(name) for name in names if name is not None]
    if any(statistics is None for statistics in known):
        return None
    leaves = np.stack([_rows(statistics) for statistics in known if statistics is not None], axis=1)
    tree: MergeTree[MomentsState] = MergeTree(updater.merge)
    offsets = updater.item_offsets[:-1]
    for number, rows in enumerate(leaves):
        state = updater.init()
        state.table[offsets] = rows
        state.counts[0] = int(rows[0, kernels.COUNT] + rows[0, kernels.MISSING])
        tree.add(number, state)
    return tree.close() or updater.init()


def _plain_column(updater: Moments, item: int) -> str | None:
    if not updater.is_plain(updater.items[item]):
        return None
    variable = updater.variables.variables[updater.items[item].numbers[0]]
    return None if variable.is_factor else variable.column


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
