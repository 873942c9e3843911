"""Updaters and partitions that fail, count or look around on purpose, for the laws of contexts."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from threadpoolctl import threadpool_info

from rxcore.blocks import Block
from rxcore.sources.base import Partition
from rxcore.testing.reshape import logical_values
from xdf.columns import Column


@dataclass(frozen=True, slots=True)
class FailsAtRow:
    """An updater that counts rows, and raises ``LookupError`` at the block that holds one row."""

    row: int
    columns: tuple[str, ...] = ("row",)

    def init(self) -> int:
        """No rows."""
        return 0

    def update(self, state: int, block: Block) -> int:
        """Count, or fail."""
        if self.row in logical_values(block.columns["row"]):
            raise LookupError(f"made to fail: update at row {self.row}")
        return state + block.n_rows

    def merge(self, left: int, right: int) -> int:
        """Add."""
        return left + right

    def finalize(self, state: int) -> int:
        """The count."""
        return state

    def state_nbytes(self) -> int:
        """One number."""
        return 8


@dataclass(frozen=True, slots=True)
class FailsInMerge(FailsAtRow):
    """An updater whose merge raises ``LookupError``."""

    row: int = -1

    def merge(self, left: int, right: int) -> int:
        """Fail."""
        raise LookupError(f"made to fail: merge of {left} and {right} rows")


@dataclass(frozen=True, slots=True)
class RecordsBlasThreads:
    """An updater whose state is the largest number of BLAS threads that any update saw."""

    columns: tuple[str, ...] = ("row",)

    def init(self) -> int:
        """None seen."""
        return 0

    def update(self, state: int, block: Block) -> int:
        """Ask every BLAS that is loaded."""
        pools: list[int] = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        return max(state, *pools, 0)

    def merge(self, left: int, right: int) -> int:
        """The larger."""
        return max(left, right)

    def finalize(self, state: int) -> int:
        """The number."""
        return state

    def state_nbytes(self) -> int:
        """One number."""
        return 8


@dataclass(frozen=True, slots=True)
class FailingPartition:
    """A partition whose reader raises ``LookupError`` before one of its blocks (its last, if it has fewer)."""

    inner: Any
    file: int
    first_block: int
    n_blocks: int | None
    n_rows: int | None
    at_block: int

    @classmethod
    def around(cls, inner: Partition, at_block: int) -> FailingPartition:
        """The partition, made to fail."""
        at_block = at_block if inner.n_blocks is None else min(at_block, inner.n_blocks - 1)
        return cls(inner, inner.file, inner.first_block, inner.n_blocks, inner.n_rows, at_block)

    def blocks(self) -> Iterator[Block]:
        """Some blocks, then the error."""
        for number, block in enumerate(self.inner.blocks()):
            if number == self.at_block:
                raise LookupError(f"made to fail: reading block {number}")
            yield block


@dataclass(slots=True)
class CountsLiveBlocks:
    """Counts the blocks of its partitions that are alive at the same time, the one being read included."""

    alive: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def around(self, inner: Partition) -> _CountedPartition:
        """The partition, with its blocks counted."""
        return _CountedPartition(inner, inner.file, inner.first_block, inner.n_blocks, inner.n_rows, self)

    def begin(self) -> None:
        """A block is about to be read."""
        with self.lock:
            self.alive += 1
            self.most = max(self.most, self.alive)

    def end(self) -> None:
        """A block is gone, or there was none."""
        with self.lock:
            self.alive -= 1


@dataclass(frozen=True, slots=True)
class _CountedPartition:
    inner: Any
    file: int
    first_block: int
    n_blocks: int | None
    n_rows: int | None
    counter: CountsLiveBlocks

    def blocks(self) -> Iterator[Block]:
        blocks = self.inner.blocks()
        while True:
            self.counter.begin()
            block = next(blocks, None)
            if block is None:
                self.counter.end()
                return
            columns = _Columns(block.columns)
            weakref.finalize(columns, self.counter.end)
            block = replace(block, columns=columns)
            del columns
            # Nothing here may keep the block alive while its consumer works.
            held = [block]
            del block
            yield held.pop()


class _Columns(dict[str, Column]):
    """A mapping that can be watched by a weak reference."""
