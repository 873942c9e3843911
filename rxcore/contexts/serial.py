"""The plain loop that every other context is held against, bit for bit."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

# numba's matrix products run on SciPy's BLAS, and a limit reaches only libraries that are loaded.
import scipy.linalg.cython_blas  # noqa: F401
from threadpoolctl import OpenBLASController, threadpool_limits

from rxcore.contexts.merge_tree import PassTree
from rxcore.events import BlockDone, EventSink, PassFinished, PassStarted
from rxcore.sources.base import Partition
from rxcore.updaters.base import Updater

StateT = TypeVar("StateT")
ResultT = TypeVar("ResultT")


def rows_of(partitions: Sequence[Partition]) -> int | None:
    """Rows of all partitions together, None where one does not know."""
    total = 0
    for partition in partitions:
        if partition.n_rows is None:
            return None
        total += partition.n_rows
    return total


class _SingleThreadedBlas:
    """Keeps BLAS at one thread while at least one pass runs in this process.

    The setting is the process's, not the thread's: if each pass restored it by itself, one that ends would give a pass
    that still runs more threads, and other last bits. So the first pass sets it and the last one restores it, whichever
    threads they run in.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._limits: threadpool_limits | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._limits = threadpool_limits(1, "blas")
                _leave_blas_to_any_thread()
            self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._limits is not None:
                self._limits.restore_original_limits()
                _leave_blas_to_any_thread()
                self._limits = None


def _leave_blas_to_any_thread() -> None:
    """From 3.8 on, threadpoolctl lets only the thread that set OpenBLAS first set it again, and ignores all others."""
    release = getattr(OpenBLASController, "clear_controlling_thread", None)
    if release is not None:
        release()


single_threaded_blas = _SingleThreadedBlas()
"""``with single_threaded_blas:`` around every pass; passes may nest and overlap."""


@dataclass(frozen=True, slots=True)
class SerialContext:
    """One block after the other in the calling thread."""

    name: str = "serial"
    n_workers: int = 1

    def run_pass(
        self, partitions: Sequence[Partition], updater: Updater[StateT, ResultT], sink: EventSink, name: str
    ) -> StateT:
        with single_threaded_blas:
            return self._run(partitions, updater, sink, name)

    def _run(
        self, partitions: Sequence[Partition], updater: Updater[StateT, ResultT], sink: EventSink, name: str
    ) -> StateT:
        sink(PassStarted(name, rows_of(partitions)))
        began = time.perf_counter()
        tree: PassTree[StateT] = PassTree(updater.merge)
        total = 0
        for partition in partitions:
            ready = time.perf_counter()
            number = partition.first_block
            # No ``enumerate``: its tuple would keep a block alive while the next one is read.
            for block in partition.blocks():
                read = time.perf_counter()
                rows = block.n_rows
                tree.add(partition.file, number, updater.update(updater.init(), block))
                del block
                number += 1
                total += rows
                done = time.perf_counter()
                sink(BlockDone(rows, total, read - ready, done - read))
                ready = time.perf_counter()
        state = tree.close()
        sink(PassFinished(name, total, time.perf_counter() - began))
        return updater.init() if state is None else state
