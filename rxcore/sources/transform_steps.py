"""The steps that make new columns of a block, and the filter that drops rows. Frozen, picklable, no data inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.blocks import Block
from rxcore.errors import DesignError, FormulaError
from rxcore.expressions import Expression, logical_array
from rxcore.sources.chunk_frame import AnswerReader, answer_column, answer_frame, to_frame
from rxcore.sources.user_function import ChunkInfo, UserFunction
from xdf.columns import Column
from xdf.schema import Field

Columns = dict[str, Column]
Objects = dict[str, Any]
ROW_SELECTION = ".rxRowSelection"


@dataclass(frozen=True, eq=False)
class ExpressionStep:
    """One column from an expression; a bare column is passed on as it is."""

    field: Field
    expression: Expression
    inputs: tuple[Field, ...]
    constants: Mapping[str, Any]

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns it needs."""
        return tuple(field.name for field in self.inputs)

    @property
    def writes(self) -> tuple[str, ...]:
        """Columns it makes."""
        return (self.field.name,)

    @property
    def copies(self) -> str | None:
        """The column that it passes on under a new name, if that is all it does."""
        return self.inputs[0].name if self.expression.is_column and self.inputs else None

    def run(self, columns: Columns, n_rows: int, _chunk: ChunkInfo, _objects: Objects) -> tuple[Columns, int]:
        """The columns with the new one."""
        if self.copies is not None:
            return {**columns, self.field.name: columns[self.copies]}, n_rows
        array = evaluate_on(self.expression, self.inputs, self.constants, columns, n_rows)
        return {**columns, self.field.name: Column.from_arrow(array)}, n_rows


@dataclass(frozen=True, eq=False)
class CallableStep:
    """One column from a Python callable, which gets a dict of pandas columns."""

    field: Field
    function: UserFunction
    inputs: tuple[Field, ...]
    reader: AnswerReader

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns it needs."""
        return tuple(field.name for field in self.inputs)

    @property
    def writes(self) -> tuple[str, ...]:
        """Columns it makes."""
        return (self.field.name,)

    def run(self, columns: Columns, n_rows: int, chunk: ChunkInfo, objects: Objects) -> tuple[Columns, int]:
        """The columns with the new one."""
        frame = call_for_column(self.function, self.field.name, self.inputs, columns, n_rows, chunk, objects)
        return {**columns, **self.reader.columns(frame, place(chunk))}, n_rows


@dataclass(frozen=True, eq=False)
class FunctionStep:
    """The transform function: hands over columns as a frame, and replaces them by the frame it gets back."""

    function: UserFunction
    inputs: tuple[Field, ...]
    reader: AnswerReader
    may_change_rows: bool

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns it needs."""
        return tuple(field.name for field in self.inputs)

    @property
    def writes(self) -> tuple[str, ...]:
        """Columns it makes."""
        return tuple(field.name for field in self.reader.fields)

    def run(self, columns: Columns, n_rows: int, chunk: ChunkInfo, objects: Objects) -> tuple[Columns, int]:
        """The columns with those handed over replaced by those returned, and the rows there are now."""
        frame = call_for_frame(self.function, self.inputs, columns, n_rows, chunk, objects)
        kept = {name: column for name, column in columns.items() if name not in self.reads}
        check_rows(self.function.what, len(frame), n_rows, place(chunk), self.may_change_rows, kept)
        return {**kept, **self.reader.columns(frame, place(chunk))}, len(frame)


Step = ExpressionStep | CallableStep | FunctionStep


def place(chunk: ChunkInfo) -> str:
    """How errors name a chunk."""
    where = "the trial chunk" if chunk.is_trial else f"chunk {chunk.chunk_number}"
    return f"{where} of {chunk.label}"


def call_for_column(
    function: UserFunction,
    name: str,
    inputs: Sequence[Field],
    columns: Columns,
    n_rows: int,
    chunk: ChunkInfo,
    objects: Objects,
) -> Any:
    """The answer of a callable of ``transforms``, as a frame of one column."""
    frame = to_frame(columns, inputs, n_rows)
    answer = function({str(key): frame[key] for key in frame.columns}, objects, chunk)
    return answer_column(answer, name, n_rows, function.what)


