"""Chunks as pandas frames for user functions, and their answers back as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.errors import DesignError, OptionError, SourceError
from rxcore.expressions import logical_array, with_levels
from rxcore.options import RxOptions
from rxcore.sources.convert import convert
from rxcore.sources.frame import FrameSource, is_frame
from xdf.columns import Column
from xdf.schema import Field

if TYPE_CHECKING:
    import pandas as pd

MISSING_INTEGER = -2147483648


def to_series(column: Column, field: Field) -> pd.Series[Any]:
    """A column as pandas shows it, writable.

    Factors are categorical. Missing integers are nullable, or -2147483648 where `RxOptions missingIntegers` says
    "sentinel"; missing truth values are nullable; missing decimals are NaN.
    """
    import pandas as pd

    array = logical_array(column, field, stable_codes=True)
    kind = array.type
    if field.is_factor:
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        categories = pd.CategoricalDtype(list(field.levels or ()), ordered=field.ordered)
        return pd.Series(pd.Categorical.from_codes(codes, dtype=categories))
    if array.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        missing = np.array(array.is_null().to_numpy(zero_copy_only=False))
        values = np.array(array.fill_null(False if pa.types.is_boolean(kind) else 0).to_numpy(zero_copy_only=False))
        if pa.types.is_boolean(kind):
            return pd.Series(pd.arrays.BooleanArray(values, missing))
        if RxOptions.get_option("missingIntegers") == "sentinel":
            return pd.Series(np.where(missing, MISSING_INTEGER, values.astype(np.int64)))
        return pd.Series(pd.arrays.IntegerArray(values, missing))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        # A copy, because Arrow's memory is read-only and user functions write into their chunk.
        return pd.Series(np.array(array.to_numpy(zero_copy_only=False)))
    # Times of day have no type of pandas' own, and as Python objects would not come back.
    mapper = pd.ArrowDtype if pa.types.is_time(kind) else None
    series: pd.Series[Any] = array.to_pandas(date_as_object=False, types_mapper=mapper)
    return series


def to_frame(columns: Mapping[str, Column], fields: Sequence[Field], n_rows: int) -> pd.DataFrame:
    """These columns as a frame with a plain index."""
    import pandas as pd

    return pd.DataFrame({field.name: to_series(columns[field.name], field) for field in fields}, index=range(n_rows))


def answer_frame(answer: Any, what: str) -> pd.DataFrame:
    """What a transform function returned, as a frame.

    Raises
    ------
    OptionError
        When it is neither a frame nor a dict of columns of one length.
    """
    import pandas as pd

    if is_frame(answer):
        return answer  # type: ignore[no-any-return]
    if isinstance(answer, Mapping):
        lengths = {name: len(values) for name, values in answer.items() if hasattr(values, "__len__")}
        if len(set(lengths.values())) > 1:
            raise OptionError(f"{what} returned columns of different lengths: {lengths}")
        return pd.DataFrame({name: _without_index(values) for name, values in answer.items()})
    hint = "; did it forget to return the chunk?" if answer is None else ""
    raise OptionError(f"{what} must return a DataFrame or a dict of columns; got {type(answer).__name__}{hint}")


def answer_column(answer: Any, name: str, n_rows: int, what: str) -> pd.DataFrame:
    """What a callable of ``transforms`` returned, as a frame of one column; one value stands for every row.

    Raises
    ------
    OptionError
        When its length is not that of the chunk.
    """
    import pandas as pd

    if isinstance(answer, (str, bytes)) or not hasattr(answer, "__len__"):
        return pd.DataFrame({name: [answer] * n_rows})
    if len(answer) != n_rows:
        raise OptionError(f"{what} returned {len(answer)} values for a chunk of {n_rows} rows; return one for each row")
    return pd.DataFrame({name: _without_index(answer)})


def _without_index(values: Any) -> Any:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.to_pandas()
    return values.reset_index(drop=True) if hasattr(values, "reset_index") else values


@dataclass(frozen=True, eq=False)
class AnswerReader:
    """Turns the frames that one user function returns into columns of fixed types.

    Attributes
    ----------
    fields : tuple of Field
        What the trial chunk showed.
    what : str
        How errors name the function.
    """

    fields: tuple[Field, ...]
    what: str

    @classmethod
    def learn(cls, frame: pd.DataFrame, before: Mapping[str, Field], what: str) -> AnswerReader:
        """Take the types from the answer to the trial chunk.

        A column that was handed over keeps its type where the answer fits it, and its description; its low and high are
        forgotten, because the function may have changed the values.
        """
        found = []
        for field in FrameSource(frame, max(1, len(frame)), what).schema:
            old = before.get(field.name)
            found.append(field if old is None else _kept(old, field, frame, what))
        return cls(tuple(found), what)

    def columns(self, frame: pd.DataFrame, label: str) -> dict[str, Column]:
        """The columns of one answer.

        Raises
        ------
        DesignError
            When columns are missing or new, or a factor has a level that the trial chunk did not show.
        SourceError
            When values do not fit the type that the trial chunk showed.
        """
        names = {str(name) for name in frame.columns}
        expected = {field.name for field in self.fields}
        if names != expected:
            raise DesignError(
                f"{self.what} must return the same columns for every chunk: {label} has "
                f"{_difference(names - expected, 'also')}{_difference(expected - names, 'not')}"
                f"the trial chunk had {', '.join(sorted(expected))}"
            )
        batch = _batch(frame, self.what)
        found = {}
        for field in self.fields:
            array = batch.column(field.name)
            found[field.name] = Column.from_arrow(self._fitted(array, field, label))
        return found

    def _fitted(self, array: pa.Array, field: Field, label: str) -> pa.Array:
        if field.levels is None:
            return convert(array, field.type, f"{self.what}, {label}, column {field.name!r}, typed by the trial chunk")
        if not pa.types.is_dictionary(array.type):
            array = array.cast(pa.string()).dictionary_encode()
        levels = pa.array(field.levels, pa.string())
        if array.dictionary.equals(levels):
            return array
        fitted = with_levels(array, levels)
        if fitted.null_count > array.null_count:
            used = pc.unique(array.indices.drop_null())
            new = [level for level in array.dictionary.take(used).to_pylist() if level not in field.levels]
            raise DesignError(
                f"{self.what}: factor {field.name!r} has level {new[0]!r} in {label}, "
                "which the trial chunk did not have. Give every chunk the same categories: "
                "pandas.Categorical(values, categories=[...])"
            )
        return fitted


def _difference(names: set[str], word: str) -> str:
    return f"{word} {', '.join(sorted(names))}; " if names else ""


def _batch(frame: pd.DataFrame, what: str) -> pa.RecordBatch:
    source = FrameSource(frame, max(1, len(frame)), what)
    for partition in source.partitions(source.schema.names):
        return next(iter(partition.batches()))
    empty = [pa.array([], field.type) for field in source.schema]
    return pa.RecordBatch.from_arrays(empty, names=list(source.schema.names))


def _kept(old: Field, new: Field, frame: pd.DataFrame, what: str) -> Field:
    """The old type where the answer fits it, else the new one."""
    if old.is_factor or new.is_factor:
        same = old.is_factor and new.is_factor and old.levels == new.levels
        return old if same else new.with_(description=old.description)
    if old.type != new.type:
        try:
            array = _batch(frame[[name for name in frame.columns if str(name) == new.name]], what).column(0)
            fits = _same_sort(old.type, new.type) and convert(array, old.type, what).null_count == array.null_count
        except SourceError:
            fits = False
        if not fits:
            return new.with_(description=old.description)
    return old.with_(low=None, high=None)


def _same_sort(old: pa.DataType, new: pa.DataType) -> bool:
    """Whether pandas alone may have changed the type: integers of another width, dates as timestamps."""
    if pa.types.is_temporal(old):
        return bool(pa.types.is_temporal(new))
    return bool(pa.types.is_integer(old) and pa.types.is_integer(new))
