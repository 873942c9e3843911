"""Looking at the first rows of delimited text: delimiter, header, names and types."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from rxcore.errors import SourceError
from rxcore.sources.convert import FALSE_WORDS, TRUE_WORDS
from rxcore.sources.text_stream import TextFormat, open_bytes, open_text

_DELIMITERS = (",", "\t", ";", "|", " ")
_SAMPLE_LIMIT = 64 << 20
_ROWS_TO_SENSE = 200


@dataclass(frozen=True, slots=True)
class Heading:
    """What the first rows of one file say.

    Attributes
    ----------
    names : tuple of str
        Column names: from the header, or ``V1``, ``V2``, ... without one.
    empty : bool
        Whether no row of data follows.
    """

    names: tuple[str, ...]
    empty: bool


def read_sample(path: str, text_format: TextFormat, n_rows: int) -> bytes:
    """The first complete rows after the skipped lines, at least ``n_rows`` of them where there are so many."""
    raw = open_bytes(path) if text_format.delimiter == "" else open_text(path, text_format)
    wanted = n_rows + text_format.skip + 2
    parts: list[bytes] = []
    lines = held = 0
    with raw as stream:
        while lines < wanted and held < _SAMPLE_LIMIT:
            try:
                part = stream.read(1 << 20)
            except OSError as error:
                raise SourceError(f"{os.path.basename(path)} cannot be read: {error}") from error
            if not part:
                return _skip_lines(b"".join(parts), text_format.skip)
            parts.append(part)
            lines += part.count(b"\n")
            held += len(part)
    return _skip_lines(_complete_rows(b"".join(parts), text_format.quote, wanted), text_format.skip)


def _skip_lines(data: bytes, n_lines: int) -> bytes:
    start = 0
    for _ in range(n_lines):
        end = data.find(b"\n", start)
        if end < 0:
            return b""
        start = end + 1
    return data[start:]


def _complete_rows(data: bytes, quote: str, n_lines: int) -> bytes:
    """Cut after ``n_lines`` lines, later if that would fall inside quotes."""
    mark = quote.encode()
    end, lines, inside = -1, 0, False
    while lines < n_lines or inside:
        following = data.find(b"\n", end + 1)
        if following < 0:
            break
        if mark and data.count(mark, end + 1, following) % 2:
            inside = not inside
        end, lines = following, lines + 1
    return data[: end + 1] if end >= 0 else data


def first_records(sample: bytes, text_format: TextFormat, n_records: int) -> list[list[str]]:
    """The first records of a sample as strings; blank lines left out."""
    # A megabyte holds the few records that are looked at.
    text = sample[: 1 << 20].decode(_codec(text_format.encoding), errors="replace")
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=text_format.delimiter,
        quotechar=text_format.quote or None,
        quoting=csv.QUOTE_MINIMAL if text_format.quote else csv.QUOTE_NONE,
    )
    records: list[list[str]] = []
    try:
        for record in reader:
            if record:
                records.append(record)
            if len(records) == n_records:
                break
    except csv.Error:
        # A field longer than the module takes: cut the lines plainly.
        lines = [line for line in text.split("\n") if line][:n_records]
        return [line.rstrip("\r").split(text_format.delimiter) for line in lines]
    return records


def _codec(encoding: str) -> str:
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def sense_delimiter(sample: bytes, text_format: TextFormat, file_name: str) -> str:
    """The delimiter among comma, tab, semicolon, pipe and space that cuts the first rows most evenly.

    A file whose rows no candidate cuts has one column; its delimiter is said to be a comma.
    """
    best, best_score = ",", 0.0
    for candidate in _DELIMITERS:
        if candidate == text_format.decimal:
            continue
        records = first_records(sample, replace(text_format, delimiter=candidate), _ROWS_TO_SENSE)
        if candidate == " ":
            records = [[field for field in record if field] for record in records]
        widths = Counter(len(record) for record in records)
        width, times = max(widths.items(), key=lambda item: item[1], default=(1, 0))
        if width < 2:
            continue
        score = times / len(records)
        # Text with single spaces in it is not space-delimited: every row must agree.
        if candidate == " " and (score < 1 or len(records) < 2):
            continue
        if candidate == "\t" and file_name.lower().split(".")[1:2] in (["tsv"], ["tab"]):
            score += 1
        if score > best_score + 1e-9:
            best, best_score = candidate, score
    return best


def _is_number(value: str, decimal: str) -> bool:
    value = value.strip()
    if decimal != ".":
        value = value.replace(decimal, ".")
    try:
        float(value)
    except ValueError:
        return False
    return "_" not in value and any(character.isdigit() for character in value)


def sense_header(records: Sequence[Sequence[str]], text_format: TextFormat) -> bool:
    """Whether row 1 holds names: all its values look like text and row 2 has at least one number."""
    if len(records) < 2:
        return False
    missing = ("", text_format.missing)
    first = [_is_number(value, text_format.decimal) for value in records[0]]
    second = [value not in missing and _is_number(value, text_format.decimal) for value in records[1]]
    return not any(first) and any(second)


def heading(path: str, text_format: TextFormat) -> Heading:
    """Names of one file and whether it has rows.

    Raises
    ------
    SourceError
        When the file is empty.
    """
    records = first_records(read_sample(path, text_format, 2), text_format, 2)
    if not records:
        skipped = f" after the {text_format.skip} skipped lines" if text_format.skip else ""
        raise SourceError(f"{os.path.basename(path)} is empty{skipped}: there is no header and no row")
    if text_format.header:
        return Heading(distinct_names(records[0]), len(records) < 2)
    return Heading(tuple(f"V{i + 1}" for i in range(len(records[0]))), False)


def distinct_names(header: Sequence[str]) -> tuple[str, ...]:
    """Header values as column names: blanks become ``V<position>``, repeated names get ``.1``, ``.2``, ..."""
    names: list[str] = []
    for position, value in enumerate(header, 1):
        base = value.strip() or f"V{position}"
        name, number = base, 0
        while name in names:
            number += 1
            name = f"{base}.{number}"
        names.append(name)
    return tuple(names)


def parse_options(text_format: TextFormat) -> pa_csv.ParseOptions:
    """How pyarrow cuts fields. Line ends inside quotes cost nothing measurable, so they are always allowed."""
    return pa_csv.ParseOptions(
        delimiter=text_format.delimiter,
        quote_char=text_format.quote or False,
        double_quote=bool(text_format.quote),
        newlines_in_values=bool(text_format.quote),
    )


def convert_options(
    text_format: TextFormat, types: dict[str, pa.DataType] | None = None, include: Sequence[str] = ()
) -> pa_csv.ConvertOptions:
    """How pyarrow reads values."""
    return pa_csv.ConvertOptions(
        column_types=types,
        include_columns=list(include),
        null_values=list(dict.fromkeys(["", text_format.missing])),
        true_values=list(TRUE_WORDS),
        false_values=list(FALSE_WORDS),
        strings_can_be_null=True,
        decimal_point=text_format.decimal,
        timestamp_parsers=[pa_csv.ISO8601, "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S"] if types else None,
    )


def sniff_types(
    sample: bytes, names: tuple[str, ...], text_format: TextFormat, decimal_type: pa.DataType, missing_type: pa.DataType
) -> dict[str, pa.DataType]:
    """The types of the columns as the sample has them.

    Whole numbers are int64 (blocks store them narrow), decimals ``decimal_type``, columns without any value
    ``missing_type``, True/False and T/F bool, ISO dates date32, ISO times timestamp in microseconds, all else string.
    """
    reading = pa_csv.ReadOptions(
        use_threads=False,
        block_size=max(len(sample), 1),
        column_names=list(names),
        skip_rows_after_names=1 if text_format.header else 0,
        encoding=text_format.encoding,
    )
    table = pa_csv.read_csv(io.BytesIO(sample), reading, parse_options(text_format), convert_options(text_format))
    return {
        name: _sniffed(column, decimal_type, missing_type)
        for name, column in zip(table.schema.names, table.columns, strict=True)
    }


def _sniffed(column: pa.ChunkedArray, decimal_type: pa.DataType, missing_type: pa.DataType) -> pa.DataType:
    kind = column.type
    if pa.types.is_null(kind):
        return missing_type
    if pa.types.is_floating(kind):
        return decimal_type
    if pa.types.is_timestamp(kind):
        return pa.timestamp(_unit(column), kind.tz)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date32(kind):
        return kind
    return pa.string()


def _unit(column: pa.ChunkedArray) -> str:
    """Microseconds, unless finer ones stand in the text."""
    if column.type.unit != "ns":
        return "us"
    try:
        pc.cast(column, pa.timestamp("us", column.type.tz))
    except pa.ArrowInvalid:
        return "ns"
    return "us"
