"""A column of one block as it lies in memory: narrow, read-only, ready for kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xdf.errors import XdfSchemaError
from xdf.schema import Field

Values = npt.NDArray[np.generic]
Bitmap = npt.NDArray[np.uint8]
ScalarT = TypeVar("ScalarT", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of one block.

    Attributes
    ----------
    values : numpy.ndarray, 1-D, contiguous
        Numbers in their narrow physical type: (u)int8-64, float32 or float64. A boolean is uint8 0/1, a date or time
        its integer count, a factor its codes. Under a missing row the number is arbitrary.
    base : int
        Added to an integer value to get the logical one.
    validity : numpy.ndarray of uint8, or None
        Arrow's bitmap (least significant bit first, 1 = valid); None when no row is missing by bitmap. NaN
        is missing too.
    validity_offset : int
        The bit that belongs to row 0.
    levels : pyarrow.StringArray, or None
        Factor levels that the codes index. A code outside them is missing. The same object for every block that shares
        them, so that a mapping made for it can be kept.
    other : pyarrow.Array, or None
        The whole column where kernels do not read it: strings, binary, decimals. ``values`` is then empty.
    """

    values: Values
    base: int = 0
    validity: Bitmap | None = None
    validity_offset: int = 0
    levels: pa.StringArray | None = None
    other: pa.Array | None = None

    @property
    def nbytes(self) -> int:
        """Bytes this column holds in memory."""
        held = self.values.nbytes + (0 if self.validity is None else self.validity.nbytes)
        return held if self.other is None else held + int(self.other.nbytes)

    def __len__(self) -> int:
        return len(self.values) if self.other is None else len(self.other)

    @classmethod
    def from_arrow(cls, array: pa.Array) -> Column:
        """View an Arrow array without copying where its layout allows (booleans and decimals are converted)."""
        kind = array.type
        if pa.types.is_dictionary(kind):
            return cls._from_dictionary(array)
        if pa.types.is_boolean(kind):
            array = array.cast(pa.uint8())
        elif pa.types.is_decimal(kind):
            array = array.cast(pa.float64())
        elif pa.types.is_float16(kind):
            array = array.cast(pa.float32())
        elif pa.types.is_null(kind):
            array = array.cast(pa.float64())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind)):
            return cls(np.empty(0, np.uint8), other=array)
        elif pa.types.is_interval(kind):
            raise XdfSchemaError(f"type {kind} is not supported: interval columns have no single length")
        validity, offset = _validity(array)
        return cls(_values(array), validity=validity, validity_offset=offset)

    @classmethod
    def _from_dictionary(cls, array: pa.DictionaryArray) -> Column:
        levels = array.dictionary
        if not pa.types.is_string(levels.type):
            levels = levels.cast(pa.string())
        codes = array.indices
        validity, offset = _validity(codes)
        return cls(_values(codes), validity=validity, validity_offset=offset, levels=levels)

    def as_factor(self) -> Column:
        """Strings as codes into their distinct values by first appearance; a factor is returned as it is."""
        if self.levels is not None:
            return self
        if self.other is None:
            raise XdfSchemaError("only a string or factor column has levels")
        return Column.from_arrow(pc.dictionary_encode(self.other.cast(pa.string())))

    def to_arrow(self, field: Field) -> pa.Array:
        """The column in its logical type, missing rows null."""
        if self.other is not None:
            return self.other if self.other.type == field.type else self.other.cast(field.type)
        n_rows = len(self.values)
        validity = None if self.validity is None else pa.py_buffer(self.validity)
        if self.levels is not None:
            factor = pa.DictionaryArray.from_arrays(self._codes(len(self.levels)), self.levels, safe=False)
            # A string column may come as codes into the levels of its block; its logical type stays string.
            return factor if field.is_factor else factor.dictionary_decode().cast(field.type)
        values = self.values
        if pa.types.is_boolean(field.type) and not self.base:
            bits = np.packbits(values != 0, bitorder="little")
            validity = _aligned(validity, self.validity_offset, n_rows)
            return pa.Array.from_buffers(field.type, n_rows, [validity, pa.py_buffer(bits)])
        storage = _storage_type(field.type)
        if storage is not None and values.dtype != storage:
            wide = widened(values, storage)
            values = np.add(wide, np.array(self.base).astype(storage), out=wide) if self.base else wide
        elif self.base:
            values = np.add(values, values.dtype.type(self.base))
        physical = pa.from_numpy_dtype(values.dtype)
        array = pa.Array.from_buffers(physical, n_rows, *_buffers(validity, values, self.validity_offset))
        if array.type == field.type:
            return array
        if pa.types.is_temporal(field.type):
            return array.view(field.type)
        return array.cast(field.type)

    def _codes(self, n_levels: int) -> pa.Array:
        """Codes as int32, null where they are missing or lie outside the levels."""
        values, n_rows, offset = self.values, len(self.values), self.validity_offset
        validity = None if self.validity is None else pa.py_buffer(self.validity)
        if n_rows and not (values.min() >= 0 and values.max() < n_levels):
            inside = (values >= 0) & (values < n_levels)  # type: ignore[operator]
            if self.validity is not None:
                inside &= np.unpackbits(self.validity, bitorder="little", count=offset + n_rows)[offset:].view(np.bool_)
            validity, offset = pa.py_buffer(np.packbits(inside, bitorder="little")), 0
        codes = widened(values, np.dtype(np.int32))
        return pa.Array.from_buffers(pa.int32(), n_rows, *_buffers(validity, codes, offset))


