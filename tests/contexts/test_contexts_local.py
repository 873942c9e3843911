"""Serial and threaded contexts beyond the laws: interrupts, failures, streams, and what they leave behind."""

from __future__ import annotations

import gc
import signal
import threading
import time
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rxcore.blocks import Block
from rxcore.contexts.local import LocalContext
from rxcore.contexts.serial import SerialContext, rows_of, single_threaded_blas
from rxcore.events import BlockDone, PassFinished, PassStarted, ignore
from rxcore.testing.comparisons import fingerprint
from rxcore.testing.context_laws import documented_tree
from rxcore.testing.example_moments import ExampleMoments
from rxcore.testing.examples import MergeRecorder, Pauses, TableSource, example_table

CONTEXTS = [SerialContext(), LocalContext(1), LocalContext(2), LocalContext(7)]
each_context = pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: f"{context.name}-{context.n_workers}")


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def pass_threads() -> list[threading.Thread]:
    """Threads of a pass that still run; those that have done their work get a moment to end."""
    deadline = time.perf_counter() + 0.05
    while True:
        found = [thread for thread in threading.enumerate() if thread.name.startswith("rxcore-")]
        if not found or time.perf_counter() > deadline:
            return found
        time.sleep(0.001)


class Waits(ExampleMoments):
    """An updater that waits for an event before it goes on."""

    def __init__(self, event: threading.Event, at: int) -> None:
        super().__init__("row")
        object.__setattr__(self, "event", event)
        object.__setattr__(self, "at", at)

    def update(self, state, block):
        if block.start_row == self.at:
            assert self.event.wait(10)
        return super().update(state, block)


