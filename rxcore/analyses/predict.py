"""Scores, residuals, standard errors and intervals from a fitted model, block by block."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import special

import xdf
from rxcore.blocks import Block
from rxcore.design import Design
from rxcore.errors import DataWarning, DesignError, OptionError, OutputExistsError
from rxcore.kernels import glm as kernels
from rxcore.kernels.tiles import load
from rxcore.results.linear import LinearResults
from rxcore.results.logistic import LogisticResults
from rxcore.runner import DataRequest, Runner
from rxcore.terms import known_column
from rxcore.variables import Floats, Variable, VariableSet
from xdf.schema import Field, Schema

Model = LinearResults | LogisticResults

_SUFFIXES = {"predict": "Pred", "residual": "Resid", "error": "StdErr", "lower": "Lower", "upper": "Upper"}


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """Arguments of rx_predict, checked, with names of the new columns filled in."""

    model: Model
    data: DataRequest
    output: str | None = None
    blocks_per_file: int | None = None
    onto_input: bool = False
    standard_errors: bool = False
    interval: str = "none"
    confidence_level: float = 0.95
    residuals: bool = False
    type: str = "response"
    write_model_variables: bool = False
    extra_variables: tuple[str, ...] = ()
    remove_missings: bool = False
    append: str = "none"
    overwrite: bool = False
    check_factor_levels: bool = True
    names: dict[str, str] = field(default_factory=dict)
    compression_level: int = 1
    compute_context: Any = None
    report_progress: int | None = None
    max_cells: int | None = None

    def __post_init__(self) -> None:
        if self.type not in ("response", "link"):
            raise OptionError(f"rx_predict: type is {self.type!r}; allowed are 'response' and 'link'")
        if self.interval not in ("none", "confidence", "prediction"):
            raise OptionError(
                f"rx_predict: interval is {self.interval!r}; allowed are 'none', 'confidence' and 'prediction'"
            )
        if self.interval == "prediction" and isinstance(self.model, LogisticResults):
            raise OptionError("rx_predict: interval='prediction' is for linear models only; use 'confidence'")
        if not 0.0 < self.confidence_level < 1.0:
            raise OptionError(f"rx_predict: confidence_level is {self.confidence_level!r}; it must lie between 0 and 1")
        if self.needs_errors and self.model.cov_coef is None:
            raise OptionError(
                "rx_predict: standard errors and intervals need the covariance of the coefficients. "
                "Fit the model with cov_coef=True"
            )

    @property
    def needs_errors(self) -> bool:
        return self.standard_errors or self.interval != "none"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The new columns, in order."""
        kinds = ["predict"]
        if self.residuals:
            kinds.append("residual")
        if self.standard_errors:
            kinds.append("error")
        if self.interval != "none":
            kinds += ["lower", "upper"]
        return tuple(kinds)

    def most_rows(self, n_columns: int) -> int | None:
        """Rows of a frame of so many columns, None without limit."""
        return None if self.max_cells is None else self.max_cells // max(n_columns, 1)

    def name_of(self, kind: str) -> str:
        return self.names.get(kind) or f"{self.model.response}_{_SUFFIXES[kind]}"