def _buffers(validity: pa.Buffer | None, values: Values, offset: int) -> tuple[list[pa.Buffer | None], int, int]:
    """Arguments of ``Array.from_buffers`` after the type and length: buffers, null count, offset.

    Arrow has one offset for both buffers, so a shifted bitmap is realigned instead.
    """
    return [_aligned(validity, offset, len(values)), pa.py_buffer(np.ascontiguousarray(values))], -1, 0


def _aligned(validity: pa.Buffer | None, offset: int, n_rows: int) -> pa.Buffer | None:
    """The bitmap with the bit of row 0 first."""
    if validity is None or not offset:
        return validity
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[offset : offset + n_rows]
    return pa.py_buffer(np.packbits(bits, bitorder="little"))


def widened(values: Values, storage: np.dtype[Any]) -> npt.NDArray[Any]:
    """The numbers in another type, in memory of Arrow's pool.

    The pool keeps the pages of earlier columns; fresh ones cost more than the conversion.
    """
    found: npt.NDArray[Any] = np.frombuffer(pa.allocate_buffer(len(values) * storage.itemsize), storage, len(values))
    np.copyto(found, values, casting="unsafe")
    return found


def _storage_type(kind: pa.DataType) -> np.dtype[np.generic] | None:
    if pa.types.is_temporal(kind):
        return np.dtype(np.int32 if kind.bit_width == 32 else np.int64)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        storage: np.dtype[np.generic] = np.dtype(kind.to_pandas_dtype())
        return storage
    return None


def _values(array: pa.Array) -> Values:
    """The numbers of a primitive array, without copying."""
    kind = array.type
    if pa.types.is_temporal(kind):
        kind = pa.int32() if kind.bit_width == 32 else pa.int64()
    dtype = np.dtype(kind.to_pandas_dtype())
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return _read_only(np.zeros(len(array), dtype))
    start = array.offset * dtype.itemsize
    return _read_only(np.frombuffer(buffer, dtype, len(array), start))


def _validity(array: pa.Array) -> tuple[Bitmap | None, int]:
    buffer = array.buffers()[0]
    if buffer is None or array.null_count == 0:
        return None, 0
    first = array.offset // 8
    last = (array.offset + len(array) + 7) // 8
    return _read_only(np.frombuffer(buffer, np.uint8, last - first, first)), array.offset % 8


def _read_only(array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
    """Arrow says that some buffers are mutable, a caller's own NumPy memory among them; blocks never are."""
    array.flags.writeable = False
    return array
