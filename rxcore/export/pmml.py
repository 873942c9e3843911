"""A linear or logistic model as a PMML 4.4 RegressionModel.

Factors by themselves are CategoricalPredictors; interactions are PredictorTerms over 0/1 fields made by NormDiscrete.
"""

from __future__ import annotations

import itertools
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rxcore.export.linear_form import LinearForm, TermForm, text_columns
from rxcore.export.pmml_expressions import apply, constant, derived, number
from rxcore.expression_tree import parse_tree
from rxcore.variables import Variable

NAMESPACE = "http://www.dmg.org/PMML-4_4"

# What a missing or unknown value does to a field of text.
_TREATMENTS = {
    "error": {"invalidValueTreatment": "returnInvalid", "missingValueTreatment": "returnInvalid"},
    "missing": {"invalidValueTreatment": "asMissing", "missingValueTreatment": "returnInvalid"},
}


def pmml_bytes(form: LinearForm, unseen_levels: str, version: str) -> bytes:
    """The document."""
    root = Element("PMML", version="4.4", xmlns=NAMESPACE)
    header = SubElement(root, "Header")
    SubElement(header, "Application", name="rxcore", version=version)
    writer = _Writer(form, unseen_levels)
    root.append(writer.dictionary())
    root.append(writer.model())
    indent(root)
    data: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


