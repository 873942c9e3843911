"""Any source with its columns picked, renamed, retyped and labelled, block by block.

A string column asked to be a factor without ``levels`` is an open factor (see ``arrow_types``): its field stays
``string``, blocks carry codes into their own levels. With ``levels`` the field is a factor with exactly those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rxcore.blocks import Block
from rxcore.errors import OptionError
from rxcore.metadata import ColumnRequest, ColumnRequests, column_not_found, plain_name
from rxcore.sources.arrow_types import shared_levels
from rxcore.sources.base import Partition, Source
from rxcore.sources.convert import convert, to_factor
from xdf.columns import Column
from xdf.schema import FACTOR_TYPE, Field, Schema


@dataclass(frozen=True)
class ColumnPlan:
    """How one column comes out.

    Attributes
    ----------
    source : Field
        The column as the source gives it.
    field : Field
        The column as it is handed on.
    is_open : bool
        Whether it is an open factor afterwards.
    match : pyarrow.StringArray or None
        Values that become the levels of ``field``, one for one.
    """

    source: Field
    field: Field
    is_open: bool
    changes: bool
    match: pa.StringArray | None
    where: str

    def array(self, array: pa.Array) -> pa.Array:
        """One array of the source, converted."""
        if not self.changes:
            return array
        if self.is_open or self.field.is_factor:
            levels = None if self.field.levels is None else pa.array(self.field.levels, pa.string())
            return to_factor(array, self.match, levels)
        return convert(array, self.field.type, self.where)

    def column(self, column: Column) -> Column:
        """One column of a block, converted; passed on as it is where nothing changes."""
        if not self.changes:
            return column
        field = self.source
        if column.levels is not None and not field.is_factor:
            field = Field(field.name, FACTOR_TYPE, levels=())
        return Column.from_arrow(self.array(column.to_arrow(field)))


@dataclass(frozen=True)
class RetypedPartition:
    """A partition of the source, converted."""

    inner: Partition
    plans: tuple[ColumnPlan, ...]
    levels: dict[str, pa.StringArray]

    @property
    def file(self) -> int:
        """Number of the file within the source."""
        return self.inner.file

    @property
    def first_block(self) -> int:
        """Number of the first block within the file."""
        return self.inner.first_block

    @property
    def n_blocks(self) -> int | None:
        """Blocks, where known without reading."""
        return self.inner.n_blocks

    @property
    def n_rows(self) -> int | None:
        """Rows, where known without reading."""
        return self.inner.n_rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Plain record batches, as ``batches`` of Arrow partitions."""
        names = [plan.field.name for plan in self.plans]
        for batch in batches_of(self.inner, Schema(tuple(plan.source for plan in self.plans))):
            arrays = [plan.array(batch.column(plan.source.name)) for plan in self.plans]
            yield pa.RecordBatch.from_arrays(arrays, names=names)

    def blocks(self) -> Iterator[Block]:
        """The blocks, in order."""
        for block in self.inner.blocks():
            columns = {plan.field.name: plan.column(block.columns[plan.source.name]) for plan in self.plans}
            for name, levels in self.levels.items():
                old = columns[name]
                columns[name] = Column(old.values, old.base, old.validity, old.validity_offset, levels, old.other)
            yield Block(block.n_rows, columns, block.start_row)


def batches_of(partition: Partition, schema: Schema) -> Iterator[pa.RecordBatch]:
    """The blocks of any partition as record batches of these columns; directly where it is Arrow underneath."""
    direct = getattr(partition, "batches", None)
    if direct is not None:
        yield from direct()
        return
    for block in partition.blocks():
        arrays = [block.columns[field.name].to_arrow(field) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, names=list(schema.names))


