"""The file a writer writes to: atomic creation, exclusive appending, and every refusal of the system as one error."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from xdf.errors import XdfExistsError, XdfLockedError, XdfWriteError

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OLD = os.O_RDWR | os.O_CLOEXEC
# What file systems without hard links answer.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})


class Output:
    """A file open for writing at positions. Made by :func:`create_output` or :func:`lock_output`."""

    def __init__(self, fd: int, path: Path, target: Path, temporary: Path | None, overwrite: bool) -> None:
        self.fd = fd
        self.path = path
        self._target = target
        self._temporary = temporary
        self._overwrite = overwrite

    @property
    def is_new(self) -> bool:
        """Whether the file has a temporary name until it is published."""
        return self._temporary is not None

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write all of the bytes there."""
        with refusals(self.path):
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self.fd, rest, offset)
                if written <= 0:
                    raise OSError(errno.EIO, "the system took no bytes")
                rest = rest[written:]
                offset += written

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        with refusals(self.path):
            os.fsync(self.fd)

    def truncate(self, length: int) -> None:
        """Cut off what lies behind the last commit."""
        with refusals(self.path):
            os.ftruncate(self.fd, length)

    def publish(self) -> None:
        """Give a new file its name, at once and whole; let go of it, and of its lock, in any case."""
        if self._temporary is not None:
            with refusals(self.path):
                self._rename(self._temporary)
                self._temporary = None
                _sync_folder(self._target.parent)
        self.release()

    def discard(self) -> None:
        """Remove a new file; let go of the file, and of its lock, in any case."""
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink()
            self._temporary = None
        self.release()

    def release(self) -> None:
        """Close the file. The lock goes with it."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _rename(self, temporary: Path) -> None:
        if self._overwrite:
            temporary.replace(self._target)
            return
        try:
            # Unlike a rename, a link refuses to take the place of a file that appeared meanwhile.
            os.link(temporary, self._target)
        except FileExistsError as error:
            raise XdfExistsError(_exists_message(self.path)) from error
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if os.path.lexists(self._target):
                raise XdfExistsError(_exists_message(self.path)) from error
            temporary.replace(self._target)
        else:
            temporary.unlink()


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn an OSError into an XdfWriteError that names the file."""
    try:
        yield
    except (XdfExistsError, XdfLockedError, XdfWriteError):
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise XdfWriteError(f"{path}: the system refused to write: {reason}") from error


def create_output(path: Path, overwrite: bool) -> Output:
    """A new file under a temporary name beside its target.

    Raises
    ------
    XdfExistsError
        The target is there and may not be replaced, or is a folder.
    XdfWriteError
        The folder is missing or does not allow it.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise XdfExistsError(f"{path}: this is a folder; name a file in it")
    if not overwrite and os.path.lexists(target):
        raise XdfExistsError(_exists_message(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    with refusals(path):
        fd = os.open(temporary, _NEW, 0o666)
    return Output(fd, path, target, temporary, overwrite)


def lock_output(path: Path) -> Output:
    """An existing file, held against other writers.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfLockedError
        Another writer holds it. Raised at once.
    XdfWriteError
        It may not be written to.
    """
    while True:
        try:
            fd = os.open(path, _OLD)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise XdfWriteError(f"{path}: the system refused to write: {error.strerror}") from error
        try:
            _lock(fd, path)
            if _is_still(fd, path):
                return Output(fd, path, path, None, overwrite=True)
        except BaseException:
            os.close(fd)
            raise
        # The file was replaced by another of its name between opening and locking: take that one.
        os.close(fd)


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise XdfLockedError(f"{path}: another writer holds the file; append again when it has closed it") from error
    except OSError as error:
        raise XdfWriteError(f"{path}: the system refused to lock the file: {error.strerror}") from error


def _is_still(fd: int, path: Path) -> bool:
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(fd)
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _exists_message(path: Path) -> str:
    return f"{path}: the file is already there; pass overwrite=True to replace it, or append to it"
