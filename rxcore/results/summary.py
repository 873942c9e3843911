"""The result of rx_summary: a frame of statistics, and a table for every categorical term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

import pandas as pd

from rxcore.errors import ColumnNotFoundError
from rxcore.options import RxOptions
from rxcore.results import html, text

LINE_WIDTH = 80

# RevoScaleR's documented names and the attribute behind each.
_ITEMS: Mapping[str, str] = {
    "nobs.valid": "nobs_valid",
    "nobs.missing": "nobs_missing",
    "sDataFrame": "summary_data_frame",
    "categorical": "categorical",
    "categorical.type": "categorical_type",
    "params": "params",
    "formula": "formula",
    "call": "call",
}
_COUNT_COLUMNS = ("ValidObs", "MissingObs", "SumOfWeights", "MissingWeights")


@dataclass(frozen=True, eq=False, repr=False)
class CategoryTable:
    """What :class:`SummaryResults` holds for one categorical term.

    Attributes
    ----------
    title : str
        The term: ``DayOfWeek``, ``ArrDelay:DayOfWeek``, ``F_age``.
    kind : {"counts", "statistics", "cube"}
        Counts of one factor; statistics of a number within every category; counts of crossed factors.
    factors : tuple of str
        Columns of `frame` that name the category; with several, the first varies fastest.
    frame : pandas.DataFrame
        "counts" and "cube": the factors and ``Counts``. "statistics": ``Category`` (``ArrDelay for DayOfWeek=Monday``),
        the factors, ``Means``, ``StdDev``, ``Min``, ``Max``, ``ValidObs`` or those that were asked for.
    n_valid, n_missing : float
        Rows (or weights) counted, and those whose category is missing.
    contained_in : str or None
        The file that holds the statistics, where they were written to a file; `frame` is then empty.
    """

    title: str
    kind: Literal["counts", "statistics", "cube"]
    factors: tuple[str, ...]
    frame: pd.DataFrame
    n_valid: float = 0.0
    n_missing: float = 0.0
    contained_in: str | None = None

    def __getitem__(self, column: str) -> pd.Series[Any]:
        """A column of `frame`."""
        return self.frame[column]

    def __len__(self) -> int:
        return len(self.frame)

    def to_frame(self) -> pd.DataFrame:
        """A copy of `frame`."""
        return self.frame.copy()

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings that ``json.dumps`` takes."""
        return {
            "title": self.title,
            "kind": self.kind,
            "factors": list(self.factors),
            "frame": text.as_plain(self.frame),
            "n_valid": text.as_plain(float(self.n_valid)),
            "n_missing": text.as_plain(float(self.n_missing)),
            "contained_in": self.contained_in,
        }

    def _heading(self) -> list[str]:
        if self.contained_in is not None:
            return [f"By-group statistics for {self.title} contained in {self.contained_in}"]
        if self.kind == "statistics":
            return [f"Statistics by category ({len(self.frame)} categories):"]
        lines = [f"Category Counts for {self.title}", f"Number of categories: {len(self.frame)}"]
        return [
            *lines,
            f"Number of valid observations: {float(self.n_valid)}",
            f"Number of missing observations: {float(self.n_missing)}",
        ]

    def _cells(self) -> list[list[str]]:
        return [_column_cells(self.frame[name]) for name in self.frame.columns]

    def __str__(self) -> str:
        lines = self._heading()
        if self.contained_in is None:
            lines += ["", *text.align_left([str(name) for name in self.frame.columns], self._cells())]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if self.contained_in is not None:
            return html.lines(self._heading())
        headers = [str(name) for name in self.frame.columns]
        return html.lines(self._heading()) + html.table([""] * len(self.frame), headers, self._cells())


def _column_cells(column: pd.Series[Any]) -> list[str]:
    if not pd.api.types.is_numeric_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype):
        return ["" if pd.isna(value) else str(value) for value in column]
    values = [float(value) for value in column]
    if str(column.name) in (*_COUNT_COLUMNS, "Counts"):  # whole numbers, never 1e+05
        cells = [text.format_count(value) for value in values]
        width = max(map(len, cells), default=0)
        return [cell.rjust(width) for cell in cells]
    return text.format_numbers(values, int(RxOptions.get_option("numDigits")))


