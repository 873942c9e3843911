"""The content of a chunk in every encoding but the direct one: a head, then parts one after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.errors import XdfFormatError
from xdf.format import CONTENT_HEAD, HAS_BITMAP, PART_ALIGNMENT
from xdf.planes import CODE_BITS, MAX_VALUES, Bytes, join_bytes, plane_bits, plane_length, split_bytes

LENGTH_BYTES = (0, 1, 2, 4, 8)


class Head(NamedTuple):
    """What the first bytes of a content say.

    ``bits`` of a code, ``length_bytes`` of the length of a text, ``n_values`` in the dictionary, ``n_text_bytes`` of
    all texts together.
    """

    has_bitmap: bool
    bits: int = 0
    length_bytes: int = 0
    n_values: int = 0
    n_text_bytes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a content: so many bits for each row, or, with none, bytes that do not depend on the rows."""

    data: Bytes
    bits: int = 0


def pack_content(head: Head, parts: Iterable[Part]) -> bytes:
    """The content that has these parts."""
    flags = HAS_BITMAP if head.has_bitmap else 0
    pieces: list[bytes | memoryview] = [CONTENT_HEAD.pack(flags, head.bits, head.length_bytes, 0, *head[3:])]
    for part in parts:
        pieces += [part.data.data, bytes(-len(part.data) % PART_ALIGNMENT)]
    return b"".join(pieces)


class Content:
    """Gives out the parts of a content in their order, each checked to lie inside.

    Every method raises XdfFormatError with the bare reason when the content is not what its head says.
    """

    def __init__(self, content: pa.Buffer, n_rows: int) -> None:
        if len(content) < CONTENT_HEAD.size:
            raise XdfFormatError("it has no head")
        flags, bits, length_bytes, zero, n_values, n_text_bytes = CONTENT_HEAD.unpack(content[: CONTENT_HEAD.size])
        if flags & ~HAS_BITMAP or zero or bits not in CODE_BITS or length_bytes not in LENGTH_BYTES:
            raise XdfFormatError("its head is impossible")
        if n_values > MAX_VALUES:
            raise XdfFormatError(f"its dictionary has {n_values:,} values, more than {MAX_VALUES:,}")
        self.head = Head(flags == HAS_BITMAP, bits, length_bytes, n_values, n_text_bytes)
        self.n_rows = n_rows
        self._content = content
        self._at = CONTENT_HEAD.size

    def part(self, n_bytes: int) -> pa.Buffer:
        """The next part."""
        end = self._at + n_bytes
        if end > len(self._content):
            raise XdfFormatError("it is shorter than its head says")
        part = self._content.slice(self._at, n_bytes)
        self._at = end + -end % PART_ALIGNMENT
        return part

    def plane(self, n_bytes: int) -> Bytes:
        """The next part as bytes."""
        return np.frombuffer(self.part(n_bytes), np.uint8) if n_bytes else np.empty(0, np.uint8)

    def planes(self, n_rows: int, bits: int) -> list[Bytes]:
        """Planes that hold so many bits a row, together."""
        return [self.plane(plane_length(each, n_rows)) for each in plane_bits(bits)]

    def bitmap(self) -> Bytes | None:
        """The part that tells which rows are valid, if there is one. A copy: it outlives the content."""
        if not self.head.has_bitmap:
            return None
        bitmap = self.plane((self.n_rows + 7) // 8).copy()
        bitmap.flags.writeable = False
        return bitmap

    def texts(self, kind: pa.DataType, count: int) -> pa.Array:
        """Texts, or binary values, that are stored as lengths and bytes; whether they are any is checked."""
        total = self.head.n_text_bytes
        wide = pa.types.is_large_string(kind)
        lengths = _unsigned(self.planes(count, 8 * self.head.length_bytes), count)
        # None is longer than all together, or their sum could go round 2 ** 64 and come out right.
        if int(lengths.max(initial=0)) > total or int(lengths.sum(dtype=np.uint64)) != total:
            raise XdfFormatError("the lengths of its texts do not add up")
        if total > len(self._content) - self._at or (total >= 2**31 and not wide):
            raise XdfFormatError("it is shorter than its head says")
        offsets = np.zeros(count + 1, np.int64 if wide else np.int32)
        np.cumsum(lengths, out=offsets[1:])
        texts = pa.Array.from_buffers(kind, count, [None, pa.py_buffer(offsets), self.part(total)], 0)
        try:
            texts.validate(full=True)
        except pa.ArrowException as error:
            raise XdfFormatError(f"its texts cannot be read: {error}") from error
        return texts


def text_parts(texts: pa.Array) -> tuple[Head, list[Part]]:
    """Texts without nulls as the parts that :meth:`Content.texts` reads, and the head that goes with them."""
    offsets = offsets_of(texts)
    lengths = np.diff(offsets)
    longest = int(lengths.max(initial=0))
    length_bytes = next(size for size in LENGTH_BYTES if longest < 1 << 8 * size)
    planes = split_bytes(lengths.astype(f"u{length_bytes}")) if length_bytes else []
    first, total = int(offsets[0]), int(offsets[-1] - offsets[0])
    held = np.frombuffer(texts.buffers()[2], np.uint8, total, first) if total else np.empty(0, np.uint8)
    return Head(False, 0, length_bytes, len(texts), total), [*(Part(plane, 8) for plane in planes), Part(held)]


def offsets_of(texts: pa.Array) -> npt.NDArray[Any]:
    """Where the texts of an array begin in its bytes, and where the last one ends."""
    dtype = np.dtype(np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    buffer = texts.buffers()[1]
    if buffer is None or len(texts) == 0:
        return np.zeros(1, dtype)
    return np.frombuffer(buffer, dtype, len(texts) + 1, texts.offset * dtype.itemsize)


def _unsigned(planes: list[Bytes], count: int) -> npt.NDArray[Any]:
    if not planes:
        return np.zeros(count, np.uint8)
    return join_bytes(planes, np.dtype(f"u{len(planes)}"))
