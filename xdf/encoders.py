"""Choosing an encoding for a column from its data, and making the bytes of its chunk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xdf.codecs import Effort, Frame, encode_frame
from xdf.contents import Head, Part, pack_content, text_parts
from xdf.distinct import expected_distinct, find_distinct
from xdf.format import MAX_EXPANSION, Encoding
from xdf.planes import MAX_VALUES, code_bits, code_type, plane_bits, split_bytes, split_codes
from xdf.trials import Sample, estimate, sample_part, sample_rows
from xdf.views import array_of, numbers_of

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

# Up to so many rows both a dictionary and planes are made in full, and the smaller is kept; above, a sample of half as
# many decides.
_FEW_ROWS = 16_384
# A single plane is the column itself, which is read faster than codes; it may cost a little more space.
_ONE_PLANE_MAY_COST = 1.03
# Fewer texts than these are not worth the look at how often they repeat, which takes several calls of Arrow.
_FEW_TEXTS = 256
_TEXT_SAMPLE = 2048


@dataclass(frozen=True, slots=True)
class Encoded:
    """A chunk's bytes, ready for the file, and how to read them."""

    encoding: Encoding
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """One way to store a column. ``decoded_bytes``: memory it takes decoded, where the content is not that already."""

    encoding: Encoding
    head: Head
    parts: Sequence[Part]
    decoded_bytes: int = 0


def encode_numbers(values: Values, valid: Mask | None, direct: pa.DataType, level: int) -> Encoded:
    """Encode numbers in whichever way is smallest.

    Parameters
    ----------
    values : numpy.ndarray
        One per row, in their physical type, decimals as 16 bytes each; under a missing row any value that occurs.
    valid : numpy.ndarray of bool, optional
        Rows that are there; all by default.
    direct : pyarrow.DataType
        The physical type in Arrow.
    level : int
        -1 .. 9; at 0 numbers are stored as they are.
    """
    if level == 0:
        return _directly(_arrow_array(values, valid, direct), level, Effort.MATCHES)
    n_bytes = values.nbytes
    if n_bytes == 0 or (valid is not None and not valid.any()):
        return _encode(_Candidate(Encoding.DICTIONARY, Head(False), (), n_bytes), level)
    bitmap = () if valid is None else (Part(np.packbits(valid, bitorder="little"), 1),)
    if _is_constant(values):
        one = Part(values[:1].view(np.uint8))
        return _encode(_Candidate(Encoding.DICTIONARY, Head(bool(bitmap), n_values=1), (*bitmap, one), n_bytes), level)
    coded = _coded_numbers(values, bitmap)
    encoding, effort = None, Effort.MATCHES
    if len(values) > _FEW_ROWS:
        encoding, effort = _best(values, bitmap, coded, level)
    if encoding is Encoding.DIRECT:
        return _directly(_arrow_array(values, valid, direct), level, effort)
    ways = []
    if encoding is not Encoding.DICTIONARY:
        parts = (*bitmap, *(Part(plane, 8) for plane in split_bytes(values)))
        ways.append(_encode(_Candidate(Encoding.PLANES, Head(bool(bitmap)), parts), level, effort))
    if coded is not None and encoding is not Encoding.PLANES:
        ways.append(_encode(coded, level, effort))
    return min(ways, key=lambda way: len(way.frame.data))


def _coded_numbers(values: Values, bitmap: tuple[Part, ...]) -> _Candidate | None:
    found = find_distinct(values)
    if found is None:
        return None
    planes = zip(split_codes(found.codes, found.bits), plane_bits(found.bits), strict=True)
    parts = (*bitmap, Part(found.values.view(np.uint8)), *(Part(plane, bits) for plane, bits in planes))
    return _Candidate(Encoding.DICTIONARY, Head(bool(bitmap), found.bits, 0, len(found.values)), parts, values.nbytes)


def _best(values: Values, bitmap: tuple[Part, ...], coded: _Candidate | None, level: int) -> tuple[Encoding, Effort]:
    """The smallest way by a sample."""
    n_rows = len(values)
    rows = sample_rows(values)
    share = len(rows) / n_rows
    missing = [sample_part(part, n_rows) for part in bitmap]
    tried = {Encoding.PLANES: estimate([*missing, *(Sample(plane, share) for plane in split_bytes(rows))], level)}
    if values.itemsize > 1:
        # Whole numbers only pay where neighbours repeat.
        whole = Sample(rows.view(np.uint8), share)
        tried[Encoding.DIRECT] = estimate([*missing, whole], level, [Effort.MATCHES])
    if coded is not None:
        tried[Encoding.DICTIONARY] = estimate((sample_part(part, n_rows) for part in coded.parts), level)
    costs = {encoding: tried[encoding].cost for encoding in tried}
    if values.itemsize == 1:
        costs[Encoding.PLANES] /= _ONE_PLANE_MAY_COST
    best = min(costs, key=lambda encoding: costs[encoding])
    return best, tried[best].effort


