"""The middle of a heteroskedasticity-consistent covariance: one pass at the fitted coefficients."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rxcore.blocks import Block
from rxcore.design import Design, symmetric
from rxcore.kernels import cross_product
from rxcore.kernels import meat as kernels
from rxcore.variables import Floats, Ints


@dataclass(slots=True, eq=False)
class MeatState:
    """Flat sums (see ``kernels/cross_product.py``), row counts (last: rows of leverage 1), missing values of each
    variable. All additive.
    """

    sums: Floats
    counts: Ints
    missing: Ints


@dataclass(frozen=True, slots=True, eq=False)
class MeatResult:
    """The cross-product of the scores in the shifted basis, and how many rows determine a coefficient alone."""

    matrix: Floats
    n_determined: int


@dataclass(frozen=True, slots=True, eq=False)
class Meat:
    """Sum of squared score residual * column * column at coefficients ``beta`` of the shifted basis.

    State: ``n_sums`` float64, additive.

    Attributes
    ----------
    design : Design
    family : int
        Of ``kernels/glm.py``.
    beta : array (n_basis,)
    bread : array (n_basis, n_basis)
        Inverse information in the shifted basis; empty when ``power`` is 0.
    power : int
        How often each squared residual is divided by 1 - leverage: 0 for HC0 and HC1, 1 for HC2, 2 for HC3.
    repeated : bool
        Whether a weight says how often its row is repeated.
    """

    design: Design
    family: int
    beta: Floats
    bread: Floats
    power: int = 0
    repeated: bool = False
    _numbers_bread: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        width = 1 + len(self.design.layout.numbers)
        object.__setattr__(self, "_numbers_bread", np.ascontiguousarray(self.bread[:width, :width]))

    @property
    def columns(self) -> tuple[str, ...]:
        return self.design.variables.columns

    def init(self) -> MeatState:
        return MeatState(
            np.zeros(self.design.layout.n_sums),
            np.zeros(cross_product.COUNTS + 1, np.int64),
            np.zeros(len(self.design.variables.variables), np.int64),
        )

    def update(self, state: MeatState, block: Block) -> MeatState:
        bound = self.design.variables.bind(block)
        layout = self.design.layout
        state.counts[-1] += kernels.meat(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, self.design.weight, self.design.response,
            self.family, self.repeated, self.power, layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides,
            layout.multipliers, layout.n_cells, layout.cell_offsets, layout.pair_offsets,
            self.beta, self.bread, self._numbers_bread, layout.basis_offsets,
            state.sums, state.counts, state.missing,
        )  # fmt: skip
        return state

    def merge(self, left: MeatState, right: MeatState) -> MeatState:
        left.sums += right.sums
        left.counts += right.counts
        left.missing += right.missing
        return left

    def finalize(self, state: MeatState) -> MeatResult:
        return MeatResult(symmetric(self.design.layout, state.sums), int(state.counts[-1]))

    def state_nbytes(self) -> int:
        # The kernel keeps partial sums of the same size beside them.
        n_variables = len(self.design.variables.variables)
        return 8 * (2 * self.design.layout.n_sums + cross_product.COUNTS + 1 + n_variables)
