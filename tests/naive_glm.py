"""One row of a generalized linear model the slow, obvious way, from the textbook formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from rxcore.families import Family
from rxcore.kernels import families as sums


def variance(family: Family, mu: float) -> float:
    if family.name == "negative.binomial":
        return mu + mu * mu / family.theta
    return mu * (1.0 - mu) if family.variance_power is None else mu**family.variance_power


def row(family: Family, y: float, eta: float, prior: float) -> tuple[float, float, float, float]:
    """Working weight, weighted score residual, deviance, and squared Pearson residual."""
    mu, slope = float(family.inverse_link(eta)), float(family.slope(eta))
    spread = variance(family, mu)
    deviance = prior * float(family.unit_deviance(y, mu))
    return prior * slope**2 / spread, prior * slope * (y - mu) / spread, deviance, prior * (y - mu) ** 2 / spread


def likelihood_of_response(family: Family, y: float, prior: float, *, trials: bool) -> float:
    """What a pass keeps of the likelihood that does not depend on the mean."""
    if family.is_binomial:
        if not trials:
            return 0.0
        m, k = round(prior), round(prior * y)
        return float(special.gammaln(m + 1) - special.gammaln(k + 1) - special.gammaln(m - k + 1))
    if family.name == "negative.binomial":
        theta = family.theta
        at_y = 0.0 if y == 0 else y * math.log(y / (y + theta)) - theta * math.log((y + theta) / theta)
        choose = float(special.gammaln(theta + y) - special.gammaln(theta) - special.gammaln(y + 1))
        return prior * (choose + at_y)
    if family.variance_power == 0.0:
        return math.log(prior) if trials else 0.0
    if family.variance_power == 1.0:
        return prior * ((y * math.log(y) if y else 0.0) - y - float(special.gammaln(y + 1)))
    return prior * math.log(y) if family.variance_power in (2.0, 3.0) else 0.0


def totals(
    family: Family, responses: Sequence[float], etas: Sequence[float], priors: Sequence[float], *,
    trials: bool = True, null_mean: float = math.nan, with_theta: bool = False,
) -> np.ndarray:  # fmt: skip
    """Everything that a pass adds up beside score and information."""
    out = np.zeros(sums.TOTALS)
    rows = list(zip(responses, etas, priors, strict=True))
    out[sums.WEIGHT] = math.fsum(priors)
    out[sums.RESPONSE] = math.fsum(w * y for y, _, w in rows)
    parts = [row(family, *each) for each in rows]
    out[sums.DEVIANCE] = math.fsum(part[2] for part in parts)
    out[sums.PEARSON] = math.fsum(part[3] for part in parts)
    if family.is_binomial:
        out[sums.LIKELIHOOD] = math.fsum(_binomial(family, *each, trials=trials) for each in rows)
    if math.isnan(null_mean):
        return out
    out[sums.SATURATED] = math.fsum(likelihood_of_response(family, y, w, trials=trials) for y, _, w in rows)
    out[sums.NULL_DEVIANCE] = math.fsum(w * float(family.unit_deviance(y, null_mean)) for y, _, w in rows)
    if with_theta:
        pairs = [_theta(family, *each) for each in rows]
        out[sums.THETA_SCORE] = math.fsum(score for score, _ in pairs)
        out[sums.THETA_INFORMATION] = math.fsum(information for _, information in pairs)
    return out


def _binomial(family: Family, y: float, eta: float, prior: float, *, trials: bool) -> float:
    mu = float(family.inverse_link(eta))
    size, hits = (round(prior), round(prior * y)) if trials else (prior, prior * y)
    return hits * math.log(mu) + (size - hits) * math.log1p(-mu)


def _theta(family: Family, y: float, eta: float, prior: float) -> tuple[float, float]:
    theta, mu = family.theta, float(family.inverse_link(eta))
    score = special.digamma(theta + y) - special.digamma(theta) + math.log(theta) + 1.0
    score -= math.log(theta + mu) + (y + theta) / (mu + theta)
    information = -special.polygamma(1, theta + y) + special.polygamma(1, theta) - 1.0 / theta
    information += 2.0 / (mu + theta) - (y + theta) / (mu + theta) ** 2
    return prior * float(score), prior * float(information)
