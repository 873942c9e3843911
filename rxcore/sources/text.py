"""Delimited text, streamed: one file, a folder, a glob or a list; plain, .gz, .zst or .bz2.

Types are decided once, from the first rows of the first file, and hold for all that follows; a later value that does
not fit is an error that names it. Parsing runs in one thread: pyarrow's streaming reader is not faster with threads of
its own (3 million rows in 1.08 s either way), and only then do its errors carry the line. Whoever reads can do so in
another thread, as the import does.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from rxcore.blocks import Block
from rxcore.errors import DataWarning, SourceError
from rxcore.sources.arrow import estimate_nbytes, needed
from rxcore.sources.arrow_types import block_of, open_factor
from rxcore.sources.convert import describe_misfit, shortened
from rxcore.sources.paths import COMPRESSIONS
from rxcore.sources.recut import recut
from rxcore.sources.text_sniff import convert_options, heading, parse_options
from rxcore.sources.text_stream import TextFormat, open_text
from xdf.schema import FACTOR_TYPE, Field, Schema, missing_column_message


@dataclass(frozen=True)
class TextFile:
    """One file of a text source, with the names that its own header gives."""

    path: str
    names: tuple[str, ...]
    empty: bool


@dataclass(frozen=True)
class TextPartition:
    """One file, read from its start to its end."""

    file: int
    text: TextFile
    text_format: TextFormat
    columns: tuple[str, ...]
    types: dict[str, pa.DataType]
    rows_per_block: int
    first_block: int = 0
    n_blocks: int | None = None
    n_rows: int | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Plain record batches of exactly ``rows_per_block`` rows, the last one shorter."""
        if self.text.empty:
            return
        for batch in recut(self._parsed(), self.rows_per_block):
            if not any(pa.types.is_dictionary(kind) for kind in batch.schema.types):
                yield batch
                continue
            arrays = [open_factor(a) if pa.types.is_dictionary(a.type) else a for a in batch.columns]
            yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    def blocks(self) -> Iterator[Block]:
        """The blocks, in order."""
        start = 0
        for batch in self.batches():
            yield block_of(batch, start)
            start += batch.num_rows

    def _parsed(self) -> Iterator[pa.RecordBatch]:
        text_format = self.text_format
        types = {name: self.types[name] for name in self.columns}
        reading = pa_csv.ReadOptions(
            use_threads=False,
            block_size=text_format.block_bytes,
            column_names=list(self.text.names),
            skip_rows=text_format.skip,
            skip_rows_after_names=1 if text_format.header else 0,
            encoding=text_format.encoding,
        )
        try:
            with open_text(self.text.path, text_format) as stream:
                converting = convert_options(text_format, types, self.columns)
                last = None
                with pa_csv.open_csv(stream, reading, parse_options(text_format), converting) as reader:
                    for batch in reader:
                        last = batch if batch.num_rows else last
                        yield batch
            if last is not None:
                self._check_end(last)
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
            raise SourceError(self._explain(str(error))) from None
        except OSError as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{os.path.basename(self.text.path)} cannot be read to its end: {error}") from error

    def _check_end(self, batch: pa.RecordBatch) -> None:
        """Refuse a last value that is all that followed a quote that never closed; the parser takes it as text."""
        name = self.text.names[-1]
        if not self.text_format.quote or name not in self.columns:
            return
        value = batch.column(name)[-1].as_py()
        if not isinstance(value, str) or "\n" not in value:
            return
        plain = not self.text.path.lower().endswith(COMPRESSIONS)
        if value.endswith("\n") or (plain and not _ends_with(self.text.path, self.text_format.quote)):
            raise SourceError(
                f"{os.path.basename(self.text.path)}, column {name!r}: the last value spans lines to the end of the "
                f"file: {shortened(value)!r}; a quote {self.text_format.quote!r} opens and never closes. "
                "Mend the file, or give quote_mark='' if quotes mean nothing in it"
            )

    def _explain(self, message: str) -> str:
        """The message of pyarrow as what, where, got, allowed, do this."""
        file = os.path.basename(self.text.path)
        line = re.search(r"Row #(\d+)", message)
        where = f"{file}, line {line.group(1)}" if line else file
        misfit = re.search(r"In CSV column #(\d+):.*?(?:invalid value|expected .* in) '(.*)'", message, re.DOTALL)
        if misfit:
            name = self.text.names[int(misfit.group(1))]  # pyarrow counts the columns of the file
            return _explain_value(where, name, misfit.group(2), self.types.get(name, pa.string()))
        ragged = re.search(r"Expected (\d+) columns, got (\d+)(?:: (.*))?", message, re.DOTALL)
        if ragged:
            text = (ragged.group(3) or "").strip()[:80]
            return (
                f"{where}: {ragged.group(2)} fields where {ragged.group(1)} are expected: {text!r}; "
                f"the delimiter is {self.text_format.delimiter!r}: give another (delimiter=...) or mend the file"
            )
        if "straddling" in message or "out of sync" in message:
            return (
                f"{where}: a row is longer than {self.text_format.block_bytes} bytes, or a quote "
                f"{self.text_format.quote!r} opens and never closes. Give quote_mark='' if quotes mean nothing in it"
            )
        if "UTF8" in message or "codec" in message:
            return f"{where}: bytes that are not {self.text_format.encoding}; give input_encoding=... ({message})"
        return f"{where}: {message}"


