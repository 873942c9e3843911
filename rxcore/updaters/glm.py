"""One pass of a generalized linear model at given coefficients. Iterating is the business of ``solvers/irls.py``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rxcore.blocks import Block
from rxcore.design import Design, symmetric
from rxcore.kernels import cross_product, glm
from rxcore.variables import Floats, Ints


@dataclass(slots=True, eq=False)
class GlmState:
    """Information (flat sums), score, deviance and sum of weights, row counts, missing values of each variable. All
    additive.
    """

    sums: Floats
    score: Floats
    totals: Floats
    counts: Ints
    missing: Ints


@dataclass(frozen=True, slots=True, eq=False)
class GlmPassResult:
    """Information and score in the shifted basis, and the deviance, at the coefficients of the pass."""

    information: Floats
    score: Floats
    deviance: float
    sum_of_weights: float
    counts: Ints
    missing: Ints


@dataclass(frozen=True, slots=True, eq=False)
class GlmPass:
    """Score, information and deviance of one family at coefficients ``beta`` of the shifted basis.

    State: ``n_sums`` + ``n_basis`` + 2 float64, additive.
    """

    design: Design
    family: int
    beta: Floats

    @property
    def columns(self) -> tuple[str, ...]:
        return self.design.variables.columns

    def init(self) -> GlmState:
        layout = self.design.layout
        return GlmState(
            np.zeros(layout.n_sums),
            np.zeros(layout.n_basis),
            np.zeros(2),
            np.zeros(cross_product.COUNTS, np.int64),
            np.zeros(len(self.design.variables.variables), np.int64),
        )

    def update(self, state: GlmState, block: Block) -> GlmState:
        bound = self.design.variables.bind(block)
        layout = self.design.layout
        glm.irls_pass(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, self.design.weight, self.design.response,
            self.family, layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides,
            layout.multipliers, layout.n_cells, layout.cell_offsets, layout.pair_offsets,
            self.beta, layout.basis_offsets, state.sums, state.score, state.totals, state.counts, state.missing,
        )  # fmt: skip
        return state

    def merge(self, left: GlmState, right: GlmState) -> GlmState:
        left.sums += right.sums
        left.score += right.score
        left.totals += right.totals
        left.counts += right.counts
        left.missing += right.missing
        return left

    def finalize(self, state: GlmState) -> GlmPassResult:
        return GlmPassResult(
            symmetric(self.design.layout, state.sums),
            state.score.copy(),
            float(state.totals[0]),
            float(state.totals[1]),
            state.counts.copy(),
            state.missing.copy(),
        )

    def state_nbytes(self) -> int:
        layout = self.design.layout
        # The kernel keeps partial sums of the same size beside them.
        return 8 * (
            2 * layout.n_sums + layout.n_basis + 2 + cross_product.COUNTS + len(self.design.variables.variables)
        )
