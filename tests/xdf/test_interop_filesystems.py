"""Files elsewhere: an S3 server on this machine through fsspec and pyarrow, memory, and what is refused."""

from __future__ import annotations

import builtins
import io
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from container_cases import assert_same_table, mixed_batch, schema_of, write_file
from hypothesis import given, settings
from hypothesis import strategies as st
from object_server import BUCKET, ObjectServer, is_installed, object_server
from pyarrow import fs

import xdf
import xdf.ranges
from xdf.filesystems import locate
from xdf.ranges import LARGEST_REQUEST, MOST_BETWEEN, RangeReader, merge_ranges

needs_server = pytest.mark.skipif(not is_installed(), reason="moto is not installed: pip install 'moto[server]'")
BATCHES = [mixed_batch(500, seed) for seed in range(4)]


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with object_server() as running:
        yield running


@pytest.fixture(params=["fsspec", "pyarrow", "memory"])
def remote(request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A file system and an empty folder in it."""
    folder = f"{BUCKET}/{uuid.uuid4().hex}"
    if request.param == "memory":
        memory = pytest.importorskip("fsspec").filesystem("memory")
        memory.makedirs(f"/{folder}")
        return memory, f"/{folder}"
    if not is_installed():
        pytest.skip("moto is not installed: pip install 'moto[server]'")
    running: ObjectServer = request.getfixturevalue("server")
    if request.param == "fsspec":
        pytest.importorskip("s3fs")
        return running.fsspec(), folder
    return running.arrow(), folder


def names_in(remote: tuple[Any, str]) -> list[str]:
    return locate(remote[1], remote[0]).store.names(remote[1])  # type: ignore[union-attr]


def handle_of(file: xdf.XdfFile) -> RangeReader:
    assert isinstance(file._fd, RangeReader)
    return file._fd


# --- The same everywhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1, 0])
def test_written_and_read_elsewhere(remote: tuple[Any, str], level: int) -> None:
    filesystem, folder = remote
    path = f"{folder}/sales.xdf"
    with xdf.create(path, schema_of(BATCHES[0]), filesystem=filesystem, compression_level=level) as writer:
        for batch in BATCHES:
            writer.write(batch)
        assert names_in(remote) == [] or names_in(remote)[0].startswith(".")
    assert names_in(remote) == ["sales.xdf"]
    with xdf.open(path, filesystem=filesystem) as file:
        assert_same_table(file.to_arrow(), *BATCHES)
        assert file.n_blocks == 4
        assert file.statistics("small").n_valid == 2000
        assert "sales.xdf" in repr(file)
        assert file.scan(["noise"], ("small", ">", 90)).count_rows() > 0
    with pytest.raises(xdf.XdfError, match="the file was closed; open it again"):
        file.read_block(0)


def test_write_and_overwrite(remote: tuple[Any, str]) -> None:
    filesystem, folder = remote
    path = f"{folder}/a.xdf"
    assert xdf.write(pa.table({"x": [1, 2]}), path, filesystem=filesystem) == 2
    with pytest.raises(xdf.XdfExistsError, match=r"a\.xdf: the file is already there; pass overwrite=True"):
        xdf.write(pa.table({"x": [3]}), path, filesystem=filesystem)
    with xdf.open(path, filesystem=filesystem) as file:
        assert file.n_rows == 2
    assert xdf.write(pa.table({"x": [3]}), path, filesystem=filesystem, overwrite=True) == 1
    with xdf.open(path, filesystem=filesystem) as file:
        assert file.to_arrow()["x"].to_pylist() == [3]


def test_an_object_that_appears_meanwhile_stays(remote: tuple[Any, str]) -> None:
    filesystem, folder = remote
    path = f"{folder}/a.xdf"
    writer = xdf.create(path, xdf.Schema((xdf.Field("x", pa.int64()),)), filesystem=filesystem)
    xdf.write(pa.table({"x": [1]}), path, filesystem=filesystem)
    with pytest.raises(xdf.XdfExistsError):
        writer.close()
    with xdf.open(path, filesystem=filesystem) as file:
        assert file.n_rows == 1
    assert names_in(remote) == ["a.xdf"]


def test_a_failure_leaves_nothing_or_the_old_object(remote: tuple[Any, str]) -> None:
    filesystem, folder = remote
    path = f"{folder}/a.xdf"
    large = pa.record_batch({"x": np.random.default_rng(0).normal(size=900_000)})
    schema = schema_of(large)

    def fail(overwrite: bool) -> None:
        with (
            pytest.raises(RuntimeError, match="on purpose"),
            xdf.create(path, schema, filesystem=filesystem, overwrite=overwrite) as writer,
        ):
            _write_and_fail(writer, large)

    fail(overwrite=False)
    assert names_in(remote) == []
    xdf.write(pa.table({"x": [1.0]}), path, filesystem=filesystem)
    fail(overwrite=True)
    assert names_in(remote) == ["a.xdf"]
    with xdf.open(path, filesystem=filesystem) as file:
        assert file.to_arrow()["x"].to_pylist() == [1.0]


def _write_and_fail(writer: xdf.XdfWriter | xdf.CompositeWriter, batch: pa.RecordBatch) -> None:
    writer.write(batch)
    raise RuntimeError("on purpose")


def test_appending_is_refused(remote: tuple[Any, str]) -> None:
    filesystem, folder = remote
    xdf.write(pa.table({"x": [1]}), f"{folder}/a.xdf", filesystem=filesystem)
    with pytest.raises(xdf.XdfError, match=r"a\.xdf: appending needs a file system that can lock .* only local ones"):
        xdf.append(f"{folder}/a.xdf", filesystem=filesystem)


def test_missing_foreign_and_truncated_objects(remote: tuple[Any, str], tmp_path: Path) -> None:
    filesystem, folder = remote
    with pytest.raises(FileNotFoundError):
        xdf.open(f"{folder}/missing.xdf", filesystem=filesystem)
    with pytest.raises(FileNotFoundError, match="no file and no composite set is there"):
        xdf.open(f"{folder}/missing", filesystem=filesystem)
    whole = write_file(tmp_path / "a.xdf", *BATCHES).read_bytes()
    for name, content, message in (
        ("text.xdf", b"a,b\n1,2\n", "it looks like a text file"),
        ("cut.xdf", whole[:-100], "the file is truncated"),
        ("head.xdf", whole[:4096], "truncated|no commit"),
        ("empty.xdf", b"x", "it looks like"),
    ):
        with _opened(filesystem, f"{folder}/{name}") as stream:
            stream.write(content)
        with pytest.raises(xdf.XdfFormatError, match=message):
            xdf.open(f"{folder}/{name}", filesystem=filesystem)


def test_a_file_written_here_is_read_there(remote: tuple[Any, str], tmp_path: Path) -> None:
    """With commits in its slots, and rows behind the first commit."""
    filesystem, folder = remote
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    with _opened(filesystem, f"{folder}/a.xdf") as stream:
        stream.write(path.read_bytes())
    with xdf.open(f"{folder}/a.xdf", filesystem=filesystem) as file:
        assert_same_table(file.to_arrow(), *BATCHES[:2])


def test_damage_is_found(remote: tuple[Any, str], tmp_path: Path) -> None:
    filesystem, folder = remote
    content = bytearray(write_file(tmp_path / "a.xdf", *BATCHES).read_bytes())
    content[5000] ^= 8
    with _opened(filesystem, f"{folder}/a.xdf") as stream:
        stream.write(bytes(content))
    with (
        xdf.open(f"{folder}/a.xdf", filesystem=filesystem) as file,
        pytest.raises(xdf.XdfChecksumError, match=r"column '.*' of block 0 .* is damaged"),
    ):
        file.read_block(0)


def _opened(filesystem: Any, path: str) -> Any:
    return filesystem.open_output_stream(path) if isinstance(filesystem, fs.FileSystem) else filesystem.open(path, "wb")


# --- Requests -------------------------------------------------------------------------------------------------------


def test_few_requests_and_few_bytes(remote: tuple[Any, str]) -> None:
    filesystem, folder = remote
    random = np.random.default_rng(0)
    columns = {f"c{number}": random.normal(size=20_000) for number in range(20)}
    xdf.write(pa.table(columns), f"{folder}/wide.xdf", rows_per_block=10_000, filesystem=filesystem)
    with xdf.open(f"{folder}/wide.xdf", filesystem=filesystem) as file:
        handle = handle_of(file)
        assert handle.n_requests == 2  # header and footer, at once
        stored = int(file._index.cells["length"][0].sum())
        handle.n_requests = handle.n_bytes = 0
        file.read_block(0)
        assert handle.n_requests == 1  # neighbours in one request
        assert stored <= handle.n_bytes <= stored + 20 * 64
        handle.n_requests = handle.n_bytes = 0
        file.read_block(1, ["c3"])
        assert (handle.n_requests, handle.n_bytes) == (1, int(file._index.cells["length"][1, 3]))
        handle.n_requests = handle.n_bytes = 0
        file.read_block(0, ["c1", "c3"])
        assert handle.n_requests == 1
        assert handle.n_bytes == sum(int(file._index.cells["length"][0, number]) for number in (1, 2, 3))
        handle.n_requests = 0
        file.statistics("c5")
        assert file.scan(filter=("c5", ">", 100.0)).count_rows() == 0
        assert handle.n_requests == 0


def test_chunks_far_apart_are_asked_for_together(remote: tuple[Any, str]) -> None:
    filesystem, folder = remote
    random = np.random.default_rng(0)
    columns = {name: random.normal(size=60_000) for name in ("a", "b", "c")}
    xdf.write(pa.table(columns), f"{folder}/far.xdf", filesystem=filesystem)
    with xdf.open(f"{folder}/far.xdf", filesystem=filesystem) as file:
        handle = handle_of(file)
        handle.n_requests = handle.n_bytes = 0
        found = file.read_block_arrow(0, ["a", "c"])
        assert handle.n_requests == 2
        assert handle.n_bytes == sum(int(file._index.cells["length"][0, number]) for number in (0, 2))
    assert found["c"].to_pylist() == columns["c"].tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10 * MOST_BETWEEN), st.integers(1, 2 * MOST_BETWEEN)), max_size=10))
def test_merged_ranges_cover_what_they_are_made_of(ranges: list[tuple[int, int]]) -> None:
    merged = merge_ranges(ranges)
    for offset, length in ranges:
        assert any(start <= offset and offset + length <= start + size for start, size in merged)
    for (start, size), (following, _) in pairwise(merged):
        assert start <= following
        assert following - (start + size) > MOST_BETWEEN or size + following - start > LARGEST_REQUEST


def test_an_object_that_shrinks_is_an_error() -> None:
    class Shrinking:
        size = 10_000_000

        def read(self, ranges: Any) -> list[bytes]:
            return [b"x" * min(length, 100_000) for _, length in ranges]

    with pytest.raises(xdf.XdfFormatError, match="the object has changed since it was opened"):
        RangeReader(Shrinking(), "a.xdf")


# --- URLs -----------------------------------------------------------------------------------------------------------


@needs_server
def test_urls_through_fsspec(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    s3fs = pytest.importorskip("s3fs")
    _point_to(server, monkeypatch)
    s3fs.S3FileSystem.clear_instance_cache()
    url = f"s3://{BUCKET}/{uuid.uuid4().hex}/a.xdf"
    xdf.write(pa.table({"x": [1, 2, 3]}), url)
    with xdf.open(url) as file:
        assert file.to_arrow()["x"].to_pylist() == [1, 2, 3]
        assert file.path == url
    with pytest.raises(FileNotFoundError):
        xdf.open(url.replace("a.xdf", "b.xdf"))
    s3fs.S3FileSystem.clear_instance_cache()


@needs_server
def test_urls_through_pyarrow_where_fsspec_is_missing(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _point_to(server, monkeypatch)
    _without(monkeypatch, "fsspec")
    url = f"s3://{BUCKET}/{uuid.uuid4().hex}/a.xdf"
    xdf.write(pa.table({"x": [1, 2, 3]}), url)
    with xdf.open(url) as file:
        assert file.to_arrow()["x"].to_pylist() == [1, 2, 3]


def _point_to(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


def _without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if it was not installed."""
    original = builtins.__import__

    def importing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(f"No module named {package!r}")
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_what_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "fsspec")
    with pytest.raises(xdf.XdfError, match=r'nothing that is installed reads sftp://.*pip install "rxcore\[remote\]"'):
        xdf.open("sftp://somewhere/a.xdf")


