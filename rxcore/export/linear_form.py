"""What both exchange formats write of a model: variables, and the coefficients of each term."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rxcore.design import Design
from rxcore.errors import ModelFormatError, OptionError, OutputExistsError
from rxcore.expression_nodes import Call, Chain, Compare, Constant, Logic, Member, Name, Node, Power, Unary
from rxcore.expression_tree import parse_tree
from rxcore.results.glm import GlmResults
from rxcore.results.linear import LinearResults
from rxcore.results.logistic import LogisticResults
from rxcore.variables import Floats, Variable

UNSEEN_LEVELS = ("error", "missing", "reference")


@dataclass(frozen=True, slots=True)
class TermForm:
    """A term and the coefficients of its cells (one, without factors); those that were dropped are zero."""

    numbers: tuple[Variable, ...]
    factors: tuple[Variable, ...]
    coefficients: Floats


@dataclass(frozen=True, slots=True)
class LinearForm:
    """The linear predictor, term by term, and what is done to it.

    Attributes
    ----------
    response : str
    link : {"identity", "logit", "log"}
    is_events : bool
        Whether the response is a category, of which the mean is the probability.
    intercept : float
    terms : tuple of TermForm
    variables : tuple of Variable
        Everything the terms read, and the offset.
    offset : Variable or None
        A number that is added without a coefficient.
    reference_first : bool
        Whether a factor's reference is its first level instead of its last.
    categories : (str, str)
        What a logistic response is called where it is no event, and where it is.
    """

    response: str
    link: str
    is_events: bool
    intercept: float
    terms: tuple[TermForm, ...]
    variables: tuple[Variable, ...]
    offset: Variable | None
    reference_first: bool
    categories: tuple[str, str]

    def reference(self, variable: Variable) -> int:
        """The position of a factor's reference level."""
        return 0 if self.reference_first else len(variable.levels) - 1


def form_of(model: Any, caller: str) -> LinearForm:
    """The linear form of a fitted model.

    Raises
    ------
    ModelFormatError
        When the model is not a linear or logistic one, or a generalized one of the links identity, logit or log.
    """
    if not isinstance(model, LinearResults | LogisticResults | GlmResults):
        raise ModelFormatError(
            f"{caller}: a {model.__class__.__name__} cannot be exported; linear and logistic models of one response can"
        )
    link = "identity" if isinstance(model, LinearResults) else model.family.link_name
    if link not in ("identity", "logit", "log"):
        raise ModelFormatError(
            f"{caller}: a model of the link {link!r} cannot be exported; links identity, logit and log can"
        )
    design: Design = model.design
    if not design.terms:
        raise ModelFormatError(f"{caller}: the model has an intercept only; there is nothing to export")
    variables = design.variables.variables
    values = np.nan_to_num(np.asarray(model.coefficients, np.float64))
    terms = tuple(
        TermForm(_pick(variables, term.numbers), _pick(variables, term.factors), values[design.term_of == place])
        for place, term in enumerate(design.terms)
    )
    observed = design.response_variable
    named = observed is not None and len(observed.levels) == 2
    return LinearForm(
        response=model.response,
        link=link,
        is_events=isinstance(model, LogisticResults),
        intercept=float(values[0]) if design.intercept else 0.0,
        terms=terms,
        variables=_used(design, variables),
        offset=variables[design.offset] if design.offset >= 0 else None,
        reference_first=design.drop_first,
        categories=(observed.levels[0], observed.levels[1]) if named and observed is not None else ("0", "1"),
    )


def text_columns(form: LinearForm) -> frozenset[str]:
    """Columns that are factors or text: those of factors, and those that an expression compares with text."""
    found = {one.column for one in form.variables if one.is_factor and one.bins is None and one.column is not None}
    for variable in form.variables:
        if variable.expression is not None:
            found |= _compared_with_text(parse_tree(variable.expression.text))
    return frozenset(found)


def _compared_with_text(node: Node) -> set[str]:
    if isinstance(node, Compare):
        operands = [node.first, *(operand for _, operand in node.rest)]
        found = {name for operand in operands for name in _compared_with_text(operand)}
        if any(isinstance(operand, Constant) and isinstance(operand.value, str) for operand in operands):
            found |= {operand.name for operand in operands if isinstance(operand, Name)}
        return found
    if isinstance(node, Member):
        is_text = isinstance(node.item, Name) and any(isinstance(value, str) for value in node.values)
        return {node.item.name} if is_text and isinstance(node.item, Name) else _compared_with_text(node.item)
    parts: tuple[Node, ...] = ()
    if isinstance(node, Call):
        parts = node.arguments
    elif isinstance(node, Unary):
        parts = (node.operand,)
    elif isinstance(node, Power):
        parts = (node.base, node.exponent)
    elif isinstance(node, Logic):
        parts = node.operands
    elif isinstance(node, Chain):
        parts = (node.first, *(operand for _, operand in node.rest))
    return {name for part in parts for name in _compared_with_text(part)}


def _pick(variables: tuple[Variable, ...], places: tuple[int, ...]) -> tuple[Variable, ...]:
    return tuple(variables[place] for place in places)


def _used(design: Design, variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    places = [place for term in design.terms for place in (*term.numbers, *term.factors)]
    places += [design.offset] if design.offset >= 0 else []
    return tuple(dict.fromkeys(variables[place] for place in places))


def check_unseen(caller: str, unseen_levels: str) -> None:
    """Refuse a policy that is none."""
    if unseen_levels not in UNSEEN_LEVELS:
        allowed = ", ".join(map(repr, UNSEEN_LEVELS))
        raise OptionError(f"{caller}: unseen_levels is {unseen_levels!r}; allowed are {allowed}")


def write_whole(caller: str, path: str | os.PathLike[str], data: bytes, *, overwrite: bool) -> None:
    """Write a small file under another name and give it its own in one step."""
    target = Path(path)
    if target.exists() and not overwrite:
        raise OutputExistsError(f"{caller}: {target} exists; pass overwrite=True to replace it")
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
