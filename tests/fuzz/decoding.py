"""Hostile content straight to the decoders: no file around it, so that many thousand cases a second can be tried.

What is behind a right checksum is decoded by few functions: the content of a chunk in each encoding, and the tables of
footer and pages. Most of what could go wrong lies in lengths and offsets at their beginning, so these are changed most.
"""

from __future__ import annotations

import collections
import itertools
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from fuzz.anatomy import dissect, noisy
from fuzz.oracle import MOST_EXPANSION, OWN_BYTES, ViolationError, limit_memory
from fuzz.subjects import Subject, subjects

import xdf
from xdf.decoders import comes_as_array, decode_array, decode_column
from xdf.format import FOOTER_SCHEMAS, INDEX_SCHEMA, LEVELS_SCHEMA, NULLABLE, PageKind
from xdf.index import Entry, content_sizes
from xdf.messages import read_table
from xdf.schema import Field

# Messages and heads end before this.
_BEGINNING = 320
_system = pa.default_memory_pool()


@dataclass(frozen=True)
class Case:
    """The content of a chunk, and what the index says about it."""

    content: bytes
    entry: Entry
    field: Field
    n_rows: int
    levels: pa.StringArray | None


def run_decoding(count: int, seed: int) -> str:
    """Decode so many contents and tables; raise where one does anything but give values or an XdfFormatError."""
    limit_memory()
    chance = random.Random(seed)
    cases = [case for subject in subjects() for case in _cases(subject)]
    tables = [one for subject in subjects() for one in _tables(subject)]
    outcomes: collections.Counter[str] = collections.Counter()
    for number in range(count):
        if number % 8 == 0:
            content, schema = chance.choice(tables)
            outcomes[_judge_table(_changed(content, chance), schema)] += 1
        else:
            case = chance.choice(cases)
            outcomes[_judge_chunk(case, _changed(case.content, chance))] += 1
    return ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items()))


def _cases(subject: Subject) -> list[Case]:
    found = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "case.xdf")
        path.write_bytes(subject.raw)
        with xdf.open(path) as file:
            for block, (position, field) in itertools.product(range(file.n_blocks), enumerate(file.schema)):
                entry = file._index.entry(block, position)
                content = file._content(entry).to_pybytes()
                levels = file.level_array(field.name) if field.is_factor else None
                found.append(Case(content, entry, field, file.rows_per_block[block], levels))
    return found


def _tables(subject: Subject) -> list[tuple[bytes, pa.Schema]]:
    anatomy = dissect(subject.raw)
    pages = [(content, LEVELS_SCHEMA) for page, content in anatomy.pages if page["kind"] == PageKind.LEVELS]
    index = pa.Table.from_pylist(list(anatomy.index), schema=INDEX_SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, INDEX_SCHEMA) as stream:
        stream.write_table(index)
    return [*zip(anatomy.tables, FOOTER_SCHEMAS, strict=True), *pages, (bytes(sink.getvalue()), INDEX_SCHEMA)]


def _changed(content: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return noisy(content, chance)
    return noisy(content[:_BEGINNING], chance) + content[_BEGINNING:]


def _judge_chunk(case: Case, content: bytes) -> str:
    # The index promises no less, or the file is refused before a chunk is looked at.
    cells = {name: np.array([[getattr(case.entry, name)]]) for name in ("physical", "encoding", "length")}
    smallest, _ = content_sizes(cells, np.array([case.n_rows]))
    content = content.ljust(int(smallest[0, 0]), b"\0")
    buffer = pa.py_buffer(content)
    before, highest = _system.bytes_allocated(), _system.max_memory()
    try:
        if comes_as_array(case.entry.physical):
            array = decode_array(buffer, case.entry, case.field.type, case.n_rows)
            _check(array, case)
        column = decode_column(buffer, case.entry, case.field.type, case.n_rows, case.levels)
        if not pa.types.is_decimal(case.field.type):
            _check(column.to_arrow(case.field), case)
    except xdf.XdfFormatError as error:
        if not str(error):
            raise ViolationError("an error without a message") from error
        return "chunks refused"
    finally:
        _check_memory(before, highest, len(content))
    return "chunks decoded"


def _check(array: pa.Array, case: Case) -> None:
    if len(array) != case.n_rows:
        raise ViolationError(f"{len(array)} rows instead of {case.n_rows}")
    if not pa.types.is_boolean(array.type) and not pa.types.is_time(array.type):
        array.validate(full=True)
    for buffer in array.buffers():
        if buffer is not None and buffer.size and buffer.address % 4:
            raise ViolationError(f"a buffer of {array.type} is not aligned")
    if not pa.types.is_temporal(array.type):
        array.to_pylist()


def _judge_table(content: bytes, schema: pa.Schema) -> str:
    buffer = pa.py_buffer(content)
    before, highest = _system.bytes_allocated(), _system.max_memory()
    try:
        table = read_table(buffer, schema, NULLABLE)
    except xdf.XdfFormatError:
        return "tables refused"
    finally:
        _check_memory(before, highest, len(content))
    table.validate(full=True)
    table.to_pylist()
    return "tables read"


def _check_memory(before: int, highest: int, length: int) -> None:
    """Refuse a new peak of Arrow's memory that this content cannot justify."""
    peak = _system.max_memory()
    if peak > highest and peak - before > MOST_EXPANSION * length + OWN_BYTES:
        raise ViolationError(f"{peak - before:,} bytes were allocated for a content of {length:,}")
