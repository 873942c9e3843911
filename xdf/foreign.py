"""What a file is, by its first bytes: many kinds of file carry the suffix .xdf."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from xdf.format import MAGIC

OWN = "an .xdf file of this package"
LEGACY_MAGIC = b"\xf4\xd3\xd2\xd1"
_PEEK = 512

_FIRST_BYTES = (
    (MAGIC, OWN),
    (LEGACY_MAGIC, "Microsoft's legacy .xdf (RevoScaleR, revoscalepy)"),
    (b"\x1f\x8b", "a gzip file (an R workspace?)"),
    (b"RDX2\n", "an R workspace"),
    (b"RDX3\n", "an R workspace"),
    (b"XDF:", "a Lab Streaming Layer recording"),
    (b"PAR1", "a Parquet file"),
    (b"PARE", "an encrypted Parquet file"),
    (b"ARROW1", "an Arrow file (Feather)"),
    (b"FEA1", "a Feather file of version 1"),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"ORC", "an ORC file"),
    (b"BZh", "a bzip2 file (an R workspace?)"),
    (b"\xfd7zXZ\x00", "an xz file (an R workspace?)"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PK\x03\x04", "a zip file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"\x89RXD", "an .xdf file of this package, damaged by a transfer in text mode"),
)


def is_xdf(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins like an .xdf file of this package.

    Only the first bytes are read. False for a missing file, a folder, and Microsoft's format of the same suffix.
    """
    file = Path(path)
    if not file.is_file():
        return False
    return first_bytes(file, len(MAGIC)) == MAGIC


def describe_foreign(path: str | os.PathLike[str]) -> str:
    """What a file looks like from its first bytes, in words that finish the sentence "it looks like ...".

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    OSError
        The file is missing or cannot be read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "drug.xdf")
    >>> _ = path.write_bytes(b"XDF:" + bytes(20))
    >>> describe_foreign(path)
    'a Lab Streaming Layer recording'
    """
    file = Path(path)
    if file.is_dir():
        return "a folder"
    return describe_start(first_bytes(file, _PEEK))


def describe_start(start: bytes) -> str:
    """The same from the first bytes themselves."""
    start = start[:_PEEK]
    if not start:
        return "an empty file"
    for begin, description in _FIRST_BYTES:
        if start.startswith(begin):
            return description
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<?xml", b"<")):
        return "an XML file" if b"<html" not in text.lower() else "an HTML page (a failed download?)"
    if not start.strip(b"\x00"):
        return "a file that begins with zero bytes (an interrupted copy?)"
    if _is_text(start):
        return "a text file"
    return "binary data of no format known here"


def _is_text(start: bytes) -> bool:
    """Whether these are letters: of UTF-8, or mostly ASCII in some older encoding."""
    if any(byte < 32 and byte not in b"\t\r\n" for byte in start):
        return False
    try:
        # The last character may be cut off; an incremental decoder waits for the rest of it.
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return sum(byte < 128 for byte in start) > 0.7 * len(start)
    return True


def first_bytes(file: Path, count: int) -> bytes:
    """The first bytes of a file; fewer where it is shorter."""
    with file.open("rb") as stream:
        return stream.read(count)
