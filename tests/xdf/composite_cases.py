"""Helpers of the tests of composite sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from container_cases import mixed_batch, schema_of

import xdf

BATCHES = [mixed_batch(300, seed) for seed in range(8)]
SIMPLE = xdf.Schema((xdf.factor_field("k", []), xdf.Field("x", pa.int64())))


def write_set(folder: Path, *batches: pa.RecordBatch, blocks_per_file: int = 3, **options: Any) -> Path:
    with xdf.create_composite(folder, schema_of(batches[0]), blocks_per_file=blocks_per_file, **options) as writer:
        for batch in batches:
            writer.write(batch)
    return folder


def rows(texts: list[str | None], start: int = 0) -> pa.RecordBatch:
    return pa.record_batch({"k": pa.array(texts, pa.string()), "x": pa.array(range(start, start + len(texts)))})


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
