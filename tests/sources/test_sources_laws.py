"""Every source keeps the laws of sources; where one opts out of a law, the reason stands beside it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.orc
import pyarrow.parquet
import pytest

import rxcore
from rxcore.metadata import ColumnRequests
from rxcore.sources.base import Source
from rxcore.sources.resolve import as_source
from rxcore.sources.retyped import retyped
from rxcore.testing import SOURCE_LAWS, SourceCase

N_ROWS, ROWS = 230, 100
LAYOUT = ((100, 100, 30),)
CODES_IN_BLOCKS = {
    "columns_fit_the_schema": "text whose levels only reading tells comes as codes into its block's levels"
}
ONE_SHOT = {"partitions_work_in_another_process": "a stream lives in this process"}


def expected(factor: bool) -> pa.Table:
    """Numbers with and without missing rows, truth values, text, dates and times; a factor where it is asked for."""
    rng = np.random.default_rng(4)
    lost = rng.random(N_ROWS) < 0.1
    day = pa.array(np.array(["Tue", "Mon", "Wed", "Sun"])[rng.integers(0, 4, N_ROWS)], mask=rng.random(N_ROWS) < 0.05)
    start = datetime.datetime(2013, 1, 1, 5, 30)  # noqa: DTZ001 - a clock without a zone
    return pa.table(
        {
            "delay": pa.array(rng.integers(-80, 900, N_ROWS), mask=lost),
            "hour": pa.array(rng.integers(0, 24, N_ROWS)),
            "ratio": pa.array(rng.normal(size=N_ROWS), mask=lost[::-1]),
            "late": pa.array(rng.random(N_ROWS) < 0.5, mask=lost),
            "day": _as_factor(day) if factor else day,
            "note": pa.array([None if i % 7 == 0 else f"note {i}, of many" for i in range(N_ROWS)]),
            "date": pa.array([datetime.date(2013, 1, 1 + i % 28) for i in range(N_ROWS)]),
            "time": pa.array([start + datetime.timedelta(hours=i) for i in range(N_ROWS)], pa.timestamp("us")),
        }
    )


def _as_factor(day: pa.Array) -> pa.DictionaryArray:
    levels = pa.array(["Mon", "Tue", "Wed", "Thu", "Sun"])
    return pa.DictionaryArray.from_arrays(pa.compute.index_in(day, value_set=levels), levels)


def text(folder: Path) -> Source:
    pyarrow.csv.write_csv(expected(False), folder / "rows.csv")
    return rxcore.RxTextData(str(folder / "rows.csv"), rows_per_read=ROWS).source()


def zipped_text(folder: Path) -> Source:
    with pa.CompressedOutputStream(str(folder / "rows.csv.zst"), "zstd") as stream:
        pyarrow.csv.write_csv(expected(False), stream)
    return rxcore.RxTextData(str(folder / "rows.csv.zst"), rows_per_read=ROWS).source()


def text_with_levels(folder: Path) -> Source:
    pyarrow.csv.write_csv(expected(False), folder / "rows.csv")
    info = {"day": {"type": "factor", "levels": ["Mon", "Tue", "Wed", "Thu", "Sun"]}}
    return rxcore.RxTextData(str(folder / "rows.csv"), rows_per_read=ROWS, column_info=info).source()


def text_with_factors(folder: Path) -> Source:
    pyarrow.csv.write_csv(expected(False), folder / "rows.csv")
    return rxcore.RxTextData(str(folder / "rows.csv"), rows_per_read=ROWS, column_classes={"day": "factor"}).source()


def two_text_files(folder: Path) -> Source:
    table = expected(False)
    for number, part in enumerate((table.slice(0, 150), table.slice(150))):
        pyarrow.csv.write_csv(part, folder / f"part{number}.csv")
    return rxcore.RxTextData(str(folder / "part*.csv"), rows_per_read=ROWS).source()


def parquet(folder: Path) -> Source:
    pyarrow.parquet.write_table(expected(False), folder / "rows.parquet", row_group_size=170)
    return as_source(folder / "rows.parquet", caller="test", rows_per_block=ROWS)


def plain_parquet(folder: Path) -> Source:
    pyarrow.parquet.write_table(expected(False), folder / "rows.parquet", row_group_size=170, use_dictionary=False)
    return as_source(folder / "rows.parquet", caller="test", rows_per_block=ROWS)


def orc(folder: Path) -> Source:
    pyarrow.orc.write_table(expected(False), folder / "rows.orc")
    return as_source(folder / "rows.orc", caller="test", rows_per_block=ROWS)


def xdf_file(folder: Path) -> Source:
    path = folder / "rows.xdf"
    rxcore.rx_import(expected(True), str(path), rows_per_read=ROWS, report_progress=0, overwrite=True)
    return as_source(path, caller="test")


def composite_set(folder: Path) -> Source:
    path = str(folder / "rows")
    options = {"rows_per_read": ROWS, "blocks_per_composite_file": 2, "report_progress": 0, "overwrite": True}
    rxcore.rx_import(expected(True), path, **options)
    return as_source(path, caller="test")


def xdf_retyped(folder: Path) -> Source:
    path = folder / "rows.xdf"
    rxcore.rx_import(expected(False), str(path), rows_per_read=ROWS, report_progress=0, overwrite=True)
    info = {"day": {"type": "factor", "levels": ["Mon", "Tue", "Wed", "Thu", "Sun"]}}
    return retyped(as_source(path, caller="test"), ColumnRequests.parse(info, None, None, "test"), caller="test")


def dataset(folder: Path) -> Source:
    pyarrow.parquet.write_table(expected(False), folder / "rows.parquet", row_group_size=170)
    return as_source(pyarrow.dataset.dataset(folder / "rows.parquet"), caller="test", rows_per_block=ROWS)


def memory(convert: Callable[[pa.Table], Any], factor: bool = True) -> Callable[[Path], Source]:
    return lambda folder: as_source(convert(expected(factor)), caller="test", rows_per_block=ROWS)


def polars_frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(pl.col("day").cast(pl.String).cast(pl.Enum(["Mon", "Tue", "Wed", "Thu", "Sun"])))


def in_pieces(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table.slice(0, 33), table.slice(33, 90), table.slice(123)])


MAKERS: dict[str, tuple[Callable[[Path], Source], bool, tuple[tuple[int, ...], ...], dict[str, str]]] = {
    "text": (text, False, LAYOUT, {}),
    "zipped text": (zipped_text, False, LAYOUT, {}),
    "text with levels": (text_with_levels, True, LAYOUT, {}),
    "text with factors": (text_with_factors, False, LAYOUT, CODES_IN_BLOCKS),
    "two text files": (two_text_files, False, ((100, 50), (80,)), {}),
    "parquet": (parquet, False, ((100, 70, 60),), CODES_IN_BLOCKS),
    "plain parquet": (plain_parquet, False, ((100, 70, 60),), {}),
    "orc": (orc, False, LAYOUT, {}),
    "xdf": (xdf_file, True, LAYOUT, {}),
    "composite": (composite_set, True, LAYOUT, {}),
    "xdf retyped": (xdf_retyped, True, LAYOUT, {}),
    "dataset": (dataset, False, LAYOUT, {}),
    "table": (memory(lambda table: table), True, LAYOUT, {}),
    "table in pieces": (memory(in_pieces), True, LAYOUT, {}),
    "batch": (memory(lambda table: table.combine_chunks().to_batches()[0]), True, LAYOUT, {}),
    "pandas": (memory(lambda table: table.to_pandas(date_as_object=False)), True, LAYOUT, {}),
    "pandas of arrow": (memory(lambda table: table.to_pandas(types_mapper=_arrow_type)), True, LAYOUT, {}),
    "polars": (memory(polars_frame), True, LAYOUT, {}),
    "reader": (memory(lambda table: table.to_reader(37), False), False, LAYOUT, ONE_SHOT),
    "reader of factors": (memory(lambda table: table.to_reader(37)), False, LAYOUT, {**ONE_SHOT, **CODES_IN_BLOCKS}),
    "duckdb": (memory(lambda rows: duckdb.connect().sql("select * from rows"), False), False, LAYOUT, ONE_SHOT),
}


def _arrow_type(kind: pa.DataType) -> Any:
    import pandas as pd

    return None if pa.types.is_dictionary(kind) else pd.ArrowDtype(kind)


def in_the_types_of(source: Source, table: pa.Table) -> pa.Table:
    """The expected rows as this kind of data says them: frames have no integers with missing rows, ORC nanoseconds."""
    for number, field in enumerate(source.schema):
        column = table.column(field.name)
        if not field.is_factor and column.type != field.type:
            # Without rows nothing tells a type.
            column = column.cast(field.type) if len(column) else pa.chunked_array([], field.type)
            table = table.set_column(number, field.name, column)
    return table


@pytest.mark.parametrize("name", MAKERS)
def test_source_keeps_the_laws(name: str, tmp_path: Path) -> None:
    make, factor, layout, waived = MAKERS[name]
    table = in_the_types_of(make(tmp_path), expected(factor))
    case = SourceCase(name=name, make=lambda: make(tmp_path), expected=table, layout=layout, waived=waived)
    SOURCE_LAWS.check(case)


@pytest.mark.parametrize("name", ["text", "parquet", "xdf", "table", "pandas", "polars", "reader"])
def test_no_rows_keep_the_laws(name: str, tmp_path: Path) -> None:
    table = expected(False).slice(0, 0)

    def make() -> Source:
        if name == "text":
            (tmp_path / "none.csv").write_text(",".join(table.column_names) + "\n")
            return rxcore.RxTextData(str(tmp_path / "none.csv"), first_row_is_column_names=True).source()
        if name == "parquet":
            pyarrow.parquet.write_table(table, tmp_path / "none.parquet")
            return as_source(tmp_path / "none.parquet", caller="test")
        if name == "xdf":
            rxcore.rx_import(table, str(tmp_path / "none.xdf"), report_progress=0, overwrite=True)
            return as_source(tmp_path / "none.xdf", caller="test")
        converted = {
            "table": lambda: table,
            "pandas": table.to_pandas,
            "polars": lambda: pl.from_arrow(table),
            "reader": table.to_reader,
        }[name]()
        return as_source(converted, caller="test")

    waived = ONE_SHOT if name == "reader" else {}
    case = SourceCase(name=name, make=make, expected=in_the_types_of(make(), table), layout=(), waived=waived)
    SOURCE_LAWS.check(case)
