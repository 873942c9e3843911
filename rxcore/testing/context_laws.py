"""The laws of compute contexts.

Run them on your own::

    from rxcore.testing import CONTEXT_LAWS, ContextCase

    CONTEXT_LAWS.check(ContextCase(name="MyContext", make=MyContext))

There is no tolerance: a context gives the bits of :class:`~rxcore.contexts.serial.SerialContext`, and merges in the
tree of :func:`documented_tree`, which is written here a second time, by recursion, to hold both against it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from rxcore.blocks import Block
from rxcore.contexts.base import ComputeContext
from rxcore.contexts.serial import SerialContext
from rxcore.errors import PartitionError, RxError
from rxcore.events import BlockDone, Event, PassFinished, PassStarted, ignore
from rxcore.sources.base import Partition
from rxcore.testing.comparisons import first_difference
from rxcore.testing.context_probes import (
    CountsLiveBlocks,
    FailingPartition,
    FailsAtRow,
    FailsInMerge,
    RecordsBlasThreads,
)
from rxcore.testing.example_moments import ExampleMoments
from rxcore.testing.examples import MergeRecorder, MergeShape, Pauses, TableSource, example_table
from rxcore.testing.laws import LawBook, LawBroken, require
from rxcore.updaters.base import AnyUpdater

ARRANGEMENTS: tuple[dict[str, Any], ...] = ({"blocks_per_partition": 1}, {"blocks_per_partition": 3}, {"stream": True})


@dataclass(frozen=True, kw_only=True)
class ContextCase:
    """One compute context.

    Parameters
    ----------
    name : str
        How messages call it.
    make : callable
        Gives the context.
    updaters : tuple of updaters, default moments of two columns
        More updaters to hold against the serial context, over the columns of ``example_table``.
    longest_pause : float, default 0.001
        Seconds that slow readers take at most for each block, to shuffle the order of arrival.
    waived : mapping of str to str
        Laws this context opts out of, each with the reason.
    """

    name: str
    make: Callable[[], ComputeContext]
    updaters: tuple[AnyUpdater, ...] = (ExampleMoments("x"), ExampleMoments("k"))
    longest_pause: float = 0.001
    waived: Mapping[str, str] = field(default_factory=dict)


CONTEXT_LAWS: LawBook[ContextCase] = LawBook("context")


def example_layouts() -> dict[str, TableSource]:
    """Sources of every shape that a pass over data may meet: files, blocks, runs of blocks, streams."""
    table = example_table(280)
    uneven = ((40, 1, 30), (), (60,), (0, 9), (70, 70))
    sources = {f"{number} blocks": TableSource.cut(table, -(-280 // number)) for number in (1, 2, 3, 4, 5, 7, 8, 40)}
    sources |= {
        "3 files": TableSource.cut(table, 20, n_files=3),
        "40 files": TableSource.cut(table, 10, n_files=28),
        "uneven and empty files": TableSource(table, uneven),
        "runs of 3 blocks": TableSource.cut(table, 20, n_files=2, blocks_per_partition=3),
        "one run of 40 blocks": TableSource.cut(table, 7, blocks_per_partition=40),
        "a stream": TableSource.cut(table, 11, stream=True),
        "streams of uneven and empty files": TableSource(table, uneven, stream=True),
        "blocks without rows": TableSource(table.slice(0, 0), ((0, 0), (0,))),
    }
    return sources


def empty_layouts() -> dict[str, TableSource]:
    """Sources without any block."""
    nothing = example_table(1).slice(0, 0)
    return {
        "no files": TableSource(nothing, ()),
        "files without blocks": TableSource(nothing, ((), ())),
        "streams without blocks": TableSource(nothing, ((), ()), stream=True),
    }


def documented_tree(partitions: Sequence[Partition], updater: AnyUpdater) -> Any:
    """The state that the documentation of contexts promises, by its recursive definition.

    The blocks of each file, then the files that have any, are merged so: n > 1 items split at the largest power of two
    below n; the result is the merge of the tree of the left part with the tree of the right part.
    """
    leaves: dict[int, dict[int, Any]] = {}
    for part in partitions:
        for number, block in enumerate(part.blocks(), part.first_block):
            leaves.setdefault(part.file, {})[number] = updater.update(updater.init(), block)
    files = [_tree([state for _, state in sorted(blocks.items())], updater) for _, blocks in sorted(leaves.items())]
    return _tree(files, updater) if files else updater.init()


def _tree(items: Sequence[Any], updater: AnyUpdater) -> Any:
    if len(items) == 1:
        return items[0]
    middle = 1
    while middle * 2 < len(items):
        middle *= 2
    return updater.merge(_tree(items[:middle], updater), _tree(items[middle:], updater))


def _run(
    context: ComputeContext, source: TableSource, updater: AnyUpdater, sink: Callable[[Event], None] = ignore
) -> Any:
    return context.run_pass(_parts(source, updater), updater, sink, "law")


def _parts(source: TableSource, *updaters: AnyUpdater) -> Sequence[Partition]:
    """Partitions with the columns that these updaters read, and the number of each row."""
    names = dict.fromkeys(("row", *(name for updater in updaters for name in updater.columns)))
    return source.partitions(tuple(names))


@CONTEXT_LAWS.law
def same_bits_as_serial(case: ContextCase) -> None:
    """Every layout and updater gives the state of the serial context, to the bit."""
    for layout, source in example_layouts().items():
        for updater in case.updaters:
            expected = _run(SerialContext(), source, updater)
            seen = first_difference(_run(case.make(), source, updater), expected)
            require(seen is None, f"{layout}, {updater}: the state differs from the serial context's: {seen}")


@CONTEXT_LAWS.law
def merges_in_the_documented_tree(case: ContextCase) -> None:
    """Each block is folded once into a fresh state, and states merge in the documented tree, nothing besides."""
    for layout, source in example_layouts().items():
        recorder = MergeRecorder()
        got: MergeShape = _run(case.make(), source, recorder)
        expected = documented_tree(_parts(source, recorder), recorder)
        require(got == expected, f"{layout}: what happened is {_cut(got)}, documented is {_cut(expected)}")


def _cut(shape: object) -> str:
    text = repr(shape)
    return text if len(text) <= 300 else text[:297] + "..."


@CONTEXT_LAWS.law
def order_of_arrival_does_not_matter(case: ContextCase) -> None:
    """Slow readers, each time others, change nothing: not the tree, not a bit."""
    for settings in ARRANGEMENTS:
        source = TableSource.cut(example_table(140), 7, n_files=2, **settings)
        expected = _run(case.make(), source, MergeRecorder()), _run(case.make(), source, case.updaters[0])
        for seed in range(3):
            slow = replace(source, pauses=Pauses(case.longest_pause, seed))
            got = _run(case.make(), slow, MergeRecorder()), _run(case.make(), slow, case.updaters[0])
            seen = first_difference(got, expected)
            require(seen is None, f"readers slow by seed {seed}, {settings}, against fast ones: {seen}")


@CONTEXT_LAWS.law
def no_blocks_give_the_empty_state(case: ContextCase) -> None:
    """No partitions, or partitions without blocks, give what ``init`` gives."""
    for layout, source in empty_layouts().items():
        for updater in (MergeRecorder(), *case.updaters):
            seen = first_difference(_run(case.make(), source, updater), updater.init())
            require(seen is None, f"{layout}, {updater}: the state is not the empty one: {seen}")


@CONTEXT_LAWS.law
def events_tell_the_pass(case: ContextCase) -> None:
    """One ``PassStarted`` with the rows where known, ``BlockDone`` that add up, one ``PassFinished``; in that order."""
    for layout, source in (example_layouts() | empty_layouts()).items():
        events: list[Event] = []
        _run(case.make(), source, case.updaters[0], events.append)
        known = all(part.n_rows is not None for part in _parts(source, case.updaters[0]))
        n_rows = source.table.num_rows
        wrong = _wrong_events(events, n_rows, n_rows if known else None)
        require(wrong is None, f"{layout}: {wrong}")


def _wrong_events(events: Sequence[Event], n_rows: int, stated: int | None) -> str | None:
    if len(events) < 2 or not isinstance(events[0], PassStarted) or not isinstance(events[-1], PassFinished):
        return f"events must begin with PassStarted and end with PassFinished; they are {_cut(events)}"
    if events[0] != PassStarted("law", stated):
        return f"the first event is {events[0]}, expected {PassStarted('law', stated)}"
    if (events[-1].name, events[-1].total_rows) != ("law", n_rows) or events[-1].seconds < 0.0:
        return f"the last event is {events[-1]}, expected the name 'law' and {n_rows} rows"
    total = 0
    for event in events[1:-1]:
        if not isinstance(event, BlockDone):
            return f"between start and finish stands {event}"
        total += event.rows
        if event.total_rows != total:
            return f"{event} says {event.total_rows} rows in all, the events so far add up to {total}"
        if event.read_seconds < 0.0 or event.update_seconds < 0.0:
            return f"{event} has a negative time"
    return None if total == n_rows else f"the BlockDone events add up to {total} rows, there are {n_rows}"


@CONTEXT_LAWS.law
def errors_come_out(case: ContextCase) -> None:
    """An error of the updater, of a merge, of a reader or of the sink ends the pass and reaches the caller, as itself
    or told in a ``PartitionError``.
    """
    for settings in ARRANGEMENTS:
        source = TableSource.cut(example_table(160), 7, n_files=2, **settings)
        parts = _parts(source, case.updaters[0])
        broken = [parts[0], FailingPartition.around(parts[1], at_block=2), *parts[2:]]
        where = f"{settings}: "
        _require_error(case, parts, FailsAtRow(77), where + "update fails in the middle")
        _require_error(case, parts, FailsAtRow(0), where + "update fails in the first block")
        _require_error(case, parts, FailsAtRow(159), where + "update fails in the last block")
        _require_error(case, parts, FailsInMerge(), where + "merge fails")
        _require_error(case, broken, case.updaters[0], where + "a reader fails")
        _require_error(case, parts, case.updaters[0], where + "the sink fails", _failing_sink)


def _failing_sink(event: Event) -> None:
    rows = event.rows if isinstance(event, BlockDone) else 0
    if rows:
        raise LookupError(f"made to fail: sink, after {rows} rows")


def _require_error(
    case: ContextCase,
    parts: Sequence[Partition],
    updater: AnyUpdater,
    what: str,
    sink: Callable[[Event], None] = ignore,
) -> None:
    try:
        state = case.make().run_pass(parts, updater, sink, "law")
    except LookupError as error:
        told = "made to fail" in str(error)
    except PartitionError as error:
        told = "LookupError" in str(error) and "made to fail" in str(error)
    except RxError as error:
        told = False
        what = f"{what}: a {type(error).__name__} came out"
    else:
        raise LawBroken(f"{what}: no error came out, but the state {_cut(state)}")
    require(told, f"{what}: the error lost its kind or its text")


@CONTEXT_LAWS.law
def work_stops_with_an_error(case: ContextCase) -> None:
    """Once the error is out, no thread of the pass is left and no block is read or folded any more."""
    source = TableSource.cut(example_table(280), 1, blocks_per_partition=70, pauses=Pauses(0.002))
    before = set(threading.enumerate())
    reads: list[float] = []
    parts = [_ReadsNoted(part, reads) for part in _parts(source, case.updaters[0])]
    parts[1] = _ReadsNoted(FailingPartition.around(parts[1].inner, at_block=3), reads)
    with suppress(LookupError, RxError):
        case.make().run_pass(parts, case.updaters[0], ignore, "law")
    left = _threads_left(before)
    require(not left, f"threads are left after the error: {left}")
    count = len(reads)
    time.sleep(0.02)
    require(len(reads) == count, "blocks are still read after the error came out")
    require(count < 200, f"{count} of 280 blocks were read although the fourth of one partition failed")


def _threads_left(before: set[threading.Thread]) -> list[str]:
    """Names of new threads, but for those that are about to end: they get a moment."""
    deadline = time.perf_counter() + 0.01
    while True:
        left = [thread.name for thread in threading.enumerate() if thread not in before]
        if not left or time.perf_counter() > deadline:
            return left
        time.sleep(0.0005)


class _ReadsNoted:
    """A partition that notes when its blocks are taken; for contexts of this process, where the list is shared."""

    def __init__(self, inner: Any, reads: list[float]) -> None:
        self.inner = inner
        self.reads = reads
        self.file: int = inner.file
        self.first_block: int = inner.first_block
        self.n_blocks: int | None = inner.n_blocks
        self.n_rows: int | None = inner.n_rows

    def blocks(self) -> Iterator[Block]:
        for block in self.inner.blocks():
            self.reads.append(time.perf_counter())
            yield block


@CONTEXT_LAWS.law
def blocks_in_flight_are_bounded(case: ContextCase) -> None:
    """At no time are more blocks in memory than ``n_workers``: that is what the memory budget counts on."""
    for settings in ARRANGEMENTS:
        context = case.make()
        counter = CountsLiveBlocks()
        source = TableSource.cut(example_table(160), 4, n_files=2, pauses=Pauses(0.0005), **settings)
        parts = [counter.around(part) for part in _parts(source, case.updaters[0])]
        context.run_pass(parts, case.updaters[0], ignore, "law")
        seen = f"{settings}: {counter.most} blocks lived at once, n_workers is {context.n_workers}"
        require(counter.most <= context.n_workers, seen)


@CONTEXT_LAWS.law
def blas_runs_in_one_thread(case: ContextCase) -> None:
    """While blocks are folded BLAS uses one thread, or its thread count would change the last bits."""
    source = TableSource.cut(example_table(40), 10)
    most: int = _run(case.make(), source, RecordsBlasThreads())
    require(most <= 1, f"BLAS had {most} threads inside update")


@CONTEXT_LAWS.law
def passes_may_overlap(case: ContextCase) -> None:
    """Passes of one context at the same time, from different threads, each give what they give alone, and none gives
    BLAS more threads while another runs.
    """
    context = case.make()
    source = TableSource.cut(example_table(160), 7, pauses=Pauses(case.longest_pause))
    alone: tuple[MergeShape, int] = _run(context, source, MergeRecorder()), _run(context, source, RecordsBlasThreads())
    errors: list[Exception] = []
    found: list[tuple[MergeShape, int]] = []

    def work(seed: int) -> None:
        slow = replace(source, pauses=Pauses(case.longest_pause * (1 + seed), seed))
        try:
            found.append((_run(context, slow, MergeRecorder()), _run(context, slow, RecordsBlasThreads())))
        except Exception as error:  # noqa: BLE001 - whatever it is, the law is broken
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require(not errors, f"beside another pass, a pass raised {errors[:1]}")
    for shape, most in found:
        require(shape == alone[0], f"what happened is {_cut(shape)}, alone it was {_cut(alone[0])}")
        require(most <= max(alone[1], 1), f"BLAS had {most} threads inside update, alone {alone[1]}")
