"""What a compute context promises: run one pass and give the same bits as any other context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from rxcore.events import EventSink
from rxcore.sources.base import Partition
from rxcore.updaters.base import Updater

StateT = TypeVar("StateT")
ResultT = TypeVar("ResultT")


class ComputeContext(Protocol):
    """Where passes run."""

    @property
    def name(self) -> str:
        """A short name for messages."""
        ...

    @property
    def n_workers(self) -> int:
        """How many blocks and states may be in flight at once."""
        ...

    def run_pass(
        self, partitions: Sequence[Partition], updater: Updater[StateT, ResultT], sink: EventSink, name: str
    ) -> StateT:
        """Fold every block of the partitions into one state, merged in the tree of ``merge_tree``."""
        ...
