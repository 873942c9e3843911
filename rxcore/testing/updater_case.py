"""What the laws of updaters are run on: an updater, the blocks to feed it, and when two results agree."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rxcore.blocks import Block
from rxcore.contexts.merge_tree import PassTree
from rxcore.errors import RxError
from rxcore.testing.comparisons import Comparison, Exact, Sample, first_difference
from rxcore.testing.laws import require
from rxcore.testing.reshape import condition_of, copied, recut
from rxcore.updaters.base import AnyUpdater


def _as_it_is(result: Any) -> Any:
    return result


@dataclass(frozen=True, kw_only=True)
class UpdaterCase:
    """One updater and the data to try it on.

    Parameters
    ----------
    name : str
        How messages call it.
    make : callable
        Gives an updater; equal ones each time.
    blocks : sequence of Block
        A few hundred rows in several blocks, missing values and exact zeros among them. The laws cut them anew, down to
        single rows, so thousands of rows make them slow.
    comparison : Comparison, default Exact()
        When the results of two different merge orders agree: ``Exact`` for counts, ``Rounding`` for sums,
        ``NamedBound`` for sketches.
    reference : callable (blocks) -> result, optional
        The same result the slow and obvious way, of the same type as ``finalize`` gives. Without it the laws
        ``agrees_with_reference`` and ``large_offset_keeps_digits`` are reported as not tested.
    forget_missing : callable (result) -> result, optional
        Removes counts of missing rows from a result, which all-missing blocks may change.
    offset_columns : tuple of str, optional
        The columns that the law of large offsets shifts; default all floats the updater reads. Empty where a shift
        makes no sense.
    waived : mapping of str to str
        Laws this updater opts out of, each with the reason.
    """

    name: str
    make: Callable[[], AnyUpdater]
    blocks: Sequence[Block]
    comparison: Comparison = field(default_factory=Exact)
    reference: Callable[[Sequence[Block]], Any] | None = None
    forget_missing: Callable[[Any], Any] = _as_it_is
    offset_columns: tuple[str, ...] | None = None
    waived: Mapping[str, str] = field(default_factory=dict)

    def fresh_blocks(self) -> list[Block]:
        """The blocks over writable memory of their own: what one law does to them no other law sees."""
        return [copied(block) for block in self.blocks]

    def thirds(self) -> tuple[Block, Block, Block]:
        """The rows in three consecutive blocks of about 3/6, 2/6 and 1/6 of them: no two alike, the largest first."""
        sixth = max(sum(block.n_rows for block in self.blocks) // 6, 1)
        pieces = recut(self.blocks, sixth)
        parts = (pieces[:3], pieces[3:5], pieces[5:])
        require(all(parts), f"{self.name}: the case needs at least six rows")
        one, two, three = (recut(part, None)[0] for part in parts)
        return copied(one), copied(two), copied(three)

    def require_agreement(self, actual: Any, expected: Any, what: str, blocks: Sequence[Block] | None = None) -> None:
        """Raise unless two results agree by the case's comparison. ``blocks`` are those both are about."""
        seen = self.comparison.disagreement(actual, expected, self.sample(blocks or self.blocks))
        require(seen is None, f"{what}: {seen}")

    def sample(self, blocks: Sequence[Block]) -> Sample:
        """Size and condition of the numbers the updater reads."""
        names = [name for name in self.make().columns if name in blocks[0].columns]
        return Sample(sum(block.n_rows for block in blocks), condition_of(blocks, names))


@dataclass(frozen=True, slots=True)
class Refusal:
    """``finalize`` refused with an error of rxcore: an answer too, as for data without any rows."""

    error: str
    message: str


def outcome(updater: AnyUpdater, state: Any) -> Any:
    """The result of a copy of the state, or the :class:`Refusal` to give one. The state itself is not touched."""
    try:
        return updater.finalize(clone(state))
    except RxError as error:
        return Refusal(type(error).__name__, str(error))


def clone(state: Any) -> Any:
    """A deep copy, because merging and updating own what they are given."""
    return copy.deepcopy(state)


def fold(updater: AnyUpdater, blocks: Sequence[Block]) -> Any:
    """Fold blocks as every context does: each into a fresh state, merged in the documented tree."""
    tree: PassTree[Any] = PassTree(updater.merge)
    for number, block in enumerate(blocks):
        tree.add(0, number, updater.update(updater.init(), block))
    state = tree.close()
    return updater.init() if state is None else state


def fold_in_sequence(updater: AnyUpdater, blocks: Sequence[Block]) -> Any:
    """Fold blocks one after the other into the same state."""
    state = updater.init()
    for block in blocks:
        state = updater.update(state, block)
    return state


def require_same_bits(actual: Any, expected: Any, what: str) -> None:
    """Raise unless two values are the same to the bit."""
    seen = first_difference(actual, expected)
    require(seen is None, f"{what}: {seen}")
