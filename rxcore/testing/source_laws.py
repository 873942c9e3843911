"""The laws of sources.

Run them on your own::

    from rxcore.testing import SOURCE_LAWS, SourceCase

    case = SourceCase(name="MySource", make=lambda: MySource(path), expected=table)
    SOURCE_LAWS.check(case)

``expected`` holds every row in order, in the logical types that the source's schema states: a dictionary column where
it has a factor.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.blocks import Block
from rxcore.errors import RxError
from rxcore.sources.base import Partition, Source
from rxcore.testing.laws import LawBook, LawDoesNotApply, require
from rxcore.testing.reshape import valid_rows
from rxcore.testing.source_case import SourceCase, block_digests
from xdf.columns import Column
from xdf.errors import XdfError
from xdf.schema import FACTOR_TYPE, Field, Schema

Rows = npt.NDArray[np.intp]
SOURCE_LAWS: LawBook[SourceCase] = LawBook("source")


def _read(source: Source, columns: Sequence[str]) -> list[tuple[Partition, list[Block]]]:
    return [(part, list(part.blocks())) for part in source.partitions(columns)]


def _all_blocks(source: Source, columns: Sequence[str]) -> list[Block]:
    return [block for _, blocks in _read(source, columns) for block in blocks]


def _column(blocks: Sequence[Block], item: Field) -> pa.ChunkedArray:
    """One column of all blocks in its logical type, factors as text; NaN is missing, as it is everywhere."""
    kind = _plain_type(item)
    arrays = [block.columns[item.name].to_arrow(item).cast(kind) for block in blocks]
    return _nan_as_null(pa.chunked_array(arrays, kind))


def _nan_as_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


@SOURCE_LAWS.law
def follows_the_protocol(case: SourceCase) -> None:
    """It has every attribute of a source, a label to print, and partitions with every attribute of a partition."""
    source = case.make()
    require(isinstance(source, Source), f"{type(source).__name__} lacks an attribute of rxcore.sources.base.Source")
    require(
        bool(source.label) and "\n" not in source.label, f"the label must be one line of text, it is {source.label!r}"
    )
    for part in source.partitions(case.columns):
        for name in ("file", "first_block", "n_blocks", "n_rows", "blocks"):
            require(hasattr(part, name), f"{type(part).__name__} has no attribute {name!r}")


@SOURCE_LAWS.law
def schema_is_as_expected(case: SourceCase) -> None:
    """The schema states the names, order and types of the expected table, and its factor levels where it knows any."""
    schema = case.make().schema
    require(list(schema.names) == case.columns, f"columns are {list(schema.names)}, expected {case.columns}")
    for item in schema:
        column = case.expected.column(item.name)
        kind = FACTOR_TYPE if pa.types.is_dictionary(column.type) else column.type
        got = FACTOR_TYPE if item.is_factor else item.type
        require(got == kind, f"column {item.name!r} is {got}, expected {kind}")
        if item.levels:
            used = pc.unique(_nan_as_null(column)).drop_null().to_pylist()
            stray = [level for level in used if level not in item.levels]
            require(not stray, f"column {item.name!r}: levels {stray} are in the data and not in the schema")


@SOURCE_LAWS.law
def all_rows_once_in_order(case: SourceCase) -> None:
    """Blocks of all partitions, one after the other, are the rows of the table; missing rows are not compared here."""
    source = case.make()
    blocks = _all_blocks(source, case.columns)
    rows = sum(block.n_rows for block in blocks)
    require(rows == case.expected.num_rows, f"the blocks have {rows} rows together, expected {case.expected.num_rows}")
    for item in source.schema:
        if not blocks:
            continue
        got, expected = _column(blocks, item), _nan_as_null(case.expected.column(item.name)).cast(_plain_type(item))
        both = pc.and_(pc.is_valid(got), pc.is_valid(expected))
        what = f"column {item.name!r}, of its rows that are not missing"
        _require_equal(got.filter(both), expected.filter(both), what)


def _plain_type(item: Field) -> pa.DataType:
    return pa.string() if item.is_factor else item.type


def _require_equal(got: pa.ChunkedArray, expected: pa.ChunkedArray, what: str) -> None:
    if got.equals(expected) and _signs(got) == _signs(expected):
        return
    for row, (one, other) in enumerate(zip_longest(got.to_pylist(), expected.to_pylist())):
        same_sign = not (isinstance(one, float) and isinstance(other, float)) or np.signbit(one) == np.signbit(other)
        require(one == other and bool(same_sign), f"{what}: number {row} is {one!r}, expected {other!r}")
    require(False, f"{what}: type {got.type}, expected {expected.type}")


def _signs(column: pa.ChunkedArray) -> bytes:
    """The signs of floats, so that a lost negative zero shows."""
    if not pa.types.is_floating(column.type):
        return b""
    return np.packbits(np.signbit(column.drop_null().to_numpy().astype(np.float64))).tobytes()


@SOURCE_LAWS.law
def missing_values_agree(case: SourceCase) -> None:
    """The same rows are missing, and no others, by the column's own account and in Arrow's."""
    source = case.make()
    blocks = _all_blocks(source, case.columns)
    for item in source.schema:
        expected = _null_rows(_nan_as_null(case.expected.column(item.name)))
        found = [~valid_rows(block.columns[item.name]) for block in blocks]
        got = np.flatnonzero(np.concatenate([*found, np.zeros(0, np.bool_)]))
        seen = f"column {item.name!r}: rows missing are {_first_few(got)}, expected {_first_few(expected)}"
        require(np.array_equal(got, expected), seen)
        if blocks:
            nulls = _null_rows(_column(blocks, item))
            seen = (
                f"column {item.name!r}: to_arrow makes rows {_first_few(nulls)} null, expected {_first_few(expected)}"
            )
            require(np.array_equal(nulls, expected), seen)


def _null_rows(column: pa.ChunkedArray) -> Rows:
    return np.flatnonzero(pc.is_null(column).to_numpy())


def _first_few(rows: Rows) -> str:
    return f"{rows[:8].tolist()}{'...' if len(rows) > 8 else ''} ({len(rows)})"


@SOURCE_LAWS.law
def columns_fit_the_schema(case: SourceCase) -> None:
    """Every block holds well-formed columns of the kind its schema says: lengths, layout, levels."""
    source = case.make()
    for number, block in enumerate(_all_blocks(source, case.columns)):
        for item in source.schema:
            fault = _column_fault(block.columns[item.name], item, block.n_rows)
            require(fault is None, f"block {number}, column {item.name!r}: {fault}")


def _column_fault(column: Column, item: Field, n_rows: int) -> str | None:
    """What is wrong with a column, or None."""
    if len(column) != n_rows:
        return f"it has {len(column)} rows, the block {n_rows}"
    if item.is_factor and column.levels is None:
        return f"the schema says {item.type}, the column has no levels"
    if column.levels is not None and not (item.is_factor or item.is_string):
        return f"the schema says {item.type}, the column has levels"
    if column.levels is not None and item.levels and not set(column.levels.to_pylist()) <= set(item.levels):
        return f"its levels {column.levels.to_pylist()[:5]} are not those of the schema, {item.levels[:5]}"
    if (item.is_numeric or item.is_factor) and column.other is not None:
        return f"the schema says {item.type}, the column holds an array that kernels cannot read"
    if column.levels is None and not item.is_numeric:
        # Text may come as it is, or as codes into the distinct values of the block.
        return None if column.other is not None else f"the schema says {item.type}, the column holds numbers"
    if column.values.ndim != 1 or not column.values.flags.c_contiguous:
        return "its numbers are not one contiguous row"
    if column.values.dtype.kind not in "biuf" or column.values.dtype.itemsize not in (1, 2, 4, 8):
        return f"its numbers are {column.values.dtype}, allowed are (u)int8-64, float32 and float64"
    if column.validity is not None and len(column.validity) * 8 < column.validity_offset + n_rows:
        held, first = len(column.validity), column.validity_offset
        return f"its bitmap has {held} bytes, too few for {n_rows} rows from bit {first}"
    return None


@SOURCE_LAWS.law
def partitions_are_numbered(case: SourceCase) -> None:
    """Partitions come by (file, first_block); runs of a file join without gaps from block 0; a partition of unknown
    length has its file alone.
    """
    expected_next: dict[int, int] = {}
    streams: set[int] = set()
    last_file = 0
    for part, blocks in _read(case.make(), case.columns):
        require(part.file >= last_file, f"file {part.file} comes after file {last_file}")
        last_file = part.file
        due = expected_next.get(part.file, 0)
        require(part.first_block == due, f"file {part.file}: a run starts at block {part.first_block}, due was {due}")
        require(part.file not in streams, f"file {part.file} has a partition of unknown length and another one")
        if part.n_blocks is None:
            streams.add(part.file)
            require(due == 0, f"file {part.file} has a partition of unknown length and another one")
        expected_next[part.file] = due + len(blocks)


@SOURCE_LAWS.law
def start_rows_count_the_rows_of_the_file(case: SourceCase) -> None:
    """``start_row`` of a block is the number of rows before it in its file."""
    due: dict[int, int] = {}
    for part, blocks in _read(case.make(), case.columns):
        for block in blocks:
            row = due.get(part.file, 0)
            seen = f"file {part.file}: a block says it starts at row {block.start_row}, it is {row}"
            require(block.start_row == row, seen)
            due[part.file] = row + block.n_rows


@SOURCE_LAWS.law
def counts_are_honest(case: SourceCase) -> None:
    """Every count of rows or blocks that is given, by the source or a partition, is true."""
    source = case.make()
    stated = (source.n_rows, source.n_blocks)
    parts = _read(source, case.columns)
    for part, blocks in parts:
        where = f"the partition of file {part.file} at block {part.first_block}"
        rows = sum(block.n_rows for block in blocks)
        require(part.n_blocks in (None, len(blocks)), f"{where} says {part.n_blocks} blocks and gives {len(blocks)}")
        require(part.n_rows in (None, rows), f"{where} says {part.n_rows} rows and gives {rows}")
    n_blocks = sum(len(blocks) for _, blocks in parts)
    n_rows = sum(block.n_rows for _, blocks in parts for block in blocks)
    require(stated[0] in (None, n_rows), f"n_rows is {stated[0]}, the blocks have {n_rows}")
    require(stated[1] in (None, n_blocks), f"n_blocks is {stated[1]}, there are {n_blocks}")


@SOURCE_LAWS.law
def blocks_are_cut_as_promised(case: SourceCase) -> None:
    """The rows of each block of each file are the layout of the case."""
    if case.layout is None:
        raise LawDoesNotApply("the case promises no layout")
    found: dict[int, list[int]] = {}
    for part, blocks in _read(case.make(), case.columns):
        found.setdefault(part.file, []).extend(block.n_rows for block in blocks)
    got = tuple(tuple(rows) for rows in found.values() if rows)
    require(got == case.layout, f"rows of the blocks of each file are {got}, promised {case.layout}")


@SOURCE_LAWS.law
def projection_gives_the_columns_asked_for(case: SourceCase) -> None:
    """Any subset in any order gives those columns with the same values."""
    source = case.make()
    schema = source.schema
    for columns in (case.columns[:1], case.columns[::-1], case.columns[1::2]):
        for block in _all_blocks(case.make(), columns):
            lost = [name for name in columns if name not in block.columns]
            require(not lost, f"asked for {columns}, a block lacks {lost}")
        if columns:
            _require_same_logic(case.make(), case.make(), columns, case.columns, schema, f"asked for {columns}")


def _require_same_logic(
    one: Source, other: Source, one_asks: Sequence[str], other_asks: Sequence[str], schema: Schema, what: str
) -> None:
    """The columns in ``one_asks`` have the same values in both readings."""
    left, right = _all_blocks(one, one_asks), _all_blocks(other, other_asks)
    for name in one_asks if left and right else ():
        item = schema.field(name)
        _require_equal(_column(left, item), _column(right, item), f"{what}, column {name!r}")


@SOURCE_LAWS.law
def blocks_do_not_depend_on_the_columns(case: SourceCase) -> None:
    """Files, blocks and their rows are the same whichever columns are asked for, or bits of results would differ."""
    shapes = []
    for columns in (case.columns, case.columns[:1], case.columns[-1:]):
        parts = _read(case.make(), columns)
        shapes.append([(part.file, part.first_block, *(block.n_rows for block in blocks)) for part, blocks in parts])
        same = shapes[-1] == shapes[0]
        require(same, f"(file, first block, rows...) asking for {columns}: {shapes[-1]}, for all: {shapes[0]}")


@SOURCE_LAWS.law
def reading_again_gives_the_same(case: SourceCase) -> None:
    """A second reading gives the same blocks in the same physical form; a source that cannot says so and refuses."""
    source = case.make()
    first = block_digests(_all_blocks(source, case.columns), source.schema)
    if source.rereadable:
        for what, again in (("a second reading", source), ("a second source", case.make())):
            digests = block_digests(_all_blocks(again, case.columns), source.schema)
            require(digests == first, f"{what} gave other blocks: {_first_unequal(digests, first)}")
        return
    try:
        blocks = _all_blocks(source, case.columns)
    except (RxError, XdfError):
        return
    require(False, f"rereadable is False, but a second reading gave {len(blocks)} blocks instead of an error")


def _first_unequal(one: Sequence[str], other: Sequence[str]) -> str:
    if len(one) != len(other):
        return f"{len(one)} instead of {len(other)}"
    unequal = [number for number, (left, right) in enumerate(zip(one, other, strict=True)) if left != right]
    return f"blocks {unequal[:8]} differ"


@SOURCE_LAWS.law
def partitions_work_in_another_process(case: SourceCase) -> None:
    """Every partition pickles, and gives the same blocks in a fresh Python."""
    source = case.make()
    schema = source.schema
    sent = pickle.dumps((list(source.partitions(case.columns)), schema))
    here = [text for _, blocks in _read(case.make(), case.columns) for text in block_digests(blocks, schema)]
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "import pickle; from rxcore.testing.source_case import block_digests\n"
        "parts, schema = pickle.loads(sys.stdin.buffer.read())\n"
        "for part in parts:\n    print(*block_digests(list(part.blocks()), schema))\n"
    )
    run = subprocess.run(  # noqa: S603 - our own Python and program
        [sys.executable, "-c", program], input=sent, capture_output=True, check=False, timeout=120
    )
    error = run.stderr.decode(errors="replace").strip().splitlines()
    require(run.returncode == 0, f"the other process failed: {error[-1] if error else run.returncode}")
    there = run.stdout.decode().split()
    require(there == here, f"the other process gave other blocks: {_first_unequal(there, here)}")


@SOURCE_LAWS.law
def partitions_are_independent(case: SourceCase) -> None:
    """Random-access partitions may be read in any order, several at a time: no handle or cursor is shared."""
    source = case.make()
    parts = list(source.partitions(case.columns))
    if any(part.n_blocks is None for part in parts):
        raise LawDoesNotApply("a stream is read in its own order")
    if len(parts) < 2:
        raise LawDoesNotApply("there is one partition only")
    schema = source.schema
    expected = [block_digests(list(part.blocks()), schema) for part in parts]
    backwards = [block_digests(list(part.blocks()), schema) for part in reversed(parts)][::-1]
    require(backwards == expected, "read from the last to the first, some partition gave other blocks")
    together = _read_in_turns([part.blocks() for part in parts])
    in_turns = [block_digests(blocks, schema) for blocks in together]
    require(in_turns == expected, "read one block at a time in turns, some partition gave other blocks")


def _read_in_turns(iterators: Sequence[Iterator[Block]]) -> list[list[Block]]:
    blocks: list[list[Block]] = [[] for _ in iterators]
    for turn in zip_longest(*iterators):
        for mine, block in zip(blocks, turn, strict=True):
            if block is not None:
                mine.append(block)
    return blocks


@SOURCE_LAWS.law
def block_nbytes_is_an_upper_bound(case: SourceCase) -> None:
    """No block of a selection of columns holds more bytes than ``block_nbytes`` says, before anything was read."""
    for columns in (case.columns, case.columns[:1], case.columns[-1:]):
        source = case.make()
        bound = source.block_nbytes(columns)
        held = max((_asked_nbytes(block, columns) for block in _all_blocks(source, columns)), default=0)
        require(held <= bound, f"asking for {columns}: a block holds {held} bytes, block_nbytes says {bound}")


def _asked_nbytes(block: Block, columns: Sequence[str]) -> int:
    return sum(block.columns[name].nbytes for name in columns)


@SOURCE_LAWS.law
def arrays_are_read_only(case: SourceCase) -> None:
    """No array of a block can be written to: it may be the caller's own data, or shared between threads."""
    for number, block in enumerate(_all_blocks(case.make(), case.columns)):
        for name, column in block.columns.items():
            held = [array for array in (column.values, column.validity) if array is not None and array.size]
            writable = any(array.flags.writeable for array in held)
            require(not writable, f"block {number}, column {name!r} can be written to")


@SOURCE_LAWS.law
def unknown_columns_are_refused(case: SourceCase) -> None:
    """Asking for a column that is not there is an error of the package, at once, that names the closest one."""
    name = case.columns[0]
    asked = name + "_"
    try:
        case.make().partitions([asked])
    except (RxError, XdfError) as error:
        text = str(error)
        named = f"'{asked}'" in text and f"'{name}'" in text
        require(named, f"the message must name {asked!r} and {name!r}; it is: {text}")
        return
    except Exception as error:  # noqa: BLE001 - whatever else it raises is what the law is about
        require(False, f"{type(error).__name__} instead of an error of rxcore or xdf: {error}")
    require(False, f"partitions([{asked!r}]) raised nothing")
