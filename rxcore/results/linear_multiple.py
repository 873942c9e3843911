"""The result of a linear model of several responses: one linear model each, of the same rows and columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from rxcore.errors import ColumnNotFoundError
from rxcore.options import RxOptions
from rxcore.results import html, text
from rxcore.results.coefficients import DROPPED, BoolArray
from rxcore.results.linear import LinearResults


@dataclass(frozen=True, eq=False, repr=False)
class MultipleLinearResults:
    """What :func:`rx_lin_mod` returns for ``cbind(y1, y2) ~ x``.

    ``model["y1"]`` is the :class:`LinearResults` of one response, equal to that of a model of its own on the rows where
    no response is missing. What differs between responses is a table or series over them under the names of
    :class:`LinearResults`, what they share a single value.

    Attributes
    ----------
    models : tuple of LinearResults
        One for each response, in the order of the formula.

    Examples
    --------
    >>> import pandas as pd
    >>> from rxcore import rx_lin_mod
    >>> frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3.0, 2.0, 1.0], "x": [1.0, 2.0, 3.0]})
    >>> model = rx_lin_mod("cbind(a, b) ~ x", frame, report_progress=0)
    >>> model.coefficients.round(3).loc["x"].to_dict()
    {'a': 1.5, 'b': -1.0}
    """

    models: tuple[LinearResults, ...]

    def __post_init__(self) -> None:
        names = {model.coefficient_names for model in self.models}
        if len(names) != 1:
            raise ValueError(f"MultipleLinearResults: {len(self.models)} models of {len(names)} sets of columns")

    # -- what responses share -----------------------------------------------------------------------------------------

    @property
    def _first(self) -> LinearResults:
        return self.models[0]

    @property
    def call(self) -> str:
        """The call as printed."""
        return self._first.call

    @property
    def formula(self) -> str:
        """The formula as printed."""
        return self._first.formula

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names of the coefficients, dropped ones included."""
        return self._first.coefficient_names

    @property
    def aliased(self) -> BoolArray:
        """True where a column was dropped."""
        return self._first.aliased

    @property
    def y_names(self) -> list[str]:
        """The responses."""
        return [model.response for model in self.models]

    @property
    def n_valid(self) -> int:
        """Rows used: nothing is missing in them, in any response."""
        return self._first.n_valid

    @property
    def n_missing(self) -> int:
        """Rows left out because something was missing."""
        return self._first.n_missing

    @property
    def rank(self) -> int:
        """Coefficients estimated, for each response."""
        return self._first.rank

    @property
    def df(self) -> tuple[int, float, int]:
        """Coefficients estimated, residual degrees of freedom, and all columns with the dropped ones."""
        return self._first.df

    @property
    def df_residual(self) -> float:
        """Rows (with `fweights`, their sum) minus rank."""
        return self._first.df_residual

    @property
    def condition_number(self) -> float:
        """1-norm condition number of the cross-product, as for one response."""
        return self._first.condition_number

    # -- what differs -------------------------------------------------------------------------------------------------

    def _table(self, name: str) -> pd.DataFrame:
        return pd.DataFrame({model.response: getattr(model, name) for model in self.models})

    def _series(self, name: str) -> pd.Series[float]:
        return pd.Series({model.response: float(getattr(model, name)) for model in self.models}, dtype="float64")

    @property
    def coefficients(self) -> pd.DataFrame:
        """Estimates: a row for each coefficient, a column for each response; NaN where dropped."""
        return self._table("coefficients")

    @property
    def coef_std_error(self) -> pd.DataFrame:
        """Standard errors likewise."""
        return self._table("coef_std_error")

    @property
    def coef_t_value(self) -> pd.DataFrame:
        """Estimates over standard errors likewise."""
        return self._table("coef_t_value")

    @property
    def coef_p_value(self) -> pd.DataFrame:
        """Two-sided p values likewise."""
        return self._table("coef_p_value")

    @property
    def sigma(self) -> pd.Series[float]:
        """Residual standard error of each response."""
        return self._series("sigma")

    @property
    def r_squared(self) -> pd.Series[float]:
        """Share of the variance explained, of each response."""
        return self._series("r_squared")

    @property
    def adj_r_squared(self) -> pd.Series[float]:
        """R-squared adjusted for the number of coefficients, of each response."""
        return self._series("adj_r_squared")

    @property
    def residual_squares(self) -> pd.Series[float]:
        """Weighted sum of squared residuals of each response."""
        return self._series("residual_squares")

    @property
    def f_pvalue(self) -> pd.Series[float]:
        """The p value of F, of each response."""
        return self._series("f_pvalue")

    # -- one response, or a documented name ---------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.models)

    def __iter__(self) -> Iterator[LinearResults]:
        return iter(self.models)

    def keys(self) -> list[str]:
        """The responses."""
        return self.y_names

    def __getitem__(self, name: str) -> Any:
        for model in self.models:
            if model.response == name:
                return model
        if name not in self._first:
            closest = get_close_matches(name, [*self.y_names, *self._first.keys()], n=1)
            hint = f" Closest: {closest[0]!r}." if closest else ""
            raise ColumnNotFoundError(
                f"MultipleLinearResults: no response or item {name!r}.{hint} Responses: {', '.join(self.y_names)}"
            )
        values = [model[name] for model in self.models]
        if name in ("y.names", "y_names"):
            return self.y_names
        if isinstance(values[0], pd.Series):
            return pd.DataFrame(dict(zip(self.y_names, values, strict=True)))
        if isinstance(values[0], float):
            shared = all(value == values[0] for value in values)
            return values[0] if shared else pd.Series(values, index=self.y_names)
        if isinstance(values[0], dict):
            return pd.DataFrame(dict(zip(self.y_names, values, strict=True)))
        return values[0] if name not in ("covCoef", "cov_coef") else dict(zip(self.y_names, values, strict=True))

    # -- other forms --------------------------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """All coefficients as one table.

        Returns
        -------
        pandas.DataFrame
            One row per response and coefficient (a two-level index), columns as :meth:`LinearResults.to_frame`.
        """
        frames = {model.response: model.to_frame() for model in self.models}
        return pd.concat(frames, names=["response", "coefficient"])

    def to_dict(self) -> dict[str, Any]:
        """``to_dict()`` of the model of each response, by response."""
        return {model.response: model.to_dict() for model in self.models}

    def summary(self) -> MultipleModelSummary:
        """The full table of each response."""
        return MultipleModelSummary(self)

    # -- printing -----------------------------------------------------------------------------------------------------

    def _heading(self) -> list[str]:
        one = f"Dependent variable(s): {self._first.response}"
        every = f"Dependent variable(s): {', '.join(self.y_names)}"
        return [every if line == one else line for line in self._first._heading()]

    def _columns(self) -> list[list[str]]:
        digits = int(RxOptions.get_option("numDigits"))
        columns = []
        for name in self.y_names:
            values = self.coefficients[name].to_numpy()
            cells = iter(text.format_numbers([float(value) for value in values[~self.aliased]], digits))
            columns.append([DROPPED if gone else next(cells) for gone in self.aliased])
        return columns

    def __str__(self) -> str:
        rows = text.align_right(self.coefficient_names, self.y_names, self._columns())
        return "\n".join([*self._heading(), "", "Coefficients:", *rows])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


@dataclass(frozen=True, eq=False, repr=False)
class MultipleModelSummary:
    """The printed tables of a model of several responses: what ``model.summary()`` returns.

    Attributes
    ----------
    model : MultipleLinearResults
    """

    model: MultipleLinearResults

    def __getitem__(self, name: str) -> Any:
        return self.model[name]

    def to_frame(self) -> pd.DataFrame:
        """``model.to_frame()``."""
        return self.model.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """``model.to_dict()``."""
        return self.model.to_dict()

    def __str__(self) -> str:
        parts = ["\n".join(self.model._heading())]
        for model in self.model.models:
            parts.append("\n".join([f"Response {model.response}:", "", *model.summary().table_lines()]))
        return "\n\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [html.lines(self.model._heading())]
        for model in self.model.models:
            parts += [html.lines([f"Response {model.response}:"]), model.summary().table_html()]
        return "".join(parts)
