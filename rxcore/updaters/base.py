"""What an updater promises: a frozen, picklable description of one statistic.

The laws are in ``rxcore.testing.updater_laws``; every updater must pass them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from rxcore.blocks import Block

StateT = TypeVar("StateT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Updater(Protocol[StateT, ResultT_co]):
    """Sufficient statistics of one analysis: how to start, grow, merge and read them.

    Laws: ``init`` is fresh every time; an empty state is the identity of ``merge`` on both sides; ``merge`` may reuse
    ``left`` but never changes or aliases ``right``; ``finalize`` is pure; a state's size does not grow with rows;
    updater and state pickle; blocks are never written to.
    """

    @property
    def columns(self) -> Sequence[str]:
        """The columns that ``update`` reads."""
        ...

    def init(self) -> StateT:
        """A fresh empty state."""
        ...

    def update(self, state: StateT, block: Block) -> StateT:
        """Fold one block in. Owns ``state`` and may reuse it."""
        ...

    def merge(self, left: StateT, right: StateT) -> StateT:
        """Join two states, ``left``'s rows first. Owns ``left``; leaves ``right`` untouched and unaliased."""
        ...

    def finalize(self, state: StateT) -> ResultT_co:
        """The statistic itself. Pure."""
        ...

    def state_nbytes(self) -> int:
        """Bytes of one state, an upper bound known before any data are read."""
        ...


AnyUpdater = Updater[Any, Any]
