"""Any source with columns computed and rows left out on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from rxcore.blocks import Block
from rxcore.expressions import Expression
from rxcore.options import RxOptions
from rxcore.sources.base import Partition, SkipsBlocks, Source
from rxcore.sources.block_conditions import condition_of
from rxcore.sources.transform_plan import Plan, Planner
from rxcore.sources.transform_request import Request, make_request
from rxcore.sources.transform_steps import BlockPlan, ExpressionStep, FunctionStep, Step, filter_column
from xdf.columns import Column
from xdf.expressions import Node as Condition
from xdf.schema import Schema

TRIAL_ROWS = 10_000


@dataclass(frozen=True, eq=False)
class TransformedPartition:
    """A partition of the source, every block transformed. Picklable when the functions in the plan are."""

    inner: Partition
    plan: BlockPlan
    n_rows: int | None

    @property
    def file(self) -> int:
        """Number of the file, as in the source."""
        return self.inner.file

    @property
    def first_block(self) -> int:
        """Number of the first block, as in the source: blocks that lose all rows are kept."""
        return self.inner.first_block

    @property
    def n_blocks(self) -> int | None:
        """Blocks, as in the source."""
        return self.inner.n_blocks

    def blocks(self) -> Iterator[Block]:
        """The transformed blocks in order; some may be empty."""
        for number, block in enumerate(self.inner.blocks(), self.inner.first_block):
            yield self.plan.apply(block, self.inner.file, number)


@dataclass(frozen=True, eq=False)
class _Resumed:
    """A partition of a one-shot stream whose first blocks were already taken for the trial."""

    file: int
    first_block: int
    n_blocks: int | None
    n_rows: int | None
    rest: Iterator[Block]

    def blocks(self) -> Iterator[Block]:
        return self.rest


class TransformedSource:
    """A source whose blocks are transformed while they are read.

    Steps happen in this order, for each block: ``transforms`` one after the other, later ones seeing what earlier ones
    made; ``transform_function``; then rows are dropped where ``row_selection`` (or the reserved logical column
    ``.rxRowSelection``, if a step makes one) is false or missing. Numbers of files and blocks stay those of the source,
    blocks that lose all their rows included, so that results do not depend on what else is read.

    Blocks of an .xdf file in which the statistics of the footer rule out that a row is selected are not read; they
    count as blocks that lose all their rows.

    Only the columns needed for those asked for are read; a callable or function without ``transform_variables`` needs
    all of them. Columns made by callables and functions are typed by a trial: they are called once on (at most 10,000
    rows of) the first block, with ``chunk_number`` 0. Made by :func:`wrap`.
    """

    def __init__(self, source: Source, request: Request) -> None:
        self._source = source
        self._request = request
        self._resumed: list[Partition] | None = None
        if not request.is_opaque:
            _ = self._plan  # wrong names and types are reported at once where no data are needed for that

    @property
    def label(self) -> str:
        """As the source is called."""
        return self._source.label

    @property
    def schema(self) -> Schema:
        """Columns after all steps; may read the first block, once."""
        return self._plan.schema

    @property
    def n_rows(self) -> int | None:
        """Rows, where none can be dropped and the source knows."""
        return None if self._drops_rows else self._source.n_rows

    @property
    def n_blocks(self) -> int | None:
        """As in the source."""
        return self._source.n_blocks

    @property
    def rereadable(self) -> bool:
        """As the source."""
        return self._source.rereadable

    @property
    def open_factors(self) -> frozenset[str]:
        """Text columns that the source keeps as codes into the levels of each block."""
        return self._plan.open_factors

    @property
    def objects(self) -> dict[str, Any]:
        """The transform objects, as functions in this process left them."""
        return self._request.objects

    @property
    def _drops_rows(self) -> bool:
        return bool(self._plan.selections) or self._request.may_change_rows

    @cached_property
    def _plan(self) -> Plan:
        trial = self._trial() if self._request.is_opaque else None
        open_factors: frozenset[str] = getattr(self._source, "open_factors", frozenset())
        return Planner(self._request, self._source.schema, open_factors, self.label, trial).plan()

    def _trial(self) -> Block:
        """The top of the first block that has rows; an empty one where there is none."""
        names = self._source.schema.names
        partitions = list(self._source.partitions(names))
        found: Block | None = None
        for position, partition in enumerate(partitions):
            blocks = partition.blocks()
            seen: list[Block] = []
            for block in blocks:
                seen.append(block)
                if block.n_rows:
                    found = block
                    break
            if not self.rereadable:
                # What was read of a stream is gone from it, so it is kept for the pass.
                numbers = (partition.file, partition.first_block, partition.n_blocks, partition.n_rows)
                partitions[position] = _Resumed(*numbers, rest=chain(seen, blocks))
            if found is not None:
                break
        if not self.rereadable:
            self._resumed = partitions
        return _top(found, self._source.schema)

    def _needed(self, columns: Iterable[str]) -> tuple[list[Step], list[str]]:
        """The steps that make these columns, and the source columns that those read."""
        wanted = dict.fromkeys(columns)
        steps: list[Step] = []
        for step in reversed(self._plan.steps):
            if isinstance(step, FunctionStep) or any(name in wanted for name in step.writes):
                steps.append(step)
                for name in step.writes:
                    wanted.pop(name, None)
                wanted |= dict.fromkeys(step.reads)
        inner = list(wanted) or list(self._source.schema.names[:1])
        return steps[::-1], inner

    def partitions(self, columns: Sequence[str]) -> Sequence[TransformedPartition]:
        """Handles on the transformed columns; the first column where none is asked for."""
        request = self._request
        outputs = tuple(dict.fromkeys(columns)) or self.schema.names[:1]
        self.schema.select(outputs)
        selections = self._plan.selections
        steps, names = self._needed(chain(outputs, *(selection.reads for selection in selections)))
        plan = BlockPlan(tuple(steps), selections, outputs, request.objects, self.label, request.is_prediction)
        inner: Sequence[Partition]
        if self._resumed is not None:
            inner, self._resumed = self._resumed, None
        elif (condition := self._condition(steps)) is not None and isinstance(self._source, SkipsBlocks):
            inner = self._source.partitions_where(names, condition)
        else:
            inner = self._source.partitions(names)
        drops = self._drops_rows
        return [TransformedPartition(one, plan, None if drops else one.n_rows) for one in inner]

    def _condition(self, steps: Sequence[Step]) -> Condition | None:
        """What rows must meet to be selected, as far as statistics of blocks may tell; None where all are to be read.

        Functions of the user see every block, whether its rows are selected or not.
        """
        if not self._plan.selections or not RxOptions.get_option("footerStatistics"):
            return None
        if not all(isinstance(step, ExpressionStep) for step in steps):
            return None
        return condition_of(self._plan.selections, self._plan.steps, self._source.schema)

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """What the source needs for the columns read, plus everything computed from them."""
        steps, names = self._needed(chain(columns, *(selection.reads for selection in self._plan.selections)))
        read = self._source.block_nbytes(names)
        rows = self._rows_of_block()
        # An expression holds its result and about as much again for two intermediate values; a filter copies once.
        computed = sum(3 * 9 * rows for step in steps if isinstance(step, ExpressionStep))
        # A function gets a copy of its columns, and may return as much again, which is converted once.
        opaque = sum(3 * 9 * rows * (len(step.reads) + len(step.writes)) for step in steps if not _is_expression(step))
        return read + computed + opaque + (read + rows if self._drops_rows else 0)

    def _rows_of_block(self) -> int:
        if self.n_blocks and self._source.n_rows is not None:
            known = [one.n_rows for one in self._source.partitions(self._source.schema.names[:1]) if one.n_blocks == 1]
            rows = [count for count in known if count is not None]
            if rows:
                return max(rows)
        return int(getattr(self._source, "rows_per_block", RxOptions.get_option("rowsPerBlock")))


def _is_expression(step: Step) -> bool:
    return isinstance(step, ExpressionStep)


def _top(block: Block | None, schema: Schema) -> Block:
    if block is None:
        return Block(0, {field.name: Column.from_arrow(pa.array([], field.type)) for field in schema})
    if block.n_rows <= TRIAL_ROWS:
        return block
    keep = np.arange(block.n_rows) < TRIAL_ROWS
    return Block(TRIAL_ROWS, {name: filter_column(column, keep) for name, column in block.columns.items()})


def wrap(
    source: Source,
    *,
    row_selection: str | Expression | None = None,
    transforms: Mapping[str, str | Expression | Callable[..., Any]] | None = None,
    transform_objects: Mapping[str, Any] | None = None,
    transform_function: Callable[..., Any] | None = None,
    transform_variables: Sequence[str] | None = None,
    transform_packages: Sequence[str] | None = None,
    caller: str,
    may_change_rows: bool = False,
    is_prediction: bool = False,
) -> Source:
    """The source with these transformations; the source itself when there are none.

    Parameters
    ----------
    source : Source
    row_selection : str or Expression, optional
        Name of a logical column, or a condition such as ``"age > 17 & sex == 'F'"``. Rows where it is false or missing
        are left out, after all transformations.
    transforms : mapping, optional
        New or replaced columns by name: an expression, which may also use transform objects that are single values; or
        a callable that gets a dict of pandas columns and returns one column (or one value).
    transform_objects : mapping, optional
        What functions may use besides the data.
    transform_function : callable, optional
        Gets each chunk as a pandas DataFrame and returns the DataFrame that replaces the columns it was given. It is
        called as ``f(data)``, as ``f(data, context)``, or with parameters named after transform objects.
    transform_variables : sequence of str, optional
        The columns that functions get. Default all, which means that all are read.
    transform_packages : sequence of str, optional
        Modules that must be importable.
    caller : str
        The function that errors name.
    may_change_rows : bool, default False
        Whether the transform function may return more or fewer rows than it got.
    is_prediction : bool, default False
        What functions see as ``context.is_prediction``.

    Raises
    ------
    FormulaError, ColumnNotFoundError, OptionError, MissingExtraError
        When something asked for cannot be done. Errors raised by the user's own functions pass through unchanged, with
        a note that names the chunk.
    """
    request = make_request(
        names=source.schema.names,
        row_selection=row_selection,
        transforms=transforms,
        objects=transform_objects,
        function=transform_function,
        variables=transform_variables,
        packages=transform_packages,
        caller=caller,
        may_change_rows=may_change_rows,
        is_prediction=is_prediction,
    )
    return TransformedSource(source, request) if request.changes_anything else source
