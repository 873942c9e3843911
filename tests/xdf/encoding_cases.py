"""Columns that are made to be stored in one certain way each, and files whose chunks say something untrue."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import schema_of

import xdf
from xdf import stats
from xdf.chunks import Chunk
from xdf.codecs import encode_frame
from xdf.contents import Content
from xdf.format import Encoding, Physical

DIRECT, DICTIONARY, PLANES, TEXTS = Encoding
MOST = 1 << 20


@dataclass(frozen=True)
class Made:
    """A column, and how it should be stored. ``bits``: of its codes."""

    array: pa.Array
    encoding: Encoding
    physical: Physical
    bits: int | None = None


def _numbers() -> dict[str, Made]:
    random = np.random.default_rng(5)
    noise = random.normal(size=20_000)
    few = {bits: random.normal(size=1 << bits)[random.integers(0, 1 << bits, 12_000)] for bits in (1, 2, 4, 8, 10)}
    cents = np.round(random.uniform(0, 40, 16_000) * 100) / 100
    wide = random.integers(-(2**62), 2**62, 20_000)
    unsigned = pa.array((wide.astype(np.uint64) + np.uint64(2**62)) * 2)
    wide_decimals = pa.array([Decimal(abs(number)) for number in wide.tolist()], pa.decimal128(38, 0))
    return {
        "one number": Made(pa.array([7] * 5000), DICTIONARY, Physical.INT8, 0),
        "one number and nulls": Made(pa.array([0.5, None] * 3000), DICTIONARY, Physical.FLOAT32, 0),
        "one negative zero": Made(pa.array([-0.0] * 300), DICTIONARY, Physical.FLOAT32, 0),
        "one date": Made(pa.array([19_000] * 900, pa.date32()), DICTIONARY, Physical.INT8, 0),
        "nothing but nulls": Made(pa.nulls(5000, pa.float64()), DICTIONARY, Physical.INT8, 0),
        "flags": Made(pa.array(random.random(9000) < 0.5), DICTIONARY, Physical.UINT8, 1),
        "flags and nulls": Made(pa.array(random.random(9000) < 0.5, mask=random.random(9000) < 0.1), DICTIONARY,
                                Physical.UINT8, 1),
        "quarters": Made(pa.array(random.integers(1, 5, 9000)), DICTIONARY, Physical.INT8, 2),
        "far integers": Made(pa.array(random.integers(0, 200, 9000) * 10**15), DICTIONARY, Physical.INT64, 8),
        "minutes": Made(pa.array(random.integers(0, 1000, 20_000) * 610), DICTIONARY, Physical.INT32, 10),
        "hours": Made(pa.array(random.integers(0, 1440, 20_000) / 60), DICTIONARY, Physical.FLOAT64, 12),
        "cents": Made(pa.array(cents), DICTIONARY, Physical.FLOAT64, 12),
        "moments": Made(pa.array(random.integers(0, 99, 9000) * 10**14, pa.timestamp("ns", "UTC")), DICTIONARY,
                        Physical.INT64, 8),
        "prices": Made(pa.array([Decimal(int(n)) / 100 for n in random.integers(-99, 99, 5000)], pa.decimal128(30, 2)),
                       DICTIONARY, Physical.DECIMAL128, 8),
        "half floats of few values": Made(pa.array((random.integers(0, 90, 5000) / 8).astype(np.float16)), DICTIONARY,
                                          Physical.FLOAT16, 8),
        "percent": Made(pa.array(random.integers(0, 100, 6000)), PLANES, Physical.INT8),
        "percent and nulls": Made(pa.array(random.integers(0, 100, 20_000), mask=noise > 1), PLANES, Physical.INT8),
        "noise": Made(pa.array(noise), PLANES, Physical.FLOAT64),
        "noise and nulls": Made(pa.array(noise, mask=noise > 1), PLANES, Physical.FLOAT64),
        "single noise": Made(pa.array(noise.astype(np.float32)), PLANES, Physical.FLOAT32),
        "half noise": Made(pa.array(noise.astype(np.float16)), PLANES, Physical.FLOAT16),
        "wide integers": Made(pa.array(wide), PLANES, Physical.INT64),
        "wide unsigned integers": Made(unsigned, PLANES, Physical.UINT64),
        "counted up": Made(pa.array(np.arange(6000) * 70), PLANES, Physical.INT32),
        "decimal noise": Made(wide_decimals, PLANES, Physical.DECIMAL128),
        "pairs": Made(pa.array(np.repeat(random.normal(size=10_000), 3)), DIRECT, Physical.FLOAT64),
        **{
            f"floats of {bits} bits": Made(pa.array(values), DICTIONARY, Physical.FLOAT64, bits)
            for bits, values in few.items()
        },
    }  # fmt: skip


def _texts() -> dict[str, Made]:
    random = np.random.default_rng(6)
    words = np.array(["fog", "rain", "snow", "Nebel", "雪", ""], dtype=object)
    tails = np.array([f"N{number}UA" for number in random.integers(0, 10**6, 700)], dtype=object)
    names = [f"{number:x} {'ab' * (number % 7)}" for number in random.integers(0, 2**60, 3000).tolist()]
    missing = random.random(5000) < 0.2
    weather = words[random.integers(0, 6, 5000)]
    return {
        "one text": Made(pa.array(["2013-01-01"] * 5000), DICTIONARY, Physical.STRING, 0),
        "one long text": Made(pa.array(["long " * 500] * 4000), DICTIONARY, Physical.STRING, 0),
        "one long text but for one": Made(pa.array(["long " * 500] * 4000 + ["x"]), DICTIONARY, Physical.STRING, 1),
        "no text": Made(pa.nulls(700, pa.string()), DICTIONARY, Physical.STRING, 0),
        "weather": Made(pa.array(weather), DICTIONARY, Physical.STRING, 4),
        "weather and nulls": Made(pa.array(weather, mask=missing), DICTIONARY, Physical.STRING, 4),
        "large weather": Made(pa.array(weather, pa.large_string(), mask=missing), DICTIONARY, Physical.LARGE_STRING, 4),
        "binary weather": Made(pa.array([word.encode() for word in weather], pa.binary(), mask=missing), DICTIONARY,
                               Physical.BINARY, 4),
        "tail numbers": Made(pa.array(tails[random.integers(0, 700, 9000)]), DICTIONARY, Physical.STRING, 10),
        "names": Made(pa.array(names), TEXTS, Physical.STRING),
        "names and nulls": Made(pa.array(names, mask=missing[:3000]), TEXTS, Physical.STRING),
        "large names": Made(pa.array(names, pa.large_string()), TEXTS, Physical.LARGE_STRING),
        "binary names": Made(pa.array([name.encode() for name in names], pa.binary()), TEXTS, Physical.BINARY),
        "long texts": Made(pa.array([str(number) * number for number in range(260)]), TEXTS, Physical.STRING),
        "empty texts": Made(pa.array([""] * 100), TEXTS, Physical.STRING),
    }  # fmt: skip


MADE: dict[str, Made] = {**_numbers(), **_texts()}


def bits_of(file: xdf.XdfFile, block: int = 0, column: int = 0) -> int:
    """Bits of the codes of a chunk that is not direct."""
    return content_of(file, block, column).head.bits


def content_of(file: xdf.XdfFile, block: int = 0, column: int = 0) -> Content:
    """The content of a chunk that is not direct."""
    return Content(file._content(file._index.entry(block, column)), file.rows_per_block[block])


def forge(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    array: pa.Array,
    encoding: Encoding,
    physical: Physical,
    content: bytes,
) -> Path:
    """A file of one column that says it holds this array, and holds this content."""

    def encode(array: pa.Array, level: int) -> Chunk:
        counts = stats.counts_only(len(array) - array.null_count, array.null_count)
        return Chunk(encode_frame(content, level), physical, 0, counts, encoding)

    batch = pa.RecordBatch.from_arrays([array], names=["x"])
    with monkeypatch.context() as patch:
        patch.setattr("xdf.writer.encode_column", encode)
        with xdf.create(path, schema_of(batch)) as writer:
            writer.write(batch)
    return path
