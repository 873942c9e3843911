"""Arrow columns as a pandas frame, the way results hand data to users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.options import RxOptions
from xdf.schema import FACTOR_TYPE, Field, Schema

if TYPE_CHECKING:
    import pandas as pd

MISSING_INTEGER = -2147483648


def frame_of(
    batches: Iterable[pa.RecordBatch],
    schema: Schema,
    open_factors: Iterable[str] = (),
    *,
    start: int = 0,
    label_column: str | None = None,
) -> pd.DataFrame:
    """Record batches as one frame.

    Factors are categorical with their levels in order (open factors: levels in order of first appearance). Integers and
    truth values with missing rows are nullable, or -2147483648 where RxOptions ``missingIntegers`` is ``sentinel``.
    Memory: the rows twice while they are converted, column by column.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        With the columns of ``schema``; a string column may come as a dictionary.
    schema : Schema
    open_factors : iterable of str
        String columns to return as categorical.
    start : int, default 0
        Number of the first row in the index.
    label_column : str, optional
        Column to use as the index instead of row numbers.
    """
    import pandas as pd

    columns: list[list[pa.Array]] = [[] for _ in schema]
    wanted = set(open_factors)
    n_rows = 0
    for batch in batches:
        n_rows += batch.num_rows
        for position, field in enumerate(schema):
            columns[position].append(_aligned(batch.column(field.name), field, field.name in wanted))
    data = {}
    for position, field in enumerate(schema):
        data[field.name] = _series(columns[position], field, field.name in wanted)
        columns[position] = []  # the Arrow copy of a column goes as soon as pandas has its own
    frame = pd.DataFrame(data, index=pd.RangeIndex(start, start + n_rows), copy=False)
    return frame if label_column is None else frame.set_index(label_column)


def _aligned(array: pa.Array, field: Field, is_open: bool) -> pa.Array:
    """The array in the one type that all batches of this column share."""
    if field.is_factor or is_open:
        return array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if array.type == field.type else array.cast(field.type)


def _series(chunks: Sequence[pa.Array], field: Field, is_open: bool) -> Any:
    import pandas as pd

    if field.is_factor or is_open:
        known = pa.array(field.levels or (), pa.string())
        first = pa.DictionaryArray.from_arrays(pa.nulls(0, pa.int32()), known)
        # The declared levels come first; concatenation unifies by value and appends the others.
        joined = pa.concat_arrays([first, *(chunk.cast(FACTOR_TYPE) for chunk in chunks)])
        codes = joined.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        categories = pd.CategoricalDtype(joined.dictionary.to_pylist(), ordered=field.ordered)
        return pd.Categorical.from_codes(codes, dtype=categories)
    values = pa.chunked_array(chunks, field.type)
    kind = values.type
    if values.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return _with_missing(values)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return np.array(values.to_numpy())
    return values.to_pandas(date_as_object=False).array


def _with_missing(values: pa.ChunkedArray) -> Any:
    """Integers or truth values of which some are missing."""
    import pandas as pd

    missing = np.array(values.is_null().to_numpy())
    is_truth = pa.types.is_boolean(values.type)
    filled = np.array(values.fill_null(False if is_truth else 0).to_numpy())
    if is_truth:
        return pd.arrays.BooleanArray(filled, missing)
    if RxOptions.get_option("missingIntegers") != "sentinel":
        return pd.arrays.IntegerArray(filled, missing)
    widened = np.where(missing, MISSING_INTEGER, filled.astype(np.int64))
    limits = np.iinfo(np.int32)
    fits = len(widened) == 0 or (widened.min() >= limits.min and widened.max() <= limits.max)
    return widened.astype(np.int32) if fits else widened
