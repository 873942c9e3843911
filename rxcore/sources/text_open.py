"""From what a user says about text files to a source: sniff, decide types, rename and label."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from rxcore.errors import OptionError, SourceError
from rxcore.metadata import ColumnRequests
from rxcore.options import RxOptions
from rxcore.sources.base import Source
from rxcore.sources.retyped import retyped
from rxcore.sources.text import TextSource
from rxcore.sources.text_sniff import (
    first_records,
    heading,
    read_sample,
    sense_delimiter,
    sense_header,
    sniff_types,
)
from rxcore.sources.text_stream import TextFormat
from xdf.schema import FACTOR_TYPE

_DECIMAL_TYPES = {"numeric": pa.float64(), "float32": pa.float32()}
_MISSING_TYPES = {**_DECIMAL_TYPES, "character": pa.string()}


@dataclass(frozen=True, slots=True)
class TextOptions:
    """What a user may say about text; None means: find out, or take the option's value."""

    delimiter: str | None = None
    header: bool | None = None
    missing: str = "NA"
    quote: str = '"'
    decimal: str = "."
    combine: bool = False
    encoding: str = "utf-8"
    rows_to_sniff: int = 10_000
    rows_to_skip: int = 0
    decimal_type: str | None = None
    missing_type: str | None = None


def open_text_source(
    files: Sequence[str],
    options: TextOptions,
    requests: ColumnRequests,
    *,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    rows_per_block: int,
    label: str,
    caller: str,
) -> Source:
    """Look at the first rows of the first file and decide how all of them are read."""
    _check(options, caller)
    first = files[0]
    try:
        text_format, sample = _sense(first, options)
        names = heading(first, text_format).names
        types = _sniffed_types(first, sample, names, text_format, options)
    except SourceError as error:
        raise SourceError(f"{caller}: {error}") from error
    wanted = requests.named(names, caller, label)
    for name in names:
        request = wanted.get(name)
        if request is not None and request.type is not None:
            types[name] = _parsed_type(types[name], None if request.type.is_factor else request.type.kind)
        elif requests.strings_as_factors and pa.types.is_string(types[name]):
            types[name] = FACTOR_TYPE
    source = TextSource(files, text_format, types, rows_per_block, label)
    return retyped(source, requests, keep=keep, drop=drop, caller=caller)


def _sense(path: str, options: TextOptions) -> tuple[TextFormat, bytes]:
    text_format = TextFormat(
        options.delimiter or "",
        options.quote,
        options.decimal,
        options.missing,
        bool(options.header),
        options.rows_to_skip,
        options.combine,
        options.encoding,
    )
    if not text_format.delimiter:
        plain = read_sample(path, text_format, options.rows_to_sniff)
        text_format = replace(text_format, delimiter=sense_delimiter(plain, text_format, os.path.basename(path)))
    sample = read_sample(path, text_format, options.rows_to_sniff)
    if options.header is None:
        text_format = replace(text_format, header=sense_header(first_records(sample, text_format, 2), text_format))
    longest = max((len(line) for line in sample.split(b"\n")), default=0)
    return replace(text_format, block_bytes=max(text_format.block_bytes, 16 * longest)), sample


def _sniffed_types(
    path: str, sample: bytes, names: tuple[str, ...], text_format: TextFormat, options: TextOptions
) -> dict[str, pa.DataType]:
    decimal_type = _DECIMAL_TYPES[_known(options.decimal_type, "defaultDecimalColType", _DECIMAL_TYPES)]
    missing_type = _MISSING_TYPES[_known(options.missing_type, "defaultMissingColType", _MISSING_TYPES)]
    if heading(path, text_format).empty:
        return dict.fromkeys(names, missing_type)
    try:
        return sniff_types(sample, names, text_format, decimal_type, missing_type)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise SourceError(
            f"{os.path.basename(path)}: the first {options.rows_to_sniff} rows do not read as text with delimiter "
            f"{text_format.delimiter!r}: {error}. "
            "Give delimiter=, quote_mark= or rows_to_skip= to say how they are meant"
        ) from error


def _known(name: str | None, option: str, allowed: Mapping[str, pa.DataType]) -> str:
    name = name or str(RxOptions.get_option(option))
    if name not in allowed:
        raise OptionError(f"RxOptions {option} is {name!r}; allowed for text: {', '.join(map(repr, allowed))}")
    return name


def _parsed_type(sniffed: pa.DataType, asked: pa.DataType | None) -> pa.DataType:
    """The type that the parser reads a column as, so that little is left to convert and errors carry their line."""
    if asked is None:
        return FACTOR_TYPE
    if pa.types.is_integer(asked) and pa.types.is_floating(sniffed):
        return pa.float64()  # "8.0" is a whole number; "8.5" is told apart afterwards
    if pa.types.is_boolean(asked) and (pa.types.is_integer(sniffed) or pa.types.is_floating(sniffed)):
        return sniffed
    if pa.types.is_timestamp(asked) and pa.types.is_timestamp(sniffed):
        return sniffed
    if pa.types.is_date(asked) and not pa.types.is_date(sniffed):
        return sniffed if pa.types.is_timestamp(sniffed) else pa.timestamp("s")
    return asked


def _check(options: TextOptions, caller: str) -> None:
    for what, value, least in (
        ("delimiter", "," if options.delimiter is None else options.delimiter, 1),
        ("decimal_point", options.decimal, 1),
        ("quote_mark", options.quote, 0),
    ):
        if not least <= len(str(value).encode()) <= 1:
            raise OptionError(
                f"{caller}: {what} must be one character{'' if least else ' or empty'}; got {value!r}. "
                "Several at once are not available yet"
            )
    if options.rows_to_sniff < 1 or options.rows_to_skip < 0:
        raise OptionError(
            f"{caller}: rows_to_sniff must be at least 1 and rows_to_skip at least 0; "
            f"got {options.rows_to_sniff} and {options.rows_to_skip}"
        )
    for what, kind, allowed in (
        ("default_decimal_column_type", options.decimal_type, _DECIMAL_TYPES),
        ("default_missing_column_type", options.missing_type, _MISSING_TYPES),
    ):
        if kind is not None and kind not in allowed:
            raise OptionError(f"{caller}: {what} must be one of {', '.join(map(repr, allowed))}; got {kind!r}")
