"""Variables: how one column of a block becomes one row of numbers in a kernel's tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.blocks import Block
from rxcore.errors import DesignError
from rxcore.expressions import Expression, logical_array
from rxcore.kernels import tiles
from xdf.columns import Column
from xdf.schema import Field

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Variable:
    """One row of a tile.

    Attributes
    ----------
    label : str
        How coefficient names call it.
    column : str or None
        The column it reads; None when it is computed by ``expression``.
    expression : Expression or None
    levels : tuple of str
        Level labels of a factor or of integer bins; empty for a number.
    bins : (low, high, exclude) or None
        Integer bins of a number; a value outside is missing when ``exclude``, otherwise in one more bin.
    presence : bool
        Only whether there is a value matters: text, or a factor of any number of levels, is then a constant number.
    """

    label: str
    column: str | None = None
    expression: Expression | None = None
    levels: tuple[str, ...] = ()
    bins: tuple[int, int, bool] | None = None
    presence: bool = False

    @property
    def is_factor(self) -> bool:
        """Whether it places rows in cells; otherwise it is a number."""
        return bool(self.levels)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        if self.column is not None:
            return (self.column,)
        return () if self.expression is None else self.expression.columns


@dataclass(frozen=True, slots=True)
class BoundBlock:
    """The arguments by which kernels read one block. Holds the arrays that the addresses point to."""

    columns: Ints
    variables: Ints
    lookup: Floats
    n_rows: int
    held: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class VariableSet:
    """The variables of one analysis, and the fields of the columns that expressions read."""

    variables: tuple[Variable, ...]
    fields: Mapping[str, Field] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column read, first use first."""
        return tuple(dict.fromkeys(name for variable in self.variables for name in variable.columns))

    def bind(self, block: Block) -> BoundBlock:
        """Look up this block's arrays. Costs microseconds for each column, and nothing for each row.

        Computed variables and strings are the exception: they are evaluated here, for the whole block.
        """
        held: list[Column] = []
        rows: list[tuple[int, int, int, int, int]] = []
        lookups: list[Floats] = []
        length = 0
        for variable in self.variables:
            column = self._column(variable, block)
            held.append(column)
            if variable.bins is not None:
                low, high, exclude = variable.bins
                rows.append((len(rows), tiles.BIN, low, high, int(exclude)))
            elif variable.is_factor:
                table = _lookup(column, variable)
                rows.append((len(rows), tiles.LEVEL, length, len(table), 0))
                lookups.append(table)
                length += len(table)
            else:
                rows.append((len(rows), tiles.NUMBER, 0, 0, 0))
        return BoundBlock(
            columns=_column_table(held),
            variables=np.array(rows, np.int64).reshape(-1, tiles.VARIABLE_FIELDS),
            lookup=np.concatenate(lookups) if lookups else np.empty(0),
            n_rows=block.n_rows,
            held=tuple(held),
        )

    def _column(self, variable: Variable, block: Block) -> Column:
        if variable.column is not None:
            column = block.columns[variable.column]
            if variable.presence:
                return _presence(column)
            return column.as_factor() if variable.is_factor and variable.bins is None else column
        assert variable.expression is not None
        # Codes must mean the same in every block only where the expression reads codes.
        stable = "N(" in variable.expression.text
        arrays = {
            name: logical_array(block.columns[name], self.fields[name], stable_codes=stable)
            for name in variable.columns
        }
        return Column.from_arrow(_whole(variable.expression.evaluate(arrays, n_rows=block.n_rows)))

    def unknown_levels(self, block: Block) -> dict[str, list[str]]:
        """Levels that rows of this block have and the variable does not know, by column."""
        found: dict[str, list[str]] = {}
        for variable in self.variables:
            if not variable.is_factor or variable.bins is not None or variable.column is None:
                continue
            column = self._column(variable, block)
            unknown = np.isnan(_lookup(column, variable))
            if not unknown.any():
                continue
            assert column.levels is not None
            codes = column.to_arrow(Field(variable.column, pa.dictionary(pa.int32(), pa.string()), levels=())).indices
            present = np.unique(codes.drop_null().to_numpy())
            names = [column.levels[int(code)].as_py() for code in present if unknown[code]]
            if names:
                found[variable.column] = names
        return found


def _presence(column: Column) -> Column:
    """Zero where there is a value, NaN where it is missing; a number stays as it is."""
    if column.other is not None:
        there = column.other.is_valid().to_numpy(zero_copy_only=False)
    elif column.levels is not None:
        codes = column.values.astype(np.int64) + column.base
        there = (codes >= 0) & (codes < len(column.levels))
    else:
        return column
    return replace(column, values=np.where(there, 0.0, np.nan), base=0, levels=None, other=None)


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _column_table(held: Sequence[Column]) -> Ints:
    table = np.zeros((len(held), tiles.COLUMN_FIELDS), np.int64)
    for row, column in zip(table, held, strict=True):
        row[tiles.COLUMN_ADDRESS] = column.values.__array_interface__["data"][0]
        row[tiles.COLUMN_TYPE] = tiles.TYPE_CODES[column.values.dtype.name]
        # A base above 2**63 belongs to a uint64 column, where the kernel adds modulo 2**64.
        row[tiles.COLUMN_BASE] = column.base if column.base < 2**63 else column.base - 2**64
        if column.validity is not None:
            row[tiles.COLUMN_VALIDITY] = column.validity.__array_interface__["data"][0]
            row[tiles.COLUMN_VALIDITY_BIT] = column.validity_offset
    return table


# Blocks of one file share their level arrays, so a table is made once for each file, not once for each block. The
# entries hold what their keys are the ids of. Threads may make an entry twice, which is harmless.
_lookups: dict[tuple[int, int], tuple[pa.Array, tuple[str, ...], Floats]] = {}
_MOST_LOOKUPS = 256


def _lookup(column: Column, variable: Variable) -> Floats:
    """From the column's codes to positions in the variable's levels; NaN for a level it does not have."""
    if column.levels is None:
        raise DesignError(f"column {variable.column!r} was expected to be a factor or text, and has no levels")
    key = (id(column.levels), id(variable.levels))
    known = _lookups.get(key)
    if known is not None:
        return known[2]
    places = pc.index_in(column.levels, value_set=pa.array(variable.levels, pa.string()))
    table = np.asarray(places.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    if len(_lookups) >= _MOST_LOOKUPS:
        _lookups.clear()
    _lookups[key] = (column.levels, variable.levels, table)
    return table
