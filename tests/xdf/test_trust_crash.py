"""Small runs of what `make soak` does at full size (tests/soak), and failures of the system one by one."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import assert_same_table, mixed_batch, read_all, write_file
from soak import power
from soak.world import SCHEMA, batch, check_file, numbers_in, rename_levels

import xdf

ROOT = Path(__file__).parents[2]
BATCHES = [mixed_batch(200, seed) for seed in range(4)]


def soak(*arguments: str) -> str:
    """Run a part of the soak in a process of its own, which forks and kills."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "tests" / "soak"), *arguments],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_processes_killed_at_random_moments(tmp_path: Path) -> None:
    assert "25 kills" in soak("kills", "--count", "25", "--folder", str(tmp_path))


def test_readers_beside_an_appending_process(tmp_path: Path) -> None:
    assert "40 appends" in soak("readers", "--count", "40", "--readers", "2", "--folder", str(tmp_path))


def start(path: Path) -> Path:
    with xdf.create(path, SCHEMA) as writer:
        writer.write(batch(7))
    return path


def look(path: Path) -> tuple[list[int], str]:
    with xdf.open(path) as file:
        return numbers_in(file), file.schema.field("id").description


def append_twice(path: Path, recorder: power.Recorder) -> None:
    with xdf.append(path) as writer:
        writer.write(batch(8))
        writer.write(batch(9))
        writer.commit()
        recorder.mark("first")
        writer.write(batch(10))
        writer.commit()
        recorder.mark("second")


def edit_twice(path: Path, recorder: power.Recorder) -> None:
    for label, name in ((1, "first"), (2, "second")):
        with xdf.edit(path) as editor:
            rename_levels(editor, label)
            editor.commit()
            recorder.mark(name)


@pytest.mark.parametrize("seed", range(3))
def test_power_cuts_while_appending(tmp_path: Path, seed: int) -> None:
    path = start(tmp_path / "p.xdf")
    expected = {
        "start": ([7], "state 0"),
        "first": ([7, 8, 9], "state 0"),
        "second": ([7, 8, 9, 10], "state 0"),
    }
    power.cut_power(path, lambda r: append_twice(path, r), dict(expected), look, random.Random(seed), 100)


def test_power_cuts_while_editing(tmp_path: Path) -> None:
    path = start(tmp_path / "p.xdf")
    expected = {"start": ([7], "state 0"), "first": ([7], "state 1"), "second": ([7], "state 2")}
    power.cut_power(path, lambda r: edit_twice(path, r), dict(expected), look, random.Random(4), 150)


def test_power_cuts_after_a_power_cut(tmp_path: Path) -> None:
    """Slots that were torn once are healed in an order that a second cut cannot spoil."""
    path = start(tmp_path / "p.xdf")
    append_twice(path, power.Recorder())
    for torn in xdf.format.SLOT_OFFSETS:
        raw = bytearray(path.read_bytes())
        raw[torn + 20 : torn + 40] = bytes(20)
        again = tmp_path / "again.xdf"
        again.write_bytes(raw)
        expected = {"start": ([7, 8, 9, 10], "state 0"), "first": ([7, 8, 9, 10, 8, 9], "state 0"),
                    "second": ([7, 8, 9, 10, 8, 9, 10], "state 0")}  # fmt: skip
        power.cut_power(again, lambda r, path=again: append_twice(path, r), dict(expected), look, random.Random(1), 100)


def test_a_replaced_file_is_whole_on_the_disk_before_it_takes_the_name(tmp_path: Path) -> None:
    """Compacting and importing: everything is synced before the rename, and the folder after it."""
    path = start(tmp_path / "p.xdf")
    append_twice(path, power.Recorder())
    for work in (lambda: xdf.compact(path), lambda: overwrite(path)):
        recorder = power.Recorder()
        with recorder.active():
            work()
        (place,) = (number for number, call in enumerate(recorder.calls) if call.kind == "rename")
        inode = recorder.calls[place].file
        of_file = [call.kind for call in recorder.calls[:place] if call.file == inode]
        assert of_file[-1] == "sync"
        assert recorder.calls[place + 1].kind == "sync"
        assert recorder.calls[place + 1].file == tmp_path.stat().st_ino
        assert not [call for call in recorder.calls[place:] if call.file == inode and call.kind == "write"]


def overwrite(path: Path) -> None:
    with xdf.create(path, SCHEMA, overwrite=True) as writer:
        writer.write(batch(11))