class Predictor:
    """A model made ready for blocks of one schema."""

    def __init__(self, request: PredictRequest, schema: Schema, label: str) -> None:
        self.request = request
        design: Design = request.model.design
        self.design = design
        fields = {name: known_column(name, schema, "rx_predict", label) for name in design.variables.columns}
        self.variables = VariableSet(design.variables.variables, {**design.variables.fields, **fields})
        self._check_types(fields)
        coefficients = np.asarray(request.model.coefficients, np.float64)
        self.beta = design.to_basis(coefficients)
        self.covariance = _basis_covariance(request.model) if request.needs_errors else np.zeros((1, 1))
        self.response = self._response(schema, label) if request.residuals else None
        self.copied = self._copied(schema, label)

    def _check_types(self, fields: dict[str, Field]) -> None:
        for variable in self.design.variables.variables:
            if variable.column is None:
                continue
            column = fields[variable.column]
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

    def _response(self, schema: Schema, label: str) -> VariableSet:
        variable = _observed_variable(self.design)
        fields = {name: known_column(name, schema, "rx_predict", label) for name in variable.columns}
        return VariableSet((variable,), fields)

    def _copied(self, schema: Schema, label: str) -> tuple[Field, ...]:
        names = list(self.design.variables.columns) if self.request.write_model_variables else []
        if self.request.write_model_variables:
            names = [*(name for name in _observed_variable(self.design).columns if name in schema), *names]
        names += self.request.extra_variables
        return tuple(known_column(name, schema, "rx_predict", label) for name in dict.fromkeys(names))

    @property
    def columns(self) -> tuple[str, ...]:
        names = list(self.variables.columns)
        if self.response is not None:
            names += self.response.columns
        names += [column.name for column in self.copied]
        return tuple(dict.fromkeys(names))

    @property
    def schema(self) -> Schema:
        """Copied columns, then the new ones."""
        new = tuple(Field(self.request.name_of(kind), pa.float64()) for kind in self.request.wanted)
        return Schema((*self.copied, *new))

    def __call__(self, block: Block) -> pa.RecordBatch:
        """Predictions for one block."""
        self._check_levels(block)
        eta, variance = self._linear_predictor(block)
        new = self._columns(block, eta, variance)
        arrays = [block.columns[column.name].to_arrow(column) for column in self.copied]
        arrays += [pa.array(new[kind], from_pandas=True) for kind in self.request.wanted]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(self.schema.names))
        if self.request.remove_missings:
            batch = batch.filter(pa.array(np.isfinite(new["predict"])))
        return batch

    def _check_levels(self, block: Block) -> None:
        unknown = self.variables.unknown_levels(block)
        if not unknown:
            return
        name, levels = next(iter(unknown.items()))
        shown = ", ".join(repr(level) for level in levels[:5]) + (", ..." if len(levels) > 5 else "")
        if self.request.check_factor_levels:
            raise DesignError(
                f"rx_predict: column {name!r} has levels that the model was not fitted with: {shown}. "
                "Pass check_factor_levels=False to predict missing for such rows"
            )
        warnings.warn(
            f"rx_predict: rows with levels unknown to the model ({name!r}: {shown}) get missing",
            DataWarning,
            stacklevel=2,
        )

    def _linear_predictor(self, block: Block) -> tuple[Floats, Floats]:
        layout = self.design.layout
        bound = self.variables.bind(block)
        eta = np.empty(block.n_rows)
        with_errors = self.request.needs_errors
        variance = np.empty(block.n_rows if with_errors else 1)
        kernels.predict(
            bound.columns, bound.variables, bound.lookup, bound.n_rows, self.design.offset,
            layout.number_factors, layout.number_first, layout.origins,
            layout.cell_factors, layout.cell_first, layout.cell_strides, layout.multipliers, layout.n_cells,
            self.beta, layout.basis_offsets, self.covariance, with_errors, eta, variance,
        )  # fmt: skip
        return eta, variance

    def _columns(self, block: Block, eta: Floats, variance: Floats) -> dict[str, Floats]:
        request, model = self.request, self.request.model
        logistic = isinstance(model, LogisticResults)
        respond = logistic and request.type == "response"
        fitted = special.expit(eta) if respond else eta
        new = {"predict": fitted}
        if request.needs_errors:
            error = np.sqrt(np.maximum(variance, 0.0))
            new["error"] = fitted * (1.0 - fitted) * error if respond else error
            if request.interval == "prediction":
                assert isinstance(model, LinearResults)
                error = np.sqrt(error**2 + model.residual_variance)
            upper = 0.5 + request.confidence_level / 2.0
            factor = special.ndtri(upper) if logistic else special.stdtrit(model.df_residual, upper)
            lower_eta, upper_eta = eta - factor * error, eta + factor * error
            new["lower"] = special.expit(lower_eta) if respond else lower_eta
            new["upper"] = special.expit(upper_eta) if respond else upper_eta
        if self.response is not None:
            observed = self._observed(block)
            reference = special.expit(eta) if logistic else eta
            new["residual"] = observed - reference
            # As documented: with residuals asked for, a missing response makes every computed column missing.
            for values in new.values():
                values[np.isnan(observed)] = np.nan
        return new

    def _observed(self, block: Block) -> Floats:
        assert self.response is not None
        bound = self.response.bind(block)
        observed = np.empty((1, block.n_rows))
        load(bound.columns, bound.variables, bound.lookup, 0, block.n_rows, observed)
        values: Floats = observed[0]
        if isinstance(self.request.model, LogisticResults):
            values = np.where(np.isnan(values), np.nan, (values != 0.0).astype(np.float64))
        return values


