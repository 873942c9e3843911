"""What fitting a linear and a logistic model have in common: resolving the formula, weights, and what the rows must
be.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rxcore.analyses.covariance_choice import CLASSICAL_CHOICE, CovarianceChoice, check_clusters
from rxcore.design import Design, make_design
from rxcore.errors import DataWarning, DesignError, OptionError
from rxcore.expressions import parse_expression
from rxcore.formula import Formula, parse_formula
from rxcore.kernels import cross_product as kernels
from rxcore.lexer import write_name
from rxcore.runner import DataRequest, Runner, scale_of_block
from rxcore.step_control import RxStepControl
from rxcore.terms import Resolved, check_columns, expand_everything, resolve, undiscovered
from rxcore.variables import Floats, Ints, Variable, VariableSet
from xdf.schema import Schema


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Arguments of a model, checked and with defaults filled in."""

    caller: str
    formula: str
    data: DataRequest
    pweights: str | None = None
    fweights: str | None = None
    cube: bool = False
    drop_first: bool = False
    cov_coef: bool = False
    label_style: str = "Revo"
    vcov: CovarianceChoice = CLASSICAL_CHOICE
    offset: str | None = None
    call: str = ""
    compute_context: Any = None
    report_progress: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    cube_predictions: bool = False
    drop_main: bool = True
    cov_data: bool = False
    selection: RxStepControl | None = None

    def __post_init__(self) -> None:
        if self.pweights is not None and self.fweights is not None:
            raise OptionError(
                f"{self.caller}: pweights={self.pweights!r} and fweights={self.fweights!r} exclude each other; give one"
            )
        if self.label_style not in ("Revo", "R"):
            raise OptionError(f"{self.caller}: coef_label_style is {self.label_style!r}; allowed are 'Revo' and 'R'")
        if self.cube_predictions and not self.cube:
            raise OptionError(f"{self.caller}: cube_predictions=True predicts the cells of a cube; pass cube=True too")
        if self.cube and self.selection is not None:
            raise OptionError(f"{self.caller}: variable_selection and cube=True exclude each other; give one")

    @property
    def weight(self) -> str | None:
        return self.pweights if self.pweights is not None else self.fweights


def design_for(
    runner: Runner,
    request: ModelRequest,
    *,
    logical_response: bool = False,
    several_responses: bool = False,
    trials: bool = False,
) -> tuple[Formula, Design]:
    """Parse and resolve the formula, find undeclared levels, and lay the model out about its first block's means.

    Parameters
    ----------
    logical_response : bool
        Allow a factor or text response of two levels, the second being the event.
    several_responses : bool
        Allow more than one; the design has the first, and the variables of the others follow it.
    trials : bool
        Allow ``cbind(successes, failures)``: the response is then the share of successes, weighted by the trials.
    """
    formula = _with_offset(parse_formula(request.formula, response_required=True), request.offset, runner.source.schema)
    weights = (request.pweights, request.fweights)
    others = (*weights, *request.vcov.clusters)
    check_columns(formula, others, runner.source.schema, request.caller, runner.source.label)
    check_clusters(request.caller, request.vcov, runner.source.schema)
    formula = expand_everything(formula, runner.source.schema, weights)
    _check_responses(request, formula, several=several_responses or (trials and len(formula.responses) == 2))
    runner.make_rereadable([*formula.columns, *(name for name in others if name is not None)])
    schema = runner.source.schema
    discovered = runner.discover(*undiscovered(formula, schema, logical_response=logical_response))
    resolved = resolve(
        formula,
        schema,
        discovered,
        request.caller,
        weight=request.weight,
        present=request.vcov.clusters,
        logical_response=logical_response,
    )
    intercept = resolved.intercept
    if request.cube:
        if not resolved.terms or not resolved.terms[0].factors or resolved.terms[0].numbers:
            first = resolved.terms[0].text if resolved.terms else "nothing"
            raise DesignError(
                f"{request.caller}: cube=True needs a factor or an interaction of factors as the first term; "
                f"got {first!r}. Move a factor to the front or leave cube out"
            )
        intercept = False
    if not resolved.terms and not intercept:
        raise DesignError(f"{request.caller}: {request.formula!r} has neither terms nor an intercept")
    if trials and len(resolved.responses) == 2:
        resolved = _as_shares(resolved, schema)
    design = make_design(
        resolved.variables,
        resolved.terms,
        intercept=intercept,
        response=resolved.responses[0],
        weight=resolved.weight,
        offset=resolved.offset,
        drop_first=request.drop_first,
        label_style=request.label_style,
        main_first=not request.drop_main and not request.cube,
    )
    block = runner.first_block(design.variables.columns)
    return formula, design.with_origins(scale_of_block(design.variables, design.layout.numbers, block).origins)


def _check_responses(request: ModelRequest, formula: Formula, *, several: bool) -> None:
    texts = [response.text for response in formula.responses]
    if len(texts) > 1 and not several:
        raise DesignError(
            f"{request.caller}: {request.formula!r} has {len(texts)} responses; one is allowed here. rx_lin_mod "
            "without variable_selection takes several; otherwise fit one model for each"
        )
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise DesignError(f"{request.caller}: response {twice!r} stands twice in {request.formula!r}; name it once")


