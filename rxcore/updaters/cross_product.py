"""Weighted cross-products of a design, response included: all that a linear model needs, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rxcore.blocks import Block
from rxcore.design import Design, Layout, symmetric
from rxcore.kernels import cross_product as kernels
from rxcore.variables import Floats, Ints


@dataclass(slots=True, eq=False)
class CrossProductState:
    """Flat sums (see ``kernels/cross_product.py``), row counts, and missing values of each variable."""

    sums: Floats
    counts: Ints
    missing: Ints


@dataclass(frozen=True, slots=True, eq=False)
class CrossProducts:
    """What the pass found, in the shifted basis with the response as the last number.

    Attributes
    ----------
    matrix : array (n_basis, n_basis)
    counts : array of int
        Rows, by the ``N_*`` of ``kernels/cross_product.py``.
    missing : array of int
        Missing values of each variable of the design.
    low : array (n_basis, n_basis), or None
        The lower halves of the sums, where they were formed in double-double.
    """

    matrix: Floats
    counts: Ints
    missing: Ints
    low: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CrossProduct:
    """Sums of weight * column * column over complete rows, factors unexpanded.

    State: ``n_sums`` float64, additive, so merging is addition. Rows with anything missing, or without a weight above
    zero, are left out and counted.
    """

    design: Design
    response_origin: float = 0.0
    layout: Layout = field(init=False, repr=False)
    """The design's layout with the response, if it has one, as one more number."""

    def __post_init__(self) -> None:
        layout = self.design.layout
        if self.design.response >= 0:
            layout = layout.with_number((self.design.response,), self.response_origin)
        object.__setattr__(self, "layout", layout)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.design.variables.columns

    def init(self) -> CrossProductState:
        n_variables = len(self.design.variables.variables)
        return CrossProductState(
            np.zeros(self.layout.n_sums), np.zeros(kernels.COUNTS, np.int64), np.zeros(n_variables, np.int64)
        )

    def update(self, state: CrossProductState, block: Block) -> CrossProductState:
        bound = self.design.variables.bind(block)
        layout = self.layout
        kernels.cross_product(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, self.design.weight,
            layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides,
            layout.multipliers, layout.n_cells, layout.cell_offsets, layout.pair_offsets,
            state.sums, state.counts, state.missing,
        )  # fmt: skip
        return state

    def merge(self, left: CrossProductState, right: CrossProductState) -> CrossProductState:
        left.sums += right.sums
        left.counts += right.counts
        left.missing += right.missing
        return left

    def finalize(self, state: CrossProductState) -> CrossProducts:
        return CrossProducts(symmetric(self.layout, state.sums), state.counts.copy(), state.missing.copy())

    def state_nbytes(self) -> int:
        # The kernel keeps partial sums of the same size beside them.
        return 8 * (2 * self.layout.n_sums + kernels.COUNTS + len(self.design.variables.variables))