@pytest.mark.parametrize("n_workers", [2, 7])
def test_a_block_that_takes_long_holds_up_no_other_and_changes_nothing(n_workers: int) -> None:
    source = TableSource.cut(example_table(90), 10)
    release = threading.Event()
    done: list[int] = []

    def sink(event) -> None:
        if isinstance(event, BlockDone):
            done.append(event.total_rows)
            if event.total_rows == 80:
                release.set()

    updater = Waits(release, at=0)
    state = LocalContext(n_workers).run_pass(source.partitions(["row"]), updater, sink, "slow start")
    assert done == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert fingerprint(state) == fingerprint(documented_tree(source.partitions(["row"]), updater))


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A process started in the background ignores interrupts; here they must arrive."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("blocks_per_partition", [1, 100])
@pytest.mark.parametrize("other", ["numpy", "polars"])
def test_an_interrupt_stops_all_threads_and_reaches_the_caller(blocks_per_partition: int, other: str) -> None:
    # Beside polars, which handles interrupts in its own way, a wait without a limit does not see them.
    pytest.importorskip(other)
    table = example_table(2000)
    source = TableSource.cut(table, 1, blocks_per_partition=blocks_per_partition, pauses=Pauses(0.004))
    folded: list[int] = []
    main = threading.main_thread().ident
    assert main is not None

    def sink(event) -> None:
        if isinstance(event, BlockDone):
            folded.append(event.rows)
            if len(folded) == 10:
                signal.pthread_kill(main, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        LocalContext(4).run_pass(source.partitions(["x"]), ExampleMoments(), sink, "interrupted")
    assert pass_threads() == []
    count = len(folded)
    assert count < 1000
    time.sleep(0.02)
    assert len(folded) == count


def test_an_interrupt_of_a_serial_pass_reaches_the_caller_and_restores_blas() -> None:
    before = blas_threads()

    def sink(event) -> None:
        if isinstance(event, BlockDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SerialContext().run_pass(TableSource.cut(example_table(9), 3).partitions(["x"]), ExampleMoments(), sink, "x")
    assert blas_threads() == before


def test_an_interrupt_from_a_worker_is_passed_on() -> None:
    def sink(event) -> None:
        if isinstance(event, BlockDone):
            raise KeyboardInterrupt

    parts = TableSource.cut(example_table(90), 3).partitions(["x"])
    with pytest.raises(KeyboardInterrupt):
        LocalContext(3).run_pass(parts, ExampleMoments(), sink, "x")
    assert pass_threads() == []


class NoSecondThread:
    """Stands for ``threading.Thread`` on a system that has no room for another."""

    started = 0

    def __init__(self, **settings) -> None:
        self.thread = REAL_THREAD(**settings)

    def start(self) -> None:
        if NoSecondThread.started:
            raise RuntimeError("can't start new thread")
        NoSecondThread.started += 1
        self.thread.start()


REAL_THREAD = threading.Thread


def test_threads_that_started_stop_when_another_cannot_start(monkeypatch) -> None:
    NoSecondThread.started = 0
    monkeypatch.setattr("rxcore.contexts.local.threading.Thread", NoSecondThread)
    parts = TableSource.cut(example_table(400), 1, pauses=Pauses(0.002)).partitions(["x"])
    events: list[object] = []
    with pytest.raises(RuntimeError, match="can't start new thread"):
        LocalContext(3).run_pass(parts, ExampleMoments(), events.append, "x")
    assert pass_threads() == []
    assert len(events) < 100


class OneShot:
    """A stream that only one reader may have open, and that tells what happened to it."""

    file = 0
    first_block = 0
    n_blocks = None
    n_rows = None

    def __init__(self, n_blocks: int, fail_at: int | None = None) -> None:
        self.source = TableSource.cut(example_table(n_blocks * 5), 5)
        self.fail_at = fail_at
        self.reading = threading.Lock()
        self.log: list[str] = []

    def blocks(self) -> Iterator[Block]:
        self.log.append("opened")
        try:
            for number, part in enumerate(self.source.partitions(["row", "x"])):
                assert self.reading.acquire(blocking=False), "two threads read one stream"
                time.sleep(0.001)
                self.reading.release()
                if number == self.fail_at:
                    raise OSError("the stream broke")
                yield from part.blocks()
        finally:
            self.log.append("closed")


@each_context
def test_a_stream_is_read_by_one_thread_at_a_time_once_and_closed(context) -> None:
    stream = OneShot(40)
    state = context.run_pass([stream], MergeRecorder(), ignore, "stream")
    assert state == documented_tree(stream.source.partitions(["row"]), MergeRecorder())
    assert stream.log == ["opened", "closed"]


@each_context
def test_a_stream_that_breaks_ends_the_pass_with_its_error(context) -> None:
    stream = OneShot(40, fail_at=5)
    with pytest.raises(OSError, match="the stream broke"):
        context.run_pass([stream], ExampleMoments(), ignore, "stream")
    assert stream.log == ["opened", "closed"]
    assert pass_threads() == []


@each_context
def test_streams_and_partitions_of_known_length_mix(context) -> None:
    table = example_table(100)
    known = TableSource(table, ((10, 10, 10), (), (20,), (25, 25))).partitions(["row", "x"])
    stream = TableSource(table, ((10, 10, 10), (), (20,), (25, 25)), stream=True).partitions(["row", "x"])
    mixed = [*known[:3], *[part for part in stream if part.file == 2], *known[4:]]
    assert rows_of(known) == 100
    assert rows_of(mixed) is None
    state = context.run_pass(mixed, MergeRecorder(), ignore, "mixed")
    assert state == documented_tree(known, MergeRecorder())


@pytest.mark.parametrize("n_workers", [0, -1, 1])
def test_fewer_than_two_threads_run_in_the_calling_thread(n_workers: int) -> None:
    names: set[str] = set()

    def sink(event) -> None:
        names.add(threading.current_thread().name)

    parts = TableSource.cut(example_table(30), 10).partitions(["x"])
    LocalContext(n_workers).run_pass(parts, ExampleMoments(), sink, "x")
    assert names == {threading.current_thread().name}


def test_no_more_threads_are_started_than_there_are_partitions() -> None:
    names: set[str] = set()

    def sink(event) -> None:
        if isinstance(event, BlockDone):
            names.add(threading.current_thread().name)
            time.sleep(0.002)

    parts = TableSource.cut(example_table(30), 10, pauses=Pauses(0.01)).partitions(["x"])
    LocalContext(16).run_pass(parts, ExampleMoments(), sink, "x")
    assert names <= {"rxcore-0", "rxcore-1", "rxcore-2"}


@each_context
def test_a_failed_pass_leaves_no_blocks_behind(context) -> None:
    held: list[weakref.ref[np.ndarray]] = []

    class Remembers(ExampleMoments):
        def update(self, state, block):
            held.append(weakref.ref(block.columns["x"].values))
            if len(held) > 5:
                raise LookupError("made to fail")
            return super().update(state, block)

    parts = TableSource.cut(example_table(100), 5, blocks_per_partition=4).partitions(["x"])
    with pytest.raises(LookupError, match="made to fail"):
        context.run_pass(parts, Remembers(), ignore, "x")
    gc.collect()
    assert [reference() for reference in held if reference() is not None] == []


@each_context
def test_events_carry_the_times_of_reading_and_updating(context) -> None:
    class Slow(ExampleMoments):
        def update(self, state, block):
            time.sleep(0.003)
            return super().update(state, block)

    events: list[object] = []
    parts = TableSource.cut(example_table(40), 10, pauses=Pauses(0.004)).partitions(["x"])
    context.run_pass(parts, Slow(), events.append, "timed")
    blocks = [event for event in events if isinstance(event, BlockDone)]
    assert events[0] == PassStarted("timed", 40)
    assert all(block.update_seconds >= 0.003 for block in blocks)
    assert sum(block.read_seconds for block in blocks) > 0.0
    last = events[-1]
    assert isinstance(last, PassFinished)
    assert last.seconds >= 0.003


def test_blas_gets_its_threads_back_when_the_last_overlapping_pass_ends() -> None:
    before = blas_threads()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with single_threaded_blas:
            inside.set()
            assert leave.wait(10)

    thread = threading.Thread(target=other)
    with single_threaded_blas:
        thread.start()
        assert inside.wait(10)
        with single_threaded_blas:
            assert set(blas_threads()) <= {1}
    # The pass that set the limit has ended; another one, in another thread, still counts on it.
    assert set(blas_threads()) <= {1}
    leave.set()
    thread.join()
    assert blas_threads() == before


def test_a_limit_that_the_caller_set_is_respected_afterwards() -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with single_threaded_blas:
            assert set(blas_threads()) <= {1}
        assert blas_threads() == before
