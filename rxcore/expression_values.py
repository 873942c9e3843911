"""Evaluate an expression tree on Arrow arrays. Missing in, missing out; NaN is missing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from rxcore.errors import ColumnNotFoundError, FormulaError
from rxcore.expression_functions import (
    DATE_PARTS,
    MATHS,
    floor_divide,
    is_text,
    nan_to_null,
    numbers_from_text,
    on_levels,
    remainder,
    rounded,
)
from rxcore.expression_nodes import (
    Call,
    Chain,
    Compare,
    Constant,
    Logic,
    Member,
    Name,
    Node,
    Plain,
    Power,
    Unary,
    write,
)
from xdf.schema import missing_column_message

Value = Any  # pyarrow.Array, or pyarrow.Scalar for what does not depend on the row

_ARITHMETIC = {
    "+": pc.add,
    "-": pc.subtract,
    "*": pc.multiply,
    "/": pc.divide,
    "%%": remainder,
    "%/%": floor_divide,
}
_COMPARISONS = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def evaluate(tree: Node, text: str, columns: Mapping[str, pa.Array], n_rows: int | None) -> pa.Array:
    """The value of the tree for every row; see `Expression.evaluate`."""
    value = _Evaluator(text, columns).value(tree)
    if not isinstance(tree, Name):
        value = _plain(value)
    if isinstance(value, pa.Scalar):
        if n_rows is None:
            raise FormulaError(f"expression {text!r} reads no column; the number of rows must be given")
        return pa.repeat(value, n_rows)
    return value


def _plain(value: Value) -> Value:
    """Float64, bool or string; dates stay dates."""
    if is_text(value.type):
        return value.cast(pa.string())
    if pa.types.is_boolean(value.type) or pa.types.is_temporal(value.type):
        return value
    return nan_to_null(value.cast(pa.float64()))


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_null(kind):
        return "missing"
    if pa.types.is_boolean(kind):
        return "truth"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if is_text(kind):
        return "text"
    if pa.types.is_temporal(kind):
        return "date"
    return "other"


class _Evaluator:
    """Walks a tree; one method per kind of node."""

    def __init__(self, text: str, columns: Mapping[str, pa.Array]) -> None:
        self.text = text
        self.columns = columns

    def value(self, node: Node) -> Value:
        if isinstance(node, Name):
            return self._column(node.name)
        if isinstance(node, Constant):
            return _scalar(node.value)
        if isinstance(node, Chain):
            return self._chain(node)
        if isinstance(node, Power):
            return nan_to_null(pc.power(self._number(node.base), self._number(node.exponent)))
        if isinstance(node, Unary):
            return self._unary(node)
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Member):
            return self._member(node)
        if isinstance(node, Logic):
            combine = pc.and_kleene if node.operator == "&" else pc.or_kleene
            return reduce(combine, (self._truth(operand) for operand in node.operands))
        return self._call(node)

    def _column(self, name: str) -> pa.Array:
        if name not in self.columns:
            message = missing_column_message(name, tuple(self.columns))
            raise ColumnNotFoundError(f"expression {self.text!r}: {message}")
        array = self.columns[name]
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        return nan_to_null(array)

    # --- what a value is used as -----------------------------------------------------------------------------

    def _describe(self, node: Node, value: Value) -> str:
        what = write(node)
        if isinstance(node, Name):
            what = f"column {node.name!r}"
        elif isinstance(node, Constant):
            what = f"the constant {what}"
        kind = "a factor" if pa.types.is_dictionary(value.type) else str(value.type)
        return f"{what} is {kind} in expression {self.text!r}"

    def _refuse(self, node: Node, value: Value, needed: str, advice: str = "") -> NoReturn:
        found = {"text": "text", "date": "a date or time", "number": "a number", "truth": "a truth value"}
        have = found.get(_kind(value.type), "something else")
        raise FormulaError(f"{have} where {needed} is needed: {self._describe(node, value)}{advice}")

    def _number(self, node: Node) -> Value:
        """The value as float64."""
        value = self.value(node)
        kind = _kind(value.type)
        if kind in ("number", "truth", "missing"):
            return value if pa.types.is_float64(value.type) else value.cast(pa.float64(), safe=False)
        shown = write(node)
        advice = ""
        if pa.types.is_dictionary(value.type):
            advice = f". Write N({shown}) for the code of a factor level"
        elif kind == "text" and isinstance(node, Name):
            advice = f". Write as_float({shown}) to read numbers from text"
        elif kind == "date":
            advice = f". Write as_float({shown}) for days or seconds since 1970, or year({shown}), hour({shown})"
        return self._refuse(node, value, "a number", advice)

    def _truth(self, node: Node) -> Value:
        """The value as bool; a number is true when it is not zero, as in R."""
        value = self.value(node)
        kind = _kind(value.type)
        if kind == "truth":
            return value
        if kind == "missing":
            return value.cast(pa.bool_())
        if kind == "number":
            return pc.not_equal(value.cast(pa.float64(), safe=False), 0.0)
        return self._refuse(node, value, "a condition")

    # --- operators -------------------------------------------------------------------------------------------

    def _chain(self, node: Chain) -> Value:
        value = self._number(node.first)
        for operator, operand in node.rest:
            value = _ARITHMETIC[operator](value, self._number(operand))
        return nan_to_null(value)

    def _unary(self, node: Unary) -> Value:
        if node.operator == "!":
            return pc.invert(self._truth(node.operand))
        value = self._number(node.operand)
        return pc.negate(value) if node.operator == "-" else value

    def _compare(self, node: Compare) -> Value:
        result: Value = None
        left, left_value = node.first, self.value(node.first)
        for operator, right in node.rest:
            right_value = self.value(right)
            holds = self._pair(operator, left, left_value, right, right_value)
            result = holds if result is None else pc.and_kleene(result, holds)
            left, left_value = right, right_value
        return result

    def _pair(self, operator: str, left: Node, left_value: Value, right: Node, right_value: Value) -> Value:
        compare = _COMPARISONS[operator]
        kinds = (_kind(left_value.type), _kind(right_value.type))
        if "missing" in kinds:
            return _all_missing(left_value, right_value)
        if "other" in kinds:
            position = kinds.index("other")
            self._refuse((left, right)[position], (left_value, right_value)[position], "a number, text or date")
        if "date" in kinds:
            return compare(*self._as_dates(left, left_value, right, right_value))
        if kinds == ("text", "text"):
            return _compare_text(compare, left_value, right_value)
        if "text" in kinds:
            position = kinds.index("text")
            advice = ". Compare it with text in quotes" if isinstance((left, right)[1 - position], Constant) else ""
            self._refuse((left, right)[position], (left_value, right_value)[position], "a number", advice)
        if _fits_int64(left_value) and _fits_int64(right_value):
            return compare(left_value.cast(pa.int64()), right_value.cast(pa.int64()))
        return compare(left_value.cast(pa.float64(), safe=False), right_value.cast(pa.float64(), safe=False))

    def _as_dates(self, left: Node, left_value: Value, right: Node, right_value: Value) -> tuple[Value, Value]:
        """Both sides as dates or times: text is read as the type of the other side."""
        pair = [(left, left_value), (right, right_value)]
        for index, (node, value) in enumerate(pair):
            other = pair[1 - index][1]
            if _kind(value.type) == "text":
                pair[index] = (node, self._date_from_text(node, value, other.type))
            elif _kind(value.type) != "date":
                advice = ". Write the date as text in quotes, '2013-01-31'" if isinstance(node, Constant) else ""
                self._refuse(node, value, "a date or time", advice)
        try:
            pc.equal(pa.scalar(None, pair[0][1].type), pa.scalar(None, pair[1][1].type))
        except pa.ArrowException:
            raise FormulaError(
                f"{pair[0][1].type} and {pair[1][1].type} cannot be compared in expression {self.text!r}"
            ) from None
        return pair[0][1], pair[1][1]

    def _date_from_text(self, node: Node, value: Value, kind: pa.DataType) -> Value:
        try:
            text = value.cast(pa.string())
            if pa.types.is_timestamp(kind) and kind.tz is not None:
                return pc.assume_timezone(text.cast(pa.timestamp(kind.unit)), kind.tz)
            if pa.types.is_time(kind):  # Arrow reads no times of day, but the time of a day it does
                joined = pc.binary_join_element_wise(pa.scalar("1970-01-01"), text, pa.scalar(" "))
                return joined.cast(pa.timestamp(kind.unit)).cast(kind)
            return text.cast(kind)
        except pa.ArrowException:
            shown = repr(node.value) if isinstance(node, Constant) else repr(write(node))
            raise FormulaError(
                f"{shown} cannot be read as {kind} in expression {self.text!r}; "
                "write '2013-01-31', '2013-01-31 17:30' or '17:30:00'"
            ) from None

    def _member(self, node: Member) -> Value:
        value = self.value(node.item)
        kind = _kind(value.type)
        text_wanted = isinstance(node.values[0], str)
        if kind == "date" and text_wanted:
            listed = [self._date_from_text(Constant(item), _scalar(item), value.type) for item in node.values]
            return reduce(pc.or_, (pc.equal(value, item) for item in listed))
        if kind == "missing":
            return pa.nulls(len(value), pa.bool_()) if isinstance(value, pa.Array) else pa.scalar(None, pa.bool_())
        if kind == "other" or (kind == "text") != text_wanted:
            self._refuse(node.item, value, "text" if text_wanted else "a number")
        if text_wanted:
            listed = pa.array(list(node.values), pa.string())
            return on_levels(value, lambda text: _is_in(text, listed))
        if _fits_int64(value) and all(isinstance(item, int) and abs(item) < 2**63 for item in node.values):
            return _is_in(value.cast(pa.int64()), pa.array([int(item) for item in node.values], pa.int64()))
        # Adding zero turns -0.0 into 0.0, which Arrow's look-up table would keep apart.
        listed = pa.array([float(item) + 0.0 for item in node.values], pa.float64())
        return _is_in(pc.add(value.cast(pa.float64(), safe=False), 0.0), listed)

    # --- functions -------------------------------------------------------------------------------------------

    def _call(self, node: Call) -> Value:
        name, arguments = node.function, node.arguments
        if name == "I":
            return self.value(arguments[0])
        if name in ("is_na", "is.na", "is_missing"):
            return pc.is_null(self.value(arguments[0]))
        if name in ("ifelse", "where"):
            return self._ifelse(arguments)
        if name == "round":
            return self._round(arguments)
        if name in ("as_float", "as.numeric"):
            return self._as_float(arguments[0])
        if name == "N":
            return self._codes(arguments[0])
        if name in DATE_PARTS:
            return self._date_part(name, arguments[0])
        return nan_to_null(MATHS[name](*(self._number(argument) for argument in arguments)))

    def _ifelse(self, arguments: tuple[Node, ...]) -> Value:
        test = self._truth(arguments[0])
        values = [self.value(argument) for argument in arguments[1:]]
        kinds = {_kind(value.type) for value in values} - {"missing"}
        if kinds <= {"truth"}:
            target = pa.bool_() if kinds else pa.float64()
        elif kinds <= {"number", "truth"}:
            target = pa.float64()
        elif kinds == {"text"}:
            target = pa.string()
        elif kinds == {"date"}:
            target = next(value.type for value in values if _kind(value.type) == "date")
        else:
            raise FormulaError(
                "both results of ifelse must be numbers, or both text: "
                + "; ".join(self._describe(*pair) for pair in zip(arguments[1:], values, strict=True))
            )
        # Arrow's if_else gives null where the test is null.
        return pc.if_else(test, *(value.cast(target, safe=False) for value in values))

    def _round(self, arguments: tuple[Node, ...]) -> Value:
        digits = 0
        if len(arguments) == 2:
            last = arguments[1]
            if not isinstance(last, Constant) or type(last.value) is not int or abs(last.value) > 300:
                raise FormulaError(
                    f"round() takes a whole number of digits as its second argument; got {write(last)!r} "
                    f"in expression {self.text!r}"
                )
            digits = last.value
        return rounded(self._number(arguments[0]), digits)

    def _as_float(self, node: Node) -> Value:
        value = self.value(node)
        kind = _kind(value.type)
        if pa.types.is_dictionary(value.type):
            advice = f". Write N({write(node)}) for the code of a factor level"
            self._refuse(node, value, "a number, date or plain text", advice)
        if kind == "text":
            return numbers_from_text(value)
        if kind == "date":
            return _date_as_number(value)
        return self._number(node)

    def _codes(self, node: Node) -> Value:
        value = self.value(node)
        if not pa.types.is_dictionary(value.type):
            self._refuse(node, value, "a factor", ". N(x) is the code of a factor level, counted from 0")
        return value.indices.cast(pa.float64())

    def _date_part(self, name: str, node: Node) -> Value:
        value = self.value(node)
        try:
            if _kind(value.type) == "date":
                return DATE_PARTS[name](value).cast(pa.float64())
        except pa.ArrowException:
            pass
        return self._refuse(node, value, f"a date with {'an' if name == 'hour' else 'a'} {name}")


def _scalar(value: Plain | None) -> pa.Scalar:
    if value is None:
        return pa.scalar(None, pa.null())
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        value = float(value)
    return pa.scalar(value)


def _all_missing(*values: Value) -> Value:
    for value in values:
        if isinstance(value, pa.Array):
            return pa.nulls(len(value), pa.bool_())
    return pa.scalar(None, pa.bool_())


def _fits_int64(value: Value) -> bool:
    kind = value.type
    return pa.types.is_boolean(kind) or (pa.types.is_integer(kind) and not pa.types.is_uint64(kind))


def _compare_text(compare: Any, left: Value, right: Value) -> Value:
    if isinstance(right, pa.Scalar):
        return on_levels(left, lambda text: compare(text, right))
    if isinstance(left, pa.Scalar):
        return on_levels(right, lambda text: compare(left, text))
    return compare(left.cast(pa.string()), right.cast(pa.string()))


def _is_in(value: Value, listed: pa.Array) -> Value:
    """Whether each value is listed; missing where the value is missing."""
    found = pc.is_in(value, value_set=listed)
    return pc.if_else(pc.is_valid(value), found, pa.scalar(None, pa.bool_()))


def _date_as_number(value: Value) -> Value:
    """Days of a date, seconds of anything else, as R does."""
    kind = value.type
    if pa.types.is_date(kind):
        return value.cast(pa.date32()).cast(pa.int32()).cast(pa.float64())
    storage = pa.int32() if kind.bit_width == 32 else pa.int64()
    per_second = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
    return pc.divide(value.cast(storage).cast(pa.float64(), safe=False), per_second)
