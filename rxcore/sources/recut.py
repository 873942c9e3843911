"""Cutting a stream of record batches into blocks of an exact number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa


def recut(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Batches of exactly ``rows`` rows each, the last one shorter; empty batches vanish.

    A batch that needs no joining is passed on without a copy. Holds at most the rows of one block and one input batch.
    """
    waiting: list[pa.RecordBatch] = []
    held = 0
    for whole in batches:
        rest = whole
        while held + rest.num_rows >= rows:
            taken = rows - held
            waiting.append(rest.slice(0, taken))
            yield _join(waiting)
            waiting, held = [], 0
            rest = rest.slice(taken)
        if rest.num_rows:
            waiting.append(rest)
            held += rest.num_rows
    if waiting:
        yield _join(waiting)


def _join(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One contiguous batch. Differing dictionaries are unified, the first one's order first."""
    if len(parts) == 1:
        return parts[0]
    names = parts[0].schema.names
    columns = [[part.column(i) for part in parts] for i in range(len(names))]
    parts.clear()
    arrays = []
    for pieces in columns:
        arrays.append(pa.concat_arrays(pieces))
        pieces.clear()  # so that never more than one column is there twice
    return pa.RecordBatch.from_arrays(arrays, names=names)
