"""Making batches in a thread of its own, a bounded number ahead of whoever takes them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator

import pyarrow as pa


def read_ahead(
    batches: Callable[[], Iterator[pa.RecordBatch]], n_ahead: int
) -> Generator[tuple[float, pa.RecordBatch], None, None]:
    """Batches made by another thread, each with the seconds it took; at most ``n_ahead`` are made or being made.

    An exception there is raised here. Closing the iterator stops the thread at the next batch.
    """
    waiting: queue.Queue[tuple[float, pa.RecordBatch | None]] = queue.Queue(max(n_ahead - 1, 1))
    stopped = threading.Event()
    errors: list[BaseException] = []

    def hand_over(item: tuple[float, pa.RecordBatch | None]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            began = time.perf_counter()
            for batch in batches():
                if not hand_over((time.perf_counter() - began, batch)):
                    return
                del batch
                began = time.perf_counter()
        except BaseException as error:  # noqa: BLE001 - raised again by the reading thread
            errors.append(error)
        finally:
            hand_over((0.0, None))

    thread = threading.Thread(target=work, name="rxcore-reader", daemon=True)
    thread.start()
    try:
        while True:
            seconds, batch = waiting.get()
            if batch is None:
                break
            yield seconds, batch
            del batch
        if errors:
            raise errors[0]
    finally:
        stopped.set()
        thread.join()
