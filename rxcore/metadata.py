"""What users say and read about a column: type names, ``column_info`` and ``column_classes``, and variable information.

The names are revoscalepy's. ``column_info`` wins over ``column_classes``, which wins over ``strings_as_factors``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from rxcore.errors import ColumnNotFoundError, OptionError
from xdf.schema import Field, missing_column_message

MAX_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type that a user can ask for: an Arrow type, or a factor (``kind`` is None)."""

    name: str
    kind: pa.DataType | None
    ordered: bool = False

    @property
    def is_factor(self) -> bool:
        """Whether it asks for a factor."""
        return self.kind is None


def plain_name(label: str) -> str:
    """The data's name inside a sentence: ``File name: a/sales.xdf`` is ``sales.xdf``, ``Data: frame`` is ``frame``."""
    what, _, name = label.partition(": ")
    return os.path.basename(name) if what == "File name" and name else name or label


def column_not_found(name: str, names: Sequence[str], caller: str, label: str) -> ColumnNotFoundError:
    """The error about a column that is not in the data; it names the closest ones."""
    message = missing_column_message(name, names).replace("is not there", f"is not in {plain_name(label)}", 1)
    return ColumnNotFoundError(f"{caller}: {message}")


def _types() -> dict[str, ColumnType]:
    canonical = {
        "bool": pa.bool_(),
        "integer": pa.int32(),
        "int8": pa.int8(),
        "int16": pa.int16(),
        "int64": pa.int64(),
        "uint8": pa.uint8(),
        "uint16": pa.uint16(),
        "uint32": pa.uint32(),
        "uint64": pa.uint64(),
        "float32": pa.float32(),
        "numeric": pa.float64(),
        "character": pa.string(),
        "Date": pa.date32(),
        "POSIXct": pa.timestamp("us"),
    }
    types = {name: ColumnType(name, kind) for name, kind in canonical.items()}
    types["factor"] = ColumnType("factor", None)
    types["ordered"] = ColumnType("ordered", None, ordered=True)
    return types


TYPES = _types()
_ALIASES = {
    "logical": "bool",
    "boolean": "bool",
    "int": "integer",
    "int32": "integer",
    "float": "numeric",
    "double": "numeric",
    "float64": "numeric",
    "string": "character",
    "str": "character",
    "date": "Date",
    "posixct": "POSIXct",
    "datetime": "POSIXct",
}


def column_type(name: object, column: str, caller: str) -> ColumnType:
    """The type of that name, in any case.

    Raises
    ------
    OptionError
        When there is none; the message lists the allowed names.
    """
    if isinstance(name, str):
        known = TYPES.get(name) or TYPES.get(_ALIASES.get(name.lower(), name.lower()))
        if known is not None:
            return known
        if name.lower() == "factorindex":
            raise OptionError(f"{caller}: column {column!r}: type 'factorIndex' is not available yet; use 'factor'")
    close = get_close_matches(str(name).lower(), [*TYPES, *_ALIASES], n=1)
    hint = f" Closest: {close[0]!r}." if close else ""
    raise OptionError(
        f"{caller}: column {column!r}: type {name!r} is not known.{hint} Allowed: {', '.join(repr(t) for t in TYPES)}"
    )


@dataclass(frozen=True, slots=True)
class ColumnRequest:
    """What a user wants of one column. None leaves things as they are in the data.

    Attributes
    ----------
    name : str or None
        Name in the data; None when ``index`` says which column is meant.
    index : int or None
        Position in the data, counted from 1.
    type : ColumnType or None
    new_name, description : str or None
    levels : tuple of str or None
        Values that become factor levels, in this order; every other value becomes missing.
    new_levels : tuple of str or None
        What the levels are called afterwards, one for one.
    low, high : float or None
    """

    name: str | None
    index: int | None = None
    type: ColumnType | None = None
    new_name: str | None = None
    description: str | None = None
    levels: tuple[str, ...] | None = None
    new_levels: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None

    @property
    def wants_factor(self) -> bool:
        """Whether the type asked for is a factor."""
        return self.type is not None and self.type.is_factor


_KEYS = ("type", "newName", "description", "levels", "newLevels", "low", "high", "index")
_SPELLINGS = {key.lower(): key for key in _KEYS} | {"new_name": "newName", "new_levels": "newLevels"}
_FIXED_FORMAT = {"start", "width", "decimalplaces", "decimal_places"}


