"""The bytes of a model: a header with a checksum, a tree as JSON, and the arrays that the tree points to.

Little-endian throughout::

    0   8   magic "rxmodel" and a zero byte
    8   4   format version
    12  4   zero
    16  8   bytes of JSON
    24  8   bytes of arrays
    32  32  SHA-256 of everything else, header included
    64      JSON (UTF-8), then the arrays, each C-contiguous at a multiple of 8 from the start of the arrays

In the JSON, ``content`` is the tree and ``arrays`` lists type, shape and place of each array. Nothing in it is ever
executed, and every size is checked against the bytes at hand before it is believed.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rxcore.errors import ModelFormatError

MAGIC = b"rxmodel\0"
FORMAT = 1
_HEADER = struct.Struct("<8sIIQQ32s")
_TYPES = ("<f8", "<i8", "|b1")

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a container holds: its format version, a tree of JSON values, and the arrays that the tree numbers."""

    version: int
    tree: Any
    arrays: tuple[Array, ...]


def pack(tree: Any, arrays: list[Array]) -> bytes:
    """The bytes of a tree and its arrays; equal contents give equal bytes."""
    table, parts, end = [], [], 0
    for array in arrays:
        plain = np.ascontiguousarray(array).astype(_type_of(array), copy=False)
        padding = -end % 8
        table.append({"type": _type_of(array), "shape": list(array.shape), "at": end + padding})
        parts += [b"\0" * padding, plain.tobytes()]
        end += padding + plain.nbytes
    text = json.dumps({"content": tree, "arrays": table}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    body = text.encode() + b"".join(parts)
    header = _HEADER.pack(MAGIC, FORMAT, 0, len(text.encode()), end, b"\0" * 32)
    checksum = hashlib.sha256(header + body).digest()
    return _HEADER.pack(MAGIC, FORMAT, 0, len(text.encode()), end, checksum) + body


def unpack(data: bytes) -> Contents:
    """What the bytes hold.

    Raises
    ------
    ModelFormatError
        When they are no model, are damaged, or were written by a later version.
    """
    if len(data) < _HEADER.size or data[:8] != MAGIC:
        raise ModelFormatError("these bytes are not a model that rx_serialize_model wrote")
    _, version, zero, text_length, arrays_length, checksum = _HEADER.unpack_from(data)
    if version > FORMAT:
        raise ModelFormatError(
            f"the model is in format {version}; this version of rxcore reads formats up to {FORMAT}. Upgrade rxcore"
        )
    length = _HEADER.size + text_length + arrays_length
    if len(data) != length:
        raise ModelFormatError(f"the model is {len(data):,} bytes long where its header says {length:,}")
    blank = _HEADER.pack(MAGIC, version, 0, text_length, arrays_length, b"\0" * 32)
    if zero or hashlib.sha256(blank + data[_HEADER.size :]).digest() != checksum:
        raise ModelFormatError("the bytes of the model were changed: their checksum is wrong")
    tree = _parsed(data[_HEADER.size : _HEADER.size + text_length])
    blob = memoryview(data)[_HEADER.size + text_length :]
    if not isinstance(tree, dict) or set(tree) != {"content", "arrays"} or not isinstance(tree["arrays"], list):
        raise ModelFormatError("the model's JSON does not have the two members content and arrays")
    return Contents(version, tree["content"], tuple(_array(entry, blob) for entry in tree["arrays"]))


def _type_of(array: Array) -> str:
    name: str = array.dtype.newbyteorder("<").str
    if name not in _TYPES:
        raise ModelFormatError(f"an array of type {array.dtype} cannot be stored; allowed are {', '.join(_TYPES)}")
    return name


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"the model's JSON cannot be read: {error}") from error


def _array(entry: Any, blob: memoryview) -> Array:
    match entry:
        case {"type": str(kind), "shape": [*shape], "at": int(at)} if kind in _TYPES and all(map(_is_size, shape)):
            count = 1
            for size in shape:
                count *= size
            length = count * np.dtype(kind).itemsize
            inside = at >= 0 and at + length <= len(blob) and all(size <= len(blob) for size in shape)
            if inside and 1 <= len(shape) <= 2:
                flat = np.frombuffer(blob[at : at + length], "|u1" if kind == "|b1" else kind)
                # A truth value is a byte that is not zero; a copy in the machine's own order is the caller's.
                own: Array = (flat != 0) if kind == "|b1" else flat.astype(kind[1:])
                return own.reshape(shape)
    raise ModelFormatError("an array of the model has an unknown type, or lies outside its bytes")


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
