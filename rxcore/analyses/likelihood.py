"""AIC and null deviance of generalized linear models from the sums of their passes, by R's conventions."""

from __future__ import annotations

import math

from rxcore.design import Design
from rxcore.families import Family
from rxcore.kernels import cross_product as kernels
from rxcore.kernels import families as sums
from rxcore.updaters.glm import GlmPassResult


def log_likelihood(family: Family, found: GlmPassResult, details: GlmPassResult, *, n: float) -> float:
    """The log likelihood at the last pass; NaN where a family has none.

    Parameters
    ----------
    found : GlmPassResult
        The last pass.
    details : GlmPassResult
        A pass that looked at the response alone.
    n : float
        Number of observations.

    Notes
    -----
    As in R's ``family$aic``: gaussian, Gamma and inverse gaussian at the dispersion deviance / n (n being the sum of
    weights for the last two).
    """
    deviance, weight = found.deviance, found.sum_of_weights
    saturated = float(details.totals[sums.SATURATED])
    if family.name == "binomial":
        return float(found.totals[sums.LIKELIHOOD]) + saturated
    if family.name in ("poisson", "negative.binomial"):
        return saturated - deviance / 2.0
    if family.name not in ("gaussian", "Gamma", "inverse.gaussian") or deviance <= 0.0:
        return math.nan
    if family.name == "gaussian":
        return -(n * (math.log(2.0 * math.pi * deviance / n) + 1.0) - saturated) / 2.0
    dispersion = deviance / weight
    if family.name == "inverse.gaussian":
        return -(weight * (math.log(2.0 * math.pi * dispersion) + 1.0) + 3.0 * saturated) / 2.0
    shape = 1.0 / dispersion
    # deviance / 2 is the sum of weight * (y/mu - 1 - log(y/mu)).
    return shape * (-deviance / 2.0 - weight) - saturated + weight * (shape * math.log(shape) - math.lgamma(shape))


def aic_of(family: Family, likelihood: float, *, rank: int, theta_estimated: bool) -> float:
    """R's AIC: the dispersion counts as a parameter where the likelihood was taken at an estimate of it, and so does
    theta.
    """
    extra = int(family.name in ("gaussian", "Gamma", "inverse.gaussian")) + int(theta_estimated)
    return -2.0 * likelihood + 2.0 * (rank + extra)


def null_deviance_of_events(found: GlmPassResult, design: Design) -> float:
    """Deviance of a logistic model of events by its intercept alone, or by even odds without one."""
    weight = found.sum_of_weights
    if not design.intercept:
        return 2.0 * weight * math.log(2.0)
    events = float(found.totals[sums.RESPONSE]) if design.weight >= 0 else float(found.counts[kernels.N_EVENTS])
    others = weight - events
    return -2.0 * (events * math.log(events / weight) + others * math.log(others / weight))