def parse_column_info(column_info: object, caller: str) -> tuple[ColumnRequest, ...]:
    """Read ``column_info``: a dict of name to dict, or a list of dicts that each carry ``index``."""
    if column_info is None:
        return ()
    if isinstance(column_info, Mapping):
        named: Iterable[tuple[str | None, object]] = ((str(name), info) for name, info in column_info.items())
    elif isinstance(column_info, (list, tuple)):
        named = ((None, info) for info in column_info)
    else:
        raise OptionError(
            f"{caller}: column_info must be a dict of column name to dict, or a list of dicts with 'index'; "
            f"got {type(column_info).__name__}"
        )
    return tuple(_parse_entry(name, info, caller) for name, info in named)


def _parse_entry(name: str | None, info: object, caller: str) -> ColumnRequest:
    if not isinstance(info, Mapping):
        raise OptionError(
            f"{caller}: column_info of column {name!r} must be a dict such as {{'type': 'factor'}}; got {info!r}"
        )
    given = _canonical_keys(name, info, caller)
    index = given.get("index")
    if name is None and not _is_whole(index, 1):
        raise OptionError(f"{caller}: a column_info entry without a name needs 'index', counted from 1; got {index!r}")
    where = name if name is not None else f"number {index}"
    levels = _strings(given.get("levels"), "levels", where, caller)
    new_levels = _strings(given.get("newLevels"), "newLevels", where, caller)
    wanted = None if given.get("type") is None else column_type(given["type"], where, caller)
    if levels is not None and wanted is None:
        wanted = TYPES["factor"]
    request = ColumnRequest(
        name,
        None if name is not None else int(index),  # type: ignore[arg-type]
        wanted,
        None if given.get("newName") is None else str(given["newName"]),
        None if given.get("description") is None else str(given["description"]),
        levels,
        new_levels,
        _number(given.get("low"), "low", where, caller),
        _number(given.get("high"), "high", where, caller),
    )
    _check_levels(request, where, caller)
    return request


