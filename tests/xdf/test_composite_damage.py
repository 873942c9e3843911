"""Composite sets after crashes and damage: the last commit whole, or a clear error."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from composite_crash_writer import ROWS, SCHEMA, block
from container_cases import assert_same_table, mixed_batch, schema_of

import xdf
from xdf.errors import XdfError
from xdf.output import Output

BATCHES = [mixed_batch(100, seed) for seed in range(5)]


def write_set(folder: Path, n_blocks: int = 5, **options: Any) -> Path:
    with xdf.create_composite(folder, schema_of(BATCHES[0]), blocks_per_file=2, **options) as writer:
        for batch in BATCHES[:n_blocks]:
            writer.write(batch)
    return folder


def data_names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "data").iterdir())


# --- Crashes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_kills", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_a_commit(tmp_path: Path, n_kills: int) -> None:
    """Whatever the writer was doing: appending, replacing, relabelling, compacting."""
    folder = tmp_path / "set"
    moments = random.Random(n_kills)
    command = [sys.executable, str(Path(__file__).with_name("composite_crash_writer.py")), str(folder)]
    for _ in range(n_kills):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.random() * 0.3)
        process.kill()
        lines = process.stdout.read().split("\n")
        process.stdout.close()
        process.wait()
        whole = [line for line in lines[:-1] if line.startswith("committed ")]
        committed = int(whole[-1].split()[1]) if whole else 0
        with xdf.open(folder) as file:
            assert file.n_rows >= committed
            table = file.to_arrow()
        assert table["x"].to_pylist() == list(range(table.num_rows))
        assert table["k"].to_pylist() == [f"level {number % 11}" for number in range(table.num_rows)]
    with xdf.append(folder) as writer:
        writer.write(block(table.num_rows))
    with xdf.open(folder) as file:
        assert isinstance(file, xdf.XdfSet)
        assert file.n_rows == table.num_rows + ROWS
        assert data_names(folder) == sorted(one.name for one in file.files)
    assert [path.name for path in (folder / "metadata").iterdir()] == ["set.xdfm"]


def test_files_that_no_commit_names_are_not_read_and_removed(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "data" / "set_9.xdfd").write_bytes(b"half a file")
    (folder / "data" / ".set_10.xdfd.123.abc.partial").write_bytes(b"half a file")
    (folder / "metadata" / ".set.xdfm.123.abc.partial").write_bytes(b"half a file")
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), *BATCHES)
    with xdf.append(folder) as writer:
        writer.write(BATCHES[0])
    assert data_names(folder) == ["set_1.xdfd", "set_2.xdfd", "set_3.xdfd", "set_4.xdfd"]
    assert [path.name for path in (folder / "metadata").iterdir()] == ["set.xdfm"]


def test_a_set_that_was_never_finished(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "metadata" / "set.xdfm").unlink()
    with pytest.raises(xdf.XdfFormatError, match="this composite set has no metadata file: its writer never finished"):
        xdf.open(folder)
    with pytest.raises(xdf.XdfFormatError, match="its writer never finished"):
        xdf.append(folder)
    # They may be all that is left of a set that lost its metadata file.
    with pytest.raises(xdf.XdfExistsError, match=r"are there \(set_1.xdfd, set_2.xdfd, set_3.xdfd\); pass overwrite"):
        write_set(folder, 1)
    assert len(data_names(folder)) == 3
    write_set(folder, 1, overwrite=True)
    assert data_names(folder) == ["set_1.xdfd"]
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), BATCHES[0])


@pytest.mark.parametrize(
    ("at", "doing"),
    [
        *((at, doing) for at in ("publish", "write_at", "sync") for doing in ("overwrite", "create")),
        ("write_at", "append"),  # an append publishes nothing
        ("sync", "append"),
    ],
)
def test_a_system_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, doing: str) -> None:
    """When the metadata file is written: the data files of this writer go, those of the set stay."""
    folder = tmp_path / "set"
    if doing != "create":
        write_set(folder)
    before = data_names(folder) if doing != "create" else []
    original = getattr(Output, at)

    def refuse(self: Output, *arguments: Any) -> Any:
        if str(self.path).endswith(".xdfm") and armed:
            raise xdf.XdfWriteError(f"{self.path}: the system refused to write: No space left on device")
        return original(self, *arguments)

    armed = False
    monkeypatch.setattr(Output, at, refuse)
    writer: Any = (
        xdf.append(folder)
        if doing == "append"
        else xdf.create_composite(folder, schema_of(BATCHES[0]), overwrite=doing == "overwrite")
    )
    writer.write(BATCHES[0])
    armed = True
    with pytest.raises(xdf.XdfWriteError, match="No space left on device"):
        writer.close()
    armed = False
    if doing == "create":
        assert not folder.exists()
        return
    assert data_names(folder) == before
    with xdf.open(folder) as file:
        assert_same_table(file.to_arrow(), *BATCHES)


def test_a_data_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_set(tmp_path / "set")
    writer = xdf.append(folder, blocks_per_file=1)
    writer.write(BATCHES[0])
    pwrite = os.pwrite

    def refuse(fd: int, data: Any, offset: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(xdf.XdfWriteError, match=r"set_\d+\.xdfd: the system refused to write: No space left"):
        writer.write(BATCHES[1])
    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(xdf.XdfWriteError, match="an earlier write failed, so this writer can only be aborted"):
        writer.write(BATCHES[1])
    with pytest.raises(xdf.XdfWriteError, match="an earlier write failed"):
        writer.close()
    assert data_names(folder) == ["set_1.xdfd", "set_2.xdfd", "set_3.xdfd"]


# --- Damage ---------------------------------------------------------------------------------------------------------


def read_or_error(folder: Path, expected: pa.Table) -> bool:
    """Right data, or an XdfError; gives whether it was right data."""
    try:
        with xdf.open(folder) as file:
            found = file.to_arrow()
    except XdfError:
        return False
    assert found == expected
    return True


def test_flipped_bits_and_truncation_of_the_metadata_file(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with xdf.create_composite(folder, SCHEMA, blocks_per_file=1) as writer:
        for number, part in enumerate(writer.reserve(3)):
            with part.open() as one:
                one.write(block(100 * number))
    with xdf.open(folder) as file:
        expected = file.to_arrow()
    path = folder / "metadata" / "set.xdfm"
    content = path.read_bytes()
    random_numbers = random.Random(1)
    n_right = 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[random_numbers.randrange(len(content))] ^= 1 << random_numbers.randrange(8)
        path.write_bytes(damaged)
        n_right += read_or_error(folder, expected)
    assert 0 < n_right < 300  # most of the header is empty
    for _ in range(60):
        path.write_bytes(content[: random_numbers.randrange(len(content))])
        assert not read_or_error(folder, expected)


@pytest.mark.parametrize("damage", ["missing", "replaced", "appended to", "cut", "swapped", "not an xdf file"])
def test_data_files_that_are_others(tmp_path: Path, damage: str) -> None:
    folder = write_set(tmp_path / "set")
    path = folder / "data" / "set_2.xdfd"
    if damage == "missing":
        path.unlink()
    elif damage == "replaced":
        xdf.write(pa.table({"y": [1]}), path, overwrite=True)
    elif damage == "appended to":
        with xdf.append(path) as writer:
            writer.write(BATCHES[0])
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "swapped":
        shutil.copy(folder / "data" / "set_1.xdfd", path)
    else:
        path.write_text("a,b\n1,2\n")
    messages = {
        "missing": r"data file 'set_2.xdfd' is gone",
        "replaced": r"data file 'set_2.xdfd' is not the one this set was committed with",
        "appended to": r"data file 'set_2.xdfd' is not the one this set was committed with",
        "cut": r"set_2.xdfd: the file is truncated",
        "swapped": r"data file 'set_2.xdfd' is not the one this set was committed with",
        "not an xdf file": r"set_2.xdfd: this is not an .xdf file of this package; it looks like a text file",
    }
    with xdf.open(folder) as file:
        assert_same_table(pa.Table.from_batches([file.read_block_arrow(0), file.read_block_arrow(1)]), *BATCHES[:2])
        assert_same_table(pa.Table.from_batches([file.read_block_arrow(4)]), BATCHES[4])
        with pytest.raises(xdf.XdfFormatError, match=messages[damage]):
            file.read_block(2)
        with pytest.raises(xdf.XdfFormatError, match=messages[damage]):
            file.read_block_arrow(3, ["text"])


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    with xdf.open(folder) as file:
        place = int(file._index.cells["offset"][3, 4]) + 4
    path = folder / "data" / "set_2.xdfd"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with (
        xdf.open(folder) as file,
        pytest.raises(xdf.XdfChecksumError, match=r"set_2.xdfd: column 'noise' of block 1 \(bytes .* is damaged"),
    ):
        file.read_block(3)


def test_metadata_files_of_others(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    path = folder / "metadata" / "set.xdfm"
    content = path.read_bytes()
    path.write_bytes(b"\xf4\xd3\xd2\xd1" + bytes(1000))
    with pytest.raises(xdf.XdfFormatError, match="this data file of a composite set does not begin like a file of Rev"):
        xdf.open(folder)
    with pytest.raises(
        xdf.XdfFormatError,
        match=r"not the metadata file of a composite set .* Microsoft's legacy .xdf .*convert the set",
    ):
        xdf.append(folder)
    shutil.copy(folder / "data" / "set_1.xdfd", path)
    with pytest.raises(xdf.XdfFormatError, match=r"this is a plain .xdf file and not the metadata file of a set"):
        xdf.open(folder)
    path.write_bytes(content)
    shutil.copy(path, folder / "metadata" / "other.xdfm")
    with xdf.open(folder) as file:
        assert file.n_blocks == 5  # the one with the name of the folder
    path.rename(folder / "metadata" / "third.xdfm")
    with pytest.raises(xdf.XdfFormatError, match=r"this set has several metadata files: other.xdfm, third.xdfm"):
        xdf.open(folder)


@pytest.mark.parametrize("name", ["../../escape_1.xdfd", "a/b_1.xdfd", "set_0.xdfd", "set_1.xdf", "", "set_1.xdfd\x00"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A metadata file made by somebody else must not read outside of its folder."""
    folder = tmp_path / "set"
    with monkeypatch.context() as patch:
        original = xdf.set_format._files_table  # type: ignore[attr-defined]

        def forged(files: Any) -> pa.Table:
            table = original(files)
            return table.set_column(0, table.schema.field(0), pa.array([name] * table.num_rows, pa.string()))

        patch.setattr("xdf.set_format._files_table", forged)
        write_set(folder, 1)
    with pytest.raises(xdf.XdfFormatError, match="is not the name of a data file, or stands twice"):
        xdf.open(folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("n_rows", 7, "do not hold its 7 rows"),
        ("n_rows", -1, "the counts of 'set_1.xdfd' are impossible"),
        ("n_blocks", 9, "its files do not hold the 1 blocks of the set"),
        ("length", 0, "the counts of 'set_1.xdfd' are impossible"),
        ("length", 5000, "blocks lie outside of 'set_1.xdfd'"),
        ("checksum", 1, "is not the one this set was committed with"),
    ],
)
def test_forged_lists_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, value: int, message: str
) -> None:
    folder = tmp_path / "set"
    with monkeypatch.context() as patch:
        original = xdf.set_format._files_table  # type: ignore[attr-defined]

        def forged(files: Any) -> pa.Table:
            table = original(files)
            position = table.schema.get_field_index(column)
            field = table.schema.field(position)
            return table.set_column(position, field, pa.array([value], field.type))

        patch.setattr("xdf.set_format._files_table", forged)
        write_set(folder, 1)
    with pytest.raises(xdf.XdfFormatError, match=message), xdf.open(folder) as file:
        file.read_block(0)


