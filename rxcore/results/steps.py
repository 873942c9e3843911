"""How a model was found: the steps of a search, and what was in question at each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from rxcore.results import html, text


@dataclass(frozen=True, eq=False, repr=False)
class StepPath:
    """The path of a search: what ``model.steps`` holds after ``variable_selection``.

    ``print(model.steps)`` shows the steps taken as R's ``step`` does, ``model.steps.trace()`` what was in question at
    each.

    Attributes
    ----------
    anova : pandas.DataFrame
        A row for each model on the way: ``Step``, ``Df``, ``Deviance``, ``Resid. Df``, ``Resid. Dev``, ``AIC``, and
        where asked for a test against the first model. RevoScaleR's ``anova``.
    initial, final : str
        The formula where the search started (RevoScaleR's ``formulaBase``), and the one where it ended.
    candidates : tuple of pandas.DataFrame
        For each model on the way, what every change in question would have made of it, the best first.
    coefficients : pandas.DataFrame or None
        Where asked for: a row for each column in scope, named under ``Coefficient``, and a column for each step, "0"
        first. 0 for terms that are not there, NaN for dropped columns. `step_coefs` has the names as its index.
    """

    anova: pd.DataFrame
    initial: str
    final: str
    candidates: tuple[pd.DataFrame, ...] = ()
    coefficients: pd.DataFrame | None = None

    @property
    def step_coefs(self) -> pd.DataFrame | None:
        """`coefficients` under their names; RevoScaleR's ``stepCoefs``."""
        return None if self.coefficients is None else self.coefficients.set_index("Coefficient").rename_axis(None)

    def to_frame(self) -> pd.DataFrame:
        """The steps: `anova`."""
        return self.anova.copy()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, numbers and strings; NaN becomes None."""
        return {
            "initial": self.initial,
            "final": self.final,
            "anova": text.as_plain(self.anova),
            "candidates": [text.as_plain(frame) for frame in self.candidates],
            "coefficients": text.as_plain(self.coefficients),
        }

    def trace(self) -> str:
        """Every step with the changes in question there, as R's ``step`` prints them on the way."""
        lines: list[str] = []
        criterion = next(name for name in ("AIC", "Cp") if name in self.anova)
        for i, frame in enumerate(self.candidates):
            title = "Start" if i == 0 else f"Step {i} ({self.anova['Step'].iloc[i]})"
            value = round(float(self.anova[criterion].iloc[i]), 2)
            lines += [f"{title}:  {criterion}={text.format_number(value)}", ""]
            if len(frame):
                lines += [*_frame_lines(frame), ""]
        return "\n".join(lines).rstrip()

    def _heading(self) -> list[str]:
        return [
            "Stepwise Model Path",
            "Analysis of Deviance Table",
            "",
            "Initial Model:",
            self.initial,
            "",
            "Final Model:",
            self.final,
        ]

    def __str__(self) -> str:
        return "\n".join([*self._heading(), "", *_frame_lines(self.anova, numbered=True)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        headers, columns = _cells(self.anova)
        labels = [str(i + 1) for i in range(len(self.anova))]
        return html.lines(self._heading()) + html.table(labels, headers, columns)


def _cells(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    columns = []
    for name in frame.columns:
        values = frame[name].tolist()
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            columns.append([str(value) for value in values])
            continue
        shown = text.format_numbers([float(value) for value in values if value == value])
        cells = iter(shown)
        columns.append([next(cells) if value == value else "NA" for value in values])
    return [str(name) for name in frame.columns], columns


def _frame_lines(frame: pd.DataFrame, *, numbered: bool = False) -> list[str]:
    headers, columns = _cells(frame)
    labels = [str(i + 1) for i in range(len(frame))] if numbered else [""] * len(frame)
    return [line.rstrip() for line in text.align_right(labels, headers, columns)]
