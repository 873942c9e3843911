"""From a request and a schema to steps of known types; a trial chunk tells the types that only running tells."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rxcore.blocks import Block
from rxcore.errors import ColumnNotFoundError, FormulaError, OptionError
from rxcore.expressions import Expression
from rxcore.lexer import write_name
from rxcore.sources.chunk_frame import AnswerReader
from rxcore.sources.transform_request import Request
from rxcore.sources.transform_steps import (
    ROW_SELECTION,
    CallableStep,
    Columns,
    ExpressionStep,
    FunctionStep,
    Step,
    call_for_column,
    call_for_frame,
    check_rows,
    evaluate_on,
    place,
    selected,
)
from rxcore.sources.user_function import ChunkInfo, UserFunction
from xdf.columns import Column
from xdf.schema import Field, Schema, missing_column_message


@dataclass(frozen=True, eq=False)
class Plan:
    """The whole of what can be computed; each pass uses the steps it needs."""

    steps: tuple[Step, ...]
    selections: tuple[ExpressionStep, ...]
    schema: Schema
    open_factors: frozenset[str]


class Planner:
    """Goes through the request once, keeping the fields known so far, and the columns of the trial chunk if any."""

    def __init__(
        self, request: Request, schema: Schema, open_factors: frozenset[str], label: str, trial: Block | None
    ) -> None:
        self.request = request
        self.label = label
        self.fields = {field.name: field for field in schema}
        self.open_factors = set(open_factors)
        self.steps: list[Step] = []
        self.columns: Columns = {}
        self.objects = request.objects
        if trial is not None:
            self.columns, self.n_rows = dict(trial.columns), trial.n_rows
            # The trial must leave no trace in the objects of the user.
            self.objects = _copied(request.objects)
            self.chunk = ChunkInfo(
                trial.start_row + 1, 0, trial.n_rows, label, is_trial=True, is_prediction=request.is_prediction
            )

    def plan(self) -> Plan:
        """Every step, typed."""
        for name, how in self.request.transforms:
            step = self._callable(name, how) if isinstance(how, UserFunction) else self._expression(name, how)
            self._take(step)
        if self.request.function is not None:
            self._take(self._function(self.request.function))
        selections = []
        if ROW_SELECTION in self.fields:
            selections.append(self._selection(Expression(write_name(ROW_SELECTION)), f"column {ROW_SELECTION!r}"))
        if self.request.row_selection is not None:
            selections.append(self._selection(self.request.row_selection, "row_selection"))
        schema = Schema(tuple(field for field in self.fields.values() if field.name != ROW_SELECTION))
        return Plan(tuple(self.steps), tuple(selections), schema, frozenset(self.open_factors))

    def _take(self, step: Step) -> None:
        if isinstance(step, FunctionStep):
            written = {field.name for field in step.reader.fields}
            for name in step.reads:
                if name not in written:
                    del self.fields[name]
            self.fields |= {field.name: field for field in step.reader.fields}
            self.open_factors -= {*written, *step.reads}
        else:
            self.fields[step.field.name] = step.field
            is_open = isinstance(step, ExpressionStep) and step.copies in self.open_factors
            self.open_factors.discard(step.field.name)
            if is_open:
                self.open_factors.add(step.field.name)
            if self.columns and isinstance(step, ExpressionStep):
                self.columns, self.n_rows = step.run(self.columns, self.n_rows, self.chunk, self.objects)
        self.steps.append(step)

    def _inputs(self, expression: Expression, what: str) -> tuple[tuple[Field, ...], dict[str, Any]]:
        """The columns an expression reads; other names must be transform objects."""
        inputs, constants = [], {}
        for name in expression.columns:
            if name in self.fields:
                inputs.append(self.fields[name])
            elif name in self.request.objects:
                constants[name] = _constant(self.request.objects[name], name, f"{self.request.caller}: {what}")
            else:
                message = missing_column_message(name, tuple(self.fields)).replace(
                    "is not there", f"is not in {self.label}", 1
                )
                raise ColumnNotFoundError(f"{self.request.caller}: {what}: {message}")
        return tuple(inputs), constants

    def _expression(self, name: str, expression: Expression, what: str = "") -> ExpressionStep:
        what = what or f"transforms[{name!r}]"
        inputs, constants = self._inputs(expression, what)
        if expression.is_column and inputs:
            return ExpressionStep(inputs[0].with_(name=name), expression, inputs, {})
        none = {field.name: Column.from_arrow(pa.array([], field.type)) for field in inputs}
        try:
            kind = evaluate_on(expression, inputs, constants, none, 0).type
        except FormulaError as error:
            raise FormulaError(f"{self.request.caller}: {what}: {error}") from None
        return ExpressionStep(Field(name, kind), expression, inputs, constants)

    def _selection(self, expression: Expression, what: str) -> ExpressionStep:
        step = self._expression("row selection", expression, what)
        selected(pa.array([], step.field.type), f"{self.request.caller}: {what}")
        return step

    def _handed(self) -> tuple[Field, ...]:
        names = self.request.variables
        if names is None:
            return tuple(self.fields.values())
        for name in names:
            if name not in self.fields:
                message = missing_column_message(name, tuple(self.fields)).replace(
                    "is not there", f"is not in {self.label}", 1
                )
                raise ColumnNotFoundError(f"{self.request.caller}: transform_variables: {message}")
        return tuple(self.fields[name] for name in names)

    def _callable(self, name: str, function: UserFunction) -> CallableStep:
        inputs = self._handed()
        frame = call_for_column(function, name, inputs, self.columns, self.n_rows, self.chunk, self.objects)
        reader = AnswerReader.learn(frame, {}, function.what)
        self.columns |= reader.columns(frame, place(self.chunk))
        return CallableStep(reader.fields[0], function, inputs, reader)

    def _function(self, function: UserFunction) -> FunctionStep:
        inputs = self._handed()
        frame = call_for_frame(function, inputs, self.columns, self.n_rows, self.chunk, self.objects)
        check_rows(function.what, len(frame), self.n_rows, place(self.chunk), self.request.may_change_rows, {})
        reader = AnswerReader.learn(frame, {field.name: field for field in inputs}, function.what)
        return FunctionStep(function, inputs, reader, self.request.may_change_rows)


def _constant(value: Any, name: str, what: str) -> Any:
    """A transform object that an expression uses by its name."""
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if not isinstance(plain, (bool, int, float, str)):
        raise OptionError(
            f"{what}: transform object {name!r} is {type(value).__name__}; expressions can use numbers, text and truth "
            "values. Use anything else in a transform_function"
        )
    return plain


def _copied(objects: dict[str, Any]) -> dict[str, Any]:
    try:
        return copy.deepcopy(objects)
    except Exception:  # noqa: BLE001 - objects of users may refuse to be copied in any way
        return dict(objects)
