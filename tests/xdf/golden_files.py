"""The golden files: how they were made, and what they hold, as JSON.

A golden file is never written again once a release has read it: every later version must read the bytes as they are. A
new kind of content gets a new file. Before the first release of the format: ``python tests/xdf/golden_files.py``.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from container_cases import TYPES, array_of, schema_of

import xdf
from xdf.codecs import Effort
from xdf.format import Encoding

FOLDER = Path(__file__).parent / "golden"
ROWS = 40


def as_json(array: pa.Array) -> list[Any]:
    """Values for people and for JSON: floats by their bits in hexadecimal, times by their integers."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return list(array.cast(pa.string()).to_pylist())
    if pa.types.is_floating(kind):
        bits = array.view({16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}[kind.bit_width])
        return [None if number is None else f"{number:x}" for number in bits.to_pylist()]
    if pa.types.is_temporal(kind):
        return list(array.view(pa.int32() if kind.bit_width == 32 else pa.int64()).to_pylist())
    if pa.types.is_decimal(kind):
        return [None if number is None else str(number) for number in array.to_pylist()]
    if pa.types.is_binary(kind):
        return [None if data is None else _shortened(base64.b64encode(data).decode()) for data in array.to_pylist()]
    return [_shortened(text) for text in array.to_pylist()]


def _counts(file: xdf.XdfFile, name: str) -> list[Any]:
    """How many rows have each level: in each block, and in all."""
    return [*(file.level_counts(name, number) for number in range(file.n_blocks)), file.level_counts(name)]


def _shortened(value: Any) -> Any:
    """Of a long text its length and a fingerprint."""
    if not isinstance(value, str) or len(value) < 100:
        return value
    return f"{len(value)} letters, {hashlib.sha256(value.encode()).hexdigest()}"


def described(file: xdf.XdfFile) -> dict[str, Any]:
    """Everything that a reader sees of a file."""
    return {
        "columns": [
            {
                "name": field.name,
                "type": str(field.type),
                "ordered": field.ordered,
                "levels": None if field.levels is None else list(field.levels),
                "description": field.description,
                "low": field.low,
                "high": field.high,
                "value_codes": list(field.value_codes),
                "value_labels": list(field.value_labels),
            }
            for field in file.schema
        ],
        "counts": {
            name: [None if counts is None else counts.tolist() for counts in _counts(file, name)]
            for name in file.schema.names
            if file.schema.field(name).is_factor
        },
        "blocks": [
            {name: as_json(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
            for batch in (file.read_block_arrow(number) for number in range(file.n_blocks))
        ],
    }


@contextmanager
def only(encoding: Encoding) -> Iterator[None]:
    """Numbers are stored in this encoding, whichever were the smallest."""
    with (
        patch("xdf.encoders._FEW_ROWS", 0),
        patch("xdf.encoders._best", lambda *_: (encoding, Effort.MATCHES)),
        patch("xdf.distinct._expected", lambda _: 0),
    ):
        yield


def write(path: Path, *batches: pa.RecordBatch, level: int = 1) -> None:
    with xdf.create(path, schema_of(batches[0]), overwrite=True, compression_level=level) as writer:
        for batch in batches:
            writer.write(batch)


def _types(path: Path, level: int) -> None:
    batch = pa.RecordBatch.from_arrays([array_of(name) for name in TYPES], names=list(TYPES))
    write(path, batch, batch.slice(1, 2), batch.slice(0, 0), level=level)


def _numbers(path: Path, encoding: Encoding) -> None:
    """Every physical type of numbers, with and without nulls, of few values."""
    random = np.random.default_rng(20)
    kinds = {
        "int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64(), "uint8": pa.uint8(),
        "uint16": pa.uint16(), "uint32": pa.uint32(), "uint64": pa.uint64(), "float16": pa.float16(),
        "float32": pa.float32(), "float64": pa.float64(), "decimal": pa.decimal128(38, 3),
    }  # fmt: skip
    columns = {}
    for name, kind in kinds.items():
        width = kind.bit_width // 8
        pool = random.integers(0, 256, (5, width), np.uint8)
        if pa.types.is_decimal(kind):
            pool[:, 10:] = pool[:, 9:10] & 128
            pool[:, 10:] = np.where(pool[:, 10:] > 0, 255, 0)
        values = pool[random.integers(0, 5, ROWS)].tobytes()
        array = pa.Array.from_buffers(kind, ROWS, [None, pa.py_buffer(values)])
        missing = pa.array(random.random(ROWS) < 0.2)
        columns[name] = array
        columns[f"{name} and nulls"] = pa.compute.if_else(missing, pa.scalar(None, kind), array)
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    with only(encoding):
        write(path, batch)


def _codes(path: Path, n_rows: int, sizes: dict[str, int]) -> None:
    """Codes of so many bits."""
    random = np.random.default_rng(21)
    columns = {}
    for name, size in sizes.items():
        columns[name] = np.append(np.arange(size), random.integers(0, size, n_rows - size)) * 71 - 5
    if n_rows < 1000:
        columns["tenths"] = random.integers(0, 300, n_rows) / 10
        columns["years"] = random.integers(1990, 2005, n_rows).astype(np.float64)
        columns["halves"] = random.integers(0, 9, n_rows) / 2
    with only(Encoding.DICTIONARY):
        write(path, pa.record_batch(columns))


def _texts(path: Path) -> None:
    """Lengths of every width; texts that repeat and texts that do not; nulls, and texts without letters."""
    words = ["fog", None, "", "雪", "snow", "fog", "Zoë"] * 60
    different = [f"{number}:{'ä' * (number % 5)}" for number in range(420)]
    different[7] = None  # type: ignore[call-overload]
    long = [*different[:-2], "m" * 300, "x" * 70_000]
    columns = {
        "empty": pa.array([""] * 420),
        "one": pa.array(["2013-01-01"] * 420),
        "missing": pa.nulls(420, pa.string()),
    }
    for name, kind in {"string": pa.string(), "large": pa.large_string(), "binary": pa.binary()}.items():
        for what, values in {"repeat": words, "differ": different, "long": long}.items():
            columns[f"{name}, {what}"] = pa.array(values, pa.large_string()).cast(kind)
    write(path, pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)))


