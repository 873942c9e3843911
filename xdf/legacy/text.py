"""Reading back text that was written here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from xdf.schema import Schema

_BLOCK = 16 << 20


def read_text(path: Path, schema: Schema, delimiter: str) -> Iterator[pa.RecordBatch]:
    """The rows in the types of these columns; factors as texts. An empty field is missing, an empty text is quoted."""
    from pyarrow import csv

    kinds = {field.name: pa.string() if field.is_factor else field.type for field in schema}
    reader = csv.open_csv(
        path,
        csv.ReadOptions(block_size=_BLOCK),
        csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=kinds, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    with reader:
        yield from reader
