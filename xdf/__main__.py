"""The command line: ``python -m xdf info|schema|head|verify|repair|compact|convert``.

Ends with 0 when all is well; 1 when a file is damaged, or was repaired with a loss; 2 when it was called wrongly; 3
when something cannot be read or written.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

import xdf
from xdf.legacy import LegacyTable
from xdf.legacy.migrate import Migration, MigrationReport, migrate_file
from xdf.legacy.request import is_folder_of_files, legacy_migration
from xdf.legacy.tree import TreeReport, migrate_folder
from xdf.logical import FACTOR_TEXT, type_text
from xdf.schema import Field
from xdf.transfer import KINDS, Options, convert

try:
    import click
except ImportError:
    sys.stderr.write("python -m xdf needs the package click. Do this: pip install click\n")
    sys.exit(3)

DAMAGED, REFUSED, CLOSED_PIPE = 1, 3, 141
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_PATH = click.argument("path", type=click.Path())
_EPILOG = (
    "Ends with 0: all is well; 1: damaged, or repaired with a loss; 2: called wrongly; 3: cannot be read or written."
)
# How the library and how the command line say it.
_OVERWRITE = ("pass overwrite=True to replace it, or append to it", "give --overwrite to replace it")
_LEVELS_SHOWN = 6
_SECONDS = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SECONDS_BETWEEN = 0.2


class _Commands(click.Group):
    """Errors of files are one line and an exit code here, not a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has enough. Python would complain once more when it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(CLOSED_PIPE)
        except (xdf.XdfError, OSError) as error:
            click.echo(f"Error: {_message(error)}", err=True)
            sys.exit(REFUSED)


def _message(error: xdf.XdfError | OSError) -> str:
    if isinstance(error, xdf.XdfError) or error.filename is None:
        return str(error).replace(*_OVERWRITE)
    return f"{error.filename}: {error.strerror}"


