"""A linear or logistic model as an ONNX graph in double precision.

ONNX's own LinearRegressor and LinearClassifier keep coefficients in single precision, which would lose half of the
digits: the linear predictor is a sum of matrix products of doubles instead, over the indicators of OneHotEncoder.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper

from rxcore.export.linear_form import LinearForm, TermForm
from rxcore.export.onnx_expressions import expression_nodes
from rxcore.export.onnx_nodes import FILE_VERSION, LEARNING, OPERATOR_SET, TREE_OPERATOR_SET, Graph
from rxcore.expression_tree import parse_tree
from rxcore.variables import Variable


def onnx_bytes(form: LinearForm, texts: frozenset[str], unseen_levels: str, version: str) -> bytes:
    """The model file; ``texts`` are the columns that are factors or text."""
    builder = _Builder(form, texts, unseen_levels)
    output = builder.build()
    graph = builder.graph
    result = helper.make_tensor_value_info(output, TensorProto.DOUBLE, ["rows", 1])
    made = helper.make_graph(
        graph.nodes, "rxcore", list(graph.inputs.values()), [result], initializer=list(graph.constants.values())
    )
    operators = [helper.make_opsetid("", OPERATOR_SET), helper.make_opsetid(LEARNING, TREE_OPERATOR_SET)]
    model = helper.make_model(
        made, opset_imports=operators, ir_version=FILE_VERSION, producer_name="rxcore", producer_version=version
    )
    checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Builder:
    def __init__(self, form: LinearForm, texts: frozenset[str], unseen_levels: str) -> None:
        self.form = form
        self.texts = texts
        self.unseen_levels = unseen_levels
        self.graph = Graph()
        self._values: dict[Variable, str] = {}

    def build(self) -> str:
        """Add everything; gives the name of the output."""
        graph, form = self.graph, self.form
        total = graph.constant([[form.intercept]])
        for term in form.terms:
            total = graph.add("Add", total, self.term(term))
        if form.offset is not None:
            total = graph.add("Add", total, self.value(form.offset))
        last = {"logit": "Sigmoid", "log": "Exp", "identity": "Identity"}[form.link]
        return graph.add(last, total, output=f"{form.response}_Pred")

    def value(self, variable: Variable) -> str:
        """A number as one column, a factor as an indicator of each level."""
        if variable not in self._values:
            self._values[variable] = self._indicators(variable) if variable.is_factor else self._number(variable)
        return self._values[variable]

    def term(self, term: TermForm) -> str:
        graph = self.graph
        number = reduce(lambda a, b: graph.add("Mul", a, b), map(self.value, term.numbers)) if term.numbers else None
        weights = graph.constant(term.coefficients.reshape(-1, 1))
        if not term.factors:
            assert number is not None
            return graph.add("Mul", number, graph.constant([[float(term.coefficients[0])]]))
        by_level = graph.add("MatMul", self._grid(term.factors), weights)
        return by_level if number is None else graph.add("Mul", number, by_level)

    def _grid(self, factors: tuple[Variable, ...]) -> str:
        """Indicators of the cells of some factors, the first factor fastest."""
        graph = self.graph
        grid, size = self.value(factors[0]), len(factors[0].levels)
        for factor in factors[1:]:
            wide = graph.add("Reshape", grid, graph.constant([-1, 1, size], np.int64))
            tall = graph.add("Reshape", self.value(factor), graph.constant([-1, len(factor.levels), 1], np.int64))
            size *= len(factor.levels)
            grid = graph.add("Reshape", graph.add("Mul", wide, tall), graph.constant([-1, size], np.int64))
        return grid

    def _number(self, variable: Variable) -> str:
        if variable.column is not None:
            return self.graph.input(variable.column, text=False)
        assert variable.expression is not None
        return expression_nodes(self.graph, parse_tree(variable.expression.text), self.texts)

    def _indicators(self, variable: Variable) -> str:
        if variable.bins is not None:
            return self._bins(variable)
        graph, n_levels = self.graph, len(variable.levels)
        assert variable.column is not None
        given = graph.input(variable.column, text=True)
        # An empty string stands for a missing one, and gets a place of its own behind the levels.
        levels = [*variable.levels] if "" in variable.levels else [*variable.levels, ""]
        refuse = self.unseen_levels == "error"
        attributes: dict[str, Any] = {"cats_strings": levels, "zeros": 0 if refuse else 1}
        encoded = graph.doubles(graph.add("OneHotEncoder", given, domain=LEARNING, **attributes))
        flat = graph.add("Reshape", encoded, graph.constant([-1, len(levels)], np.int64))
        known = graph.add("Slice", flat, *(graph.constant([at], np.int64) for at in (0, n_levels, 1)))
        if self.unseen_levels == "reference":
            none = graph.add("Sub", graph.constant(1.0), self._across(flat))
            unit = np.zeros((1, n_levels))
            unit[0, self.form.reference(variable)] = 1.0
            known = graph.add("Add", known, graph.add("Mul", none, graph.constant(unit)))
        return self._where_any(known)

    def _bins(self, variable: Variable) -> str:
        graph = self.graph
        assert variable.column is not None
        assert variable.bins is not None
        low, high, exclude = variable.bins
        given = graph.input(variable.column, text=False)
        places = graph.constant(np.arange(low, high + 1, dtype=np.float64).reshape(1, -1))
        inside = graph.doubles(graph.add("Equal", graph.add("Floor", given), places))
        if exclude:
            return self._where_any(inside)
        outside = graph.add("Sub", graph.constant(1.0), self._across(inside))
        both = graph.add("Concat", inside, outside, axis=1)
        return graph.missing_where(graph.is_missing(given), both)

    def _across(self, indicators: str) -> str:
        return self.graph.add("ReduceSum", indicators, self.graph.constant([1], np.int64), keepdims=1)

    def _where_any(self, indicators: str) -> str:
        """Missing in all levels where the row is in none."""
        nowhere = self.graph.add("Equal", self._across(indicators), self.graph.constant(0.0))
        return self.graph.missing_where(nowhere, indicators)
