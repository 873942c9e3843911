"""What the laws of sources are run on: a source, and the rows it must give."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from rxcore.blocks import Block
from rxcore.sources.base import Source
from xdf.schema import Schema


@dataclass(frozen=True, kw_only=True)
class SourceCase:
    """One source and what it must give.

    Parameters
    ----------
    name : str
        How messages call it.
    make : callable
        Gives the source, unread; called anew for every reading of a one-shot source.
    expected : pyarrow.Table
        All rows in order, in the source's logical types. A few hundred rows do.
    layout : tuple of tuples of int, optional
        Rows of each block of each file, where the source promises them; files without blocks are left out.
    waived : mapping of str to str
        Laws this source opts out of, each with the reason.
    """

    name: str
    make: Callable[[], Source]
    expected: pa.Table
    layout: tuple[tuple[int, ...], ...] | None = None
    waived: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Every column."""
        return list(self.expected.column_names)


def block_digests(blocks: Sequence[Block], schema: Schema) -> list[str]:
    """A text for each block that tells its rows, physical types and every logical value that is not missing."""
    digests = []
    for block in blocks:
        digest = hashlib.blake2b(f"{block.n_rows} {block.start_row}".encode(), digest_size=16)
        for name in sorted(name for name in block.columns if name in schema):
            column = block.columns[name]
            digest.update(f"{name} {column.values.dtype} {column.base}".encode())
            digest.update(repr(column.to_arrow(schema.field(name)).to_pylist()).encode())
        digests.append(digest.hexdigest())
    return digests
