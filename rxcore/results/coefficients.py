"""What the results of linear and logistic models share: coefficients by name, look-up by documented name, printing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Self, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from rxcore.errors import ColumnNotFoundError
from rxcore.options import RxOptions
from rxcore.results import html, text
from rxcore.results.steps import StepPath

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

DROPPED = "Dropped"

# Documented RevoScaleR names that every model has, and the attribute behind each.
SHARED_ITEMS = {
    "coefficients": "coefficients",
    "coef.std.error": "coef_std_error",
    "coef.p.value": "coef_p_value",
    "covCoef": "cov_coef",
    "covData": "cov_data",
    "aliased": "aliased",
    "rank": "rank",
    "df": "df",
    "condition.number": "condition_number",
    "nValidObs": "n_valid_obs",
    "nMissingObs": "n_missing_obs",
    "y.names": "y_names",
    "countDF": "count_df",
    "params": "params",
    "formula": "formula",
    "call": "call",
    "anova": "anova",
    "formulaBase": "formula_base",
    "stepCoefs": "step_coefs",
}


def table_digits() -> int:
    """Significant digits in tables: three fewer than the option ``numDigits``, as R prints them."""
    return max(3, int(RxOptions.get_option("numDigits")) - 3)


class NamedVector:
    """A dataclass field given as an array and read back as a pandas Series under the names of the coefficients.

    revoscalepy's users index coefficients by name; the runner has plain arrays. Every reading makes a new Series, so
    that changing one never changes the result.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: CoefficientResults, owner: type) -> pd.Series[float]: ...
    def __get__(self, instance: CoefficientResults | None, owner: type) -> pd.Series[float] | Self:
        if instance is None:
            raise AttributeError(self._name)  # tells dataclass that the field has no default
        return instance._by_name(instance.__dict__[self._name])

    def __set__(self, instance: CoefficientResults, values: FloatArray) -> None:
        instance.__dict__[self._name] = np.array(values, dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CoefficientResults:
    """Base of the results of :func:`rx_lin_mod` and :func:`rx_logit`.

    Arrays run over all columns of the design, dropped ones included (NaN there). Every value is an attribute in
    snake_case and an item under RevoScaleR's documented name: ``model.r_squared`` is ``model["r.squared"]``.

    Attributes
    ----------
    call, formula, source_label : str
        The call, the formula and the data as printed. An empty `call` prints nothing.
    cube : bool
        Whether the first term was solved as a cube (no intercept, a coefficient for every cell).
    coefficient_names : tuple of str
        ``(Intercept)``, ``carrier=UA``, ``age for sex=Male``, ...
    coefficients : pandas.Series
        Estimates by name; NaN where dropped. A new Series at each reading.
    std_errors, p_values : numpy.ndarray
        Standard errors and two-sided p values; NaN where dropped. Not floored; the printed table floors p at 2.22e-16.
    aliased : numpy.ndarray of bool
        True where the column was dropped, as a reference level or because it depends on the others.
    response : str
        The dependent variable.
    n_valid, n_missing : int
        Rows used, and rows left out because a variable or weight was missing.
    pweights, fweights : str or None
        The weight column, if any.
    sum_of_weights : float
        Sum of the weights of the rows used; the number of rows without weights.
    rank : int
        Coefficients estimated.
    df_residual : float
        Rows (with `fweights`, their sum) minus rank.
    condition_number : float
        1-norm condition number of the (weighted) cross-product after sweeping out the intercept and scaling to unit
        diagonal; 1 means orthogonal predictors.
    cov_coef : numpy.ndarray or None
        Covariance of the kept coefficients, of the kind `vcov_type`, where it was asked for.
    vcov_type : str
        The covariance behind standard errors, tests and `cov_coef`: ``classical``, ``HC0`` to ``HC3``, or ``CR1``,
        which is clustered.
    clusters : tuple of str
        The columns that the standard errors are clustered by.
    n_clusters : tuple of int
        How many clusters each of them has.
    cov_data : numpy.ndarray or None
        Covariance of the predictors, where it was asked for.
    counts : numpy.ndarray or None
        Observations per cell of a cube over all columns, NaN where the column is not a cell.
    count_frame : pandas.DataFrame or None
        For a cube: the factors, the value of each cell and its count.
    design : object
        What prediction needs to rebuild the columns; opaque.
    params : dict
        Arguments of the call that influenced the result.
    steps : StepPath or None
        How the terms were selected, where ``variable_selection`` was asked for.
    """

    call: str
    formula: str
    source_label: str
    cube: bool = False
    coefficient_names: tuple[str, ...]
    coefficients: NamedVector = NamedVector()
    std_errors: FloatArray
    p_values: FloatArray
    aliased: BoolArray
    response: str
    n_valid: int
    n_missing: int
    pweights: str | None = None
    fweights: str | None = None
    sum_of_weights: float
    rank: int
    df_residual: float
    condition_number: float
    cov_coef: FloatArray | None = None
    vcov_type: str = "classical"
    clusters: tuple[str, ...] = ()
    n_clusters: tuple[int, ...] = ()
    cov_data: FloatArray | None = None
    counts: FloatArray | None = None
    count_frame: pd.DataFrame | None = None
    design: Any = None
    params: dict[str, Any] = field(default_factory=dict)
    steps: StepPath | None = None

    _title: ClassVar[str] = ""
    _statistic: ClassVar[str] = "t"
    _counts_dropped: ClassVar[bool] = True
    _items: ClassVar[Mapping[str, str]] = SHARED_ITEMS

    def __post_init__(self) -> None:
        n_columns = len(self.coefficient_names)
        object.__setattr__(self, "coefficient_names", tuple(self.coefficient_names))
        for item in fields(self):
            value = self.__dict__[item.name]
            if not isinstance(value, np.ndarray):
                continue
            if value.ndim == 1 and len(value) != n_columns:
                got = f"{item.name} has {len(value)} values for {n_columns} coefficients"
                raise ValueError(f"{type(self).__name__}: {got}")
            value = value.copy()
            value.flags.writeable = False
            object.__setattr__(self, item.name, value)

    # -- values by name ---------------------------------------------------------------------------------------------

    def _by_name(self, values: FloatArray) -> pd.Series[float]:
        return pd.Series(values.copy(), index=list(self.coefficient_names), dtype="float64")

    @property
    def _statistics(self) -> FloatArray:
        raise NotImplementedError

    @property
    def coef_std_error(self) -> pd.Series[float]:
        """Standard errors by coefficient name."""
        return self._by_name(self.std_errors)

    @property
    def coef_t_value(self) -> pd.Series[float]:
        """Estimate over standard error, by coefficient name (for a logistic model these are the z values)."""
        return self._by_name(self._statistics)

    @property
    def coef_p_value(self) -> pd.Series[float]:
        """Two-sided p values by coefficient name."""
        return self._by_name(self.p_values)

    @property
    def n_valid_obs(self) -> int:
        """Rows used."""
        return self.n_valid

    @property
    def n_missing_obs(self) -> int:
        """Rows left out because something was missing."""
        return self.n_missing

    @property
    def y_names(self) -> list[str]:
        """The dependent variables; one name."""
        return [self.response]

    @property
    def count_df(self) -> pd.DataFrame | None:
        """RevoScaleR's ``countDF``: `count_frame`."""
        return self.count_frame

    @property
    def anova(self) -> pd.DataFrame | None:
        """The steps of the selection of terms; None without ``variable_selection``."""
        return None if self.steps is None else self.steps.anova

    @property
    def formula_base(self) -> str | None:
        """The formula where the selection of terms started; None without ``variable_selection``."""
        return None if self.steps is None else self.steps.initial

    @property
    def step_coefs(self) -> pd.DataFrame | None:
        """Coefficients at each step of the selection; None unless ``keep_step_coefs`` was asked for."""
        return None if self.steps is None else self.steps.step_coefs

    @property
    def df(self) -> tuple[int, float, int]:
        """Coefficients estimated, residual degrees of freedom, and all columns with the dropped ones."""
        return self.rank, self.df_residual, len(self.coefficient_names)

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Names of the coefficients that were estimated: the order of `cov_coef`."""
        return tuple(name for name, gone in zip(self.coefficient_names, self.aliased, strict=True) if not gone)

    def __getitem__(self, name: str) -> Any:
        attribute = self._items.get(name, name if name in self._items.values() else None)
        if attribute is None:
            closest = get_close_matches(name, self._items, n=1)
            hint = f" Closest: {closest[0]!r}." if closest else ""
            raise ColumnNotFoundError(
                f"{type(self).__name__}: no item {name!r}.{hint} {len(self._items)} items: {', '.join(self._items)}"
            )
        return getattr(self, attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._items or name in self._items.values()

    def keys(self) -> list[str]:
        """The documented item names."""
        return list(self._items)

    # -- other forms ------------------------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """The coefficients as a table.

        Returns
        -------
        pandas.DataFrame
            One row per coefficient, indexed by name: ``estimate``, ``std_error``, ``t_value`` or ``z_value``,
            ``p_value``, ``dropped``, and for a cube ``counts``. Dropped coefficients are NaN.
        """
        columns: dict[str, Any] = {
            "estimate": self.__dict__["coefficients"],
            "std_error": self.std_errors,
            f"{self._statistic}_value": self._statistics,
            "p_value": self.p_values,
            "dropped": self.aliased,
        }
        if self.counts is not None:
            columns["counts"] = self.counts
        return pd.DataFrame(columns, index=list(self.coefficient_names))

    def to_dict(self) -> dict[str, Any]:
        """Everything but `design` as plain lists, numbers and strings that ``json.dumps`` takes; NaN becomes None."""
        names = [item.name for item in fields(self) if item.name != "design"]
        return {name: text.as_plain(self.__dict__[name]) for name in names}

    def summary(self) -> ModelSummary:
        """The full table: print it, or take ``to_frame()``, ``to_dict()`` of it."""
        return ModelSummary(self)

    # -- printing ---------------------------------------------------------------------------------------------------

    def _heading(self) -> list[str]:
        cube = "Cube " if self.cube else ""
        lines = ["Call:", *self.call.splitlines(), ""] if self.call else []
        lines += [f"{cube}{self._title} Results for: {self.formula}", self.source_label]
        if self.pweights is not None:
            lines.append(f"Probability weights: {self.pweights}")
        if self.fweights is not None:
            lines.append(f"Frequency weights: {self.fweights}")
        n_dropped = int(self.aliased.sum())
        dropped = f" (Including number dropped: {n_dropped})" if n_dropped else ""
        lines += [
            f"Dependent variable(s): {self.response}",
            f"Total independent variables: {len(self.coefficient_names)}{dropped}",
            (
                f"Number of valid observations: {self.n_valid}"
                if self.fweights is None
                else f"Sum of weights of valid observations: {text.format_count(self.sum_of_weights)}"
            ),
            f"Number of missing observations: {self.n_missing}",
        ]
        return lines

    def _summary_heading(self) -> list[str]:
        return self._heading()

    def _summary_footer(self) -> list[str]:
        raise NotImplementedError

    def _covariance_line(self) -> list[str]:
        """Which covariance the standard errors come from, unless it is the classical one."""
        if self.vcov_type == "classical":
            return []
        groups = zip(self.clusters, self.n_clusters, strict=True)
        by = " and ".join(f"{name} ({count:,} groups)" for name, count in groups)
        return [f"Standard errors: {'clustered by ' + by if by else self.vcov_type}"]

    def _with_dropped(self, cells: Sequence[str]) -> list[str]:
        kept = iter(cells)
        return [DROPPED if gone else next(kept) for gone in self.aliased]

    def _kept(self, values: FloatArray) -> list[float]:
        return [float(value) for value in values[~self.aliased]]

    def _coefficient_column(self) -> list[str]:
        values = self._kept(self.__dict__["coefficients"])
        return self._with_dropped(text.format_numbers(values, int(RxOptions.get_option("numDigits"))))

    def _table(self) -> tuple[list[str], list[list[str]], bool]:
        """Headers and cells of the full table, and whether any significance mark is in it."""
        digits = table_digits()
        p_values = text.floor_p_values(self._kept(self.p_values))
        estimates, errors = text.format_estimates(
            self._kept(self.__dict__["coefficients"]), self._kept(self.std_errors), digits
        )
        columns = [
            self._with_dropped(cells)
            for cells in (
                estimates,
                errors,
                text.format_statistics(self._kept(self._statistics), digits),
                text.format_p_values(p_values, max(1, digits - 1)),
            )
        ]
        headers = ["Estimate", "Std. Error", f"{self._statistic} value", f"Pr(>|{self._statistic}|)"]
        marks = [text.stars(value) for value in p_values]
        starred = any(value < 0.1 for value in p_values)
        if starred:
            headers.append("")
            kept = iter(mark.ljust(max(map(len, marks))) for mark in marks)
            columns.append(["" if gone else next(kept) for gone in self.aliased])
        if self.cube and self.counts is not None:
            headers += ["|", "Counts"]
            columns.append(["|"] * len(self.coefficient_names))
            columns.append(["" if math.isnan(count) else text.format_count(float(count)) for count in self.counts])
        return headers, columns, starred

    def __str__(self) -> str:
        lines = [*self._heading(), "", "Coefficients:"]
        lines += text.align_right(self.coefficient_names, [self.response], [self._coefficient_column()])
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


@dataclass(frozen=True, eq=False, repr=False)
class ModelSummary:
    """The printed table of a model: what ``model.summary()`` returns.

    Attributes
    ----------
    model : CoefficientResults
        The model it is of; its values are reached through ``summary["r.squared"]`` too.
    """

    model: CoefficientResults

    @property
    def coefficients(self) -> pd.DataFrame:
        """The table as a frame: ``model.to_frame()``."""
        return self.model.to_frame()

    def __getitem__(self, name: str) -> Any:
        return self.model[name]

    def to_frame(self) -> pd.DataFrame:
        """The table as a frame: ``model.to_frame()``."""
        return self.model.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """``model.to_dict()``."""
        return self.model.to_dict()

    def _title_line(self) -> str:
        n_dropped = int(self.model.aliased.sum()) if self.model._counts_dropped else 0
        return f"Coefficients: ({n_dropped} not defined because of singularities)" if n_dropped else "Coefficients:"

    def table_lines(self) -> list[str]:
        """The printed lines below the heading."""
        headers, columns, starred = self.model._table()
        lines = [self._title_line(), *text.align_right(self.model.coefficient_names, headers, columns)]
        if starred:
            lines += ["---", f"Signif. codes:  {text.STARS_LEGEND}"]
        return [*lines, "", *self.model._covariance_line(), *self.model._summary_footer()]

    def table_html(self) -> str:
        """The same as HTML."""
        headers, columns, starred = self.model._table()
        legend = [f"Signif. codes:  {text.STARS_LEGEND}", ""] if starred else []
        return (
            html.lines([self._title_line()])
            + html.table(self.model.coefficient_names, headers, columns)
            + html.lines([*legend, *self.model._covariance_line(), *self.model._summary_footer()])
        )

    def __str__(self) -> str:
        return "\n".join([*self.model._summary_heading(), "", *self.table_lines()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.lines(self.model._summary_heading()) + self.table_html()
