"""What a user asks to be done to rows on the way, checked as far as that needs no data."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rxcore.errors import FormulaError, MissingExtraError, OptionError
from rxcore.expressions import Expression, parse_expression
from rxcore.lexer import write_name
from rxcore.sources.user_function import UserFunction, user_function


@dataclass(frozen=True, eq=False)
class Request:
    """What the user asked for, checked as far as that needs no data.

    Attributes
    ----------
    transforms : tuple of (name, Expression or UserFunction)
    function : UserFunction or None
    variables : tuple of str or None
        Columns handed to functions; None hands all.
    row_selection : Expression or None
    objects : dict
        The transform objects.
    """

    transforms: tuple[tuple[str, Expression | UserFunction], ...]
    function: UserFunction | None
    variables: tuple[str, ...] | None
    row_selection: Expression | None
    objects: dict[str, Any]
    caller: str
    may_change_rows: bool = False
    is_prediction: bool = False

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.transforms) or self.function is not None or self.row_selection is not None

    @property
    def is_opaque(self) -> bool:
        """Whether only a trial chunk can tell the columns and types."""
        return self.function is not None or any(isinstance(how, UserFunction) for _, how in self.transforms)


def make_request(
    *,
    names: Sequence[str],
    row_selection: Any,
    transforms: Any,
    objects: Any,
    function: Any,
    variables: Any,
    packages: Any,
    caller: str,
    may_change_rows: bool,
    is_prediction: bool,
) -> Request:
    """Check the arguments of `wrap`; ``names`` are the columns of the source."""
    _import_packages(packages, caller)
    known = dict(_mapping(objects, "transform_objects", caller))
    named = {
        name: _transform(name, how, known, caller) for name, how in _mapping(transforms, "transforms", caller).items()
    }
    called = None if function is None else user_function(function, known, f"{caller}: transform_function")
    return Request(
        transforms=tuple(named.items()),
        function=called,
        variables=None if variables is None else _names(variables, "transform_variables", caller),
        row_selection=_row_selection(row_selection, {*named, *names}, caller),
        objects=known,
        caller=caller,
        may_change_rows=may_change_rows,
        is_prediction=is_prediction,
    )


def _mapping(value: Any, what: str, caller: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise OptionError(f"{caller}: {what} must be a dict with names as keys; got {value!r:.80}")
    return value


def _names(value: Any, what: str, caller: str) -> tuple[str, ...]:
    """Column names from a list, or from the keys of a dict, as rx_import's signature has it."""
    if isinstance(value, str) or not isinstance(value, Iterable) or not all(isinstance(name, str) for name in value):
        raise OptionError(f"{caller}: {what} must be a list of column names; got {value!r:.80}")
    return tuple(dict.fromkeys(value))


def _import_packages(packages: Sequence[str] | None, caller: str) -> None:
    for name in () if packages is None else _names(packages, "transform_packages", caller):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingExtraError(
                f"{caller}: transform_packages names {name!r}, which cannot be imported: {error}"
            ) from error


def _transform(name: str, how: Any, objects: Mapping[str, Any], caller: str) -> Expression | UserFunction:
    what = f"{caller}: transforms[{name!r}]"
    if isinstance(how, Expression):
        return how
    if isinstance(how, str):
        try:
            return parse_expression(how)
        except FormulaError as error:
            raise FormulaError(f"{what}: {error}") from None
    if callable(how):
        return user_function(how, objects, what)
    raise OptionError(
        f"{what} must be an expression such as 'log(x)' or a function; got {type(how).__name__}: {how!r:.80}"
    )


def _row_selection(value: Any, names: set[str], caller: str) -> Expression | None:
    if value is None or isinstance(value, Expression):
        return value
    if not isinstance(value, str):
        raise OptionError(
            f"{caller}: row_selection must be a condition such as 'x > 0', or the name of a logical column; "
            f"got {type(value).__name__}: {value!r:.80}"
        )
    if value in names:
        return Expression(write_name(value))
    try:
        return parse_expression(value)
    except FormulaError as error:
        raise FormulaError(f"{caller}: row_selection: {error}") from None
