"""Writes files in the layout of RevoScaleR, as docs/legacy-xdf.md describes it: for tests only.

Written from the description and not from the reader, so that each checks the other.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAGIC = b"\xf4\xd3\xd2\xd1"
OBJECT = b"\xf4\xf3\xf2\xf1"
NO_INT, NO_LONG = -(2**31), -(2**63)
SEPARATOR = struct.pack("<HiH", 0, 1, 0)

# By kind: type, storage code, flags, letter of struct.
KINDS: dict[str, tuple[int, int, bytes, str]] = {
    "int32": (0, 0x0B, bytes.fromhex("00034000"), "i"),
    "factor": (1, 0x0C, bytes.fromhex("00034200"), "i"),
    "int64": (2, 0x0F, bytes.fromhex("00034000"), "q"),
    "float32": (3, 0x11, bytes.fromhex("00064000"), "f"),
    "float64": (4, 0x12, bytes.fromhex("00064000"), "d"),
    "string": (5, 0x08, bytes.fromhex("00014000"), ""),
    "date": (4, 0x12, bytes.fromhex("00064004"), "d"),
    "date32": (0, 0x0B, bytes.fromhex("00034004"), "i"),
    "unknown": (9, 0x09, bytes.fromhex("00024000"), "b"),
}


@dataclass(frozen=True)
class Old:
    """A variable: numbers, codes of a factor, or texts, None where they are missing."""

    name: str
    kind: str
    values: Sequence[Any]
    levels: Sequence[str] = ()
    description: str = ""
    range: tuple[Any, Any] | None = None
    attributes: dict[str, bytes] = field(default_factory=dict)
    flags: bytes | None = None
    type: int | None = None


def text(value: str | None) -> bytes:
    content = b"" if value is None else value.encode()
    return struct.pack("<ii", value is not None, len(content)) + content


def named(name: str, content: bytes | None, description: str = "") -> bytes:
    head = struct.pack("<f", 1.0) + text(name) + text(description)
    return head + struct.pack("<i", content is not None) + (content or b"")


def head(kind: int, storage: int, flags: bytes, rows: int, columns: int, attributes: bytes | None = None) -> bytes:
    start = OBJECT + struct.pack("<fi", 2.0, kind) + SEPARATOR + struct.pack("<qqi", rows, columns, storage) + flags
    return start + struct.pack("<ifi", 0, 1.0, attributes is not None) + (attributes or b"")


def numbers(values: Sequence[int], columns: int = 1, *, index: bool = True) -> bytes:
    kind, storage, flags = (0x15, 0x10, bytes.fromhex("00034200")) if index else (2, 0x0F, KINDS["int64"][2])
    shape = (len(values) // columns if columns else 0, columns)
    start = head(kind, storage, flags, *shape) + struct.pack("<fqqi", 1.0, -1, -1, 0)
    return start + struct.pack(f"<{len(values)}q", *values)


def texts(values: Sequence[str | None]) -> bytes:
    return head(5, 0x08, KINDS["string"][2], len(values), 1) + b"".join(map(text, values))


def members(items: Sequence[bytes], attributes: bytes | None = None) -> bytes:
    start = head(6, 0x03, bytes(4), 1, len(items), attributes) + struct.pack("<fiii", 1.1, 3, 0, 0)
    return start + b"".join(struct.pack("<i", 1) + item for item in items)


def variable(old: Old) -> bytes:
    kind, storage, flags, letter = KINDS[old.kind]
    kind, flags = kind if old.type is None else old.type, flags if old.flags is None else old.flags
    attributes = dict(old.attributes)
    if old.kind == "factor":
        attributes = {"Labels": texts(old.levels), **attributes}
    listed = members([named(name, content) for name, content in attributes.items()]) if attributes else None
    content = head(kind, storage, flags, 0, 1, listed)
    if letter:
        content += struct.pack("<f", 1.0) + struct.pack(f"<2{letter}", *_range(old)) + struct.pack("<i", 0)
    return named(old.name, content, old.description)


def _range(old: Old) -> tuple[Any, Any]:
    if old.range is not None:
        return old.range
    known = [value for value in old.values if value is not None and value == value]
    if old.kind == "factor":
        return 0, max(len(old.levels) - 1, 0)
    if not known:
        return (0, -1) if old.kind != "unknown" else (0, 0)
    return min(known), max(known)


def stored(old: Old, values: Sequence[Any], level: int | None) -> bytes:
    """A chunk; uncompressed where the level is None."""
    if old.kind == "string":
        content = b"".join(map(text, values))
        return (content if level is None else zlib.compress(content, level)) + struct.pack("<q", len(content))
    letter = KINDS[old.kind][3]
    missing: Any = {"i": NO_INT, "q": NO_LONG, "b": 0}.get(letter, float("nan"))
    content = struct.pack(f"<{len(values)}{letter}", *(missing if value is None else value for value in values))
    return content if level is None else zlib.compress(content, level)


def legacy_bytes(
    variables: Sequence[Old],
    blocks: Sequence[int],
    *,
    version: float = 4.2,
    level: int | None = 1,
    levels_of: dict[tuple[int, int], int | None] | None = None,
    row_names: int = -1,
    stale: bool = False,
) -> bytes:
    """A file.

    Parameters
    ----------
    variables : sequence of Old
    blocks : sequence of int
        Rows of each.
    version : {4.2, 3.1}
    level : int or None
        Compression; None for none.
    levels_of : dict, optional
        That of single chunks, by block and variable.
    row_names : int
        Which variable holds the names of rows.
    stale : bool
        Put an earlier description and footer before the last ones, as files have that were changed in place.
    """
    is_new = version >= 4.0
    raw = bytearray(MAGIC + bytes(256)) if is_new else bytearray(40)
    offsets, sizes, start = [], [], 0
    for block, n_rows in enumerate(blocks):
        for position, old in enumerate(variables):
            chosen = (levels_of or {}).get((block, position), level)
            chunk = stored(old, old.values[start : start + n_rows], chosen)
            offsets.append(len(raw))
            sizes.append(len(chunk))
            raw += chunk
        start += n_rows
    for _ in range(1 + stale):
        at = len(raw)
        raw += _description(variables, blocks, offsets, sizes, version, row_names)
        if is_new:
            raw += struct.pack("<fiiqqq", 4.2, 1, 0, at, len(variables), start) + SEPARATOR + struct.pack("<q", 60)
            raw += MAGIC * 2
        else:
            raw[:40] = MAGIC + struct.pack("<fqqq", version, at, len(variables), start) + SEPARATOR
    return bytes(raw)


def _description(
    variables: Sequence[Old],
    blocks: Sequence[int],
    offsets: list[int],
    sizes: list[int],
    version: float,
    row_names: int,
) -> bytes:
    is_new = version >= 4.0
    raw = struct.pack("<fqq", 3.1, row_names, -1) if is_new else struct.pack("<fqqq", 3.0, 1, -1, -1)
    many = len(blocks)
    read_info = members([named("ReadInfo", numbers([1, 1, max(blocks, default=0)]))])
    entries = [
        numbers(blocks, many),
        numbers(offsets, many, index=False),
        numbers(sizes, many),
        numbers([], index=False),
        numbers([]),
        members([variable(old) for old in variables], read_info),
    ]
    raw += b"".join(struct.pack("<i", 1) + named("", entry) for entry in entries)
    return raw + struct.pack("<i", 1) + (b"" if is_new else struct.pack("<i", 0))
