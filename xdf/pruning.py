"""What a filter can come to in a block, told from the statistics in the footer alone.

A filter is true, false or null in each row. From the counts and the range of each column in a block follows a set of
*outcomes*: every outcome that a row of the block has is in it, and possibly some that none has. So a block whose
outcomes lack TRUE can be skipped, and one that has no other can be taken whole. Wherever something is not known for
certain all three are possible, which is always right.

Rounding is undone before anything is compared. The footer holds minimum and maximum as float64: those of integers,
dates and decimals may be off by a rounding, and so may a literal that Arrow converts to the type of a column. Each
becomes a range that contains the true number.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from xdf.arrow import is_text
from xdf.expressions import CallNode, ColumnNode, LiteralNode, Node
from xdf.schema import Field
from xdf.stats import ColumnStatistics

TRUE, FALSE, NULL = 1, 2, 4
ANY = TRUE | FALSE | NULL

Number = int | float | Fraction
# Floats of 8 and of 4 bytes hold every integer up to these.
_EXACT = 2**53
_EXACT_SINGLE = 2**24
_COARSE = 2**20
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY = 86_400 * 10**9
# Arrow's conversion of decimals to floats is not rounded correctly; a few units in the last place cover it.
_DECIMAL_SLACK = Fraction(1, 2**50)
_MIRRORED = {"greater": "less", "greater_equal": "less_equal"}
_MATCH, _SKIP = 0, 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a column in a block.

    Attributes
    ----------
    field : Field
        With the levels of a factor.
    statistics : ColumnStatistics
    levels : frozenset of str, or None
        The levels of a factor.
    """

    field: Field
    statistics: ColumnStatistics
    levels: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class _Values:
    """What an operand can be: a number of some kind between two limits, NaN, null.

    ``kind`` is None where nothing is known of the numbers; two kinds that differ cannot be compared here.
    """

    kind: str | None
    low: Number = 0
    high: Number = 0
    has_valid: bool = True
    may_be_nan: bool = False
    may_be_null: bool = False


FactsOf = Callable[[str], Facts]


def outcomes(node: Node, facts: FactsOf) -> int:
    """The outcomes that a filter may have in the rows of a block: any of TRUE, FALSE and NULL, or-ed.

    Parameters
    ----------
    node : Node
    facts : callable
        Gives the facts of a column by its name.
    """
    if isinstance(node, LiteralNode):
        return _of_literal(node.value)
    if isinstance(node, ColumnNode):
        return _of_truth(_column_values(facts(node.name)))
    return _of_call(node, facts)


def _of_call(node: CallNode, facts: FactsOf) -> int:
    name, arguments = node.function, node.arguments
    if name in ("and_kleene", "and", "or_kleene", "or") and len(arguments) == 2:
        combine = _CONNECTIVES[name]
        return combine[outcomes(arguments[0], facts)][outcomes(arguments[1], facts)]
    if name == "invert" and len(arguments) == 1:
        return _inverted(outcomes(arguments[0], facts))
    if name == "if_else" and len(arguments) == 3:
        return _if_else(node, facts)
    if name in ("is_null", "is_valid", "is_nan") and len(arguments) == 1:
        return _of_missing(node, facts)
    if name == "is_in" and len(arguments) == 1:
        return _is_in(node, facts)
    if name in _COMPARISONS and len(arguments) == 2:
        return _compare(name, arguments[0], arguments[1], facts)
    return ANY


def _inverted(set_: int) -> int:
    return (TRUE if set_ & FALSE else 0) | (FALSE if set_ & TRUE else 0) | (set_ & NULL)


def _if_else(node: CallNode, facts: FactsOf) -> int:
    condition, yes, no = node.arguments
    found = outcomes(condition, facts)
    result = NULL if found & NULL else 0
    if found & TRUE:
        result |= outcomes(yes, facts)
    if found & FALSE:
        result |= outcomes(no, facts)
    return result


def _of_literal(scalar: pa.Scalar) -> int:
    if not scalar.is_valid:
        return NULL
    if pa.types.is_boolean(scalar.type):
        return TRUE if scalar.as_py() else FALSE
    return ANY


