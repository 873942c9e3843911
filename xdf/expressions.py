"""Taking Arrow's expressions apart, which pyarrow itself does not offer, and making them from simple comparisons.

An expression is read from the bytes that pyarrow pickles it to: an Arrow file whose schema metadata list its parts in
order and whose one row holds its literals. Nothing is ever unpickled. Should a later pyarrow write something else, a
known expression no longer comes out as it should, which is tried once per process: then no expression is understood,
and scans read all blocks instead of skipping some.
"""

from __future__ import annotations

import ctypes
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from xdf.errors import XdfSchemaError
from xdf.schema import FACTOR_TYPE, Schema

_OPERATORS = {
    "==": lambda left, right: left == right,
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_MEMBERSHIP = {"in", "not in"}


@dataclass(frozen=True, slots=True)
class ColumnNode:
    """A column by name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class LiteralNode:
    """A constant."""

    value: pa.Scalar


@dataclass(frozen=True, slots=True, eq=False)
class CallNode:
    """A function of other nodes; ``options`` as plain values, the value set of ``is_in`` as an Arrow array."""

    function: str
    arguments: tuple[Node, ...]
    options: Mapping[str, Any]


Node = ColumnNode | LiteralNode | CallNode


def understood(expression: pc.Expression) -> Node | None:
    """The parts of an expression; None when it cannot be taken apart with certainty."""
    return _parse(expression) if _is_format_known() else None


def columns_of(node: Node) -> tuple[str, ...]:
    """Names of the columns it reads, in order of appearance."""
    if isinstance(node, ColumnNode):
        return (node.name,)
    if isinstance(node, CallNode):
        return tuple(dict.fromkeys(name for part in node.arguments for name in columns_of(part)))
    return ()


def as_expression(given: object, schema: Schema, where: str) -> pc.Expression:
    """The filter that a user gave, as an expression.

    Parameters
    ----------
    given : pyarrow.compute.Expression, comparison, or list of those
        A comparison is ``(column, operator, value)`` with one of ``== != < <= > >= in, not in``; those of a list must
        all be true; of a list of lists, those of one of them.
    schema : Schema
        Columns, for the types of values.
    where : str
        Begins the messages.

    Raises
    ------
    XdfSchemaError, XdfColumnError
        Naming what is wrong.
    """
    if isinstance(given, pc.Expression):
        return given
    if _is_comparison(given):
        return _comparison(given, schema, where)
    if isinstance(given, (list, tuple)) and given:
        if all(_is_comparison(one) for one in given):
            return _joined([_comparison(one, schema, where) for one in given], "and")
        if all(isinstance(one, (list, tuple)) and one and all(map(_is_comparison, one)) for one in given):
            return _joined([as_expression(one, schema, where) for one in given], "or")
    raise XdfSchemaError(
        f"{where}: filter: got {given!r}; allowed: a pyarrow.compute.Expression, a comparison such as "
        "('age', '>', 30), a list of comparisons that must all be true, or a list of such lists of which one must be"
    )


def _is_comparison(given: object) -> bool:
    return isinstance(given, tuple) and len(given) == 3 and isinstance(given[0], str) and isinstance(given[1], str)


def _joined(parts: Sequence[pc.Expression], how: str) -> pc.Expression:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined & part if how == "and" else joined | part
    return joined


def _comparison(given: Any, schema: Schema, where: str) -> pc.Expression:
    name, operator, value = given
    kind = schema.field(name).type
    column = pc.field(name)
    if operator in _MEMBERSHIP:
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise XdfSchemaError(f"{where}: filter: {operator!r} needs a list of values for {name!r}; got {value!r}")
        inside = column.isin(_value_set(list(value), kind))
        return inside if operator == "in" else ~inside
    if operator not in _OPERATORS:
        allowed = " ".join([*_OPERATORS, "in", "not in"])
        raise XdfSchemaError(f"{where}: filter: operator {operator!r} is not known; allowed: {allowed}")
    if value is None:
        raise XdfSchemaError(
            f"{where}: filter: comparing {name!r} with None is never true; "
            f"use pyarrow.compute.field({name!r}).is_null()"
        )
    return _OPERATORS[operator](column, _literal(value, kind, name, where))


def _literal(value: object, kind: pa.DataType, name: str, where: str) -> pc.Expression:
    """The value in the type of its column where that loses nothing, so that whole columns need no cast."""
    wanted = pa.string() if kind == FACTOR_TYPE else kind
    if isinstance(value, float) and pa.types.is_integer(kind) and value.is_integer():
        value = int(value)
    try:
        scalar = value if isinstance(value, pa.Scalar) else pa.scalar(value)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        scalar = _scalar_or_none(value, wanted)
        if scalar is None:
            raise XdfSchemaError(
                f"{where}: filter: {value!r} is no value to compare {name!r} ({kind}) with: {error}"
            ) from error
    if scalar.type != wanted and _is_same_kind(scalar.type, wanted):
        exact = _scalar_or_none(value, wanted)
        if exact is not None and _same(exact, value):
            scalar = exact
    return pc.scalar(scalar)


def _is_same_kind(one: pa.DataType, other: pa.DataType) -> bool:
    kinds = (_is_number, pa.types.is_temporal, pa.types.is_string, pa.types.is_binary)
    return any(kind(one) and kind(other) for kind in kinds)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _scalar_or_none(value: object, kind: pa.DataType) -> pa.Scalar | None:
    try:
        return pa.scalar(value, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return None


def _same(scalar: pa.Scalar, value: object) -> bool:
    back = scalar.as_py()
    if isinstance(back, dt.datetime) != isinstance(value, dt.datetime):
        return False
    return bool(back == value)


def _value_set(values: list[object], kind: pa.DataType) -> pa.Array:
    wanted = pa.string() if kind == FACTOR_TYPE else kind
    try:
        typed = pa.array(values, wanted)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array(values)
    return typed if typed.to_pylist() == values else pa.array(values)


def _parse(expression: pc.Expression) -> Node | None:
    try:
        (content,) = expression.__reduce__()[1]
        with pa.ipc.open_file(content) as file:
            batch = file.get_batch(0)
        parts = iter(_metadata_in_order(batch.schema))
        node = _node(parts, batch, next(parts))
        return node if next(parts, None) is None else None
    except (pa.ArrowException, ValueError, TypeError, KeyError, IndexError, StopIteration, AttributeError):
        return None
    except RecursionError:
        return None


def _node(parts: Iterator[tuple[str, str]], batch: pa.RecordBatch, part: tuple[str, str]) -> Node:
    key, value = part
    if key == "field_ref":
        return ColumnNode(value)
    if key == "literal":
        return LiteralNode(batch.column(int(value))[0])
    if key != "call":
        raise ValueError(f"an expression has a part {key!r}")
    arguments: list[Node] = []
    options: Mapping[str, Any] = {}
    while (part := next(parts)) != ("end", value):
        if part[0] == "options":
            options = _options(batch.column(int(part[1]))[0])
        else:
            arguments.append(_node(parts, batch, part))
    return CallNode(value, tuple(arguments), options)


def _options(scalar: pa.StructScalar) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for field in scalar.type:
        item = scalar[field.name]
        options[field.name] = item.values if pa.types.is_list(field.type) else item.as_py()
    return options


def _metadata_in_order(schema: pa.Schema) -> list[tuple[str, str]]:
    """The metadata with repeated keys, which ``Schema.metadata`` merges: read through Arrow's C data interface.

    There the third member of ``ArrowSchema`` points to them: the number of pairs, then each key and value after its
    length, all numbers being int32 in the machine's own order.
    """
    capsule = schema.__arrow_c_schema__()
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype = ctypes.c_void_p
    pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]
    members = ctypes.cast(pointer_of(capsule, b"arrow_schema"), ctypes.POINTER(ctypes.c_void_p))
    place = members[2]
    if not place:
        return []
    count, place = _int32(place), place + 4
    texts: list[str] = []
    for _ in range(2 * count):
        length, place = _int32(place), place + 4
        texts.append(ctypes.string_at(place, length).decode())
        place += length
    return list(zip(texts[::2], texts[1::2], strict=True))


def _int32(place: int) -> int:
    return ctypes.c_int32.from_address(place).value


@lru_cache(maxsize=1)
def _is_format_known() -> bool:
    """Whether this pyarrow pickles expressions the way this module reads them."""
    left, right = pc.field("a"), pc.field("b c")
    known = _parse((left > 1.5) & ~right.isin([2, None]) | left.is_null(nan_is_null=True))
    if not isinstance(known, CallNode) or known.function != "or_kleene":
        return False
    both, is_null = known.arguments
    if not isinstance(both, CallNode) or not isinstance(is_null, CallNode) or both.function != "and_kleene":
        return False
    greater, inverted = both.arguments
    if not isinstance(greater, CallNode) or not isinstance(inverted, CallNode) or inverted.function != "invert":
        return False
    (is_in,) = inverted.arguments
    column, literal = greater.arguments
    return (
        greater.function == "greater"
        and column == ColumnNode("a")
        and isinstance(literal, LiteralNode)
        and literal.value.as_py() == 1.5
        and isinstance(is_in, CallNode)
        and is_in.function == "is_in"
        and is_in.arguments == (ColumnNode("b c"),)
        and is_in.options.get("value_set") == pa.array([2, None])
        and is_in.options.get("null_matching_behavior") == 0
        and is_null.function == "is_null"
        and is_null.options.get("nan_is_null") is True
    )