def encode_texts(texts: pa.Array, level: int) -> Encoded:
    """Encode strings or binary values: by a dictionary of the block where they repeat, else as lengths and bytes.

    Parameters
    ----------
    texts : pyarrow.Array
        string, large_string or binary.
    level : int
        -1 .. 9; at 0 they are stored as they are.
    """
    if level == 0:
        return _directly(texts, level, Effort.MATCHES)
    n_rows, n_missing = len(texts), texts.null_count
    if n_missing == n_rows:
        return _encode(_Candidate(Encoding.DICTIONARY, Head(False), (), _decoded_bytes(texts)), level)
    bitmap: tuple[Part, ...] = ()
    if n_missing:
        valid = numbers_of(texts.is_valid().cast(pa.uint8()))
        bitmap = (Part(np.packbits(valid, bitorder="little"), 1),)
    coded = _coded_texts(texts, bitmap) if n_rows >= _FEW_TEXTS and _repeats(texts) else None
    if n_missing:
        texts = texts.fill_null(b"" if pa.types.is_binary(texts.type) else "")
    head, parts = text_parts(texts)
    plain = _Candidate(Encoding.TEXTS, head._replace(has_bitmap=bool(bitmap), n_values=0), (*bitmap, *parts))
    if coded is None:
        return _encode(plain, level)
    if n_rows <= _FEW_ROWS:
        return min(_encode(coded, level), _encode(plain, level), key=lambda way: len(way.frame.data))
    of_coded, of_plain = (
        estimate((sample_part(part, n_rows) for part in candidate.parts), level) for candidate in (coded, plain)
    )
    if of_coded.cost <= of_plain.cost:
        return _encode(coded, level, of_coded.effort)
    return _encode(plain, level, of_plain.effort)


def _repeats(texts: pa.Array) -> bool:
    """Whether a sample lets expect each text twice. Of few texts none is taken: coding them takes no longer."""
    step = len(texts) // _TEXT_SAMPLE
    if step <= 1:
        return True
    sample = texts.take(array_of(np.arange(0, len(texts), step)))
    return expected_distinct(len(sample.unique()), len(sample)) <= len(texts) // 2


def _coded_texts(texts: pa.Array, bitmap: tuple[Part, ...]) -> _Candidate | None:
    encoded = pc.dictionary_encode(texts)
    n_values = len(encoded.dictionary)
    if n_values > min(MAX_VALUES, len(texts) // 2 + 1):
        return None
    indices = encoded.indices.fill_null(0) if encoded.indices.null_count else encoded.indices
    bits = code_bits(n_values)
    codes = numbers_of(indices).astype(code_type(bits))
    planes = zip(split_codes(codes, bits), plane_bits(bits), strict=True)
    head, parts = text_parts(encoded.dictionary)
    of_dictionary = (Part(part.data) for part in parts)
    together = (*bitmap, *of_dictionary, *(Part(plane, each) for plane, each in planes))
    return _Candidate(
        Encoding.DICTIONARY, head._replace(has_bitmap=bool(bitmap), bits=bits), together, _decoded_bytes(texts)
    )


def _decoded_bytes(texts: pa.Array) -> int:
    """Memory that texts take when they are decoded."""
    total = pc.sum(pc.binary_length(texts)).as_py() or 0
    return int(total) + len(texts) * (8 if pa.types.is_large_string(texts.type) else 4)


def _directly(array: pa.Array, level: int, effort: Effort) -> Encoded:
    message = pa.record_batch([array], names=[""]).serialize()
    return Encoded(Encoding.DIRECT, encode_frame(message, level, effort))


def _encode(candidate: _Candidate, level: int, effort: Effort = Effort.MATCHES) -> Encoded:
    """Compress, with padding where a chunk would be less than a certain part of what it decodes to."""
    content = pack_content(candidate.head, candidate.parts)
    frame = encode_frame(content, level, effort)
    lacking = -(-candidate.decoded_bytes // MAX_EXPANSION) - len(frame.data)
    if lacking > 0:
        frame = encode_frame(content + hashlib.shake_128().digest(lacking), level, effort)
    return Encoded(candidate.encoding, frame)


def _is_constant(values: Values) -> bool:
    if values.dtype.kind == "V":
        halves = values.view(np.int64).reshape(-1, 2)
        return bool((halves == halves[0]).all())
    bits = values.view(f"u{values.itemsize}")
    return bool(bits[0] == bits[-1] and bits[0] == bits[len(bits) // 2] and (bits == bits[0]).all())


def _arrow_array(values: Values, valid: Mask | None, kind: pa.DataType) -> pa.Array:
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    n_missing = 0 if valid is None else len(valid) - int(np.count_nonzero(valid))
    data = pa.py_buffer(np.ascontiguousarray(values).view(np.uint8))
    return pa.Array.from_buffers(kind, len(values), [bitmap, data], n_missing)