def _of_truth(values: _Values) -> int:
    """A column of truth values that stands alone."""
    if values.kind != "truth":
        return ANY
    result = NULL if values.may_be_null else 0
    if values.has_valid:
        result |= (TRUE if values.high >= 1 else 0) | (FALSE if values.low <= 0 else 0)
    return result


def _of_missing(node: CallNode, facts: FactsOf) -> int:
    argument = node.arguments[0]
    if not isinstance(argument, ColumnNode):
        return ANY
    values = _column_values(facts(argument.name))
    if node.function == "is_nan":
        # Arrow has no such function of most types; where it has, only floats are ever NaN.
        nan = TRUE if values.may_be_nan else 0
        return nan | (FALSE if values.has_valid else 0) | (NULL if values.may_be_null else 0)
    nan_is_null = node.options.get("nan_is_null", False) if node.function == "is_null" else False
    result = FALSE if values.has_valid else 0
    result |= TRUE if values.may_be_null else 0
    if values.may_be_nan:
        result |= TRUE if nan_is_null else FALSE
    return result if node.function == "is_null" else _inverted(result)


def _compare(name: str, left: Node, right: Node, facts: FactsOf) -> int:
    levels = _level_comparison(name, left, right, facts)
    if levels is not None:
        return levels
    one, other = _operand(left, facts, right), _operand(right, facts, left)
    result = NULL if one.may_be_null or other.may_be_null else 0
    if (one.may_be_nan and (other.has_valid or other.may_be_nan)) or (other.may_be_nan and one.has_valid):
        result |= TRUE if name == "not_equal" else FALSE
    if one.has_valid and other.has_valid:
        if one.kind is None or one.kind != other.kind:
            return result | TRUE | FALSE
        result |= _compare_ranges(name, one, other)
    return result


def _compare_ranges(name: str, one: _Values, other: _Values) -> int:
    if name in _MIRRORED:
        name, one, other = _MIRRORED[name], other, one
    if name == "less":
        can, cannot = one.low < other.high, one.high >= other.low
    elif name == "less_equal":
        can, cannot = one.low <= other.high, one.high > other.low
    else:
        can = one.low <= other.high and other.low <= one.high
        cannot = not (one.low == one.high == other.low == other.high)
        if name == "not_equal":
            can, cannot = cannot, can
    return (TRUE if can else 0) | (FALSE if cannot else 0)


def _level_comparison(name: str, left: Node, right: Node, facts: FactsOf) -> int | None:
    """A factor that equals a text, or does not: the text may not be among its levels at all."""
    if name not in ("equal", "not_equal"):
        return None
    if isinstance(right, ColumnNode):
        left, right = right, left
    if not isinstance(left, ColumnNode) or not isinstance(right, LiteralNode):
        return None
    found = facts(left.name)
    scalar = right.value
    if found.levels is None or not scalar.is_valid or not is_text(scalar.type):
        return None
    return _of_levels(found, {scalar.as_py()}, negated=name == "not_equal") | (
        NULL if found.statistics.n_missing else 0
    )


def _of_levels(found: Facts, texts: set[str], negated: bool) -> int:
    """Outcomes of "its level is one of these" in the rows that have a level."""
    if found.statistics.n_valid == 0:
        return 0
    levels = found.levels or frozenset()
    result = (TRUE if levels & texts else 0) | (FALSE if levels - texts else 0)
    return _inverted(result) if negated else result