def _labelled(path: Path) -> None:
    """Labels, ranges, levels that grow, and the commits of four appends."""
    size = xdf.Field("size", pa.float64(), description="in metres", low=-1.0, high=9.5)
    rank = xdf.factor_field("rank", ["low", "high"], ordered=True, description="how högh")
    answer = xdf.Field("answer", pa.int8(), value_codes=(1.0, 2.0, 99.0), value_labels=("yes", "no", "refused"))
    word = xdf.Field("word", pa.string(), value_codes=("y", "n"), value_labels=("yes", "no"))
    kind = xdf.factor_field("kind", [])
    with xdf.create(path, xdf.Schema((size, rank, answer, word, kind)), overwrite=True):
        pass
    for number in range(4):
        with xdf.append(path) as writer:
            writer.write(
                pa.record_batch(
                    {
                        "size": pa.array([0.5 * number, None, 3.25]),
                        "rank": pa.array(["low", "high", None if number else "low"]),
                        "answer": pa.array([1, 2, 99], pa.int8()),
                        "word": pa.array(["y", "n", "y"]),
                        "kind": pa.array([f"kind {number}", "kind 0", None]),
                    }
                )
            )
            writer.set_field("word", description=f"as of commit {number}")


def _without_counts(path: Path) -> None:
    """As a writer makes it that does not count levels; then continued by one that does."""
    batch = pa.record_batch({"kind": pa.array(["a", "b", None, "a"]).dictionary_encode(), "x": [1, 2, 3, 4]})
    with patch("xdf.chunks.MOST_LEVELS", -1):
        write(path, batch)
    with xdf.append(path) as writer:
        writer.write(batch.slice(1))


def _edges(path: Path) -> None:
    """Numbers at the ends of their types, NaNs of every kind, dates of long ago, one row alone, and none."""
    nans = np.array([0x7FF8000000000000, 0xFFF8000000000000, 0x7FF00000000007A2, 0x8000000000000000, 1], np.uint64)
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([-(2**63), 2**63 - 1, 0, None, -1]),
            pa.array([2**64 - 1, 0, 2**63, None, 1], pa.uint64()),
            pa.array(nans.view(np.float64)),
            pa.array([1e300, -1e-300, float("inf"), float("-inf"), None]),
            pa.array([2.0**53, -(2.0**53), 2.0**53 - 1, None, 2.0**53]),
            pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31), None, dt.date(1970, 1, 1), dt.date(2013, 5, 17)]),
            pa.array([Decimal(10**38 - 1), Decimal(1 - 10**38), None, Decimal(0), Decimal(1)], pa.decimal128(38, 0)),
        ],
        names=["int64", "uint64", "NaN", "huge", "whole", "date", "decimal"],
    )
    write(path, batch, batch.slice(3, 1), batch.slice(0, 0), batch)


GOLDEN: dict[str, Callable[[Path], None]] = {
    "v1-types": lambda path: _types(path, 1),
    "v1-types-plain": lambda path: _types(path, 0),
    "v1-types-smallest": lambda path: _types(path, 9),
    "v1-direct": lambda path: _numbers(path, Encoding.DIRECT),
    "v1-dictionary": lambda path: _numbers(path, Encoding.DICTIONARY),
    "v1-planes": lambda path: _numbers(path, Encoding.PLANES),
    "v1-codes": lambda path: _codes(path, 400, {"0": 1, "1": 2, "2": 3, "4": 13, "8": 200, "9": 400}),
    "v1-wide-codes": lambda path: _codes(path, 1100, {"10": 700, "12": 1100}),
    "v1-texts": _texts,
    "v1-labelled": _labelled,
    "v1-edges": _edges,
    "v1-without-counts": _without_counts,
}


def make(names: list[str]) -> None:
    """Write golden files and what they hold."""
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        path = FOLDER / f"{name}.xdf"
        GOLDEN[name](path)
        with xdf.open(path) as file:
            text = json.dumps(described(file), ensure_ascii=False, separators=(",", ":"))
        # A line for each column and block, so that a difference can be seen.
        path.with_suffix(".json").write_text(
            text.replace('},{"name"', '},\n{"name"').replace('],"', '],\n"') + "\n", "utf-8"
        )
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    make(list(GOLDEN))
