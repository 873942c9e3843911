"""Where the iterations of a generalized linear model start: close to the end, by the fit of one block in memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rxcore.analyses.glm_passes import GlmRequest, constant
from rxcore.blocks import Block
from rxcore.design import Design
from rxcore.errors import DesignError, OptionError
from rxcore.kernels import cross_product as kernels
from rxcore.kernels.glm import BINOMIAL_LOGIT
from rxcore.runner import scale_of_block
from rxcore.solvers.irls import Begin, Fit, RunPass, Tolerances, fit, independent
from rxcore.solvers.theta import fit_with_theta
from rxcore.updaters.glm import FamilyPass, GlmPass, GlmPassResult
from rxcore.variables import Floats

# Ridge penalty of the pilot fit of a logistic model: a normal prior of standard deviation 2.5 on a coefficient's
# effect, after Gelman, Jakulin, Pittau and Su, "A weakly informative default prior distribution for logistic and other
# regression models" (2008). Other families take the weight of one average row instead, whatever their scale is.
_PILOT_PENALTY = 1.0 / 2.5**2

# Where to start a theta that has no finite estimate in the first block.
_LARGE_THETA = 100.0


def start_values(request: GlmRequest, design: Design, block: Block | None, scales: Floats) -> Floats | None:
    """Where iterations start: what the caller says, or the fit of the first block, or means from the response."""
    size = design.n_coefficients
    given = request.initial_values
    zero = np.zeros(size)
    if given is None:
        if request.events:
            return zero if block is None else _pilot_of_events(design, block, scales)
        if request.family.text == "gaussian-identity":
            return zero  # one step is exact from anywhere
        return None if block is None else _pilot(request, design, block, scales)
    values = np.asarray(given, np.float64)
    if values.ndim == 0:
        if math.isnan(values):
            return zero if request.events else None
        return np.full(size, float(values))
    if values.shape != (size,):
        raise OptionError(
            f"{request.model.caller}: initial_values has {values.size} values; the model has {size} coefficients: "
            f"{', '.join(design.names[:10])}{', ...' if size > 10 else ''}"
        )
    return np.where(np.isnan(values), 0.0, values)


def _pilot_of_events(design: Design, block: Block, scales: Floats) -> Floats:
    """The fit of one block in memory: close enough that the whole data need two to four passes instead of seven.

    A weak ridge penalty keeps levels that are rare in this block near the others, where Newton's method is safe. A
    block with one response value only, or with infinite values, is no guide: start from zero.
    """
    zero = np.zeros(design.n_coefficients)
    run_pass = partial(_fold, block, partial(GlmPass, design, BINOMIAL_LOGIT))
    first = run_pass(design.to_basis(zero))
    n_valid, n_events = first.counts[kernels.N_VALID], first.counts[kernels.N_EVENTS]
    # Infinite values are refused by the first pass over all rows; here they are no guide either.
    if n_events in (0, n_valid) or not np.isfinite(first.information).all():
        return zero
    penalty = _PILOT_PENALTY * scales**2
    ended = fit(design, zero, run_pass, Tolerances(), kept=independent(design, first), penalty=penalty)
    return zero if (guess := _guess(ended)) is None else guess


def _pilot(request: GlmRequest, design: Design, block: Block, scales: Floats) -> Floats | None:
    """The same for any family; None where the block is no guide."""
    prepared = _prepared(request, design, block, scales)
    if prepared is None:
        return None
    try:
        ended = prepared(None, partial(_fold, block, _maker(request, design)), Tolerances())
    except DesignError:
        return None
    return _guess(ended)


def pilot_with_theta(
    request: GlmRequest, design: Design, block: Block, scales: Floats
) -> tuple[Floats, float] | None:  # fmt: skip
    """The same where theta is estimated."""
    prepared = _prepared(replace(request, family=request.family.with_theta(1.0)), design, block, scales)
    if prepared is None:
        return None

    def run(beta: Floats, theta: float) -> GlmPassResult:
        at = replace(request, family=request.family.with_theta(theta))
        return _fold(block, partial(_maker(at, design), null_mean=1.0, with_theta=True), beta)

    try:
        found = fit_with_theta(run, prepared, None, Tolerances())
    except DesignError:
        return None
    if found.unbounded:
        # A block may look less dispersed than the data are.
        return np.nan_to_num(found.ended.coefficients), _LARGE_THETA
    guess = _guess(found.ended)
    return None if guess is None else (guess, found.theta)


def _maker(request: GlmRequest, design: Design) -> Any:
    return partial(FamilyPass, design, request.family, trials=request.trials)


def _prepared(
    request: GlmRequest, design: Design, block: Block, scales: Floats
) -> Callable[[Floats | None, RunPass, Tolerances], Fit] | None:  # fmt: skip
    """The fit of a block with a ridge penalty, given a start and passes; None where the block is no guide."""
    make = _maker(request, design)
    first = _fold(block, partial(make, start=True), np.zeros(design.layout.n_basis))
    known = first.counts[kernels.N_VALID] and not first.counts[kernels.N_BAD_RESPONSE] and first.valid
    if not known or not np.isfinite(first.information).all():
        return None
    begin = Begin(lambda: first, lambda found: constant(design, request.family, found.response_mean))
    penalty = first.information[0, 0] / first.counts[kernels.N_VALID] * scales**2
    kept = independent(design, first)

    def prepared(start: Floats | None, run: RunPass, tolerances: Tolerances) -> Fit:
        return fit(
            design, start, run, tolerances, kept=kept, penalty=penalty, begin=begin, separable=False, leaps=False
        )

    return prepared


def _fold(block: Block, make: Any, beta: Floats) -> GlmPassResult:
    updater = make(beta=beta)
    found: GlmPassResult = updater.finalize(updater.update(updater.init(), block))
    return found


def _guess(ended: Fit) -> Floats | None:
    guess = np.nan_to_num(ended.coefficients, posinf=np.inf, neginf=-np.inf)
    return guess if ended.converged and bool(np.isfinite(guess).all()) else None


def scales_of(design: Design, block: Block) -> Floats:
    """What one unit of each coefficient moves the linear predictor by: 0 for the intercept, 1 for a cell, else a
    deviation.
    """
    deviations = scale_of_block(design.variables, design.layout.numbers, block).deviations
    scales = np.zeros(design.n_coefficients)
    for m, term in enumerate(design.term_of):
        if term >= 0:
            numbers = design.terms[term].numbers
            scales[m] = deviations[design.layout.numbers.index(numbers)] if numbers else 1.0
    return scales
