"""Predictions of a fitted model for every row of the data: into a frame, a file, or the data's own file."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import xdf
from rxcore.analyses.response_scale import RESIDUAL_TYPES
from rxcore.analyses.scoring import UNSEEN_LEVELS, Scorer, Wanted, describe_unseen, response_variable
from rxcore.blocks import Block
from rxcore.errors import DataWarning, OptionError, OutputExistsError
from rxcore.results.coefficients import CoefficientResults
from rxcore.results.linear import LinearResults
from rxcore.runner import DataRequest, Runner
from rxcore.terms import known_column
from xdf.schema import Field, Schema

_SUFFIXES = {"predict": "Pred", "residual": "Resid", "error": "StdErr", "lower": "Lower", "upper": "Upper"}


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """Arguments of rx_predict, checked.

    ``models`` are those of one fit, one for each response; ``names`` are the user's for the new columns, by kind and
    response.
    """

    models: tuple[Any, ...]
    data: DataRequest
    wanted: Wanted = field(default_factory=Wanted)
    output: str | None = None
    blocks_per_file: int | None = None
    onto_input: bool = False
    write_model_variables: bool = False
    extra_variables: tuple[str, ...] = ()
    remove_missings: bool = False
    append: str = "none"
    overwrite: bool = False
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compression_level: int = 1
    compute_context: Any = None
    report_progress: int | None = None
    max_cells: int | None = None

    def __post_init__(self) -> None:
        _check_wanted(self.wanted, self.models)
        if self.onto_input and self.remove_missings:
            raise OptionError(
                "rx_predict: remove_missings=True would delete rows of the data, which are also the output. Name "
                "another file as output_data"
            )
        for kind, given in self.names.items():
            if len(given) != len(self.models):
                raise OptionError(
                    f"rx_predict: {len(given)} names for column {_SUFFIXES[kind]!r}; the model has "
                    f"{len(self.models)} response{'' if len(self.models) == 1 else 's'}"
                )
        names = self.new_names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise OptionError(f"rx_predict: two new columns would be called {twice!r}; names must differ")

    def name_of(self, kind: str, place: int) -> str:
        """What the new column of this kind and response is called."""
        given = self.names.get(kind)
        return given[place] if given else f"{self.models[place].response}_{_SUFFIXES[kind]}"

    @property
    def new_names(self) -> list[str]:
        """The new columns in order: kind by kind, response by response."""
        return [self.name_of(kind, place) for kind in self.wanted.kinds for place in range(len(self.models))]

    def most_rows(self, n_columns: int) -> int | None:
        """Rows of a frame of so many columns, None without limit."""
        return None if self.max_cells is None else self.max_cells // max(n_columns, 1)


def _check_wanted(wanted: Wanted, models: tuple[Any, ...]) -> None:
    if wanted.interval not in ("none", "confidence", "prediction"):
        raise OptionError(
            f"rx_predict: interval is {wanted.interval!r}; allowed are 'none', 'confidence' and 'prediction'"
        )
    if wanted.interval == "prediction" and not all(isinstance(model, LinearResults) for model in models):
        raise OptionError("rx_predict: interval='prediction' is for linear models only; use 'confidence'")
    if not 0.0 < wanted.confidence_level < 1.0:
        raise OptionError(f"rx_predict: confidence_level is {wanted.confidence_level!r}; it must lie between 0 and 1")
    if wanted.residual_type not in (None, *RESIDUAL_TYPES):
        allowed = ", ".join(map(repr, RESIDUAL_TYPES))
        raise OptionError(f"rx_predict: residual_type is {wanted.residual_type!r}; allowed are {allowed}")
    if wanted.unseen_levels not in UNSEEN_LEVELS:
        allowed = ", ".join(map(repr, UNSEEN_LEVELS))
        raise OptionError(f"rx_predict: unseen_levels is {wanted.unseen_levels!r}; allowed are {allowed}")
    if wanted.needs_errors and any(model.cov_coef is None for model in models):
        raise OptionError(
            "rx_predict: standard errors and intervals need the covariance of the coefficients. "
            "Fit the model with cov_coef=True"
        )


class Predictor:
    """The models of a request made ready for blocks of one schema."""

    def __init__(self, request: PredictRequest, schema: Schema, label: str) -> None:
        self.request = request
        self.scorers = [Scorer(model, request.wanted, schema, label) for model in request.models]
        self.copied = self._copied(schema, label)
        self._check_names()
        new = (Field(name, pa.float64()) for name in request.new_names)
        self.schema = Schema((*self.copied, *new))

    def _copied(self, schema: Schema, label: str) -> tuple[Field, ...]:
        request = self.request
        if request.onto_input:
            new = set(request.new_names)
            return tuple(column for column in schema if column.name not in new)
        names: list[str] = []
        if request.write_model_variables:
            designs = [scorer.design for scorer in self.scorers]
            names += [name for one in designs for name in response_variable(one).columns if name in schema]
            names += [name for one in designs for name in one.variables.columns]
        names += request.extra_variables
        return tuple(known_column(name, schema, "rx_predict", label) for name in dict.fromkeys(names))

    def _check_names(self) -> None:
        kept = {column.name for column in self.copied}
        read = {name for scorer in self.scorers for name in scorer.columns}
        for name in self.request.new_names:
            if name in kept or (self.request.onto_input and name in read):
                raise OptionError(
                    f"rx_predict: a new column would be called {name!r}, as a column that is "
                    f"{'read' if name in read else 'copied'}. Choose another name with predict_var_names, "
                    "residual_var_names, std_errors_var_names or interval_var_names"
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        names = [name for scorer in self.scorers for name in scorer.columns]
        return tuple(dict.fromkeys((*names, *(column.name for column in self.copied))))

    def __call__(self, block: Block) -> tuple[pa.RecordBatch, Mapping[str, Counter[str]]]:
        """Predictions for one block, and the levels in it that the model does not know."""
        scored = [scorer(block) for scorer in self.scorers]
        arrays = [block.columns[column.name].to_arrow(column) for column in self.copied]
        arrays += [
            pa.array(one.columns[kind], from_pandas=True) for kind in self.request.wanted.kinds for one in scored
        ]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(self.schema.names))
        if self.request.remove_missings:
            missing = np.any([np.isnan(one.columns["predict"]) for one in scored], axis=0)
            batch = batch.filter(pa.array(~missing))
        # The responses of one fit share their predictors.
        return batch, scored[0].unseen


def predict(request: PredictRequest) -> pd.DataFrame | None:
    """Score every row in one pass: to a frame, or to the .xdf file that the request names (then None)."""
    with Runner(
        request.data, "rx_predict", compute_context=request.compute_context, report_progress=request.report_progress
    ) as runner:
        if request.onto_input:
            # The file is written anew beside itself and replaced in one step: old columns, then the new ones.
            request = replace(request, overwrite=True)
        predictor = Predictor(request, runner.source.schema, runner.source.label)
        unseen: dict[str, Counter[str]] = {}
        batches = _gathering(runner.map_blocks(predictor.columns, predictor), unseen)
        frame = None
        if request.output is None:
            frame = _frame(_limited(batches, request.most_rows(len(predictor.schema))), predictor.schema)
        else:
            _write(request, request.output, predictor, batches)
        _warn_unseen(request, unseen)
        return frame


def _gathering(
    scored: Iterator[tuple[pa.RecordBatch, Mapping[str, Counter[str]]]], unseen: dict[str, Counter[str]]
) -> Iterator[pa.RecordBatch]:
    """The batches; what they say of unseen levels adds up on the side."""
    for batch, found in scored:
        for name, levels in found.items():
            unseen.setdefault(name, Counter()).update(levels)
        yield batch


def _warn_unseen(request: PredictRequest, unseen: Mapping[str, Counter[str]]) -> None:
    if unseen:
        given = "missing" if request.wanted.unseen_levels == "missing" else "the reference level's prediction"
        warnings.warn(
            f"rx_predict: rows with levels unknown to the model got {given}: {describe_unseen(unseen)}",
            DataWarning,
            stacklevel=4,
        )


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
    if request.append == "rows" and Path(output).exists():
        writer = xdf.append(output)
    else:
        try:
            writer = _new_output(request, output, predictor.schema)
        except xdf.XdfExistsError as error:
            raise OutputExistsError(f"rx_predict: {output} exists; pass overwrite=True to replace it") from error
    with writer:
        for batch in batches:
            writer.write(batch)


def models_of(model: Any) -> tuple[CoefficientResults, ...]:
    """The models behind what a fit returned: itself, or one for each of several responses.

    Raises
    ------
    OptionError
        When it is not a fitted model.
    """
    models: tuple[Any, ...] = getattr(model, "models", (model,))
    if models and all(isinstance(one, CoefficientResults) for one in models):
        return models
    raise OptionError(
        f"rx_predict: model_object is {model.__class__.__name__}; it must be what rx_lin_mod, rx_logit or another "
        "function that fits a model returned"
    )