class _Progress:
    """One line on the terminal that is rewritten while something is done; nothing where stderr is no terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_shown = sys.stderr.isatty()
        self._next = time.monotonic() + _SECONDS_BETWEEN
        self._width = 0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if not self._is_shown or now < self._next:
            return
        self._next = now + _SECONDS_BETWEEN
        share = f" ({done / total:.0%})" if total else ""
        self._show(f"{self._what}: {done:,}{share}")

    def finish(self) -> None:
        """Wipe the line."""
        if self._width:
            self._show("")
            sys.stderr.write("\r")
            sys.stderr.flush()

    def _show(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False))


def _finite(number: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return number if number is not None and abs(number) < float("inf") else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
def main() -> None:
    """Look into .xdf files, check and repair them, and convert them."""


@main.command()
@_PATH
@_AS_JSON
def info(path: str, as_json: bool) -> None:
    """Print rows, columns, blocks and size. Reads no data."""
    with xdf.open(path) as file:
        found: dict[str, Any] = {
            "path": str(path),
            "rows": file.n_rows,
            "columns": len(file.schema),
            "blocks": file.n_blocks,
            "rows_per_block": list(file.rows_per_block),
            "compression_level": file.compression_level,
            "bytes": file.size_on_disk,
        }
        if isinstance(file, xdf.XdfSet | xdf.LegacySet):
            found["files"] = file.n_files
        if isinstance(file, LegacyTable):
            found["compression_level"] = None  # such a file does not say it
            found["format"] = f"RevoScaleR, version {file.version:g}"
    if as_json:
        _print_json(found)
        return
    click.echo(f"{path}: {file.n_rows:,} rows, {found['columns']:,} columns, {file.n_blocks:,} blocks")
    if "files" in found:
        click.echo(f"  composite set of {found['files']:,} data files")
    if file.n_blocks:
        least, most = min(file.rows_per_block), max(file.rows_per_block)
        click.echo(f"  {least:,} to {most:,} rows a block" if least < most else f"  {most:,} rows a block")
    per_row = f", {file.size_on_disk / file.n_rows:.1f} a row" if file.n_rows else ""
    level = "none" if file.compression_level == 0 else f"zstd, level {file.compression_level}"
    how = f"written by {found['format']}" if "format" in found else f"compression {level}"
    click.echo(f"  {file.size_on_disk:,} bytes{per_row}; {how}")


@main.command()
@_PATH
@_AS_JSON
def schema(path: str, as_json: bool) -> None:
    """Print the columns: types, ranges, levels, labels, missing rows. Reads no data."""
    with xdf.open(path) as file:
        fields = file.schema.fields
        columns = [_column(file, field) for field in fields]
    if as_json:
        _print_json(columns)
        return
    width = max(len(_on_one_line(column["name"])) for column in columns)
    for field, column in zip(fields, columns, strict=True):
        click.echo(f"{_on_one_line(field.name):<{width}}  {_on_one_line(_describe(field, column))}")


def _column(file: xdf.OpenFile, field: Field) -> dict[str, Any]:
    statistics = file.statistics(field.name)
    column: dict[str, Any] = {
        "name": field.name,
        "type": FACTOR_TEXT if field.is_factor else type_text(field.type),
        "description": field.description,
        "valid": statistics.n_valid,
        "missing": statistics.n_missing,
    }
    if field.is_factor:
        column |= {"levels": list(field.levels or ()), "ordered": field.ordered}
    elif field.is_numeric:
        column |= {"low": _finite(field.low), "high": _finite(field.high), "mean": _finite(statistics.mean)}
    if field.value_codes:
        column["value_labels"] = dict(zip(map(str, field.value_codes), field.value_labels, strict=True))
    return column


def _describe(field: Field, column: dict[str, Any]) -> str:
    parts = [("ordered " if column.get("ordered") else "") + str(column["type"])]
    if column.get("low") is not None:
        parts.append(f"{_limit(column['low'], field.type)} to {_limit(column['high'], field.type)}")
    if "levels" in column:
        shown = ", ".join(column["levels"][:_LEVELS_SHOWN])
        more = ", ..." if len(column["levels"]) > _LEVELS_SHOWN else ""
        parts.append(f"{len(column['levels']):,} levels: {shown}{more}")
    if column["missing"]:
        parts.append(f"{column['missing']:,} missing")
    if "value_labels" in column:
        parts.append(", ".join(f"{code} = {label}" for code, label in column["value_labels"].items()))
    return "; ".join([*parts, *([column["description"]] if column["description"] else [])])


def _limit(number: float, kind: pa.DataType) -> str:
    """The end of a range; of dates and timestamps to the second, which is what the statistics are good for."""
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        unit = 86_400 if pa.types.is_date(kind) else _SECONDS[kind.unit]
        with contextlib.suppress(OverflowError, ValueError):
            moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=number * unit)
            zone = " UTC" if getattr(kind, "tz", None) is not None else ""
            return f"{moment:%Y-%m-%d}" if pa.types.is_date(kind) else f"{moment:%Y-%m-%d %H:%M:%S}{zone}"
    return f"{number:.7g}"


@main.command()
@_PATH
@click.option("-n", "--rows", default=6, show_default=True, type=click.IntRange(0), help="How many.")
@click.option("-c", "--columns", metavar="A,B,...", help="Only these columns; names with commas need --column.")
@click.option("--column", "more", multiple=True, metavar="NAME", help="A column; may be repeated.")
@_AS_JSON
def head(path: str, rows: int, columns: str | None, more: tuple[str, ...], as_json: bool) -> None:
    """Print the first rows."""
    names = [*(columns.split(",") if columns else ()), *more] or None
    with xdf.open(path) as file:
        table = file.scan(names, rows=(0, min(rows, file.n_rows))).to_table()
    if as_json:
        columns_ = [map(_plain, _values(column)) for column in table.columns]
        _print_json([dict(zip(table.schema.names, row, strict=True)) for row in zip(*columns_, strict=True)])
        return
    cells = [
        [_on_one_line(name), *map(_shown, _values(column))]
        for name, column in zip(table.schema.names, table.columns, strict=True)
    ]
    widths = [max(map(len, column)) for column in cells]
    for row in range(table.num_rows + 1):
        click.echo("  ".join(f"{column[row]:>{width}}" for column, width in zip(cells, widths, strict=True)).rstrip())


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Python's values; of dates and times that Python does not know (the year 10,000, a zone on Mars) the numbers."""
    try:
        values: list[Any] = column.to_pylist()
    except (pa.ArrowException, OverflowError, ValueError):
        values = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).to_pylist()
    return values


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.7g}"
    return "NA" if value is None else _on_one_line(str(value))


