"""From the linear predictor of a model to what users ask for: responses, their errors, limits and residuals.

What a model's family says of means, slopes, variances and deviances is all that prediction asks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from rxcore.families import Family, gaussian
from rxcore.results.linear import LinearResults
from rxcore.variables import Floats

RESIDUAL_TYPES = ("usual", "pearson", "deviance")


def family_of(model: Any) -> Family:
    """The family of a fitted model; a linear model is gaussian with the identity link."""
    family: Family = gaussian() if isinstance(model, LinearResults) else model.family
    return family


def quantile_of(model: Any, confidence_level: float) -> float:
    """How many standard errors a limit lies away: of t where the dispersion was estimated, else of the normal."""
    upper = 0.5 + confidence_level / 2.0
    estimated = isinstance(model, LinearResults) or getattr(model, "dispersion_estimated", False)
    return float(special.stdtrit(model.df_residual, upper) if estimated else special.ndtri(upper))


def limits(family: Family, eta: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """Lower and upper limit of the mean: those of the linear predictor, transformed. A link may turn them round."""
    low, high = family.inverse_link(eta - reach), family.inverse_link(eta + reach)
    falls = family.slope(eta) < 0.0
    return np.where(falls, high, low), np.where(falls, low, high)


def residuals(kind: str, family: Family, observed: Floats, mu: Floats, weights: Floats | None) -> Floats:
    """Observed less fitted; Pearson and deviance residuals carry the root of the weight, as R's do."""
    difference: Floats = observed - mu
    if kind == "usual":
        return difference
    root = np.ones_like(mu) if weights is None else np.sqrt(weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "pearson":
            return root * difference / np.sqrt(family.variance(mu))
        return root * np.sign(difference) * np.sqrt(np.maximum(family.unit_deviance(observed, mu), 0.0))
