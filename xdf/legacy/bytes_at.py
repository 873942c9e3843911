"""Reading numbers and texts one after another out of a part of a file, never beyond its end."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from xdf.errors import XdfFormatError
from xdf.ranges import Handle
from xdf.snapshot import read_exactly

_WINDOW = 1 << 16


class Cursor:
    """A place in a file that moves forward with what is read. Little-endian throughout.

    Holds a small window of the file, so that a wrong offset does not load everything behind it.

    Parameters
    ----------
    fd : int or RangeReader
    start, end : int
        Bytes of the file; the end is not read.
    """

    def __init__(self, fd: Handle, start: int, end: int) -> None:
        self._fd = fd
        self.at = start
        self.end = end
        self._window = b""
        self._window_at = start

    @property
    def left(self) -> int:
        """Bytes up to the end."""
        return self.end - self.at

    def take(self, length: int, what: str) -> bytes:
        """The next bytes.

        Raises
        ------
        XdfFormatError
            There are not so many; the message names the offset.
        """
        found = self.peek(length)
        if len(found) < length:
            raise XdfFormatError(
                f"at byte {self.at:,}: {what} needs {length:,} bytes, and {max(self.left, 0):,} are left of the "
                "description"
            )
        self.at += length
        return found

    def peek(self, length: int) -> bytes:
        """The next bytes without moving; fewer where the part ends."""
        length = min(length, self.left)
        if length <= 0:
            return b""
        start = self.at - self._window_at
        if start < 0 or start + length > len(self._window):
            self._window = read_exactly(self._fd, self.at, min(max(length, _WINDOW), self.left))
            self._window_at, start = self.at, 0
        return self._window[start : start + length]

    def int32(self, what: str) -> int:
        """The next four bytes."""
        return int(self._number("<i", 4, what))

    def int64(self, what: str) -> int:
        """The next eight bytes."""
        return int(self._number("<q", 8, what))

    def float32(self, what: str) -> float:
        """The next four bytes."""
        return float(self._number("<f", 4, what))

    def numbers(self, count: int, dtype: npt.DTypeLike, what: str) -> npt.NDArray[Any]:
        """An array; its size is compared with what is there before anything is read."""
        kind = np.dtype(dtype).newbyteorder("<")
        if not 0 <= count <= self.left // kind.itemsize:
            raise XdfFormatError(f"at byte {self.at:,}: {what} of {count:,} numbers does not fit into the file")
        return np.frombuffer(self.take(count * kind.itemsize, what), kind)

    def flag(self, what: str) -> bool:
        """An integer that is 0 or 1."""
        value = self.int32(what)
        if value not in (0, 1):
            raise XdfFormatError(f"at byte {self.at - 4:,}: {what} must be 0 or 1; it is {value}")
        return value == 1

    def text(self, what: str) -> str | None:
        """A flag, a length and bytes; None where the flag says that there is no text."""
        is_there = self.flag(what)
        length = self.int32(what)
        if not 0 <= length <= self.left:
            raise XdfFormatError(f"at byte {self.at - 4:,}: {what} of {length:,} bytes does not fit into the file")
        content = self.take(length, what)
        return decoded(content) if is_there else None

    def _number(self, kind: str, size: int, what: str) -> float:
        value: float = struct.unpack(kind, self.take(size, what))[0]
        return value


def decoded(content: bytes) -> str:
    """Text of the encoding that these bytes have: UTF-8, else that of Western Windows.

    No sample tells what the product wrote where the locale was another one.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return content.decode("cp1252")
        except UnicodeDecodeError:
            return content.decode("latin-1")
