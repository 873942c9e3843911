from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from container_cases import assert_same_table, mixed_batch, read_all, schema_of, write_file

import xdf
from xdf import format as layout

BATCHES = [mixed_batch(100, seed) for seed in range(3)]
ROOT = Path(__file__).parents[2]


def note_of(path: Path) -> bytes:
    return path.read_bytes()[layout.NOTE_OFFSET : layout.NOTE_OFFSET + layout.NOTE_SIZE]


WRITERS: dict[str, Callable[[Path], object]] = {
    "append": xdf.append,
    "edit": xdf.edit,
    "compact": xdf.compact,
    "repair": xdf.repair,
    "overwrite": lambda path: xdf.create(path, schema_of(BATCHES[0]), overwrite=True),
}


@pytest.mark.parametrize("holder", ["append", "edit", "overwrite"])
@pytest.mark.parametrize("second", WRITERS)
def test_a_second_writer_is_told_who_holds_the_file(tmp_path: Path, holder: str, second: str) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    first = WRITERS[holder](path)
    expected = (
        rf"a.xdf: another writer holds the file: process {os.getpid()} on {os.uname().nodename} \({holder}, since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\). Try again when it has closed the file"
    )
    with pytest.raises(xdf.XdfLockedError, match=expected):
        WRITERS[second](path)
    assert_same_table(read_all(path), BATCHES[0])
    first.abort()  # type: ignore[attr-defined]
    assert not any(note_of(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.xdf"]


def test_a_lock_of_another_process_says_which(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    program = "import sys, xdf; w = xdf.append(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(xdf.XdfLockedError, match=rf"process {process.pid} on .* \(append, since"):
            xdf.append(path)
        process.kill()
        process.wait()
    assert json.loads(note_of(path).rstrip(b"\x00"))["process"] == process.pid
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    assert not any(note_of(path))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff\xfe nonsense",
        b"[" * 500,
        b'{"process": "x"}',
        b"7",
        b'{"process": 99999999, "host": "%b", "since": "s", "doing": "d"}' % os.uname().nodename.encode(),
        b'{"process": -1, "host": "%b", "since": "s", "doing": "d"}' % os.uname().nodename.encode(),
        b'{"process": 5, "host": "\\u001b[31m", "since": "s", "doing": "d"}',
    ],
)
def test_a_note_that_says_nothing_is_not_believed(tmp_path: Path, note: bytes) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with path.open("r+b") as stream:
        stream.seek(layout.NOTE_OFFSET)
        stream.write(note)
        stream.flush()
        assert_same_table(read_all(path), BATCHES[0])
        assert xdf.verify(path).is_sound
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(xdf.XdfLockedError, match="another writer holds the file: it left no note of who it is"):
            xdf.append(path)


def test_another_host_is_believed(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with path.open("r+b") as stream:
        stream.seek(layout.NOTE_OFFSET)
        stream.write(b'{"process": 99999999, "host": "far", "since": "noon", "doing": "append"}')
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(xdf.XdfLockedError, match=r"process 99999999 on far \(append, since noon\)"):
            xdf.append(path)


def test_a_file_that_is_appended_to_is_not_replaced(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
        with pytest.raises(xdf.XdfLockedError, match="append, since"):
            write_file(path, BATCHES[2], overwrite=True)
    assert_same_table(read_all(path), *BATCHES[:2])


def test_a_file_that_took_the_name_meanwhile_is_not_replaced_while_it_is_appended_to(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    writer = xdf.create(path, schema_of(BATCHES[0]), overwrite=True)
    writer.write(BATCHES[2])
    os.replace(write_file(tmp_path / "b.xdf", BATCHES[1]), path)
    with xdf.append(path), pytest.raises(xdf.XdfLockedError, match="append, since"):
        writer.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.xdf"]
    assert_same_table(read_all(path), BATCHES[1])


def test_files_of_other_kinds_can_be_replaced_and_get_no_note(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    text = b"a text that is longer than a header\n" * 200
    path.write_bytes(text)
    writer = xdf.create(path, schema_of(BATCHES[0]), overwrite=True)
    assert path.read_bytes() == text
    writer.write(BATCHES[0])
    writer.close()
    assert_same_table(read_all(path), BATCHES[0])


def test_a_file_without_permission_to_write_can_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    real = os.open

    def refuse(name: object, flags: int, *rest: int) -> int:
        if name == path and flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    writer = xdf.create(path, schema_of(BATCHES[0]), overwrite=True)
    with pytest.raises(xdf.XdfWriteError, match="Permission denied"):
        xdf.append(path)
    writer.write(BATCHES[1])
    writer.close()
    assert_same_table(read_all(path), BATCHES[1])


def test_a_forked_process_leaves_the_writer_of_its_parent_alone(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    program = (
        "import os, sys, xdf\n"
        "from container_cases import mixed_batch\n"
        "batch = mixed_batch(100, 1)\n"
        "appending = xdf.append(sys.argv[1])\n"
        "appending.write(batch)\n"
        "creating = xdf.create(sys.argv[2], appending.schema)\n"
        "if os.fork() == 0:\n"
        "    try:\n"
        "        appending.write(batch)\n"
        "    except xdf.XdfWriteError as error:\n"
        "        print('child:', error, flush=True)\n"
        "    del appending\n"
        "    creating.abort()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "appending.close()\n"
        "creating.write(batch)\n"
        "creating.close()\n"
    )
    search = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(path), str(tmp_path / "b.xdf")],
        env={**os.environ, "PYTHONPATH": search}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "child: " in done.stdout
    assert "this writer was made by process" in done.stdout
    assert_same_table(read_all(path), *BATCHES[:2])
    assert_same_table(read_all(tmp_path / "b.xdf"), BATCHES[1])


def test_the_lock_ends_with_the_writer_even_where_a_forked_process_has_the_file_open(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    writer = xdf.append(path)
    assert writer._output is not None
    kept = os.dup(writer._output.fd)  # what a fork does
    writer.close()
    xdf.append(path).close()
    os.close(kept)
