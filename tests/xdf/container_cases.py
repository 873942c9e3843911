"""Helpers of the container's tests: arrays of every type, equality to the bit, small files."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

import xdf

DAY = dt.date(2013, 5, 17)
MOMENT = dt.datetime(1969, 12, 31, 23, 59, 58)  # noqa: DTZ001 - Arrow's plain timestamps have no zone
LATER = MOMENT.replace(year=2200)
TYPES = {
    "bool": (pa.bool_(), [True, None, False, True]),
    "int8": (pa.int8(), [-128, None, 127, 0]),
    "int16": (pa.int16(), [-32768, None, 32767, 1]),
    "int32": (pa.int32(), [-(2**31), None, 2**31 - 1, 7]),
    "int64": (pa.int64(), [-(2**63), None, 2**63 - 1, 7]),
    "uint8": (pa.uint8(), [255, None, 0, 7]),
    "uint16": (pa.uint16(), [65535, None, 0, 7]),
    "uint32": (pa.uint32(), [2**32 - 1, None, 0, 7]),
    "uint64": (pa.uint64(), [2**64 - 1, None, 2**64 - 5, 2**64 - 2]),
    "float16": (pa.float16(), [np.float16(0.1), None, np.float16(-0.0), np.float16("nan")]),
    "float32": (pa.float32(), [0.5, None, -0.0, float("nan")]),
    "float64": (pa.float64(), [0.1, None, -0.0, float("nan")]),
    "whole float64": (pa.float64(), [1e9, None, 0.0, -3.0]),
    "infinite float64": (pa.float64(), [float("inf"), None, 1.5, float("-inf")]),
    "string": (pa.string(), ["Zoë", None, "", "雪\x00!"]),
    "large_string": (pa.large_string(), ["Zoë", None, "", "雪"]),
    "binary": (pa.binary(), [b"\x00\xff", None, b"", b"abc"]),
    "date32": (pa.date32(), [DAY, None, dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    "timestamp[s]": (pa.timestamp("s"), [MOMENT, None, LATER, MOMENT]),
    "timestamp[ms, zone]": (pa.timestamp("ms", "Europe/Berlin"), [MOMENT, None, MOMENT, MOMENT]),
    "timestamp[us, +05:30]": (pa.timestamp("us", "+05:30"), [MOMENT, None, MOMENT, MOMENT]),
    "timestamp[ns]": (pa.timestamp("ns"), [MOMENT, None, LATER, MOMENT]),
    "time32[s]": (pa.time32("s"), [dt.time(23, 59, 59), None, dt.time(0), dt.time(12)]),
    "time32[ms]": (pa.time32("ms"), [dt.time(23, 59, 59, 999000), None, dt.time(0), dt.time(12)]),
    "time64[us]": (pa.time64("us"), [dt.time(23, 59, 59, 999999), None, dt.time(0), dt.time(12)]),
    "time64[ns]": (pa.time64("ns"), [dt.time(23, 59, 59, 999999), None, dt.time(0), dt.time(12)]),
    "duration[s]": (pa.duration("s"), [dt.timedelta(days=-9), None, dt.timedelta(0), dt.timedelta(hours=1)]),
    "duration[ns]": (pa.duration("ns"), [dt.timedelta(days=-9), None, dt.timedelta(0), dt.timedelta(hours=1)]),
    "decimal128": (pa.decimal128(38, 9), [Decimal("12345678901234567890.123456789"), None, Decimal(0), Decimal(-1)]),
    "decimal128, tens": (pa.decimal128(5, -1), [Decimal(120), None, Decimal(0), Decimal(-10)]),
    "factor": (xdf.FACTOR_TYPE, ["low", None, "hïgh", "low"]),
}


def array_of(name: str) -> pa.Array:
    kind, values = TYPES[name]
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def field_of(name: str, kind: pa.DataType) -> xdf.Field:
    return xdf.factor_field(name, []) if pa.types.is_dictionary(kind) else xdf.Field(name, kind)


def schema_of(batch: pa.RecordBatch) -> xdf.Schema:
    return xdf.Schema(tuple(field_of(field.name, field.type) for field in batch.schema))


def mixed_batch(n_rows: int = 1000, seed: int = 0) -> pa.RecordBatch:
    """A batch with a column of each way to be stored; deterministic."""
    random = np.random.default_rng(seed)
    missing = random.random(n_rows) < 0.1
    words = np.array(["fog", "rain", "snow", "sleet", "hail"])
    return pa.record_batch(
        {
            "small": pa.array(random.integers(0, 100, n_rows)),
            "year": pa.array(random.integers(1990, 2020, n_rows), mask=missing),
            "whole": pa.array(random.integers(-500, 500, n_rows).astype(np.float64), mask=missing),
            "single": pa.array(random.normal(size=n_rows).astype(np.float32).astype(np.float64)),
            "noise": pa.array(random.normal(size=n_rows)),
            "flag": pa.array(random.random(n_rows) < 0.3, mask=missing),
            "weather": pa.array(words[random.integers(0, 5, n_rows)], mask=missing).dictionary_encode(),
            "text": pa.array(words[random.integers(0, 5, n_rows)], mask=missing),
            "when": pa.array(random.integers(0, 10**12, n_rows), pa.timestamp("us"), mask=missing),
        }
    )


def write_file(path: Path, *batches: pa.RecordBatch, **options: object) -> Path:
    with xdf.create(path, schema_of(batches[0]), **options) as writer:  # type: ignore[arg-type]
        for batch in batches:
            writer.write(batch)
    return path


def read_all(path: Path) -> pa.Table:
    with xdf.open(path) as file:
        return file.to_arrow()


def plain(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One chunk, factors as strings."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array


def assert_same(left: pa.Array | pa.ChunkedArray, right: pa.Array | pa.ChunkedArray) -> None:
    """Equal to the bit: -0.0 is not 0.0, a NaN is a NaN, a null is a null."""
    left, right = plain(left), plain(right)
    assert left.type == right.type
    assert len(left) == len(right)
    assert left.is_null().equals(right.is_null())
    if pa.types.is_floating(left.type):
        unsigned = {16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}[left.type.bit_width]
        left, right = left.drop_null().view(unsigned), right.drop_null().view(unsigned)
    assert left.equals(right)


def assert_same_table(table: pa.Table, *batches: pa.RecordBatch) -> None:
    assert table.column_names == batches[0].schema.names
    for name in table.column_names:
        expected = pa.concat_arrays([plain(batch.column(name)) for batch in batches])
        assert_same(table.column(name), expected)
