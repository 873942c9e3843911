"""Files that are not on this machine: everything fsspec or pyarrow reaches, behind one small interface.

Objects are read by ranges and written as streams that cannot seek; they appear under their name when they are whole.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xdf.errors import XdfError, XdfExistsError, XdfWriteError
from xdf.format import HEADER_SIZE
from xdf.output import Output
from xdf.ranges import Opened, Range, RangeReader

_MOST_AT_ONCE = 8
# File systems of fsspec whose streams become an object when they are told to, and not before.
_CAN_GIVE_UP = frozenset({"s3", "s3a", "gs", "gcs"})
_INSTALL = 'pip install "rxcore[remote]"'


class Sink(Protocol):
    """A stream that becomes an object when it is committed."""

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        ...

    def commit(self) -> None:
        """Give the object its name, whole."""
        ...

    def abort(self) -> None:
        """Leave nothing behind."""
        ...


class Store(Protocol):
    """A file system."""

    def open(self, key: str) -> Opened:
        """An object. Raises FileNotFoundError."""
        ...

    def sink(self, key: str) -> Sink:
        """A new object."""
        ...

    def is_file(self, key: str) -> bool:
        """Whether there is an object of that key."""
        ...

    def names(self, key: str) -> list[str]:
        """Names of the objects in a folder, sorted; none where it does not exist."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object."""
        ...


@dataclass(frozen=True)
class Remote:
    """A place in a file system that is not this machine's.

    Attributes
    ----------
    store : Store
    key : str
        The path inside it.
    shown : str
        How messages name it.
    """

    store: Store
    key: str
    shown: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.key.rstrip("/").rpartition("/")[2]

    def child(self, *names: str) -> Remote:
        """A place inside it."""
        inside = "/".join(names)
        return Remote(self.store, f"{self.key.rstrip('/')}/{inside}", f"{self.shown.rstrip('/')}/{inside}")

    def reader(self) -> RangeReader:
        """The object, open for reading. Raises FileNotFoundError."""
        return RangeReader(self.store.open(self.key), self.shown)


Place = Path | Remote


def locate(path: Any, filesystem: Any = None, where: str = "xdf") -> Place:
    """Where a path lies: on this machine, or in some file system.

    Parameters
    ----------
    path : str or path-like
        A local path, or an URL such as ``s3://bucket/sales.xdf``; with ``filesystem`` a path inside that.
    filesystem : fsspec or pyarrow file system, optional

    Raises
    ------
    XdfError
        The URL needs something that is not installed, or the file system is of no kind known here.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{where}: a path is needed; got {type(path).__name__}")
    text = os.fspath(path)
    scheme, mark, rest = text.partition("://")
    if filesystem is None:
        if not mark or "/" in scheme:
            return Path(text)
        if scheme in ("file", "local"):
            return Path(rest)
        store, key = _store_of_url(text, scheme, where)
        return Remote(store, key, text)
    store_or_none = _store_of(filesystem, where)
    if store_or_none is None:
        return Path(rest if mark else text)
    key = (rest if mark and "/" not in scheme else text).strip("/")
    return Remote(store_or_none, key, text)


def create_stream(target: Remote, overwrite: bool) -> StreamOutput:
    """A new object, written from beginning to end.

    Raises
    ------
    XdfExistsError
        It is there and may not be replaced.
    """
    if not overwrite and target.store.is_file(target.key):
        raise XdfExistsError(_exists_message(target.shown))
    return StreamOutput(target.shown, target.store.sink(target.key), None if overwrite else target)


class StreamOutput(Output):
    """An output that cannot go back: its commit slots stay empty, and the record that closes it is the commit."""

    def __init__(self, shown: str, sink: Sink, must_not_exist: Remote | None = None) -> None:
        super().__init__(-1, shown, Path(), None, overwrite=False)
        self._sink: Sink | None = sink
        self._must_not_exist = must_not_exist
        self._end = 0

    @property
    def is_new(self) -> bool:
        """True: a stream never continues a file."""
        return True

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Add the bytes at the end, zeros before them where they begin later. A commit slot is left as it is."""
        if offset < self._end:
            if offset + len(data) > HEADER_SIZE:
                raise XdfWriteError(f"{self.path}: a stream cannot go back to byte {offset:,}")
            return
        with _as_refusal(self.path):
            assert self._sink is not None
            if offset > self._end:
                self._sink.write(bytes(offset - self._end))
            self._sink.write(data)
        self._end = offset + len(data)

    def sync(self) -> None:
        """Nothing: what was written is safe when the object has its name."""

    def truncate(self, length: int) -> None:
        """Refused: a stream cannot go back."""
        raise XdfWriteError(f"{self.path}: a stream cannot be cut to {length:,} bytes")

    def publish(self) -> None:
        """Give the object its name, whole."""
        if self._must_not_exist is not None and self._must_not_exist.store.is_file(self._must_not_exist.key):
            raise XdfExistsError(_exists_message(str(self.path)))
        sink, self._sink = self._sink, None
        if sink is not None:
            with _as_refusal(self.path):
                sink.commit()

    def discard(self) -> None:
        """Leave nothing behind."""
        sink, self._sink = self._sink, None
        if sink is not None:
            with contextlib.suppress(Exception):
                sink.abort()

    def release(self) -> None:
        """Nothing: a stream that was not published is discarded."""


