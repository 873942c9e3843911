"""The result of a linear model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rxcore.results import text
from rxcore.results.coefficients import SHARED_ITEMS, CoefficientResults, FloatArray, table_digits


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LinearResults(CoefficientResults):
    """What :func:`rx_lin_mod` returns (``RxLinModResults``).

    ``print(model)`` shows the heading and the coefficients, ``model.summary()`` the full table. The attributes
    common to all models are described at :class:`CoefficientResults`.

    Attributes
    ----------
    t_values : numpy.ndarray
        Estimates over standard errors; NaN where dropped.
    df_model : float
        Numerator degrees of freedom of F.
    residual_squares : float
        Weighted sum of squared residuals.
    total_squares : float
        Weighted sum of squares of the response, not centred.
    y_var : float
        Weighted sum of squares of the response about its mean (RevoScaleR's name; it is not divided by anything).
    sigma, residual_variance : float
        Residual standard error and its square.
    r_squared, adj_r_squared : float
        Share of `y_var` explained; for a cube as if an intercept were included.
    f_value, f_pvalue : float
        F against the model of the intercept alone, and its p value; by another covariance than the classical one, the
        Wald test of the same hypothesis, NaN where that covariance is singular.

    Examples
    --------
    >>> model = rx_lin_mod("ArrDelay ~ DayOfWeek", data="flights.xdf")  # doctest: +SKIP
    >>> model.coefficients["DayOfWeek=Monday"]  # doctest: +SKIP
    1.6937981
    >>> model["fstatistics"]  # doctest: +SKIP
    {'value': 181.8, 'numdf': 6.0, 'dendf': 582621.0}
    """

    t_values: FloatArray
    df_model: float
    residual_squares: float
    total_squares: float
    y_var: float
    sigma: float
    residual_variance: float
    r_squared: float
    adj_r_squared: float
    f_value: float
    f_pvalue: float

    _title: ClassVar[str] = "Linear Regression"
    _statistic: ClassVar[str] = "t"
    _items: ClassVar[Mapping[str, str]] = {
        **SHARED_ITEMS,
        "coef.t.value": "coef_t_value",
        "residual.squares": "residual_squares",
        "residual.variance": "residual_variance",
        "sigma": "sigma",
        "total.squares": "total_squares",
        "y.var": "y_var",
        "r.squared": "r_squared",
        "adj.r.squared": "adj_r_squared",
        "fstatistics": "fstatistics",
        "f.pvalue": "f_pvalue",
        "deviance": "deviance",
    }

    @property
    def _statistics(self) -> FloatArray:
        return self.t_values

    @property
    def fstatistics(self) -> dict[str, float]:
        """F with its degrees of freedom: ``value``, ``numdf``, ``dendf``."""
        return {"value": self.f_value, "numdf": self.df_model, "dendf": self.df_residual}

    @property
    def deviance(self) -> float:
        """The residual sum of squares, as R's ``deviance`` of a linear model."""
        return self.residual_squares

    def _summary_footer(self) -> list[str]:
        digits = table_digits()
        as_if = " (as if intercept included)" if self.cube else ""
        df_residual = text.format_count(self.df_residual)
        sigma = text.format_number(float(f"{self.sigma:.{digits - 1}e}"))
        lines = [f"Residual standard error: {sigma} on {df_residual} degrees of freedom"]
        if self.df_model > 0:
            f_value = "NaN" if math.isnan(self.f_value) else text.format_general(self.f_value, digits)
            freedom = f"{text.format_count(self.df_model)} and {df_residual} DF"
            wald = "" if self.vcov_type == "classical" else "Wald "
            p_value = text.format_p_values([self.f_pvalue], digits)[0]
            lines += [
                f"Multiple R-squared: {text.format_general(self.r_squared, digits)}{as_if}",
                f"Adjusted R-squared: {text.format_general(self.adj_r_squared, digits)}",
                f"{wald}F-statistic: {f_value} on {freedom},  p-value: {p_value}",
            ]
        return [*lines, f"Condition number: {text.format_condition(self.condition_number)}"]
