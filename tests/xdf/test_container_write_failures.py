from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import assert_same_table, mixed_batch, read_all, schema_of, write_file

import xdf

BATCHES = [mixed_batch(200, seed) for seed in range(3)]


def failing(name: str, allowed: int, error: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Let a system call succeed ``allowed`` times and then always fail; gives how often it was called."""
    real = getattr(os, name)
    calls = 0

    def call(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > allowed:
            raise OSError(error, os.strerror(error))
        return real(*arguments)

    monkeypatch.setattr(os, name, call)
    return lambda: calls


def append_to(path: Path, batch: pa.RecordBatch) -> None:
    with xdf.append(path) as writer:
        writer.write(batch)


def refusal(work: Callable[[], object]) -> str | None:
    """The message of the error, or None when the work was done."""
    try:
        work()
    except xdf.XdfWriteError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", ["pwrite", "fsync"])
def test_a_full_disk_while_creating_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / "full.xdf"
    for allowed in range(60):
        with monkeypatch.context() as patch:
            calls = failing(name, allowed, errno.ENOSPC, patch)
            problem = refusal(lambda: write_file(path, *BATCHES))
        if problem is None:
            break
        assert problem == f"{path}: the system refused to write: No space left on device"
        assert calls() == allowed + 1
        # The folder is synced after the file has its name: then the file is whole.
        left = [entry.name for entry in tmp_path.iterdir()]
        assert left == ([path.name] if name == "fsync" and allowed == 3 else [])
        path.unlink(missing_ok=True)
    assert allowed >= 4
    assert_same_table(read_all(path), *BATCHES)


@pytest.mark.parametrize("name", ["pwrite", "fsync"])
def test_a_full_disk_while_appending_keeps_the_last_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write_file(tmp_path / "full.xdf", BATCHES[0])
    for allowed in range(60):
        with monkeypatch.context() as patch:
            failing(name, allowed, errno.ENOSPC, patch)
            problem = refusal(lambda: append_to(path, BATCHES[1]))
        if problem is None:
            break
        assert "No space left on device" in problem
        table = read_all(path)
        if table.num_rows == 400:
            # The slot was written and only its sync failed: the commit is there, whole.
            assert (name, allowed) == ("fsync", 2)
            break
        assert_same_table(table, BATCHES[0])
    assert allowed >= 2
    assert_same_table(read_all(path), *BATCHES[:2])


def test_an_existing_file_outlives_a_failed_replacement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / "old.xdf", BATCHES[0])
    with monkeypatch.context() as patch:
        failing("pwrite", 5, errno.EDQUOT, patch)
        with pytest.raises(xdf.XdfWriteError, match=r"old.xdf: the system refused to write: .*[Qq]uota"):
            write_file(path, BATCHES[1], overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["old.xdf"]
    assert_same_table(read_all(path), BATCHES[0])


def test_after_a_failed_write_a_writer_can_only_be_aborted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.xdf"
    writer = xdf.create(path, schema_of(BATCHES[0]))
    writer.write(BATCHES[0])
    with monkeypatch.context() as patch:
        failing("pwrite", 0, errno.ENOSPC, patch)
        with pytest.raises(xdf.XdfWriteError, match="No space left"):
            writer.write(BATCHES[1])
    with pytest.raises(xdf.XdfWriteError, match="an earlier write failed, so this writer can only be aborted"):
        writer.write(BATCHES[1])
    with pytest.raises(xdf.XdfWriteError, match="an earlier write failed"):
        writer.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(xdf.XdfError, match="this writer was closed"):
        writer.write(BATCHES[1])


def test_writes_that_take_only_a_part_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, bytes(data)[:777], offset))
    path = write_file(tmp_path / "parts.xdf", *BATCHES)
    assert_same_table(read_all(path), *BATCHES)


def test_a_system_that_takes_no_bytes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: 0)
    with pytest.raises(xdf.XdfWriteError, match="the system took no bytes"):
        write_file(tmp_path / "zero.xdf", BATCHES[0])
    assert list(tmp_path.iterdir()) == []


def test_an_exception_while_creating_leaves_nothing(tmp_path: Path) -> None:
    def interrupt() -> None:
        with xdf.create(tmp_path / "new.xdf", schema_of(BATCHES[0])) as writer:
            writer.write(BATCHES[0])
            writer.commit()
            assert [entry.suffix for entry in tmp_path.iterdir()] == [".partial"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new.xdf"
    writer = xdf.create(path, schema_of(BATCHES[0]))
    writer.write(BATCHES[0])
    assert not path.exists()
    (temporary,) = tmp_path.iterdir()
    assert temporary.name.startswith(f".new.xdf.{os.getpid()}.")
    writer.close()
    writer.close()
    writer.abort()
    assert [entry.name for entry in tmp_path.iterdir()] == ["new.xdf"]


def test_an_existing_file_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    path = write_file(tmp_path / "there.xdf", BATCHES[0])
    with pytest.raises(xdf.XdfExistsError, match=r"there.xdf: the file is already there; pass overwrite=True"):
        xdf.create(path, schema_of(BATCHES[0]))
    write_file(path, BATCHES[1], overwrite=True)
    assert_same_table(read_all(path), BATCHES[1])
    assert [entry.name for entry in tmp_path.iterdir()] == ["there.xdf"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        failing("link", 0, errno.EPERM, monkeypatch)
    path = tmp_path / "race.xdf"
    writer = xdf.create(path, schema_of(BATCHES[0]))
    writer.write(BATCHES[0])
    path.write_bytes(b"somebody was faster")
    with pytest.raises(xdf.XdfExistsError, match=r"race.xdf: the file is already there"):
        writer.close()
    assert path.read_bytes() == b"somebody was faster"
    assert [entry.name for entry in tmp_path.iterdir()] == ["race.xdf"]


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing("link", 0, errno.EPERM, monkeypatch)
    path = write_file(tmp_path / "plain.xdf", BATCHES[0])
    assert_same_table(read_all(path), BATCHES[0])
    assert [entry.name for entry in tmp_path.iterdir()] == ["plain.xdf"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target = write_file(tmp_path / "far" / "real.xdf", BATCHES[0])
    link = tmp_path / "link.xdf"
    link.symlink_to(target)
    write_file(link, BATCHES[1], overwrite=True)
    assert link.is_symlink()
    assert_same_table(read_all(target), BATCHES[1])


def test_permissions_follow_the_mask_of_the_process(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_file(tmp_path / "mode.xdf", BATCHES[0])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_folders_that_are_missing_or_in_the_way(tmp_path: Path) -> None:
    schema = xdf.Schema((xdf.Field("x", pa.int64()),))
    with pytest.raises(xdf.XdfWriteError, match=r"nowhere.x.xdf: the system refused to write: No such file"):
        xdf.create(tmp_path / "nowhere" / "x.xdf", schema)
    with pytest.raises(xdf.XdfExistsError, match="this is a folder; name a file in it"):
        xdf.create(tmp_path, schema, overwrite=True)
    with pytest.raises(FileNotFoundError):
        xdf.append(tmp_path / "missing.xdf")
    with pytest.raises(xdf.XdfFormatError, match=r"this is a folder, not an .xdf file, and no composite set is in it"):
        xdf.append(tmp_path)