def _observed_variable(design: Design) -> Variable:
    assert design.response_variable is not None
    return design.response_variable


def _basis_covariance(model: Model) -> Floats:
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


def predict(request: PredictRequest) -> pd.DataFrame | None:
    """Score every row in one pass: to a frame, or to the .xdf file that the request names (then None)."""
    with Runner(
        request.data, "rx_predict", compute_context=request.compute_context, report_progress=request.report_progress
    ) as runner:
        output = request.output
        if output is None:
            predictor = Predictor(request, runner.source.schema, runner.source.label)
            batches = runner.map_blocks(predictor.columns, predictor)
            return _frame(_limited(batches, request.most_rows(len(predictor.schema))), predictor.schema)
        if request.onto_input:
            # The file is written anew beside itself and replaced in one step: old columns, then the new ones.
            kept = tuple(
                name
                for name in runner.source.schema.names
                if name not in {request.name_of(kind) for kind in request.wanted}
            )
            request = replace(request, extra_variables=kept, write_model_variables=False, overwrite=True)
        predictor = Predictor(request, runner.source.schema, runner.source.label)
        _write(request, output, predictor, runner.map_blocks(predictor.columns, predictor))
        return None


def _limited(batches: Iterator[pa.RecordBatch], most: int | None) -> Iterator[pa.RecordBatch]:
    n_rows = 0
    for batch in batches:
        if most is not None and n_rows + batch.num_rows > most:
            warnings.warn(
                f"rx_predict: the result would not fit into max_rows_by_cols and stops after {most:,} rows. "
                "Pass output_data to write all of it to a file, or a larger max_rows_by_cols",
                DataWarning,
                stacklevel=2,
            )
            yield batch.slice(0, most - n_rows)
            return
        n_rows += batch.num_rows
        yield batch


def _frame(batches: Iterator[pa.RecordBatch], schema: Schema) -> pd.DataFrame:
    frame: pd.DataFrame = pa.Table.from_batches(batches, schema.to_arrow()).to_pandas()
    return frame


def _new_output(request: PredictRequest, output: str, schema: Schema) -> xdf.XdfWriter | xdf.CompositeWriter:
    level, overwrite = request.compression_level, request.overwrite
    if request.blocks_per_file is None:
        return xdf.create(output, schema, overwrite=overwrite, compression_level=level)
    return xdf.create_composite(
        output, schema, blocks_per_file=request.blocks_per_file, overwrite=overwrite, compression_level=level
    )


def _write(request: PredictRequest, output: str, predictor: Predictor, batches: Iterator[pa.RecordBatch]) -> None:
    if request.append == "rows":
        writer = xdf.append(output)
    else:
        try:
            writer = _new_output(request, output, predictor.schema)
        except xdf.XdfExistsError as error:
            raise OutputExistsError(f"rx_predict: {output} exists; pass overwrite=True to replace it") from error
    with writer:
        for batch in batches:
            writer.write(batch)
