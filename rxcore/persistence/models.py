"""Which classes models are stored of, and how a design is: by its variables and terms, from which it is built anew.

The names below are part of the format: a class may move or change its name here, never there. A field that is added to
a class needs a default, which is what older models get; anything else needs a step in ``_UPGRADES`` and a new format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass, replace
from importlib import import_module
from math import prod
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from rxcore.design import Design, DesignTerm, make_design
from rxcore.errors import FormulaError, ModelFormatError
from rxcore.expressions import parse_expression
from rxcore.persistence.container import FORMAT, Contents, pack, unpack
from rxcore.persistence.values import Decode, Encode, Reader, Writer, items_of, number_of, numbers_of, text_of
from rxcore.results.coefficients import CoefficientResults, NamedVector
from rxcore.results.linear_multiple import MultipleLinearResults
from rxcore.variables import Variable, VariableSet

# What may be stored, by its name in the format, and where it lives now.
_HOMES = {
    "LinearResults": "rxcore.results.linear",
    "LogisticResults": "rxcore.results.logistic",
    "GlmResults": "rxcore.results.glm",
    "MultipleLinearResults": "rxcore.results.linear_multiple",
    "StepPath": "rxcore.results.steps",
    "Family": "rxcore.families",
}
_DESIGN, _VARIABLE, _TERM = "Design", "Variable", "DesignTerm"
# Of a design: what is stored, and what follows from it.
STORED_OF_DESIGN = (
    *("variables", "terms", "intercept", "drop_first", "label_style", "response_variable", "weight_variable"),
    *("offset", "main_first"),
)
REBUILT_OF_DESIGN = ("layout", "names", "first", "second", "factor", "order", "term_of", "response", "weight")
# What scoring does without, and is left out when nothing but scoring is asked for.
_BESIDES_SCORING: dict[str, Any] = {
    "cov_coef": None,
    "cov_data": None,
    "counts": None,
    "count_frame": None,
    "params": {},
    "steps": None,
}
_MODELS = (CoefficientResults, MultipleLinearResults)

# From the tree of one format version to that of the next.
_UPGRADES: dict[int, Callable[[Any], Any]] = {}


def serialize(model: Any, *, scoring_only: bool = False) -> bytes:
    """A fitted model as bytes."""
    from rxcore import __version__

    if scoring_only and isinstance(model, CoefficientResults):
        model = replace(model, **_BESIDES_SCORING)
    if scoring_only and isinstance(model, MultipleLinearResults):
        model = MultipleLinearResults(tuple(replace(one, **_BESIDES_SCORING) for one in model.models))
    writer = Writer(_to_tree)
    name = type(model).__name__
    if name not in _HOMES or type(model) is not _class_of(name) or not isinstance(model, _MODELS):
        raise ModelFormatError(
            f"rx_serialize_model: a {type(model).__module__}.{type(model).__qualname__} is not portable; what can be "
            f"stored is {', '.join(name for name in _HOMES if name.endswith('Results'))}"
        )
    return pack({"rxcore": __version__, "model": writer(model)}, writer.arrays)


def unserialize(data: bytes) -> Any:
    """The model that the bytes hold."""
    contents = unpack(data)
    tree = contents.tree
    for version in range(contents.version, FORMAT):
        tree = _UPGRADES[version](tree)
    try:
        return _model(Contents(FORMAT, tree, contents.arrays))
    except RecursionError as error:
        raise ModelFormatError("the model nests too deeply") from error


def _model(contents: Contents) -> Any:
    match contents.tree:
        case {"rxcore": str(), "model": {"object": str(name)} as tree} if name in _HOMES:
            return Reader(contents.arrays, _from_tree)(tree)
    raise ModelFormatError("the container holds no model that this version of rxcore knows")


# -- objects -----------------------------------------------------------------------------------------------------------


def _to_tree(value: Any, encode: Encode) -> Any:
    if isinstance(value, Design):
        return _object(_DESIGN, _design_fields(value), encode)
    if isinstance(value, Variable):
        stored = {field.name: getattr(value, field.name) for field in fields(value)}
        expression = None if value.expression is None else value.expression.text
        return _object(_VARIABLE, stored | {"expression": expression}, encode)
    if isinstance(value, DesignTerm):
        return _object(_TERM, {field.name: getattr(value, field.name) for field in fields(value)}, encode)
    name = type(value).__name__
    if name not in _HOMES or type(value) is not _class_of(name) or not is_dataclass(value):
        return None
    # A named vector reads as a pandas Series; what is stored is the array behind it.
    held = getattr(value, "__dict__", None)
    return _object(name, {f.name: held[f.name] if held else getattr(value, f.name) for f in fields(value)}, encode)


def _object(name: str, values: dict[str, Any], encode: Encode) -> dict[str, Any]:
    return {"object": name, "fields": {field: encode(value) for field, value in values.items()}}


def _from_tree(tree: Any, decode: Decode) -> Any:
    match tree:
        case {"object": str(name), "fields": dict(values)}:
            given = {field: decode(value) for field, value in values.items()}
            if name == _DESIGN:
                return _design(given)
            if name == _VARIABLE:
                return _variable(given)
            if name == _TERM:
                return _term(given)
            if name in _HOMES:
                return _result(_class_of(name), given)
    raise ModelFormatError(f"the model holds an object that this version does not know: {str(tree)[:60]}")


def _class_of(name: str) -> type[Any]:
    kind: type[Any] = getattr(import_module(_HOMES[name]), name)
    return kind


def _result(kind: type[Any], given: dict[str, Any]) -> Any:
    known = {field.name: field for field in fields(kind)}
    for name in given:
        if name not in known:
            raise ModelFormatError(
                f"the model's {kind.__name__} has {name!r}, which this version of rxcore does not know. Upgrade rxcore"
            )
    hints = get_type_hints(kind)
    for name, field in known.items():
        required = field.default is MISSING and field.default_factory is MISSING
        if name not in given and required:
            raise ModelFormatError(f"the model's {kind.__name__} lacks {name!r}")
        if name in given and not _fits(given[name], hints[name]):
            raise ModelFormatError(f"the model's {kind.__name__} has a {name!r} of the wrong type")
    try:
        made = kind(**given)
    except (ValueError, TypeError) as error:
        raise ModelFormatError(f"the model does not fit together: {error}") from error
    if isinstance(made, CoefficientResults):
        _check_together(made)
    return made


def _check_together(model: CoefficientResults) -> None:
    """Lengths that printing and scoring rely on."""
    rank = len(model.kept_names)
    design = model.design
    fits = isinstance(design, Design) and design.n_coefficients == len(model.coefficient_names)
    if not fits or model.aliased.dtype != np.bool_ or len(model.aliased) != design.n_coefficients:
        raise ModelFormatError("the model's coefficients do not fit its design")
    if model.cov_coef is not None and model.cov_coef.shape != (rank, rank):
        raise ModelFormatError("the model's covariance does not fit its coefficients")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value that was read is what the annotation of its field says."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if hint is Any:
        return True
    if hint is NoneType:
        return value is None
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is NamedVector:
        return isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype == np.float64
    if origin is np.ndarray:
        return isinstance(value, np.ndarray)
    if origin is tuple:
        part, *rest = get_args(hint)
        return isinstance(value, tuple) and rest == [Ellipsis] and all(_fits(item, part) for item in value)
    if origin is dict or hint is pd.DataFrame:
        return isinstance(value, origin or hint)
    return isinstance(hint, type) and isinstance(value, hint)


# -- designs -----------------------------------------------------------------------------------------------------------


def _design_fields(design: Design) -> dict[str, Any]:
    return {
        "variables": design.variables.variables,
        "terms": design.terms,
        "intercept": design.intercept,
        "drop_first": design.drop_first,
        "label_style": design.label_style,
        "response_variable": design.response_variable,
        "weight_variable": design.weight_variable,
        "offset": design.offset,
        "main_first": design.main_first,
        "origins": design.layout.origins,
        # Said once more, so that a design of absurd size is refused before it is built.
        "n_coefficients": design.n_coefficients,
    }


def _design(given: dict[str, Any]) -> Design:
    variables = items_of(given.get("variables"))
    terms = items_of(given.get("terms"))
    kept: dict[str, Any] = {name: given.get(name) for name in ("response_variable", "weight_variable")}
    if not all(isinstance(one, Variable) for one in (*variables, *(one for one in kept.values() if one is not None))):
        raise ModelFormatError("the model's design has something else among its variables")
    offset = number_of(given.get("offset"))
    if not -1 <= offset < len(variables) or (offset >= 0 and variables[offset].is_factor):
        raise ModelFormatError("the model's design has an offset that is no number of its own")
    for term in terms:
        _check_term(term, variables)
    intercept, drop_first = given.get("intercept"), given.get("drop_first")
    main_first = given.get("main_first", False)
    style = text_of(given.get("label_style"))
    if not (isinstance(intercept, bool) and isinstance(drop_first, bool) and isinstance(main_first, bool)) or (
        style not in ("Revo", "R")
    ):
        raise ModelFormatError("the model's design does not say how it is coded")
    n_columns = int(intercept) + sum(prod(len(variables[v].levels) for v in term.factors) for term in terms)
    if n_columns != number_of(given.get("n_coefficients")):
        raise ModelFormatError(f"the model's design has {n_columns:,} columns, not those that it says")
    design = make_design(
        VariableSet(variables), terms, intercept=intercept, offset=offset, drop_first=drop_first, label_style=style,
        main_first=main_first,
    )  # fmt: skip
    origins = numbers_of(given.get("origins"), np.dtype(np.float64))
    if len(origins) != len(design.layout.numbers) or not np.isfinite(origins).all():
        raise ModelFormatError("the model's design has origins for other numbers than its own")
    return replace(design.with_origins(origins), **kept)


def _check_term(term: Any, variables: tuple[Any, ...]) -> None:
    if not isinstance(term, DesignTerm) or not (term.numbers or term.factors):
        raise ModelFormatError("the model's design has something else among its terms")
    used = (*term.numbers, *term.factors, *term.places)
    if not all(0 <= v < len(variables) for v in used):
        raise ModelFormatError("a term of the model's design reads a variable that is not there")
    if any(variables[v].is_factor for v in term.numbers) or not all(variables[v].is_factor for v in term.factors):
        raise ModelFormatError("a term of the model's design takes a factor for a number, or the reverse")


def _variable(given: dict[str, Any]) -> Variable:
    label = text_of(given.get("label"))
    column, expression, bins = given.get("column"), given.get("expression"), given.get("bins")
    levels = tuple(text_of(level) for level in items_of(given.get("levels")))
    if (column is None) == (expression is None):
        raise ModelFormatError(f"variable {label!r} of the model reads neither one column nor one expression")
    if bins is not None:
        bins = _bins(label, bins, levels)
    try:
        computed = None if expression is None else parse_expression(text_of(expression))
    except FormulaError as error:
        raise ModelFormatError(f"variable {label!r} of the model cannot be read: {error}") from error
    return Variable(label, None if column is None else text_of(column), computed, levels, bins)


def _bins(label: str, bins: Any, levels: tuple[str, ...]) -> tuple[int, int, bool]:
    match bins:
        case (low, high, bool(exclude)):
            first, last = number_of(low), number_of(high)
            if last - first + 1 + (not exclude) == len(levels) and abs(first) < 2**62 and abs(last) < 2**62:
                return first, last, exclude
    raise ModelFormatError(f"the bins of variable {label!r} of the model do not fit its levels")


def _term(given: dict[str, Any]) -> DesignTerm:
    numbers, factors, places = (
        tuple(number_of(v) for v in items_of(given.get(name))) for name in ("numbers", "factors", "places")
    )
    return DesignTerm(text_of(given.get("text")), numbers, factors, places)
