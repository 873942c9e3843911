"""Chunks that are stored plain, as the system maps them: read without copying, checked once."""

from __future__ import annotations

import mmap
import os
import threading
import zlib

import pyarrow as pa

from xdf.errors import XdfChecksumError, XdfFormatError
from xdf.index import Entry


class Mapping:
    """The file of one snapshot in memory, each page of it from when it is first looked at. May be shared by threads.

    What it hands out keeps the map alive, also after the file is closed, removed, or replaced by name. Whoever cuts a
    mapped file short, or writes over what is in it, takes it away from under its readers, as the system has it; writers
    of this package never do.

    Parameters
    ----------
    length : int
        Of the snapshot, in bytes.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._lock = threading.Lock()
        self._has_tried = False
        self._bytes: pa.Buffer | None = None
        self._checked: set[int] = set()

    def content(self, fd: int, entry: Entry) -> pa.Buffer | None:
        """The bytes of a plain chunk, whose checksum is computed the first time; None where files cannot be mapped.

        Raises
        ------
        XdfFormatError, XdfChecksumError
            The file was cut short, or the bytes are not those that were written. The message is the bare reason.
        """
        with self._lock:
            if not self._has_tried:
                self._bytes, self._has_tried = self._map(fd), True
            mapped = self._bytes
        if mapped is None:
            return None
        # Looking at pages behind the end of a file ends the process.
        if os.fstat(fd).st_size < entry.offset + entry.length:
            raise XdfFormatError("the file was cut short while it was open")
        content = mapped.slice(entry.offset, entry.length)
        if entry.offset not in self._checked:
            if zlib.crc32(content) != entry.checksum:
                raise XdfChecksumError("the checksum does not match")
            self._checked.add(entry.offset)
        return content

    def release(self) -> None:
        """Let go of the map; what was handed out keeps it as long as it is needed."""
        self._bytes = None

    def _map(self, fd: int) -> pa.Buffer | None:
        try:
            return pa.py_buffer(mmap.mmap(fd, self._length, access=mmap.ACCESS_READ))
        except ValueError as error:
            raise XdfFormatError("the file was cut short while it was open") from error
        except OSError:
            return None
