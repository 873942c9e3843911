"""Writing composite sets: several writers at once, appending, replacing, compacting."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from composite_cases import BATCHES, SIMPLE, names, rows, write_set
from container_cases import assert_same_table, mixed_batch, schema_of

import xdf

# --- Several writers at once ----------------------------------------------------------------------------------------


def _write_part(part: xdf.DataFilePart, seed: int) -> None:
    with part.open() as writer:
        for batch in (mixed_batch(200, 2 * seed), mixed_batch(200, 2 * seed + 1)):
            writer.write(batch)


def test_processes_write_one_set(tmp_path: Path) -> None:
    with (
        xdf.create_composite(tmp_path / "set", schema_of(BATCHES[0])) as writer,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        parts = pickle.loads(pickle.dumps(writer.reserve(4)))
        list(pool.map(_write_part, parts, range(4)))
    with xdf.open(tmp_path / "set") as file:
        assert_same_table(file.to_arrow(), *(mixed_batch(200, seed) for seed in range(8)))


def test_a_forked_copy_of_a_writer_touches_nothing(tmp_path: Path) -> None:
    with xdf.create_composite(tmp_path / "set", SIMPLE) as writer:
        writer.write(rows(["a"]))
        process = multiprocessing.get_context("fork").Process(target=writer.abort)
        process.start()
        process.join()
        writer.write(rows(["b"]))
    with xdf.open(tmp_path / "set") as file:
        assert file.n_rows == 2


def test_reserved_files_lie_between_others(tmp_path: Path) -> None:
    with xdf.create_composite(tmp_path / "set", SIMPLE, blocks_per_file=5) as writer:
        writer.write(rows(["a"], 0))
        (part,) = writer.reserve()
        writer.write(rows(["c"], 2))
        with part.open() as other:
            other.write(rows(["b"], 1))
    with xdf.open(tmp_path / "set") as file:
        assert file.to_arrow()["k"].to_pylist() == ["a", "b", "c"]
        assert file.n_files == 3


def test_a_reserved_file_that_was_not_written(tmp_path: Path) -> None:
    writer = xdf.create_composite(tmp_path / "set", SIMPLE)
    writer.write(rows(["a"]))
    done, _ = writer.reserve(2)
    with done.open() as part:
        part.write(rows(["b"]))
    with pytest.raises(
        xdf.XdfWriteError, match=r"'set_3.xdfd' was reserved and not written, or its writer was not clos"
    ):
        writer.close()
    assert not (tmp_path / "set").exists()


def test_a_reserved_file_with_other_columns(tmp_path: Path) -> None:
    writer = xdf.create_composite(tmp_path / "set", SIMPLE)
    (part,) = writer.reserve()
    xdf.write(pa.table({"y": [1]}), part.place)  # type: ignore[arg-type]
    with pytest.raises(xdf.XdfSchemaError, match=r"data file 'set_1.xdfd' has other columns than the set"):
        writer.close()
    assert not (tmp_path / "set").exists()


# --- Appending ------------------------------------------------------------------------------------------------------


def test_appended_rows_are_in_new_files(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES[:4])
    before = {name: (folder / name).read_bytes() for name in names(folder) if name.startswith("data")}
    with xdf.open(folder) as old:
        with xdf.append(folder, blocks_per_file=2) as writer:
            assert (writer.n_rows, writer.n_blocks) == (1200, 4)
            for batch in BATCHES[4:]:
                writer.write(batch)
        # Who had it open keeps what was there, also in files that were not opened yet.
        assert_same_table(old.to_arrow(), *BATCHES[:4])
    assert {name: (folder / name).read_bytes() for name in before} == before
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), *BATCHES)
        assert [one.n_blocks for one in file.files] == [3, 1, 2, 2]


def test_nothing_appended_changes_nothing(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES[:4])
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    with xdf.append(folder):
        pass
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_commits_on_the_way(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES[:1])
    writer = xdf.append(folder)
    writer.write(BATCHES[1])
    writer.commit()
    with xdf.open(folder) as file:
        assert file.n_blocks == 2
    writer.commit()
    writer.write(BATCHES[2])
    writer.abort()
    writer.abort()
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), *BATCHES[:2])
    assert [name for name in names(folder) if name.startswith("data")] == ["data/set_1.xdfd", "data/set_2.xdfd"]
    with pytest.raises(xdf.XdfError, match="this writer was closed"):
        writer.write(BATCHES[0])


def test_a_thousand_appends_grow_the_metadata_slowly(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with xdf.create_composite(folder, SIMPLE):
        pass
    for number in range(60):
        with xdf.append(folder) as writer:
            writer.write(rows([f"level {number % 7}"], number))
    with xdf.open(folder) as file:
        assert file.n_files == 60
        assert file.to_arrow()["x"].to_pylist() == list(range(60))
        assert len(file._footer.pages) < 30


def test_a_failed_write_leaves_the_set(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES[:2])
    before = names(folder)

    def fail() -> None:
        with xdf.append(folder) as writer:
            writer.write(BATCHES[3])
            with pytest.raises(xdf.XdfSchemaError, match="column 'small' is int64 in the file; got string"):
                writer.write(BATCHES[3].set_column(0, "small", pa.array(["a"] * 300)))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert names(folder) == before
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), *BATCHES[:2])


# --- Replacing and compacting ---------------------------------------------------------------------------------------


def test_a_set_is_replaced_when_the_new_one_is_whole(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES)
    with pytest.raises(xdf.XdfExistsError, match="the composite set is already there; pass overwrite=True"):
        xdf.create_composite(folder, SIMPLE)
    with xdf.create_composite(folder, SIMPLE, overwrite=True) as writer:
        writer.write(rows(["a"]))
        with xdf.open(folder) as old:
            assert_same_table(old.to_arrow(), *BATCHES)
    with xdf.open(folder) as file:
        assert file.schema.names == ("k", "x")
    assert names(folder) == ["data/set_4.xdfd", "metadata/set.xdfm"]


def test_an_abandoned_replacement_leaves_the_old_set(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES)
    before = names(folder)
    writer = xdf.create_composite(folder, SIMPLE, overwrite=True)
    writer.write(rows(["a"]))
    writer.abort()
    assert names(folder) == before
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), *BATCHES)


def test_a_reader_keeps_a_set_that_is_replaced(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", *BATCHES)
    with xdf.open(folder) as old, xdf.open(folder) as unread:
        old.read_block(0)
        write_set(folder, *BATCHES[:1], overwrite=True)
        assert_same_table(old.to_arrow(), *BATCHES)
        xdf.compact(folder)
    del unread


def test_a_reader_of_a_large_set_that_is_replaced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xdf.composite._MOST_HELD", 2)
    folder = write_set(tmp_path / "set", *BATCHES)
    with xdf.open(folder) as old:
        old.read_block(0)
        write_set(folder, *BATCHES[:1], overwrite=True)
        assert len(old.read_block(1)["noise"]) == 300  # of a file that was open
        with pytest.raises(xdf.XdfFormatError, match=r"'set_2.xdfd' is gone: the set was replaced or compacted"):
            old.read_block(3)


def test_compacting_makes_fewer_files(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", BATCHES[0])
    for batch in BATCHES[1:]:
        with xdf.append(folder) as writer:
            writer.write(batch)
    with xdf.edit(folder) as editor:
        editor.set_field("small", description="Little", low=-1.0)
    (folder / "data" / "set_99.xdfd").write_bytes(b"left over")
    report = xdf.compact(folder)
    assert report.rewritten
    assert report.bytes_after < report.bytes_before
    with xdf.open(folder) as file:
        assert isinstance(file, xdf.XdfSet)
        assert file.n_files == 3
        assert_same_table(file.to_arrow(), *BATCHES)
        assert file.explicit_fields()[0].description == "Little"
        assert file.explicit_fields()[0].low == -1.0
    assert len(names(folder)) == 4
    again = xdf.compact(folder)
    assert (again.rewritten, again.bytes_before) == (False, again.bytes_after)


@pytest.mark.parametrize("name", [".hidden", "back\\slash", "bad\udcff"])
def test_names_that_no_reader_would_take(tmp_path: Path, name: str) -> None:
    with pytest.raises(xdf.XdfWriteError, match="a composite set cannot be called"):
        xdf.create_composite(tmp_path / name, SIMPLE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "Zoë 雪", "a_1.xdfd", "x.xdf", "(+*.)", "-"])
def test_names_that_are_odd(tmp_path: Path, name: str) -> None:
    folder = write_set(tmp_path / name, *BATCHES[:2], blocks_per_file=1)
    with xdf.append(folder) as writer:
        writer.write(BATCHES[2])
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), *BATCHES[:3])
