"""Arrow tables as pandas frames. The one place of this package that touches pandas, when a frame is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from xdf.arrow import labels_by_column
from xdf.schema import Field

if TYPE_CHECKING:
    import pandas as pd

ATTRIBUTE = "xdf"
"""The key of ``DataFrame.attrs`` under which labels travel."""


def frame_of(table: pa.Table, fields: Sequence[Field]) -> pd.DataFrame:
    """A frame with the columns of the table, whose fields these are."""
    import pandas as pd

    data = {field.name: _series(table.column(position), field) for position, field in enumerate(fields)}
    frame = pd.DataFrame(data, index=pd.RangeIndex(table.num_rows), copy=False)
    labels = labels_by_column(fields)
    if labels:
        frame.attrs[ATTRIBUTE] = labels
    return frame


def _series(column: pa.ChunkedArray, field: Field) -> Any:
    import pandas as pd

    kind = column.type
    if field.is_factor:
        parts = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
        codes = np.concatenate(parts) if parts else np.empty(0, np.int32)
        # Every block of a file shares the file's levels, so that codes need no translation.
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(field.levels or ()), field.ordered))
    if column.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        missing = np.array(column.is_null().to_numpy())
        if pa.types.is_boolean(kind):
            return pd.arrays.BooleanArray(np.array(column.fill_null(False).to_numpy()), missing)
        return pd.arrays.IntegerArray(np.array(column.fill_null(0).to_numpy()), missing)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return np.array(column.to_numpy())
    return column.to_pandas(date_as_object=False).array