def failing(
    name: str, allowed: int, error: int, monkeypatch: pytest.MonkeyPatch, short: bool = False
) -> Callable[[], int]:
    """Let a system call succeed ``allowed`` times and then fail; a short write takes half of its bytes before."""
    real = getattr(os, name)
    calls = 0

    def call(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls <= allowed:
            return real(*arguments)
        if short and calls == allowed + 1:
            fd, data, offset = arguments
            return real(fd, bytes(data)[: max(1, len(data) // 2)], offset)  # type: ignore[call-overload, arg-type]
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, name, call)
    return lambda: calls


def grown(path: Path) -> Path:
    write_file(path, BATCHES[0])
    for number in (1, 2, 3):
        with xdf.append(path) as writer:
            writer.write(BATCHES[number])
    return path


CASES = {
    "no room": ("pwrite", errno.ENOSPC, False),
    "no room after half of it": ("pwrite", errno.ENOSPC, True),
    "quota": ("pwrite", errno.EDQUOT, False),
    "fsync fails": ("fsync", errno.EIO, False),
    "rename fails": ("replace", errno.EACCES, False),
}


@pytest.mark.parametrize("case", CASES)
def test_compact_when_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    name, error, short = CASES[case]
    for allowed in range(80):
        path = grown(tmp_path / f"{allowed}.xdf")
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            failing(name, allowed, error, patch, short)
            try:
                xdf.compact(path)
                problem = None
            except xdf.XdfWriteError as caught:
                problem = str(caught)
        assert_same_table(read_all(path), *BATCHES)
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
        if problem is None:
            break
        assert problem == f"{path}: the system refused to write: {os.strerror(error)}"
        after = path.read_bytes()
        # When the folder could not be synced the new file is there already, whole.
        assert (after[:3072] == before[:3072] and after[4096:] == before[4096:]) or name == "fsync"
        assert xdf.verify(path).is_sound
        xdf.append(path).close()
        path.unlink()
    assert problem is None
    assert allowed >= {"pwrite": 20, "fsync": 3, "replace": 1}[name]


@pytest.mark.parametrize("case", ["no room", "no room after half of it", "fsync fails"])
def test_edit_when_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    name, error, short = CASES[case]
    states = set()
    for allowed in range(20):
        path = start(tmp_path / f"{allowed}.xdf")
        with monkeypatch.context() as patch:
            failing(name, allowed, error, patch, short)
            try:
                with xdf.edit(path) as editor:
                    rename_levels(editor, 1)
                problem = None
            except xdf.XdfWriteError as caught:
                problem = str(caught)
        found = check_file(path, [([7], 0), ([7], 1)])
        states.add((problem is None, found[1]))
        with xdf.edit(path) as editor:
            rename_levels(editor, 2)
        check_file(path, [([7], 2)])
        if problem is None:
            break
        assert problem == f"{path}: the system refused to write: {os.strerror(error)}"
    assert (True, 1) in states
    assert (False, 0) in states


@pytest.mark.parametrize("case", ["no room", "fsync fails"])
def test_repair_when_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    name, error, _ = CASES[case]
    for allowed in range(20):
        path = grown(tmp_path / f"{allowed}.xdf")
        raw = bytearray(path.read_bytes())
        for offset in (2, *(offset + 9 for offset in xdf.format.SLOT_OFFSETS), len(raw) - 9):
            raw[offset] ^= 1
        # One record must be left to tell that there is a commit: the closing copy of an older one does not.
        raw[-9] ^= 1
        path.write_bytes(raw)
        with monkeypatch.context() as patch:
            failing(name, allowed, error, patch)
            try:
                xdf.repair(path)
                done = True
            except xdf.XdfWriteError:
                done = False
        if not done:
            assert xdf.repair(path).action in ("in place", "none")
        assert_same_table(read_all(path), *BATCHES)
        if done:
            break
    assert done
    assert allowed >= 2


def test_short_writes_are_continued_by_compact_and_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = grown(tmp_path / "s.xdf")
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, bytes(data)[:333], offset))
    with xdf.edit(path) as editor:
        editor.rename({"small": "tiny"})
    assert xdf.compact(path).rewritten
    assert_same_table(read_all(path).rename_columns(BATCHES[0].schema.names), *BATCHES)
    assert isinstance(read_all(path), pa.Table)
