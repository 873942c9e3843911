"""Families and links of generalized linear models: which variance, which link, which values are possible.

A family is frozen and picklable; it knows formulas, not data. What it computes here, in numpy, serves prediction and
tests; passes over data use the compiled forms of ``kernels/families.py``, which agree with these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rxcore.errors import OptionError

Floats = npt.NDArray[np.float64]

_BINOMIAL_LINKS = ("logit", "probit", "cloglog", "cauchit", "log", "identity")
_POSITIVE_LINKS = ("log", "identity", "sqrt")
_QUASI_LINKS = ("logit", "probit", "cloglog", "cauchit", "identity", "log", "inverse", "1/mu^2", "sqrt")

# The links that each family takes, the default first.
LINKS = {
    "binomial": _BINOMIAL_LINKS,
    "gaussian": ("identity", "log", "inverse"),
    "poisson": _POSITIVE_LINKS,
    "Gamma": ("inverse", "log", "identity"),
    "inverse.gaussian": ("1/mu^2", "inverse", "log", "identity"),
    "quasi": ("identity", *(link for link in _QUASI_LINKS if link != "identity")),
    "quasibinomial": _BINOMIAL_LINKS,
    "quasipoisson": _POSITIVE_LINKS,
    "negative.binomial": ("log", "sqrt", "identity"),
}

# Variance functions of `quasi`, and the power of mu they are; None: mu(1-mu).
VARIANCES: dict[str, float | None] = {"constant": 0.0, "mu": 1.0, "mu^2": 2.0, "mu^3": 3.0, "mu(1-mu)": None}

_POWERS = {0.0: "log", 1.0: "identity", -1.0: "inverse", 0.5: "sqrt", -2.0: "1/mu^2"}
_POWER_OF = {name: power for power, name in _POWERS.items()}


@dataclass(frozen=True, slots=True)
class Family:
    """A family with its link. Make one with :func:`binomial`, :func:`poisson`, ... or by name with :func:`as_family`.

    Attributes
    ----------
    name : str
        R's name: ``binomial``, ``gaussian``, ``poisson``, ``Gamma``, ``inverse.gaussian``, ``Tweedie``, ``quasi``,
        ``quasibinomial``, ``quasipoisson``, ``negative.binomial``.
    link_name : str
        R's name of the link; ``mu^p`` for a power link without a name of its own.
    link_power : float or None
        The power of a power link (0: log), None for the links of a probability.
    variance_power : float or None
        The variance is this power of mu; None for mu(1-mu), and for mu + mu^2/theta where `theta` applies.
    theta : float or None
        Of the negative binomial; None where it is to be estimated.

    Notes
    -----
    All functions take and give arrays of float64 and never warn; outside their domain they give NaN or infinity.
    """

    name: str
    link_name: str
    link_power: float | None
    variance_power: float | None = None
    theta: float | None = None

    @property
    def text(self) -> str:
        """As printed in results: ``poisson-log``."""
        return f"{self.label}-{self.link_name}"

    @property
    def label(self) -> str:
        """The name as R prints it."""
        if self.name != "negative.binomial" or self.theta is None:
            return "Negative Binomial" if self.name == "negative.binomial" else self.name
        return f"Negative Binomial({self.theta:.4f})"

    @property
    def is_binomial(self) -> bool:
        """Whether the variance is mu(1-mu): the mean is a probability."""
        return self.variance_power is None and self.name != "negative.binomial"

    @property
    def fixed_dispersion(self) -> bool:
        """Whether the dispersion is 1 by definition rather than estimated."""
        return self.name in ("binomial", "poisson", "negative.binomial")

    @property
    def has_theta(self) -> bool:
        """False for a negative binomial whose theta is to be estimated."""
        return self.name != "negative.binomial" or self.theta is not None

    def link(self, mu: Any) -> Floats:
        """From means to the linear predictor."""
        mu = _floats(mu)
        with np.errstate(all="ignore"):
            return _probability_link(self.link_name, mu) if self.link_power is None else self._power(mu)

    def inverse_link(self, eta: Any) -> Floats:
        """From the linear predictor to means."""
        eta = _floats(eta)
        with np.errstate(all="ignore"):
            if self.link_power is None:
                return _probability(self.link_name, eta)
            if self.link_power == 0.0:
                return _floats(np.exp(eta))
            if self.link_power == 1.0:
                return _floats(eta.copy())
            return _floats(eta ** (1.0 / self.link_power))

    def slope(self, eta: Any) -> Floats:
        """Derivative of the mean by the linear predictor."""
        eta = _floats(eta)
        with np.errstate(all="ignore"):
            if self.link_power is None:
                return _probability_slope(self.link_name, eta)
            if self.link_power == 0.0:
                return _floats(np.exp(eta))
            if self.link_power == 1.0:
                return np.ones_like(eta)
            return _floats(eta ** (1.0 / self.link_power - 1.0) / self.link_power)

    def variance(self, mu: Any) -> Floats:
        """Variance of a response of this mean, up to the dispersion."""
        mu = _floats(mu)
        if self.is_binomial:
            return _floats(mu * (1.0 - mu))
        if self.name == "negative.binomial":
            return _floats(mu + mu**2 / _theta(self))
        with np.errstate(all="ignore"):
            return _floats(mu**self.variance_power)

    def unit_deviance(self, y: Any, mu: Any) -> Floats:
        """Deviance of one observation of weight 1: zero where y equals mu."""
        y, mu = np.broadcast_arrays(np.asarray(y, np.float64), np.asarray(mu, np.float64))
        with np.errstate(all="ignore"):
            if self.is_binomial:
                return 2.0 * (_y_log(y, y / mu) + _y_log(1.0 - y, (1.0 - y) / (1.0 - mu)))
            if self.name == "negative.binomial":
                theta = _theta(self)
                return _floats(2.0 * (_y_log(y, y / mu) - (y + theta) * np.log((y + theta) / (mu + theta))))
            return _power_deviance(y, mu, float(self.variance_power or 0.0))

    def valid_mean(self, mu: Any) -> npt.NDArray[np.bool_]:
        """Where a mean is possible."""
        mu = _floats(mu)
        if self.is_binomial:
            return np.asarray((mu > 0.0) & (mu < 1.0))
        positive = self.variance_power != 0.0
        return np.asarray(np.isfinite(mu) & ((mu > 0.0) | (not positive)))

    def with_theta(self, theta: float) -> Family:
        """The same negative binomial of another theta."""
        return Family(self.name, self.link_name, self.link_power, self.variance_power, theta)

    def _power(self, mu: Floats) -> Floats:
        return np.log(mu) if not self.link_power else _floats(mu**self.link_power)


def _floats(values: Any) -> Floats:
    return np.asarray(values, np.float64)


def _theta(family: Family) -> float:
    if family.theta is None:
        raise OptionError("family negative.binomial: theta is not known before the model is fitted")
    return family.theta


def _y_log(y: Floats, ratio: Floats) -> Floats:
    return np.where(y == 0.0, 0.0, y * np.log(np.where(y == 0.0, 1.0, ratio)))


def _power_deviance(y: Floats, mu: Floats, power: float) -> Floats:
    if power == 0.0:
        return (y - mu) ** 2
    if power == 1.0:
        return 2.0 * (_y_log(y, y / mu) - (y - mu))
    if power == 2.0:
        return 2.0 * ((y - mu) / mu - np.log(y / mu))
    one, two = 1.0 - power, 2.0 - power
    of_y = np.where(y == 0.0, 0.0, y) ** two / (one * two)
    return _floats(2.0 * (of_y - y * mu**one / one + mu**two / two))


def _probability(link: str, eta: Floats) -> Floats:
    from scipy import special

    if link == "logit":
        return _floats(special.expit(eta))
    if link == "probit":
        return _floats(special.ndtr(eta))
    if link == "cloglog":
        return -np.expm1(-np.exp(eta))
    # cauchit: written so that small probabilities keep their digits
    return np.where(eta < -1.0, np.arctan(-1.0 / eta) / np.pi, 0.5 + np.arctan(eta) / np.pi)


def _probability_slope(link: str, eta: Floats) -> Floats:
    if link == "logit":
        small = np.exp(-np.abs(eta))
        return _floats(small / (1.0 + small) ** 2)
    if link == "probit":
        return _floats(np.exp(-0.5 * eta**2) / np.sqrt(2.0 * np.pi))
    if link == "cloglog":
        return _floats(np.exp(eta - np.exp(eta)))
    return 1.0 / (np.pi * (1.0 + eta**2))


def _probability_link(link: str, mu: Floats) -> Floats:
    from scipy import special

    if link == "logit":
        return _floats(special.logit(mu))
    if link == "probit":
        return _floats(special.ndtri(mu))
    if link == "cloglog":
        return np.log(-np.log1p(-mu))
    return np.tan(np.pi * (mu - 0.5))


# -- making families ---------------------------------------------------------------------------------------------------


def _linked(name: str, link: str | None, variance_power: float | None, theta: float | None = None) -> Family:
    allowed = LINKS[name]
    link = allowed[0] if link is None else link
    if link not in allowed:
        raise OptionError(f"family {name}: link {link!r} is not possible; allowed are {', '.join(allowed)}")
    return Family(name, link, _POWER_OF.get(link), variance_power, theta)


def binomial(link: str = "logit") -> Family:
    """A yes or no, or a share of trials: links logit, probit, cloglog, cauchit, log, identity."""
    return _linked("binomial", link, None)


def gaussian(link: str = "identity") -> Family:
    """Constant variance: links identity, log, inverse."""
    return _linked("gaussian", link, 0.0)


def poisson(link: str = "log") -> Family:
    """Counts: links log, identity, sqrt."""
    return _linked("poisson", link, 1.0)


def Gamma(link: str = "inverse") -> Family:  # noqa: N802  # R's name
    """Positive numbers of constant coefficient of variation: links inverse, log, identity."""
    return _linked("Gamma", link, 2.0)


def inverse_gaussian(link: str = "1/mu^2") -> Family:
    """Positive numbers of variance mu^3: links 1/mu^2, inverse, log, identity."""
    return _linked("inverse.gaussian", link, 3.0)


def quasibinomial(link: str = "logit") -> Family:
    """As binomial, with a dispersion that is estimated."""
    return _linked("quasibinomial", link, None)


def quasipoisson(link: str = "log") -> Family:
    """As poisson, with a dispersion that is estimated."""
    return _linked("quasipoisson", link, 1.0)


def quasi(link: str = "identity", variance: str = "constant") -> Family:
    """Any link with one of the variances constant, mu(1-mu), mu, mu^2, mu^3. A link may be a power: ``power(1/3)``."""
    variance = "".join(variance.split())
    if variance not in VARIANCES:
        raise OptionError(f"family quasi: variance {variance!r} is not possible; allowed are {', '.join(VARIANCES)}")
    power = VARIANCES[variance]
    if link.startswith("power("):
        number = number_of(link[6:-1]) if link.endswith(")") else None
        if number is None:
            raise OptionError(f"family quasi: link {link!r} needs a number, as in 'power(1/3)'")
        return Family("quasi", *_power_link(number), power)
    return _linked("quasi", link, power)


def negative_binomial(theta: float | None = None, link: str = "log") -> Family:
    """Counts of variance mu + mu^2/theta: links log, sqrt, identity. Without `theta` it is estimated with the model."""
    if theta is not None and not (np.isfinite(theta) and theta > 0.0):
        raise OptionError(f"family negative.binomial: theta is {theta!r}; it must be a number above 0, or left out")
    return _linked("negative.binomial", link, None, None if theta is None else float(theta))


def tweedie(var_power: float = 0.0, link_power: float | None = None) -> Family:
    """Variance mu^var_power, link mu^link_power (0: log), by default the canonical 1 - var_power; RevoScaleR's
    ``rxTweedie``.

    Between 1 and 2 the response is positive with exact zeros (compound Poisson); 0, 1, 2, 3 are gaussian, Poisson,
    Gamma and inverse gaussian.
    """
    power = float(var_power)
    if not (power == 0.0 or 1.0 <= power < np.inf):
        raise OptionError(
            f"family Tweedie: var_power is {var_power!r}; it must be 0, or 1 and more: no distribution has a power "
            "between 0 and 1, and powers below 0 are not supported"
        )
    link = 1.0 - power if link_power is None else float(link_power)
    if not np.isfinite(link):
        raise OptionError(f"family Tweedie: link_power is {link_power!r}; it must be a finite number")
    return Family("Tweedie", *_power_link(link), power)


def _power_link(power: float) -> tuple[str, float]:
    return _POWERS.get(power, f"mu^{power:g}"), power


def number_of(text: str) -> float | None:
    """``2``, ``-0.5`` or ``1/3``."""
    numerator, slash, denominator = text.partition("/")
    try:
        return float(numerator) / (float(denominator) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        return None
