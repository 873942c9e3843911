"""A fitted model made ready for blocks: the linear predictor, its variance, unseen levels, and the new columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rxcore.analyses.response_scale import family_of, limits, quantile_of, residuals
from rxcore.blocks import Block
from rxcore.design import Design
from rxcore.errors import DesignError
from rxcore.kernels import glm as kernels
from rxcore.kernels import tiles
from rxcore.results.logistic import LogisticResults
from rxcore.terms import known_column
from rxcore.variables import BoundBlock, Floats, Variable, VariableSet
from xdf.schema import Field, Schema

UNSEEN_LEVELS = ("error", "missing", "reference")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be computed of each row."""

    standard_errors: bool = False
    interval: str = "none"
    confidence_level: float = 0.95
    residual_type: str | None = None
    response_scale: bool = True
    unseen_levels: str = "error"

    @property
    def needs_errors(self) -> bool:
        """Whether the covariance of the coefficients is needed."""
        return self.standard_errors or self.interval != "none"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The new columns of one response, in order."""
        kinds = ["predict"]
        if self.residual_type is not None:
            kinds.append("residual")
        if self.standard_errors:
            kinds.append("error")
        if self.interval != "none":
            kinds += ["lower", "upper"]
        return tuple(kinds)


@dataclass(frozen=True, slots=True)
class Scored:
    """The new columns of one block, and how many rows have each level that the model does not know, by column."""

    columns: dict[str, Floats]
    unseen: Mapping[str, Counter[str]] = field(default_factory=dict)


class Scorer:
    """One model of one response, bound to the schema of the data."""

    def __init__(self, model: Any, wanted: Wanted, schema: Schema, label: str) -> None:
        self.model = model
        self.wanted = wanted
        self.design: Design = model.design
        self.family = family_of(model)
        self.variables = _bound_to(self.design.variables, schema, label)
        _check_types(self.variables)
        self.beta = self.design.to_basis(np.asarray(model.coefficients, np.float64))
        self.covariance = _basis_covariance(model) if wanted.needs_errors else np.zeros((1, 1))
        self.observed = self._observed(schema, label) if wanted.residual_type is not None else None

    def _observed(self, schema: Schema, label: str) -> VariableSet:
        """The response, and probability weights or numbers of trials, which scale some residuals."""
        variables = [response_variable(self.design)]
        weights = self.design.weight_variable
        if self.wanted.residual_type != "usual" and weights is not None and self.model.fweights is None:
            variables.append(weights)
        return _bound_to(VariableSet(tuple(variables)), schema, label)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        observed = () if self.observed is None else self.observed.columns
        return tuple(dict.fromkeys((*self.variables.columns, *observed)))

    def __call__(self, block: Block) -> Scored:
        bound = self.variables.bind(block)
        unseen = _unseen(self.variables, bound)
        if unseen and self.wanted.unseen_levels == "error":
            raise DesignError(_refusal(unseen))
        if unseen and self.wanted.unseen_levels == "reference":
            bound = _with_reference(self.design, bound)
        eta, variance = self._linear_predictor(bound)
        return Scored(self._new(block, eta, variance), unseen)

    def _linear_predictor(self, bound: BoundBlock) -> tuple[Floats, Floats]:
        layout = self.design.layout
        eta = np.empty(bound.n_rows)
        with_errors = self.wanted.needs_errors
        variance = np.empty(bound.n_rows if with_errors else 1)
        kernels.predict(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, self.design.offset,
            layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides, layout.multipliers, layout.n_cells,
            self.beta, layout.basis_offsets, self.covariance, with_errors, eta, variance,
        )  # fmt: skip
        return eta, variance

    def _new(self, block: Block, eta: Floats, variance: Floats) -> dict[str, Floats]:
        wanted, model, family = self.wanted, self.model, self.family
        mu = family.inverse_link(eta)
        fitted = mu if wanted.response_scale else eta
        new = {"predict": fitted}
        error = np.sqrt(np.maximum(variance, 0.0)) if wanted.needs_errors else variance
        if wanted.standard_errors:
            new["error"] = np.abs(family.slope(eta)) * error if wanted.response_scale else error
        if wanted.interval != "none":
            if wanted.interval == "prediction":
                error = np.sqrt(error**2 + model.residual_variance)
            reach = quantile_of(model, wanted.confidence_level) * error
            bounds = limits(family, eta, reach) if wanted.response_scale else (eta - reach, eta + reach)
            new["lower"], new["upper"] = bounds
        if self.observed is not None and wanted.residual_type is not None:
            values = self._load(block)
            weights = values[1] if len(values) > 1 else None
            new["residual"] = residuals(wanted.residual_type, family, values[0], mu, weights)
            # As documented: with residuals asked for, a missing response makes every computed column missing.
            new = {kind: np.where(np.isnan(values[0]), np.nan, column) for kind, column in new.items()}
        return new

    def _load(self, block: Block) -> Floats:
        assert self.observed is not None
        bound = self.observed.bind(block)
        values = np.empty((len(self.observed.variables), block.n_rows))
        tiles.load(bound.columns, bound.variables, bound.lookup, 0, block.n_rows, values)
        if isinstance(self.model, LogisticResults):
            # Every value but 0 counted as an event when the model was fitted.
            values[0] = np.where(np.isnan(values[0]), np.nan, values[0] != 0.0)
        return values


def response_variable(design: Design) -> Variable:
    """What the model was fitted to."""
    assert design.response_variable is not None
    return design.response_variable


def _bound_to(variables: VariableSet, schema: Schema, label: str) -> VariableSet:
    fields = {name: known_column(name, schema, "rx_predict", label) for name in variables.columns}
    return VariableSet(variables.variables, {**variables.fields, **fields})


def _check_types(variables: VariableSet) -> None:
    for variable in variables.variables:
        if variable.column is None:
            continue
        column: Field = variables.fields[variable.column]
        textual = column.is_factor or column.is_string
        if variable.is_factor and variable.bins is None and not textual:
            raise DesignError(
                f"rx_predict: column {column.name!r} is {column.type} in the data; the model has it as a factor"
            )
        if textual and not (variable.is_factor and variable.bins is None):
            raise DesignError(
                f"rx_predict: column {column.name!r} is {'a factor' if column.is_factor else 'text'} in the data "
                "where the model needs a number"
            )


def _basis_covariance(model: Any) -> Floats:
    """Covariance of the coefficients of the shifted basis: T V T', where T puts model coefficients into the basis."""
    design: Design = model.design
    assert model.cov_coef is not None
    kept = np.flatnonzero(~model.aliased)
    transform = np.zeros((design.layout.n_basis, len(kept)))
    places = np.arange(len(kept))
    np.add.at(transform, (design.first[kept], places), 1.0)
    moved = design.second[kept] >= 0
    np.add.at(transform, (design.second[kept][moved], places[moved]), design.factor[kept][moved])
    return np.ascontiguousarray(transform @ model.cov_coef @ transform.T)


