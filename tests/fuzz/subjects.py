"""Small files of every kind, and what must be read from them."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
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
    """A file, its table, and its schema."""

    name: str
    raw: bytes
    table: pa.Table
    schema: xdf.Schema


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
    fields = tuple(
        xdf.factor_field(field.name, []) if pa.types.is_dictionary(field.type) else xdf.Field(field.name, field.type)
        for field in batches[0].schema
    )
    with xdf.create(path, xdf.Schema(fields), compression_level=level) as writer:
        for batch in batches[: (len(batches) + 1) // 2]:
            writer.write(batch)
    with xdf.append(path) as writer:
        for batch in batches[(len(batches) + 1) // 2 :]:
            writer.write(batch)
        writer.set_field(fields[0].name, description="labelled", value_codes=(1.0,), value_labels=("one",))
    with xdf.open(path) as file:
        return Subject(name, path.read_bytes(), file.to_arrow(), file.schema)


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