def category_labels(variable: str, factors: Sequence[str], levels: pd.DataFrame) -> list[str]:
    """Texts of the Category column: ``ArrDelay for DayOfWeek=Monday``, ``income for region=Rural, sex=Male``.

    Parameters
    ----------
    variable : str
        The variable summarized.
    factors : sequence of str
        Names to show for the columns of `levels`.
    levels : pandas.DataFrame
        One column per factor, one row per category.
    """
    columns = [[str(value) for value in levels.iloc[:, i]] for i in range(len(factors))]
    return [
        f"{variable} for " + ", ".join(f"{name}={value}" for name, value in zip(factors, row, strict=True))
        for row in zip(*columns, strict=True)
    ]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SummaryResults:
    """What :func:`rx_summary` returns (``RxSummaryResults``).

    Every value is an attribute and an item under RevoScaleR's documented name: ``summary.nobs_valid`` is
    ``summary["nobs.valid"]``, ``summary.summary_data_frame`` is ``summary["sDataFrame"]``.

    Attributes
    ----------
    call, formula, source_label : str
        The call, the formula and the data as printed. An empty `call` prints nothing.
    n_valid, n_missing : float
        Rows summarized and rows left out. With ``by_term=True`` every row is counted as summarized, because missing
        values are left out variable by variable.
    frame : pandas.DataFrame
        One row per term, factors included with NaN: ``Name``, ``Mean``, ``StdDev``, ``Min``, ``Max``, ``ValidObs``,
        ``MissingObs`` or those asked for, and ``Sum``; with weights ``SumOfWeights`` and ``MissingWeights``.
        Counts are floats, as revoscalepy's.
    categorical : list of CategoryTable
        A table for every factor and every interaction, in the order of the formula.
    pweights, fweights : str or None
        The weight column, if any.
    params : dict
        Arguments of the call that influenced the result.
    """

    call: str
    formula: str
    source_label: str
    n_valid: float
    n_missing: float
    frame: pd.DataFrame
    categorical: list[CategoryTable] = field(default_factory=list)
    pweights: str | None = None
    fweights: str | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frame = self.frame.reset_index(drop=True)
        for name in _COUNT_COLUMNS:
            if name in frame.columns:
                frame[name] = frame[name].astype("float64")
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "n_valid", float(self.n_valid))
        object.__setattr__(self, "n_missing", float(self.n_missing))
        object.__setattr__(self, "categorical", list(self.categorical))

    @property
    def summary_data_frame(self) -> pd.DataFrame:
        """The statistics, one row per term: `frame`."""
        return self.frame

    @property
    def nobs_valid(self) -> float:
        """Rows summarized."""
        return self.n_valid

    @property
    def nobs_missing(self) -> float:
        """Rows left out."""
        return self.n_missing

    @property
    def categorical_type(self) -> Literal["none", "counts", "cube"]:
        """``"none"`` without categorical terms, ``"counts"`` with single factors only, ``"cube"`` otherwise."""
        if not self.categorical:
            return "none"
        return "counts" if all(table.kind == "counts" for table in self.categorical) else "cube"

    def __getitem__(self, name: str) -> Any:
        attribute = _ITEMS.get(name, name if name in _ITEMS.values() else None)
        if attribute is None:
            closest = get_close_matches(name, _ITEMS, n=1)
            hint = f" Closest: {closest[0]!r}." if closest else ""
            raise ColumnNotFoundError(
                f"SummaryResults: no item {name!r}.{hint} {len(_ITEMS)} items: {', '.join(_ITEMS)}"
            )
        return getattr(self, attribute)

    def __contains__(self, name: object) -> bool:
        return name in _ITEMS or name in _ITEMS.values()

    def keys(self) -> list[str]:
        """The documented item names."""
        return list(_ITEMS)

    def to_frame(self) -> pd.DataFrame:
        """A copy of `frame`; the categorical terms are in `categorical`, each with a ``to_frame()`` of its own."""
        return self.frame.copy()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, numbers and strings that ``json.dumps`` takes; NaN becomes None."""
        return {
            "call": self.call,
            "formula": self.formula,
            "source_label": self.source_label,
            "n_valid": text.as_plain(self.n_valid),
            "n_missing": text.as_plain(self.n_missing),
            "frame": text.as_plain(self.frame),
            "categorical": [table.to_dict() for table in self.categorical],
            "pweights": self.pweights,
            "fweights": self.fweights,
            "params": text.as_plain(self.params),
        }

    def _printed_frame(self) -> pd.DataFrame:
        """The rows with statistics: a factor has its own table, so that its row of NaN is not printed."""
        factors = {table.title for table in self.categorical if table.kind != "statistics"}
        return self.frame[[str(name) not in factors for name in self.frame["Name"]]]

    def _heading(self) -> list[str]:
        lines = ["Call:", *self.call.splitlines(), ""] if self.call else []
        lines += [f"Summary Statistics Results for: {self.formula}", self.source_label]
        if self.pweights is not None:
            lines.append(f"Probability weights: {self.pweights}")
        if self.fweights is not None:
            lines.append(f"Frequency weights: {self.fweights}")
        return [
            *lines,
            f"Number of valid observations: {self.n_valid}",
            f"Number of missing observations: {self.n_missing}",
        ]

    def __str__(self) -> str:
        parts = ["\n".join(self._heading())]
        frame = self._printed_frame()
        if len(frame):
            parts.append(frame.to_string(line_width=LINE_WIDTH))
        parts += [str(table) for table in self.categorical]
        return "\n\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        frame = self._printed_frame()
        headers = [str(name) for name in frame.columns]
        cells = [_column_cells(frame[name]) for name in frame.columns]
        statistics = html.table([str(label) for label in frame.index], headers, cells) if len(frame) else ""
        tables = "".join(table._repr_html_() for table in self.categorical)
        return html.lines(self._heading()) + statistics + tables
