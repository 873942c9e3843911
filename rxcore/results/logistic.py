"""The result of a logistic model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from rxcore.families import Family, binomial
from rxcore.results import text
from rxcore.results.coefficients import SHARED_ITEMS, CoefficientResults, FloatArray


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LogisticResults(CoefficientResults):
    """What :func:`rx_logit` returns (``RxLogitResults``).

    ``print(model)`` shows the heading and the coefficients, ``model.summary()`` the full table. The attributes
    common to all models are described at :class:`CoefficientResults`.

    Attributes
    ----------
    z_values : numpy.ndarray
        Estimates over standard errors; NaN where dropped. p values are of the normal distribution.
    deviance : float
        -2 times the log-likelihood.
    aic : float
        Deviance plus twice the rank.
    null_deviance, df_null : float or None
        Deviance and degrees of freedom of the intercept alone (with the offset, if any); None where not computed.
    iterations : int
        Passes of iteratively reweighted least squares that were needed.
    converged : bool
        Whether the tolerances were met.
    dispersion : float
        Always 1.
    """

    z_values: FloatArray
    deviance: float
    aic: float
    null_deviance: float | None = None
    df_null: float | None = None
    iterations: int
    converged: bool
    dispersion: float = 1.0

    _title: ClassVar[str] = "Logistic Regression"
    _statistic: ClassVar[str] = "z"
    _items: ClassVar[Mapping[str, str]] = {
        **SHARED_ITEMS,
        "coef.z.value": "coef_z_value",
        "coef.t.value": "coef_t_value",
        "deviance": "deviance",
        "aic": "aic",
        "null.deviance": "null_deviance",
        "df.null": "df_null",
        "dispersion": "dispersion",
        "iterations": "iterations",
        "converged": "converged",
    }

    @property
    def family(self) -> Family:
        """Binomial with the logit link."""
        return binomial()

    @property
    def _statistics(self) -> FloatArray:
        return self.z_values

    @property
    def coef_z_value(self) -> pd.Series[float]:
        """Estimate over standard error, by coefficient name."""
        return self._by_name(self.z_values)

    def _summary_heading(self) -> list[str]:
        freedom = text.format_count(self.df_residual)
        return [
            *self._heading(),
            f"-2*LogLikelihood: {self.deviance:.4f} (Residual deviance on {freedom} degrees of freedom)",
        ]

    def _summary_footer(self) -> list[str]:
        condition = text.format_condition(self.condition_number)
        unfinished = "" if self.converged else " (not converged)"
        return [
            f"Condition number of final variance-covariance matrix: {condition}",
            f"Number of iterations: {self.iterations}{unfinished}",
        ]
