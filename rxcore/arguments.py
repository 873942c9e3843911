"""Checking arguments of public functions: other spellings, misspellings, and what is not built yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any

from rxcore.errors import ArgumentNameError, OptionError


def take_spellings(
    caller: str, given: dict[str, Any], spellings: Mapping[str, str], function: Callable[..., Any]
) -> dict[str, Any]:
    """Arguments that came under another documented spelling, by their own name.

    Parameters
    ----------
    given : dict
        What ``**kwargs`` caught.
    spellings : mapping
        From other spelling to name.
    function : callable
        Whose parameters are allowed.

    Raises
    ------
    ArgumentNameError
        For any other name; the message names the closest parameter.
    """
    names = [
        name
        for name, parameter in signature(function).parameters.items()
        if parameter.kind is not Parameter.VAR_KEYWORD
    ]
    taken: dict[str, Any] = {}
    for name, value in given.items():
        if name not in spellings:
            closest = get_close_matches(name, [*names, *spellings], n=1)
            hint = f" Closest: {closest[0]!r}." if closest else ""
            raise ArgumentNameError(f"{caller}: there is no argument {name!r}.{hint} Arguments: {', '.join(names)}")
        taken[spellings[name]] = value
    return taken


def refuse_unbuilt(caller: str, **arguments: tuple[Any, Any]) -> None:
    """Refuse arguments that this version does not act on, instead of silently ignoring them.

    Each argument is given as (value, the value that changes nothing).
    """
    for name, (value, neutral) in arguments.items():
        if value is not neutral and value != neutral:
            raise OptionError(f"{caller}: {name}={value!r} is not available in this version; leave it at {neutral!r}")


def column_name(caller: str, name: str, value: Any) -> str | None:
    """A column name given as text or as a list of one."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if value is None or isinstance(value, str):
        return value
    raise OptionError(f"{caller}: {name} must be the name of a column; got {value!r}")


def name_list(caller: str, name: str, value: Any) -> tuple[str, ...]:
    """Column names given as text, a list or None."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise OptionError(f"{caller}: {name} must be a list of column names; got {value!r}")
