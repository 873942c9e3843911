"""Expressions of formulas as ONNX nodes, with the same meaning: truth is 1, missing is NaN."""

from __future__ import annotations

import numpy as np

from rxcore.errors import ModelFormatError
from rxcore.export.onnx_nodes import Graph
from rxcore.expression_nodes import Call, Chain, Compare, Constant, Logic, Member, Name, Node, Power, Unary, write

_UNARY = {
    "log": "Log", "exp": "Exp", "sqrt": "Sqrt", "abs": "Abs", "floor": "Floor", "ceil": "Ceil", "ceiling": "Ceil",
    "sign": "Sign", "sin": "Sin", "cos": "Cos",
}  # fmt: skip
_ARITHMETIC = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div"}
_COMPARISONS = {"==": "Equal", "<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual"}


def expression_nodes(graph: Graph, node: Node, texts: frozenset[str]) -> str:
    """Add an expression to the graph; ``texts`` are the columns that are factors or text."""
    return _Translator(graph, texts).value(node)


class _Translator:
    def __init__(self, graph: Graph, texts: frozenset[str]) -> None:
        self.graph = graph
        self.texts = texts

    def value(self, node: Node) -> str:
        graph = self.graph
        if isinstance(node, Constant) and not isinstance(node.value, str):
            return graph.constant([[np.nan if node.value is None else float(node.value)]])
        if isinstance(node, Name) and node.name not in self.texts:
            return graph.input(node.name, text=False)
        if isinstance(node, Unary):
            return self.unary(node)
        if isinstance(node, Chain):
            return self.chain(node)
        if isinstance(node, Power):
            return graph.add("Pow", self.value(node.base), self.value(node.exponent))
        if isinstance(node, Compare):
            return self.compare(node)
        if isinstance(node, Member):
            return self.member(node)
        if isinstance(node, Logic):
            return self.logic(node.operator, [self.value(operand) for operand in node.operands])
        if isinstance(node, Call):
            return self.call(node)
        raise self.refusal(node)

    def refusal(self, node: Node) -> ModelFormatError:
        return ModelFormatError(
            f"rx_export_onnx: {write(node)!r} has no equal among ONNX operators. Compute it before the model, or fit "
            "with a column that holds it"
        )

    def unary(self, node: Unary) -> str:
        value = self.value(node.operand)
        if node.operator == "+":
            return value
        if node.operator == "-":
            return self.graph.add("Neg", value)
        return self.truth(self.graph.add("Equal", value, self.graph.constant(0.0)), value)

    def chain(self, node: Chain) -> str:
        value = self.value(node.first)
        for operator, operand in node.rest:
            if operator not in _ARITHMETIC:
                raise self.refusal(node)
            value = self.graph.add(_ARITHMETIC[operator], value, self.value(operand))
        return value

    def truth(self, condition: str, *values: str) -> str:
        """A condition as 0 and 1, missing where one of the values is."""
        return self.graph.missing_where(self.graph.is_missing(*values), self.graph.doubles(condition))

    def compare(self, node: Compare) -> str:
        found: list[str] = []
        left = node.first
        for operator, right in node.rest:
            found.append(self.compare_pair(left, operator, right, node))
            left = right
        return found[0] if len(found) == 1 else self.logic("&", found)

    def compare_pair(self, left: Node, operator: str, right: Node, whole: Node) -> str:
        column, text = (left, right) if isinstance(left, Name) else (right, left)
        if isinstance(column, Name) and column.name in self.texts:
            if not isinstance(text, Constant) or not isinstance(text.value, str) or operator not in ("==", "!="):
                raise self.refusal(whole)
            return self.equals_text(column.name, (text.value,), negated=operator == "!=")
        one, other = self.value(left), self.value(right)
        if operator == "!=":
            return self.truth(self.graph.add("Not", self.graph.add("Equal", one, other)), one, other)
        return self.truth(self.graph.add(_COMPARISONS[operator], one, other), one, other)

    def equals_text(self, column: str, values: tuple[str, ...], *, negated: bool = False) -> str:
        graph = self.graph
        given = graph.input(column, text=True)
        found = graph.add("Equal", given, graph.texts(values[:1]))
        for value in values[1:]:
            found = graph.add("Or", found, graph.add("Equal", given, graph.texts([value])))
        found = graph.add("Not", found) if negated else found
        # An empty string stands for a missing one.
        return graph.missing_where(graph.add("Equal", given, graph.texts([""])), graph.doubles(found))

    def member(self, node: Member) -> str:
        if isinstance(node.item, Name) and node.item.name in self.texts:
            if not all(isinstance(value, str) for value in node.values):
                raise self.refusal(node)
            return self.equals_text(node.item.name, tuple(str(value) for value in node.values))
        if any(isinstance(value, str) for value in node.values):
            raise self.refusal(node)
        item = self.value(node.item)
        parts = [self.graph.add("Equal", item, self.graph.constant(float(value))) for value in node.values]
        found = parts[0]
        for part in parts[1:]:
            found = self.graph.add("Or", found, part)
        return self.truth(found, item)

    def logic(self, operator: str, values: list[str]) -> str:
        """Three-valued: a false decides ``&`` alone and a true ``|``, even beside a missing value."""
        graph = self.graph
        deciding = graph.constant(0.0 if operator == "&" else 1.0)
        result = values[0]
        for value in values[1:]:
            decided = graph.add("Or", graph.add("Equal", result, deciding), graph.add("Equal", value, deciding))
            result = graph.choose(decided, deciding, graph.add("Mul" if operator == "&" else "Add", result, value))
        return result

    def call(self, node: Call) -> str:
        graph = self.graph
        if node.function in ("is_na", "is.na", "is_missing"):
            (argument,) = node.arguments
            if isinstance(argument, Name) and argument.name in self.texts:
                given = graph.input(argument.name, text=True)
                return graph.doubles(graph.add("Equal", given, graph.texts([""])))
            return graph.doubles(graph.is_missing(self.value(argument)))
        values = [self.value(argument) for argument in node.arguments]
        if node.function in _UNARY and len(values) == 1:
            return graph.add(_UNARY[node.function], values[0])
        if node.function in ("I", "as_float", "as.numeric"):
            return values[0]
        if node.function in ("min", "max", "pmin", "pmax"):
            extreme = graph.add("Min" if node.function.endswith("min") else "Max", *values)
            return graph.missing_where(graph.is_missing(*values), extreme)
        if node.function == "pow":
            return graph.add("Pow", *values)
        if node.function in ("ifelse", "where"):
            is_zero = graph.add("Equal", values[0], graph.constant(0.0))
            return graph.missing_where(graph.is_missing(values[0]), graph.choose(is_zero, values[2], values[1]))
        return self.logarithm(node, values)

    def logarithm(self, node: Call, values: list[str]) -> str:
        graph, x = self.graph, values[0]
        one = graph.constant(1.0)
        if node.function == "log":
            return graph.add("Div", graph.add("Log", x), graph.add("Log", values[1]))
        if node.function in ("log2", "log10"):
            base = graph.constant(np.log(2.0 if node.function == "log2" else 10.0))
            return graph.add("Div", graph.add("Log", x), base)
        if node.function == "log1p":
            # Kahan's way: the rounding of 1 + x cancels.
            u = graph.add("Add", one, x)
            ratio = graph.add("Div", x, graph.add("Sub", u, one))
            return graph.choose(graph.add("Equal", u, one), x, graph.add("Mul", graph.add("Log", u), ratio))
        if node.function == "trunc":
            return graph.add("Mul", graph.add("Sign", x), graph.add("Floor", graph.add("Abs", x)))
        raise self.refusal(node)