def call_for_frame(
    function: UserFunction,
    inputs: Sequence[Field],
    columns: Columns,
    n_rows: int,
    chunk: ChunkInfo,
    objects: Objects,
) -> Any:
    """The answer of a transform function, as a frame."""
    return answer_frame(function(to_frame(columns, inputs, n_rows), objects, chunk), function.what)


def check_rows(what: str, got: int, given: int, where: str, may_change: bool, kept: Mapping[str, Any]) -> None:
    """Refuse a change of the row count where it is not allowed or cannot be carried out."""
    if got == given:
        return
    if not may_change:
        raise DesignError(
            f"{what} returned {got} rows for {given} rows of {where}; only rx_data_step lets it change their number. "
            f"To leave rows out, give row_selection or create the logical column {ROW_SELECTION!r}"
        )
    if kept:
        raise DesignError(
            f"{what} returned {got} rows for {given} rows of {where}, but did not see the columns {', '.join(kept)}; "
            "name all columns that are needed in transform_variables"
        )


def evaluate_on(
    expression: Expression, inputs: Sequence[Field], constants: Mapping[str, Any], columns: Columns, n_rows: int
) -> pa.Array:
    """An expression on columns of a block; names that are no columns are constants."""
    stable = "N(" in expression.text
    values = {field.name: logical_array(columns[field.name], field, stable_codes=stable) for field in inputs}
    return expression.evaluate({**values, **{name: pa.scalar(value) for name, value in constants.items()}}, n_rows)


def selected(array: pa.Array, what: str) -> npt.NDArray[np.bool_]:
    """The rows where a condition holds; a missing condition drops the row.

    Raises
    ------
    FormulaError
        When it is not a condition.
    """
    if not pa.types.is_boolean(array.type):
        found = "a factor" if pa.types.is_dictionary(array.type) else str(array.type)
        raise FormulaError(
            f"{what} must be a condition, true or false for each row; got {found}. Write for instance x > 0"
        )
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), np.bool_)


def filter_column(column: Column, keep: npt.NDArray[np.bool_]) -> Column:
    """The rows of a column where ``keep`` is true; type, base and levels stay."""
    if column.other is not None:
        return Column(column.values, other=column.other.filter(pa.array(keep)))
    validity = None
    if column.validity is not None:
        bits = np.unpackbits(column.validity, bitorder="little")
        valid = bits[column.validity_offset : column.validity_offset + len(column.values)][keep]
        if not valid.all():
            validity = np.packbits(valid, bitorder="little")
            validity.setflags(write=False)
    values = column.values[keep]
    values.setflags(write=False)
    return Column(values, column.base, validity, 0, column.levels)


def filter_block(block: Block, keep: npt.NDArray[np.bool_]) -> Block:
    """The rows of a block where ``keep`` is true; the block itself when that is all of them."""
    n_rows = int(keep.sum())
    if n_rows == block.n_rows:
        return block
    return Block(n_rows, {name: filter_column(column, keep) for name, column in block.columns.items()}, block.start_row)


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """Everything that happens to one block: steps in order, then the selection, then the choice of columns."""

    steps: tuple[Step, ...]
    selections: tuple[ExpressionStep, ...]
    outputs: tuple[str, ...]
    objects: Objects
    label: str
    is_prediction: bool = False

    def apply(self, block: Block, file: int, number: int) -> Block:
        """The block that passes see; ``number`` counts from 0 within the file."""
        chunk = ChunkInfo(
            start_row=block.start_row + 1,
            chunk_number=number + 1,
            n_rows=block.n_rows,
            label=self.label,
            file=file,
            is_prediction=self.is_prediction,
        )
        columns, n_rows = dict(block.columns), block.n_rows
        for step in self.steps:
            columns, n_rows = step.run(columns, n_rows, chunk, self.objects)
        keep: npt.NDArray[np.bool_] | None = None
        for selection in self.selections:
            array = evaluate_on(selection.expression, selection.inputs, selection.constants, columns, n_rows)
            rows = selected(array, "row_selection")
            keep = rows if keep is None else keep & rows
        found = Block(n_rows, {name: columns[name] for name in self.outputs}, block.start_row)
        return found if keep is None else filter_block(found, keep)
