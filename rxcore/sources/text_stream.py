"""Opening delimited text: decompression by suffix, and runs of delimiters joined into one."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rxcore.errors import SourceError
from rxcore.sources.paths import COMPRESSIONS


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How the bytes of a text file become fields.

    Attributes
    ----------
    delimiter : str
        One character.
    quote : str
        One character, or empty for none.
    decimal : str
    missing : str
        The string that marks a missing value, besides nothing at all.
    header : bool
        Whether the first row after the skipped ones holds the names.
    skip : int
        Lines to leave out at the start.
    combine : bool
        Whether a run of delimiters counts as one. Spaces always combine.
    encoding : str
    block_bytes : int
        Bytes parsed at a time; a row must fit.
    """

    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    missing: str = "NA"
    header: bool = True
    skip: int = 0
    combine: bool = False
    encoding: str = "utf-8"
    block_bytes: int = 1 << 20

    @property
    def combines(self) -> bool:
        """Whether a run of delimiters counts as one."""
        return self.combine or self.delimiter == " "


def open_bytes(path: str) -> Any:
    """The bytes of a file, decompressed when its name ends in .gz, .zst or .bz2.

    Raises
    ------
    SourceError
        When the file cannot be opened or is not of the compression its name says.
    """
    compressed = path.lower().endswith(COMPRESSIONS)
    try:
        return pa.input_stream(path, compression="detect" if compressed else None)
    except OSError as error:
        raise SourceError(f"{os.path.basename(path)} cannot be opened: {error}") from error


def open_text(path: str, text_format: TextFormat) -> Any:
    """The bytes that the parser reads: decompressed, with runs of delimiters joined where they combine."""
    stream = open_bytes(path)
    if not text_format.combines:
        return stream
    return pa.PythonFile(CombiningReader(stream, text_format), mode="r")


class CombiningReader(io.RawIOBase):
    """Bytes with each run of delimiters outside quotes written as one, and none at the ends of lines."""

    def __init__(self, stream: Any, text_format: TextFormat) -> None:
        super().__init__()
        self._stream = stream
        self._combine = DelimiterCombiner(text_format.delimiter, text_format.quote)
        self._ready = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        parts = [self._ready]
        held = len(self._ready)
        while size < 0 or held < size:
            data = self._stream.read(1 << 20)
            piece = self._combine.feed(data) if data else self._combine.finish()
            parts.append(piece)
            held += len(piece)
            if not data:
                break
        everything = b"".join(parts)
        if size < 0:
            size = len(everything)
        self._ready = everything[size:]
        return everything[:size]

    def close(self) -> None:
        """Close the file underneath."""
        if not self.closed:
            self._stream.close()
        super().close()


class DelimiterCombiner:
    """The state of joining runs of delimiters across pieces of a file."""

    def __init__(self, delimiter: str, quote: str) -> None:
        one = re.escape(delimiter.encode())
        self._delimiter = delimiter.encode()
        self._quote = quote.encode()
        self._run = re.compile(one + b"{2,}")
        self._edges = re.compile(rb"(?:%b)*(\r?\n)(?:%b)*" % (one, one))
        self._inside = False
        self._held = b"\n"  # as if a line had just ended, so that leading delimiters vanish
        self._started = False

    def feed(self, data: bytes) -> bytes:
        """The next piece. Trailing delimiters and line ends wait for what follows them."""
        if not self._quote:
            return self._outside(data, last=True)
        pieces = data.split(self._quote)
        out = []
        for number, piece in enumerate(pieces):
            if number:
                out.append(self._quote)
                self._inside = not self._inside
            # A quote that follows ends the wait: the run before it is complete.
            last = number == len(pieces) - 1
            out.append(piece if self._inside else self._outside(piece, last))
        return b"".join(out)

    def _outside(self, piece: bytes, last: bool) -> bytes:
        piece = self._held + piece
        self._held = b""
        if last:
            kept = len(piece.rstrip(self._delimiter + b"\r\n"))
            self._held, piece = piece[kept:], piece[:kept]
        return self._joined(piece)

    def _joined(self, piece: bytes) -> bytes:
        joined = self._edges.sub(rb"\1", self._run.sub(self._delimiter, piece))
        if not self._started and joined:
            self._started = True
            joined = joined[1:]  # the line end that was never there
        return joined

    def finish(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return self._joined(held.rstrip(self._delimiter)) if held != b"\n" else b""
