"""One writer at a time: an exclusive lock, and a note in the header that tells others who holds it.

The lock is the kernel's (``flock``), so it cannot outlive its process. The note is only for people: whoever is refused
reads it to say who is in the way. A note that a killed process left behind is recognised and ignored.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from xdf.errors import XdfLockedError, XdfWriteError
from xdf.format import HEADER_SIZE, MAGIC, NOTE_OFFSET, NOTE_SIZE

_LONGEST_HOST = 64


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a file.

    Attributes
    ----------
    process : int
    host : str
    since : str
        Date and time, UTC.
    doing : str
        ``append``, ``edit``, ``compact``, ``repair`` or ``overwrite``.
    """

    process: int
    host: str
    since: str
    doing: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} ({self.doing}, since {self.since})"


def lock(fd: int, path: Path, doing: str) -> None:
    """Take the exclusive lock of an open file, or refuse at once, and leave a note in it.

    Raises
    ------
    XdfLockedError
        Another writer has it, in this or another process; the message says who.
    XdfWriteError
        The file system has no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = read_note(fd)
        who = "it left no note of who it is" if holder is None else str(holder)
        raise XdfLockedError(
            f"{path}: another writer holds the file: {who}. Try again when it has closed the file"
        ) from error
    except OSError as error:
        raise XdfWriteError(f"{path}: the system refused to lock the file: {error.strerror}") from error
    _write_note(fd, doing)


def unlock(fd: int) -> None:
    """Take back the note and let go of the lock, also where forked processes still have the file open."""
    with contextlib.suppress(OSError):
        if _is_ours(fd) and any(os.pread(fd, NOTE_SIZE, NOTE_OFFSET)):
            os.pwrite(fd, bytes(NOTE_SIZE), NOTE_OFFSET)
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)


def hold_target(path: Path, doing: str) -> int | None:
    """Lock a file that is about to be replaced; None where there is none, or none that can be locked.

    Raises
    ------
    XdfLockedError
        A writer is adding to it: what it commits would vanish with the file.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        lock(fd, path, doing)
    except XdfWriteError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_same_file(fd: int, path: Path) -> bool:
    """Whether the open file is the one of that name."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(fd)
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)


def read_note(fd: int) -> Holder | None:
    """The note of whoever holds the file; None where it is missing, unreadable, or left by a process that is gone."""
    try:
        raw = os.pread(fd, NOTE_SIZE, NOTE_OFFSET).rstrip(b"\x00")
        note = json.loads(raw)
        holder = Holder(int(note["process"]), str(note["host"]), str(note["since"]), str(note["doing"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if not f"{holder}".isprintable():
        return None
    return None if holder.host == _host() and not _is_alive(holder.process) else holder


def _write_note(fd: int, doing: str) -> None:
    """Best effort: a lock without a note is as good, only less polite."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    note = {"process": os.getpid(), "host": _host(), "since": now, "doing": doing}
    with contextlib.suppress(OSError):
        if _is_ours(fd):
            os.pwrite(fd, json.dumps(note).encode().ljust(NOTE_SIZE, b"\x00")[:NOTE_SIZE], NOTE_OFFSET)


def _is_ours(fd: int) -> bool:
    """Whether there is a header to write a note to: a file to be replaced may be of any kind."""
    return os.fstat(fd).st_size >= HEADER_SIZE and os.pread(fd, len(MAGIC), 0) == MAGIC


def _host() -> str:
    return os.uname().nodename[:_LONGEST_HOST]


def _is_alive(process: int) -> bool:
    if process <= 0:  # would ask for a group of processes
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
