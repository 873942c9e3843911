"""A PMML evaluator that reads only what the standard says of RegressionModel: one row at a time, None is missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, parse

_NS = "{http://www.dmg.org/PMML-4_4}"


class InvalidValueError(Exception):
    """A value that the document calls invalid."""


_APPLY: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "ln": math.log, "log10": math.log10, "ln1p": math.log1p, "exp": math.exp, "expm1": math.expm1, "sqrt": math.sqrt,
    "abs": abs, "floor": math.floor, "ceil": math.ceil, "sin": math.sin, "cos": math.cos, "tan": math.tan, "pow": pow,
    "min": min, "max": max, "not": lambda a: not a, "isIn": lambda a, *values: a in values,
    "equal": lambda a, b: a == b, "notEqual": lambda a, b: a != b, "lessThan": lambda a, b: a < b,
    "lessOrEqual": lambda a, b: a <= b, "greaterThan": lambda a, b: a > b, "greaterOrEqual": lambda a, b: a >= b,
}  # fmt: skip


class Document:
    """A scoring engine for one document."""

    def __init__(self, path: Path) -> None:
        root = parse(path).getroot()
        assert root.tag == f"{_NS}PMML"
        assert root.get("version") == "4.4"
        self.model = _child(root, "RegressionModel")
        assert [child.tag.removeprefix(_NS) for child in root] == ["Header", "DataDictionary", "RegressionModel"]
        self.fields = {field.get("name"): field for field in _child(root, "DataDictionary")}
        self.mining = {field.get("name"): field for field in _child(self.model, "MiningSchema")}
        assert set(self.mining) == set(self.fields)
        local = self.model.find(f"{_NS}LocalTransformations")
        self.derived = {} if local is None else {field.get("name"): field[0] for field in local}
        order = ["MiningSchema", "Output", "LocalTransformations", "RegressionTable"]
        places = [order.index(child.tag.removeprefix(_NS)) for child in self.model]
        assert places == sorted(places)

    def predict(self, row: dict[str, Any]) -> float | None:
        """The output field, or None where it is missing or the row invalid by a missing value."""
        self._cache: dict[str, Any] = {}
        self._row = {name: self._prepared(str(name), row.get(str(name))) for name in self.mining}
        missing = [
            name
            for name, value in self._row.items()
            if value is None and self.mining[name].get("missingValueTreatment") == "returnInvalid"
        ]
        tables = self.model.findall(f"{_NS}RegressionTable")
        value = None if missing else self._table(tables[0])
        if value is None:
            return value
        if self.model.get("functionName") == "regression":
            inverse = {"none": lambda eta: eta, "exp": math.exp, "logit": lambda eta: 1.0 / (1.0 + math.exp(-eta))}
            return float(inverse[self.model.get("normalizationMethod", "none")](value))
        assert self.model.get("normalizationMethod") == "logit"
        output = _child(_child(self.model, "Output"), "OutputField")
        assert output.get("feature") == "probability"
        assert output.get("value") == tables[0].get("targetCategory")
        assert len(tables) == 2
        return 1.0 / (1.0 + math.exp(-value))

    def _prepared(self, name: str, value: Any) -> Any:
        allowed = [entry.get("value") for entry in self.fields[name].findall(f"{_NS}Value")]
        if value is None or not allowed or value in allowed or self.mining[name].get("usageType") == "target":
            return value
        treatment = self.mining[name].get("invalidValueTreatment")
        if treatment == "returnInvalid":
            raise InvalidValueError(value)
        return None if treatment == "asMissing" else self.mining[name].get("invalidValueReplacement")

    def _table(self, table: Element) -> float | None:
        total = float(table.get("intercept", "nan"))
        names = [part.get("name") for part in table if part.tag == f"{_NS}NumericPredictor"]
        assert len(set(names)) == len(names)
        for part in table:
            weight = float(part.get("coefficient", "nan"))
            if part.tag == f"{_NS}CategoricalPredictor":
                total += weight * (self.field(part.get("name")) == part.get("value"))
                continue
            fields = [part.get("name")] if part.tag == f"{_NS}NumericPredictor" else [f.get("field") for f in part]
            values = [self.field(name) for name in fields]
            if any(value is None for value in values):
                return None
            total += weight * math.prod(values)
        return total

    def field(self, name: str | None) -> Any:
        """A field of the data, or one that is computed."""
        if name not in self.derived:
            return self._row[name]
        if name not in self._cache:
            self._cache[str(name)] = self.value(self.derived[name])
        return self._cache[str(name)]

    def value(self, element: Element) -> Any:
        """What an expression gives."""
        kind = element.tag.removeprefix(_NS)
        if kind == "Constant":
            if element.get("missing") == "true":
                return None
            return element.text if element.get("dataType") == "string" else float(element.text or "")
        if kind == "FieldRef":
            return self.field(element.get("field"))
        if kind == "NormDiscrete":
            given = self.field(element.get("field"))
            return None if given is None else float(given == element.get("value"))
        if kind == "Discretize":
            return self._discretize(element)
        return self._apply(element.get("function", ""), list(element))

    def _discretize(self, element: Element) -> Any:
        given = self.field(element.get("field"))
        if given is None:
            return None
        for bin_ in element:
            interval = bin_[0]
            assert interval.get("closure") == "closedOpen"
            if float(interval.get("leftMargin", "")) <= given < float(interval.get("rightMargin", "")):
                return bin_.get("binValue")
        return element.get("defaultValue")

    def _apply(self, function: str, arguments: list[Element]) -> Any:
        if function == "if":
            condition = self.value(arguments[0])
            chosen = arguments[1:2] if condition else arguments[2:3]
            return None if condition is None or not chosen else self.value(chosen[0])
        values = [self.value(argument) for argument in arguments]
        if function == "isMissing":
            return values[0] is None
        if function in ("and", "or"):
            decides = function == "or"
            if decides in values:
                return decides
            return None if None in values else not decides
        if None in values:
            return None
        try:
            return _APPLY[function](*values)
        except ValueError:
            return None


def _child(parent: Element, name: str) -> Element:
    found = parent.find(f"{_NS}{name}")
    assert found is not None, name
    return found
