"""Composite sets: written in pieces, read as one, the same as a single file to the last bit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from composite_cases import BATCHES, SIMPLE, names, rows, write_set
from container_cases import TYPES, array_of, assert_same_table, write_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xdf
from xdf.stats import ColumnStatistics


def same(left: ColumnStatistics, right: ColumnStatistics) -> bool:
    return bool(np.array_equal(_bits(left), _bits(right)))


def _bits(statistics: ColumnStatistics) -> np.ndarray:
    values = (statistics.minimum, statistics.maximum, statistics.mean, statistics.centered_squares)
    counts = np.array([statistics.n_valid, statistics.n_missing], np.uint64)
    return np.concatenate([np.array(values).view(np.uint64), counts])


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[xdf.XdfFile, xdf.XdfSet]]:
    """The same blocks as a file and as a set."""
    path = write_file(tmp_path / "one.xdf", *BATCHES)
    folder = write_set(tmp_path / "many", *BATCHES)
    with xdf.open(path) as file, xdf.open(folder) as found:
        assert isinstance(found, xdf.XdfSet)
        yield file, found


# --- As one ---------------------------------------------------------------------------------------------------------


def test_the_folder_has_the_layout_of_revoscalepy(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "sales", *BATCHES)
    assert names(folder) == [
        "data/sales_1.xdfd",
        "data/sales_2.xdfd",
        "data/sales_3.xdfd",
        "metadata/sales.xdfm",
    ]
    with xdf.open(folder) as file:
        assert [one.n_blocks for one in file.files] == [3, 3, 2]
        assert file.n_files == 3
        assert file.path == folder
        assert file.metadata_path == folder / "metadata" / "sales.xdfm"
        assert file.size_on_disk == sum(path.stat().st_size for path in folder.rglob("*.xdf*"))
        assert repr(file).endswith("2,400 rows, 9 columns, 8 blocks, 3 files)")
        assert file.file_of_block(7) == (file.files[2], 1)
        with pytest.raises(xdf.XdfError, match="block 8 is not there; the file has 8 blocks"):
            file.file_of_block(8)


def test_a_set_reads_like_the_file_of_the_same_blocks(both: tuple[xdf.XdfFile, xdf.XdfSet]) -> None:
    file, found = both
    assert isinstance(found, xdf.XdfFile)
    assert (found.n_rows, found.n_blocks, found.rows_per_block) == (file.n_rows, file.n_blocks, file.rows_per_block)
    assert found.schema == file.schema
    assert found.explicit_fields() == file.explicit_fields()
    assert found.arrow_schema == file.arrow_schema
    assert found.compression_level == file.compression_level
    assert found.to_arrow() == file.to_arrow()
    for name in file.schema.names:
        assert same(found.statistics(name), file.statistics(name))
        for number in range(file.n_blocks):
            assert same(found.block_statistics(number, name), file.block_statistics(number, name))
    for number in range(file.n_blocks):
        assert found.read_block_arrow(number).equals(file.read_block_arrow(number))
        ours, theirs = found.read_block(number), file.read_block(number)
        for name, column in theirs.items():
            assert ours[name].values.dtype == column.values.dtype
            assert np.array_equal(ours[name].values, column.values, equal_nan=column.values.dtype.kind == "f")
            assert ours[name].base == column.base
    assert found.block_nbytes(["noise"]) == file.block_nbytes(["noise"])
    scan = found.scan(["noise"], ("small", ">", 95))
    assert scan.to_table() == file.scan(["noise"], ("small", ">", 95)).to_table()


def test_factor_levels_are_one_object(both: tuple[xdf.XdfFile, xdf.XdfSet]) -> None:
    _, found = both
    objects = {id(found.read_block(number, ["weather"])["weather"].levels) for number in range(8)}
    assert len(objects) == 1
    assert not found.read_block(0, ["weather"])["weather"].values.flags.writeable


@pytest.mark.parametrize("level", [0, 1])
def test_every_type_in_a_set(tmp_path: Path, level: int) -> None:
    batch = pa.record_batch({name: array_of(name) for name in TYPES})
    folder = write_set(tmp_path / "types", batch, batch, batch, blocks_per_file=1, compression_level=level)
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), batch, batch, batch)
        assert file.compression_level == level


def test_a_set_by_its_metadata_file(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "sales", *BATCHES)
    with xdf.open(folder / "metadata" / "sales.xdfm") as file:
        assert isinstance(file, xdf.XdfSet)
        assert file.to_arrow().num_rows == 2400


def test_data_files_are_files_of_their_own(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "sales", *BATCHES)
    with xdf.open(folder / "data" / "sales_2.xdfd") as file:
        assert_same_table(file.to_arrow(), *BATCHES[3:6])


def test_a_folder_keeps_its_set_under_another_name(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "sales", *BATCHES).rename(tmp_path / "archive")
    with xdf.append(folder) as writer:
        writer.write(BATCHES[0])
    assert names(folder)[-1] == "metadata/sales.xdfm"
    assert "data/sales_4.xdfd" in names(folder)
    with xdf.open(folder) as file:
        assert file.n_blocks == 9


def test_a_set_without_rows(tmp_path: Path) -> None:
    with xdf.create_composite(tmp_path / "empty", SIMPLE):
        pass
    with xdf.open(tmp_path / "empty") as file:
        assert (file.n_rows, file.n_blocks, file.n_files) == (0, 0, 0)
        assert file.to_arrow().num_rows == 0
        assert file.statistics("x").n_valid == 0
    with xdf.append(tmp_path / "empty") as writer:
        writer.write(rows(["a"]))
    with xdf.open(tmp_path / "empty") as file:
        assert file.to_arrow().to_pylist() == [{"k": "a", "x": 0}]


def test_many_files_do_not_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xdf.composite._MOST_OPEN", 2)
    monkeypatch.setattr("xdf.composite._MOST_HELD", 4)
    folder = write_set(tmp_path / "many", *BATCHES, blocks_per_file=1)
    with xdf.open(folder) as file:
        for _ in range(2):
            assert_same_table(file.to_arrow(), *BATCHES)
        assert isinstance(file, xdf.XdfSet)
        assert len(file._open) <= 2


def test_all_sets_together_hold_few_files(tmp_path: Path) -> None:
    import gc

    gc.collect()
    folder = write_set(tmp_path / "many", *BATCHES, blocks_per_file=1)
    before = len(os.listdir("/proc/self/fd"))
    sets = [xdf.open(folder) for _ in range(100)]
    for file in sets:
        assert file.read_block(7)["noise"] is not None
    assert len(os.listdir("/proc/self/fd")) - before <= 256 + 2 * 100
    for file in sets:
        file.close()
    assert len(os.listdir("/proc/self/fd")) <= before
    with xdf.open(folder) as again:
        assert isinstance(again, xdf.XdfSet)
        assert again._n_reserved == 8


def test_a_closed_set(tmp_path: Path) -> None:
    file = xdf.open(write_set(tmp_path / "many", *BATCHES))
    column = file.read_block(0)["noise"]
    file.close()
    file.close()
    assert len(column) == 300
    for number in (0, 5):
        with pytest.raises(xdf.XdfError, match="closed; open it again"):
            file.read_block(number)


def test_threads_share_a_set(tmp_path: Path) -> None:
    with xdf.open(write_set(tmp_path / "many", *BATCHES, blocks_per_file=1)) as file:
        expected = [file.read_block_arrow(number) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            for _ in range(10):
                found = list(pool.map(file.read_block_arrow, range(8)))
                assert all(one.equals(other) for one, other in zip(found, expected, strict=True))


# --- Levels ---------------------------------------------------------------------------------------------------------


def test_levels_are_brought_together_in_the_order_of_the_files(tmp_path: Path) -> None:
    """Whoever finishes first: the order is that of one file written from beginning to end."""
    parts = [["b", "a"], ["c", None, "b"], [], ["z", "a", "c"]]

    def write(part: xdf.DataFilePart, number: int) -> None:
        time.sleep(0.05 * (len(parts) - number))  # the last one finishes first
        with part.open() as writer:
            if parts[number]:
                writer.write(rows(parts[number], 10 * number))

    with xdf.create_composite(tmp_path / "many", SIMPLE) as writer, ThreadPoolExecutor() as pool:
        list(pool.map(write, writer.reserve(4), range(4)))
    with xdf.create(tmp_path / "one.xdf", SIMPLE) as single:
        for number, part in enumerate(parts):
            if part:
                single.write(rows(part, 10 * number))
    with xdf.open(tmp_path / "many") as file, xdf.open(tmp_path / "one.xdf") as one:
        assert file.schema.field("k").levels == one.schema.field("k").levels == ("b", "a", "c", "z")
        assert file.to_arrow() == one.to_arrow()
        for number in range(3):
            ours, theirs = file.read_block(number)["k"], one.read_block(number)["k"]
            assert ours.values.tolist() == theirs.values.tolist()
            assert ours.values.dtype == theirs.values.dtype
        assert [one.name for one in file.files] == ["many_1.xdfd", "many_2.xdfd", "many_4.xdfd"]
    assert "data/many_3.xdfd" not in names(tmp_path / "many")  # it had no block


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.lists(st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=4), max_size=3), max_size=4
    ),
    blocks_per_file=st.integers(1, 3),
    how=st.sampled_from(["reserved", "sequential", "appended"]),
    seeded=st.booleans(),
)
def test_any_levels_in_any_files(
    tmp_path: Path, parts: list[list[list[str | None]]], blocks_per_file: int, how: str, seeded: bool
) -> None:
    blocks = [block for part in parts for block in part]
    folder, path = tmp_path / "set", tmp_path / "one.xdf"
    with pytest.MonkeyPatch.context() as patch:
        if not seeded:  # as if there were too many levels to begin each file with
            patch.setattr("xdf.composite_writer._MOST_SEEDED", -1)
        with xdf.create_composite(folder, SIMPLE, blocks_per_file=blocks_per_file, overwrite=True) as writer:
            if how == "reserved":
                for reserved, part in reversed(list(zip(writer.reserve(len(parts)), parts, strict=True))):
                    with reserved.open() as one:
                        for block in part:
                            one.write(rows(block))
            elif how == "sequential":
                for block in blocks:
                    writer.write(rows(block))
        if how == "appended":
            for part in parts:
                with xdf.append(folder, blocks_per_file=blocks_per_file) as appending:
                    for block in part:
                        appending.write(rows(block))
    with xdf.create(path, SIMPLE, overwrite=True) as single:
        for block in blocks:
            single.write(rows(block))
    with xdf.open(folder) as file, xdf.open(path) as one_file:
        assert file.schema == one_file.schema
        assert file.to_arrow() == one_file.to_arrow()
        for number in range(len(blocks)):
            ours, theirs = file.read_block(number)["k"], one_file.read_block(number)["k"]
            assert ours.values.tolist() == theirs.values.tolist()


def test_declared_levels_and_labels(tmp_path: Path) -> None:
    schema = xdf.Schema(
        (
            xdf.factor_field("k", ["x", "a"], ordered=True, description="Kind"),
            xdf.Field("x", pa.int64(), low=-5.0, value_codes=(1.0,), value_labels=("one",)),
        )
    )
    with xdf.create_composite(tmp_path / "set", schema, blocks_per_file=1) as writer:
        writer.write(rows(["a", "q"]))
        assert writer.schema.field("k").levels == ("x", "a", "q")
        writer.set_field("x", description="Number")
        with pytest.raises(xdf.XdfColumnError, match="column 'y' is not there"):
            writer.set_field("y", description="")
        writer.write(rows(["x"]))
        assert (writer.n_rows, writer.n_blocks) == (3, 2)
    with xdf.open(tmp_path / "set") as file:
        assert file.explicit_fields() == (
            schema.fields[0].with_(levels=("x", "a", "q")),
            schema.fields[1].with_(description="Number"),
        )


# --- Labels ---------------------------------------------------------------------------------------------------------


def test_edits_of_a_set(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with xdf.create_composite(folder, SIMPLE, blocks_per_file=1) as writer:
        for part in writer.reserve(2):
            with part.open() as one:
                one.write(rows(["b", "a"] if part.place.name.endswith("_1.xdfd") else ["a", "c"]))  # type: ignore[union-attr]
    with xdf.edit(folder) as editor:
        editor.set_field("k", levels=["B", "A", "C"], description="Kind")
        editor.rename({"x": "number"})
    with xdf.open(folder) as file:
        assert file.schema.names == ("k", "number")
        assert file.to_arrow()["k"].to_pylist() == ["B", "A", "A", "C"]
    with xdf.append(folder) as appending:
        appending.write(pa.record_batch({"k": ["C", "new"], "number": [5, 6]}))
    with xdf.open(folder) as file:
        assert file.to_arrow()["k"].to_pylist() == ["B", "A", "A", "C", "C", "new"]
        assert file.to_arrow()["number"].to_pylist() == [0, 1, 0, 1, 5, 6]
        assert file.schema.field("k").description == "Kind"


# --- Locks and folders ----------------------------------------------------------------------------------------------


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with xdf.create_composite(folder, SIMPLE):
        for other in (lambda: xdf.create_composite(folder, SIMPLE), lambda: xdf.create_composite(folder, SIMPLE)):
            with pytest.raises(xdf.XdfLockedError, match="another writer holds the set"):
                other()
    with xdf.append(folder):
        for more in (
            lambda: xdf.append(folder),
            lambda: xdf.create_composite(folder, SIMPLE, overwrite=True),
            lambda: xdf.compact(folder),
        ):
            with pytest.raises(xdf.XdfLockedError, match=r"holds the set: process \d+ on .* \(append, since"):
                more()
        with pytest.raises(xdf.XdfLockedError, match=r"another writer holds the file: process \d+"):
            xdf.edit(folder)
    with xdf.edit(folder), pytest.raises(xdf.XdfLockedError, match=r"another writer holds the file: process \d+"):
        xdf.append(folder)
    with xdf.append(folder) as writer:
        writer.write(rows(["a"]))


def test_folders_that_are_not_ours_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("do not lose")
    with pytest.raises(xdf.XdfExistsError, match=r"this folder holds other things \(thesis.tex\)"):
        xdf.create_composite(tmp_path / "mine", SIMPLE, overwrite=True)
    assert names(tmp_path / "mine") == ["thesis.tex"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(xdf.XdfExistsError, match="this is a file; a composite set needs a folder of its own"):
        xdf.create_composite(tmp_path / "file", SIMPLE, overwrite=True)
    with pytest.raises(xdf.XdfWriteError, match="No such file"):
        xdf.create_composite(tmp_path / "no" / "set", SIMPLE)
    (tmp_path / "bare").mkdir()
    with xdf.create_composite(tmp_path / "bare", SIMPLE) as writer:
        writer.write(rows(["a"]))
    with pytest.raises(xdf.XdfFormatError, match=r"this is a folder, not an \.xdf file, and no composite set is in it"):
        xdf.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        xdf.open(tmp_path / "missing")


def test_other_files_in_the_folder_of_the_data_stay(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES[:2])
    for name in ("data/note.txt", "data/other_7.xdfd", "data/set_x.xdfd"):
        (folder / name).write_bytes(b"not ours")
    write_set(folder, *BATCHES[:1], overwrite=True)
    xdf.compact(folder)
    assert {"data/note.txt", "data/other_7.xdfd", "data/set_x.xdfd"} <= set(names(folder))


@pytest.mark.parametrize("count", [0, -1, True, 1.5, None])
def test_blocks_per_file_that_is_none(tmp_path: Path, count: Any) -> None:
    with pytest.raises(xdf.XdfError, match="blocks_per_file must be a whole number of at least 1; got"):
        xdf.create_composite(tmp_path / "set", SIMPLE, blocks_per_file=count)
    assert not (tmp_path / "set").exists()


def test_other_refusals(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"schema must be an xdf.Schema; got list"):
        xdf.create_composite(tmp_path / "set", [])  # type: ignore[arg-type]
    with pytest.raises(xdf.XdfSchemaError, match="compression_level must be a whole number from -1 to 9"):
        xdf.create_composite(tmp_path / "set", SIMPLE, compression_level=12)
    with pytest.raises(xdf.XdfSchemaError, match="the schema has no column"):
        xdf.create_composite(tmp_path / "set", xdf.Schema(()))
    folder = write_set(tmp_path / "there", *BATCHES[:1])
    with pytest.raises(xdf.XdfSchemaError, match="compression_level"):
        xdf.append(folder, compression_level=10)
    with pytest.raises(xdf.XdfFormatError, match="this is the metadata file of a composite set; open the folder"):
        xdf.append(folder / "metadata" / "there.xdfm")
    assert names(tmp_path) == ["there/data/there_1.xdfd", "there/metadata/there.xdfm"]


def test_readers_while_a_writer_appends(tmp_path: Path) -> None:
    """No reader ever fails, or sees a part of what was committed at once."""
    folder = tmp_path / "set"
    with xdf.create_composite(folder, SIMPLE):
        pass
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                with xdf.open(folder) as file:
                    found = file.to_arrow()
                    assert found.num_rows % 4 == 0
                    assert found["x"].to_pylist() == [number for _ in range(found.num_rows // 4) for number in range(4)]
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(40):
        with xdf.append(folder, blocks_per_file=1) as writer:
            writer.write(rows([f"{number}", "b"], 0))
            writer.write(rows([None, "c"], 2))
    done.set()
    for reader in readers:
        reader.join()
    assert not failures
    with xdf.open(folder) as file:
        assert file.n_rows == 160
