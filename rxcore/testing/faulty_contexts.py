"""Compute contexts that each break a law of contexts. :class:`ExampleContext` is the correct one they are made of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from rxcore.contexts.merge_tree import MergeTree, PassTree
from rxcore.contexts.serial import rows_of, single_threaded_blas
from rxcore.errors import PartitionError
from rxcore.events import BlockDone, Event, EventSink, PassFinished, PassStarted
from rxcore.sources.base import Partition
from rxcore.testing.example_moments import MomentsState
from rxcore.updaters.base import AnyUpdater

Leaf = tuple[int, int, Any, int]
"""File, block number, state, rows."""


@dataclass(frozen=True)
class ExampleContext:
    """The plainest correct context, in steps that the broken ones replace."""

    name: str = "example"
    n_workers: int = 1

    def run_pass(self, partitions: Sequence[Partition], updater: AnyUpdater, sink: EventSink, name: str) -> Any:
        """Fold every block into one state."""
        with single_threaded_blas:
            sink(PassStarted(name, rows_of(partitions)))
            total = 0
            leaves: list[Leaf] = []
            for leaf in self.leaves(partitions, updater):
                total += leaf[3]
                sink(BlockDone(leaf[3], total, 0.0, 0.0))
                leaves.append(leaf)
            state = self.merged(leaves, updater)
            sink(PassFinished(name, total, 0.0))
            return state

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        """The state of each block, in whatever order they are done."""
        for part in partitions:
            number = part.first_block
            for block in part.blocks():
                rows = block.n_rows
                state = updater.update(updater.init(), block)
                del block
                yield part.file, number, state, rows
                number += 1

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        """One state of all."""
        tree: PassTree[Any] = PassTree(updater.merge)
        for file, number, state, _ in leaves:
            tree.add(file, number, state)
        state = tree.close()
        return updater.init() if state is None else state


@dataclass(frozen=True)
class MergesInOrderOfArrival(ExampleContext):
    """Works with four threads and merges whatever comes first."""

    n_workers: int = 4

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        def work(part: Partition) -> list[Leaf]:
            return list(super(MergesInOrderOfArrival, self).leaves([part], updater))

        with ThreadPoolExecutor(self.n_workers) as pool:
            futures: list[Future[list[Leaf]]] = [pool.submit(work, part) for part in partitions]
            for future in as_completed(futures):
                yield from future.result()

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        tree: MergeTree[Any] = MergeTree(updater.merge)
        for number, (_, _, state, _) in enumerate(leaves):
            tree.add(number, state)
        state = tree.close()
        return updater.init() if state is None else state


class MergesFromTheLeft(ExampleContext):
    """Merges one block after the other: in order, but not in the tree."""

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        state = None
        for _, _, leaf, _ in leaves:
            state = leaf if state is None else updater.merge(state, leaf)
        return updater.init() if state is None else state


class ForgetsFiles(ExampleContext):
    """One tree over all blocks, whatever file they are of."""

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        return super().merged([(0, number, state, rows) for number, (_, _, state, rows) in enumerate(leaves)], updater)


class StartsFromAnEmptyState(ExampleContext):
    """Merges the result into an empty state, which a sum does not notice and a sketch does."""

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        return updater.merge(updater.init(), super().merged(leaves, updater)) if leaves else updater.init()


class AccumulatesPerPartition(ExampleContext):
    """Keeps one state for each partition and folds its blocks into it."""

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        for number, part in enumerate(partitions):
            state, rows, any_block = updater.init(), 0, False
            for block in part.blocks():
                state, any_block = updater.update(state, block), True
                rows += block.n_rows
                del block
            if any_block:
                yield 0, number, state, rows


class LosesTheOddBlock(ExampleContext):
    """Merges in pairs and forgets the block without a partner, while its events add up."""

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        kept = leaves if len(leaves) % 2 == 0 or len(leaves) == 1 else leaves[:-1]
        return super().merged(kept, updater)


class SwallowsErrors(ExampleContext):
    """Goes on with the next partition when one fails."""

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        for part in partitions:
            try:
                yield from super().leaves([part], updater)
            except LookupError:
                continue


class TellsErrorsInItsOwnWords(ExampleContext):
    """Turns every error into one that says nothing."""

    def run_pass(self, partitions: Sequence[Partition], updater: AnyUpdater, sink: EventSink, name: str) -> Any:
        try:
            return super().run_pass(partitions, updater, sink, name)
        except LookupError:
            raise PartitionError("a worker failed") from None


class RoundsStatesOnTheWay(ExampleContext):
    """Sends states as text of twelve digits."""

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        for leaf in super().leaves(partitions, updater):
            if isinstance(leaf[2], MomentsState):
                leaf[2].parts[:] = [float(f"{part:.12g}") for part in leaf[2].parts]
            yield leaf


class NothingForNoRows(ExampleContext):
    """Gives None where there are no blocks."""

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        return super().merged(leaves, updater) if leaves else None


class TellsEachPartition(ExampleContext):
    """Gives running totals that start anew with each file."""

    def run_pass(self, partitions: Sequence[Partition], updater: AnyUpdater, sink: EventSink, name: str) -> Any:
        def by_block(event: Event) -> None:
            sink(BlockDone(event.rows, event.rows, 0.0, 0.0) if isinstance(event, BlockDone) else event)

        return super().run_pass(partitions, updater, by_block, name)


class ReadsAhead(ExampleContext):
    """Keeps the last block while it reads the next."""

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        for part in partitions:
            for number, block in enumerate(part.blocks(), part.first_block):
                yield part.file, number, updater.update(updater.init(), block), block.n_rows


@dataclass(frozen=True)
class LeavesThreadsBehind(ExampleContext):
    """Reads every partition in a thread of its own and does not wait for them when one fails."""

    n_workers: int = 1000

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        found: dict[int, list[Leaf]] = {}
        errors: list[BaseException] = []
        over = threading.Semaphore(0)

        def work(place: int, part: Partition) -> None:
            try:
                found[place] = list(super(LeavesThreadsBehind, self).leaves([part], updater))
            except LookupError as error:
                errors.append(error)
            over.release()

        for place, part in enumerate(partitions):
            threading.Thread(target=work, args=(place, part), daemon=True).start()
        for _ in partitions:
            over.acquire()
            if errors:
                raise errors[0]
        for place in range(len(partitions)):
            yield from found[place]


class LeavesBlasAlone(ExampleContext):
    """Lets BLAS use as many threads as it likes."""

    def run_pass(self, partitions: Sequence[Partition], updater: AnyUpdater, sink: EventSink, name: str) -> Any:
        sink(PassStarted(name, rows_of(partitions)))
        total = 0
        leaves: list[Leaf] = []
        for leaf in self.leaves(partitions, updater):
            total += leaf[3]
            sink(BlockDone(leaf[3], total, 0.0, 0.0))
            leaves.append(leaf)
        state = self.merged(leaves, updater)
        sink(PassFinished(name, total, 0.0))
        return state


@dataclass(frozen=True)
class OnePassAtATime(ExampleContext):
    """Keeps the states of the pass on the context, where a second pass finds them."""

    @property
    def shared(self) -> list[Leaf]:
        """The states of whatever pass runs."""
        kept: list[Leaf] = self.__dict__.setdefault("_shared", [])
        return kept

    def leaves(self, partitions: Sequence[Partition], updater: AnyUpdater) -> Iterator[Leaf]:
        self.shared.clear()
        for leaf in super().leaves(partitions, updater):
            self.shared.append(leaf)
            yield leaf

    def merged(self, leaves: Sequence[Leaf], updater: AnyUpdater) -> Any:
        return super().merged(list(self.shared), updater)


FAULTY_CONTEXTS: tuple[Callable[[], ExampleContext], ...] = (
    AccumulatesPerPartition, ForgetsFiles, LeavesBlasAlone, LeavesThreadsBehind, LosesTheOddBlock, MergesFromTheLeft,
    MergesInOrderOfArrival, NothingForNoRows, OnePassAtATime, ReadsAhead, RoundsStatesOnTheWay, StartsFromAnEmptyState,
    SwallowsErrors, TellsEachPartition, TellsErrorsInItsOwnWords,
)  # fmt: skip
"""Every broken context; each must fail some law."""