class _Writer:
    def __init__(self, form: LinearForm, unseen_levels: str) -> None:
        self.form = form
        self.unseen_levels = unseen_levels
        self.texts = text_columns(form)
        self.columns = tuple(dict.fromkeys(name for variable in form.variables for name in variable.columns))
        self.local = Element("LocalTransformations")
        self.names: dict[Variable, str] = {}
        self.indicators: set[str] = set()
        # Fields whose only task is to be missing where a row has no prediction.
        self.guards: list[str] = []

    @property
    def target(self) -> str:
        return self.form.response

    def dictionary(self) -> Element:
        made = Element("DataDictionary", numberOfFields=str(len(self.columns) + 1))
        for name in self.columns:
            if name not in self.texts:
                SubElement(made, "DataField", name=name, optype="continuous", dataType="double")
                continue
            field = SubElement(made, "DataField", name=name, optype="categorical", dataType="string")
            for level in self._levels(name):
                SubElement(field, "Value", value=level)
        if not self.form.is_events:
            SubElement(made, "DataField", name=self.target, optype="continuous", dataType="double")
            return made
        field = SubElement(made, "DataField", name=self.target, optype="categorical", dataType="string")
        for category in self.form.categories:
            SubElement(field, "Value", value=category)
        return made

    def _levels(self, column: str) -> tuple[str, ...]:
        """Of a factor; a column that is only compared with text may hold anything."""
        found = [variable.levels for variable in self.form.variables if variable.column == column]
        return found[0] if found else ()

    def model(self) -> Element:
        kind = "classification" if self.form.is_events else "regression"
        made = Element("RegressionModel", functionName=kind, normalizationMethod=_NORMALIZATIONS[self.form.link])
        made.append(self._schema())
        made.append(self._output())
        for variable in self.form.variables:
            self._declare(variable)
        parts = [part for term in self.form.terms for part in self._term(term)]
        if self.form.offset is not None:
            parts.append(self._product(1.0, [self.names[self.form.offset]]))
        # A number that is read without a coefficient must be there all the same: a row without it has no prediction.
        counted = {part.get("name") for part in parts if part.tag == "NumericPredictor"}
        guards = [name for name in dict.fromkeys(self.guards) if name not in counted]
        if len(self.local):
            made.append(self.local)
        table = SubElement(made, "RegressionTable", intercept=repr(self.form.intercept))
        parts += [self._product(0.0, [name]) for name in guards]
        # The schema wants numeric predictors, then categorical ones, then products.
        table.extend(sorted(parts, key=lambda one: _ORDER[one.tag]))
        if self.form.is_events:
            no, yes = self.form.categories
            table.set("targetCategory", yes)
            SubElement(made, "RegressionTable", intercept="0.0", targetCategory=no)
        return made

    def _schema(self) -> Element:
        made = Element("MiningSchema")
        for name in self.columns:
            field = SubElement(made, "MiningField", name=name)
            if name in self.texts:
                for key, value in self._treatment(name).items():
                    field.set(key, value)
        SubElement(made, "MiningField", name=self.target, usageType="target")
        return made

    def _treatment(self, column: str) -> dict[str, str]:
        if self.unseen_levels in _TREATMENTS:
            return _TREATMENTS[self.unseen_levels]
        variable = next((one for one in self.form.variables if one.column == column), None)
        if variable is None:
            return _TREATMENTS["error"]
        reference = variable.levels[self.form.reference(variable)]
        return {
            "invalidValueTreatment": "asValue",
            "invalidValueReplacement": reference,
            "missingValueTreatment": "returnInvalid",
        }

    def _output(self) -> Element:
        made = Element("Output")
        name = f"{self.target}_Pred"
        kind = {"name": name, "optype": "continuous", "dataType": "double"}
        if self.form.is_events:
            SubElement(made, "OutputField", {**kind, "feature": "probability", "value": self.form.categories[1]})
        else:
            SubElement(made, "OutputField", {**kind, "feature": "predictedValue"})
        return made

    def _declare(self, variable: Variable) -> None:
        """Give the variable a field: its column, or one that is computed."""
        if variable.bins is not None:
            self._declare_bins(variable)
        elif variable.column is not None:
            self.names[variable] = variable.column
        else:
            assert variable.expression is not None
            self.names[variable] = variable.label
            derived(self.local, variable.label, number(parse_tree(variable.expression.text)))

    def _declare_bins(self, variable: Variable) -> None:
        assert variable.bins is not None
        assert variable.column is not None
        low, high, exclude = variable.bins
        self.names[variable] = variable.label
        found = Element("Discretize", field=variable.column)
        if not exclude:
            found.set("defaultValue", variable.levels[-1])
        for level, place in zip(variable.levels, range(low, high + 1), strict=False):
            bin_ = SubElement(found, "DiscretizeBin", binValue=level)
            SubElement(bin_, "Interval", closure="closedOpen", leftMargin=str(place), rightMargin=str(place + 1))
        derived(self.local, variable.label, found, categorical=True)
        # A category that is missing counts for nothing, where the prediction must be missing: `if` without an else is.
        column = Element("FieldRef", field=variable.column)
        inside = apply(
            "and", apply("greaterOrEqual", column, constant(low)), apply("lessThan", column, constant(high + 1))
        )
        guard = f"{variable.label} is there"
        known = apply("if", inside, constant(0.0)) if exclude else apply("*", constant(0.0), column)
        derived(self.local, guard, known)
        self.guards.append(guard)

    def _term(self, term: TermForm) -> list[Element]:
        values = [float(value) for value in term.coefficients]
        if not term.factors:
            return [self._product(values[0], [self.names[variable] for variable in term.numbers])]
        cells = self._cells(term)
        if not term.numbers and len(term.factors) == 1:
            name = self.names[term.factors[0]]
            levels = term.factors[0].levels
            return [
                Element("CategoricalPredictor", name=name, value=level, coefficient=repr(value))
                for level, value in zip(levels, values, strict=True)
                if value
            ]
        numbers = [self.names[variable] for variable in term.numbers]
        self.guards += numbers
        return [
            self._product(value, [*numbers, *map(self._indicator, cell)])
            for cell, value in zip(cells, values, strict=True)
            if value
        ]

    def _cells(self, term: TermForm) -> list[list[tuple[Variable, str]]]:
        """The levels of each cell, the first factor fastest."""
        grids = [[(factor, level) for level in factor.levels] for factor in reversed(term.factors)]
        return [list(reversed(combination)) for combination in itertools.product(*grids)]

    def _indicator(self, cell: tuple[Variable, str]) -> str:
        variable, level = cell
        name = f"{variable.label}={level}"
        if name not in self.indicators:
            self.indicators.add(name)
            derived(self.local, name, Element("NormDiscrete", field=self.names[variable], value=level))
        return name

    def _product(self, coefficient: float, names: list[str]) -> Element:
        if len(names) == 1:
            return Element("NumericPredictor", name=names[0], coefficient=repr(coefficient))
        made = Element("PredictorTerm", coefficient=repr(coefficient))
        made.extend(Element("FieldRef", field=name) for name in names)
        return made


_NORMALIZATIONS = {"identity": "none", "logit": "logit", "log": "exp"}
_ORDER = {"NumericPredictor": 0, "CategoricalPredictor": 1, "PredictorTerm": 2}
