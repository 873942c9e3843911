"""A small builder over onnx's own helper: every value is a column of doubles, missing is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

# Strings compare from operator set 19 on; runtimes of 2023 and later have it.
OPERATOR_SET, TREE_OPERATOR_SET, FILE_VERSION = 19, 3, 9
LEARNING = "ai.onnx.ml"


class Graph:
    """Nodes, constants and inputs as they are added; names are made up."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.inputs: dict[str, ValueInfoProto] = {}

    def input(self, column: str, *, text: bool) -> str:
        """A column of the data: doubles, or strings."""
        kind = TensorProto.STRING if text else TensorProto.DOUBLE
        if column not in self.inputs:
            self.inputs[column] = helper.make_tensor_value_info(column, kind, ["rows", 1])
        return column

    def constant(self, value: npt.ArrayLike, kind: Any = np.float64) -> str:
        """A constant of the graph."""
        array = np.asarray(value, kind)
        name = f"c{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def texts(self, values: Sequence[str]) -> str:
        """A row of strings."""
        name = f"c{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.array([list(values)], object), name)
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", output: str | None = None, **attributes: Any) -> str:
        """One node; gives the name of its output."""
        name = f"v{len(self.nodes)}" if output is None else output
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def doubles(self, value: str) -> str:
        """Truth values or single numbers as doubles."""
        return self.add("Cast", value, to=TensorProto.DOUBLE)

    def choose(self, condition: str, yes: str, no: str) -> str:
        """``yes`` where the condition holds."""
        return self.add("Where", condition, yes, no)

    def missing_where(self, condition: str, value: str) -> str:
        """NaN where the condition holds, the value elsewhere."""
        return self.choose(condition, self.constant(np.nan), value)

    def is_missing(self, *values: str) -> str:
        """Where any of the values is NaN."""
        found = self.add("IsNaN", values[0])
        for value in values[1:]:
            found = self.add("Or", found, self.add("IsNaN", value))
        return found
