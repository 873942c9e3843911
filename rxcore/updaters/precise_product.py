"""Cross-products of a design in double-double, for the second look at columns that nearly depend on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rxcore.blocks import Block
from rxcore.design import symmetric
from rxcore.kernels import cross_product as kernels
from rxcore.kernels.precise_product import add_sums, precise_product
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.variables import Floats, Ints


@dataclass(slots=True, eq=False)
class PreciseProductState:
    """Flat sums as high + low (see ``kernels/cross_product.py``), row counts, and missing values of each variable."""

    high: Floats
    low: Floats
    counts: Ints
    missing: Ints


@dataclass(frozen=True, slots=True, eq=False)
class PreciseProduct:
    """The sums that ``plain`` forms, in double-double. Additive, like those."""

    plain: CrossProduct

    @property
    def columns(self) -> tuple[str, ...]:
        return self.plain.columns

    def init(self) -> PreciseProductState:
        n_sums, n_variables = self.plain.layout.n_sums, len(self.plain.design.variables.variables)
        return PreciseProductState(
            np.zeros(n_sums), np.zeros(n_sums), np.zeros(kernels.COUNTS, np.int64), np.zeros(n_variables, np.int64)
        )

    def update(self, state: PreciseProductState, block: Block) -> PreciseProductState:
        design, layout = self.plain.design, self.plain.layout
        bound = design.variables.bind(block)
        precise_product(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, design.weight,
            layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides,
            layout.multipliers, layout.n_cells, layout.cell_offsets, layout.pair_offsets,
            state.high, state.low, state.counts, state.missing,
        )  # fmt: skip
        return state

    def merge(self, left: PreciseProductState, right: PreciseProductState) -> PreciseProductState:
        add_sums(left.high, left.low, right.high, right.low)
        left.counts += right.counts
        left.missing += right.missing
        return left

    def finalize(self, state: PreciseProductState) -> CrossProducts:
        layout = self.plain.layout
        return CrossProducts(
            symmetric(layout, state.high), state.counts.copy(), state.missing.copy(), symmetric(layout, state.low)
        )

    def state_nbytes(self) -> int:
        return 8 * (2 * self.plain.layout.n_sums + kernels.COUNTS + len(self.plain.design.variables.variables))
