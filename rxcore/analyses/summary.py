"""Summary statistics: every term of the formula in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rxcore.analyses.modelling import cube_frame
from rxcore.design import DesignTerm
from rxcore.errors import DesignError, FormulaError, OptionError
from rxcore.formula import parse_formula
from rxcore.kernels import moments as kernels
from rxcore.results.summary import CategoryTable, SummaryResults, category_labels
from rxcore.runner import DataRequest, Runner
from rxcore.terms import Resolved, check_columns, expand_everything, resolve, undiscovered
from rxcore.updaters.moments import Moments, MomentsItem, MomentsResult
from rxcore.variables import Floats, Variable

STATISTICS = ("Mean", "StdDev", "Min", "Max", "ValidObs", "MissingObs", "Sum")
_DEFAULT = STATISTICS[:-1]


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """Arguments of rx_summary, checked."""

    formula: str
    data: DataRequest
    statistics: tuple[str, ...] = _DEFAULT
    by_term: bool = True
    pweights: str | None = None
    fweights: str | None = None
    remove_zero_counts: bool = False
    call: str = ""
    compute_context: Any = None
    report_progress: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.statistics:
            if name not in STATISTICS:
                raise OptionError(f"rx_summary: summary_stats has {name!r}; allowed are {', '.join(STATISTICS)}")
        if self.pweights is not None and self.fweights is not None:
            raise OptionError(
                f"rx_summary: pweights={self.pweights!r} and fweights={self.fweights!r} exclude each other; give one"
            )

    @property
    def weight(self) -> str | None:
        return self.pweights if self.pweights is not None else self.fweights


def summarize(request: SummaryRequest) -> SummaryResults:
    """Compute a summary in one pass; text columns cost one more, which finds their levels."""
    with Runner(
        request.data, "rx_summary", compute_context=request.compute_context, report_progress=request.report_progress
    ) as runner:
        formula = parse_formula(request.formula)
        if formula.offsets:
            raise FormulaError("rx_summary: offset() belongs to models; write its column as a term of its own")
        weights = (request.pweights, request.fweights)
        check_columns(formula, weights, runner.source.schema, "rx_summary", runner.source.label)
        formula = expand_everything(formula, runner.source.schema, weights)
        levels, ranges = undiscovered(formula, runner.source.schema)
        if levels or ranges:
            runner.make_rereadable([*formula.columns, *(name for name in weights if name is not None)])
        discovered = runner.discover(levels, ranges)
        resolved = resolve(formula, runner.source.schema, discovered, "rx_summary", weight=request.weight)
        terms = _terms(resolved)
        if not terms:
            raise DesignError(f"rx_summary: {request.formula!r} names no column to summarize")
        items = tuple(MomentsItem(term.numbers, term.factors) for term in terms)
        updater = Moments(resolved.variables, items, resolved.weight, listwise=not request.by_term)
        found = runner.run(updater)
        _check(request, found)
        return _result(request, runner.source.label, resolved, terms, found)


def _terms(resolved: Resolved) -> list[DesignTerm]:
    """``y ~ x`` asks for what ``~ y:x`` does, as RevoScaleR has it, and ``y ~ 1`` for y alone."""
    if not resolved.responses:
        return list(resolved.terms)
    terms = []
    for response in resolved.responses:
        label = resolved.variables.variables[response].label
        alone = DesignTerm(label, (response,), ())
        terms += [
            DesignTerm(f"{label}:{term.text}", (response, *term.numbers), term.factors, (response, *term.places))
            for term in resolved.terms
        ] or [alone]
    return terms


def _check(request: SummaryRequest, found: MomentsResult) -> None:
    if found.n_negative_weight:
        raise DesignError(
            f"rx_summary: weights column {request.weight!r} is negative in {found.n_negative_weight:,} rows; "
            "weights must be zero or more"
        )
    if any(np.isinf(table[:, kernels.WEIGHT]).any() for table in found.tables):
        raise DesignError(
            f"rx_summary: weights column {request.weight!r} holds infinite values; weights must be finite. Exclude "
            "such rows with row_selection"
        )
    if request.fweights is not None and found.n_fractional_weight:
        raise DesignError(
            f"rx_summary: fweights column {request.weight!r} is not a whole number in {found.n_fractional_weight:,} "
            "rows; use pweights for fractional weights"
        )


def _statistics(request: SummaryRequest, rows: Floats) -> dict[str, Floats]:
    """Every statistic of rows of a moments table."""
    count, weight = rows[:, kernels.COUNT], rows[:, kernels.WEIGHT]
    with np.errstate(divide="ignore", invalid="ignore"):
        if request.fweights is not None:
            divisor = weight - 1.0
        elif request.pweights is not None:
            # Reliability weights: unbiased when weights are inverse variances up to a factor.
            divisor = weight - rows[:, kernels.SQUARED_WEIGHT] / weight
        else:
            divisor = count - 1.0
        some = count > 0
        spread = np.where(divisor > 0, np.sqrt(rows[:, kernels.SQUARES] / divisor), np.nan)
        values = {
            "Mean": np.where(some, rows[:, kernels.MEAN], np.nan),
            "StdDev": spread,
            "Min": np.where(some, rows[:, kernels.MINIMUM], np.nan),
            "Max": np.where(some, rows[:, kernels.MAXIMUM], np.nan),
            "Sum": rows[:, kernels.MEAN] * weight,
        }
    weighted = request.weight is not None
    values["ValidObs"] = weight if weighted else count
    values["MissingObs"] = rows[:, kernels.MISSING_WEIGHT] if weighted else rows[:, kernels.MISSING]
    return values


def _shown(request: SummaryRequest) -> list[tuple[str, str]]:
    """Statistics asked for, in the printed order, with their printed names."""
    renamed = {"ValidObs": "SumOfWeights", "MissingObs": "MissingWeights"} if request.weight is not None else {}
    order = ("Mean", "StdDev", "Sum", "Min", "Max", "ValidObs", "MissingObs")
    return [(name, renamed.get(name, name)) for name in order if name in request.statistics]


def _overall(table: Floats) -> Floats:
    """All cells of an item together: what is summarized over rows whose category is known."""
    total = np.zeros((1, kernels.FIELDS))
    kernels.clear(total)
    for row in table[:-1]:
        kernels.join(total[0], row)
    # A row whose category is missing counts as missing, whatever its number.
    total[0, kernels.MISSING] += table[-1, kernels.COUNT] + table[-1, kernels.MISSING]
    total[0, kernels.MISSING_WEIGHT] += table[-1, kernels.WEIGHT] + table[-1, kernels.MISSING_WEIGHT]
    return total


def _result(
    request: SummaryRequest, label: str, resolved: Resolved, terms: list[DesignTerm], found: MomentsResult
) -> SummaryResults:
    variables = resolved.variables.variables
    shown = _shown(request)
    rows: list[dict[str, Any]] = []
    tables: list[CategoryTable] = []
    for term, table in zip(terms, found.tables, strict=True):
        factors = [variables[v] for v in term.factors]
        numbers = ":".join(variables[v].label for v in term.numbers)
        name = term.label(variables)
        if not factors:
            statistics = _statistics(request, table[:1])
            rows.append({"Name": name} | {printed: float(statistics[key][0]) for key, printed in shown})
            continue
        if not numbers:
            tables.append(_count_table(request, name, factors, table))
            if len(factors) > 1:
                continue
            counted = _statistics(request, table)["ValidObs"]
            counts = {"ValidObs": counted[:-1].sum(), "MissingObs": counted[-1]}
            rows.append({"Name": name} | {printed: float(counts.get(key, np.nan)) for key, printed in shown})
            continue
        statistics = _statistics(request, _overall(table))
        rows.append({"Name": name} | {printed: float(statistics[key][0]) for key, printed in shown})
        tables.append(_statistics_table(request, name, numbers, factors, table))
    n_out = found.n_left_out + found.n_without_weight
    return SummaryResults(
        call=request.call,
        formula=request.formula,
        source_label=label,
        n_valid=float(found.n_rows - n_out),
        n_missing=float(n_out),
        frame=pd.DataFrame(rows, columns=["Name", *(printed for _, printed in shown)]),
        categorical=tables,
        pweights=request.pweights,
        fweights=request.fweights,
        params=dict(request.params),
    )


def _count_table(request: SummaryRequest, name: str, factors: list[Variable], table: Floats) -> CategoryTable:
    counts = _statistics(request, table)["ValidObs"]
    every = np.ones(len(table) - 1, np.bool_)
    frame = cube_frame(factors, {"Counts": counts[:-1]}, every)
    if request.remove_zero_counts:
        frame = frame[frame["Counts"] > 0].reset_index(drop=True)
    return CategoryTable(
        title=name,
        kind="counts" if len(factors) == 1 else "cube",
        factors=tuple(factor.label for factor in factors),
        frame=frame,
        n_valid=float(counts[:-1].sum()),
        n_missing=float(counts[-1]),
    )


def _statistics_table(
    request: SummaryRequest, name: str, numbers: str, factors: list[Variable], table: Floats
) -> CategoryTable:
    statistics = _statistics(request, table[:-1])
    valid = "ValidObs" if request.weight is None else "SumOfWeights"
    names = {"Mean": "Means", "StdDev": "StdDev", "Sum": "Sum", "Min": "Min", "Max": "Max", "ValidObs": valid}
    shown = {names[key]: statistics[key] for key in names if key in request.statistics}
    every = np.ones(len(table) - 1, np.bool_)
    frame = cube_frame(factors, shown, every)
    labels = [factor.label for factor in factors]
    frame.insert(0, "Category", category_labels(numbers, labels, frame[labels]))
    if request.remove_zero_counts:
        frame = frame[statistics["ValidObs"] > 0].reset_index(drop=True)
    return CategoryTable(
        title=name,
        kind="statistics",
        factors=tuple(labels),
        frame=frame,
        n_valid=float(statistics["ValidObs"].sum()),
        n_missing=float(_statistics(request, _overall(table))["MissingObs"][0]),
    )