def _is_in(node: CallNode, facts: FactsOf) -> int:
    argument, set_ = node.arguments[0], node.options.get("value_set")
    if not isinstance(argument, ColumnNode) or not isinstance(set_, pa.Array):
        return ANY
    if node.options.get("null_matching_behavior") not in (_MATCH, _SKIP):
        return ANY
    found = facts(argument.name)
    values = _column_values(found)
    result = 0
    if values.may_be_null:
        result |= FALSE | (TRUE if set_.null_count else 0)
    if values.may_be_nan:
        result |= TRUE | FALSE
    if not values.has_valid:
        return result
    if found.levels is not None and is_text(set_.type):
        return result | _of_levels(found, set(set_.drop_null().to_pylist()), negated=False)
    ranges = _set_ranges(_Identified(set_), found.field.type)
    if values.kind is None or ranges is None or ranges.kind != values.kind:
        return result | TRUE | FALSE
    # Among the ranges that end high enough, one must begin low enough.
    first = bisect_left(ranges.highs, values.low)
    is_met = first < len(ranges.lows) and ranges.lows[first] <= values.high
    return result | FALSE | (TRUE if is_met else 0)


@dataclass(frozen=True, slots=True)
class _SetRanges:
    """Ranges by where they end; ``lows`` holds the lowest begin of each range and those behind it."""

    kind: str
    lows: list[Number]
    highs: list[Number]


class _Identified:
    """An array as the key of a cache: the same object, not an equal one."""

    def __init__(self, array: pa.Array) -> None:
        self.array = array

    def __hash__(self) -> int:
        return id(self.array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identified) and self.array is other.array


@lru_cache(maxsize=64)
def _set_ranges(key: _Identified, column: pa.DataType) -> _SetRanges | None:
    """The values of a set as ranges in order; None where they are not all of one kind."""
    found = [_member(scalar, column) for scalar in key.array.drop_null()]
    numbers = [values for values in found if values.has_valid]
    kinds = {values.kind for values in numbers}
    if not numbers:
        return _SetRanges(_kind_of(column) or "", [], [])
    if len(kinds) != 1 or (kind := kinds.pop()) is None:
        return None
    numbers.sort(key=lambda values: (values.high, values.low))
    lows = [values.low for values in numbers]
    for place in range(len(lows) - 2, -1, -1):
        lows[place] = min(lows[place], lows[place + 1])
    return _SetRanges(kind, lows, [values.high for values in numbers])


def _member(scalar: pa.Scalar, column: pa.DataType) -> _Values:
    """A value of a set, which Arrow casts to the type of the column: by how much that may move it is not relied on."""
    values = _literal_values(scalar, column)
    if values.kind is None or not values.has_valid or scalar.type == column:
        return values
    if pa.types.is_integer(scalar.type) and (pa.types.is_integer(column) or pa.types.is_float64(column)):
        return values
    if values.kind == "number":
        largest: Number = max(-values.low, values.low, -values.high, values.high)
        if largest == math.inf:
            return _Values(None)
        margin = 1 + largest / _COARSE
        return _Values("number", values.low - margin, values.high + margin)
    unit = _unit(column) or 0
    return _Values(values.kind, values.low - unit, values.high + unit)


def _operand(node: Node, facts: FactsOf, other: Node) -> _Values:
    if isinstance(node, ColumnNode):
        return _column_values(facts(node.name))
    if isinstance(node, LiteralNode):
        kind = facts(other.name).field.type if isinstance(other, ColumnNode) else None
        return _literal_values(node.value, kind)
    return _Values(None, may_be_nan=True, may_be_null=True)


def _column_values(found: Facts) -> _Values:
    """The numbers of a column in a block."""
    statistics, kind = found.statistics, found.field.type
    is_float = pa.types.is_floating(kind)
    has_valid, has_missing = statistics.n_valid > 0, statistics.n_missing > 0
    # The footer counts null and NaN together.
    may_be_nan = has_missing and is_float
    name = _kind_of(kind)
    if name is None or not has_valid:
        return _Values(name, 0, 0, has_valid, may_be_nan, has_missing)
    low, high = statistics.minimum, statistics.maximum
    # An integer that is infinite is a lie, and tells nothing.
    is_told = math.isfinite(low) and math.isfinite(high) if not is_float else not (math.isnan(low) or math.isnan(high))
    if pa.types.is_float16(kind) or not is_told:
        return _Values(None, 0, 0, True, may_be_nan, has_missing)
    lowest, highest = _true_range(low, high, kind)
    return _Values(name, lowest, highest, True, may_be_nan, has_missing)