class FileSink:
    """A binary stream that the caller opened, such as a pipe. What was written to it cannot be taken back."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        rest = memoryview(data)
        while rest:
            written = self._stream.write(rest)
            rest = rest[len(rest) if written is None else written :]

    def commit(self) -> None:
        """Hand on what is still buffered."""
        self._stream.flush()

    def abort(self) -> None:
        """Nothing; without its end the file is refused by whoever reads it."""


class FsspecStore:
    """A file system of fsspec."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def open(self, key: str) -> Opened:
        """An object. Raises FileNotFoundError."""
        self._filesystem.invalidate_cache(key.rpartition("/")[0])
        about = self._filesystem.info(key)
        if about["type"] != "file":
            raise FileNotFoundError(f"{key}: this is a folder")
        return _FsspecObject(self._filesystem, key, int(about["size"]))

    def sink(self, key: str) -> Sink:
        """A new object."""
        protocols = self._filesystem.protocol
        names = {protocols} if isinstance(protocols, str) else set(protocols)
        with _as_refusal(key):
            if names & _CAN_GIVE_UP:
                return _FsspecSink(self._filesystem.open(key, "wb", autocommit=False))
            temporary = _temporary_name(key)
            return _RenamedSink(
                self._filesystem.open(temporary, "wb"),
                lambda: self._filesystem.mv(temporary, key),
                lambda: self._filesystem.rm_file(temporary),
            )

    def is_file(self, key: str) -> bool:
        """Whether there is an object of that key."""
        self._filesystem.invalidate_cache(key.rpartition("/")[0])
        return bool(self._filesystem.isfile(key))

    def names(self, key: str) -> list[str]:
        """Names of the objects in a folder."""
        self._filesystem.invalidate_cache(key)
        try:
            found = self._filesystem.ls(key, detail=True)
        except FileNotFoundError:
            return []
        return sorted(one["name"].rpartition("/")[2] for one in found if one["type"] == "file" and one["size"])

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._filesystem.rm_file(key)


@dataclass(frozen=True)
class _FsspecObject:
    filesystem: Any
    key: str
    size: int

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        starts = [offset for offset, _ in ranges]
        ends = [offset + length for offset, length in ranges]
        if len(ranges) == 1:
            return [bytes(self.filesystem.cat_file(self.key, start=starts[0], end=ends[0]))]
        found = self.filesystem.cat_ranges([self.key] * len(ranges), starts, ends, on_error="raise")
        return [bytes(data) for data in found]


