"""The tree of an expression: frozen nodes, written back as canonical text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from rxcore.lexer import write_name, write_string

Plain: TypeAlias = int | float | str | bool  # int apart from float: 64-bit identifiers are compared exactly


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a string, a truth value, or None for missing."""

    value: Plain | None


@dataclass(frozen=True, slots=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the allowed list."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x``, ``+x`` or ``!x``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain:
    """Left-to-right arithmetic of one precedence; flat, so that a sum of a thousand columns is not a thousand deep."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Power:
    """``x^2``."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """``a < b <= c``: every neighbouring pair must hold."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """``x in (1, 2)``."""

    item: Node
    values: tuple[Plain, ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """``&`` or ``|`` over two or more conditions."""

    operator: str
    operands: tuple[Node, ...]


Node = Constant | Name | Call | Unary | Chain | Power | Compare | Member | Logic

# How tightly a node binds; a looser one inside a tighter one needs parentheses.
_LOGIC_OR, _LOGIC_AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(9)


def write(node: Node) -> str:
    """Canonical text, in R's spelling: ``parse_tree(write(tree)) == tree``."""
    return _write(node)[0]


def _write(node: Node) -> tuple[str, int]:
    if isinstance(node, Constant):
        negative = isinstance(node.value, (int, float)) and node.value < 0
        return _write_constant(node.value), _SIGN if negative else _ATOM
    if isinstance(node, Name):
        return write_name(node.name), _ATOM
    if isinstance(node, Call):
        return f"{node.function}({', '.join(write(argument) for argument in node.arguments)})", _ATOM
    if isinstance(node, Unary):
        level = _NOT if node.operator == "!" else _SIGN
        return node.operator + _inside(node.operand, level), level
    if isinstance(node, Power):
        return f"{_inside(node.base, _ATOM)}^{_inside(node.exponent, _SIGN)}", _POWER
    if isinstance(node, Logic):
        level = _LOGIC_AND if node.operator == "&" else _LOGIC_OR
        return f" {node.operator} ".join(_inside(operand, level + 1) for operand in node.operands), level
    if isinstance(node, Member):
        values = ", ".join(_write_constant(value) for value in node.values)
        return f"{_inside(node.item, _SUM)} %in% c({values})", _COMPARE
    level = _COMPARE if isinstance(node, Compare) else _SUM if node.rest[0][0] in "+-" else _PRODUCT
    text = _inside(node.first, level + 1 if level == _COMPARE else level)
    for operator, operand in node.rest:
        space = "" if operator == "/" else " "
        text += f"{space}{operator}{space}{_inside(operand, level + 1)}"
    return text, level


def _inside(node: Node, level: int) -> str:
    text, own = _write(node)
    return text if own >= level else f"({text})"


def _write_constant(value: Plain | None) -> str:
    if value is None:
        return "NA"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return write_string(value)
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    return repr(value)


def columns_of(node: Node) -> tuple[str, ...]:
    """Names of the columns read, in order of first use."""
    found: dict[str, None] = {}

    def visit(part: Node) -> None:
        if isinstance(part, Name):
            found[part.name] = None
        elif isinstance(part, Call):
            for argument in part.arguments:
                visit(argument)
        elif isinstance(part, Unary):
            visit(part.operand)
        elif isinstance(part, Power):
            visit(part.base)
            visit(part.exponent)
        elif isinstance(part, Member):
            visit(part.item)
        elif isinstance(part, Logic):
            for operand in part.operands:
                visit(operand)
        elif isinstance(part, (Chain, Compare)):
            visit(part.first)
            for _, operand in part.rest:
                visit(operand)

    visit(node)
    return tuple(found)
