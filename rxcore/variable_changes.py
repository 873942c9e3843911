"""What a user wants changed of variables, read from variable information and held against what is there."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from rxcore.errors import DataWarning, OptionError
from rxcore.metadata import column_not_found, plain_name, variable_info
from xdf.schema import Field, Schema

_KEYS = {
    "newName": "name",
    "description": "description",
    "low": "low",
    "high": "high",
    "levels": "levels",
    "valueInfoCodes": "value_codes",
    "valueInfoLabels": "value_labels",
}
_FIXED = ("varType", "storage")
_SPELLINGS = {key.lower(): key for key in (*_KEYS, *_FIXED, "position")} | {
    "new_name": "newName",
    "value_info_codes": "valueInfoCodes",
    "value_info_labels": "valueInfoLabels",
    "var_type": "varType",
}


@dataclass(frozen=True, slots=True)
class VariableChange:
    """What changes of one variable; nothing that stays as it is.

    Attributes
    ----------
    name : str
    new_name : str or None
    labels : dict
        Attributes of the field with their new values: description, low, high, levels, value_codes, value_labels.
    """

    name: str
    new_name: str | None = None
    labels: dict[str, Any] = field(default_factory=dict)


def parse_variable_changes(
    var_info: object, schema: Schema, caller: str, label: str, *, is_xdf: bool
) -> tuple[VariableChange, ...]:
    """Read variable information as rx_get_var_info gives it, changed or made by hand; keep what differs.

    Raises
    ------
    OptionError
        Something cannot be read, or cannot be changed: types, the number of levels.
    ColumnNotFoundError
    """
    changes: dict[str, VariableChange] = {}
    for name, info in _entries(var_info, schema, caller):
        if name not in schema:
            raise column_not_found(name, schema.names, caller, label)
        if name in changes:
            raise OptionError(f"{caller}: variable {name!r} is described twice")
        changes[name] = _change_of(schema.field(name), info, caller, is_xdf)
    result = tuple(change for change in changes.values() if change.new_name is not None or change.labels)
    renamed = {change.name: change.new_name for change in result if change.new_name is not None}
    names = [renamed.get(name, name) for name in schema.names]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OptionError(
            f"{caller}: two variables of {plain_name(label)} would be called {twice!r}; names must differ"
        )
    return result


def _entries(var_info: object, schema: Schema, caller: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if isinstance(var_info, Mapping):
        pairs = [(str(name), info) for name, info in var_info.items()]
    elif isinstance(var_info, (list, tuple)):
        pairs = [(None, info) for info in var_info]  # type: ignore[misc]
    else:
        raise OptionError(
            f"{caller}: var_info must be a dict of variable name to dict, as rx_get_var_info gives it; "
            f"got {type(var_info).__name__}"
        )
    for name, info in pairs:
        if not isinstance(info, Mapping):
            raise OptionError(
                f"{caller}: var_info of variable {name!r} must be a dict such as {{'description': '...'}}; got {info!r}"
            )
        given = _canonical(name, info, caller)
        position = given.pop("position", None)
        if position is not None:
            yield _name_at(position, schema, caller), given
        elif name is None:
            raise OptionError(f"{caller}: an entry of var_info without a name needs 'position', counted from 1")
        else:
            yield name, given


def _canonical(name: str | None, info: Mapping[Any, Any], caller: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for key, value in info.items():
        canonical = _SPELLINGS.get(str(key).lower())
        if canonical is None:
            close = get_close_matches(str(key).lower(), list(_SPELLINGS), n=1)
            hint = f" Closest: {_SPELLINGS[close[0]]!r}." if close else ""
            raise OptionError(
                f"{caller}: var_info of variable {name!r}: key {key!r} is not known.{hint} "
                f"Allowed: {', '.join((*_KEYS, *_FIXED, 'position'))}"
            )
        if value is not None:
            given[canonical] = value
    return given


def _name_at(position: object, schema: Schema, caller: str) -> str:
    if isinstance(position, bool) or not isinstance(position, int) or not 1 <= position <= len(schema):
        raise OptionError(
            f"{caller}: position is a whole number from 1 to {len(schema)}, the number of variables; got {position!r}"
        )
    return schema.names[position - 1]


def _change_of(known: Field, given: Mapping[str, Any], caller: str, is_xdf: bool) -> VariableChange:
    where = f"{caller}: variable {known.name!r}"
    present = variable_info(known, narrow=is_xdf)
    for key in _FIXED:
        if key in given and given[key] not in (present[key], variable_info(known, narrow=False)[key]):
            raise OptionError(
                f"{where}: {key} is {present[key]!r} and cannot be changed to {given[key]!r} here, where the data stay "
                "as they are; import them anew with column_info"
            )
    labels: dict[str, Any] = {}
    for key, attribute in _KEYS.items():
        if key not in given or key == "newName":
            continue
        value = _checked(key, given[key], where)
        if value != _present(present, key):
            labels[attribute] = value
    if ("low" in labels or "high" in labels) and not known.is_numeric:
        what = "a factor, whose range is that of its levels" if known.is_factor else "not a number"
        raise OptionError(f"{where}: low and high cannot be set: it is {what}")
    if "levels" in labels:
        _check_levels(known, labels["levels"], where)
    codes, texts = (labels.get(name, getattr(known, name)) for name in ("value_codes", "value_labels"))
    if len(codes) != len(texts):
        raise OptionError(f"{where}: {len(codes)} valueInfoCodes but {len(texts)} valueInfoLabels")
    low, high = labels.get("low", known.low), labels.get("high", known.high)
    if low is not None and high is not None and ("low" in labels or "high" in labels) and low > high:
        raise OptionError(f"{where}: low {low!r} lies above high {high!r}")
    new_name = _text("newName", given["newName"], where) if "newName" in given else None
    return VariableChange(known.name, None if new_name in (None, known.name) else new_name, labels)


def _present(present: Mapping[str, Any], key: str) -> Any:
    value = present.get(key, "" if key == "description" else ())
    return tuple(value) if isinstance(value, list) else value


def _checked(key: str, value: Any, where: str) -> Any:
    if key in ("newName", "description"):
        return _text(key, value, where)
    if key in ("low", "high"):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise OptionError(f"{where}: {key} must be a number; got {value!r}")
        return float(value)
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise OptionError(f"{where}: {key} must be a list; got {value!r}")
    items = tuple(value)
    if key == "valueInfoCodes":
        wrong = [item for item in items if isinstance(item, bool) or not isinstance(item, (int, float, str))]
        if wrong:
            raise OptionError(f"{where}: a value code is a number or a text; got {wrong[0]!r}")
        return tuple(item if isinstance(item, str) else float(item) for item in items)
    return tuple(_text(key, item, where) for item in items)


def _text(key: str, value: object, where: str) -> str:
    if not isinstance(value, str) or (key == "newName" and not value):
        raise OptionError(f"{where}: {key} must be text; got {value!r}")
    return value


def _check_levels(known: Field, levels: tuple[str, ...], where: str) -> None:
    if known.levels is None:
        raise OptionError(f"{where}: levels cannot be set: it is not a factor. Import it anew as one with column_info")
    if len(levels) != len(known.levels):
        raise OptionError(
            f"{where}: it has {len(known.levels)} levels and {len(levels)} were given. Levels are renamed one for one; "
            "to merge, drop or reorder them import the data anew with column_info"
        )
    if len(set(levels)) != len(levels):
        twice = next(level for level in levels if levels.count(level) > 1)
        raise OptionError(f"{where}: {twice!r} stands twice in levels; levels must differ")
    if set(levels) == set(known.levels):
        warnings.warn(
            f"{where}: the same levels were given in another order. Levels are renamed one for one, so that rows now "
            "belong to other levels than before; to sort levels instead, import the data anew with column_info",
            DataWarning,
            stacklevel=6,
        )