def _on_one_line(text: str) -> str:
    """What a file says must neither break lines nor steer the terminal."""
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


@main.command()
@click.argument("paths", type=click.Path(), nargs=-1, required=True)
@_AS_JSON
def verify(paths: tuple[str, ...], as_json: bool) -> None:
    """Check every checksum, type, level and statistic, and say what is sound, damaged or lost.

    Ends with 1 when something is damaged, and else with 3 when something is no .xdf file.
    """
    found: list[dict[str, Any]] = []
    codes = {0}
    for path in paths:
        progress = _Progress(f"{path}: bytes checked")
        try:
            report = xdf.verify(path, progress=progress)
        except (xdf.XdfError, OSError) as error:
            # The others are looked at all the same.
            codes.add(REFUSED)
            found.append({"path": path, "error": _message(error)})
            click.echo(f"Error: {_message(error)}", err=True)
            continue
        finally:
            progress.finish()
        codes.add(0 if report.is_sound else DAMAGED)
        found.append(report.to_dict())
        if not as_json:
            click.echo(str(report))
    if as_json and (len(paths) > 1 or REFUSED not in codes):
        _print_json(found[0] if len(found) == 1 else found)
    sys.exit(DAMAGED if DAMAGED in codes else max(codes))


@main.command()
@_PATH
@click.argument("output", required=False, type=click.Path(path_type=Path))
@click.option(
    "--damaged", type=click.Choice(["missing", "block", "column"]), default="missing", show_default=True,
    help="What becomes of a damaged chunk: its rows are missing in that column, or its block or column is left out.",
)  # fmt: skip
@_AS_JSON
def repair(path: str, output: Path | None, damaged: Any, as_json: bool) -> None:
    """Make a damaged file readable again: in place where nothing is lost, else as a new file of what is sound.

    Ends with 1 when something had to be left out.
    """
    progress = _Progress(f"{path}: bytes checked")
    try:
        report = xdf.repair(path, output, damaged=damaged, progress=progress)
    finally:
        progress.finish()
    if as_json:
        _print_json(report.to_dict())
    else:
        click.echo(str(report))
    sys.exit(DAMAGED if report.left_out else 0)


@main.command()
@_PATH
@_AS_JSON
def compact(path: str, as_json: bool) -> None:
    """Rewrite a file without the bytes that no commit needs any more."""
    report = xdf.compact(path)
    if as_json:
        _print_json({"path": path, "bytes_before": report.bytes_before, "bytes_after": report.bytes_after})
    else:
        click.echo(str(report))