def _canonical_keys(name: str | None, info: Mapping[Any, Any], caller: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for key, value in info.items():
        if str(key).lower() in _FIXED_FORMAT and value is not None:
            raise OptionError(
                f"{caller}: column_info of column {name!r}: {key!r} belongs to fixed-format text, "
                "which is not available yet; use delimited text"
            )
        canonical = _SPELLINGS.get(str(key).lower())
        if canonical is None:
            close = get_close_matches(str(key).lower(), list(_SPELLINGS), n=1)
            hint = f" Closest: {_SPELLINGS[close[0]]!r}." if close else ""
            raise OptionError(
                f"{caller}: column_info of column {name!r}: key {key!r} is not known.{hint} Allowed: {', '.join(_KEYS)}"
            )
        given[canonical] = value
    return given


def _check_levels(request: ColumnRequest, where: str, caller: str) -> None:
    if request.levels is not None and not request.wants_factor:
        got = request.type and request.type.name
        raise OptionError(f"{caller}: column_info of column {where!r}: levels go with type 'factor'; got type {got!r}")
    if request.new_levels is not None and request.levels is None:
        raise OptionError(f"{caller}: column_info of column {where!r}: newLevels needs levels, one for one")
    if request.new_levels is not None and request.levels is not None and len(request.new_levels) != len(request.levels):
        raise OptionError(
            f"{caller}: column_info of column {where!r}: {len(request.levels)} levels but {len(request.new_levels)} "
            "newLevels; newLevels only renames, so both need the same length"
        )
    for what, labels in (("levels", request.levels), ("newLevels", request.new_levels)):
        if labels is not None and len(set(labels)) != len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise OptionError(f"{caller}: column_info of column {where!r}: {twice!r} stands twice in {what}")


def _strings(value: object, what: str, where: str, caller: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise OptionError(f"{caller}: column_info of column {where!r}: {what} must be a list of strings; got {value!r}")
    return tuple(str(item) for item in value)


def _number(value: object, what: str, where: str, caller: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise OptionError(f"{caller}: column_info of column {where!r}: {what} must be a number; got {value!r}")
    return value


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def parse_column_classes(column_classes: object, caller: str) -> tuple[ColumnRequest, ...]:
    """Read ``column_classes``: a dict of column name to type name."""
    if column_classes is None:
        return ()
    if not isinstance(column_classes, Mapping):
        raise OptionError(
            f"{caller}: column_classes must be a dict of column name to type; got {type(column_classes).__name__}"
        )
    return tuple(
        ColumnRequest(str(name), type=column_type(kind, str(name), caller)) for name, kind in column_classes.items()
    )


@dataclass(frozen=True, slots=True)
class ColumnRequests:
    """Everything a user asked about the columns of one source, in the order of precedence."""

    info: tuple[ColumnRequest, ...] = ()
    classes: tuple[ColumnRequest, ...] = ()
    strings_as_factors: bool = False

    @classmethod
    def parse(
        cls, column_info: object, column_classes: object, strings_as_factors: bool | None, caller: str
    ) -> ColumnRequests:
        """Check and freeze the three arguments."""
        if not isinstance(strings_as_factors, (bool, type(None))):
            raise OptionError(f"{caller}: strings_as_factors must be True or False; got {strings_as_factors!r}")
        return cls(
            parse_column_info(column_info, caller),
            parse_column_classes(column_classes, caller),
            bool(strings_as_factors),
        )

    def named(self, names: Sequence[str], caller: str, label: str) -> dict[str, ColumnRequest]:
        """Requests by column name, for the columns of one source; indexes are looked up and types merged.

        Raises
        ------
        ColumnNotFoundError
            When a request names a column that is not in the data.
        """
        wanted: dict[str, ColumnRequest] = {}
        for request in (*self.classes, *self.info):
            name = self._name(request, names, caller, label)
            before = wanted.get(name)
            kind = request.type if before is None else request.type or before.type
            wanted[name] = replace(request, name=name, index=None, type=kind)
        return wanted

    @staticmethod
    def _name(request: ColumnRequest, names: Sequence[str], caller: str, label: str) -> str:
        name, index = request.name, request.index
        if name is None and index is not None:
            if index > len(names):
                where = f"the last of {len(names)} columns of {plain_name(label)}"
                raise OptionError(f"{caller}: column_info index {index} is past {where}")
            name = names[index - 1]
        if name is None or name not in names:
            raise column_not_found(str(name), names, caller, label)
        return name


def type_name(kind: pa.DataType, ordered: bool = False) -> str:
    """The ``varType`` of a logical type: ``integer``, ``numeric``, ``factor``, ..."""
    if pa.types.is_dictionary(kind):
        return "ordered" if ordered else "factor"
    if pa.types.is_boolean(kind):
        return "logical"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "numeric"
    if pa.types.is_date(kind):
        return "Date"
    if pa.types.is_timestamp(kind):
        return "POSIXct"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "character"
    return str(kind)


def storage_name(field: Field, narrow: bool = False) -> str:
    """The ``storage`` of a column, under revoscalepy's names where it has one.

    Where blocks store integers as narrow as they are (``narrow``), a column of 64 bits is named by what its range
    needs: ``int32``, unless ``low`` and ``high`` say that it does not fit.
    """
    kind = field.type
    if pa.types.is_dictionary(kind):
        return "uint32"
    if pa.types.is_boolean(kind):
        return "uchar"
    if narrow and pa.types.is_int64(kind) and field.low is not None and field.high is not None:
        return "int32" if field.low >= -MAX_INT32 and field.high <= MAX_INT32 else "int64"
    if pa.types.is_float64(kind):
        return "float64"
    if pa.types.is_float32(kind):
        return "float32"
    return str(kind)


def variable_info(field: Field, value_labels: bool = True, narrow: bool = False) -> dict[str, Any]:
    """The variable information of one column, under the documented keys; plain, mutable values."""
    info: dict[str, Any] = {}
    if field.description:
        info["description"] = field.description
    info["varType"] = type_name(field.type, field.ordered)
    info["storage"] = storage_name(field, narrow)
    if field.levels is not None:
        info["low"], info["high"] = (1, len(field.levels)) if field.levels else (None, None)
        if value_labels:
            info["levels"] = list(field.levels)
    elif field.low is not None and field.high is not None:
        info["low"], info["high"] = field.low, field.high
    if field.value_codes and value_labels:
        info["valueInfoCodes"] = list(field.value_codes)
        info["valueInfoLabels"] = list(field.value_labels)
    return info