def _true_range(low: float, high: float, kind: pa.DataType) -> tuple[Number, Number]:
    if pa.types.is_floating(kind):
        return low, high
    if pa.types.is_decimal(kind):
        return _slackened(low)[0], _slackened(high)[1]
    if abs(low) >= _EXACT:
        low = math.nextafter(low, -math.inf)
    if abs(high) >= _EXACT:
        high = math.nextafter(high, math.inf)
    unit = _unit(kind)
    return (low, high) if unit is None else (int(low) * unit, int(high) * unit)


def _slackened(number: float) -> tuple[Number, Number]:
    if math.isinf(number):
        return -math.inf, math.inf
    exact = Fraction(number)
    slack = abs(exact) * _DECIMAL_SLACK
    return exact - slack, exact + slack


def _literal_values(scalar: pa.Scalar, column: pa.DataType | None) -> _Values:
    """A constant as the range in which it lies after any conversion to the type of the column beside it."""
    if not scalar.is_valid:
        return _Values(None, has_valid=False, may_be_null=True)
    name = _kind_of(scalar.type)
    if name is None:
        return _Values(None)
    if name == "number":
        return _literal_number(scalar.as_py(), column)
    number = int(scalar.as_py()) if name == "truth" else int(scalar.value) * (_unit(scalar.type) or 1)
    return _Values(name, number, number)


def _literal_number(number: Any, column: pa.DataType | None) -> _Values:
    if isinstance(number, (float, np.floating)):
        value = float(number)
        if math.isnan(value):
            return _Values(None, has_valid=False, may_be_nan=True)
        with np.errstate(over="ignore"):
            single = float(np.float32(value)) if column is None or not pa.types.is_float64(column) else value
        low, high = min(value, single), max(value, single)
        if column is not None and pa.types.is_decimal(column):
            return _Values("number", _slackened(low)[0], _slackened(high)[1])
        return _Values("number", low, high)
    if isinstance(number, int) and abs(number) < (_EXACT_SINGLE if _is_single(column) else _EXACT):
        return _Values("number", number, number)
    slack = Fraction(1, 2**20) if _is_single(column) else _DECIMAL_SLACK
    exact = Fraction(number)
    return _Values("number", exact - abs(exact) * slack, exact + abs(exact) * slack)


def _is_single(kind: pa.DataType | None) -> bool:
    return kind is None or bool(pa.types.is_float32(kind))


def _kind_of(kind: pa.DataType) -> str | None:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_boolean(kind):
        return "truth"
    if pa.types.is_date32(kind):
        return "instant"
    if pa.types.is_timestamp(kind):
        return "instant" if kind.tz is None else "instant with zone"
    if pa.types.is_time(kind):
        return "time"
    return "duration" if pa.types.is_duration(kind) else None


def _unit(kind: pa.DataType) -> int | None:
    """Nanoseconds in one unit of a temporal type."""
    if pa.types.is_date32(kind):
        return _DAY
    return _NANOSECONDS[kind.unit] if pa.types.is_temporal(kind) else None


_COMPARISONS = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"})


def _connective(of_two: Callable[[int, int], int]) -> list[list[int]]:
    """Outcomes of two sets of outcomes, from those of single ones."""
    single = (TRUE, FALSE, NULL)
    return [
        [
            sum({of_two(left, right) for left in single if left & one for right in single if right & other})
            for other in range(ANY + 1)
        ]
        for one in range(ANY + 1)
    ]


def _and_kleene(left: int, right: int) -> int:
    return FALSE if FALSE in (left, right) else NULL if NULL in (left, right) else TRUE


def _or_kleene(left: int, right: int) -> int:
    return TRUE if TRUE in (left, right) else NULL if NULL in (left, right) else FALSE


_CONNECTIVES = {
    "and_kleene": _connective(_and_kleene),
    "or_kleene": _connective(_or_kleene),
    "and": _connective(lambda left, right: NULL if NULL in (left, right) else _and_kleene(left, right)),
    "or": _connective(lambda left, right: NULL if NULL in (left, right) else _or_kleene(left, right)),
}