def test_file_urls_and_local_file_systems_are_local(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    path = tmp_path / "a.xdf"
    xdf.write(pa.table({"x": [1]}), f"file://{path}")
    for filesystem in (fs.LocalFileSystem(), fsspec.filesystem("file")):
        with xdf.append(str(path), filesystem=filesystem) as writer:
            writer.write(pa.record_batch({"x": [2]}))
    with xdf.open(f"file://{path}") as file:
        assert file.n_rows == 3
        assert isinstance(file.path, Path)


def test_other_kinds_of_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        xdf.XdfError, match=r"xdf\.open: filesystem is int; allowed: a file system of fsspec or of pyarrow"
    ):
        xdf.open("a.xdf", filesystem=5)
    with pytest.raises(TypeError, match=r"xdf\.open: a path is needed; got int"):
        xdf.open(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"xdf\.create: a path is needed; got list"):
        xdf.create([], xdf.Schema((xdf.Field("x", pa.int64()),)))  # type: ignore[arg-type]


class _Broken(io.RawIOBase):
    """A pipe whose other end is gone after some bytes."""

    def __init__(self, left: int) -> None:
        self.left = left

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.left <= 0:
            raise BrokenPipeError("nobody reads any more")
        taken = min(len(data), self.left)
        self.left -= taken
        return taken


