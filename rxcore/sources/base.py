"""What a data source promises: a schema, and partitions that open their own handles wherever they are sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rxcore.blocks import Block
from xdf.expressions import Node as Condition
from xdf.schema import Schema


class Partition(Protocol):
    """Picklable handle to a run of consecutive blocks. Holds no data; opens its own files.

    The numbers are part of the contract: states merge in a binary tree over block numbers within a file, then over
    files, so they alone decide the last bits of a result.
    """

    @property
    def file(self) -> int:
        """Number of the file within the source, counted from 0."""
        ...

    @property
    def first_block(self) -> int:
        """Number, within the file, of the first block of the run."""
        ...

    @property
    def n_blocks(self) -> int | None:
        """Blocks in the run; None where only reading tells (text, streams): such a partition covers its whole file."""
        ...

    @property
    def n_rows(self) -> int | None:
        """Rows in the run, where known."""
        ...

    def blocks(self) -> Iterator[Block]:
        """The blocks in order, holding the columns this partition was made for."""
        ...


@runtime_checkable
class Source(Protocol):
    """Somewhere rows come from."""

    @property
    def label(self) -> str:
        """How results name it: ``File name: flights.xdf``, ``Data: frame``."""
        ...

    @property
    def schema(self) -> Schema:
        """The columns. A string column that was asked to be a factor is a factor here, with the levels known so far."""
        ...

    @property
    def n_rows(self) -> int | None:
        """Rows, where the source knows without reading."""
        ...

    @property
    def n_blocks(self) -> int | None:
        """Blocks, where the source knows without reading."""
        ...

    @property
    def rereadable(self) -> bool:
        """Whether a second pass is possible; a one-shot stream says no."""
        ...

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        """Handles that cover the whole source once, for these columns, ordered by (file, first_block)."""
        ...

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes in memory, decoding included; an honest upper
        estimate.
        """
        ...


@runtime_checkable
class SkipsBlocks(Protocol):
    """A source that knows of some blocks, without reading them, that no row of theirs meets a condition."""

    def partitions_where(self, columns: Sequence[str], condition: Condition) -> Sequence[Partition]:
        """Handles as ``partitions`` gives them, numbers and all; blocks without a row that meets the condition may come
        without rows.
        """
        ...


@runtime_checkable
class KnowsStatistics(Protocol):
    """A source that keeps statistics of its blocks, so that some passes need not run."""

    def block_statistics(self, column: str) -> dict[str, npt.NDArray[np.float64]] | None:
        """Statistics of a numeric column, an array over blocks each, None where they are not kept.

        ``n_valid``, ``n_missing``, ``minimum``, ``maximum``, ``mean``, ``centered_squares``: to the bit what
        ``rxcore.updaters.moments`` finds in each block.
        """
        ...

    def level_counts(self, column: str) -> npt.NDArray[np.int64] | None:
        """How many rows have each level of a factor, in the order of the schema; None where that is not kept."""
        ...