class _FsspecSink:
    """An upload that can be given up."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes | memoryview) -> None:
        self._stream.write(data)

    def commit(self) -> None:
        self._stream.close()
        self._stream.commit()

    def abort(self) -> None:
        try:
            self._stream.discard()
        finally:
            # It would flush what is left on its way out.
            self._stream.closed = True


class ArrowStore:
    """A file system of pyarrow."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def open(self, key: str) -> Opened:
        """An object. Raises FileNotFoundError."""
        return _ArrowObject(self._filesystem.open_input_file(key))

    def sink(self, key: str) -> Sink:
        """A new object."""
        with _as_refusal(key):
            temporary = _temporary_name(key)
            return _RenamedSink(
                self._filesystem.open_output_stream(temporary),
                lambda: self._filesystem.move(temporary, key),
                lambda: self._filesystem.delete_file(temporary),
            )

    def is_file(self, key: str) -> bool:
        """Whether there is an object of that key."""
        return bool(self._filesystem.get_file_info(key).is_file)

    def names(self, key: str) -> list[str]:
        """Names of the objects in a folder."""
        from pyarrow import fs

        found = self._filesystem.get_file_info(fs.FileSelector(key, allow_not_found=True))
        return sorted(one.base_name for one in found if one.is_file)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._filesystem.delete_file(key)


class _ArrowObject:
    def __init__(self, file: Any) -> None:
        self._file = file
        self.size = int(file.size())

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        def read_one(one: Range) -> bytes:
            return bytes(self._file.read_at(one[1], one[0]))

        if len(ranges) == 1:
            return [read_one(ranges[0])]
        with ThreadPoolExecutor(min(len(ranges), _MOST_AT_ONCE), thread_name_prefix="xdf-ranges") as pool:
            return list(pool.map(read_one, ranges))


class _RenamedSink:
    """Written under another name first, where a stream cannot be given up and closing it makes its object."""

    def __init__(self, stream: Any, rename: Callable[[], object], remove: Callable[[], object]) -> None:
        self._stream = stream
        self._rename = rename
        self._remove = remove

    def write(self, data: bytes | memoryview) -> None:
        self._stream.write(data)

    def commit(self) -> None:
        self._stream.close()
        self._rename()

    def abort(self) -> None:
        try:
            self._stream.close()
        finally:
            self._remove()


def _temporary_name(key: str) -> str:
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}.{name}.{os.getpid()}.{secrets.token_hex(4)}.partial"


def _store_of_url(url: str, scheme: str, where: str) -> tuple[Store, str]:
    """That of fsspec where it has what the scheme needs, else of pyarrow, whose own S3, GCS and HDFS need no more."""
    reason = ""
    try:
        import fsspec

        filesystem, key = fsspec.core.url_to_fs(url)
        return FsspecStore(filesystem), key
    except ImportError as error:
        reason = str(error)
    except ValueError as error:
        reason = str(error)
    try:
        from pyarrow import fs

        arrow, key = fs.FileSystem.from_uri(url)
        return ArrowStore(arrow), key
    except (ImportError, ValueError, NotImplementedError, OSError) as error:
        raise XdfError(
            f"{where}: {url}: nothing that is installed reads {scheme}:// ({reason}; {error}). For S3: {_INSTALL}; for "
            "others the package that fsspec names, or pass filesystem="
        ) from error


def _store_of(filesystem: Any, where: str) -> Store | None:
    """The store of a file system that the caller made; None for this machine's own."""
    module = type(filesystem).__module__.partition(".")[0]
    if module == "pyarrow":
        return None if type(filesystem).__name__ == "LocalFileSystem" else ArrowStore(filesystem)
    if hasattr(filesystem, "cat_ranges") and hasattr(filesystem, "protocol"):
        protocols = filesystem.protocol
        names = {protocols} if isinstance(protocols, str) else set(protocols)
        return None if names & {"file", "local"} else FsspecStore(filesystem)
    raise XdfError(
        f"{where}: filesystem is {type(filesystem).__name__}; allowed: a file system of fsspec or of pyarrow.fs"
    )


@contextlib.contextmanager
def _as_refusal(path: Path | str) -> Any:
    """Turn whatever a file system raises into an XdfWriteError that names the object."""
    try:
        yield
    except XdfError:
        raise
    except Exception as error:
        raise XdfWriteError(f"{path}: the file system refused to write: {error}") from error


def _exists_message(shown: str) -> str:
    return f"{shown}: the file is already there; pass overwrite=True to replace it"