def _with_offset(formula: Formula, offset: str | None, schema: Schema) -> Formula:
    """The formula with the offset given as an argument: a column, or an expression such as ``log(exposure)``."""
    if offset is None:
        return formula
    expression = parse_expression(write_name(offset) if offset in schema else offset)
    return replace(formula, offsets=(*formula.offsets, expression))


def _text_of(variable: Variable) -> str:
    """The expression that computes a variable."""
    return variable.expression.text if variable.expression is not None else write_name(variable.columns[0])


def _as_shares(resolved: Resolved, schema: Schema) -> Resolved:
    """Successes and failures as the share of successes, weighted by the number of trials."""
    variables = list(resolved.variables.variables)
    first, second = resolved.responses
    hits, total = _text_of(variables[first]), f"({_text_of(variables[first])}) + ({_text_of(variables[second])})"
    label = f"cbind({variables[first].label}, {variables[second].label})"
    weight = total if resolved.weight < 0 else f"({total}) * ({_text_of(variables[resolved.weight])})"
    made = (
        Variable(label, expression=parse_expression(f"({hits}) / ({total})")),
        Variable("trials", expression=parse_expression(weight)),
    )
    kept = (*variables[:first], *made)
    fields = {name: schema.field(name) for variable in kept if variable.expression for name in variable.columns}
    return replace(
        resolved, variables=VariableSet(kept, fields), responses=(first,), weight=first + 1
    )  # fmt: skip


def subtract_offset(design: Design, schema: Schema) -> Design:
    """A linear model of the response less its offset, which prediction adds again."""
    if design.offset < 0:
        return design
    variables = list(design.variables.variables)
    observed = variables[design.response]
    text = f"({_text_of(observed)}) - ({_text_of(variables[design.offset])})"
    variables[design.response] = Variable(observed.label, expression=parse_expression(text))
    fields = {**design.variables.fields, **{name: schema.field(name) for name in variables[design.response].columns}}
    return replace(design, variables=VariableSet(tuple(variables), fields), response_variable=observed)


def check_rows(request: ModelRequest, design: Design, counts: Ints, missing: Ints) -> None:
    """Refuse weights that mean nothing, and data of which nothing is left."""
    name = request.weight
    if counts[kernels.N_NEGATIVE_WEIGHT]:
        raise DesignError(
            f"{request.caller}: weights column {name!r} is negative in {counts[kernels.N_NEGATIVE_WEIGHT]:,} rows; "
            "weights must be zero or more"
        )
    if request.fweights is not None and counts[kernels.N_FRACTIONAL_WEIGHT]:
        raise DesignError(
            f"{request.caller}: fweights column {name!r} is not a whole number in "
            f"{counts[kernels.N_FRACTIONAL_WEIGHT]:,} rows; use pweights for fractional weights"
        )
    if counts[kernels.N_VALID]:
        return
    n_rows = int(counts[kernels.N_MISSING] + counts[kernels.N_ZERO_WEIGHT])
    if n_rows == 0:
        raise DesignError(f"{request.caller}: the data have no rows")
    worst = int(np.argmax(missing))
    raise DesignError(
        f"{request.caller}: no row is left of {n_rows:,} after leaving out rows with missing values or zero weight. "
        f"{design.variables.variables[worst].label!r} alone is missing in {missing[worst]:,}"
    )


def check_finite(request: ModelRequest, values: Floats) -> None:
    """Refuse sums that ran into infinity, before they turn into a wrong number."""
    if not np.isfinite(values).all():
        raise DesignError(
            f"{request.caller}: the data hold infinite values, or values so large that their squares overflow. "
            "Find them with rx_summary and exclude them with row_selection"
        )


def warn_dropped_numbers(request: ModelRequest, design: Design, kept: npt.NDArray[np.bool_]) -> None:
    """Say which numeric terms were dropped because others explain them; factors always drop a level and need no
    word.
    """
    gone = [
        name
        for name, keep, term in zip(design.names, kept, design.term_of, strict=True)
        if not keep and term >= 0 and not design.terms[term].factors
    ]
    if gone:
        names = ", ".join(repr(name) for name in gone)
        warnings.warn(
            f"{request.caller}: dropped {names}: constant, or explained by the terms before; reported as Dropped",
            DataWarning,
            stacklevel=2,
        )


def cube_frame(factors: list[Variable], values: dict[str, Floats], cells: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """A row for each cell of a grid of factors, the first factor fastest."""
    shape = [len(factor.levels) for factor in factors]
    codes = np.unravel_index(np.arange(int(np.prod(shape))), shape, order="F")
    columns: dict[str, object] = {
        factor.label: pd.Categorical.from_codes(code, pd.Index(factor.levels))
        for factor, code in zip(factors, codes, strict=True)
    }
    columns |= {name: value[cells] for name, value in values.items()}
    return pd.DataFrame(columns)
