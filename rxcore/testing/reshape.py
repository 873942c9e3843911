"""The same rows in other blocks and other physical forms, as laws need them.

Blocks that come from here are meant to be copied before an updater sees them, so that a law can tell who wrote where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.blocks import Block
from xdf.columns import Column

Mask = npt.NDArray[np.bool_]


def valid_rows(column: Column) -> Mask:
    """Which rows are not missing: by bitmap, NaN, a code outside the levels, or a null of ``other``."""
    n_rows = len(column)
    if column.other is not None:
        return np.asarray(pc.is_valid(column.other).to_numpy(zero_copy_only=False), dtype=np.bool_)
    valid = np.ones(n_rows, np.bool_)
    if column.validity is not None:
        bits = np.unpackbits(column.validity, bitorder="little")
        valid &= bits[column.validity_offset : column.validity_offset + n_rows].astype(np.bool_)
    if column.levels is not None:
        valid &= (column.values >= 0) & (column.values < len(column.levels))  # type: ignore[operator]
    elif column.values.dtype.kind == "f":
        valid &= ~np.isnan(column.values)
    return valid


def logical_values(column: Column) -> npt.NDArray[Any]:
    """The numbers with ``base`` added: float64, or int64/uint64. Under missing rows they are arbitrary."""
    values = column.values
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    wide = np.uint64 if values.dtype == np.uint64 else np.int64
    return values.astype(wide) + wide(column.base)


def slice_block(block: Block, start: int, stop: int) -> Block:
    """Rows ``start:stop`` as views; a bitmap is shifted by its offset, as a reader would."""
    columns = {}
    for name, column in block.columns.items():
        if column.other is not None:
            columns[name] = replace(column, other=column.other.slice(start, stop - start))
        else:
            columns[name] = replace(
                column, values=column.values[start:stop], validity_offset=column.validity_offset + start
            )
    return Block(stop - start, columns, block.start_row + start)


def concatenate(blocks: Sequence[Block]) -> Block:
    """All rows in one block. Integers of different types or bases become int64, factor levels are united by value."""
    names = list(blocks[0].columns)
    columns = {name: _concatenate_columns([block.columns[name] for block in blocks]) for name in names}
    return Block(sum(block.n_rows for block in blocks), columns, blocks[0].start_row)


def _concatenate_columns(columns: Sequence[Column]) -> Column:
    if any(column.levels is not None for column in columns):
        # Text that some blocks hold as codes.
        columns = [column.as_factor() for column in columns]
    first = columns[0]
    if first.other is not None:
        return replace(first, other=pa.concat_arrays([column.other for column in columns]))
    valid = np.concatenate([valid_rows(column) for column in columns])
    if first.levels is not None:
        codes, levels = _united_codes(columns)
        return Column(codes, validity=_bitmap(valid), levels=levels)
    dtypes = {column.values.dtype for column in columns}
    if len(dtypes) == 1 and len({column.base for column in columns}) == 1:
        values = np.concatenate([column.values for column in columns])
        return Column(values, base=first.base, validity=_bitmap(valid))
    return Column(np.concatenate([logical_values(column) for column in columns]), validity=_bitmap(valid))


def _united_codes(columns: Sequence[Column]) -> tuple[npt.NDArray[Any], pa.StringArray]:
    first = columns[0]
    if all(column.levels is first.levels or column.levels.equals(first.levels) for column in columns):  # type: ignore[union-attr]
        return np.concatenate([column.values for column in columns]), first.levels
    position: dict[str, int] = {}
    parts = []
    for column in columns:
        local = [position.setdefault(level, len(position)) for level in (column.levels or pa.array([])).to_pylist()]
        valid = valid_rows(column)
        codes = np.full(len(column), -1, np.int32)
        codes[valid] = np.asarray(local, np.int32)[column.values[valid].astype(np.int64)]
        parts.append(codes)
    return np.concatenate(parts), pa.array(list(position), pa.string())


def _bitmap(valid: Mask, offset: int = 0) -> npt.NDArray[np.uint8] | None:
    if valid.all():
        return None
    return np.packbits(np.concatenate([np.zeros(offset, np.bool_), valid]), bitorder="little")


def recut(blocks: Sequence[Block], rows: int | None) -> list[Block]:
    """The same rows in blocks of ``rows`` rows (the last may be shorter); None puts all into one block."""
    whole = concatenate(blocks)
    if rows is None:
        return [whole]
    return [slice_block(whole, start, min(start + rows, whole.n_rows)) for start in range(0, whole.n_rows, rows)]


def map_columns(block: Block, change: Callable[[Column], Column]) -> Block:
    """The block with every column changed."""
    return replace(block, columns={name: change(column) for name, column in block.columns.items()})


def copied(block: Block, *, writable: bool = True) -> Block:
    """The same block over fresh memory, which an offender may write to, or read-only."""

    def copy(column: Column) -> Column:
        values = column.values.copy()
        validity = None if column.validity is None else column.validity.copy()
        values.flags.writeable = writable
        if validity is not None:
            validity.flags.writeable = writable
        return replace(column, values=values, validity=validity)

    return map_columns(block, copy)


def projected(block: Block, names: Sequence[str]) -> Block:
    """The block with these columns only."""
    return replace(block, columns={name: block.columns[name] for name in names})


def emptied(block: Block) -> Block:
    """A block of no rows with the same columns."""
    return copied(slice_block(block, 0, 0))


def all_missing(block: Block, *, by_bitmap: bool) -> Block:
    """The block with every value missing: by a bitmap of zeros, or where possible by NaN and codes without a level."""

    def drop(column: Column) -> Column:
        if column.other is not None:
            return replace(column, other=pa.nulls(len(column), column.other.type))
        if not by_bitmap and column.levels is not None:
            return replace(column, values=np.full(len(column), -1, np.int32), validity=None, validity_offset=0)
        if not by_bitmap and column.values.dtype.kind == "f":
            missing = np.full(len(column), np.nan, column.values.dtype)
            return replace(column, values=missing, validity=None, validity_offset=0)
        bitmap = np.zeros((len(column) + 7) // 8, np.uint8)
        return replace(column, values=column.values.copy(), validity=bitmap, validity_offset=0)

    return map_columns(block, drop)


def widened(block: Block) -> Block:
    """The same values as a plain reader gives them: int64, float64, int32 codes; missing is NaN or the code -1."""

    def widen(column: Column) -> Column:
        if column.other is not None:
            return column
        valid = valid_rows(column)
        if column.levels is not None:
            codes = np.where(valid, column.values, np.int32(-1)).astype(np.int32)
            return Column(codes, levels=column.levels)
        values = logical_values(column)
        if values.dtype.kind == "f":
            values[~valid] = np.nan
            return Column(values)
        return Column(values, validity=_bitmap(valid))

    return map_columns(block, widen)


def narrowed(block: Block) -> Block:
    """The same values as tightly as a file may store them: small integers over a base, float32 or integers where
    nothing is lost, a bitmap that does not start at its first bit, and stray numbers under missing rows.
    """
    return map_columns(block, _narrow)


def _narrow(column: Column) -> Column:
    if column.other is not None:
        return column
    valid = valid_rows(column)
    offset = 3
    bitmap = _bitmap(valid, offset)
    shift = 0 if bitmap is None else offset
    if column.levels is not None:
        codes = np.where(valid, column.values, 0).astype(np.min_scalar_type(-max(len(column.levels), 1)))
        return Column(codes, validity=bitmap, validity_offset=shift, levels=column.levels)
    values = logical_values(column)
    held = values[valid]
    base = 0
    if _is_integral(held):
        integers = held.astype(np.int64)
        base = int(integers.min())
        span = int(integers.max()) - base
        narrow = np.zeros(len(values), np.min_scalar_type(span))
        narrow[valid] = (integers - base).astype(narrow.dtype)
        stray: Any = span
    else:
        kind = np.float32 if bool((held.astype(np.float32) == held).all()) else np.float64
        narrow = values.astype(kind)
        stray = kind(12345.5)
    narrow[~valid] = stray
    return Column(narrow, base=base, validity=bitmap, validity_offset=shift)


def _is_integral(values: npt.NDArray[Any]) -> bool:
    """Whether all are whole numbers that a 64-bit integer holds, none a negative zero, which an integer would lose."""
    if len(values) == 0 or values.dtype == np.uint64:
        return False
    if values.dtype.kind != "f":
        return True
    whole = (np.floor(values) == values) & (np.abs(values) < 2.0**53) & ~(np.signbit(values) & (values == 0))
    return bool(whole.all())


def recoded(block: Block) -> Block:
    """The same text and factors as codes into other dictionaries: backwards, with a level that no row has."""

    def recode(column: Column) -> Column:
        if column.levels is None and (column.other is None or not _is_text(column.other.type)):
            return column
        column = column.as_factor()
        valid = valid_rows(column)
        known = column.levels.to_pylist() if column.levels is not None else []
        codes = np.full(len(column), -1, np.int32)
        codes[valid] = len(known) - column.values[valid].astype(np.int32)
        return Column(codes, levels=pa.array(["no row has this", *reversed(known)], pa.string()))

    return map_columns(block, recode)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def shifted(block: Block, names: Sequence[str], offset: int) -> Block:
    """These numeric columns plus a number: integers through their base, floats as float64."""
    columns = dict(block.columns)
    for name in names:
        column = columns[name]
        if column.values.dtype.kind == "f":
            columns[name] = replace(column, values=column.values.astype(np.float64) + offset)
        else:
            columns[name] = replace(column, base=column.base + offset)
    return replace(block, columns=columns)


def condition_of(blocks: Sequence[Block], names: Sequence[str]) -> float:
    """The largest kappa = sqrt(1 + mean^2 / variance) of these columns; those of one value are left out."""
    whole = concatenate(blocks)
    largest = 1.0
    for name in names:
        column = whole.columns[name]
        if column.other is not None or column.levels is not None:
            continue
        held = logical_values(column)[valid_rows(column)].astype(np.float64)
        variance = float(held.var()) if len(held) else 0.0
        if np.isfinite(variance) and variance > 0.0:
            largest = max(largest, float(np.sqrt(1.0 + float(held.mean()) ** 2 / variance)))
    return largest
