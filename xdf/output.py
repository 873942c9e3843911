"""The file a writer writes to: atomic creation, exclusive appending, and every refusal of the system as one error."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from xdf.errors import XdfExistsError, XdfLockedError, XdfWriteError
from xdf.locks import hold_target, is_same_file, lock, unlock

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OLD = os.O_RDWR | os.O_CLOEXEC
# What file systems without hard links answer.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})


class Output:
    """A file open for writing at positions. Made by :func:`create_output` or :func:`lock_output`."""

    def __init__(
        self, fd: int, path: Path | str, target: Path, temporary: Path | None, overwrite: bool, held: int | None = None
    ) -> None:
        self.fd = fd
        self.path: Path | str = path
        self._target = target
        self._temporary = temporary
        self._overwrite = overwrite
        # The file to be replaced, locked so that nobody adds to it meanwhile.
        self._held = held
        self._process = os.getpid()

    @property
    def is_new(self) -> bool:
        """Whether the file has a temporary name until it is published."""
        return self._temporary is not None

    @property
    def temporary(self) -> Path:
        """The name that a new file has until it is published."""
        assert self._temporary is not None
        return self._temporary

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write all of the bytes there."""
        with refusals(self.path):
            self._check_process()
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
            self._check_process()
            os.ftruncate(self.fd, length)

    def publish(self) -> None:
        """Give a new file its name, at once and whole; let go of it, and of its lock, in any case."""
        if self._temporary is not None:
            with refusals(self.path):
                self._check_process()
                self._rename(self._temporary)
                self._temporary = None
                _sync_folder(self._target.parent)
        self.release()

    def discard(self) -> None:
        """Remove a new file; let go of the file, and of its lock, in any case."""
        if self._temporary is not None and self._is_mine:
            with contextlib.suppress(OSError):
                self._temporary.unlink()
        self._temporary = None
        self.release()

    def release(self) -> None:
        """Close the file, and what it replaces, and let go of the lock."""
        locked = self.fd if self._held is None else self._held
        for fd in {self.fd, locked} - {-1}:
            if fd == locked and self._is_mine:
                unlock(fd)
            with contextlib.suppress(OSError):
                os.close(fd)
        self.fd, self._held = -1, None

    @property
    def _is_mine(self) -> bool:
        """Whether this is not a copy in a forked process, which must leave the file alone."""
        return self._process == os.getpid()

    def _check_process(self) -> None:
        if not self._is_mine:
            raise XdfWriteError(f"{self.path}: this writer was made by process {self._process}, which alone may use it")

    def _rename(self, temporary: Path) -> None:
        if self._overwrite:
            if self._held is None or not is_same_file(self._held, self._target):
                # Another file has taken the name meanwhile: nobody may be adding to that one either.
                other = hold_target(self._target, "overwrite")
                if other is not None and self._held is not None:
                    os.close(self._held)
                self._held = self._held if other is None else other
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
def refusals(path: Path | str) -> Iterator[None]:
    """Turn an OSError into an XdfWriteError that names the file."""
    try:
        yield
    except (XdfExistsError, XdfLockedError, XdfWriteError):
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise XdfWriteError(f"{path}: the system refused to write: {reason}") from error


def create_output(path: Path, overwrite: bool, replaced: Output | None = None) -> Output:
    """A new file under a temporary name beside its target.

    Parameters
    ----------
    path : pathlib.Path
    overwrite : bool
        An existing file is locked until the new one has taken its place, or was given up.
    replaced : Output, optional
        The existing file, where the caller has locked it already. The new output lets go of it.

    Raises
    ------
    XdfExistsError
        The target is there and may not be replaced, or is a folder.
    XdfLockedError
        A writer is adding to the target.
    XdfWriteError
        The folder is missing or does not allow it.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise XdfExistsError(f"{path}: this is a folder; name a file in it")
    if not overwrite and os.path.lexists(target):
        raise XdfExistsError(_exists_message(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    held = None
    if replaced is not None:
        held, replaced.fd = replaced.fd, -1
    elif overwrite:
        held = hold_target(target, "overwrite")
    try:
        with refusals(path):
            fd = os.open(temporary, _NEW, 0o666)
    except BaseException:
        if held is not None:
            unlock(held)
            os.close(held)
        raise
    return Output(fd, path, target, temporary, overwrite, held)


def lock_output(path: Path, doing: str) -> Output:
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
            lock(fd, path, doing)
            if is_same_file(fd, path):
                return Output(fd, path, path, None, overwrite=True)
        except BaseException:
            os.close(fd)
            raise
        # The file was replaced by another of its name between opening and locking: take that one.
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _exists_message(path: Path | str) -> str:
    return f"{path}: the file is already there; pass overwrite=True to replace it, or append to it"