class RetypedSource:
    """A source seen through column plans. Made by :func:`retyped`."""

    def __init__(self, inner: Source, plans: tuple[ColumnPlan, ...]) -> None:
        self.inner = inner
        self.plans = plans
        self.schema = Schema(tuple(plan.field for plan in plans))
        self.open_factors = frozenset(plan.field.name for plan in plans if plan.is_open)

    @property
    def label(self) -> str:
        """How results name the data."""
        return self.inner.label

    @property
    def n_rows(self) -> int | None:
        """Rows, where known without reading."""
        return self.inner.n_rows

    @property
    def n_blocks(self) -> int | None:
        """Blocks, where known without reading."""
        return self.inner.n_blocks

    @property
    def rereadable(self) -> bool:
        """Whether a second pass is possible."""
        return self.inner.rereadable

    def _plans(self, columns: Sequence[str]) -> tuple[ColumnPlan, ...]:
        self.schema.select(columns)
        wanted = dict.fromkeys(columns) or dict.fromkeys(self.schema.names[:1])
        by_name = {plan.field.name: plan for plan in self.plans}
        return tuple(by_name[name] for name in wanted)

    def partitions(self, columns: Sequence[str]) -> Sequence[RetypedPartition]:
        """Handles that cover all rows once, for these columns."""
        plans = self._plans(columns)
        changed = [plan.field.name for plan in plans if plan.changes]
        levels = shared_levels(self.schema, changed)
        inner = self.inner.partitions([plan.source.name for plan in plans])
        return [RetypedPartition(partition, plans, levels) for partition in inner]

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes while it is read."""
        plans = self._plans(columns)
        before = self.inner.block_nbytes([plan.source.name for plan in plans])
        # A converted column stands beside the one it came from, while it is made.
        return 2 * before if any(plan.changes for plan in plans) else before


def innermost(source: Source) -> Source:
    """The source that reads the data, below what renames and retypes."""
    while isinstance(source, RetypedSource):
        source = source.inner
    return source


def select_names(
    names: Sequence[str], keep: Sequence[str] | None, drop: Sequence[str] | None, caller: str, label: str
) -> list[str]:
    """Names left by ``vars_to_keep`` (in the order of the data) or ``vars_to_drop``."""
    if keep is not None and drop is not None:
        raise OptionError(f"{caller}: vars_to_keep and vars_to_drop exclude each other; give one of them")
    for what, given in (("vars_to_keep", keep), ("vars_to_drop", drop)):
        if given is None:
            continue
        if isinstance(given, str) or not all(isinstance(name, str) for name in given):
            raise OptionError(f"{caller}: {what} must be a list of column names; got {given!r}")
        for name in given:
            if name not in names:
                raise column_not_found(name, names, f"{caller}: {what}", label)
    left = [name for name in names if (keep is None or name in keep) and (drop is None or name not in drop)]
    if not left:
        raise OptionError(
            f"{caller}: no column is left of {plain_name(label)}; vars_to_keep={keep!r}, vars_to_drop={drop!r}"
        )
    return left


def retyped(
    source: Source,
    requests: ColumnRequests = ColumnRequests(),  # noqa: B008 - frozen
    *,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    caller: str,
) -> Source:
    """The source with these requests and this choice of columns; the source itself when nothing changes.

    ``keep`` and ``drop`` name columns as they are in the data, or by the names they get.

    Raises
    ------
    ColumnNotFoundError, OptionError
        When a request names a column that is not there, or contradicts another one.
    """
    names = source.schema.names
    wanted = requests.named(names, caller, source.label)
    before = {request.new_name: name for name, request in wanted.items() if request.new_name is not None}
    keep, drop = (_old_names(choice, names, before) for choice in (keep, drop))
    kept = select_names(names, keep, drop, caller, source.label)
    already_open: frozenset[str] = getattr(source, "open_factors", frozenset())
    plans = tuple(
        _plan(
            source.schema.field(name),
            wanted.get(name),
            requests,
            name in already_open,
            f"{caller}: {plain_name(source.label)}",
        )
        for name in kept
    )
    outcome = [plan.field.name for plan in plans]
    for name in outcome:
        if outcome.count(name) > 1:
            raise OptionError(f"{caller}: newName gives two columns the name {name!r}; names must differ")
    if tuple(outcome) == names and all(plan.field == plan.source and not plan.changes for plan in plans):
        return source
    return RetypedSource(source, plans)


def _old_names(choice: Sequence[str] | None, names: Sequence[str], before: Mapping[str, str]) -> Sequence[str] | None:
    """A choice of columns by their names in the data."""
    if choice is None or isinstance(choice, str):
        return choice
    return [name if name in names else before.get(name, name) for name in choice]


def _plan(
    field: Field, request: ColumnRequest | None, requests: ColumnRequests, is_open: bool, where: str
) -> ColumnPlan:
    at = f"{where}, column {field.name!r}"
    kind = None if request is None else request.type
    name = field.name if request is None or request.new_name is None else request.new_name
    labels = _labels(field, request)
    ordered = field.ordered if kind is None or not kind.is_factor else kind.ordered
    if request is not None and request.levels is not None:
        shown = request.new_levels or request.levels
        after = Field(name, FACTOR_TYPE, levels=shown, ordered=ordered, **labels)
        return ColumnPlan(field, after, False, True, pa.array(request.levels, pa.string()), at)
    if field.is_factor and (kind is None or kind.is_factor):
        after = Field(name, FACTOR_TYPE, levels=field.levels, ordered=ordered, **labels)
        return ColumnPlan(field, after, False, False, None, at)
    becomes_open = is_open or (field.is_string and requests.strings_as_factors)
    if kind.is_factor if kind is not None else becomes_open:
        after = Field(name, pa.string(), ordered=ordered, **labels)
        return ColumnPlan(field, after, True, not is_open, None, at)
    target = field.type if kind is None or kind.kind is None else kind.kind
    if pa.types.is_timestamp(target) and pa.types.is_timestamp(field.type):
        target = field.type  # the unit and zone that are there already are the better ones
    return ColumnPlan(field, Field(name, target, **labels), False, target != field.type or is_open, None, at)


def _labels(field: Field, request: ColumnRequest | None) -> dict[str, Any]:
    labels: dict[str, Any] = {
        "description": field.description,
        "low": field.low,
        "high": field.high,
        "value_codes": field.value_codes,
        "value_labels": field.value_labels,
    }
    if request is not None:
        if request.description is not None:
            labels["description"] = request.description
        if request.low is not None:
            labels["low"] = request.low
        if request.high is not None:
            labels["high"] = request.high
    return labels
