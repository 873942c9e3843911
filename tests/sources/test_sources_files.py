"""Parquet, ORC and .xdf files, folders of them, and finding files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.orc
import pyarrow.parquet
import pytest

import xdf
from rxcore import RxOrcData, RxParquetData, RxTextData, rx_import
from rxcore.errors import OptionError, SourceError, UnsupportedInContextError
from rxcore.options import options
from rxcore.sources import orc_tail
from rxcore.sources.base import Source
from rxcore.sources.orc_tail import stripe_rows
from rxcore.sources.resolve import as_source
from rxcore.sources.xdf import XdfSource

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


def table(n_rows: int = 1000, start: int = 0) -> pa.Table:
    rows = np.arange(start, start + n_rows)
    return pa.table(
        {"i": rows, "car.age": np.array(["old", "new", "vintage"])[rows % 3], "u": [f"id {row}" for row in rows]}
    )


def shapes(source: Source, columns: list[str] | None = None) -> list[tuple[int, int, int]]:
    """(file, number, rows) of every block."""
    found = []
    for part in source.partitions(columns or list(source.schema.names)):
        blocks = list(part.blocks())
        assert part.n_blocks in (None, len(blocks))
        found += [(part.file, part.first_block + k, block.n_rows) for k, block in enumerate(blocks)]
    return found


def column(source: Source, name: str) -> list[Any]:
    field = source.schema.field(name)
    blocks = (block for part in source.partitions([name]) for block in part.blocks())
    return [value for block in blocks for value in block.columns[name].to_arrow(field).to_pylist()]


def write(kind: str, rows: pa.Table, path: Path, **more: Any) -> None:
    if kind == "parquet":
        pyarrow.parquet.write_table(rows, path, **more)
    else:
        pyarrow.orc.write_table(rows, path, **more)


def test_row_groups_are_blocks_and_cut(tmp_path: Path) -> None:
    write("parquet", table(), tmp_path / "a.parquet", row_group_size=400)
    source = as_source(tmp_path / "a.parquet", caller="test", rows_per_block=300)
    assert shapes(source) == [(0, 0, 300), (0, 1, 100), (0, 2, 300), (0, 3, 100), (0, 4, 200)]
    assert (source.n_rows, source.n_blocks) == (1000, 5)
    assert [part.n_rows for part in source.partitions(["i"])] == [400, 400, 200]
    assert column(source, "i") == list(range(1000))
    assert column(source, "car.age") == table().column("car.age").to_pylist()


def test_strings_stored_as_a_dictionary_stay_codes(tmp_path: Path) -> None:
    rows = pa.table({"few": ["b", "a", "b", "c"] * 100, "many": [f"id {i}" for i in range(400)]})
    write("parquet", rows, tmp_path / "a.parquet")
    source = as_source(tmp_path / "a.parquet", caller="test", rows_per_block=3)
    first, second, *_ = source.partitions(["few", "many"])[0].blocks()
    assert source.schema.field("few").is_string
    assert first.columns["few"].levels.to_pylist() == ["b", "a"]  # only what occurs in the block
    assert second.columns["few"].levels.to_pylist() == ["c", "b", "a"]
    assert first.columns["many"].other is not None
    assert column(source, "few") == ["b", "a", "b", "c"] * 100


def test_categories_of_a_frame_come_back_from_parquet(tmp_path: Path) -> None:
    day = pd.Categorical(["Tue", "Mon"], categories=["Mon", "Tue", "Wed"], ordered=True)
    pd.DataFrame({"day": day}).to_parquet(tmp_path / "a.parquet")
    made = rx_import(str(tmp_path / "a.parquet"), str(tmp_path / "a.xdf"), report_progress=0)
    assert xdf.open(made.file).schema.field("day").levels == ("Mon", "Tue", "Wed")


def test_stripes_are_blocks(tmp_path: Path) -> None:
    rows = table(200_000)
    write("orc", rows, tmp_path / "a.orc", stripe_size=1 << 16, batch_size=1000)
    reader = pyarrow.orc.ORCFile(tmp_path / "a.orc")
    stripes = stripe_rows(reader)
    assert len(stripes) == reader.nstripes > 1
    assert stripes == [reader.read_stripe(k).num_rows for k in range(reader.nstripes)]
    source = as_source(tmp_path / "a.orc", caller="test", rows_per_block=10**6)
    assert [n_rows for _, _, n_rows in shapes(source)] == stripes
    assert column(source, "car.age") == rows.column("car.age").to_pylist()


class _Reader:
    """An ORC reader whose footer says something else than its stripes."""

    def __init__(self, tail: bytes) -> None:
        self.reader = self
        self.nstripes, self.nrows = 2, 5
        self.schema = pa.schema([("x", pa.int64())])
        self._tail = tail

    def serialized_file_tail(self) -> bytes:
        return self._tail

    def read_stripe(self, number: int, columns: list[str]) -> pa.RecordBatch:
        return pa.record_batch({"x": [1, 2, 3][: 3 - number]})


@pytest.mark.parametrize("tail", [b"", b"\x12\xff", b"\x12\x04\x1a\x02\x28\x05", b"\x07", b"\x80" * 12])
def test_a_strange_orc_footer_is_not_believed(tail: bytes) -> None:
    assert orc_tail.stripe_rows(_Reader(tail)) == [3, 2]


@pytest.mark.parametrize("kind", ["parquet", "orc"])
def test_folders_globs_and_lists(kind: str, tmp_path: Path) -> None:
    write(kind, table(5), tmp_path / f"part-0.{kind}")
    write(kind, table(7, start=5), tmp_path / f"part-1.{kind}")
    (tmp_path / "_SUCCESS").touch()
    wrapper = RxParquetData if kind == "parquet" else RxOrcData
    files = [str(tmp_path / f"part-{k}.{kind}") for k in range(2)]
    for given in (str(tmp_path), str(tmp_path / f"*.{kind}"), files):
        source = wrapper(given).source()
        assert shapes(source) == [(0, 0, 5), (1, 0, 7)]
        assert column(source, "i") == list(range(12))
    assert shapes(as_source(tmp_path, caller="test")) == [(0, 0, 5), (1, 0, 7)]


def test_spark_part_files_have_no_suffix(tmp_path: Path) -> None:
    write("orc", table(5), tmp_path / "part-0")
    assert RxOrcData(str(tmp_path)).source().n_rows == 5


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    write("parquet", pa.table({"x": [1], "y": ["a"]}), tmp_path / "a.parquet")
    write("parquet", pa.table({"x": [1], "z": ["a"]}), tmp_path / "b.parquet")
    with pytest.raises(SourceError, match=r"b.parquet, which belongs to the same data: column 'y' is not there"):
        RxParquetData(str(tmp_path)).source()
    write("parquet", pa.table({"x": ["1"], "y": ["a"]}), tmp_path / "b.parquet")
    with pytest.raises(SourceError, match=r"b.parquet: column 'x' has type string where the first file has int64"):
        RxParquetData(str(tmp_path)).source()
    write("parquet", pa.table({"x": [2.0], "y": ["a"]}), tmp_path / "b.parquet")
    assert column(RxParquetData(str(tmp_path)).source(), "x") == [1, 2]
    write("parquet", pa.table({"x": [2.5], "y": ["a"]}), tmp_path / "b.parquet")
    with pytest.raises(SourceError, match=r"b.parquet, column 'x': 2.5 is not a whole number"):
        column(RxParquetData(str(tmp_path)).source(), "x")


def test_column_info_on_parquet(tmp_path: Path) -> None:
    write("parquet", table(6), tmp_path / "a.parquet")
    info = {
        "car.age": {"type": "factor", "levels": ["new", "old"], "description": "Age of the car"},
        "i": {"low": -1, "high": 9},
    }
    source = RxParquetData(str(tmp_path / "a.parquet"), column_info=info).source()
    assert source.schema.field("car.age").levels == ("new", "old")
    assert (source.schema.field("i").low, source.schema.field("i").high) == (-1, 9)
    assert column(source, "car.age") == ["old", "new", None, "old", "new", None]


@pytest.mark.parametrize("kind", ["parquet", "orc"])
def test_damaged_columnar_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    write(kind, table(), path)
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    with pytest.raises(SourceError, match=rf"a.{kind} cannot be read as"):
        as_source(path, caller="test")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=rf"a.{kind} cannot be read as"):
        as_source(path, caller="test")


def test_partitioned_folder_says_how_to_read_it(tmp_path: Path) -> None:
    (tmp_path / "year=2013").mkdir()
    write("parquet", table(5), tmp_path / "year=2013" / "a.parquet")
    for give in (lambda: as_source(tmp_path, caller="test"), lambda: RxParquetData(str(tmp_path)).source()):
        with pytest.raises(
            SourceError, match=r"partitioned into folders such as 'year=2013'; read it with pyarrow.dataset"
        ):
            give()
    source = as_source(pyarrow.dataset.dataset(tmp_path, partitioning="hive"), caller="test")
    assert column(source, "year") == [2013] * 5


def test_filtered_dataset(tmp_path: Path) -> None:
    write("parquet", table(50), tmp_path / "a.parquet")
    rows = pyarrow.dataset.dataset(tmp_path / "a.parquet").filter(pyarrow.dataset.field("i") >= 45)
    source = as_source(rows, caller="test", rows_per_block=3)
    assert column(source, "i") == [45, 46, 47, 48, 49]
    assert shapes(source) == [(0, 0, 3), (0, 1, 2)]


def test_xdf_handles(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    rx_import(table(), str(path), rows_per_read=300, report_progress=0)
    source = XdfSource(path)
    parts = source.partitions(["i"])
    sent = pickle.loads(pickle.dumps(parts))
    rx_import(table(10), str(path), overwrite=True, report_progress=0)
    assert sum(block.n_rows for part in parts for block in part.blocks()) == 1000  # the snapshot it opened
    with pytest.raises(SourceError, match=r"a.xdf was replaced by another file while it was being read"):
        list(sent[0].blocks())
    path.unlink()
    with pytest.raises(SourceError, match=r"file .*a.xdf' does not exist"):
        list(sent[1].blocks())


def test_levels_are_one_object_for_all_blocks(tmp_path: Path) -> None:
    path = str(tmp_path / "a.xdf")
    rx_import(table(), path, rows_per_read=300, strings_as_factors=True, report_progress=0)
    parts = XdfSource(path).partitions(["car.age"])
    assert len({id(next(iter(part.blocks())).columns["car.age"].levels) for part in parts}) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x1f\x8b1234", "a gzip file"),
        (b"XDF:abcd", "Lab Streaming Layer"),
        (b"a,b\n1,2\n", "a text file"),
        (b"", "an empty file"),
    ],
)
def test_foreign_files(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.xdf"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=rf"foreign.xdf is not an .xdf file of this package: it looks like .*{words}"):
        as_source(path, caller="test")


def test_real_foreign_files() -> None:
    folder = SHARED / "not-xdf"
    if not folder.is_dir():
        pytest.skip("../shared/data is not there")
    for path in folder.iterdir():
        with pytest.raises(SourceError, match=r"is not an .xdf file of this package: it looks like"):
            as_source(path, caller="test")


def test_truncated_xdf(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    rx_import(table(), str(path), report_progress=0)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SourceError, match=r"a\.xdf"):
        as_source(path, caller="test")


def test_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"test: file .*sale.csv' does not exist in .*Close names there: 'sales.csv'"):
        as_source(tmp_path / "sale.csv", caller="test")
    with pytest.raises(SourceError, match=r"does not exist: there is no folder '.*nowhere'"):
        as_source(tmp_path / "nowhere" / "a.csv", caller="test")
    with pytest.raises(SourceError, match=r"no file matches"):
        as_source(str(tmp_path / "*.tsv"), caller="test")
    with pytest.raises(SourceError, match=r"the list of files is empty"):
        RxTextData([]).source()
    monkeypatch.chdir(tmp_path.parent)
    with options(dataPath=["elsewhere", str(tmp_path)]):
        assert as_source("sales.csv", caller="test").schema.names == ("a", "b")
        assert as_source("sale*.csv", caller="test").schema.names == ("a", "b")
        with pytest.raises(
            SourceError, match=r"'sale.csv' does not exist in '.*' or '.'. Close names there: 'sales.csv'"
        ):
            as_source("sale.csv", caller="test")


def test_folders_that_say_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no file of a known kind; say which: RxTextData"):
        as_source(tmp_path, caller="test")
    (tmp_path / "a.csv").write_text("a\n1\n")
    write("parquet", table(1), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"holds files of several kinds \(parquet, text\)"):
        as_source(tmp_path, caller="test")
    assert RxTextData(str(tmp_path)).source().schema.names == ("a",)
    with pytest.raises(SourceError, match=r"no orc file in folder .*which holds a.csv, a.parquet"):
        RxOrcData(str(tmp_path)).source()
    (tmp_path / "set" / "metadata").mkdir(parents=True)
    (tmp_path / "set" / "data").mkdir()
    with pytest.raises(SourceError, match=r"this is a folder, not an .xdf file, and no composite set is in it"):
        as_source(tmp_path / "set", caller="test")
    (tmp_path / "set" / "metadata" / "set.xdfp").touch()
    with pytest.raises(SourceError, match=r"is a partitioned .xdf set, which is not available yet"):
        as_source(tmp_path / "set", caller="test")
    (tmp_path / "a.dta").touch()
    with pytest.raises(SourceError, match=r"the suffix does not say what the file is; wrap it: RxTextData"):
        as_source(tmp_path / "a.dta", caller="test")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (42, "test: data of type int cannot be read. Accepted: a path"),
        (pl.LazyFrame({"a": [1]}), r"LazyFrame has no rows yet; pass its .collect\(\)"),
        (pd.Series([1]), r"Series is one column; pass its .to_frame\(\)"),
        (["a.csv", "b.csv"], "a list of paths does not say what the files are"),
    ],
)
def test_data_that_cannot_be_read(data: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        as_source(data, caller="test")


def test_rows_of_a_block_must_be_sensible() -> None:
    for rows in (0, -1, 2.5, True):
        with pytest.raises(OptionError, match=r"the rows of a block must be a whole number of at least 1"):
            as_source(pa.table({"a": [1]}), caller="test", rows_per_block=rows)  # type: ignore[arg-type]


def test_streams_are_read_once() -> None:
    source = as_source(table(5).to_reader(), caller="test")
    assert not source.rereadable
    with pytest.raises(UnsupportedInContextError, match=r"one-shot stream and cannot be sent to another process"):
        pickle.dumps(source.partitions(["i"]))
    assert column(source, "i") == [0, 1, 2, 3, 4]
    with pytest.raises(SourceError, match=r"was read already and a stream can be read once"):
        column(source, "i")


def test_memory_partitions_pickle_their_own_rows_only() -> None:
    for data in (table(100_000), table(100_000).to_pandas(), pl.from_arrow(table(100_000))):
        (first, *_) = as_source(data, caller="test", rows_per_block=10).partitions(["i", "u"])
        sent = pickle.dumps(first)
        assert len(sent) < 3000
        assert pickle.loads(sent).n_rows == 10


def test_sources_pass_through() -> None:
    source = as_source(table(3), caller="test")
    assert as_source(source, caller="test") is source
