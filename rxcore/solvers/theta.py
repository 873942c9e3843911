"""Theta of a negative binomial, by maximum likelihood together with the coefficients.

Coefficients and theta are orthogonal: their expected cross-information is zero. So each pass gives a step for both, as
if the other were known, and the alternation of ``MASS::glm.nb`` (Venables and Ripley, *Modern Applied Statistics with
S*, section 7.4) costs no passes of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from rxcore.kernels import families as sums
from rxcore.solvers.irls import Fit, RunPass, Tolerances
from rxcore.updaters.glm import GlmPassResult
from rxcore.variables import Floats

# A step changes theta by this factor at most: far from the maximum the likelihood is not concave. Where a Newton step
# would make the variance smaller than a Poisson's, by the other.
MOST_CHANGE, RUNAWAY_CHANGE = 4.0, 16.0

# Beyond this the variance is that of a Poisson count to the last digit one could want.
LARGEST_THETA = 1e7

_START = 1.0


@dataclass(frozen=True, slots=True)
class ThetaFit:
    """Where the iterations ended.

    ``last`` is the theta of the last pass, ``theta`` a step beyond, ``standard_error`` from the observed information of
    that pass. ``unbounded``: the responses are not overdispersed, and theta would only grow.
    """

    ended: Fit
    theta: float
    last: float
    standard_error: float
    unbounded: bool


def fit_with_theta(
    run: Callable[[Floats, float], GlmPassResult],
    fit_from: Callable[[Floats | None, RunPass, Tolerances], Fit],
    start: Floats | None,
    tolerances: Tolerances,
    theta: float = _START,
) -> ThetaFit:
    """Fit coefficients and theta.

    Parameters
    ----------
    run : callable
        One pass at coefficients of the shifted basis and a theta, with the theta sums of its totals.
    fit_from : callable
        The fit of the coefficients, given a start, passes and tolerances.
    start : array (p,) or None
    tolerances : Tolerances
        That of coefficients is held to theta too.
    theta : float
        Where to start.
    """
    steps = _Steps(theta)

    def run_pass(beta: Floats) -> GlmPassResult:
        found = run(beta, steps.theta)
        return steps.take(found)

    passes = 0
    while True:
        left = replace(tolerances, max_iterations=max(tolerances.max_iterations - passes, 1))
        ended = fit_from(start, run_pass, left)
        passes += ended.iterations
        settled = abs(steps.theta - steps.last) <= tolerances.coefficient * steps.theta or steps.unbounded
        if settled or passes >= tolerances.max_iterations or not ended.converged:
            error = 1.0 / math.sqrt(steps.information) if steps.information > 0.0 else math.nan
            # The solver compares likelihoods, because deviances at different thetas say nothing about each other.
            deviance = float(ended.last.totals[sums.DEVIANCE])
            ended = replace(
                ended, last=replace(ended.last, deviance=deviance), iterations=passes,
                converged=ended.converged and settled and not steps.unbounded,
            )  # fmt: skip
            return ThetaFit(ended, steps.theta, steps.last, error, steps.unbounded)
        start = ended.coefficients


def _shrinkage(score: float, information: float, theta: float) -> float:
    """What a Newton step multiplies 1/theta by. In 1/theta, unlike in theta, the likelihood of responses that are not
    overdispersed has a finite slope where theta is infinite.
    """
    curvature = theta * information - 2.0 * score
    if curvature <= 0.0:
        return 1.0 / MOST_CHANGE if score > 0.0 else MOST_CHANGE
    change = 1.0 - score / curvature
    return 1.0 / RUNAWAY_CHANGE if change <= 0.0 else min(max(change, 1.0 / MOST_CHANGE), MOST_CHANGE)


class _Steps:
    """Newton steps of theta, one for each pass, shortened together with a step of the coefficients that failed."""

    def __init__(self, theta: float) -> None:
        self.theta = theta
        self.last = theta
        self.best = theta
        self.information = math.nan
        self.unbounded = False
        self._objective = math.inf

    def take(self, found: GlmPassResult) -> GlmPassResult:
        """The pass with minus twice its log likelihood in place of the deviance; theta moves on."""
        objective = found.deviance - 2.0 * float(found.totals[sums.SATURATED])
        self.last = self.theta
        if not found.valid or not objective <= self._objective + 1e-10 * abs(self._objective):
            self.theta = math.sqrt(self.theta * self.best)
            return replace(found, deviance=objective)
        self._objective, self.best = objective, self.theta
        self.information = float(found.totals[sums.THETA_INFORMATION])
        self.theta /= _shrinkage(float(found.totals[sums.THETA_SCORE]), self.information, self.theta)
        if self.theta > LARGEST_THETA:
            self.theta, self.unbounded = LARGEST_THETA, True
        return replace(found, deviance=objective)
