"""Every source of the package over the same rows, and what it must give. A new one is one function and one entry."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.dataset
import pyarrow.orc
import pyarrow.parquet
from legacy_writer import Old, legacy_bytes

import xdf
from rxcore.metadata import ColumnRequests
from rxcore.sources.base import Source
from rxcore.sources.resolve import as_source
from rxcore.sources.retyped import retyped
from rxcore.sources.transformed import wrap
from rxcore.testing.examples import TableSource, example_table
from rxcore.testing.source_case import SourceCase

TABLE = example_table(240)
LEVELS_OF_TEXT = ["a", "bb", "", "dé"]

# Sources. Each entry writes what it needs into a folder and gives the case.

ROWS = 70
CUT = ((70, 70, 70, 30),)


def plain_table() -> pa.Table:
    """The example without what text cannot tell apart: NaN from missing, empty text from none."""
    x = TABLE["x"].to_pandas()
    texts = pa.array([text or None for text in TABLE["text"].to_pylist()])
    table = TABLE.set_column(TABLE.schema.get_field_index("x"), "x", pa.array(x, from_pandas=True))
    table = table.set_column(table.schema.get_field_index("k"), "k", table["k"].cast(pa.int64()))
    return table.set_column(table.schema.get_field_index("text"), "text", texts)


def with_text_for_factors(table: pa.Table) -> pa.Table:
    return table.set_column(table.schema.get_field_index("g"), "g", table["g"].cast(pa.string()))


def source(data: Any) -> Source:
    return as_source(data, caller="laws", rows_per_block=ROWS)


def xdf_case(folder: Path) -> SourceCase:
    path = folder / "example.xdf"
    schema = TableSource(TABLE, ((240,),)).schema
    with xdf.create(path, schema) as writer:
        for batch in TABLE.to_batches(max_chunksize=ROWS):
            writer.write(batch)
    return SourceCase(name="xdf", make=lambda: source(path), expected=TABLE, layout=CUT)


def legacy_case(folder: Path) -> SourceCase:
    """A file as RevoScaleR wrote them, which has fewer types: small integers are int32, and truth values are too."""
    kinds = {
        pa.int64(): "int64",
        pa.int16(): "int32",
        pa.bool_(): "int32",
        pa.float64(): "float64",
        pa.date32(): "date32",
    }
    expected, variables = TABLE, []
    for name in TABLE.column_names:
        column = TABLE[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            levels = column.dictionary.to_pylist()
            variables.append(Old(name, "factor", column.indices.to_pylist(), levels=levels))
            continue
        if column.type in (pa.int16(), pa.bool_(), pa.float64()):
            # A missing number is NaN there.
            is_float = pa.types.is_floating(column.type)
            column = column.fill_null(float("nan")) if is_float else column.cast(pa.int32())
            expected = expected.set_column(expected.column_names.index(name), name, column)
        days = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
        variables.append(Old(name, kinds.get(TABLE[name].type, "string"), days.to_pylist()))
    path = folder / "example.xdf"
    path.write_bytes(legacy_bytes(variables, CUT[0]))
    return SourceCase(name="legacy xdf", make=lambda: source(path), expected=expected, layout=CUT)


def text_case(folder: Path) -> SourceCase:
    path = folder / "example.csv"
    pyarrow.csv.write_csv(with_text_for_factors(plain_table()), path)
    expected = with_text_for_factors(plain_table())
    return SourceCase(name="text", make=lambda: source(path), expected=expected, layout=CUT)


def text_folder_case(folder: Path) -> SourceCase:
    expected = with_text_for_factors(plain_table())
    (folder / "many").mkdir()
    for number, start in enumerate((0, 100, 190)):
        part = folder / "many" / f"part{number}.csv"
        pyarrow.csv.write_csv(expected.slice(start, (100, 90, 50)[number]), part)
        with gzip.open(f"{part}.gz", "wb") as packed:
            packed.write(part.read_bytes())
        part.unlink()
    layout = ((70, 30), (70, 20), (50,))
    return SourceCase(name="text folder", make=lambda: source(folder / "many"), expected=expected, layout=layout)


def parquet_case(folder: Path) -> SourceCase:
    path = folder / "example.parquet"
    pyarrow.parquet.write_table(TABLE, path, row_group_size=100)
    expected = with_text_for_factors(TABLE)
    layout = ((70, 30, 70, 30, 40),)
    return SourceCase(name="parquet", make=lambda: source(path), expected=expected, layout=layout)


def parquet_folder_case(folder: Path) -> SourceCase:
    (folder / "parts").mkdir()
    for number, start in enumerate((0, 100)):
        part = TABLE.slice(start, (100, 140)[number])
        pyarrow.parquet.write_table(part, folder / "parts" / f"{number}.parquet")
    expected = with_text_for_factors(TABLE)
    layout = ((70, 30), (70, 70))
    return SourceCase(name="parquet folder", make=lambda: source(folder / "parts"), expected=expected, layout=layout)


def orc_case(folder: Path) -> SourceCase:
    path = folder / "example.orc"
    expected = with_text_for_factors(TABLE)
    pyarrow.orc.write_table(expected, path)
    return SourceCase(name="orc", make=lambda: source(path), expected=expected, layout=CUT)


def table_case(folder: Path) -> SourceCase:
    return SourceCase(name="table", make=lambda: source(TABLE), expected=TABLE, layout=CUT)


def pandas_case(folder: Path) -> SourceCase:
    kinds = {pa.int16(): pd.Int16Dtype(), pa.bool_(): pd.BooleanDtype(), pa.date32(): pd.ArrowDtype(pa.date32())}
    frame = TABLE.to_pandas(types_mapper=kinds.get)
    return SourceCase(name="pandas", make=lambda: source(frame), expected=TABLE, layout=CUT)


def polars_case(folder: Path) -> SourceCase:
    frame = pl.from_arrow(TABLE)
    return SourceCase(name="polars", make=lambda: source(frame), expected=TABLE, layout=CUT)


def stream_case(folder: Path) -> SourceCase:
    return SourceCase(
        name="stream",
        make=lambda: source(TABLE.to_reader(max_chunksize=33)),
        expected=with_text_for_factors(TABLE),
        layout=CUT,
        waived={"partitions_work_in_another_process": "a one-shot stream lives in its process; sending it is refused"},
    )


def dataset_case(folder: Path) -> SourceCase:
    for number, start in enumerate((0, 100)):
        part = TABLE.slice(start, (100, 140)[number])
        pyarrow.parquet.write_table(part, folder / f"{number}.parquet")
    dataset = pyarrow.dataset.dataset(folder, format="parquet")
    expected = with_text_for_factors(TABLE)
    return SourceCase(name="dataset", make=lambda: source(dataset), expected=expected, layout=((70, 30), (70, 70)))


def retyped_case(folder: Path) -> SourceCase:
    """Columns dropped, renamed, made wider, and text made a factor with given levels."""
    info = {"k": {"type": "numeric"}, "text": {"type": "factor", "levels": LEVELS_OF_TEXT}, "x": {"newName": "delay"}}
    requests = ColumnRequests.parse(info, None, None, "laws")
    make = lambda: retyped(source(TABLE), requests, drop=["day"], caller="laws")  # noqa: E731
    text = TABLE["text"].combine_chunks().dictionary_encode()
    expected = TABLE.drop_columns(["day"]).rename_columns({"x": "delay"})
    expected = expected.set_column(expected.schema.get_field_index("k"), "k", TABLE["k"].cast(pa.float64()))
    expected = expected.set_column(expected.schema.get_field_index("text"), "text", text)
    return SourceCase(name="retyped", make=make, expected=expected, layout=CUT)


def transformed_case(folder: Path) -> SourceCase:
    """A computed column; rows left out."""
    make = lambda: wrap(  # noqa: E731
        source(TABLE), transforms={"twice": "2 * w"}, row_selection="row >= 75 & row < 200", caller="laws"
    )
    twice = pa.compute.multiply(TABLE["w"], 2.0)
    expected = TABLE.append_column("twice", twice).slice(75, 125)
    return SourceCase(
        name="transformed",
        make=make,
        expected=expected,
        layout=((0, 65, 60, 0),),
        waived={"start_rows_count_the_rows_of_the_file": "rows are numbered as in the data, those left out included"},
    )


SOURCES: dict[str, Callable[[Path], SourceCase]] = {
    "xdf": xdf_case,
    "legacy xdf": legacy_case,
    "text": text_case,
    "text folder": text_folder_case,
    "parquet": parquet_case,
    "parquet folder": parquet_folder_case,
    "orc": orc_case,
    "table": table_case,
    "pandas": pandas_case,
    "polars": polars_case,
    "stream": stream_case,
    "dataset": dataset_case,
    "retyped": retyped_case,
    "transformed": transformed_case,
}
