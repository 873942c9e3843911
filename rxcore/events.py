"""What a running pass tells the outside: small frozen events, and the printer behind ``report_progress``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True)
class PassStarted:
    """A pass over the data begins. ``n_rows`` is None where the source cannot know."""

    name: str
    n_rows: int | None


@dataclass(frozen=True, slots=True)
class BlockDone:
    """One block was folded into the state. Times are those of the worker that did it."""

    rows: int
    total_rows: int
    read_seconds: float
    update_seconds: float


@dataclass(frozen=True, slots=True)
class PassFinished:
    """A pass is over; ``seconds`` is wall time."""

    name: str
    total_rows: int
    seconds: float


Event = PassStarted | BlockDone | PassFinished
EventSink = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The sink of level 0."""


class ProgressPrinter:
    """Print events as revoscalepy did: 0 nothing, 1 rows, 2 rows and seconds, 3 rows and all timings."""

    def __init__(self, level: int, stream: TextIO | None = None) -> None:
        self.level = level
        self.stream = stream

    def __call__(self, event: Event) -> None:
        if self.level <= 0:
            return
        if isinstance(event, BlockDone):
            line = f"Rows Read: {event.rows}, Total Rows Processed: {event.total_rows}"
            if self.level >= 2:
                line += f", Total Chunk Time: {event.read_seconds + event.update_seconds:.3f} seconds"
            if self.level >= 3:
                line += f" (read {event.read_seconds:.3f}, compute {event.update_seconds:.3f})"
        elif isinstance(event, PassFinished) and self.level >= 2:
            line = f"Computation time: {event.seconds:.3f} seconds."
        else:
            return
        print(line, file=self.stream or sys.stdout, flush=True)
