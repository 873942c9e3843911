"""Threads of this process. Readers and kernels release the interpreter lock, so plain threads are enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rxcore.blocks import Block
from rxcore.contexts.merge_tree import PassTree
from rxcore.contexts.serial import SerialContext, rows_of, single_threaded_blas
from rxcore.events import BlockDone, EventSink, PassFinished, PassStarted
from rxcore.sources.base import Partition
from rxcore.updaters.base import Updater

StateT = TypeVar("StateT")
ResultT = TypeVar("ResultT")


_INTERRUPT_SECONDS = 0.1
_Run = tuple[int, int, Iterator[Block]]
"""File, number of the first block, blocks."""


class _Feed:
    """Hands blocks to workers. Partitions of known length go out whole and are decoded by the worker that took them;
    one of unknown length is a stream, read under its lock by whichever worker is free.
    """

    def __init__(self, partitions: Sequence[Partition]) -> None:
        self._lock = threading.Lock()
        self._todo = iter(partitions)
        self._stream: Iterator[Block] | None = None
        self._file = 0
        self._number = 0
        self.failed = threading.Event()

    def take(self) -> _Run | None:
        """The next run of blocks, or None when all is handed out or a worker failed."""
        with self._lock:
            while not self.failed.is_set():
                if self._stream is not None:
                    block = next(self._stream, None)
                    if block is not None:
                        self._number += 1
                        return self._file, self._number - 1, _one(block)
                    self._stream = None
                partition = next(self._todo, None)
                if partition is None:
                    return None
                if partition.n_blocks is not None:
                    return partition.file, partition.first_block, iter(partition.blocks())
                self._stream, self._file, self._number = partition.blocks(), partition.file, partition.first_block
            return None


def _one(block: Block) -> Iterator[Block]:
    """An iterator of one block that lets go of it when it has handed it over."""
    return map(list.pop, [[block]])


@dataclass(frozen=True, slots=True)
class LocalContext:
    """Fold blocks with ``n_workers`` threads; bits equal to :class:`SerialContext`."""

    n_workers: int
    name: str = "local"

    def run_pass(
        self, partitions: Sequence[Partition], updater: Updater[StateT, ResultT], sink: EventSink, name: str
    ) -> StateT:
        n_threads = self.n_workers
        if all(partition.n_blocks is not None for partition in partitions):
            n_threads = min(n_threads, len(partitions))
        with single_threaded_blas:
            if n_threads <= 1:
                return SerialContext().run_pass(partitions, updater, sink, name)
            return self._threaded(n_threads, partitions, updater, sink, name)

    def _threaded(
        self,
        n_threads: int,
        partitions: Sequence[Partition],
        updater: Updater[StateT, ResultT],
        sink: EventSink,
        name: str,
    ) -> StateT:
        sink(PassStarted(name, rows_of(partitions)))
        began = time.perf_counter()
        tree: PassTree[StateT] = PassTree(updater.merge)
        feed = _Feed(partitions)
        tree_lock = threading.Lock()
        errors: list[BaseException] = []
        total = 0

        def work() -> None:
            nonlocal total
            try:
                ready = time.perf_counter()
                while (run := feed.take()) is not None:
                    file, number, blocks = run
                    for block in blocks:
                        if feed.failed.is_set():
                            return
                        read = time.perf_counter()
                        rows = block.n_rows
                        state = updater.update(updater.init(), block)
                        # Whoever still named the block would keep it alive while the next one is read.
                        del block
                        done = time.perf_counter()
                        with tree_lock:
                            tree.add(file, number, state)
                            total += rows
                            sink(BlockDone(rows, total, read - ready, done - read))
                        del state
                        number += 1
                        ready = time.perf_counter()
            except BaseException as error:
                feed.failed.set()
                errors.append(error)

        _run_threads(n_threads, work, feed)
        if errors:
            raise errors[0]
        state = tree.close()
        sink(PassFinished(name, total, time.perf_counter() - began))
        return updater.init() if state is None else state


def _run_threads(n_threads: int, work: Callable[[], None], feed: _Feed) -> None:
    """Do the work in some threads and wait for them.

    An interrupt, or whatever else breaks in on the waiting, stops them at their next block and goes on to the caller
    when they have stopped: nobody may close the files under them. A second interrupt does not wait.
    """
    # Not ``Thread.join``: when an interrupt ends it, Python 3.11 takes a thread that still runs for a stopped one.
    ended: list[threading.Event] = []

    def run(end: threading.Event) -> None:
        try:
            work()
        finally:
            end.set()

    try:
        for number in range(n_threads):
            end = threading.Event()
            thread = threading.Thread(target=run, args=(end,), name=f"rxcore-{number}", daemon=True)
            thread.start()
            ended.append(end)
        _wait_for(ended)
    except BaseException:
        feed.failed.set()
        _wait_for(ended)
        raise


def _wait_for(ended: Sequence[threading.Event]) -> None:
    for end in ended:
        # In steps: where a library has put its own handler of interrupts in, as polars does, a wait without a limit is
        # not woken by one.
        while not end.wait(_INTERRUPT_SECONDS):
            pass