@pytest.mark.parametrize(
    ("file", "field", "code"), [(9, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 99, 0), (0, -1, 0), (0, 0, 99), (0, 0, -1)]
)
def test_forged_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: int, field: int, code: int) -> None:
    folder = tmp_path / "set"
    with monkeypatch.context() as patch:
        from xdf.format import CODES_SCHEMA

        table = pa.table([[file], [field], [code]], names=CODES_SCHEMA.names).cast(CODES_SCHEMA)
        patch.setattr("xdf.set_format._codes_table", lambda mappings: table.combine_chunks())
        with xdf.create_composite(folder, SCHEMA) as writer:
            writer.write(block(0))
    with pytest.raises(xdf.XdfFormatError, match="a factor code belongs to no file, column or level"):
        xdf.open(folder)


def test_too_few_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data file with more levels than the set translates."""
    folder = tmp_path / "set"
    with monkeypatch.context() as patch:
        from xdf.format import CODES_SCHEMA

        table = pa.table([[0], [0], [0]], names=CODES_SCHEMA.names).cast(CODES_SCHEMA)
        patch.setattr("xdf.set_format._codes_table", lambda mappings: table.combine_chunks())
        with xdf.create_composite(folder, SCHEMA) as writer:
            writer.write(block(0))
    with (
        xdf.open(folder) as file,
        pytest.raises(xdf.XdfFormatError, match=r"column 'k': levels of 'set_1.xdfd' are miss"),
    ):
        file.read_block(0)
