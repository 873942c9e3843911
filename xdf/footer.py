"""The footer: fields, value labels, and the list of pages that hold the block index and the factor levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xdf.errors import XdfError, XdfFormatError
from xdf.format import (
    FIELDS_SCHEMA,
    FILE_SCHEMA,
    FOOTER_LENGTHS,
    FOOTER_SCHEMAS,
    HEADER_SIZE,
    HIGHEST_LEVEL,
    LABELS_SCHEMA,
    LOWEST_LEVEL,
    MAX_EXPANSION,
    NULLABLE,
    PAGES_SCHEMA,
    PageKind,
)
from xdf.logical import FACTOR_TEXT, parse_type, type_text
from xdf.messages import read_table
from xdf.schema import Field
from xdf.views import column_of


@dataclass(frozen=True, slots=True)
class Page:
    """A compressed table elsewhere in the file: rows ``first .. first + count - 1`` of a growing list.

    The rows of the index are blocks, those of the levels are levels in the order they were added, whichever their
    factor.
    """

    kind: int
    first: int
    count: int
    offset: int
    length: int
    decoded_length: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Footer:
    """Everything a commit says directly. The levels of its factor fields are empty: pages hold them."""

    n_rows: int
    n_blocks: int
    n_levels: int
    compression_level: int
    fields: tuple[Field, ...]
    pages: tuple[Page, ...]

    def pages_of(self, kind: PageKind) -> list[Page]:
        """The pages of one kind, in order."""
        return [page for page in self.pages if page.kind == kind]


def write_table(table: pa.Table) -> bytes:
    """A table as an Arrow IPC stream of one record batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        for batch in table.combine_chunks().to_batches():
            stream.write_batch(batch)
    return bytes(sink.getvalue())


def pack_footer(footer: Footer) -> bytes:
    """The content of a footer, before compression."""
    numbers = {
        "n_rows": footer.n_rows,
        "n_blocks": footer.n_blocks,
        "n_columns": len(footer.fields),
        "n_levels": footer.n_levels,
        "compression_level": footer.compression_level,
    }
    tables = (
        pa.Table.from_pylist([numbers], schema=FILE_SCHEMA),
        _fields_table(footer.fields),
        _labels_table(footer.fields),
        pa.Table.from_pylist(
            [{name: getattr(page, name) for name in PAGES_SCHEMA.names} for page in footer.pages], schema=PAGES_SCHEMA
        ),
    )
    parts = [write_table(table) for table in tables]
    return FOOTER_LENGTHS.pack(*(len(part) for part in parts)) + b"".join(parts)


def unpack_footer(content: pa.Buffer, file_length: int) -> Footer:
    """The footer in its decompressed bytes, checked against the length of the file.

    Raises
    ------
    XdfFormatError
        The tables are not those of a footer, or point outside the file. The message is the bare reason.
    """
    if len(content) < FOOTER_LENGTHS.size:
        raise XdfFormatError("it is too short")
    lengths = FOOTER_LENGTHS.unpack(content[: FOOTER_LENGTHS.size])
    if sum(lengths) != len(content) - FOOTER_LENGTHS.size:
        raise XdfFormatError("its tables do not fill it")
    tables, start = [], FOOTER_LENGTHS.size
    for length, schema in zip(lengths, FOOTER_SCHEMAS, strict=True):
        tables.append(read_table(content.slice(start, length), schema, NULLABLE))
        start += length
    about, fields, labels, pages = tables
    if about.num_rows != 1:
        raise XdfFormatError(f"it describes {about.num_rows} files")
    numbers = about.to_pylist()[0]
    if min(numbers["n_rows"], numbers["n_blocks"], numbers["n_levels"]) < 0 or numbers["n_columns"] < 1:
        raise XdfFormatError("its counts are impossible")
    if fields.num_rows != numbers["n_columns"]:
        raise XdfFormatError(f"it describes {fields.num_rows} of {numbers['n_columns']} columns")
    if not LOWEST_LEVEL <= numbers["compression_level"] <= HIGHEST_LEVEL:
        raise XdfFormatError(f"compression level {numbers['compression_level']} does not exist")
    return Footer(
        numbers["n_rows"],
        numbers["n_blocks"],
        numbers["n_levels"],
        numbers["compression_level"],
        _with_labels(_unpack_fields(fields), labels),
        _unpack_pages(pages, numbers, file_length),
    )


