"""Expressions of formulas as PMML, with the same meaning; PMML knows missing values by itself."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from rxcore.errors import ModelFormatError
from rxcore.expression_nodes import Call, Chain, Compare, Constant, Logic, Member, Name, Node, Power, Unary, write

_FUNCTIONS = {
    "log": "ln", "log10": "log10", "log1p": "ln1p", "exp": "exp", "expm1": "expm1", "sqrt": "sqrt", "abs": "abs",
    "floor": "floor", "ceil": "ceil", "ceiling": "ceil", "sin": "sin", "cos": "cos", "tan": "tan", "pow": "pow",
    "min": "min", "pmin": "min", "max": "max", "pmax": "max", "ifelse": "if", "where": "if",
    "is_na": "isMissing", "is.na": "isMissing", "is_missing": "isMissing",
}  # fmt: skip
_IDENTITIES = ("I", "as_float", "as.numeric")
_COMPARISONS = {
    "==": "equal", "!=": "notEqual", "<": "lessThan", "<=": "lessOrEqual", ">": "greaterThan", ">=": "greaterOrEqual",
}  # fmt: skip
_TRUTHS = (Compare, Member, Logic)


def number(node: Node) -> Element:
    """An expression as an element whose value is a number: truth becomes 1 and 0."""
    if isinstance(node, Call) and node.function in _IDENTITIES:
        return number(node.arguments[0])
    truth = isinstance(node, _TRUTHS) or (isinstance(node, Unary) and node.operator == "!")
    if truth or (isinstance(node, Call) and _FUNCTIONS.get(node.function) == "isMissing"):
        return apply("if", element(node), constant(1.0), constant(0.0))
    return element(node)


def element(node: Node) -> Element:
    """An expression as an element."""
    if isinstance(node, Constant):
        return constant(node.value)
    if isinstance(node, Name):
        return Element("FieldRef", field=node.name)
    if isinstance(node, Unary):
        if node.operator == "!":
            return apply("not", _condition(node.operand))
        return apply("*", constant(-1.0), number(node.operand)) if node.operator == "-" else number(node.operand)
    if isinstance(node, Power):
        return apply("pow", number(node.base), number(node.exponent))
    if isinstance(node, Chain):
        return _chain(node)
    if isinstance(node, Compare):
        return _compare(node)
    if isinstance(node, Member):
        return apply("isIn", element(node.item), *map(constant, node.values))
    if isinstance(node, Logic):
        return apply("and" if node.operator == "&" else "or", *map(_condition, node.operands))
    return _call(node)


def _condition(node: Node) -> Element:
    """An expression as a truth: a number is true unless zero."""
    if isinstance(node, _TRUTHS):
        return element(node)
    return apply("notEqual", number(node), constant(0.0))


def _chain(node: Chain) -> Element:
    value = number(node.first)
    for operator, operand in node.rest:
        if operator not in "+-*/":
            raise _refusal(node)
        value = apply(operator, value, number(operand))
    return value


def _compare(node: Compare) -> Element:
    found, left = [], node.first
    for operator, right in node.rest:
        found.append(apply(_COMPARISONS[operator], element(left), element(right)))
        left = right
    return found[0] if len(found) == 1 else apply("and", *found)


def _call(node: Call) -> Element:
    if node.function in _IDENTITIES:
        return element(node.arguments[0])
    if node.function == "log2" or (node.function == "log" and len(node.arguments) == 2):
        base = constant(2.0) if node.function == "log2" else number(node.arguments[1])
        return apply("/", apply("ln", number(node.arguments[0])), apply("ln", base))
    if node.function not in _FUNCTIONS:
        raise _refusal(node)
    name = _FUNCTIONS[node.function]
    if name == "isMissing":
        return apply(name, element(node.arguments[0]))
    if name == "if":
        condition, yes, no = node.arguments
        return apply(name, _condition(condition), number(yes), number(no))
    return apply(name, *map(number, node.arguments))


def _refusal(node: Node) -> ModelFormatError:
    return ModelFormatError(
        f"rx_export_pmml: {write(node)!r} has no equal among PMML's functions. Compute it before the model, or fit "
        "with a column that holds it"
    )


def apply(function: str, *arguments: Element) -> Element:
    """A function of some elements."""
    made = Element("Apply", function=function)
    made.extend(arguments)
    return made


def constant(value: object) -> Element:
    """A number, truth or text; None is missing."""
    if value is None:
        return Element("Constant", missing="true", dataType="double")
    made = Element("Constant", dataType="string" if isinstance(value, str) else "double")
    made.text = value if isinstance(value, str) else repr(float(value))  # type: ignore[arg-type]
    return made


def derived(parent: Element, name: str, expression: Element, *, categorical: bool = False) -> None:
    """A field computed from others."""
    optype, data_type = ("categorical", "string") if categorical else ("continuous", "double")
    SubElement(parent, "DerivedField", name=name, optype=optype, dataType=data_type).append(expression)
