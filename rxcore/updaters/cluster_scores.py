"""Sums of the scores within clusters, of one column or of the combinations of two: one pass at the fitted
coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rxcore.blocks import Block
from rxcore.errors import MemoryBudgetError
from rxcore.kernels import cluster_scores as kernels
from rxcore.updaters.cluster_keys import cluster_keys
from rxcore.updaters.glm import GlmPass
from rxcore.updaters.scores import ROW_NBYTES, ROWS_AT_ONCE, row_scores
from rxcore.variables import BoundBlock, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class ClusterTable:
    """The clusters met so far and the sums of their scores; see ``kernels/cluster_scores.py``. Never changed."""

    keys: Ints
    first: Ints
    places: npt.NDArray[np.int32]
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ClusterMeat:
    """Sum of s s' over clusters in the shifted basis, s the sum of the scores of a cluster, and how many there are."""

    matrix: Floats
    n_clusters: int


@dataclass(frozen=True, slots=True, eq=False)
class ClusterScores:
    """Scores summed within clusters.

    State: grows with the clusters that are there, and for each with the cells that its rows are in; never with the rows
    of a cluster. How large it may be is known before: ``most_nbytes``, beyond which a pass is refused.

    Attributes
    ----------
    model : GlmPass
        The pass whose scores these are: its design, family and coefficients.
    clusters : tuple of str
        One column, or two: then the sums are of their combinations, and of each column alone.
    parts : tuple of int
        Integers in the key of each column; see ``updaters/cluster_keys.py``.
    most_clusters, most_rows : int
        What the schema and the source say about how many clusters and rows there can be.
    most_nbytes : int
        The most that one state may take.
    caller : str
        For messages.
    """

    model: GlmPass
    clusters: tuple[str, ...]
    parts: tuple[int, ...]
    most_clusters: int
    most_rows: int
    most_nbytes: int
    caller: str

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.model.columns, *self.clusters)))

    def init(self) -> ClusterTable:
        return self._empty(0, 0)

    def _empty(self, n_clusters: int, n_entries: int) -> ClusterTable:
        return ClusterTable(
            np.zeros((n_clusters, sum(self.parts)), np.int64),
            np.zeros(n_clusters + 1, np.int64),
            np.zeros(n_entries, np.int32),
            np.zeros(n_entries),
        )

    def update(self, state: ClusterTable, block: Block) -> ClusterTable:
        if not block.n_rows:
            return state
        keys, codes = cluster_keys([block.columns[name] for name in self.clusters])
        bound = self.model.design.variables.bind(block)
        return self._join(state, self._table(bound, keys, codes, 0, block.n_rows))

    def _table(self, bound: BoundBlock, keys: Ints, codes: Ints, begin: int, end: int) -> ClusterTable:
        """The table of some rows: halved until their scores can be held, so that few tables are joined often."""
        n_pieces = -(-(end - begin) // ROWS_AT_ONCE)
        if n_pieces > 1:
            middle = begin + n_pieces // 2 * ROWS_AT_ONCE
            left = self._table(bound, keys, codes, begin, middle)
            return self._join(left, self._table(bound, keys, codes, middle, end))
        layout = self.model.design.layout
        n_rows, n_terms = end - begin, len(layout.cells)
        width = 1 + len(layout.numbers)
        row_codes = np.empty(n_rows, np.int64)
        row_places = np.empty((n_rows, n_terms), np.int64)
        row_values = np.empty((n_rows, width + n_terms))
        scores = row_scores(self.model, bound, begin, end)
        n_kept = kernels.spread_scores(
            bound.columns, bound.variables, bound.lookup, begin, end, scores,
            layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides, layout.multipliers, layout.basis_offsets,
            codes, row_codes, row_places, row_values,
        )  # fmt: skip
        order, starts = kernels.group_rows(row_codes, n_kept, len(keys))
        room = min(len(keys), n_kept)
        most = self._most_entries(room, n_kept)
        present, first = np.empty(room, np.int64), np.empty(room + 1, np.int64)
        places, values = np.empty(most, np.int32), np.empty(most)
        n_clusters, n_entries = kernels.sum_rows(
            order, starts, row_places, row_values, width, layout.n_basis, present, first, places, values
        )
        return ClusterTable(
            keys[present[:n_clusters]], first[: n_clusters + 1].copy(), places[:n_entries].copy(),
            values[:n_entries].copy(),
        )  # fmt: skip

    def _most_entries(self, n_clusters: int, n_rows: int) -> int:
        layout = self.model.design.layout
        width, n_terms = 1 + len(layout.numbers), len(layout.cells)
        return min(n_clusters * layout.n_basis, n_clusters * width + n_rows * n_terms)

    def _join(self, left: ClusterTable, right: ClusterTable) -> ClusterTable:
        # Tables never change, so an empty one makes way for the other without a copy.
        if not len(left.keys) or not len(right.keys):
            return left if len(left.keys) else right
        sides = (
            left.keys, left.first, left.places, left.values, right.keys, right.first, right.places, right.values,
        )  # fmt: skip
        none = self._empty(0, 0)
        size = kernels.join_tables(*sides, False, none.keys, none.first, none.places, none.values)
        needed = self._nbytes(*size)
        if needed > self.most_nbytes:
            names = " and ".join(map(repr, self.clusters))
            raise MemoryBudgetError(
                f"{self.caller}: the scores of {size[0]:,} or more clusters of {names} "
                f"take {needed / 1e6:,.1f} MB; the memory budget leaves "
                f"{self.most_nbytes / 1e6:,.1f} MB for each state. Raise RxOptions memoryBudget, lower numCoresToUse, "
                "use fewer coefficients or a coarser cluster"
            )
        joined = self._empty(*size)
        kernels.join_tables(*sides, True, joined.keys, joined.first, joined.places, joined.values)
        return joined

    def merge(self, left: ClusterTable, right: ClusterTable) -> ClusterTable:
        return self._join(left, right)

    def finalize(self, state: ClusterTable) -> tuple[ClusterMeat, ...]:
        """Of each column alone and, where there are two, of their combinations last."""
        keys = state.keys
        if len(self.parts) == 1:
            return (self._meat(state, keys),)
        middle = self.parts[0]
        return tuple(self._meat(state, part) for part in (keys[:, :middle], keys[:, middle:], keys))

    def _meat(self, table: ClusterTable, keys: Ints) -> ClusterMeat:
        order = np.lexsort(keys.T[::-1])
        ordered = keys[order]
        differs = np.any(ordered[1:] != ordered[:-1], axis=1)
        inner = np.flatnonzero(differs) + 1
        starts = np.concatenate([[0], inner, [len(keys)]]) if len(keys) else np.zeros(1, np.int64)
        matrix = np.zeros((self.model.design.layout.n_basis,) * 2)
        kernels.meat_of_groups(table.first, table.places, table.values, order, starts.astype(np.int64), matrix)
        return ClusterMeat(np.tril(matrix) + np.tril(matrix, -1).T, len(starts) - 1)

    def _nbytes(self, n_clusters: int, n_entries: int) -> int:
        return 8 * (n_clusters * (sum(self.parts) + 1) + 1) + 12 * n_entries

    def state_nbytes(self) -> int:
        layout = self.model.design.layout
        rows = min(self.most_rows, ROWS_AT_ONCE)
        width, n_terms = 1 + len(layout.numbers), len(layout.cells)
        scores = rows * (ROW_NBYTES + 8 * (2 + width + 2 * n_terms)) + 12 * self._most_entries(rows, rows)
        most_clusters = min(self.most_clusters, self.most_rows)
        most = self._nbytes(most_clusters, self._most_entries(most_clusters, self.most_rows))
        # Two tables stand beside the one that joins them: the plan counts a state for each level of the merge tree, and
        # the levels below are empty then.
        return scores + min(most, self.most_nbytes)