def _fields_table(fields: Sequence[Field]) -> pa.Table:
    columns = [
        [field.name for field in fields],
        [FACTOR_TEXT if field.is_factor else type_text(field.type) for field in fields],
        [field.ordered for field in fields],
        [field.description for field in fields],
        [field.low for field in fields],
        [field.high for field in fields],
    ]
    return pa.Table.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(columns, FIELDS_SCHEMA, strict=True)], schema=FIELDS_SCHEMA
    )


def _labels_table(fields: Iterable[Field]) -> pa.Table:
    rows = [
        {
            "field": number,
            "number": None if isinstance(code, str) else float(code),
            "text": code if isinstance(code, str) else None,
            "label": label,
        }
        for number, field in enumerate(fields)
        for code, label in zip(field.value_codes, field.value_labels, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=LABELS_SCHEMA)


def _unpack_fields(table: pa.Table) -> list[Field]:
    # Before anything is made of them: a table of equal rows takes next to no bytes, however many they are.
    if pc.count_distinct(table.column("name")).as_py() != table.num_rows:
        raise XdfFormatError("two columns have the same name")
    kinds = [parse_type(text) for text in table.column("type").to_pylist()]
    columns = (table.column(name).to_pylist() for name in ("name", "ordered", "description", "low", "high"))
    try:
        return [
            Field(name, kind, () if isinstance(kind, pa.DictionaryType) else None, ordered, description, low, high)
            for kind, name, ordered, description, low, high in zip(kinds, *columns, strict=True)
        ]
    except XdfError as error:
        raise XdfFormatError(str(error)) from error


def _with_labels(fields: list[Field], table: pa.Table) -> tuple[Field, ...]:
    labels: dict[int, list[tuple[float | str, str]]] = {}
    columns = (table.column(name).to_pylist() for name in LABELS_SCHEMA.names)
    for field, number, text, label in zip(*columns, strict=True):
        if not 0 <= field < len(fields) or (number is None) == (text is None):
            raise XdfFormatError("a value label belongs to no column or has no single code")
        labels.setdefault(field, []).append((text if number is None else number, label))
    for field, pairs in labels.items():
        codes, texts = zip(*pairs, strict=True)
        fields[field] = replace(fields[field], value_codes=codes, value_labels=texts)
    return tuple(fields)


def _unpack_pages(table: pa.Table, numbers: dict[str, int], file_length: int) -> tuple[Page, ...]:
    """The pages, of which those of each kind must follow one another without a gap."""
    offset, length, decoded = (column_of(table, name) for name in ("offset", "length", "decoded_length"))
    outside = (length < 1) | (offset < HEADER_SIZE) | (offset > file_length - length) | (decoded < 0)
    if outside.any():
        place = int(np.argmax(outside))
        raise XdfFormatError(f"a page of {length[place]:,} bytes at {offset[place]:,} lies outside the file")
    # As floats, because the sum of hostile integers may go round 2 ** 63.
    if float(length.sum(dtype=np.float64)) > file_length or (decoded // MAX_EXPANSION > length).any():
        raise XdfFormatError("its pages hold more than the bytes of the file can")
    pages = tuple(Page(**row) for row in table.to_pylist())
    for kind, total in ((PageKind.INDEX, numbers["n_blocks"]), (PageKind.LEVELS, numbers["n_levels"])):
        covered = 0
        for page in pages:
            if page.kind == kind:
                if page.first != covered or page.count < 1:
                    raise XdfFormatError("its pages do not follow one another")
                covered += page.count
        if covered != total:
            raise XdfFormatError(f"its pages cover {covered:,} of {total:,} rows")
    return pages
