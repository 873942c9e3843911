"""Small files of every kind, and what must be read from them."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from legacy_writer import Old, legacy_bytes

import xdf

TYPES: dict[str, tuple[pa.DataType, list[object]]] = {
    "bool": (pa.bool_(), [True, None, False, True]),
    "int8": (pa.int8(), [-128, None, 127, 0]),
    "uint64": (pa.uint64(), [2**64 - 1, None, 2**64 - 5, 2**64 - 2]),
    "float16": (pa.float16(), [np.float16(0.1), None, np.float16(-0.0), np.float16("nan")]),
    "float32": (pa.float32(), [0.5, None, -0.0, float("nan")]),
    "string": (pa.string(), ["Zoë", None, "", "雪"]),
    "large_string": (pa.large_string(), ["Zoë", None, "", "雪"]),
    "binary": (pa.binary(), [b"\x00\xff", None, b"", b"abc"]),
    "date32": (pa.date32(), [0, None, -1, 40_000]),
    "timestamp": (pa.timestamp("ms", "Europe/Berlin"), [0, None, -1, 4_000_000_000_000]),
    "time64": (pa.time64("ns"), [0, None, 1, 86_399_999_999_999]),
    "decimal": (pa.decimal128(20, 3), [1, None, 0, -7]),
}
WORDS = ["fog", "rain", "snow", "sleet", "hail"]


@dataclass(frozen=True)
class Subject:
    """A file, its table and schema, what the footer answers, and what a scan with each of the filters finds.

    ``raw`` are the bytes of a file; of a composite set those of each of its files.
    """

    name: str
    raw: bytes
    table: pa.Table
    schema: xdf.Schema
    statistics: dict[str, str]
    scans: tuple[tuple[pc.Expression, pa.Table], ...]
    files: dict[str, bytes]


FILTERS = {
    "small": pc.field("small") > 50,
    "year": (pc.field("year") > 2010) & (pc.field("whole") < 0),
    "weather": pc.field("weather") == "fog",
    "text": pc.field("text").isin(["rain", "snow"]) | (pc.field("noise") > 1.0),
    "int8": pc.field("int8") > 0,
    "timestamp": pc.field("timestamp").is_null(),
    "x": pc.field("x") >= 2,
}


def mixed(n_rows: int, seed: int) -> pa.RecordBatch:
    """A column of each way to be stored."""
    random = np.random.default_rng(seed)
    missing = random.random(n_rows) < 0.1
    words = np.array(WORDS)
    return pa.record_batch(
        {
            "small": pa.array(random.integers(0, 100, n_rows)),
            "constant": pa.array(np.full(n_rows, 7)),
            "year": pa.array(random.integers(1990, 2020, n_rows), mask=missing),
            "whole": pa.array(random.integers(-500, 500, n_rows).astype(np.float64), mask=missing),
            "price": pa.array(random.integers(0, 9, n_rows) * 0.1 + 1e6),
            "noise": pa.array(random.normal(size=n_rows)),
            "weather": pa.array(words[random.integers(0, 5, n_rows)], mask=missing).dictionary_encode(),
            "text": pa.array(words[random.integers(0, 5, n_rows)], mask=missing),
            "empty": pa.nulls(n_rows, pa.float64()),
        }
    )


def _typed() -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, kind) for kind, values in TYPES.values()], names=list(TYPES))


def _make(folder: Path, name: str, batches: list[pa.RecordBatch], level: int) -> Subject:
    path = folder / f"{name}.xdf"
    schema = _schema_of(batches[0])
    with xdf.create(path, schema, compression_level=level) as writer:
        for batch in batches[: (len(batches) + 1) // 2]:
            writer.write(batch)
    with xdf.append(path) as writer:
        for batch in batches[(len(batches) + 1) // 2 :]:
            writer.write(batch)
        writer.set_field(schema.names[0], description="labelled", value_codes=(1.0,), value_labels=("one",))
    return _described(name, path, path.read_bytes(), {})


def _described(name: str, path: Path, raw: bytes, files: dict[str, bytes]) -> Subject:
    with xdf.open(path) as file:
        filters = [one for column, one in FILTERS.items() if column in file.schema]
        scans = tuple((one, file.scan(filter=one).to_table()) for one in filters)
        return Subject(name, raw, file.to_arrow(), file.schema, answers(file), scans, files)


def answers(file: xdf.XdfFile) -> dict[str, str]:
    """What the footer says about each column; texts, so that a NaN equals itself."""
    return {name: repr(file.statistics(name)) for name in file.schema.names}


def added(subject: Subject) -> pa.RecordBatch:
    """Rows that may be appended to a file of this subject."""
    batches = subject.table.slice(0, 3).combine_chunks().to_batches()
    if batches:
        return batches[0]
    return pa.RecordBatch.from_pylist([], schema=subject.table.schema)


@functools.cache
def sets() -> tuple[Subject, ...]:
    """Composite sets, made of the same rows as the files."""
    with tempfile.TemporaryDirectory() as name:
        return tuple(
            _make_set(Path(name, f"set{level}"), [mixed(60, seed) for seed in range(5)], level) for level in (0, 1)
        )


def _make_set(folder: Path, batches: list[pa.RecordBatch], level: int) -> Subject:
    with xdf.create_composite(folder, _schema_of(batches[0]), blocks_per_file=2, compression_level=level) as writer:
        for batch in batches[:3]:
            writer.write(batch)
    with xdf.append(folder, blocks_per_file=2) as more:
        for batch in batches[3:]:
            more.write(batch)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return _described(folder.name, folder, b"", files)


def _schema_of(batch: pa.RecordBatch) -> xdf.Schema:
    return xdf.Schema(
        tuple(
            xdf.factor_field(field.name, [])
            if pa.types.is_dictionary(field.type)
            else xdf.Field(field.name, field.type)
            for field in batch.schema
        )
    )


@functools.cache
def legacy_files() -> dict[str, bytes]:
    """Files of RevoScaleR. Their descriptions have no checksum: a changed one may be read, and give other data."""
    texts = ["anna", None, "", "M", "F"]
    columns = [
        Old("number", "int32", [1, None, 3, -4, 77], description="some"),
        Old("group", "factor", [0, 1, None, 2, 1], levels=["a", "bb", "c"]),
        Old("long", "int64", [1, None, 2**40, 3, -5]),
        Old("size", "float64", [0.5, None, 3.0, -4.5, 1e9]),
        Old("single", "float32", [0.5, None, 3.0, -4.5, 1.5]),
        Old("name", "string", texts),
        Old("day", "date", [1.0, None, 3.0, 4.0, 5.0]),
    ]
    return {
        "legacy": legacy_bytes(columns, [2, 3], stale=True),
        "legacy 3.1": legacy_bytes(columns, [5], version=3.1),
        "legacy plain": legacy_bytes(columns, [2, 3], level=None),
        "legacy odd": legacy_bytes([Old("odd", "unknown", [1]), columns[0]], [1], level=None),
    }


@functools.cache
def subjects() -> tuple[Subject, ...]:
    """The same files each time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return (
            _make(folder, "mixed", [mixed(150, seed) for seed in range(3)], 1),
            _make(folder, "plain", [mixed(60, seed) for seed in range(2)], 0),
            _make(folder, "types", [_typed(), _typed()], 1),
            _make(folder, "one", [pa.record_batch({"x": [1, 2, 3]})], 1),
            _make(folder, "none", [pa.record_batch({"x": pa.array([], pa.int64())})], 1),
        )
