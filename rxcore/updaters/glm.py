"""One pass of a generalized linear model at given coefficients. Iterating is the business of ``solvers/irls.py``.

Two updaters give the same result: `GlmPass` for the two models that must be fast, `FamilyPass` for every family and
link.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rxcore.blocks import Block
from rxcore.design import Design, symmetric
from rxcore.families import Family
from rxcore.kernels import cross_product, families, glm
from rxcore.variables import Floats, Ints

_LINKS = {
    "identity": families.IDENTITY,
    "log": families.LOG,
    "inverse": families.INVERSE,
    "sqrt": families.SQRT,
    "1/mu^2": families.INVERSE_SQUARE,
    "logit": families.LOGIT,
    "probit": families.PROBIT,
    "cloglog": families.CLOGLOG,
    "cauchit": families.CAUCHIT,
}
_VARIANCES = {0.0: families.GAUSSIAN, 1.0: families.POISSON, 2.0: families.GAMMA, 3.0: families.INVERSE_GAUSSIAN}


@dataclass(slots=True, eq=False)
class GlmState:
    """Information (flat sums), score, deviance and other sums, row counts, missing values of each variable. All
    additive.
    """

    sums: Floats
    score: Floats
    totals: Floats
    counts: Ints
    missing: Ints


@dataclass(frozen=True, slots=True, eq=False)
class GlmPassResult:
    """What one pass finds at its coefficients.

    Attributes
    ----------
    information, score : arrays
        In the shifted basis.
    deviance, sum_of_weights : float
    counts, missing : arrays of int
        Rows by what became of them, and missing values of each variable.
    totals : array
        Further sums, by the places named in ``kernels/families.py``.
    """

    information: Floats
    score: Floats
    deviance: float
    sum_of_weights: float
    counts: Ints
    missing: Ints
    totals: Floats

    @property
    def valid(self) -> bool:
        """Whether every row has a fitted value that its family can have."""
        return not self.counts[cross_product.N_INVALID]

    @property
    def response_mean(self) -> float:
        """Weighted mean of the response."""
        return float(self.totals[families.RESPONSE]) / self.sum_of_weights


def _empty(design: Design) -> GlmState:
    return GlmState(
        np.zeros(design.layout.n_sums),
        np.zeros(design.layout.n_basis),
        np.zeros(families.TOTALS),
        np.zeros(cross_product.COUNTS, np.int64),
        np.zeros(len(design.variables.variables), np.int64),
    )


def _merged(left: GlmState, right: GlmState) -> GlmState:
    left.sums += right.sums
    left.score += right.score
    left.totals += right.totals
    left.counts += right.counts
    left.missing += right.missing
    return left


def _result(design: Design, state: GlmState) -> GlmPassResult:
    return GlmPassResult(
        symmetric(design.layout, state.sums),
        state.score.copy(),
        float(state.totals[families.DEVIANCE]),
        float(state.totals[families.WEIGHT]),
        state.counts.copy(),
        state.missing.copy(),
        state.totals.copy(),
    )


def _nbytes(design: Design) -> int:
    layout = design.layout
    # The kernel keeps partial sums of the same size beside them.
    return 8 * (
        2 * layout.n_sums + layout.n_basis + families.TOTALS + cross_product.COUNTS + len(design.variables.variables)
    )


@dataclass(frozen=True, slots=True, eq=False)
class GlmPass:
    """Score, information and deviance at coefficients ``beta`` of the shifted basis: least squares, or a logistic model
    of events (any response but 0 is one).

    State: ``n_sums`` + ``n_basis`` + ``TOTALS`` float64, additive.
    """

    design: Design
    family: int
    beta: Floats

    @property
    def columns(self) -> tuple[str, ...]:
        return self.design.variables.columns

    @property
    def offset(self) -> int:
        """The variable added to the linear predictor, -1 for none. Linear models have it taken from the response."""
        return self.design.offset if self.family == glm.BINOMIAL_LOGIT else -1

    def init(self) -> GlmState:
        return _empty(self.design)

    def update(self, state: GlmState, block: Block) -> GlmState:
        bound = self.design.variables.bind(block)
        layout = self.design.layout
        glm.irls_pass(
            bound.columns, bound.variables, bound.lookup, bound.n_rows,
            self.design.weight, self.design.response, self.offset,
            self.family, layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides,
            layout.multipliers, layout.n_cells, layout.cell_offsets, layout.pair_offsets,
            self.beta, layout.basis_offsets, state.sums, state.score, state.totals, state.counts, state.missing,
        )  # fmt: skip
        return state

    def merge(self, left: GlmState, right: GlmState) -> GlmState:
        return _merged(left, right)

    def finalize(self, state: GlmState) -> GlmPassResult:
        return _result(self.design, state)

    def state_nbytes(self) -> int:
        return _nbytes(self.design)


@dataclass(frozen=True, slots=True, eq=False)
class FamilyPass:
    """Score, Fisher information, deviance and what AIC and dispersion need, for one family and link at coefficients
    ``beta`` of the shifted basis.

    Attributes
    ----------
    trials : bool
        Whether weights count trials of a binomial, as R's prior weights do; frequency weights do not.
    start : bool
        Take the means from the response instead of ``beta``; the score is then that of the working response.
    null_mean : float
        Where given, also the deviance at this one mean, and the likelihood of the response alone.
    with_theta : bool
        With ``null_mean``: also score and information of a negative binomial's theta.

    Notes
    -----
    State: ``n_sums`` + ``n_basis`` + ``TOTALS`` float64, additive.
    """

    design: Design
    family: Family
    beta: Floats
    trials: bool = True
    start: bool = False
    null_mean: float = math.nan
    with_theta: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return self.design.variables.columns

    def init(self) -> GlmState:
        return _empty(self.design)

    def update(self, state: GlmState, block: Block) -> GlmState:
        bound = self.design.variables.bind(block)
        layout = self.design.layout
        codes, settings = self.settings()
        glm.family_pass(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, codes, settings,
            layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides,
            layout.multipliers, layout.n_cells, layout.cell_offsets, layout.pair_offsets,
            self.beta, layout.basis_offsets, state.sums, state.score, state.totals, state.counts, state.missing,
        )  # fmt: skip
        return state

    def merge(self, left: GlmState, right: GlmState) -> GlmState:
        return _merged(left, right)

    def finalize(self, state: GlmState) -> GlmPassResult:
        return _result(self.design, state)

    def state_nbytes(self) -> int:
        return _nbytes(self.design)

    def settings(self) -> tuple[Ints, Floats]:
        """The family, the link and what else to do, as the kernels take them."""
        codes = np.zeros(glm.CODES, np.int64)
        codes[glm.FAMILY], parameter = family_code(self.family)
        codes[glm.LINK] = link_code(self.family)
        codes[glm.WEIGHT_VARIABLE] = self.design.weight
        codes[glm.RESPONSE_VARIABLE] = self.design.response
        codes[glm.OFFSET_VARIABLE] = self.design.offset
        codes[glm.TRIALS] = self.trials
        codes[glm.START] = self.start
        codes[glm.DETAILS] = not math.isnan(self.null_mean)
        codes[glm.WITH_THETA] = self.with_theta
        return codes, np.array([parameter, self.family.link_power or 0.0, self.null_mean])


def family_code(family: Family) -> tuple[int, float]:
    """The kernels' number of a family, and its parameter: variance power or theta."""
    if family.name == "negative.binomial":
        assert family.theta is not None
        return families.NEGATIVE_BINOMIAL, family.theta
    if family.variance_power is None:
        return families.BINOMIAL, 0.0
    return _VARIANCES.get(family.variance_power, families.TWEEDIE), family.variance_power


def link_code(family: Family) -> int:
    """The kernels' number of a link."""
    return _LINKS.get(family.link_name, families.POWER)