@main.command("convert")
@click.argument("source", type=click.Path(allow_dash=True))
@click.argument("target", type=click.Path(allow_dash=True))
@click.option(
    "--from", "source_kind", type=click.Choice(KINDS), help="Format of SOURCE, where its suffix does not say."
)
@click.option("--to", "target_kind", type=click.Choice(KINDS), help="Format of TARGET, where its suffix does not say.")
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it is there.")
@click.option("--rows-per-block", type=click.IntRange(1), help="Of an .xdf file; by default 500,000.")
@click.option("--compression-level", type=click.IntRange(-1, 9), default=1, show_default=True, help="Of an .xdf file.")
@click.option("--delimiter", help="Of text; by default a comma, or what the suffix says.")
@click.option("--type", "types", multiple=True, metavar="NAME=TYPE", help="Of a column of text; may be repeated.")
@click.option("--factor", "factors", multiple=True, metavar="NAME", help="The same as --type NAME=factor.")
@click.option("--strings-as-factors", is_flag=True, help="Make every column of strings a factor.")
@click.option("--missing", multiple=True, help="What stands for a missing value in text; by default nothing and NA.")
@click.option("--salvage", is_flag=True, help="RevoScaleR: leave out variables that cannot be read.")
@click.option("--keep-missing-codes", is_flag=True, help="RevoScaleR: -2147483648 stays a number.")
@click.option("--threads", type=click.IntRange(1), help="RevoScaleR: files of a folder at a time.")
@_AS_JSON
def convert_command(
    source: str, target: str, source_kind: str | None, target_kind: str | None, as_json: bool,
    types: tuple[str, ...], factors: tuple[str, ...], delimiter: str | None, missing: tuple[str, ...],
    salvage: bool, keep_missing_codes: bool, threads: int | None, **rest: Any,
) -> None:  # fmt: skip
    """Convert SOURCE to TARGET, one of which is .xdf; - is standard input or output.

    \b
    Text (csv, also .gz, .zst, .bz2), Parquet, ORC, Feather, Arrow streams and .xdf, by their suffixes. Rows are
    converted block by block; TARGET appears when it is whole.
    \b
      python -m xdf convert flights.csv flights.xdf --factor carrier
      zcat flights.csv.gz | python -m xdf convert - flights.xdf
      python -m xdf convert flights.xdf - --to csv | head
    \b
    Files of RevoScaleR (Machine Learning Server, SQL Server) are compared with their copies, and a report is printed;
    a whole folder of them is copied in parallel, and goes on where it was interrupted.
    \b
      python -m xdf convert old.xdf new.xdf
      python -m xdf convert old-folder/ new-folder/ --to parquet
    """  # noqa: D301 - click knows paragraphs that are not to be wrapped by this character
    chosen = dict(_pair(text) for text in types) | dict.fromkeys(factors, FACTOR_TEXT)
    delimiter = None if delimiter is None else delimiter.replace("\\t", "\t")
    if (how := legacy_migration(source, target, target_kind, delimiter, rest)) is not None:
        _migrate(source, target, replace(how, salvage=salvage, keep_missing_codes=keep_missing_codes), threads, as_json)
        return
    options = Options(types=chosen, delimiter=delimiter, missing=missing or Options().missing, **rest)
    if target == "-" and sys.stdout.isatty() and target_kind != "csv":
        raise click.UsageError("TARGET is the terminal: send the output into a pipe or file, or choose --to csv")
    progress = _Progress(f"{source}: rows")
    try:
        n_rows = convert(
            source, target, source_kind=source_kind, target_kind=target_kind, options=options,
            progress=progress if sys.stderr.isatty() else None,
        )  # fmt: skip
    finally:
        progress.finish()
    if target == "-":
        return
    if as_json:
        _print_json({"source": source, "target": target, "rows": n_rows, "bytes": _size(target)})
    else:
        click.echo(f"{target}: {n_rows:,} rows, {_size(target):,} bytes")


def _migrate(source: str, target: str, how: Migration, threads: int | None, as_json: bool) -> None:
    """Bring over a file or folder of RevoScaleR; ends with 1 when something had to be left out or failed."""
    report: MigrationReport | TreeReport
    if is_folder_of_files(source):
        tell = None if as_json else lambda outcome: click.echo(str(outcome))
        report = migrate_folder(source, target, how, n_threads=threads, done=tell)
        text = report.summary
    else:
        progress = _Progress(f"{source}: rows")
        try:
            report = migrate_file(source, target, how, progress)
        finally:
            progress.finish()
        text = str(report)
    if as_json:
        _print_json(report.to_dict())
    else:
        click.echo(text)
    sys.exit(0 if report.is_complete else DAMAGED)


def _pair(text: str) -> tuple[str, str]:
    name, mark, kind = text.rpartition("=")
    if not mark:
        raise click.BadParameter(f"{text!r} is not NAME=TYPE", param_hint="--type")
    return name, kind


def _size(path: str) -> int:
    return Path(path).stat().st_size


if __name__ == "__main__":
    main(prog_name="python -m xdf")
