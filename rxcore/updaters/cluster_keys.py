"""Which cluster each row of a block belongs to: places in the sorted keys of the clusters that the block has.

A key is the same in every block, file and process, whatever the storage: an integer, a date or a time is its own key, a
float its bits, and text, or the level of a factor, 128 bits of hash. Two of a thousand million texts share such a hash
with a probability of about 1e-21.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.variables import Ints
from xdf.columns import Column

# Integers that span up to this many times the rows are told apart by a table, others by sorting.
_TABLE_SPAN = 8
_HASH_KEYS = ("rxcore cluster 1", "rxcore cluster 2")


def cluster_keys(columns: Sequence[Column]) -> tuple[Ints, Ints]:
    """The keys of the clusters that one or two columns make, and the place of each row among them.

    Parameters
    ----------
    columns : sequence of Column
        Two columns make a cluster of every combination that occurs.

    Returns
    -------
    keys : array (n_clusters, n_parts)
        Sorted by the first part, then the next. A missing row may bring a key of its own, which nobody reads.
    codes : array (n_rows,)
    """
    keys, codes = _keys_of(columns[0])
    for column in columns[1:]:
        more_keys, more_codes = _keys_of(column)
        pairs, codes = _distinct(codes * np.int64(len(more_keys)) + more_codes)
        first, second = np.divmod(pairs, max(len(more_keys), 1))
        keys = np.hstack([keys[first], more_keys[second]])
    return np.ascontiguousarray(keys), codes


def n_parts(textual: bool) -> int:
    """Integers in the key of a column."""
    return len(_HASH_KEYS) if textual else 1


def _keys_of(column: Column) -> tuple[Ints, Ints]:
    if column.levels is None and column.other is None:
        keys, codes = _distinct(_whole_numbers(column))
        return keys[:, None], codes
    factor = column.as_factor()
    assert factor.levels is not None
    places = factor.values.astype(np.int64)
    places += np.int64(factor.base)
    np.clip(places, -1, len(factor.levels), out=places)
    present, codes = _distinct(places)
    keys = _hashes(factor.levels, present)
    order = np.lexsort(keys.T[::-1])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return keys[order], rank[codes]


def _hashes(levels: pa.StringArray, places: Ints) -> Ints:
    """The keys of some levels; a place without a level, which is missing, has the key 0."""
    known = (places >= 0) & (places < len(levels))
    taken = pc.take(levels, pa.array(np.where(known, places, 0))) if known.any() else pa.nulls(len(places), pa.string())
    texts = taken.to_numpy(zero_copy_only=False)
    keys = np.zeros((len(places), len(_HASH_KEYS)), np.int64)
    for part, hash_key in enumerate(_HASH_KEYS):
        hashed = pd.util.hash_array(texts[known], hash_key=hash_key, categorize=False)
        keys[known, part] = hashed.view(np.int64)
    return keys


def _whole_numbers(column: Column) -> Ints:
    """Integers as they are (those beyond the range of int64 wrap around), floats by their bits, with one zero."""
    values = column.values
    if values.dtype.kind == "f":
        return np.add(values, 0.0, dtype=np.float64).view(np.int64)
    whole = values.astype(np.int64)
    if column.base:
        whole += np.array(column.base % 2**64, np.uint64).view(np.int64)
    return whole


def _distinct(values: npt.NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Sorted distinct values, and the place of each value among them."""
    if not len(values):
        return values, values
    low, high = int(values.min()), int(values.max())
    span = high - low + 1
    if span > _TABLE_SPAN * len(values):
        distinct, places = np.unique(values, return_inverse=True)
        return distinct, places.reshape(-1).astype(np.int64, copy=False)
    shifted = values - low
    there = np.zeros(span, np.bool_)
    there[shifted] = True
    place = np.cumsum(there) - 1
    return np.flatnonzero(there) + low, place[shifted]
