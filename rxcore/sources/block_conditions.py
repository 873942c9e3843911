"""Row selections as conditions that the statistics of blocks can rule out, so that some blocks need not be read.

The condition of a selection is true wherever the selection is; it may be true elsewhere too. What the statistics cannot
tell (arithmetic, functions, columns that are computed on the way) becomes a part of which nothing is known. So a block
in which the condition is nowhere true has no selected row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa

from rxcore.expression_nodes import Call, Compare, Constant, Logic, Member, Name, Node, Plain, Unary
from rxcore.expression_tree import parse_tree
from rxcore.sources.transform_steps import ExpressionStep, FunctionStep, Step
from xdf.expressions import CallNode, ColumnNode, LiteralNode
from xdf.expressions import Node as Condition
from xdf.schema import Field, Schema

UNKNOWN = CallNode("unknown", (), {})
_COMPARISONS = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}
_CONNECTIVES = {"&": "and_kleene", "|": "or_kleene"}
_SKIP_NULLS = 1
_LARGEST = 2**63


def condition_of(selections: Sequence[ExpressionStep], steps: Iterable[Step], schema: Schema) -> Condition:
    """The condition that all selections make together, on the columns of a source with this schema."""
    origins = _origins(steps, schema)
    conditions = [_Reader(selection, origins).condition(parse_tree(selection.expression.text))
                  for selection in selections]  # fmt: skip
    return reduce(lambda left, right: CallNode("and_kleene", (left, right), {}), conditions)


def _origins(steps: Iterable[Step], schema: Schema) -> dict[str, Field]:
    """The columns after all steps that are columns of the source as it has them, by their names then."""
    origins = {field.name: field for field in schema}
    for step in steps:
        copied = origins.get(step.copies) if isinstance(step, ExpressionStep) and step.copies is not None else None
        for name in (*step.writes, *(step.reads if isinstance(step, FunctionStep) else ())):
            origins.pop(name, None)
        if copied is not None:
            origins[step.writes[0]] = copied
    return origins


class _Reader:
    """Translates the tree of one selection; what it does not know it calls unknown."""

    def __init__(self, selection: ExpressionStep, origins: Mapping[str, Field]) -> None:
        # A transform object is hidden by a column of its name, as it is where expressions are evaluated.
        self._constants = selection.constants
        self._origins = origins

    def condition(self, node: Node) -> Condition:
        """A part that is used as a condition."""
        if isinstance(node, Logic):
            parts = [self.condition(operand) for operand in node.operands]
            return reduce(lambda left, right: CallNode(_CONNECTIVES[node.operator], (left, right), {}), parts)
        if isinstance(node, Unary) and node.operator == "!":
            return CallNode("invert", (self.condition(node.operand),), {})
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Member):
            return self._member(node)
        if isinstance(node, Call):
            return self._call(node)
        operand = self._operand(node)
        return operand if isinstance(operand, ColumnNode) else UNKNOWN

    def _compare(self, node: Compare) -> Condition:
        pairs, left = [], node.first
        for operator, right in node.rest:
            pairs.append(self._pair(_COMPARISONS[operator], left, right))
            left = right
        return reduce(lambda one, other: CallNode("and_kleene", (one, other), {}), pairs)

    def _pair(self, function: str, left: Node, right: Node) -> Condition:
        one, other = self._operand(left), self._operand(right)
        one, other = self._alike(one, other), self._alike(other, one)
        return CallNode(function, (one, other), {})

    def _operand(self, node: Node) -> Condition:
        if isinstance(node, Constant):
            return _literal(node.value)
        if isinstance(node, Call) and node.function == "I":
            return self._operand(node.arguments[0])
        if not isinstance(node, Name):
            return UNKNOWN
        if node.name in self._constants:
            return _literal(self._constants[node.name])
        origin = self._origins.get(node.name)
        return UNKNOWN if origin is None else ColumnNode(origin.name)

    def _alike(self, operand: Condition, other: Condition) -> Condition:
        """Text that is compared with dates as a date."""
        if not isinstance(operand, LiteralNode) or not pa.types.is_string(operand.value.type):
            return operand
        kind = self._type_of(other)
        if kind is None or not pa.types.is_temporal(kind):
            return operand
        if not (pa.types.is_date32(kind) or (pa.types.is_timestamp(kind) and kind.tz is None)):
            return UNKNOWN
        try:
            return LiteralNode(operand.value.cast(kind))
        except pa.ArrowException:
            return UNKNOWN

    def _type_of(self, node: Condition) -> pa.DataType | None:
        if not isinstance(node, ColumnNode):
            return None
        return next(field.type for field in self._origins.values() if field.name == node.name)

    def _member(self, node: Member) -> Condition:
        item = self._operand(node.item)
        kind = self._type_of(item)
        if kind is None or pa.types.is_temporal(kind):
            return UNKNOWN
        options = {"value_set": _set_of(node.values), "null_matching_behavior": _SKIP_NULLS}
        return CallNode("is_in", (item,), options)

    def _call(self, node: Call) -> Condition:
        if node.function == "I":
            return self.condition(node.arguments[0])
        if node.function in ("is_na", "is.na", "is_missing"):
            operand = self._operand(node.arguments[0])
            if isinstance(operand, ColumnNode):
                return CallNode("is_null", (operand,), {"nan_is_null": True})
        return UNKNOWN


def _literal(value: Any) -> Condition:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST:
        value = float(value)
    return LiteralNode(pa.scalar(value))


def _set_of(values: Sequence[Plain]) -> pa.Array:
    if isinstance(values[0], str):
        return pa.array(values, pa.string())
    if all(isinstance(value, int) and abs(value) < _LARGEST for value in values):
        return pa.array([int(value) for value in values], pa.int64())
    return pa.array([float(value) for value in values], pa.float64())
