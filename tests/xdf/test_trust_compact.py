from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from container_cases import assert_same_table, mixed_batch, read_all, schema_of, write_file

import xdf

BATCHES = [mixed_batch(200, seed) for seed in range(6)]


def appended(path: Path, **options: object) -> Path:
    """A file of many commits, labels and grown levels."""
    write_file(path, BATCHES[0], **options)
    for batch in BATCHES[1:]:
        with xdf.append(path) as writer:
            writer.write(batch)
            writer.set_field("small", description="a small number", low=-1.0, high=200.0)
    with xdf.edit(path) as editor:
        editor.set_field("year", value_codes=[1999.0], value_labels=["the year of the eclipse"])
        editor.set_field("weather", ordered=True)
    return path


@pytest.mark.parametrize("level", [0, 1])
def test_blocks_are_copied_as_they_are_stored(tmp_path: Path, level: int) -> None:
    path = appended(tmp_path / "a.xdf", compression_level=level)
    size = path.stat().st_size
    with xdf.open(path) as old:
        report = xdf.compact(path)
        with xdf.open(path) as new:
            assert new.schema == old.schema
            assert (new.n_rows, new.rows_per_block) == (old.n_rows, old.rows_per_block)
            assert new.compression_level == level
            for name, cells in old._index.cells.items():
                same = (cells == new._index.cells[name]) | (
                    (cells != cells) & (new._index.cells[name] != new._index.cells[name])
                )
                assert name == "offset" or same.all()
            if level == 0:
                assert not (new._index.cells["offset"] % 64).any()
            assert_same_table(new.to_arrow(), *BATCHES)
        assert_same_table(old.to_arrow(), *BATCHES)
    assert report.rewritten
    assert (report.bytes_before, report.bytes_after) == (size, path.stat().st_size)
    assert report.bytes_after < report.bytes_before - 3000
    assert f"{report.bytes_before - report.bytes_after:,} bytes reclaimed" in str(report)
    assert xdf.verify(path).is_sound
    assert xdf.verify(path).dead_bytes == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.xdf"]
    with xdf.append(path) as writer:
        writer.write(BATCHES[0])
    assert_same_table(read_all(path), *BATCHES, BATCHES[0])


@pytest.mark.parametrize("level", [0, 1])
def test_a_file_without_dead_bytes_is_left_alone(tmp_path: Path, level: int) -> None:
    path = write_file(tmp_path / "a.xdf", *BATCHES, compression_level=level)
    before = path.stat()
    report = xdf.compact(path)
    assert not report.rewritten
    assert str(report) == f"{path}: nothing to reclaim in {before.st_size:,} bytes"
    assert path.stat().st_ino == before.st_ino
    with path.open("ab") as stream:
        stream.write(bytes(1000))
    assert str(xdf.compact(path)) == f"{path}: {before.st_size:,} bytes, 1,000 bytes reclaimed"
    assert path.stat().st_size == before.st_size
    appended(tmp_path / "b.xdf", compression_level=level)
    assert xdf.compact(tmp_path / "b.xdf").rewritten
    assert not xdf.compact(tmp_path / "b.xdf").rewritten


def test_a_file_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    xdf.create(path, schema_of(BATCHES[0])).close()
    with xdf.edit(path) as editor:
        editor.rename({"small": "tiny"})
    assert xdf.compact(path).rewritten
    assert xdf.open(path).schema.names[0] == "tiny"


def test_what_an_interrupted_writer_left_between_commits_goes(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with path.open("ab") as stream:
        stream.write(os.urandom(50_000))
    report = xdf.compact(path)
    assert report.bytes_before - report.bytes_after == 50_000
    assert_same_table(read_all(path), BATCHES[0])


def test_permissions_stay(tmp_path: Path) -> None:
    path = appended(tmp_path / "a.xdf")
    path.chmod(0o640)
    xdf.compact(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target = appended(tmp_path / "far" / "real.xdf")
    link = tmp_path / "link.xdf"
    link.symlink_to(target)
    assert xdf.compact(link).rewritten
    assert link.is_symlink()
    assert_same_table(read_all(target), *BATCHES)


def test_a_damaged_file_is_left_for_repair(tmp_path: Path) -> None:
    path = appended(tmp_path / "a.xdf")
    with xdf.open(path) as file:
        entry = file._index.entry(2, 4)
    raw = bytearray(path.read_bytes())
    raw[entry.offset + entry.length // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(
        xdf.XdfChecksumError, match=r"a.xdf: column 'noise' of block 2 .* Nothing was changed; see xdf.rep"
    ):
        xdf.compact(path)
    assert path.read_bytes() == bytes(raw)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.xdf"]
    xdf.append(path).close()


def test_a_writer_that_waited_for_the_old_file_takes_the_new_one(tmp_path: Path) -> None:
    path = appended(tmp_path / "a.xdf")
    fd = os.open(path, os.O_RDWR)
    xdf.compact(path)
    os.close(fd)
    with xdf.append(path) as writer:
        writer.write(BATCHES[0])
    assert_same_table(read_all(path), *BATCHES, BATCHES[0])


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        xdf.compact(tmp_path / "missing.xdf")
