"""Whether a copy holds what the original holds: every value, to the bit where the copy's format can hold bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xdf.opened import OpenFile
from xdf.views import numbers_of

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a copy is not its original.

    Attributes
    ----------
    column : str or None
        None where it is about the whole.
    message : str
    """

    column: str | None
    message: str

    def __str__(self) -> str:
        return self.message if self.column is None else f"column {self.column!r}: {self.message}"


def compare_rows(original: OpenFile, copy: Iterable[pa.RecordBatch], *, exact: bool = True) -> list[Difference]:
    """Read both and list the first difference of each column.

    Parameters
    ----------
    original : OpenFile
    copy : iterable of pyarrow.RecordBatch
        The rows of the copy in order, in batches of any size, its columns by the names of the original.
    exact : bool
        Whether floats must agree to the bit, the payload of a NaN included; else a NaN is a NaN or missing.

    Notes
    -----
    Memory: a block of the original, and as many rows of the copy.
    """
    names = original.schema.names
    found: dict[str, Difference] = {}
    batches = iter(copy)
    waiting: list[pa.RecordBatch] = []
    start = 0
    for number, n_rows in enumerate(original.rows_per_block):
        waiting, rows = _take(waiting, batches, n_rows)
        n_found = sum(batch.num_rows for batch in rows)
        if n_found < n_rows:
            return [Difference(None, f"it has {start + n_found:,} rows; the original has {original.n_rows:,}")]
        block = original.read_block_arrow(number)
        for name in names:
            if name in found:
                continue
            place = _first_difference(block.column(name), [batch.column(name) for batch in rows], exact)
            if place is not None:
                found[name] = Difference(name, f"row {start + place + 1:,} differs")
        start += n_rows
    if any(batch.num_rows for batch in waiting) or any(batch.num_rows for batch in batches):
        return [Difference(None, f"it has more than the {original.n_rows:,} rows of the original")]
    return list(found.values())


def compare_schemas(original: OpenFile, copy: OpenFile) -> list[Difference]:
    """What differs between the columns of an original and those of its copy in the format of this package."""
    wanted, got = original.schema, copy.schema
    if wanted.names != got.names:
        return [
            Difference(None, f"its columns are {', '.join(got.names)}; those of the original {', '.join(wanted.names)}")
        ]
    found = []
    for one, other in zip(wanted, got, strict=True):
        for what in ("type", "levels", "ordered", "description", "value_codes", "value_labels"):
            if getattr(one, what) != getattr(other, what):
                found.append(Difference(one.name, f"its {what} differ"))
        # Where the original has no range, the copy has the one of the data.
        if one.low is not None and (one.low, one.high) != (other.low, other.high):
            found.append(
                Difference(
                    one.name, f"low and high are {other.low!r} and {other.high!r}, not {one.low!r} and {one.high!r}"
                )
            )
    return found


def _take(
    waiting: list[pa.RecordBatch], batches: Iterator[pa.RecordBatch], n_rows: int
) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
    """What is left of the batches, and the next rows."""
    taken: list[pa.RecordBatch] = []
    while n_rows > 0:
        batch = waiting.pop(0) if waiting else next(batches, None)
        if batch is None:
            break
        taken.append(batch.slice(0, n_rows))
        if batch.num_rows > n_rows:
            waiting.insert(0, batch.slice(n_rows))
        n_rows -= taken[-1].num_rows
    return waiting, taken


def _first_difference(original: pa.Array, parts: list[pa.Array], exact: bool) -> int | None:
    start = 0
    for part in parts:
        same = _same(original.slice(start, len(part)), part, exact)
        if not same.all():
            return start + int(np.argmin(same))
        start += len(part)
    return None


def _same(left: pa.Array, right: pa.Array, exact: bool) -> Mask:
    left, right = _plain(left), _plain(right)
    if right.type != left.type:
        right = right.cast(left.type)
    absent_left, absent_right = _absent(left, exact), _absent(right, exact)
    if pa.types.is_string(left.type):
        equal = _mask(pc.fill_null(pc.equal(left, right), False))
    else:
        # Bits, because a NaN does not equal itself, and -0.0 equals 0.0.
        bits = f"u{left.type.bit_width // 8}"
        equal = numbers_of(left).view(bits) == numbers_of(right).view(bits)
    both: Mask = np.where(absent_left | absent_right, absent_left == absent_right, equal)
    return both


def _plain(array: pa.Array) -> pa.Array:
    """Texts for factors, numbers of days for dates."""
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode().cast(pa.string())
    return array.view(pa.int32()) if pa.types.is_date32(array.type) else array


def _absent(array: pa.Array, exact: bool) -> Mask:
    absent = _mask(array.is_null())
    if pa.types.is_floating(array.type) and not exact:
        absent = absent | np.isnan(numbers_of(array))
    return absent


def _mask(array: pa.BooleanArray) -> Mask:
    return numbers_of(array.cast(pa.uint8())).view(np.bool_)
