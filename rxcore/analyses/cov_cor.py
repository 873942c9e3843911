"""Covariances, correlations and cross-products of columns: one pass."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rxcore.analyses.cross_products import (
    basis_of,
    collect,
    column_sums,
    degrees_of_freedom,
    model_products,
    squared_weights,
)
from rxcore.analyses.modelling import ModelRequest
from rxcore.design import Design, make_design
from rxcore.errors import DataWarning, DesignError, OptionError
from rxcore.formula import parse_formula
from rxcore.kernels import cross_product as kernels
from rxcore.kernels import double_double
from rxcore.results.cov_cor import CovCorResults
from rxcore.runner import Runner, scale_of_block
from rxcore.solvers.normal_equations import Dependence
from rxcore.terms import check_columns, expand_everything, resolve, undiscovered
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.variables import Floats

TYPES = ("Cov", "Cor", "SSCP")


@dataclass(frozen=True, slots=True)
class CovCorRequest:
    """Arguments of rx_cov_cor, checked."""

    model: ModelRequest
    type: str = "Cov"
    keep_all: bool = True
    var_tol: float = 1e-12

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise OptionError(f"{self.model.caller}: type is {self.type!r}; allowed are 'Cov', 'Cor' and 'SSCP'")
        if not 0.0 <= self.var_tol < float("inf"):
            raise OptionError(f"{self.model.caller}: var_tol is {self.var_tol!r}; it must be zero or more")


def covariances(request: CovCorRequest) -> CovCorResults:
    """Compute the matrix in one pass; text columns cost one more, which finds their levels."""
    model = request.model
    with Runner(
        model.data, model.caller, compute_context=model.compute_context, report_progress=model.report_progress
    ) as runner:
        design = _design(runner, model)
        # The squares of probability weights are summed as one more number, in the place of a response.
        weighted = replace(design, response=design.weight) if model.pweights is not None else design
        updater, found = collect(runner, model, weighted)
        return _result(request, runner.source.label, updater, found)


def _design(runner: Runner, model: ModelRequest) -> Design:
    formula = parse_formula(model.formula, response_required=False)
    weights = (model.pweights, model.fweights)
    check_columns(formula, weights, runner.source.schema, model.caller, runner.source.label)
    formula = expand_everything(formula, runner.source.schema, weights)
    if not formula.terms:
        raise DesignError(f"{model.caller}: {model.formula!r} names no column")
    runner.make_rereadable([*formula.columns, *(name for name in weights if name is not None)])
    discovered = runner.discover(*undiscovered(formula, runner.source.schema))
    resolved = resolve(formula, runner.source.schema, discovered, model.caller, weight=model.weight)
    design = make_design(
        resolved.variables, resolved.terms, intercept=True, weight=resolved.weight, label_style=model.label_style
    )
    block = runner.first_block(design.variables.columns)
    return design.with_origins(scale_of_block(design.variables, design.layout.numbers, block).origins)


def _result(request: CovCorRequest, label: str, updater: CrossProduct, found: CrossProducts) -> CovCorResults:
    model, design = request.model, updater.design
    size = design.n_coefficients
    high, low = model_products(updater, found)
    products = high[:size, :size].copy()
    basis = basis_of(design, beside_response=design.response >= 0)
    dependence = Dependence.of(high, basis, np.sqrt(np.diag(found.matrix)))
    double_double.sweep(high, low, 0)
    centred = high[:size, :size].copy()
    squares = squared_weights(updater, found) if model.pweights is not None else None
    divisor = degrees_of_freedom(model, found, squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = np.where(divisor > 0.0, centred / divisor, np.nan)
    variances = np.maximum(np.diag(covariance), 0.0)
    kept = np.ones(size, np.bool_)
    if not request.keep_all:
        kept = _independent(design, high, low, dependence, variances > request.var_tol)
    columns = np.flatnonzero(kept)[1:]
    means = column_sums(updater, found) / found.matrix[0, 0]
    shown = np.flatnonzero(kept) if request.type == "SSCP" else columns
    dropped = np.flatnonzero(~kept)
    matrix = (products if request.type == "SSCP" else covariance)[np.ix_(shown, shown)]
    deviations = np.sqrt(variances[columns])
    if request.type == "Cor":
        matrix = _correlation(request, [design.names[m] for m in columns], matrix, deviations)
    return CovCorResults(
        call=model.call,
        formula=model.formula,
        source_label=label,
        type=request.type,
        names=tuple(design.names[m] for m in shown),
        matrix=matrix,
        deviations=np.empty(0) if request.type == "SSCP" else deviations,
        averages=means[columns],
        valid_obs=int(found.counts[kernels.N_VALID]),
        missing_obs=int(found.counts[kernels.N_MISSING]),
        pweights=model.pweights,
        fweights=model.fweights,
        sum_of_weights=float(found.matrix[0, 0]) if model.weight is not None else float("nan"),
        dropped_vars=tuple(design.names[m] for m in dropped),
        dropped_var_indexes=tuple(int(m) for m in dropped),
        params=dict(model.params),
    )


def _independent(
    design: Design, high: Floats, low: Floats, dependence: Dependence, varying: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Columns that vary and that those before them do not explain; the products are swept on the way."""
    kept = np.zeros(design.n_coefficients, np.bool_)
    kept[0] = True
    for m in design.order[1:].tolist():
        if varying[m] and dependence.stands_alone(high, kept, m):
            double_double.sweep(high, low, m)
            kept[m] = True
    return kept


def _correlation(request: CovCorRequest, names: list[str], covariance: Floats, deviations: Floats) -> Floats:
    constant = [name for name, deviation in zip(names, deviations, strict=True) if not deviation > 0.0]
    if constant:
        warnings.warn(
            f"{request.model.caller}: {', '.join(map(repr, constant))} has one value only, so that its correlations "
            "are missing; keep_all=False leaves such columns out",
            DataWarning,
            stacklevel=4,
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation: Floats = np.clip(covariance / np.outer(deviations, deviations), -1.0, 1.0)
    correlation[np.diag_indices(len(names))] = np.where(deviations > 0.0, 1.0, np.nan)
    return correlation