@pytest.mark.parametrize("left", [0, 100, 5000, 20_000])
def test_a_broken_pipe_is_a_write_error(left: int) -> None:
    with pytest.raises(xdf.XdfWriteError, match="the file system refused to write: nobody reads any more"):
        xdf.write(pa.Table.from_batches(BATCHES), _Broken(left))  # type: ignore[arg-type]


def test_a_pipe_that_takes_few_bytes_at_a_time(tmp_path: Path) -> None:
    class Slow(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data[:1000]))

    buffer = Slow()
    xdf.write(pa.Table.from_batches(BATCHES), buffer)
    (tmp_path / "a.xdf").write_bytes(buffer.getvalue())
    with xdf.open(tmp_path / "a.xdf") as file:
        assert_same_table(file.to_arrow().combine_chunks(), *BATCHES)


# --- Composite sets elsewhere ---------------------------------------------------------------------------------------


def test_composite_sets_elsewhere(remote: tuple[Any, str]) -> None:
    filesystem, folder = remote
    path = f"{folder}/sales"
    with xdf.create_composite(path, schema_of(BATCHES[0]), blocks_per_file=3, filesystem=filesystem) as writer:
        for batch in BATCHES:
            writer.write(batch)
    place = locate(path, filesystem)
    assert place.store.names(place.key + "/data") == ["sales_1.xdfd", "sales_2.xdfd"]  # type: ignore[union-attr]
    with xdf.open(path, filesystem=filesystem) as file:
        assert isinstance(file, xdf.XdfSet)
        assert_same_table(file.to_arrow(), *BATCHES)
    with xdf.open(f"{path}/metadata/sales.xdfm", filesystem=filesystem) as file:
        assert file.n_blocks == 4
        assert file.scan(["small"], ("small", ">=", 0), rows=(1600, 1700)).count_rows() == 100
    with pytest.raises(xdf.XdfExistsError, match="the composite set is already there"):
        xdf.create_composite(path, schema_of(BATCHES[0]), filesystem=filesystem)
    with pytest.raises(xdf.XdfError, match="appending needs a file system that can lock"):
        xdf.append(path, filesystem=filesystem)
    with (
        pytest.raises(RuntimeError, match="on purpose"),
        xdf.create_composite(path, schema_of(BATCHES[0]), overwrite=True, filesystem=filesystem) as writer,
    ):
        _write_and_fail(writer, BATCHES[0])
    with xdf.open(path, filesystem=filesystem) as file:
        assert file.n_blocks == 4
    with xdf.create_composite(path, schema_of(BATCHES[0]), overwrite=True, filesystem=filesystem) as writer:
        writer.write(BATCHES[3])
    with xdf.open(path, filesystem=filesystem) as file:
        assert_same_table(file.to_arrow(), BATCHES[3])
    assert place.store.names(place.key + "/data") == ["sales_3.xdfd"]  # type: ignore[union-attr]
