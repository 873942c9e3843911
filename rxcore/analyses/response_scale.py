"""From the linear predictor of a model to what users ask for: responses, their errors, limits and residuals.

This is where families of models plug in: :func:`family_of` says which means, slopes, variances and deviances a model
has, and nothing else in prediction asks.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from scipy import special

from rxcore.results.linear import LinearResults
from rxcore.variables import Floats

RESIDUAL_TYPES = ("usual", "pearson", "deviance")


class Family(Protocol):
    """What prediction asks of a family; all functions take and give arrays of float64."""

    def inverse_link(self, eta: Floats) -> Floats:
        """From the linear predictor to means."""
        ...

    def slope(self, eta: Floats) -> Floats:
        """Derivative of the mean by the linear predictor."""
        ...

    def variance(self, mu: Floats) -> Floats:
        """Variance of a response of this mean, up to the dispersion."""
        ...

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        """Deviance of one observation of weight 1."""
        ...


class _Gaussian:
    def inverse_link(self, eta: Floats) -> Floats:
        return eta.copy()

    def slope(self, eta: Floats) -> Floats:
        return np.ones_like(eta)

    def variance(self, mu: Floats) -> Floats:
        return np.ones_like(mu)

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        difference: Floats = (y - mu) ** 2
        return difference


class _Logit:
    def inverse_link(self, eta: Floats) -> Floats:
        mu: Floats = special.expit(eta)
        return mu

    def slope(self, eta: Floats) -> Floats:
        small = np.exp(-np.abs(eta))
        return small / (1.0 + small) ** 2

    def variance(self, mu: Floats) -> Floats:
        return mu * (1.0 - mu)

    def unit_deviance(self, y: Floats, mu: Floats) -> Floats:
        both: Floats = special.rel_entr(y, mu) + special.rel_entr(1.0 - y, 1.0 - mu)
        return 2.0 * both


def family_of(model: Any) -> Family:
    """The family of a fitted model; a linear model is gaussian with the identity link."""
    if isinstance(model, LinearResults):
        return _Gaussian()
    family: Family | None = getattr(model, "family", None)
    return _Logit() if family is None else family


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
