"""The middle of a heteroskedasticity-consistent covariance: one pass at the fitted coefficients."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rxcore.blocks import Block
from rxcore.design import symmetric
from rxcore.kernels import meat as kernels
from rxcore.updaters.glm import GlmPass
from rxcore.updaters.scores import ROW_NBYTES, ROWS_AT_ONCE, row_scores
from rxcore.variables import Floats


@dataclass(slots=True, eq=False)
class MeatState:
    """Flat sums (see ``kernels/cross_product.py``), and how many rows have leverage 1. Additive."""

    sums: Floats
    n_determined: int


@dataclass(frozen=True, slots=True, eq=False)
class MeatResult:
    """The cross-product of the scores in the shifted basis, and how many rows determine a coefficient alone."""

    matrix: Floats
    n_determined: int


@dataclass(frozen=True, slots=True, eq=False)
class Meat:
    """Sum of squared score residual * column * column.

    State: ``n_sums`` float64, additive.

    Attributes
    ----------
    model : GlmPass
        The pass whose scores these are: its design, family and coefficients.
    bread : array (n_basis, n_basis)
        Inverse information in the shifted basis; empty when ``power`` is 0.
    power : int
        How often each squared residual is divided by 1 - leverage: 0 for HC0 and HC1, 1 for HC2, 2 for HC3.
    repeated : bool
        Whether a weight says how often its row is repeated.
    """

    model: GlmPass
    bread: Floats
    power: int = 0
    repeated: bool = False
    _numbers_bread: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        width = 1 + len(self.model.design.layout.numbers)
        object.__setattr__(self, "_numbers_bread", np.ascontiguousarray(self.bread[:width, :width]))

    @property
    def columns(self) -> tuple[str, ...]:
        return self.model.columns

    def init(self) -> MeatState:
        return MeatState(np.zeros(self.model.design.layout.n_sums), 0)

    def update(self, state: MeatState, block: Block) -> MeatState:
        design = self.model.design
        bound, layout = design.variables.bind(block), design.layout
        for begin in range(0, block.n_rows, ROWS_AT_ONCE):
            end = min(begin + ROWS_AT_ONCE, block.n_rows)
            scores = row_scores(self.model, bound, begin, end)
            state.n_determined += kernels.meat(
                bound.columns, bound.variables, bound.lookup, begin, end, scores, self.repeated, self.power,
                layout.number_factors, layout.number_first, layout.origins,
                layout.cell_factors, layout.cell_first, layout.cell_strides,
                layout.multipliers, layout.n_cells, layout.cell_offsets, layout.pair_offsets,
                self.bread, self._numbers_bread, layout.basis_offsets, state.sums,
            )  # fmt: skip
        return state

    def merge(self, left: MeatState, right: MeatState) -> MeatState:
        left.sums += right.sums
        left.n_determined += right.n_determined
        return left

    def finalize(self, state: MeatState) -> MeatResult:
        return MeatResult(symmetric(self.model.design.layout, state.sums), state.n_determined)

    def state_nbytes(self) -> int:
        # The kernel keeps partial sums of the same size beside them.
        return 8 * (2 * self.model.design.layout.n_sums + 1) + ROW_NBYTES * ROWS_AT_ONCE
