"""Reading a file that is only reachable by requests for ranges of its bytes: few requests, no byte twice."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from xdf.errors import XdfError, XdfFormatError

Range = tuple[int, int]
"""Offset and length."""

# What lies between two chunks is read along where that is cheaper than another request, and no request grows so large
# that several at once would not be faster.
MOST_BETWEEN = 256 << 10
LARGEST_REQUEST = 16 << 20
# Header and footer of most files come with these, in one round of requests.
_HEAD = 4096
_TAIL = 128 << 10


class Opened(Protocol):
    """An object somewhere else, open for reading; shared by threads."""

    @property
    def size(self) -> int:
        """Bytes of the object."""
        ...

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of these ranges, several at once where that is faster."""
        ...


class RangeReader:
    """Takes the place of a file descriptor where every read is a request. Shared by threads.

    Attributes
    ----------
    size : int
    n_requests, n_bytes : int
        What reading has cost so far.
    """

    def __init__(self, opened: Opened, name: str) -> None:
        self._opened: Opened | None = opened
        self._name = name
        self._lock = threading.Lock()
        self._kept: dict[int, list[tuple[int, bytes]]] = {}
        self._next = 1
        self.n_requests = 0
        self.n_bytes = 0
        self.size = opened.size
        head = min(_HEAD, self.size)
        tail = max(head, self.size - _TAIL)
        ends = [(offset, length) for offset, length in ((0, head), (tail, self.size - tail)) if length > 0]
        self._kept[0] = self._request(ends)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the object; fewer only where it ends."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        with self._lock:
            for pieces in self._kept.values():
                for start, data in pieces:
                    if start <= offset and offset + length <= start + len(data):
                        return data[offset - start : offset - start + length]
        return self._request([(offset, length)])[0][1]

    def forget_ends(self) -> None:
        """Let go of header and footer once they have been read."""
        with self._lock:
            self._kept.pop(0, None)

    @contextlib.contextmanager
    def holding(self, ranges: Sequence[Range]) -> Iterator[None]:
        """Read these ranges at once, neighbours in one request, and have them at hand inside the ``with`` block."""
        inside = [(offset, min(length, self.size - offset)) for offset, length in ranges if offset < self.size]
        pieces = self._request(merge_ranges(inside))
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._kept[number] = pieces
        try:
            yield
        finally:
            with self._lock:
                self._kept.pop(number, None)

    def close(self) -> None:
        """Let go of the object."""
        with self._lock:
            self._opened = None
            self._kept.clear()

    def _request(self, ranges: Sequence[Range]) -> list[tuple[int, bytes]]:
        """Each range as its offset and bytes."""
        opened = self._opened
        if opened is None:
            raise XdfError(f"{self._name}: the file was closed; open it again")
        found = opened.read(ranges) if ranges else []
        with self._lock:
            self.n_requests += len(ranges)
            self.n_bytes += sum(map(len, found))
        for (offset, length), data in zip(ranges, found, strict=True):
            if len(data) != length:
                raise XdfFormatError(
                    f"{self._name}: the object has changed since it was opened: of {length:,} bytes at {offset:,} "
                    f"{len(data):,} are there. Open it again"
                )
        return [(offset, data) for (offset, _), data in zip(ranges, found, strict=True)]


Handle = int | RangeReader
"""An open file: a descriptor, or something that answers requests for ranges."""


def merge_ranges(ranges: Sequence[Range]) -> list[Range]:
    """The fewest ranges that cover these without reading much else, in order."""
    merged: list[Range] = []
    for offset, length in sorted(ranges):
        if merged:
            start, so_far = merged[-1]
            end = max(start + so_far, offset + length)
            if offset - (start + so_far) <= MOST_BETWEEN and end - start <= LARGEST_REQUEST:
                merged[-1] = (start, end - start)
                continue
        merged.append((offset, length))
    return merged