def _ends_with(path: str, quote: str) -> bool:
    with open(path, "rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 16, 0))
        return file.read().rstrip(b"\r\n").endswith(quote.encode())


def _explain_value(where: str, name: str, value: str, kind: pa.DataType) -> str:
    wider = "character"
    if pa.types.is_integer(kind):
        try:
            float(value)
            wider = "numeric"
        except ValueError:
            pass
    if "\n" in value:
        # A quote in front of it opened, and the rest of the file went into one value.
        return (
            f"{where}, column {name!r}: {describe_misfit(value, kind)}; it spans lines: does a quote open there and "
            "never close? Give quote_mark='' if quotes mean nothing in this file"
        )
    return (
        f"{where}, column {name!r}: {describe_misfit(value, kind)}; "
        f"say what the column is with column_classes={{{name!r}: {wider!r}}}, "
        f"or missing_value_string={shortened(value)!r} if that marks missing values"
    )


class TextSource:
    """Delimited text files with decided names and types.

    Parameters
    ----------
    files : sequence of str
        Each one is a partition.
    text_format : TextFormat
    types : mapping of str to pyarrow.DataType
        Every column in order. ``dictionary<int32, string>`` makes an open factor.
    rows_per_block : int
    label : str

    Raises
    ------
    SourceError
        When a file lacks a column that the first one has.
    """

    rereadable = True
    n_rows: int | None = None
    n_blocks: int | None = None

    def __init__(
        self,
        files: Sequence[str],
        text_format: TextFormat,
        types: Mapping[str, pa.DataType],
        rows_per_block: int,
        label: str,
    ) -> None:
        self.label = label
        self.rows_per_block = rows_per_block
        self.text_format = text_format
        self._types = dict(types)
        self.open_factors = frozenset(name for name, kind in types.items() if pa.types.is_dictionary(kind))
        fields = (Field(name, pa.string() if kind == FACTOR_TYPE else kind) for name, kind in types.items())
        self.schema = Schema(tuple(fields))
        self._paths = tuple(files)
        self._files = tuple(self._open(path, number) for number, path in enumerate(files))

    def _open(self, path: str, number: int) -> TextFile:
        head = heading(path, self.text_format)
        names = head.names
        if not self.text_format.header:
            # Without a header the columns go by position.
            if len(names) != len(self._types):
                raise SourceError(
                    f"{os.path.basename(path)} has {len(names)} columns where the first file has {len(self._types)}"
                )
            names = tuple(self._types)
        for name in self._types:
            if name not in names:
                missing = missing_column_message(name, names)
                raise SourceError(f"{os.path.basename(path)} (file {number + 1} of {len(self._paths)}): {missing}")
        extra = [name for name in names if name not in self._types]
        if extra:
            warnings.warn(
                f"{os.path.basename(path)}: columns that the first file does not have are left out: {', '.join(extra)}",
                DataWarning,
                stacklevel=4,
            )
        return TextFile(path, names, head.empty)

    def partitions(self, columns: Sequence[str]) -> Sequence[TextPartition]:
        """Handles that cover all rows once, for these columns."""
        wanted = needed(self.schema, columns, self.label)
        types = {name: self._types[name] for name in wanted}
        return [
            TextPartition(number, text, self.text_format, wanted, types, self.rows_per_block)
            for number, text in enumerate(self._files)
        ]

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes while it is read."""
        wanted: list[Any] = list(columns) or list(self.schema.names[:1])
        return estimate_nbytes(self.schema, wanted, self.rows_per_block) + 4 * self.text_format.block_bytes
