"""The result of a generalized linear model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rxcore.families import Family
from rxcore.results import text
from rxcore.results.coefficients import SHARED_ITEMS, CoefficientResults, FloatArray


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GlmResults(CoefficientResults):
    """What :func:`rx_glm` returns (``RxGlmResults``).

    ``print(model)`` shows the heading and the coefficients, ``model.summary()`` the full table. The attributes
    common to all models are described at :class:`CoefficientResults`.

    Attributes
    ----------
    family : Family
        With its link, and theta where it was estimated.
    t_values : numpy.ndarray
        Estimates over standard errors; NaN where dropped. p values are of the t distribution with `df_residual`
        degrees of freedom for every family, as RevoScaleR prints them; `normal_p_values` has those of R for families of
        known dispersion.
    deviance, df_residual : float
        Residual deviance and its degrees of freedom.
    null_deviance, df_null : float
        Those of the intercept alone (with the offset, if any); without an intercept, of no coefficient.
    aic : float
        As R's ``glm``: NaN for quasi and Tweedie families.
    dispersion : float
        1 for binomial, poisson and negative binomial; otherwise as given, or Pearson's chi-square over `df_residual`.
    dispersion_estimated : bool
    pearson_chi_squared : float
        Weighted sum of squared Pearson residuals.
    iterations : int
        Passes of iteratively reweighted least squares that were needed.
    converged : bool
        Whether the tolerances were met.
    theta, theta_std_error, two_log_likelihood : float or None
        Of a negative binomial whose theta was estimated.
    prints_aic : bool
        Whether the printed table shows AIC and null deviance.
    """

    family: Family
    t_values: FloatArray
    deviance: float
    null_deviance: float
    df_null: float
    aic: float
    dispersion: float
    dispersion_estimated: bool
    pearson_chi_squared: float
    iterations: int
    converged: bool
    theta: float | None = None
    theta_std_error: float | None = None
    two_log_likelihood: float | None = None
    prints_aic: bool = False

    _title: ClassVar[str] = "Generalized Linear Model"
    _statistic: ClassVar[str] = "t"
    _counts_dropped: ClassVar[bool] = False  # as in RevoScaleR's table
    _items: ClassVar[Mapping[str, str]] = {
        **SHARED_ITEMS,
        "coef.t.value": "coef_t_value",
        "deviance": "deviance",
        "aic": "aic",
        "null.deviance": "null_deviance",
        "df.null": "df_null",
        "dispersion": "dispersion",
        "family": "family",
        "iterations": "iterations",
        "converged": "converged",
        "theta": "theta",
        "SE.theta": "theta_std_error",
        "twologlik": "two_log_likelihood",
    }

    @property
    def _statistics(self) -> FloatArray:
        return self.t_values

    @property
    def normal_p_values(self) -> pd.Series[float]:
        """Two-sided p values of the normal distribution: R's, where the dispersion is known."""
        from scipy import special

        return self._by_name(np.asarray(2.0 * special.ndtr(-np.abs(self.t_values)), np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Everything but `design` as plain lists, numbers and strings that ``json.dumps`` takes; NaN becomes None."""
        return {**super().to_dict(), "family": self.family.name, "link": self.family.link_name}

    def _heading(self) -> list[str]:
        return [*super()._heading(), f"Family-link: {self.family.text}"]

    def _summary_heading(self) -> list[str]:
        lines = [*self._heading(), ""]
        if self.prints_aic:
            freedom = text.format_count(self.df_null)
            lines.append(f"Null deviance: {self.null_deviance:.4f} (on {freedom} degrees of freedom)")
        freedom = text.format_count(self.df_residual)
        return [*lines, f"Residual deviance: {self.deviance:.4f} (on {freedom} degrees of freedom)"]

    def _summary_footer(self) -> list[str]:
        dispersion = text.format_number(self.dispersion)
        unfinished = "" if self.converged else " (not converged)"
        lines = [f"(Dispersion parameter for {self.family.label} family taken to be {dispersion})", ""]
        if self.theta is not None and self.theta_std_error is not None:
            error = text.format_number(self.theta_std_error)
            lines += [f"Theta: {text.format_number(self.theta)}, Std. Error: {error}"]
        if self.prints_aic:
            lines += [f"AIC: {text.format_number(self.aic)}"]
        return [
            *lines,
            f"Condition number of final variance-covariance matrix: {text.format_condition(self.condition_number)}",
            f"Number of iterations: {self.iterations}{unfinished}",
        ]
