"""Between numpy and Arrow without copying, and without pandas.

``pyarrow.array`` and ``Array.to_numpy`` import pandas where it is installed, which takes longer than reading most
files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def numbers_of(array: pa.Array) -> npt.NDArray[Any]:
    """The numbers of an array of integers or floats; under a null they are arbitrary."""
    dtype = np.dtype(array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype, len(array), array.offset * dtype.itemsize)


def array_of(numbers: npt.NDArray[Any]) -> pa.Array:
    """An array without nulls over the memory of contiguous numbers."""
    kind = pa.from_numpy_dtype(numbers.dtype)
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))], 0)


def texts_of(texts: Sequence[str | None]) -> pa.StringArray:
    """Texts as an array; None is null."""
    content = [b"" if text is None else text.encode() for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(piece) for piece in content], out=offsets[1:])
    is_there = np.array([text is not None for text in texts], np.bool_)
    validity = None if is_there.all() else pa.py_buffer(np.packbits(is_there, bitorder="little"))
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(b"".join(content))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def column_of(table: pa.Table, name: str) -> npt.NDArray[Any]:
    """The numbers of a column of a table whose columns are of one chunk each."""
    column = table.column(name)
    if column.num_chunks == 0:
        return np.empty(0, column.type.to_pandas_dtype())
    return numbers_of(column.chunk(0))
