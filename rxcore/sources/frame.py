"""pandas frames: converted block by block, column by column, so that the frame is never copied whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rxcore.blocks import Block
from rxcore.errors import SourceError
from rxcore.sources.arrow import TablePartition, estimate_nbytes, needed
from rxcore.sources.arrow_types import block_of, labels_of, plain_array, plain_type, shared_levels
from xdf.arrow import with_labels
from xdf.errors import XdfSchemaError
from xdf.pandas_frame import ATTRIBUTE as LABELS
from xdf.schema import FACTOR_TYPE, Field, Schema, factor_field

if TYPE_CHECKING:
    import pandas as pd

_OBJECT_KINDS = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "floating": pa.float64(),
    "mixed-integer-float": pa.float64(),
    "decimal": pa.float64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "datetime64": pa.timestamp("us"),
    "empty": pa.float64(),
}


def is_frame(data: object) -> bool:
    """Whether it is a pandas DataFrame, without importing pandas."""
    kinds = type(data).__mro__
    return any(kind.__module__.split(".")[0] == "pandas" and kind.__name__ == "DataFrame" for kind in kinds)


@dataclass(frozen=True)
class FramePartition:
    """One block of a pandas frame. Pickles with its own rows only."""

    frame: pd.DataFrame
    schema: Schema
    columns: tuple[str, ...]
    positions: tuple[int, ...]
    first_block: int
    start_row: int
    n_rows: int | None
    levels: dict[str, pa.StringArray]
    file: int = 0
    n_blocks: int | None = 1

    def _batch(self) -> pa.RecordBatch:
        stop = self.start_row + (self.n_rows or 0)
        arrays = [
            _array(self.frame.iloc[self.start_row : stop, position], self.schema.field(name))
            for name, position in zip(self.columns, self.positions, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=list(self.columns))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The block as a plain record batch."""
        yield self._batch()

    def blocks(self) -> Iterator[Block]:
        """The blocks, in order."""
        yield block_of(self._batch(), self.start_row, self.levels)

    def __reduce__(self) -> tuple[Any, ...]:
        rows = pa.Table.from_batches([self._batch()])
        return TablePartition(self.file, self.first_block, rows, self.start_row, self.levels).__reduce__()


class FrameSource:
    """A pandas frame, cut every ``rows_per_block`` rows. The index is not read.

    Categorical columns are factors with their categories as levels; object columns are typed by what they hold;
    nullable and arrow-backed columns keep their missing values. Column names that are not strings are read as
    ``str(name)``. Descriptions, declared low and high, and value labels are taken from ``frame.attrs["xdf"]``.

    Raises
    ------
    SourceError
        When two columns share a name, or a column mixes types.
    """

    rereadable = True
    open_factors: frozenset[str] = frozenset()

    def __init__(self, frame: pd.DataFrame, rows_per_block: int, label: str = "Data: frame") -> None:
        self.label = label
        self.rows_per_block = rows_per_block
        self._frame = frame
        names = [str(name) for name in frame.columns]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SourceError(f"{label}: two columns are called {twice!r}; names must differ: rename one of them")
        fields = [_field(name, frame.iloc[:, i], label) for i, name in enumerate(names)]
        self.schema = Schema(tuple(_labelled(field, frame, label) for field in fields))

    @property
    def n_rows(self) -> int | None:
        """Rows, where known without reading."""
        return len(self._frame)

    @property
    def n_blocks(self) -> int | None:
        """Blocks, where known without reading."""
        return -(-len(self._frame) // self.rows_per_block)

    def partitions(self, columns: Sequence[str]) -> Sequence[FramePartition]:
        """Handles that cover all rows once, for these columns."""
        wanted = needed(self.schema, columns, self.label)
        levels = shared_levels(self.schema, wanted)
        positions = tuple(self.schema.names.index(name) for name in wanted)
        total = len(self._frame)
        return [
            FramePartition(
                self._frame, self.schema, wanted, positions, start // self.rows_per_block, start,
                min(self.rows_per_block, total - start), levels,
            )
            for start in range(0, total, self.rows_per_block)
        ]  # fmt: skip

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes while it is read."""
        return estimate_nbytes(self.schema, columns, min(self.rows_per_block, len(self._frame)))


def _field(name: str, series: pd.Series[Any], label: str) -> Field:
    if not name:
        raise SourceError(f"{label}: a column has an empty name; rename it")
    dtype = series.dtype
    if hasattr(dtype, "categories") and hasattr(dtype, "ordered"):
        levels = labels_of(pa.array(dtype.categories)).to_pylist()
        return factor_field(name, levels, ordered=bool(dtype.ordered))
    if _is_object(dtype):
        return Field(name, _object_type(name, series, label))
    try:
        # Two rows say as much about the type as all of them.
        kind = pa.array(series.iloc[:2], from_pandas=True).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise SourceError(
            f"{label}: column {name!r} of type {dtype} cannot be read ({error}); convert it with .astype() first"
        ) from error
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return Field(name, plain_type(kind))


def _labelled(field: Field, frame: pd.DataFrame, label: str) -> Field:
    """The column with the labels that travel with a frame, if it has any."""
    labels = frame.attrs.get(LABELS)
    mine = labels.get(field.name) if isinstance(labels, Mapping) else None
    if not isinstance(mine, Mapping):
        return field
    try:
        return with_labels(field, mine, label)
    except XdfSchemaError as error:
        raise SourceError(f"{error}. Correct or remove frame.attrs[{LABELS!r}]") from error


def _is_object(dtype: object) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _object_type(name: str, series: pd.Series[Any], label: str) -> pa.DataType:
    from pandas.api.types import infer_dtype

    found = infer_dtype(series, skipna=True)
    if found not in _OBJECT_KINDS:
        raise SourceError(
            f"{label}: column {name!r} holds {found} values of Python objects, which have no one type; "
            f"convert it first, for example frame[{name!r}].astype(str)"
        )
    return _OBJECT_KINDS[found]


def _array(series: pd.Series[Any], field: Field) -> pa.Array:
    """One column of one block in its field's type; numpy floats and integers without a copy."""
    if field.levels is not None:
        codes = np.asarray(series.cat.codes)
        levels = pa.array(field.levels, pa.string())
        indices = pa.array(codes, pa.int32(), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(indices, levels)
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        # NaN needs no bitmap: it is missing as it stands.
        return plain_array(pa.array(series.to_numpy(), from_pandas=False))
    if _is_object(dtype):
        if pa.types.is_floating(field.type) and len(series) and series.isna().all():
            return pa.nulls(len(series), field.type)
        return _from_objects(series, field.type)
    array = pa.array(series, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = plain_array(array)
    return array if array.type == field.type or field.type == FACTOR_TYPE else array.cast(field.type)


def _from_objects(series: pd.Series[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(series, kind, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Decimals and mixed integers and floats go through Python floats.
        values = [None if value is None or value != value else float(value) for value in series]
        return pa.array(values, kind)