# -- levels that the model was not fitted with -------------------------------------------------------------------------


def _unseen(variables: VariableSet, bound: BoundBlock) -> dict[str, Counter[str]]:
    """Rows of each level that a variable does not know, by column."""
    found: dict[str, Counter[str]] = {}
    for variable, row, column in zip(variables.variables, bound.variables, bound.held, strict=True):
        if row[tiles.VARIABLE_KIND] != tiles.LEVEL:
            continue
        first, length = row[tiles.VARIABLE_FIRST], row[tiles.VARIABLE_SECOND]
        unknown = np.flatnonzero(np.isnan(bound.lookup[first : first + length]))
        if not len(unknown) or column.levels is None:
            continue
        codes = column.to_arrow(Field(variable.label, pa.dictionary(pa.int32(), pa.string()), levels=())).indices
        counts = np.bincount(codes.drop_null().to_numpy(), minlength=length)[unknown]
        levels = {column.levels[int(code)].as_py(): int(n) for code, n in zip(unknown, counts, strict=True) if n}
        if levels:
            found[variable.column or variable.label] = Counter(levels)
    return found


def _with_reference(design: Design, bound: BoundBlock) -> BoundBlock:
    """Unknown levels looked up as the reference: the last level, or the first where that is the one that is dropped."""
    lookup = bound.lookup.copy()
    for variable, row in zip(design.variables.variables, bound.variables, strict=True):
        if row[tiles.VARIABLE_KIND] == tiles.LEVEL:
            table = lookup[row[tiles.VARIABLE_FIRST] : row[tiles.VARIABLE_FIRST] + row[tiles.VARIABLE_SECOND]]
            table[np.isnan(table)] = 0.0 if design.drop_first else len(variable.levels) - 1.0
    return replace(bound, lookup=lookup)


def describe_unseen(unseen: Mapping[str, Counter[str]]) -> str:
    """``1,204 by 'carrier' ('ZZ', 'YV', ...)``, column by column."""
    parts = []
    for name, levels in unseen.items():
        shown = ", ".join(map(repr, list(levels)[:5])) + (", ..." if len(levels) > 5 else "")
        parts.append(f"{levels.total():,} by {name!r} ({shown})")
    return ", ".join(parts)


def _refusal(unseen: Mapping[str, Counter[str]]) -> str:
    name, levels = next(iter(unseen.items()))
    shown = ", ".join(map(repr, list(levels)[:5])) + (", ..." if len(levels) > 5 else "")
    return (
        f"rx_predict: column {name!r} has levels that the model was not fitted with: {shown}. "
        "Pass unseen_levels='missing' to predict missing for such rows, or 'reference' to take them as the reference "
        "level"
    )
