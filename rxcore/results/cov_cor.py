"""The result of covariances, correlations and cross-products of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from rxcore.errors import ColumnNotFoundError
from rxcore.options import RxOptions
from rxcore.results import html, text

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CovCorResults:
    """What :func:`rx_cov_cor` returns (RevoScaleR's ``rxCovCor``).

    Every value is an attribute in snake_case and an item under RevoScaleR's documented name: ``result.std_devs`` is
    ``result["StdDevs"]``.

    Attributes
    ----------
    call, formula, source_label : str
        The call, the formula and the data as printed. An empty `call` prints nothing.
    type : str
        ``"Cov"``, ``"Cor"`` or ``"SSCP"``.
    names : tuple of str
        Of rows and columns.
    matrix : numpy.ndarray
        The matrix itself; `cov_cor` is the same with names.
    deviations, averages : numpy.ndarray
        Standard deviations (empty for SSCP) and means of the columns.
    valid_obs, missing_obs : int
        Rows used, and rows left out because a variable or weight was missing.
    pweights, fweights : str or None
        The weight column, if any.
    sum_of_weights : float
        NaN without weights.
    dropped_vars : tuple of str
        Columns left out because others explain them or they hardly vary (with ``keep_all=False``).
    dropped_var_indexes : tuple of int
        Their places among all columns, from 1.
    params : dict
        Arguments of the call that influenced the result.
    """

    call: str
    formula: str
    source_label: str
    type: str
    names: tuple[str, ...]
    matrix: FloatArray
    deviations: FloatArray
    averages: FloatArray
    valid_obs: int
    missing_obs: int
    pweights: str | None = None
    fweights: str | None = None
    sum_of_weights: float = float("nan")
    dropped_vars: tuple[str, ...] = ()
    dropped_var_indexes: tuple[int, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)

    _items: ClassVar[Mapping[str, str]] = {
        "CovCor": "cov_cor",
        "StdDevs": "std_devs",
        "Means": "means",
        "valid.obs": "valid_obs",
        "missing.obs": "missing_obs",
        "SumOfWeights": "sum_of_weights",
        "DroppedVars": "dropped_vars",
        "DroppedVarIndexes": "dropped_var_indexes",
        "params": "params",
        "formula": "formula",
        "call": "call",
    }

    def __post_init__(self) -> None:
        for name in ("matrix", "deviations", "averages"):
            values = np.array(getattr(self, name), np.float64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def cov_cor(self) -> pd.DataFrame:
        """The matrix with the names of its rows and columns. A new frame at each reading."""
        return pd.DataFrame(self.matrix.copy(), index=list(self.names), columns=list(self.names))

    @property
    def std_devs(self) -> pd.Series[float]:
        """Standard deviations of the columns; empty for SSCP."""
        index = list(self.names) if len(self.deviations) else []
        return pd.Series(self.deviations.copy(), index=index, dtype="float64")

    @property
    def means(self) -> pd.Series[float]:
        """(Weighted) means of the columns."""
        # The constant in front of an SSCP matrix is no column of the data.
        return pd.Series(self.averages.copy(), index=list(self.names[-len(self.averages) :]), dtype="float64")

    def __getitem__(self, name: str) -> Any:
        attribute = self._items.get(name, name if name in self._items.values() else None)
        if attribute is None:
            closest = get_close_matches(name, self._items, n=1)
            hint = f" Closest: {closest[0]!r}." if closest else ""
            raise ColumnNotFoundError(f"CovCorResults: no item {name!r}.{hint} Items: {', '.join(self._items)}")
        return getattr(self, attribute)

    def keys(self) -> list[str]:
        """The documented item names."""
        return list(self._items)

    def to_frame(self) -> pd.DataFrame:
        """The matrix with names: `cov_cor`."""
        return self.cov_cor

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, numbers and strings that ``json.dumps`` takes; NaN becomes None."""
        names = ("cov_cor", "std_devs", "means", "valid_obs", "missing_obs", "sum_of_weights", "dropped_vars", "type")
        plain = {name: text.as_plain(getattr(self, name)) for name in names if name not in ("std_devs", "means")}
        vectors = {name: text.as_plain(getattr(self, name).to_dict()) for name in ("std_devs", "means")}
        return {**plain, **vectors, "names": list(self.names), "formula": self.formula, "call": self.call}

    # -- printing -----------------------------------------------------------------------------------------------------

    def _heading(self) -> list[str]:
        lines = ["Call:", *self.call.splitlines(), ""] if self.call else []
        lines.append(self.source_label)
        if self.pweights is not None:
            lines.append(f"Probability weights: {self.pweights}")
        if self.fweights is not None:
            lines.append(f"Frequency weights: {self.fweights}")
        lines += [
            f"Number of valid observations: {self.valid_obs}",
            f"Number of missing observations: {self.missing_obs}",
        ]
        if self.dropped_vars:
            lines.append(f"Dropped: {', '.join(self.dropped_vars)}")
        return [*lines, f"Statistic: {self.type.upper()}"]

    def _columns(self) -> list[list[str]]:
        digits = int(RxOptions.get_option("numDigits"))
        return [text.format_numbers([float(value) for value in column], digits) for column in self.matrix.T]

    def __str__(self) -> str:
        return "\n".join([*self._heading(), "", *text.align_right(self.names, self.names, self._columns())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.lines(self._heading()) + html.table(self.names, self.names, self._columns())
